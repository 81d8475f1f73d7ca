/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a disposable, and its beginning anew. Blocks: for worker threads, which must not hold
 * the disposable's `work`. */
#pragma once

#include "hostd/disposable.h"
#include "hostd/job.h"

/* Takes what lies in the drop box as evidence, removes the VM and all it held, checks the golden
 * image, closes ledger and report. Whoever comes second waits for the first. */
void gk_dispose (GkDisposable *disposable);

/**
 * gk_revert:
 *
 * Puts the disposable back to its golden image: same id, name, policy, owner and inbound files, a
 * fresh overlay and drop box. A golden image that has changed is refused (GK_IMAGE_ERROR_CHANGED).
 * When it fails, the disposable is disposed of.
 */
gboolean gk_revert (GkDisposable *disposable, GkJob *job, GError **error);

/* One outbound file, as recorded: `{name, size, sha256, verdict, state, why, number}`. */
void gk_record_outbound (GkDisposable *disposable, const GkPassed *passed, gboolean released);
