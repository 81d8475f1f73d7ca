/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/rtnl.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

enum { REQUEST_SIZE = 1024, REPLY_SIZE = 32768 };

struct _GkRtnl {
    struct mnl_socket *socket;
    guint sequence;
    char request[REQUEST_SIZE] __attribute__ ((aligned (4)));
};

/* What an RTM_NEWLINK message says of a link. */
typedef struct {
    guint index;
    char name[IFNAMSIZ];
    gboolean is_tap;
} Link;

GkRtnl *
gk_rtnl_open (GError **error)
{
    struct mnl_socket *socket = mnl_socket_open2 (NETLINK_ROUTE, SOCK_CLOEXEC);
    GkRtnl *rtnl;

    if (!socket || mnl_socket_bind (socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        gk_set_errno (error, errno, "cannot open a route netlink socket");
        if (socket)
            mnl_socket_close (socket);
        return NULL;
    }
    rtnl = g_new0 (GkRtnl, 1);
    rtnl->socket = socket;
    rtnl->sequence = (guint) time (NULL);
    return rtnl;
}

void
gk_rtnl_close (GkRtnl *rtnl)
{
    if (!rtnl)
        return;
    mnl_socket_close (rtnl->socket);
    g_free (rtnl);
}

/* Begins a request; @size is that of the family's own header, which is returned, zeroed. */
static void *
begin (GkRtnl *rtnl, struct nlmsghdr **ret_request, guint16 type, guint16 flags, gsize size)
{
    struct nlmsghdr *request = mnl_nlmsg_put_header (rtnl->request);

    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | flags;
    request->nlmsg_seq = ++rtnl->sequence;
    *ret_request = request;
    return mnl_nlmsg_put_extra_header (request, size);
}

/* Sends the request and hands each answer to @on_answer, to the end. Sets errno; no message. */
static gboolean
run (GkRtnl *rtnl, struct nlmsghdr *request, mnl_cb_t on_answer, gpointer data)
{
    g_autofree char *reply = g_malloc (REPLY_SIZE);
    guint port = mnl_socket_get_portid (rtnl->socket);
    int state = MNL_CB_OK;

    if (mnl_socket_sendto (rtnl->socket, request, request->nlmsg_len) < 0)
        return FALSE;
    while (state > MNL_CB_STOP) {
        ssize_t size = mnl_socket_recvfrom (rtnl->socket, reply, REPLY_SIZE);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return FALSE;
        state = mnl_cb_run (reply, (gsize) size, request->nlmsg_seq, port, on_answer, data);
    }
    return state == MNL_CB_STOP;
}

static gboolean
ask (GkRtnl *rtnl, struct nlmsghdr *request, GError **error, const char *what)
{
    request->nlmsg_flags |= NLM_F_ACK;
    return run (rtnl, request, NULL, NULL) || gk_set_errno (error, errno, "%s", what);
}

static int
on_link_info (const struct nlattr *attr, void *data)
{
    const struct nlattr **found = data;
    guint16 type = mnl_attr_get_type (attr);

    if (type <= IFLA_INFO_MAX)
        found[type] = attr;
    return MNL_CB_OK;
}

/* Whether IFLA_LINKINFO tells of a tun device in tap mode. */
static gboolean
tells_tap (const struct nlattr *link_info)
{
    const struct nlattr *info[IFLA_INFO_MAX + 1] = { NULL };
    const struct nlattr *attr;

    mnl_attr_parse_nested (link_info, on_link_info, info);
    if (!info[IFLA_INFO_KIND] || !info[IFLA_INFO_DATA] ||
        strcmp (mnl_attr_get_str (info[IFLA_INFO_KIND]), "tun") != 0)
        return FALSE;
    mnl_attr_for_each_nested (attr, info[IFLA_INFO_DATA])
    {
        if (mnl_attr_get_type (attr) == IFLA_TUN_TYPE)
            return mnl_attr_get_u8 (attr) == IFF_TAP;
    }
    return FALSE;
}

static Link
read_link (const struct nlmsghdr *message)
{
    const struct ifinfomsg *header = mnl_nlmsg_get_payload (message);
    Link link = { .index = (guint) header->ifi_index };
    const struct nlattr *attr;

    mnl_attr_for_each (attr, message, sizeof *header)
    {
        if (mnl_attr_get_type (attr) == IFLA_IFNAME)
            g_strlcpy (link.name, mnl_attr_get_str (attr), sizeof link.name);
        else if (mnl_attr_get_type (attr) == IFLA_LINKINFO)
            link.is_tap = tells_tap (attr);
    }
    return link;
}

static int
on_one_link (const struct nlmsghdr *message, void *data)
{
    if (message->nlmsg_type == RTM_NEWLINK)
        *(Link *) data = read_link (message);
    return MNL_CB_OK;
}

static int
on_each_link (const struct nlmsghdr *message, void *data)
{
    Link link = read_link (message);

    if (message->nlmsg_type == RTM_NEWLINK && link.is_tap)
        g_ptr_array_add (data, g_strdup (link.name));
    return MNL_CB_OK;
}

static gboolean
find (GkRtnl *rtnl, const char *name, Link *ret, GError **error)
{
    struct nlmsghdr *request;

    begin (rtnl, &request, RTM_GETLINK, NLM_F_ACK, sizeof (struct ifinfomsg));
    mnl_attr_put_strz (request, IFLA_IFNAME, name);
    if (run (rtnl, request, on_one_link, ret))
        return TRUE;
    if (errno != ENODEV)
        return gk_set_errno (error, errno, "cannot look for interface %s", name);
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no interface %s", name);
    return FALSE;
}

guint
gk_rtnl_index (GkRtnl *rtnl, const char *name, GError **error)
{
    Link link = { 0 };

    return find (rtnl, name, &link, error) ? link.index : 0;
}

guint
gk_rtnl_tap_index (GkRtnl *rtnl, const char *name, GError **error)
{
    Link link = { 0 };

    if (!find (rtnl, name, &link, error))
        return 0;
    if (link.is_tap)
        return link.index;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "interface %s is no tap", name);
    return 0;
}

