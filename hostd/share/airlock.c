/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A copy is made in a file without a name, made durable and read-only, and only then linked to its
 * place. So what fails or is killed half-way leaves nothing, and a full disk gives back all it
 * took.
 *
 * Evidence is linked before it is judged: a kill during a long scan must not lose it. */
#include "hostd/share/airlock.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/files.h"
#include "hostd/share/fit-name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 1000, FOLDERS_DEEP = 16 };

void
gk_passed_free (GkPassed *passed)
{
    if (!passed)
        return;
    g_free (passed->name);
    g_free (passed->path);
    g_free (passed->sha256);
    gk_judgement_clear (&passed->judgement);
    g_free (passed);
}

/* What to do about an error that does not say so itself; ends with a NULL. */
typedef struct {
    GIOErrorEnum code;
    const char *text;
} Advice;

static const Advice on_opening[] = {
    {G_IO_ERROR_MESSAGE_TOO_LARGE,  "raise [share] largest-file-mib in genkand.conf"          },
    { G_IO_ERROR_NOT_FOUND,         "the drop box holds no such file"                         },
    { G_IO_ERROR_NOT_REGULAR_FILE,  "let the guest write a plain file"                        },
    { G_IO_ERROR_TOO_MANY_LINKS,    "links do not pass: let the guest write a file of its own"},
    { G_IO_ERROR_PERMISSION_DENIED, "devices do not pass: let the guest write a plain file"   },
    { 0,                            NULL                                                      },
};

static const Advice on_copying[] = {
    {G_IO_ERROR_MESSAGE_TOO_LARGE, "raise [share] largest-file-mib in genkand.conf"},
    { G_IO_ERROR_NO_SPACE,         "free space where genkan keeps its runs"        },
    { 0,                           NULL                                            },
};

/* Does nothing where @error is not set. */
static void
advise (GError **error, const Advice *advices)
{
    for (; error && *error && advices->text; advices++)
        if (g_error_matches (*error, G_IO_ERROR, advices->code)) {
            g_autofree char *message = (*error)->message;

            (*error)->message = g_strdup_printf ("%s (%s)", message, advices->text);
            return;
        }
}

/* Says what was being done to which file. */
static void
label (GError **error, const char *what, const char *name)
{
    g_autofree char *shown = gk_escape (name, -1);

    g_prefix_error (error, "cannot %s '%s': ", what, shown);
}

/* Copies all of @from into a new nameless file in @dir.
 *
 * Returns: that file, open for reading alone, or -1 with @error set */
