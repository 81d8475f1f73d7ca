/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/record.h"

/* Attempts a second from which on the rules' own counters are worth a look: well under the rates at
 * which the rules stop telling. */
enum { BUSY = 50 };

struct _GkRecord {
    GkRecordFuncs funcs;
    GHashTable *guests; /* id -> Guest */
};

typedef struct {
    char *vm;
    GHashTable *pending; /* key of the attempt -> GkAttempt, its count what is yet to be reported */
    guint attempts; /* in this second */
    guint64 over; /* attempts of this second beyond the limit */
    guint64 unrecorded; /* the rules' counter when it was last read */
} Guest;

static void
guest_free (gpointer data)
{
    Guest *guest = data;

    g_hash_table_unref (guest->pending);
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
    guest->pending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
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

void
gk_record_add (GkRecord *record, const char *vm, const GkAttempt *attempt)
{
    Guest *guest = get_guest (record, vm);
    g_autofree char *key = key_of (attempt);
    GkAttempt *pending = g_hash_table_lookup (guest->pending, key);

    guest->attempts++;
    if (pending) {
        pending->count++;
        pending->bytes += attempt->bytes;
        return;
    }
    if (g_hash_table_size (guest->pending) >= GK_RECORD_LIMIT) {
        guest->over++;
        return;
    }
    record->funcs.report (vm, attempt, record->funcs.data);
    pending = g_memdup2 (attempt, sizeof *attempt);
    pending->count = pending->bytes = 0;
    g_hash_table_insert (guest->pending, g_steal_pointer (&key), pending);
}

static void
report_over (GkRecord *record, Guest *guest, gboolean look)
{
    GkAttempt attempt = { .protocol = "any", .rule = GK_RECORD_OVER, .count = guest->over };

    if (look) {
        guint64 now = record->funcs.get_unrecorded (guest->vm, record->funcs.data);

        attempt.count += now > guest->unrecorded ? now - guest->unrecorded : 0;
        guest->unrecorded = MAX (now, guest->unrecorded);
    }
    guest->over = 0;
    if (attempt.count)
        record->funcs.report (guest->vm, &attempt, record->funcs.data);
}

/* Reports what has been counted since; what was quiet for a second is forgotten. */
static void
report_pending (GkRecord *record, Guest *guest)
{
    GHashTableIter iter;
    GkAttempt *attempt;

    g_hash_table_iter_init (&iter, guest->pending);
    while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &attempt)) {
        if (attempt->count == 0) {
            g_hash_table_iter_remove (&iter);
            continue;
        }
        record->funcs.report (guest->vm, attempt, record->funcs.data);
        attempt->count = attempt->bytes = 0;
    }
}

void
gk_record_tick (GkRecord *record)
{
    GHashTableIter iter;
    Guest *guest;

    g_hash_table_iter_init (&iter, record->guests);
    while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &guest)) {
        report_pending (record, guest);
        report_over (record, guest, guest->attempts >= BUSY);
        guest->attempts = 0;
    }
}

void
gk_record_finish (GkRecord *record, const char *vm)
{
    Guest *guest = get_guest (record, vm);

    report_pending (record, guest);
    report_over (record, guest, TRUE);
    g_hash_table_remove (record->guests, vm);
}
