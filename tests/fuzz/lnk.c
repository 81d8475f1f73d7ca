/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: everything genkan-scan does with a file's bytes, from parsing to the JSON's text. */
#include "base/json.h"
#include "base/verdict.h"
#include "hostd/share/scan/triage.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
    GkSpecimen specimen = {
        .name = "invoice.pdf.lnk", .head = data, .head_size = size, .size = size, .sha256 = ""
    };
    const GkTriageOptions options = { 0 };
    g_autoptr (JsonObject) triage = gk_triage (&specimen, &options);
    g_autofree char *text = gk_json_text (triage, FALSE);
    JsonObject *lnk = gk_json_object (triage, "lnk");
    gboolean damaged = lnk && json_array_get_length (gk_json_array (lnk, "damage")) > 0;
    GkVerdict verdict;

    /* What must hold of any file, besides that nothing breaks: a verdict, and one line that every
     * reader of JSON takes. */
    for (const char *at = text; *at; at++)
        if ((guchar) *at < 0x20)
            __builtin_trap ();
    if (!gk_verdict_from_string (gk_json_string (triage, "verdict", NULL), &verdict) ||
        (damaged && verdict == GK_VERDICT_CLEAN) || !g_utf8_validate (text, -1, NULL))
        __builtin_trap ();
    return 0;
}
