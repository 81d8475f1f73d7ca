/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file read from front to back while what is wanted of it is written to another, with a buffer on
 * each side. One thread. Errors: GK_VMM_ERROR_FAILED where it ends too early, G_IO_ERROR. */
#pragma once

#include "vmm/vmm.h"

enum { GK_FILTER_BUFFER = 1 << 20 }; /* the most that can be looked at or put at once, bytes */

typedef struct {
    int from, to;              /* borrowed, each taken from where it is */
    GCancellable *cancellable; /* borrowed */
    guint64 left;              /* not yet read of the source */
    guint64 consumed, written; /* bytes dropped or copied of the source; bytes flushed */
    guint8 *in, *out;
    gsize at, filled, pending; /* of in: the next byte, and the end; of out: the end */
} GkFilter;

void gk_filter_init (GkFilter *filter, int from, guint64 size, int to, GCancellable *cancellable);
void gk_filter_clear (GkFilter *filter);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkFilter, gk_filter_clear)

/* Sets @error, with the place in the source; returns FALSE, for a tail call. */
gboolean gk_filter_refuse (GkFilter *filter, GError **error, const char *what, ...)
    G_GNUC_PRINTF (3, 4);

/* Returns: (transfer none): the next @size bytes of the source, until the next call; or %NULL */
const guint8 *gk_filter_look (GkFilter *filter, gsize size, GError **error);

/* Goes past what was looked at. */
void gk_filter_drop (GkFilter *filter, gsize size);

gboolean gk_filter_put (GkFilter *filter, const void *data, gsize size, GError **error);

/* Looks, puts and drops. Returns: (transfer none): as gk_filter_look() */
const guint8 *gk_filter_copy (GkFilter *filter, gsize size, GError **error);

gboolean gk_filter_copy_u32 (GkFilter *filter, guint32 *ret, GError **error); /* big-endian */

/* Copies all that is left, and writes what is pending. */
gboolean gk_filter_finish (GkFilter *filter, GError **error);
