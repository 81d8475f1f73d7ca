/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/files.h"
#include "hostd/api/error.h"
#include "hostd/config.h"
#include "hostd/policy.h"

#include <glib/gstdio.h>
#include <string.h>

/* A configuration directory of the test's own. */
typedef struct {
    char *path;
} Folder;

static void
folder_open (Folder *folder, gconstpointer data)
{
    g_autofree char *policies = NULL;

    folder->path = g_dir_make_tmp ("genkan-config-XXXXXX", NULL);
    policies = g_build_filename (folder->path, "policies", NULL);
    g_assert_cmpint (g_mkdir (policies, 0755), ==, 0);
}

static void
folder_close (Folder *folder, gconstpointer data)
{
    g_assert_true (gk_tree_remove_path (folder->path, NULL));
    g_free (folder->path);
}

static void
put (const Folder *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename (folder->path, name, NULL);

    g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static GkConfig *
load (const Folder *folder, const char *text)
{
    g_autoptr (GError) error = NULL;
    GkConfig *config;

    put (folder, "genkand.conf", text);
    config = gk_config_load (folder->path, &error);
    g_assert_no_error (error);
    return config;
}

static void
test_what_is_not_said_has_its_default (Folder *folder, gconstpointer data)
{
    g_autoptr (GkConfig) config = load (folder, "");

    g_assert_cmpuint (config->most_disposables, ==, 8);
    g_assert_cmpuint (config->most_per_user, ==, 4);
    g_assert_cmpuint (config->memory_total, ==, 0);
    g_assert_true (config->warm);
    g_assert_cmpuint (config->cpu_percent, ==, 0);
    g_assert_cmpuint (config->cpu_shares, ==, 512);
    g_assert_cmpuint (config->overlay_bytes, ==, 4ull << 30);
    g_assert_cmpuint (config->disk_bytes_per_s, ==, 200 << 20);
    g_assert_cmpuint (config->disk_ops_per_s, ==, 5000);
    g_assert_cmpuint (config->packets_per_s, ==, 20000);
    g_assert_cmpuint (config->lease_idle_s, ==, 3600);
    g_assert_cmpuint (config->lease_life_s, ==, 86400);
    g_assert_cmpuint (config->pool_memory, ==, 2ull << 30);
    g_assert_cmpuint (config->pool_keep_free, ==, 1ull << 30);
    g_assert_cmpuint (config->pools->len, ==, 0);
}

static void
test_what_is_said_holds (Folder *folder, gconstpointer data)
{
    g_autoptr (GkConfig) config =
        load (folder, "[vm]\nmost-per-user=2\nmemory-mib=8192\nwarm=never\naccelerator=tcg\n"
                      "[limits]\ncpu-percent=150\ncpu-shares=100\noverlay-mib=100\n"
                      "disk-mib-per-second=0\ndisk-operations-per-second=0\n"
                      "packets-per-second=500\n"
                      "[lease]\nidle-minutes=0\nlife-hours=8760\n"
                      "[pool]\nmemory-mib=0\nkeep-free-mib=1\n");

    g_assert_cmpuint (config->most_per_user, ==, 2);
    g_assert_cmpuint (config->memory_total, ==, 8ull << 30);
    g_assert_false (config->warm);
    g_assert_cmpint (gk_config_accelerator (config), ==, GK_ACCELERATOR_TCG);
    g_assert_cmpuint (config->cpu_percent, ==, 150);
    g_assert_cmpuint (config->cpu_shares, ==, 100);
    g_assert_cmpuint (config->overlay_bytes, ==, 100 << 20);
    g_assert_cmpuint (config->disk_bytes_per_s, ==, 0);
    g_assert_cmpuint (config->disk_ops_per_s, ==, 0);
    g_assert_cmpuint (config->packets_per_s, ==, 500);
    g_assert_cmpuint (config->lease_idle_s, ==, 0);
    g_assert_cmpuint (config->lease_life_s, ==, 31536000);
    g_assert_cmpuint (config->pool_memory, ==, 0);
    g_assert_cmpuint (config->pool_keep_free, ==, 1 << 20);
}

static void
test_pools_are_read (Folder *folder, gconstpointer data)
{
    static const GkPoolConfig wanted[] = {
        {"debian-wine",         1, 1},
        { "debian-base:2026.1", 2, 5},
        { "win11",              0, 3},
        { "x",                  7, 7}
    };
    g_autoptr (GkConfig) config = load (folder, "[pool debian-wine]\n"
                                                "[pool debian-base:2026.1]\nmin=2\nmax=5\n"
                                                "[pool]\nmemory-mib=100\n"
                                                "[pool win11]\nmax=3\nmin=0\n"
                                                "[pool x]\nmin=7\n");

    g_assert_cmpuint (config->pools->len, ==, G_N_ELEMENTS (wanted));
    for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++) {
        const GkPoolConfig *pool = config->pools->pdata[i];

        g_assert_cmpstr (pool->image, ==, wanted[i].image);
        g_assert_cmpuint (pool->min, ==, wanted[i].min);
        g_assert_cmpuint (pool->max, ==, wanted[i].max);
    }
}

