/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compound files (MS-CFB): a small file system in a file. What is read is bounded by the file's own
 * size: a chain of sectors that is longer is a loop. Pure, one thread. */
#pragma once

#include "hostd/share/scan/cursor.h"

typedef struct _GkCompound GkCompound;

enum { GK_COMPOUND_NONE = -1, GK_COMPOUND_ROOT = 0 };

/* Returns: (transfer full): %NULL where @data is no such file, or too broken to be read */
GkCompound *gk_compound_open (const guint8 *data, gsize size);
void gk_compound_free (GkCompound *compound);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkCompound, gk_compound_free)

/* Whether it has more entries than are looked at. */
gboolean gk_compound_is_cut (GkCompound *compound);

/* The entry called @name (ASCII, without regard to case) in the storage @parent, or NONE. */
int gk_compound_find (GkCompound *compound, int parent, const char *name);

/* Returns: (transfer full) (element-type int): the entries of the storage @parent, as they stand in
 * the directory */
GArray *gk_compound_children (GkCompound *compound, int parent);

/* Its name as UTF-8, borrowed. */
const char *gk_compound_name (GkCompound *compound, int entry);
gboolean gk_compound_is_storage (GkCompound *compound, int entry);

/* Hands on the bytes of a stream. Returns: FALSE where its sectors end before it does, or @sink
 * said so (then @ret_ended is set) */
gboolean gk_compound_read (GkCompound *compound, int entry,
                           gboolean (*sink) (gpointer data, const guint8 *bytes, gsize size),
                           gpointer data, gboolean *ret_ended);
