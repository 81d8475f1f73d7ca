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

/* What a policy may say of its disposables' lease. */
typedef struct {
    const char *key;
    gsize has, seconds; /* in GkPolicy */
    guint scale, max;
} Limit;

#define AT(field) G_STRUCT_OFFSET (GkPolicy, field)

static const Limit limits[] = {
    {"idle-minutes", AT (has_idle), AT (idle_s), 60,   525600},
    { "life-hours",  AT (has_life), AT (life_s), 3600, 8760  },
};

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
set_invalid (GError **error, const char *path, const char *what)
{
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_FAILED, "policy file %s: %s", path, what);
    return FALSE;
}

/* A limit of the lease; where it is not there, the configuration's holds. */
static gboolean
read_limit (GKeyFile *file, const char *path, const Limit *limit, GkPolicy *policy, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autofree char *text = g_key_file_get_string (file, "policy", limit->key, &local);
    g_autofree char *what = NULL;
    guint64 number = 0;

    if (g_error_matches (local, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND))
        return TRUE;
    if (local)
        return set_invalid (error, path, local->message);
    if (!g_ascii_string_to_unsigned (text, 10, 0, limit->max, &number, NULL)) {
        what = g_strdup_printf ("[policy] %s: '%s' is no number from 0 (no limit) to %u",
                                limit->key, text, limit->max);
        return set_invalid (error, path, what);
    }
    G_STRUCT_MEMBER (gboolean, policy, limit->has) = TRUE;
    G_STRUCT_MEMBER (guint, policy, limit->seconds) = (guint) number * limit->scale;
    return TRUE;
}

static gboolean
read_policy (const char *path, GBytes *bytes, GkPolicy *policy, GError **error)
{
    g_autoptr (GKeyFile) file = g_key_file_new ();
    g_autoptr (GError) local = NULL;
    g_autofree char *mode = NULL;

    if (g_key_file_load_from_bytes (file, bytes, G_KEY_FILE_NONE, &local))
        mode = g_key_file_get_string (file, "policy", "mode", &local);
    if (!mode || !g_strv_contains (modes, mode))
        return set_invalid (error, path, local ? local->message : "[policy] mode must be 'none'");
    for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
        if (!read_limit (file, path, &limits[i], policy, error))
            return FALSE;
    policy->mode = g_steal_pointer (&mode);
    return TRUE;
}

GkPolicy *
gk_policy_load (const char *config_dir, const char *name, GError **error)
{
    g_autofree char *path = NULL, *sum = NULL;
    g_autoptr (GkPolicy) policy = g_new0 (GkPolicy, 1);
    g_autoptr (GError) local = NULL;
    g_autoptr (GBytes) bytes = gk_name_valid (name) ? find (config_dir, name, &path, &local) : NULL;

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
    if (!read_policy (path, bytes, policy, error))
        return NULL;
    sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
    policy->name = g_strdup (name);
    policy->digest = g_strconcat ("sha256:", sum, NULL);
    return g_steal_pointer (&policy);
}

void
gk_policy_free (GkPolicy *policy)
{
    if (!policy)
        return;
    g_free (policy->name);
    g_free (policy->mode);
    g_free (policy->digest);
    g_free (policy);
}
