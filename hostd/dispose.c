/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/dispose.h"

#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/aftermath.h"
#include "hostd/claim.h"
#include "hostd/reaper.h"
#include "hostd/registry.h"
#include "hostd/report.h"
#include "hostd/run.h"

/* A turn of the main loop, so that the bridge's last events are in the ledger. */
typedef struct {
    GMutex lock;
    GCond turned;
    gboolean done;
} Turn;

static gboolean
turn (gpointer data)
{
    Turn *waiting = data;

    g_mutex_lock (&waiting->lock);
    waiting->done = TRUE;
    g_cond_signal (&waiting->turned);
    g_mutex_unlock (&waiting->lock);
    return G_SOURCE_REMOVE;
}

static void
wait_for_events (void)
{
    Turn waiting = { 0 };

    g_mutex_init (&waiting.lock);
    g_cond_init (&waiting.turned);
    g_idle_add_full (G_PRIORITY_LOW, turn, &waiting, NULL);
    g_mutex_lock (&waiting.lock);
    while (!waiting.done)
        g_cond_wait (&waiting.turned, &waiting.lock);
    g_mutex_unlock (&waiting.lock);
    g_mutex_clear (&waiting.lock);
    g_cond_clear (&waiting.turned);
}

/* What of a run's time was genkand's own: neither the guest's agent nor waiting for the guest. */
static void
describe_time (GkDisposable *disposable, JsonObject *members)
{
    gint64 agent, all;

    if (!disposable->begun || !disposable->machine || !disposable->machine->vm)
        return;
    agent = (gint64) (gk_vm_agent_usec (disposable->machine->vm) - disposable->agent_before);
    all = g_get_monotonic_time () - disposable->begun;
    json_object_set_double_member (members, "agent_ms", (double) agent / 1000);
    json_object_set_double_member (members, "daemon_ms",
                                   (double) (all - agent - disposable->waited) / 1000);
}

/* Where the machine came from a warm state that is still the one: whether that is what was sealed.
 */
static void
describe_warm (GkDisposable *disposable, JsonObject *members)
{
    GkWarm *warm = disposable->machine ? disposable->machine->warm : NULL;
    g_autoptr (GError) error = NULL;

    if (!warm || gk_warm_is_replaced (warm))
        return;
    json_object_set_boolean_member (members, "warm_unchanged", gk_warm_check (warm, &error));
    if (error)
        json_object_set_string_member (members, "warm", error->message);
}

static void
record_disposed (GkDisposable *disposable)
{
    JsonObject *members = json_object_new ();
    g_autoptr (GError) error = NULL;
    gboolean unchanged = gk_image_check (disposable->image, &error);

    json_object_set_int_member (members, "network_unrecorded", (gint64) disposable->unrecorded);
    json_object_set_boolean_member (members, "golden_unchanged", unchanged);
    describe_warm (disposable, members);
    if (error)
        json_object_set_string_member (members, "golden", error->message);
    describe_time (disposable, members);
    g_clear_error (&error);
    if (!gk_ledger_append (disposable->ledger, GK_LEDGER_LAST, "disposed", members, &error))
        g_warning ("run %s: %s", disposable->id, error->message);
}

/* The guest is dead: nothing that may have kept its tap speaks for it any longer, either. Its last
 * network events are in the ledger when its rules are gone and the main loop has had a turn; where
 * they resist, the reaper tries on. */
static void
look_at (GkDisposable *disposable, GkMachine *machine)
{
    GkHost *host = disposable->host;
    g_autoptr (GError) error = NULL;

    if (!gk_bridge_remove (host->bridge, machine->id, &error))
        g_warning ("run %s: %s", disposable->id, error->message);
    gk_aftermath_collect (disposable, machine);
    wait_for_events ();
    gk_registry_unbind (host->registry, machine->id);
}

static void
close_run (GkDisposable *disposable)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) report = NULL;

    record_disposed (disposable);
    report = gk_report_build (disposable->folder, &error);
    if (!report || !gk_report_save (report, disposable->folder, &error))
        g_warning ("run %s: %s", disposable->id, error->message);
    gk_disposable_enter (disposable, GK_DISPOSABLE_CLOSED, "its run is over");
    g_clear_error (&error);
    if (!gk_disposable_save (disposable, &error))
        g_warning ("run %s: %s", disposable->id, error->message);
    gk_registry_remove (disposable->host->registry, disposable);
}

/* With `work` held and the machine dead. */
static void
finish (GkDisposable *disposable)
{
    GkMachine *machine;

    if (disposable->machine)
        look_at (disposable, disposable->machine);
    gk_disposable_wait_behind (disposable);
    close_run (disposable);
    machine = gk_disposable_set_machine (disposable, NULL, NULL);
    if (machine)
        gk_reaper_take (disposable->host->reaper, machine);
}

/* Whoever talks to the machine just now finds it dead, and lets go of it. */
static gboolean
silence (GkDisposable *disposable, GError **error)
{
    g_autoptr (GkMachine) machine = gk_disposable_machine (disposable);

    if (!machine || gk_machine_kill (machine, error))
        return TRUE;
    gk_disposable_record (disposable, "cleanup-incomplete", NULL);
    return FALSE;
}

