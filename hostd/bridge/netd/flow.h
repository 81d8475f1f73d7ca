/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest's packet was for, read from its first bytes. The guest made every one of them. Pure,
 * any thread. */
#pragma once

#include <glib.h>

typedef struct {
    char protocol[8];     /* `tcp`, `udp`, `icmp`, `arp`, or IP's number */
    char destination[16]; /* dotted quad */
    guint port;           /* or ICMP's type; 0 where there is none, or it was cut off */
    guint bytes;          /* of the packet from its network header on, as it says itself */
} GkFlow;

/**
 * gk_flow_read:
 * @ethertype: of the frame: IPv4 and ARP are read
 * @bytes: from the network header on, cut anywhere
 *
 * Returns: FALSE, with @ret untouched, where there is no destination to be read
 */
gboolean gk_flow_read (guint16 ethertype, const guint8 *bytes, gsize size, GkFlow *ret);
