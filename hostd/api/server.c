/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/api/server.h"

#include "base/fd.h"
#include "hostd/api/error.h"
#include "hostd/api/genkan-interfaces.h"
#include "hostd/api/methods.h"
#include "hostd/api/roles.h"
#include "hostd/api/translate.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <sys/stat.h>
#include <unistd.h>

/* Connections at one time, in all and of one user; and how long one may take to say hello. */
enum { CLIENTS_MOST = 256, CLIENTS_MOST_OF_ONE = 16, HELLO_SECONDS = 5 };

struct _GkServer {
    GkHost *host;
    GkJobs *jobs;
    GSocketService *listener; /* NULL when it has stopped */
    char *guid, *socket;
    GPtrArray *clients;
};

/* One connection, from its acceptance on. */
typedef struct {
    GkServer *server;
    GkCaller caller;
    GDBusConnection *connection; /* NULL until it has said hello */
    GCancellable *impatience; /* ends the wait for that */
    guint timeout;
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

    if (!client->server->listener)
        g_set_error_literal (&error, GK_API_ERROR, GK_API_ERROR_FAILED, "genkand is ending");
    else if (gk_caller_check (&client->caller, method, client->server->host->config, &error) &&
             gk_method_call (method, &call, &error))
        return;
    g_dbus_method_invocation_return_error_literal (invocation, GK_API_ERROR,
                                                   (int) gk_api_translate (error), error->message);
}

static const GDBusInterfaceVTable vtable = { .method_call = handle_method };

static void
client_free (Client *client)
{
    g_clear_handle_id (&client->timeout, g_source_remove);
    if (client->connection)
        g_signal_handlers_disconnect_by_data (client->connection, client);
    g_clear_object (&client->connection);
    g_object_unref (client->impatience);
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
on_impatience (gpointer data)
{
    Client *client = data;

    client->timeout = 0;
    g_cancellable_cancel (client->impatience);
    return G_SOURCE_REMOVE;
}

static void
on_hello (GObject *source, GAsyncResult *result, gpointer data)
{
    Client *client = data;
    GkServer *server = client->server;
    g_autoptr (GError) error = NULL;

    client->connection = g_dbus_connection_new_finish (result, &error);
    g_clear_handle_id (&client->timeout, g_source_remove);
    if (!client->connection ||
        !g_dbus_connection_register_object (client->connection, "/org/genkan/Manager",
                                            (GDBusInterfaceInfo *) &org_genkan_manager1_interface,
                                            &vtable, client, NULL, &error)) {
        g_debug ("a connection of user %u came to nothing: %s", client->caller.uid, error->message);
        g_ptr_array_remove (server->clients, client);
        return;
    }
    g_signal_connect (client->connection, "closed", G_CALLBACK (on_closed), client);
    g_dbus_connection_start_message_processing (client->connection);
}

static gboolean
has_room_for (GkServer *server, uid_t uid)
{
    guint same = 0;

    for (guint i = 0; i < server->clients->len; i++)
        same += ((Client *) server->clients->pdata[i])->caller.uid == uid;
    return server->clients->len < CLIENTS_MOST && same < CLIENTS_MOST_OF_ONE;
}

/* Who calls is known from the kernel before a byte is read. One too many is closed at once. */
static gboolean
on_incoming (GSocketService *listener, GSocketConnection *stream, GObject *source, gpointer data)
{
    GkServer *server = data;
    g_autoptr (GError) error = NULL;
    Client *client;
    GkCaller caller;

    if (!gk_caller_identify (g_socket_connection_get_socket (stream), server->host->config, &caller,
                             &error)) {
        g_warning ("a connection was refused: %s", error->message);
        return TRUE;
    }
    if (!has_room_for (server, caller.uid))
        return TRUE;
    client = g_new0 (Client, 1);
    client->server = server;
    client->caller = caller;
    client->impatience = g_cancellable_new ();
    client->timeout = g_timeout_add_seconds (HELLO_SECONDS, on_impatience, client);
    g_ptr_array_add (server->clients, client);
    g_dbus_connection_new (G_IO_STREAM (stream), server->guid,
                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                               G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                           NULL, client->impatience, on_hello, client);
    return TRUE;
}

static gboolean
listen_on (GkServer *server, GError **error)
{
    g_autoptr (GSocketAddress) address = g_unix_socket_address_new (server->socket);

    if (unlink (server->socket) < 0 && errno != ENOENT)
        return gk_set_errno (error, errno, "cannot remove the old socket %s", server->socket);
    if (!g_socket_listener_add_address (G_SOCKET_LISTENER (server->listener), address,
                                        G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL,
                                        error))
        return FALSE;
    /* Everyone may connect: the kernel says who it is, and roles.c what they may. */
    if (chmod (server->socket, 0666) < 0)
        return gk_set_errno (error, errno, "cannot set the mode of %s", server->socket);
    return TRUE;
}

GkServer *
gk_server_start (GkHost *host, GkJobs *jobs, GError **error)
{
    g_autoptr (GkServer) server = g_new0 (GkServer, 1);

    server->host = host;
    server->jobs = jobs;
    server->guid = g_dbus_generate_guid ();
    server->socket = g_build_filename (host->run_dir, "genkand.sock", NULL);
    server->clients = g_ptr_array_new_with_free_func ((GDestroyNotify) client_free);
    server->listener = g_socket_service_new ();
    g_signal_connect (server->listener, "incoming", G_CALLBACK (on_incoming), server);
    return listen_on (server, error) ? g_steal_pointer (&server) : NULL;
}

void
gk_server_stop (GkServer *server)
{
    if (!server->listener)
        return;
    g_socket_service_stop (server->listener);
    g_socket_listener_close (G_SOCKET_LISTENER (server->listener));
    g_clear_object (&server->listener);
    unlink (server->socket);
}

void
gk_server_free (GkServer *server)
{
    if (!server)
        return;
    gk_server_stop (server);
    g_ptr_array_unref (server->clients);
    g_free (server->guid);
    g_free (server->socket);
    g_free (server);
}
