/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"
#include "hostd/cli/report-text.h"

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    static const char *const members[] = { "id",    "name",    "state",        "image", "policy",
                                           "owner", "created", "image_digest", "mac",   "why" };
    g_autoptr (JsonObject) vm = NULL;
    g_autoptr (JsonObject) report = NULL;
    GkClientCall call = { .method = "Show", .fd = -1 }, more = { .method = "Report", .fd = -1 };

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error))
        return 2;
    call.parameters = g_variant_new ("(s)", argv[1]);
    vm = gk_client_object (cli, &call, error);
    if (!vm)
        return 1;
    more.parameters = g_variant_new ("(s)", gk_json_string (vm, "id", ""));
    report = gk_client_job (cli, &more, error);
    if (!report)
        return 1;
    if (cli->json) {
        json_object_set_object_member (vm, "run", g_steal_pointer (&report));
        gk_cli_print_object (vm);
        return 0;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
        printf ("%-13s %s\n", members[i], gk_json_string (vm, members[i], ""));
    gk_report_print (report, stdout);
    return 0;
}

const GkVerb gk_verb_show = {
    "show", "VM", "Tell everything about a VM", "genkan show amber-fox", 1, 1, run, FALSE
};
