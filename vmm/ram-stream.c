/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stream as QEMU 7.2 writes it (migration/savevm.c and ram.c) without multifd, compression,
 * postcopy or shared memory left out, none of which libvirt uses to save.
 *
 * A record may say "the same block as the one before", which may be one that is dropped. So the
 * last block is known on both sides, and named where the reader does not know it. */
#include "vmm/ram-stream.h"

#include "base/fd.h"
#include "vmm/filter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAIN_MEMORY "pc.ram"
#define BLOCK_BYTES_MAX (G_GUINT64_CONSTANT (1) << 42)

enum {
    STREAM_MAGIC = 0x5145564d, /* QEVM */
    STREAM_VERSION = 3,
    RAM_VERSION = 4,
    PAGE = 4096,
    NAME_MAX_BYTES = 255,
    BLOCKS_MAX = 256,
    END_MAX = 4 << 20, /* of what describes the devices, behind them */
};

/* What a byte between sections says. */
enum {
    STREAM_END = 0x00,
    SECTION_START = 0x01,
    SECTION_PART = 0x02,
    SECTION_END = 0x03,
    SUBSECTION = 0x05,
    DESCRIPTION = 0x06,
    CONFIGURATION = 0x07,
    FOOTER = 0x7e,
};

/* What the low bits of a record's address say. */
enum {
    RECORD_ZERO = 0x02,
    RECORD_BLOCKS = 0x04,
    RECORD_PAGE = 0x08,
    RECORD_LAST = 0x10,
    RECORD_SAME_BLOCK = 0x20,
    RECORD_FLAGS = 0xfff,
};

typedef struct {
    char name[NAME_MAX_BYTES + 1];
    guint64 length;
} Block;

typedef struct {
    GkFilter filter;
    guint32 section; /* the number of `ram` */
    GArray *blocks; /* of Block; none until the stream has listed them, fixed then */
    const Block *named; /* the source's last record was of it; NULL: none yet */
    const Block *said; /* our last record in this part was of it; NULL: none yet */
    guint8 *seen; /* a bit for each page of main memory: there was a record with content */
} Strip;

