/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The airlock: every file between host and guest is copied once, out of the other side's reach,
 * with a cap; that copy is hashed, judged, kept as evidence, and is what is handed on.
 *
 *   <folder>/evidence/in/<n>   what was given, as brought (read-only, mode 0400)
 *   <folder>/evidence/out/<n>  what the guest dropped
 *
 * Blocks: for worker threads. Errors are G_IO_ERROR, each with what to do. */
#pragma once

#include "hostd/share/scanner.h"

typedef struct {
    char *name; /* as claimed, unescaped: data */
    char *path; /* of the evidence copy */
    guint64 size;
    char *sha256;
    GkJudgement judgement;
} GkPassed;

void gk_passed_free (GkPassed *passed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkPassed, gk_passed_free)

/**
 * gk_airlock_check_source:
 * @fd: what a client passed
 * @max: largest size, bytes
 *
 * That it is a regular, readable, non-empty file within @max: the errors that a user sees for a
 * directory, FIFO, device, empty or oversized file.
 */
gboolean gk_airlock_check_source (int fd, guint64 max, GError **error);

/* Brings a host file in: copy to evidence, judge. It is not yet visible to the guest. */
GkPassed *gk_airlock_bring (const char *folder, const GkScannerConfig *scanners, int fd,
                            const char *name, guint64 max, GCancellable *cancellable,
                            GError **error);

/**
 * gk_airlock_admit:
 * @ret_guest_name: (out): the name it got in the guest
 *
 * Shows a brought file in `<share>/inbound/`, in folders of its own where its name is a path of at
 * most 16 (`a/b.txt`), under its name made fit for the guest (a Windows or
 * Linux file name of printable characters, its ending kept; never over an existing one).
 */
gboolean gk_airlock_admit (const char *share, const GkPassed *passed, char **ret_guest_name,
                           GError **error);

/**
 * gk_airlock_take:
 * @share: whose `outbound/` is the drop box
 * @folder: whose `evidence/out/` gets the copy
 * @name: relative path in the drop box, as asked for by the user
 *
 * Takes a file from the drop box: opened beneath it, checked to be plain, copied with the cap,
 * judged. G_IO_ERROR_NOT_FOUND where there is none.
 */
GkPassed *gk_airlock_take (const char *share, const char *folder, const GkScannerConfig *scanners,
                           const char *name, guint64 max, GCancellable *cancellable,
                           GError **error);

/* One entry of the drop box that is not taken. */
typedef struct {
    char *path; /* relative, the guest's: escape it */
    const char *why; /* a constant */
} GkRefusal;

void gk_refusal_free (GkRefusal *refusal);

enum { GK_REFUSALS_MOST = 200 };

/**
 * gk_airlock_list:
 * @most: of paths
 * @ret_refusals: (out) (transfer full) (optional) (element-type GkRefusal): what was not taken, at
 *   most GK_REFUSALS_MOST
 * @ret_refused: (out) (optional): how many that were in all
 *
 * Returns: (transfer full) (element-type utf8): relative paths of what is in the drop box, 16
 * levels deep. Names are the guest's: escape them.
 */
GPtrArray *gk_airlock_list (const char *share, guint most, GPtrArray **ret_refusals,
                            guint *ret_refused, GError **error);
