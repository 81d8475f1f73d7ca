/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkand's configuration: `<config-dir>/genkand.conf`, a keyfile documented in
 * templates/genkand.conf. Every key has a default; an unknown key or a bad value is an error that
 * names file, group and key. Does not change once loaded; any thread. */
#pragma once

#include "vmm/accelerator.h"

#include <gio/gio.h>

#define GK_CONFIG_ERROR (gk_config_error_quark ())
GQuark gk_config_error_quark (void);

typedef enum { GK_CONFIG_ERROR_INVALID } GkConfigError;

/* How many VMs of an image are held ready: a group `[pool NAME]` or `[pool NAME:VERSION]`. */
typedef struct {
    char *image; /* NAME or NAME:VERSION */
    guint min, max;
} GkPoolConfig;

typedef struct {
    char *libvirt_uri;
    char *accelerator; /* auto, kvm, tcg: checked */
    guint boot_timeout; /* seconds */
    guint most_disposables; /* at one time */
    guint most_per_user;
    guint64 memory_total; /* of all VMs, bytes; 0: three quarters of the host's */
    gboolean warm; /* disposables are cloned from warm states */
    char *default_image;

    guint cpu_percent; /* of one CPU, a disposable; 0: no cap */
    guint cpu_shares; /* its weight */
    guint64 overlay_bytes; /* largest overlay */
    guint64 disk_bytes_per_s; /* 0: no limit */
    guint disk_ops_per_s; /* 0: no limit */
    guint packets_per_s; /* that a guest may send */

    guint lease_idle_s, lease_life_s; /* seconds; 0: no limit */

    guint64 pool_memory; /* of all that is held ready, bytes */
    guint64 pool_keep_free; /* bytes of available memory below which the pool shrinks */
    GPtrArray *pools; /* of GkPoolConfig, as they stand in the file */

    char *subnet, *uplink, *default_policy;
    guint default_timeout; /* seconds that an opened file is watched */
    guint64 file_size; /* largest file that passes the airlock, bytes */
    guint64 outbound_size; /* of a drop box, bytes */
    char *clamd_socket; /* or NULL */
    guint64 scan_size; /* largest file that scanners are given, bytes */
    guint signature_days; /* how old clamd's signatures may be; 0: any age */
    char *yara; /* folders of rules, `standard` among them, by ':'; or NULL */
    char *mirror; /* Debian mirror for builds, or NULL: the host's */
    char *analyst_group, *operator_group, *builder_group;
} GkConfig;

/* A missing file is all defaults. */
GkConfig *gk_config_load (const char *config_dir, GError **error);
void gk_config_free (GkConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkConfig, gk_config_free)

GkAccelerator gk_config_accelerator (const GkConfig *config);
