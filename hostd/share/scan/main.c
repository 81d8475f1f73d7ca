/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkan-scan: one file on descriptor 0, one JSON object about it on descriptor 1, and nothing
 * else: see sandbox.c for the walls that are up before the first byte is read.
 *
 * Standard output must be a pipe or a socket: no file may be written from behind the walls. */
#include "base/files.h"
#include "base/json.h"
#include "hostd/share/scan/sandbox.h"
#include "hostd/share/scan/triage.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_MAX = 16 << 20, /* as much of a file as is parsed; the rest is hashed */
    CHUNK = 1 << 16,
    EXIT_USAGE = 2,
};

static const guint64 default_max_size = 256 << 20;

typedef struct {
    const char *name;
    guint64 max_size;
} Options;

typedef struct {
    GByteArray *head;
    guint64 size;
    char *sha256; /* %NULL: there is more than was to be read */
} Content;

static const char usage[] = "Usage: genkan-scan [--name NAME] [--max-size BYTES] < FILE\n"
                            "Says as one JSON object on standard output (a pipe) what FILE is and "
                            "what speaks against it.\n";

static gboolean
read_options (int argc, char **argv, Options *ret)
{
    static const struct option known[] = {
        {"name", required_argument, NULL, 'n' },
        { "max-size",  required_argument, NULL, 'm' },
        { 0    },
    };
    int option;

    opterr = 0;
    *ret = (Options) { NULL, default_max_size };
    while ((option = getopt_long (argc, argv, "", known, NULL)) != -1) {
        if (option == 'n')
            ret->name = optarg;
        else if (option != 'm' ||
                 !g_ascii_string_to_unsigned (optarg, 10, 1, G_MAXINT64, &ret->max_size, NULL))
            return FALSE;
    }
    return optind == argc;
}

/* Reads @ret's content to its end, or until it is over @max. */
static gboolean
read_all (guint64 max, Content *ret)
{
    g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
    g_autofree guint8 *chunk = g_malloc (CHUNK);

    ret->head = g_byte_array_new ();
    while (ret->size <= max) {
        gssize n = read (STDIN_FILENO, chunk, CHUNK);

        if (n < 0 && errno != EINTR)
            return FALSE;
        if (n == 0) {
            ret->sha256 = g_strdup (g_checksum_get_string (sum));
            return TRUE;
        }
        if (n < 0)
            continue;
        if (ret->head->len < HEAD_MAX)
            g_byte_array_append (ret->head, chunk, (guint) MIN (n, HEAD_MAX - ret->head->len));
        g_checksum_update (sum, chunk, n);
        ret->size += (guint64) n;
    }
    return TRUE;
}

static void
content_clear (Content *content)
{
    g_clear_pointer (&content->head, g_byte_array_unref);
    g_clear_pointer (&content->sha256, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Content, content_clear)

/* Which walls stand, so that a report can say what held when the file was read. */
static void
set_sandbox (JsonObject *triage, guint held)
{
    JsonArray *names = json_array_new ();

    for (guint i = 0; i < GK_N_WALLS; i++)
        if (held >> i & 1)
            json_array_add_string_element (names, gk_wall_to_string (i));
    json_object_set_array_member (triage, "sandbox", names);
}

static gboolean
answer (const Options *options, const Content *content, guint64 size, guint held)
{
    GkSpecimen specimen = {
        .name = options->name,
        .head = content->head->data,
        .head_size = content->head->len,
        .size = MAX (size, content->size),
        .sha256 = content->sha256,
    };
    g_autoptr (JsonObject) triage = gk_triage (&specimen);
    g_autofree char *text = NULL, *line = NULL;

    set_sandbox (triage, held);
    text = gk_json_text (triage, FALSE);
    line = g_strconcat (text, "\n", NULL);
    return gk_fd_write_all (STDOUT_FILENO, line, strlen (line), NULL);
}

/* Neither standard I/O, which asks about the descriptor first, nor strerror(), which asks for the
 * locale, may be called behind the walls. */
static int
fail (const char *why)
{
    g_autofree char *line = g_strdup_printf ("genkan-scan: %s\n", why);

    gk_fd_write_all (STDERR_FILENO, line, strlen (line), NULL);
    return EXIT_FAILURE;
}

int
main (int argc, char **argv)
{
    g_auto (Content) content = { 0 };
    g_autoptr (GError) error = NULL;
    Options options;
    struct stat st;
    guint held = 0;

    if (!read_options (argc, argv, &options)) {
        fputs (usage, stderr);
        return EXIT_USAGE;
    }
    if (fstat (STDIN_FILENO, &st) < 0 || S_ISDIR (st.st_mode))
        return fail ("standard input is no file");
    if (!gk_sandbox_enter (0, &held, &error))
        return fail (error->message);
    if (!read_all (options.max_size, &content))
        return fail ("cannot read the file");
    /* What was read decides, but for a file that was not read to its end. */
    if (!answer (&options, &content, content.sha256 ? 0 : (guint64) st.st_size, held))
        return fail ("cannot write the answer");
    return EXIT_SUCCESS;
}
