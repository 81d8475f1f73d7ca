/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/fit-name.h"

#include "base/escape.h"

#include <string.h>

enum { ENDING_MAX = 48, CLAIMED_MAX = 1 << 16 };

static const char *const devices[] = {
    "CON",  "PRN",  "AUX",  "NUL",  "CONIN$", "CONOUT$", "COM0", "COM1", "COM2", "COM3", "COM4",
    "COM5", "COM6", "COM7", "COM8", "COM9",   "LPT0",    "LPT1", "LPT2", "LPT3", "LPT4", "LPT5",
    "LPT6", "LPT7", "LPT8", "LPT9", "COM¹",   "COM²",    "COM³", "LPT¹", "LPT²", "LPT³",
};

/* Marks that combine with a letter are part of names in many scripts, though they take no width; a
 * few take no ink either. */
static gboolean
is_visible_mark (gunichar c)
{
    return g_unichar_ismark (c) && c != 0x034f && c != 0x17b4 && c != 0x17b5 &&
           !(c >= 0x180b && c <= 0x180f) && !(c >= 0xfe00 && c <= 0xfe0f) &&
           !(c >= 0xe0100 && c <= 0xe01ef);
}

static gboolean
may_stand (gunichar c, const char *bytes, gsize size)
{
    g_autofree char *shown = NULL;

    if (c < 0x80)
        return c >= ' ' && c != 0x7f && !strchr ("\\/:*?\"<>|", (int) c);
    if (is_visible_mark (c))
        return TRUE;
    shown = gk_escape (bytes, (gssize) size);
    return strlen (shown) == size && memcmp (shown, bytes, size) == 0;
}

static GString *
replace_unfit (const char *claimed)
{
    GString *out = g_string_new (NULL);
    gsize left = strnlen (claimed, CLAIMED_MAX);

    while (left > 0) {
        gunichar c = g_utf8_get_char_validated (claimed, (gssize) left);
        gsize size =
            c == (gunichar) -1 || c == (gunichar) -2 ? 1 : (gsize) g_unichar_to_utf8 (c, NULL);

        if (c <= 0x10ffff && may_stand (c, claimed, size))
            g_string_append_len (out, claimed, (gssize) size);
        else
            g_string_append_c (out, '_');
        claimed += size;
        left -= size;
    }
    return out;
}

/* Windows drops dots and spaces at the end: `a.lnk.` would be another file there. */
static void
replace_tail (GString *name)
{
    for (gsize i = name->len; i > 0 && (name->str[i - 1] == '.' || name->str[i - 1] == ' '); i--)
        name->str[i - 1] = '_';
    if (name->len == 0)
        g_string_append_c (name, '_');
}

/* Windows looks at what stands before the first dot, without the spaces at its end. */
static gboolean
is_device (const char *name)
{
    g_autofree char *base = g_strndup (name, strcspn (name, "."));

    g_strchomp (base);
    for (gsize i = 0; i < G_N_ELEMENTS (devices); i++)
        if (g_ascii_strcasecmp (base, devices[i]) == 0)
            return TRUE;
    return FALSE;
}

/* How many bytes of @text fit into @room without cutting a character, or a mark off its letter. */
static gsize
fitting (const char *text, gsize room)
{
    const char *end = text + room;

    if (strlen (text) <= room)
        return strlen (text);
    while (end > text && ((*end & 0xc0) == 0x80 || g_unichar_ismark (g_utf8_get_char (end))))
        end--;
    return (gsize) (end - text);
}

char *
gk_fit_name (const char *claimed, guint copy)
{
    g_autoptr (GString) name = replace_unfit (claimed);
    g_autofree char *number = copy > 1 ? g_strdup_printf (" (%u)", copy) : g_strdup ("");
    g_autofree char *ending = NULL;
    const char *dot;

    replace_tail (name);
    if (is_device (name->str))
        g_string_prepend_c (name, '_');
    dot = strrchr (name->str, '.');
    if (dot && dot > name->str && strlen (dot) <= ENDING_MAX) {
        ending = g_strdup (dot);
        g_string_truncate (name, (gsize) (dot - name->str));
    }
    g_string_truncate (name, fitting (name->str, GK_FIT_NAME_MAX - strlen (number) -
                                                     (ending ? strlen (ending) : 0)));
    g_string_append_printf (name, "%s%s", number, ending ? ending : "");
    replace_tail (name);
    return g_strdup (name->str);
}
