/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"
#include "hostd/cli/wish.h"

/* With --json, standard output is for the report alone: the command's goes to standard error. */
static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_auto (GkCliWish) wish = { 0 };
    const GOptionEntry entries[] = {
        GK_CLI_WISH_IMAGE (wish),
        GK_CLI_WISH_POLICY (wish),
        GK_CLI_WISH_KEEP (wish),
        {"vm",      0, 0, G_OPTION_ARG_STRING, &wish.vm, "Run in this VM, and leave it as it is",
                 "VM" },
        { "timeout",        't', 0, G_OPTION_ARG_INT, &wish.timeout, "End after S seconds (never)", "S" },
        { 0}
    };
    g_autoptr (JsonObject) report = NULL;
    gint64 code;
    GkClientCall call = { .method = "Run", .fd = -1 };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error) || !gk_cli_wish_check (&wish, error))
        return 2;
    call.parameters =
        g_variant_new ("(@as@a{sv})", g_variant_new_strv ((const char *const *) argv + 1, argc - 1),
                       gk_cli_wish_pack (&wish));
    report = gk_client_job (cli, &call, error);
    if (!report)
        return 1;
    code = gk_json_int (report, "exit", -1);
    if (cli->json)
        gk_cli_print_object (report);
    if (code >= 0)
        return (int) MIN (code, 255);
    fprintf (stderr, "genkan: the command did not end by itself (%s)\n",
             gk_json_string (gk_json_object (report, "ended"), "by", "?"));
    return 1;
}

const GkVerb gk_verb_run = { "run",
                             "-- CMD…",
                             "Run a command in a disposable VM",
                             "genkan run --image debian-base -- uname -a",
                             1,
                             -1,
                             run,
                             TRUE };
