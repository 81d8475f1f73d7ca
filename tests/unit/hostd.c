/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/api/genkan-interfaces.h"
#include "hostd/api/methods.h"
#include "hostd/api/roles.h"
#include "hostd/api/translate.h"
#include "hostd/config.h"
#include "hostd/ledger.h"
#include "hostd/report.h"
#include "images/image.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *path;
    int fd;
} Folder;

static void
folder_open (Folder *folder, gconstpointer data)
{
    folder->path = g_dir_make_tmp ("genkan-hostd-XXXXXX", NULL);
    folder->fd = gk_open_dir (folder->path, NULL);
}

static void
folder_close (Folder *folder, gconstpointer data)
{
    g_assert_true (gk_tree_remove_path (folder->path, NULL));
    gk_fd_close (folder->fd);
    g_free (folder->path);
}

static JsonObject *
number (const char *name, gint64 value)
{
    JsonObject *members = json_object_new ();

    json_object_set_int_member (members, name, value);
    return members;
}

static void
write_ledger (const char *path, guint events)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GkLedger) ledger = gk_ledger_open (path, &error);

    g_assert_no_error (error);
    for (guint i = 0; i < events; i++) {
        gk_ledger_append (ledger, i % 2 ? GK_LEDGER_NORMAL : GK_LEDGER_DURABLE, "thing",
                          number ("n", i), &error);
        g_assert_no_error (error);
    }
}

static void
count_events (const char *event, JsonObject *members, gpointer data)
{
    g_assert_cmpstr (event, ==, "thing");
    ++*(guint *) data;
}

static void
test_ledger_goes_on (Folder *folder, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *head = NULL, *text = NULL, *sum = NULL;
    guint seen = 0;
    guint64 events = 0;
    g_autofree char *path = g_build_filename (folder->path, "ledger.jsonl", NULL);
    char *last;

    write_ledger (folder->path, 3);
    write_ledger (folder->path, 4);
    g_assert_true (gk_ledger_read (folder->path, count_events, &seen, &events, &head, &error));
    g_assert_cmpuint (seen, ==, 7);
    g_assert_cmpuint (events, ==, 7);
    /* The head is what sha256sum says of the last line. */
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    text[strlen (text) - 1] = '\0';
    last = strrchr (text, '\n') + 1;
    sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, last, -1);
    g_assert_cmpstr (head, ==, sum);
}

/* Each way to tamper, as what is done to the text of a ledger of 5 lines. */
static char *
change_a_number (char **lines)
{
    g_autofree char *changed = g_strdup (lines[2]);
    char *at = strstr (changed, "\"n\":2");

    at[4] = '9';
    return g_strjoin ("\n", lines[0], lines[1], changed, lines[3], lines[4], "", NULL);
}

static char *
leave_one_out (char **lines)
{
    return g_strjoin ("\n", lines[0], lines[1], lines[3], lines[4], "", NULL);
}

static char *
swap_two (char **lines)
{
    return g_strjoin ("\n", lines[0], lines[2], lines[1], lines[3], lines[4], "", NULL);
}

static char *
begin_late (char **lines)
{
    return g_strjoin ("\n", lines[1], lines[2], lines[3], lines[4], "", NULL);
}

static char *
put_one_in (char **lines)
{
    return g_strjoin ("\n", lines[0], lines[0], lines[1], lines[2], lines[3], lines[4], "", NULL);
}

static void
test_ledger_shows_tampering (Folder *folder, gconstpointer data)
{
    char *(*const ways[]) (char **lines) = { change_a_number, leave_one_out, swap_two, begin_late,
                                             put_one_in };
    g_autofree char *path = g_build_filename (folder->path, "ledger.jsonl", NULL), *text = NULL;
    g_auto (GStrv) lines = NULL;

    write_ledger (folder->path, 5);
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    lines = g_strsplit (text, "\n", -1);
    for (gsize i = 0; i < G_N_ELEMENTS (ways); i++) {
        g_autoptr (GError) error = NULL;
        g_autofree char *changed = ways[i](lines);

        g_assert_true (g_file_set_contents (path, changed, -1, NULL));
        g_assert_false (gk_ledger_read (folder->path, NULL, NULL, NULL, NULL, &error));
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
        g_assert_null (gk_ledger_open (folder->path, NULL));
    }
}

