/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Item id lists: how the shell spells a place, folder by folder. [MS-SHLLINK] leaves the items'
 * inside to each namespace; what is read here is what Windows' own folders write. The type byte's
 * bits 4 to 6 tell the namespace. */
#include "hostd/share/scan/lnk-parts.h"

#include <string.h>

enum { LONG_NAME_SIGNATURE = 0xbeef0004, TYPE_UNICODE = 0x04, DELEGATE_NAME = 24 };

static const char my_computer[] = "{20D04FE0-3AEA-1069-A2D8-08002B30309D}";

static void
read_root (GkLnk *lnk, GkLnkItem *item, GkCursor at)
{
    gk_cursor_skip (&at, 4);
    item->guid = gk_lnk_read_guid (lnk, &at);
}

static void
read_volume (GkLnk *lnk, GkLnkItem *item, GkCursor at)
{
    if (item->type & 1) {
        gk_cursor_skip (&at, 3);
        item->name = gk_text_ansi_z (&at, lnk->chunk);
    } else { /* a folder of My Computer that is no drive */
        read_root (lnk, item, at);
    }
}

/* The extension that holds the long name stands on an even offset somewhere behind the short one.
 */
static void
read_long_name (GkLnk *lnk, GkLnkItem *item, const GkCursor *whole, gsize from)
{
    for (gsize offset = from + from % 2; offset + 20 < whole->size; offset += 2) {
        GkCursor at = gk_cursor_from (whole, offset + 2);
        guint16 version = gk_cursor_u16 (&at);

        if (gk_cursor_u32 (&at) != LONG_NAME_SIGNATURE)
            continue;
        gk_cursor_skip (&at, 4 + 4 + 2); /* created, accessed, identifier */
        gk_cursor_skip (&at, version >= 7 ? 2 + 8 + 8 : 0);
        gk_cursor_skip (&at, version >= 3 ? 2 : 0);
        gk_cursor_skip (&at, version >= 9 ? 4 : 0);
        gk_cursor_skip (&at, version >= 8 ? 4 : 0);
        item->name = gk_text_utf16_z (&at, lnk->chunk);
        return;
    }
}

/* @fields: where the file's size stands; the attributes and the name follow. */
static void
read_file_fields (GkLnk *lnk, GkLnkItem *item, GkCursor whole, gsize fields)
{
    GkCursor at = gk_cursor_from (&whole, fields);

    item->file_size = gk_cursor_u32 (&at);
    gk_cursor_skip (&at, 4); /* modified, in MS-DOS format */
    item->attributes = gk_cursor_u16 (&at);
    item->short_name = item->type & TYPE_UNICODE ? gk_text_utf16_z (&at, lnk->chunk)
                                                 : gk_text_ansi_z (&at, lnk->chunk);
    read_long_name (lnk, item, &whole, fields + at.at);
    if (gk_text_empty (&item->name))
        item->name = item->short_name;
}

static void
read_file (GkLnk *lnk, GkLnkItem *item, GkCursor whole)
{
    read_file_fields (lnk, item, whole, 4);
}

static void
read_network (GkLnk *lnk, GkLnkItem *item, GkCursor at)
{
    gk_cursor_skip (&at, 5);
    item->name = gk_text_ansi_z (&at, lnk->chunk);
}

static void
read_uri (GkLnk *lnk, GkLnkItem *item, GkCursor at)
{
    guint8 flags;

    gk_cursor_skip (&at, 3);
    flags = gk_cursor_u8 (&at);
    gk_cursor_skip (&at, gk_cursor_u16 (&at));
    item->name =
        flags & 0x80 ? gk_text_utf16_z (&at, lnk->chunk) : gk_text_ansi_z (&at, lnk->chunk);
}

/* `X:\` or `\\`, with @width bytes a character. */
static gboolean
starts_a_path (const guint8 *at, gsize left, gsize width)
{
    if (left < 3 * width)
        return FALSE;
    for (gsize i = 1; i < width; i++)
        if (at[i] || at[width + i] || at[2 * width + i])
            return FALSE;
    return (at[0] == '\\' && at[width] == '\\' && g_ascii_isgraph (at[2 * width])) ||
           (g_ascii_isalpha (at[0]) && at[width] == ':' && at[2 * width] == '\\');
}

/* Items of namespaces not known here, Control Panel's among them, are searched for a path: what a
 * shortcut can make Windows load stands there as one. */
