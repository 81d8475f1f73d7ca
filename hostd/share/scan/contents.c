/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The members of a container, one after the other: each is kept in memory as far as it goes there,
 * triaged, and forgotten. */
#include "base/json.h"
#include "base/sha256.h"
#include "hostd/share/scan/job.h"

#include <assert.h>
#include <string.h>

typedef struct {
    GkTriageJob *job;
    GkContents *contents;
    const char *number; /* of the container */
    guint depth;
    guint64 packed, unpacked; /* bytes: of the container, and of what came out of it */
    guint n;

    char *name;
    char *own; /* the member's number */
    gboolean is_file, wanted, over;
    GByteArray *kept;
    GkSha256 *sum;
    guint64 size;
} Level;

static const char *const trouble_names[] = {
    [GK_TROUBLE_NONE] = "none",
    [GK_TROUBLE_DAMAGED] = "damaged",
    [GK_TROUBLE_OVER_LIMIT] = "over-limit",
    [GK_TROUBLE_ENCRYPTED] = "encrypted",
};
static_assert (G_N_ELEMENTS (trouble_names) == GK_N_TROUBLES, "every trouble has a name");

const char *
gk_trouble_to_string (GkTrouble trouble)
{
    return trouble_names[trouble];
}

void
gk_contents_clear (GkContents *contents)
{
    g_clear_pointer (&contents->members, json_array_unref);
    g_clear_pointer (&contents->detail, g_free);
    g_clear_pointer (&contents->why, g_free);
}

static void
set_trouble (GkContents *contents, GkTrouble trouble, const char *detail)
{
    if (trouble == GK_TROUBLE_NONE || contents->trouble != GK_TROUBLE_NONE)
        return;
    contents->trouble = trouble;
    contents->detail = g_strdup (detail);
}

/* Why no more may be unpacked; %NULL: it may. */
static const char *
limit_reached (const Level *level)
{
    if (level->job->bytes == 0)
        return "it unpacks to more than 512 MiB";
    if (g_get_monotonic_time () > level->job->deadline)
        return "it takes longer than 4 s to unpack";
    if (level->unpacked > GK_RATIO_FROM && level->unpacked / GK_RATIO_MOST > level->packed)
        return "it unpacks to more than 250 times its size";
    return NULL;
}

static gboolean
on_begin (gpointer data, const char *name, gboolean is_file)
{
    Level *level = data;
    const char *reached =
        level->job->members == 0 ? "there are more than 4096 files in it" : limit_reached (level);

    if (reached) {
        set_trouble (level->contents, GK_TROUBLE_OVER_LIMIT, reached);
        return FALSE;
    }
    level->job->members--;
    level->name = g_strdup (name ? name : "");
    level->own = g_strdup_printf ("%s%s%u", level->number, *level->number ? "." : "", ++level->n);
    level->is_file = is_file;
    level->wanted = g_strcmp0 (level->job->options->wanted, level->own) == 0;
    level->kept = g_byte_array_new ();
    level->sum = gk_sha256_new ();
    level->size = 0;
    level->over = FALSE;
    return TRUE;
}

static void
keep (Level *level, const guint8 *bytes, gsize size)
{
    gsize room = MIN (GK_MEMBER_KEPT - MIN (level->kept->len, GK_MEMBER_KEPT), level->job->kept);
    gsize taken = level->kept->len == level->size ? MIN (room, size) : 0;

    g_byte_array_append (level->kept, bytes, (guint) taken);
    level->job->kept -= taken;
}

static gboolean
on_bytes (gpointer data, const guint8 *bytes, gsize size)
{
    Level *level = data;
    const GkTriageOptions *options = level->job->options;
    const char *reached;

    level->job->bytes -= MIN (level->job->bytes, size);
    level->unpacked += size;
    reached = limit_reached (level);
    if (reached) {
        level->over = TRUE;
        set_trouble (level->contents, GK_TROUBLE_OVER_LIMIT, reached);
        return FALSE;
    }
    if (level->wanted && !options->give (options->give_data, bytes, size))
        return FALSE;
    keep (level, bytes, size);
    gk_sha256_update (level->sum, bytes, size);
    level->size += size;
    return TRUE;
}

static void
forget (Level *level)
{
    if (level->kept)
        level->job->kept += level->kept->len;
    g_clear_pointer (&level->kept, g_byte_array_unref);
    g_clear_pointer (&level->sum, gk_sha256_free);
    g_clear_pointer (&level->name, g_free);
    g_clear_pointer (&level->own, g_free);
}

