/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which accelerator runs a guest here, found by running one.
 *
 * /dev/kvm may be there and libvirt may report KVM where no guest ever gets anywhere. So `auto`
 * starts QEMU with KVM, the host's CPU and a distribution kernel without a root, and waits for
 * the panic that ends it. The answer is remembered in `<state-dir>/accelerator.json` for this
 * boot, QEMU and CPU model. Blocks for up to the deadline: for worker threads. */
#pragma once

#include <gio/gio.h>

typedef enum { GK_ACCELERATOR_AUTO, GK_ACCELERATOR_KVM, GK_ACCELERATOR_TCG } GkAccelerator;

typedef struct {
    gboolean kvm;
    char *cpu_model; /* NULL: the host's (KVM); under TCG one that runs Wine (Nehalem) */
    char *why;       /* one sentence for `genkan doctor` and the log */
} GkAcceleration;

void gk_acceleration_clear (GkAcceleration *acceleration);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkAcceleration, gk_acceleration_clear)

/**
 * gk_acceleration_find:
 * @wish: from the configuration; anything but AUTO is taken as it is, without a probe
 * @state_dir: where the answer is remembered
 * @kernel: a distribution kernel to probe with
 */
gboolean gk_acceleration_find (GkAccelerator wish, const char *state_dir, const char *kernel,
                               GCancellable *cancellable, GkAcceleration *ret, GError **error);
