/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/vm.h"

#include "base/escape.h"
#include "base/fd.h"
#include "vmm/libvirt.h"
#include "vmm/process.h"

#include <libvirt/virterror.h>
#include <string.h>

enum { NOTICE_MS = 250, KILL_MS = 10000 };

/* What to do about what QEMU or libvirt say when a domain does not start. */
static const struct {
    const char *said, *advice;
} advices[] = {
    {"Permission denied",
     " (every folder above the image and the overlay must be searchable for QEMU's "
      "user, and the image's files readable)"                                    },
    { "load of migration failed",
     " (its saved state is damaged, or of another machine or QEMU: make it anew)"},
};

static const char *
find_advice (const char *reason)
{
    for (gsize i = 0; i < G_N_ELEMENTS (advices); i++)
        if (strstr (reason, advices[i].said))
            return advices[i].advice;
    return "";
}

gboolean
gk_vm_fail_start (GkVmm *vmm, GError **error, const char *what, ...)
{
    const char *advice = find_advice (virGetLastErrorMessage ());
    g_autofree char *doing = NULL;
    va_list args;

    va_start (args, what);
    doing = g_strdup_vprintf (what, args);
    va_end (args);
    return gk_vmm_fail (vmm, GK_VMM_ERROR_FAILED, error, "%s%s", doing, advice);
}

GkVm *
gk_vm_hold (GkVmm *vmm, const GkDomainSpec *spec, GError **error)
{
    g_autoptr (GkVm) vm = g_new0 (GkVm, 1);

    g_mutex_init (&vm->lock);
    vm->vmm = vmm;
    vm->name = g_strdup (spec->name);
    vm->uuid = g_strdup (spec->uuid);
    vm->pidfd = gk_process_open (gk_vmm_uri (vmm), spec->name, spec->uuid, error);
    if (vm->pidfd >= 0 && gk_guard_add (gk_vmm_guard (vmm), vm->pidfd, error))
        return g_steal_pointer (&vm);
    gk_vm_destroy (vm, NULL);
    return NULL;
}

/* The guest runs when the guard has it, not before. */
GkVm *
gk_vm_start (GkVmm *vmm, const GkDomainSpec *spec, GError **error)
{
    g_autofree char *xml = gk_domain_xml (spec);
    g_autoptr (virConnect) connection = gk_vmm_connect (vmm, error);
    g_autoptr (virDomain) domain = NULL;
    g_autoptr (GkVm) vm = NULL;

    if (!connection)
        return NULL;
    domain = virDomainCreateXML (connection, xml, VIR_DOMAIN_START_PAUSED);
    if (!domain) {
        gk_vm_fail_start (vmm, error, "cannot start %s", spec->name);
        /* Where libvirtd went in the middle of it, QEMU may be there, and nobody know of it. */
        gk_process_abandon (gk_vmm_uri (vmm), spec->name, spec->uuid);
        return NULL;
    }
    vm = gk_vm_hold (vmm, spec, error);
    if (!vm || gk_vm_resume (vm, error))
        return g_steal_pointer (&vm);
    gk_vm_destroy (vm, NULL);
    return NULL;
}

void
gk_vm_free (GkVm *vm)
{
    if (!vm)
        return;
    if (vm->ending)
        g_thread_join (vm->ending);
    gk_fd_close (vm->pidfd);
    g_clear_pointer (&vm->own, virConnectClose);
    g_mutex_clear (&vm->lock);
    g_free (vm->name);
    g_free (vm->uuid);
    g_free (vm);
}

static virDomainPtr
look_up (GkVm *vm, virConnectPtr connection, GError **error)
{
    virDomainPtr domain = virDomainLookupByUUIDString (connection, vm->uuid);

    if (!domain && virGetLastErrorCode () == VIR_ERR_NO_DOMAIN)
        g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE,
                     "%s is gone: its guest has shut down, or QEMU has ended (see "
                     "/var/log/libvirt/qemu/%s.log)",
                     vm->name, vm->name);
    else if (!domain)
        gk_vmm_fail (vm->vmm, GK_VMM_ERROR_FAILED, error, "cannot look up %s", vm->name);
    return domain;
}

