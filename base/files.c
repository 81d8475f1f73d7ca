/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/files.h"

#include "base/fd.h"
#include "base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { COPY_CHUNK = 1 << 18, TREE_DEPTH = 1100, LOCK_POLL_US = 50000, READ_MORE = 4096 };

gboolean
gk_fd_write_all (int fd, const void *data, gsize size, GError **error)
{
    const char *at = data;

    while (size > 0) {
        gssize n = write (fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gk_set_errno (error, errno, "cannot write");
        at += n;
        size -= (gsize) n;
    }
    return TRUE;
}

gboolean
gk_file_replace (int dir, const char *name, const void *data, gsize size, mode_t mode,
                 GError **error)
{
    g_autofree char *temporary = g_strdup_printf (".%s.%08x", name, g_random_int ());
    gk_autofd int fd = openat (dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    if (fd < 0)
        return gk_set_errno (error, errno, "cannot create %s", name);
    if (!gk_fd_write_all (fd, data, size, error)) {
        g_prefix_error (error, "%s: ", name);
        unlinkat (dir, temporary, 0);
        return FALSE;
    }
    if (fchmod (fd, mode) < 0 || fsync (fd) < 0 || renameat (dir, temporary, dir, name) < 0) {
        gk_set_errno (error, errno, "cannot write %s", name);
        unlinkat (dir, temporary, 0);
        return FALSE;
    }
    if (fsync (dir) < 0)
        return gk_set_errno (error, errno, "cannot sync the directory of %s", name);
    return TRUE;
}

static GBytes *
set_too_large (gsize max, GError **error)
{
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                 "the file is larger than %" G_GSIZE_FORMAT " bytes", max);
    return NULL;
}

/* To its end, not to its size: a file of the kernel's says that it has none. */
GBytes *
gk_fd_read_all (int fd, gsize max, GError **error)
{
    struct stat st;
    g_autoptr (GByteArray) data = g_byte_array_new ();
    gsize got = 0;

    if (fstat (fd, &st) < 0 || !S_ISREG (st.st_mode)) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "not a regular file");
        return NULL;
    }
    if ((guint64) st.st_size > max)
        return set_too_large (max, error);
    g_byte_array_set_size (data, (guint) MIN ((gsize) st.st_size, max) + READ_MORE);
    for (;;) {
        gssize n = pread (fd, data->data + got, data->len - got, (off_t) got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            gk_set_errno (error, errno, "cannot read");
            return NULL;
        }
        if (n == 0)
            break;
        got += (gsize) n;
        if (got > max)
            return set_too_large (max, error);
        if (got == data->len)
            g_byte_array_set_size (data, (guint) (got + READ_MORE));
    }
    g_byte_array_set_size (data, (guint) got + 1);
    data->data[got] = '\0';
    return g_bytes_new_with_free_func (data->data, got, (GDestroyNotify) g_byte_array_unref,
                                       g_byte_array_ref (data));
}

GBytes *
gk_file_read (int dir, const char *name, gsize max, GError **error)
{
    gk_autofd int fd = openat (dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    GBytes *bytes;

    if (fd < 0) {
        gk_set_errno (error, errno, "cannot open %s", name);
        return NULL;
    }
    bytes = gk_fd_read_all (fd, max, error);
    if (!bytes)
        g_prefix_error (error, "%s: ", name);
    return bytes;
}

gboolean
gk_fd_copy (int from, int to, guint64 max, GCancellable *cancellable, char **ret_sha256,
            guint64 *ret_size, GError **error)
{
    g_autofree char *chunk = g_malloc (COPY_CHUNK);
    g_autoptr (GkSha256) sum = gk_sha256_new ();
    guint64 total = 0;

    for (;;) {
        gssize n = read (from, chunk, COPY_CHUNK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gk_set_errno (error, errno, "cannot read");
        if (n == 0)
            break;
        total += (guint64) n;
        if (total > max) {
            g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                         "larger than the limit of %" G_GUINT64_FORMAT " bytes", max);
            return FALSE;
        }
        if (g_cancellable_set_error_if_cancelled (cancellable, error))
            return FALSE;
        gk_sha256_update (sum, chunk, (gsize) n);
        if (!gk_fd_write_all (to, chunk, (gsize) n, error))
            return FALSE;
    }
    if (ret_sha256)
        *ret_sha256 = gk_sha256_finish (sum);
    if (ret_size)
        *ret_size = total;
    return TRUE;
}

int
gk_lock_wait (int dir, const char *name, GCancellable *cancellable, GError **error)
{
    gk_autofd int fd = openat (dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        gk_set_errno (error, errno, "cannot open %s", name);
        return -1;
    }
    while (flock (fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            gk_set_errno (error, errno, "cannot lock %s", name);
            return -1;
        }
        if (g_cancellable_set_error_if_cancelled (cancellable, error))
            return -1;
        g_usleep (LOCK_POLL_US);
    }
    return gk_steal_fd (&fd);
}

gboolean
gk_dir_ensure (const char *path, mode_t mode, GError **error)
{
    if (g_mkdir_with_parents (path, (int) mode) < 0)
        return gk_set_errno (error, errno, "cannot make directory %s", path);
    return TRUE;
}

static gboolean tree_remove_at (int dir, const char *name, guint depth, GError **error);

static gboolean
tree_empty (int dir, guint depth, GError **error)
{
    DIR *stream = fdopendir (dir);
    struct dirent *entry;
    gboolean ok = TRUE;

    if (!stream) {
        gk_fd_close (dir);
        return gk_set_errno (error, errno, "cannot list a directory");
    }
    while (ok && (entry = readdir (stream)))
        if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
            ok = tree_remove_at (dirfd (stream), entry->d_name, depth + 1, error);
    closedir (stream);
    return ok;
}

static gboolean
tree_remove_at (int dir, const char *name, guint depth, GError **error)
{
    int sub;

    if (unlinkat (dir, name, 0) == 0 || errno == ENOENT)
        return TRUE;
    if (errno != EISDIR && errno != EPERM)
        return gk_set_errno (error, errno, "cannot remove a file");
    if (depth > TREE_DEPTH)
        return gk_set_errno (error, ELOOP, "cannot remove a directory");
    sub = gk_open_beneath (dir, name, O_RDONLY | O_DIRECTORY, error);
    if (sub < 0 || !tree_empty (sub, depth, error))
        return FALSE;
    if (unlinkat (dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return gk_set_errno (error, errno, "cannot remove a directory");
    return TRUE;
}

gboolean
gk_tree_remove (int dir, const char *name, GError **error)
{
    if (tree_remove_at (dir, name, 0, error))
        return TRUE;
    g_prefix_error (error, "%s: ", name);
    return FALSE;
}

gboolean
gk_tree_remove_path (const char *path, GError **error)
{
    g_autofree char *parent = g_path_get_dirname (path), *name = g_path_get_basename (path);
    gk_autofd int dir = open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0 && errno == ENOENT)
        return TRUE;
    if (dir < 0)
        return gk_set_errno (error, errno, "cannot open directory %s", parent);
    return gk_tree_remove (dir, name, error);
}
