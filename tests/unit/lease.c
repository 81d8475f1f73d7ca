/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/lease.h"

enum { HOUR = 3600, NOW = 1800000000 };
#undef MIN
#define MIN 60

static const GkLeaseTerms usual = { 60 * MIN, 24 * HOUR }, no_idle = { 0, 24 * HOUR },
                          no_life = { 60 * MIN, 0 }, endless = { 0, 0 }, odd = { 90, 90 * MIN };

/* Times as seconds before NOW. */
static void
test_leases (void)
{
    static const struct {
        const GkLeaseTerms *terms;
        gint64 age, idle;
        guint users;
        gint64 ends; /* from NOW on */
        const char *why;
        gboolean over;
    } cases[] = {
        {&usual,    0,              0,           0, 60 * MIN,     "kept by its owner; idle limit in 60 min",    FALSE},
        { &usual,   10 * MIN,       2 * MIN,     0, 58 * MIN,     "kept by its owner; idle limit in 58 min",
         FALSE                                                                                                       },
        { &usual,   10 * MIN,       2 * MIN + 1, 0, 58 * MIN - 1, "kept by its owner; idle limit in 58 min",
         FALSE                                                                                                       },
        { &usual,   HOUR,           HOUR - 1,    0, 1,            "kept by its owner; idle limit in 1 s",       FALSE},
        { &usual,   HOUR,           HOUR,        0, 0,            "nobody has used it for 60 min (idle limit)", TRUE },
        { &usual,   9 * HOUR,       5 * HOUR,    0, -4 * HOUR,    "nobody has used it for 60 min (idle limit)",
         TRUE                                                                                                        },
        { &usual,   HOUR,           HOUR,        1, 23 * HOUR,    "in use; its life ends in 23 h",              FALSE},
        { &usual,   23 * HOUR + 1,  0,           0, HOUR - 1,     "kept by its owner; its life ends in 60 min",
         FALSE                                                                                                       },
        { &usual,   24 * HOUR - 90, 0,           3, 90,           "in use; its life ends in 90 s",              FALSE},
        { &usual,   24 * HOUR,      0,           0, 0,            "its life of 24 h is over",                   TRUE },
        { &usual,   24 * HOUR,      0,           1, 0,            "its life of 24 h is over",                   TRUE },
        { &usual,   30 * HOUR,      2 * HOUR,    0, -6 * HOUR,    "its life of 24 h is over",                   TRUE },
        { &no_idle, 5 * HOUR,       5 * HOUR,    0, 19 * HOUR,    "kept by its owner; its life ends in 19 h",
         FALSE                                                                                                       },
        { &no_life, 900 * HOUR,     60,          0, 59 * MIN,     "kept by its owner; idle limit in 59 min",    FALSE},
        { &no_life, 900 * HOUR,     60,          1, -NOW,         "in use",                                     FALSE},
        { &endless, 900 * HOUR,     900 * HOUR,  0, -NOW,         "kept by its owner; no limit",                FALSE},
        { &endless, 900 * HOUR,     900 * HOUR,  1, -NOW,         "in use",                                     FALSE},
        { &odd,     10,             10,          0, 80,           "kept by its owner; idle limit in 80 s",      FALSE},
        { &odd,     100,            95,          0, -5,           "nobody has used it for 90 s (idle limit)",   TRUE },
        { &odd,     90 * MIN,       0,           0, 0,            "its life of 90 min is over",                 TRUE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        const GkLeaseUse use = { NOW - cases[i].age, NOW - cases[i].idle, cases[i].users };
        g_autofree char *over = NULL, *why = gk_lease_why (cases[i].terms, &use, NOW);

        g_assert_cmpint (gk_lease_expires (cases[i].terms, &use, NOW), ==, NOW + cases[i].ends);
        g_assert_cmpint (gk_lease_is_over (cases[i].terms, &use, NOW, &over), ==, cases[i].over);
        g_assert_cmpint (gk_lease_is_over (cases[i].terms, &use, NOW, NULL), ==, cases[i].over);
        g_assert_cmpstr (cases[i].over ? over : why, ==, cases[i].why);
        g_assert_true (cases[i].over == (over != NULL));
    }
}

/* What the daemon does once a minute, while the clock shows @now: TRUE where it ends. */
static gboolean
look (const GkLeaseTerms *terms, GkLeaseUse *use, gint64 now)
{
    gk_lease_mend (use, now);
    return gk_lease_is_over (terms, use, now, NULL);
}

/* Minutes of real time that it lives after the clock was set by @jump. */
static guint
minutes_after (const GkLeaseTerms *terms, GkLeaseUse use, gint64 jump)
{
    guint minutes = 0;

    while (minutes < 100 * 24 * 60 && !look (terms, &use, NOW + jump + (gint64) minutes * MIN))
        minutes++;
    return minutes;
}

static void
test_a_clock_set_back_neither_kills_nor_keeps_for_ever (void)
{
    static const gint64 jumps[] = {
        -1, -MIN, -30 * MIN, -HOUR, -25 * HOUR, -365 * 24 * HOUR, -NOW
    };

    for (gsize i = 0; i < G_N_ELEMENTS (jumps); i++) {
        const GkLeaseUse use = { NOW - 2 * HOUR, NOW - 20 * MIN, 0 };

        g_assert_cmpuint (minutes_after (&no_life, use, jumps[i]), >=, 40);
        g_assert_cmpuint (minutes_after (&no_life, use, jumps[i]), <=, 60);
        g_assert_cmpuint (minutes_after (&no_idle, use, jumps[i]), >=, 22 * 60);
        g_assert_cmpuint (minutes_after (&no_idle, use, jumps[i]), <=, 24 * 60);
    }
}

/* Even by whoever does not mend: the future counts as now. */
static void
test_what_lies_in_the_future_is_now (void)
{
    const GkLeaseUse use = { NOW + HOUR, NOW + 2 * HOUR, 0 };
    g_autofree char *why = gk_lease_why (&usual, &use, NOW);

    g_assert_cmpint (gk_lease_expires (&usual, &use, NOW), ==, NOW + HOUR);
    g_assert_false (gk_lease_is_over (&usual, &use, NOW, NULL));
    g_assert_cmpstr (why, ==, "kept by its owner; idle limit in 60 min");
}

static void
test_mending_keeps_the_age_and_changes_nothing_else (void)
{
    GkLeaseUse use = { NOW - 5 * HOUR, NOW - MIN, 2 };

    g_assert_false (gk_lease_mend (&use, NOW));
    g_assert_false (gk_lease_mend (&use, NOW - MIN));
    g_assert_cmpint (use.used, ==, NOW - MIN);
    g_assert_true (gk_lease_mend (&use, NOW - HOUR));
    g_assert_cmpint (use.used, ==, NOW - HOUR);
    g_assert_cmpint (use.used - use.created, ==, 5 * HOUR - MIN);
    g_assert_cmpuint (use.users, ==, 2);
    g_assert_false (gk_lease_mend (&use, NOW - HOUR));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/lease/ends-by-idleness-or-age-and-says-which", test_leases);
    g_test_add_func ("/lease/a-clock-set-back-neither-ends-it-nor-keeps-it-for-ever",
                     test_a_clock_set_back_neither_kills_nor_keeps_for_ever);
    g_test_add_func ("/lease/what-lies-in-the-future-is-now", test_what_lies_in_the_future_is_now);
    g_test_add_func ("/lease/mending-keeps-the-age",
                     test_mending_keeps_the_age_and_changes_nothing_else);
    return g_test_run ();
}
