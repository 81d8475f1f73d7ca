/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/evidence.h"

#include "hostd/registry.h"

/* So many attempts of a run are written down one by one; the others are counted. A guest that makes
 * noise for hours must neither fill the disk nor make its own report too long to read. */
enum { EVENTS_MOST = 20000 };

static JsonObject *
describe (const GkBridgeEvent *event)
{
    JsonObject *members = json_object_new ();

    if (event->query) {
        json_object_set_string_member (members, "name", event->name);
        json_object_set_string_member (members, "type", event->type);
    } else {
        json_object_set_string_member (members, "protocol", event->protocol);
        json_object_set_string_member (members, "destination", event->destination);
        json_object_set_int_member (members, "port", event->port);
        json_object_set_int_member (members, "bytes_out", (gint64) event->bytes_out);
        json_object_set_int_member (members, "bytes_in", (gint64) event->bytes_in);
    }
    json_object_set_string_member (members, "verdict", event->allowed ? "allowed" : "denied");
    json_object_set_string_member (members, "rule", event->rule);
    json_object_set_int_member (members, "count", (gint64) event->count);
    json_object_set_string_member (members, "seen", event->time);
    json_object_set_string_member (members, "machine", event->vm);
    return members;
}

void
gk_evidence_on_event (const GkBridgeEvent *event, gpointer data)
{
    GkHost *host = data;
    g_autoptr (GkDisposable) disposable = gk_registry_served_by (host->registry, event->vm);
    g_autoptr (GError) error = NULL;

    if (!disposable)
        return;
    if (!event->allowed)
        g_atomic_int_inc (&disposable->denied);
    if (disposable->events >= EVENTS_MOST) {
        disposable->unrecorded += event->count;
        return;
    }
    disposable->events++;
    /* Not durable: a guest must not make the daemon wait for the disk as often as it likes. */
    if (!gk_ledger_append (disposable->ledger, GK_LEDGER_NORMAL, event->query ? "query" : "flow",
                           describe (event), &error))
        g_warning ("run %s: %s", disposable->id, error->message);
}

void
gk_evidence_on_lost (gboolean restarted, const char *why, gpointer data)
{
    GkHost *host = data;
    g_autoptr (GPtrArray) living = gk_registry_list (host->registry);

    g_warning ("genkan-netd was lost (%s): %s", why,
               restarted ? "a new one has taken over, with policy 'none' for every VM"
                         : "no new one could be started; guests have no network");
    for (guint i = 0; i < living->len; i++) {
        JsonObject *members = json_object_new ();

        json_object_set_boolean_member (members, "restarted", restarted);
        json_object_set_string_member (members, "why", why);
        gk_disposable_record (living->pdata[i], "bridge-lost", members);
    }
}