virDomainPtr
gk_vm_domain (GkVm *vm, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_connect (vm->vmm, error);

    return connection ? look_up (vm, connection, error) : NULL;
}

/* Returns: (transfer full) */
static virConnectPtr
own_connection (GkVm *vm, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&vm->lock);

    if (vm->own && virConnectIsAlive (vm->own) != 1)
        g_clear_pointer (&vm->own, virConnectClose);
    if (!vm->own)
        vm->own = gk_vmm_open (vm->vmm, error);
    if (vm->own)
        virConnectRef (vm->own);
    return vm->own;
}

virDomainPtr
gk_vm_own_domain (GkVm *vm, GError **error)
{
    g_autoptr (virConnect) connection = own_connection (vm, error);

    return connection ? look_up (vm, connection, error) : NULL;
}

gboolean
gk_vm_fail (GkVm *vm, GkVmmError otherwise, GError **error, const char *what, ...)
{
    g_autofree char *reason = gk_escape (virGetLastErrorMessage (), -1), *doing = NULL;
    g_autoptr (GError) local = NULL;
    g_autoptr (virDomain) domain = gk_vm_domain (vm, &local);
    va_list args;

    va_start (args, what);
    doing = g_strdup_vprintf (what, args);
    va_end (args);
    if (domain)
        g_set_error (error, GK_VMM_ERROR, (int) otherwise, "%s: %s", doing, reason);
    else
        g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", doing);
    return FALSE;
}

gboolean
gk_vm_is_alive (GkVm *vm)
{
    return vm->pidfd >= 0 && !gk_process_is_dead (vm->pidfd);
}

gboolean
gk_vm_suspend (GkVm *vm, GError **error)
{
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);

    if (!domain)
        return FALSE;
    if (virDomainSuspend (domain) < 0)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot suspend %s", vm->name);
    return TRUE;
}

gboolean
gk_vm_resume (GkVm *vm, GError **error)
{
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);

    if (!domain)
        return FALSE;
    if (virDomainResume (domain) < 0)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot resume %s", vm->name);
    return TRUE;
}

guint64
gk_vm_agent_usec (GkVm *vm)
{
    return vm->agent_usec;
}

void
gk_vm_strike (GkVm *vm)
{
    gk_process_strike (vm->pidfd);
}

static gpointer
end (gpointer data)
{
    GkVm *vm = data;
    g_autoptr (virDomain) domain = gk_vm_own_domain (vm, NULL);

    if (domain)
        virDomainDestroy (domain);
    return NULL;
}

/* A domain whose QEMU ends without libvirt's doing holds up the events of all others (so also that
 * the agent of a new one is there) until its process has been reaped, a second or two where init is
 * slow. So libvirt is had to end it, which takes it as long, but holds up nobody; and has little
 * time to begin. */
static void
have_it_ended (GkVm *vm)
{
    if (!g_atomic_int_compare_and_exchange (&vm->ended, FALSE, TRUE))
        return;
    vm->ending = g_thread_try_new ("end", end, vm, NULL);
    if (vm->ending)
        gk_process_wait (vm->pidfd, NOTICE_MS);
}

gboolean
gk_vm_kill (GkVm *vm, GError **error)
{
    if (gk_vm_is_alive (vm))
        have_it_ended (vm);
    if (!gk_vm_is_alive (vm) || gk_process_kill (vm->pidfd, KILL_MS, error))
        return TRUE;
    g_prefix_error (error, "cannot kill %s: ", vm->name);
    return FALSE;
}

/* Dead first: libvirt may be slow, or away. */
gboolean
gk_vm_destroy (GkVm *vm, GError **error)
{
    gk_vm_kill (vm, NULL);
    return gk_vmm_destroy (vm->vmm, vm->uuid, error);
}
