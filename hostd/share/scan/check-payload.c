/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs and scripts inside bytes that have no business to hold one. */
#include "hostd/share/scan/checks.h"

#include <string.h>

enum { DOS_HEADER_SIZE = 0x40, PE_OFFSET_AT = 0x3c };

static const struct {
    const char *mark; /* in lower case; found as ASCII and as UTF-16 */
    const char *what;
} marks[] = {
    {"this program cannot be run", "a program"},
    { "<script",                   "a script" },
    { "<hta:",                     "a script" },
    { "<html",                     "a script" },
    { "activexobject",             "a script" },
    { "createobject",              "a script" },
    { "invoke-expression",         "a script" },
    { "frombase64string",          "a script" },
    { "@echo off",                 "a script" },
};

/* Two letters alone stand in any bytes by chance. */
static gboolean
is_program (const guint8 *data, gsize size)
{
    GkCursor all = gk_cursor (data, size), at = gk_cursor_from (&all, MIN (PE_OFFSET_AT, size));

    if (size < 4 || memcmp (data, "MZ", 2) != 0)
        return FALSE;
    if (data[2] == 0x90 && data[3] == 0)
        return TRUE;
    if (size < DOS_HEADER_SIZE)
        return FALSE;
    at = gk_cursor_from (&all, gk_cursor_u32 (&at));
    return gk_cursor_u32 (&at) == 0x4550; /* "PE" */
}

static gboolean
has_mark (const guint8 *data, gsize size, const char *mark, gsize width)
{
    gsize length = strlen (mark);

    if (size < length * width)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if (g_ascii_tolower ((char) data[i * width]) != mark[i] ||
            (width == 2 && data[i * width + 1]))
            return FALSE;
    return TRUE;
}

const char *
gk_payload_in (const guint8 *data, gsize size)
{
    for (gsize at = 0; at < size; at++) {
        if (is_program (data + at, size - at))
            return "a program";
        for (gsize i = 0; i < G_N_ELEMENTS (marks); i++)
            if (has_mark (data + at, size - at, marks[i].mark, 1) ||
                has_mark (data + at, size - at, marks[i].mark, 2))
                return marks[i].what;
    }
    return size >= 2 && memcmp (data, "MZ", 2) == 0 ? "a program" : NULL;
}
