/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "hostd/cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Never over a file that is there; nothing is left of a failure. */
static gboolean
save (const GkCli *cli, const char *vm, JsonObject *file, const char *path, GError **error)
{
    g_autofree char *what =
        g_strdup_printf ("released/%" G_GINT64_FORMAT, gk_json_int (file, "number", 0));
    g_autofree char *sha256 = NULL;
    gk_autofd int from = gk_client_fetch (cli, vm, what, error);
    gk_autofd int to = -1;
    gboolean ok;

    if (from < 0)
        return FALSE;
    to = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0) {
        g_autofree char *escaped = gk_escape (path, -1);

        return gk_set_errno (error, errno, "cannot create %s (give another --output)", escaped);
    }
    ok = gk_fd_copy (from, to, G_MAXUINT64, NULL, &sha256, NULL, error);
    if (ok && g_strcmp0 (sha256, gk_json_string (file, "sha256", NULL)) != 0) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                             "what came is not what was scanned");
        ok = FALSE;
    }
    if (!ok)
        unlink (path);
    return ok;
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autofree char *output = NULL;
    const GOptionEntry entries[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Where to write it (its name, here)",
         "PATH" },
        { 0      }
    };
    g_autoptr (JsonObject) file = NULL;
    GkClientCall call = { .method = "Get", .fd = -1 };

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    if (!output)
        output = g_path_get_basename (argv[2]);
    call.parameters = g_variant_new ("(ss)", argv[1], argv[2]);
    file = gk_client_job (cli, &call, error);
    if (!file || !save (cli, argv[1], file, output, error))
        return 1;
    if (cli->json) {
        gk_cli_print_object (file);
    } else {
        g_autofree char *escaped = gk_escape (output, -1);

        printf ("%s  (%s, sha256 %s)\n", escaped, gk_json_string (file, "verdict", "?"),
                gk_json_string (file, "sha256", "?"));
    }
    return 0;
}

const GkVerb gk_verb_get = { "get",
                             "VM NAME",
                             "Take a file out of a VM's drop box, if it is clean",
                             "genkan get amber-fox notes.txt --output notes.txt",
                             2,
                             2,
                             run,
                             FALSE };
