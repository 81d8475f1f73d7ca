/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/process.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 20000, FIRST_SPARE_FD = 10, STATUS_MAX = 1000 };

/* Everything the child needs, made before it is: between clone and exec it may only make system
 * calls. Descriptors are above those that they are put on. */
typedef struct {
    char *path;
    char *argv[5];
    int null, log, control, uplink;
    int netns; /* to enter, or -1 for a new one */
} Child;

static void
child_clear (Child *child)
{
    g_free (child->path);
    for (guint i = 0; i < G_N_ELEMENTS (child->argv); i++)
        g_free (child->argv[i]);
    gk_fd_close (child->null);
    gk_fd_close (child->log);
    gk_fd_close (child->control);
    gk_fd_close (child->uplink);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Child, child_clear)

/* Takes @fd over; returns a copy with a number that no standard descriptor has. */
static int
spare (int fd)
{
    int copy = fd < 0 ? -1 : fcntl (fd, F_DUPFD_CLOEXEC, FIRST_SPARE_FD);

    gk_fd_close (fd);
    return copy;
}

static int
open_log (const char *run_dir)
{
    g_autofree char *path = g_build_filename (run_dir, "netd.log", NULL);

    return open (path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static gboolean
open_uplink (Child *child, const GkBridgeConfig *config, GError **error)
{
    gboolean host = strcmp (config->uplink, "host") == 0;

    if (strcmp (config->uplink, "none") == 0)
        return TRUE;
    child->uplink =
        spare (open (host ? "/proc/self/ns/net" : config->uplink, O_RDONLY | O_CLOEXEC));
    if (child->uplink < 0)
        return gk_set_errno (error, errno, "cannot open the uplink's namespace %s", config->uplink);
    child->argv[3] = g_strdup (config->uplink_name);
    return TRUE;
}

static gboolean
child_prepare (Child *child, const GkBridgeConfig *config, int *ret_control, GError **error)
{
    int pair[2];

    child->path = gk_program_path ("genkan-netd");
    child->argv[0] = g_strdup ("genkan-netd");
    child->argv[1] = g_strdup (config->subnet);
    child->argv[2] = g_strdup_printf ("%u", config->packets_per_s);
    if (!open_uplink (child, config, error))
        return FALSE;
    child->null = spare (open ("/dev/null", O_RDWR | O_CLOEXEC));
    child->log = spare (open_log (config->run_dir));
    if (child->null < 0 || child->log < 0)
        return gk_set_errno (error, errno, "cannot open netd.log in %s", config->run_dir);
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return gk_set_errno (error, errno, "cannot make a socket for genkan-netd");
    *ret_control = pair[0];
    child->control = spare (pair[1]);
    return child->control >= 0 || gk_set_errno (error, errno, "cannot copy a descriptor");
}

/* The child, after clone: only system calls. */
static G_NORETURN void
become_netd (const Child *child)
{
    sigset_t none;

    sigemptyset (&none);
    sigprocmask (SIG_SETMASK, &none, NULL);
    setsid (); /* a terminal's Ctrl-C is genkand's to handle */
    if ((child->netns < 0 ? unshare (CLONE_NEWNET) : setns (child->netns, CLONE_NEWNET)) == 0 &&
        dup2 (child->null, 0) == 0 && dup2 (child->log, 1) == 1 && dup2 (child->log, 2) == 2 &&
        dup2 (child->control, 3) == 3 && (child->uplink < 0 || dup2 (child->uplink, 4) == 4) &&
        close_range (child->uplink < 0 ? 4 : 5, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        execv (child->path, child->argv);
    _exit (127);
}

/* Not fork(2): netd is the first process of a PID namespace, so that all that it starts ends with
 * it, and is known by a descriptor from the start. */
static gboolean
spawn (GkNetdProcess *process, const Child *child, GError **error)
{
    int pidfd = -1;
    long pid = syscall (SYS_clone, CLONE_NEWPID | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);

    if (pid == 0)
        become_netd (child);
    if (pid < 0)
        return gk_set_errno (error, errno, "cannot start genkan-netd");
    process->pid = (GPid) pid;
    process->pidfd = spare (pidfd);
    return TRUE;
}

/* Reads the line by which netd says how its start went, byte by byte: what follows it is D-Bus. */
static char *
read_status (int control)
{
    g_autoptr (GString) line = g_string_new (NULL);
    gint64 deadline = g_get_monotonic_time () + READY_MS * 1000;

    while (line->len < STATUS_MAX) {
        struct pollfd fd = { control, POLLIN, 0 };
        gint64 left = (deadline - g_get_monotonic_time ()) / 1000;
        int found = left > 0 ? poll (&fd, 1, (int) left) : 0;
        char byte;

        if (found < 0 && errno == EINTR)
            continue;
        if (found <= 0)
            return g_strdup ("it took too long to start");
        if (read (control, &byte, 1) != 1)
            return g_strdup ("it ended while it was started");
        if (byte == '\n')
            break;
        g_string_append_c (line, byte);
    }
    return gk_escape (line->str, (gssize) line->len);
}

/* Waits until netd is ready, and holds its network namespace. */
static gboolean
await_ready (GkNetdProcess *process, GError **error)
{
    g_autofree char *status = read_status (process->control);
    g_autofree char *path = g_strdup_printf ("/proc/%d/ns/net", process->pid);

    if (strcmp (status, "ready") != 0) {
        g_set_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_FAILED,
                     "cannot start genkan-netd: %s (see netd.log)", status);
        return FALSE;
    }
    if (process->netns >= 0)
        return TRUE;
    process->netns = open (path, O_RDONLY | O_CLOEXEC);
    return process->netns >= 0 || gk_set_errno (error, errno, "cannot hold the bridge's namespace");
}

gboolean
gk_netd_process_start (GkNetdProcess *process, const GkBridgeConfig *config, GError **error)
{
    g_auto (Child) child = { .null = -1, .log = -1, .control = -1, .uplink = -1 };

    child.netns = process->netns;
    if (!child_prepare (&child, config, &process->control, error) ||
        !spawn (process, &child, error)) {
        gk_fd_close (gk_steal_fd (&process->control));
        return FALSE;
    }
    gk_fd_close (gk_steal_fd (&child.control)); /* or its end would not be seen */
    if (await_ready (process, error))
        return TRUE;
    g_free (gk_netd_process_end (process, 0));
    return FALSE;
}

char *
gk_netd_process_end (GkNetdProcess *process, guint timeout_ms)
{
    struct pollfd ended = { process->pidfd, POLLIN, 0 };
    siginfo_t info = { 0 };
    int found;

    if (process->pid == 0)
        return g_strdup ("it was not running");
    gk_fd_close (gk_steal_fd (&process->control));
    do
        found = poll (&ended, 1, (int) timeout_ms);
    while (found < 0 && errno == EINTR);
    if (found != 1)
        pidfd_send_signal (process->pidfd, SIGKILL, NULL, 0);
    while (waitid (P_PIDFD, (id_t) process->pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
    gk_fd_close (gk_steal_fd (&process->pidfd));
    process->pid = 0;
    return g_strdup_printf ("genkan-netd %s %d",
                            info.si_code == CLD_EXITED ? "exited with" : "was killed by signal",
                            info.si_status);
}
