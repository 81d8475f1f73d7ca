/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/overlay.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Of a qcow2 header, all numbers big-endian: 4 bytes magic, 4 version, 8 where the name of the
 * backing file stands, 4 how long it is. */
enum {
    QEMU_IMG_MS = 60000,
    OUTPUT_MAX = 64 << 10,
    EMPTY_MAX = 4 << 20,
    HEADER_SIZE = 20,
    NAME_OFFSET_AT = 8,
    NAME_SIZE_AT = 16,
    NAME_MAX_BYTES = 1023,
};

static gboolean
run_qemu_img (const char *const *argv, GError **error)
{
    g_auto (GStrv) envp = g_environ_setenv (g_get_environ (), "LC_ALL", "C.UTF-8", TRUE);
    GkSpawn spec = { .argv = argv,
                     .envp = (const char *const *) envp,
                     .input = -1,
                     .timeout_ms = QEMU_IMG_MS,
                     .max_output = OUTPUT_MAX };
    GError *local = NULL;

    if (gk_spawn (&spec, NULL, NULL, NULL, NULL, &local))
        return TRUE;
    if (strstr (local->message, g_strerror (ENOSPC)))
        local->code = G_IO_ERROR_NO_SPACE;
    g_propagate_error (error, local);
    return FALSE;
}

/* The file is made here, so that one that is there already is never written over, and nobody but
 * its owner ever could read it. Returns: the descriptor, or -1 with @error set */
static int
make_file (const char *path, uid_t uid, gid_t gid, GError **error)
{
    gk_autofd int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        gk_set_errno (error, errno, "cannot create %s", path);
        return -1;
    }
    if (fchown (fd, uid, gid) == 0)
        return gk_steal_fd (&fd);
    gk_set_errno (error, errno, "cannot give %s to QEMU's user", path);
    unlink (path);
    return -1;
}

static gboolean
lengthen (int fd, const char *path, guint64 length, GError **error)
{
    struct stat st;

    if (length == 0)
        return TRUE;
    if (fstat (fd, &st) < 0)
        return gk_set_errno (error, errno, "cannot stat %s", path);
    if ((guint64) st.st_size < length && ftruncate (fd, (off_t) length) < 0)
        return gk_set_errno (error, errno, "cannot lengthen %s", path);
    return TRUE;
}

char *
gk_overlay_create (GkImage *image, const GkOverlaySpec *spec, GError **error)
{
    g_autofree char *path = g_build_filename (spec->folder, "overlay.qcow2", NULL);
    gk_autofd int fd = -1;

    if (!gk_image_check (image, error))
        return NULL;
    fd = make_file (path, spec->uid, spec->gid, error);
    if (fd < 0)
        return NULL;
    if (run_qemu_img ((const char *const[]) { "qemu-img", "create", "-q", "-f", "qcow2", "-F",
                                              "qcow2", "-b", image->disk, path, NULL },
                      error) &&
        lengthen (fd, path, spec->length, error))
        return g_steal_pointer (&path);
    unlink (path);
    return NULL;
}

gboolean
gk_overlay_lay (const char *disk, guint64 size, const char *path, GError **error)
{
    g_autofree char *bytes = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
    const char *const argv[] = { "qemu-img", "create", "-q", "-u", "-f",  "qcow2", "-F",
                                 "qcow2",    "-b",     disk, path, bytes, NULL };
    gk_autofd int fd = make_file (path, (uid_t) -1, (gid_t) -1, error);

    if (fd < 0)
        return FALSE;
    if (run_qemu_img (argv, error))
        return TRUE;
    unlink (path);
    return FALSE;
}

char *
gk_overlay_copy (const char *empty, const GkOverlaySpec *spec, GError **error)
{
    g_autofree char *path = g_build_filename (spec->folder, "overlay.qcow2", NULL);
    gk_autofd int from = open (empty, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gk_autofd int fd = -1;

    if (from < 0) {
        gk_set_errno (error, errno, "cannot open %s", empty);
        return NULL;
    }
    fd = make_file (path, spec->uid, spec->gid, error);
    if (fd < 0)
        return NULL;
    if (gk_fd_copy (from, fd, EMPTY_MAX, NULL, NULL, NULL, error) &&
        lengthen (fd, path, spec->length, error))
        return g_steal_pointer (&path);
    unlink (path);
    return NULL;
}

static guint64
read_number (const guint8 *at, guint bytes)
{
    guint64 number = 0;

    for (guint i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

gboolean
gk_overlay_stands_on (const char *path, const char *disk, GError **error)
{
    gk_autofd int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    guint8 header[HEADER_SIZE];
    char name[NAME_MAX_BYTES + 1] = "";
    guint64 size;

    if (fd < 0)
        return gk_set_errno (error, errno, "cannot open %s", path);
    if (pread (fd, header, sizeof header, 0) == sizeof header) {
        size = MIN (read_number (header + NAME_SIZE_AT, 4), NAME_MAX_BYTES);
        if (pread (fd, name, size, (off_t) read_number (header + NAME_OFFSET_AT, 8)) < 0)
            name[0] = '\0';
    }
    if (strcmp (name, disk) == 0)
        return TRUE;
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED, "%s does not stand on %s", path,
                 disk);
    return FALSE;
}
