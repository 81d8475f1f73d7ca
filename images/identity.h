/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a sealed image's files are the ones that were sealed, told without reading them: by inode,
 * size, mtime and ctime, of which no program can set the last. Within the image library; any thread. */
#pragma once

#include <glib.h>

/* Writes `identity` for the image in @folder, whose other files are all there and stay as they are. */
gboolean gk_identity_write (int folder, GError **error);

/* Errors: GK_IMAGE_ERROR_CHANGED, naming the file. */
gboolean gk_identity_check (int folder, GError **error);
