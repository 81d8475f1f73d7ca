/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/text.h"

enum { PATH_LONGEST = 32767 };

/* What Windows-1252 has at 0x80 to 0x9f; its five holes are C1 controls, as Windows does it. */
static const guint16 cp1252_high[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static void
append (GString *out, GkText *text, gunichar c)
{
    text->hidden |= text->ended && c != 0;
    if (c == 0) {
        text->ended = TRUE;
        g_string_append (out, "\\x00");
    } else if (c < 0x80) {
        g_string_append_c (out, (char) c);
    } else if (c >= 0xd800 && c <= 0xdfff) {
        text->surrogate = TRUE;
        g_string_append_printf (out, "\\u{%04x}", c);
    } else {
        g_string_append_unichar (out, c);
    }
}

static GkText
keep (GkText text, GString *out, GStringChunk *chunk)
{
    text.utf8 = g_string_chunk_insert_len (chunk, out->str, (gssize) out->len);
    g_string_free (out, TRUE);
    return text;
}

/* The unit after a high surrogate completes it, or is left where it is. */
static gunichar
read_utf16 (GkCursor *cursor, gsize units_left)
{
    gunichar c = gk_cursor_u16 (cursor);
    GkCursor ahead = *cursor;
    gunichar low;

    if (c < 0xd800 || c > 0xdbff || units_left < 2 || gk_cursor_left (cursor) < 2)
        return c;
    low = gk_cursor_u16 (&ahead);
    if (low < 0xdc00 || low > 0xdfff)
        return c;
    *cursor = ahead;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

GkText
gk_text_utf16 (GkCursor *cursor, gsize units, GStringChunk *chunk)
{
    gsize whole = MIN (units, gk_cursor_left (cursor) / 2);
    GkText text = { .units = (guint) whole };
    GString *out = g_string_sized_new (whole + 1);

    for (gsize left = whole; left > 0;) {
        gunichar c = read_utf16 (cursor, left);

        append (out, &text, c);
        left -= c > 0xffff ? 2 : 1;
    }
    if (whole < units)
        gk_cursor_skip (cursor, 2 * (units - whole));
    return keep (text, out, chunk);
}

GkText
gk_text_ansi (GkCursor *cursor, gsize bytes, GStringChunk *chunk)
{
    gsize whole = MIN (bytes, gk_cursor_left (cursor));
    GkText text = { .units = (guint) whole };
    GString *out = g_string_sized_new (whole + 1);

    for (gsize i = 0; i < whole; i++) {
        guint8 byte = gk_cursor_u8 (cursor);

        append (out, &text, byte >= 0x80 && byte < 0xa0 ? cp1252_high[byte - 0x80] : byte);
    }
    gk_cursor_skip (cursor, bytes - whole);
    return keep (text, out, chunk);
}

GkText
gk_text_utf16_z (GkCursor *cursor, GStringChunk *chunk)
{
    GkCursor ahead = *cursor;
    gsize units = 0;
    GkText text;

    while (units < PATH_LONGEST && gk_cursor_left (&ahead) >= 2 && gk_cursor_u16 (&ahead) != 0)
        units++;
    text = gk_text_utf16 (cursor, units, chunk);
    cursor->broken |= gk_cursor_u16 (cursor) != 0;
    return text;
}

GkText
gk_text_ansi_z (GkCursor *cursor, GStringChunk *chunk)
{
    GkCursor ahead = *cursor;
    gsize bytes = 0;
    GkText text;

    while (bytes < PATH_LONGEST && gk_cursor_left (&ahead) > 0 && gk_cursor_u8 (&ahead) != 0)
        bytes++;
    text = gk_text_ansi (cursor, bytes, chunk);
    cursor->broken |= gk_cursor_u8 (cursor) != 0;
    return text;
}

gboolean
gk_is_blank (gunichar c)
{
    switch (c) {
    case 0x09 ... 0x0d:
    case 0x20:
    case 0x85:
    case 0xa0:
    case 0x115f:
    case 0x1160:
    case 0x1680:
    case 0x2000 ... 0x200a:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x2800:
    case 0x3000:
    case 0x3164:
    case 0xffa0:
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean
gk_is_zero_width (gunichar c)
{
    return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2060 && c <= 0x2064) || c == 0xfeff;
}

guint
gk_blank_run (const char *utf8)
{
    guint run = 0, longest = 0;

    for (const char *at = utf8; at && *at; at = g_utf8_next_char (at)) {
        gunichar c = g_utf8_get_char (at);

        if (gk_is_blank (c))
            run++;
        else if (!gk_is_zero_width (c)) /* one of these in between does not end the gap */
            run = 0;
        longest = MAX (longest, run);
    }
    return longest;
}
