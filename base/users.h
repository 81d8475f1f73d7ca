/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Users and groups by the system's database, without the static storage of getpwuid(3). Any thread. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* FALSE, with @ret untouched, where there is no group @name. */
gboolean gk_group_find (const char *name, gid_t *ret);

/* Returns: (transfer full): the name of @uid, or its number as text */
char *gk_user_name (uid_t uid);
