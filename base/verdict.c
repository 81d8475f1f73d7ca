/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/verdict.h"

static const char *const verdict_names[] = {
    [GK_VERDICT_CLEAN] = "clean",         [GK_VERDICT_UNSCANNABLE] = "unscannable",
    [GK_VERDICT_ERROR] = "error",         [GK_VERDICT_SUSPICIOUS] = "suspicious",
    [GK_VERDICT_MALICIOUS] = "malicious",
};

const char *
gk_verdict_to_string (GkVerdict verdict)
{
    return verdict_names[verdict];
}

gboolean
gk_verdict_from_string (const char *text, GkVerdict *ret)
{
    for (gsize i = 0; text && i < G_N_ELEMENTS (verdict_names); i++)
        if (g_str_equal (text, verdict_names[i])) {
            *ret = (GkVerdict) i;
            return TRUE;
        }
    return FALSE;
}
