/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/decode.h"

#include "hostd/share/scan/text.h"

#include <string.h>

enum {
    LAYERS_MOST = 8,
    VARIABLES_MOST = 64,
    TEXT_MOST = 128 << 10, /* bytes that one layer may grow to */
    BASE64_LEAST = 16,
};

void
gk_decoded_free (GkDecoded *decoded)
{
    g_free (decoded->text);
    g_free (decoded);
}

static gboolean
is_letter (char c)
{
    return g_ascii_isalnum (c) || c == '_';
}

/* --- cmd ------------------------------------------------------------------------------------- */

/* What every Windows has by these names, in the place where it mostly is. */
static const struct {
    const char *name, *value;
} well_known[] = {
    {"comspec",             "C:\\Windows\\System32\\cmd.exe"                             },
    { "systemroot",         "C:\\Windows"                                                },
    { "windir",             "C:\\Windows"                                                },
    { "systemdrive",        "C:"                                                         },
    { "programfiles",       "C:\\Program Files"                                          },
    { "programdata",        "C:\\ProgramData"                                            },
    { "allusersprofile",    "C:\\ProgramData"                                            },
    { "public",             "C:\\Users\\Public"                                          },
    { "commonprogramfiles", "C:\\Program Files\\Common Files"                            },
    { "os",                 "Windows_NT"                                                 },
    { "pathext",            ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH;.MSC"      },
    { "psmodulepath",       "C:\\Program Files\\WindowsPowerShell\\Modules;C:\\Windows"
                      "\\system32\\WindowsPowerShell\\v1.0\\Modules"},
};

static GHashTable *
new_variables (void)
{
    GHashTable *variables = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

    for (gsize i = 0; i < G_N_ELEMENTS (well_known); i++)
        g_hash_table_insert (variables, g_strdup (well_known[i].name),
                             g_strdup (well_known[i].value));
    return variables;
}

/* `set x=…` up to what ends a command. */
static void
learn_variables (const char *text, GHashTable *variables)
{
    for (const char *at = text; (at = strchr (at, '=')) != NULL; at++) {
        const char *name = at, *value = at + 1, *word;
        gsize length = strcspn (value, "&|\r\n");

        while (name > text && is_letter (name[-1]))
            name--;
        word = name;
        while (word > text && (word[-1] == ' ' || word[-1] == '"'))
            word--;
        if (name == at || word - text < 3 || word == name ||
            g_ascii_strncasecmp (word - 3, "set", 3) != 0 ||
            (word - text > 3 && is_letter (word[-4])) ||
            g_hash_table_size (variables) > VARIABLES_MOST)
            continue;
        while (length > 0 && value[length - 1] == '"')
            length--;
        g_hash_table_replace (variables, g_ascii_strdown (name, at - name),
                              g_strndup (value, length));
    }
}

/* `:~from,count` of @value, by characters; negative numbers count from its end. */
static char *
cut (const char *value, const char *range)
{
    gint64 size = g_utf8_strlen (value, -1), from, count = size;
    char *end;

    from = CLAMP (g_ascii_strtoll (range, &end, 10), -size, size);
    if (*end == ',')
        count = CLAMP (g_ascii_strtoll (end + 1, NULL, 10), -size, size);
    if (from < 0)
        from += size;
    if (count < 0)
        count = MAX (size + count - from, 0);
    return g_utf8_substring (value, from, MIN (from + count, size));
}

/* `%name%`, `%name:~1,2%` or `!name!` at @at. Returns: what is behind it; %NULL: it is none that is
 * known. */
static const char *
expand_one (const char *at, GHashTable *variables, GString *out)
{
    const char *end = strchr (at + 1, *at), *colon;
    g_autofree char *name = NULL, *value = NULL;
    const char *known;

    if (!end || end == at + 1 || end - at > 80)
        return NULL;
    colon = memchr (at, ':', (gsize) (end - at));
    name = g_ascii_strdown (at + 1, (colon ? colon : end) - at - 1);
    known = g_hash_table_lookup (variables, name);
    if (!known || (colon && colon[1] != '~'))
        return NULL;
    value = colon ? cut (known, colon + 2) : g_strdup (known);
    g_string_append (out, value);
    return end + 1;
}

static char *
expand (const char *text)
{
    g_autoptr (GHashTable) variables = new_variables ();
    GString *out = g_string_new (NULL);

    learn_variables (text, variables);
    for (const char *at = text; *at;) {
        const char *behind = *at == '%' || *at == '!' ? expand_one (at, variables, out) : NULL;

        if (behind)
            at = behind;
        else
            g_string_append_c (out, *at++);
        if (out->len > TEXT_MOST) /* half of it would be another command */
            return g_string_free (out, TRUE);
    }
    return g_string_free (out, FALSE);
}

/* A caret stands for what follows it; pairs of quotes inside a word stand for nothing. */
static char *
strip_marks (const char *text)
{
    GString *out = g_string_new (NULL);

    for (const char *at = text; *at; at++) {
        gboolean inside = at > text && is_letter (at[-1]);

        if ((*at == '^' || *at == '`') && at[1])
            continue;
        if (inside && at[0] == at[1] && (*at == '"' || *at == '\'') && is_letter (at[2])) {
            at++;
            continue;
        }
        g_string_append_c (out, *at);
    }
    return g_string_free (out, FALSE);
}

/* --- PowerShell ------------------------------------------------------------------------------ */

/* 'ab'+'cd' and "ab" + "cd". */
static char *
join_texts (const char *text)
{
    GString *out = g_string_new (NULL);

    for (const char *at = text; *at; at++) {
        const char *next = at + 1;

        if (*at == '\'' || *at == '"') {
            next += strspn (next, " ");
            if (*next == '+') {
                next++;
                next += strspn (next, " ");
                if (*next == *at) {
                    at = next;
                    continue;
                }
            }
        }
        g_string_append_c (out, *at);
    }
    return g_string_free (out, FALSE);
}

/* [char]104 and [char]0x68, with the pluses between them. */
static char *
fill_in_characters (const char *text)
{
    GString *out = g_string_new (NULL);

    for (const char *at = text; *at;) {
        gboolean is_char = g_ascii_strncasecmp (at, "[char]", 6) == 0;
        char *end = NULL;
        guint64 code = is_char ? g_ascii_strtoull (at + 6 + strspn (at + 6, "( "), &end, 0) : 0;

        if (!is_char || code == 0 || code > 0xffff || (code >= 0xd800 && code <= 0xdfff)) {
            g_string_append_c (out, *at++);
            continue;
        }
        g_string_append_unichar (out, (gunichar) code);
        at = end + strspn (end, ") ");
        if (*at == '+')
            at += 1 + strspn (at + 1, " (");
    }
    return g_string_free (out, FALSE);
}

static gboolean
is_base64 (char c)
{
    return g_ascii_isalnum (c) || c == '+' || c == '/' || c == '=';
}

/* Text out of bytes that hold nothing but that: UTF-16 of mostly ASCII, or UTF-8. */
static char *
text_of (const guint8 *bytes, gsize size)
{
    gsize wide = 0, narrow = 0;

    for (gsize i = 0; i < size; i++) {
        gboolean shows = g_ascii_isprint (bytes[i]) || g_ascii_isspace (bytes[i]);

        narrow += shows || bytes[i] >= 0x80;
        wide += i % 2 ? bytes[i] == 0 : shows;
    }
    if (size >= 4 && wide * 10 >= size * 9) {
        g_autoptr (GStringChunk) chunk = g_string_chunk_new (64);
        GkCursor at = gk_cursor (bytes, size);

        return g_strdup (gk_text_utf16 (&at, size / 2, chunk).utf8);
    }
    if (size >= 8 && narrow == size && g_utf8_validate ((const char *) bytes, (gssize) size, NULL))
        return g_strndup ((const char *) bytes, size);
    return NULL;
}

/* The longest run of base64 in @text that decodes to text. */
static char *
decode_base64 (const char *text)
{
    char *best = NULL;
    gsize best_length = BASE64_LEAST - 1;

    for (const char *at = text; *at;) {
        gsize length = 0, size = 0;

        while (is_base64 (at[length]))
            length++;
        if (length > best_length) {
            g_autofree char *copy = g_strndup (at, length);
            g_autofree guchar *bytes = g_base64_decode (copy, &size);
            char *decoded = text_of (bytes, size);

            if (decoded) {
                g_free (best);
                best = decoded;
                best_length = length;
            }
        }
        at += MAX (length, 1);
    }
    return best;
}

/* --- layers ---------------------------------------------------------------------------------- */

static const struct {
    const char *how;
    char *(*undo) (const char *text);
} tricks[] = {
    {"carets, backticks and empty quotes taken out", strip_marks       },
    { "variables filled in",                         expand            },
    { "texts put together",                          join_texts        },
    { "characters by their numbers",                 fill_in_characters},
    { "base64 decoded",                              decode_base64     },
};

/* Returns: whether something was undone. */
static gboolean
undo_one (GPtrArray *layers, const char *text)
{
    for (gsize i = 0; i < G_N_ELEMENTS (tricks); i++) {
        g_autofree char *undone = tricks[i].undo (text);
        GkDecoded *layer;

        if (!undone || !*undone || g_str_equal (undone, text) || strlen (undone) > TEXT_MOST)
            continue;
        layer = g_new (GkDecoded, 1);
        *layer = (GkDecoded) { tricks[i].how, g_steal_pointer (&undone) };
        g_ptr_array_add (layers, layer);
        return TRUE;
    }
    return FALSE;
}

GPtrArray *
gk_decode_command (const char *command)
{
    GPtrArray *layers = g_ptr_array_new_with_free_func ((GDestroyNotify) gk_decoded_free);
    const char *text = command;

    while (layers->len < LAYERS_MOST && undo_one (layers, text))
        text = ((GkDecoded *) layers->pdata[layers->len - 1])->text;
    return layers;
}
