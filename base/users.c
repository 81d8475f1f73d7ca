/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/users.h"

#include <grp.h>
#include <pwd.h>

/* A group of thousands fits; a longer entry is taken for none. */
enum { ENTRY_MAX = 1 << 18 };

gboolean
gk_group_find (const char *name, gid_t *ret)
{
    g_autofree char *buffer = g_malloc (ENTRY_MAX);
    struct group entry, *found = NULL;

    if (getgrnam_r (name, &entry, buffer, ENTRY_MAX, &found) != 0 || !found)
        return FALSE;
    *ret = found->gr_gid;
    return TRUE;
}

char *
gk_user_name (uid_t uid)
{
    g_autofree char *buffer = g_malloc (ENTRY_MAX);
    struct passwd entry, *found = NULL;

    if (getpwuid_r (uid, &entry, buffer, ENTRY_MAX, &found) != 0 || !found)
        return g_strdup_printf ("%u", uid);
    return g_strdup (found->pw_name);
}
