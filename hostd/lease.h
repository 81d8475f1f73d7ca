/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leases: how long a disposable may live without being used, and in all. Pure, any thread.
 *
 * Times are real time, in seconds since the epoch: a lease goes on while genkand, or the host, is
 * down. A real-time clock can be set back, and then a disposable seems to be used in the future.
 * That neither ends it at once nor counts for ever:
 *   - what lies in the future counts as `now` in every function here;
 *   - gk_lease_mend(), called before each look and kept, moves both times back, so that counting
 *     begins anew from the jump; without it a lease would stand still until the old time is reached
 *     again.
 * A clock set forward ends leases early, at worst all: disposables are disposable. */
#pragma once

#include <glib.h>

/* Limits in seconds; 0: no such limit. */
typedef struct {
    guint idle_s, life_s;
} GkLeaseTerms;

typedef struct {
    gint64 created; /* <= used */
    gint64 used;    /* when it was last used: at the beginning and at the end of each job */
    guint users;    /* jobs that use it now: while there is one it is not idle. Its life goes on */
} GkLeaseUse;

/* Where the clock was set back: moves @use to the new time. What was idle then counts anew; its age
 * up to its last use is kept. TRUE where that changed anything: then it is worth saving. */
gboolean gk_lease_mend (GkLeaseUse *use, gint64 now);

/* When it ends if nothing changes, in real time: at most @now where it is over; 0: never. */
gint64 gk_lease_expires (const GkLeaseTerms *terms, const GkLeaseUse *use, gint64 now);

/**
 * gk_lease_is_over:
 * @ret_why: (out) (optional): untouched unless it is over: `nobody has used it for 60 min (idle
 *   limit)`, `its life of 24 h is over`
 */
gboolean gk_lease_is_over (const GkLeaseTerms *terms, const GkLeaseUse *use, gint64 now,
                           char **ret_why);

/* Returns: (transfer full): why it still lives, and until when: `in use; its life ends in 23 h`,
 * `kept by its owner; idle limit in 58 min`, `kept by its owner; no limit` */
char *gk_lease_why (const GkLeaseTerms *terms, const GkLeaseUse *use, gint64 now);
