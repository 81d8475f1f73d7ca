/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives, by libarchive: in genkan-scan-deep alone.
 *
 * Only formats and filters that it reads in this process are enabled: the others run programs. Its
 * locale, time zone and tables must have been asked for before the walls were up (gk_archive_init),
 * because it opens files for them. */
#include "hostd/share/scan/unpack.h"

#include "base/escape.h"

#include <archive.h>
#include <archive_entry.h>
#include <iconv.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE = 64 << 10, MESSAGE_SHOWN = 200, ZIP_END = 22, ZIP_TAIL = ZIP_END + 0xffff };

typedef struct {
    const GkSpecimen *specimen;
    guint64 at;
    guint8 piece[PIECE];
} Source;

static la_ssize_t
on_read (struct archive *archive, void *data, const void **ret_bytes)
{
    Source *source = data;
    gssize got = gk_specimen_read (source->specimen, source->at, source->piece, PIECE);

    *ret_bytes = source->piece;
    if (got > 0)
        source->at += (guint64) got;
    return got < 0 ? ARCHIVE_FATAL : (la_ssize_t) got;
}

static la_int64_t
on_skip (struct archive *archive, void *data, la_int64_t request)
{
    Source *source = data;
    guint64 left = source->specimen->size - MIN (source->at, source->specimen->size);
    guint64 skipped = MIN (left, (guint64) MAX (request, 0));

    source->at += skipped;
    return (la_int64_t) skipped;
}

static la_int64_t
on_seek (struct archive *archive, void *data, la_int64_t offset, int whence)
{
    Source *source = data;
    gint64 size = (gint64) source->specimen->size;
    gint64 base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (gint64) source->at : size;

    if (offset > G_MAXINT64 / 2 || base + offset < 0 || base + offset > size)
        return ARCHIVE_FATAL;
    source->at = (guint64) (base + offset);
    return base + offset;
}

void
gk_archive_init (void)
{
    iconv_t tables;

    setenv ("TZ", "UTC0", 1);
    tzset ();
    setlocale (LC_CTYPE, "C.UTF-8");
    tables = iconv_open ("UTF-8", "ANSI_X3.4-1968");
    if (tables != (iconv_t) -1)
        iconv_close (tables);
}

static gboolean
is_compressed_alone (GkKind kind)
{
    return kind == GK_KIND_GZIP || kind == GK_KIND_BZIP2 || kind == GK_KIND_XZ ||
           kind == GK_KIND_ZSTD;
}

static void
enable (struct archive *archive, GkKind kind)
{
    static int (*const enablers[]) (struct archive *) = {
        archive_read_support_filter_gzip,    archive_read_support_filter_bzip2,
        archive_read_support_filter_xz,      archive_read_support_filter_lzma,
        archive_read_support_filter_zstd,    archive_read_support_filter_lz4,
        archive_read_support_format_zip,     archive_read_support_format_7zip,
        archive_read_support_format_rar,     archive_read_support_format_rar5,
        archive_read_support_format_tar,     archive_read_support_format_cpio,
        archive_read_support_format_iso9660, archive_read_support_format_cab,
        archive_read_support_format_lha,
    };

    for (gsize i = 0; i < G_N_ELEMENTS (enablers); i++)
        enablers[i](archive);
    /* It takes anything for an archive of one file: so only where there may be no other in it. */
    if (is_compressed_alone (kind))
        archive_read_support_format_raw (archive);
}

static char *
message_of (struct archive *archive)
{
    const char *message = archive_error_string (archive);

    return gk_escape (message ? message : "it cannot be read",
                      message ? (gssize) strnlen (message, MESSAGE_SHOWN) : -1);
}

static GkTrouble
trouble_of (struct archive *archive, struct archive_entry *entry)
{
    const char *message = archive_error_string (archive);
    g_autofree char *lower = message ? g_ascii_strdown (message, -1) : NULL;

    if ((entry && archive_entry_is_encrypted (entry)) ||
        archive_read_has_encrypted_entries (archive) > 0 ||
        (lower && (strstr (lower, "encrypt") || strstr (lower, "passphrase"))))
        return GK_TROUBLE_ENCRYPTED;
    if (lower && (strstr (lower, "memory") || strstr (lower, "too large")))
        return GK_TROUBLE_OVER_LIMIT;
    return GK_TROUBLE_DAMAGED;
}

