/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkand as the command line sees it: connect, call, and wait for jobs, with progress on standard
 * error and Ctrl-C. One thread, which runs the default main context while it waits. */
#pragma once

#include "hostd/cli/cli.h"

/* Errors: GK_API_ERROR_NO_DAEMON, with what to do. */
GDBusConnection *gk_client_connect (const GkCli *cli, GError **error);

/* What goes with a call. */
typedef struct {
    const char *method;
    GVariant *parameters; /* floating */
    int fd;               /* the descriptor that handle 0 stands for; -1: none */
} GkClientCall;

/* Calls a method that answers with text: the JSON in it. */
JsonObject *gk_client_object (const GkCli *cli, const GkClientCall *call, GError **error);
JsonArray *gk_client_array (const GkCli *cli, const GkClientCall *call, GError **error);

/* Calls a method that answers with nothing. */
gboolean gk_client_do (const GkCli *cli, const GkClientCall *call, GError **error);

/**
 * gk_client_job:
 *
 * Calls a method that answers with a job, and waits for it: progress is shown, output goes to
 * standard output and standard error, the first Ctrl-C cancels, the second leaves.
 *
 * Returns: (transfer full): the job's result, or %NULL with @error set
 */
JsonObject *gk_client_job (const GkCli *cli, const GkClientCall *call, GError **error);

/**
 * gk_client_save:
 * @what: what to fetch of run @run: `screenshot`, `ledger`, `released/N`
 * @path: a file that is not there yet; none is left of a failure
 * @sha256: (nullable): what it must hash to
 */
gboolean gk_client_save (const GkCli *cli, const char *run, const char *what, const char *path,
                         const char *sha256, GError **error);
