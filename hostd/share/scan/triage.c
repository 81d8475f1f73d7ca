/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/triage.h"

#include "base/json.h"
#include "hostd/share/scan/checks.h"
#include "hostd/share/scan/lnk-json.h"

static JsonObject *
file_to_json (const GkSpecimen *specimen)
{
    JsonObject *object = json_object_new ();

    gk_json_set_text (object, "name", specimen->name);
    json_object_set_int_member (object, "size", (gint64) specimen->size);
    gk_json_set_text (object, "sha256", specimen->sha256);
    return object;
}

/* What the kind alone allows: nothing but shortcuts is known through and through. */
static GkVerdict
verdict_of_kind (GkKind kind, const GkSpecimen *specimen, const char **ret_why)
{
    if (!specimen->sha256) {
        *ret_why = "the file is larger than what a scanner is given";
        return GK_VERDICT_UNSCANNABLE;
    }
    switch (kind) {
    case GK_KIND_LNK:
        *ret_why = "nothing in this shortcut that a harmless one does not have";
        return GK_VERDICT_CLEAN;
    case GK_KIND_EMPTY:
        *ret_why = "the file is empty";
        return GK_VERDICT_CLEAN;
    default:
        *ret_why = "no scanner of genkan knows this kind";
        return GK_VERDICT_UNSCANNABLE;
    }
}

static void
set_verdict (JsonObject *triage, const GkFindings *findings, GkKind kind,
             const GkSpecimen *specimen)
{
    const char *why_kind = NULL;
    GkVerdict by_kind = verdict_of_kind (kind, specimen, &why_kind);
    GkVerdict verdict = gk_verdict_worse (by_kind, gk_findings_verdict (findings));
    g_autofree char *why = verdict == by_kind ? g_strdup (why_kind) : gk_findings_why (findings);

    json_object_set_string_member (triage, "verdict", gk_verdict_to_string (verdict));
    json_object_set_string_member (triage, "why", why);
}

JsonObject *
gk_triage (const GkSpecimen *specimen)
{
    g_autofree char *name = specimen->name ? g_utf8_make_valid (specimen->name, -1) : NULL;
    g_autofree char *claim = name ? gk_name_claim (name) : NULL;
    g_autoptr (GkFindings) findings = gk_findings_new ();
    g_autoptr (GkLnk) lnk = NULL;
    GkKind kind = gk_kind_recognise (specimen->head, specimen->head_size, name);
    JsonObject *triage = json_object_new ();

    if (kind == GK_KIND_LNK) {
        lnk = gk_lnk_parse (specimen->head, specimen->head_size, specimen->size);
        gk_check_lnk (findings, lnk, specimen->head, specimen->head_size);
    }
    if (name)
        gk_check_name (findings, name, kind,
                       lnk ? gk_lnk_target (&lnk->views[GK_LNK_WINDOWS]) : NULL);
    json_object_set_object_member (triage, "file", file_to_json (specimen));
    json_object_set_string_member (triage, "kind", gk_kind_to_string (kind));
    gk_json_set_text (triage, "claims", claim);
    set_verdict (triage, findings, kind, specimen);
    json_object_set_array_member (triage, "indicators", gk_findings_to_json (findings));
    if (lnk)
        json_object_set_object_member (triage, "lnk",
                                       gk_lnk_to_json (lnk, specimen->head, specimen->head_size));
    return triage;
}
