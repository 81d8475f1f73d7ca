/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors: closing them by scope, and opening paths that somebody else may have laid.
 *
 * Any thread. Errors are G_IO_ERROR. */
#pragma once

#include <glib.h>
#include <sys/stat.h>

void gk_fd_close (int fd);

static inline void
gk_fd_cleanup (int *fd)
{
    gk_fd_close (*fd);
}

/* A descriptor that is closed when its scope ends; -1 is none. */
#define gk_autofd __attribute__ ((cleanup (gk_fd_cleanup)))

/* Hands a descriptor over: the variable keeps -1. */
static inline int
gk_steal_fd (int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

/**
 * gk_open_beneath:
 * @dir: open directory
 * @path: relative path, which may have been made by a guest
 * @flags: open(2) flags; O_CLOEXEC and O_NOFOLLOW are always added
 *
 * Opens @path with openat2(2) so that no component leaves @dir, is a symbolic or magic link, or
 * stands on another mount.
 *
 * Returns: the descriptor, or -1 with @error set
 */
int gk_open_beneath (int dir, const char *path, int flags, GError **error);

/**
 * gk_open_dir:
 * @path: a path of our own
 *
 * Returns: an O_DIRECTORY descriptor, or -1 with @error set
 */
int gk_open_dir (const char *path, GError **error);

/**
 * gk_fd_check_plain:
 * @fd: what was opened
 * @max: largest size allowed, bytes
 * @ret_st: (out) (optional): its stat(2)
 *
 * That @fd is a regular file with one link and no set-id bit, and not over @max. Errors:
 * G_IO_ERROR_NOT_REGULAR_FILE, G_IO_ERROR_TOO_MANY_LINKS, G_IO_ERROR_MESSAGE_TOO_LARGE.
 */
gboolean gk_fd_check_plain (int fd, guint64 max, struct stat *ret_st, GError **error);

/* Sets @error from @errnum as "WHAT: strerror" in G_IO_ERROR; returns FALSE, for a tail call. */
gboolean gk_set_errno (GError **error, int errnum, const char *what, ...) G_GNUC_PRINTF (3, 4);
