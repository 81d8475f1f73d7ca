/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks that turn what was parsed into findings. Pure, one thread. */
#pragma once

#include "hostd/share/scan/indicators.h"
#include "hostd/share/scan/kind.h"
#include "hostd/share/scan/lnk.h"

/* A shortcut as the checks look at it: what Windows would use. */
typedef struct {
    const guint8 *data;
    gsize size; /* of @data: the file's beginning */
    const GkLnk *lnk;
    const GkLnkView *view;
    const char *target;    /* never %NULL: "" where there is none */
    const char *program;   /* its last component, lower case; a built-in program, if any of the
                            * places where a target is written names one */
    const char *arguments; /* never %NULL */
    gboolean builtin;      /* @program runs what it is told */
    GkFindings *findings;
} GkLook;

/* The name of a file of any kind. @target: (nullable): of a shortcut, for one that is named after
 * the document it opens is as it should be. */
void gk_check_name (GkFindings *findings, const char *name, GkKind kind, const char *target);

/* A shortcut: all of the following. */
void gk_check_lnk (GkFindings *findings, const GkLnk *lnk, const guint8 *data, gsize size);

void gk_check_arguments (const GkLook *look);
void gk_check_target (const GkLook *look);
void gk_check_structure (const GkLook *look);

/* Returns: (transfer full): the switch in @folded (lower case, blanks single, no quotes) by which
 * PowerShell hides its window or runs scripts unasked; %NULL: none */
char *gk_switch_that_hides (const char *folded);

/* What @data holds that runs, e.g. `a program`; %NULL: nothing. */
const char *gk_payload_in (const guint8 *data, gsize size);

/* Returns: (transfer full): what @name makes a reader believe the file is; %NULL: nothing but what
 * it is */
char *gk_name_claim (const char *name);
