/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run: one use of a fresh disposable, from claim to disposal. What `open`, `run` and `new` share.
 * Blocks: for job threads. */
#pragma once

#include "hostd/disposable.h"
#include "hostd/job.h"

/* What a caller wished for; strings may be NULL: the configuration's default. */
typedef struct {
    uid_t owner;
    char *image, *policy, *name;
    char *member; /* open: of the archive or mail that is given; NULL: that itself */
    gboolean keep;
    guint timeout; /* seconds; 0: the default (open) or none (run) */
} GkRunWish;

void gk_run_wish_clear (GkRunWish *wish);

/* Why a run's use ended. */
typedef enum {
    GK_RUN_ENDED, /* the program ended by itself */
    GK_RUN_TIMEOUT, /* the time to watch was over */
    GK_RUN_CANCELLED, /* the caller, or its connection, ended it */
    GK_RUN_SHUT_DOWN, /* the guest is no more */
    GK_RUN_EXPIRED, /* its lease is over */
    GK_RUN_REMOVED, /* somebody has removed it */
    GK_RUN_STOPPED, /* genkand was stopped */
    GK_RUN_FAILED, /* genkan could not do it: see the message */
    GK_RUN_INTERRUPTED, /* genkand was ended in the middle of it */
} GkRunEnd;

/**
 * gk_run_new:
 *
 * Looks up image and policy and makes the disposable, without a VM. Removing it cancels @job.
 */
GkDisposable *gk_run_new (GkHost *host, const GkRunWish *wish, GkJob *job, GError **error);

/* Gets it a machine and enters running. @set_clock: see gk_claim(). */
gboolean gk_run_start (GkDisposable *disposable, gboolean set_clock, GkJob *job, GError **error);

/* Both; nothing lives where it fails. */
GkDisposable *gk_run_begin (GkHost *host, const GkRunWish *wish, gboolean set_clock, GkJob *job,
                            GError **error);

/* Records how long the use itself took; @begun: g_get_monotonic_time() at its beginning. */
void gk_run_record_used (GkDisposable *disposable, gint64 begun);

/* Records why and how the use ended. @code: exit code of the program, or -1. */
void gk_run_record_end (GkDisposable *disposable, GkRunEnd end, int code, const char *message);

/**
 * gk_run_close:
 * @keep: leave the VM running
 *
 * Ends the use that gk_run_new() began, and disposes of it, unless it is kept. Returns: (transfer
 * full): the report, or %NULL with @error set
 */
JsonObject *gk_run_close (GkDisposable *disposable, gboolean keep, GError **error);

/* After a failure in the middle: records @failed, disposes, writes the report. The message is made
 * to name the run. */
void gk_run_abandon (GkDisposable *disposable, GError **failed);
