/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/command.h"

#include "base/id.h"
#include "hostd/report.h"
#include "vmm/agent.h"

/* The agent gives captured output only at the end. So the command writes to two files in the guest,
 * which are read as they grow. */
enum {
    STREAMS = 2,
    PAUSE_FIRST_MS = 20,
    PAUSE_MOST_MS = 500,
    OPEN_TRIES = 100,
    LAST_WORDS_S = 5, /* what others still write to its files when it has exited */
};

typedef struct {
    GkDisposable *disposable;
    GkJob *job;
    guint boot; /* which of the disposable's VMs it runs in */
    gint64 pid, deadline; /* deadline: monotonic; 0: none */
    GkAgentFile *files[STREAMS];
    GkRunEnd end;
    int code;
} Running;

void
gk_command_free (GkCommand *command)
{
    gk_run_wish_clear (&command->wish);
    gk_disposable_unref (command->disposable);
    g_strfreev (command->argv);
    g_free (command);
}

static gboolean
start (Running *running, char **argv, const char *base, GError **error)
{
    static const char script[] =
        "mkdir -p /var/tmp/genkan && f=$0 && exec setsid \"$@\" >\"$f.1\" 2>\"$f.2\"";
    g_autoptr (GPtrArray) full = g_ptr_array_new ();

    g_ptr_array_add (full, (char *) "/bin/sh");
    g_ptr_array_add (full, (char *) "-c");
    g_ptr_array_add (full, (char *) script);
    g_ptr_array_add (full, (char *) base);
    for (char **at = argv; *at; at++)
        g_ptr_array_add (full, *at);
    g_ptr_array_add (full, NULL);
    return gk_agent_exec (running->disposable->vm, (const char *const *) full->pdata, FALSE,
                          &running->pid, error);
}

/* They are there when the shell in the guest has come that far. */
static gboolean
open_stream (Running *running, guint stream, const char *path, GError **error)
{
    for (guint tries = 1;; tries++) {
        g_autoptr (GError) local = NULL;

        if (!gk_disposable_use_boot (running->disposable, running->boot, error))
            return FALSE;
        running->files[stream] = gk_agent_file_open (running->disposable->vm, path, &local);
        g_mutex_unlock (&running->disposable->work);
        if (running->files[stream])
            return TRUE;
        if (tries == OPEN_TRIES) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
        if (!gk_job_sleep (running->job, PAUSE_FIRST_MS))
            return !g_cancellable_set_error_if_cancelled (gk_job_cancellable (running->job), error);
    }
}

static gboolean
open_streams (Running *running, const char *base, GError **error)
{
    for (guint i = 0; i < STREAMS; i++) {
        g_autofree char *path = g_strdup_printf ("%s.%u", base, i + 1);

        if (!open_stream (running, i, path, error))
            return FALSE;
    }
    return TRUE;
}

/* Passes on what has come since. @ret_any: whether there was something. */
static gboolean
pass_on (Running *running, gboolean *ret_any, GError **error)
{
    *ret_any = FALSE;
    for (guint i = 0; i < STREAMS && !gk_job_is_owed (running->job); i++) {
        g_autoptr (GBytes) bytes = NULL;

        if (!gk_disposable_use_boot (running->disposable, running->boot, error))
            return FALSE;
        bytes = gk_agent_file_read (running->files[i], error);
        g_mutex_unlock (&running->disposable->work);
        if (!bytes)
            return FALSE;
        if (g_bytes_get_size (bytes) == 0)
            continue;
        *ret_any = TRUE;
        gk_job_output (running->job, i + 1, bytes);
    }
    return TRUE;
}

static gboolean
ask (Running *running, gboolean *ret_exited, GError **error)
{
    g_auto (GkAgentExit) exit = { 0 };
    gboolean ok;

    if (!gk_disposable_use_boot (running->disposable, running->boot, error))
        return FALSE;
    ok = gk_agent_exec_status (running->disposable->vm, running->pid, &exit, error);
    g_mutex_unlock (&running->disposable->work);
    *ret_exited = ok && exit.exited;
    running->code = exit.code;
    return ok;
}

/* FALSE when it is over, with the end told. One that has exited can no longer be late. */
static gboolean
goes_on (Running *running, gboolean exited)
{
    if (g_cancellable_is_cancelled (gk_job_cancellable (running->job)))
        running->end = GK_RUN_CANCELLED;
    else if (!exited && running->deadline && g_get_monotonic_time () >= running->deadline)
        running->end = GK_RUN_TIMEOUT;
    else
        return TRUE;
    return FALSE;
}

