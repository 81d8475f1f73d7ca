/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extra data ([MS-SHLLINK] 2.5): blocks of size, signature and content up to a terminal one, whose
 * size is below 4. */
#include "hostd/share/scan/lnk-parts.h"

enum {
    ANSI_PATH = 260,
    UNICODE_PATH = 260,
    FACE_NAME = 32,
    MACHINE = 16,
    STORE_VERSION = 0x53505331, /* "1SPS" */
    TIMES_1601_TO_1582 = 0x146bf33e42c000, /* 100 ns from UUID time's start to FILETIME's */
};

static void
read_paths (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    GkCursor ansi = gk_cursor_take (&at, ANSI_PATH),
             unicode = gk_cursor_take (&at, 2 * UNICODE_PATH);

    block->paths.ansi = gk_text_ansi_z (&ansi, lnk->chunk);
    block->paths.unicode = gk_text_utf16_z (&unicode, lnk->chunk);
}

static void
read_console (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    GkLnkConsole *console = &block->console;
    GkCursor font;

    console->fill = gk_cursor_u16 (&at);
    gk_cursor_skip (&at, 2 + 2 + 2); /* popup colours, buffer's size */
    console->window_columns = (gint16) gk_cursor_u16 (&at);
    console->window_rows = (gint16) gk_cursor_u16 (&at);
    console->window_x = (gint16) gk_cursor_u16 (&at);
    console->window_y = (gint16) gk_cursor_u16 (&at);
    gk_cursor_skip (&at, 8);
    console->font_size = gk_cursor_u32 (&at);
    gk_cursor_skip (&at, 8); /* font family, weight */
    font = gk_cursor_take (&at, 2 * FACE_NAME);
    console->font = gk_text_utf16_z (&font, lnk->chunk);
    gk_cursor_skip (&at, 4); /* cursor size */
    console->full_screen = gk_cursor_u32 (&at);
    gk_cursor_skip (&at, 8); /* quick edit, insert mode */
    console->auto_position = gk_cursor_u32 (&at);
}

static void
read_code_page (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    block->code_page = gk_cursor_u32 (&at);
}

static GkText
read_id (GkLnk *lnk, GkCursor *at)
{
    return (GkText) { .utf8 = gk_lnk_read_guid (lnk, at), .units = 38 };
}

/* A file id of version 1 holds the network address of the machine that made it, and when. */
static void
read_file_id (GkLnkTracker *tracker, GkCursor id)
{
    guint64 low = gk_cursor_u32 (&id), middle = gk_cursor_u16 (&id), high = gk_cursor_u16 (&id);
    guint64 time = low | middle << 32 | (high & 0xfff) << 48;
    guint8 mac[6];

    if (high >> 12 != 1)
        return;
    gk_cursor_skip (&id, 2);
    for (guint i = 0; i < sizeof mac; i++)
        mac[i] = gk_cursor_u8 (&id);
    g_snprintf (tracker->mac, sizeof tracker->mac, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                mac[2], mac[3], mac[4], mac[5]);
    tracker->created = time > TIMES_1601_TO_1582 ? time - TIMES_1601_TO_1582 : 0;
}

static void
read_tracker (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    GkLnkTracker *tracker = &block->tracker;
    GkCursor machine, file;

    gk_cursor_skip (&at, 8); /* length, version */
    machine = gk_cursor_take (&at, MACHINE);
    tracker->machine = gk_text_ansi_z (&machine, lnk->chunk);
    tracker->droid_volume = read_id (lnk, &at);
    file = at;
    tracker->droid_file = read_id (lnk, &at);
    tracker->birth_volume = read_id (lnk, &at);
    tracker->birth_file = read_id (lnk, &at);
    read_file_id (tracker, file);
}

static void
read_special_folder (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    block->special.id = gk_cursor_u32 (&at);
    block->special.offset = gk_cursor_u32 (&at);
}

static void
read_known_folder (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    block->known.guid = gk_lnk_read_guid (lnk, &at);
    block->known.offset = gk_cursor_u32 (&at);
}

static void
read_shim (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    block->shim = gk_text_utf16_z (&at, lnk->chunk);
}

