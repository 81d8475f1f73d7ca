/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disposable of a test's own: a folder, an overlay on the test image, and a VM on it. Run by
 * with_image.py, which says where the image is and cleans up when a test fails. */
#pragma once

#include "vmm/vm.h"

typedef struct {
    char *folder; /* searchable for QEMU's user */
    char *name, *uuid, *id, *instance;
    char *kernel, *initrd, *disk, *overlay, *serial_log;
    GkDomainSpec spec;
    GkVmm *vmm;
    GkVm *vm; /* NULL until guest_start() */
} Guest;

/* Everything but the start. @spec can be changed until then. */
Guest *guest_new (void);

/* The same with an overlay that stands on @below, a qcow2 file. */
Guest *guest_new_on (const char *below);

void guest_start (Guest *guest);

/* Destroys it and removes what is on the disk. */
void guest_free (Guest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Guest, guest_free)

/* Runs @script by /bin/sh in the guest; returns what it wrote, and fails the test where it
 * failed. */
char *guest_shell (Guest *guest, const char *script);

/* Whether libvirt still has a domain of this guest's instance. */
gboolean guest_is_listed (Guest *guest);

/* Runs GLib's default main context in a thread: libvirt's event loop. */
void run_event_loop (void);
