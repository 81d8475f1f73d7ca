/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mail is a tree of parts: each is header lines, an empty line, and a body, which the header's
 * Content-Type may split into parts again. Every leaf is a member. Of what is written twice, the
 * first counts, as in most mail programs. */
#include "hostd/share/scan/mail-text.h"
#include "hostd/share/scan/walk.h"

#include <string.h>

enum { PARTS_DEEP = 16, HEADER_MAX = 16 << 10, HEADERS_LOOKED_AT = 64 };

typedef struct {
    const char *at;
    gsize size;
} Text;

typedef struct {
    const GkVisitor *visitor;
    gboolean stopped;
    GkTrouble trouble;
    const char *detail;
} Mail;

/* What a part's header says. */
typedef struct {
    char *type, *boundary, *name; /* %NULL: not said */
    GkMailEncoding encoding;
    gboolean coded_otherwise, disposed;
} Part;

static void
part_clear (Part *part)
{
    g_free (part->type);
    g_free (part->boundary);
    g_free (part->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Part, part_clear)

/* Takes a line off @text, without its end. */
static Text
take_line (Text *text)
{
    const char *end = memchr (text->at, '\n', text->size);
    gsize taken = end ? (gsize) (end - text->at) + 1 : text->size;
    Text line = { text->at, end ? taken - 1 : taken };

    if (line.size && line.at[line.size - 1] == '\r')
        line.size--;
    text->at += taken;
    text->size -= taken;
    return line;
}

/* The name of a header line, as far as its colon; 0: it is none. */
static gsize
header_name (const Text *line)
{
    gsize n = 0;

    while (n < line->size && line->at[n] > ' ' && line->at[n] < 0x7f && line->at[n] != ':')
        n++;
    return n > 0 && n < line->size && line->at[n] == ':' ? n : 0;
}

static gboolean
is_named (const char *name, gsize length, const char *wanted)
{
    return strlen (wanted) == length && g_ascii_strncasecmp (name, wanted, length) == 0;
}

gboolean
gk_mail_recognise (const guint8 *data, gsize size)
{
    static const char *const certain[] = { "received",   "return-path",  "mime-version",
                                           "message-id", "delivered-to", "x-mailer" };
    static const char *const likely[] = { "from", "to", "subject", "date", "content-type" };
    Text text = { (const char *) data, size };
    guint points = 0;

    for (guint i = 0; i < HEADERS_LOOKED_AT && text.size; i++) {
        Text line = take_line (&text);
        gsize length = header_name (&line);

        if (i == 0 && line.size > 5 && memcmp (line.at, "From ", 5) == 0)
            continue; /* of a mailbox */
        if (i > 0 && line.size && (*line.at == ' ' || *line.at == '\t'))
            continue;
        if (length == 0)
            break;
        for (gsize k = 0; k < G_N_ELEMENTS (certain); k++)
            points += is_named (line.at, length, certain[k]) ? 2 : 0;
        for (gsize k = 0; k < G_N_ELEMENTS (likely); k++)
            points += is_named (line.at, length, likely[k]);
    }
    return points >= 2;
}

static GkMailEncoding
encoding_of (const char *value, gboolean *ret_otherwise)
{
    g_autofree char *word = g_strstrip (g_ascii_strdown (value, -1));

    *ret_otherwise = FALSE;
    if (g_str_has_prefix (word, "base64"))
        return GK_MAIL_BASE64;
    if (g_str_has_prefix (word, "quoted-printable"))
        return GK_MAIL_QUOTED;
    *ret_otherwise = g_str_has_prefix (word, "x-uu") || g_str_has_prefix (word, "uuencode");
    return GK_MAIL_PLAIN;
}

static char *
type_of (const char *value)
{
    g_autofree char *lower = g_ascii_strdown (value, (gssize) strcspn (value, "; \t"));

    return g_strdup (lower);
}

static void
take_header (Part *part, const char *name, gsize length, const char *value)
{
    if (is_named (name, length, "content-type") && !part->type) {
        g_autofree char *called = gk_mail_parameter (value, "name");

        part->type = type_of (value);
        part->boundary = gk_mail_parameter (value, "boundary");
        if (!part->name)
            part->name = g_steal_pointer (&called);
    } else if (is_named (name, length, "content-disposition") && !part->disposed) {
        g_autofree char *called = gk_mail_parameter (value, "filename");

        part->disposed = TRUE;
        if (called) {
            g_free (part->name);
            part->name = g_steal_pointer (&called);
        }
    } else if (is_named (name, length, "content-transfer-encoding")) {
        part->encoding = encoding_of (value, &part->coded_otherwise);
    }
}

/* A header line with the lines that continue it, from @line on. */
static char *
unfold (Text line, gsize skip, Text *text)
{
    GString *value = g_string_new_len (line.at + skip, (gssize) (line.size - skip));

    while (text->size && (*text->at == ' ' || *text->at == '\t') && value->len < HEADER_MAX) {
        Text more = take_line (text);

        g_string_append_len (value, more.at, (gssize) more.size);
    }
    for (gsize i = 0; i < value->len; i++)
        if (value->str[i] == '\0')
            value->str[i] = ' ';
    g_strstrip (value->str);
    return g_string_free (value, FALSE);
}

/* The header of @text, which stands behind it then. */
static void
read_header (Text *text, Part *ret)
{
    while (text->size) {
        Text before = *text, line = take_line (text);
        gsize length = header_name (&line);

        if (line.size == 0)
            return;
        if (length == 0 && !(line.size > 5 && memcmp (line.at, "From ", 5) == 0)) {
            *text = before; /* the body begins without an empty line */
            return;
        }
        if (length) {
            g_autofree char *value = unfold (line, length + 1, text);

            take_header (ret, line.at, length, value);
        }
    }
}

static char *
made_up_name (const Part *part)
{
    static const struct {
        const char *type, *name;
    } names[] = {
        {"text/plain",      "body.txt"   },
        { "text/html",      "body.html"  },
        { "message/rfc822", "message.eml"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
        if (g_strcmp0 (part->type, names[i].type) == 0)
            return g_strdup (names[i].name);
    return g_strdup (part->type ? "part.bin" : "body.txt");
}

typedef struct {
    Mail *mail;
    gboolean over;
} Leaf;

static gboolean
on_bytes (gpointer data, const guint8 *bytes, gsize size)
{
    Leaf *leaf = data;
    const GkVisitor *visitor = leaf->mail->visitor;

    leaf->over = !visitor->bytes (visitor->data, bytes, size);
    return !leaf->over;
}

static void
read_leaf (Mail *mail, const Part *part, Text body)
{
    const GkVisitor *visitor = mail->visitor;
    g_autofree char *name = part->name ? NULL : made_up_name (part);
    Leaf leaf = { mail, FALSE };
    GkTrouble trouble = part->coded_otherwise ? GK_TROUBLE_DAMAGED : GK_TROUBLE_NONE;

    mail->stopped = !visitor->begin (visitor->data, name ? name : part->name, TRUE);
    if (mail->stopped)
        return;
    gk_mail_decode (part->encoding, body.at, body.size, on_bytes, &leaf);
    if (leaf.over)
        trouble = GK_TROUBLE_OVER_LIMIT;
    mail->stopped =
        !visitor->end (visitor->data, trouble,
                       part->coded_otherwise ? "it is encoded in a way of the past" : NULL);
}

static void read_part (Mail *mail, Text text, guint depth);

/* Whether @line is `--boundary`; @ret_last: with `--` behind. */
static gboolean
is_boundary (const Text *line, const char *boundary, gboolean *ret_last)
{
    gsize length = strlen (boundary);

    if (line->size < length + 2 || memcmp (line->at, "--", 2) != 0 ||
        memcmp (line->at + 2, boundary, length) != 0)
        return FALSE;
    *ret_last = line->size >= length + 4 && memcmp (line->at + 2 + length, "--", 2) == 0;
    for (gsize i = length + 2 + (*ret_last ? 2 : 0); i < line->size; i++)
        if (!g_ascii_isspace (line->at[i]))
            return FALSE;
    return TRUE;
}

/* The end of the line before a boundary is the boundary's. */
static Text
without_line_end (const char *start, const char *end)
{
    if (end > start && end[-1] == '\n')
        end--;
    if (end > start && end[-1] == '\r')
        end--;
    return (Text) { start, (gsize) (end - start) };
}

/* A part goes on to the next boundary, or, where there is none, to the end. */
static void
read_multipart (Mail *mail, const char *boundary, Text body, guint depth)
{
    const char *start = NULL;

    while (body.size && !mail->stopped) {
        Text line = take_line (&body);
        gboolean last = FALSE;

        if (!is_boundary (&line, boundary, &last))
            continue;
        if (start)
            read_part (mail, without_line_end (start, line.at), depth + 1);
        start = body.at;
        if (last)
            return;
    }
    if (start && !mail->stopped)
        read_part (mail, (Text) { start, (gsize) (body.at - start) }, depth + 1);
    if (!start) {
        mail->trouble = GK_TROUBLE_DAMAGED;
        mail->detail = "its parts are not where its header says";
    }
}

static void
read_part (Mail *mail, Text text, guint depth)
{
    g_auto (Part) part = { 0 };

    read_header (&text, &part);
    if (!part.type || !g_str_has_prefix (part.type, "multipart/")) {
        read_leaf (mail, &part, text);
    } else if (depth >= PARTS_DEEP) {
        mail->trouble = GK_TROUBLE_OVER_LIMIT;
        mail->detail = "parts in parts, too deep";
    } else if (!part.boundary || !*part.boundary) {
        mail->trouble = GK_TROUBLE_DAMAGED;
        mail->detail = "its header does not say how its parts are told apart";
        read_leaf (mail, &part, text);
    } else {
        if (part.encoding != GK_MAIL_PLAIN) {
            mail->trouble = GK_TROUBLE_DAMAGED;
            mail->detail = "it has parts that are encoded as a whole, which no mail may";
        }
        read_multipart (mail, part.boundary, text, depth);
    }
}

GkTrouble
gk_walk_mail (const GkSpecimen *specimen, const GkVisitor *visitor, char **ret_detail)
{
    Mail mail = { .visitor = visitor };

    if (specimen->head_size < specimen->size) {
        *ret_detail = g_strdup ("the mail is longer than what is taken apart");
        return GK_TROUBLE_OVER_LIMIT;
    }
    read_part (&mail, (Text) { (const char *) specimen->head, specimen->head_size }, 0);
    *ret_detail = g_strdup (mail.detail);
    return mail.trouble;
}
