/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/recover.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "hostd/aftermath.h"
#include "hostd/machine/machine.h"
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

/* Why the run was cut short, as far as can be told from when the host was booted. */
static char *
tell_why (GkHost *host, JsonObject *record)
{
    const char *then = gk_json_string (record, "boot", host->boot_id);

    return g_strdup_printf ("%s in the middle of the run; genkand's next start removed the VM",
                            g_str_equal (then, host->boot_id) ? "genkand was ended"
                                                              : "the host was restarted");
}

static void
record_interruption (GkHost *host, const char *folder, JsonObject *record)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GkLedger) ledger = gk_ledger_open (folder, &error);
    g_autofree char *why = tell_why (host, record);
    JsonObject *ended = json_object_new ();
    g_autoptr (JsonObject) report = NULL;

    json_object_set_string_member (ended, "by", "interrupted");
    json_object_set_string_member (ended, "message", why);
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
    if (had_ended (folder))
        return mark_closed (folder, record, error);
    record_interruption (host, folder, record);
    g_message ("run %s was interrupted: its VM is removed, its evidence is kept",
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

/* What the guest had left in its drop box is evidence still, where the mount has outlived genkand.
 */
static void
collect_evidence (GkHost *host, const char *folder, const char *run)
{
    g_autofree char *run_folder = g_build_filename (host->state_dir, "runs", run, NULL);
    g_autoptr (GkLedger) ledger = NULL;

    if (!gk_id_valid (run) || had_ended (run_folder))
        return;
    ledger = gk_ledger_open (run_folder, NULL);
    if (ledger)
        gk_aftermath_collect_leftover (host, ledger, run_folder, folder);
}

/* A machine without a readable record never got as far as holding anything. */
static gboolean
recover_machine (GkHost *host, const char *folder, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (JsonObject) record = gk_machine_read_record (folder, &local);

    if (!record) {
        g_message ("%s holds no machine (%s): removed", folder, local->message);
        return gk_tree_remove_path (folder, error);
    }
    /* Dead first: what it left must not change while it is looked at. */
    if (!gk_vmm_destroy (host->vmm, gk_json_string (record, "uuid", ""), error))
        return FALSE;
    if (gk_json_string (record, "run", NULL))
        collect_evidence (host, folder, gk_json_string (record, "run", NULL));
    return gk_machine_take_down_leftover (host, folder, record, error);
}

static gboolean
recover_machines (GkHost *host, GError **error)
{
    g_autofree char *machines = g_build_filename (host->state_dir, "machines", NULL);
    g_autoptr (GDir) dir = g_dir_open (machines, 0, NULL);
    const char *name;
    guint removed = 0;

    while (dir && (name = g_dir_read_name (dir))) {
        g_autofree char *folder = g_build_filename (machines, name, NULL);

        if (!gk_id_valid (name))
            continue;
        if (!recover_machine (host, folder, error))
            return FALSE;
        removed++;
    }
    if (removed)
        g_message ("removed what %u VM%s of a genkand before held: domain, overlay, share and tap",
                   removed, removed == 1 ? "" : "s");
    return TRUE;
}

/* Domains of ours that no record tells of. */
static gboolean
recover_domains (GkHost *host, GError **error)
{
    g_autoptr (GPtrArray) leftovers = gk_vmm_list (host->vmm, host->instance, error);

    for (guint i = 0; leftovers && i < leftovers->len; i++) {
        GkVmmLeftover *leftover = leftovers->pdata[i];

        if (!gk_vmm_destroy (host->vmm, leftover->uuid, error))
            return FALSE;
        g_message ("domain %s belonged to no run: removed", leftover->name);
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
    host->recovered = recover_machines (host, error) && recover_domains (host, error) &&
                      recover_runs (host, &recovered, error);
    if (host->recovered)
        gk_warm_sweep (host);
    if (host->recovered && recovered)
        g_message ("cleaned up after %u interrupted run%s", recovered, recovered == 1 ? "" : "s");
    return host->recovered;
}
