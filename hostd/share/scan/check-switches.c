/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PowerShell takes any beginning of a switch's name, and of its value, for the whole. */
#include "hostd/share/scan/checks.h"

#include <string.h>

enum { VALUE_SHOWN = 40 };

static const struct {
    const char *name;
    gsize least; /* letters that tell it from other switches */
    const char *value, *number;
} switches[] = {
    {"windowstyle",      1, "hidden",       "1"},
    { "executionpolicy", 2, "bypass",       "4"},
    { "executionpolicy", 2, "unrestricted", "0"},
    { "ep",              2, "bypass",       "4"},
    { "ep",              2, "unrestricted", "0"},
};

static gsize
word_length (const char *at)
{
    gsize length = 0;

    while (g_ascii_isalnum (at[length]))
        length++;
    return length;
}

static gboolean
begins (const char *whole, const char *at, gsize length, gsize least)
{
    return length >= least && length <= strlen (whole) && strncmp (whole, at, length) == 0;
}

char *
gk_switch_that_hides (const char *folded)
{
    for (const char *at = folded; *at; at++) {
        const char *value;
        gsize name_length, length;

        if ((*at != '-' && *at != '/') || (at > folded && g_ascii_isalnum (at[-1])))
            continue;
        name_length = word_length (at + 1);
        value = at + 1 + name_length;
        value += strspn (value, " :");
        length = word_length (value);
        for (gsize i = 0; i < G_N_ELEMENTS (switches); i++)
            if (begins (switches[i].name, at + 1, name_length, switches[i].least) &&
                (begins (switches[i].value, value, length, 1) ||
                 (length == 1 && *value == *switches[i].number)))
                return g_strndup (at, MIN ((gsize) (value - at) + length, VALUE_SHOWN));
    }
    return NULL;
}
