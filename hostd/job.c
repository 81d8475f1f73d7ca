/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/job.h"

#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/api/genkan-interfaces.h"
#include "hostd/api/translate.h"

#define JOB_INTERFACE "org.genkan.Job1"

/* Output that may be on its way, bytes; and jobs of one connection at a time. */
enum { OWED_MOST = 1 << 20, JOBS_MOST = 4 };

struct _GkJobs {
    GPtrArray *live;
    guint made;
};

struct _GkJob {
    GkJobs *jobs;
    GDBusConnection *connection;
    char *path;
    guint registration;
    GCancellable *cancellable;
    GkJobFunc func;
    gpointer data;
    GDestroyNotify free_data;
    GThread *thread;
    gint owed; /* atomic: bytes of output that the caller has not said it took */
    /* What the thread came to; the main thread reads it after the join. */
    JsonObject *result;
    GError *error;
};

static void
job_free (GkJob *job)
{
    if (job->registration)
        g_dbus_connection_unregister_object (job->connection, job->registration);
    if (job->free_data)
        job->free_data (job->data);
    g_clear_pointer (&job->result, json_object_unref);
    g_clear_error (&job->error);
    g_object_unref (job->cancellable);
    g_clear_object (&job->connection);
    g_free (job->path);
    g_free (job);
}

GkJobs *
gk_jobs_new (void)
{
    GkJobs *jobs = g_new0 (GkJobs, 1);

    jobs->live = g_ptr_array_new ();
    return jobs;
}

void
gk_jobs_cancel (GkJobs *jobs, GDBusConnection *of_connection)
{
    for (guint i = 0; i < jobs->live->len; i++) {
        GkJob *job = jobs->live->pdata[i];

        if (!of_connection || job->connection == of_connection)
            g_cancellable_cancel (job->cancellable);
    }
}

guint
gk_jobs_count (GkJobs *jobs)
{
    return jobs->live->len;
}

void
gk_jobs_free (GkJobs *jobs)
{
    if (!jobs)
        return;
    g_assert (jobs->live->len == 0);
    g_ptr_array_unref (jobs->live);
    g_free (jobs);
}

static void
emit (GkJob *job, const char *signal, GVariant *parameters)
{
    /* Fails only where the connection is closed: then nobody is there to be told. */
    g_dbus_connection_emit_signal (job->connection, NULL, job->path, JOB_INTERFACE, signal,
                                   parameters, NULL);
}

static void
handle_method (GDBusConnection *connection, const char *sender, const char *path,
               const char *interface, const char *method, GVariant *parameters,
               GDBusMethodInvocation *invocation, gpointer data)
{
    GkJob *job = data;
    guint bytes = 0;

    if (g_str_equal (method, "Took")) {
        g_variant_get (parameters, "(u)", &bytes);
        g_atomic_int_add (&job->owed, -(gint) MIN (bytes, OWED_MOST));
    } else {
        g_cancellable_cancel (job->cancellable);
    }
    g_dbus_method_invocation_return_value (invocation, NULL);
}

static const GDBusInterfaceVTable vtable = { .method_call = handle_method };

GkJob *
gk_job_new (GkJobs *jobs, GDBusConnection *connection, GkJobFunc func, gpointer data,
            GDestroyNotify free_data, GError **error)
{
    GkJob *job = g_new0 (GkJob, 1);
    guint same = 0;

    for (guint i = 0; i < jobs->live->len; i++)
        same += ((GkJob *) jobs->live->pdata[i])->connection == connection;
    job->jobs = jobs;
    job->connection = g_object_ref (connection);
    job->cancellable = g_cancellable_new ();
    job->func = func;
    job->data = data;
    job->free_data = free_data;
    job->path = g_strdup_printf ("/org/genkan/job/%u", ++jobs->made);
    if (same >= JOBS_MOST) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                     "%u jobs of this connection are under way: wait for one", same);
        job_free (job);
        return NULL;
    }
    job->registration = g_dbus_connection_register_object (
        connection, job->path, (GDBusInterfaceInfo *) &org_genkan_job1_interface, &vtable, job,
        NULL, error);
    if (!job->registration) {
        job_free (job);
        return NULL;
    }
    g_ptr_array_add (jobs->live, job);
    return job;
}

GkJob *
gk_job_new_unattended (void)
{
    GkJob *job = g_new0 (GkJob, 1);

    job->cancellable = g_cancellable_new ();
    return job;
}

void
gk_job_cancel (GkJob *job)
{
    g_cancellable_cancel (job->cancellable);
}

void
gk_job_free_unattended (GkJob *job)
{
    if (job)
        job_free (job);
}

const char *
gk_job_path (GkJob *job)
{
    return job->path;
}

static gboolean
finish (gpointer data)
{
    GkJob *job = data;
    g_autofree char *result = NULL;

    if (job->thread)
        g_thread_join (job->thread);
    result = job->result ? gk_json_text (job->result, FALSE) : g_strdup ("");
    emit (job, "Finished",
          g_variant_new ("(sss)",
                         job->error ? gk_api_error_name (gk_api_translate (job->error)) : "",
                         job->error ? job->error->message : "", result));
    g_ptr_array_remove (job->jobs->live, job);
    job_free (job);
    return G_SOURCE_REMOVE;
}

static gpointer
run (gpointer data)
{
    GkJob *job = data;

    job->result = job->func (job, job->data, &job->error);
    g_idle_add (finish, job);
    return NULL;
}

void
gk_job_start (GkJob *job)
{
    job->thread = g_thread_try_new ("job", run, job, &job->error);
    if (!job->thread)
        g_idle_add (finish, job);
}

GCancellable *
gk_job_cancellable (GkJob *job)
{
    return job->cancellable;
}

void
gk_job_progress (GkJob *job, guint percent, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (!job->connection)
        return;
    va_start (args, format);
    text = g_strdup_vprintf (format, args);
    va_end (args);
    emit (job, "Progress", g_variant_new ("(us)", percent, text));
}

gboolean
gk_job_is_owed (GkJob *job)
{
    return g_atomic_int_get (&job->owed) >= OWED_MOST;
}

void
gk_job_output (GkJob *job, guint stream, GBytes *bytes)
{
    GVariant *array = g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);

    g_atomic_int_add (&job->owed, (gint) g_bytes_get_size (bytes));
    emit (job, "Output", g_variant_new ("(u@ay)", stream, array));
}

gboolean
gk_job_sleep (GkJob *job, guint ms)
{
    GPollFD fd = { 0 };

    if (!g_cancellable_make_pollfd (job->cancellable, &fd)) {
        g_usleep (ms * 1000);
        return !g_cancellable_is_cancelled (job->cancellable);
    }
    g_poll (&fd, 1, (int) ms);
    g_cancellable_release_fd (job->cancellable);
    return !g_cancellable_is_cancelled (job->cancellable);
}
