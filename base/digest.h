/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of files, as lower-case hex. Any thread. Errors are G_IO_ERROR. */
#pragma once

#include <gio/gio.h>

/**
 * gk_digest_file:
 * @dir: open directory
 * @name: a regular file in it
 *
 * Returns: (transfer full): 64 hex digits, or %NULL with @error set
 */
char *gk_digest_file (int dir, const char *name, GCancellable *cancellable, GError **error);
