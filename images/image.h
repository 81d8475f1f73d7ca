/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Golden images and the store that holds them: `<state-dir>/images/<name>/<version>/` with
 * `disk.qcow2`, `vmlinuz`, `initrd.img`, `manifest.json`, and `identity` (what the files' inode,
 * size, mtime and ctime were when they were sealed).
 *
 * An image never changes. It appears in the store whole, by one rename. A GkImage is immutable and
 * reference-counted; the store may be used from any thread. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#define GK_IMAGE_ERROR (gk_image_error_quark ())
GQuark gk_image_error_quark (void);

typedef enum {
    GK_IMAGE_ERROR_MISSING, /* no such image; the message says how to build it */
    GK_IMAGE_ERROR_CHANGED, /* it is not what its manifest says */
    GK_IMAGE_ERROR_INVALID, /* its manifest cannot be read */
    GK_IMAGE_ERROR_BUSY,    /* the same name:version is being built */
    GK_IMAGE_ERROR_FAILED,
} GkImageError;

typedef struct {
    gatomicrefcount refs;
    char *name, *version;
    char *digest; /* `sha256:…` of manifest.json, which holds the digests of all the others */
    char *folder; /* absolute, without symbolic links */
    char *disk, *kernel, *initrd;   /* absolute */
    char *cmdline;                  /* the whole kernel command line */
    char *user;                     /* or NULL */
    guint memory_mib, vcpus;
    gboolean display;
    guint64 disk_size; /* virtual, bytes */
    JsonObject *manifest;
} GkImage;

GkImage *gk_image_ref (GkImage *image);
void gk_image_unref (GkImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkImage, gk_image_unref)

/**
 * gk_image_load:
 * @state_dir: where `images/` is
 * @reference: `name` (the newest version, by build time) or `name:version`
 *
 * Returns: (transfer full): the image, or %NULL with @error set
 */
GkImage *gk_image_load (const char *state_dir, const char *reference, GError **error);

/* Returns: (transfer full) (element-type GkImage): all, by name and version; broken ones are left
 * out and named in @ret_broken (nullable). */
GPtrArray *gk_image_list (const char *state_dir, char ***ret_broken, GError **error);

/* Whether inode, size, mtime and ctime are those of the sealing: takes microseconds. Errors:
 * GK_IMAGE_ERROR_CHANGED. */
gboolean gk_image_check (GkImage *image, GError **error);

/* The same by digest, of every byte: takes seconds. Errors: GK_IMAGE_ERROR_CHANGED. */
gboolean gk_image_verify (GkImage *image, GCancellable *cancellable, GError **error);

/* Removes `name:version`, also one that is broken. That no VM stands on it is the caller's care. Errors:
 * GK_IMAGE_ERROR_MISSING, G_IO_ERROR_INVALID_ARGUMENT (no version named). */
gboolean gk_image_remove (const char *state_dir, const char *reference, GError **error);

/* Returns: (transfer full): `{name, version, digest, description, built, size, memory_mib, vcpus,
 * display, user, recipe, files: {disk: {sha256, size}, kernel: …, initrd: …}, …}` */
JsonObject *gk_image_to_json (GkImage *image);
