/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disposable and its run: one throwaway VM from claim to disposal, with what is kept of it.
 *
 *   <state-dir>/runs/<id>/            0700: evidence, root's alone
 *     run.json                        what this is: written before it holds anything, so that a
 *                                     restart knows what was under way
 *     ledger.jsonl  report.json  screenshot.png  console.log
 *     evidence/                       what went in and came out (see share/airlock.h)
 *
 *  state      may be entered from   what holds in it
 *  starting   –                     a machine is being claimed for it
 *  running    starting, reverting   machine up, agent answering, policy in force, share mounted
 *  reverting  running               the machine is killed, another one is being claimed
 *  disposing  all but closed        its machine is killed; what it left is being looked at
 *  closed     disposing             nothing is left but the run's record
 *
 * A GkDisposable is reference-counted. `work` is held by whoever talks to its machine or changes its
 * resources; the members under it belong to the holder. The rest does not change, but for what
 * stands under `lock`, which is never held for long. */
#pragma once

#include "hostd/host.h"
#include "hostd/lease.h"
#include "hostd/ledger.h"
#include "hostd/machine/machine.h"
#include "hostd/policy.h"
#include "hostd/share/airlock.h"
#include "images/image.h"

typedef enum {
    GK_DISPOSABLE_STARTING,
    GK_DISPOSABLE_RUNNING,
    GK_DISPOSABLE_REVERTING,
    GK_DISPOSABLE_DISPOSING,
    GK_DISPOSABLE_CLOSED,
} GkDisposableState;

typedef struct {
    gatomicrefcount refs;
    GkHost *host;
    char *id, *name;
    char *folder; /* absolute */
    char *policy, *policy_mode, *policy_digest;
    GkLeaseTerms terms;
    GkImage *image;
    uid_t owner;
    char *created;
    GkLedger *ledger;

    GMutex work;
    GkMachine *machine;  /* while running; changed with `lock` held, too */
    GPtrArray *admitted; /* of GkPassed: what is inbound, shown anew after a revert */
    GPtrArray *guest_names; /* of utf8: what each of them is called in the guest */
    guint64 agent_before; /* what its machine's agent had taken before it was claimed, microseconds */
    gint64 begun;        /* of a run that ends by itself: when, monotonic; 0: it is kept */
    gint64 waited;       /* microseconds of it that were spent waiting for the guest */
    guint lives;         /* machines that it has had: what was begun in one is not gone on with in the next */

    GMutex lock;
    GkDisposableState state;
    char *why;           /* why it is in that state */
    const char *via;     /* how its machine came: `pool`, `warm`, `cold`; NULL: not yet */
    GkLeaseUse use;
    guint behind;        /* former machines of it that are still being looked at */
    GCond looked_at;     /* `behind` is 0 */
    GCancellable *watch; /* (nullable): ends the job that is using it */
    GArray *released;    /* of guint: the outbound files, by number, that may be fetched */

    gint denied;        /* atomic: network attempts denied so far */
    guint events;       /* main thread: how many of them stand in the ledger */
    guint64 unrecorded; /* main thread, or when the bridge is done with it: how many do not */
} GkDisposable;

typedef struct {
    const char *name; /* NULL: one is made up */
    uid_t owner;
} GkDisposableWish;

/**
 * gk_disposable_new:
 *
 * Makes the run's folder, record and ledger, and enters it in the registry. No VM yet. Errors:
 * GK_API_ERROR_USAGE (a bad or taken name), GK_API_ERROR_REFUSED (too many), G_IO_ERROR.
 */
GkDisposable *gk_disposable_new (GkHost *host, const GkDisposableWish *wish, GkImage *image,
                                 const GkPolicy *policy, GError **error);
GkDisposable *gk_disposable_ref (GkDisposable *disposable);
void gk_disposable_unref (GkDisposable *disposable);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkDisposable, gk_disposable_unref)

/* Writes run.json. */
gboolean gk_disposable_save (GkDisposable *disposable, GError **error);

GkDisposableState gk_disposable_state (GkDisposable *disposable);

/* Sets state and why (a sentence for `genkan ls`); FALSE, changing nothing, where the table above does
 * not allow it. */
gboolean gk_disposable_enter (GkDisposable *disposable, GkDisposableState state, const char *why);

/* Its machine from now on (transfer full), or none: a life has ended. With `work` held. Returns: (transfer
 * full) (nullable): the one before. */
GkMachine *gk_disposable_set_machine (GkDisposable *disposable, GkMachine *machine,
                                      const char *via);

/* Returns: (transfer full) (nullable): its machine, for killing it whoever holds `work` */
GkMachine *gk_disposable_machine (GkDisposable *disposable);

/* Brackets what somebody does with it: it is not idle in between. */
void gk_disposable_begin_use (GkDisposable *disposable);
void gk_disposable_end_use (GkDisposable *disposable);

/* Whether its lease is over: it is disposing then, and @ret_why says which limit it was. */
gboolean gk_disposable_expire (GkDisposable *disposable, char **ret_why);

/* Where it runs and nobody uses it: it is disposing then. */
gboolean gk_disposable_leave_unused (GkDisposable *disposable, const char *why);

/* Brackets the looking at a former machine; the run is not closed before its end. */
void gk_disposable_begin_behind (GkDisposable *disposable);
void gk_disposable_end_behind (GkDisposable *disposable);
void gk_disposable_wait_behind (GkDisposable *disposable);

/**
 * gk_disposable_use:
 *
 * Takes `work` of a disposable that is running; the caller unlocks it. Errors: GK_API_ERROR_NOT_FOUND
 * where it is going or gone.
 */
gboolean gk_disposable_use (GkDisposable *disposable, GError **error);

/* The same, where it must still be the machine with that number (`lives`). */
gboolean gk_disposable_use_life (GkDisposable *disposable, guint life, GError **error);

/* Appends an event, unless the run is over. A ledger that cannot be written is a warning in the log, no error: callers that
 * must not go on without look at gk_ledger_append() themselves. */
void gk_disposable_record (GkDisposable *disposable, const char *event, JsonObject *members);

/* Returns: (transfer full): what `genkan ls` shows of it */
JsonObject *gk_disposable_to_json (GkDisposable *disposable);

/* The record in @folder (run.json), read back. Errors: G_IO_ERROR. */
JsonObject *gk_disposable_read_record (const char *folder, GError **error);

/* The job that uses the disposable just now, and `rm`'s way to end it. */
void gk_disposable_set_watch (GkDisposable *disposable, GCancellable *watch);
void gk_disposable_stop_watch (GkDisposable *disposable);

/* Outbound files that may be fetched, by number. Any thread; never waits for the VM. */
void gk_disposable_release (GkDisposable *disposable, guint number);
gboolean gk_disposable_is_released (GkDisposable *disposable, guint number);
