/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Windows shortcut (LNK, [MS-SHLLINK]) taken apart. No I/O; pure, any thread.
 *
 * The file is read twice from its string data on, because two readers see two things: Windows
 * reads at most 260 characters of NAME, RELATIVE_PATH and WORKING_DIR whatever their count says,
 * and goes on right behind those, where the published format goes on behind the count. What lies
 * before the string data is the same for both.
 *
 * Parsing never fails: it goes as far as the file lets it, and `damage` says where it broke. */
#pragma once

#include "hostd/share/scan/text.h"

enum {
    GK_LNK_HEADER_SIZE = 0x4c,
    GK_LNK_WINDOWS_MAX = 260, /* characters of the clamped strings */
    GK_LNK_ITEMS_MAX = 256,   /* of one list */
    GK_LNK_BLOCKS_MAX = 128,
    GK_LNK_DAMAGE_MAX = 32,
};

/* Bits of the header's flags. */
enum {
    GK_LNK_HAS_ITEMS = 1 << 0,
    GK_LNK_HAS_LINK_INFO = 1 << 1,
    GK_LNK_HAS_NAME = 1 << 2,
    GK_LNK_HAS_RELATIVE_PATH = 1 << 3,
    GK_LNK_HAS_WORKING_DIR = 1 << 4,
    GK_LNK_HAS_ARGUMENTS = 1 << 5,
    GK_LNK_HAS_ICON = 1 << 6,
    GK_LNK_IS_UNICODE = 1 << 7,
    GK_LNK_FORCE_NO_LINK_INFO = 1 << 8,
    GK_LNK_HAS_EXP_STRING = 1 << 9,
    GK_LNK_HAS_DARWIN_ID = 1 << 12,
    GK_LNK_RUN_AS_USER = 1 << 13,
    GK_LNK_HAS_EXP_ICON = 1 << 14,
};

typedef enum { GK_LNK_WINDOWS, GK_LNK_SPEC, GK_LNK_N_READINGS } GkLnkReading;

typedef enum {
    GK_LNK_NAME,
    GK_LNK_RELATIVE_PATH,
    GK_LNK_WORKING_DIR,
    GK_LNK_ARGUMENTS,
    GK_LNK_ICON,
    GK_LNK_N_STRINGS,
} GkLnkString;

/* Where a target may be written, in the order in which Windows takes the first that is there. */
typedef enum {
    GK_LNK_BY_ENVIRONMENT,
    GK_LNK_BY_VISTA_ITEMS, /* the extra data's list takes the place of the link's own */
    GK_LNK_BY_ITEMS,
    GK_LNK_BY_LINK_INFO,
    GK_LNK_BY_RELATIVE_PATH,
    GK_LNK_N_SOURCES,
} GkLnkSource;

typedef struct {
    guint32 flags;
    guint32 attributes;
    guint64 created, accessed, modified; /* FILETIME: 100 ns since 1601; 0: none */
    guint32 file_size;
    gint32 icon_index;
    guint32 show; /* SW_… */
    guint16 hotkey;
} GkLnkHeader;

typedef enum {
    GK_ITEM_ROOT,
    GK_ITEM_VOLUME,
    GK_ITEM_FILE,
    GK_ITEM_NETWORK,
    GK_ITEM_URI,
    GK_ITEM_OTHER,
} GkLnkItemKind;

typedef struct {
    GkLnkItemKind kind;
    gsize offset;
    guint16 size;
    guint8 type;
    const char *guid; /* `{…}` of a root or control panel item */
    GkText name;      /* the name Windows goes by: the long one where there is one */
    GkText short_name;
    guint32 file_size;
    guint16 attributes;
} GkLnkItem;

typedef struct {
    GArray *items;    /* of GkLnkItem */
    const char *path; /* what the items spell; %NULL where there are none */
} GkLnkItems;

typedef struct {
    gboolean present;
    guint32 flags, drive_type, serial;
    GkText label, local, suffix, share, device;
    const char *path; /* local path or share, with the suffix; %NULL: none */
} GkLnkInfo;

typedef struct {
    gint16 window_columns, window_rows, window_x, window_y;
    guint32 fill, font_size, full_screen, auto_position;
    GkText font;
} GkLnkConsole;

