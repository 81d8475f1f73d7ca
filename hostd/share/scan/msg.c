/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Outlook's messages (MS-OXMSG): properties are streams called after their number, attachments are
 * storages of such. A message that is attached is a storage too, and its attachments are members
 * beside the others. */
#include "hostd/share/scan/compound.h"
#include "hostd/share/scan/text.h"
#include "hostd/share/scan/walk.h"

#include <string.h>

enum { DEEP = 8, NAME_BYTES = 2048 };

#define PROPERTIES "__properties_version1.0"
#define ATTACHMENT "__attach_version1.0_"
#define EMBEDDED "__substg1.0_3701000D"

typedef struct {
    GkCompound *compound;
    const GkVisitor *visitor;
    GHashTable *seen; /* storages: one that is told twice is read once */
    GkTrouble trouble;
    const char *detail;
    gboolean stopped;
} Message;

gboolean
gk_msg_recognise (const guint8 *data, gsize size)
{
    g_autoptr (GkCompound) compound = gk_compound_open (data, size);

    return compound &&
           gk_compound_find (compound, GK_COMPOUND_ROOT, PROPERTIES) != GK_COMPOUND_NONE &&
           gk_compound_find (compound, GK_COMPOUND_ROOT, "__nameid_version1.0") != GK_COMPOUND_NONE;
}

static gboolean
collect (gpointer data, const guint8 *bytes, gsize size)
{
    GByteArray *into = data;

    g_byte_array_append (into, bytes, (guint) MIN (size, NAME_BYTES - into->len));
    return into->len < NAME_BYTES;
}

/* Returns: (transfer full): the text in the property @number of @storage; %NULL: it has none. */
static char *
text_of (Message *message, int storage, const char *number)
{
    g_autofree char *wide = g_strconcat ("__substg1.0_", number, "001F", NULL);
    g_autofree char *narrow = g_strconcat ("__substg1.0_", number, "001E", NULL);
    int entry = gk_compound_find (message->compound, storage, wide);
    gboolean is_wide = entry != GK_COMPOUND_NONE, ended = FALSE;
    g_autoptr (GByteArray) bytes = g_byte_array_new ();
    g_autoptr (GStringChunk) chunk = g_string_chunk_new (NAME_BYTES);
    GkCursor at;

    if (!is_wide)
        entry = gk_compound_find (message->compound, storage, narrow);
    if (entry == GK_COMPOUND_NONE)
        return NULL;
    gk_compound_read (message->compound, entry, collect, bytes, &ended);
    if (bytes->len == 0)
        return NULL;
    at = gk_cursor (bytes->data, bytes->len);
    return g_strdup (is_wide ? gk_text_utf16 (&at, bytes->len / 2, chunk).utf8
                             : gk_text_ansi (&at, bytes->len, chunk).utf8);
}

static void
read_stream (Message *message, int entry, const char *name)
{
    const GkVisitor *visitor = message->visitor;
    GkTrouble trouble = GK_TROUBLE_NONE;
    gboolean ended = FALSE;

    message->stopped = !visitor->begin (visitor->data, name, TRUE);
    if (message->stopped)
        return;
    if (!gk_compound_read (message->compound, entry, visitor->bytes, visitor->data, &ended))
        trouble = ended ? GK_TROUBLE_OVER_LIMIT : GK_TROUBLE_DAMAGED;
    message->stopped = !visitor->end (visitor->data, trouble, NULL);
}

static void read_message (Message *message, int storage, guint depth);

static void
read_attachment (Message *message, int storage, guint depth)
{
    int data = gk_compound_find (message->compound, storage, "__substg1.0_37010102");
    int embedded = gk_compound_find (message->compound, storage, EMBEDDED);
    g_autofree char *name = text_of (message, storage, "3707");

    if (!name)
        name = text_of (message, storage, "3704");
    if (!name)
        name = text_of (message, storage, "3001");
    if (!g_hash_table_add (message->seen, GINT_TO_POINTER (storage + 1)))
        return;
    if (data != GK_COMPOUND_NONE)
        read_stream (message, data, name ? name : "attachment.bin");
    else if (embedded != GK_COMPOUND_NONE &&
             g_hash_table_add (message->seen, GINT_TO_POINTER (embedded + 1)))
        read_message (message, embedded, depth + 1);
}

static void
read_message (Message *message, int storage, guint depth)
{
    static const struct {
        const char *stream, *name;
    } bodies[] = {
        {"__substg1.0_1000001F",  "body.txt"           },
        { "__substg1.0_1000001E", "body.txt"           },
        { "__substg1.0_10130102", "body.html"          },
        { "__substg1.0_10090102", "body.rtf.compressed"},
    };
    g_autoptr (GArray) children = gk_compound_children (message->compound, storage);

    if (depth >= DEEP) {
        message->trouble = GK_TROUBLE_OVER_LIMIT;
        message->detail = "messages in messages, too deep";
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (bodies) && !message->stopped; i++) {
        int body = gk_compound_find (message->compound, storage, bodies[i].stream);

        if (body != GK_COMPOUND_NONE)
            read_stream (message, body, bodies[i].name);
    }
    for (guint i = 0; i < children->len && !message->stopped; i++) {
        int child = g_array_index (children, int, i);

        if (g_ascii_strncasecmp (gk_compound_name (message->compound, child), ATTACHMENT,
                                 strlen (ATTACHMENT)) == 0 &&
            gk_compound_is_storage (message->compound, child))
            read_attachment (message, child, depth);
    }
}

GkTrouble
gk_walk_msg (const GkSpecimen *specimen, const GkVisitor *visitor, char **ret_detail)
{
    g_autoptr (GkCompound) compound = NULL;
    g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
    Message message = { .visitor = visitor };

    if (specimen->head_size < specimen->size) {
        *ret_detail = g_strdup ("the message is longer than what is taken apart");
        return GK_TROUBLE_OVER_LIMIT;
    }
    compound = gk_compound_open (specimen->head, specimen->head_size);
    if (!compound)
        return GK_TROUBLE_DAMAGED;
    message.compound = compound;
    message.seen = seen;
    if (gk_compound_is_cut (compound))
        message.trouble = GK_TROUBLE_OVER_LIMIT;
    read_message (&message, GK_COMPOUND_ROOT, 0);
    *ret_detail = g_strdup (message.detail);
    return message.trouble;
}
