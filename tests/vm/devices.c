/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done with a guest that has booted: one boot, then the tests in turn. */
#include "tests/vm/guest.h"

#include "vmm/agent.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BOOT_MS = 300000, FILES = 3 };

#define MAC "52:54:00:67:6b:01"
/* The guest's name for its NIC, whatever udev called it. */
#define NIC "$(basename $(dirname $(grep -l " MAC " /sys/class/net/*/address)))"

/* The files of an image that must be as they were, whatever is done on top of them. */
typedef struct {
    struct stat files[FILES];
} Identity;

typedef struct {
    Guest *guest;
    const char *tap;
    Identity golden; /* before the start */
} Booted;

static Identity
identify (Guest *guest)
{
    const char *const paths[FILES] = { guest->disk, guest->kernel, guest->initrd };
    Identity identity;

    for (int i = 0; i < FILES; i++)
        g_assert_cmpint (stat (paths[i], &identity.files[i]), ==, 0);
    return identity;
}

/* When the agent was there, by asking again and again. */
static gpointer
poll_agent (gpointer data)
{
    const char *const argv[] = { "/bin/true", NULL };
    Guest *guest = data;
    gint64 *when = g_new0 (gint64, 1);
    gint64 pid;

    while (!gk_agent_exec (guest->vm, argv, FALSE, &pid, NULL) && gk_vm_is_alive (guest->vm))
        g_usleep (50000);
    *when = g_get_monotonic_time ();
    return when;
}

static void
test_boots (gconstpointer data)
{
    const Booted *booted = data;
    gint64 begun = g_get_monotonic_time (), waited;
    g_autofree gint64 *polled = NULL;
    g_autoptr (GError) error = NULL;
    GThread *poller;

    guest_start (booted->guest);
    poller = g_thread_new ("poller", poll_agent, booted->guest);
    gk_vm_wait_agent (booted->guest->vm, BOOT_MS, NULL, &error);
    waited = g_get_monotonic_time ();
    polled = g_thread_join (poller);
    g_assert_no_error (error);
    g_test_message ("the agent answered after %.1f s; waiting took %d ms more than polling",
                    (double) (waited - begun) / G_USEC_PER_SEC, (int) (waited - *polled) / 1000);
    g_assert_cmpint (waited - *polled, <, G_USEC_PER_SEC / 2);
}

static const struct {
    const char *script;
    int code;
    const char *out, *err;
} programs[] = {
    {"echo out; echo err >&2; exit 3", 3,   "out\n", "err\n"},
    { "kill -9 $$",                    137, "",      ""     },
    { "printf 'a\\0b\\377'",           0,   NULL,    ""     },
};

static void
expect_text (GBytes *bytes, const char *wanted)
{
    gsize size = 0;
    const char *text = bytes ? g_bytes_get_data (bytes, &size) : "";

    g_assert_cmpmem (text, size, wanted, strlen (wanted));
}

static void
test_programs (gconstpointer data)
{
    const Booted *booted = data;

    for (gsize i = 0; i < G_N_ELEMENTS (programs); i++) {
        const char *const argv[] = { "/bin/sh", "-c", programs[i].script, NULL };
        g_auto (GkAgentExit) exit = { 0 };
        g_autoptr (GError) error = NULL;

        gk_agent_run (booted->guest->vm, argv, 60000, NULL, &exit, &error);
        g_assert_no_error (error);
        g_assert_true (exit.exited);
        g_assert_cmpint (exit.code, ==, programs[i].code);
        if (programs[i].out)
            expect_text (exit.out, programs[i].out);
        else
            g_assert_cmpmem (g_bytes_get_data (exit.out, NULL), g_bytes_get_size (exit.out),
                             "a\0b\377", 4);
        expect_text (exit.err, programs[i].err);
    }
}

static void
expect_run_error (Guest *guest, const char *const *argv, guint timeout_ms,
                  GCancellable *cancellable, GQuark domain, int code)
{
    g_auto (GkAgentExit) exit = { 0 };
    g_autoptr (GError) error = NULL;

    g_assert_false (gk_agent_run (guest->vm, argv, timeout_ms, cancellable, &exit, &error));
    g_test_message ("%s", error->message);
    g_assert_error (error, domain, code);
}

