/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"

static void
print (JsonArray *vms)
{
    guint length = json_array_get_length (vms);

    if (length == 0) {
        printf ("no VM is running\n");
        return;
    }
    printf ("%-9s %-16s %-10s %-20s %-8s %-10s %s\n", "ID", "NAME", "STATE", "IMAGE", "POLICY",
            "OWNER", "WHY IT LIVES");
    for (guint i = 0; i < length; i++) {
        JsonObject *vm = gk_json_element (vms, i);

        printf ("%-9s %-16s %-10s %-20s %-8s %-10s %s\n", gk_json_string (vm, "id", ""),
                gk_json_string (vm, "name", ""), gk_json_string (vm, "state", ""),
                gk_json_string (vm, "image", ""), gk_json_string (vm, "policy", ""),
                gk_json_string (vm, "owner", ""), gk_json_string (vm, "why", ""));
    }
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    gboolean all = FALSE;
    const GOptionEntry entries[] = {
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, "Also runs that are over" },
        { 0   }
    };
    g_autoptr (JsonArray) vms = NULL;
    GkClientCall call = { .method = "List", .fd = -1 };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    call.parameters = g_variant_new ("(b)", all);
    vms = gk_client_array (cli, &call, error);
    if (!vms)
        return 1;
    if (cli->json)
        gk_cli_print_array (vms);
    else
        print (vms);
    return 0;
}

const GkVerb gk_verb_ls = { "ls", "", "List the VMs", "genkan ls --all", 0, 0, run, FALSE };
