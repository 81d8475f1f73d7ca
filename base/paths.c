/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/paths.h"

#include <string.h>

/* Our programs stand in <prefix>/bin, <prefix>/sbin and <prefix>/libexec/genkan. */
static char *
prefix (void)
{
    g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname (program ? program : "/usr/local/bin/genkan");
    g_autofree char *parent = g_path_get_dirname (folder);

    if (g_str_has_suffix (folder, "/libexec/genkan"))
        return g_path_get_dirname (parent);
    return g_steal_pointer (&parent);
}

char *
gk_program_path (const char *name)
{
    g_autofree char *top = prefix ();

    return g_build_filename (top, "libexec", "genkan", name, NULL);
}

char *
gk_data_path (const char *relative)
{
    g_autofree char *top = prefix ();

    return g_build_filename (top, "share", "genkan", relative, NULL);
}
