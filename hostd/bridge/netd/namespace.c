/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/namespace.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

enum { TABLE_UPLINK = 7701, TABLE_GUESTS = 7702 };

/* How long a far end that is on its way out, with a bridge before, is waited for. */
enum { FAR_END_TRIES = 60, FAR_END_WAIT_MS = 50 };

/* No reverse path check by the kernel: seen from the uplink, a guest's address has no route
 * without a mark, so it would refuse what a policy lets go. The rules' own check is the stricter.
 */
static const struct {
    const char *path, *value;
} settings[] = {
    {"ipv6/conf/all/disable_ipv6",             "1"},
    { "ipv6/conf/default/disable_ipv6",        "1"},
    { "ipv4/ip_forward",                       "1"},
    { "ipv4/conf/all/rp_filter",               "0"},
    { "ipv4/conf/default/rp_filter",           "0"},
    { "ipv4/conf/all/accept_source_route",     "0"},
    { "ipv4/conf/default/accept_source_route", "0"},
    { "ipv4/conf/all/accept_redirects",        "0"},
    { "ipv4/conf/default/accept_redirects",    "0"},
    { "ipv4/conf/all/send_redirects",          "0"},
    { "ipv4/conf/default/send_redirects",      "0"},
    { "ipv4/icmp_echo_ignore_all",             "1"},
};

static const GkRoutingRule rules[] = {
    {100,  GK_NFT_OUTWARD, NULL, TABLE_UPLINK},
    { 101, GK_NFT_INWARD,  NULL, TABLE_GUESTS},
    { 102, 0,              "lo", TABLE_GUESTS},
    { 103, 0,              NULL, 0           },
};

static gboolean
set (const char *setting, const char *value, GError **error)
{
    g_autofree char *path = g_strconcat ("/proc/sys/net/", setting, NULL);
    gk_autofd int fd = open (path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && g_str_has_prefix (setting, "ipv6/"))
        return TRUE; /* a kernel without IPv6 */
    if (fd < 0 || write (fd, value, strlen (value)) < 0)
        return gk_set_errno (error, errno, "cannot set %s", path);
    return TRUE;
}

static gboolean
prepare_gateway (GkRtnl *rtnl, const GkSubnet *subnet, GError **error)
{
    guint loopback = gk_rtnl_index (rtnl, "lo", error);

    if (!loopback || !gk_rtnl_set_up (rtnl, loopback, TRUE, error) ||
        !gk_rtnl_add_address (rtnl, loopback, gk_subnet_gateway (subnet), 32, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
        if (!gk_rtnl_add_rule (rtnl, &rules[i], error))
            return FALSE;
    return TRUE;
}

/* A handle on the namespace @netns; the thread is back in its own where this succeeds. */
static GkRtnl *
open_rtnl_in (int netns, GError **error)
{
    gk_autofd int own = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    g_autoptr (GkRtnl) rtnl = NULL;

    if (own < 0 || setns (netns, CLONE_NEWNET) < 0) {
        gk_set_errno (error, errno, "cannot enter the uplink's namespace");
        return NULL;
    }
    rtnl = gk_rtnl_open (error);
    if (setns (own, CLONE_NEWNET) < 0) {
        g_clear_error (error);
        gk_set_errno (error, errno, "cannot return to the bridge's namespace");
        return NULL;
    }
    return g_steal_pointer (&rtnl);
}

static gboolean
make_uplink (GkRtnl *rtnl, int netns, const char *far_name, GError **error)
{
    for (guint i = 0;; i++) {
        g_autoptr (GError) local = NULL;

        if (gk_rtnl_add_veth (rtnl, GK_UPLINK_NEAR, far_name, netns, &local))
            return TRUE;
        if (i == FAR_END_TRIES || !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
        g_usleep (FAR_END_WAIT_MS * 1000);
    }
}

static gboolean
prepare_far_end (const GkSubnet *subnet, int netns, const char *name, GError **error)
{
    g_autoptr (GkRtnl) rtnl = open_rtnl_in (netns, error);
    guint far = rtnl ? gk_rtnl_index (rtnl, name, error) : 0;
    guint32 network = gk_subnet_near (subnet) - 1;

    /* Answers to the near end need a route; masquerading hides the guests' addresses behind it. */
    return far && gk_rtnl_add_address (rtnl, far, gk_subnet_far (subnet), 30, error) &&
           gk_rtnl_set_up (rtnl, far, TRUE, error) &&
           gk_rtnl_add_route (rtnl,
                              &(GkRoute) { .table = 254,
                                           .destination = network,
                                           .prefix = 30,
                                           .source = gk_subnet_far (subnet),
                                           .index = far },
                              error);
}

static gboolean
prepare_near_end (GkRtnl *rtnl, const GkSubnet *subnet, GError **error)
{
    guint near = gk_rtnl_index (rtnl, GK_UPLINK_NEAR, error);
    guint32 far = gk_subnet_far (subnet);
    GkRoute to_far = { .table = TABLE_UPLINK, .destination = far, .prefix = 32, .index = near };
    GkRoute to_all = { .table = TABLE_UPLINK, .gateway = far, .index = near };

    return near && gk_rtnl_add_address (rtnl, near, gk_subnet_near (subnet), 30, error) &&
           gk_rtnl_set_up (rtnl, near, TRUE, error) && gk_rtnl_add_route (rtnl, &to_far, error) &&
           gk_rtnl_add_route (rtnl, &to_all, error);
}

static gboolean
prepare_uplink (GkRtnl *rtnl, const GkSubnet *subnet, int netns, const char *far_name,
                GError **error)
{
    g_autoptr (GError) local = NULL;

    if (gk_rtnl_index (rtnl, GK_UPLINK_NEAR, &local))
        return TRUE; /* made by a netd before */
    if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
        g_propagate_error (error, g_steal_pointer (&local));
        return FALSE;
    }
    return make_uplink (rtnl, netns, far_name, error) &&
           prepare_far_end (subnet, netns, far_name, error) &&
           prepare_near_end (rtnl, subnet, error);
}

gboolean
gk_namespace_prepare (const GkSubnet *subnet, int uplink, const char *uplink_name, GError **error)
{
    g_autoptr (GkRtnl) rtnl = NULL;

    for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
        if (!set (settings[i].path, settings[i].value, error))
            return FALSE;
    rtnl = gk_rtnl_open (error);
    return rtnl && prepare_gateway (rtnl, subnet, error) &&
           (uplink < 0 || prepare_uplink (rtnl, subnet, uplink, uplink_name, error));
}

gboolean
gk_namespace_raise (GkRtnl *rtnl, const GkSubnet *subnet, guint index, guint32 address,
                    const guint8 mac[6], GError **error)
{
    GkRoute route = { .table = TABLE_GUESTS,
                      .destination = address,
                      .prefix = 32,
                      .source = gk_subnet_gateway (subnet),
                      .index = index };

    return gk_rtnl_set_up (rtnl, index, TRUE, error) && gk_rtnl_add_route (rtnl, &route, error) &&
           gk_rtnl_add_neighbour (rtnl, index, address, mac, error);
}
