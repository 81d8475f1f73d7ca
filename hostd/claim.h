/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a disposable gets its machine, the first time and at each revert: one that is ready in the pool, a
 * clone of the warm state, or a cold boot, whichever is there first in this order. One that is found
 * broken is thrown away and the next tried: the user waits, and is not told to try again.
 *
 * For job threads; the caller holds the disposable's `work`. */
#pragma once

#include "hostd/disposable.h"

/**
 * gk_claim:
 * @set_clock: whether the clock of a guest that was paused is set; FALSE where a command follows at once,
 *   with which it is (gk_machine_start())
 * @job: for progress and cancel
 *
 * Gets a machine, checks that it stands on the golden disk and the warm state as they were sealed,
 * shows the inbound files in it, and puts the policy in force before its link goes up. Records
 * `attested`, `connected`, and `started` with milliseconds. Nothing is left of a failure.
 *
 * Errors: GK_IMAGE_ERROR_CHANGED (nothing was started from it), GK_API_ERROR_REFUSED (the host's
 * memory is used up), and what comes from the last way that was tried.
 */
gboolean gk_claim (GkDisposable *disposable, gboolean set_clock, GkJob *job, GError **error);
