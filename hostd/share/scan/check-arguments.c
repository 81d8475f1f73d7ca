/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments: what a shortcut tells a program to do, and how it keeps that from being read. */
#include "hostd/share/scan/checks.h"

#include "hostd/share/scan/decode.h"
#include "hostd/share/scan/programs.h"
#include "hostd/share/scan/remote.h"
#include "hostd/share/scan/text.h"

#include <string.h>

enum {
    BLANKS_MANY = 8,
    ARGUMENTS_MANY = 250, /* what the properties dialogue shows is 260 with the target */
    CARETS_MANY = 3,
    BASE64_LEAST = 16,
    SHOWN_MAX = 80,
};

/* Words in the arguments (folded: see fold()). `%` at an end of the word stands for no letter or
 * digit beside it. */
static const struct {
    const char *word;
    GkIndicatorId id;
} words[] = {
    {"invoke-expression",   GK_ARGUMENTS_FETCH      },
    { "%iex%",              GK_ARGUMENTS_FETCH      },
    { "downloadstring",     GK_ARGUMENTS_FETCH      },
    { "downloadfile",       GK_ARGUMENTS_FETCH      },
    { "downloaddata",       GK_ARGUMENTS_FETCH      },
    { "invoke-webrequest",  GK_ARGUMENTS_FETCH      },
    { "invoke-restmethod",  GK_ARGUMENTS_FETCH      },
    { "%iwr%",              GK_ARGUMENTS_FETCH      },
    { "%irm%",              GK_ARGUMENTS_FETCH      },
    { "net.webclient",      GK_ARGUMENTS_FETCH      },
    { "start-bitstransfer", GK_ARGUMENTS_FETCH      },
    { "%bitsadmin%",        GK_ARGUMENTS_FETCH      },
    { "urlcache",           GK_ARGUMENTS_FETCH      },
    { "frombase64string",   GK_ARGUMENTS_FETCH      },
    { "msxml2",             GK_ARGUMENTS_FETCH      },
    { "xmlhttp",            GK_ARGUMENTS_FETCH      },
    { "%curl%",             GK_ARGUMENTS_FETCH      },
    { "%wget%",             GK_ARGUMENTS_FETCH      },
    { "scrobj.dll",         GK_ARGUMENTS_FETCH      },
    { "javascript:",        GK_ARGUMENTS_FETCH      },
    { "vbscript:",          GK_ARGUMENTS_FETCH      },
    { "davwwwroot",         GK_ARGUMENTS_FETCH      },
    { "@ssl\\",             GK_ARGUMENTS_FETCH      },
    { "start /min",         GK_ARGUMENTS_HIDE_WINDOW},
    { "start /b%",          GK_ARGUMENTS_HIDE_WINDOW},
    { "%-noni%",            GK_ARGUMENTS_HIDE_WINDOW},
    { "%-noninteractive%",  GK_ARGUMENTS_HIDE_WINDOW},
    { "(gcm ",              GK_ARGUMENTS_OBFUSCATED },
    { "[char]",             GK_ARGUMENTS_OBFUSCATED },
    { "-bxor",              GK_ARGUMENTS_OBFUSCATED },
    { ":~",                 GK_ARGUMENTS_OBFUSCATED },
    { ".lnk",               GK_ARGUMENTS_NAME_LINKS },
};

static const char *const deleting[] = { "%del%", "%erase%", "%remove-item%", "%rm%", "%unlink%" };

/* Lower case, without what cmd and PowerShell pass over (carets, backticks, quotes), and one space
 * for any number of blanks: as the program that gets it will read it. */
static char *
fold (const char *arguments)
{
    GString *out = g_string_sized_new (strlen (arguments) + 1);

    for (const char *at = arguments; *at; at = g_utf8_next_char (at)) {
        gunichar c = g_utf8_get_char (at);

        if (gk_is_blank (c)) {
            if (out->len && out->str[out->len - 1] != ' ')
                g_string_append_c (out, ' ');
        } else if (c < 0x80 && !strchr ("^`\"'", (int) c)) {
            g_string_append_c (out, g_ascii_tolower ((char) c));
        } else if (c >= 0x2012 && c <= 0x2015) {
            g_string_append_c (out, '-'); /* dashes that PowerShell takes for a hyphen */
        } else if (c >= 0x80) {
            g_string_append_unichar (out, c);
        }
    }
    return g_string_free (out, FALSE);
}

/* @folded with its texts put together that are written as sums: `ht + tp` (the quotes are gone). */
static char *
join (const char *folded)
{
    GString *out = g_string_sized_new (strlen (folded) + 1);

    for (const char *at = folded; *at;) {
        gsize gap = strspn (at, " +");

        if (!memchr (at, '+', gap))
            gap = 0;
        at += gap;
        if (!gap)
            g_string_append_c (out, *at++);
    }
    return g_string_free (out, FALSE);
}

