/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/vm/guest.h"

#include "base/files.h"
#include "base/id.h"
#include "base/spawn.h"
#include "vmm/agent.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SHELL_MS = 60000, QEMU_IMG_MS = 60000 };

static char *
image_file (const char *name)
{
    const char *folder = g_getenv ("GENKAN_TEST_IMAGE");

    if (!folder)
        g_error ("GENKAN_TEST_IMAGE is not set: run this test by meson, or by with_image.py");
    return g_build_filename (folder, name, NULL);
}

/* The guard is taken from where it was built: a test need not be staged. */
static GkVmm *
connect (void)
{
    const char *build = g_getenv ("GENKAN_BUILD");
    g_autofree char *program = build ? g_build_filename (build, "vmm", "genkan-guard", NULL) : NULL;
    GkVmm *vmm = gk_vmm_new ("qemu:///system");

    if (!build)
        g_error ("GENKAN_BUILD is not set: run this test by meson");
    gk_vmm_set_guard (vmm, program);
    return vmm;
}

static void
make_overlay (Guest *guest, const char *below)
{
    const char *const argv[] = { "qemu-img", "create", "-q",    "-f",           "qcow2", "-b",
                                 below,      "-F",     "qcow2", guest->overlay, NULL };
    GkSpawn spec = { .argv = argv, .input = -1, .timeout_ms = QEMU_IMG_MS, .max_output = 65536 };
    g_autoptr (GError) error = NULL;
    uid_t uid;
    gid_t gid;

    gk_spawn (&spec, NULL, NULL, NULL, NULL, &error);
    g_assert_no_error (error);
    gk_vmm_qemu_owner (guest->vmm, &uid, &gid, &error);
    g_assert_no_error (error);
    g_assert_cmpint (chown (guest->overlay, uid, gid), ==, 0);
}

static GkDomainSpec
spec_of (Guest *guest)
{
    return (GkDomainSpec) {
        .name = guest->name,
        .uuid = guest->uuid,
        .id = guest->id,
        .instance = guest->instance,
        .memory_mib = 512,
        .vcpus = 1,
        .cpu_model = "Nehalem",
        .kernel = guest->kernel,
        .initrd = guest->initrd,
        .cmdline = "root=/dev/vda rw quiet panic=-1",
        .overlay = guest->overlay,
        .disk = guest->disk,
        .spare_ports = 4,
    };
}

Guest *
guest_new (void)
{
    g_autofree char *disk = image_file ("disk.qcow2");

    return guest_new_on (disk);
}

Guest *
guest_new_on (const char *below)
{
    Guest *guest = g_new0 (Guest, 1);
    g_autoptr (GError) error = NULL;

    guest->vmm = connect ();
    guest->folder = g_dir_make_tmp ("genkan-vm-XXXXXX", &error);
    g_assert_no_error (error);
    g_assert_cmpint (chmod (guest->folder, 0711), ==, 0);
    guest->id = gk_id_new ();
    guest->name = g_strconcat ("genkan-test-", guest->id, NULL);
    guest->uuid = g_uuid_string_random ();
    guest->instance = g_uuid_string_random ();
    guest->kernel = image_file ("vmlinuz");
    guest->initrd = image_file ("initrd.img");
    guest->disk = image_file ("disk.qcow2");
    guest->overlay = g_build_filename (guest->folder, "overlay.qcow2", NULL);
    guest->serial_log = g_build_filename (guest->folder, "console.log", NULL);
    make_overlay (guest, below);
    guest->spec = spec_of (guest);
    return guest;
}

void
guest_start (Guest *guest)
{
    g_autoptr (GError) error = NULL;

    guest->vm = gk_vm_start (guest->vmm, &guest->spec, &error);
    g_assert_no_error (error);
}

void
guest_free (Guest *guest)
{
    g_autoptr (GError) error = NULL;

    gk_vmm_destroy (guest->vmm, guest->uuid, &error);
    g_assert_no_error (error);
    gk_vm_free (guest->vm);
    gk_vmm_free (guest->vmm);
    gk_tree_remove_path (guest->folder, &error);
    g_assert_no_error (error);
    g_free (guest->folder);
    g_free (guest->name);
    g_free (guest->uuid);
    g_free (guest->id);
    g_free (guest->instance);
    g_free (guest->kernel);
    g_free (guest->initrd);
    g_free (guest->disk);
    g_free (guest->overlay);
    g_free (guest->serial_log);
    g_free (guest);
}

char *
guest_shell (Guest *guest, const char *script)
{
    const char *const argv[] = { "/bin/sh", "-ec", script, NULL };
    g_auto (GkAgentExit) exit = { 0 };
    g_autoptr (GError) error = NULL;

    gk_agent_run (guest->vm, argv, SHELL_MS, NULL, &exit, &error);
    g_assert_no_error (error);
    if (exit.code != 0 && exit.err)
        g_test_message ("%.*s", (int) g_bytes_get_size (exit.err),
                        (const char *) g_bytes_get_data (exit.err, NULL));
    g_assert_cmpint (exit.code, ==, 0);
    return exit.out ? g_strndup (g_bytes_get_data (exit.out, NULL), g_bytes_get_size (exit.out))
                    : g_strdup ("");
}

gboolean
guest_is_listed (Guest *guest)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) leftovers = gk_vmm_list (guest->vmm, guest->instance, &error);

    g_assert_no_error (error);
    for (guint i = 0; i < leftovers->len; i++) {
        GkVmmLeftover *leftover = g_ptr_array_index (leftovers, i);

        g_assert_cmpstr (leftover->name, ==, guest->name);
        g_assert_cmpstr (leftover->uuid, ==, guest->uuid);
        g_assert_cmpstr (leftover->id, ==, guest->id);
    }
    return leftovers->len > 0;
}

static void
ignore (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
}

static gpointer
turn (gpointer loop)
{
    g_main_loop_run (loop);
    return NULL;
}

void
run_event_loop (void)
{
    /* libvirt-glib has no log domain, and a test would print each turn of its loop. */
    g_log_set_handler (NULL, G_LOG_LEVEL_DEBUG, ignore, NULL);
    gk_vmm_init ();
    g_thread_unref (g_thread_new ("events", turn, g_main_loop_new (NULL, FALSE)));
}
