/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What judges a file: genkan-scan in its sandbox, YARA's rules and clamd where they are configured.
 *
 * A scanner that is configured is required: missing, hanging, cut off or talking nonsense is the
 * verdict `error`, never `clean`. Blocks for at most the time limit a scanner: for worker threads.
 */
#pragma once

#include "base/verdict.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef struct {
    const char *program; /* genkan-scan's path; NULL: where it is installed */
    const char *deep_program; /* genkan-scan-deep's, likewise */
    const char *const *rules; /* of YARA: folders, or compiled files; NULL: none */
    const char *clamd_socket; /* NULL: no clamd */
    guint signature_days; /* its signatures must be younger; 0: any age will do */
    gboolean in_namespaces; /* this process has left the host's, for all that it starts */
    guint timeout_ms; /* of each scanner; 0: 30 s */
    guint64 max_size; /* bytes a scanner is given; 0: 256 MiB. Over it: unscannable */
} GkScannerConfig;

typedef struct {
    GkVerdict verdict; /* of what the file is (genkan-scan), and clamd's where that is worse */
    gboolean vouched; /* a content scanner or a parser that knows the whole format found it
                       * clean: what may leave a guest unasked */
    JsonObject *triage; /* DESIGN.md's `triage` object, checked; never NULL */
    char *why; /* one sentence: what decided */
} GkJudgement;

void gk_judgement_clear (GkJudgement *judgement);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkJudgement, gk_judgement_clear)

/* Returns: (transfer full): the folder of YARA's rules that a user calls @name: `standard` is genkan's own */
char *gk_scan_rules_folder (const char *name);

/**
 * gk_scan_triage:
 * @fd: the file, a regular one, read from its start
 * @name: (nullable): what it is called, as claimed
 *
 * Runs genkan-scan alone (what `genkan triage` does, as whoever calls). A scanner that fails gives
 * a triage object with verdict `error`; only G_IO_ERROR_CANCELLED and a genkan-scan that cannot be
 * started at all are errors.
 *
 * Returns: (transfer full): the triage object
 */
JsonObject *gk_scan_triage (const GkScannerConfig *config, int fd, const char *name,
                            GCancellable *cancellable, GError **error);

/**
 * gk_scan_extract:
 * @member: its number, as the triage's `member` says (`2`, `2.1`)
 *
 * Unpacks one member of an archive or mail, in the sandbox. Errors: G_IO_ERROR_NOT_FOUND (no such
 * member), G_IO_ERROR_FAILED (it cannot be unpacked), G_IO_ERROR_CANCELLED.
 *
 * Returns: a descriptor of a file in memory that nobody can change any more, or -1
 */
int gk_scan_extract (const GkScannerConfig *config, int fd, const char *member,
                     GCancellable *cancellable, GError **error);

/* genkan-scan, then clamd: the judgement on a file that crosses the airlock. */
gboolean gk_scan_judge (const GkScannerConfig *config, int fd, const char *name,
                        GCancellable *cancellable, GkJudgement *ret, GError **error);
