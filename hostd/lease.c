/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/lease.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE };

/* The ends that a lease may come to; 0: never. */
typedef struct {
    gint64 idle, life;
} Ends;

static Ends
find_ends (const GkLeaseTerms *terms, const GkLeaseUse *use, gint64 now)
{
    Ends ends = { 0, 0 };

    if (terms->idle_s && use->users == 0)
        ends.idle = MIN (use->used, now) + terms->idle_s;
    if (terms->life_s)
        ends.life = MIN (use->created, now) + terms->life_s;
    return ends;
}

static gint64
first_of (const Ends *ends)
{
    if (!ends->idle || !ends->life)
        return ends->idle + ends->life;
    return MIN (ends->idle, ends->life);
}

/* In the largest unit that says it exactly. */
static char *
describe_limit (guint seconds)
{
    if (seconds >= 2 * HOUR && seconds % HOUR == 0)
        return g_strdup_printf ("%u h", seconds / HOUR);
    if (seconds % MINUTE == 0)
        return g_strdup_printf ("%u min", seconds / MINUTE);
    return g_strdup_printf ("%u s", seconds);
}

/* Roughly, and never less than it is. */
static char *
describe_rest (gint64 seconds)
{
    const gint64 rest = MAX (seconds, 0);

    if (rest > 2 * HOUR)
        return g_strdup_printf ("%" G_GINT64_FORMAT " h", (rest + HOUR - 1) / HOUR);
    if (rest > 2 * MINUTE)
        return g_strdup_printf ("%" G_GINT64_FORMAT " min", (rest + MINUTE - 1) / MINUTE);
    return g_strdup_printf ("%" G_GINT64_FORMAT " s", rest);
}

gboolean
gk_lease_mend (GkLeaseUse *use, gint64 now)
{
    gint64 ahead = MAX (use->used, use->created) - now;

    if (ahead <= 0)
        return FALSE;
    use->created = MIN (use->created - ahead, now);
    use->used = now;
    return TRUE;
}

gint64
gk_lease_expires (const GkLeaseTerms *terms, const GkLeaseUse *use, gint64 now)
{
    const Ends ends = find_ends (terms, use, now);

    return first_of (&ends);
}

gboolean
gk_lease_is_over (const GkLeaseTerms *terms, const GkLeaseUse *use, gint64 now, char **ret_why)
{
    const Ends ends = find_ends (terms, use, now);
    const gint64 first = first_of (&ends);
    const gboolean by_life = first == ends.life;
    g_autofree char *limit = NULL;

    if (!first || now < first)
        return FALSE;
    limit = describe_limit (by_life ? terms->life_s : terms->idle_s);
    if (ret_why)
        *ret_why = by_life ? g_strdup_printf ("its life of %s is over", limit)
                           : g_strdup_printf ("nobody has used it for %s (idle limit)", limit);
    return TRUE;
}

char *
gk_lease_why (const GkLeaseTerms *terms, const GkLeaseUse *use, gint64 now)
{
    const Ends ends = find_ends (terms, use, now);
    const gint64 first = first_of (&ends);
    const char *who = use->users ? "in use" : "kept by its owner";
    g_autofree char *rest = first ? describe_rest (first - now) : NULL;

    if (first)
        return g_strdup_printf ("%s; %s in %s", who,
                                first == ends.life ? "its life ends" : "idle limit", rest);
    return use->users ? g_strdup (who) : g_strconcat (who, "; no limit", NULL);
}
