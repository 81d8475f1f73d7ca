/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where genkan's own programs and data stand: told from where the running program stands, so that
 * an installation may be staged or moved. Pure, any thread. */
#pragma once

#include <glib.h>

/* Returns: (transfer full): the path of program @name, e.g. `/usr/local/libexec/genkan/genkan-scan` */
char *gk_program_path (const char *name);

/* Returns: (transfer full): a path below `<prefix>/share/genkan` */
char *gk_data_path (const char *relative);
