/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/triage-text.h"

#include "base/escape.h"
#include "base/json.h"

#include <string.h>

enum {
    COLUMNS = 80,
    MARGIN = 2,
    LABEL = 14, /* of a label with the room behind it: a SHA-256 fits the rest of a line */
    SEVERITY = 11, /* of an indicator's severity */
    BLANKS_SHOWN = 3, /* more in a row are counted instead */
    MEMBERS_DEEP = 8,
};

typedef struct {
    FILE *out;
    gboolean colour;
} Page;

static const struct {
    const char *word; /* a verdict or a severity */
    const char *code;
} colours[] = {
    {"malicious",    "1;31"},
    { "suspicious",  "1;33"},
    { "unscannable", "1;36"},
    { "error",       "1;35"},
    { "clean",       "1;32"},
    { "critical",    "1;31"},
    { "high",        "31"  },
    { "medium",      "33"  },
    { "low",         "2"   },
};

static const struct {
    const char *kind, *what;
} kinds[] = {
    {"lnk",     "a Windows shortcut"             },
    { "pe",     "a Windows program"              },
    { "elf",    "a Linux program"                },
    { "zip",    "a zip archive"                  },
    { "7z",     "a 7z archive"                   },
    { "rar",    "a rar archive"                  },
    { "gzip",   "a gzip archive"                 },
    { "cab",    "a cabinet archive"              },
    { "pdf",    "a PDF document"                 },
    { "ole",    "an Office document or installer"},
    { "rtf",    "an RTF document"                },
    { "png",    "a picture"                      },
    { "jpeg",   "a picture"                      },
    { "html",   "a web page"                     },
    { "hta",    "an HTML application"            },
    { "script", "a script"                       },
    { "text",   "text"                           },
    { "empty",  "empty"                          },
    { "other",  "of no known kind"               },
    { "bzip2",  "a compressed file (bzip2)"      },
    { "xz",     "a compressed file (xz)"         },
    { "zstd",   "a compressed file (zstd)"       },
    { "tar",    "a tar archive"                  },
    { "iso",    "an image of a disc"             },
    { "disk",   "an image of a disk"             },
    { "lha",    "an lha archive"                 },
    { "mail",   "a mail"                         },
    { "msg",    "a mail of Outlook's"            },
    { "link",   "a link or device"               },
};

static const char *
colour_of (const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS (colours); i++)
        if (g_str_equal (colours[i].word, word))
            return colours[i].code;
    return "0";
}

static void
put_coloured (const Page *page, const char *code, const char *text)
{
    if (page->colour)
        fprintf (page->out, "\033[%sm%s\033[0m", code, text);
    else
        fputs (text, page->out);
}

/* Blanks in a row at @at; @ret_plain: whether all of them are U+0020. */
static guint
blanks_at (const char *at, const char **ret_end, gboolean *ret_plain)
{
    guint n = 0;

    *ret_plain = TRUE;
    for (; *at; at = g_utf8_next_char (at), n++) {
        gunichar c = g_utf8_get_char (at);

        if (!g_unichar_isspace (c) && !(c >= 0x09 && c <= 0x0d))
            break;
        *ret_plain &= c == ' ';
    }
    *ret_end = at;
    return n;
}

static void
append_escaped (GString *shown, const char *start, const char *end)
{
    while (start < end) {
        const char *backslash = memchr (start, '\\', (gsize) (end - start));
        const char *stop = backslash ? backslash : end;
        g_autofree char *part = gk_escape (start, stop - start);

        g_string_append (shown, part);
        if (backslash)
            g_string_append_c (shown, '\\');
        start = backslash ? backslash + 1 : end;
    }
}

/* Returns: (transfer full): @text fit for a terminal, see the header */
static char *
show (const char *text)
{
    g_autofree char *valid = g_utf8_make_valid (text, -1);
    GString *shown = g_string_new (NULL);
    const char *start = valid, *at = valid, *end;
    gboolean plain;

    while (*at) {
        guint n = blanks_at (at, &end, &plain);

        if (n > BLANKS_SHOWN) {
            append_escaped (shown, start, at);
            g_string_append_printf (shown, "%s‹%u blanks%s›%s", at > valid ? " " : "", n,
                                    plain ? "" : ", not all of them spaces", *end ? " " : "");
            start = end;
        }
        at = n ? end : g_utf8_next_char (at);
    }
    append_escaped (shown, start, at);
    return g_string_free (shown, FALSE);
}

static guint
columns_of (gunichar c)
{
    return g_unichar_iswide (c) ? 2 : 1;
}

/* How many bytes of @text fit into @room columns: to the last space, if there is one; never none.
 */
static gsize
line_length (const char *text, guint room)
{
    const char *at = text, *space = NULL;

    for (guint used = 0; *at; at = g_utf8_next_char (at)) {
        used += columns_of (g_utf8_get_char (at));
        if (used > room && at > text)
            return (gsize) ((space && space > text ? space : at) - text);
        if (*at == ' ')
            space = at;
    }
    return (gsize) (at - text);
}

/* @shown, wrapped, from column @indent on, where the cursor stands already. */
static void
put_wrapped (const Page *page, guint indent, const char *code, const char *shown)
{
    gboolean first = TRUE;

    do {
        gsize length = line_length (shown, COLUMNS - indent);
        g_autofree char *line = g_strndup (shown, length);

        fprintf (page->out, "%*s", first ? 0 : (int) indent, "");
        put_coloured (page, code, line);
        fputc ('\n', page->out);
        for (shown += length; *shown == ' ';)
            shown++;
        first = FALSE;
    } while (*shown);
}

static void
put_label (const Page *page, const char *label)
{
    fprintf (page->out, "%*s%-*s", MARGIN, "", LABEL, label);
}

