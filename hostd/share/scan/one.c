/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file, or one member: what it is, what speaks against it, and, of a container, what it
 * carries. */
#include "base/json.h"
#include "hostd/share/scan/carve.h"
#include "hostd/share/scan/checks.h"
#include "hostd/share/scan/compound.h"
#include "hostd/share/scan/job.h"
#include "hostd/share/scan/lnk-json.h"

typedef struct {
    GkTriageJob *job;
    const GkSpecimen *specimen;
    const char *number;
    guint depth;
    GkTrouble trouble; /* in which it was unpacked */
    const char *detail;
    GkKind kind;
    const GkLnk *lnk; /* %NULL: it is no shortcut */
    char *name; /* as valid UTF-8, or %NULL */
    GkFindings *findings;
    GkContents contents;
    gboolean looked_into, deferred;
} One;

static JsonObject *
file_to_json (const GkSpecimen *specimen)
{
    JsonObject *object = json_object_new ();

    gk_json_set_text (object, "name", specimen->name);
    json_object_set_int_member (object, "size", (gint64) specimen->size);
    gk_json_set_text (object, "sha256", specimen->sha256);
    return object;
}

/* What follows a shortcut's end, to either reader: the files in it. */
static GkTrouble
walk_overlay (const GkSpecimen *specimen, const GkVisitor *visitor, char **ret_detail)
{
    g_autoptr (GkLnk) lnk = gk_lnk_parse (specimen->head, specimen->head_size, specimen->size);
    gsize end = MIN (lnk->views[GK_LNK_WINDOWS].end, lnk->views[GK_LNK_SPEC].end);

    if (end < specimen->head_size)
        gk_carve (specimen->head + end, specimen->head_size - end, visitor);
    return GK_TROUBLE_NONE;
}

static gboolean
has_overlay (const One *one)
{
    return one->lnk && one->lnk->views[GK_LNK_WINDOWS].end < one->lnk->size;
}

static GkWalk
walk_of (const One *one)
{
    if (one->kind == GK_KIND_LNK)
        return has_overlay (one) ? walk_overlay : NULL;
    if (one->kind == GK_KIND_MAIL)
        return gk_walk_mail;
    if (one->kind == GK_KIND_MSG)
        return gk_walk_msg;
    return gk_kind_is_archive (one->kind) ? one->job->options->unpack : NULL;
}

static gboolean
is_broken (const GkSpecimen *specimen)
{
    g_autoptr (GkCompound) compound = gk_compound_open (specimen->head, specimen->head_size);

    return !compound && specimen->head_size == specimen->size;
}

static void
look_into (One *one)
{
    GkWalk walk = walk_of (one);

    if (one->kind == GK_KIND_OLE && !one->trouble && is_broken (one->specimen)) {
        one->trouble = GK_TROUBLE_DAMAGED;
        one->detail = "its directory cannot be read";
    }
    one->deferred = !walk && gk_kind_is_archive (one->kind);
    one->job->deferred |= one->deferred;
    if (!walk || one->trouble || (one->lnk && one->depth >= GK_DEPTH_MOST))
        return;
    if (one->depth >= GK_DEPTH_MOST) {
        one->trouble = GK_TROUBLE_OVER_LIMIT;
        one->detail = "one in the other, deeper than 8";
        return;
    }
    if (!gk_specimen_is_whole (one->specimen) && !one->lnk) {
        one->trouble = GK_TROUBLE_OVER_LIMIT;
        one->detail = "it is larger than what is unpacked inside another";
        return;
    }
    one->looked_into = !one->lnk;
    gk_contents_read (one->job, one->specimen, walk, one->number, one->depth + 1, &one->contents);
    if (one->contents.trouble && !one->lnk) {
        one->trouble = one->contents.trouble;
        one->detail = one->contents.detail;
    }
    if (one->contents.shortcuts)
        gk_findings_add (one->findings, GK_SHORTCUT_INSIDE, "%u", one->contents.shortcuts);
}

static void
tell_trouble (One *one)
{
    static const GkIndicatorId ids[] = {
        [GK_TROUBLE_NONE] = GK_N_INDICATORS,
        [GK_TROUBLE_DAMAGED] = GK_CONTAINER_DAMAGED,
        [GK_TROUBLE_OVER_LIMIT] = GK_CONTAINER_OVER_LIMIT,
        [GK_TROUBLE_ENCRYPTED] = GK_CONTAINER_ENCRYPTED,
    };

    G_STATIC_ASSERT (G_N_ELEMENTS (ids) == GK_N_TROUBLES);
    if (one->trouble)
        gk_findings_add (one->findings, ids[one->trouble], "%s",
                         one->detail ? one->detail : gk_trouble_to_string (one->trouble));
}

