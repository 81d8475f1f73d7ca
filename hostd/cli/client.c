/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/client.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/cli/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#define MANAGER_PATH "/org/genkan/Manager"
#define MANAGER_INTERFACE "org.genkan.Manager1"
#define JOB_INTERFACE "org.genkan.Job1"

static const gsize document_max = 64 << 20;

/* A job that is waited for. */
typedef struct {
    GDBusConnection *connection;
    char *path; /* NULL until the call has been answered */
    GMainLoop *loop;
    GkProgress *progress;
    gboolean json;
    gboolean unwritten; /* some output was lost on our side */
    guint interrupts;
    JsonObject *result;
    GError *error;
} Waiting;

GDBusConnection *
gk_client_connect (const GkCli *cli, GError **error)
{
    g_autofree char *socket = g_build_filename (cli->run_dir, "genkand.sock", NULL);
    g_autofree char *escaped = g_dbus_address_escape_value (socket);
    g_autofree char *address = g_strconcat ("unix:path=", escaped, NULL);
    g_autoptr (GError) local = NULL;
    GDBusConnection *connection;

    gk_api_error_quark (); /* so that genkand's errors come back as themselves */
    connection = g_dbus_connection_new_for_address_sync (
        address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, &local);
    if (!connection)
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_NO_DAEMON,
                     "genkand does not answer on %s: start it ('systemctl start genkand', or "
                     "'./quickstart')",
                     socket);
    return connection;
}

static GVariant *
call_on (GDBusConnection *connection, const GkClientCall *call, GUnixFDList **ret_fds,
         GError **error)
{
    g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
    GVariant *reply;

    if (call->fd >= 0 && g_unix_fd_list_append (fds, call->fd, error) < 0)
        return NULL;
    reply = g_dbus_connection_call_with_unix_fd_list_sync (
        connection, NULL, MANAGER_PATH, MANAGER_INTERFACE, call->method, call->parameters, NULL,
        G_DBUS_CALL_FLAGS_NONE, G_MAXINT, fds, ret_fds, NULL, error);
    if (!reply && error)
        g_dbus_error_strip_remote_error (*error);
    return reply;
}

static JsonNode *
call_text (const GkCli *cli, const GkClientCall *call, GError **error)
{
    g_autoptr (GDBusConnection) connection = gk_client_connect (cli, error);
    g_autoptr (GVariant) reply = connection ? call_on (connection, call, NULL, error) : NULL;
    const char *text;

    if (!reply)
        return NULL;
    g_variant_get (reply, "(&s)", &text);
    return json_from_string (text, error);
}

JsonObject *
gk_client_object (const GkCli *cli, const GkClientCall *call, GError **error)
{
    g_autoptr (JsonNode) node = call_text (cli, call, error);

    return node ? json_node_dup_object (node) : NULL;
}

JsonArray *
gk_client_array (const GkCli *cli, const GkClientCall *call, GError **error)
{
    g_autoptr (JsonNode) node = call_text (cli, call, error);

    return node ? json_node_dup_array (node) : NULL;
}