static void
test_programs_that_do_not_run (gconstpointer data)
{
    const Booted *booted = data;
    const char *const missing[] = { "/nonexistent/program", NULL };
    const char *const endless[] = { "/bin/sleep", "1000", NULL };
    const char *const flood[] = { "/bin/sh", "-c", "head -c 4000000 /dev/zero", NULL };
    const char *const odd[] = { "/bin/echo", "\xff", NULL };
    g_autoptr (GCancellable) cancelled = g_cancellable_new ();
    g_autofree char *still = NULL;

    expect_run_error (booted->guest, missing, 10000, NULL, GK_VMM_ERROR, GK_VMM_ERROR_AGENT);
    expect_run_error (booted->guest, endless, 500, NULL, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT);
    expect_run_error (booted->guest, odd, 10000, NULL, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    g_cancellable_cancel (cancelled);
    expect_run_error (booted->guest, endless, 60000, cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    expect_run_error (booted->guest, flood, 60000, NULL, GK_VMM_ERROR, GK_VMM_ERROR_AGENT);
    still = guest_shell (booted->guest, "echo still here");
    g_assert_cmpstr (still, ==, "still here\n");
}

static void
expect_read (GkAgentFile *file, const char *wanted)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GBytes) bytes = gk_agent_file_read (file, &error);

    g_assert_no_error (error);
    expect_text (bytes, wanted);
}

