/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/config.h"

#include "base/id.h"

#include <string.h>

G_DEFINE_QUARK (gk - config - error - quark, gk_config_error)

/* A switch is a choice whose first word means TRUE. */
typedef enum { TEXT, NUMBER, SIZE, CHOICE, SWITCH } Kind;

enum { MINUTE = 60, HOUR = 60 * MINUTE, MIB = 1 << 20, POOL_MOST = 100 };

static const char *const accelerators[] = { "auto", "kvm", "tcg", NULL };
static const char *const warmth[] = { "auto", "never", NULL };

typedef struct {
    const char *group, *key;
    Kind kind;
    gsize offset; /* in GkConfig */
    const char *standard; /* NULL: unset */
    guint64 min, max; /* of a number as it stands in the file, in the key's unit */
    guint64 scale; /* what it is then multiplied by */
    const char *const *choices;
} Key;

#define KEY(group, key, kind, field, ...)                                                          \
    {                                                                                              \
        group, key, kind, G_STRUCT_OFFSET (GkConfig, field), __VA_ARGS__                           \
    }

/* clang-format off: a key, a row */
static const Key keys[] = {
    KEY ("vm", "libvirt-uri", TEXT, libvirt_uri, "qemu:///system"),
    KEY ("vm", "accelerator", CHOICE, accelerator, "auto", 0, 0, 0, accelerators),
    KEY ("vm", "boot-timeout", NUMBER, boot_timeout, "240", 5, 3600, 1),
    KEY ("vm", "most-disposables", NUMBER, most_disposables, "8", 1, 1000, 1),
    KEY ("vm", "most-per-user", NUMBER, most_per_user, "4", 1, 1000, 1),
    KEY ("vm", "memory-mib", SIZE, memory_total, "0", 0, 1 << 26, MIB),
    KEY ("vm", "warm", SWITCH, warm, "auto", 0, 0, 0, warmth),
    KEY ("vm", "default-image", TEXT, default_image, "debian-wine"),

    KEY ("limits", "cpu-percent", NUMBER, cpu_percent, "0", 0, 100000, 1),
    /* What control groups of both versions take. */
    KEY ("limits", "cpu-shares", NUMBER, cpu_shares, "512", 2, 10000, 1),
    KEY ("limits", "overlay-mib", SIZE, overlay_bytes, "4096", 16, 1 << 26, MIB),
    KEY ("limits", "disk-mib-per-second", SIZE, disk_bytes_per_s, "200", 0, 1 << 20, MIB),
    KEY ("limits", "disk-operations-per-second", NUMBER, disk_ops_per_s, "5000", 0, 100000000, 1),
    KEY ("limits", "packets-per-second", NUMBER, packets_per_s, "20000", 10, 1000000, 1),

    KEY ("lease", "idle-minutes", NUMBER, lease_idle_s, "60", 0, 525600, MINUTE),
    KEY ("lease", "life-hours", NUMBER, lease_life_s, "24", 0, 8760, HOUR),

    KEY ("pool", "memory-mib", SIZE, pool_memory, "2048", 0, 1 << 26, MIB),
    KEY ("pool", "keep-free-mib", SIZE, pool_keep_free, "1024", 0, 1 << 26, MIB),

    KEY ("bridge", "subnet", TEXT, subnet, "10.213.0.0/16"),
    KEY ("bridge", "uplink", TEXT, uplink, "none"),
    KEY ("bridge", "default-policy", TEXT, default_policy, "none"),

    KEY ("open", "timeout", NUMBER, default_timeout, "120", 1, 86400, 1),

    KEY ("share", "largest-file-mib", SIZE, file_size, "1024", 1, 65536, MIB),
    KEY ("share", "outbound-mib", SIZE, outbound_size, "256", 1, 65536, MIB),

    KEY ("scan", "clamd-socket", TEXT, clamd_socket, NULL),
    KEY ("scan", "largest-file-mib", SIZE, scan_size, "1024", 1, 65536, MIB),
    KEY ("scan", "signature-days", NUMBER, signature_days, "7", 0, 3650, 1),
    KEY ("scan", "yara", TEXT, yara, NULL),
    KEY ("image", "mirror", TEXT, mirror, NULL),

    KEY ("roles", "analyst", TEXT, analyst_group, "genkan-analyst"),
    KEY ("roles", "operator", TEXT, operator_group, "genkan-operator"),
    KEY ("roles", "builder", TEXT, builder_group, "genkan-builder"),
};
/* clang-format on */

