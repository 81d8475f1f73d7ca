/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/ledger.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LEDGER_NAME "ledger.jsonl"

static const gsize ledger_max = 256 << 20;
static const gsize line_max = 16 << 20;
static const char no_line[] = "0000000000000000000000000000000000000000000000000000000000000000";

struct _GkLedger {
    GMutex lock;
    int fd;
    guint64 events;
    char *head;
    gsize torn; /* bytes of a cut line that were taken off at opening */
    gboolean sealed; /* its last event is there */
};

/* Where a reading stands. */
typedef struct {
    guint64 events;
    char *head;
    gsize whole; /* bytes that were whole lines */
} Chain;

static gboolean
chain_take (Chain *chain, const char *line, gsize size, GkLedgerFunc func, gpointer data,
            GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (JsonObject) object = gk_json_parse (line, size, line_max, &local);

    if (!object || gk_json_int (object, "seq", -1) != (gint64) chain->events ||
        g_strcmp0 (gk_json_string (object, "prev", NULL), chain->head) != 0) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     "the ledger's chain is broken at line %" G_GUINT64_FORMAT "%s%s",
                     chain->events + 1, local ? ": " : "", local ? local->message : "");
        return FALSE;
    }
    if (func)
        func (gk_json_string (object, "event", ""), object, data);
    g_free (chain->head);
    chain->head = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) line, size);
    chain->events++;
    chain->whole += size + 1;
    return TRUE;
}

static gboolean
chain_read (Chain *chain, int fd, GkLedgerFunc func, gpointer data, gsize *ret_torn, GError **error)
{
    g_autoptr (GBytes) bytes = gk_fd_read_all (fd, ledger_max, error);
    gsize size = 0;
    const char *text, *at, *end;

    if (!bytes)
        return FALSE;
    text = at = g_bytes_get_data (bytes, &size);
    while ((end = memchr (at, '\n', size - (gsize) (at - text)))) {
        if (!chain_take (chain, at, (gsize) (end - at), func, data, error))
            return FALSE;
        at = end + 1;
    }
    *ret_torn = size - (gsize) (at - text);
    return TRUE;
}

GkLedger *
gk_ledger_open (const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename (folder, LEDGER_NAME, NULL);
    g_autoptr (GkLedger) ledger = g_new0 (GkLedger, 1);
    Chain chain = { .head = g_strdup (no_line) };
    gboolean ok;

    g_mutex_init (&ledger->lock);
    ledger->fd = open (path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (ledger->fd < 0) {
        gk_set_errno (error, errno, "cannot open ledger %s", path);
        g_free (chain.head);
        return NULL;
    }
    ok = chain_read (&chain, ledger->fd, NULL, NULL, &ledger->torn, error);
    ledger->head = chain.head;
    ledger->events = chain.events;
    if (ok && ledger->torn && ftruncate (ledger->fd, (off_t) chain.whole) < 0)
        ok = gk_set_errno (error, errno, "cannot mend ledger %s", path);
    return ok ? g_steal_pointer (&ledger) : NULL;
}

void
gk_ledger_free (GkLedger *ledger)
{
    if (!ledger)
        return;
    gk_fd_close (ledger->fd);
    g_mutex_clear (&ledger->lock);
    g_free (ledger->head);
    g_free (ledger);
}

static void
copy_member (JsonObject *object, const char *name, JsonNode *node, gpointer data)
{
    json_object_set_member (data, name, json_node_copy (node));
}

/* The line, with its newline. */
static char *
render (GkLedger *ledger, const char *event, JsonObject *members)
{
    g_autoptr (JsonObject) line = json_object_new ();
    g_autofree char *now = gk_json_now (), *text = NULL;

    json_object_set_int_member (line, "seq", (gint64) ledger->events);
    json_object_set_string_member (line, "time", now);
    json_object_set_string_member (line, "event", event);
    if (members)
        json_object_foreach_member (members, copy_member, line);
    if (ledger->torn)
        json_object_set_int_member (line, "torn_bytes_before", (gint64) ledger->torn);
    json_object_set_string_member (line, "prev", ledger->head);
    text = gk_json_text (line, FALSE);
    return g_strconcat (text, "\n", NULL);
}

/* A line that could not be written whole is taken off again: the chain goes on from the last one.
 */
static gboolean
write_line (GkLedger *ledger, const char *text, gsize size, gboolean durable, GError **error)
{
    off_t before = lseek (ledger->fd, 0, SEEK_END);

    if (!gk_fd_write_all (ledger->fd, text, size, error) ||
        (durable && fdatasync (ledger->fd) < 0 &&
         !gk_set_errno (error, errno, "cannot sync the ledger"))) {
        if (ftruncate (ledger->fd, before) < 0)
            g_prefix_error (error, "(and cannot take the line off again) ");
        return FALSE;
    }
    return TRUE;
}

gboolean
gk_ledger_append (GkLedger *ledger, GkLedgerDurability durability, const char *event,
                  JsonObject *members, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&ledger->lock);
    g_autoptr (JsonObject) owned = members;
    g_autofree char *text = render (ledger, event, members);
    gsize size = strlen (text);

    if (size > line_max) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                     "event '%s' is too long for the ledger", event);
        return FALSE;
    }
    if (ledger->sealed) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                     "event '%s' comes after the ledger's end", event);
        return FALSE;
    }
    if (!write_line (ledger, text, size, durability != GK_LEDGER_NORMAL, error)) {
        g_prefix_error (error, "cannot write event '%s' to the ledger: ", event);
        return FALSE;
    }
    g_free (ledger->head);
    ledger->head = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) text, size - 1);
    ledger->events++;
    ledger->torn = 0;
    ledger->sealed = durability == GK_LEDGER_LAST;
    return TRUE;
}

gboolean
gk_ledger_read (const char *folder, GkLedgerFunc func, gpointer data, guint64 *ret_events,
                char **ret_head, GError **error)
{
    g_autofree char *path = g_build_filename (folder, LEDGER_NAME, NULL);
    gk_autofd int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    Chain chain = { .head = g_strdup (no_line) };
    gsize torn = 0;
    gboolean ok;

    if (fd < 0)
        ok = gk_set_errno (error, errno, "cannot open ledger %s", path);
    else
        ok = chain_read (&chain, fd, func, data, &torn, error);
    if (ok && ret_events)
        *ret_events = chain.events;
    if (ok && ret_head)
        *ret_head = g_steal_pointer (&chain.head);
    g_free (chain.head);
    return ok;
}
