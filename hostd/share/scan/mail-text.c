/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/mail-text.h"

#include <string.h>

enum { PIECE = 16 << 10, CONTINUED_MAX = 32, WORD_MAX = 4096 };

/* Bytes on their way to a sink. */
typedef struct {
    guint8 bytes[PIECE];
    gsize n;
    gboolean (*sink) (gpointer data, const guint8 *bytes, gsize size);
    gpointer data;
    gboolean stopped;
} Out;

static void
flush (Out *out)
{
    if (out->n && !out->stopped)
        out->stopped = !out->sink (out->data, out->bytes, out->n);
    out->n = 0;
}

static void
put (Out *out, guint8 byte)
{
    if (out->n == PIECE)
        flush (out);
    out->bytes[out->n++] = byte;
}

static void
decode_base64 (Out *out, const char *text, gsize size)
{
    gint state = 0;
    guint save = 0;

    for (gsize i = 0; i < size && !out->stopped; i += PIECE / 2) {
        guint8 piece[PIECE];
        gsize n = g_base64_decode_step (text + i, MIN (size - i, PIECE / 2), piece, &state, &save);

        for (gsize k = 0; k < n; k++)
            put (out, piece[k]);
    }
}

static void
decode_quoted (Out *out, const char *text, gsize size)
{
    for (gsize i = 0; i < size && !out->stopped; i++) {
        gsize end = i + 1;

        if (text[i] != '=') {
            put (out, (guint8) text[i]);
            continue;
        }
        if (i + 2 < size && g_ascii_isxdigit (text[i + 1]) && g_ascii_isxdigit (text[i + 2])) {
            put (out, (guint8) (g_ascii_xdigit_value (text[i + 1]) << 4 |
                                g_ascii_xdigit_value (text[i + 2])));
            i += 2;
            continue;
        }
        while (end < size && (text[end] == ' ' || text[end] == '\t' || text[end] == '\r'))
            end++;
        if (end == size || text[end] == '\n')
            i = end; /* a soft line break */
        else
            put (out, '=');
    }
}

gboolean
gk_mail_decode (GkMailEncoding encoding, const char *text, gsize size,
                gboolean (*sink) (gpointer data, const guint8 *bytes, gsize size), gpointer data)
{
    g_autofree Out *out = NULL;

    if (encoding == GK_MAIL_PLAIN)
        return size == 0 || sink (data, (const guint8 *) text, size);
    out = g_new0 (Out, 1);
    out->sink = sink;
    out->data = data;
    if (encoding == GK_MAIL_BASE64)
        decode_base64 (out, text, size);
    else
        decode_quoted (out, text, size);
    flush (out);
    return !out->stopped;
}

static gboolean
append_bytes (gpointer data, const guint8 *bytes, gsize size)
{
    g_byte_array_append (data, bytes, (guint) size);
    return TRUE;
}

/* As UTF-8, if @charset is one that is known, or the bytes happen to be that. */
static void
append_as_utf8 (GString *out, const char *charset, const guint8 *bytes, gsize size)
{
    gboolean latin = g_ascii_strncasecmp (charset, "iso-8859-1", 10) == 0 ||
                     g_ascii_strcasecmp (charset, "windows-1252") == 0;

    if (g_utf8_validate ((const char *) bytes, (gssize) size, NULL)) {
        g_string_append_len (out, (const char *) bytes, (gssize) size);
        return;
    }
    for (gsize i = 0; i < size; i++)
        if (bytes[i] && bytes[i] < 0x80)
            g_string_append_c (out, (char) bytes[i]);
        else if (latin && bytes[i] >= 0xa0)
            g_string_append_unichar (out, bytes[i]);
        else
            g_string_append_printf (out, "\\x%02x", bytes[i]);
}

/* A whole `=?charset?B?text?=` at @at. Returns: what is behind it; %NULL: it is none. */
static const char *
decode_word (GString *out, const char *at)
{
    const char *charset = at + 2, *mark = strchr (charset, '?'), *text, *end;
    g_autoptr (GByteArray) bytes = NULL;
    g_autofree char *name = NULL, *body = NULL;
    GkMailEncoding encoding;

    if (!mark || !mark[1] || mark[2] != '?')
        return NULL;
    text = mark + 3;
    end = strstr (text, "?=");
    if (!end || end - at > WORD_MAX || !strchr ("bBqQ", mark[1]))
        return NULL;
    encoding = g_ascii_tolower (mark[1]) == 'b' ? GK_MAIL_BASE64 : GK_MAIL_QUOTED;
    name = g_strndup (charset, (gsize) (mark - charset));
    body = g_strndup (text, (gsize) (end - text));
    if (encoding == GK_MAIL_QUOTED)
        g_strdelimit (body, "_", ' ');
    bytes = g_byte_array_new ();
    gk_mail_decode (encoding, body, strlen (body), append_bytes, bytes);
    append_as_utf8 (out, name, bytes->data, bytes->len);
    return end + 2;
}

