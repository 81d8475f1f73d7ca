/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YARA's rules of the configuration, compiled once when genkand starts. Main thread. */
#pragma once

#include <gio/gio.h>

/**
 * gk_rules_prepare:
 * @yara: as configured: `standard` and folders, by ':'
 * @run_dir: where the compiled rules go
 * @ret_error: (out): the first failure; the paths are good for nothing then, which holds files back
 *
 * Returns: (transfer full): paths for GkScannerConfig, as many as there are folders
 */
char **gk_rules_prepare (const char *yara, const char *run_dir, GError **ret_error);
