/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/identity.h"

#include "base/fd.h"
#include "base/files.h"
#include "images/image.h"

#include <errno.h>
#include <fcntl.h>

#define IDENTITY "identity"

enum { IDENTITY_MAX = 4096 };

const char *const gk_identity_image[] = { "disk.qcow2", "vmlinuz", "initrd.img", "manifest.json",
                                          NULL };

static void
append (GString *text, const char *name, const struct stat *st)
{
    g_string_append_printf (text,
                            "%s inode=%" G_GUINT64_FORMAT " size=%" G_GINT64_FORMAT
                            " mtime=%" G_GINT64_FORMAT ".%09ld ctime=%" G_GINT64_FORMAT ".%09ld\n",
                            name, (guint64) st->st_ino, (gint64) st->st_size,
                            (gint64) st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                            (gint64) st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static gboolean
stat_sealed (int folder, const char *name, struct stat *ret, GError **error)
{
    if (fstatat (folder, name, ret, AT_SYMLINK_NOFOLLOW) < 0)
        return gk_set_errno (error, errno, "cannot stat %s", name);
    if (S_ISREG (ret->st_mode))
        return TRUE;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "%s is not a regular file", name);
    return FALSE;
}

gboolean
gk_identity_write (int folder, const char *const *files, GError **error)
{
    g_autoptr (GString) text = g_string_new (NULL);
    struct stat st;

    for (guint i = 0; files[i]; i++) {
        if (!stat_sealed (folder, files[i], &st, error))
            return FALSE;
        append (text, files[i], &st);
    }
    return gk_file_replace (folder, IDENTITY, text->str, text->len, 0444, error);
}

static gboolean
changed (GError **error, const char *name, const char *how)
{
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED, "%s %s", name, how);
    return FALSE;
}

gboolean
gk_identity_check (int folder, const char *const *files, GError **error)
{
    g_autoptr (GBytes) bytes = gk_file_read (folder, IDENTITY, IDENTITY_MAX, NULL);
    g_auto (GStrv) lines = NULL;
    struct stat st;

    if (!bytes)
        return changed (error, IDENTITY, "cannot be read");
    lines = g_strsplit (g_bytes_get_data (bytes, NULL), "\n", -1);
    if (g_strv_length (lines) != g_strv_length ((char **) files) + 1)
        return changed (error, IDENTITY, "is not as it was written");
    for (guint i = 0; files[i]; i++) {
        g_autoptr (GString) now = g_string_new (NULL);

        if (!stat_sealed (folder, files[i], &st, NULL))
            return changed (error, files[i], "is gone");
        append (now, files[i], &st);
        g_string_truncate (now, now->len - 1);
        if (!g_str_equal (now->str, lines[i]))
            return changed (error, files[i], "was touched after it was sealed");
    }
    return TRUE;
}