static gboolean
has_word (const char *folded, const char *word)
{
    const char *end = folded + strlen (folded);
    gboolean starts = *word == '%', ends;
    gsize length;

    word += starts;
    length = strlen (word);
    ends = word[length - 1] == '%';
    length -= ends;
    for (const char *at = folded; (at = memchr (at, *word, (gsize) (end - at))) != NULL; at++) {
        if (strncmp (at, word, length) != 0)
            continue;
        if (starts && at > folded && g_ascii_isalnum (at[-1]))
            continue;
        if (!ends || !g_ascii_isalnum (at[length]))
            return TRUE;
    }
    return FALSE;
}

/* Whether what hides a window hides one here: of other programs, the same switches mean others. */
static gboolean
means_shell (const GkLook *look, const char *folded)
{
    return look->builtin || gk_program_in_text (folded);
}

static void
check_words (const GkLook *look, const char *folded)
{
    gboolean shell = means_shell (look, folded);
    g_autofree char *hiding = shell ? gk_switch_that_hides (folded) : NULL;

    if (hiding)
        gk_findings_add (look->findings, GK_ARGUMENTS_HIDE_WINDOW, "%s", hiding);
    for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
        if ((shell || words[i].id != GK_ARGUMENTS_HIDE_WINDOW) &&
            has_word (folded, words[i].word)) {
            g_auto (GStrv) parts = g_strsplit (words[i].word, "%", -1);
            g_autofree char *plain = g_strjoinv ("", parts);

            gk_findings_add (look->findings, words[i].id, "%s", plain);
        }
    for (gsize i = 0; i < G_N_ELEMENTS (deleting); i++)
        if (has_word (folded, deleting[i]) && has_word (folded, ".lnk")) {
            gk_findings_add (look->findings, GK_ARGUMENTS_DELETE_LINK, "%s", look->arguments);
            break;
        }
}

/* What stands behind the longest run of blanks. */
static const char *
behind_blanks (const char *arguments)
{
    const char *behind = arguments;
    guint run = 0, longest = 0;

    for (const char *at = arguments; *at; at = g_utf8_next_char (at)) {
        if (gk_is_blank (g_utf8_get_char (at))) {
            run++;
            continue;
        }
        if (run > longest) {
            longest = run;
            behind = at;
        }
        run = 0;
    }
    return behind;
}

static void
check_layout (const GkLook *look)
{
    guint blanks = gk_blank_run (look->arguments);
    glong length = g_utf8_strlen (look->arguments, -1);

    if (blanks >= BLANKS_MANY) {
        const char *behind = behind_blanks (look->arguments);
        g_autofree char *shown =
            g_utf8_substring (behind, 0, MIN (SHOWN_MAX, g_utf8_strlen (behind, -1)));

        gk_findings_add (look->findings, GK_ARGUMENTS_PADDED, "%u blanks in a row, then: %s",
                         blanks, shown);
    }
    if (length > ARGUMENTS_MANY)
        gk_findings_add (look->findings, GK_ARGUMENTS_LONG, "%ld characters", length);
    if (strpbrk (look->arguments, "\n\r\v\f"))
        gk_findings_add (look->findings, GK_ARGUMENTS_LINE_BREAK, "in %ld characters", length);
}

static void
check_invisible (const GkLook *look)
{
    for (const char *at = look->arguments; *at; at = g_utf8_next_char (at)) {
        gunichar c = g_utf8_get_char (at);

        if (gk_is_zero_width (c) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
            (g_unichar_iscntrl (c) && !gk_is_blank (c)))
            gk_findings_add (look->findings, GK_ARGUMENTS_INVISIBLE, "U+%04X", c);
    }
}

/* @mark inside a word, where neither cmd nor PowerShell needs one. */
static guint
count_inside_words (const char *text, const char *mark)
{
    gsize length = strlen (mark);
    guint n = 0;

    for (const char *at = strstr (text, mark); at; at = strstr (at + length, mark))
        n += at > text && g_ascii_isalnum (at[-1]) && g_ascii_isalnum (at[length]);
    return n;
}

static void
check_obfuscation (const GkLook *look)
{
    static const char *const marks[] = { "^", "`", "\"\"", "''", "'+'", "\"+\"" };

    for (gsize i = 0; i < G_N_ELEMENTS (marks); i++) {
        guint n = count_inside_words (look->arguments, marks[i]);

        if (n >= CARETS_MANY)
            gk_findings_add (look->findings, GK_ARGUMENTS_OBFUSCATED, "%u times %s inside words", n,
                             marks[i]);
    }
}

/* Base64 of UTF-16 that is mostly ASCII; %NULL where it is something else. */
static char *
decode (const char *base64, gsize length, GStringChunk *chunk)
{
    g_autofree char *copy = g_strndup (base64, length);
    gsize size = 0, ascii = 0;
    g_autofree guchar *bytes = g_base64_decode (copy, &size);
    GkCursor at = gk_cursor (bytes, size);

    for (gsize i = 0; i + 1 < size; i += 2)
        ascii += bytes[i + 1] == 0 && (g_ascii_isprint (bytes[i]) || g_ascii_isspace (bytes[i]));
    if (size < 4 || ascii * 2 * 10 < size * 8)
        return NULL;
    return g_strdup (gk_text_utf16 (&at, size / 2, chunk).utf8);
}

