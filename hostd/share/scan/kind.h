/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kind of file bytes are, by their beginning; for text, by its name too. Pure, any thread. */
#pragma once

#include <glib.h>

typedef enum {
    GK_KIND_EMPTY,
    GK_KIND_LNK,
    GK_KIND_PE,
    GK_KIND_ELF,
    GK_KIND_ZIP,
    GK_KIND_7Z,
    GK_KIND_RAR,
    GK_KIND_GZIP,
    GK_KIND_CAB,
    GK_KIND_BZIP2,
    GK_KIND_XZ,
    GK_KIND_ZSTD,
    GK_KIND_TAR,
    GK_KIND_ISO, /* and UDF */
    GK_KIND_DISK, /* a disk's image, whose file systems are not read here */
    GK_KIND_LHA,
    GK_KIND_MAIL,
    GK_KIND_MSG,
    GK_KIND_LINK, /* a member of an archive that is no file */
    GK_KIND_OLE,
    GK_KIND_PDF,
    GK_KIND_RTF,
    GK_KIND_PNG,
    GK_KIND_JPEG,
    GK_KIND_HTA,
    GK_KIND_HTML,
    GK_KIND_SCRIPT,
    GK_KIND_TEXT,
    GK_KIND_OTHER,
    GK_N_KINDS,
} GkKind;

/* @name: (nullable): as claimed */
GkKind gk_kind_recognise (const guint8 *data, gsize size, const char *name);

const char *gk_kind_to_string (GkKind kind);

/* Whether files are packed into it, which only genkan-scan-deep unpacks. */
gboolean gk_kind_is_archive (GkKind kind);

/* Whether Windows runs it, when opened, rather than showing it. */
gboolean gk_kind_runs (GkKind kind);