typedef struct {
    GkText machine, droid_volume, droid_file, birth_volume, birth_file;
    char mac[18];    /* of the machine the target lay on; empty: the ids hold none */
    guint64 created; /* FILETIME of the file id; 0: none */
} GkLnkTracker;

typedef enum {
    GK_BLOCK_UNKNOWN,
    GK_BLOCK_PATHS, /* an ANSI and a Unicode form of one string */
    GK_BLOCK_CONSOLE,
    GK_BLOCK_CODE_PAGE,
    GK_BLOCK_TRACKER,
    GK_BLOCK_SPECIAL_FOLDER,
    GK_BLOCK_KNOWN_FOLDER,
    GK_BLOCK_SHIM,
    GK_BLOCK_PROPERTIES,
    GK_BLOCK_ITEMS,
} GkLnkContent;

typedef struct {
    guint32 signature;
    guint32 size; /* as claimed */
    gsize offset;
    const char *name; /* `environment`, `tracker`, …, `unknown` */
    gboolean odd_size; /* not a size that this block may have */
    GkLnkContent content;
    union {
        struct {
            GkText ansi, unicode;
        } paths;
        GkLnkConsole console;
        guint32 code_page;
        GkLnkTracker tracker;
        struct {
            guint32 id, offset;
        } special;
        struct {
            const char *guid;
            guint32 offset;
        } known;
        GkText shim;
        struct {
            guint n;
            gboolean foreign; /* one is of another make than the published */
        } stores;             /* of properties */
        GkLnkItems items;
    };
} GkLnkBlock;

/* Signatures that others ask for by name. */
enum {
    GK_SIGNATURE_ENVIRONMENT = 0xa0000001,
    GK_SIGNATURE_TRACKER = 0xa0000003,
    GK_SIGNATURE_SPECIAL_FOLDER = 0xa0000005,
    GK_SIGNATURE_DARWIN = 0xa0000006,
    GK_SIGNATURE_ICON_ENVIRONMENT = 0xa0000007,
    GK_SIGNATURE_KNOWN_FOLDER = 0xa000000b,
    GK_SIGNATURE_ITEM_LIST = 0xa000000c,
};

typedef struct {
    GkText strings[GK_LNK_N_STRINGS];
    guint16 counts[GK_LNK_N_STRINGS]; /* as the file claims */
    gboolean clamped;                 /* some count was over what this reader takes */
    GArray *blocks;                   /* of GkLnkBlock */
    gsize end;                        /* offset behind the terminal block: what is there is overlay */
    const char *targets[GK_LNK_N_SOURCES]; /* %NULL: not written there */
    GkLnkSource source;                    /* of the target; GK_LNK_N_SOURCES: it has none */
    const char *icon;                      /* %NULL: none */
} GkLnkView;

typedef struct {
    GkLnkReading reading; /* GK_LNK_N_READINGS: whatever the reading */
    gsize offset;
    const char *what;
} GkLnkDamage;

typedef struct {
    gsize size; /* of the file, which may be longer than what was parsed */
    GkLnkHeader header;
    GkLnkItems items;
    GkLnkInfo info;
    GkLnkView views[GK_LNK_N_READINGS];
    GArray *damage; /* of GkLnkDamage */
    GStringChunk *chunk;
} GkLnk;

/* Whether @data begins as a shortcut does: the header's size, and its class id too. */
gboolean gk_lnk_recognise (const guint8 *data, gsize size);

/**
 * gk_lnk_parse:
 * @data: the file's beginning
 * @size: its length, bytes
 * @file_size: the whole file's, at least @size
 *
 * Returns: (transfer full): what is in it; never %NULL
 */
GkLnk *gk_lnk_parse (const guint8 *data, gsize size, gsize file_size);

void gk_lnk_free (GkLnk *lnk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkLnk, gk_lnk_free)

/* The target in @view, or %NULL. */
static inline const char *
gk_lnk_target (const GkLnkView *view)
{
    return view->source < GK_LNK_N_SOURCES ? view->targets[view->source] : NULL;
}

/* The first block of @signature, or %NULL. */
const GkLnkBlock *gk_lnk_block (const GkLnkView *view, guint32 signature);
