/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The finished disk, seen as a guest will: libguestfs mounts it with a kernel of its own, in a VM,
 * so that what stands on it never meets the host's. */
#include "images/building.h"

#include "base/json.h"

#include <guestfs.h>
#include <string.h>

#define DISK "/dev/sda"

typedef guestfs_h Guestfs;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Guestfs, guestfs_close)

/* What every guest must have for genkan to work with it. */
static const char *const wanted[] = { "/usr/sbin/qemu-ga", "/usr/lib/genkan/guest-open",
                                      "/usr/lib/genkan/guest-changes", "/usr/bin/mount" };

static const struct {
    const char *pattern, *name;
} boot_files[] = {
    {"/boot/vmlinuz-*",     "vmlinuz"   },
    { "/boot/initrd.img-*", "initrd.img"},
};

static gboolean
failed (Guestfs *guest, const char *what, GError **error)
{
    const char *why = guestfs_last_error (guest);

    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_FAILED, "%s: %s", what,
                 why ? why : "libguestfs does not say why");
    return FALSE;
}

static gboolean
wrong (GError **error, const char *how, const char *what)
{
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_FAILED, "the new image %s%s", how, what);
    return FALSE;
}

/* What it leaves in case it is killed lies in the build's own folder; the appliance, made once for
 * all builds, where libguestfs keeps it for everybody. */
static Guestfs *
launch (GkBuilding *building, GError **error)
{
    g_autoptr (Guestfs) guest = guestfs_create ();
    gboolean ok;

    if (!guest) {
        g_set_error_literal (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_FAILED,
                             "libguestfs cannot be set up");
        return NULL;
    }
    guestfs_set_error_handler (guest, NULL, NULL);
    guestfs_set_autosync (guest, 1);
    ok = guestfs_set_backend (guest, "direct") == 0 &&
         (building->kvm || guestfs_set_backend_setting (guest, "force_tcg", "1") == 0) &&
         guestfs_set_tmpdir (guest, building->folder) == 0 &&
         guestfs_set_cachedir (guest, "/var/tmp") == 0 &&
         guestfs_add_drive_opts (guest, building->raw, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw",
                                 GUESTFS_ADD_DRIVE_OPTS_CACHEMODE, "unsafe", -1) == 0 &&
         guestfs_launch (guest) == 0;
    if (!ok) {
        failed (guest, "libguestfs cannot start its appliance ('libguestfs-test-tool' tells more)",
                error);
        return NULL;
    }
    return g_steal_pointer (&guest);
}

static gboolean
check_system (Guestfs *guest, GError **error)
{
    g_auto (GStrv) roots = guestfs_inspect_os (guest);
    g_autofree char *type = NULL, *distro = NULL;

    if (!roots)
        return failed (guest, "cannot look into the new image", error);
    if (g_strv_length (roots) != 1 || !g_str_equal (*roots, DISK))
        return wrong (error, "has no operating system on its disk", "");
    type = guestfs_inspect_get_type (guest, *roots);
    distro = guestfs_inspect_get_distro (guest, *roots);
    if (g_strcmp0 (type, "linux") != 0 || g_strcmp0 (distro, "debian") != 0)
        return wrong (error, "is not Debian but ", distro ? distro : "unknown");
    if (guestfs_mount_options (guest, "noatime", DISK, "/") < 0)
        return failed (guest, "cannot mount the new image", error);
    for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
        if (guestfs_is_file_opts (guest, wanted[i], GUESTFS_IS_FILE_OPTS_FOLLOWSYMLINKS, 1, -1) !=
            1)
            return wrong (error, "lacks ", wanted[i]);
    return TRUE;
}

static gboolean
take_boot_files (GkBuilding *building, Guestfs *guest, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (boot_files); i++) {
        g_auto (GStrv) found = guestfs_glob_expand (guest, boot_files[i].pattern);
        g_autofree char *path = g_build_filename (building->folder, boot_files[i].name, NULL);

        if (!found)
            return failed (guest, "cannot look for the kernel", error);
        if (g_strv_length (found) != 1)
            return wrong (error, *found ? "has more than one " : "lacks a ", boot_files[i].pattern);
        if (guestfs_download (guest, *found, path) < 0)
            return failed (guest, "cannot take the kernel out of the new image", error);
    }
    return TRUE;
}

/* The last write of all: who the guest is. */
static gboolean
finish (GkBuilding *building, Guestfs *guest, GError **error)
{
    g_autofree char *name =
        g_strdup_printf ("%s:%s\n", building->recipe->name, building->recipe->version);

    if (guestfs_write (guest, "/etc/genkan-image", name, strlen (name)) < 0 ||
        guestfs_chmod (guest, 0444, "/etc/genkan-image") < 0 || guestfs_umount_all (guest) < 0 ||
        guestfs_e2fsck (guest, DISK, GUESTFS_E2FSCK_CORRECT, 1, -1) < 0 ||
        guestfs_shutdown (guest) < 0)
        return failed (guest, "cannot finish the new image's disk", error);
    return TRUE;
}

static void
note_version (GkBuilding *building, Guestfs *guest)
{
    struct guestfs_version *version = guestfs_version (guest);
    g_autofree char *text = NULL;

    if (!version)
        return;
    text = g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT,
                            version->major, version->minor, version->release);
    gk_json_set_text (building->tools, "libguestfs", text);
    guestfs_free_version (version);
}

gboolean
gk_inspect_and_finish (GkBuilding *building, GError **error)
{
    g_autoptr (Guestfs) guest = NULL;

    building->progress (76, "starting libguestfs", building->data);
    guest = launch (building, error);
    if (!guest)
        return FALSE;
    note_version (building, guest);
    building->progress (84, "inspecting the disk", building->data);
    return check_system (guest, error) && take_boot_files (building, guest, error) &&
           finish (building, guest, error);
}
