/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ids of disposables and runs, and the names that users give. Pure, any thread. */
#pragma once

#include <glib.h>

/* Length of an id: a lower-case letter, then letters and the digits 2 to 7: 39 bits. It fits,
 * behind a two-letter prefix, in the 15 bytes of an interface name. */
enum { GK_ID_LENGTH = 8 };

/* Returns: (transfer full): a new random id */
char *gk_id_new (void);

gboolean gk_id_valid (const char *id);

/* Returns: (transfer full): a name to say aloud, such as `amber-fox` (not unique) */
char *gk_name_new (void);

/* Whether @name may name a disposable, an image or a policy: `[a-z0-9][a-z0-9._-]{0,31}`. */
gboolean gk_name_valid (const char *name);
