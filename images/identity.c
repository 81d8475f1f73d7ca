/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/identity.h"

#include "base/fd.h"
#include "base/files.h"
#include "images/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <string.h>
#include <sys/ioctl.h>

#define IDENTITY "identity"
#define VERITY " verity="

enum { IDENTITY_MAX = 4096, VERITY_BYTES = 64 };

const char *const gk_identity_image[] = { "disk.qcow2", "vmlinuz", "initrd.img", "manifest.json",
                                          NULL };

static int
open_sealed (int folder, const char *name, struct stat *ret, GError **error)
{
    gk_autofd int fd = openat (folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 || fstat (fd, ret) < 0) {
        gk_set_errno (error, errno, "cannot open %s", name);
        return -1;
    }
    if (S_ISREG (ret->st_mode))
        return gk_steal_fd (&fd);
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "%s is not a regular file", name);
    return -1;
}

/* Once it is on, the kernel lets nobody write to the file. Most file systems cannot: then the stat
 * alone must do. */
static void
turn_verity_on (int fd)
{
    struct fsverity_enable_arg wanted = { .version = 1,
                                          .hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
                                          .block_size = 4096 };

    ioctl (fd, FS_IOC_ENABLE_VERITY, &wanted);
}

static void
append_verity (GString *text, int fd)
{
    struct {
        struct fsverity_digest head;
        guint8 bytes[VERITY_BYTES];
    } found = { .head.digest_size = VERITY_BYTES };

    if (ioctl (fd, FS_IOC_MEASURE_VERITY, &found) < 0)
        return;
    g_string_append (text, VERITY);
    for (guint i = 0; i < MIN (found.head.digest_size, VERITY_BYTES); i++)
        g_string_append_printf (text, "%02x", found.head.digest[i]);
}

/* One line of `identity`. */
static gboolean
append (GString *text, int folder, const char *name, gboolean seal, GError **error)
{
    struct stat st;
    gk_autofd int fd = open_sealed (folder, name, &st, error);

    if (fd < 0)
        return FALSE;
    if (seal) {
        turn_verity_on (fd);
        fstat (fd, &st);
    }
    g_string_append_printf (text,
                            "%s inode=%" G_GUINT64_FORMAT " size=%" G_GINT64_FORMAT
                            " mtime=%" G_GINT64_FORMAT ".%09ld ctime=%" G_GINT64_FORMAT ".%09ld",
                            name, (guint64) st.st_ino, (gint64) st.st_size,
                            (gint64) st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                            (gint64) st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    append_verity (text, fd);
    return TRUE;
}

gboolean
gk_identity_write (int folder, const char *const *files, GError **error)
{
    g_autoptr (GString) text = g_string_new (NULL);

    for (guint i = 0; files[i]; i++) {
        if (!append (text, folder, files[i], TRUE, error))
            return FALSE;
        g_string_append_c (text, '\n');
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

    if (!bytes)
        return changed (error, IDENTITY, "cannot be read");
    lines = g_strsplit (g_bytes_get_data (bytes, NULL), "\n", -1);
    if (g_strv_length (lines) != g_strv_length ((char **) files) + 1)
        return changed (error, IDENTITY, "is not as it was written");
    for (guint i = 0; files[i]; i++) {
        g_autoptr (GString) now = g_string_new (NULL);

        if (!append (now, folder, files[i], FALSE, NULL))
            return changed (error, files[i], "is gone");
        if (!g_str_equal (now->str, lines[i]))
            return changed (error, files[i], "was touched after it was sealed");
    }
    return TRUE;
}

const char *
gk_identity_means (int folder)
{
    g_autoptr (GBytes) bytes = gk_file_read (folder, IDENTITY, IDENTITY_MAX, NULL);

    guint files = 0, guarded = 0;

    for (const char *at = bytes ? g_bytes_get_data (bytes, NULL) : ""; *at;) {
        const char *end = at + strcspn (at, "\n");

        files++;
        guarded += g_strstr_len (at, end - at, VERITY) != NULL;
        at = *end ? end + 1 : end;
    }
    if (files > 0 && guarded == files)
        return "fs-verity, inode, size, mtime, ctime";
    return "inode, size, mtime, ctime";
}
