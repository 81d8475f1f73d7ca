/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/machine/shape.h"

/* For NIC, the two halves of the share, and what an operator may want to plug in. */
enum { SPARE_PORTS = 6 };

GkDomainSpec
gk_machine_shape (GkImage *image, const GkAcceleration *acceleration)
{
    return (GkDomainSpec) {
        .memory_mib = image->memory_mib,
        .vcpus = image->vcpus,
        .kernel = image->kernel,
        .initrd = image->initrd,
        .cmdline = image->cmdline,
        .disk = image->disk,
        .display = image->display,
        .kvm = acceleration->kvm,
        .cpu_model = acceleration->cpu_model,
        .spare_ports = SPARE_PORTS,
    };
}

char *
gk_machine_shape_digest (GkImage *image, const GkAcceleration *acceleration)
{
    GkDomainSpec spec = gk_machine_shape (image, acceleration);
    g_autofree char *xml = NULL;

    /* Where the files lie and what a machine is called is not its shape. */
    spec.name = spec.uuid = spec.id = spec.instance = spec.overlay = spec.serial_log = "-";
    spec.kernel = spec.initrd = spec.disk = "-";
    xml = gk_domain_xml (&spec);
    return g_compute_checksum_for_string (G_CHECKSUM_SHA256, xml, -1);
}
