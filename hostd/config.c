/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/config.h"

G_DEFINE_QUARK (gk - config - error - quark, gk_config_error)

typedef enum { TEXT, NUMBER, SIZE, CHOICE } Kind;

static const char *const accelerators[] = { "auto", "kvm", "tcg", NULL };

/* Numbers stand in the file in the key's unit and are multiplied by `scale`. */
static const struct {
    const char *group, *key;
    Kind kind;
    gsize offset;
    const char *standard; /* NULL: unset */
    guint64 min, max, scale;
    const char *const *choices;
} keys[] = {
#define AT(field) G_STRUCT_OFFSET (GkConfig, field)
    {"vm",    "libvirt-uri",        TEXT,                              AT (libvirt_uri),"qemu:///system"},
    { "vm",   "accelerator",        CHOICE,                            AT (accelerator),"auto",           0, 0, 0, accelerators },
    { "vm",      "boot-timeout",                         NUMBER,                                              AT (boot_timeout),"240",5, 3600, 1 },
    { "vm", "most-disposables",NUMBER,AT (most_disposables),"8",                     1, 1000, 1 },
    { "vm",      "default-image",                      TEXT,                                     AT (default_image),"debian-wine"},
    { "bridge",      "subnet",                      TEXT,                                                      AT (subnet),"10.213.0.0/16"},
    { "bridge",   "uplink",TEXT,AT (uplink),"none"},
    { "bridge",   "default-policy",TEXT,AT (default_policy),"none"              },
    { "open",   "timeout",                             NUMBER,                                                                                         AT (default_timeout),                          "120",                                                1, 86400, 1 },
    { "share",   "largest-file-mib",              SIZE,                                                                                      AT (file_size),                                    "1024",                                 1, 65536, 1 << 20 },
    { "share", "outbound-mib",SIZE,AT (outbound_size),"256",1, 65536, 1 << 20 },
    { "scan",      "clamd-socket",                   TEXT,                                AT (clamd_socket),NULL},
    { "image",      "mirror",                     TEXT,                                               AT (mirror),NULL},
    { "roles",   "analyst",                                 TEXT,                                                                                                                                                     AT (analyst_group),                                                                                                                                                                                                                                                                      "genkan-analyst"                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         },
    { "roles",      "operator",                    TEXT,                                  AT (operator_group),"genkan-operator"},
    { "roles",      "builder",                   TEXT,                                       AT (builder_group),"genkan-builder"                                           },
#undef AT
};

static gboolean
set_invalid (GError **error, gsize at, const char *what)
{
    g_set_error (error, GK_CONFIG_ERROR, GK_CONFIG_ERROR_INVALID, "genkand.conf: [%s] %s: %s",
                 keys[at].group, keys[at].key, what);
    return FALSE;
}

static gboolean
set_number (GkConfig *config, gsize at, const char *text, GError **error)
{
    guint64 number = 0;

    if (!g_ascii_string_to_unsigned (text, 10, keys[at].min, keys[at].max, &number, NULL)) {
        g_autofree char *what =
            g_strdup_printf ("'%s' is no number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                             text, keys[at].min, keys[at].max);

        return set_invalid (error, at, what);
    }
    if (keys[at].kind == NUMBER)
        G_STRUCT_MEMBER (guint, config, keys[at].offset) = (guint) (number * keys[at].scale);
    else
        G_STRUCT_MEMBER (guint64, config, keys[at].offset) = number * keys[at].scale;
    return TRUE;
}

static gboolean
set_key (GkConfig *config, gsize at, const char *text, GError **error)
{
    if (!text)
        return TRUE;
    if (keys[at].kind == NUMBER || keys[at].kind == SIZE)
        return set_number (config, at, text, error);
    if (keys[at].choices && !g_strv_contains (keys[at].choices, text))
        return set_invalid (error, at, "must be one of: auto, kvm, tcg");
    G_STRUCT_MEMBER (char *, config, keys[at].offset) = g_strdup (text);
    return TRUE;
}

static gboolean
is_known (const char *group, const char *key)
{
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
            if (!is_known (groups[g], names[k])) {
                g_set_error (error, GK_CONFIG_ERROR, GK_CONFIG_ERROR_INVALID,
                             "genkand.conf: [%s] %s: there is no such key", groups[g], names[k]);
                return FALSE;
            }
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

    if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &local) &&
        !g_error_matches (local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_set_error (error, GK_CONFIG_ERROR, GK_CONFIG_ERROR_INVALID, "%s: %s", path,
                     local->message);
        return NULL;
    }
    if (!check_known (file, error))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++) {
        g_autofree char *text = g_key_file_get_string (file, keys[i].group, keys[i].key, NULL);

        if (!set_key (config, i, text && *text ? text : keys[i].standard, error))
            return NULL;
    }
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
    g_free (config);
}

GkAccelerator
gk_config_accelerator (const GkConfig *config)
{
    if (g_str_equal (config->accelerator, "kvm"))
        return GK_ACCELERATOR_KVM;
    return g_str_equal (config->accelerator, "tcg") ? GK_ACCELERATOR_TCG : GK_ACCELERATOR_AUTO;
}
