/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/cli/client.h"

static void
print (JsonArray *pool)
{
    guint length = json_array_get_length (pool);

    if (length == 0)
        printf ("nothing is held ready: a group [pool IMAGE] in genkand.conf does that\n");
    for (guint i = 0; i < length; i++) {
        JsonObject *image = gk_json_element (pool, i);

        printf ("%-16s %" G_GINT64_FORMAT " ready, %" G_GINT64_FORMAT " starting (%" G_GINT64_FORMAT
                " to %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " MiB)  %s\n",
                gk_json_string (image, "image", ""), gk_json_int (image, "ready", 0),
                gk_json_int (image, "starting", 0), gk_json_int (image, "min", 0),
                gk_json_int (image, "max", 0), gk_json_int (image, "memory_mib", 0),
                gk_json_string (image, "why", ""));
    }
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    GkClientCall call = { .method = "Pool", .fd = -1 };
    g_autoptr (JsonArray) pool = NULL;

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error))
        return 2;
    pool = gk_client_array (cli, &call, error);
    if (!pool)
        return 1;
    if (cli->json)
        gk_cli_print_array (pool);
    else
        print (pool);
    return 0;
}

const GkVerb gk_verb_pool = { "pool", "",   "Show the VMs that are held ready", "genkan pool", 0, 0,
                              run,    FALSE };