static gboolean
set_invalid (GError **error, const char *group, const char *key, const char *what)
{
    g_set_error (error, GK_CONFIG_ERROR, GK_CONFIG_ERROR_INVALID, "genkand.conf: [%s] %s: %s",
                 group, key, what);
    return FALSE;
}

/* Numbers */

static gboolean
read_number (const char *group, const char *key, const char *text, guint64 min, guint64 max,
             guint64 *ret, GError **error)
{
    g_autofree char *what = NULL;

    if (g_ascii_string_to_unsigned (text, 10, min, max, ret, NULL))
        return TRUE;
    what = g_strdup_printf ("'%s' is no number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                            text, min, max);
    return set_invalid (error, group, key, what);
}

static gboolean
set_number (GkConfig *config, const Key *key, const char *text, GError **error)
{
    guint64 number = 0;

    if (!read_number (key->group, key->key, text, key->min, key->max, &number, error))
        return FALSE;
    if (key->kind == NUMBER)
        G_STRUCT_MEMBER (guint, config, key->offset) = (guint) (number * key->scale);
    else
        G_STRUCT_MEMBER (guint64, config, key->offset) = number * key->scale;
    return TRUE;
}

/* Keys that stand in the table */

static gboolean
check_choice (const Key *key, const char *text, GError **error)
{
    g_autofree char *choices = NULL, *what = NULL;

    if (g_strv_contains (key->choices, text))
        return TRUE;
    choices = g_strjoinv (", ", (char **) key->choices);
    what = g_strconcat ("must be one of: ", choices, NULL);
    return set_invalid (error, key->group, key->key, what);
}

static gboolean
set_key (GkConfig *config, const Key *key, const char *text, GError **error)
{
    if (!text)
        return TRUE;
    if (key->kind == NUMBER || key->kind == SIZE)
        return set_number (config, key, text, error);
    if (key->choices && !check_choice (key, text, error))
        return FALSE;
    if (key->kind == SWITCH)
        G_STRUCT_MEMBER (gboolean, config, key->offset) = g_str_equal (text, key->choices[0]);
    else
        G_STRUCT_MEMBER (char *, config, key->offset) = g_strdup (text);
    return TRUE;
}

static gboolean
set_keys (GkConfig *config, GKeyFile *file, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++) {
        g_autofree char *text = g_key_file_get_string (file, keys[i].group, keys[i].key, NULL);

        if (!set_key (config, &keys[i], text && *text ? text : keys[i].standard, error))
            return FALSE;
    }
    return TRUE;
}

/* Pools: `[pool NAME]` or `[pool NAME:VERSION]` */

static const char *const pool_keys[] = { "min", "max", NULL };

static void
pool_free (gpointer data)
{
    GkPoolConfig *pool = data;

    g_free (pool->image);
    g_free (pool);
}

/* The image that @group is about, or NULL where it is no pool's. */
static const char *
pool_image (const char *group)
{
    static const char prefix[] = "pool ";

    return g_str_has_prefix (group, prefix) ? group + strlen (prefix) : NULL;
}

static gboolean
image_is_valid (const char *image)
{
    g_auto (GStrv) parts = g_strsplit (image, ":", -1);
    const guint n = g_strv_length (parts);

    return (n == 1 || n == 2) && gk_name_valid (parts[0]) && (n == 1 || gk_name_valid (parts[1]));
}

