/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Theory of operation. One lock orders all that asks netd: requests of worker threads, and the
 * restart, which the main thread does when the process's descriptor says that netd has ended. So a
 * request meets either the old netd, and fails with it, or the new one, after that has been told of
 * every NIC. A netd that does not answer in time is killed, which leads to the same restart.
 *
 * genkand moves taps into the namespace itself: netd then needs no way out of it. */
#include "hostd/bridge/bridge.h"

#include "base/fd.h"
#include "base/id.h"
#include "hostd/bridge/netd-iface.h"
#include "hostd/bridge/nic.h"
#include "hostd/bridge/process.h"
#include "hostd/bridge/rtnl.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

enum { CALL_MS = 15000, END_MS = 5000, RESTARTS_MAX = 3, RESTARTS_WITHIN_S = 60, TEXT_MAX = 255 };
enum { PACKETS_PER_S = 20000 };

struct _GkBridge {
    char *run_dir, *subnet, *uplink, *uplink_name;
    guint packets_per_s;
    GkBridgeEventFunc on_event;
    GkBridgeLostFunc on_lost;
    gpointer data;
    guint restarts; /* since first_restart */
    gint64 first_restart;
    guint watch;

    GMutex lock; /* over what follows */
    GkNetdProcess process;
    GkNetd *netd; /* NULL: lost */
    GHashTable *nics; /* the disposable's id -> Nic */
};

/* What a new netd must be told. */
typedef struct {
    char *vm, *tap, *mac, *address;
} Nic;

static void
nic_free (gpointer data)
{
    Nic *nic = data;

    g_free (nic->vm);
    g_free (nic->tap);
    g_free (nic->mac);
    g_free (nic->address);
    g_free (nic);
}

static gboolean
set_lost (GError **error)
{
    g_set_error_literal (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_LOST,
                         "the policy bridge is down: genkan-netd is not running (see netd.log)");
    return FALSE;
}

/* Events */

static gboolean
is_plain (const char *text)
{
    gsize length = strlen (text);

    if (length > TEXT_MAX)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isprint (text[i]))
            return FALSE;
    return TRUE;
}

/* netd reads what guests make; so what it says is held against the contract once more. */
static void
on_event (GkNetd *netd, const char *vm, const char *time, gboolean query, const char *name,
          const char *type, const char *protocol, const char *destination, guint port,
          gboolean allowed, const char *rule, guint64 count, guint64 bytes_out, guint64 bytes_in,
          gpointer data)
{
    GkBridge *bridge = data;
    const GkBridgeEvent event = { vm,   time,    query, name,  type,      protocol, destination,
                                  port, allowed, rule,  count, bytes_out, bytes_in };
    const char *const texts[] = { time, name, type, protocol, destination, rule };

    if (!gk_id_valid (vm))
        return;
    for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
        if (!is_plain (texts[i]))
            return;
    bridge->on_event (&event, bridge->data);
}

/* Speaking to netd */

typedef struct {
    GAsyncQueue *done;
    GCancellable *late;
} Deadline;

static gpointer
cancel_when_late (gpointer data)
{
    Deadline *deadline = data;

    if (!g_async_queue_timeout_pop (deadline->done, CALL_MS * 1000))
        g_cancellable_cancel (deadline->late);
    return NULL;
}

/* GDBus has no deadline for its handshake, and a time-out of the socket would end a connection that
 * is idle: so a thread keeps the time. */
static GDBusConnection *
shake_hands (GIOStream *stream, GError **error)
{
    g_autoptr (GAsyncQueue) done = g_async_queue_new ();
    g_autoptr (GCancellable) late = g_cancellable_new ();
    Deadline deadline = { done, late };
    GThread *thread = g_thread_new ("handshake", cancel_when_late, &deadline);
    GDBusConnection *connection = g_dbus_connection_new_sync (
        stream, NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, late, error);

    g_async_queue_push (done, &deadline);
    g_thread_join (thread);
    if (connection || !g_cancellable_is_cancelled (late))
        return connection;
    g_clear_error (error);
    g_set_error_literal (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_FAILED,
                         "cannot start genkan-netd: it does not answer (see netd.log)");
    return NULL;
}

static gboolean
connect_netd (GkBridge *bridge, GError **error)
{
    g_autoptr (GSocket) socket = g_socket_new_from_fd (bridge->process.control, error);
    g_autoptr (GSocketConnection) stream = NULL;
    g_autoptr (GDBusConnection) connection = NULL;

    if (!socket)
        return FALSE;
    bridge->process.control = -1; /* the socket's now */
    stream = g_socket_connection_factory_create_connection (socket);
    connection = shake_hands (G_IO_STREAM (stream), error);
    if (!connection)
        return FALSE;
    bridge->netd = gk_netd_proxy_new_sync (connection, G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES,
                                           NULL, "/", NULL, error);
    if (!bridge->netd)
        return FALSE;
    g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (bridge->netd), CALL_MS);
    g_signal_connect (bridge->netd, "event", G_CALLBACK (on_event), bridge);
    return TRUE;
}