/* Returns: whether to go on. */
static gboolean
hand_on (struct archive *archive, struct archive_entry *entry, const GkVisitor *visitor)
{
    const void *bytes;
    la_int64_t offset;
    guint64 expected = 0;
    size_t size;
    int got = ARCHIVE_EOF;

    if (archive_entry_is_encrypted (entry))
        return visitor->end (visitor->data, GK_TROUBLE_ENCRYPTED, NULL);
    while ((got = archive_read_data_block (archive, &bytes, &size, &offset)) == ARCHIVE_OK) {
        /* Holes are not unpacked: a terabyte of them is cheap. */
        if ((guint64) offset != expected)
            return visitor->end (visitor->data, GK_TROUBLE_OVER_LIMIT, "it has holes");
        expected += size;
        if (!visitor->bytes (visitor->data, bytes, size))
            return visitor->end (visitor->data, GK_TROUBLE_OVER_LIMIT, NULL);
    }
    if (got == ARCHIVE_EOF)
        return visitor->end (visitor->data, GK_TROUBLE_NONE, NULL);
    {
        g_autofree char *message = message_of (archive);

        return visitor->end (visitor->data, trouble_of (archive, entry), message) &&
               got != ARCHIVE_FATAL;
    }
}

static const char *
name_of (struct archive_entry *entry)
{
    const char *name = archive_entry_pathname (entry);

    return name ? name : archive_entry_pathname_utf8 (entry);
}

static GkTrouble
walk (struct archive *archive, const GkVisitor *visitor, guint *ret_entries, char **ret_detail)
{
    for (;; ++*ret_entries) {
        struct archive_entry *entry = NULL;
        int got = archive_read_next_header (archive, &entry);
        gboolean is_file;

        if (got == ARCHIVE_EOF)
            return GK_TROUBLE_NONE;
        if (got < ARCHIVE_WARN) {
            *ret_detail = message_of (archive);
            return trouble_of (archive, NULL);
        }
        if (archive_entry_filetype (entry) == AE_IFDIR)
            continue;
        is_file = archive_entry_filetype (entry) == AE_IFREG && !archive_entry_hardlink (entry);
        if (!visitor->begin (visitor->data, name_of (entry), is_file)) {
            *ret_entries = G_MAXUINT;
            return GK_TROUBLE_NONE;
        }
        if (is_file ? !hand_on (archive, entry, visitor)
                    : !visitor->end (visitor->data, GK_TROUBLE_NONE, NULL)) {
            *ret_entries = G_MAXUINT;
            return GK_TROUBLE_NONE;
        }
    }
}

/* Whether a ZIP's directory claims another number of entries than @found: libarchive passes over
 * names that share one member's bytes, and other readers show them. */
static gboolean
claims_others (const GkSpecimen *specimen, guint found)
{
    gsize tail = (gsize) MIN (specimen->size, ZIP_TAIL);
    g_autofree guint8 *bytes = g_malloc (tail);
    gsize got = 0;

    while (got < tail) {
        gssize n =
            gk_specimen_read (specimen, specimen->size - tail + got, bytes + got, tail - got);

        if (n <= 0)
            return FALSE;
        got += (gsize) n;
    }
    for (gsize at = tail; at-- > 0;)
        if (at + ZIP_END <= tail && memcmp (bytes + at, "PK\x05\x06", 4) == 0) {
            guint claimed = bytes[at + 10] | (guint) bytes[at + 11] << 8;

            return claimed != G_MAXUINT16 && claimed != found;
        }
    return FALSE;
}

GkTrouble
gk_walk_archive (const GkSpecimen *specimen, const GkVisitor *visitor, char **ret_detail)
{
    struct archive *archive = archive_read_new ();
    g_autofree Source *source = g_new0 (Source, 1);
    GkKind kind = gk_kind_recognise (specimen->head, specimen->head_size, NULL);
    GkTrouble trouble = GK_TROUBLE_DAMAGED;
    guint entries = 0;

    source->specimen = specimen;
    enable (archive, kind);
    archive_read_set_read_callback (archive, on_read);
    archive_read_set_skip_callback (archive, on_skip);
    archive_read_set_seek_callback (archive, on_seek);
    archive_read_set_callback_data (archive, source);
    if (archive_read_open1 (archive) == ARCHIVE_OK)
        trouble = walk (archive, visitor, &entries, ret_detail);
    else
        *ret_detail = message_of (archive);
    archive_read_free (archive);
    if (trouble == GK_TROUBLE_NONE && kind == GK_KIND_ZIP && entries != G_MAXUINT &&
        claims_others (specimen, entries)) {
        *ret_detail = g_strdup ("its directory lists other files than can be unpacked");
        return GK_TROUBLE_DAMAGED;
    }
    return trouble;
}
