/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Warm clones: one boot, saved and stripped; then clones of it. */
#include "tests/vm/guest.h"

#include "base/files.h"
#include "vmm/agent.h"
#include "vmm/save-image.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BOOT_MS = 300000, PING_MS = 60000 };

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
    failed = g_test_run ();
    g_free (warm.saved);
    g_free (warm.memory);
    return failed;
}
