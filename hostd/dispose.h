/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a disposable, and its beginning anew. Blocks: for worker threads, which must not hold
 * the disposable's `work`. */
#pragma once

#include "hostd/disposable.h"
#include "hostd/job.h"

/* Kills the machine, takes what lies in its drop box as evidence, checks the golden image, closes
 * ledger and report. What the machine held is taken away behind. Whoever comes second waits for the
 * first; a kill that something resists leaves it disposing, to be tried again. */
void gk_dispose (GkDisposable *disposable);

/* The same, but returns when the guest can do no more: all else is done behind. Errors: it could not be
 * killed. */
gboolean gk_dispose_behind (GkDisposable *disposable, GError **error);

/* Every one, at the end of genkand: all are killed first, then looked at a few at a time by the reaper,
 * which is to be waited for. */
void gk_dispose_all (GkHost *host);

/* Kills the machine of every disposable; waits for nothing. */
void gk_strike_all (GkHost *host);

/**
 * gk_revert:
 *
 * Puts the disposable back to its golden image: same id, name, policy, owner and inbound files; another
 * machine, with a fresh overlay and drop box. What the old one left is looked at behind. A golden image
 * that has changed is refused (GK_IMAGE_ERROR_CHANGED). When it fails, the disposable is disposed of.
 */
gboolean gk_revert (GkDisposable *disposable, GkJob *job, GError **error);
