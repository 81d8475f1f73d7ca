/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/policy.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/paths.h"
#include "hostd/api/error.h"

#include <fcntl.h>

enum { POLICY_MAX = 1 << 20 };

/* What the bridge can enforce. */
static const char *const modes[] = { "none", NULL };

/* The operator's own, else the one that genkan brings. One that is there and cannot be read is an
 * error: nobody must get another policy than was meant. */
static GBytes *
find (const char *config_dir, const char *name, char **ret_path, GError **error)
{
    g_autofree char *file = g_strconcat (name, ".policy", NULL);
    g_autofree char *relative = g_build_filename ("policy", file, NULL);
    g_autofree char *own = g_build_filename (config_dir, "policies", file, NULL);
    g_autofree char *brought = gk_data_path (relative);
    g_autoptr (GError) local = NULL;
    GBytes *bytes = gk_file_read (AT_FDCWD, own, POLICY_MAX, &local);

    *ret_path = g_strdup (own);
    if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
        g_clear_error (&local);
        g_free (*ret_path);
        *ret_path = g_strdup (brought);
        bytes = gk_file_read (AT_FDCWD, brought, POLICY_MAX, &local);
    }
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return bytes;
}

static gboolean
check (const char *path, GBytes *bytes, GError **error)
{
    g_autoptr (GKeyFile) file = g_key_file_new ();
    g_autoptr (GError) local = NULL;
    g_autofree char *mode = NULL;

    if (g_key_file_load_from_bytes (file, bytes, G_KEY_FILE_NONE, &local))
        mode = g_key_file_get_string (file, "policy", "mode", &local);
    if (mode && g_strv_contains (modes, mode))
        return TRUE;
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_FAILED, "policy file %s: %s", path,
                 local ? local->message : "[policy] mode must be 'none'");
    return FALSE;
}

GkPolicy *
gk_policy_load (const char *config_dir, const char *name, GError **error)
{
    g_autofree char *path = NULL, *sum = NULL;
    g_autoptr (GError) local = NULL;
    g_autoptr (GBytes) bytes = gk_name_valid (name) ? find (config_dir, name, &path, &local) : NULL;
    GkPolicy *policy;

    if (local && !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_FAILED, "policy file %s", local->message);
        return NULL;
    }
    if (!bytes) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                     "there is no policy of that name: put NAME.policy into %s/policies, or use "
                     "'none'",
                     config_dir);
        return NULL;
    }
    if (!check (path, bytes, error))
        return NULL;
    policy = g_new0 (GkPolicy, 1);
    sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
    policy->name = g_strdup (name);
    policy->digest = g_strconcat ("sha256:", sum, NULL);
    return policy;
}

void
gk_policy_free (GkPolicy *policy)
{
    if (!policy)
        return;
    g_free (policy->name);
    g_free (policy->digest);
    g_free (policy);
}
