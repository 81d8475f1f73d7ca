/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Progress on standard error: one line that is drawn over on a terminal; elsewhere nothing, or where
 * plain lines were asked for, a line each time the step changes. One thread. */
#pragma once

#include <glib.h>

typedef struct _GkProgress GkProgress;

GkProgress *gk_progress_new (gboolean plain);

/* @percent: 0 to 100, or more where nobody can tell. A step's text up to its first ':' names it. */
void gk_progress_show (GkProgress *progress, guint percent, const char *text);

/* Takes the line away, so that something else can be written. */
void gk_progress_hide (GkProgress *progress);
void gk_progress_free (GkProgress *progress);
