/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/client.h"
#include "hostd/cli/report-text.h"

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *screenshot = NULL, *ledger = NULL;
    const GOptionEntry entries[] = {
        {"screenshot", 0, 0, G_OPTION_ARG_FILENAME, &screenshot, "Save its screenshot (PNG)",
         "FILE" },
        { "ledger",           0, 0, G_OPTION_ARG_FILENAME, &ledger, "Save its ledger (JSON lines)", "FILE" },
        { 0}
    };
    g_autoptr (JsonObject) report = NULL;
    GkClientCall call = { .method = "Report", .fd = -1 };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    call.parameters = g_variant_new ("(s)", argv[1]);
    report = gk_client_job (cli, &call, error);
    if (!report ||
        (screenshot && !gk_client_save (cli, argv[1], "screenshot", screenshot, NULL, error)) ||
        (ledger && !gk_client_save (cli, argv[1], "ledger", ledger, NULL, error)))
        return 1;
    if (cli->json)
        gk_cli_print_object (report);
    else
        gk_report_print (report, stdout);
    return 0;
}

const GkVerb gk_verb_report = { "report",
                                "RUN",
                                "Tell what a run did, checked against its ledger",
                                "genkan report k3vq7m2x --screenshot screen.png",
                                1,
                                1,
                                run,
                                FALSE };
