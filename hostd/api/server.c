/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/api/server.h"

#include "base/fd.h"
#include "hostd/api/error.h"
#include "hostd/api/genkan-interfaces.h"
#include "hostd/api/methods.h"
#include "hostd/api/roles.h"
#include "hostd/api/translate.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64 };

struct _GkServer {
    GkHost *host;
    GkJobs *jobs;
    GDBusServer *server;
    char *socket;
    GPtrArray *clients;
};

/* One connection. */
typedef struct {
    GkServer *server;
    GDBusConnection *connection;
    GkCaller caller;
} Client;

static void
handle_method (GDBusConnection *connection, const char *sender, const char *path,
               const char *interface, const char *method, GVariant *parameters,
               GDBusMethodInvocation *invocation, gpointer data)
{
    Client *client = data;
    GkCall call = { .host = client->server->host,
                    .jobs = client->server->jobs,
                    .caller = &client->caller,
                    .invocation = invocation,
                    .connection = connection,
                    .parameters = parameters };
    g_autoptr (GError) error = NULL;

    if (gk_caller_check (&client->caller, method, client->server->host->config, &error) &&
        gk_method_call (method, &call, &error))
        return;
    g_dbus_method_invocation_return_error_literal (invocation, GK_API_ERROR,
                                                   (int) gk_api_translate (error), error->message);
}

static const GDBusInterfaceVTable vtable = { .method_call = handle_method };

static void
client_free (Client *client)
{
    g_signal_handlers_disconnect_by_data (client->connection, client);
    g_object_unref (client->connection);
    g_free (client);
}

/* A caller that hangs up, by Ctrl-C, crash or log-out, leaves nothing running. */
static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *why, gpointer data)
{
    Client *client = data;

    gk_jobs_cancel (client->server->jobs, connection);
    g_ptr_array_remove (client->server->clients, client);
}

static gboolean
on_connection (GDBusServer *listener, GDBusConnection *connection, gpointer data)
{
    GkServer *server = data;
    g_autoptr (GError) error = NULL;
    Client *client;
    GkCaller caller;

    if (server->clients->len >= CONNECTIONS_MAX ||
        !gk_caller_identify (connection, server->host->config, &caller, &error)) {
        g_warning ("a connection was refused: %s", error ? error->message : "there are too many");
        return FALSE;
    }
    client = g_new0 (Client, 1);
    client->server = server;
    client->connection = g_object_ref (connection);
    client->caller = caller;
    if (!g_dbus_connection_register_object (connection, "/org/genkan/Manager",
                                            (GDBusInterfaceInfo *) &org_genkan_manager1_interface,
                                            &vtable, client, NULL, &error)) {
        g_warning ("a connection was refused: %s", error->message);
        client_free (client);
        return FALSE;
    }
    g_ptr_array_add (server->clients, client);
    g_signal_connect (connection, "closed", G_CALLBACK (on_closed), client);
    return TRUE;
}

GkServer *
gk_server_start (GkHost *host, GkJobs *jobs, GError **error)
{
    g_autoptr (GkServer) server = g_new0 (GkServer, 1);
    g_autofree char *guid = g_dbus_generate_guid ();
    g_autofree char *escaped = NULL, *address = NULL;

    server->host = host;
    server->jobs = jobs;
    server->socket = g_build_filename (host->run_dir, "genkand.sock", NULL);
    server->clients = g_ptr_array_new_with_free_func ((GDestroyNotify) client_free);
    escaped = g_dbus_address_escape_value (server->socket);
    address = g_strconcat ("unix:path=", escaped, NULL);
    if (unlink (server->socket) < 0 && errno != ENOENT) {
        gk_set_errno (error, errno, "cannot remove the old socket %s", server->socket);
        return NULL;
    }
    server->server =
        g_dbus_server_new_sync (address, G_DBUS_SERVER_FLAGS_NONE, guid, NULL, NULL, error);
    if (!server->server)
        return NULL;
    /* Everyone may connect: the kernel says who it is, and roles.c what they may. */
    if (chmod (server->socket, 0666) < 0) {
        gk_set_errno (error, errno, "cannot set the mode of %s", server->socket);
        return NULL;
    }
    g_signal_connect (server->server, "new-connection", G_CALLBACK (on_connection), server);
    g_dbus_server_start (server->server);
    return g_steal_pointer (&server);
}

void
gk_server_stop (GkServer *server)
{
    if (!server->server)
        return;
    g_dbus_server_stop (server->server);
    g_clear_object (&server->server);
    unlink (server->socket);
}

void
gk_server_free (GkServer *server)
{
    if (!server)
        return;
    gk_server_stop (server);
    g_ptr_array_unref (server->clients);
    g_free (server->socket);
    g_free (server);
}
