/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's replies, read. Everything in them is the guest's claim, so each member is checked for
 * its type and range, and nothing is taken that was not asked for.
 *
 * Pure, any thread. @reply is the whole text, `{"return": …}`. Errors: GK_VMM_ERROR_AGENT, with the
 * outputs untouched. */
#pragma once

#include "vmm/agent.h"

/* Longest reply looked at, bytes. */
enum { GK_AGENT_REPLY_MAX = 24 << 20 };

/* Of guest-exec. */
gboolean gk_agent_reply_pid (const char *reply, gint64 *ret_pid, GError **error);

/* Of guest-exec-status. */
gboolean gk_agent_reply_exit (const char *reply, GkAgentExit *ret, GError **error);

/* Of guest-file-open. */
gboolean gk_agent_reply_handle (const char *reply, gint64 *ret_handle, GError **error);

/* Of guest-file-read. Returns: (transfer full): at most @max bytes */
GBytes *gk_agent_reply_bytes (const char *reply, gsize max, GError **error);
