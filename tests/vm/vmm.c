/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmm/ on a real libvirtd. No test here waits for a guest to boot: those that do are in devices.c.
 */
#include "tests/vm/guest.h"

#include "base/fd.h"
#include "base/files.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PICTURE_MAX = 16 << 20, PATIENCE_S = 20 };

static void
test_versions (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GkVmm) vmm = gk_vmm_new ("qemu:///system");
    g_autofree char *versions = NULL;
    uid_t uid = 0;
    gid_t gid = 0;

    gk_vmm_ping (vmm, &versions, &error);
    g_assert_no_error (error);
    g_assert_true (g_regex_match_simple ("^libvirt \\d+\\.\\d+\\.\\d+, QEMU \\d+\\.\\d+\\.\\d+$",
                                         versions, 0, 0));
    gk_vmm_qemu_owner (vmm, &uid, &gid, &error);
    g_assert_no_error (error);
    g_assert_cmpint (uid, >, 0);
    g_assert_cmpint (gid, >, 0);
}

static void
test_unreachable (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GkVmm) vmm = gk_vmm_new ("qemu+unix:///system?socket=/nonexistent");

    g_assert_false (gk_vmm_ping (vmm, NULL, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_UNREACHABLE);
    g_assert_nonnull (strstr (error->message, "systemctl start libvirtd"));
}

