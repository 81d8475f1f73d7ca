/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/record.h"

#include <assert.h>
#include <string.h>

/* Attempts a second from which on the rules' own counters are worth a look: well under the rates at
 * which the rules stop telling. */
enum { BUSY = 50 };

/* Ticks at which a guest that was over its rate is looked at: the rules tell that once a second, so
 * the last look comes after the last packet that they dropped. */
enum { LOOKS = 2 };

/* The events that only count, and the ticks from one to the next. */
static const struct {
    const char *rule;
    guint pause;
} counted[] = {
    [GK_NFT_UNRECORDED] = {GK_RECORD_OVER,  1                   },
    [GK_NFT_OVER_RATE] = { GK_RECORD_RATE, GK_RECORD_RATE_PAUSE},
};
static_assert (G_N_ELEMENTS (counted) == GK_NFT_N_COUNTERS, "every counter has an event");

/* Destinations, or names, of one guest that are remembered. */
enum { TOLD_MAX = 4096 };

struct _GkRecord {
    GkRecordFuncs funcs;
    GHashTable *guests; /* id -> Guest */
};

typedef enum { FLOWS, QUESTIONS, N_KINDS } Kind;

typedef struct {
    GHashTable *pending; /* key of the attempt -> GkAttempt, its count what is yet to be reported */
    GHashTable *told; /* destinations, or names, of which something was reported */
    guint news; /* in this second: reported for what was new in them alone */
} Attempts;

typedef struct {
    char *vm;
    Attempts kinds[N_KINDS];
    guint attempts; /* in this second */
    guint looks; /* ticks at which the rules' counters are read in any case */
    guint64 seen[GK_NFT_N_COUNTERS]; /* the rules' counters when they were last read */
    guint64 untold[GK_NFT_N_COUNTERS]; /* and what is to be reported of them */
    guint pause[GK_NFT_N_COUNTERS]; /* ticks until that may be */
} Guest;

static void
guest_free (gpointer data)
{
    Guest *guest = data;

    for (Kind kind = 0; kind < N_KINDS; kind++) {
        g_hash_table_unref (guest->kinds[kind].pending);
        g_hash_table_unref (guest->kinds[kind].told);
    }
    g_free (guest->vm);
    g_free (guest);
}

GkRecord *
gk_record_new (const GkRecordFuncs *funcs)
{
    GkRecord *record = g_new0 (GkRecord, 1);

    record->funcs = *funcs;
    record->guests = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, guest_free);
    return record;
}

void
gk_record_free (GkRecord *record)
{
    if (!record)
        return;
    g_hash_table_unref (record->guests);
    g_free (record);
}

static Guest *
get_guest (GkRecord *record, const char *vm)
{
    Guest *guest = g_hash_table_lookup (record->guests, vm);

    if (guest)
        return guest;
    guest = g_new0 (Guest, 1);
    guest->vm = g_strdup (vm);
    for (Kind kind = 0; kind < N_KINDS; kind++) {
        guest->kinds[kind].pending =
            g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
        guest->kinds[kind].told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    }
    g_hash_table_insert (record->guests, guest->vm, guest);
    return guest;
}

/* Equal for attempts that count as one. A name may hold anything printable, so it goes last. */
static char *
key_of (const GkAttempt *attempt)
{
    return g_strdup_printf ("%d|%d|%s|%s|%s|%s|%u|%s", attempt->query, attempt->allowed,
                            attempt->rule, attempt->protocol, attempt->destination, attempt->type,
                            attempt->port, attempt->name);
}

/* Whether the guest has not been seen to reach for @subject. A set that is full is begun anew: then
 * something is told twice, but nothing is hidden by what came before it. */
static gboolean
learn (Attempts *attempts, const char *subject)
{
    if (g_hash_table_size (attempts->told) >= TOLD_MAX)
        g_hash_table_remove_all (attempts->told);
    return g_hash_table_add (attempts->told, g_strdup (subject));
}

