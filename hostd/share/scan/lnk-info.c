/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Link information ([MS-SHLLINK] 2.3): the volume or share that the target lay on, and its path
 * there. Every string stands where an offset says; those of the Unicode forms are there only where
 * the header, or the part, is long enough to have them. */
#include "hostd/share/scan/lnk-parts.h"

enum {
    INFO_HAS_VOLUME = 1,
    INFO_HAS_SHARE = 2,
    UNICODE_HEADER = 0x24,
    UNICODE_LABEL = 0x14, /* an offset of the ANSI label that says: see the Unicode one */
    SHARE_HEADER = 0x14,
};

typedef struct {
    GkLnk *lnk;
    GkCursor whole; /* the part that offsets count from */
} Part;

static void
check (Part *part, const GkCursor *at, const char *what)
{
    if (at->broken)
        gk_lnk_damaged (part->lnk, GK_LNK_N_READINGS, at->base, what);
}

static GkText
ansi_at (Part *part, guint32 offset, const char *what)
{
    GkCursor at = gk_cursor_from (&part->whole, offset);
    GkText text = gk_text_ansi_z (&at, part->lnk->chunk);

    check (part, &at, what);
    return text;
}

static GkText
unicode_at (Part *part, guint32 offset, const char *what)
{
    GkCursor at = gk_cursor_from (&part->whole, offset);
    GkText text = gk_text_utf16_z (&at, part->lnk->chunk);

    check (part, &at, what);
    return text;
}

/* The text at @unicode where there is one, else at @ansi; 0 is no offset. */
static GkText
text_at (Part *part, guint32 ansi, guint32 unicode, const char *what)
{
    GkText text = { 0 };

    if (unicode)
        text = unicode_at (part, unicode, what);
    if (gk_text_empty (&text) && ansi)
        text = ansi_at (part, ansi, what);
    return text;
}

/* The part that starts with its own size at @offset of @info. */
static Part
sub_part (Part *info, guint32 offset, const char *what)
{
    GkCursor at = gk_cursor_from (&info->whole, offset), ahead = at;
    Part part = { info->lnk, gk_cursor_take (&at, gk_cursor_u32 (&ahead)) };

    part.whole.broken |= ahead.broken;
    check (info, &part.whole, what);
    return part;
}

static void
read_volume_id (Part *info, guint32 offset)
{
    static const char what[] = "the volume id leaves the link information";
    Part part = sub_part (info, offset, what);
    GkLnkInfo *ret = &info->lnk->info;
    GkCursor at = gk_cursor_from (&part.whole, 4);
    guint32 label;

    ret->drive_type = gk_cursor_u32 (&at);
    ret->serial = gk_cursor_u32 (&at);
    label = gk_cursor_u32 (&at);
    if (label == UNICODE_LABEL)
        ret->label = unicode_at (&part, gk_cursor_u32 (&at), what);
    else
        ret->label = ansi_at (&part, label, what);
    check (&part, &at, what);
}

static void
read_share (Part *info, guint32 offset)
{
    static const char what[] = "the network share leaves the link information";
    Part part = sub_part (info, offset, what);
    GkLnkInfo *ret = &info->lnk->info;
    GkCursor at = gk_cursor_from (&part.whole, 8);
    guint32 name = gk_cursor_u32 (&at), device = gk_cursor_u32 (&at);
    guint32 unicode_name = 0, unicode_device = 0;

    gk_cursor_skip (&at, 4); /* the provider's type */
    if (name > SHARE_HEADER) {
        unicode_name = gk_cursor_u32 (&at);
        unicode_device = gk_cursor_u32 (&at);
    }
    ret->share = text_at (&part, name, unicode_name, what);
    ret->device = text_at (&part, device, unicode_device, what);
    check (&part, &at, what);
}

static void
spell (GkLnk *lnk)
{
    GkLnkInfo *info = &lnk->info;
    const GkText *start = gk_text_empty (&info->local) ? &info->share : &info->local;
    const char *between = "";
    g_autofree char *path = NULL;

    if (gk_text_empty (start))
        return;
    if (!gk_text_empty (&info->suffix) && !g_str_has_suffix (start->utf8, "\\"))
        between = "\\";
    path = g_strconcat (start->utf8, between, info->suffix.utf8, NULL);
    info->path = g_string_chunk_insert (lnk->chunk, path);
}

void
gk_lnk_read_info (GkLnk *lnk, GkCursor *at)
{
    static const char what[] = "the link information points outside itself";
    GkLnkInfo *info = &lnk->info;
    GkCursor ahead = *at;
    Part part = { lnk, gk_cursor_take (at, gk_cursor_u32 (&ahead)) };
    GkCursor head = gk_cursor_from (&part.whole, 4);
    guint32 header_size, volume, local, share, suffix, local_unicode = 0, suffix_unicode = 0;

    info->present = TRUE;
    if (part.whole.broken)
        gk_lnk_damaged (lnk, GK_LNK_N_READINGS, part.whole.base,
                        "the link information is longer than the file");
    header_size = gk_cursor_u32 (&head);
    info->flags = gk_cursor_u32 (&head);
    volume = gk_cursor_u32 (&head);
    local = gk_cursor_u32 (&head);
    share = gk_cursor_u32 (&head);
    suffix = gk_cursor_u32 (&head);
    if (header_size >= UNICODE_HEADER) {
        local_unicode = gk_cursor_u32 (&head);
        suffix_unicode = gk_cursor_u32 (&head);
    }
    check (&part, &head, "the link information's header ends early");
    if (head.broken)
        return;
    if (info->flags & INFO_HAS_VOLUME) {
        read_volume_id (&part, volume);
        info->local = text_at (&part, local, local_unicode, what);
    }
    if (info->flags & INFO_HAS_SHARE)
        read_share (&part, share);
    info->suffix = text_at (&part, suffix, suffix_unicode, what);
    spell (lnk);
}
