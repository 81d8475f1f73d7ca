/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client of genkan-guard, the process that kills this one's VMs when this one has gone.
 *
 * libvirt cannot do it (autodestroy is not for restored domains, and ends VMs with libvirtd too).
 * So the pidfd of each QEMU is handed to a small process of its own, over a socket; when the
 * socket's other end is closed, by whatever end of this process, it kills them all. If it dies
 * itself, a thread here starts it again, and gives it those that live. Any thread. */
#pragma once

#include "vmm/vmm.h"

typedef struct _GkGuard GkGuard;

/* Starts nothing yet. @program: path; %NULL: the installed one. Returns: (transfer full) */
GkGuard *gk_guard_new (const char *program);

/* Lets go of the guard, which kills what lives, and ends. */
void gk_guard_free (GkGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkGuard, gk_guard_free)

/**
 * gk_guard_add:
 * @pidfd: (transfer none): the process to kill
 *
 * Starts the guard if it is not there. Returns: %TRUE when the guard holds @pidfd
 */
gboolean gk_guard_add (GkGuard *guard, int pidfd, GError **error);
