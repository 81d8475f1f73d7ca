/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/open.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/share/triage-check.h"
#include "hostd/transfer.h"
#include "vmm/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,
    SCREENSHOT_EVERY = 4, /* ticks: the last one before the end shows what the file put on screen */
    SCREENSHOT_MAX = 32 << 20,
    CHANGES_TIMEOUT_MS = 60000,
    CHANGES_MOST = 1000,
    MESSAGE_MOST = 400,
};

#define GUEST_OPEN "/usr/lib/genkan/guest-open"
#define GUEST_CHANGES "/usr/lib/genkan/guest-changes"

/* The opened file in the guest, and what came of watching it. */
typedef struct {
    guint life; /* which of the disposable's machines it was opened in */
    gint64 pid;
    GkRunEnd end;
    int code;
    char *message; /* of the opener, escaped; or NULL */
    gboolean shown; /* a screenshot was taken */
} Outcome;

void
gk_open_free (GkOpen *open)
{
    gk_fd_close (open->fd);
    gk_run_wish_clear (&open->wish);
    g_free (open->name);
    g_free (open);
}

static gboolean
take_screenshot (GkDisposable *disposable, guint life)
{
    g_autofree char *path = g_build_filename (disposable->folder, "screenshot.png", NULL);
    g_autofree char *temporary = g_strconcat (path, ".new", NULL);
    gk_autofd int fd = -1;
    gboolean ok;

    if (!disposable->image->display || !gk_disposable_use_life (disposable, life, NULL))
        return FALSE;
    fd = open (temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ok = fd >= 0 && gk_vm_screenshot (disposable->machine->vm, fd, SCREENSHOT_MAX, NULL) &&
         rename (temporary, path) == 0;
    g_mutex_unlock (&disposable->work);
    if (!ok)
        unlink (temporary);
    return ok;
}

static void
record_screenshot (GkDisposable *disposable)
{
    g_autofree char *path = g_build_filename (disposable->folder, "screenshot.png", NULL);
    JsonObject *members = json_object_new ();

    json_object_set_string_member (members, "path", path);
    gk_disposable_record (disposable, "screenshot", members);
}

/* Records are `SIZE\tPATH`, NUL-terminated: the guest's claims. */
static JsonArray *
read_changes (GBytes *bytes)
{
    gsize size = 0, most = CHANGES_MOST;
    const char *at = g_bytes_get_data (bytes, &size), *end = at + size, *stop;
    JsonArray *files = json_array_new ();

    for (; most-- && (stop = memchr (at, '\0', (gsize) (end - at))); at = stop + 1) {
        const char *tab = strchr (at, '\t');
        JsonObject *file;

        if (!tab)
            continue;
        file = json_object_new ();
        gk_json_set_text (file, "path", tab + 1);
        json_object_set_int_member (file, "size", g_ascii_strtoll (at, NULL, 10));
        json_array_add_object_element (files, file);
    }
    return files;
}

static void
record_changes (GkDisposable *disposable, guint life, GCancellable *cancellable)
{
    const char *const argv[] = { GUEST_CHANGES, NULL };
    g_auto (GkAgentExit) exit = { 0 };
    g_autoptr (GError) error = NULL;
    JsonObject *members = json_object_new ();

    if (gk_disposable_use_life (disposable, life, &error)) {
        gk_agent_run (disposable->machine->vm, argv, CHANGES_TIMEOUT_MS, cancellable, &exit,
                      &error);
        g_mutex_unlock (&disposable->work);
    }
    if (exit.out)
        json_object_set_array_member (members, "files", read_changes (exit.out));
    else
        json_object_set_string_member (members, "failed",
                                       error ? error->message : "the guest gave no list");
    gk_disposable_record (disposable, "left-behind", members);
}

/* FALSE when it has ended, with @outcome filled in. */
static gboolean
still_runs (GkDisposable *disposable, Outcome *outcome)
{
    g_auto (GkAgentExit) exit = { 0 };
    g_autoptr (GError) error = NULL;
    gboolean ok;

    if (!gk_disposable_use_life (disposable, outcome->life, NULL)) {
        outcome->end = GK_RUN_CANCELLED;
        return FALSE;
    }
    ok = gk_agent_exec_status (disposable->machine->vm, outcome->pid, &exit, &error);
    g_mutex_unlock (&disposable->work);
    /* A busy guest's agent may be late; only a guest that is gone ends the watching. */
    if (!ok && g_error_matches (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE)) {
        outcome->end = GK_RUN_SHUT_DOWN;
        return FALSE;
    }
    if (!ok || !exit.exited)
        return TRUE;
    outcome->end = GK_RUN_ENDED;
    outcome->code = exit.code;
    if (exit.code != 0 && exit.err)
        outcome->message = gk_escape (g_bytes_get_data (exit.err, NULL),
                                      (gssize) MIN (g_bytes_get_size (exit.err), MESSAGE_MOST));
    return FALSE;
}

static void
watch (GkDisposable *disposable, GkJob *job, guint timeout, Outcome *outcome)
{
    gint64 begun = g_get_monotonic_time ();

    for (guint tick = 1;; tick++) {
        guint passed = (guint) ((g_get_monotonic_time () - begun) / G_USEC_PER_SEC);
        gint denied = g_atomic_int_get (&disposable->denied);

        if (!still_runs (disposable, outcome))
            return;
        if (passed >= timeout) {
            outcome->end = GK_RUN_TIMEOUT;
            return;
        }
        if (tick % SCREENSHOT_EVERY == 0)
            outcome->shown |= take_screenshot (disposable, outcome->life);
        gk_job_progress (job, 255, "watching: %u s of at most %u s, %d network attempt%s denied",
                         passed, timeout, denied, denied == 1 ? "" : "s");
        if (!gk_job_sleep (job, TICK_MS)) {
            outcome->end = GK_RUN_CANCELLED;
            return;
        }
    }
}

static GkPassed *
bring_fd (GkOpen *open, GkDisposable *disposable, GkJob *job, int fd, const char *name,
          GError **error)
{
    g_autofree char *escaped = gk_escape (name, -1);

    gk_job_progress (job, 0, "looking into %s", escaped);
    return gk_airlock_bring (disposable->folder, &open->host->scanners, fd, name,
                             open->host->config->file_size, gk_job_cancellable (job), error);
}

static gboolean
admit (GkDisposable *disposable, GkPassed *passed, GError **error)
{
    g_autoptr (GkPassed) owned = passed;

    if (!owned || !gk_record_brought (disposable, owned, error))
        return FALSE;
    g_ptr_array_add (disposable->admitted, g_steal_pointer (&owned));
    return TRUE;
}

/* The member takes its container's place; that is kept as evidence, and not shown in the guest. */
static gboolean
bring_member (GkOpen *open, GkDisposable *disposable, GkJob *job, GError **error)
{
    const char *member = open->wish.member;
    g_autoptr (GkPassed) container = bring_fd (open, disposable, job, open->fd, open->name, error);
    g_autofree char *name = NULL;
    gk_autofd int fd = -1;

    if (!container)
        return FALSE;
    name = gk_triage_member_name (container->judgement.triage, member);
    if (!name) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                     "there is no member %s in it: 'genkan triage' lists them", member);
        return FALSE;
    }
    if (!gk_record_container (disposable, container, member, error))
        return FALSE;
    fd = gk_scan_extract (&open->host->scanners, open->fd, member, gk_job_cancellable (job), error);
    return fd >= 0 && admit (disposable, bring_fd (open, disposable, job, fd, name, error), error);
}

