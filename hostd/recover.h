/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After genkand was ended in the middle of things: what its runs held is taken down, their ledgers get
 * `interrupted`, their evidence stays. */
#pragma once

#include "hostd/host.h"

/**
 * gk_recover:
 *
 * Does so once in a process's life, and says in the log what it did; later calls return at once.
 * Nothing starts before it has succeeded. Errors: GK_VMM_ERROR_UNREACHABLE (tried again by the next
 * call), and what could not be removed. Any thread.
 */
gboolean gk_recover (GkHost *host, GError **error);
