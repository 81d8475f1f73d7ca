/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came out of guests and has not been given to anybody: listed, released, dropped.
 *
 *   <state-dir>/runs/<id>/evidence/out/<n>     the held file, `<id>/<n>` to users
 *   <state-dir>/runs/<id>/decisions/           a ledger of its own, for the run's is closed with it
 *   <state-dir>/released/<uid>/<name>          released: a link to that very inode
 *
 * A released inode is root's and read-only, as it was; who may pass through to it is told by the
 * folders: `evidence` is root's, `<uid>` is the owner's. Blocks: for job threads. */
#pragma once

#include "hostd/host.h"
#include "hostd/job.h"

typedef struct {
    GkHost *host;
    uid_t caller;
    gboolean operator;
    char *folder; /* of the run; NULL: of all (listing) */
    guint number;
    gboolean zone; /* a Zone.Identifier is wanted beside it */
    gboolean drop;
} GkHeldWish;

void gk_held_wish_free (GkHeldWish *wish);

/* A GkJobFunc; @data: GkHeldWish. Result:
 * `{held:[{id,run,number,name,size,sha256,verdict,why,owner}]}`, of the caller's runs, or, for an
 * operator, of everyone's. */
JsonObject *gk_held_list_run (GkJob *job, gpointer data, GError **error);

/**
 * gk_held_decide_run:
 *
 * A GkJobFunc; @data: GkHeldWish. Releases the file to the run's owner, or drops it: it stays as
 * evidence, and is offered no more. Whoever is no operator may release what is his own, clean and
 * vouched for. The evidence is hashed again: what is released is what the ledger says. Errors:
 * GK_API_ERROR_NOT_FOUND (it is not held), GK_API_ERROR_REFUSED, G_IO_ERROR_INVALID_DATA (changed).
 */
JsonObject *gk_held_decide_run (GkJob *job, gpointer data, GError **error);

/* Folds a run's decisions: calls @func with each event, as gk_ledger_read() does. None is success.
 */
gboolean gk_held_read_decisions (const char *folder,
                                 void (*func) (const char *event, JsonObject *members,
                                               gpointer data),
                                 gpointer data, GError **error);