static void
strip_clear (Strip *strip)
{
    gk_filter_clear (&strip->filter);
    g_clear_pointer (&strip->blocks, g_array_unref);
    g_clear_pointer (&strip->seen, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Strip, strip_clear)

static guint64
u64_at (const guint8 *bytes)
{
    guint64 value;

    memcpy (&value, bytes, sizeof value);
    return GUINT64_FROM_BE (value);
}

static guint32
u32_at (const guint8 *bytes)
{
    guint32 value;

    memcpy (&value, bytes, sizeof value);
    return GUINT32_FROM_BE (value);
}

/* Reads a name behind the byte that says how long it is; takes neither. */
static const guint8 *
look_name (GkFilter *filter, char ret_name[NAME_MAX_BYTES + 1], GError **error)
{
    const guint8 *bytes = gk_filter_look (filter, 1, error);
    gsize length = bytes ? *bytes : 0;

    bytes = bytes ? gk_filter_look (filter, 1 + length, error) : NULL;
    if (!bytes)
        return NULL;
    memcpy (ret_name, bytes + 1, length);
    ret_name[length] = '\0';
    return bytes;
}

static gboolean
copy_name (GkFilter *filter, char ret_name[NAME_MAX_BYTES + 1], GError **error)
{
    const guint8 *bytes = look_name (filter, ret_name, error);

    return bytes && gk_filter_copy (filter, 1 + (gsize) *bytes, error);
}

/* ---- the head ---- */

/* The one subsection that may be there says which migration features change the stream. */
static gboolean
copy_subsection (GkFilter *filter, GError **error)
{
    char name[NAME_MAX_BYTES + 1];
    guint32 version, features = 0;

    if (!gk_filter_copy (filter, 1, error) || !copy_name (filter, name, error) ||
        !gk_filter_copy_u32 (filter, &version, error))
        return FALSE;
    if (strcmp (name, "configuration/capabilities") != 0)
        return gk_filter_refuse (filter, error, "its head has an unknown part");
    if (!gk_filter_copy_u32 (filter, &features, error))
        return FALSE;
    return features == 0 ||
           gk_filter_refuse (filter, error, "it was saved with a migration feature switched on");
}

static gboolean
copy_head (GkFilter *filter, GError **error)
{
    guint32 magic, version, length;
    const guint8 *next;

    if (!gk_filter_copy_u32 (filter, &magic, error) ||
        !gk_filter_copy_u32 (filter, &version, error))
        return FALSE;
    if (magic != STREAM_MAGIC || version != STREAM_VERSION)
        return gk_filter_refuse (filter, error, "it does not begin as a QEMU stream does");
    next = gk_filter_look (filter, 1, error);
    if (!next || *next != CONFIGURATION)
        return next != NULL;
    if (!gk_filter_copy (filter, 1, error) || !gk_filter_copy_u32 (filter, &length, error))
        return FALSE;
    if (length > NAME_MAX_BYTES)
        return gk_filter_refuse (filter, error, "its machine has too long a name");
    if (!gk_filter_copy (filter, length, error))
        return FALSE;
    while ((next = gk_filter_look (filter, 1, error)) && *next == SUBSECTION)
        if (!copy_subsection (filter, error))
            return FALSE;
    return next != NULL;
}

/* ---- the memory ---- */

static gboolean
is_main (const Block *block)
{
    return strcmp (block->name, MAIN_MEMORY) == 0;
}

static const Block *
find_block (const Strip *strip, const char *name)
{
    for (guint i = 0; i < strip->blocks->len; i++) {
        const Block *block = &g_array_index (strip->blocks, Block, i);

        if (strcmp (block->name, name) == 0)
            return block;
    }
    return NULL;
}

/* The record that lists the blocks, which are @total bytes together. */
static gboolean
copy_blocks (Strip *strip, guint64 total, GError **error)
{
    GkFilter *filter = &strip->filter;

    if (strip->blocks->len > 0)
        return gk_filter_refuse (filter, error, "it lists its memory twice");
    if (!gk_filter_copy (filter, sizeof total, error))
        return FALSE;
    while (total > 0) {
        Block block;
        const guint8 *length;

        if (!copy_name (filter, block.name, error) ||
            !(length = gk_filter_copy (filter, sizeof block.length, error)))
            return FALSE;
        block.length = u64_at (length);
        if (block.length == 0 || block.length > MIN (total, BLOCK_BYTES_MAX) ||
            block.length % PAGE != 0 || strip->blocks->len == BLOCKS_MAX ||
            find_block (strip, block.name))
            return gk_filter_refuse (filter, error, "its list of memory makes no sense");
        if (is_main (&block))
            strip->seen = g_malloc0 (block.length / PAGE / 8 + 1);
        g_array_append_val (strip->blocks, block);
        total -= block.length;
    }
    return strip->seen || gk_filter_refuse (filter, error, "it has no memory block " MAIN_MEMORY);
}

/* Which block the record at hand is of; takes its name, if it has one. */
static gboolean
take_block (Strip *strip, gboolean same, GError **error)
{
    GkFilter *filter = &strip->filter;
    char name[NAME_MAX_BYTES + 1];

    if (!same) {
        const guint8 *bytes = look_name (filter, name, error);

        if (!bytes)
            return FALSE;
        gk_filter_drop (filter, 1 + (gsize) *bytes);
        strip->named = find_block (strip, name);
    }
    return strip->named || gk_filter_refuse (filter, error, "it has a page of no known memory");
}

/* Of main memory only, and only where no other content was loaded before: whether a record of zeros
 * can be left out. */
static gboolean
is_needless (Strip *strip, guint64 address, gboolean zero)
{
    guint64 page = address / PAGE;

    if (!is_main (strip->named))
        return FALSE;
    if (!zero)
        strip->seen[page / 8] |= (guint8) (1 << page % 8);
    return zero && !(strip->seen[page / 8] & 1 << page % 8);
}

static gboolean
put_record_head (Strip *strip, guint64 address, guint64 kind, GError **error)
{
    gboolean same = strip->said == strip->named;
    guint64 word = GUINT64_TO_BE (address | kind | (same ? RECORD_SAME_BLOCK : 0));
    guint8 length = (guint8) strlen (strip->named->name);

    strip->said = strip->named;
    return gk_filter_put (&strip->filter, &word, sizeof word, error) &&
           (same || (gk_filter_put (&strip->filter, &length, 1, error) &&
                     gk_filter_put (&strip->filter, strip->named->name, length, error)));
}

static gboolean
pass_page (Strip *strip, guint64 word, GError **error)
{
    GkFilter *filter = &strip->filter;
    guint64 address = word & ~(guint64) RECORD_FLAGS, kind = word & (RECORD_ZERO | RECORD_PAGE);
    gboolean zero = kind == RECORD_ZERO;
    const guint8 *content;

    gk_filter_drop (filter, sizeof word);
    if (!take_block (strip, (word & RECORD_SAME_BLOCK) != 0, error))
        return FALSE;
    if (address >= strip->named->length)
        return gk_filter_refuse (filter, error, "it has a page beyond its memory");
    content = gk_filter_look (filter, zero ? 1 : PAGE, error);
    if (!content)
        return FALSE;
    if (zero && *content != 0)
        return gk_filter_refuse (filter, error, "it has a page filled with other than zero");
    if (is_needless (strip, address, zero)) {
        gk_filter_drop (filter, 1);
        return TRUE;
    }
    return put_record_head (strip, address, kind, error) &&
           gk_filter_copy (filter, zero ? 1 : PAGE, error);
}

/* One part of the memory, up to the record that says so. */
static gboolean
pass_records (Strip *strip, GError **error)
{
    GkFilter *filter = &strip->filter;

    strip->said = NULL;
    for (;;) {
        const guint8 *bytes = gk_filter_look (filter, sizeof (guint64), error);
        guint64 word = bytes ? u64_at (bytes) : 0;
        guint64 flags = word & RECORD_FLAGS, kind = flags & ~(guint64) RECORD_SAME_BLOCK;
        gboolean ok;

        if (!bytes)
            return FALSE;
        if (word == RECORD_LAST)
            return gk_filter_copy (filter, sizeof word, error) != NULL;
        if (flags == RECORD_BLOCKS)
            ok = copy_blocks (strip, word - flags, error);
        else if (kind == RECORD_ZERO || kind == RECORD_PAGE)
            ok = pass_page (strip, word, error);
        else
            ok = gk_filter_refuse (filter, error, "it has an unknown record (0x%x)", (guint) flags);
        if (!ok)
            return FALSE;
    }
}

/* ---- the sections ---- */

/* The section's name, instance and version stand at its start only. */
static gboolean
copy_introduction (Strip *strip, GError **error)
{
    GkFilter *filter = &strip->filter;
    char name[NAME_MAX_BYTES + 1];
    guint32 instance, version;

    if (!copy_name (filter, name, error) || !gk_filter_copy_u32 (filter, &instance, error) ||
        !gk_filter_copy_u32 (filter, &version, error))
        return FALSE;
    return (strcmp (name, "ram") == 0 && version == RAM_VERSION) ||
           gk_filter_refuse (filter, error, "its first section is not memory of version %d",
                             RAM_VERSION);
}

static gboolean
copy_footer (Strip *strip, GError **error)
{
    GkFilter *filter = &strip->filter;
    const guint8 *next = gk_filter_look (filter, 1, error);
    guint32 section;

    if (!next || *next != FOOTER)
        return next != NULL;
    if (!gk_filter_copy (filter, 1, error) || !gk_filter_copy_u32 (filter, &section, error))
        return FALSE;
    return section == strip->section ||
           gk_filter_refuse (filter, error, "its memory is closed by another section");
}

/* @ret_mark: which kind of section it was */
static gboolean
pass_section (Strip *strip, guint8 *ret_mark, GError **error)
{
    GkFilter *filter = &strip->filter;
    const guint8 *mark = gk_filter_copy (filter, 1, error);
    gboolean begun = strip->blocks->len > 0;
    guint32 section;

    if (!mark)
        return FALSE;
    *ret_mark = *mark;
    if (*ret_mark != (begun ? SECTION_PART : SECTION_START) && !(begun && *ret_mark == SECTION_END))
        return gk_filter_refuse (filter, error, "a section other than memory comes first");
    if (!gk_filter_copy_u32 (filter, &section, error))
        return FALSE;
    if (!begun)
        strip->section = section;
    else if (section != strip->section)
        return gk_filter_refuse (filter, error, "a section other than memory comes first");
    if ((!begun && !copy_introduction (strip, error)) || !pass_records (strip, error))
        return FALSE;
    return strip->blocks->len > 0 ? copy_footer (strip, error)
                                  : gk_filter_refuse (filter, error, "it does not list its memory");
}

/* A whole stream ends with a description of its devices, and with how long that is. The devices
 * themselves cannot be told apart. */
static gboolean
check_end (int from, guint64 size, GError **error)
{
    guint64 rest = MIN (size, END_MAX);
    g_autofree guint8 *end = g_malloc (rest);
    off_t begun = lseek (from, 0, SEEK_CUR);

    if (begun < 0 || pread (from, end, rest, begun + (off_t) (size - rest)) != (gssize) rest)
        return gk_set_errno (error, errno, "cannot read its end");
    for (guint64 i = 0; i + 7 < rest; i++)
        if (end[i] == STREAM_END && end[i + 1] == DESCRIPTION && end[i + 6] == '{' &&
            end[rest - 1] == '}' && u32_at (end + i + 2) == rest - i - 6)
            return TRUE;
    g_set_error_literal (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                         "its end is missing: it was cut short");
    return FALSE;
}

gboolean
gk_ram_stream_strip (int from, guint64 size, int to, guint64 *ret_written,
                     GCancellable *cancellable, GError **error)
{
    g_auto (Strip)
        strip = { .blocks = g_array_sized_new (FALSE, FALSE, sizeof (Block), BLOCKS_MAX) };
    guint8 mark = 0;

    gk_filter_init (&strip.filter, from, size, to, cancellable);
    if (!check_end (from, size, error) || !copy_head (&strip.filter, error))
        return FALSE;
    while (mark != SECTION_END)
        if (!pass_section (&strip, &mark, error))
            return FALSE;
    if (!gk_filter_finish (&strip.filter, error))
        return FALSE;
    *ret_written = strip.filter.written;
    return TRUE;
}