static void
test_what_is_wrong_is_named (Folder *folder, gconstpointer data)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"[vm]\nmost-per-user=0\n",                 "genkand.conf: [vm] most-per-user: '0' is no number"   },
        { "[vm]\nwarm=yes\n",                       "genkand.conf: [vm] warm: must be one of: auto, never" },
        { "[vm]\naccelerator=xen\n",                "[vm] accelerator: must be one of: auto, kvm, tcg"     },
        { "[vm]\nmemory-mib=-1\n",                  "[vm] memory-mib"                                      },
        { "[limits]\ncpu-shares=1\n",               "[limits] cpu-shares: '1' is no number from 2 to 10000"},
        { "[limits]\npackets-per-second=0\n",       "[limits] packets-per-second"                          },
        { "[limits]\npackets-per-second=1000001\n", "[limits] packets-per-second"                          },
        { "[limits]\ndisk-mib=7\n",                 "[limits] disk-mib: there is no such key"              },
        { "[lease]\nidle-minutes=1h\n",             "[lease] idle-minutes"                                 },
        { "[lease]\nlife-hours=8761\n",             "[lease] life-hours"                                   },
        { "[pool]\nmin=1\n",                        "[pool] min: there is no such key"                     },
        { "[pool a]\nmemory-mib=1\n",               "[pool a] memory-mib: there is no such key"            },
        { "[pool a]\nmin=-1\n",                     "[pool a] min: '-1' is no number from 0 to 100"        },
        { "[pool a]\nmin=101\n",                    "[pool a] min"                                         },
        { "[pool a]\nmin=3\nmax=2\n",               "[pool a] max: '2' is no number from 3 to 100"         },
        { "[pool a]\nmax=0\n",                      "[pool a] max"                                         },
        { "[pool ]\nmin=1\n",                       "[pool ]: a pool is named after an image"              },
        { "[pool ../x]\nmin=1\n",                   "[pool ../x]: a pool is named after an image"          },
        { "[pool a:]\nmin=1\n",                     "[pool a:]: a pool is named after an image"            },
        { "[pool a:b:c]\nmin=1\n",                  "[pool a:b:c]: a pool is named after an image"         },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;

        put (folder, "genkand.conf", cases[i].text);
        g_assert_null (gk_config_load (folder->path, &error));
        g_assert_error (error, GK_CONFIG_ERROR, GK_CONFIG_ERROR_INVALID);
        if (!strstr (error->message, cases[i].complaint))
            g_error ("case %" G_GSIZE_FORMAT ": %s", i, error->message);
    }
}

