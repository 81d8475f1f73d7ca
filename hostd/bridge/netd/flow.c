/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/flow.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

enum { IPV4_HEADER = 20, ARP_SIZE = 28, ARP_TARGET = 24 };

static guint
get_u16 (const guint8 *at)
{
    return (guint) at[0] << 8 | at[1];
}

static void
put_destination (GkFlow *flow, const guint8 *at)
{
    g_snprintf (flow->destination, sizeof flow->destination, "%u.%u.%u.%u", at[0], at[1], at[2],
                at[3]);
}

static gboolean
read_arp (const guint8 *bytes, gsize size, GkFlow *ret)
{
    static const guint8 ethernet_ipv4[] = { 0, 1, 8, 0, 6, 4 };

    if (size < ARP_SIZE || memcmp (bytes, ethernet_ipv4, sizeof ethernet_ipv4) != 0)
        return FALSE;
    *ret = (GkFlow) { .protocol = "arp", .bytes = ARP_SIZE };
    put_destination (ret, bytes + ARP_TARGET);
    return TRUE;
}

/* The port of what follows the IPv4 header, of which @size bytes are there. */
static guint
read_port (guint protocol, const guint8 *bytes, gsize size)
{
    switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
        return size >= 4 ? get_u16 (bytes + 2) : 0;
    case IPPROTO_ICMP:
        return size >= 1 ? bytes[0] : 0;
    default:
        return 0;
    }
}

static void
put_protocol (GkFlow *flow, guint protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
        strcpy (flow->protocol, "tcp");
        return;
    case IPPROTO_UDP:
        strcpy (flow->protocol, "udp");
        return;
    case IPPROTO_ICMP:
        strcpy (flow->protocol, "icmp");
        return;
    default:
        g_snprintf (flow->protocol, sizeof flow->protocol, "%u", protocol & 255);
    }
}

static gboolean
read_ipv4 (const guint8 *bytes, gsize size, GkFlow *ret)
{
    gsize header = size ? (gsize) (bytes[0] & 15) * 4 : 0;
    gboolean first;

    if (size < IPV4_HEADER || bytes[0] >> 4 != 4 || header < IPV4_HEADER)
        return FALSE;
    first = (get_u16 (bytes + 6) & 0x1fff) == 0;
    *ret = (GkFlow) { .bytes = get_u16 (bytes + 2) };
    put_protocol (ret, bytes[9]);
    put_destination (ret, bytes + 16);
    if (first && size > header)
        ret->port = read_port (bytes[9], bytes + header, size - header);
    return TRUE;
}

gboolean
gk_flow_read (guint16 ethertype, const guint8 *bytes, gsize size, GkFlow *ret)
{
    switch (ethertype) {
    case ETHERTYPE_IP:
        return read_ipv4 (bytes, size, ret);
    case ETHERTYPE_ARP:
        return read_arp (bytes, size, ret);
    default:
        return FALSE;
    }
}