/* What becomes of a spec when one of its files is spoilt. */
static void
test_failed_start (void)
{
    g_autoptr (Guest) guest = guest_new ();
    g_autoptr (GError) error = NULL;

    g_assert_cmpint (chown (guest->overlay, 0, 0), ==, 0);
    g_assert_cmpint (chmod (guest->overlay, 0600), ==, 0);
    g_assert_null (gk_vm_start (guest->vmm, &guest->spec, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    g_assert_nonnull (strstr (error->message, guest->name));
    g_assert_nonnull (strstr (error->message, "searchable for QEMU's user"));
    g_assert_false (guest_is_listed (guest));
    g_clear_error (&error);
    guest->spec.disk = "/nonexistent/disk.qcow2";
    g_assert_null (gk_vm_start (guest->vmm, &guest->spec, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    g_assert_false (guest_is_listed (guest));
}

static void
test_no_guard (void)
{
    g_autoptr (Guest) guest = guest_new ();
    g_autoptr (GError) error = NULL;

    gk_vmm_set_guard (guest->vmm, "/nonexistent/genkan-guard");
    g_assert_null (gk_vm_start (guest->vmm, &guest->spec, &error));
    g_assert_nonnull (strstr (error->message, "genkan-guard"));
    g_assert_false (guest_is_listed (guest));
}

static void
test_destroy_twice (void)
{
    g_autoptr (Guest) guest = guest_new ();
    g_autoptr (GError) error = NULL;

    guest_start (guest);
    g_assert_true (gk_vm_is_alive (guest->vm));
    g_assert_true (guest_is_listed (guest));
    for (int i = 0; i < 2; i++) {
        gk_vm_destroy (guest->vm, &error);
        g_assert_no_error (error);
        g_assert_false (gk_vm_is_alive (guest->vm));
        g_assert_false (guest_is_listed (guest));
    }
    g_assert_false (gk_vm_suspend (guest->vm, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE);
}

static gpointer
destroy_soon (gpointer data)
{
    Guest *guest = data;

    g_usleep (G_USEC_PER_SEC / 2);
    gk_vm_destroy (guest->vm, NULL);
    return NULL;
}

static gpointer
cancel_soon (gpointer cancellable)
{
    g_usleep (G_USEC_PER_SEC / 2);
    g_cancellable_cancel (cancellable);
    return NULL;
}

static void
test_wait_ends (void)
{
    g_autoptr (Guest) guest = guest_new ();
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();
    g_autoptr (GError) error = NULL;
    gint64 begun;
    GThread *thread;

    guest->spec.initrd = NULL;
    guest->spec.cmdline = "root=/dev/nonexistent rootwait"; /* never boots */
    guest_start (guest);
    begun = g_get_monotonic_time ();
    g_assert_false (gk_vm_wait_agent (guest->vm, 300, NULL, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT);
    g_assert_cmpint (g_get_monotonic_time () - begun, <, 2 * G_USEC_PER_SEC);
    g_clear_error (&error);

    thread = g_thread_new ("cancel", cancel_soon, cancellable);
    begun = g_get_monotonic_time ();
    g_assert_false (gk_vm_wait_agent (guest->vm, PATIENCE_S * 1000, cancellable, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_assert_cmpint (g_get_monotonic_time () - begun, <, G_USEC_PER_SEC);
    g_thread_join (thread);
    g_clear_error (&error);

    thread = g_thread_new ("destroy", destroy_soon, guest);
    g_assert_false (gk_vm_wait_agent (guest->vm, PATIENCE_S * 1000, NULL, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE);
    g_thread_join (thread);
}

static int
open_picture (Guest *guest)
{
    g_autofree char *path = g_build_filename (guest->folder, "screen.png", NULL);
    int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint (fd, >=, 0);
    return fd;
}

static void
test_screenshot (void)
{
    g_autoptr (Guest) guest = guest_new ();
    gk_autofd int fd = open_picture (guest);
    g_autoptr (GError) error = NULL;
    g_autoptr (GBytes) picture = NULL;
    const char *png;
    gsize size = 0;

    guest->spec.display = TRUE;
    guest_start (guest);
    g_assert_false (gk_vm_screenshot (guest->vm, fd, 100, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    g_assert_cmpint (lseek (fd, 0, SEEK_END), ==, 0);
    g_clear_error (&error);
    gk_vm_screenshot (guest->vm, fd, PICTURE_MAX, &error);
    g_assert_no_error (error);
    picture = gk_fd_read_all (fd, PICTURE_MAX, &error);
    g_assert_no_error (error);
    png = g_bytes_get_data (picture, &size);
    g_assert_cmpuint (size, >, 100);
    g_assert_cmpmem (png, 8, "\x89PNG\r\n\x1a\n", 8);
    g_assert_nonnull (memmem (png + size - 12, 12, "IEND", 4));
}

static void
test_no_screen (void)
{
    g_autoptr (Guest) guest = guest_new ();
    gk_autofd int fd = open_picture (guest);
    g_autoptr (GError) error = NULL;

    guest_start (guest);
    g_assert_false (gk_vm_screenshot (guest->vm, fd, PICTURE_MAX, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    g_assert_cmpint (lseek (fd, 0, SEEK_END), ==, 0);
}

/* The other side of test_dies_with_daemon(): starts a VM and holds it until it is killed. */
static int
hold (const char *instance)
{
    Guest *guest;

    run_event_loop ();
    guest = guest_new ();
    guest->spec.instance = instance;
    guest_start (guest);
    g_print ("%s\n", guest->folder);
    pause ();
    return 0;
}

static void
wait_until_unlisted (GkVmm *vmm, const char *instance)
{
    gint64 deadline = g_get_monotonic_time () + PATIENCE_S * G_USEC_PER_SEC;

    for (;;) {
        g_autoptr (GError) error = NULL;
        g_autoptr (GPtrArray) leftovers = gk_vmm_list (vmm, instance, &error);

        g_assert_no_error (error);
        if (leftovers->len == 0)
            return;
        g_assert_cmpint (g_get_monotonic_time (), <, deadline);
        g_usleep (50000);
    }
}

static void
test_dies_with_daemon (void)
{
    g_autofree char *instance = g_uuid_string_random (), *folder = NULL;
    const char *const argv[] = { "/proc/self/exe", "--hold", instance, NULL };
    g_autoptr (GError) error = NULL;
    g_autoptr (GkVmm) vmm = gk_vmm_new ("qemu:///system");
    g_autoptr (GPtrArray) leftovers = NULL;
    g_autoptr (GIOChannel) said = NULL;
    GPid pid = 0;
    int out = -1;

    g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                              &pid, NULL, &out, NULL, &error);
    g_assert_no_error (error);
    said = g_io_channel_unix_new (out);
    g_io_channel_set_close_on_unref (said, TRUE);
    g_assert_cmpint (g_io_channel_read_line (said, &folder, NULL, NULL, NULL), ==,
                     G_IO_STATUS_NORMAL);
    leftovers = gk_vmm_list (vmm, instance, &error);
    g_assert_cmpuint (leftovers->len, ==, 1);
    g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
    g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
    wait_until_unlisted (vmm, instance);
    gk_tree_remove_path (g_strstrip (folder), &error);
    g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
    if (argc == 3 && strcmp (argv[1], "--hold") == 0)
        return hold (argv[2]);
    g_test_init (&argc, &argv, NULL);
    run_event_loop ();
    g_test_add_func ("/vmm/tells-versions-and-owner", test_versions);
    g_test_add_func ("/vmm/unreachable-says-what-to-do", test_unreachable);
    g_test_add_func ("/vm/start-that-fails-leaves-nothing", test_failed_start);
    g_test_add_func ("/vm/needs-a-guard", test_no_guard);
    g_test_add_func ("/vm/destroy-may-be-repeated", test_destroy_twice);
    g_test_add_func ("/vm/wait-ends-by-time-cancel-or-death", test_wait_ends);
    g_test_add_func ("/vm/screenshot-is-a-whole-png", test_screenshot);
    g_test_add_func ("/vm/screenshot-needs-a-screen", test_no_screen);
    g_test_add_func ("/vm/dies-with-its-daemon", test_dies_with_daemon);
    return g_test_run ();
}
