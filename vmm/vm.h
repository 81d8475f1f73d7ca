/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One running domain: started, given devices, watched, destroyed.
 *
 * Every call blocks: for worker threads, one at a time per VM (the caller's care). Names of devices
 * and paths are ours; nothing of a guest is parsed here but the agent's replies (agent.h). */
#pragma once

#include "templates/domain/domain.h"
#include "vmm/vmm.h"

typedef struct _GkVm GkVm;

/**
 * gk_vm_start:
 * @vmm: must outlive the VM
 * @spec: what to start (virDomainCreateXML, autodestroy)
 *
 * No file changes its owner: the overlay must belong to QEMU's user (gk_vmm_qemu_owner()), disk,
 * kernel and initrd must be readable for it, and every folder above them searchable.
 *
 * Returns: (transfer full): the VM, or %NULL with @error set and nothing started
 */
GkVm *gk_vm_start (GkVmm *vmm, const GkDomainSpec *spec, GError **error);

/* Frees the handle; the domain lives on. */
void gk_vm_free (GkVm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkVm, gk_vm_free)

gboolean gk_vm_is_alive (GkVm *vm);

/* Waits until the guest agent answers a ping. Errors: GK_VMM_ERROR_TIMED_OUT, GK_VMM_ERROR_GONE,
 * G_IO_ERROR_CANCELLED (at once, or after 5 s where an agent is there and silent). */
gboolean gk_vm_wait_agent (GkVm *vm, guint timeout_ms, GCancellable *cancellable, GError **error);

gboolean gk_vm_attach_nic (GkVm *vm, const GkNicSpec *spec, GError **error);
gboolean gk_vm_set_link (GkVm *vm, const GkNicSpec *spec, GError **error); /* to spec->link_up */
gboolean gk_vm_attach_export (GkVm *vm, const GkExportSpec *spec, GError **error);

/* Writes a PNG of the first screen to @fd, at most @max bytes. */
gboolean gk_vm_screenshot (GkVm *vm, int fd, guint64 max, GError **error);

gboolean gk_vm_suspend (GkVm *vm, GError **error);

/* Kills it at once. A VM that is gone already is success. */
gboolean gk_vm_destroy (GkVm *vm, GError **error);
