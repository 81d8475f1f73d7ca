/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkan-guard, with sleeping processes in the place of VMs. */
#include "vmm/guard.h"

#include "base/fd.h"
#include "base/files.h"
#include "vmm/process.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, LOOK_MS = 10 };

static char *
program (void)
{
    const char *build = g_getenv ("GENKAN_BUILD");

    if (!build)
        g_error ("GENKAN_BUILD is not set: run this test by meson");
    return g_build_filename (build, "vmm", "genkan-guard", NULL);
}

/* Returns: a process that sleeps, as a pidfd; it is reaped by nobody, which a pidfd does not mind
 */
static int
sleeper_new (pid_t *ret_pid)
{
    const char *const argv[] = { "sleep", "1000", NULL };
    g_autoptr (GError) error = NULL;
    GPid pid = 0;
    int pidfd;

    g_spawn_async (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                   NULL, NULL, &pid, &error);
    g_assert_no_error (error);
    pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
    g_assert_cmpint (pidfd, >=, 0);
    if (ret_pid)
        *ret_pid = pid;
    return pidfd;
}

static void
expect_death (int pidfd)
{
    for (guint waited = 0; !gk_process_is_dead (pidfd); waited += LOOK_MS) {
        g_assert_cmpuint (waited, <, PATIENCE_MS);
        g_usleep (LOOK_MS * 1000);
    }
}

/* Returns: the process that @parent has as its guard, but for @not_this; 0: there is none */
static pid_t
find_guard (pid_t parent, pid_t not_this)
{
    g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int) parent);
    g_autoptr (GDir) tasks = g_dir_open (path, 0, NULL);
    const char *task;

    while (tasks && (task = g_dir_read_name (tasks))) {
        g_autofree char *list = g_build_filename (path, task, "children", NULL), *text = NULL;
        g_auto (GStrv) children = NULL;

        if (!g_file_get_contents (list, &text, NULL, NULL))
            continue;
        children = g_strsplit (g_strchomp (text), " ", -1);
        for (guint i = 0; children[i]; i++) {
            g_autofree char *comm = g_build_filename ("/proc", children[i], "comm", NULL);
            g_autofree char *name = NULL;
            pid_t pid = (pid_t) g_ascii_strtoll (children[i], NULL, 10);

            if (pid != not_this && g_file_get_contents (comm, &name, NULL, NULL) &&
                g_str_has_prefix (name, "genkan-guard"))
                return pid;
        }
    }
    return 0;
}

static pid_t
wait_for_guard (pid_t parent, pid_t not_this)
{
    pid_t pid;

    for (guint waited = 0; !(pid = find_guard (parent, not_this)); waited += LOOK_MS) {
        g_assert_cmpuint (waited, <, PATIENCE_MS);
        g_usleep (LOOK_MS * 1000);
    }
    return pid;
}

static guint
count_descriptors (pid_t pid)
{
    g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int) pid);
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    guint count = 0;

    while (dir && g_dir_read_name (dir))
        count++;
    return count;
}

static void
add (GkGuard *guard, int pidfd)
{
    g_autoptr (GError) error = NULL;

    gk_guard_add (guard, pidfd, &error);
    g_assert_no_error (error);
}

static GkGuard *
guard_new (void)
{
    g_autofree char *path = program ();

    return gk_guard_new (path);
}

static void
test_let_go (void)
{
    gk_autofd int one = sleeper_new (NULL), two = sleeper_new (NULL), other = sleeper_new (NULL);
    g_autoptr (GkGuard) guard = guard_new ();

    g_assert_cmpint (find_guard (getpid (), 0), ==, 0);
    add (guard, one);
    add (guard, two);
    g_assert_false (gk_process_is_dead (one));
    g_clear_pointer (&guard, gk_guard_free);
    expect_death (one);
    expect_death (two);
    g_assert_false (gk_process_is_dead (other));
    g_assert_true (gk_process_kill (other, PATIENCE_MS, NULL));
}

/* The other side of test_killed_parent(): guards a process, says which, and waits to be killed. */
static int
hold (void)
{
    GkGuard *guard = guard_new ();
    pid_t pid = 0;

    add (guard, sleeper_new (&pid));
    g_print ("%d\n", (int) pid);
    pause ();
    return 0;
}

static void
test_killed_parent (void)
{
    const char *const argv[] = { "/proc/self/exe", "--hold", NULL };
    g_autoptr (GIOChannel) said = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *line = NULL;
    gk_autofd int sleeper = -1;
    GPid pid = 0;
    int out = -1;

    g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                              &pid, NULL, &out, NULL, &error);
    g_assert_no_error (error);
    said = g_io_channel_unix_new (out);
    g_io_channel_set_close_on_unref (said, TRUE);
    g_assert_cmpint (g_io_channel_read_line (said, &line, NULL, NULL, NULL), ==,
                     G_IO_STATUS_NORMAL);
    sleeper = (int) syscall (SYS_pidfd_open, (pid_t) g_ascii_strtoll (line, NULL, 10), 0);
    g_assert_cmpint (sleeper, >=, 0);
    g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
    g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
    expect_death (sleeper);
}

static void
test_started_again (void)
{
    gk_autofd int one = sleeper_new (NULL), two = sleeper_new (NULL);
    g_autoptr (GkGuard) guard = guard_new ();
    pid_t first, second;

    add (guard, one);
    first = wait_for_guard (getpid (), 0);
    g_assert_cmpint (kill (first, SIGKILL), ==, 0);
    second = wait_for_guard (getpid (), first);
    g_assert_cmpint (kill (second, SIGKILL), ==, 0);
    add (guard, two);
    g_assert_false (gk_process_is_dead (one));
    g_clear_pointer (&guard, gk_guard_free);
    expect_death (one);
    expect_death (two);
}

