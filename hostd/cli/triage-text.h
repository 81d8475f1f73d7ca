/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A triage as people read it: what a file claims to be, what it will do, why that matters. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdio.h>

/**
 * gk_triage_print:
 * @triage: DESIGN.md's `triage` object, of any make: what is missing is left out
 * @colour: whether @out is a terminal that shows colour
 *
 * Fits 80 columns, but for words that are longer. Nothing of the file reaches @out unescaped;
 * a backslash stands as itself, though, for paths are full of them. Blanks that would not show are
 * counted: `‹230 blanks›`.
 */
void gk_triage_print (JsonObject *triage, FILE *out, gboolean colour);
