/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One running domain: started or restored, given devices, watched, saved, killed.
 *
 * A VM dies with the process that started it: its QEMU is handed to genkan-guard (guard.h) before
 * the guest runs its first instruction. It does not die with libvirtd, and a GkVm serves on when
 * libvirtd is back: QEMU is held by a pidfd, and the domain is looked up by its UUID for each
 * call.
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
 * @spec: what to start
 *
 * No file changes its owner: the overlay must belong to QEMU's user (gk_vmm_qemu_owner()), disk,
 * kernel and initrd must be readable for it, and every folder above them searchable.
 *
 * Returns: (transfer full): the VM, or %NULL with @error set and nothing started
 */
GkVm *gk_vm_start (GkVmm *vmm, const GkDomainSpec *spec, GError **error);

/**
 * gk_vm_restore:
 * @vmm: must outlive the VM
 * @spec: the clone: another name, UUID and overlay than the saved VM had, but the same machine
 *   (memory, CPUs, CPU model, display, spare ports), and an overlay that stands on the one it was
 *   saved with (`warm_disk`)
 * @memory: a saved state, as gk_save_image_strip() left it
 * @folder: absolute; gets a FIFO for as long as the call takes (from libvirt 11.2 on a copy, see
 *   feed.h)
 *
 * Starts a clone of a saved VM, paused. Nothing is copied on the disk: libvirtd reads from the
 * FIFO, which a thread fills. @memory is read only, and may serve many restores at once. The same
 * is asked of the files as by gk_vm_start(); only libvirtd must be able to read @folder.
 *
 * Errors: GK_VMM_ERROR_FAILED where the state is damaged, does not fit @spec, or QEMU refuses it.
 *
 * Returns: (transfer full): the VM, or %NULL with @error set and nothing left
 */
GkVm *gk_vm_restore (GkVmm *vmm, const GkDomainSpec *spec, const char *memory, const char *folder,
                     GError **error);

/**
 * gk_vm_save:
 * @path: absolute; a new file, made with mode 0600
 *
 * Saves the VM's state, so that it is restored paused. The VM is gone after it; its overlay is
 * what the state stands on, and must not change any more. Devices that cannot be saved (a share)
 * must not be there.
 *
 * Returns: %FALSE with @error set, no file left, and the VM running or gone
 */
gboolean gk_vm_save (GkVm *vm, const char *path, GError **error);

/* Frees the handle; the domain lives on. May wait for libvirt: not in the main thread. */
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
gboolean gk_vm_resume (GkVm *vm, GError **error);

/* How long calls have waited for the guest agent in all, microseconds. Any thread, at any time. */
guint64 gk_vm_agent_usec (GkVm *vm);

/* Sends QEMU its death, and waits for nothing: for the main thread. */
void gk_vm_strike (GkVm *vm);

/* Ends QEMU and waits for its death, some 30 ms: when this returns, the guest can do no more. libvirt is had
 * to end it; where that has not after 250 ms, or is away, QEMU is killed. libvirt cleans up behind
 * (gk_vm_destroy() waits for that). A VM that
 * is gone already is success. Errors: GK_VMM_ERROR_TIMED_OUT where QEMU is not dead after 10 s. */
gboolean gk_vm_kill (GkVm *vm, GError **error);

/* Kills it, and makes sure that libvirt has no such domain any more. One that is gone already is
 * success. */
gboolean gk_vm_destroy (GkVm *vm, GError **error);
