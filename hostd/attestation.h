/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is attested at each claim and revert: from what the machine came, and that it was checked. */
#pragma once

#include "hostd/disposable.h"

/**
 * gk_attest:
 * @machine: has passed gk_machine_check()
 *
 * Signs a statement (JSON text: `{format, time, host, run, life, via, machine, image: {name, version,
 * digest, disk_sha256}, warm: {digest} or null, overlay: {stands_on}, policy: {name, digest},
 * checked_by}`) and records it as `attested` with its signature and the key's id. What cannot be attested is not
 * used.
 */
gboolean gk_attest (GkDisposable *disposable, GkMachine *machine, const char *via, GError **error);
