/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr (JsonArray) removed = json_array_new ();

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error))
        return 2;
    for (int i = 1; i < argc; i++) {
        GkClientCall call = { "Remove", g_variant_new ("(s)", argv[i]), -1 };
        JsonObject *vm = gk_client_job (cli, &call, error);

        if (!vm)
            return 1;
        if (!cli->json)
            printf ("%s is gone; 'genkan report %s' tells what it did\n",
                    gk_json_string (vm, "name", "?"), gk_json_string (vm, "id", "?"));
        json_array_add_object_element (removed, vm);
    }
    if (cli->json)
        gk_cli_print_array (removed);
    return 0;
}

const GkVerb gk_verb_rm = {
    "rm", "VM…", "Remove VMs, keep their evidence", "genkan rm amber-fox", 1, -1, run, FALSE
};
