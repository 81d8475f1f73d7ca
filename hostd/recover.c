/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/recover.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "hostd/boot.h"
#include "hostd/report.h"

#include <string.h>

static void
look_for_end (const char *event, JsonObject *members, gpointer data)
{
    if (g_str_equal (event, "disposed"))
        *(gboolean *) data = TRUE;
}

/* Whether the run had come to its end, and only its record does not say so. */
static gboolean
had_ended (const char *folder)
{
    gboolean ended = FALSE;

    return gk_ledger_read (folder, look_for_end, &ended, NULL, NULL, NULL) && ended;
}

static void
record_interruption (const char *folder)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GkLedger) ledger = gk_ledger_open (folder, &error);
    JsonObject *ended = json_object_new ();
    g_autoptr (JsonObject) report = NULL;

    json_object_set_string_member (ended, "by", "interrupted");
    json_object_set_string_member (ended, "message",
                                   "genkand was ended in the middle of the run; its next start "
                                   "removed the VM");
    if (ledger && gk_ledger_append (ledger, GK_LEDGER_DURABLE, "interrupted", NULL, &error) &&
        gk_ledger_append (ledger, GK_LEDGER_DURABLE, "ended", json_object_ref (ended), &error) &&
        gk_ledger_append (ledger, GK_LEDGER_DURABLE, "disposed", NULL, &error))
        report = gk_report_build (folder, &error);
    json_object_unref (ended);
    if (report)
        gk_report_save (report, folder, &error);
    if (error)
        g_warning ("%s: %s", folder, error->message);
}

static gboolean
mark_closed (const char *folder, JsonObject *record, GError **error)
{
    g_autofree char *text = NULL;
    gk_autofd int dir = gk_open_dir (folder, error);

    if (dir < 0)
        return FALSE;
    json_object_set_string_member (record, "state", "closed");
    json_object_set_string_member (record, "why", "its run was interrupted");
    text = gk_json_text (record, TRUE);
    return gk_file_replace (dir, "run.json", text, strlen (text), 0600, error);
}

/* A run without a readable record never got as far as holding anything. */
static gboolean
recover_run (GkHost *host, const char *folder, guint *recovered, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (JsonObject) record = gk_disposable_read_record (folder, &local);

    if (!record) {
        g_warning ("%s has no record that can be read (%s): left as it is", folder, local->message);
        return TRUE;
    }
    if (g_strcmp0 (gk_json_string (record, "state", NULL), "closed") == 0)
        return TRUE;
    if (!gk_halt_leftover (host, folder, record, error))
        return FALSE;
    if (had_ended (folder))
        return mark_closed (folder, record, error);
    record_interruption (folder);
    g_message (
        "run %s was interrupted: its VM, overlay, share and tap are removed, its evidence is "
        "kept",
        gk_json_string (record, "id", "?"));
    ++*recovered;
    return mark_closed (folder, record, error);
}

static gboolean
recover_runs (GkHost *host, guint *recovered, GError **error)
{
    g_autofree char *runs = g_build_filename (host->state_dir, "runs", NULL);
    g_autoptr (GDir) dir = g_dir_open (runs, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name (dir))) {
        g_autofree char *folder = g_build_filename (runs, name, NULL);

        if (gk_id_valid (name) && !recover_run (host, folder, recovered, error))
            return FALSE;
    }
    return TRUE;
}

/* Domains whose run's folder is gone. */
static gboolean
recover_domains (GkHost *host, guint *recovered, GError **error)
{
    g_autoptr (GPtrArray) leftovers = gk_vmm_list (host->vmm, host->instance, error);

    for (guint i = 0; leftovers && i < leftovers->len; i++) {
        GkVmmLeftover *leftover = leftovers->pdata[i];

        if (!gk_vmm_destroy (host->vmm, leftover->uuid, error))
            return FALSE;
        g_message ("domain %s belonged to no run: removed", leftover->name);
        ++*recovered;
    }
    return leftovers != NULL;
}

gboolean
gk_recover (GkHost *host, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->recovering);
    guint recovered = 0;

    if (host->recovered)
        return TRUE;
    host->recovered =
        recover_runs (host, &recovered, error) && recover_domains (host, &recovered, error);
    if (host->recovered && recovered)
        g_message ("cleaned up after %u interrupted run%s", recovered, recovered == 1 ? "" : "s");
    return host->recovered;
}
