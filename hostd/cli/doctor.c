/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"

static void
print (JsonArray *findings)
{
    GkInk ink = gk_cli_ink (stdout);

    for (guint i = 0; i < json_array_get_length (findings); i++) {
        JsonObject *finding = gk_json_element (findings, i);
        const char *state = gk_json_string (finding, "state", "");
        const char *advice = gk_json_string (finding, "advice", NULL);
        const char *colour = g_str_equal (state, "ok")      ? ink.green
                             : g_str_equal (state, "error") ? ink.red
                                                            : ink.yellow;

        printf ("%s%-8s%s %-12s %s\n", colour, state, ink.reset,
                gk_json_string (finding, "check", ""), gk_json_string (finding, "detail", ""));
        if (advice)
            printf ("%21s → %s\n", "", advice);
    }
}

static gboolean
any_error (JsonArray *findings)
{
    for (guint i = 0; i < json_array_get_length (findings); i++)
        if (g_str_equal (gk_json_string (gk_json_element (findings, i), "state", ""), "error"))
            return TRUE;
    return FALSE;
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr (JsonObject) result = NULL;
    GkClientCall call = { .method = "Doctor", .fd = -1 };
    JsonArray *findings;

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error))
        return 2;
    result = gk_client_job (cli, &call, error);
    if (!result)
        return 1;
    findings = gk_json_array (result, "findings");
    if (cli->json)
        gk_cli_print_array (findings);
    else
        print (findings);
    return any_error (findings) ? 1 : 0;
}

const GkVerb gk_verb_doctor = {
    "doctor", "", "Is everything there that a VM needs?", "genkan doctor", 0, 0, run, FALSE
};
