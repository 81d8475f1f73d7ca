/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/wish.h"

#include "hostd/api/error.h"

GVariant *
gk_cli_wish_pack (const GkCliWish *wish)
{
    GVariantDict dict;

    g_variant_dict_init (&dict, NULL);
    if (wish->image)
        g_variant_dict_insert (&dict, "image", "s", wish->image);
    if (wish->policy)
        g_variant_dict_insert (&dict, "policy", "s", wish->policy);
    if (wish->name)
        g_variant_dict_insert (&dict, "name", "s", wish->name);
    if (wish->vm)
        g_variant_dict_insert (&dict, "vm", "s", wish->vm);
    if (wish->member)
        g_variant_dict_insert (&dict, "member", "s", wish->member);
    if (wish->keep)
        g_variant_dict_insert (&dict, "keep", "b", TRUE);
    if (wish->timeout)
        g_variant_dict_insert (&dict, "timeout", "u", (guint) wish->timeout);
    return g_variant_dict_end (&dict);
}

void
gk_cli_wish_clear (GkCliWish *wish)
{
    g_free (wish->image);
    g_free (wish->policy);
    g_free (wish->name);
    g_free (wish->vm);
    g_free (wish->member);
}

gboolean
gk_cli_wish_check (const GkCliWish *wish, GError **error)
{
    if (wish->timeout >= 0 && wish->timeout <= 86400) /* 0: not given */
        return TRUE;
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                         "--timeout takes seconds, from 1 to 86400");
    return FALSE;
}
