/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs: long work for one caller, in a thread of its own, seen by the caller as an object with
 * progress and cancel (org.genkan.Job1).
 *
 * A job belongs to the connection that asked for it: when that closes, the job is cancelled. Its
 * thread may block; everything it does that waits must look at the job's cancellable. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef struct _GkJobs GkJobs; /* all of them */
typedef struct _GkJob GkJob;

/* The work. Returns: (transfer full): the result, or %NULL with @error set */
typedef JsonObject *(*GkJobFunc) (GkJob *job, gpointer data, GError **error);

/* Main thread. */
GkJobs *gk_jobs_new (void);
/* Cancels all; they end in their own time. */
void gk_jobs_cancel (GkJobs *jobs, GDBusConnection *of_connection);
guint gk_jobs_count (GkJobs *jobs);
void gk_jobs_free (GkJobs *jobs); /* there must be none */

/**
 * gk_job_new:
 * @data: (transfer full): handed to @func, freed by @free_data when the job has ended
 *
 * Exports a job on @connection. It begins with gk_job_start(), which the caller does after it has
 * told its client the object path. Main thread.
 */
GkJob *gk_job_new (GkJobs *jobs, GDBusConnection *connection, GkJobFunc func, gpointer data,
                   GDestroyNotify free_data, GError **error);
const char *gk_job_path (GkJob *job);
void gk_job_start (GkJob *job);

/* A job that nobody asked for and nobody watches: what it says goes nowhere. Any thread. */
GkJob *gk_job_new_unattended (void);
void gk_job_cancel (GkJob *job);
void gk_job_free_unattended (GkJob *job);

/* From the job's thread: */
GCancellable *gk_job_cancellable (GkJob *job);
void gk_job_progress (GkJob *job, guint percent, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Gives the caller some of a guest's output. A caller says what it has taken (Took); while it owes too
 * much, nothing more is to be given, so that a slow reader slows the guest and fills nothing. */
gboolean gk_job_is_owed (GkJob *job);
void gk_job_output (GkJob *job, guint stream, GBytes *bytes);

/* Sleeps; FALSE at once when the job is cancelled. */
gboolean gk_job_sleep (GkJob *job, guint ms);
