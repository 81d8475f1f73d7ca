/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bridge's network namespace: what is set up in it once, as root, and a guest's link.
 *
 * Theory of operation. The gateway's address is the loopback interface's; guests' taps have none,
 * and forward by routes. The main routing table is not used. A guest's route stands in the table of
 * guests, which packets of our own and answers from the uplink may use; the default route stands in
 * the table of the uplink, which only the mark OUTWARD leads to. Everything else is dropped. So
 * with all nftables rules gone no packet of a guest finds a way to anybody but the gateway. */
#pragma once

#include "hostd/bridge/nic.h"
#include "hostd/bridge/rtnl.h"

/* Name of the uplink's near end, in the bridge's namespace. */
#define GK_UPLINK_NEAR "uplink"

/**
 * gk_namespace_prepare:
 * @uplink: descriptor of the namespace that gets the uplink's far end, or -1 for no uplink
 * @uplink_name: that end's name
 *
 * Makes the calling process's network namespace the bridge. What stands already, from a netd before,
 * is kept. Needs root. Errors are G_IO_ERROR.
 */
gboolean gk_namespace_prepare (const GkSubnet *subnet, int uplink, const char *uplink_name,
                               GError **error);

/* Raises the tap @index, which is in the guests' group by then, and leads @address to it. */
gboolean gk_namespace_raise (GkRtnl *rtnl, const GkSubnet *subnet, guint index, guint32 address,
                             const guint8 mac[6], GError **error);
