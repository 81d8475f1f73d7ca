/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"
#include "hostd/cli/wish.h"

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_auto (GkCliWish) wish = { 0 };
    const GOptionEntry entries[] = {
        GK_CLI_WISH_POLICY (wish),
        {"name", 'n', 0, G_OPTION_ARG_STRING, &wish.name, "What to call it", "NAME" },
        { 0    }
    };
    g_autoptr (JsonObject) vm = NULL;
    GkClientCall call = { .method = "New", .fd = -1 };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    if (argc > 1)
        wish.image = g_strdup (argv[1]);
    call.parameters = g_variant_new ("(@a{sv})", gk_cli_wish_pack (&wish));
    vm = gk_client_job (cli, &call, error);
    if (!vm)
        return 1;
    if (cli->json)
        gk_cli_print_object (vm);
    else
        printf ("%s is running (%s)\n", gk_json_string (vm, "name", "?"),
                gk_json_string (vm, "id", "?"));
    return 0;
}

const GkVerb gk_verb_new = { "new",
                             "[IMAGE]",
                             "Start a disposable VM and leave it running",
                             "genkan new debian-base --name amber-fox",
                             0,
                             1,
                             run,
                             FALSE };
