/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/rules.h"

#include "base/paths.h"
#include "base/spawn.h"
#include "hostd/share/scanner.h"

#include <unistd.h>

enum { TIMEOUT_MS = 120 * 1000, OUTPUT_MAX = 1 << 20 };

static gboolean
compile (const char *folder, const char *path, GError **error)
{
    g_autofree char *program = gk_program_path ("genkan-scan-deep");
    const char *const argv[] = { program, "--rules", folder, "--save-rules", path, NULL };
    GkSpawn spec = {
        .argv = argv, .input = -1, .timeout_ms = TIMEOUT_MS, .max_output = OUTPUT_MAX
    };

    /* What an earlier genkand made must not stand for rules that are broken now. */
    unlink (path);
    return gk_spawn (&spec, NULL, NULL, NULL, NULL, error);
}

char **
gk_rules_prepare (const char *yara, const char *run_dir, GError **ret_error)
{
    g_auto (GStrv) folders = g_strsplit (yara, ":", -1);
    g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();

    for (guint i = 0; folders[i]; i++) {
        g_autofree char *folder = gk_scan_rules_folder (folders[i]);
        g_autofree char *path = g_strdup_printf ("%s/rules-%u", run_dir, i);
        g_autoptr (GError) error = NULL;

        g_strv_builder_add (paths, path);
        if (!compile (folder, path, &error) && ret_error && !*ret_error)
            g_propagate_error (ret_error, g_steal_pointer (&error));
    }
    return g_strv_builder_end (paths);
}
