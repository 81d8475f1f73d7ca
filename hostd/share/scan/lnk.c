/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/lnk.h"

#include "hostd/share/scan/lnk-parts.h"

#include <assert.h>
#include <string.h>

/* Bytes; the fuzzer's build sets it to 1, so that every text lies apart and overruns are seen. */
#ifndef GK_LNK_CHUNK
#define GK_LNK_CHUNK 2048
#endif

static const guint8 class_id[16] = {
    0x01, 0x14, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46
};

/* The strings in the file's order: the flag that says one is there, and whether Windows reads no
 * more than GK_LNK_WINDOWS_MAX characters of it. */
static const struct {
    guint32 flag;
    gboolean clamped;
    const char *cut;
} string_layout[] = {
    [GK_LNK_NAME] = {GK_LNK_HAS_NAME,           TRUE,  "the description ends early"      },
    [GK_LNK_RELATIVE_PATH] = { GK_LNK_HAS_RELATIVE_PATH, TRUE,  "the relative path ends early"    },
    [GK_LNK_WORKING_DIR] = { GK_LNK_HAS_WORKING_DIR,   TRUE,  "the working directory ends early"},
    [GK_LNK_ARGUMENTS] = { GK_LNK_HAS_ARGUMENTS,     FALSE, "the arguments end early"         },
    [GK_LNK_ICON] = { GK_LNK_HAS_ICON,          FALSE, "the icon location ends early"    },
};
static_assert (G_N_ELEMENTS (string_layout) == GK_LNK_N_STRINGS, "every string has its layout");

gboolean
gk_lnk_recognise (const guint8 *data, gsize size)
{
    GkCursor at = gk_cursor (data, size);

    return gk_cursor_u32 (&at) == GK_LNK_HEADER_SIZE && gk_cursor_left (&at) >= sizeof class_id &&
           memcmp (data + at.at, class_id, sizeof class_id) == 0;
}

void
gk_lnk_damaged (GkLnk *lnk, GkLnkReading reading, gsize offset, const char *what)
{
    GkLnkDamage damage = { reading, offset, what };

    for (guint i = 0; i < lnk->damage->len; i++) {
        const GkLnkDamage *old = &g_array_index (lnk->damage, GkLnkDamage, i);

        if (old->offset == offset && old->reading == reading)
            return;
    }
    if (lnk->damage->len < GK_LNK_DAMAGE_MAX)
        g_array_append_val (lnk->damage, damage);
}

