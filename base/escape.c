/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"

#include <string.h>

static gboolean
shows_as_itself (gunichar c)
{
    switch (g_unichar_type (c)) {
    case G_UNICODE_CONTROL:
    case G_UNICODE_FORMAT:
    case G_UNICODE_UNASSIGNED:
    case G_UNICODE_PRIVATE_USE:
    case G_UNICODE_SURROGATE:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return FALSE;
    case G_UNICODE_SPACE_SEPARATOR:
        return c == ' ';
    default:
        /* Blank, though Unicode calls them letters and symbols. */
        return c != '\\' && c != 0x115f && c != 0x1160 && c != 0x2800 && c != 0x3164 &&
               c != 0xffa0 && !g_unichar_iszerowidth (c);
    }
}

static void
append_escaped (GString *out, gunichar c)
{
    switch (c) {
    case '\n':
        g_string_append (out, "\\n");
        break;
    case '\r':
        g_string_append (out, "\\r");
        break;
    case '\t':
        g_string_append (out, "\\t");
        break;
    case '\\':
        g_string_append (out, "\\\\");
        break;
    default:
        g_string_append_printf (out, c < 0x80 ? "\\x%02x" : "\\u{%04x}", c);
    }
}

char *
gk_escape (const char *bytes, gssize size)
{
    GString *out = g_string_new (NULL);
    const char *at = bytes, *end;

    if (!bytes)
        return g_string_free (out, FALSE);
    end = bytes + (size < 0 ? (gssize) strlen (bytes) : size);
    while (at < end) {
        gunichar c = g_utf8_get_char_validated (at, end - at);

        if (c == (gunichar) -1 || c == (gunichar) -2) {
            g_string_append_printf (out, "\\x%02x", (guchar) *at++);
            continue;
        }
        if (shows_as_itself (c))
            g_string_append_unichar (out, c);
        else
            append_escaped (out, c);
        /* A NUL is a character here; g_utf8_next_char would not mind either. */
        at += c ? g_unichar_to_utf8 (c, NULL) : 1;
    }
    return g_string_free (out, FALSE);
}
