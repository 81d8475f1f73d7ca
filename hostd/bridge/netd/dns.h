/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP and DNS for guests: one dnsmasq, which knows every guest's address, answers no name, and
 * whose log tells what was asked. One that dies is started again, a few times.
 *
 * dnsmasq dies with netd: netd is the first process of a PID namespace. Main thread; its calls wait
 * for dnsmasq, with a deadline. Errors are GK_BRIDGE_ERROR_FAILED. */
#pragma once

#include "hostd/bridge/netd/dns-log.h"
#include "hostd/bridge/netd/vms.h"

typedef struct _GkDns GkDns;

typedef void (*GkQuestionFunc) (const GkDnsQuestion *question, gpointer data);
typedef void (*GkDnsLostFunc) (const char *why, gpointer data);

/* Starts dnsmasq and waits until it answers. @on_lost: it has died too often. */
GkDns *gk_dns_start (const GkSubnet *subnet, GkQuestionFunc on_question, GkDnsLostFunc on_lost,
                     gpointer data, GError **error);

/* Ends dnsmasq and waits for it. */
void gk_dns_stop (GkDns *dns);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkDns, gk_dns_stop)

/* Makes the guests' addresses known: dnsmasq has read them when this returns. */
gboolean gk_dns_set_guests (GkDns *dns, GPtrArray *vms, GError **error);

/* Asks dnsmasq a question and waits until its log has it: so every question before it has been
 * handed to @on_question. */
gboolean gk_dns_drain (GkDns *dns, GError **error);