/* Until the command has exited and what it wrote is passed on. */
static gboolean
follow (Running *running, GError **error)
{
    guint pause = PAUSE_FIRST_MS;
    gboolean exited = FALSE, any = TRUE;
    gint64 last_words = G_MAXINT64;

    running->end = GK_RUN_ENDED;
    while ((!exited || any || gk_job_is_owed (running->job)) &&
           g_get_monotonic_time () < last_words && goes_on (running, exited)) {
        gboolean owed = gk_job_is_owed (running->job);

        if (!exited && !ask (running, &exited, error))
            return FALSE;
        /* A slow reader is waited for; a writer that the command left behind is not. */
        if (exited && (owed || last_words == G_MAXINT64))
            last_words = g_get_monotonic_time () + LAST_WORDS_S * G_USEC_PER_SEC;
        if (!pass_on (running, &any, error))
            return FALSE;
        pause = any ? PAUSE_FIRST_MS : MIN (pause * 2, PAUSE_MOST_MS);
        if (!any && (!exited || owed))
            gk_job_sleep (running->job, pause);
    }
    if (running->end != GK_RUN_ENDED)
        running->code = -1;
    return TRUE;
}

static void
record_command (GkDisposable *disposable, char **argv)
{
    JsonObject *members = json_object_new ();
    JsonArray *array = json_array_new ();

    for (char **at = argv; *at; at++) {
        g_autofree char *valid = g_utf8_make_valid (*at, -1);

        json_array_add_string_element (array, valid);
    }
    json_object_set_array_member (members, "argv", array);
    gk_disposable_record (disposable, "command", members);
}

/* Ends a command that did not end by itself, with all of its session, and keeps nothing of what was
 * read in the guest. */
static void
clean_up (Running *running, const char *base)
{
    static const char script[] = "[ -z \"$2\" ] || kill -- \"-$2\"; rm -f \"$1\".1 \"$1\".2";
    g_autofree char *victim = running->end == GK_RUN_ENDED
                                  ? g_strdup ("")
                                  : g_strdup_printf ("%" G_GINT64_FORMAT, running->pid);
    const char *const argv[] = { "/bin/sh", "-c", script, "sh", base, victim, NULL };
    gboolean alive = gk_disposable_use_boot (running->disposable, running->boot, NULL);
    gint64 pid = 0;

    for (guint i = 0; i < STREAMS; i++)
        g_clear_pointer (&running->files[i], alive ? gk_agent_file_close : gk_agent_file_free);
    if (!alive)
        return;
    gk_agent_exec (running->disposable->vm, argv, FALSE, &pid, NULL);
    g_mutex_unlock (&running->disposable->work);
}

static gboolean
use (Running *running, char **argv, GError **error)
{
    g_autofree char *id = gk_id_new (), *base = g_strconcat ("/var/tmp/genkan/", id, NULL);
    gint64 begun = g_get_monotonic_time ();
    gboolean ok;

    record_command (running->disposable, argv);
    if (!gk_disposable_use (running->disposable, error))
        return FALSE;
    running->boot = running->disposable->boots;
    ok = start (running, argv, base, error);
    g_mutex_unlock (&running->disposable->work);
    ok = ok && open_streams (running, base, error) && follow (running, error);
    gk_run_record_used (running->disposable, begun);
    clean_up (running, base);
    if (ok)
        gk_run_record_end (running->disposable, running->end, running->code, NULL);
    return ok;
}

static GkDisposable *
begin (GkCommand *command, GkJob *job, GError **error)
{
    g_autoptr (GkDisposable) disposable = NULL;
    GError *failed = NULL;

    if (command->disposable)
        return gk_disposable_ref (command->disposable);
    disposable = gk_run_new (command->host, &command->wish, job, error);
    if (!disposable)
        return NULL;
    if (gk_run_start (disposable, job, &failed))
        return g_steal_pointer (&disposable);
    gk_run_abandon (disposable, &failed);
    g_propagate_error (error, failed);
    return NULL;
}

JsonObject *
gk_command_run (GkJob *job, gpointer data, GError **error)
{
    GkCommand *command = data;
    g_autoptr (GkDisposable) disposable = begin (command, job, error);
    Running running = { .disposable = disposable, .job = job };
    GError *failed = NULL;

    if (!disposable)
        return NULL;
    if (command->wish.timeout)
        running.deadline =
            g_get_monotonic_time () + (gint64) command->wish.timeout * G_USEC_PER_SEC;
    gk_job_progress (job, 100, "running the command");
    if (use (&running, command->argv, &failed))
        return gk_run_close (disposable, command->disposable || command->wish.keep, error);
    if (!command->disposable)
        gk_run_abandon (disposable, &failed);
    g_propagate_error (error, failed);
    return NULL;
}
