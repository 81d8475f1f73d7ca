/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/json.h"
#include "hostd/cli/client.h"

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *output = NULL, *what = NULL;
    const GOptionEntry entries[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Where to write it (its name, here)",
         "PATH" },
        { 0      }
    };
    g_autoptr (JsonObject) file = NULL;
    GkClientCall call = { .method = "Get", .fd = -1 };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    if (!output)
        output = g_path_get_basename (argv[2]);
    call.parameters = g_variant_new ("(ss)", argv[1], argv[2]);
    file = gk_client_job (cli, &call, error);
    if (!file)
        return 1;
    what = g_strdup_printf ("released/%" G_GINT64_FORMAT, gk_json_int (file, "number", 0));
    if (!gk_client_save (cli, argv[1], what, output, gk_json_string (file, "sha256", ""), error))
        return 1;
    if (cli->json) {
        gk_cli_print_object (file);
    } else {
        g_autofree char *escaped = gk_escape (output, -1);

        printf ("%s  (%s, sha256 %s)\n", escaped, gk_json_string (file, "verdict", "?"),
                gk_json_string (file, "sha256", "?"));
    }
    return 0;
}

const GkVerb gk_verb_get = { "get",
                             "VM NAME",
                             "Take a file out of a VM's drop box, if it is clean",
                             "genkan get amber-fox notes.txt --output notes.txt",
                             2,
                             2,
                             run,
                             FALSE };
