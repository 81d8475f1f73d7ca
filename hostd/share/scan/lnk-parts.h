/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parsers of a shortcut's parts, for lnk.c to put together. Each takes a cursor on its part
 * alone, and leaves what it finds in the link. */
#pragma once

#include "hostd/share/scan/lnk.h"

/* Notes that something broke at @offset: once a place, at most GK_LNK_DAMAGE_MAX times. @what is
 * a constant. */
void gk_lnk_damaged (GkLnk *lnk, GkLnkReading reading, gsize offset, const char *what);

/* A list of items to its terminal: the link's own, and that of a vista block. */
void gk_lnk_read_items (GkLnk *lnk, GkLnkReading reading, GkCursor list, GkLnkItems *ret);

/* The link information; @at stands at its size field, and behind it afterwards. */
void gk_lnk_read_info (GkLnk *lnk, GkCursor *at);

/* Extra data blocks to the terminal one; sets the view's blocks and end. */
void gk_lnk_read_blocks (GkLnk *lnk, GkLnkReading reading, GkCursor *at);

/* Returns: the 16 bytes of a GUID as `{…}`, in the link's chunk */
const char *gk_lnk_read_guid (GkLnk *lnk, GkCursor *at);
