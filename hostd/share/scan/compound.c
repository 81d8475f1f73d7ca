/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/compound.h"

#include "hostd/share/scan/text.h"

#include <string.h>

enum {
    HEADER = 512,
    ENTRY = 128,
    ENTRIES_MAX = 4096,
    NAME_UNITS = 32,
    MINI_CUTOFF = 4096,
    MINI_SECTOR = 64,
    DIFAT_IN_HEADER = 109,
    STREAM = 2,
};

static const guint32 no_sector = 0xfffffffa; /* this and above are no sectors */

typedef struct {
    const char *name;
    guint8 type; /* 1: storage, 2: stream, 5: root */
    guint32 left, right, child, start;
    guint64 size;
} Entry;

struct _GkCompound {
    GkCursor file;
    guint32 sector;
    GArray *fat, *mini_fat; /* of guint32: the sector behind each */
    GArray *entries; /* of Entry */
    GByteArray *mini; /* the stream that small streams lie in */
    GStringChunk *names;
    gboolean cut;
};

/* What sector @number holds; nothing where it is outside. */
static GkCursor
sector_at (GkCompound *compound, guint32 number)
{
    GkCursor from = gk_cursor_from (&compound->file, ((gsize) number + 1) * compound->sector);

    return gk_cursor_take (&from, compound->sector);
}

static guint32
next_of (GArray *table, guint32 sector)
{
    return sector < table->len ? g_array_index (table, guint32, sector) : no_sector;
}

/* All of the chain from @start, as long as the file allows. */
static GByteArray *
read_chain (GkCompound *compound, guint32 start)
{
    GByteArray *bytes = g_byte_array_new ();

    while (start < no_sector && bytes->len < compound->file.size) {
        GkCursor sector = sector_at (compound, start);

        if (sector.size == 0)
            break;
        g_byte_array_append (bytes, sector.data, (guint) sector.size);
        start = next_of (compound->fat, start);
    }
    return bytes;
}

static void
append_numbers (GArray *into, GkCursor from)
{
    while (gk_cursor_left (&from) >= 4) {
        guint32 number = gk_cursor_u32 (&from);

        g_array_append_val (into, number);
    }
}

/* The FAT's own sectors are listed in the header, and on in a chain of sectors that end in a link.
 */
static void
read_fat (GkCompound *compound, GkCursor *header)
{
    gsize sectors_max = compound->file.size / compound->sector + 1, listed = 0;
    guint32 more, n_more;
    GkCursor list;

    gk_cursor_skip (header, 68 - header->at);
    more = gk_cursor_u32 (header);
    n_more = gk_cursor_u32 (header);
    list = gk_cursor_take (header, 4 * DIFAT_IN_HEADER);
    for (guint32 round = 0;; round++) {
        while (gk_cursor_left (&list) >= 4 && listed++ < sectors_max) {
            guint32 number = gk_cursor_u32 (&list);

            if (number < no_sector)
                append_numbers (compound->fat, sector_at (compound, number));
        }
        if (more >= no_sector || round >= n_more || round > sectors_max)
            return;
        list = sector_at (compound, more);
        if (list.size < 8)
            return;
        {
            GkCursor link = gk_cursor_from (&list, list.size - 4);

            more = gk_cursor_u32 (&link);
        }
        list.size -= 4;
    }
}

static void
read_entries (GkCompound *compound, guint32 start)
{
    g_autoptr (GByteArray) bytes = read_chain (compound, start);
    GkCursor at = gk_cursor (bytes->data, bytes->len);

    compound->cut = bytes->len / ENTRY > ENTRIES_MAX;
    while (gk_cursor_left (&at) >= ENTRY && compound->entries->len < ENTRIES_MAX) {
        GkCursor raw = gk_cursor_take (&at, ENTRY), name = gk_cursor_take (&raw, 2 * NAME_UNITS);
        guint units = gk_cursor_u16 (&raw) / 2;
        Entry entry = { 0 };

        entry.name = gk_text_utf16 (&name, CLAMP (units, 1, NAME_UNITS) - 1, compound->names).utf8;
        entry.type = gk_cursor_u8 (&raw);
        gk_cursor_skip (&raw, 1);
        entry.left = gk_cursor_u32 (&raw);
        entry.right = gk_cursor_u32 (&raw);
        entry.child = gk_cursor_u32 (&raw);
        gk_cursor_skip (&raw, 16 + 4 + 8 + 8);
        entry.start = gk_cursor_u32 (&raw);
        entry.size = gk_cursor_u64 (&raw);
        if (compound->sector == 512)
            entry.size &= G_MAXUINT32;
        g_array_append_val (compound->entries, entry);
    }
}

