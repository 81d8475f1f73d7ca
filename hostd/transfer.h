/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `genkan put` and `get`: one file through the airlock of a running disposable. Jobs. */
#pragma once

#include "hostd/disposable.h"
#include "hostd/job.h"

typedef struct {
    GkDisposable *disposable;
    int fd; /* put: the file, as the caller opened it; get: -1 */
    char *name; /* put: as the caller calls it; get: in the drop box */
} GkTransfer;

void gk_transfer_free (GkTransfer *transfer);

/* GkJobFunc; @data: GkTransfer. Result: `{name, guest_path, size, sha256, verdict, triage}`. */
JsonObject *gk_put_run (GkJob *job, gpointer data, GError **error);

/* GkJobFunc; @data: GkTransfer. Result: `{name, size, sha256, verdict, state, number}`, of a file
 * that may leave; one that is held is GK_API_ERROR_REFUSED. */
JsonObject *gk_get_run (GkJob *job, gpointer data, GError **error);

/* GkJobFunc; @data: GkDisposable. Result: `{files:[path…], refused}`, of what lies in the drop box.
 */
JsonObject *gk_outbound_list_run (GkJob *job, gpointer data, GError **error);

/* Records a file that was brought in, with its triage. What is not in the ledger does not go in. */
gboolean gk_record_brought (GkDisposable *disposable, const GkPassed *passed, GError **error);

/* Records the archive or mail whose @member goes in. */
gboolean gk_record_container (GkDisposable *disposable, const GkPassed *passed, const char *member,
                              GError **error);

/* Opens the outbound file @number for its owner; -1 with GK_API_ERROR_REFUSED where it was not
 * released. Never waits: for the main thread too. */
int gk_released_open (GkDisposable *disposable, guint number, GError **error);
