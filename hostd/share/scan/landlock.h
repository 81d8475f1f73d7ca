/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Landlock without any path, port or peer allowed. Errors are G_IO_ERROR. */
#pragma once

#include <gio/gio.h>

/**
 * gk_landlock_restrict:
 * @ret_there: (out): whether the kernel has Landlock; where it has not, nothing is done
 *
 * Takes from this thread, for good, all that the running kernel's Landlock can take. No new
 * privileges must be possible already. Needs one free descriptor.
 */
gboolean gk_landlock_restrict (gboolean *ret_there, GError **error);
