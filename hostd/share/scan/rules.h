/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YARA's rules, by libyara: in genkan-scan-deep alone. They are read, and compiled where they are
 * text, before the walls are up: they are of the administrator's making, as the programs are. One
 * thread. Errors are G_IO_ERROR.
 *
 * `severity` in a rule's meta (low, medium, high, critical) says how much a match weighs; without
 * one it is high. `description` is shown. */
#pragma once

#include "hostd/share/scan/triage.h"

#include <gio/gio.h>

typedef struct _GkRules GkRules;

/* @paths: NULL-terminated: folders of `*.yar` and `*.yara`, or files that gk_rules_save() made */
GkRules *gk_rules_load (const char *const *paths, GError **error);
void gk_rules_free (GkRules *rules);

/* Compiled, for those that load them often. */
gboolean gk_rules_save (GkRules *rules, const char *path, GError **error);

GkMatcher gk_rules_matcher (GkRules *rules);
