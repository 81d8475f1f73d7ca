/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the bridge saw a guest try, written to its run's ledger. Main thread. */
#pragma once

#include "hostd/host.h"

/* A GkBridgeEventFunc; @data: GkHost. */
void gk_evidence_on_event (const GkBridgeEvent *event, gpointer data);

/* A GkBridgeLostFunc; @data: GkHost. */
void gk_evidence_on_lost (gboolean restarted, const char *why, gpointer data);
