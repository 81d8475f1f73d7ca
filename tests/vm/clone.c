/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Warm clones: one boot, saved and stripped; then clones of it. */
#include "tests/vm/guest.h"

#include "base/fd.h"
#include "base/files.h"
#include "vmm/agent.h"
#include "vmm/process.h"
#include "vmm/save-image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BOOT_MS = 300000, PING_MS = 60000, KILL_MS = 500, PATIENCE_S = 20, MIB = 1 << 20 };

typedef struct {
    Guest *origin; /* gone once it is saved; its overlay is the warm layer */
    char *saved, *memory; /* as libvirt wrote it, and stripped */
} Warm;

static double
seconds_since (gint64 begun)
{
    return (double) (g_get_monotonic_time () - begun) / G_USEC_PER_SEC;
}

static void
test_save (gconstpointer data)
{
    const Warm *warm = data;
    g_autoptr (GError) error = NULL;
    gint64 begun;
    struct stat st;

    guest_start (warm->origin);
    gk_vm_wait_agent (warm->origin->vm, BOOT_MS, NULL, &error);
    g_assert_no_error (error);
    g_free (guest_shell (warm->origin, "echo here > /root/mark; sync"));
    begun = g_get_monotonic_time ();
    gk_vm_save (warm->origin->vm, warm->saved, &error);
    g_assert_no_error (error);
    g_assert_cmpint (stat (warm->saved, &st), ==, 0);
    g_assert_cmpint (st.st_mode & 07777, ==, 0600);
    g_test_message ("saved %" G_GINT64_FORMAT " MB in %.2f s", (gint64) st.st_size >> 20,
                    seconds_since (begun));
    g_assert_false (gk_vm_is_alive (warm->origin->vm));
    g_assert_false (guest_is_listed (warm->origin));
}

