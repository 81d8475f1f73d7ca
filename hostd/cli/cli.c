/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/cli.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/api/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

gboolean
gk_cli_check_text (const char *word, GError **error)
{
    g_autofree char *escaped = NULL;

    if (g_utf8_validate (word, -1, NULL))
        return TRUE;
    escaped = gk_escape (word, -1);
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_USAGE, "'%s' is not UTF-8", escaped);
    return FALSE;
}

static gboolean
check_words (const GkCli *cli, int words, char **word, GError **error)
{
    if (words < cli->verb->least || (cli->verb->most >= 0 && words > cli->verb->most)) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                     "usage: genkan %s %s   ('genkan %s --help' tells more)", cli->verb->name,
                     cli->verb->args, cli->verb->name);
        return FALSE;
    }
    for (int i = 0; !cli->verb->paths && i < words; i++)
        if (!gk_cli_check_text (word[i], error))
            return FALSE;
    return TRUE;
}

gboolean
gk_cli_parse (GkCli *cli, const GOptionEntry *entries, int *argc, char ***argv, GError **error)
{
    const GOptionEntry common[] = {
        {"json",      0, 0, G_OPTION_ARG_NONE, &cli->json, "Print JSON" },
        { "progress",          0, 0, G_OPTION_ARG_NONE, &cli->plain_progress,
         "Tell the progress in plain lines" },
        { "run-dir", 0, 0, G_OPTION_ARG_FILENAME, &cli->run_dir,
         "Where genkand's socket is (/run/genkan)", "DIR" },
        { 0         }
    };
    g_autofree char *usage = g_strconcat (cli->verb->args, " - ", cli->verb->summary, NULL);
    g_autofree char *example = g_strconcat ("Example:\n  ", cli->verb->example, NULL);
    g_autofree char *program = g_strconcat ("genkan ", cli->verb->name, NULL);
    g_autoptr (GOptionContext) context = g_option_context_new (usage);
    g_autoptr (GError) local = NULL;

    g_set_prgname (program);
    g_option_context_set_description (context, example);
    g_option_context_set_strict_posix (context, cli->verb->strict);
    if (entries)
        g_option_context_add_main_entries (context, entries, NULL);
    g_option_context_add_main_entries (context, common, NULL);
    if (!g_option_context_parse (context, argc, argv, &local)) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_USAGE, "%s ('%s --help' shows the options)",
                     local->message, program);
        return FALSE;
    }
    if (*argc > 1 && g_str_equal ((*argv)[1], "--")) {
        (*argv)[1] = (*argv)[0];
        ++*argv;
        --*argc;
    }
    return check_words (cli, *argc - 1, *argv + 1, error);
}

void
gk_cli_print_object (JsonObject *object)
{
    g_autofree char *text = gk_json_text (object, TRUE);

    printf ("%s\n", text);
}

void
gk_cli_print_array (JsonArray *array)
{
    g_autofree char *text = gk_json_array_text (array, TRUE);

    printf ("%s\n", text);
}

static gboolean
set_file_error (GError **error, GkApiError code, const char *path, const char *what)
{
    g_autofree char *escaped = gk_escape (path, -1);

    g_set_error (error, GK_API_ERROR, (int) code, "%s: %s", escaped, what);
    return FALSE;
}

static gboolean
check_file (const char *path, const struct stat *st, GError **error)
{
    if (S_ISLNK (st->st_mode))
        return set_file_error (error, GK_API_ERROR_USAGE, path,
                               "is a symbolic link: name the file that it leads to");
    if (S_ISDIR (st->st_mode))
        return set_file_error (error, GK_API_ERROR_USAGE, path,
                               "is a directory: name a file in it");
    if (!S_ISREG (st->st_mode))
        return set_file_error (error, GK_API_ERROR_USAGE, path,
                               "is a FIFO, device or socket: only plain files are taken");
    if (st->st_size == 0)
        return set_file_error (error, GK_API_ERROR_USAGE, path, "is empty");
    return TRUE;
}

/* It is looked at before it is opened: opening a FIFO or a device would wait, or do something. */
int
gk_cli_open_file (const char *path, gboolean follow, GError **error)
{
    gk_autofd int look = open (path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    g_autofree char *link = g_strdup_printf ("/proc/self/fd/%d", look);
    struct stat st;
    int fd;

    if (look < 0 || fstat (look, &st) < 0) {
        set_file_error (error,
                        errno == ENOENT || errno == ENOTDIR ? GK_API_ERROR_NOT_FOUND
                                                            : GK_API_ERROR_FAILED,
                        path, g_strerror (errno));
        return -1;
    }
    if (!check_file (path, &st, error))
        return -1;
    fd = open (link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        set_file_error (error, GK_API_ERROR_FAILED, path, g_strerror (errno));
    return fd;
}

GkInk
gk_cli_ink (FILE *out)
{
    if (!isatty (fileno (out)) || g_getenv ("NO_COLOR"))
        return (GkInk) { "", "", "", "", "", "" };
    return (GkInk) { "\033[1m", "\033[2m", "\033[31m", "\033[33m", "\033[32m", "\033[0m" };
}
