/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices plugged into a running VM; libvirt puts each on a spare root port. */
#include "vmm/libvirt.h"

gboolean
gk_vm_attach_nic (GkVm *vm, const GkNicSpec *spec, GError **error)
{
    g_autofree char *xml = gk_nic_xml (spec);
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);

    if (!domain)
        return FALSE;
    if (virDomainAttachDeviceFlags (domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot attach tap %s to %s", spec->tap,
                           vm->name);
    return TRUE;
}

gboolean
gk_vm_set_link (GkVm *vm, const GkNicSpec *spec, GError **error)
{
    g_autofree char *xml = gk_nic_xml (spec);
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);

    if (!domain)
        return FALSE;
    if (virDomainUpdateDeviceFlags (domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot take the link of %s %s",
                           vm->name, spec->link_up ? "up" : "down");
    return TRUE;
}

gboolean
gk_vm_attach_export (GkVm *vm, const GkExportSpec *spec, GError **error)
{
    g_autofree char *xml = gk_export_xml (spec);
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);

    if (!domain)
        return FALSE;
    if (virDomainAttachDeviceFlags (domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error,
                           "cannot attach share %s (%s) to %s (see /var/log/libvirt/qemu/)",
                           spec->tag, spec->folder, vm->name);
    return TRUE;
}
