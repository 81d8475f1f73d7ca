/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text out of hostile bytes, as UTF-8, with nothing cut and nothing lost.
 *
 * What UTF-8 or a C string cannot hold is written as gk_escape() writes it: a NUL is `\x00`, an
 * unpaired surrogate `\u{d800}`. All else stands as itself, controls and invisible characters
 * included: it is fit for JSON, not for a terminal. ANSI text is read as Windows-1252, for the
 * file does not say which code page its maker had. Pure, any thread. */
#pragma once

#include "hostd/share/scan/cursor.h"

typedef struct {
    const char *utf8;   /* %NULL: there is none. Lives as long as the chunk it was decoded into */
    guint units;        /* characters as stored: UTF-16 units or bytes */
    gboolean ended;     /* a NUL stands in it */
    gboolean hidden;    /* and something else behind that */
    gboolean surrogate; /* an unpaired surrogate stands in it */
} GkText;

/* At most @units characters: what there is of them. */
GkText gk_text_utf16 (GkCursor *cursor, gsize units, GStringChunk *chunk);
GkText gk_text_ansi (GkCursor *cursor, gsize bytes, GStringChunk *chunk);

/* Up to a NUL, which is passed over. Where none comes before the end of the window, or within what
 * the longest path of Windows takes, the cursor is marked broken. */
GkText gk_text_utf16_z (GkCursor *cursor, GStringChunk *chunk);
GkText gk_text_ansi_z (GkCursor *cursor, GStringChunk *chunk);

static inline gboolean
gk_text_empty (const GkText *text)
{
    return !text->utf8 || !*text->utf8;
}

/* Whether @c shows as nothing but room: the blanks that hide what follows them. */
gboolean gk_is_blank (gunichar c);

/* The longest run of blanks in @utf8, in characters. */
guint gk_blank_run (const char *utf8);

/* Whether @c takes no room at all. */
gboolean gk_is_zero_width (gunichar c);