gboolean
gk_client_do (const GkCli *cli, const GkClientCall *call, GError **error)
{
    g_autoptr (GDBusConnection) connection = gk_client_connect (cli, error);
    g_autoptr (GVariant) reply = connection ? call_on (connection, call, NULL, error) : NULL;

    return reply != NULL;
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void
tell_job (Waiting *waiting, const char *method, GVariant *parameters)
{
    g_dbus_connection_call (waiting->connection, NULL, waiting->path, JOB_INTERFACE, method,
                            parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

/* The guest's output goes on as it is. One that cannot be written ends the job. */
static void
take_output (Waiting *waiting, GVariant *parameters)
{
    guint stream = 0;
    g_autoptr (GVariant) bytes = NULL;
    gsize size = 0;
    const void *data;
    gboolean to_stderr;

    g_variant_get (parameters, "(u@ay)", &stream, &bytes);
    data = g_variant_get_fixed_array (bytes, &size, 1);
    to_stderr = stream == 2 || waiting->json;
    gk_progress_hide (waiting->progress);
    if (gk_fd_write_all (to_stderr ? STDERR_FILENO : STDOUT_FILENO, data, size, NULL)) {
        tell_job (waiting, "Took", g_variant_new ("(u)", (guint) size));
        return;
    }
    waiting->unwritten = TRUE;
    tell_job (waiting, "Cancel", NULL);
}

static void
take_finish (Waiting *waiting, GVariant *parameters)
{
    const char *name, *message, *result;
    GkApiError code = GK_API_ERROR_FAILED;

    g_variant_get (parameters, "(&s&s&s)", &name, &message, &result);
    if (*name) {
        gk_api_error_from_name (name, &code);
        waiting->error = g_error_new_literal (GK_API_ERROR, (int) code, message);
    } else {
        waiting->result = gk_json_parse (result, strlen (result), document_max, &waiting->error);
    }
    g_main_loop_quit (waiting->loop);
}

static void
on_job_signal (GDBusConnection *connection, const char *sender, const char *path,
               const char *interface, const char *signal, GVariant *parameters, gpointer data)
{
    Waiting *waiting = data;

    /* One job a connection: a signal that comes before the answer to the call is of that job. */
    if (g_str_equal (signal, "Progress")) {
        guint percent;
        const char *text;

        g_variant_get (parameters, "(u&s)", &percent, &text);
        gk_progress_show (waiting->progress, percent, text);
    } else if (g_str_equal (signal, "Output")) {
        take_output (waiting, parameters);
    } else if (g_str_equal (signal, "Finished")) {
        take_finish (waiting, parameters);
    }
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *why, gpointer data)
{
    Waiting *waiting = data;

    if (!waiting->error && !waiting->result)
        waiting->error = g_error_new_literal (
            GK_API_ERROR, GK_API_ERROR_NO_DAEMON,
            "genkand has gone; when it starts again it removes the VM and keeps the evidence");
    g_main_loop_quit (waiting->loop);
}

static gboolean
on_interrupt (gpointer data)
{
    Waiting *waiting = data;

    if (++waiting->interrupts > 1) {
        g_clear_error (&waiting->error);
        waiting->error = g_error_new_literal (GK_API_ERROR, GK_API_ERROR_FAILED,
                                              "left; genkand removes the VM in the background");
        g_main_loop_quit (waiting->loop);
        return G_SOURCE_CONTINUE;
    }
    gk_progress_show (waiting->progress, 255, "ending (Ctrl-C again leaves at once)");
    tell_job (waiting, "Cancel", NULL);
    return G_SOURCE_CONTINUE;
}

static gboolean
begin (Waiting *waiting, const GkClientCall *call, GError **error)
{
    g_autoptr (GVariant) reply = NULL;

    g_dbus_connection_signal_subscribe (waiting->connection, NULL, JOB_INTERFACE, NULL, NULL, NULL,
                                        G_DBUS_SIGNAL_FLAGS_NONE, on_job_signal, waiting, NULL);
    g_signal_connect (waiting->connection, "closed", G_CALLBACK (on_closed), waiting);
    reply = call_on (waiting->connection, call, NULL, error);
    if (!reply)
        return FALSE;
    g_variant_get (reply, "(o)", &waiting->path);
    return TRUE;
}

JsonObject *
gk_client_job (const GkCli *cli, const GkClientCall *call, GError **error)
{
    g_autoptr (GDBusConnection) connection = gk_client_connect (cli, error);
    Waiting waiting = { .connection = connection, .json = cli->json };
    guint interrupt, terminate;

    if (!connection)
        return NULL;
    waiting.loop = g_main_loop_new (NULL, FALSE);
    waiting.progress = gk_progress_new (cli->plain_progress);
    if (begin (&waiting, call, &waiting.error)) {
        interrupt = g_unix_signal_add (SIGINT, on_interrupt, &waiting);
        terminate = g_unix_signal_add (SIGTERM, on_interrupt, &waiting);
        g_main_loop_run (waiting.loop);
        g_source_remove (interrupt);
        g_source_remove (terminate);
    }
    gk_progress_free (waiting.progress);
    g_signal_handlers_disconnect_by_data (connection, &waiting);
    g_dbus_connection_close_sync (connection, NULL, NULL);
    g_main_loop_unref (waiting.loop);
    g_free (waiting.path);
    if (waiting.unwritten && !waiting.error) {
        g_clear_pointer (&waiting.result, json_object_unref);
        waiting.error = g_error_new_literal (GK_API_ERROR, GK_API_ERROR_FAILED,
                                             "the output could not be written");
    }
    if (waiting.error)
        g_propagate_error (error, waiting.error);
    return waiting.result;
}

static int
fetch (const GkCli *cli, const char *run, const char *what, GError **error)
{
    GkClientCall call = { "Fetch", g_variant_new ("(ss)", run, what), -1 };
    g_autoptr (GDBusConnection) connection = gk_client_connect (cli, error);
    g_autoptr (GUnixFDList) fds = NULL;
    g_autoptr (GVariant) reply = connection ? call_on (connection, &call, &fds, error) : NULL;

    if (!connection)
        g_variant_unref (g_variant_ref_sink (call.parameters));
    return reply && fds ? g_unix_fd_list_get (fds, 0, error) : -1;
}

static gboolean
copy_checked (int from, int to, const char *wanted, GError **error)
{
    g_autofree char *sha256 = NULL;

    if (!gk_fd_copy (from, to, G_MAXUINT64, NULL, &sha256, NULL, error))
        return FALSE;
    if (!wanted || g_str_equal (sha256, wanted))
        return TRUE;
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                         "what came is not what was scanned");
    return FALSE;
}

gboolean
gk_client_save (const GkCli *cli, const char *run, const char *what, const char *path,
                const char *sha256, GError **error)
{
    gk_autofd int from = fetch (cli, run, what, error), to = -1;

    if (from < 0)
        return FALSE;
    to = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0) {
        g_autofree char *escaped = gk_escape (path, -1);

        return gk_set_errno (error, errno, "cannot create %s", escaped);
    }
    if (copy_checked (from, to, sha256, error))
        return TRUE;
    unlink (path);
    return FALSE;
}
