/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/unpack.h"
#include "hostd/share/scan/extras.h"
#include "hostd/share/scan/rules.h"

static GkMatcher matcher; /* set once, before a file is read */

gboolean
gk_extras_init (const char *const *paths, GError **error)
{
    GkRules *rules;

    gk_archive_init ();
    if (!*paths)
        return TRUE;
    rules = gk_rules_load (paths, error);
    if (!rules)
        return FALSE;
    matcher = gk_rules_matcher (rules); /* for as long as the process lives */
    return TRUE;
}

GkWalk
gk_extras_unpack (void)
{
    return gk_walk_archive;
}

const GkMatcher *
gk_extras_matcher (void)
{
    return matcher.match ? &matcher : NULL;
}

gboolean
gk_extras_save_rules (const char *const *paths, const char *path, GError **error)
{
    GkRules *rules = gk_rules_load (paths, error);
    gboolean ok = rules && gk_rules_save (rules, path, error);

    gk_rules_free (rules);
    return ok;
}
