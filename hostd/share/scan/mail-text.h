/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The encodings of mail: RFC 2045's of bodies, RFC 2047's and 2231's of words in headers. They are
 * read as mail programs read them: what does not belong there is passed over. Pure, any thread. */
#pragma once

#include <glib.h>

typedef enum { GK_MAIL_PLAIN, GK_MAIL_BASE64, GK_MAIL_QUOTED } GkMailEncoding;

/* Decodes @size bytes in pieces to @sink, which says FALSE to end it. Returns: what it said. */
gboolean gk_mail_decode (GkMailEncoding encoding, const char *text, gsize size,
                         gboolean (*sink) (gpointer data, const guint8 *bytes, gsize size),
                         gpointer data);

/* Returns: (transfer full): @text with its `=?charset?B?…?=` words decoded, as UTF-8. Bytes of
 * charsets that are not known here stand as `\xff`. */
char *gk_mail_decode_words (const char *text);

/**
 * gk_mail_parameter:
 * @value: of a header such as Content-Type, unfolded
 * @name: of a parameter, lower case
 *
 * `name=x`, `name="x"`, `name*=utf-8''%41`, and `name*0=…; name*1*=…` put together.
 *
 * Returns: (transfer full): its decoded value; %NULL: none
 */
char *gk_mail_parameter (const char *value, const char *name);
