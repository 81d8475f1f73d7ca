/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/held.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "base/users.h"
#include "hostd/api/error.h"
#include "hostd/disposable.h"
#include "hostd/ledger.h"
#include "hostd/report.h"
#include "hostd/share/fit-name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { TRIES = 1000 };

void
gk_held_wish_free (GkHeldWish *wish)
{
    g_free (wish->folder);
    g_free (wish);
}

/* --- looking --------------------------------------------------------------------------------- */

static uid_t
owner_of (const char *folder)
{
    g_autoptr (JsonObject) record = gk_disposable_read_record (folder, NULL);

    return (uid_t) gk_json_int (record, "uid", 0);
}

static JsonObject *
describe (const char *run, const char *owner, JsonObject *file)
{
    JsonObject *held = json_object_new ();
    g_autofree char *id =
        g_strdup_printf ("%s/%" G_GINT64_FORMAT, run, gk_json_int (file, "number", 0));

    json_object_set_string_member (held, "id", id);
    json_object_set_string_member (held, "run", run);
    json_object_set_string_member (held, "owner", owner);
    json_object_set_int_member (held, "number", gk_json_int (file, "number", 0));
    gk_json_set_text (held, "name", gk_json_string (file, "name", NULL));
    json_object_set_int_member (held, "size", gk_json_int (file, "size", 0));
    gk_json_set_text (held, "sha256", gk_json_string (file, "sha256", NULL));
    gk_json_set_text (held, "verdict", gk_json_string (file, "verdict", NULL));
    json_object_set_boolean_member (held, "vouched", gk_json_bool (file, "vouched", FALSE));
    gk_json_set_text (held, "why", gk_json_string (file, "why", NULL));
    return held;
}

static void
list_run (const char *folder, JsonArray *all)
{
    g_autoptr (JsonObject) report = gk_report_build (folder, NULL);
    JsonArray *files = report ? gk_json_array (report, "outbound") : NULL;
    g_autofree char *run = g_path_get_basename (folder);
    g_autofree char *owner = gk_user_name (owner_of (folder));

    for (guint i = 0; files && i < json_array_get_length (files); i++) {
        JsonObject *file = gk_json_element (files, i);

        if (g_strcmp0 (gk_json_string (file, "state", NULL), "held") == 0)
            json_array_add_object_element (all, describe (run, owner, file));
    }
}

JsonObject *
gk_held_list_run (GkJob *job, gpointer data, GError **error)
{
    GkHeldWish *wish = data;
    g_autofree char *runs = g_build_filename (wish->host->state_dir, "runs", NULL);
    g_autoptr (GDir) dir = g_dir_open (runs, 0, error);
    JsonObject *result;
    JsonArray *all;
    const char *name;

    if (!dir)
        return NULL;
    all = json_array_new ();
    while ((name = g_dir_read_name (dir)) &&
           !g_cancellable_is_cancelled (gk_job_cancellable (job))) {
        g_autofree char *folder = g_build_filename (runs, name, NULL);

        if (gk_id_valid (name) && (wish->operator|| owner_of (folder) == wish->caller))
            list_run (folder, all);
    }
    result = json_object_new ();
    json_object_set_array_member (result, "held", all);
    return result;
}

/* Returns: (transfer full): what the run's report says of the held file @number */
static JsonObject *
find_held (const char *folder, guint number, GError **error)
{
    g_autoptr (JsonArray) all = json_array_new ();

    list_run (folder, all);
    for (guint i = 0; i < json_array_get_length (all); i++) {
        JsonObject *held = gk_json_element (all, i);

        if (gk_json_int (held, "number", -1) == number)
            return json_object_ref (held);
    }
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                         "no such file is held: 'genkan held ls' shows them");
    return NULL;
}

/* --- decisions ------------------------------------------------------------------------------- */

