/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection to libvirt, and what the host can do.
 *
 * Every call blocks (libvirt's do): for worker threads. One GkVmm serves many threads. libvirt's
 * event loop must be running: gk_vmm_init() before anything else, in the main thread, registers it
 * with GLib's default main context. */
#pragma once

#include <gio/gio.h>

#define GK_VMM_ERROR (gk_vmm_error_quark ())
GQuark gk_vmm_error_quark (void);

typedef enum {
    GK_VMM_ERROR_UNREACHABLE, /* libvirtd does not answer; the message says how to start it */
    GK_VMM_ERROR_GONE,        /* the VM is no more */
    GK_VMM_ERROR_AGENT,       /* the guest agent is silent or refuses */
    GK_VMM_ERROR_TIMED_OUT,
    GK_VMM_ERROR_FAILED,
} GkVmmError;

typedef struct _GkVmm GkVmm;

void gk_vmm_init (void);

/* Connects to @uri (`qemu:///system`) when it is first needed, and again when libvirtd was
 * restarted: a libvirtd that is away fails the calls, not the daemon. VMs live through a restart
 * of libvirtd, and die with this process, however it ends (guard.h).
 *
 * Returns: (transfer full) */
GkVmm *gk_vmm_new (const char *uri);

/* Where genkan-guard stands, if it is not among the installed programs. Before the first VM. */
void gk_vmm_set_guard (GkVmm *vmm, const char *program);

/* Kills the VMs that live. */
void gk_vmm_free (GkVmm *vmm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkVmm, gk_vmm_free)

/* Whether libvirtd answers; versions as text for doctor (`libvirt 9.0.0, QEMU 7.2.22`). */
gboolean gk_vmm_ping (GkVmm *vmm, char **ret_versions, GError **error);

/* The user and group that QEMU runs as (from libvirt's capabilities). */
gboolean gk_vmm_qemu_owner (GkVmm *vmm, uid_t *ret_uid, gid_t *ret_gid, GError **error);

typedef struct {
    char *name, *uuid, *id;
} GkVmmLeftover;

/* Returns: (transfer full): running domains whose metadata names @instance */
GPtrArray *gk_vmm_list (GkVmm *vmm, const char *instance, GError **error);

/* Destroys the domain @uuid whatever its state; one that is not there is success. */
gboolean gk_vmm_destroy (GkVmm *vmm, const char *uuid, GError **error);
