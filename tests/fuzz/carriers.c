/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: mail, Outlook's messages, carving and archives, through the whole of triage: what is
 * in a container, to its depth, and the JSON of it. The unpacker is linked where GK_FUZZ_UNPACK is
 * set. */
#include "base/json.h"
#include "base/verdict.h"
#include "hostd/share/scan/triage.h"
#ifdef GK_FUZZ_UNPACK
#include "hostd/share/scan/unpack.h"
#endif

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check (JsonObject *triage, guint depth)
{
    JsonArray *members = gk_json_array (triage, "members");
    GkVerdict verdict;

    if (!gk_verdict_from_string (gk_json_string (triage, "verdict", NULL), &verdict) || depth > 32)
        __builtin_trap ();
    /* What could not be looked into is never clean. */
    if (gk_json_string (triage, "trouble", NULL) && verdict == GK_VERDICT_CLEAN)
        __builtin_trap ();
    for (guint i = 0; members && i < json_array_get_length (members); i++)
        check (gk_json_element (members, i), depth + 1);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
    GkSpecimen specimen = {
        .name = "mail.eml", .head = data, .head_size = size, .size = size, .sha256 = ""
    };
    GkTriageOptions options = { 0 };
    g_autoptr (JsonObject) triage = NULL;
    g_autofree char *text = NULL;

#ifdef GK_FUZZ_UNPACK
    static gboolean ready;

    if (!ready)
        gk_archive_init ();
    ready = TRUE;
    options.unpack = gk_walk_archive;
#endif
    triage = gk_triage (&specimen, &options);
    text = gk_json_text (triage, FALSE);
    if (!g_utf8_validate (text, -1, NULL))
        __builtin_trap ();
    check (triage, 0);
    return 0;
}
