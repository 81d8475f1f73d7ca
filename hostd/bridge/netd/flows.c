/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/flows.h"

#include "base/fd.h"
#include "templates/nft/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_log/libnetfilter_log.h>
#include <linux/netfilter/nfnetlink_log.h>

enum { COPIED = 128, BUFFER = 32768, RECEIVE_BUFFER = 4 << 20, ROUNDS_MAX = 4096 };

struct _GkFlows {
    struct mnl_socket *socket;
    guint source;
    GkFlowFunc on_flow;
    gpointer data;
};

static int
on_packet (const struct nlmsghdr *message, void *data)
{
    GkFlows *flows = data;
    struct nlattr *attr[NFULA_MAX + 1] = { NULL };
    struct nfulnl_msg_packet_hdr *header;
    const char *rule;
    gboolean is_read;
    GkFlow flow;

    if (nflog_nlmsg_parse (message, attr) < 0 || !attr[NFULA_PACKET_HDR] || !attr[NFULA_PREFIX] ||
        !attr[NFULA_IFINDEX_INDEV] || !attr[NFULA_PAYLOAD])
        return MNL_CB_OK;
    header = mnl_attr_get_payload (attr[NFULA_PACKET_HDR]);
    rule = gk_nft_rule_name (mnl_attr_get_str (attr[NFULA_PREFIX]));
    if (!rule)
        return MNL_CB_OK;
    is_read = gk_flow_read (ntohs (header->hw_protocol), mnl_attr_get_payload (attr[NFULA_PAYLOAD]),
                            mnl_attr_get_payload_len (attr[NFULA_PAYLOAD]), &flow);
    flows->on_flow (ntohl (mnl_attr_get_u32 (attr[NFULA_IFINDEX_INDEV])), rule,
                    is_read ? &flow : NULL, flows->data);
    return MNL_CB_OK;
}

/* FALSE where nothing is queued. A full queue (ENOBUFS) has lost packets, which the rules' rates
 * make rare; what follows can still be read. */
static gboolean
take_some (GkFlows *flows)
{
    char buffer[BUFFER];
    ssize_t size = recv (mnl_socket_get_fd (flows->socket), buffer, sizeof buffer, MSG_DONTWAIT);

    if (size < 0)
        return errno == ENOBUFS || errno == EINTR;
    mnl_cb_run (buffer, (gsize) size, 0, mnl_socket_get_portid (flows->socket), on_packet, flows);
    return TRUE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
    take_some (data);
    return G_SOURCE_CONTINUE;
}

/* Bounded: other guests may send faster than this reads. */
void
gk_flows_drain (GkFlows *flows)
{
    for (guint i = 0; i < ROUNDS_MAX && take_some (flows); i++)
        ;
}

static gboolean
bind_group (struct mnl_socket *socket, GError **error)
{
    char buffer[BUFFER];
    struct nlmsghdr *request =
        nflog_nlmsg_put_header (buffer, NFULNL_MSG_CONFIG, AF_UNSPEC, GK_NFT_LOG_GROUP);
    ssize_t size;

    nflog_attr_put_cfg_cmd (request, NFULNL_CFG_CMD_BIND);
    nflog_attr_put_cfg_mode (request, NFULNL_COPY_PACKET, COPIED);
    /* Each packet at once: what is queued in the kernel could not be drained. */
    mnl_attr_put_u32 (request, NFULA_CFG_QTHRESH, htonl (1));
    request->nlmsg_flags |= NLM_F_ACK;
    if (mnl_socket_sendto (socket, request, request->nlmsg_len) >= 0) {
        size = mnl_socket_recvfrom (socket, buffer, sizeof buffer);
        if (size >= 0 &&
            mnl_cb_run (buffer, (gsize) size, 0, mnl_socket_get_portid (socket), NULL, NULL) >= 0)
            return TRUE;
    }
    return gk_set_errno (error, errno, "cannot listen to nfnetlink_log");
}

GkFlows *
gk_flows_open (GkFlowFunc on_flow, gpointer data, GError **error)
{
    struct mnl_socket *socket = mnl_socket_open2 (NETLINK_NETFILTER, SOCK_CLOEXEC);
    g_autoptr (GkFlows) flows = NULL;
    int size = RECEIVE_BUFFER;

    if (!socket) {
        gk_set_errno (error, errno, "cannot open a netfilter netlink socket");
        return NULL;
    }
    flows = g_new0 (GkFlows, 1);
    *flows = (GkFlows) { .socket = socket, .on_flow = on_flow, .data = data };
    if (setsockopt (mnl_socket_get_fd (socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) <
            0 ||
        mnl_socket_bind (socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        gk_set_errno (error, errno, "cannot bind a netfilter netlink socket");
        return NULL;
    }
    if (!bind_group (socket, error))
        return NULL;
    flows->source = g_unix_fd_add (mnl_socket_get_fd (socket), G_IO_IN, on_readable, flows);
    return g_steal_pointer (&flows);
}

void
gk_flows_close (GkFlows *flows)
{
    if (!flows)
        return;
    g_clear_handle_id (&flows->source, g_source_remove);
    mnl_socket_close (flows->socket);
    g_free (flows);
}
