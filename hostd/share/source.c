/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/airlock.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>

static gboolean
refuse (GError **error, GIOErrorEnum code, const char *why)
{
    g_set_error_literal (error, G_IO_ERROR, code, why);
    return FALSE;
}

static const char *
why_not_regular (mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "this is a folder: give the files in it one by one, or an archive of them";
    case S_IFIFO:
        return "this is a pipe: save what it carries to a file and give that";
    case S_IFSOCK:
        return "this is a socket: only files can be given";
    case S_IFLNK:
        return "this is a symbolic link: give the file that it leads to";
    default:
        return "this is a device: only files can be given";
    }
}

gboolean
gk_airlock_check_source (int fd, guint64 max, GError **error)
{
    int flags = fcntl (fd, F_GETFL);
    struct stat st;

    if (flags < 0 || fstat (fd, &st) < 0)
        return gk_set_errno (error, errno, "cannot look at the file");
    if (S_ISDIR (st.st_mode))
        return refuse (error, G_IO_ERROR_IS_DIRECTORY, why_not_regular (st.st_mode));
    if (!S_ISREG (st.st_mode))
        return refuse (error, G_IO_ERROR_NOT_REGULAR_FILE, why_not_regular (st.st_mode));
    if ((flags & O_PATH) || (flags & O_ACCMODE) == O_WRONLY)
        return refuse (error, G_IO_ERROR_PERMISSION_DENIED,
                       "the file is not open for reading: open it so and give it again");
    if (st.st_size == 0)
        return refuse (error, G_IO_ERROR_INVALID_DATA,
                       "the file is empty: there is nothing to look at");
    if ((guint64) st.st_size > max) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                     "the file has %" G_GINT64_FORMAT " bytes, and at most %" G_GUINT64_FORMAT
                     " may pass: raise [share] largest-file-mib in genkand.conf",
                     (gint64) st.st_size, max);
        return FALSE;
    }
    return TRUE;
}
