/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Held files: who may release what, and that the very inode that was judged is given, once. */
#include "hostd/held.h"

#include "base/files.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/ledger.h"
#include "hostd/report.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OWNER = 64321 };

#define RUN "abcdefgh"

typedef struct {
    char *state, *folder;
    GkHost host;
} Fixture;

static void
write_file (const char *folder, const char *name, const char *text, mode_t mode)
{
    g_autofree char *path = g_build_filename (folder, name, NULL);

    g_assert_true (g_file_set_contents (path, text, -1, NULL));
    g_assert_cmpint (g_chmod (path, mode), ==, 0);
}

static void
put_outbound (GkLedger *ledger, guint number, const char *name, const char *content,
              const char *verdict, gboolean vouched)
{
    g_autofree char *sha256 = g_compute_checksum_for_string (G_CHECKSUM_SHA256, content, -1);
    JsonObject *members = json_object_new ();

    gk_json_set_text (members, "name", name);
    json_object_set_int_member (members, "size", (gint64) strlen (content));
    json_object_set_string_member (members, "sha256", sha256);
    json_object_set_string_member (members, "verdict", verdict);
    json_object_set_string_member (members, "state", "held");
    json_object_set_boolean_member (members, "vouched", vouched);
    json_object_set_string_member (members, "why", "it was so");
    json_object_set_int_member (members, "number", number);
    g_assert_true (gk_ledger_append (ledger, GK_LEDGER_DURABLE, "outbound", members, NULL));
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
    g_autofree char *out = NULL;
    g_autoptr (GkLedger) ledger = NULL;
    g_autofree char *record =
        g_strdup_printf ("{\"format\":1,\"uid\":%d,\"id\":\"" RUN "\"}", OWNER);

    fixture->state = g_dir_make_tmp ("genkan-held-XXXXXX", NULL);
    fixture->host.state_dir = fixture->state;
    fixture->folder = g_build_filename (fixture->state, "runs", RUN, NULL);
    out = g_build_filename (fixture->folder, "evidence", "out", NULL);
    g_assert_true (gk_dir_ensure (out, 0700, NULL));
    write_file (fixture->folder, "run.json", record, 0600);
    write_file (out, "1", "clean", 0400);
    write_file (out, "2", "bad", 0400);
    write_file (out, "3", "changed", 0400);
    ledger = gk_ledger_open (fixture->folder, NULL);
    put_outbound (ledger, 1, "a/../note\xe2\x80\xae.txt", "clean", "clean", TRUE);
    put_outbound (ledger, 2, "bad.exe", "bad", "malicious", FALSE);
    put_outbound (ledger, 3, "c", "what it was", "clean", TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
    g_assert_true (gk_tree_remove_path (fixture->state, NULL));
    g_free (fixture->folder);
    g_free (fixture->state);
}

static JsonObject *
decide (Fixture *fixture, guint number, gboolean operator, gboolean drop, int *ret_code)
{
    GkHeldWish wish = { .host = &fixture->host,
                        .caller = operator? 0 : OWNER,
                        .operator= operator,
                        .folder = fixture->folder,
                        .number = number,
                        .zone = TRUE,
                        .drop = drop };
    GkJob *job = gk_job_new_unattended ();
    g_autoptr (GError) error = NULL;
    JsonObject *result = gk_held_decide_run (job, &wish, &error);

    gk_job_free_unattended (job);
    g_assert_true ((result != NULL) == (error == NULL));
    *ret_code = error ? error->code : -1;
    if (error)
        g_test_message ("%s", error->message);
    return result;
}

static guint
count_held (Fixture *fixture, uid_t caller, gboolean operator)
{
    GkHeldWish wish = { .host = &fixture->host, .caller = caller, .operator= operator};
    GkJob *job = gk_job_new_unattended ();
    g_autoptr (JsonObject) result = gk_held_list_run (job, &wish, NULL);

    gk_job_free_unattended (job);
    return json_array_get_length (gk_json_array (result, "held"));
}

static void
test_release (Fixture *fixture, gconstpointer data)
{
    int code;
    g_autoptr (JsonObject) file = decide (fixture, 1, FALSE, FALSE, &code);
    const char *path = gk_json_string (file, "path", NULL);
    g_autofree char *evidence = g_build_filename (fixture->folder, "evidence/out/1", NULL);
    g_autofree char *zone = g_strconcat (path, ":Zone.Identifier", NULL), *text = NULL;
    g_autofree char *place = g_path_get_dirname (path), *name = g_path_get_basename (path);
    struct stat given, kept, folder;
    char origin[200] = "";

    g_assert_cmpint (stat (path, &given), ==, 0);
    g_assert_cmpint (stat (evidence, &kept), ==, 0);
    g_assert_cmpint (stat (place, &folder), ==, 0);
    g_assert_cmpuint (given.st_ino, ==, kept.st_ino);
    g_assert_cmpuint (given.st_uid, ==, 0);
    g_assert_cmpuint (given.st_mode & 07777, ==, 0444);
    g_assert_cmpuint (folder.st_uid, ==, OWNER);
    g_assert_cmpuint (folder.st_mode & 07777, ==, 0700);
    g_assert_cmpstr (name, ==, "note_.txt");
    if (getxattr (path, "user.xdg.origin.url", origin, sizeof origin - 1) >= 0)
        g_assert_cmpstr (origin, ==, "genkan:" RUN "/a/../note%E2%80%AE.txt");
    g_assert_true (g_file_get_contents (zone, &text, NULL, NULL));
    g_assert_true (strstr (text, "ZoneId=3\r\n"));
}

static void
test_release_once (Fixture *fixture, gconstpointer data)
{
    int code;
    JsonObject *file = decide (fixture, 1, FALSE, FALSE, &code);

    json_object_unref (file);
    g_assert_cmpuint (count_held (fixture, OWNER, FALSE), ==, 2);
    g_assert_null (decide (fixture, 1, TRUE, FALSE, &code));
    g_assert_cmpint (code, ==, GK_API_ERROR_NOT_FOUND);
}

/* Never over a file that is there, whoever put it there. */
static void
test_release_over_nothing (Fixture *fixture, gconstpointer data)
{
    g_autofree char *place = g_strdup_printf ("%s/released/%d", fixture->state, OWNER);
    g_autofree char *there = g_build_filename (place, "note_.txt", NULL), *name = NULL;
    g_autoptr (JsonObject) file = NULL;
    int code;

    g_assert_true (gk_dir_ensure (place, 0700, NULL));
    g_assert_cmpint (symlink ("/etc/passwd", there), ==, 0);
    file = decide (fixture, 1, FALSE, FALSE, &code);
    name = g_path_get_basename (gk_json_string (file, "path", ""));
    g_assert_cmpstr (name, ==, "note_ (2).txt");
}

/* What cannot be given as it was asked for is not given, and stays held. */
static void
test_release_in_whole (Fixture *fixture, gconstpointer data)
{
    g_autofree char *place = g_strdup_printf ("%s/released/%d", fixture->state, OWNER);
    g_autofree char *given = g_build_filename (place, "note_.txt", NULL);
    g_autofree char *zone = g_strconcat (given, ":Zone.Identifier", NULL);
    int code;

    g_assert_true (gk_dir_ensure (place, 0700, NULL));
    g_assert_cmpint (symlink ("/etc/passwd", zone), ==, 0);
    g_assert_null (decide (fixture, 1, FALSE, FALSE, &code));
    g_assert_false (g_file_test (given, G_FILE_TEST_EXISTS));
    g_assert_cmpuint (count_held (fixture, OWNER, FALSE), ==, 3);
}

static void
test_roles (Fixture *fixture, gconstpointer data)
{
    g_autoptr (JsonObject) file = NULL;
    int code;

    g_assert_cmpuint (count_held (fixture, OWNER + 1, FALSE), ==, 0);
    g_assert_cmpuint (count_held (fixture, OWNER + 1, TRUE), ==, 3);
    g_assert_null (decide (fixture, 2, FALSE, FALSE, &code));
    g_assert_cmpint (code, ==, GK_API_ERROR_REFUSED);
    file = decide (fixture, 2, TRUE, FALSE, &code);
    g_assert_cmpstr (gk_json_string (file, "state", NULL), ==, "released");
}

static void
test_changed_evidence (Fixture *fixture, gconstpointer data)
{
    int code;

    g_assert_null (decide (fixture, 3, TRUE, FALSE, &code));
    g_assert_cmpint (code, ==, G_IO_ERROR_INVALID_DATA);
    g_assert_cmpuint (count_held (fixture, OWNER, FALSE), ==, 3);
}

static void
test_drop (Fixture *fixture, gconstpointer data)
{
    g_autofree char *evidence = g_build_filename (fixture->folder, "evidence/out/2", NULL);
    g_autoptr (JsonObject) report = NULL;
    JsonObject *dropped;
    int code;

    json_object_unref (decide (fixture, 2, TRUE, TRUE, &code));
    g_assert_null (decide (fixture, 2, TRUE, FALSE, &code));
    g_assert_cmpint (code, ==, GK_API_ERROR_NOT_FOUND);
    g_assert_cmpint (access (evidence, F_OK), ==, 0);
    report = gk_report_build (fixture->folder, NULL);
    dropped = gk_json_element (gk_json_array (report, "outbound"), 1);
    g_assert_cmpstr (gk_json_string (dropped, "state", NULL), ==, "dropped");
    g_assert_nonnull (gk_json_string (dropped, "decided_by", NULL));
}

static void
add (const char *path, void (*test) (Fixture *fixture, gconstpointer data))
{
    g_test_add (path, Fixture, NULL, set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    add ("/held/release/gives-its-owner-that-very-inode-tagged", test_release);
    add ("/held/release/happens-once", test_release_once);
    add ("/held/release/never-over-what-is-there", test_release_over_nothing);
    add ("/held/release/in-whole-or-not-at-all", test_release_in_whole);
    add ("/held/release/of-what-is-not-clean-needs-an-operator", test_roles);
    add ("/held/release/refuses-evidence-that-has-changed", test_changed_evidence);
    add ("/held/drop/is-told-and-keeps-the-evidence", test_drop);
    return g_test_run ();
}
