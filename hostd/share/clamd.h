/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of clamd's local socket: the file goes over as a descriptor (FILDES), so clamd needs no
 * right to open it and no file has to be readable for its user.
 *
 * clamd's own defaults fail open: it says OK to what is encrypted or over its limits. So its OK
 * counts only where it then objects to two canaries of ours, which it does with `AlertEncrypted
 * yes` and `AlertExceedsMax yes` in clamd.conf.
 *
 * Blocks for at most the time limit: for worker threads. Errors are G_IO_ERROR. */
#pragma once

#include "base/verdict.h"

#include <gio/gio.h>

typedef struct {
    GkVerdict verdict;
    char *what; /* what clamd found, or why there is no answer; escaped; NULL where clean */
} GkClamdAnswer;

void gk_clamd_answer_clear (GkClamdAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkClamdAnswer, gk_clamd_answer_clear)

/**
 * gk_clamd_scan:
 * @socket: path of clamd's LocalSocket
 * @fd: a regular file, open for reading
 *
 * A clamd that is not there, slow, cut off, not understood or set up to fail open is an answer too,
 * with the verdict `error`: only G_IO_ERROR_CANCELLED is an error.
 */
gboolean gk_clamd_scan (const char *socket, int fd, guint timeout_ms, GCancellable *cancellable,
                        GkClamdAnswer *ret, GError **error);

/* Reads clamd's reply to FILDES, without its NUL. Anything but a whole reply is `error`. */
GkClamdAnswer gk_clamd_read_answer (const char *reply);

/**
 * gk_clamd_signatures_age:
 * @version: clamd's own, e.g. `ClamAV 1.4.6/27479/Mon Dec  2 09:43:45 2024`
 * @now: Unix time
 *
 * Returns: how many days old its signatures are, from 0 on; -1 where it does not say
 */
int gk_clamd_signatures_age (const char *version, gint64 now);

/* That clamd's signatures are not older than @days. Errors: G_IO_ERROR_FAILED, with what to do. */
gboolean gk_clamd_check_signatures (const char *socket, guint days, GError **error);

/* Returns: (transfer full): what clamd calls itself and its signatures, escaped; or %NULL with
 * @error set */
char *gk_clamd_version (const char *socket, GError **error);
