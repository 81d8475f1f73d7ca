/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a golden image: root file system by mmdebstrap, disk by mke2fs and qemu-img, finished,
 * inspected and sealed with libguestfs, and moved into the store by one rename.
 *
 * Runs for minutes, in the program genkan-build, one process a build, in namespaces of its own: what
 * it mounts and starts ends with it. A build works in `<state-dir>/images/.build-<name>+<version>/`
 * and holds a lock on that folder; whatever is left of a build that was killed is removed by
 * gk_build_sweep(). */
#pragma once

#include "images/image.h"
#include "images/recipe.h"

typedef void (*GkBuildProgress) (guint percent, const char *what, gpointer data);

/**
 * gk_build_image:
 * @state_dir: where `images/` is
 * @mirror: (nullable): Debian mirror; %NULL: what the host's own apt uses for that suite
 * @kvm: whether libguestfs may use KVM; else its appliance is emulated, which works anywhere
 * @progress: called from this thread before each step
 *
 * An image of that name, version and recipe digest is returned as it stands; one of another recipe
 * is an error, as images never change. Whatever happens, nothing is left but a whole image.
 *
 * Errors: GK_IMAGE_ERROR_BUSY (it is being built), GK_IMAGE_ERROR_FAILED, G_IO_ERROR_NO_SPACE,
 * G_IO_ERROR_CANCELLED.
 *
 * Returns: (transfer full): the image, or %NULL with @error set
 */
GkImage *gk_build_image (const GkRecipe *recipe, const char *state_dir, const char *mirror,
                         gboolean kvm, GkBuildProgress progress, gpointer data,
                         GCancellable *cancellable, GError **error);

/* Removes what interrupted builds left, if no live process holds their lock. Returns: how many builds
 * that were; 0 with @error set where one cannot be removed. */
guint gk_build_sweep (const char *state_dir, GError **error);
