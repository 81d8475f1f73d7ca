/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/lease-watch.h"

#include "hostd/dispose.h"
#include "hostd/reaper.h"
#include "hostd/registry.h"
#include "hostd/run.h"

enum { LOOK_S = 5 };

typedef struct {
    GkDisposable *disposable;
    char *why;
} Expired;

static void
end (gpointer data)
{
    Expired *expired = data;

    g_message ("run %s: %s: its VM is removed", expired->disposable->id, expired->why);
    gk_run_record_end (expired->disposable, GK_RUN_EXPIRED, -1, expired->why);
    gk_dispose (expired->disposable);
    gk_disposable_unref (expired->disposable);
    g_free (expired->why);
    g_free (expired);
}

static gboolean
look (gpointer data)
{
    GkHost *host = data;
    g_autoptr (GPtrArray) living = gk_registry_list (host->registry);

    for (guint i = 0; i < living->len; i++) {
        char *why = NULL;
        Expired *expired;

        if (!gk_disposable_expire (living->pdata[i], &why))
            continue;
        expired = g_new0 (Expired, 1);
        expired->disposable = gk_disposable_ref (living->pdata[i]);
        expired->why = why;
        gk_reaper_call (host->reaper, end, expired);
    }
    return G_SOURCE_CONTINUE;
}

guint
gk_lease_watch_start (GkHost *host)
{
    return g_timeout_add_seconds (LOOK_S, look, host);
}