GPtrArray *
gk_rtnl_taps (GkRtnl *rtnl, GError **error)
{
    g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
    struct nlmsghdr *request;

    begin (rtnl, &request, RTM_GETLINK, NLM_F_DUMP, sizeof (struct ifinfomsg));
    if (run (rtnl, request, on_each_link, names))
        return g_steal_pointer (&names);
    gk_set_errno (error, errno, "cannot list the interfaces");
    return NULL;
}

static struct nlmsghdr *
begin_change (GkRtnl *rtnl, guint index, guint16 type, struct ifinfomsg **ret_header)
{
    struct nlmsghdr *request;
    struct ifinfomsg *header = begin (rtnl, &request, type, 0, sizeof *header);

    header->ifi_index = (int) index;
    if (ret_header)
        *ret_header = header;
    return request;
}

gboolean
gk_rtnl_move (GkRtnl *rtnl, guint index, int netns, GError **error)
{
    struct nlmsghdr *request = begin_change (rtnl, index, RTM_NEWLINK, NULL);

    mnl_attr_put_u32 (request, IFLA_NET_NS_FD, (guint32) netns);
    return ask (rtnl, request, error, "cannot move an interface to another namespace");
}

gboolean
gk_rtnl_set_up (GkRtnl *rtnl, guint index, gboolean up, GError **error)
{
    struct ifinfomsg *header;
    struct nlmsghdr *request = begin_change (rtnl, index, RTM_NEWLINK, &header);

    header->ifi_change = IFF_UP;
    header->ifi_flags = up ? IFF_UP : 0;
    return ask (rtnl, request, error, up ? "cannot raise an interface" : "cannot take it down");
}

gboolean
gk_rtnl_set_group (GkRtnl *rtnl, guint index, guint group, GError **error)
{
    struct nlmsghdr *request = begin_change (rtnl, index, RTM_NEWLINK, NULL);

    mnl_attr_put_u32 (request, IFLA_GROUP, group);
    return ask (rtnl, request, error, "cannot set an interface's group");
}

gboolean
gk_rtnl_delete (GkRtnl *rtnl, guint index, GError **error)
{
    struct nlmsghdr *request = begin_change (rtnl, index, RTM_DELLINK, NULL);

    return ask (rtnl, request, error, "cannot delete an interface");
}

