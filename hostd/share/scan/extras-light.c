/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/extras.h"

gboolean
gk_extras_init (const char *const *rules, GError **error)
{
    if (!*rules)
        return TRUE;
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         "rules are for genkan-scan-deep");
    return FALSE;
}

GkWalk
gk_extras_unpack (void)
{
    return NULL;
}

const GkMatcher *
gk_extras_matcher (void)
{
    return NULL;
}

gboolean
gk_extras_save_rules (const char *const *rules, const char *path, GError **error)
{
    static const char *const some[] = { "", NULL };

    return gk_extras_init (some, error);
}
