/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/cursor.h"

guint64
gk_cursor_u64 (GkCursor *cursor)
{
    guint64 low = gk_cursor_u32 (cursor);

    return low | (guint64) gk_cursor_u32 (cursor) << 32;
}

guint32
gk_cursor_u32 (GkCursor *cursor)
{
    guint32 low = gk_cursor_u16 (cursor);

    return low | (guint32) gk_cursor_u16 (cursor) << 16;
}

guint16
gk_cursor_u16 (GkCursor *cursor)
{
    guint16 low = gk_cursor_u8 (cursor);

    return (guint16) (low | gk_cursor_u8 (cursor) << 8);
}

guint8
gk_cursor_u8 (GkCursor *cursor)
{
    if (cursor->at == cursor->size) {
        cursor->broken = TRUE;
        return 0;
    }
    return cursor->data[cursor->at++];
}

GkCursor
gk_cursor_take (GkCursor *cursor, gsize size)
{
    gsize got = MIN (size, gk_cursor_left (cursor));
    GkCursor taken = {
        .data = cursor->data + cursor->at,
        .size = got,
        .base = gk_cursor_offset (cursor),
        .broken = got < size,
    };

    cursor->at += got;
    cursor->broken |= taken.broken;
    return taken;
}

GkCursor
gk_cursor_from (const GkCursor *cursor, gsize offset)
{
    gsize start = MIN (offset, cursor->size);

    return (GkCursor) {
        .data = cursor->data + start,
        .size = cursor->size - start,
        .base = cursor->base + start,
        .broken = offset > cursor->size,
    };
}

void
gk_cursor_skip (GkCursor *cursor, gsize size)
{
    gk_cursor_take (cursor, size);
}
