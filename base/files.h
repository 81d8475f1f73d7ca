/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and directories of our own: written whole or not at all, removed without following links.
 *
 * Any thread. Errors are G_IO_ERROR. */
#pragma once

#include <gio/gio.h>
#include <sys/stat.h>

/**
 * gk_file_replace:
 * @dir: open directory
 * @name: file name in @dir, no slash
 * @mode: permission bits of the new file
 *
 * Writes a temporary file, fsyncs it, renames it over @name and fsyncs @dir: after a crash there is
 * the old file or the new one.
 */
gboolean gk_file_replace (int dir, const char *name, const void *data, gsize size, mode_t mode,
                          GError **error);

/**
 * gk_file_read:
 * @max: largest size taken, bytes; more is G_IO_ERROR_MESSAGE_TOO_LARGE
 *
 * Returns: (transfer full): the content of the regular file @name in @dir, NUL-terminated beyond
 * its size, or %NULL with @error set (G_IO_ERROR_NOT_FOUND where there is none)
 */
GBytes *gk_file_read (int dir, const char *name, gsize max, GError **error);

/* Reads the whole of an open file from offset 0, at most @max bytes; NUL-terminated beyond it. */
GBytes *gk_fd_read_all (int fd, gsize max, GError **error);

/* Writes all of @data to @fd. */
gboolean gk_fd_write_all (int fd, const void *data, gsize size, GError **error);

/**
 * gk_fd_copy:
 * @max: bytes after which the copy stops with G_IO_ERROR_MESSAGE_TOO_LARGE
 * @ret_sha256: (out) (optional): lower-case hex SHA-256 of the bytes written
 * @ret_size: (out) (optional): how many bytes that were
 *
 * Copies what can be read from @from, to its end, whatever its stat says. Interruptible by
 * @cancellable.
 */
gboolean gk_fd_copy (int from, int to, guint64 max, GCancellable *cancellable, char **ret_sha256,
                     guint64 *ret_size, GError **error);

/**
 * gk_lock_wait:
 * @name: a file in @dir, made where there is none
 *
 * Waits until nobody else holds the lock @name. Errors: G_IO_ERROR_CANCELLED.
 *
 * Returns: the descriptor that holds it, or -1 with @error set
 */
int gk_lock_wait (int dir, const char *name, GCancellable *cancellable, GError **error);

/* Makes @path and its parents with @mode, less the umask; one that is there is left as it is. */
gboolean gk_dir_ensure (const char *path, mode_t mode, GError **error);

/**
 * gk_tree_remove:
 * @dir: open directory
 * @name: what to remove from it, with all below
 *
 * Never follows a link and never enters another mount (EXDEV is reported). A missing @name is
 * success.
 */
gboolean gk_tree_remove (int dir, const char *name, GError **error);

/* The same for a path of our own. */
gboolean gk_tree_remove_path (const char *path, GError **error);
