/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what. A caller is whom the kernel says is at the other end of the socket (SO_PEERCRED,
 * SO_PEERGROUPS): nothing that it claims counts. Main thread. */
#pragma once

#include "hostd/config.h"

#include <gio/gio.h>

typedef enum {
    GK_ROLE_NONE = 0,
    GK_ROLE_ANALYST = 1 << 0,  /* own disposables */
    GK_ROLE_OPERATOR = 1 << 1, /* everyone's; policies; held files. An analyst too */
    GK_ROLE_BUILDER = 1 << 2,  /* images */
} GkRole;

typedef struct {
    uid_t uid;
    GkRole roles; /* what its groups give it; root has all */
} GkCaller;

/* Errors: G_IO_ERROR where the kernel does not tell. */
gboolean gk_caller_identify (GSocket *socket, const GkConfig *config, GkCaller *ret,
                             GError **error);

/* The least role a method of org.genkan.Manager1 needs; FALSE for one that is not in the table,
 * which nobody may call. */
gboolean gk_role_of_method (const char *method, GkRole *ret);

/* How many methods are in the table. */
guint gk_role_methods (void);

/* Errors: GK_API_ERROR_REFUSED, naming the group that would do. */
gboolean gk_caller_check (const GkCaller *caller, const char *method, const GkConfig *config,
                          GError **error);
