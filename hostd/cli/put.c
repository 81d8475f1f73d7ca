/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/cli/client.h"

static JsonObject *
put (GkCli *cli, const char *vm, const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename (path), *valid = g_utf8_make_valid (name, -1);
    gk_autofd int fd = gk_cli_open_file (path, TRUE, error);
    GkClientCall call = { .method = "Put", .fd = fd };

    if (fd < 0)
        return NULL;
    call.parameters = g_variant_new ("(shs)", vm, 0, valid);
    return gk_client_job (cli, &call, error);
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr (JsonArray) files = json_array_new ();

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error) || !gk_cli_check_text (argv[1], error))
        return 2;
    for (int i = 2; i < argc; i++) {
        JsonObject *file = put (cli, argv[1], argv[i], error);
        g_autofree char *path =
            file ? gk_escape (gk_json_string (file, "guest_path", ""), -1) : NULL;

        if (!file)
            return 1;
        if (!cli->json)
            printf ("%s  (%s)\n", path, gk_json_string (file, "verdict", "?"));
        json_array_add_object_element (files, file);
    }
    if (cli->json)
        gk_cli_print_array (files);
    return 0;
}

const GkVerb gk_verb_put = { "put",
                             "VM FILE…",
                             "Bring files into a VM, read-only",
                             "genkan put amber-fox invoice.pdf.lnk",
                             2,
                             -1,
                             run,
                             FALSE,
                             TRUE };
