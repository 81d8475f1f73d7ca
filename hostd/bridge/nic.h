/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a bridge is asked for, as text, read into types. genkand and genkan-netd both hold requests
 * against this: netd does not trust what asks it. Pure, any thread. Errors are
 * GK_BRIDGE_ERROR_REFUSED. */
#pragma once

#include "templates/nft/nft.h"

#include <glib.h>

/* The names of taps begin with this, so that ours can be told from others. */
#define GK_TAP_PREFIX "gk"

/* A guest's tap: `gk[a-z0-9]{1,13}`. */
gboolean gk_tap_name_valid (const char *name);

/* A hardware address that a guest may have: `52:54:00:12:34:56`, unicast, locally administered. */
gboolean gk_mac_parse (const char *text, guint8 ret_mac[6]);

/* The bridge's IPv4 network: the first address is the gateway's, the last four are the transfer
 * network between bridge and uplink. In host byte order. */
typedef struct {
    guint32 network;
    guint prefix;
} GkSubnet;

/* Reads a private IPv4 network, prefix length 16 to 28, host bits zero: `10.213.0.0/16`. */
gboolean gk_subnet_parse (const char *text, GkSubnet *ret, GError **error);

static inline guint32
gk_subnet_gateway (const GkSubnet *subnet)
{
    return subnet->network + 1;
}

/* The transfer network's two addresses; its prefix length is 30. */
static inline guint32
gk_subnet_near (const GkSubnet *subnet)
{
    return subnet->network + (1u << (32 - subnet->prefix)) - 3;
}

static inline guint32
gk_subnet_far (const GkSubnet *subnet)
{
    return gk_subnet_near (subnet) + 1;
}

/* How many guests it holds, and whether @address may be a guest's. */
guint gk_subnet_capacity (const GkSubnet *subnet);
gboolean gk_subnet_has_guest (const GkSubnet *subnet, guint32 address);

/* A dotted quad, and nothing else, in host byte order. */
gboolean gk_ipv4_parse (const char *text, guint32 *ret);

/* Writes @address as a dotted quad. */
enum { GK_IPV4_TEXT = 16 };
void gk_ipv4_format (guint32 address, char text[GK_IPV4_TEXT]);

/* A request for a NIC, checked. */
typedef struct {
    char vm[16];
    char tap[16];
    guint8 mac[6];
    GkNftPolicy policy;
} GkNic;

gboolean gk_nic_parse (const char *vm, const char *tap, const char *mac, const char *policy,
                       GkNic *ret, GError **error);