static void
test_ledger_mends_a_cut_line (Folder *folder, gconstpointer data)
{
    g_autofree char *path = g_build_filename (folder->path, "ledger.jsonl", NULL), *text = NULL;
    guint64 events = 0;

    write_ledger (folder->path, 3);
    g_assert_cmpint (truncate (path, (off_t) (g_file_get_contents (path, &text, NULL, NULL),
                                              strlen (text) - 10)),
                     ==, 0);
    write_ledger (folder->path, 1);
    g_assert_true (gk_ledger_read (folder->path, NULL, NULL, &events, NULL, NULL));
    g_assert_cmpuint (events, ==, 3);
    g_clear_pointer (&text, g_free);
    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    g_assert_nonnull (strstr (text, "torn_bytes_before"));
}

static void
append (GkLedger *ledger, const char *event, const char *members)
{
    g_autoptr (GError) error = NULL;
    JsonObject *object = gk_json_parse (members, strlen (members), 10000, &error);

    g_assert_no_error (error);
    gk_ledger_append (ledger, GK_LEDGER_NORMAL, event, object, &error);
    g_assert_no_error (error);
}

static void
test_report_is_the_ledger (Folder *folder, gconstpointer data)
{
    static const char *const promised[] = {
        "run",     "file",     "triage", "image",    "policy",     "started",
        "network", "outbound", "exit",   "disposed", "screenshot", "golden_unchanged"
    };
    GkLedger *ledger = gk_ledger_open (folder->path, NULL);
    g_autoptr (JsonObject) report = NULL;
    JsonObject *network, *ms;
    JsonArray *outbound;

    append (ledger, "created", "{\"run\":\"abcdefgh\",\"image\":\"i\",\"version\":\"1\"}");
    append (ledger, "brought", "{\"file\":{\"name\":\"a.lnk\"},\"triage\":{\"kind\":\"lnk\"}}");
    append (ledger, "started",
            "{\"via\":\"cold\",\"ms\":{\"claim\":10,\"network\":2,\"share\":3}}");
    append (ledger, "query", "{\"name\":\"example.com\",\"type\":\"A\",\"verdict\":\"denied\"}");
    append (ledger, "flow", "{\"protocol\":\"tcp\",\"destination\":\"192.0.2.1\",\"port\":80}");
    append (ledger, "used", "{\"ms\":100}");
    append (ledger, "outbound", "{\"name\":\"o\",\"sha256\":\"aa\",\"state\":\"held\"}");
    append (ledger, "outbound", "{\"name\":\"o\",\"sha256\":\"aa\",\"state\":\"released\"}");
    append (ledger, "outbound", "{\"name\":\"o\",\"sha256\":\"aa\",\"state\":\"held\"}");
    append (ledger, "ended", "{\"by\":\"ended\",\"code\":7}");
    append (ledger, "disposed", "{\"golden_unchanged\":true}");
    gk_ledger_free (ledger);
    report = gk_report_build (folder->path, NULL);
    g_assert_nonnull (report);
    for (gsize i = 0; i < G_N_ELEMENTS (promised); i++)
        g_assert_true (json_object_has_member (report, promised[i]));
    network = gk_json_object (report, "network");
    ms = gk_json_object (gk_json_object (report, "started"), "ms");
    g_assert_cmpuint (json_array_get_length (gk_json_array (network, "queries")), ==, 1);
    g_assert_cmpuint (json_array_get_length (gk_json_array (network, "flows")), ==, 1);
    outbound = gk_json_array (report, "outbound");
    g_assert_cmpuint (json_array_get_length (outbound), ==, 1);
    g_assert_cmpstr (gk_json_string (gk_json_element (outbound, 0), "state", ""), ==, "released");
    g_assert_cmpfloat (gk_json_double (ms, "total", 0), ==, 115);
    g_assert_cmpint (gk_json_int (report, "exit", 0), ==, 7);
    g_assert_true (gk_json_bool (report, "golden_unchanged", FALSE));
}

static void
test_methods_have_roles (void)
{
    GDBusMethodInfo **methods = org_genkan_manager1_interface.methods;
    GkRole role = GK_ROLE_NONE;
    guint in_xml = 0;

    for (; methods[in_xml]; in_xml++) {
        g_assert_true (gk_role_of_method (methods[in_xml]->name, &role));
        g_assert_cmpint (role, !=, GK_ROLE_NONE);
        g_assert_true (gk_method_exists (methods[in_xml]->name));
    }
    g_assert_cmpuint (in_xml, >, 10);
    g_assert_cmpuint (in_xml, ==, gk_role_methods ());
    g_assert_false (gk_role_of_method ("Introspect", &role));
}

