/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/cli/client.h"
#include "hostd/share/fit-name.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static JsonObject *
get_file (GkCli *cli, const char *vm, const char *name, const char *output, GError **error)
{
    GkClientCall call = { "Get", g_variant_new ("(ss)", vm, name), -1 };
    g_autoptr (JsonObject) file = gk_client_job (cli, &call, error);
    g_autofree char *what = NULL;

    if (!file)
        return NULL;
    what = g_strdup_printf ("released/%" G_GINT64_FORMAT, gk_json_int (file, "number", 0));
    if (!gk_client_save (cli, vm, what, output, gk_json_string (file, "sha256", ""), error))
        return NULL;
    if (!cli->json) {
        g_autofree char *escaped = gk_escape (output, -1);

        printf ("%s  (%s, sha256 %s)\n", escaped, gk_json_string (file, "verdict", "?"),
                gk_json_string (file, "sha256", "?"));
    }
    return g_steal_pointer (&file);
}

/* Where the guest's @path goes below @top: every part of it made fit for a disk, so that none leads
 * elsewhere. Its folders are made. */
static char *
place_of (const char *top, const char *path, GError **error)
{
    g_auto (GStrv) parts = g_strsplit (path, "/", -1);
    g_autoptr (GString) place = g_string_new (top);

    for (guint i = 0; parts[i]; i++) {
        g_autofree char *name = gk_fit_name (parts[i], 1);

        if (mkdir (place->str, 0700) < 0 && errno != EEXIST) {
            g_autofree char *shown = gk_escape (place->str, -1);

            gk_set_errno (error, errno, "cannot make the folder %s", shown);
            return NULL;
        }
        g_string_append_printf (place, "/%s", name);
    }
    return g_strdup (place->str);
}

/* One file of a folder. What is held is told, and does not end it: then @ret_code is the refusal's.
 */
static gboolean
get_member (GkCli *cli, const char *vm, const char *path, const char *place, JsonArray *got,
            int *ret_code, GError **error)
{
    g_autoptr (GError) local = NULL;
    JsonObject *file = get_file (cli, vm, path, place, &local);

    if (file) {
        json_array_add_object_element (got, file);
        return TRUE;
    }
    if (!g_error_matches (local, GK_API_ERROR, GK_API_ERROR_REFUSED)) {
        g_propagate_error (error, g_steal_pointer (&local));
        return FALSE;
    }
    fprintf (stderr, "genkan: %s\n", local->message);
    *ret_code = gk_api_error_exit_code (local);
    return TRUE;
}

/* The files below the folder @name of the drop box. */
static int
get_folder (GkCli *cli, const char *vm, const char *name, JsonArray *paths, const char *output,
            JsonArray *got, GError **error)
{
    g_autofree char *prefix = g_strconcat (name, "/", NULL);
    int code = 0;

    for (guint i = 0; i < json_array_get_length (paths); i++) {
        const char *path = json_array_get_string_element (paths, i);
        g_autofree char *place = NULL;

        if (!g_str_has_prefix (path, prefix))
            continue;
        place = place_of (output, path + strlen (prefix), error);
        if (!place || !get_member (cli, vm, path, place, got, &code, error))
            return 1;
    }
    return code;
}

static gboolean
is_folder (JsonArray *paths, const char *name)
{
    g_autofree char *prefix = g_strconcat (name, "/", NULL);

    for (guint i = 0; i < json_array_get_length (paths); i++)
        if (g_str_has_prefix (json_array_get_string_element (paths, i), prefix))
            return TRUE;
    return FALSE;
}

static JsonArray *
list (GkCli *cli, const char *vm, GError **error)
{
    GkClientCall call = { "Outbound", g_variant_new ("(s)", vm), -1 };
    g_autoptr (JsonObject) result = gk_client_job (cli, &call, error);
    JsonArray *paths = result ? gk_json_array (result, "files") : NULL;

    return paths ? json_array_ref (paths) : NULL;
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *output = NULL;
    const GOptionEntry entries[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Where to write it (its name, here)",
         "PATH" },
        { 0      }
    };
    g_autoptr (JsonArray) paths = NULL, got = json_array_new ();
    g_autoptr (JsonObject) file = NULL;

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    if (!output)
        output = g_path_get_basename (argv[2]);
    paths = list (cli, argv[1], error);
    if (!paths)
        return 1;
    if (is_folder (paths, argv[2])) {
        int code = get_folder (cli, argv[1], argv[2], paths, output, got, error);

        if (cli->json && !*error)
            gk_cli_print_array (got);
        return code;
    }
    file = get_file (cli, argv[1], argv[2], output, error);
    if (file && cli->json)
        gk_cli_print_object (file);
    return file ? 0 : 1;
}

const GkVerb gk_verb_get = { "get",
                             "VM FILE|DIR",
                             "Take a file out of a VM's drop box, if it is clean",
                             "genkan get amber-fox notes.txt --output notes.txt",
                             2,
                             2,
                             run,
                             FALSE };
