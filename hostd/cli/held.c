/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/cli/client.h"

#include <string.h>

/* A held file's id, `RUN/N`. */
static gboolean
read_id (const char *id, char **ret_run, guint *ret_number, GError **error)
{
    const char *slash = strrchr (id, '/');
    guint64 number = 0;

    if (slash && slash > id &&
        g_ascii_string_to_unsigned (slash + 1, 10, 1, G_MAXINT, &number, NULL)) {
        *ret_run = g_strndup (id, (gsize) (slash - id));
        *ret_number = (guint) number;
        return TRUE;
    }
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                 "a held file is called RUN/N: 'genkan held ls' shows them");
    return FALSE;
}

static JsonArray *
fetch_all (GkCli *cli, GError **error)
{
    GkClientCall call = { "HeldList", NULL, -1 };
    g_autoptr (JsonObject) result = gk_client_job (cli, &call, error);
    JsonArray *held = result ? gk_json_array (result, "held") : NULL;

    return held ? json_array_ref (held) : NULL;
}

static int
list (GkCli *cli, GError **error)
{
    g_autoptr (JsonArray) held = fetch_all (cli, error);

    if (!held)
        return 1;
    if (cli->json) {
        gk_cli_print_array (held);
        return 0;
    }
    if (json_array_get_length (held) == 0)
        printf ("nothing is held\n");
    for (guint i = 0; i < json_array_get_length (held); i++) {
        JsonObject *file = gk_json_element (held, i);
        g_autofree char *name = gk_escape (gk_json_string (file, "name", ""), -1);

        printf ("%-14s %-12s %10" G_GINT64_FORMAT "  %-10s %s\n", gk_json_string (file, "id", ""),
                gk_json_string (file, "verdict", ""), gk_json_int (file, "size", 0),
                gk_json_string (file, "owner", ""), name);
    }
    return 0;
}

static void
print_file (JsonObject *file)
{
    static const char *const fields[] = { "id",  "name",  "owner", "sha256", "verdict",
                                          "why", "state", "path",  "origin" };

    for (gsize i = 0; i < G_N_ELEMENTS (fields); i++) {
        const char *text = gk_json_string (file, fields[i], NULL);
        g_autofree char *shown = text ? gk_escape (text, -1) : NULL;

        if (shown)
            printf ("  %-10s %s\n", fields[i], shown);
    }
    printf ("  %-10s %" G_GINT64_FORMAT " bytes\n", "size", gk_json_int (file, "size", 0));
}

static int
show_file (GkCli *cli, JsonObject *file)
{
    if (!file)
        return 1;
    if (cli->json)
        gk_cli_print_object (file);
    else
        print_file (file);
    return 0;
}

static int
show (GkCli *cli, const char *id, GError **error)
{
    g_autoptr (JsonArray) held = fetch_all (cli, error);

    if (!held)
        return 1;
    for (guint i = 0; i < json_array_get_length (held); i++)
        if (g_str_equal (gk_json_string (gk_json_element (held, i), "id", ""), id))
            return show_file (cli, gk_json_element (held, i));
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                 "no such file is held: 'genkan held ls' shows them");
    return 5;
}

static int
decide (GkCli *cli, const char *id, gboolean drop, gboolean zone, GError **error)
{
    g_autofree char *run = NULL;
    g_autoptr (JsonObject) file = NULL;
    GkClientCall call = { drop ? "HeldDrop" : "HeldRelease", NULL, -1 };
    guint number = 0;

    if (!read_id (id, &run, &number, error))
        return 2;
    call.parameters =
        drop ? g_variant_new ("(su)", run, number) : g_variant_new ("(sub)", run, number, zone);
    file = gk_client_job (cli, &call, error);
    return show_file (cli, file);
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    gboolean zone = FALSE;
    const GOptionEntry entries[] = {
        {"zone-identifier", 'z', 0, G_OPTION_ARG_NONE, &zone,
         "release: also write NAME:Zone.Identifier, which Windows and Samba read", NULL },
        { 0               }
    };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    if (argc == 2 && g_str_equal (argv[1], "ls"))
        return list (cli, error);
    if (argc == 3 && g_str_equal (argv[1], "show"))
        return show (cli, argv[2], error);
    if (argc == 3 && g_str_equal (argv[1], "release"))
        return decide (cli, argv[2], FALSE, zone, error);
    if (argc == 3 && g_str_equal (argv[1], "drop"))
        return decide (cli, argv[2], TRUE, FALSE, error);
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                         "usage: genkan held ls | show RUN/N | release RUN/N | drop RUN/N");
    return 2;
}

const GkVerb gk_verb_held = { "held",
                              "ls|show|release|drop …",
                              "What came out of VMs and was given to nobody",
                              "genkan held release k3jw5x2a/1",
                              1,
                              2,
                              run,
                              FALSE };
