/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/cli/cli.h"
#include "hostd/cli/triage-text.h"
#include "hostd/share/scanner.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

static JsonObject *
triage_file (const GkScannerConfig *config, const char *path, gboolean follow, GError **error)
{
    g_autofree char *name = g_path_get_basename (path);
    gk_autofd int fd = gk_cli_open_file (path, follow, error);

    return fd < 0 ? NULL : gk_scan_triage (config, fd, name, NULL, error);
}

/* What is no plain file, or cannot be read, is a member too, with verdict `error`. */
static JsonObject *
triage_member (const GkScannerConfig *config, const char *path)
{
    g_autoptr (GError) error = NULL;
    JsonObject *triage = triage_file (config, path, FALSE, &error), *file;
    g_autofree char *name = NULL;

    if (triage)
        return triage;
    triage = json_object_new ();
    file = json_object_new ();
    name = g_path_get_basename (path);
    gk_json_set_text (file, "name", name);
    json_object_set_object_member (triage, "file", file);
    json_object_set_string_member (triage, "kind", "other");
    json_object_set_string_member (triage, "verdict", "error");
    json_object_set_string_member (triage, "why", error->message);
    json_object_set_array_member (triage, "indicators", json_array_new ());
    return triage;
}

static int
by_name (gconstpointer a, gconstpointer b)
{
    return strcmp (*(char *const *) a, *(char *const *) b);
}

typedef struct {
    const GkScannerConfig *config;
    GPtrArray *paths;
    JsonObject **triages; /* of each path */
} Folder;

static void
triage_nth (gpointer number, gpointer data)
{
    Folder *folder = data;
    guint i = GPOINTER_TO_UINT (number) - 1;

    folder->triages[i] = triage_member (folder->config, folder->paths->pdata[i]);
}

/* As many at a time as there are processors: each is a process of its own. */
static gboolean
triage_all (Folder *folder, GError **error)
{
    GThreadPool *pool =
        g_thread_pool_new (triage_nth, folder, (int) g_get_num_processors (), TRUE, error);

    if (!pool)
        return FALSE;
    for (guint i = 0; i < folder->paths->len; i++)
        g_thread_pool_push (pool, GUINT_TO_POINTER (i + 1), NULL);
    g_thread_pool_free (pool, FALSE, TRUE);
    return TRUE;
}

static gboolean
list (const char *path, GPtrArray *paths, GError **error)
{
    g_autoptr (GDir) dir = g_dir_open (path, 0, error);
    const char *name;

    while (dir && (name = g_dir_read_name (dir)))
        g_ptr_array_add (paths, g_build_filename (path, name, NULL));
    g_ptr_array_sort (paths, by_name);
    return dir != NULL;
}

/* What lies right in it, by name. Links that lie there lead where their maker wanted: not followed.
 */
static JsonObject *
triage_directory (const GkScannerConfig *config, const char *path, GError **error)
{
    g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
    g_autofree JsonObject **triages = NULL;
    Folder folder = { config, paths, NULL };
    JsonArray *members;
    JsonObject *triage;

    if (!list (path, paths, error))
        return NULL;
    folder.triages = triages = g_new0 (JsonObject *, paths->len + 1);
    if (!triage_all (&folder, error))
        return NULL;
    members = json_array_new ();
    for (guint i = 0; i < paths->len; i++)
        json_array_add_object_element (members, triages[i]);
    triage = json_object_new ();
    json_object_set_array_member (triage, "members", members);
    return triage;
}

static void
print (JsonObject *triage)
{
    JsonArray *members = gk_json_object (triage, "file") ? NULL : gk_json_array (triage, "members");
    gboolean colour = *gk_cli_ink (stdout).bold != '\0';

    if (!members) {
        gk_triage_print (triage, stdout, colour);
        return;
    }
    for (guint i = 0; i < json_array_get_length (members); i++) {
        if (i > 0)
            fputc ('\n', stdout);
        gk_triage_print (gk_json_element (members, i), stdout, colour);
    }
}

/* Returns: (transfer full): paths */
static char **
rules_of (char *const *folders)
{
    g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();

    for (; folders && *folders; folders++) {
        g_autofree char *path = gk_scan_rules_folder (*folders);

        g_strv_builder_add (paths, path);
    }
    return g_strv_builder_end (paths);
}

/* Making namespaces costs more than a shortcut: for the many files of a folder they are made once.
 * Who is not root has none to make. */
static gboolean
leave_namespaces (void)
{
    return geteuid () == 0 &&
           unshare (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) == 0;
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_auto (GStrv) folders = NULL, rules = NULL;
    const GOptionEntry entries[] = {
        {"yara", 'y', 0, G_OPTION_ARG_FILENAME_ARRAY, &folders,
         "Try YARA's rules in DIR, or genkan's own: 'standard'. May be given more than once", "DIR" },
        { 0    }
    };
    g_autoptr (JsonObject) triage = NULL;
    GkScannerConfig config = { 0 };
    gboolean is_folder;

    if (!gk_cli_parse (cli, entries, &argc, &argv, error))
        return 2;
    rules = rules_of (folders);
    config.rules = (const char *const *) rules;
    is_folder = g_file_test (argv[1], G_FILE_TEST_IS_DIR);
    config.in_namespaces = is_folder && leave_namespaces ();
    triage = is_folder ? triage_directory (&config, argv[1], error)
                       : triage_file (&config, argv[1], TRUE, error);
    if (!triage)
        return 1;
    if (cli->json)
        gk_cli_print_object (triage);
    else
        print (triage);
    return 0;
}

const GkVerb gk_verb_triage = { "triage",
                                "FILE|DIR",
                                "Tell what is in a file, without opening it",
                                "genkan triage invoice.pdf.lnk",
                                1,
                                1,
                                run,
                                FALSE,
                                TRUE };