gboolean
gk_held_read_decisions (const char *folder,
                        void (*func) (const char *event, JsonObject *members, gpointer data),
                        gpointer data, GError **error)
{
    g_autofree char *decisions = g_build_filename (folder, "decisions", NULL);

    return !g_file_test (decisions, G_FILE_TEST_EXISTS) ||
           gk_ledger_read (decisions, func, data, NULL, NULL, error);
}

/* Written before the deed; what is not written down does not happen. */
static gboolean
record (const GkHeldWish *wish, JsonObject *held, const char *event, const char *path,
        GError **error)
{
    g_autofree char *decisions = g_build_filename (wish->folder, "decisions", NULL);
    g_autofree char *by = gk_user_name (wish->caller);
    g_autoptr (GkLedger) ledger = NULL;
    JsonObject *members = json_object_new ();

    json_object_set_int_member (members, "number", wish->number);
    gk_json_set_text (members, "name", gk_json_string (held, "name", NULL));
    gk_json_set_text (members, "sha256", gk_json_string (held, "sha256", NULL));
    gk_json_set_text (members, "verdict", gk_json_string (held, "verdict", NULL));
    json_object_set_string_member (members, "by", by);
    gk_json_set_text (members, "path", path);
    if (gk_dir_ensure (decisions, 0700, error))
        ledger = gk_ledger_open (decisions, error);
    if (ledger)
        return gk_ledger_append (ledger, GK_LEDGER_DURABLE, event, members, error);
    json_object_unref (members);
    return FALSE;
}

static gboolean
may_release (const GkHeldWish *wish, JsonObject *held, GError **error)
{
    const char *verdict = gk_json_string (held, "verdict", "error");

    if (wish->operator)
        return TRUE;
    if (!wish->drop && g_str_equal (verdict, "clean") && gk_json_bool (held, "vouched", FALSE))
        return TRUE;
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                 "its verdict is %s (%s): this needs the role 'operator'", verdict,
                 gk_json_string (held, "why", "nobody vouches for it"));
    return FALSE;
}

/* The evidence, and that it is what was judged. */
static int
open_checked (const GkHeldWish *wish, JsonObject *held, GCancellable *cancellable, GError **error)
{
    g_autofree char *path = g_strdup_printf ("%s/evidence/out/%u", wish->folder, wish->number);
    gk_autofd int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gk_autofd int nowhere = open ("/dev/null", O_WRONLY | O_CLOEXEC);
    g_autofree char *sha256 = NULL;

    if (fd < 0 || nowhere < 0) {
        gk_set_errno (error, errno, "cannot open %s", path);
        return -1;
    }
    if (!gk_fd_copy (fd, nowhere, G_MAXUINT64, cancellable, &sha256, NULL, error))
        return -1;
    if (g_strcmp0 (sha256, gk_json_string (held, "sha256", NULL)) == 0)
        return gk_steal_fd (&fd);
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                 "%s is not what was judged any more: it is not released", path);
    return -1;
}

/* `<state-dir>/released/<uid>`, which is @owner's alone. */
static int
open_place (const GkHeldWish *wish, uid_t owner, char **ret_path, GError **error)
{
    g_autofree char *top = g_build_filename (wish->host->state_dir, "released", NULL);
    g_autofree char *path = g_strdup_printf ("%s/%u", top, owner);
    int dir;

    if (!gk_dir_ensure (top, 0711, error) || !gk_dir_ensure (path, 0700, error))
        return -1;
    dir = gk_open_dir (path, error);
    if (dir >= 0 && fchown (dir, owner, (gid_t) -1) < 0) {
        gk_set_errno (error, errno, "cannot give %s to its owner", path);
        gk_fd_close (dir);
        return -1;
    }
    *ret_path = g_steal_pointer (&path);
    return dir;
}

static char *
origin_of (JsonObject *held)
{
    g_autofree char *name = g_uri_escape_string (gk_json_string (held, "name", ""), "/", FALSE);

    return g_strdup_printf ("genkan:%s/%s", gk_json_string (held, "run", ""), name);
}

