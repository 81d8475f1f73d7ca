/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libvirt's save image: a VM's XML, a cookie of libvirt's, and QEMU's migration stream, in one
 * file.
 *
 * Read and checked here, and written with other XML in front of the same stream, which makes the
 * saved VM another one. Version 2 and raw streams only, which is what libvirt 1.0 to 11 write by
 * default (`save_image_format` in qemu.conf must not say otherwise).
 *
 * Any thread. Errors: GK_VMM_ERROR_FAILED for an image that is damaged or not understood,
 * G_IO_ERROR where a file cannot be read or written. */
#pragma once

#include "vmm/vmm.h"

typedef struct {
    int fd;         /* the open image */
    guint64 stream; /* where QEMU's stream begins in it, */
    guint64 size;   /* and how long it is, bytes */
    char *xml;      /* the saved VM's */
    char *cookie;   /* XML of libvirt's own; NULL: none */
} GkSaveImage;

void gk_save_image_clear (GkSaveImage *image);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkSaveImage, gk_save_image_clear)

/* Opens and checks @path. One that gk_save_image_strip() wrote is known to be whole. */
gboolean gk_save_image_open (GkSaveImage *ret, const char *path, GError **error);

/* Returns: (transfer full): what stands before the stream of an image with @xml and @image's
 * cookie */
GBytes *gk_save_image_head (const GkSaveImage *image, const char *xml);

/**
 * gk_save_image_strip:
 * @from: a save image
 * @to: a new file, made with mode 0600 and fsynced
 * @ret_bytes: (out) (optional): how long it is
 *
 * Copies @from without the records of the zero pages of the guest's memory: QEMU's fresh memory is
 * zero, and reading a record for each page would make all of it resident, and take time. The copy
 * also carries its length, so that one cut short is refused. On failure there is no @to.
 */
gboolean gk_save_image_strip (const char *from, const char *to, guint64 *ret_bytes,
                              GCancellable *cancellable, GError **error);
