/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disposable and its run: one throwaway VM from claim to disposal, with what is kept of it.
 *
 *   <state-dir>/runs/<id>/            0711: QEMU's user must pass through to its overlay
 *     run.json                        what this is and which resources it holds: written before the
 *                                     first of them is made, so that a restart knows what to undo
 *     ledger.jsonl  report.json  screenshot.png  console.log
 *     evidence/                       what went in and came out (see share/airlock.h)
 *     vm/overlay.qcow2                gone when the disposable is
 *     inbound/ inbound.export/ outbound/   likewise (see share/exports.h)
 *
 *  state      may be entered from   what holds in it
 *  starting   –                     resources come into being
 *  running    starting, reverting   VM up, agent answering, policy in force, share mounted
 *  reverting  running               the VM is being replaced by a fresh one
 *  disposing  all but closed        resources go
 *  closed     disposing             nothing is left but the run's record
 *
 * A GkDisposable is reference-counted. `work` is held by whoever talks to its VM or changes its
 * resources; the members under it belong to the holder. The rest does not change, but for the state,
 * which has a lock of its own. */
#pragma once

#include "hostd/host.h"
#include "hostd/ledger.h"
#include "hostd/policy.h"
#include "hostd/share/airlock.h"
#include "images/image.h"
#include "vmm/vm.h"

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
    char *uuid, *tap, *mac;
    char *policy, *policy_digest;
    GkImage *image;
    uid_t owner;
    char *created;
    GkLedger *ledger;

    GMutex work;
    GkVm *vm;            /* while starting, running, reverting */
    GPtrArray *admitted; /* of GkPassed: what is inbound, shown anew after a revert */
    GPtrArray *guest_names; /* of utf8: what each of them is called in the guest */
    guint boots;         /* VMs that it has had: what was begun in one is not gone on with in the next */

    GMutex lock;
    GkDisposableState state;
    char *why;           /* why it still lives */
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

/* Sets state and why (a sentence for `genkan ls`; NULL keeps the last); FALSE, changing nothing,
 * where the table above does not allow it. */
gboolean gk_disposable_enter (GkDisposable *disposable, GkDisposableState state, const char *why);

/* A running one goes on running, for @why. */
void gk_disposable_keep (GkDisposable *disposable, const char *why);

/**
 * gk_disposable_use:
 *
 * Takes `work` of a disposable that is running; the caller unlocks it. Errors: GK_API_ERROR_NOT_FOUND
 * where it is going or gone.
 */
gboolean gk_disposable_use (GkDisposable *disposable, GError **error);

/* The same, where it must still be the VM with that number (`boots`). */
gboolean gk_disposable_use_boot (GkDisposable *disposable, guint boot, GError **error);

/* Appends an event, unless the run is closed. A ledger that cannot be written is a warning in the log, no error: callers that
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
