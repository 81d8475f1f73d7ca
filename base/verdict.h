/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts on a file. Only clean is clean. Pure, any thread. */
#pragma once

#include <glib.h>

/* In the order of what a reader must take care of: the worse of two is the larger. */
typedef enum {
    GK_VERDICT_CLEAN,
    GK_VERDICT_UNSCANNABLE, /* nobody could look inside */
    GK_VERDICT_ERROR,       /* a scanner failed or was cut off */
    GK_VERDICT_SUSPICIOUS,
    GK_VERDICT_MALICIOUS,
} GkVerdict;

const char *gk_verdict_to_string (GkVerdict verdict);

/* FALSE, with @ret untouched, where @text names no verdict. */
gboolean gk_verdict_from_string (const char *text, GkVerdict *ret);

static inline GkVerdict
gk_verdict_worse (GkVerdict a, GkVerdict b)
{
    return MAX (a, b);
}
