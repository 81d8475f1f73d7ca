/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The libvirt XML of a disposable and of the devices that are hot-plugged into it.
 *
 * Pure: typed spec in, text out, by libxml2 trees over `machine.xml`. Nothing here comes from a
 * guest. Any thread. */
#pragma once

#include <glib.h>

#define GK_DOMAIN_NS "https://genkan.invalid/domain/1"

/* The CPU model for TCG: under `max` Linux guests oops when Wine starts; this one runs it, and
 * boots faster. */
#define GK_DOMAIN_TCG_CPU "Nehalem"

/* What a disposable may take of the host. 0: no limit. */
typedef struct {
    guint cpu_shares;      /* weight against other VMs when the CPUs are busy, 2 to 262144 */
    guint cpu_percent;     /* of one CPU, for the whole VM with its emulator; 200: two CPUs */
    guint64 overlay_bytes; /* how long the overlay may get. The caller makes the file that long,
                            * sparse, before the start; a write beyond fails in the guest, which
                            * runs on */
    guint64 disk_bytes_per_s, disk_ops_per_s; /* reads and writes together */
} GkDomainLimits;

typedef struct {
    const char *name;     /* libvirt's name: `genkan-<id>` */
    const char *uuid;
    const char *id;       /* the disposable's, kept in the domain's metadata */
    const char *instance; /* which genkand it belongs to (a UUID), kept there too */
    guint memory_mib, vcpus;
    gboolean kvm;           /* else TCG */
    const char *cpu_model;  /* NULL: the host's, or GK_DOMAIN_TCG_CPU */
    const char *kernel, *initrd, *cmdline;
    const char *overlay, *disk; /* qcow2 overlay and the golden disk below it */
    const char *warm_disk;  /* qcow2 layer between them that a warm state was saved on; NULL: none */
    GkDomainLimits limits;
    const char *serial_log; /* file that virtlogd writes the console to; NULL: none */
    gboolean display;       /* VGA and VNC on a socket of libvirt's choosing */
    guint spare_ports;      /* PCIe root ports kept free for hot-plug */
} GkDomainSpec;

typedef struct {
    const char *tap; /* exists in the host's namespace, made with IFF_VNET_HDR */
    const char *mac;
    gboolean link_up;
} GkNicSpec;

typedef struct {
    const char *folder; /* host directory */
    const char *tag;    /* mount tag in the guest: `inbound`, `outbound` */
} GkExportSpec;

/* Returns: (transfer full): XML text */
char *gk_domain_xml (const GkDomainSpec *spec);
char *gk_nic_xml (const GkNicSpec *spec);
char *gk_export_xml (const GkExportSpec *spec);
