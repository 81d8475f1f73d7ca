/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files inside bytes that have no directory: what follows a shortcut's end. Each begins with its
 * mark, and ends where its format says, or where the next one begins. */
#include "hostd/share/scan/carve.h"

#include "hostd/share/scan/cursor.h"

#include <string.h>

enum { CARVED_MOST = 16, SECTIONS_MOST = 96, SECTION = 40 };

static gsize
end_of_pe (const guint8 *data, gsize size)
{
    GkCursor all = gk_cursor (data, size), at = gk_cursor_from (&all, 0x3c);
    gsize pe = gk_cursor_u32 (&at), end = 0;
    guint sections, optional;

    at = gk_cursor_from (&all, pe);
    if (gk_cursor_u32 (&at) != 0x4550)
        return 0;
    gk_cursor_skip (&at, 2);
    sections = gk_cursor_u16 (&at);
    sections = MIN (sections, SECTIONS_MOST);
    gk_cursor_skip (&at, 12);
    optional = gk_cursor_u16 (&at);
    gk_cursor_skip (&at, 2 + optional);
    for (guint i = 0; i < sections; i++) {
        GkCursor section = gk_cursor_take (&at, SECTION);
        gsize length, from;

        gk_cursor_skip (&section, 16);
        length = gk_cursor_u32 (&section);
        from = gk_cursor_u32 (&section);
        if (!section.broken)
            end = MAX (end, from + length);
    }
    return end ? MIN (end, size) : size;
}

static gsize
end_of_zip (const guint8 *data, gsize size)
{
    for (gsize at = 0; at + 22 <= size; at++)
        if (memcmp (data + at, "PK\5\6", 4) == 0)
            return MIN (at + 22 + (data[at + 20] | (gsize) data[at + 21] << 8), size);
    return size;
}

static gsize
end_of_pdf (const guint8 *data, gsize size)
{
    gsize end = 0;

    for (gsize at = 0; at + 5 <= size; at++)
        if (memcmp (data + at, "%%EOF", 5) == 0)
            end = at + 5;
    return end ? end : size;
}

static gsize
end_of_all (const guint8 *data, gsize size)
{
    return size;
}

static const struct {
    const char *mark; /* in lower case where letters count alike */
    gsize length;
    gboolean fold;
    const char *name;
    gsize (*end) (const guint8 *data, gsize size); /* 0: it is none after all */
} marks[] = {
    {"MZ",                                2,  FALSE, "program.exe",  end_of_pe },
    { "PK\3\4",                           4,  FALSE, "archive.zip",  end_of_zip},
    { "%PDF-",                            5,  FALSE, "document.pdf", end_of_pdf},
    { "7z\xbc\xaf\x27\x1c",               6,  FALSE, "archive.7z",   end_of_all},
    { "Rar!\x1a\7",                       6,  FALSE, "archive.rar",  end_of_all},
    { "MSCF\0\0\0\0",                     8,  FALSE, "archive.cab",  end_of_all},
    { "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8,  FALSE, "document.ole", end_of_all},
    { "{\\rtf",                           5,  FALSE, "document.rtf", end_of_all},
    { "<hta:application",                 16, TRUE,  "page.hta",     end_of_all},
    { "<!doctype html",                   14, TRUE,  "page.html",    end_of_all},
    { "<html",                            5,  TRUE,  "page.html",    end_of_all},
    { "<script",                          7,  TRUE,  "page.hta",     end_of_all},
    { "<job",                             4,  TRUE,  "script.wsf",   end_of_all},
};

static gboolean
is_mark (const guint8 *data, gsize size, gsize which)
{
    if (size < marks[which].length)
        return FALSE;
    return marks[which].fold ? g_ascii_strncasecmp ((const char *) data, marks[which].mark,
                                                    marks[which].length) == 0
                             : memcmp (data, marks[which].mark, marks[which].length) == 0;
}

/* Returns: which mark stands at @data, with its file's length; G_N_ELEMENTS (marks): none */
static gsize
find_mark (const guint8 *data, gsize size, gsize *ret_length)
{
    for (gsize i = 0; i < G_N_ELEMENTS (marks); i++)
        if (is_mark (data, size, i) && (*ret_length = marks[i].end (data, size)) > 0)
            return i;
    return G_N_ELEMENTS (marks);
}

guint
gk_carve (const guint8 *data, gsize size, const GkVisitor *visitor)
{
    guint n = 0;

    for (gsize at = 0; at < size && n < CARVED_MOST;) {
        gsize length = 0, which = find_mark (data + at, size - at, &length);

        if (which == G_N_ELEMENTS (marks)) {
            at++;
            continue;
        }
        n++;
        if (!visitor->begin (visitor->data, marks[which].name, TRUE))
            return n;
        if (!visitor->end (visitor->data,
                           visitor->bytes (visitor->data, data + at, length)
                               ? GK_TROUBLE_NONE
                               : GK_TROUBLE_OVER_LIMIT,
                           NULL))
            return n;
        at += length;
    }
    return n;
}
