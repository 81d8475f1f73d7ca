/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/vm.h"

#include "base/escape.h"
#include "vmm/libvirt.h"

#include <libvirt/virterror.h>
#include <string.h>

#define PERMISSION_ADVICE                                                                          \
    " (every folder above the image and the overlay must be searchable for QEMU's user, and the "  \
    "image's files readable)"

/* Says whose fault it likely is where QEMU could not open a file. */
static gboolean
fail_start (GkVmm *vmm, const char *name, GError **error)
{
    gboolean denied = strstr (virGetLastErrorMessage (), "Permission denied") != NULL;

    return gk_vmm_fail (vmm, GK_VMM_ERROR_FAILED, error, "cannot start %s%s", name,
                        denied ? PERMISSION_ADVICE : "");
}

GkVm *
gk_vm_start (GkVmm *vmm, const GkDomainSpec *spec, GError **error)
{
    g_autofree char *xml = gk_domain_xml (spec);
    g_autoptr (virConnect) connection = gk_vmm_connect (vmm, error);
    g_autoptr (virDomain) domain = NULL;
    GkVm *vm;

    if (!connection)
        return NULL;
    domain = virDomainCreateXML (connection, xml, VIR_DOMAIN_START_AUTODESTROY);
    if (!domain) {
        fail_start (vmm, spec->name, error);
        return NULL;
    }
    vm = g_new0 (GkVm, 1);
    vm->vmm = vmm;
    vm->name = g_strdup (spec->name);
    vm->uuid = g_strdup (spec->uuid);
    return vm;
}

void
gk_vm_free (GkVm *vm)
{
    if (!vm)
        return;
    g_free (vm->name);
    g_free (vm->uuid);
    g_free (vm);
}

virDomainPtr
gk_vm_domain (GkVm *vm, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_connect (vm->vmm, error);
    virDomainPtr domain;

    if (!connection)
        return NULL;
    domain = virDomainLookupByUUIDString (connection, vm->uuid);
    if (!domain && virGetLastErrorCode () == VIR_ERR_NO_DOMAIN)
        g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE,
                     "%s is gone: its guest has shut down, or QEMU has ended (see "
                     "/var/log/libvirt/qemu/%s.log)",
                     vm->name, vm->name);
    else if (!domain)
        gk_vmm_fail (vm->vmm, GK_VMM_ERROR_FAILED, error, "cannot look up %s", vm->name);
    return domain;
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
    g_autoptr (virDomain) domain = gk_vm_domain (vm, NULL);

    return domain && virDomainIsActive (domain) == 1;
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
gk_vm_destroy (GkVm *vm, GError **error)
{
    return gk_vmm_destroy (vm->vmm, vm->uuid, error);
}
