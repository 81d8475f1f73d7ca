/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/cli/cli.h"
#include "hostd/cli/triage-text.h"
#include "hostd/share/scanner.h"

#include <string.h>
#include <unistd.h>

static JsonObject *
triage_file (const char *path, gboolean follow, GError **error)
{
    const GkScannerConfig config = { 0 };
    g_autofree char *name = g_path_get_basename (path);
    gk_autofd int fd = gk_cli_open_file (path, follow, error);

    return fd < 0 ? NULL : gk_scan_triage (&config, fd, name, NULL, error);
}

/* What is no plain file, or cannot be read, is a member too, with verdict `error`. */
static JsonObject *
triage_member (const char *path)
{
    g_autoptr (GError) error = NULL;
    JsonObject *triage = triage_file (path, FALSE, &error), *file;
    g_autofree char *name = NULL;

    if (triage)
        return triage;
    triage = json_object_new ();
    file = json_object_new ();
    name = g_path_get_basename (path);
    gk_json_set_text (file, "name", name);
    json_object_set_object_member (triage, "file", file);
    json_object_set_string_member (triage, "kind", "other");
    json_object_set_string_member (triage, "verdict", "error");
    json_object_set_string_member (triage, "why", error->message);
    json_object_set_array_member (triage, "indicators", json_array_new ());
    return triage;
}

static int
by_name (gconstpointer a, gconstpointer b)
{
    return strcmp (*(char *const *) a, *(char *const *) b);
}

/* What lies right in it, by name. Links that lie there lead where their maker wanted: not followed.
 */
static JsonObject *
triage_directory (const char *path, GError **error)
{
    g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (GDir) dir = g_dir_open (path, 0, error);
    JsonArray *members;
    JsonObject *triage;
    const char *name;

    if (!dir)
        return NULL;
    while ((name = g_dir_read_name (dir)))
        g_ptr_array_add (paths, g_build_filename (path, name, NULL));
    g_ptr_array_sort (paths, by_name);
    members = json_array_new ();
    for (guint i = 0; i < paths->len; i++)
        json_array_add_object_element (members, triage_member (paths->pdata[i]));
    triage = json_object_new ();
    json_object_set_array_member (triage, "members", members);
    return triage;
}

static void
print (JsonObject *triage)
{
    JsonArray *members = gk_json_array (triage, "members");
    gboolean colour = *gk_cli_ink (stdout).bold != '\0';

    if (!members) {
        gk_triage_print (triage, stdout, colour);
        return;
    }
    for (guint i = 0; i < json_array_get_length (members); i++) {
        if (i > 0)
            fputc ('\n', stdout);
        gk_triage_print (gk_json_element (members, i), stdout, colour);
    }
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr (JsonObject) triage = NULL;

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error))
        return 2;
    triage = g_file_test (argv[1], G_FILE_TEST_IS_DIR) ? triage_directory (argv[1], error)
                                                       : triage_file (argv[1], TRUE, error);
    if (!triage)
        return 1;
    if (cli->json)
        gk_cli_print_object (triage);
    else
        print (triage);
    return 0;
}

const GkVerb gk_verb_triage = { "triage",
                                "FILE|DIR",
                                "Tell what is in a file, without opening it",
                                "genkan triage invoice.pdf.lnk",
                                1,
                                1,
                                run,
                                FALSE,
                                TRUE };
