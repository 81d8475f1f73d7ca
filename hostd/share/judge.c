/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/judge.h"

#include "base/escape.h"
#include "base/json.h"

#include <string.h>

enum { WHY_SHOWN = 400 };

/* What genkan-scan's word is worth. */
typedef enum {
    OWN_OTHER, /* a finding or a failure */
    OWN_KNOWS, /* clean, by a parser of ours that knows the whole format */
    OWN_CLEAN, /* clean as far as it looked */
    OWN_BLIND, /* no parser of ours reads this format; one that could not is OWN_OTHER */
} Own;

/* What the scanners of content say together: all that are configured must say OK. */
typedef enum { CONTENT_NONE, CONTENT_OK, CONTENT_OTHER } Content;

#define NOBODY_VOUCHES                                                                             \
    "no scanner is configured that can vouch for it: set [scan] clamd-socket or yara in "          \
    "genkand.conf"

/* Kinds that genkan-scan's own parsers know through and through. */
static const char *const known_kinds[] = { "lnk", "empty", NULL };

/* Whether genkan-scan found what harmless files do not have, however it judged that. */
static gboolean
weighs (JsonObject *triage)
{
    JsonArray *indicators = gk_json_array (triage, "indicators");

    for (guint i = 0; indicators && i < json_array_get_length (indicators); i++)
        if (!g_str_equal (gk_json_string (gk_json_element (indicators, i), "severity", ""), "low"))
            return TRUE;
    return FALSE;
}

static Own
worth_of (JsonObject *triage, GkVerdict verdict)
{
    gboolean known = g_strv_contains (known_kinds, gk_json_string (triage, "kind", ""));

    if (verdict == GK_VERDICT_CLEAN)
        return known && !weighs (triage) ? OWN_KNOWS : OWN_CLEAN;
    return verdict == GK_VERDICT_UNSCANNABLE && !known && !gk_json_string (triage, "trouble", NULL)
               ? OWN_BLIND
               : OWN_OTHER;
}

/* All that is ever clean, or has a reason of its own. For the rest the worse verdict stands, and is
 * never vouched for: clamd's OK cannot lift what genkan-scan found or failed at. */
static const struct {
    Own own;
    Content content;
    GkVerdict verdict;
    gboolean vouched;
    const char *why;
} rules_of_judging[] = {
  /* clang-format off */
    { OWN_KNOWS, CONTENT_OK,   GK_VERDICT_CLEAN,       TRUE,  "genkan-scan and the other scanners found nothing in it" },
    { OWN_KNOWS, CONTENT_NONE, GK_VERDICT_CLEAN,       TRUE,  "genkan-scan, which knows this whole format, found nothing in it" },
    { OWN_CLEAN, CONTENT_OK,   GK_VERDICT_CLEAN,       TRUE,  "genkan-scan and the other scanners found nothing in it" },
    { OWN_CLEAN, CONTENT_NONE, GK_VERDICT_CLEAN,       FALSE, "genkan-scan found nothing in it; " NOBODY_VOUCHES },
    { OWN_BLIND, CONTENT_OK,   GK_VERDICT_CLEAN,       TRUE,  "the scanners of content found nothing in it" },
    { OWN_BLIND, CONTENT_NONE, GK_VERDICT_UNSCANNABLE, FALSE, NOBODY_VOUCHES },
  /* clang-format on */
};

/* The reason that the triage gives, or else its first indicator's. */
static char *
why_by_own (JsonObject *triage, GkVerdict verdict)
{
    JsonArray *indicators = gk_json_array (triage, "indicators");
    const char *why = gk_json_string (triage, "why", NULL);
    g_autofree char *shown = NULL;

    if (!why && indicators && json_array_get_length (indicators) > 0)
        why = gk_json_string (gk_json_element (indicators, 0), "detail", NULL);
    if (!why)
        why = gk_verdict_to_string (verdict);
    shown = gk_escape (why, (gssize) strnlen (why, WHY_SHOWN));
    return g_strdup_printf ("genkan-scan: %s", shown);
}

static Content
content_of (JsonObject *triage, gboolean rules, const GkClamdAnswer *clamd)
{
    gboolean tried = gk_json_bool (gk_json_object (triage, "yara"), "complete", FALSE);

    if (!rules && !clamd)
        return CONTENT_NONE;
    if ((rules && !tried) || (clamd && clamd->verdict != GK_VERDICT_CLEAN))
        return CONTENT_OTHER;
    return CONTENT_OK;
}

/* A scanner that must have a say and had none. */
static gboolean
lacks_rules (JsonObject *triage, gboolean rules)
{
    return rules && !gk_json_bool (gk_json_object (triage, "yara"), "complete", FALSE);
}

void
gk_judge (JsonObject *triage, gboolean rules, const GkClamdAnswer *clamd, GkJudgement *ret)
{
    GkVerdict own = GK_VERDICT_ERROR;
    Content content = content_of (triage, rules, clamd);

    gk_verdict_from_string (gk_json_string (triage, "verdict", NULL), &own);
    for (gsize i = 0; i < G_N_ELEMENTS (rules_of_judging); i++)
        if (rules_of_judging[i].own == worth_of (triage, own) &&
            rules_of_judging[i].content == content) {
            ret->verdict = rules_of_judging[i].verdict;
            ret->vouched = rules_of_judging[i].vouched;
            ret->why = g_strdup (rules_of_judging[i].why);
            return;
        }
    ret->vouched = FALSE;
    ret->verdict = clamd ? gk_verdict_worse (own, clamd->verdict) : own;
    if (lacks_rules (triage, rules))
        ret->verdict = gk_verdict_worse (ret->verdict, GK_VERDICT_ERROR);
    if (clamd && clamd->verdict > own && clamd->verdict == ret->verdict)
        ret->why = g_strdup_printf ("clamd: %s", clamd->what);
    else if (ret->verdict > own)
        ret->why = g_strdup ("YARA's rules are configured, and were not tried on all of it");
    else
        ret->why = why_by_own (triage, own);
}