static void
disconnect_netd (GkBridge *bridge)
{
    if (!bridge->netd)
        return;
    g_dbus_connection_close_sync (g_dbus_proxy_get_connection (G_DBUS_PROXY (bridge->netd)), NULL,
                                  NULL);
    g_signal_handlers_disconnect_by_data (bridge->netd, bridge);
    g_clear_object (&bridge->netd);
}

/* What a failed call means: netd's own errors stay, all others are its loss. Returns FALSE. */
static gboolean
set_call_error (GkBridge *bridge, GError *local, GError **error)
{
    g_autoptr (GError) owned = local;

    if (owned->domain == GK_BRIDGE_ERROR) {
        g_dbus_error_strip_remote_error (owned);
        g_propagate_error (error, g_steal_pointer (&owned));
        return FALSE;
    }
    if (bridge->process.pid != 0)
        pidfd_send_signal (bridge->process.pidfd, SIGKILL, NULL, 0);
    return set_lost (error);
}

/* With the lock held. */
static gboolean
call_add (GkBridge *bridge, const GkBridgeNic *nic, const char *wanted, char **ret_address,
          GError **error)
{
    GError *local = NULL;

    if (!bridge->netd)
        return set_lost (error);
    if (gk_netd_call_add_sync (bridge->netd, nic->vm, nic->tap, nic->mac, nic->policy, wanted,
                               ret_address, NULL, &local))
        return TRUE;
    return set_call_error (bridge, local, error);
}

/* Losing netd */

static gboolean on_ended (int fd, GIOCondition condition, gpointer data);

static gboolean
start_netd (GkBridge *bridge, GError **error)
{
    const GkBridgeConfig config = { bridge->run_dir, bridge->subnet, bridge->uplink,
                                    bridge->uplink_name, bridge->packets_per_s };

    if (!gk_netd_process_start (&bridge->process, &config, error))
        return FALSE;
    if (!connect_netd (bridge, error)) {
        g_free (gk_netd_process_end (&bridge->process, 0));
        return FALSE;
    }
    bridge->watch = g_unix_fd_add (bridge->process.pidfd, G_IO_IN, on_ended, bridge);
    return TRUE;
}

static gboolean
restart_is_due (GkBridge *bridge)
{
    gint64 now = g_get_monotonic_time ();

    if (now - bridge->first_restart > RESTARTS_WITHIN_S * G_USEC_PER_SEC) {
        bridge->first_restart = now;
        bridge->restarts = 0;
    }
    return bridge->restarts++ < RESTARTS_MAX;
}

/* Tells the new netd of every NIC; one that it does not take stays without a tap, which netd has
 * deleted. What a request that was under way had left behind is pruned. */
static gboolean
tell_nics (GkBridge *bridge)
{
    GHashTableIter iter;
    Nic *nic;

    g_hash_table_iter_init (&iter, bridge->nics);
    while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &nic)) {
        const GkBridgeNic request = { nic->vm, nic->tap, nic->mac, "none" };
        g_autofree char *address = NULL;
        g_autoptr (GError) error = NULL;

        if (call_add (bridge, &request, nic->address, &address, &error))
            continue;
        if (error->code == GK_BRIDGE_ERROR_LOST)
            return FALSE;
        g_hash_table_iter_remove (&iter);
    }
    return gk_netd_call_prune_sync (bridge->netd, NULL, NULL);
}

/* Ends netd, where it has not ended, after at most @timeout_ms. Returns: (transfer full): how. */
static char *
end_netd (GkBridge *bridge, guint timeout_ms)
{
    g_clear_handle_id (&bridge->watch, g_source_remove);
    disconnect_netd (bridge);
    return gk_netd_process_end (&bridge->process, timeout_ms);
}

static gboolean
restart (GkBridge *bridge, GError **error)
{
    while (restart_is_due (bridge)) {
        if (!start_netd (bridge, error))
            return FALSE;
        if (tell_nics (bridge))
            return TRUE;
        g_free (end_netd (bridge, 0));
    }
    g_set_error_literal (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_LOST,
                         "it ended too often to be started again");
    return FALSE;
}

static gboolean
on_ended (int fd, GIOCondition condition, gpointer data)
{
    GkBridge *bridge = data;
    g_autofree char *how = NULL, *why = NULL;
    g_autoptr (GError) error = NULL;
    gboolean restarted;

    bridge->watch = 0; /* removed by what this returns */
    g_mutex_lock (&bridge->lock);
    how = end_netd (bridge, 0);
    restarted = restart (bridge, &error);
    if (!restarted) {
        gk_fd_close (gk_steal_fd (&bridge->process.netns)); /* taps and rules go with it */
        g_hash_table_remove_all (bridge->nics);
    }
    g_mutex_unlock (&bridge->lock);
    why = g_strconcat (how, error ? ": " : NULL, error ? error->message : NULL, NULL);
    bridge->on_lost (restarted, why, bridge->data);
    return G_SOURCE_REMOVE;
}

