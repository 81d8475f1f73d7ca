/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Overlays: the qcow2 files that take one disposable's writes.
 *
 * An overlay names its image's disk by absolute path. It is created empty, never committed back,
 * and removed with its disposable. Blocks (it runs qemu-img): for worker threads. */
#pragma once

#include "images/image.h"

/**
 * gk_overlay_create:
 * @image: the image to stand on; checked with gk_image_check()
 * @folder: absolute path of the directory that gets `overlay.qcow2`
 * @uid: owner of the new file (QEMU's user), or -1
 *
 * Errors: GK_IMAGE_ERROR_MISSING, GK_IMAGE_ERROR_CHANGED, G_IO_ERROR_NO_SPACE,
 * G_IO_ERROR_EXISTS.
 *
 * Returns: (transfer full): absolute path of the overlay, or %NULL with @error set
 */
char *gk_overlay_create (GkImage *image, const char *folder, uid_t uid, gid_t gid, GError **error);
