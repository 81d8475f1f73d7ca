/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading hostile bytes: a window on memory with a place in it. No length, offset or count from a
 * file is used but through one of these.
 *
 * A read past the end gives zeroes, moves to the end and marks the cursor broken, for good: so a
 * structure is read whole and asked once. Nothing here allocates. Pure, any thread. */
#pragma once

#include <glib.h>

typedef struct {
    const guint8 *data;
    gsize size;
    gsize at;        /* always <= size */
    gsize base;      /* where data[0] stands in the file, for messages */
    gboolean broken; /* something was read past the end */
} GkCursor;

static inline GkCursor
gk_cursor (const guint8 *data, gsize size)
{
    return (GkCursor) { .data = data, .size = size };
}

static inline gsize
gk_cursor_left (const GkCursor *cursor)
{
    return cursor->size - cursor->at;
}

/* The offset in the file of what is read next. */
static inline gsize
gk_cursor_offset (const GkCursor *cursor)
{
    return cursor->base + cursor->at;
}

/* Little-endian numbers. */
guint8 gk_cursor_u8 (GkCursor *cursor);
guint16 gk_cursor_u16 (GkCursor *cursor);
guint32 gk_cursor_u32 (GkCursor *cursor);
guint64 gk_cursor_u64 (GkCursor *cursor);

/* The next @size bytes as a cursor of their own; what there is of them where that is less (then
 * both are broken). @cursor stands behind them. */
GkCursor gk_cursor_take (GkCursor *cursor, gsize size);

/* What lies from @offset (counted from the window's start) to the end; broken where that is
 * outside. @cursor does not move. */
GkCursor gk_cursor_from (const GkCursor *cursor, gsize offset);

void gk_cursor_skip (GkCursor *cursor, gsize size);