static void
test_deaf (void)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
    gk_autofd int one = sleeper_new (NULL), two = sleeper_new (NULL);
    g_autoptr (GkGuard) guard = guard_new ();
    pid_t pid;

    add (guard, one);
    pid = wait_for_guard (getpid (), 0);
    g_assert_cmpint (getsid (pid), ==, pid);
    for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
        g_assert_cmpint (kill (pid, signals[i]), ==, 0);
    add (guard, two);
    g_assert_cmpint (find_guard (getpid (), 0), ==, pid);
    g_assert_false (gk_process_is_dead (one));
}

static void
test_dead_are_dropped (void)
{
    gk_autofd int lasting = sleeper_new (NULL);
    g_autoptr (GkGuard) guard = guard_new ();
    guint ours, waited = 0;
    pid_t pid;

    add (guard, lasting);
    pid = wait_for_guard (getpid (), 0);
    ours = count_descriptors (getpid ());
    g_assert_cmpuint (count_descriptors (pid), ==, 5); /* the first three, socket, pidfd */
    for (int i = 0; i < 20; i++) {
        gk_autofd int brief = sleeper_new (NULL);

        add (guard, brief);
        g_assert_true (gk_process_kill (brief, PATIENCE_MS, NULL));
    }
    while (count_descriptors (pid) > 5 || count_descriptors (getpid ()) > ours) {
        g_assert_cmpuint (waited += LOOK_MS, <, PATIENCE_MS);
        g_usleep (LOOK_MS * 1000);
    }
}

static void
test_missing (void)
{
    gk_autofd int sleeper = sleeper_new (NULL);
    g_autoptr (GkGuard) missing = gk_guard_new ("/nonexistent/genkan-guard");
    g_autoptr (GkGuard) other = gk_guard_new ("/bin/true");
    g_autoptr (GError) error = NULL;

    g_assert_false (gk_guard_add (missing, sleeper, &error));
    g_assert_nonnull (error);
    g_clear_error (&error);
    g_assert_false (gk_guard_add (other, sleeper, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    g_assert_false (gk_process_is_dead (sleeper));
    g_assert_true (gk_process_kill (sleeper, PATIENCE_MS, NULL));
}

/* What the pid file of the domain "vm" may hold; %d is the sleeper. Its command line is "sleep
 * 1000", so that is a UUID here. */
static const struct {
    const char *content, *uuid;
    gboolean found;
} pid_files[] = {
    {"%d",    "1000", TRUE },
    { "%d\n", "1000", TRUE },
    { "%d",   "100",  FALSE},
    { "%d",   "p",    FALSE},
    { "0",    "1000", FALSE},
    { "-%d",  "1000", FALSE},
    { "",     "1000", FALSE},
    { NULL,   "1000", FALSE},
};

static void
put_pid_file (const char *folder, const char *content, pid_t pid)
{
    g_autofree char *path = g_build_filename (folder, "vm.pid", NULL);
    g_auto (GStrv) parts = content ? g_strsplit (content, "%d", 2) : NULL;
    g_autofree char *number = g_strdup_printf ("%d", (int) pid);
    g_autofree char *text = parts ? g_strjoinv (number, parts) : NULL;

    unlink (path);
    if (text)
        g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
test_found (void)
{
    g_autofree char *folder =
        g_build_filename (g_get_user_runtime_dir (), "libvirt", "qemu", "run", NULL);
    pid_t pid = 0;
    gk_autofd int sleeper = sleeper_new (&pid);

    g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS (pid_files); i++) {
        g_autoptr (GError) error = NULL;
        gk_autofd int found = -1;

        put_pid_file (folder, pid_files[i].content, pid);
        found = gk_process_open ("qemu:///session", "vm", pid_files[i].uuid, &error);
        g_test_message ("'%s', %s", pid_files[i].content, pid_files[i].uuid);
        g_assert_true (pid_files[i].found == (found >= 0));
        if (!pid_files[i].found)
            g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE);
    }
    put_pid_file (folder, "%d", pid);
    g_assert_true (gk_process_kill (sleeper, PATIENCE_MS, NULL));
    g_assert_cmpint (gk_process_open ("qemu:///session", "vm", "1000", NULL), ==, -1);
}

int
main (int argc, char **argv)
{
    g_autofree char *runtime = NULL;
    int failed;

    if (argc == 2 && strcmp (argv[1], "--hold") == 0)
        return hold ();
    /* libvirt's place for pid files, in a session. */
    runtime = g_dir_make_tmp ("genkan-guard-XXXXXX", NULL);
    g_setenv ("XDG_RUNTIME_DIR", runtime, TRUE);
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/guard/kills-when-let-go", test_let_go);
    g_test_add_func ("/guard/kills-when-its-parent-is-killed", test_killed_parent);
    g_test_add_func ("/guard/is-started-again", test_started_again);
    g_test_add_func ("/guard/hears-no-signal", test_deaf);
    g_test_add_func ("/guard/drops-the-dead", test_dead_are_dropped);
    g_test_add_func ("/guard/needs-its-program", test_missing);
    g_test_add_func ("/process/is-known-by-pid-file-and-uuid", test_found);
    failed = g_test_run ();
    gk_tree_remove_path (runtime, NULL);
    return failed;
}
