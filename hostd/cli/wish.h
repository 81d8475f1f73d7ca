/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that `open`, `run` and `new` share, and how they go to genkand. */
#pragma once

#include <glib.h>

typedef struct {
    char *image, *policy, *name, *vm, *member;
    gboolean keep;
    int timeout;
} GkCliWish;

#define GK_CLI_WISH_IMAGE(wish)                                                                    \
    {                                                                                              \
        "image", 'i', 0, G_OPTION_ARG_STRING, &(wish).image, "Golden image", "NAME[:VERSION]"      \
    }
#define GK_CLI_WISH_POLICY(wish)                                                                   \
    {                                                                                              \
        "policy", 'p', 0, G_OPTION_ARG_STRING, &(wish).policy, "Network policy", "NAME"            \
    }
#define GK_CLI_WISH_KEEP(wish)                                                                     \
    {                                                                                              \
        "keep", 'k', 0, G_OPTION_ARG_NONE, &(wish).keep, "Leave the VM running afterwards"         \
    }

/* Returns: (transfer floating): an `a{sv}` */
GVariant *gk_cli_wish_pack (const GkCliWish *wish);
void gk_cli_wish_clear (GkCliWish *wish);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkCliWish, gk_cli_wish_clear)

/* Errors: GK_API_ERROR_USAGE where a number of seconds is none. */
gboolean gk_cli_wish_check (const GkCliWish *wish, GError **error);
