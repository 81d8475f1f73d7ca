/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "base/spawn.h"
#include "base/verdict.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A directory of the test's own: path and descriptor, removed with all in it. */
typedef struct {
    char *path;
    int fd;
} Folder;

static void
folder_open (Folder *folder, gconstpointer data)
{
    folder->path = g_dir_make_tmp ("genkan-base-XXXXXX", NULL);
    folder->fd = gk_open_dir (folder->path, NULL);
    g_assert_cmpint (folder->fd, >=, 0);
}

static void
folder_close (Folder *folder, gconstpointer data)
{
    g_autoptr (GError) error = NULL;

    gk_tree_remove_path (folder->path, &error);
    g_assert_no_error (error);
    g_assert_cmpint (access (folder->path, F_OK), <, 0);
    gk_fd_close (folder->fd);
    g_free (folder->path);
}

static void
test_escape (void)
{
    static const struct {
        const char *bytes;
        gssize size;
        const char *shown;
    } cases[] = {
        {"plain été 日本",             -1, "plain été 日本"                       },
        { "a\nb\tc\rd\\",                  -1, "a\\nb\\tc\\rd\\\\"                        },
        { "\x1b[31m",                      -1, "\\x1b[31m"                                },
        { "fdp.\u202elnk",                 -1, "fdp.\\u{202e}lnk"                         },
        { "a\u200bb\u00adc\ufeff",         -1, "a\\u{200b}b\\u{00ad}c\\u{feff}"           },
        { "a\u00a0b\u3000c\u2800d\u3164e", -1, "a\\u{00a0}b\\u{3000}c\\u{2800}d\\u{3164}e"},
        { "\xff\xc3",                      -1, "\\xff\\xc3"                               },
        { "a\0b",                          3,  "a\\x00b"                                  },
        { "\xc2\x85\u2028",                -1, "\\u{0085}\\u{2028}"                       },
        { NULL,                            -1, ""                                         },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *shown = gk_escape (cases[i].bytes, cases[i].size);

        g_assert_cmpstr (shown, ==, cases[i].shown);
        g_assert_true (g_utf8_validate (shown, -1, NULL));
    }
}

static void
test_ids (void)
{
    for (guint i = 0; i < 1000; i++) {
        g_autofree char *id = gk_id_new (), *name = gk_name_new ();

        g_assert_true (gk_id_valid (id));
        g_assert_true (gk_name_valid (name));
    }
    g_assert_false (gk_id_valid ("../../et"));
    g_assert_false (gk_id_valid ("abcdefg"));
    g_assert_false (gk_name_valid (""));
    g_assert_false (gk_name_valid (".."));
    g_assert_false (gk_name_valid ("a/b"));
    g_assert_false (gk_name_valid ("123456789012345678901234567890123"));
}

