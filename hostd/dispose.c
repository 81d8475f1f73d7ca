/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/dispose.h"

#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/boot.h"
#include "hostd/registry.h"
#include "hostd/report.h"

#include <stdlib.h>

/* What a drop box may cost at the end: as many bytes as it could really hold (a sparse file claims
 * more), so many files, so long. What is beyond is refused, and counted. */
enum { OUTBOUND_MOST = 1000, OUTBOUND_SECONDS = 60 };

void
gk_record_outbound (GkDisposable *disposable, const GkPassed *passed, gboolean released)
{
    JsonObject *members = json_object_new ();
    g_autofree char *number = g_path_get_basename (passed->path);

    gk_json_set_text (members, "name", passed->name);
    json_object_set_int_member (members, "size", (gint64) passed->size);
    json_object_set_string_member (members, "sha256", passed->sha256);
    json_object_set_string_member (members, "verdict",
                                   gk_verdict_to_string (passed->judgement.verdict));
    json_object_set_string_member (members, "state", released ? "released" : "held");
    gk_json_set_text (members, "why", passed->judgement.why);
    json_object_set_int_member (members, "number", atoi (number));
    gk_disposable_record (disposable, "outbound", members);
}

static void
record_refused (GkDisposable *disposable, guint count)
{
    JsonObject *members;

    if (count == 0)
        return;
    members = json_object_new ();
    json_object_set_int_member (members, "count", count);
    json_object_set_string_member (members, "why",
                                   "no plain file, changed under our hands, or over a limit");
    gk_disposable_record (disposable, "outbound-refused", members);
}

/* The guest is stopped by now: what lies there is what it left. */
static void
collect_outbound (GkDisposable *disposable)
{
    GkHost *host = disposable->host;
    gint64 deadline = g_get_monotonic_time () + OUTBOUND_SECONDS * G_USEC_PER_SEC;
    guint64 left = host->config->outbound_size;
    guint refused = 0;
    g_autoptr (GPtrArray) names =
        gk_airlock_list (disposable->folder, OUTBOUND_MOST, &refused, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autoptr (GkPassed) passed = NULL;

        if (g_get_monotonic_time () < deadline)
            passed = gk_airlock_take (disposable->folder, &host->scanners, names->pdata[i],
                                      MIN (host->config->file_size, left), NULL, NULL);
        if (!passed) {
            refused++;
            continue;
        }
        left -= passed->size;
        gk_record_outbound (disposable, passed, FALSE);
    }
    record_refused (disposable, refused);
}

static void
stop_and_collect (GkDisposable *disposable)
{
    if (!disposable->vm)
        return;
    gk_vm_suspend (disposable->vm, NULL);
    collect_outbound (disposable);
}

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

static void
record_disposed (GkDisposable *disposable)
{
    JsonObject *members = json_object_new ();
    g_autoptr (GError) error = NULL;
    gboolean unchanged = gk_image_check (disposable->image, &error);

    json_object_set_int_member (members, "network_unrecorded", (gint64) disposable->unrecorded);
    json_object_set_boolean_member (members, "golden_unchanged", unchanged);
    if (error)
        json_object_set_string_member (members, "golden", error->message);
    gk_disposable_record (disposable, "disposed", members);
}

static void
close_run (GkDisposable *disposable)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) report = NULL;

    wait_for_events ();
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

void
gk_dispose (GkDisposable *disposable)
{
    g_mutex_lock (&disposable->work);
    if (gk_disposable_state (disposable) != GK_DISPOSABLE_CLOSED) {
        /* One that is disposing already is a first try that something resisted. */
        gk_disposable_enter (disposable, GK_DISPOSABLE_DISPOSING, "it is being removed");
        stop_and_collect (disposable);
        if (gk_halt (disposable))
            close_run (disposable);
    }
    g_mutex_unlock (&disposable->work);
}

static gboolean
replace_vm (GkDisposable *disposable, GkJob *job, GError **error)
{
    stop_and_collect (disposable);
    if (!gk_halt (disposable)) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                     "the old VM of '%s' could not be removed whole (see genkand's log)",
                     disposable->name);
        return FALSE;
    }
    return gk_image_check (disposable->image, error) && gk_boot (disposable, job, error);
}

gboolean
gk_revert (GkDisposable *disposable, GkJob *job, GError **error)
{
    gboolean ok;

    if (!gk_disposable_use (disposable, error))
        return FALSE;
    gk_disposable_enter (disposable, GK_DISPOSABLE_REVERTING, "it is being reverted");
    gk_disposable_record (disposable, "reverting", NULL);
    ok = replace_vm (disposable, job, error);
    if (ok) {
        gk_disposable_record (disposable, "reverted", NULL);
        gk_disposable_enter (disposable, GK_DISPOSABLE_RUNNING, "its owner has not removed it");
    }
    g_mutex_unlock (&disposable->work);
    if (!ok)
        gk_dispose (disposable);
    return ok;
}
