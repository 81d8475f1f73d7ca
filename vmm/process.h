/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's processes, held by pidfds: a number may be another process's by the time it is used, a
 * pidfd never is. Any thread. */
#pragma once

#include "vmm/vmm.h"

/**
 * gk_process_open:
 * @uri: libvirt's, which tells where it keeps pid files
 * @name: the domain's name
 * @uuid: the domain's UUID, which QEMU has on its command line
 *
 * Errors: GK_VMM_ERROR_GONE where there is no such process, GK_VMM_ERROR_FAILED where we may not
 * kill it.
 *
 * Returns: a pidfd, or -1 with @error set
 */
int gk_process_open (const char *uri, const char *name, const char *uuid, GError **error);

/* Kills the QEMU of a domain that libvirtd has lost hold of, if there is one. */
void gk_process_abandon (const char *uri, const char *name, const char *uuid);

/* Whether the process of @pidfd is dead. A killed process is not, until all of its threads are. */
gboolean gk_process_is_dead (int pidfd);

/* Returns: whether it died before @timeout_ms */
gboolean gk_process_wait (int pidfd, int timeout_ms);

/* Sends it its death, and waits for nothing. */
void gk_process_strike (int pidfd);

/* Kills it and waits until it is dead. One that is dead already is success. */
gboolean gk_process_kill (int pidfd, guint timeout_ms, GError **error);