static void
test_strip (gconstpointer data)
{
    const Warm *warm = data;
    g_autoptr (GError) error = NULL;
    gint64 begun = g_get_monotonic_time ();
    struct stat saved, memory;
    guint64 bytes = 0;

    gk_save_image_strip (warm->saved, warm->memory, &bytes, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpint (stat (warm->saved, &saved), ==, 0);
    g_assert_cmpint (stat (warm->memory, &memory), ==, 0);
    g_test_message ("stripped to %" G_GINT64_FORMAT " MB in %.2f s", (gint64) memory.st_size >> 20,
                    seconds_since (begun));
    g_assert_cmpuint (bytes, ==, (guint64) memory.st_size);
    g_assert_cmpint (memory.st_size, <, saved.st_size);
    g_assert_cmpint (memory.st_mode & 07777, ==, 0600);
}

/* Returns: a guest like @warm's, on its overlay, not yet there */
static Guest *
clone_new (const Warm *warm)
{
    Guest *clone = guest_new_on (warm->origin->overlay);

    clone->spec.warm_disk = warm->origin->overlay;
    return clone;
}

static void
restore (const Warm *warm, Guest *clone)
{
    g_autoptr (GError) error = NULL;
    gint64 begun = g_get_monotonic_time ();
    double restored, resumed;

    clone->vm = gk_vm_restore (clone->vmm, &clone->spec, warm->memory, clone->folder, &error);
    g_assert_no_error (error);
    restored = seconds_since (begun);
    gk_vm_resume (clone->vm, &error);
    g_assert_no_error (error);
    resumed = seconds_since (begun);
    gk_vm_wait_agent (clone->vm, PING_MS, NULL, &error);
    g_assert_no_error (error);
    g_test_message ("restored after %.2f s, resumed after %.2f, agent after %.2f", restored,
                    resumed, seconds_since (begun));
}

static void
expect_said (Guest *guest, const char *script, const char *wanted)
{
    g_autofree char *said = guest_shell (guest, script);

    g_assert_cmpstr (said, ==, wanted);
}

static void
test_clones (gconstpointer data)
{
    const Warm *warm = data;
    g_autoptr (Guest) one = clone_new (warm), two = clone_new (warm);

    restore (warm, one);
    restore (warm, two);
    expect_said (one, "cat /root/mark; echo one > /root/mark; sync; cat /root/mark", "here\none\n");
    expect_said (two, "cat /root/mark", "here\n");
    g_assert_cmpuint (gk_vm_agent_usec (one->vm), >, 0);
}

static void
expect_unlisted (Guest *guest)
{
    gint64 begun = g_get_monotonic_time ();

    while (guest_is_listed (guest)) {
        g_assert_cmpint (seconds_since (begun), <, PATIENCE_S);
        g_usleep (20000);
    }
    g_test_message ("libvirt has let it go after %.1f s", seconds_since (begun));
}

static void
test_kill (gconstpointer data)
{
    g_autoptr (Guest) clone = clone_new (data);
    g_autoptr (GError) error = NULL;
    gint64 begun;

    restore (data, clone);
    begun = g_get_monotonic_time ();
    gk_vm_kill (clone->vm, &error);
    g_assert_no_error (error);
    g_test_message ("killed in %.3f s", seconds_since (begun));
    g_assert_cmpint ((g_get_monotonic_time () - begun) / 1000, <, KILL_MS);
    g_assert_false (gk_vm_is_alive (clone->vm));
    expect_unlisted (clone);
    for (int i = 0; i < 2; i++) {
        gk_vm_kill (clone->vm, &error);
        g_assert_no_error (error);
        gk_vm_destroy (clone->vm, &error);
        g_assert_no_error (error);
    }
    g_assert_false (gk_vm_resume (clone->vm, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE);
}

static void
test_overlay_limit (gconstpointer data)
{
    g_autoptr (Guest) clone = clone_new (data);
    struct stat st;

    clone->spec.limits.overlay_bytes = 32 * MIB;
    g_assert_cmpint (truncate (clone->overlay, 32 * MIB), ==, 0);
    restore (data, clone);
    expect_said (clone,
                 "dd if=/dev/zero of=/root/some bs=1M count=8 conv=fsync 2>/dev/null && echo ok\n"
                 "tr '\\0' x < /dev/zero | dd of=/root/much bs=1M count=64 iflag=fullblock "
                 "conv=fsync 2>/dev/null || echo full\n",
                 "ok\nfull\n");
    expect_said (clone, "echo alive", "alive\n");
    g_assert_cmpint (stat (clone->overlay, &st), ==, 0);
    g_assert_cmpint (st.st_size, ==, 32 * MIB);
    g_assert_cmpint ((gint64) st.st_blocks * 512, >, 8 * MIB);
}

/* The processor time of @guest's QEMU so far, seconds. */
static double
cpu_seconds (Guest *guest)
{
    g_autofree char *path = g_strdup_printf ("/run/libvirt/qemu/%s.pid", guest->name);
    g_autofree char *pid = NULL, *stat_path = NULL, *text = NULL;
    g_auto (GStrv) fields = NULL;

    g_assert_true (g_file_get_contents (path, &pid, NULL, NULL));
    stat_path = g_build_filename ("/proc", g_strchomp (pid), "stat", NULL);
    g_assert_true (g_file_get_contents (stat_path, &text, NULL, NULL));
    fields = g_strsplit (strrchr (text, ')'), " ", -1);
    return (g_ascii_strtod (fields[12], NULL) + g_ascii_strtod (fields[13], NULL)) /
           (double) sysconf (_SC_CLK_TCK);
}

static void
test_rates (gconstpointer data)
{
    g_autoptr (Guest) clone = clone_new (data);
    const char *const endless[] = { "/bin/sh", "-c", "while :; do :; done", NULL };
    g_autoptr (GError) error = NULL;
    gint64 begun, pid;
    double cpu;

    clone->spec.limits = (GkDomainLimits) {
        .cpu_shares = 512, .cpu_percent = 40, .disk_bytes_per_s = 4 * MIB, .disk_ops_per_s = 1000
    };
    restore (data, clone);
    begun = g_get_monotonic_time ();
    g_free (guest_shell (clone, "dd if=/dev/vda of=/dev/null bs=1M count=16 iflag=direct"));
    g_test_message ("16 MiB read in %.1f s", seconds_since (begun));
    g_assert_cmpfloat (seconds_since (begun), >, 2.5);
    gk_agent_exec (clone->vm, endless, FALSE, &pid, &error);
    g_assert_no_error (error);
    begun = g_get_monotonic_time ();
    cpu = cpu_seconds (clone);
    g_usleep (4 * G_USEC_PER_SEC);
    cpu = (cpu_seconds (clone) - cpu) / seconds_since (begun);
    g_test_message ("%.0f %% of a CPU used", cpu * 100);
    g_assert_cmpfloat (cpu, <, 0.55);
    g_assert_cmpfloat (cpu, >, 0.01);
}

static guint
count_in (const char *folder)
{
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    guint count = 0;

    while (g_dir_read_name (dir))
        count++;
    return count;
}

/* Fails to restore @memory as @clone, and expects nothing to be left of it. */
static void
expect_not_restored (Guest *clone, const char *memory, const char *why)
{
    guint files = count_in (clone->folder), descriptors, threads = count_in ("/proc/self/task");
    g_autoptr (GError) error = NULL;
    gint64 begun = g_get_monotonic_time ();

    gk_vmm_ping (clone->vmm, NULL, NULL);
    descriptors = count_in ("/proc/self/fd");
    g_assert_null (gk_vm_restore (clone->vmm, &clone->spec, memory, clone->folder, &error));
    g_test_message ("%s (%.1f s)", error->message, seconds_since (begun));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    if (why)
        g_assert_nonnull (strstr (error->message, why));
    g_assert_cmpint (seconds_since (begun), <, PATIENCE_S);
    expect_unlisted (clone);
    g_assert_cmpuint (count_in (clone->folder), ==, files);
    g_assert_cmpuint (count_in ("/proc/self/fd"), ==, descriptors);
    g_assert_cmpuint (count_in ("/proc/self/task"), ==, threads);
}

/* Of a state as libvirt wrote it, which does not know its length: what is kept of its stream, and
 * whether what is behind that is garbage or nothing. */
static const struct {
    const char *name;
    double kept;
    gboolean garbage;
} damages[] = {
    {"all-garbage",   0,    TRUE },
    { "head-only",    1e-6, FALSE},
    { "half",         0.5,  FALSE},
    { "half-garbage", 0.5,  TRUE },
    { "nearly-all",   0.99, FALSE},
};

static void
copy_file (const char *from, const char *to)
{
    gk_autofd int in = open (from, O_RDONLY | O_CLOEXEC);
    gk_autofd int out = open (to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_autoptr (GError) error = NULL;

    gk_fd_copy (in, out, G_MAXINT64, NULL, NULL, NULL, &error);
    g_assert_no_error (error);
}

static void
test_damages (gconstpointer data)
{
    const Warm *warm = data;
    g_autoptr (Guest) clone = clone_new (warm);
    g_autofree char *path = g_build_filename (clone->folder, "damaged", NULL);
    g_auto (GkSaveImage) image = { .fd = -1 };

    g_assert_true (gk_save_image_open (&image, warm->saved, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS (damages); i++) {
        off_t end = (off_t) (image.stream + (guint64) (damages[i].kept * (double) image.size) + 1);

        g_test_message ("%s", damages[i].name);
        copy_file (warm->saved, path);
        g_assert_cmpint (truncate (path, end), ==, 0);
        if (damages[i].garbage) {
            gk_autofd int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC);
            g_autofree char *garbage = g_strnfill (3 * MIB, 'x');

            g_assert_true (gk_fd_write_all (fd, garbage, 3 * MIB, NULL));
        }
        expect_not_restored (clone, path, "make it anew");
    }
    copy_file (warm->memory, path);
    g_assert_cmpint (truncate (path, (off_t) image.stream + 5 * MIB), ==, 0);
    expect_not_restored (clone, path, "cut short");
}

/* Kills a QEMU as soon as there is one, which is while it loads its state. */
static gpointer
kill_qemu (gpointer data)
{
    Guest *clone = data;
    gk_autofd int pidfd = -1;

    while ((pidfd = gk_process_open ("qemu:///system", clone->name, clone->uuid, NULL)) < 0)
        g_usleep (2000);
    gk_process_kill (pidfd, PATIENCE_S * 1000, NULL);
    return NULL;
}

static void
test_qemu_dies (gconstpointer data)
{
    const Warm *warm = data;
    g_autoptr (Guest) clone = clone_new (warm);
    GThread *killer = g_thread_new ("killer", kill_qemu, clone);
    g_autoptr (GError) error = NULL;
    gint64 begun = g_get_monotonic_time ();

    g_assert_null (gk_vm_restore (clone->vmm, &clone->spec, warm->memory, clone->folder, &error));
    g_test_message ("%s (%.1f s)", error->message, seconds_since (begun));
    g_assert_true (error->domain == GK_VMM_ERROR);
    g_assert_cmpint (seconds_since (begun), <, PATIENCE_S);
    g_thread_join (killer);
    expect_unlisted (clone);
    g_assert_cmpuint (count_in (clone->folder), ==, 1);
}

static void
test_wrong_machine (gconstpointer data)
{
    const Warm *warm = data;
    g_autoptr (Guest) clone = clone_new (warm);

    clone->spec.memory_mib = 256;
    expect_not_restored (clone, warm->memory, "make it anew");
    clone->spec.memory_mib = 512;
    clone->spec.overlay = "/nonexistent/overlay.qcow2";
    expect_not_restored (clone, warm->memory, NULL);
}

static void
test_save_fails (gconstpointer data)
{
    g_autoptr (Guest) clone = clone_new (data);
    g_autofree char *path = g_build_filename (clone->folder, "saved", NULL);
    g_autoptr (GError) error = NULL;

    restore (data, clone);
    g_assert_true (g_file_set_contents (path, "mine", -1, NULL));
    g_assert_false (gk_vm_save (clone->vm, path, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
    g_assert_true (gk_vm_is_alive (clone->vm));
    g_clear_error (&error);
    g_assert_cmpint (unlink (path), ==, 0);
    gk_vm_destroy (clone->vm, NULL);
    g_assert_false (gk_vm_save (clone->vm, path, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE);
    g_assert_cmpint (access (path, F_OK), ==, -1);
}

int
main (int argc, char **argv)
{
    g_autoptr (Guest) origin = NULL;
    Warm warm;
    int failed;

    g_test_init (&argc, &argv, NULL);
    run_event_loop ();
    origin = guest_new ();
    warm = (Warm) { origin, g_build_filename (origin->folder, "saved", NULL),
                    g_build_filename (origin->folder, "memory", NULL) };
    g_test_add_data_func ("/clone/guest-is-saved", &warm, test_save);
    g_test_add_data_func ("/clone/state-is-stripped", &warm, test_strip);
    g_test_add_data_func ("/clone/two-run-side-by-side", &warm, test_clones);
    g_test_add_data_func ("/clone/is-killed-at-once", &warm, test_kill);
    g_test_add_data_func ("/clone/overlay-grows-to-its-limit", &warm, test_overlay_limit);
    g_test_add_data_func ("/clone/keeps-to-its-rates", &warm, test_rates);
    g_test_add_data_func ("/clone/state-that-is-damaged", &warm, test_damages);
    g_test_add_data_func ("/clone/state-of-another-machine", &warm, test_wrong_machine);
    g_test_add_data_func ("/clone/qemu-that-dies-while-it-loads", &warm, test_qemu_dies);
    g_test_add_data_func ("/clone/save-that-fails", &warm, test_save_fails);
    failed = g_test_run ();
    g_free (warm.saved);
    g_free (warm.memory);
    return failed;
}
