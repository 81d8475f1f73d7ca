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

typedef struct {
    char *libvirt_uri;
    char *accelerator; /* auto, kvm, tcg: checked */
    guint boot_timeout; /* seconds */
    char *subnet, *uplink;
    char *clamd_socket; /* or NULL */
    char *analyst_group, *operator_group, *builder_group;
    char *default_image, *default_policy;
    guint default_timeout;   /* seconds that an opened file is watched */
    guint most_disposables;  /* at one time */
    guint64 file_size;       /* largest file that passes the airlock, bytes */
    guint64 outbound_size;   /* of a drop box, bytes */
    char *mirror;            /* Debian mirror for builds, or NULL: the host's */
} GkConfig;

/* A missing file is all defaults. */
GkConfig *gk_config_load (const char *config_dir, GError **error);
void gk_config_free (GkConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkConfig, gk_config_free)

GkAccelerator gk_config_accelerator (const GkConfig *config);
