/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"
#include "hostd/cli/client.h"
#include "hostd/cli/report-text.h"
#include "hostd/cli/wish.h"

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_auto (GkCliWish) wish = { 0 };
    const GOptionEntry entries[] = {
        GK_CLI_WISH_IMAGE (wish),
        GK_CLI_WISH_POLICY (wish),
        GK_CLI_WISH_KEEP (wish),
        {"timeout",      't', 0, G_OPTION_ARG_INT, &wish.timeout, "Watch for at most S seconds (120)",
                 "S" },
        { "member",             'm', 0, G_OPTION_ARG_STRING, &wish.member,
                 "Open that member of an archive or mail ('genkan triage' numbers them)", "N" },
        { 0}
    };
    g_autofree char *name = NULL, *valid = NULL;
    g_autoptr (JsonObject) report = NULL;
    gk_autofd int fd = -1;
    GkClientCall call = { .method = "Open" };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error) || !gk_cli_wish_check (&wish, error))
        return 2;
    fd = gk_cli_open_file (argv[1], TRUE, error);
    if (fd < 0)
        return 1;
    name = g_path_get_basename (argv[1]);
    call.fd = fd;
    valid = g_utf8_make_valid (name, -1);
    call.parameters = g_variant_new ("(hs@a{sv})", 0, valid, gk_cli_wish_pack (&wish));
    report = gk_client_job (cli, &call, error);
    if (!report)
        return 1;
    if (cli->json)
        gk_cli_print_object (report);
    else
        gk_report_print (report, stdout);
    return 0;
}

const GkVerb gk_verb_open = { "open",
                              "FILE",
                              "Open a file in a disposable VM, watch it, report",
                              "genkan open invoice.pdf.lnk",
                              1,
                              1,
                              run,
                              FALSE,
                              TRUE };