static void
read_properties (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    guint32 size;

    while ((size = gk_cursor_u32 (&at)) >= 4 && !at.broken) {
        GkCursor store = gk_cursor_take (&at, size - 4);

        block->stores.foreign |= gk_cursor_u32 (&store) != STORE_VERSION;
        block->stores.n++;
    }
    if (at.broken)
        gk_lnk_damaged (lnk, reading, block->offset, "a property store leaves its block");
}

static void
read_item_list (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at)
{
    gk_lnk_read_items (lnk, reading, at, &block->items);
}

/* What [MS-SHLLINK] publishes; sizes count the whole block. */
static const struct {
    guint32 signature, least, most;
    const char *name;
    GkLnkContent content;
    void (*read) (GkLnk *lnk, GkLnkReading reading, GkLnkBlock *block, GkCursor at);
} block_types[] = {
    {0xa0000001,  0x314, 0x314,      "environment",      GK_BLOCK_PATHS,          read_paths         },
    { 0xa0000002, 0xcc,  0xcc,       "console",          GK_BLOCK_CONSOLE,        read_console       },
    { 0xa0000003, 0x60,  0x60,       "tracker",          GK_BLOCK_TRACKER,        read_tracker       },
    { 0xa0000004, 0x0c,  0x0c,       "console-codepage", GK_BLOCK_CODE_PAGE,      read_code_page     },
    { 0xa0000005, 0x10,  0x10,       "special-folder",   GK_BLOCK_SPECIAL_FOLDER, read_special_folder},
    { 0xa0000006, 0x314, 0x314,      "darwin",           GK_BLOCK_PATHS,          read_paths         },
    { 0xa0000007, 0x314, 0x314,      "icon-environment", GK_BLOCK_PATHS,          read_paths         },
    { 0xa0000008, 0x88,  G_MAXINT32, "shim",             GK_BLOCK_SHIM,           read_shim          },
    { 0xa0000009, 0x0c,  G_MAXINT32, "property-store",   GK_BLOCK_PROPERTIES,     read_properties    },
    { 0xa000000b, 0x1c,  0x1c,       "known-folder",     GK_BLOCK_KNOWN_FOLDER,   read_known_folder  },
    { 0xa000000c, 0x0a,  G_MAXINT32, "item-list",        GK_BLOCK_ITEMS,          read_item_list     },
};

/* @whole starts behind the size field. */
static GkLnkBlock
read_block (GkLnk *lnk, GkLnkReading reading, guint32 size, GkCursor whole)
{
    GkLnkBlock block = { .size = size, .offset = whole.base - 4, .name = "unknown" };

    block.signature = gk_cursor_u32 (&whole);
    for (guint i = 0; i < G_N_ELEMENTS (block_types); i++)
        if (block_types[i].signature == block.signature) {
            block.name = block_types[i].name;
            block.content = block_types[i].content;
            block.odd_size = size < block_types[i].least || size > block_types[i].most;
            block_types[i].read (lnk, reading, &block,
                                 gk_cursor_take (&whole, gk_cursor_left (&whole)));
        }
    return block;
}

void
gk_lnk_read_blocks (GkLnk *lnk, GkLnkReading reading, GkCursor *at)
{
    GkLnkView *view = &lnk->views[reading];

    view->blocks = g_array_new (FALSE, FALSE, sizeof (GkLnkBlock));
    for (;;) {
        gsize offset = gk_cursor_offset (at);
        guint32 size = gk_cursor_u32 (at);
        GkCursor whole;
        GkLnkBlock block;

        if (at->broken)
            gk_lnk_damaged (lnk, reading, offset, "the extra data has no end");
        if (size < 4)
            break;
        if (view->blocks->len == GK_LNK_BLOCKS_MAX) {
            gk_lnk_damaged (lnk, reading, offset, "too many blocks of extra data");
            break;
        }
        whole = gk_cursor_take (at, size - 4);
        if (whole.broken)
            gk_lnk_damaged (lnk, reading, offset, "a block is longer than the file");
        block = read_block (lnk, reading, size, whole);
        g_array_append_val (view->blocks, block);
    }
    view->end = gk_cursor_offset (at);
}