static void
test_callers_are_held_to_roles (void)
{
    g_autoptr (GkConfig) config = gk_config_load ("/nonexistent", NULL);
    const GkCaller nobody = { 65534, GK_ROLE_NONE }, analyst = { 1000, GK_ROLE_ANALYST };
    g_autoptr (GError) error = NULL;

    g_assert_false (gk_caller_check (&nobody, "Open", config, &error));
    g_assert_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED);
    g_assert_nonnull (strstr (error->message, "genkan-analyst"));
    g_assert_true (gk_caller_check (&analyst, "Open", config, NULL));
    g_assert_false (gk_caller_check (&analyst, "ImageBuild", config, NULL));
    g_assert_false (gk_caller_check (&analyst, "NoSuchMethod", config, NULL));
}

static void
test_config (Folder *folder, gconstpointer data)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"[vm]\nmost-disposables=3\n",      NULL                      },
        { "",                               NULL                      },
        { "[vm]\nmost-disposables=0\n",     "[vm] most-disposables"   },
        { "[vm]\nmost-disposables=many\n",  "[vm] most-disposables"   },
        { "[vm]\naccelerator=warp\n",       "[vm] accelerator"        },
        { "[vm]\nmost-disposable=3\n",      "there is no such key"    },
        { "[wm]\naccelerator=kvm\n",        "there is no such key"    },
        { "accelerator=kvm\n",              "genkand.conf"            },
        { "[share]\nlargest-file-mib=-1\n", "[share] largest-file-mib"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (GkConfig) config = NULL;

        gk_file_replace (folder->fd, "genkand.conf", cases[i].text, strlen (cases[i].text), 0600,
                         NULL);
        config = gk_config_load (folder->path, &error);
        if (cases[i].complaint) {
            g_assert_null (config);
            g_assert_nonnull (strstr (error->message, cases[i].complaint));
        } else {
            g_assert_no_error (error);
            g_assert_cmpstr (config->default_policy, ==, "none");
        }
    }
}

static void
test_errors_have_exit_codes (void)
{
    const struct {
        GQuark domain;
        int code, exit;
    } cases[] = {
        {GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING,       5},
        { G_IO_ERROR,    G_IO_ERROR_NOT_REGULAR_FILE,  2},
        { G_IO_ERROR,    G_IO_ERROR_NO_SPACE,          1},
        { G_IO_ERROR,    G_IO_ERROR_MESSAGE_TOO_LARGE, 3},
        { GK_VMM_ERROR,  GK_VMM_ERROR_UNREACHABLE,     1},
        { GK_API_ERROR,  GK_API_ERROR_REFUSED,         3},
        { GK_API_ERROR,  GK_API_ERROR_NO_DAEMON,       4},
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = g_error_new_literal (cases[i].domain, cases[i].code, "x");
        g_autoptr (GError) told =
            g_error_new_literal (GK_API_ERROR, (int) gk_api_translate (error), "x");
        GkApiError back = GK_API_ERROR_FAILED;

        g_assert_cmpint (gk_api_error_exit_code (told), ==, cases[i].exit);
        g_assert_true (gk_api_error_from_name (gk_api_error_name ((GkApiError) told->code), &back));
        g_assert_cmpint (back, ==, told->code);
    }
}

#define ADD(path, test) g_test_add (path, Folder, NULL, folder_open, test, folder_close)

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    ADD ("/ledger/goes-on-where-it-ended", test_ledger_goes_on);
    ADD ("/ledger/shows-tampering", test_ledger_shows_tampering);
    ADD ("/ledger/mends-a-line-that-a-crash-cut", test_ledger_mends_a_cut_line);
    ADD ("/report/is-what-the-ledger-says", test_report_is_the_ledger);
    ADD ("/config/says-what-is-wrong", test_config);
    g_test_add_func ("/roles/every-method-of-the-interface-has-one", test_methods_have_roles);
    g_test_add_func ("/roles/callers-are-held-to-them", test_callers_are_held_to_roles);
    g_test_add_func ("/errors/have-exit-codes", test_errors_have_exit_codes);
    return g_test_run ();
}
