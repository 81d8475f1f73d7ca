/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/lease-watch.h"

#include "hostd/dispose.h"
#include "hostd/reaper.h"
#include "hostd/registry.h"
#include "hostd/run.h"

enum { LOOK_S = 5 };

typedef struct {
    GkDisposable *disposable;
    GkRunEnd by;
    char *why;
} Expired;

static void
end (gpointer data)
{
    Expired *expired = data;

    g_message ("run %s: %s: its VM is removed", expired->disposable->id, expired->why);
    gk_run_record_end (expired->disposable, expired->by, -1, expired->why);
    gk_dispose (expired->disposable);
    gk_disposable_unref (expired->disposable);
    g_free (expired->why);
    g_free (expired);
}

/* At once: what is done behind may have to wait for its turn. */
static void
strike (GkDisposable *disposable)
{
    g_autoptr (GkMachine) machine = gk_disposable_machine (disposable);

    gk_disposable_stop_watch (disposable);
    if (machine)
        gk_machine_strike (machine);
}

/* A guest that has shut down while nobody used it. */
static gboolean
has_shut_down (GkDisposable *disposable)
{
    g_autoptr (GkMachine) machine = gk_disposable_machine (disposable);

    return machine && machine->vm && !gk_vm_is_alive (machine->vm) &&
           gk_disposable_leave_unused (disposable, "its guest has shut down");
}

static gboolean
look (gpointer data)
{
    GkHost *host = data;
    g_autoptr (GPtrArray) living = gk_registry_list (host->registry);

    for (guint i = 0; i < living->len; i++) {
        char *why = NULL;
        Expired *expired;
        GkRunEnd by;

        if (has_shut_down (living->pdata[i]))
            by = GK_RUN_SHUT_DOWN;
        else if (gk_disposable_expire (living->pdata[i], &why))
            by = GK_RUN_EXPIRED;
        else
            continue;
        strike (living->pdata[i]);
        expired = g_new0 (Expired, 1);
        expired->disposable = gk_disposable_ref (living->pdata[i]);
        expired->why = why ? why : g_strdup ("its guest has shut down");
        expired->by = by;
        gk_reaper_call (host->reaper, GK_REAPER_CLOSE, end, expired);
    }
    return G_SOURCE_CONTINUE;
}

guint
gk_lease_watch_start (GkHost *host)
{
    return g_timeout_add_seconds (LOOK_S, look, host);
}
