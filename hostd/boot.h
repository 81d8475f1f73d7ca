/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disposable's VM brought up and taken down: overlay, domain, NIC, share. Cold: the guest boots.
 *
 * For job threads; the caller holds the disposable's `work`. */
#pragma once

#include "hostd/disposable.h"
#include "hostd/job.h"

/**
 * gk_boot:
 * @job: for progress and cancel
 *
 * In this order: overlay, share's halves, domain, agent, NIC (link down), policy, link up, share in the
 * guest. Records `started` with milliseconds. On failure what was made stays until gk_halt().
 */
gboolean gk_boot (GkDisposable *disposable, GkJob *job, GError **error);

/* Takes everything down that gk_boot() makes, however far it came; what resists is recorded and
 * left for the next start of genkand. Returns: whether all is gone. */
gboolean gk_halt (GkDisposable *disposable);

/* The same for a run whose genkand is no more: by its record (run.json). */
gboolean gk_halt_leftover (GkHost *host, const char *folder, JsonObject *record, GError **error);