static void
read_other (GkLnk *lnk, GkLnkItem *item, GkCursor whole)
{
    static const char delegate[] = "CFSF";

    if ((item->type & 0x70) == 0x70 && whole.size >= 30) {
        GkCursor at = gk_cursor_from (&whole, 14);

        item->guid = gk_lnk_read_guid (lnk, &at);
    }
    if (whole.size > DELEGATE_NAME && memcmp (whole.data + 6, delegate, 4) == 0) {
        read_file_fields (lnk, item, whole, 14);
        return;
    }
    for (gsize offset = 3; offset < whole.size; offset++) {
        GkCursor at = gk_cursor_from (&whole, offset);

        if (starts_a_path (at.data, at.size, 2)) {
            item->name = gk_text_utf16_z (&at, lnk->chunk);
            return;
        }
        if (starts_a_path (at.data, at.size, 1)) {
            item->name = gk_text_ansi_z (&at, lnk->chunk);
            return;
        }
    }
}

/* By the namespace bits of the type. */
static const struct {
    GkLnkItemKind kind;
    void (*read) (GkLnk *lnk, GkLnkItem *item, GkCursor whole);
} namespaces[8] = {
    {GK_ITEM_OTHER,    read_other  },
    { GK_ITEM_ROOT,    read_root   },
    { GK_ITEM_VOLUME,  read_volume },
    { GK_ITEM_FILE,    read_file   },
    { GK_ITEM_NETWORK, read_network},
    { GK_ITEM_OTHER,   read_other  },
    { GK_ITEM_URI,     read_uri    },
    { GK_ITEM_OTHER,   read_other  },
};

static GkLnkItem
read_item (GkLnk *lnk, GkCursor whole)
{
    GkLnkItem item = { .offset = whole.base, .size = (guint16) whole.size };
    GkCursor at = gk_cursor_from (&whole, 2);
    guint namespace;

    item.type = gk_cursor_u8 (&at);
    namespace = item.type >> 4 & 7;
    item.kind = namespaces[namespace].kind;
    namespaces[namespace].read (lnk, &item, whole);
    return item;
}

static void
spell (GString *path, const GkLnkItem *item)
{
    const char *name = item->name.utf8;

    if (item->guid && gk_text_empty (&item->name)) {
        if (!g_str_equal (item->guid, my_computer))
            g_string_append_printf (path, "%s::%s", path->len ? "\\" : "", item->guid);
        return;
    }
    if (!name)
        return;
    if (item->kind == GK_ITEM_URI || g_str_has_prefix (name, "\\\\"))
        g_string_truncate (path, 0); /* these spell the whole place */
    else if (path->len && path->str[path->len - 1] != '\\')
        g_string_append_c (path, '\\');
    g_string_append (path, name);
}

static const char *
spell_all (GkLnk *lnk, GArray *items)
{
    g_autoptr (GString) path = g_string_new (NULL);

    for (guint i = 0; i < items->len; i++)
        spell (path, &g_array_index (items, GkLnkItem, i));
    if (items->len && !path->len)
        g_string_printf (path, "::%s", my_computer);
    return path->len ? g_string_chunk_insert_len (lnk->chunk, path->str, (gssize) path->len) : NULL;
}

void
gk_lnk_read_items (GkLnk *lnk, GkLnkReading reading, GkCursor list, GkLnkItems *ret)
{
    ret->items = g_array_new (FALSE, FALSE, sizeof (GkLnkItem));
    for (;;) {
        GkCursor ahead = list;
        guint16 size = gk_cursor_u16 (&ahead);
        GkCursor whole;
        GkLnkItem item;

        if (ahead.broken)
            gk_lnk_damaged (lnk, reading, gk_cursor_offset (&list), "the item list has no end");
        if (size == 0)
            break;
        if (size < 3 || ret->items->len == GK_LNK_ITEMS_MAX) {
            gk_lnk_damaged (lnk, reading, gk_cursor_offset (&list),
                            size < 3 ? "an item without room for a type" : "too many items");
            break;
        }
        whole = gk_cursor_take (&list, size);
        if (whole.broken)
            gk_lnk_damaged (lnk, reading, whole.base, "an item is longer than its list");
        if (whole.size < 3)
            break;
        item = read_item (lnk, whole);
        g_array_append_val (ret->items, item);
    }
    ret->path = spell_all (lnk, ret->items);
}
