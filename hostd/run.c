/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/run.h"

#include "hostd/claim.h"
#include "hostd/dispose.h"
#include "hostd/recover.h"
#include "hostd/report.h"

#include <assert.h>

static const char *const end_names[] = {
    [GK_RUN_ENDED] = "ended",
    [GK_RUN_TIMEOUT] = "timeout",
    [GK_RUN_CANCELLED] = "cancelled",
    [GK_RUN_SHUT_DOWN] = "guest shut down",
    [GK_RUN_EXPIRED] = "expired",
    [GK_RUN_REMOVED] = "removed",
    [GK_RUN_STOPPED] = "stopped",
    [GK_RUN_FAILED] = "failed",
    [GK_RUN_INTERRUPTED] = "interrupted",
};

static_assert (G_N_ELEMENTS (end_names) == GK_RUN_INTERRUPTED + 1, "every end has a name");

void
gk_run_wish_clear (GkRunWish *wish)
{
    g_clear_pointer (&wish->image, g_free);
    g_clear_pointer (&wish->policy, g_free);
    g_clear_pointer (&wish->name, g_free);
    g_clear_pointer (&wish->member, g_free);
}

GkDisposable *
gk_run_new (GkHost *host, const GkRunWish *wish, GkJob *job, GError **error)
{
    const char *image_name = wish->image ? wish->image : host->config->default_image;
    const char *policy_name = wish->policy ? wish->policy : host->config->default_policy;
    g_autoptr (GkImage) image = NULL;
    g_autoptr (GkPolicy) policy = NULL;
    GkDisposableWish who = { .name = wish->name, .owner = wish->owner };
    GkDisposable *disposable;

    if (!gk_recover (host, error))
        return NULL;
    image = gk_image_load (host->state_dir, image_name, error);
    if (!image)
        return NULL;
    policy = gk_policy_load (host->config_dir, policy_name, error);
    if (!policy || !gk_image_check (image, error))
        return NULL;
    disposable = gk_disposable_new (host, &who, image, policy, error);
    if (!disposable)
        return NULL;
    gk_disposable_set_watch (disposable, gk_job_cancellable (job));
    disposable->begun = wish->keep ? 0 : g_get_monotonic_time ();
    return disposable;
}

gboolean
gk_run_start (GkDisposable *disposable, gboolean set_clock, GkJob *job, GError **error)
{
    gboolean ok;

    g_mutex_lock (&disposable->work);
    if (gk_disposable_state (disposable) == GK_DISPOSABLE_STARTING) {
        ok = gk_claim (disposable, set_clock, job, error);
    } else {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "'%s' was removed before it started",
                     disposable->name);
        ok = FALSE;
    }
    if (ok && !gk_disposable_enter (disposable, GK_DISPOSABLE_RUNNING, "it is up")) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "'%s' was removed while it started",
                     disposable->name);
        ok = FALSE;
    }
    g_mutex_unlock (&disposable->work);
    return ok;
}

GkDisposable *
gk_run_begin (GkHost *host, const GkRunWish *wish, gboolean set_clock, GkJob *job, GError **error)
{
    g_autoptr (GkDisposable) disposable = gk_run_new (host, wish, job, error);
    GError *failed = NULL;

    if (!disposable)
        return NULL;
    if (gk_run_start (disposable, set_clock, job, &failed))
        return g_steal_pointer (&disposable);
    gk_run_abandon (disposable, &failed);
    g_propagate_error (error, failed);
    return NULL;
}

void
gk_run_record_used (GkDisposable *disposable, gint64 begun)
{
    JsonObject *members = json_object_new ();

    json_object_set_int_member (members, "ms", (g_get_monotonic_time () - begun) / 1000);
    gk_disposable_record (disposable, "used", members);
}

void
gk_run_record_end (GkDisposable *disposable, GkRunEnd end, int code, const char *message)
{
    JsonObject *members = json_object_new ();

    json_object_set_string_member (members, "by", end_names[end]);
    if (code >= 0)
        json_object_set_int_member (members, "code", code);
    if (message)
        json_object_set_string_member (members, "message", message);
    gk_disposable_record (disposable, "ended", members);
}

JsonObject *
gk_run_close (GkDisposable *disposable, gboolean keep, GError **error)
{
    gk_disposable_set_watch (disposable, NULL);
    if (!keep) {
        gk_dispose (disposable);
        return gk_report_read (disposable->folder, error);
    }
    gk_disposable_end_use (disposable);
    return gk_report_build (disposable->folder, error);
}

void
gk_run_abandon (GkDisposable *disposable, GError **failed)
{
    gboolean cancelled = g_error_matches (*failed, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    gboolean gone;

    gk_run_record_end (disposable, cancelled ? GK_RUN_CANCELLED : GK_RUN_FAILED, -1,
                       (*failed)->message);
    gk_disposable_set_watch (disposable, NULL);
    gk_dispose (disposable);
    gone = gk_disposable_state (disposable) == GK_DISPOSABLE_CLOSED;
    if (cancelled) {
        g_clear_error (failed);
        g_set_error_literal (failed, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
    }
    g_prefix_error (failed, "run %s%s: ", disposable->id,
                    gone ? "" : " (its VM could not be removed yet: see genkand's log)");
}
