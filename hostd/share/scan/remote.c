/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/remote.h"

#include <string.h>

enum { PATH_SHOWN = 1024 }; /* and looked at: what is longer cannot be opened */

static gboolean
is_slash (char c)
{
    return c == '\\' || c == '/';
}

/* Returns: how many letters stand before the colon at @colon. */
static gsize
scheme_length (const char *text, const char *colon)
{
    const char *from = colon;

    while (from > text && (g_ascii_isalnum (from[-1]) || strchr ("+-.", from[-1])))
        from--;
    return (gsize) (colon - from);
}

/* An option may stick to it: `/ihttp://…`. */
static gboolean
ends_in (const char *colon, gsize length, const char *scheme)
{
    gsize wanted = strlen (scheme);

    return length >= wanted && g_ascii_strncasecmp (colon - wanted, scheme, wanted) == 0;
}

/* A drive's letter, and not the option of a program (`/u:`). */
static gboolean
is_drive (const char *text, const char *colon, gsize length)
{
    return length == 1 && g_ascii_isalpha (colon[-1]) && (colon - 1 == text || colon[-2] != '/');
}

static gsize
word_length (const char *at)
{
    gsize length = 0;

    while (at[length] && at[length] != ' ' && length < PATH_SHOWN)
        length++;
    while ((at[length] & 0xc0) == 0x80) /* not inside a character */
        length--;
    return length;
}

/* What the scheme before the colon at @colon makes of @path. */
static GkPlace
place_behind_colon (const char *text, const char *colon, const char *path)
{
    static const char *const web[] = { "http", "https", "ftp" };
    gsize length = scheme_length (text, colon);

    for (gsize i = 0; i < G_N_ELEMENTS (web); i++)
        if (ends_in (colon, length, web[i]))
            return GK_PLACE_WEB;
    if (ends_in (colon, length, "file") || (*path == '\\' && !is_drive (text, colon, length)))
        return gk_path_place (path);
    return GK_PLACE_HERE;
}

/* Where the word @path leads, which begins with the last two of @run slashes in @text at @slashes.
 */
static GkPlace
place_of (const char *text, const char *slashes, gsize run, const char *path)
{
    gboolean starts = slashes == text || strchr (" =,;(){}[]|&<>@", slashes[-1]);
    GkPlace place = GK_PLACE_HERE;

    if (!starts && slashes[-1] == ':')
        place = place_behind_colon (text, slashes - 1, path);
    if (place == GK_PLACE_WEB)
        return place;
    /* `cscript //nologo` names no machine, `file:///C:/` none either. */
    if (run == 3 || !strpbrk (path + 2, "\\/"))
        return GK_PLACE_HERE;
    return starts ? gk_path_place (path) : place;
}

/* The path of @length at @slashes, with the scheme that stands before it. */
static char *
with_scheme (const char *text, const char *slashes, gsize length)
{
    gsize before = 0;

    if (slashes > text && slashes[-1] == ':')
        before = 1 + scheme_length (text, slashes - 1);
    return g_strndup (slashes - before, before + length);
}

char *
gk_remote_in_text (const char *text, GkPlace place)
{
    for (const char *at = text; *at;) {
        const char *slashes = at;
        g_autofree char *path = NULL;

        while (is_slash (*at))
            at++;
        if (at - slashes >= 2)
            path = g_strndup (at - 2, 2 + word_length (at));
        if (path && place_of (text, slashes, (gsize) (at - slashes), path) == place)
            return with_scheme (text, slashes, (gsize) (at - slashes) + strlen (path) - 2);
        at += *at != '\0';
    }
    return NULL;
}
