/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/kind.h"

#include "hostd/share/scan/lnk.h"
#include "hostd/share/scan/programs.h"
#include "hostd/share/scan/walk.h"

#include <assert.h>
#include <string.h>

enum { TEXT_WINDOW = 4096, PDF_WINDOW = 1024 };

static const char *const kind_names[] = {
    [GK_KIND_EMPTY] = "empty", [GK_KIND_LNK] = "lnk",       [GK_KIND_PE] = "pe",
    [GK_KIND_ELF] = "elf",     [GK_KIND_ZIP] = "zip",       [GK_KIND_7Z] = "7z",
    [GK_KIND_RAR] = "rar",     [GK_KIND_GZIP] = "gzip",     [GK_KIND_CAB] = "cab",
    [GK_KIND_OLE] = "ole",     [GK_KIND_PDF] = "pdf",       [GK_KIND_RTF] = "rtf",
    [GK_KIND_PNG] = "png",     [GK_KIND_JPEG] = "jpeg",     [GK_KIND_HTA] = "hta",
    [GK_KIND_HTML] = "html",   [GK_KIND_SCRIPT] = "script", [GK_KIND_TEXT] = "text",
    [GK_KIND_OTHER] = "other", [GK_KIND_BZIP2] = "bzip2",   [GK_KIND_XZ] = "xz",
    [GK_KIND_ZSTD] = "zstd",   [GK_KIND_TAR] = "tar",       [GK_KIND_ISO] = "iso",
    [GK_KIND_DISK] = "disk",   [GK_KIND_LHA] = "lha",       [GK_KIND_MAIL] = "mail",
    [GK_KIND_MSG] = "msg",     [GK_KIND_LINK] = "link",
};
static_assert (G_N_ELEMENTS (kind_names) == GK_N_KINDS, "every kind has a name");

/* clang-format off */
static const struct {
    GkKind kind;
    gsize at;
    guint8 size;
    const char *magic;
} magics[] = {
    {GK_KIND_PE,     0,      2, "MZ"                              },
    { GK_KIND_ELF,   0,      4, "\177ELF"                         },
    { GK_KIND_ZIP,   0,      4, "PK\x03\x04"                      },
    { GK_KIND_ZIP,   0,      4, "PK\x05\x06"                      },
    { GK_KIND_7Z,    0,      6, "7z\xbc\xaf\x27\x1c"              },
    { GK_KIND_RAR,   0,      6, "Rar!\x1a\x07"                    },
    { GK_KIND_GZIP,  0,      2, "\x1f\x8b"                        },
    { GK_KIND_CAB,   0,      4, "MSCF"                            },
    { GK_KIND_OLE,   0,      8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"},
    { GK_KIND_RTF,   0,      5, "{\\rtf"                          },
    { GK_KIND_PNG,   0,      8, "\x89PNG\r\n\x1a\n"               },
    { GK_KIND_JPEG,  0,      3, "\xff\xd8\xff"                    },
    { GK_KIND_BZIP2, 0,      3, "BZh"                             },
    { GK_KIND_XZ,    0,      6,
     "\xfd"
      "7zXZ\x00"                                                  },
    { GK_KIND_ZSTD,  0,      4, "\x28\xb5\x2f\xfd"                },
    { GK_KIND_DISK,  0,      8, "conectix"                        },
    { GK_KIND_DISK,  0,      8, "vhdxfile"                        },
    { GK_KIND_LHA,   2,      3, "-lh"                             },
    { GK_KIND_TAR,   257,    5, "ustar"                           },
    { GK_KIND_ISO,   0x8001, 5, "CD001"                           },
    { GK_KIND_ISO,   0x8001, 5, "BEA01"                           },
};
/* clang-format on */

static gboolean
contains (const guint8 *data, gsize size, const char *lower)
{
    gsize length = strlen (lower);

    for (gsize i = 0; i + length <= size; i++)
        if (g_ascii_strncasecmp ((const char *) data + i, lower, length) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
is_text (const guint8 *data, gsize size)
{
    gboolean utf16 =
        size >= 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff));

    for (gsize i = 0; i < size && !utf16; i++)
        if (data[i] < 0x20 && !strchr ("\t\n\r\f\x1a", data[i] ? data[i] : 1))
            return FALSE;
    return TRUE;
}

static GkKind
recognise_text (const guint8 *data, gsize size, const char *name)
{
    if (gk_mail_recognise (data, size))
        return GK_KIND_MAIL;
    if (contains (data, size, "<hta:application"))
        return GK_KIND_HTA;
    if (contains (data, size, "<!doctype html") || contains (data, size, "<html"))
        return GK_KIND_HTML;
    if ((size >= 2 && data[0] == '#' && data[1] == '!') || (name && gk_name_is_script (name)))
        return GK_KIND_SCRIPT;
    return GK_KIND_TEXT;
}

GkKind
gk_kind_recognise (const guint8 *data, gsize size, const char *name)
{
    gsize window = MIN (size, TEXT_WINDOW);

    if (size == 0)
        return GK_KIND_EMPTY;
    if (gk_lnk_recognise (data, size))
        return GK_KIND_LNK;
    for (gsize i = 0; i < G_N_ELEMENTS (magics); i++)
        if (size >= magics[i].at + magics[i].size &&
            memcmp (data + magics[i].at, magics[i].magic, magics[i].size) == 0)
            return magics[i].kind == GK_KIND_OLE && gk_msg_recognise (data, size) ? GK_KIND_MSG
                                                                                  : magics[i].kind;
    if (contains (data, MIN (size, PDF_WINDOW), "%pdf-"))
        return GK_KIND_PDF;
    return is_text (data, window) ? recognise_text (data, window, name) : GK_KIND_OTHER;
}

const char *
gk_kind_to_string (GkKind kind)
{
    return kind_names[kind];
}

gboolean
gk_kind_is_archive (GkKind kind)
{
    switch (kind) {
    case GK_KIND_ZIP:
    case GK_KIND_7Z:
    case GK_KIND_RAR:
    case GK_KIND_GZIP:
    case GK_KIND_BZIP2:
    case GK_KIND_XZ:
    case GK_KIND_ZSTD:
    case GK_KIND_TAR:
    case GK_KIND_ISO:
    case GK_KIND_CAB:
    case GK_KIND_LHA:
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean
gk_kind_runs (GkKind kind)
{
    return kind == GK_KIND_PE || kind == GK_KIND_LNK || kind == GK_KIND_ELF ||
           kind == GK_KIND_HTA || kind == GK_KIND_SCRIPT;
}
