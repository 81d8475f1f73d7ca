/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr (JsonObject) vm = NULL;
    GkClientCall call = { .method = "Revert", .fd = -1 };

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error))
        return 2;
    call.parameters = g_variant_new ("(s)", argv[1]);
    vm = gk_client_job (cli, &call, error);
    if (!vm)
        return 1;
    if (cli->json)
        gk_cli_print_object (vm);
    else
        printf ("%s is back to %s\n", gk_json_string (vm, "name", "?"),
                gk_json_string (vm, "image", "?"));
    return 0;
}

const GkVerb gk_verb_revert = {
    "revert", "VM", "Put a VM back to its golden image", "genkan revert amber-fox", 1, 1, run, FALSE
};
