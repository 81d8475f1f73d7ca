/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets that the rules log, from nfnetlink_log's group of the bridge. Main thread. Errors are
 * G_IO_ERROR. */
#pragma once

#include "hostd/bridge/netd/flow.h"

typedef struct _GkFlows GkFlows;

/* @rule is static; @index is the interface that the packet came in by; @flow is NULL where no
 * destination could be read from it. */
typedef void (*GkFlowFunc) (guint index, const char *rule, const GkFlow *flow, gpointer data);

/* Listens, in the main context, until it is closed. */
GkFlows *gk_flows_open (GkFlowFunc on_flow, gpointer data, GError **error);
void gk_flows_close (GkFlows *flows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkFlows, gk_flows_close)

/* Handles all that the kernel has queued by now. */
void gk_flows_drain (GkFlows *flows);
