/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/cli/client.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { FOLDERS_DEEP = 16, FILES_MOST = 10000 };

/* One `put` under way. */
typedef struct {
    GkCli *cli;
    const char *vm;
    JsonArray *files;
    guint left;
} Put;

/* @name: what it is to be called, a path where it lies in a folder that is put */
static gboolean
put_file (Put *put, int fd, const char *name, GError **error)
{
    g_autofree char *valid = g_utf8_make_valid (name, -1);
    GkClientCall call = { .method = "Put", .fd = fd };
    JsonObject *file;

    if (put->left-- == 0) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                     "more than %d files: put an archive of them", FILES_MOST);
        return FALSE;
    }
    call.parameters = g_variant_new ("(shs)", put->vm, 0, valid);
    file = gk_client_job (put->cli, &call, error);
    if (!file)
        return FALSE;
    if (!put->cli->json) {
        g_autofree char *path = gk_escape (gk_json_string (file, "guest_path", ""), -1);

        printf ("%s  (%s)\n", path, gk_json_string (file, "verdict", "?"));
    }
    json_array_add_object_element (put->files, file);
    return TRUE;
}

static void
tell_passed_over (const char *name, const char *why)
{
    g_autofree char *shown = gk_escape (name, -1);

    fprintf (stderr, "genkan: %s is passed over: %s\n", shown, why);
}

static gboolean put_folder (Put *put, int dir, const char *name, guint depth, GError **error);

/* What lies in a folder: files and folders; links lead where somebody else wanted. */
static gboolean
put_entry (Put *put, int dir, const char *entry, const char *name, guint depth, GError **error)
{
    gk_autofd int fd = gk_open_beneath (dir, entry, O_RDONLY | O_NONBLOCK | O_NOCTTY, NULL);
    struct stat st;

    if (fd < 0 || fstat (fd, &st) < 0) {
        tell_passed_over (name, "it cannot be opened, or is a link");
        return TRUE;
    }
    if (S_ISDIR (st.st_mode))
        return put_folder (put, gk_steal_fd (&fd), name, depth + 1, error);
    if (S_ISREG (st.st_mode) && st.st_size > 0)
        return put_file (put, fd, name, error);
    tell_passed_over (name, S_ISREG (st.st_mode) ? "it is empty" : "it is no plain file");
    return TRUE;
}

/* Takes @dir over. */
static gboolean
put_folder (Put *put, int dir, const char *name, guint depth, GError **error)
{
    DIR *stream = depth > FOLDERS_DEEP ? NULL : fdopendir (dir);
    struct dirent *entry;
    gboolean ok = TRUE;

    if (!stream) {
        gk_fd_close (dir);
        tell_passed_over (name, "folders in folders, too deep");
        return TRUE;
    }
    while (ok && (entry = readdir (stream))) {
        g_autofree char *path = g_strconcat (name, "/", entry->d_name, NULL);

        if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
            ok = put_entry (put, dirfd (stream), entry->d_name, path, depth, error);
    }
    closedir (stream);
    return ok;
}

static gboolean
put_path (Put *put, const char *path, GError **error)
{
    g_autofree char *real = g_canonicalize_filename (path, NULL);
    g_autofree char *name = g_path_get_basename (real);
    gk_autofd int fd = -1;

    if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
        int dir = gk_open_dir (path, error);

        return dir >= 0 && put_folder (put, dir, name, 1, error);
    }
    fd = gk_cli_open_file (path, TRUE, error);
    return fd >= 0 && put_file (put, fd, name, error);
}

static int
run (GkCli *cli, int argc, char **argv, GError **error)
{
    g_autoptr (JsonArray) files = json_array_new ();
    Put put = { .cli = cli, .files = files, .left = FILES_MOST };

    if (!gk_cli_parse (cli, NULL, &argc, &argv, error) || !gk_cli_check_text (argv[1], error))
        return 2;
    put.vm = argv[1];
    for (int i = 2; i < argc; i++)
        if (!put_path (&put, argv[i], error))
            return 1;
    if (cli->json)
        gk_cli_print_array (files);
    return 0;
}

const GkVerb gk_verb_put = { "put",
                             "VM FILE|DIR…",
                             "Bring files into a VM, read-only",
                             "genkan put amber-fox invoice.pdf.lnk",
                             2,
                             -1,
                             run,
                             FALSE,
                             TRUE };