static int
copy_nameless (int from, int dir, mode_t mode, guint64 max, GCancellable *cancellable,
               char **ret_sha256, guint64 *ret_size, GError **error)
{
    gk_autofd int to = openat (dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    g_autofree char *self = NULL;
    int read_only;

    if (to < 0) {
        gk_set_errno (error, errno, "cannot make a file for the copy");
        return -1;
    }
    if (!gk_fd_copy (from, to, max, cancellable, ret_sha256, ret_size, error))
        return -1;
    if (fchmod (to, mode) < 0 || fsync (to) < 0) {
        gk_set_errno (error, errno, "cannot keep the copy");
        return -1;
    }
    self = g_strdup_printf ("/proc/self/fd/%d", to);
    read_only = open (self, O_RDONLY | O_CLOEXEC);
    if (read_only < 0)
        gk_set_errno (error, errno, "cannot read the copy");
    return read_only;
}

/* Gives a nameless file the name @name in @dir, unless there is one: then EEXIST. Returns: errno */
static int
link_nameless (int fd, int dir, const char *name)
{
    g_autofree char *self = g_strdup_printf ("/proc/self/fd/%d", fd);

    return linkat (AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
}

/* The number behind the largest there is, so that none is ever used twice. */
static guint64
next_number (int dir)
{
    int again = openat (dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir (again);
    guint64 largest = 0;
    struct dirent *entry;

    if (!stream) {
        gk_fd_close (again);
        return 1;
    }
    while ((entry = readdir (stream)))
        largest = MAX (largest, g_ascii_strtoull (entry->d_name, NULL, 10));
    closedir (stream);
    return largest + 1;
}

static gboolean
link_evidence (int fd, const char *folder, int dir, char **ret_path, GError **error)
{
    guint64 n = next_number (dir);
    int failed = EEXIST;

    /* Another thread may take the number first; it is not more than a few. */
    for (guint i = 0; failed == EEXIST && i < TRIES; i++, n++) {
        g_autofree char *name = g_strdup_printf ("%" G_GUINT64_FORMAT, n);

        failed = link_nameless (fd, dir, name);
        if (!failed)
            *ret_path = g_build_filename (folder, name, NULL);
    }
    if (!failed && fsync (dir) < 0)
        failed = errno;
    return failed ? gk_set_errno (error, failed, "cannot keep the copy in %s", folder) : TRUE;
}

/* Copies @from, from where it stands, to the next number in @place. */
static gboolean
keep (const char *place, int from, guint64 max, GCancellable *cancellable, GkPassed *passed,
      int *ret_fd, GError **error)
{
    gk_autofd int dir = gk_open_dir (place, error), copy = -1;

    if (dir < 0)
        return FALSE;
    copy = copy_nameless (from, dir, 0400, max, cancellable, &passed->sha256, &passed->size, error);
    if (copy < 0 || !link_evidence (copy, place, dir, &passed->path, error))
        return FALSE;
    *ret_fd = gk_steal_fd (&copy);
    return TRUE;
}

/* Copies @from to the evidence of @side (`in`, `out`), and judges that copy. */
static GkPassed *
pass (const char *folder, const char *side, const GkScannerConfig *scanners, int from,
      const char *name, guint64 max, GCancellable *cancellable, GError **error)
{
    g_autofree char *top = g_build_filename (folder, "evidence", NULL);
    g_autofree char *place = g_build_filename (top, side, NULL);
    g_autoptr (GkPassed) passed = g_new0 (GkPassed, 1);
    gk_autofd int copy = -1;

    if (!gk_dir_ensure (top, 0700, error) || !gk_dir_ensure (place, 0700, error) ||
        !keep (place, from, max, cancellable, passed, &copy, error)) {
        advise (error, on_copying);
        return NULL;
    }
    passed->name = g_strdup (name);
    if (!gk_scan_judge (scanners, copy, name, cancellable, &passed->judgement, error))
        return NULL;
    return g_steal_pointer (&passed);
}

static gboolean
rewind_source (int fd, guint64 max, GError **error)
{
    if (!gk_airlock_check_source (fd, max, error))
        return FALSE;
    return lseek (fd, 0, SEEK_SET) == 0 || gk_set_errno (error, errno, "cannot read the file");
}

GkPassed *
gk_airlock_bring (const char *folder, const GkScannerConfig *scanners, int fd, const char *name,
                  guint64 max, GCancellable *cancellable, GError **error)
{
    GkPassed *passed = NULL;

    if (rewind_source (fd, max, error))
        passed = pass (folder, "in", scanners, fd, name, max, cancellable, error);
    if (!passed)
        label (error, "bring in", name);
    return passed;
}

/* `..` inside the path would not get out of the drop box, but the kernel retries it for as long as
 * a guest renames folders. */
static gboolean
is_plain_path (const char *path)
{
    g_auto (GStrv) parts = g_strsplit (path, "/", -1);

    for (gsize i = 0; parts[i]; i++)
        if (!*parts[i] || g_str_equal (parts[i], ".") || g_str_equal (parts[i], ".."))
            return FALSE;
    return parts[0] != NULL;
}

static int
open_in_drop_box (const char *share, const char *name, guint64 max, GError **error)
{
    g_autofree char *path = g_build_filename (share, "outbound", NULL);
    gk_autofd int dir = gk_open_dir (path, error), fd = -1;

    if (dir < 0)
        return -1;
    if (!is_plain_path (name)) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME,
                             "not a path of names below the drop box");
        return -1;
    }
    /* O_NONBLOCK: a pipe must not hold us. */
    fd = gk_open_beneath (dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, error);
    if (fd < 0 || !gk_fd_check_plain (fd, max, NULL, error)) {
        advise (error, on_opening);
        return -1;
    }
    return gk_steal_fd (&fd);
}

GkPassed *
gk_airlock_take (const char *share, const char *folder, const GkScannerConfig *scanners,
                 const char *name, guint64 max, GCancellable *cancellable, GError **error)
{
    gk_autofd int fd = open_in_drop_box (share, name, max, error);
    GkPassed *passed =
        fd < 0 ? NULL : pass (folder, "out", scanners, fd, name, max, cancellable, error);

    if (!passed)
        label (error, "take", name);
    return passed;
}

/* Under the first name of its kind that is free. */
static gboolean
link_fit (int fd, int dir, const char *claimed, char **ret_guest_name, GError **error)
{
    int failed = EEXIST;

    for (guint copy = 1; failed == EEXIST && copy <= TRIES; copy++) {
        g_autofree char *name = gk_fit_name (claimed, copy);

        failed = link_nameless (fd, dir, name);
        if (!failed)
            *ret_guest_name = g_steal_pointer (&name);
    }
    return failed ? gk_set_errno (error, failed, "cannot give it a name in the guest") : TRUE;
}

/* The folder of inbound that a relative path of the host's names, made where it is missing: each
 * name fit for the guest. Inbound is ours alone, so what is there was made by us.
 *
 * Returns: a descriptor, or -1 with @error set; @path gets the folder's path, with a `/` at its end
 */
static int
open_folder_of (const char *claimed, int inbound, GString *path, GError **error)
{
    g_auto (GStrv) parts = g_strsplit (claimed, "/", -1);
    guint n = g_strv_length (parts);
    gk_autofd int dir = dup (inbound);

    if (n > FOLDERS_DEEP + 1) {
        gk_set_errno (error, ENAMETOOLONG, "folders in folders, deeper than %d", FOLDERS_DEEP);
        return -1;
    }
    for (guint i = 0; dir >= 0 && i + 1 < n; i++) {
        g_autofree char *name = gk_fit_name (parts[i], 1);
        int sub;

        if (mkdirat (dir, name, 0755) < 0 && errno != EEXIST) {
            gk_set_errno (error, errno, "cannot make a folder in the guest");
            return -1;
        }
        sub = gk_open_beneath (dir, name, O_RDONLY | O_DIRECTORY, error);
        if (sub < 0)
            return -1;
        gk_fd_close (dir);
        dir = sub;
        g_string_append_printf (path, "%s/", name);
    }
    return gk_steal_fd (&dir);
}

/* What the guest sees is a second copy, not a link to the evidence: guest users must be able to
 * read it (0444), evidence is root's alone (0400), and both are modes of the inode. And whoever
 * breaks out through virtiofsd still does not hold the evidence's inode. */
static gboolean
admit (const char *share, const GkPassed *passed, char **ret_guest_name, GError **error)
{
    g_autofree char *path = g_build_filename (share, "inbound", NULL), *sha256 = NULL;
    gk_autofd int from = open (passed->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gk_autofd int inbound = -1, dir = -1, copy = -1;
    g_autoptr (GString) folder = g_string_new (NULL);
    g_autofree char *name = NULL;
    const char *slash = strrchr (passed->name, '/');

    if (from < 0)
        return gk_set_errno (error, errno, "cannot open %s", passed->path);
    inbound = gk_open_dir (path, error);
    if (inbound >= 0)
        dir = open_folder_of (passed->name, inbound, folder, error);
    if (dir < 0)
        return FALSE;
    copy = copy_nameless (from, dir, 0444, passed->size, NULL, &sha256, NULL, error);
    if (copy < 0)
        return FALSE;
    if (!g_str_equal (sha256, passed->sha256)) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     "%s is not what was judged any more: bring the file in again", passed->path);
        return FALSE;
    }
    if (!link_fit (copy, dir, slash ? slash + 1 : passed->name, &name, error))
        return FALSE;
    *ret_guest_name = g_strconcat (folder->str, name, NULL);
    return TRUE;
}

gboolean
gk_airlock_admit (const char *share, const GkPassed *passed, char **ret_guest_name, GError **error)
{
    if (admit (share, passed, ret_guest_name, error))
        return TRUE;
    advise (error, on_copying);
    label (error, "show in the guest", passed->name);
    return FALSE;
}
