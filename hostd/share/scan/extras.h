/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What genkan-scan-deep can do and genkan-scan cannot. Linking libarchive and libyara takes longer
 * than a shortcut is looked at: so the light program is asked first, and the deep one where the
 * answer says `deferred` or rules are configured. One thread. */
#pragma once

#include "hostd/share/scan/triage.h"

#include <gio/gio.h>

/* Before the walls are up. @rules: NULL-terminated paths of YARA's rules */
gboolean gk_extras_init (const char *const *rules, GError **error);

GkWalk gk_extras_unpack (void); /* %NULL: archives are not unpacked */
const GkMatcher *gk_extras_matcher (void); /* %NULL: there are no rules */

gboolean gk_extras_save_rules (const char *const *rules, const char *path, GError **error);