static void
match (One *one)
{
    const GkMatcher *matcher = one->job->options->matcher;

    if (!matcher)
        return;
    if (!gk_specimen_is_whole (one->specimen) ||
        !matcher->match (matcher->data, one->specimen, one->findings))
        one->job->unmatched = TRUE;
}

/* What the kind alone allows: nothing but shortcuts is known through and through. */
static GkVerdict
verdict_of_kind (const One *one, const char **ret_why)
{
    if (one->trouble) {
        *ret_why = one->detail ? one->detail : "it cannot be looked into";
        return GK_VERDICT_UNSCANNABLE;
    }
    if (!one->specimen->sha256) {
        *ret_why = "the file is larger than what a scanner is given";
        return GK_VERDICT_UNSCANNABLE;
    }
    if (one->looked_into) {
        *ret_why = one->contents.worst == GK_VERDICT_CLEAN ? "all that is in it is clean"
                                                           : one->contents.why;
        return one->contents.worst;
    }
    if (one->kind == GK_KIND_LNK || one->kind == GK_KIND_EMPTY) {
        *ret_why = one->kind == GK_KIND_LNK
                       ? "nothing in this shortcut that a harmless one does not have"
                       : "the file is empty";
        return GK_VERDICT_CLEAN;
    }
    *ret_why = one->deferred ? "what is in it has not been unpacked"
                             : "no scanner of genkan knows this kind";
    return GK_VERDICT_UNSCANNABLE;
}

static gboolean
has_members (const One *one)
{
    return one->contents.members && json_array_get_length (one->contents.members) > 0;
}

/* Trouble is told before what can be seen in spite of it only where that is no worse. */
static void
set_verdict (const One *one, JsonObject *triage)
{
    const char *why_kind = NULL;
    GkVerdict by_kind = verdict_of_kind (one, &why_kind);
    GkVerdict inside = has_members (one) ? one->contents.worst : GK_VERDICT_CLEAN;
    GkVerdict own = gk_findings_verdict (one->findings);
    GkVerdict verdict = gk_verdict_worse (gk_verdict_worse (by_kind, inside), own);
    g_autofree char *why = NULL;

    if (verdict == by_kind)
        why = g_strdup (why_kind);
    else
        why = verdict == own ? gk_findings_why (one->findings) : g_strdup (one->contents.why);
    json_object_set_string_member (triage, "verdict", gk_verdict_to_string (verdict));
    json_object_set_string_member (triage, "why", why);
}

static void
set_contents (One *one, JsonObject *triage)
{
    if (*one->number)
        json_object_set_string_member (triage, "member", one->number);
    if (one->trouble)
        json_object_set_string_member (triage, "trouble", gk_trouble_to_string (one->trouble));
    if (one->looked_into || has_members (one))
        json_object_set_array_member (triage, "members", g_steal_pointer (&one->contents.members));
}

static void
describe (One *one, const GkLnk *lnk, JsonObject *triage)
{
    const GkSpecimen *specimen = one->specimen;
    g_autofree char *claim = one->name ? gk_name_claim (one->name) : NULL;

    json_object_set_object_member (triage, "file", file_to_json (specimen));
    json_object_set_string_member (triage, "kind", gk_kind_to_string (one->kind));
    gk_json_set_text (triage, "claims", claim);
    set_verdict (one, triage);
    json_object_set_array_member (triage, "indicators", gk_findings_to_json (one->findings));
    if (lnk)
        json_object_set_object_member (triage, "lnk",
                                       gk_lnk_to_json (lnk, specimen->head, specimen->head_size));
    set_contents (one, triage);
}

JsonObject *
gk_triage_one (GkTriageJob *job, const GkSpecimen *specimen, const char *number, guint depth,
               GkTrouble trouble, const char *detail)
{
    g_autofree char *name = specimen->name ? g_utf8_make_valid (specimen->name, -1) : NULL;
    g_autoptr (GkFindings) findings = gk_findings_new ();
    g_autoptr (GkLnk) lnk = NULL;
    One one = { .job = job,
                .specimen = specimen,
                .number = number,
                .depth = depth,
                .trouble = trouble,
                .detail = detail,
                .name = name,
                .findings = findings };
    JsonObject *triage = json_object_new ();

    one.kind = gk_kind_recognise (specimen->head, specimen->head_size, name);
    if (one.kind == GK_KIND_LNK) {
        lnk = gk_lnk_parse (specimen->head, specimen->head_size, specimen->size);
        gk_check_lnk (findings, lnk, specimen->head, specimen->head_size);
        one.lnk = lnk;
    }
    if (name)
        gk_check_name (findings, name, one.kind,
                       lnk ? gk_lnk_target (&lnk->views[GK_LNK_WINDOWS]) : NULL);
    look_into (&one);
    tell_trouble (&one);
    match (&one);
    describe (&one, lnk, triage);
    gk_contents_clear (&one.contents);
    return triage;
}
