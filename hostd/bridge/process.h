/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process genkan-netd, from genkand's side: started into its namespaces, watched, ended. Main
 * thread. Errors are GK_BRIDGE_ERROR_FAILED or G_IO_ERROR. */
#pragma once

#include "hostd/bridge/bridge.h"

/* Descriptors are -1, and @pid 0, where there is none. */
typedef struct {
    GPid pid;
    int pidfd;   /* readable when it has ended */
    int control; /* our end of the socket pair; handed over to whoever speaks over it */
    int netns;   /* the bridge's network namespace; outlives the process */
} GkNetdProcess;

#define GK_NETD_PROCESS_NONE { 0, -1, -1, -1 }

/**
 * gk_netd_process_start:
 * @process: where @process->netns is a descriptor, netd is started into that namespace, else into a
 *   new one, which @process->netns is then
 *
 * Starts netd and waits, with a deadline, until it is ready. No number in @config stands for a
 * default any more. On an error @process->netns is as it was and nothing runs.
 */
gboolean gk_netd_process_start (GkNetdProcess *process, const GkBridgeConfig *config,
                                GError **error);

/* Waits until it has ended, at most @timeout_ms; then kills it. Returns: (transfer full): how it
 * ended, for a message */
char *gk_netd_process_end (GkNetdProcess *process, guint timeout_ms);
