/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/command.h"

#include "base/id.h"
#include "hostd/report.h"
#include "vmm/agent.h"

/* Each round trip to the agent takes a while, and the agent gives captured output only at the end.
 * So the command writes to two files in the guest. What is short comes with the command's exit, in
 * one answer; of what runs longer, the files are read as they grow. */
enum {
    STREAMS = 2,
    SHORT_MAX = 32 << 10, /* of each file; one byte more says that there is more */
    PAUSE_FIRST_MS = 10,
    PAUSE_MOST_MS = 500,
    PATIENCE_MS = 600, /* before the files are looked at */
    OPEN_TRIES = 100,
    LAST_WORDS_S = 5, /* what others still write to its files when it has exited */
};

typedef struct {
    GkDisposable *disposable;
    GkJob *job;
    guint life; /* which of the disposable's machines it runs in */
    gint64 pid, deadline, begun; /* monotonic; deadline 0: none */
    GkAgentFile *files[STREAMS]; /* NULL until they are looked at */
    gsize passed[STREAMS]; /* how many bytes the caller has got of each */
    gboolean whole; /* all that it wrote was passed on */
    gboolean exited;
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

/* Sleeps, and notes that the guest was waited for. */
static gboolean
rest (Running *running, guint ms)
{
    gint64 begun = g_get_monotonic_time ();
    gboolean ok = gk_job_sleep (running->job, ms);

    running->disposable->waited += g_get_monotonic_time () - begun;
    return ok;
}

/* They are there when guest-run has come that far. */
static gboolean
open_stream (Running *running, guint stream, const char *path, GError **error)
{
    for (guint tries = 1;; tries++) {
        g_autoptr (GError) local = NULL;

        if (!gk_disposable_use_life (running->disposable, running->life, error))
            return FALSE;
        running->files[stream] =
            gk_agent_file_open (running->disposable->machine->vm, path, &local);
        g_mutex_unlock (&running->disposable->work);
        if (running->files[stream])
            return TRUE;
        if (tries == OPEN_TRIES) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
        if (!rest (running, PAUSE_FIRST_MS))
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

static void
give (Running *running, guint stream, GBytes *bytes)
{
    running->passed[stream] += g_bytes_get_size (bytes);
    gk_job_output (running->job, stream + 1, bytes);
}

/* Passes on what has come since. @ret_any: whether there was something. */
static gboolean
pass_on (Running *running, gboolean *ret_any, GError **error)
{
    *ret_any = FALSE;
    for (guint i = 0; i < STREAMS && !gk_job_is_owed (running->job); i++) {
        g_autoptr (GBytes) bytes = NULL;

        if (!gk_disposable_use_life (running->disposable, running->life, error))
            return FALSE;
        bytes = gk_agent_file_read (running->files[i], error);
        g_mutex_unlock (&running->disposable->work);
        if (!bytes)
            return FALSE;
        if (g_bytes_get_size (bytes) == 0)
            continue;
        *ret_any = TRUE;
        give (running, i, bytes);
    }
    return TRUE;
}

/* What came with the exit, where that is all of it and the caller has not got it already. */
static void
take_short (Running *running, const GkAgentExit *exit)
{
    GBytes *streams[STREAMS] = { exit->out, exit->err };

    for (guint i = 0; i < STREAMS; i++)
        if (streams[i] && g_bytes_get_size (streams[i]) > SHORT_MAX)
            return;
    running->whole = TRUE;
    for (guint i = 0; i < STREAMS; i++) {
        gsize size = streams[i] ? g_bytes_get_size (streams[i]) : 0;

        if (size > running->passed[i]) {
            g_autoptr (GBytes) rest =
                g_bytes_new_from_bytes (streams[i], running->passed[i], size - running->passed[i]);

            give (running, i, rest);
        }
    }
}

static gboolean
ask (Running *running, gboolean *ret_exited, GError **error)
{
    g_auto (GkAgentExit) exit = { 0 };
    g_autoptr (GError) local = NULL;
    gboolean ok;

    if (!gk_disposable_use_life (running->disposable, running->life, error))
        return FALSE;
    ok = gk_agent_exec_status (running->disposable->machine->vm, running->pid, &exit, &local);
    g_mutex_unlock (&running->disposable->work);
    *ret_exited = ok && exit.exited;
    running->code = exit.code;
    running->exited = *ret_exited;
    if (*ret_exited)
        take_short (running, &exit);
    if (ok || !g_error_matches (local, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT)) {
        if (local)
            g_propagate_error (error, g_steal_pointer (&local));
        return ok;
    }
    /* A busy guest's agent may be late; only a guest that is gone ends the run. */
    return TRUE;
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

/* What a command has written that is still running, or that wrote more than came with its exit. */
static gboolean
follow_files (Running *running, gboolean exited, const char *base, GError **error)
{
    guint pause = PAUSE_FIRST_MS;
    gboolean any = TRUE;
    gint64 last_words = G_MAXINT64;

    if (!open_streams (running, base, error))
        return FALSE;
    while (!running->whole && (!exited || any || gk_job_is_owed (running->job)) &&
           g_get_monotonic_time () < last_words && goes_on (running, exited)) {
        gboolean owed = gk_job_is_owed (running->job);

        if (!exited && !ask (running, &exited, error))
            return FALSE;
        /* A slow reader is waited for; a writer that the command left behind is not. */
        if (exited && (owed || last_words == G_MAXINT64))
            last_words = g_get_monotonic_time () + LAST_WORDS_S * G_USEC_PER_SEC;
        if (!running->whole && !pass_on (running, &any, error))
            return FALSE;
        /* What was not read while the caller was slow is still there. */
        any |= owed;
        pause = any && !owed ? PAUSE_FIRST_MS : MIN (pause * 2, PAUSE_MOST_MS);
        if (owed || (!any && !exited))
            rest (running, pause);
    }
    return TRUE;
}

/* Until the command has exited and what it wrote is passed on. */
static gboolean
follow (Running *running, const char *base, GError **error)
{
    gint64 patience = running->begun + PATIENCE_MS * G_TIME_SPAN_MILLISECOND;
    gboolean exited = FALSE;

    running->end = GK_RUN_ENDED;
    while (!exited && goes_on (running, exited)) {
        if (!ask (running, &exited, error))
            return FALSE;
        if (!exited && g_get_monotonic_time () >= patience)
            break;
        if (!exited)
            rest (running, PAUSE_FIRST_MS);
    }
    if (running->end == GK_RUN_ENDED && !running->whole &&
        !follow_files (running, exited, base, error))
        return FALSE;
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

/* Ends a command that did not end by itself, with its process group, and keeps nothing of what was
 * read in the guest. */
static void
clean_up (Running *running, const char *base)
{
    static const char script[] =
        "[ -z \"$2\" ] || { kill -- \"-$2\"; sleep 1; kill -9 -- \"-$2\"; }; "
        "rm -f \"$1\".1 \"$1\".2";
    g_autofree char *victim =
        running->exited ? g_strdup ("") : g_strdup_printf ("%" G_GINT64_FORMAT, running->pid);
    const char *const argv[] = { "/bin/sh", "-c", script, "sh", base, victim, NULL };
    gint64 pid = 0;

    for (guint i = 0; i < STREAMS; i++)
        if (running->files[i])
            gk_agent_file_close (g_steal_pointer (&running->files[i]));
    gk_agent_exec (running->disposable->machine->vm, argv, FALSE, &pid, NULL);
}

static void
leave (Running *running, gboolean stays, const char *base)
{
    /* A machine that is thrown away next need not be tidied up. */
    if (stays && gk_disposable_use_life (running->disposable, running->life, NULL)) {
        clean_up (running, base);
        g_mutex_unlock (&running->disposable->work);
    }
    for (guint i = 0; i < STREAMS; i++)
        g_clear_pointer (&running->files[i], gk_agent_file_free);
}

/* That the machine was killed under a call is why the call failed. Returns: FALSE */
static gboolean
tell_gone (Running *running, GError **error)
{
    GError *gone = NULL;

    if (gk_disposable_use_life (running->disposable, running->life, &gone)) {
        g_mutex_unlock (&running->disposable->work);
        return FALSE;
    }
    g_clear_error (error);
    g_propagate_error (error, gone);
    return FALSE;
}

static gboolean
use (Running *running, const GkCommand *command, GError **error)
{
    g_autofree char *id = gk_id_new (), *base = g_strconcat ("/var/tmp/genkan-", id, NULL);
    gboolean ok;

    running->begun = g_get_monotonic_time ();
    record_command (running->disposable, command->argv);
    if (!gk_disposable_use (running->disposable, error))
        return FALSE;
    running->life = running->disposable->lives;
    ok = gk_machine_start (running->disposable->machine, base, SHORT_MAX + 1, command->argv,
                           &running->pid, error);
    g_mutex_unlock (&running->disposable->work);
    ok = (ok && follow (running, base, error)) || tell_gone (running, error);
    gk_run_record_used (running->disposable, running->begun);
    leave (running, command->disposable || command->wish.keep, base);
    if (ok)
        gk_run_record_end (running->disposable, running->end, running->code, NULL);
    return ok;
}

static GkDisposable *
begin (GkCommand *command, GkJob *job, GError **error)
{
    if (!command->disposable)
        return gk_run_begin (command->host, &command->wish, FALSE, job, error);
    gk_disposable_begin_use (command->disposable);
    return gk_disposable_ref (command->disposable);
}

/* Ends the use of a disposable that was there before. */
static JsonObject *
finish_kept (GkDisposable *disposable, gboolean ok, GError **error)
{
    gk_disposable_end_use (disposable);
    return ok ? gk_report_build (disposable->folder, error) : NULL;
}

JsonObject *
gk_command_run (GkJob *job, gpointer data, GError **error)
{
    GkCommand *command = data;
    g_autoptr (GkDisposable) disposable = begin (command, job, error);
    Running running = { .disposable = disposable, .job = job };
    GError *failed = NULL;
    gboolean ok;

    if (!disposable)
        return NULL;
    if (command->wish.timeout)
        running.deadline =
            g_get_monotonic_time () + (gint64) command->wish.timeout * G_USEC_PER_SEC;
    gk_job_progress (job, 100, "running the command");
    ok = use (&running, command, command->disposable ? error : &failed);
    if (command->disposable)
        return finish_kept (disposable, ok, error);
    if (ok)
        return gk_run_close (disposable, command->wish.keep, error);
    gk_run_abandon (disposable, &failed);
    g_propagate_error (error, failed);
    return NULL;
}
