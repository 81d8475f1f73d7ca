/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What in a file speaks against it, how much, and what follows.
 *
 * An indicator is a kind of sign; a finding is one that a file shows. The verdict follows from the
 * findings by one rule:
 *
 *   malicious    one critical, or two different high ones
 *   suspicious   one high or medium
 *   clean        anything less
 *
 * `low` is for what harmless shortcuts have too: of a sample of 960, and others of everyday use.
 * `medium` and above are for what none of those had: `high` where it is a way of attack, `medium`
 * where it is only odd. Pure, one thread. */
#pragma once

#include "base/verdict.h"

#include <json-glib/json-glib.h>

typedef enum {
    GK_SEVERITY_LOW,
    GK_SEVERITY_MEDIUM,
    GK_SEVERITY_HIGH,
    GK_SEVERITY_CRITICAL
} GkSeverity;

typedef enum {
    /* Arguments */
    GK_ARGUMENTS_PADDED,
    GK_ARGUMENTS_LONG,
    GK_ARGUMENTS_LINE_BREAK,
    GK_ARGUMENTS_INVISIBLE,
    GK_ARGUMENTS_ENCODED_COMMAND,
    GK_ARGUMENTS_FETCH,
    GK_ARGUMENTS_REMOTE,
    GK_ARGUMENTS_URL,
    GK_ARGUMENTS_RUN_BUILTIN,
    GK_ARGUMENTS_HIDE_WINDOW,
    GK_ARGUMENTS_OBFUSCATED,
    GK_ARGUMENTS_NAME_LINKS,
    GK_ARGUMENTS_DELETE_LINK,
    /* Names, of any kind of file */
    GK_NAME_DOUBLE_EXTENSION,
    GK_NAME_NOT_THE_CONTENT,
    GK_NAME_BIDI_CONTROL,
    GK_NAME_ZERO_WIDTH,
    GK_NAME_PADDED,
    GK_NAME_CONTROL_CHARACTER,
    /* Target and icon */
    GK_BUILTIN_WITH_ARGUMENTS,
    GK_BUILTIN_WITH_URL,
    GK_BUILTIN_OUT_OF_SIGHT,
    GK_BUILTIN_BY_SHORT_NAME,
    GK_PROGRAM_BEHIND_DOCUMENT_ICON,
    GK_TARGET_UNC,
    GK_TARGET_WEBDAV,
    GK_TARGET_REMOTE_PROGRAM,
    GK_TARGET_TRAILING_DOT_OR_SPACE,
    GK_TARGET_PADDED,
    GK_TARGET_RELATIVE_ONLY,
    GK_TARGET_IN_TEMPORARY_FOLDER,
    GK_TARGETS_DISAGREE,
    GK_TARGET_FOLDERS_DISAGREE,
    GK_ICON_REMOTE,
    GK_ENVIRONMENT_HALVES_DIFFER,
    GK_ENVIRONMENT_HALF_EMPTY,
    GK_ENVIRONMENT_MISSING,
    GK_TARGET_BY_INSTALLER,
    GK_CONTROL_PANEL_PATH,
    GK_SPECIAL_FOLDER_CONTROL_PANEL,
    /* Structure */
    GK_DAMAGED,
    GK_READS_TWO_WAYS,
    GK_COUNT_OVER_LIMIT,
    GK_TEXT_WITH_NUL,
    GK_TEXT_NOT_UNICODE,
    GK_OVERLAY,
    GK_FILE_LARGE,
    GK_UNKNOWN_BLOCK,
    GK_BLOCK_ODD_SIZE,
    GK_BLOCK_REPEATED,
    GK_BLOCK_PAYLOAD,
    /* How it runs, and where it was made */
    GK_SHOW_MINIMISED,
    GK_CONSOLE_OUT_OF_SIGHT,
    GK_RUNS_ELEVATED,
    GK_SHIM_LAYER,
    GK_HOTKEY,
    GK_MADE_ON_VIRTUAL_MACHINE,
    GK_WITHOUT_TIMES,
    /* Containers, and the rules of others */
    GK_SHORTCUT_INSIDE,
    GK_CONTAINER_DAMAGED,
    GK_CONTAINER_OVER_LIMIT,
    GK_CONTAINER_ENCRYPTED,
    GK_RULE_CRITICAL,
    GK_RULE_HIGH,
    GK_RULE_MEDIUM,
    GK_RULE_LOW,
    GK_N_INDICATORS,
} GkIndicatorId;

typedef struct {
    const char *id; /* stable: others' rules name it */
    GkSeverity severity;
    const char *meaning; /* one sentence */
    const char *reference; /* %NULL: none */
} GkIndicator;

extern const GkIndicator gk_indicators[GK_N_INDICATORS];

const char *gk_severity_to_string (GkSeverity severity);

typedef struct _GkFindings GkFindings;

GkFindings *gk_findings_new (void);
void gk_findings_free (GkFindings *findings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkFindings, gk_findings_free)

/* Adds a finding. What is found again of the same indicator is joined to its detail, up to a
 * bound. The detail may hold the file's own text: escape it where it is printed. */
void gk_findings_add (GkFindings *findings, GkIndicatorId id, const char *detail, ...)
    G_GNUC_PRINTF (3, 4);

GkVerdict gk_findings_verdict (const GkFindings *findings);

/* Returns: (transfer full): one sentence on what led to the verdict; %NULL where nothing did */
char *gk_findings_why (const GkFindings *findings);

/* Returns: (transfer full): `[{id,severity,detail,meaning,reference}]`, worst first. A detail of
 * more than a line or two is cut, and `detail_cut` is true. */
JsonArray *gk_findings_to_json (const GkFindings *findings);
