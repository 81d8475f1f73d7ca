/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/dns-log.h"

#include "hostd/bridge/nic.h"

#include <string.h>

/* What is left of a line. */
typedef struct {
    const char *at, *end;
} Rest;

/* Each of these takes what it names from the front, or leaves all as it is and returns FALSE. */
static gboolean
take_text (Rest *rest, const char *text)
{
    gsize length = strlen (text);

    if ((gsize) (rest->end - rest->at) < length || memcmp (rest->at, text, length) != 0)
        return FALSE;
    rest->at += length;
    return TRUE;
}

static gboolean
take_digits (Rest *rest)
{
    const char *start = rest->at;

    while (rest->at < rest->end && rest->at - start < 10 && g_ascii_isdigit (*rest->at))
        rest->at++;
    return rest->at > start;
}

/* Takes the text before the first @stop, and @stop, into @ret. */
static gboolean
take_until (Rest *rest, char stop, char *ret, gsize ret_size)
{
    const char *found = memchr (rest->at, stop, (gsize) (rest->end - rest->at));
    gsize length = found ? (gsize) (found - rest->at) : 0;

    if (length == 0 || length >= ret_size)
        return FALSE;
    memcpy (ret, rest->at, length);
    ret[length] = '\0';
    rest->at = found + 1;
    return TRUE;
}

/* dnsmasq calls types that it does not know `type=64999`. */
static gboolean
take_type (Rest *rest, char ret[16])
{
    char text[16];

    if (!take_until (rest, ']', text, sizeof text))
        return FALSE;
    for (const char *at = text; *at; at++)
        if (!g_ascii_isalnum (*at) && !strchr ("=-", *at))
            return FALSE;
    if (g_str_has_prefix (text, "type="))
        g_snprintf (ret, 16, "TYPE%s", text + strlen ("type="));
    else
        memcpy (ret, text, sizeof text);
    return TRUE;
}

/* A line that dnsmasq had to cut lacks the end; the name is what there is. */
static void
take_name (Rest *rest, const char *asker, char ret[256])
{
    g_autofree char *tail = g_strconcat (" from ", asker, NULL);
    gsize length = (gsize) (rest->end - rest->at), tail_length = strlen (tail);

    if (length >= tail_length && memcmp (rest->end - tail_length, tail, tail_length) == 0)
        length -= tail_length;
    length = MIN (length, 255);
    for (gsize i = 0; i < length; i++)
        ret[i] = g_ascii_isprint (rest->at[i]) ? rest->at[i] : '?';
    ret[length] = '\0';
}

gboolean
gk_dns_log_read (const char *line, gsize size, GkDnsQuestion *ret)
{
    Rest rest = { line, line + size };
    GkDnsQuestion question;
    char asker[GK_IPV4_TEXT];

    if (!take_text (&rest, "dnsmasq[") || !take_digits (&rest) || !take_text (&rest, "]: ") ||
        !take_digits (&rest) || !take_text (&rest, " ") ||
        !take_until (&rest, '/', asker, sizeof asker) || !gk_ipv4_parse (asker, &question.asker) ||
        !take_digits (&rest) || !take_text (&rest, " query[") ||
        !take_type (&rest, question.type) || !take_text (&rest, " "))
        return FALSE;
    take_name (&rest, asker, question.name);
    *ret = question;
    return TRUE;
}

gboolean
gk_dns_log_is_read (const char *line, gsize size, const char *path)
{
    Rest rest = { line, line + size };

    return take_text (&rest, "dnsmasq-dhcp[") && take_digits (&rest) &&
           take_text (&rest, "]: read ") && take_text (&rest, path) && rest.at == rest.end;
}
