/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/exports.h"

#include "base/fd.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

enum { DEFAULT_BYTES = 256 << 20, DEFAULT_INODES = 4096, MOST_STACKED = 64 };

/* Guest content lies below both: nothing on the host may follow a link in it, run a set-id program
 * from it or open a device through it. Inbound is not noexec: guests map programs from it. */
enum {
    MOUNT_HOSTILE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_INBOUND = MOUNT_HOSTILE | MOUNT_ATTR_RDONLY,
    MOUNT_OUTBOUND = MOUNT_HOSTILE | MOUNT_ATTR_NOEXEC,
};

/* In the order in which they are made; removed the other way round. */
static const struct {
    const char *name;
    mode_t mode;
    gboolean mounted_on;
} parts[] = {
    {"inbound",         0755, FALSE},
    { "inbound.export", 0700, TRUE },
    { "outbound",       0700, TRUE },
};

/* Both mounts are complete before they appear in the tree: there is no moment in which inbound
 * could be written through its export, or outbound is without its limits. */
static gboolean
attach (int mount, int dir, const char *name, GError **error)
{
    if (move_mount (mount, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return gk_set_errno (error, errno, "cannot mount on %s", name);
    return TRUE;
}

static gboolean
mount_inbound (int dir, GError **error)
{
    /* Private: a later mount below inbound/ must not show through to the guest. */
    struct mount_attr attributes = { .attr_set = MOUNT_INBOUND, .propagation = MS_PRIVATE };
    gk_autofd int mount =
        open_tree (dir, "inbound", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

    if (mount < 0)
        return gk_set_errno (error, errno, "cannot clone the mount of inbound (needs root)");
    if (mount_setattr (mount, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return gk_set_errno (error, errno, "cannot make inbound.export read-only");
    return attach (mount, dir, "inbound.export", error);
}

static gboolean
set_number (int context, const char *key, guint64 value, GError **error)
{
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

    if (fsconfig (context, FSCONFIG_SET_STRING, key, text, 0) < 0)
        return gk_set_errno (error, errno, "cannot limit outbound to %s=%s", key, text);
    return TRUE;
}

static gboolean
mount_outbound (int dir, const GkExportLimits *limits, GError **error)
{
    guint64 bytes = limits && limits->outbound_bytes ? limits->outbound_bytes : DEFAULT_BYTES;
    guint64 inodes = limits && limits->outbound_inodes ? limits->outbound_inodes : DEFAULT_INODES;
    gk_autofd int context = fsopen ("tmpfs", FSOPEN_CLOEXEC);
    gk_autofd int mount = -1;

    if (context < 0)
        return gk_set_errno (error, errno, "cannot make a tmpfs for outbound (needs root)");
    if (!set_number (context, "size", bytes, error) ||
        !set_number (context, "nr_inodes", inodes, error))
        return FALSE;
    /* Mode 1777: virtiofsd passes the guest's user ids on as they are. */
    if (fsconfig (context, FSCONFIG_SET_STRING, "mode", "1777", 0) < 0 ||
        fsconfig (context, FSCONFIG_SET_STRING, "source", "genkan-outbound", 0) < 0 ||
        fsconfig (context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return gk_set_errno (error, errno, "cannot make the tmpfs of outbound");
    mount = fsmount (context, FSMOUNT_CLOEXEC, MOUNT_OUTBOUND);
    if (mount < 0)
        return gk_set_errno (error, errno, "cannot make the tmpfs of outbound");
    return attach (mount, dir, "outbound", error);
}

/* The first folder decides whose the place is: if it is there already, all of it is left alone. */
static gboolean
make_parts (int dir, gboolean *ret_ours, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++) {
        if (mkdirat (dir, parts[i].name, parts[i].mode) < 0)
            return gk_set_errno (error, errno, "cannot make folder %s", parts[i].name);
        *ret_ours = TRUE;
        /* Whatever the umask is. */
        if (fchmodat (dir, parts[i].name, parts[i].mode, 0) < 0)
            return gk_set_errno (error, errno, "cannot set the mode of %s", parts[i].name);
    }
    return TRUE;
}

gboolean
gk_exports_create (const char *folder, const GkExportLimits *limits, GError **error)
{
    gk_autofd int dir = gk_open_dir (folder, error);
    gboolean ours = FALSE;

    if (dir < 0)
        return FALSE;
    if (make_parts (dir, &ours, error) && mount_inbound (dir, error) &&
        mount_outbound (dir, limits, error))
        return TRUE;
    g_prefix_error (error, "cannot make the share in %s: ", folder);
    if (ours)
        gk_exports_remove (folder, NULL);
    return FALSE;
}

/* Takes away what is mounted on @path, however often. A plain unmount comes first, because it fails
 * where a process of this namespace still uses the mount. Then (a shell that stands in the folder,
 * say) it is detached: disposal must not wait for that process, and what the guest left must not
 * stay in reach of others; its memory goes with the last user. virtiofsd has a namespace of its own
 * and is not in the way. */
static gboolean
unmount_all (const char *path, GError **error)
{
    for (guint i = 0; i < MOST_STACKED; i++) {
        int failed = umount2 (path, UMOUNT_NOFOLLOW) < 0 ? errno : 0;

        if (failed == EBUSY)
            failed = umount2 (path, UMOUNT_NOFOLLOW | MNT_DETACH) < 0 ? errno : 0;
        /* EINVAL: nothing is mounted there. EPERM: who may not unmount has not mounted either. */
        if (failed == EINVAL || failed == ENOENT || failed == EPERM)
            return TRUE;
        if (failed)
            return gk_set_errno (error, failed, "cannot unmount %s", path);
    }
    return gk_set_errno (error, EBUSY, "cannot unmount %s: more than %d mounts on it", path,
                         MOST_STACKED);
}

gboolean
gk_exports_remove (const char *folder, GError **error)
{
    gk_autofd int dir = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0 && errno == ENOENT)
        return TRUE;
    if (dir < 0)
        return gk_set_errno (error, errno, "cannot open directory %s", folder);
    for (gsize i = G_N_ELEMENTS (parts); i-- > 0;) {
        g_autofree char *path = g_build_filename (folder, parts[i].name, NULL);

        if (parts[i].mounted_on && !unmount_all (path, error))
            return FALSE;
        /* What is left is ours: the guest's files went with their mount. */
        if (!gk_tree_remove (dir, parts[i].name, error)) {
            g_prefix_error (error, "cannot remove the share in %s: ", folder);
            return FALSE;
        }
    }
    return TRUE;
}
