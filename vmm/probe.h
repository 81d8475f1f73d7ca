/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether an accelerator really runs a guest: QEMU is started with a distribution kernel that has
 * no root file system, and must end by the reboot that follows the kernel's panic. */
#pragma once

#include <gio/gio.h>

#define GK_PROBE_QEMU "/usr/bin/qemu-system-x86_64"

/**
 * gk_probe:
 * @accelerator: `kvm` or `tcg`
 * @cpu: QEMU's name of the CPU model, `host` for the host's
 * @kernel: a distribution kernel
 * @ret_works: whether the guest got as far as its panic
 * @ret_why: (transfer full): one sentence on how it ended
 *
 * Blocks for 10 s at most: for worker threads. Errors: G_IO_ERROR_NOT_FOUND where there is no QEMU
 * or kernel, G_IO_ERROR_CANCELLED.
 */
gboolean gk_probe (const char *accelerator, const char *cpu, const char *kernel,
                   GCancellable *cancellable, gboolean *ret_works, char **ret_why, GError **error);
