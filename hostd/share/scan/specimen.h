/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file, or a member of one, that is looked at. Pure but for reading; one thread. */
#pragma once

#include <glib.h>

typedef struct {
    const char *name; /* (nullable): as claimed, of any make */
    const guint8 *head; /* the file's first bytes, all of them where `size` is not more */
    gsize head_size;
    guint64 size; /* of the whole file */
    const char *sha256; /* (nullable): of the whole file; %NULL: it was not read to its end */
    gboolean has_rest; /* what is behind the head can be read */
    int fd; /* then: of the whole file, for pread(2) */
} GkSpecimen;

/* Reads at most @n bytes at @offset. Returns: how many, 0 at the end of what can be read, or -1. */
gssize gk_specimen_read (const GkSpecimen *specimen, guint64 offset, guint8 *into, gsize n);

/* Whether every byte of it can be read. */
static inline gboolean
gk_specimen_is_whole (const GkSpecimen *specimen)
{
    return specimen->has_rest || specimen->head_size >= specimen->size;
}