const char *
gk_lnk_read_guid (GkLnk *lnk, GkCursor *at)
{
    guint32 a = gk_cursor_u32 (at);
    guint16 b = gk_cursor_u16 (at), c = gk_cursor_u16 (at);
    guint8 d[8];
    char text[39];

    for (guint i = 0; i < 8; i++)
        d[i] = gk_cursor_u8 (at);
    g_snprintf (text, sizeof text, "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", a, b, c,
                d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
    return g_string_chunk_insert_const (lnk->chunk, text);
}

static void
read_header (GkLnk *lnk, GkCursor *at)
{
    GkLnkHeader *header = &lnk->header;

    gk_cursor_skip (at, 4 + sizeof class_id);
    header->flags = gk_cursor_u32 (at);
    header->attributes = gk_cursor_u32 (at);
    header->created = gk_cursor_u64 (at);
    header->accessed = gk_cursor_u64 (at);
    header->modified = gk_cursor_u64 (at);
    header->file_size = gk_cursor_u32 (at);
    header->icon_index = (gint32) gk_cursor_u32 (at);
    header->show = gk_cursor_u32 (at);
    header->hotkey = gk_cursor_u16 (at);
    gk_cursor_skip (at, 2 + 4 + 4);
    if (at->broken)
        gk_lnk_damaged (lnk, GK_LNK_N_READINGS, at->at, "the header ends early");
}

static void
read_link_items (GkLnk *lnk, GkCursor *at)
{
    gsize offset = gk_cursor_offset (at);
    GkCursor list = gk_cursor_take (at, gk_cursor_u16 (at));

    if (at->broken)
        gk_lnk_damaged (lnk, GK_LNK_N_READINGS, offset, "the item list is longer than the file");
    gk_lnk_read_items (lnk, GK_LNK_N_READINGS, list, &lnk->items);
}

static void
read_string (GkLnk *lnk, GkLnkReading reading, GkLnkString which, GkCursor *at)
{
    GkLnkView *view = &lnk->views[reading];
    gsize offset = gk_cursor_offset (at);
    guint units = view->counts[which] = gk_cursor_u16 (at);

    if (string_layout[which].clamped && units > GK_LNK_WINDOWS_MAX) {
        view->clamped = TRUE;
        if (reading == GK_LNK_WINDOWS)
            units = GK_LNK_WINDOWS_MAX;
    }
    view->strings[which] = lnk->header.flags & GK_LNK_IS_UNICODE
                               ? gk_text_utf16 (at, units, lnk->chunk)
                               : gk_text_ansi (at, units, lnk->chunk);
    if (at->broken)
        gk_lnk_damaged (lnk, reading, offset, string_layout[which].cut);
}

static void
find_targets (GkLnk *lnk, GkLnkView *view)
{
    const GkLnkBlock *environment = gk_lnk_block (view, GK_SIGNATURE_ENVIRONMENT);
    const GkLnkBlock *vista = gk_lnk_block (view, GK_SIGNATURE_ITEM_LIST);
    const GkText *relative = &view->strings[GK_LNK_RELATIVE_PATH];

    if (environment && (lnk->header.flags & GK_LNK_HAS_EXP_STRING))
        view->targets[GK_LNK_BY_ENVIRONMENT] = gk_text_empty (&environment->paths.unicode)
                                                   ? environment->paths.ansi.utf8
                                                   : environment->paths.unicode.utf8;
    view->targets[GK_LNK_BY_VISTA_ITEMS] = vista ? vista->items.path : NULL;
    view->targets[GK_LNK_BY_ITEMS] = lnk->items.path;
    /* The flag does not take the structure out of the file, it only makes it count for nothing. */
    if (!(lnk->header.flags & GK_LNK_FORCE_NO_LINK_INFO))
        view->targets[GK_LNK_BY_LINK_INFO] = lnk->info.path;
    view->targets[GK_LNK_BY_RELATIVE_PATH] = relative->utf8;
    view->source = GK_LNK_N_SOURCES;
    for (guint i = GK_LNK_N_SOURCES; i-- > 0;) {
        if (view->targets[i] && !*view->targets[i])
            view->targets[i] = NULL;
        if (view->targets[i])
            view->source = i;
    }
}

static void
find_icon (GkLnk *lnk, GkLnkView *view)
{
    const GkLnkBlock *block = gk_lnk_block (view, GK_SIGNATURE_ICON_ENVIRONMENT);
    const GkText *text = &view->strings[GK_LNK_ICON];

    if (block && (lnk->header.flags & GK_LNK_HAS_EXP_ICON))
        text = gk_text_empty (&block->paths.unicode) ? &block->paths.ansi : &block->paths.unicode;
    view->icon = gk_text_empty (text) ? NULL : text->utf8;
}

static void
read_view (GkLnk *lnk, GkLnkReading reading, GkCursor at)
{
    GkLnkView *view = &lnk->views[reading];

    for (guint i = 0; i < GK_LNK_N_STRINGS; i++)
        if (lnk->header.flags & string_layout[i].flag)
            read_string (lnk, reading, i, &at);
    gk_lnk_read_blocks (lnk, reading, &at);
    find_targets (lnk, view);
    find_icon (lnk, view);
}

GkLnk *
gk_lnk_parse (const guint8 *data, gsize size, gsize file_size)
{
    GkLnk *lnk = g_new0 (GkLnk, 1);
    GkCursor at = gk_cursor (data, size);

    lnk->size = MAX (size, file_size);
    lnk->chunk = g_string_chunk_new (GK_LNK_CHUNK);
    lnk->damage = g_array_new (FALSE, FALSE, sizeof (GkLnkDamage));
    read_header (lnk, &at);
    if (lnk->header.flags & GK_LNK_HAS_ITEMS)
        read_link_items (lnk, &at);
    if (lnk->header.flags & GK_LNK_HAS_LINK_INFO)
        gk_lnk_read_info (lnk, &at);
    read_view (lnk, GK_LNK_WINDOWS, at);
    /* Nothing clamped: both readers see the same, damage included. */
    lnk->views[GK_LNK_SPEC] = lnk->views[GK_LNK_WINDOWS];
    if (lnk->views[GK_LNK_WINDOWS].clamped) {
        lnk->views[GK_LNK_SPEC] = (GkLnkView) { 0 };
        read_view (lnk, GK_LNK_SPEC, at);
    }
    return lnk;
}

static void
free_blocks (GArray *blocks)
{
    for (guint i = 0; blocks && i < blocks->len; i++) {
        GkLnkBlock *block = &g_array_index (blocks, GkLnkBlock, i);

        if (block->content == GK_BLOCK_ITEMS)
            g_clear_pointer (&block->items.items, g_array_unref);
    }
    g_clear_pointer (&blocks, g_array_unref);
}

void
gk_lnk_free (GkLnk *lnk)
{
    if (!lnk)
        return;
    free_blocks (lnk->views[GK_LNK_WINDOWS].blocks);
    if (lnk->views[GK_LNK_SPEC].blocks != lnk->views[GK_LNK_WINDOWS].blocks)
        free_blocks (lnk->views[GK_LNK_SPEC].blocks);
    g_clear_pointer (&lnk->items.items, g_array_unref);
    g_array_unref (lnk->damage);
    g_string_chunk_free (lnk->chunk);
    g_free (lnk);
}

const GkLnkBlock *
gk_lnk_block (const GkLnkView *view, guint32 signature)
{
    for (guint i = 0; i < view->blocks->len; i++) {
        const GkLnkBlock *block = &g_array_index (view->blocks, GkLnkBlock, i);

        if (block->signature == signature)
            return block;
    }
    return NULL;
}