/* Where it came from, for whoever finds it later. A file system without such attributes is no
 * reason to keep the file back. */
static gboolean
tag (int fd, const char *origin)
{
    return fsetxattr (fd, "user.xdg.origin.url", origin, strlen (origin), 0) == 0;
}

static gboolean
write_zone (int dir, const char *beside, const char *origin, GError **error)
{
    g_autofree char *text =
        g_strdup_printf ("[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=%s\r\n", origin);
    gk_autofd int fd =
        openat (dir, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);

    if (fd < 0)
        return gk_set_errno (error, errno, "cannot make the Zone.Identifier");
    if (gk_fd_write_all (fd, text, strlen (text), error))
        return TRUE;
    unlinkat (dir, beside, 0);
    return FALSE;
}

/* Links the inode behind @fd under the first free name. Returns: (transfer full): that name */
static char *
link_inode (int fd, int dir, JsonObject *held, GError **error)
{
    g_autofree char *self = g_strdup_printf ("/proc/self/fd/%d", fd);
    g_autofree char *claimed = g_path_get_basename (gk_json_string (held, "name", "file"));

    for (guint copy = 1; copy <= TRIES; copy++) {
        g_autofree char *name = gk_fit_name (claimed, copy);

        if (linkat (AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) == 0)
            return g_steal_pointer (&name);
        if (errno != EEXIST)
            break;
    }
    gk_set_errno (error, errno, "cannot link the released file");
    return NULL;
}

/* The last two steps. What cannot be given as it was asked for, or not be written down, is not
 * given. */
static gboolean
give (const GkHeldWish *wish, JsonObject *held, int dir, const char *name, const char *path,
      GError **error)
{
    g_autofree char *origin = origin_of (held);
    g_autofree char *beside = g_strconcat (name, ":Zone.Identifier", NULL);

    if (!wish->zone || write_zone (dir, beside, origin, error)) {
        if (record (wish, held, "released", path, error))
            return TRUE;
        if (wish->zone)
            unlinkat (dir, beside, 0);
    }
    unlinkat (dir, name, 0);
    return FALSE;
}

static JsonObject *
release (const GkHeldWish *wish, JsonObject *held, GCancellable *cancellable, GError **error)
{
    g_autofree char *origin = origin_of (held), *place = NULL, *name = NULL, *path = NULL;
    gk_autofd int fd = open_checked (wish, held, cancellable, error), dir = -1;
    gboolean tagged;

    if (fd >= 0)
        dir = open_place (wish, owner_of (wish->folder), &place, error);
    if (dir < 0 || !record (wish, held, "releasing", place, error))
        return NULL;
    tagged = tag (fd, origin);
    if (fchmod (fd, 0444) < 0) {
        gk_set_errno (error, errno, "cannot make the file readable for its owner");
        return NULL;
    }
    name = link_inode (fd, dir, held, error);
    path = name ? g_build_filename (place, name, NULL) : NULL;
    if (!name || !give (wish, held, dir, name, path, error))
        return NULL;
    json_object_set_string_member (held, "state", "released");
    gk_json_set_text (held, "path", path);
    gk_json_set_text (held, "origin", tagged ? origin : NULL);
    return json_object_ref (held);
}

JsonObject *
gk_held_decide_run (GkJob *job, gpointer data, GError **error)
{
    static GMutex one_at_a_time; /* or a file could be released and dropped at once */
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&one_at_a_time);
    GkHeldWish *wish = data;
    g_autoptr (JsonObject) held = find_held (wish->folder, wish->number, error);

    if (!held || !may_release (wish, held, error))
        return NULL;
    if (!wish->drop)
        return release (wish, held, gk_job_cancellable (job), error);
    if (!record (wish, held, "dropped", NULL, error))
        return NULL;
    json_object_set_string_member (held, "state", "dropped");
    return json_object_ref (held);
}
