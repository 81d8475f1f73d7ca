/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: what genkand and genkan read of a scanner that may be its file's by now: the triage's
 * check, the search for a member, and clamd's answer. */
#include "base/json.h"
#include "hostd/share/clamd.h"
#include "hostd/share/judge.h"
#include "hostd/share/triage-check.h"

#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
    g_autofree char *line = g_strndup ((const char *) data, size);
    g_autoptr (JsonObject) triage = gk_json_parse ((const char *) data, size, 1 << 20, NULL);
    g_auto (GkClamdAnswer) answer = gk_clamd_read_answer (line);
    g_auto (GkJudgement) judgement = { 0 };
    g_autofree char *name = NULL;

    if (answer.verdict == GK_VERDICT_CLEAN && !g_str_has_suffix (line, ": OK"))
        __builtin_trap ();
    if (!triage || !gk_triage_check (triage, NULL))
        return 0;
    name = gk_triage_member_name (triage, "1.1");
    gk_judge (triage, TRUE, &answer, &judgement);
    if (judgement.vouched && judgement.verdict != GK_VERDICT_CLEAN)
        __builtin_trap ();
    return 0;
}
