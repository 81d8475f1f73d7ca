/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names: what a person sees, against what Windows does with it. */
#include "hostd/share/scan/checks.h"

#include "hostd/share/scan/programs.h"
#include "hostd/share/scan/text.h"

#include <string.h>

enum { BLANKS_MANY = 8 };

static gboolean
is_bidi_control (gunichar c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Joiners belong to some scripts and to emoji: beside ASCII they are there to deceive. */
static gboolean
is_deceiving (gunichar before, gunichar c, gunichar after)
{
    if (c == 0x200c || c == 0x200d)
        return before < 0x80 && after < 0x80;
    return gk_is_zero_width (c) && !is_bidi_control (c);
}

static void
check_characters (GkFindings *findings, const char *name)
{
    gunichar before = 0;

    for (const char *at = name; *at; at = g_utf8_next_char (at)) {
        gunichar c = g_utf8_get_char (at), after = g_utf8_get_char (g_utf8_next_char (at));
        glong place = g_utf8_pointer_to_offset (name, at) + 1;

        if (is_bidi_control (c))
            gk_findings_add (findings, GK_NAME_BIDI_CONTROL, "U+%04X at character %ld", c, place);
        else if (is_deceiving (before, c, after))
            gk_findings_add (findings, GK_NAME_ZERO_WIDTH, "U+%04X at character %ld", c, place);
        else if (g_unichar_iscntrl (c))
            gk_findings_add (findings, GK_NAME_CONTROL_CHARACTER, "U+%04X at character %ld", c,
                             place);
        before = c;
    }
}

/* Returns: (transfer full): @name without its last ending; %NULL where it has none. */
static char *
without_ending (const char *name)
{
    const char *dot = strrchr (name, '.');

    return dot ? g_strchomp (g_strndup (name, (gsize) (dot - name))) : NULL;
}

static gboolean
same_ending (const char *a, const char *b)
{
    const char *dot_a = strrchr (gk_path_last (a), '.'), *dot_b = strrchr (gk_path_last (b), '.');

    return dot_a && dot_b && g_ascii_strcasecmp (dot_a, dot_b) == 0;
}

static void
check_ending (GkFindings *findings, const char *name, GkKind kind, const char *target)
{
    g_autofree char *shown = without_ending (name);
    const char *claim = shown ? gk_name_document (shown) : NULL;

    if (gk_name_document (name) && gk_kind_runs (kind))
        gk_findings_add (findings, GK_NAME_NOT_THE_CONTENT, "named like %s, but it is of kind %s",
                         gk_name_document (name), gk_kind_to_string (kind));
    if (!claim || !gk_name_runs (name) || (target && same_ending (shown, target)))
        return;
    gk_findings_add (findings, GK_NAME_DOUBLE_EXTENSION, "shows as %s, %s; is a %s", shown, claim,
                     strrchr (name, '.'));
}

void
gk_check_name (GkFindings *findings, const char *name, GkKind kind, const char *target)
{
    guint blanks = gk_blank_run (name);

    check_characters (findings, name);
    check_ending (findings, name, kind, target);
    if (blanks >= BLANKS_MANY)
        gk_findings_add (findings, GK_NAME_PADDED, "%u blanks in a row", blanks);
}

char *
gk_name_claim (const char *name)
{
    g_autofree char *shown = without_ending (name);
    const char *claim = gk_name_document (name);

    if (!claim && shown && gk_name_runs (name))
        claim = gk_name_document (shown);
    return g_strdup (claim);
}