GkCompound *
gk_compound_open (const guint8 *data, gsize size)
{
    static const guint8 magic[] = { 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1 };
    g_autoptr (GkCompound) compound = NULL;
    GkCursor header;
    guint shift;
    guint32 directory, mini_fat;

    if (size < HEADER || memcmp (data, magic, sizeof magic) != 0)
        return NULL;
    compound = g_new0 (GkCompound, 1);
    compound->file = gk_cursor (data, size);
    compound->fat = g_array_new (FALSE, FALSE, sizeof (guint32));
    compound->mini_fat = g_array_new (FALSE, FALSE, sizeof (guint32));
    compound->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
    compound->names = g_string_chunk_new (4096);
    header = gk_cursor_from (&compound->file, 30);
    shift = gk_cursor_u16 (&header);
    if (shift != 9 && shift != 12)
        return NULL;
    compound->sector = 1u << shift;
    header = gk_cursor_from (&compound->file, 48);
    directory = gk_cursor_u32 (&header);
    header = gk_cursor_from (&compound->file, 60);
    mini_fat = gk_cursor_u32 (&header);
    header = gk_cursor_from (&compound->file, 0);
    read_fat (compound, &header);
    read_entries (compound, directory);
    if (compound->entries->len == 0)
        return NULL;
    {
        g_autoptr (GByteArray) bytes = read_chain (compound, mini_fat);

        append_numbers (compound->mini_fat, gk_cursor (bytes->data, bytes->len));
    }
    compound->mini = read_chain (compound, g_array_index (compound->entries, Entry, 0).start);
    return g_steal_pointer (&compound);
}

void
gk_compound_free (GkCompound *compound)
{
    if (!compound)
        return;
    g_clear_pointer (&compound->fat, g_array_unref);
    g_clear_pointer (&compound->mini_fat, g_array_unref);
    g_clear_pointer (&compound->entries, g_array_unref);
    g_clear_pointer (&compound->mini, g_byte_array_unref);
    g_string_chunk_free (compound->names);
    g_free (compound);
}

static const Entry *
entry_of (GkCompound *compound, int entry)
{
    return entry >= 0 && (guint) entry < compound->entries->len
               ? &g_array_index (compound->entries, Entry, entry)
               : NULL;
}

/* The children of a storage are a tree, which may be told wrong: each entry is visited once. */
GArray *
gk_compound_children (GkCompound *compound, int parent)
{
    GArray *found = g_array_new (FALSE, FALSE, sizeof (int));
    g_autofree guint8 *seen = g_malloc0 (compound->entries->len);
    g_autoptr (GArray) waiting = g_array_new (FALSE, FALSE, sizeof (guint32));
    const Entry *entry = entry_of (compound, parent);

    if (entry)
        g_array_append_val (waiting, entry->child);
    while (waiting->len) {
        guint32 at = g_array_index (waiting, guint32, waiting->len - 1);
        int index = (int) at;

        g_array_set_size (waiting, waiting->len - 1);
        if (at >= compound->entries->len || seen[at])
            continue;
        seen[at] = 1;
        entry = entry_of (compound, index);
        g_array_append_val (found, index);
        g_array_append_val (waiting, entry->right);
        g_array_append_val (waiting, entry->left);
    }
    return found;
}

int
gk_compound_find (GkCompound *compound, int parent, const char *name)
{
    g_autoptr (GArray) children = gk_compound_children (compound, parent);

    for (guint i = 0; i < children->len; i++) {
        int child = g_array_index (children, int, i);

        if (g_ascii_strcasecmp (gk_compound_name (compound, child), name) == 0)
            return child;
    }
    return GK_COMPOUND_NONE;
}

const char *
gk_compound_name (GkCompound *compound, int entry)
{
    const Entry *found = entry_of (compound, entry);

    return found ? found->name : "";
}

gboolean
gk_compound_is_cut (GkCompound *compound)
{
    return compound->cut;
}

gboolean
gk_compound_is_storage (GkCompound *compound, int entry)
{
    const Entry *found = entry_of (compound, entry);

    return found && found->type != STREAM;
}

static GkCursor
mini_sector_at (GkCompound *compound, guint32 number)
{
    GkCursor all = gk_cursor (compound->mini->data, compound->mini->len);
    GkCursor from = gk_cursor_from (&all, (gsize) number * MINI_SECTOR);

    return gk_cursor_take (&from, MINI_SECTOR);
}

gboolean
gk_compound_read (GkCompound *compound, int entry,
                  gboolean (*sink) (gpointer data, const guint8 *bytes, gsize size), gpointer data,
                  gboolean *ret_ended)
{
    const Entry *found = entry_of (compound, entry);
    guint64 left = found ? found->size : 0;
    gboolean small = left < MINI_CUTOFF;
    guint32 sector = found ? found->start : no_sector;

    if (left > compound->file.size)
        return FALSE;
    while (left > 0) {
        GkCursor bytes = { 0 };

        if (sector < no_sector)
            bytes = small ? mini_sector_at (compound, sector) : sector_at (compound, sector);
        if (bytes.size == 0)
            return FALSE;
        if (!sink (data, bytes.data, (gsize) MIN (left, bytes.size))) {
            *ret_ended = TRUE;
            return FALSE;
        }
        left -= MIN (left, bytes.size);
        sector = next_of (small ? compound->mini_fat : compound->fat, sector);
    }
    return found != NULL;
}