static void
put_field (const Page *page, const char *label, const char *text)
{
    g_autofree char *shown = NULL;

    if (!text || !*text)
        return;
    shown = show (text);
    put_label (page, label);
    put_wrapped (page, MARGIN + LABEL, "0", shown);
}

static void
put_file (const Page *page, JsonObject *triage)
{
    JsonObject *file = gk_json_object (triage, "file");
    const char *kind = gk_json_string (triage, "kind", "other"), *what = kind;
    g_autofree char *name = show (gk_json_string (file, "name", "(no name)"));
    g_autofree char *fact = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
        if (g_str_equal (kinds[i].kind, kind))
            what = kinds[i].what;
    fact = g_strdup_printf ("%s, %" G_GINT64_FORMAT " bytes", what, gk_json_int (file, "size", 0));
    put_wrapped (page, 0, "1", name);
    put_field (page, "member", gk_json_string (triage, "member", NULL));
    put_field (page, "claims to be", gk_json_string (triage, "claims", NULL));
    put_field (page, "is", fact);
    put_field (page, "SHA-256", gk_json_string (file, "sha256", NULL));
}

static void
put_link (const Page *page, JsonObject *lnk)
{
    const char *target = gk_json_string (lnk, "target", NULL);
    const char *arguments = gk_json_string (lnk, "arguments", NULL);
    const char *window = gk_json_string (lnk, "show", "normal");
    g_autofree char *shown = show (target ? target : "(nothing)");
    g_autofree char *shown_arguments = show (arguments ? arguments : "");
    g_autofree char *command =
        g_strjoin (*shown_arguments ? " " : "", shown, shown_arguments, NULL);

    put_label (page, "runs");
    put_wrapped (page, MARGIN + LABEL, "1", command);
    put_field (page, "in folder", gk_json_string (lnk, "working_directory", NULL));
    put_field (page, "with icon of", gk_json_string (lnk, "icon", NULL));
    put_field (page, "says", gk_json_string (lnk, "description", NULL));
    if (!g_str_equal (window, "normal"))
        put_field (page, "window", window);
}

/* Of all layers that were undone, the last is what is run. */
static void
put_decoded (const Page *page, JsonObject *lnk)
{
    JsonArray *layers = gk_json_array (lnk, "decoded");
    guint n = layers ? json_array_get_length (layers) : 0;

    if (n > 0)
        put_field (page, "that is", gk_json_string (gk_json_element (layers, n - 1), "text", NULL));
}

static void
put_overlay (const Page *page, JsonObject *overlay)
{
    g_autofree char *text = NULL;

    if (!overlay)
        return;
    text = g_strdup_printf ("%" G_GINT64_FORMAT " bytes of kind %s after its end",
                            gk_json_int (overlay, "size", 0),
                            gk_json_string (overlay, "kind", "other"));
    put_field (page, "carries", text);
}

static void
put_indicator (const Page *page, JsonObject *indicator)
{
    const char *severity = gk_json_string (indicator, "severity", "low");
    const char *meaning = gk_json_string (indicator, "meaning", NULL);
    const char *detail = gk_json_string (indicator, "detail", NULL);
    g_autofree char *id = show (gk_json_string (indicator, "id", "?"));
    g_autofree char *level = show (severity);

    fprintf (page->out, "%*s", MARGIN, "");
    put_coloured (page, colour_of (severity), level);
    fprintf (page->out, "%*s", MAX (1, SEVERITY - (int) strlen (level)), "");
    put_wrapped (page, MARGIN + SEVERITY, "1", id);
    for (guint i = 0; i < 2; i++) {
        g_autofree char *shown =
            show ((i == 0 ? meaning : detail) ? (i == 0 ? meaning : detail) : "");

        if (!*shown)
            continue;
        fprintf (page->out, "%*s", MARGIN + SEVERITY, "");
        put_wrapped (page, MARGIN + SEVERITY, i == 0 ? "0" : "2", shown);
    }
}

static void
put_verdict (const Page *page, JsonObject *triage)
{
    const char *verdict = gk_json_string (triage, "verdict", "error");
    const char *why = gk_json_string (triage, "why", "");
    g_autofree char *upper = g_ascii_strup (verdict, -1);
    g_autofree char *shown = show (upper), *shown_why = show (why);

    fprintf (page->out, "\n%*s", MARGIN, "");
    put_coloured (page, colour_of (verdict), shown);
    fputs ("  ", page->out);
    put_wrapped (page, MARGIN + (guint) g_utf8_strlen (shown, -1) + 2, "0", shown_why);
}

static void
put_triage (const Page *page, JsonObject *triage, guint depth)
{
    JsonArray *indicators = gk_json_array (triage, "indicators");
    JsonArray *members = gk_json_array (triage, "members");
    JsonObject *lnk = gk_json_object (triage, "lnk");

    if (gk_json_object (triage, "file"))
        put_file (page, triage);
    if (lnk) {
        put_link (page, lnk);
        put_decoded (page, lnk);
        put_overlay (page, gk_json_object (lnk, "overlay"));
    }
    for (guint i = 0; indicators && i < json_array_get_length (indicators); i++) {
        if (i == 0)
            fputc ('\n', page->out);
        put_indicator (page, gk_json_element (indicators, i));
    }
    if (gk_json_string (triage, "verdict", NULL))
        put_verdict (page, triage);
    for (guint i = 0; members && depth && i < json_array_get_length (members); i++) {
        fputc ('\n', page->out);
        put_triage (page, gk_json_element (members, i), depth - 1);
    }
}

void
gk_triage_print (JsonObject *triage, FILE *out, gboolean colour)
{
    Page page = { out, colour };

    put_triage (&page, triage, MEMBERS_DEEP);
}
