/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

void
gk_fd_close (int fd)
{
    int saved = errno;

    if (fd >= 0)
        close (fd);
    errno = saved;
}

gboolean
gk_set_errno (GError **error, int errnum, const char *what, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start (args, what);
    text = g_strdup_vprintf (what, args);
    va_end (args);
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errnum), "%s: %s", text,
                 g_strerror (errnum));
    return FALSE;
}

int
gk_open_beneath (int dir, const char *path, int flags, GError **error)
{
    struct open_how how = {
        .flags = (guint64) flags | O_CLOEXEC | O_NOFOLLOW,
        .mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? 0600 : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd;

    do
        fd = (int) syscall (SYS_openat2, dir, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd < 0)
        gk_set_errno (error, errno, "cannot open");
    return fd;
}

int
gk_open_dir (const char *path, GError **error)
{
    int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        gk_set_errno (error, errno, "cannot open directory %s", path);
    return fd;
}

gboolean
gk_fd_check_plain (int fd, guint64 max, struct stat *ret_st, GError **error)
{
    struct stat st;

    if (fstat (fd, &st) < 0)
        return gk_set_errno (error, errno, "cannot stat the file");
    if (!S_ISREG (st.st_mode) || (st.st_mode & (S_ISUID | S_ISGID))) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                             "not a plain file (only regular files without set-id bits pass)");
        return FALSE;
    }
    if (st.st_nlink > 1) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_LINKS,
                             "the file has more than one link");
        return FALSE;
    }
    if ((guint64) st.st_size > max) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                     "the file has %" G_GINT64_FORMAT " bytes; the limit is %" G_GUINT64_FORMAT,
                     (gint64) st.st_size, max);
        return FALSE;
    }
    if (ret_st)
        *ret_st = st;
    return TRUE;
}