char *
gk_mail_decode_words (const char *text)
{
    GString *out = g_string_new (NULL);
    gboolean behind_word = FALSE;

    while (*text) {
        gsize gap = behind_word ? strspn (text, " \t") : 0;
        const char *behind =
            g_str_has_prefix (text + gap, "=?") ? decode_word (out, text + gap) : NULL;

        if (behind) { /* blanks between two words do not count */
            text = behind;
            behind_word = TRUE;
            continue;
        }
        behind_word = FALSE;
        if ((guchar) *text >= 0x20 || *text == '\t')
            g_string_append_c (out, *text);
        text++;
    }
    return g_string_free (out, FALSE);
}

/* --- parameters ------------------------------------------------------------------------------ */

/* One `name=value` of a header: @ret_name in lower case. Returns: what is behind it; %NULL: no
 * more. */
static const char *
next_parameter (const char *at, char **ret_name, char **ret_value)
{
    GString *value = g_string_new (NULL);
    gsize length;

    at += strspn (at, "; \t");
    length = strcspn (at, "=;");
    *ret_name = g_strchomp (g_ascii_strdown (at, (gssize) length));
    at += length;
    if (*at == '=') {
        at++;
        at += strspn (at, " \t");
        if (*at == '"') {
            for (at++; *at && *at != '"'; at++) {
                if (*at == '\\' && at[1])
                    at++;
                g_string_append_c (value, *at);
            }
            at += strcspn (at, ";");
        } else {
            length = strcspn (at, ";");
            g_string_append_len (value, at, (gssize) length);
            g_strchomp (value->str);
            g_string_set_size (value, strlen (value->str));
            at += length;
        }
    }
    *ret_value = g_string_free (value, FALSE);
    return *at ? at : NULL;
}

/* `charset'language'%41…`, or, in a part that is not the first, the text alone. */
static void
append_percent (GString *out, const char *text, gboolean first, char **charset)
{
    g_autoptr (GByteArray) bytes = g_byte_array_new ();
    const char *quote = first ? strchr (text, '\'') : NULL;
    const char *second = quote ? strchr (quote + 1, '\'') : NULL;

    if (second) {
        g_free (*charset);
        *charset = g_strndup (text, (gsize) (quote - text));
        text = second + 1;
    }
    for (; *text; text++) {
        guint8 byte = (guint8) *text;

        if (*text == '%' && g_ascii_isxdigit (text[1]) && g_ascii_isxdigit (text[2])) {
            byte = (guint8) (g_ascii_xdigit_value (text[1]) << 4 | g_ascii_xdigit_value (text[2]));
            text += 2;
        }
        g_byte_array_append (bytes, &byte, 1);
    }
    append_as_utf8 (out, *charset ? *charset : "utf-8", bytes->data, bytes->len);
}

/* The parameter @wanted exactly as it is called. */
static char *
find (const char *value, const char *wanted)
{
    const char *at = strchr (value, ';');

    while (at) {
        g_autofree char *name = NULL, *text = NULL;

        at = next_parameter (at, &name, &text);
        if (g_str_equal (name, wanted))
            return g_steal_pointer (&text);
    }
    return NULL;
}

static char *
find_continued (const char *value, const char *name)
{
    g_autofree char *charset = NULL;
    GString *out = g_string_new (NULL);

    for (guint i = 0; i < CONTINUED_MAX; i++) {
        g_autofree char *plain = g_strdup_printf ("%s*%u", name, i);
        g_autofree char *starred = g_strconcat (plain, "*", NULL);
        g_autofree char *text = find (value, plain);
        g_autofree char *coded = text ? NULL : find (value, starred);

        if (text)
            g_string_append (out, text);
        else if (coded)
            append_percent (out, coded, i == 0, &charset);
        else
            break;
    }
    return g_string_free (out, out->len == 0);
}

char *
gk_mail_parameter (const char *value, const char *name)
{
    g_autofree char *starred = g_strconcat (name, "*", NULL);
    g_autofree char *coded = find (value, starred), *plain = NULL, *charset = NULL;

    if (coded) {
        GString *out = g_string_new (NULL);

        append_percent (out, coded, TRUE, &charset);
        return g_string_free (out, FALSE);
    }
    plain = find_continued (value, name);
    if (!plain)
        plain = find (value, name);
    return plain ? gk_mail_decode_words (plain) : NULL;
}