static void
test_replace_is_whole (Folder *folder, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GBytes) bytes = NULL;

    g_assert_true (gk_file_replace (folder->fd, "f", "one", 3, 0600, &error));
    g_assert_true (gk_file_replace (folder->fd, "f", "two!", 4, 0600, &error));
    bytes = gk_file_read (folder->fd, "f", 10, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (g_bytes_get_data (bytes, NULL), ==, "two!");
    g_assert_null (gk_file_read (folder->fd, "f", 3, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

static void
test_open_beneath_stays (Folder *folder, gconstpointer data)
{
    static const char *const bad[] = { "../etc/passwd", "/etc/passwd", "link", "dirlink/passwd",
                                       "sub/../../x" };

    g_assert_cmpint (symlinkat ("/etc/passwd", folder->fd, "link"), ==, 0);
    g_assert_cmpint (symlinkat ("/etc", folder->fd, "dirlink"), ==, 0);
    g_assert_cmpint (mkdirat (folder->fd, "sub", 0700), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_cmpint (gk_open_beneath (folder->fd, bad[i], O_RDONLY, &error), ==, -1);
        g_assert_nonnull (error);
    }
    g_assert_true (gk_file_replace (folder->fd, "ok", "x", 1, 0600, NULL));
    {
        gk_autofd int fd = gk_open_beneath (folder->fd, "ok", O_RDONLY, NULL);

        g_assert_cmpint (fd, >=, 0);
        g_assert_true (gk_fd_check_plain (fd, 1, NULL, NULL));
        g_assert_false (gk_fd_check_plain (fd, 0, NULL, NULL));
        g_assert_cmpint (linkat (folder->fd, "ok", folder->fd, "second", 0), ==, 0);
        g_assert_false (gk_fd_check_plain (fd, 1, NULL, NULL));
    }
}

static void
test_remove_does_not_follow (Folder *folder, gconstpointer data)
{
    g_autoptr (GError) error = NULL;

    g_assert_cmpint (mkdirat (folder->fd, "kept", 0700), ==, 0);
    g_assert_cmpint (mkdirat (folder->fd, "gone", 0700), ==, 0);
    g_assert_cmpint (mkdirat (folder->fd, "gone/deep", 0), ==, 0);
    g_assert_cmpint (symlinkat ("../kept", folder->fd, "gone/link"), ==, 0);
    g_assert_true (gk_file_replace (folder->fd, "kept-file", "x", 1, 0600, NULL));
    g_assert_true (gk_tree_remove (folder->fd, "gone", &error));
    g_assert_no_error (error);
    g_assert_cmpint (faccessat (folder->fd, "gone", F_OK, 0), <, 0);
    g_assert_cmpint (faccessat (folder->fd, "kept", F_OK, 0), ==, 0);
    g_assert_true (gk_tree_remove (folder->fd, "never-there", &error));
}

static void
test_copy_is_capped (Folder *folder, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *sha256 = NULL, *again = NULL;
    gk_autofd int from = -1, to = -1;
    guint64 size = 0;

    g_assert_true (gk_file_replace (folder->fd, "from", "abc", 3, 0600, NULL));
    from = openat (folder->fd, "from", O_RDONLY | O_CLOEXEC);
    to = openat (folder->fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    g_assert_true (gk_fd_copy (from, to, 3, NULL, &sha256, &size, &error));
    g_assert_cmpuint (size, ==, 3);
    g_assert_cmpstr (sha256, ==,
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    again = gk_digest_file (folder->fd, "to", NULL, &error);
    g_assert_cmpstr (again, ==, sha256);
    lseek (from, 0, SEEK_SET);
    g_assert_false (gk_fd_copy (from, to, 2, NULL, NULL, NULL, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

static void
test_json_refuses (void)
{
    g_autofree char *deep = g_strnfill (100, '[');
    const char *const bad[] = { "", "[]", "{", "{\"a\":1", "null", "{\"a\":\"\xff\"}", deep, "{}{}" };
    const char *text = "{\"s\":\"x\",\"n\":7,\"o\":{},\"b\":true}";
    g_autoptr (JsonObject) object = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_null (gk_json_parse (bad[i], strlen (bad[i]), 1000, &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
    g_assert_null (gk_json_parse ("{}", 2, 1, NULL));
    object = gk_json_parse (text, strlen (text), 100, NULL);
    g_assert_nonnull (object);
    g_assert_cmpstr (gk_json_string (object, "s", NULL), ==, "x");
    g_assert_cmpstr (gk_json_string (object, "n", "none"), ==, "none");
    g_assert_cmpint (gk_json_int (object, "n", 0), ==, 7);
    g_assert_true (gk_json_bool (object, "b", FALSE));
    g_assert_nonnull (gk_json_object (object, "o"));
    g_assert_null (gk_json_array (object, "o"));
}

static void
test_json_text_has_no_raw_control (void)
{
    for (guint c = 1; c < 0x20; c++) {
        const char value[] = { 'a', (char) c, 'b', '\0' };
        g_autoptr (JsonObject) object = json_object_new (), again = NULL;
        g_autofree char *text = NULL;

        json_object_set_string_member (object, "s", value);
        text = gk_json_text (object, FALSE);
        for (const char *at = text; *at; at++)
            g_assert_cmpint ((guchar) *at, >=, 0x20);
        again = gk_json_parse (text, strlen (text), 100, NULL);
        g_assert_cmpstr (gk_json_string (again, "s", NULL), ==, value);
    }
}

static void
expect_spawn (const char *script, guint timeout_ms, int code)
{
    const char *const argv[] = { "sh", "-c", script, NULL };
    GkSpawn spec = { .argv = argv, .input = -1, .timeout_ms = timeout_ms, .max_output = 1000 };
    g_autoptr (GError) error = NULL;
    gint64 begun = g_get_monotonic_time ();

    g_assert_false (gk_spawn (&spec, NULL, NULL, NULL, NULL, &error));
    g_assert_error (error, G_IO_ERROR, code);
    g_assert_cmpint (g_get_monotonic_time () - begun, <, 5 * G_USEC_PER_SEC);
}

static void
test_spawn (void)
{
    const char *const argv[] = { "sh", "-c", "cat; echo two >&2; exit 3", NULL };
    GkSpawn spec = { .argv = argv, .input = -1, .timeout_ms = 5000, .max_output = 100 };
    const char *const missing[] = { "/nonexistent/program", NULL };
    g_autoptr (GBytes) out = NULL, err = NULL;
    g_autoptr (GError) error = NULL;
    int status = 0;

    g_assert_true (gk_spawn (&spec, NULL, &out, &err, &status, &error));
    g_assert_cmpint (WEXITSTATUS (status), ==, 3);
    g_assert_cmpuint (g_bytes_get_size (out), ==, 0);
    g_assert_cmpstr (g_bytes_get_data (err, NULL), ==, "two\n");
    spec.argv = missing;
    g_assert_false (gk_spawn (&spec, NULL, NULL, NULL, NULL, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
    expect_spawn ("exit 1", 5000, G_IO_ERROR_FAILED);
    expect_spawn ("sleep 60 & wait", 200, G_IO_ERROR_TIMED_OUT);
    expect_spawn ("exec >&- 2>&-; sleep 60", 200, G_IO_ERROR_TIMED_OUT);
    expect_spawn ("yes", 5000, G_IO_ERROR_MESSAGE_TOO_LARGE);
}

static void
test_verdicts (void)
{
    GkVerdict verdict = GK_VERDICT_ERROR;

    g_assert_true (gk_verdict_from_string ("malicious", &verdict));
    g_assert_cmpint (verdict, ==, GK_VERDICT_MALICIOUS);
    g_assert_false (gk_verdict_from_string ("Clean", &verdict));
    g_assert_cmpint (verdict, ==, GK_VERDICT_MALICIOUS);
    g_assert_cmpint (gk_verdict_worse (GK_VERDICT_CLEAN, GK_VERDICT_UNSCANNABLE), ==,
                     GK_VERDICT_UNSCANNABLE);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/escape/shows-what-would-mislead", test_escape);
    g_test_add_func ("/id/valid-and-nothing-else-is", test_ids);
    g_test_add ("/files/replace-is-whole", Folder, NULL, folder_open, test_replace_is_whole,
                folder_close);
    g_test_add ("/fd/open-beneath-stays-beneath", Folder, NULL, folder_open,
                test_open_beneath_stays, folder_close);
    g_test_add ("/files/remove-does-not-follow", Folder, NULL, folder_open,
                test_remove_does_not_follow, folder_close);
    g_test_add ("/files/copy-is-capped", Folder, NULL, folder_open, test_copy_is_capped,
                folder_close);
    g_test_add_func ("/json/text-has-no-raw-control", test_json_text_has_no_raw_control);
    g_test_add_func ("/json/refuses-what-is-no-object", test_json_refuses);
    g_test_add_func ("/spawn/ends-whatever-the-program-does", test_spawn);
    g_test_add_func ("/verdict/only-known-names", test_verdicts);
    return g_test_run ();
}
