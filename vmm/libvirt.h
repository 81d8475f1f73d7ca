/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of vmm/ share, and nobody else includes: libvirt's handles by scope, its errors as
 * ours, and the handle of a VM. */
#pragma once

#include "vmm/guard.h"
#include "vmm/vm.h"

#include <json-glib/json-glib.h>

#include <libvirt/libvirt.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (virConnect, virConnectClose)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (virDomain, virDomainFree)

/* A VM is known by its UUID and looked up for each call, so a handle outlives the connection. */
struct _GkVm {
    GkVmm *vmm; /* borrowed */
    char *name, *uuid;
    int pidfd;             /* of its QEMU */
    GMutex lock;           /* of `own` */
    virConnectPtr own;     /* for its agent and its end alone; NULL until the first use */
    gint ended;            /* atomic: whether libvirt was told to end it */
    GThread *ending;       /* tells it */
    _Atomic guint64 agent_usec;
};

const char *gk_vmm_uri (GkVmm *vmm);
GkGuard *gk_vmm_guard (GkVmm *vmm);

/* Returns: (transfer full): a live connection, or %NULL with GK_VMM_ERROR_UNREACHABLE */
virConnectPtr gk_vmm_connect (GkVmm *vmm, GError **error);

/* The same, a new one: libvirtd works on five calls of a connection at a time, so that calls which a
 * guest can draw out have one of their own. */
virConnectPtr gk_vmm_open (GkVmm *vmm, GError **error);

/**
 * gk_vmm_fail:
 * @otherwise: the error, unless the connection is lost
 * @what: what could not be done, to what
 *
 * Sets @error from libvirt's last error of this thread. Its text may quote a guest: it is escaped.
 * Returns FALSE, for a tail call.
 */
gboolean gk_vmm_fail (GkVmm *vmm, GkVmmError otherwise, GError **error, const char *what, ...)
    G_GNUC_PRINTF (4, 5);

/* The same for a call on a VM: GK_VMM_ERROR_GONE where the VM is no more. */
gboolean gk_vm_fail (GkVm *vm, GkVmmError otherwise, GError **error, const char *what, ...)
    G_GNUC_PRINTF (4, 5);

/* Returns: (transfer full): the running domain, or %NULL with GK_VMM_ERROR_GONE or _UNREACHABLE */
virDomainPtr gk_vm_domain (GkVm *vm, GError **error);

/* The same, by a connection of its own: for calls that wait for the guest, or for its end. */
virDomainPtr gk_vm_own_domain (GkVm *vm, GError **error);

/**
 * gk_vm_hold:
 * @spec: of a domain that has just been started, and whose guest has not run yet
 *
 * Holds its QEMU, and gives it in the guard's charge.
 *
 * Returns: (transfer full): the VM; or %NULL with @error set, and the domain destroyed
 */
GkVm *gk_vm_hold (GkVmm *vmm, const GkDomainSpec *spec, GError **error);

/* Sets @error for a domain that was not started, and says whose fault it likely is. Returns
 * FALSE. */
gboolean gk_vm_fail_start (GkVmm *vmm, GError **error, const char *what, ...) G_GNUC_PRINTF (3, 4);

/**
 * gk_agent_command:
 * @command: (transfer full): `{"execute": …}`
 * @what: for the error: `read '/etc/passwd' in`; the VM's name follows
 *
 * Returns: (transfer full): the reply as text, for agent-reply.h to read; or %NULL with @error:
 * GK_VMM_ERROR_TIMED_OUT after @timeout_s or 5 s, whichever is more, and GK_VMM_ERROR_AGENT where
 * the agent is not there or refuses
 */
char *gk_agent_command (GkVm *vm, JsonObject *command, guint timeout_s, const char *what,
                        GError **error);
