/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies: what a disposable may reach, by name. A policy is a keyfile, `<config-dir>/policies/
 * NAME.policy` or one that genkan brings (templates/policy/). Any thread. */
#pragma once

#include <glib.h>

typedef struct {
    char *name;
    char *mode;   /* which of the bridge's rules it puts in force: `none` */
    char *digest; /* `sha256:…` of the file */
    /* A policy's own lease, where it says one; else the configuration's holds. 0: no limit. */
    gboolean has_idle, has_life;
    guint idle_s, life_s;
} GkPolicy;

/* Errors: GK_API_ERROR_NOT_FOUND where there is none of that name, GK_API_ERROR_FAILED where it
 * cannot be used. */
GkPolicy *gk_policy_load (const char *config_dir, const char *name, GError **error);
void gk_policy_free (GkPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkPolicy, gk_policy_free)