/* A pool's number, from @min; @standard where it is not given. */
static gboolean
read_pool_number (GKeyFile *file, const char *group, const char *key, guint min, guint standard,
                  guint *ret, GError **error)
{
    g_autofree char *text = g_key_file_get_string (file, group, key, NULL);
    guint64 number = standard;

    if (text && *text && !read_number (group, key, text, min, POOL_MOST, &number, error))
        return FALSE;
    *ret = (guint) number;
    return TRUE;
}

static gboolean
add_pool (GkConfig *config, GKeyFile *file, const char *group, GError **error)
{
    const char *image = pool_image (group);
    guint min, max;
    GkPoolConfig *pool;

    if (!image_is_valid (image)) {
        g_set_error (error, GK_CONFIG_ERROR, GK_CONFIG_ERROR_INVALID,
                     "genkand.conf: [%s]: a pool is named after an image: NAME or NAME:VERSION",
                     group);
        return FALSE;
    }
    if (!read_pool_number (file, group, "min", 0, 1, &min, error) ||
        !read_pool_number (file, group, "max", min, min, &max, error))
        return FALSE;
    pool = g_new0 (GkPoolConfig, 1);
    *pool = (GkPoolConfig) { g_strdup (image), min, max };
    g_ptr_array_add (config->pools, pool);
    return TRUE;
}

static gboolean
add_pools (GkConfig *config, GKeyFile *file, GError **error)
{
    g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);

    for (gsize g = 0; groups[g]; g++)
        if (pool_image (groups[g]) && !add_pool (config, file, groups[g], error))
            return FALSE;
    return TRUE;
}

/* The file */

static gboolean
is_known (const char *group, const char *key)
{
    if (pool_image (group))
        return g_strv_contains (pool_keys, key);
    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
        if (g_str_equal (keys[i].group, group) && g_str_equal (keys[i].key, key))
            return TRUE;
    return FALSE;
}

static gboolean
check_known (GKeyFile *file, GError **error)
{
    g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);

    for (gsize g = 0; groups[g]; g++) {
        g_auto (GStrv) names = g_key_file_get_keys (file, groups[g], NULL, NULL);

        for (gsize k = 0; names && names[k]; k++)
            if (!is_known (groups[g], names[k]))
                return set_invalid (error, groups[g], names[k], "there is no such key");
    }
    return TRUE;
}

GkConfig *
gk_config_load (const char *config_dir, GError **error)
{
    g_autofree char *path = g_build_filename (config_dir, "genkand.conf", NULL);
    g_autoptr (GKeyFile) file = g_key_file_new ();
    g_autoptr (GkConfig) config = g_new0 (GkConfig, 1);
    g_autoptr (GError) local = NULL;

    config->pools = g_ptr_array_new_with_free_func (pool_free);
    if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &local) &&
        !g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_set_error (error, GK_CONFIG_ERROR, GK_CONFIG_ERROR_INVALID, "%s: %s", path,
                     local->message);
        return NULL;
    }
    if (!check_known (file, error) || !set_keys (config, file, error) ||
        !add_pools (config, file, error))
        return NULL;
    return g_steal_pointer (&config);
}

void
gk_config_free (GkConfig *config)
{
    if (!config)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
        if (keys[i].kind == TEXT || keys[i].kind == CHOICE)
            g_free (G_STRUCT_MEMBER (char *, config, keys[i].offset));
    g_ptr_array_unref (config->pools);
    g_free (config);
}

GkAccelerator
gk_config_accelerator (const GkConfig *config)
{
    if (g_str_equal (config->accelerator, "kvm"))
        return GK_ACCELERATOR_KVM;
    return g_str_equal (config->accelerator, "tcg") ? GK_ACCELERATOR_TCG : GK_ACCELERATOR_AUTO;
}
