/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Warm states: an image, booted once and idle, saved with its memory, from which machines are cloned
 * without booting.
 *
 *   <state-dir>/warm/<name>-<version>/
 *     memory        libvirt's save image, its zero pages taken out
 *     disk.qcow2    what the guest had written by then, on the golden disk
 *     empty.qcow2   an empty overlay of that, to be copied
 *     warm.json     what it was made of, and the digests of the three; its SHA-256 is the state's digest
 *     identity      inode, size, mtime and ctime of all four when they were sealed
 *
 * A state serves only what it was made with: image, QEMU, libvirt, accelerator, CPU, our template
 * (circumstances). It is made in a folder of its own and enters by one rename, after one clone of it
 * has answered. A GkWarm is immutable and reference-counted. Blocks: for worker threads. */
#pragma once

#include "hostd/host.h"
#include "hostd/job.h"
#include "images/image.h"

#define GK_WARM_ERROR (gk_warm_error_quark ())
GQuark gk_warm_error_quark (void);

typedef enum {
    GK_WARM_ERROR_MISSING,  /* none has been made */
    GK_WARM_ERROR_OUTDATED, /* it was made in other circumstances; the message names the first */
    GK_WARM_ERROR_CHANGED,  /* it is not what was sealed, or cannot be read */
} GkWarmError;

typedef struct {
    gatomicrefcount refs;
    char *folder, *memory, *disk, *empty; /* absolute, without symbolic links */
    char *digest;                         /* `sha256:…` */
    char *made;                           /* when */
    guint64 memory_bytes;                 /* of the file `memory` */
    gint64 waiting;                       /* guest's process that makes a clone unique; 0: none waits */
} GkWarm;

GkWarm *gk_warm_ref (GkWarm *warm);
void gk_warm_unref (GkWarm *warm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkWarm, gk_warm_unref)

/* Returns: (transfer full): the warm state of @image that fits this host as it is now, or %NULL with
 * GK_WARM_ERROR */
GkWarm *gk_warm_find (GkHost *host, GkImage *image, GkJob *job, GError **error);

/**
 * gk_warm_make:
 * @ret_made: (out) (optional): FALSE where there was one already
 *
 * Finds the state, or makes it: boots the image without a network, has the guest warm itself up and
 * trim (guest-warm), saves it, strips it, tries one clone of it. One at a time for an image; others
 * wait. A state that does not fit any more is replaced. Takes a minute or two.
 */
GkWarm *gk_warm_make (GkHost *host, GkImage *image, GkJob *job, gboolean *ret_made, GError **error);

/* Whether it is what was sealed: takes microseconds. Errors: GK_WARM_ERROR_CHANGED. */
gboolean gk_warm_check (GkWarm *warm, GError **error);

/* Reads every byte of it: takes seconds. Errors: GK_WARM_ERROR_CHANGED. */
gboolean gk_warm_verify (GkWarm *warm, GCancellable *cancellable, GError **error);

/* Whether another state, or none, lies where it lay. */
gboolean gk_warm_is_replaced (GkWarm *warm);

/* For a state in doubt: tries one whole clone of it. A state that does not give one is thrown away; that a
 * cancelled @job, or a host in trouble, did not give one says nothing of it. */
gboolean gk_warm_try (GkHost *host, GkImage *image, GkWarm *warm, GkJob *job, GError **error);

/* Whether @error, of a clone, may be the state's fault: the guest or its agent did not come up. */
gboolean gk_warm_is_to_blame (const GError *error);

/* Throws the state away, unless another has taken its place, or is just being made. Clones of it that
 * run go on. */
void gk_warm_discard (GkWarm *warm);

/* After a crash: removes what was being made, and states of images that are no more. */
void gk_warm_sweep (GkHost *host);

/* Returns: (transfer full): `{image, digest, time, bytes, path}` */
JsonObject *gk_warm_to_json (GkWarm *warm, GkImage *image);
