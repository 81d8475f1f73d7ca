/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a dead machine left: its drop box as evidence, its console, and the limits that its guest hit. It
 * goes into the ledger of the run that the machine served. Blocks: for worker threads. */
#pragma once

#include "hostd/disposable.h"

/* @machine: killed. Console and evidence come to lie in the run's folder. */
void gk_aftermath_collect (GkDisposable *disposable, GkMachine *machine);

/* Its console alone: of one that did not come up. */
void gk_aftermath_keep_console (GkDisposable *disposable, GkMachine *machine);

/* The same for a machine whose genkand is no more: from its folder into the run's, with its ledger. */
void gk_aftermath_collect_leftover (GkHost *host, GkLedger *ledger, const char *run_folder,
                                    const char *machine_folder);

/* One outbound file, as recorded: `{name, size, sha256, verdict, state, why, number}`. */
void gk_record_outbound (GkDisposable *disposable, const GkPassed *passed, gboolean released);