/* Keys that templates/genkand.conf shows are keys, and what it shows is what holds without them. */
static void
test_the_template_shows_the_defaults (Folder *folder, gconstpointer data)
{
    g_autofree char *source =
        g_build_filename (g_getenv ("GENKAN_SOURCE"), "templates", "genkand.conf", NULL);
    g_autofree char *shown = NULL, *text = NULL;
    g_autoptr (GRegex) comment = g_regex_new ("^#(?=[a-z-]+=.|\\[)", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr (GkConfig) standard = load (folder, "");
    g_autoptr (GkConfig) config = NULL;

    g_assert_true (g_file_get_contents (source, &shown, NULL, NULL));
    text = g_regex_replace_literal (comment, shown, -1, 0, "", 0, NULL);
    config = load (folder, text);
    g_assert_cmpuint (config->pools->len, ==, 1);
    g_assert_cmpuint (config->packets_per_s, ==, standard->packets_per_s);
    g_assert_cmpuint (config->lease_idle_s, ==, standard->lease_idle_s);
    g_assert_cmpuint (config->lease_life_s, ==, standard->lease_life_s);
    g_assert_cmpuint (config->overlay_bytes, ==, standard->overlay_bytes);
    g_assert_cmpuint (config->disk_bytes_per_s, ==, standard->disk_bytes_per_s);
    g_assert_cmpuint (config->disk_ops_per_s, ==, standard->disk_ops_per_s);
    g_assert_cmpuint (config->cpu_percent, ==, standard->cpu_percent);
    g_assert_cmpuint (config->cpu_shares, ==, standard->cpu_shares);
    g_assert_cmpuint (config->memory_total, ==, standard->memory_total);
    g_assert_cmpuint (config->pool_memory, ==, standard->pool_memory);
    g_assert_cmpuint (config->pool_keep_free, ==, standard->pool_keep_free);
    g_assert_cmpuint (config->most_disposables, ==, standard->most_disposables);
    g_assert_cmpuint (config->most_per_user, ==, standard->most_per_user);
    g_assert_cmpuint (config->boot_timeout, ==, standard->boot_timeout);
    g_assert_cmpuint (config->default_timeout, ==, standard->default_timeout);
    g_assert_cmpuint (config->file_size, ==, standard->file_size);
    g_assert_cmpuint (config->outbound_size, ==, standard->outbound_size);
    g_assert_cmpint (config->warm, ==, standard->warm);
    g_assert_cmpstr (config->accelerator, ==, standard->accelerator);
    g_assert_cmpstr (config->default_image, ==, standard->default_image);
    g_assert_cmpstr (config->subnet, ==, standard->subnet);
}

static void
test_a_policy_may_have_a_lease (Folder *folder, gconstpointer data)
{
    static const struct {
        const char *text, *complaint;
        GkPolicy wanted;
    } cases[] = {
        {"mode=none\n",                                NULL,                                         { 0 }                                 },
        { "mode=none\nidle-minutes=5\n",               NULL,                                         { .has_idle = TRUE, .idle_s = 300 }   },
        { "mode=none\nlife-hours=2\n",                 NULL,                                         { .has_life = TRUE, .life_s = 7200 }  },
        { "mode=none\nlife-hours=0\nidle-minutes=0\n",
         NULL,                                                                                       { .has_idle = TRUE, .has_life = TRUE }},
        { "mode=none\nidle-minutes=soon\n",            "[policy] idle-minutes: 'soon' is no number", { 0 }                                 },
        { "mode=none\nidle-minutes=\n",                "[policy] idle-minutes: '' is no number",     { 0 }                                 },
        { "mode=none\nlife-hours=-1\n",                "[policy] life-hours",                        { 0 }                                 },
        { "mode=none\nlife-hours=8761\n",              "no number from 0 (no limit) to 8760",        { 0 }                                 },
        { "mode=none\nlife-hours=\xff\n",              "UTF-8",                                      { 0 }                                 },
        { "mode=all\nlife-hours=1\n",                  "mode must be",                               { 0 }                                 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *text = g_strconcat ("[policy]\nname=x\n", cases[i].text, NULL);
        g_autoptr (GkPolicy) policy = NULL;
        g_autoptr (GError) error = NULL;

        put (folder, "policies/x.policy", text);
        policy = gk_policy_load (folder->path, "x", &error);
        if (cases[i].complaint) {
            g_assert_error (error, GK_API_ERROR, GK_API_ERROR_FAILED);
            g_assert_nonnull (strstr (error->message, "x.policy: "));
            if (!strstr (error->message, cases[i].complaint))
                g_error ("case %" G_GSIZE_FORMAT ": %s", i, error->message);
            continue;
        }
        g_assert_no_error (error);
        g_assert_cmpint (policy->has_idle, ==, cases[i].wanted.has_idle);
        g_assert_cmpint (policy->has_life, ==, cases[i].wanted.has_life);
        g_assert_cmpuint (policy->idle_s, ==, cases[i].wanted.idle_s);
        g_assert_cmpuint (policy->life_s, ==, cases[i].wanted.life_s);
    }
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
#define ADD(path, test) g_test_add (path, Folder, NULL, folder_open, test, folder_close)
    ADD ("/config/what-is-not-said-has-its-default", test_what_is_not_said_has_its_default);
    ADD ("/config/what-is-said-holds", test_what_is_said_holds);
    ADD ("/config/pools-are-read", test_pools_are_read);
    ADD ("/config/what-is-wrong-is-named", test_what_is_wrong_is_named);
    ADD ("/config/the-template-shows-the-defaults", test_the_template_shows_the_defaults);
    ADD ("/policy/may-have-a-lease", test_a_policy_may_have_a_lease);
    return g_test_run ();
}
