/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkan-netd: rules, taps, DHCP, DNS and evidence of the policy bridge.
 *
 * Theory of operation. genkand starts it as root, as the first process of a PID namespace and in
 * the bridge's network namespace, with descriptor 3 a socket to speak over and, where there is an
 * uplink, 4 the network namespace of the uplink's far end. Rights go in stages:
 *
 *   1. as root, one thread, nothing from outside read but the command line: the namespace's
 *      settings, routes and uplink (namespace.c); descriptor 4 is closed
 *   2. a root file system of its own (confine.c)
 *   3. an unprivileged user with CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE. None of them
 *      reaches beyond the network namespace, for no descriptor leads out of it
 *   4. rules loaded, dnsmasq started, `ready` said on the socket (or, in one line, what was wrong)
 *   5. D-Bus on the socket: only here something is read that a guest (packets, names) or genkand
 *      (requests) has made
 *
 * It ends when the socket closes, or with SIGKILL when genkand's thread is gone; everything in the
 * PID namespace ends with it. */
#include "base/fd.h"
#include "base/files.h"
#include "hostd/bridge/bridge.h"
#include "hostd/bridge/netd/confine.h"
#include "hostd/bridge/netd/control.h"
#include "hostd/bridge/netd/namespace.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CONTROL_FD = 3, UPLINK_FD = 4 };

typedef struct {
    GMainLoop *loop;
    int status;
} Life;

static void
on_lost (const char *why, gpointer data)
{
    Life *life = data;

    g_printerr ("genkan-netd: %s\n", why);
    life->status = EXIT_FAILURE;
    g_main_loop_quit (life->loop);
}

static void
on_closed (GDBusConnection *connection, gboolean remote, GError *error, gpointer data)
{
    g_main_loop_quit (((Life *) data)->loop);
}

static gboolean
prepare (const GkSubnet *subnet, const char *uplink_name, GError **error)
{
    gboolean ok;

    /* Children are watched by descriptors; none stays a zombie. */
    signal (SIGCHLD, SIG_IGN);
    ok = gk_confine_limits (error) &&
         gk_namespace_prepare (subnet, uplink_name ? UPLINK_FD : -1, uplink_name, error);
    if (uplink_name)
        gk_fd_close (UPLINK_FD);
    return ok && gk_confine_files (error) && gk_confine_rights (error);
}

static gboolean
allow_mechanism (GDBusAuthObserver *observer, const char *mechanism, gpointer data)
{
    return g_str_equal (mechanism, "ANONYMOUS");
}

/* Anonymous: a socket pair has no other callers, and credentials do not reach into a PID
 * namespace. */
static GDBusConnection *
connect_control (GError **error)
{
    g_autofree char *guid = g_dbus_generate_guid ();
    g_autoptr (GSocket) socket = g_socket_new_from_fd (CONTROL_FD, error);
    g_autoptr (GDBusAuthObserver) observer = g_dbus_auth_observer_new ();
    g_autoptr (GSocketConnection) stream = NULL;

    if (!socket)
        return NULL;
    stream = g_socket_connection_factory_create_connection (socket);
    g_signal_connect (observer, "allow-mechanism", G_CALLBACK (allow_mechanism), NULL);
    return g_dbus_connection_new_sync (G_IO_STREAM (stream), guid,
                                       G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS |
                                           G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                                       observer, NULL, error);
}

static gboolean
serve (GkControl *control, Life *life, GError **error)
{
    static const char ready[] = "ready\n";
    g_autoptr (GDBusConnection) connection = NULL;

    if (!gk_fd_write_all (CONTROL_FD, ready, strlen (ready), error))
        return FALSE;
    connection = connect_control (error);
    if (!connection || !gk_control_serve (control, connection, error))
        return FALSE;
    g_signal_connect (connection, "closed", G_CALLBACK (on_closed), life);
    g_dbus_connection_start_message_processing (connection);
    g_main_loop_run (life->loop);
    return TRUE;
}

/* The one line that genkand reads instead of `ready`. */
static int
give_up (const GError *error)
{
    g_autofree char *text = g_strdup (error->message);
    g_autofree char *line = g_strconcat (g_strdelimit (text, "\n", ' '), "\n", NULL);

    gk_fd_write_all (CONTROL_FD, line, strlen (line), NULL);
    g_printerr ("genkan-netd: %s", line);
    return EXIT_FAILURE;
}

int
main (int argc, char **argv)
{
    const char *uplink_name = argc == 4 ? argv[3] : NULL;
    g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
    g_autoptr (GkControl) control = NULL;
    g_autoptr (GError) error = NULL;
    Life life = { loop, EXIT_SUCCESS };
    GkSubnet subnet;
    guint64 packets = 0;

    if ((argc != 3 && argc != 4) ||
        !g_ascii_string_to_unsigned (argv[2], 10, 1, GK_NFT_PACKETS_MAX, &packets, NULL) ||
        fcntl (CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0) {
        g_printerr ("Usage: genkan-netd SUBNET PACKETS-PER-SECOND [UPLINK-NAME], started by "
                    "genkand\n");
        return 2;
    }
    if (!gk_subnet_parse (argv[1], &subnet, &error) || !prepare (&subnet, uplink_name, &error))
        return give_up (error);
    control = gk_control_new (&subnet, (guint) packets, on_lost, &life, &error);
    if (!control || !serve (control, &life, &error))
        return give_up (error);
    return life.status;
}
