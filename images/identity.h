/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether sealed files are the ones that were sealed, told without reading them: by inode, size, mtime
 * and ctime, of which no program can set the last; and, where the file system has fs-verity, by the
 * digest that the kernel holds each read against. What was sealed stands in the file `identity` beside
 * them. Any thread. */
#pragma once

#include <glib.h>

/* The files of a golden image; ends with a NULL. */
extern const char *const gk_identity_image[];

/* Writes `identity` for @files (NULL-terminated) in @folder, which are all there and stay as they are;
 * has the kernel see to that where it can. */
gboolean gk_identity_write (int folder, const char *const *files, GError **error);

/* Errors: GK_IMAGE_ERROR_CHANGED, naming the file. */
gboolean gk_identity_check (int folder, const char *const *files, GError **error);

/* Returns: by what gk_identity_check() tells, in words; fs-verity only where every file has it */
const char *gk_identity_means (int folder);
