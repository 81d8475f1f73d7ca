/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A saved state behind another head, for libvirtd to restore it from.
 *
 * As a FIFO: a thread writes the head, which it has in memory, and the stream, straight from the
 * page cache. It waits for nothing for ever: it ends when all is written, when the reader has
 * gone, or when it is told to. Without a reader nothing is written.
 *
 * As a file, a copy: for libvirt from 11.2 on, which opens it twice. */
#pragma once

#include "vmm/save-image.h"

typedef struct _GkFeed GkFeed;

typedef enum { GK_FEED_FIFO, GK_FEED_FILE } GkFeedKind;

/**
 * gk_feed_start:
 * @image: (transfer none): borrowed until the end
 * @head: what comes first
 * @folder: absolute; gets the FIFO or file
 *
 * Returns: (transfer full): the feed, or %NULL with @error set
 */
GkFeed *gk_feed_start (GkFeedKind kind, const GkSaveImage *image, GBytes *head, const char *folder,
                       GError **error);

/* Returns: (transfer none): the FIFO or file */
const char *gk_feed_path (GkFeed *feed);

/* Ends the thread, and removes the FIFO or file. Returns: %FALSE with @error set where the image
 * could not be read; that the reader went is no failure of the feed's */
gboolean gk_feed_end (GkFeed *feed, GError **error);