void
gk_dispose (GkDisposable *disposable)
{
    g_autoptr (GError) error = NULL;

    gk_disposable_stop_watch (disposable);
    gk_disposable_enter (disposable, GK_DISPOSABLE_DISPOSING, "it is being removed");
    silence (disposable, NULL);
    g_mutex_lock (&disposable->work);
    /* Whoever held `work` may have been about to give it another machine. */
    if (gk_disposable_state (disposable) != GK_DISPOSABLE_CLOSED) {
        if (silence (disposable, &error))
            finish (disposable);
        else
            g_warning ("run %s: %s", disposable->id, error->message);
    }
    g_mutex_unlock (&disposable->work);
}

static void
dispose_behind (gpointer data)
{
    g_autoptr (GkDisposable) disposable = data;

    gk_dispose (disposable);
}

gboolean
gk_dispose_behind (GkDisposable *disposable, GError **error)
{
    gboolean first =
        gk_disposable_enter (disposable, GK_DISPOSABLE_DISPOSING, "it is being removed");

    gk_disposable_stop_watch (disposable);
    if (first)
        gk_run_record_end (disposable, GK_RUN_REMOVED, -1, NULL);
    if (!silence (disposable, error))
        return FALSE;
    if (!first)
        return TRUE;
    gk_reaper_call (disposable->host->reaper, GK_REAPER_CLOSE, dispose_behind,
                    gk_disposable_ref (disposable));
    return TRUE;
}

void
gk_strike_all (GkHost *host)
{
    g_autoptr (GPtrArray) living = gk_registry_list (host->registry);

    for (guint i = 0; i < living->len; i++) {
        g_autoptr (GkMachine) machine = gk_disposable_machine (living->pdata[i]);

        if (machine)
            gk_machine_strike (machine);
    }
}

void
gk_dispose_all (GkHost *host)
{
    g_autoptr (GPtrArray) living = gk_registry_list (host->registry);

    gk_strike_all (host);
    for (guint i = 0; i < living->len; i++) {
        gk_run_record_end (living->pdata[i], GK_RUN_STOPPED, -1, "genkand was stopped");
        gk_reaper_call (host->reaper, GK_REAPER_CLOSE, dispose_behind,
                        gk_disposable_ref (living->pdata[i]));
    }
}

typedef struct {
    GkDisposable *disposable;
    GkMachine *machine;
} Former;

static void
look_at_former (gpointer data)
{
    Former *former = data;

    look_at (former->disposable, former->machine);
    gk_disposable_end_behind (former->disposable);
    gk_reaper_take (former->disposable->host->reaper, former->machine);
    gk_disposable_unref (former->disposable);
    g_free (former);
}

/* What the killed machine left is looked at behind the caller's back. */
static void
leave_behind (GkDisposable *disposable, GkMachine *machine)
{
    Former *former = g_new0 (Former, 1);

    former->disposable = gk_disposable_ref (disposable);
    former->machine = machine;
    gk_disposable_begin_behind (disposable);
    gk_reaper_call (disposable->host->reaper, GK_REAPER_LOOK, look_at_former, former);
}

static gboolean
set_removed (GkDisposable *disposable, GError **error)
{
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "'%s' was removed meanwhile",
                 disposable->name);
    return FALSE;
}

/* With `work` held. One former machine at a time: what it left takes room until it was looked at.
 */
static gboolean
replace_machine (GkDisposable *disposable, GkJob *job, GError **error)
{
    GkMachine *former = gk_disposable_set_machine (disposable, NULL, NULL);
    gboolean ok;

    gk_disposable_wait_behind (disposable);
    ok = gk_claim (disposable, TRUE, job, error);
    if (former)
        leave_behind (disposable, former);
    return ok && (gk_disposable_enter (disposable, GK_DISPOSABLE_RUNNING, "it was reverted") ||
                  set_removed (disposable, error));
}

gboolean
gk_revert (GkDisposable *disposable, GkJob *job, GError **error)
{
    gboolean ok;

    /* Killed before anything is waited for: whoever talks to it then lets go of it. */
    if (!gk_disposable_enter (disposable, GK_DISPOSABLE_REVERTING, "it is being reverted")) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                     "VM '%s' is not running, or being reverted already", disposable->name);
        return FALSE;
    }
    gk_disposable_set_watch (disposable, gk_job_cancellable (job));
    gk_disposable_record (disposable, "reverting", NULL);
    ok = silence (disposable, error);
    g_mutex_lock (&disposable->work);
    ok = ok && replace_machine (disposable, job, error);
    if (ok)
        gk_disposable_record (disposable, "reverted", NULL);
    g_mutex_unlock (&disposable->work);
    gk_disposable_set_watch (disposable, NULL);
    if (!ok) {
        gk_run_record_end (disposable, GK_RUN_FAILED, -1, error ? (*error)->message : NULL);
        gk_dispose (disposable);
    }
    return ok;
}
