/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a golden image: root file system by mmdebstrap, disk by mke2fs and qemu-img, finished,
 * inspected and sealed with libguestfs, and moved into the store by one rename.
 *
 * Runs for minutes, in the program genkan-build, one process a build. A build works in
 * `<state-dir>/images/.build-<id>/` and holds a lock there; whatever is left of a build that was
 * killed is removed by gk_build_sweep(). */
#pragma once

#include "images/image.h"
#include "images/recipe.h"

typedef void (*GkBuildProgress) (guint percent, const char *what, gpointer data);

/**
 * gk_build_image:
 * @state_dir: where `images/` is
 * @mirror: (nullable): Debian mirror; %NULL: the one the host itself uses
 * @progress: called from this thread before each step
 *
 * Errors: GK_IMAGE_ERROR_BUSY, GK_IMAGE_ERROR_FAILED, G_IO_ERROR_NO_SPACE, G_IO_ERROR_CANCELLED.
 * Whatever happens, nothing is left but a whole image.
 *
 * Returns: (transfer full): the image, or %NULL with @error set
 */
GkImage *gk_build_image (const GkRecipe *recipe, const char *state_dir, const char *mirror,
                         GkBuildProgress progress, gpointer data, GCancellable *cancellable,
                         GError **error);

/* Removes what interrupted builds left (mounts, then files), if no live process holds their lock.
 * Returns: how many builds that were. */
guint gk_build_sweep (const char *state_dir, GError **error);
