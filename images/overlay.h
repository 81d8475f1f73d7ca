/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Overlays: the qcow2 files that take one VM's writes.
 *
 * An overlay names the disk that it stands on by absolute path. It is created empty, never committed
 * back, and removed with its VM. Blocks (it may run qemu-img): for worker threads. Errors are
 * G_IO_ERROR, G_IO_ERROR_NO_SPACE and _EXISTS among them. */
#pragma once

#include "images/image.h"

typedef struct {
    const char *folder; /* absolute path of the directory that gets `overlay.qcow2` */
    uid_t uid;          /* owner of the new file (QEMU's user), or -1 */
    gid_t gid;
    guint64 length; /* how long the file is made, so that QEMU may be told to stop there; 0: as it is */
} GkOverlaySpec;

/**
 * gk_overlay_create:
 * @image: the image to stand on; checked with gk_image_check()
 *
 * Errors: GK_IMAGE_ERROR_MISSING, GK_IMAGE_ERROR_CHANGED.
 *
 * Returns: (transfer full): absolute path of the overlay, or %NULL with @error set
 */
char *gk_overlay_create (GkImage *image, const GkOverlaySpec *spec, GError **error);

/* Makes an empty overlay at @path, to be copied with gk_overlay_copy(): of @disk, a qcow2 of @size
 * bytes (virtual) that need not be there yet. */
gboolean gk_overlay_lay (const char *disk, guint64 size, const char *path, GError **error);

/* The same as gk_overlay_create() from an empty overlay that is there already: no program is run. */
char *gk_overlay_copy (const char *empty, const GkOverlaySpec *spec, GError **error);

/* Whether the overlay at @path says that it stands on @disk. Errors: GK_IMAGE_ERROR_CHANGED. */
gboolean gk_overlay_stands_on (const char *path, const char *disk, GError **error);