static void
test_growing_file (gconstpointer data)
{
    const Booted *booted = data;
    g_autofree char *begun = guest_shell (booted->guest, "echo one > /root/log"), *grown = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (GkAgentFile) file = gk_agent_file_open (booted->guest->vm, "/root/log", &error);

    g_assert_no_error (error);
    expect_read (file, "one\n");
    expect_read (file, "");
    grown = guest_shell (booted->guest, "echo two >> /root/log");
    expect_read (file, "two\n");
    g_assert_null (gk_agent_file_open (booted->guest->vm, "/nonexistent", &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_AGENT);
}

/* The agent is stopped for a while by a program that it runs itself. */
static void
test_silent_agent (gconstpointer data)
{
    const Booted *booted = data;
    const char *const stop[] = { "/bin/sh", "-c",
                                 "sleep 1; kill -STOP $PPID; sleep 15; kill -CONT $PPID", NULL };
    const char *const any[] = { "/bin/true", NULL };
    g_autoptr (GError) error = NULL;
    gint64 begun = g_get_monotonic_time ();
    gint64 pid;

    gk_agent_exec (booted->guest->vm, stop, FALSE, &pid, &error);
    g_assert_no_error (error);
    g_usleep (4 * G_USEC_PER_SEC);
    g_assert_false (gk_agent_exec (booted->guest->vm, any, FALSE, &pid, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT);
    g_assert_cmpint (g_get_monotonic_time () - begun, <, 15 * G_USEC_PER_SEC);
    g_clear_error (&error);
    gk_vm_wait_agent (booted->guest->vm, 60000, NULL, &error);
    g_assert_no_error (error);
}

/* The guest hears of it a moment later than QEMU. */
static void
expect_carrier (Guest *guest, const char *wanted)
{
    g_autofree char *script = g_strdup_printf (
        "for i in $(seq 50); do [ \"$(cat /sys/class/net/" NIC "/carrier)\" = %s ] && exit 0; "
        "sleep 0.2; done; exit 1",
        wanted);
    g_autofree char *said = guest_shell (guest, script);

    g_assert_cmpstr (said, ==, "");
}

static void
test_nic (gconstpointer data)
{
    const Booted *booted = data;
    GkNicSpec nic = { .tap = booted->tap, .mac = MAC };
    g_autofree char *up = NULL;
    g_autoptr (GError) error = NULL;

    gk_vm_attach_nic (booted->guest->vm, &nic, &error);
    g_assert_no_error (error);
    up = guest_shell (booted->guest,
                      "for i in $(seq 50); do [ -n \"" NIC "\" ] && break; sleep 0.2; done; "
                      "ip link set " NIC " up");
    expect_carrier (booted->guest, "0");
    nic.link_up = TRUE;
    gk_vm_set_link (booted->guest->vm, &nic, &error);
    g_assert_no_error (error);
    expect_carrier (booted->guest, "1");
    nic.link_up = FALSE;
    gk_vm_set_link (booted->guest->vm, &nic, &error);
    g_assert_no_error (error);
    expect_carrier (booted->guest, "0");
    nic.tap = "gk-not-there-01";
    nic.mac = "52:54:00:67:6b:02";
    g_assert_false (gk_vm_set_link (booted->guest->vm, &nic, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
}

static char *
make_folder (Guest *guest, const char *name)
{
    char *path = g_build_filename (guest->folder, name, NULL);

    g_assert_cmpint (mkdir (path, 0755), ==, 0);
    return path;
}

static void
test_exports (gconstpointer data)
{
    const Booted *booted = data;
    g_autofree char *in = make_folder (booted->guest, "in");
    g_autofree char *out = make_folder (booted->guest, "out");
    g_autofree char *letter = g_build_filename (in, "letter", NULL);
    g_autofree char *answer = g_build_filename (out, "answer", NULL);
    const GkExportSpec exports[] = {
        {in,   "inbound" },
        { out, "outbound"},
    };
    g_autofree char *said = NULL, *content = NULL;
    g_autoptr (GError) error = NULL;

    g_assert_true (g_file_set_contents (letter, "from the host\n", -1, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS (exports); i++) {
        gk_vm_attach_export (booted->guest->vm, &exports[i], &error);
        g_assert_no_error (error);
    }
    said = guest_shell (booted->guest,
                        "mkdir -p /in /out\n"
                        "for i in $(seq 50); do mount -t virtiofs inbound /in && break; "
                        "sleep 0.2; done\n"
                        "for i in $(seq 50); do mount -t virtiofs outbound /out && break; "
                        "sleep 0.2; done\n"
                        "cat /in/letter; echo from the guest > /out/answer");
    g_assert_cmpstr (said, ==, "from the host\n");
    g_assert_true (g_file_get_contents (answer, &content, NULL, NULL));
    g_assert_cmpstr (content, ==, "from the guest\n");
}

/* Whether a live process of @program names @text on its command line. */
static gboolean
is_running (const char *program, const char *text)
{
    g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
    const char *pid;

    while ((pid = g_dir_read_name (proc))) {
        g_autofree char *path = g_build_filename ("/proc", pid, "cmdline", NULL);
        g_autofree char *line = NULL;
        gsize size = 0;

        if (g_ascii_isdigit (*pid) && g_file_get_contents (path, &line, &size, NULL) &&
            g_str_has_suffix (line, program) && memmem (line, size, text, strlen (text)))
            return TRUE;
    }
    return FALSE;
}

static void
test_ends (gconstpointer data)
{
    const Booted *booted = data;
    Guest *guest = booted->guest;
    g_autoptr (GError) error = NULL;
    gint64 begun = g_get_monotonic_time ();

    g_assert_true (is_running ("virtiofsd", guest->folder));
    g_assert_true (is_running ("qemu-system-x86_64", guest->name));
    gk_vm_destroy (guest->vm, &error);
    g_assert_no_error (error);
    g_test_message ("%.1f s to destroy it",
                    (double) (g_get_monotonic_time () - begun) / G_USEC_PER_SEC);
    g_assert_false (guest_is_listed (guest));
    g_assert_false (is_running ("virtiofsd", guest->folder));
    g_assert_false (is_running ("qemu-system-x86_64", guest->name));
    g_assert_false (gk_vm_wait_agent (guest->vm, 1000, NULL, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE);
}

static void
test_golden (gconstpointer data)
{
    const Booted *booted = data;
    Identity now = identify (booted->guest);

    for (int i = 0; i < FILES; i++) {
        const struct stat *was = &booted->golden.files[i], *is = &now.files[i];

        g_assert_cmpuint (is->st_ino, ==, was->st_ino);
        g_assert_cmpuint (is->st_uid, ==, was->st_uid);
        g_assert_cmpuint (is->st_mode, ==, was->st_mode);
        g_assert_cmpint (is->st_size, ==, was->st_size);
        g_assert_cmpmem (&is->st_mtim, sizeof is->st_mtim, &was->st_mtim, sizeof was->st_mtim);
        g_assert_cmpmem (&is->st_ctim, sizeof is->st_ctim, &was->st_ctim, sizeof was->st_ctim);
    }
}

int
main (int argc, char **argv)
{
    g_autoptr (Guest) guest = NULL;
    Booted booted;

    g_test_init (&argc, &argv, NULL);
    run_event_loop ();
    guest = guest_new ();
    guest->spec.display = TRUE;
    guest->spec.serial_log = guest->serial_log;
    booted = (Booted) { guest, g_getenv ("GENKAN_TEST_TAP"), identify (guest) };
    g_test_add_data_func ("/guest/boots-to-its-agent", &booted, test_boots);
    g_test_add_data_func ("/guest/runs-programs", &booted, test_programs);
    g_test_add_data_func ("/guest/says-why-programs-do-not-run", &booted,
                          test_programs_that_do_not_run);
    g_test_add_data_func ("/guest/reads-a-growing-file", &booted, test_growing_file);
    g_test_add_data_func ("/guest/silent-agent-times-out", &booted, test_silent_agent);
    g_test_add_data_func ("/guest/nic-follows-its-link", &booted, test_nic);
    g_test_add_data_func ("/guest/exports-carry-files-both-ways", &booted, test_exports);
    g_test_add_data_func ("/guest/leaves-nothing-when-destroyed", &booted, test_ends);
    g_test_add_data_func ("/guest/leaves-golden-files-untouched", &booted, test_golden);
    return g_test_run ();
}