/* Requests */

/* Moves the tap out of the host's namespace; its index may change on the way. */
static gboolean
move_tap (GkBridge *bridge, const char *tap, GError **error)
{
    g_autoptr (GkRtnl) rtnl = gk_rtnl_open (error);
    guint index = rtnl ? gk_rtnl_tap_index (rtnl, tap, error) : 0;

    return index && gk_rtnl_move (rtnl, index, bridge->process.netns, error);
}

static void
remember (GkBridge *bridge, const GkBridgeNic *nic, const char *address)
{
    Nic *known = g_new0 (Nic, 1);

    known->vm = g_strdup (nic->vm);
    known->tap = g_strdup (nic->tap);
    known->mac = g_strdup (nic->mac);
    known->address = g_strdup (address);
    g_hash_table_replace (bridge->nics, known->vm, known);
}

gboolean
gk_bridge_add (GkBridge *bridge, const GkBridgeNic *nic, char **ret_address, GError **error)
{
    g_autoptr (GMutexLocker) locker = NULL;
    g_autofree char *address = NULL;
    GkNic checked;

    if (!gk_nic_parse (nic->vm, nic->tap, nic->mac, nic->policy, &checked, error))
        return FALSE;
    locker = g_mutex_locker_new (&bridge->lock);
    if (!bridge->netd)
        return set_lost (error);
    if (!move_tap (bridge, nic->tap, error) || !call_add (bridge, nic, "", &address, error))
        return FALSE;
    remember (bridge, nic, address);
    if (ret_address)
        *ret_address = g_steal_pointer (&address);
    return TRUE;
}

gboolean
gk_bridge_check (GkBridge *bridge, const char *vm, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&bridge->lock);

    return (bridge->netd && g_hash_table_contains (bridge->nics, vm)) || set_lost (error);
}

gboolean
gk_bridge_remove (GkBridge *bridge, const char *vm, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&bridge->lock);
    GError *local = NULL;

    g_hash_table_remove (bridge->nics, vm);
    if (bridge->process.netns < 0)
        return TRUE; /* gone with the namespace */
    if (!bridge->netd)
        return set_lost (error);
    if (gk_netd_call_remove_sync (bridge->netd, vm, NULL, &local))
        return TRUE;
    return set_call_error (bridge, local, error);
}

GPid
gk_bridge_pid (GkBridge *bridge)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&bridge->lock);

    return bridge->process.pid;
}

/* Life */

static void
bridge_free (GkBridge *bridge)
{
    g_clear_handle_id (&bridge->watch, g_source_remove);
    gk_fd_close (bridge->process.netns);
    g_hash_table_unref (bridge->nics);
    g_mutex_clear (&bridge->lock);
    g_free (bridge->run_dir);
    g_free (bridge->subnet);
    g_free (bridge->uplink);
    g_free (bridge->uplink_name);
    g_free (bridge);
}

static gboolean
check_config (const GkBridgeConfig *config, GError **error)
{
    gsize length = config->uplink_name ? strlen (config->uplink_name) : 0;
    gboolean uplink = strcmp (config->uplink, "none") != 0;
    GkSubnet subnet;

    if (!gk_subnet_parse (config->subnet, &subnet, error))
        return FALSE;
    if (config->packets_per_s > GK_NFT_PACKETS_MAX) {
        g_set_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_REFUSED,
                     "a guest may send at most %u packets a second", GK_NFT_PACKETS_MAX);
        return FALSE;
    }
    if (!uplink || (length > 0 && length <= 15))
        return TRUE;
    g_set_error_literal (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_REFUSED,
                         "the uplink's interface needs a name of at most 15 bytes");
    return FALSE;
}

GkBridge *
gk_bridge_start (const GkBridgeConfig *config, GkBridgeEventFunc event_func,
                 GkBridgeLostFunc lost_func, gpointer data, GError **error)
{
    GkBridge *bridge;

    if (!check_config (config, error))
        return NULL;
    (void) GK_BRIDGE_ERROR; /* registers netd's errors with GDBus */
    bridge = g_new0 (GkBridge, 1);
    bridge->run_dir = g_strdup (config->run_dir);
    bridge->subnet = g_strdup (config->subnet);
    bridge->uplink = g_strdup (config->uplink);
    bridge->uplink_name = g_strdup (config->uplink_name);
    bridge->packets_per_s = config->packets_per_s ? config->packets_per_s : PACKETS_PER_S;
    bridge->on_event = event_func;
    bridge->on_lost = lost_func;
    bridge->data = data;
    bridge->process = (GkNetdProcess) GK_NETD_PROCESS_NONE;
    bridge->nics = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, nic_free);
    g_mutex_init (&bridge->lock);
    if (start_netd (bridge, error))
        return bridge;
    bridge_free (bridge);
    return NULL;
}

void
gk_bridge_stop (GkBridge *bridge)
{
    if (!bridge)
        return;
    g_free (end_netd (bridge, END_MS));
    bridge_free (bridge);
}