/* Whether @name, as many letters as there are of it, is one of the ways to write
 * `-EncodedCommand`. */
static gboolean
names_encoded_command (const char *name, gsize length)
{
    return length > 0 &&
           ((length <= 14 && g_ascii_strncasecmp (name, "encodedcommand", length) == 0) ||
            (length == 2 && g_ascii_strncasecmp (name, "ec", 2) == 0));
}

static gsize
base64_length (const char *at)
{
    gsize length = 0;

    while (g_ascii_isalnum (at[length]) || (at[length] && strchr ("+/=", at[length])))
        length++;
    return length;
}

/* A browser's addresses are its work; those of a built-in program have an indicator of their own.
 */
static void
check_remote (const GkLook *look, const char *folded)
{
    g_autofree char *share = gk_remote_in_text (folded, GK_PLACE_UNC);
    g_autofree char *web = gk_remote_in_text (folded, GK_PLACE_WEB);

    if (share)
        gk_findings_add (look->findings, GK_ARGUMENTS_REMOTE, "%s", share);
    if (!web)
        return;
    gk_findings_add (look->findings, GK_ARGUMENTS_URL, "%s", web);
    if (look->builtin)
        gk_findings_add (look->findings, GK_BUILTIN_WITH_URL, "%s is given %s", look->program, web);
    else if (!gk_program_is_browser (look->program))
        gk_findings_add (look->findings, GK_ARGUMENTS_REMOTE, "%s", web);
}

static void
check_folded (const GkLook *look, const char *folded)
{
    g_autofree char *joined = join (folded);

    check_words (look, folded);
    check_remote (look, folded);
    if (g_str_equal (joined, folded))
        return;
    check_words (look, joined);
    check_remote (look, joined);
    if (strstr (joined, "http") && !strstr (folded, "http"))
        gk_findings_add (look->findings, GK_ARGUMENTS_OBFUSCATED, "http, put together of parts");
}

/* What a command in base64 says counts as if it stood there. */
static void
check_decoded (const GkLook *look, const char *command)
{
    g_autofree char *folded = fold (command);

    gk_findings_add (look->findings, GK_ARGUMENTS_ENCODED_COMMAND, "it says: %s", command);
    check_folded (look, folded);
}

/* Switches are looked for in the text as it is: folding would spoil the base64. */
static void
check_encoded_command (const GkLook *look)
{
    for (const char *at = look->arguments; *at; at = g_utf8_next_char (at)) {
        gunichar c = g_utf8_get_char (at);
        const char *name = g_utf8_next_char (at), *name_end, *value;
        gsize length = 0;
        g_autofree char *command = NULL;

        if (c != '-' && c != '/' && !(c >= 0x2012 && c <= 0x2015))
            continue;
        while (g_ascii_isalpha (name[length]) && length < 15)
            length++;
        if (!names_encoded_command (name, length))
            continue;
        value = name_end = name + length;
        while (*value && (gk_is_blank (g_utf8_get_char (value)) || strchr ("\"':", *value)))
            value = g_utf8_next_char (value);
        length = base64_length (value);
        if (value > name_end && length >= BASE64_LEAST)
            command = decode (value, length, look->lnk->chunk);
        if (command)
            check_decoded (look, command);
    }
}

/* What comes out when the tricks are undone counts as if it stood there. */
static void
check_layers (const GkLook *look)
{
    g_autoptr (GPtrArray) layers = gk_decode_command (look->arguments);

    for (guint i = 0; i < layers->len; i++) {
        const GkDecoded *layer = layers->pdata[i];
        g_autofree char *folded = fold (layer->text);
        const char *other = gk_program_in_text (folded);

        check_folded (look, folded);
        if (look->builtin && other && !g_str_has_prefix (look->program, other))
            gk_findings_add (look->findings, GK_ARGUMENTS_RUN_BUILTIN, "%s runs %s (%s)",
                             look->program, other, layer->how);
    }
}

void
gk_check_arguments (const GkLook *look)
{
    g_autofree char *folded = NULL;
    const char *other;

    if (!*look->arguments)
        return;
    folded = fold (look->arguments);
    check_layout (look);
    check_invisible (look);
    check_obfuscation (look);
    check_folded (look, folded);
    check_encoded_command (look);
    check_layers (look);
    other = gk_program_in_text (folded);
    if (look->builtin && other && !g_str_has_prefix (look->program, other))
        gk_findings_add (look->findings, GK_ARGUMENTS_RUN_BUILTIN, "%s runs %s", look->program,
                         other);
    if (look->builtin)
        gk_findings_add (look->findings, GK_BUILTIN_WITH_ARGUMENTS, "%s", look->program);
}
