/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holds what genkan-scan wrote against the shape of DESIGN.md's `triage`. The program that wrote it
 * has read a hostile file and may be that file's by now: nothing of it is used before. Pure. */
#pragma once

#include <json-glib/json-glib.h>

/**
 * gk_triage_check:
 *
 * That @triage has every member that must be there with its type, that verdicts are known and
 * indicators well-formed, in members (of archives and folders) too, and that all of it is bounded
 * in depth, number and length. G_IO_ERROR_INVALID_DATA otherwise.
 */
gboolean gk_triage_check (JsonObject *triage, GError **error);

/* Returns: (transfer full): the last part of the name of the member @number (`2`, `2.1`) of a
 * checked triage; %NULL: there is none */
char *gk_triage_member_name (JsonObject *triage, const char *number);
