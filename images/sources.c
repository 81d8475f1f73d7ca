/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/building.h"

#include <string.h>

/* apt itself says where it fetches packages from, so that nobody parses its two formats of sources.
 */
static const char *const ask_apt[] = { "apt-get",
                                       "indextargets",
                                       "--format",
                                       "$(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
                                       "Created-By: Packages",
                                       "Origin: Debian",
                                       NULL };

/* The suite itself, its updates, its security updates. */
static const char *const pockets[] = { "", "-updates", "-security" };

static gboolean
is_of_suite (const char *codename, gsize length, const char *suite)
{
    for (gsize i = 0; i < G_N_ELEMENTS (pockets); i++) {
        g_autofree char *wanted = g_strconcat (suite, pockets[i], NULL);

        if (strlen (wanted) == length && strncmp (codename, wanted, length) == 0)
            return TRUE;
    }
    return FALSE;
}

char *
gk_sources_of_host (GkBuilding *building)
{
    g_autoptr (GString) sources = g_string_new (NULL);
    g_autoptr (GBytes) said = NULL;
    g_auto (GStrv) lines = NULL;

    if (!gk_building_run (building, ask_apt, NULL, &said, NULL))
        return NULL;
    lines = g_strsplit (g_bytes_get_data (said, NULL), "\n", -1);
    for (char **line = lines; *line; line++) {
        gsize length = strcspn (*line, " ");

        if ((*line)[length] && is_of_suite (*line, length, building->recipe->suite))
            g_string_append_printf (sources, "%s\n", *line + length + 1);
    }
    return sources->len ? g_string_free (g_steal_pointer (&sources), FALSE) : NULL;
}