/* The answer has an end: where there is much in it, what members are in detail is left out. */
static void
fit (GkTriageJob *job, JsonObject *triage)
{
    g_autofree char *text = NULL;
    gsize length;

    if (!json_object_has_member (triage, "lnk"))
        return;
    text = gk_json_text (triage, FALSE);
    length = strlen (text);
    if (length <= job->text) {
        job->text -= length;
        return;
    }
    json_object_remove_member (triage, "lnk");
    json_object_set_boolean_member (triage, "lnk_cut", TRUE);
}

/* Of a member of a member, its own number says it all. */
static char *
why_of (const Level *level, const char *why)
{
    return g_str_has_prefix (why, "member ") ? g_strdup (why)
                                             : g_strdup_printf ("member %s: %s", level->own, why);
}

static void
add (Level *level, JsonObject *triage)
{
    GkContents *contents = level->contents;
    const char *trouble = gk_json_string (triage, "trouble", NULL);
    GkVerdict verdict = GK_VERDICT_ERROR;

    gk_verdict_from_string (gk_json_string (triage, "verdict", NULL), &verdict);
    if (json_array_get_length (contents->members) == 0 || verdict > contents->worst) {
        contents->worst = verdict;
        g_free (contents->why);
        contents->why = why_of (level, gk_json_string (triage, "why", "it is not clean"));
    }
    for (guint i = 1; trouble && i < GK_N_TROUBLES; i++)
        if (g_str_equal (trouble, gk_trouble_to_string (i)))
            set_trouble (contents, i, contents->why);
    contents->shortcuts += g_str_equal (gk_json_string (triage, "kind", ""), "lnk");
    fit (level->job, triage);
    json_array_add_object_element (contents->members, triage);
}

static JsonObject *
triage_link (const Level *level)
{
    JsonObject *triage = json_object_new (), *file = json_object_new ();

    gk_json_set_text (file, "name", level->name);
    json_object_set_int_member (file, "size", 0);
    json_object_set_null_member (file, "sha256");
    json_object_set_object_member (triage, "file", file);
    json_object_set_string_member (triage, "kind", gk_kind_to_string (GK_KIND_LINK));
    json_object_set_string_member (triage, "member", level->own);
    json_object_set_string_member (triage, "verdict", "clean");
    json_object_set_string_member (triage, "why", "a link or device: it holds nothing itself");
    json_object_set_array_member (triage, "indicators", json_array_new ());
    return triage;
}

static JsonObject *
triage_member (Level *level, GkTrouble trouble, const char *detail)
{
    g_autofree char *sha256 = trouble ? NULL : gk_sha256_finish (level->sum);
    GkSpecimen specimen = {
        .name = level->name,
        .head = level->kept->data,
        .head_size = level->kept->len,
        .size = level->size,
        .sha256 = sha256,
    };

    return gk_triage_one (level->job, &specimen, level->own, level->depth, trouble, detail);
}

static gboolean
on_end (gpointer data, GkTrouble trouble, const char *detail)
{
    Level *level = data;
    GkTriageJob *job = level->job;

    if (level->over && trouble == GK_TROUBLE_NONE)
        trouble = GK_TROUBLE_OVER_LIMIT;
    if (level->wanted) {
        job->given = trouble == GK_TROUBLE_NONE;
        job->given_trouble = trouble;
    }
    if (!level->wanted)
        add (level, level->is_file ? triage_member (level, trouble, detail) : triage_link (level));
    forget (level);
    /* One that is over a limit ends it all; so does the one that was wanted. */
    return !level->over && !level->wanted && !job->given;
}

void
gk_contents_read (GkTriageJob *job, const GkSpecimen *specimen, GkWalk walk, const char *number,
                  guint depth, GkContents *ret)
{
    Level level = {
        .job = job, .contents = ret, .number = number, .depth = depth, .packed = specimen->size
    };
    GkVisitor visitor = { &level, on_begin, on_bytes, on_end };
    g_autofree char *detail = NULL;
    GkTrouble trouble;

    ret->members = json_array_new ();
    trouble = walk (specimen, &visitor, &detail);
    forget (&level);
    set_trouble (ret, trouble, detail);
    if (json_array_get_length (ret->members) == 0)
        set_trouble (ret, GK_TROUBLE_DAMAGED, "nothing was found in it");
}