static gboolean
bring (GkOpen *open, GkDisposable *disposable, GkJob *job, GError **error)
{
    if (open->wish.member)
        return bring_member (open, disposable, job, error);
    return admit (disposable, bring_fd (open, disposable, job, open->fd, open->name, error), error);
}

/* What can still be learnt from the guest when the watching is over. Where the program has ended by
 * itself, its last screenshot shows more than one of the empty screen that it left. */
static void
look_around (GkDisposable *disposable, GkJob *job, Outcome *outcome)
{
    if (outcome->end != GK_RUN_SHUT_DOWN) {
        gk_job_progress (job, 255, "taking a screenshot, listing what it left");
        if (outcome->end != GK_RUN_ENDED || !outcome->shown)
            outcome->shown |= take_screenshot (disposable, outcome->life);
        record_changes (disposable, outcome->life,
                        outcome->end == GK_RUN_CANCELLED ? NULL : gk_job_cancellable (job));
    }
    if (outcome->shown)
        record_screenshot (disposable);
}

static gboolean
use (GkOpen *open, GkDisposable *disposable, GkJob *job, GError **error)
{
    guint timeout = open->wish.timeout ? open->wish.timeout : open->host->config->default_timeout;
    g_autofree char *path = NULL;
    Outcome outcome = { .code = -1 };
    gint64 begun = g_get_monotonic_time ();
    gboolean ok;

    gk_job_progress (job, 95, "opening it in the VM");
    if (!gk_disposable_use (disposable, error))
        return FALSE;
    outcome.life = disposable->lives;
    path = g_build_filename ("/genkan/inbound", disposable->guest_names->pdata[0], NULL);
    ok = gk_agent_exec (disposable->machine->vm, (const char *const[]) { GUEST_OPEN, path, NULL },
                        TRUE, &outcome.pid, error);
    g_mutex_unlock (&disposable->work);
    if (!ok)
        return FALSE;
    watch (disposable, job, timeout, &outcome);
    gk_run_record_used (disposable, begun);
    look_around (disposable, job, &outcome);
    gk_run_record_end (disposable, outcome.end, outcome.code, outcome.message);
    g_free (outcome.message);
    return TRUE;
}

JsonObject *
gk_open_run (GkJob *job, gpointer data, GError **error)
{
    GkOpen *open = data;
    g_autoptr (GkDisposable) disposable = NULL;
    GError *failed = NULL;

    if (!gk_airlock_check_source (open->fd, open->host->config->file_size, error))
        return NULL;
    disposable = gk_run_new (open->host, &open->wish, job, error);
    if (!disposable)
        return NULL;
    if (!bring (open, disposable, job, &failed) || !gk_run_start (disposable, TRUE, job, &failed) ||
        !use (open, disposable, job, &failed)) {
        gk_run_abandon (disposable, &failed);
        g_propagate_error (error, failed);
        return NULL;
    }
    gk_job_progress (job, 255, open->wish.keep ? "writing the report" : "removing the VM");
    return gk_run_close (disposable, open->wish.keep, error);
}