gboolean
gk_rtnl_add_veth (GkRtnl *rtnl, const char *name, const char *peer, int peer_netns, GError **error)
{
    struct nlmsghdr *request;
    struct nlattr *info, *data, *end;

    begin (rtnl, &request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof (struct ifinfomsg));
    mnl_attr_put_strz (request, IFLA_IFNAME, name);
    info = mnl_attr_nest_start (request, IFLA_LINKINFO);
    mnl_attr_put_strz (request, IFLA_INFO_KIND, "veth");
    data = mnl_attr_nest_start (request, IFLA_INFO_DATA);
    end = mnl_attr_nest_start (request, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header (request, sizeof (struct ifinfomsg));
    mnl_attr_put_strz (request, IFLA_IFNAME, peer);
    mnl_attr_put_u32 (request, IFLA_NET_NS_FD, (guint32) peer_netns);
    mnl_attr_nest_end (request, end);
    mnl_attr_nest_end (request, data);
    mnl_attr_nest_end (request, info);
    return ask (rtnl, request, error, "cannot make the pair of interfaces to the uplink");
}

gboolean
gk_rtnl_add_address (GkRtnl *rtnl, guint index, guint32 address, guint prefix, GError **error)
{
    struct nlmsghdr *request;
    struct ifaddrmsg *header =
        begin (rtnl, &request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof *header);

    header->ifa_family = AF_INET;
    header->ifa_prefixlen = (guint8) prefix;
    header->ifa_index = index;
    mnl_attr_put_u32 (request, IFA_LOCAL, htonl (address));
    mnl_attr_put_u32 (request, IFA_ADDRESS, htonl (address));
    mnl_attr_put_u32 (request, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
    return ask (rtnl, request, error, "cannot give an interface its address");
}

gboolean
gk_rtnl_add_neighbour (GkRtnl *rtnl, guint index, guint32 address, const guint8 mac[6],
                       GError **error)
{
    struct nlmsghdr *request;
    struct ndmsg *header =
        begin (rtnl, &request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof *header);

    header->ndm_family = AF_INET;
    header->ndm_ifindex = (int) index;
    header->ndm_state = NUD_PERMANENT;
    mnl_attr_put_u32 (request, NDA_DST, htonl (address));
    mnl_attr_put (request, NDA_LLADDR, 6, mac);
    return ask (rtnl, request, error, "cannot set a guest's hardware address");
}

gboolean
gk_rtnl_add_route (GkRtnl *rtnl, const GkRoute *route, GError **error)
{
    struct nlmsghdr *request;
    struct rtmsg *header =
        begin (rtnl, &request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof *header);

    header->rtm_family = AF_INET;
    header->rtm_dst_len = (guint8) route->prefix;
    header->rtm_protocol = RTPROT_STATIC;
    header->rtm_scope = route->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    header->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32 (request, RTA_TABLE, route->table);
    if (route->prefix)
        mnl_attr_put_u32 (request, RTA_DST, htonl (route->destination));
    if (route->gateway)
        mnl_attr_put_u32 (request, RTA_GATEWAY, htonl (route->gateway));
    if (route->source)
        mnl_attr_put_u32 (request, RTA_PREFSRC, htonl (route->source));
    mnl_attr_put_u32 (request, RTA_OIF, route->index);
    return ask (rtnl, request, error, "cannot add a route");
}

gboolean
gk_rtnl_add_rule (GkRtnl *rtnl, const GkRoutingRule *rule, GError **error)
{
    struct nlmsghdr *request;
    struct fib_rule_hdr *header =
        begin (rtnl, &request, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, sizeof *header);

    header->family = AF_INET;
    header->action = rule->table ? FR_ACT_TO_TBL : FR_ACT_BLACKHOLE;
    mnl_attr_put_u32 (request, FRA_PRIORITY, rule->priority);
    if (rule->table)
        mnl_attr_put_u32 (request, FRA_TABLE, rule->table);
    if (rule->mark)
        mnl_attr_put_u32 (request, FRA_FWMARK, rule->mark);
    if (rule->iif)
        mnl_attr_put_strz (request, FRA_IIFNAME, rule->iif);
    request->nlmsg_flags |= NLM_F_ACK;
    if (run (rtnl, request, NULL, NULL) || errno == EEXIST)
        return TRUE;
    return gk_set_errno (error, errno, "cannot add a routing rule");
}
