/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger: the append-only, hash-chained record of one run, `ledger.jsonl`.
 *
 * A line is a JSON object: `seq` (from 0), `time`, `event`, the event's own members, and last `prev`:
 * the SHA-256, in hex, of the line before it without its newline (64 zeros in the first). So a line
 * cannot be changed, put in or taken out without every later one showing it, and
 *     sed -n 7p ledger.jsonl | tr -d '\n' | sha256sum
 * is the `prev` of the eighth. The hash of the last line is the ledger's head; a report carries it.
 *
 * One process writes a ledger; a GkLedger may be used from any thread. Errors are G_IO_ERROR. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef struct _GkLedger GkLedger;

/* Opens or begins the ledger in @folder. A last line that a crash cut short is taken off, and the
 * next event says so. */
GkLedger *gk_ledger_open (const char *folder, GError **error);
void gk_ledger_free (GkLedger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkLedger, gk_ledger_free)

typedef enum {
    GK_LEDGER_NORMAL,  /* on disk when the kernel thinks so */
    GK_LEDGER_DURABLE, /* on disk when this returns */
    GK_LEDGER_LAST,    /* the same; nothing can be appended after it: G_IO_ERROR_CLOSED */
} GkLedgerDurability;

/**
 * gk_ledger_append:
 * @event: what happened, one of our own words
 * @members: (transfer full) (nullable): its particulars
 */
gboolean gk_ledger_append (GkLedger *ledger, GkLedgerDurability durability, const char *event,
                           JsonObject *members, GError **error);

/* Called for each event in turn. */
typedef void (*GkLedgerFunc) (const char *event, JsonObject *members, gpointer data);

/**
 * gk_ledger_read:
 * @func: (nullable): gets each line
 * @ret_events: (out) (optional): how many
 * @ret_head: (out) (optional): hex SHA-256 of the last line
 *
 * Reads the ledger in @folder and checks its chain. Errors: G_IO_ERROR_INVALID_DATA, naming the
 * first line that does not fit; G_IO_ERROR_NOT_FOUND.
 */
gboolean gk_ledger_read (const char *folder, GkLedgerFunc func, gpointer data,
                         guint64 *ret_events, char **ret_head, GError **error);
