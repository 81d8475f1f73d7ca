/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/overlay.h"

#include "base/fd.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { QEMU_IMG_MS = 60000, OUTPUT_MAX = 64 << 10 };

static gboolean
run_qemu_img (GkImage *image, const char *path, GError **error)
{
    const char *const argv[] = { "qemu-img", "create", "-q",        "-f", "qcow2", "-F",
                                 "qcow2",    "-b",     image->disk, path, NULL };
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
 * @uid ever could read it. */
static gboolean
make_file (const char *path, uid_t uid, gid_t gid, GError **error)
{
    gk_autofd int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return gk_set_errno (error, errno, "cannot create %s", path);
    if (fchown (fd, uid, gid) == 0)
        return TRUE;
    gk_set_errno (error, errno, "cannot give %s to QEMU's user", path);
    unlink (path);
    return FALSE;
}

char *
gk_overlay_create (GkImage *image, const char *folder, uid_t uid, gid_t gid, GError **error)
{
    g_autofree char *path = g_build_filename (folder, "overlay.qcow2", NULL);

    if (!gk_image_check (image, error) || !make_file (path, uid, gid, error))
        return NULL;
    if (!run_qemu_img (image, path, error)) {
        unlink (path);
        return NULL;
    }
    return g_steal_pointer (&path);
}