/* Reports the first of a kind, while there is room for it in this second. */
static gboolean
report_first (GkRecord *record, const Guest *guest, Attempts *attempts, const GkAttempt *attempt)
{
    const char *subject = attempt->query ? attempt->name : attempt->destination;
    GkAttempt *pending;

    if (g_hash_table_size (attempts->pending) < GK_RECORD_LIMIT) {
        learn (attempts, subject);
        pending = g_memdup2 (attempt, sizeof *attempt);
        pending->count = pending->bytes = 0;
        g_hash_table_insert (attempts->pending, key_of (attempt), pending);
    } else if (attempts->news < GK_RECORD_NEWS && learn (attempts, subject)) {
        attempts->news++;
    } else {
        return FALSE;
    }
    record->funcs.report (guest->vm, attempt, record->funcs.data);
    return TRUE;
}

void
gk_record_add (GkRecord *record, const char *vm, const GkAttempt *attempt)
{
    Guest *guest = get_guest (record, vm);
    Attempts *attempts = &guest->kinds[attempt->query ? QUESTIONS : FLOWS];
    g_autofree char *key = key_of (attempt);
    GkAttempt *pending = g_hash_table_lookup (attempts->pending, key);

    guest->attempts++;
    if (pending) {
        pending->count++;
        pending->bytes += attempt->bytes;
    } else if (!report_first (record, guest, attempts, attempt)) {
        guest->untold[GK_NFT_UNRECORDED]++;
    }
}

void
gk_record_over_rate (GkRecord *record, const char *vm)
{
    get_guest (record, vm)->looks = LOOKS;
}

/* Reads the rules' counters. They begin anew when the rules are loaded again. */
static void
read_counters (GkRecord *record, Guest *guest)
{
    guint64 now[GK_NFT_N_COUNTERS];

    if (!record->funcs.count (guest->vm, now, record->funcs.data))
        return;
    for (guint i = 0; i < GK_NFT_N_COUNTERS; i++)
        guest->untold[i] += now[i] >= guest->seen[i] ? now[i] - guest->seen[i] : now[i];
    memcpy (guest->seen, now, sizeof now);
}

static void
report_counted (GkRecord *record, Guest *guest, gboolean last)
{
    if (last || guest->looks || guest->attempts >= BUSY)
        read_counters (record, guest);
    guest->looks -= guest->looks > 0;
    for (guint i = 0; i < GK_NFT_N_COUNTERS; i++) {
        const GkAttempt attempt = { .protocol = "any",
                                    .rule = counted[i].rule,
                                    .count = guest->untold[i] };

        guest->pause[i] -= guest->pause[i] > 0;
        if (!attempt.count || (guest->pause[i] && !last))
            continue;
        record->funcs.report (guest->vm, &attempt, record->funcs.data);
        guest->untold[i] = 0;
        guest->pause[i] = counted[i].pause;
    }
}

/* Reports what has been counted since; what was quiet for a second is forgotten. */
static void
report_kind (GkRecord *record, Guest *guest, Kind kind)
{
    GHashTableIter iter;
    GkAttempt *attempt;

    g_hash_table_iter_init (&iter, guest->kinds[kind].pending);
    while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &attempt)) {
        if (attempt->count == 0) {
            g_hash_table_iter_remove (&iter);
            continue;
        }
        record->funcs.report (guest->vm, attempt, record->funcs.data);
        attempt->count = attempt->bytes = 0;
    }
}

static void
report_pending (GkRecord *record, Guest *guest)
{
    for (Kind kind = 0; kind < N_KINDS; kind++)
        report_kind (record, guest, kind);
}

void
gk_record_tick (GkRecord *record)
{
    GHashTableIter iter;
    Guest *guest;

    g_hash_table_iter_init (&iter, record->guests);
    while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &guest)) {
        report_pending (record, guest);
        report_counted (record, guest, FALSE);
        guest->attempts = 0;
        for (Kind kind = 0; kind < N_KINDS; kind++)
            guest->kinds[kind].news = 0;
    }
}

void
gk_record_finish (GkRecord *record, const char *vm)
{
    Guest *guest = get_guest (record, vm);

    report_pending (record, guest);
    report_counted (record, guest, TRUE);
    g_hash_table_remove (record->guests, vm);
}
