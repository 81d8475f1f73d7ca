/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A FIFO that is fed with a saved state, for libvirtd to restore it from: what stands before the
 * stream comes from memory, the stream from the image's file, straight from the page cache.
 *
 * A thread does it, and waits for nothing for ever: it ends when all is written, when the reader has
 * gone, or when it is told to. Without a reader nothing is written. */
#pragma once

#include "vmm/save-image.h"

typedef struct _GkFeed GkFeed;

/**
 * gk_feed_start:
 * @image: (transfer none): borrowed until the end
 * @head: what comes first
 * @folder: absolute; gets the FIFO
 *
 * Returns: (transfer full): the feed, or %NULL with @error set
 */
GkFeed *gk_feed_start (const GkSaveImage *image, GBytes *head, const char *folder, GError **error);

/* Returns: (transfer none): the FIFO */
const char *gk_feed_path (GkFeed *feed);

/* Ends the thread and removes the FIFO. Returns: %FALSE with @error set where the image could not be
 * read; that the reader went is no failure of the feed's */
gboolean gk_feed_end (GkFeed *feed, GError **error);
