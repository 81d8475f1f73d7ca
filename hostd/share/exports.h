/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two halves of a disposable's share on the host:
 *
 *   <folder>/inbound/          what may be read in the guest; genkand writes it
 *   <folder>/inbound.export/   read-only bind mount of it: what virtiofsd gets
 *   <folder>/outbound/         the drop box: a tmpfs of its own, limited in bytes and inodes,
 *                              nosuid, nodev, noexec, writable for every guest user
 *
 * Mounts are made in the mount namespace that libvirtd shares. Any thread. Errors are G_IO_ERROR. */
#pragma once

#include <gio/gio.h>

typedef struct {
    guint64 outbound_bytes;  /* 256 MiB where 0 */
    guint64 outbound_inodes; /* 4096 where 0 */
} GkExportLimits;

/* Makes both halves below @folder (which exists). Nothing is left of a failure. */
gboolean gk_exports_create (const char *folder, const GkExportLimits *limits, GError **error);

/* Unmounts and removes both; also what a killed process left half-made. The evidence (what went in
 * and came out) is elsewhere: see airlock.h. Absent is success. */
gboolean gk_exports_remove (const char *folder, GError **error);
