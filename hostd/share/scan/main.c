/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkan-scan: one file on descriptor 0, one JSON object about it on descriptor 1, and nothing
 * else: see sandbox.c for the walls that are up before the first byte is read. genkan-scan-deep is
 * the same with what takes longer to start: libarchive and libyara (extras.h).
 *
 * Standard output must be a pipe or a socket: no file may be written from behind the walls. */
#include "base/files.h"
#include "base/json.h"
#include "base/sha256.h"
#include "hostd/share/scan/extras.h"
#include "hostd/share/scan/sandbox.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_MAX = 32 << 20, /* as much of a file as is kept in memory; the rest is read again */
    CHUNK = 1 << 18,
    RULES_MOST = 8,
    EXIT_USAGE = 2,
    EXIT_NO_MEMBER = 5,
};

static const guint64 default_max_size = 256 << 20;

typedef struct {
    const char *name;
    guint64 max_size;
    const char *member; /* wanted instead of the answer */
    const char *save; /* where compiled rules go, instead of looking at a file */
    const char *rules[RULES_MOST + 1];
    guint n_rules;
    gboolean inherited; /* --in-namespaces */
} Options;

typedef struct {
    GByteArray *head;
    guint64 size;
    char *sha256; /* %NULL: there is more than was to be read */
    gboolean is_file;
} Content;

static const char usage[] =
    "Usage: genkan-scan [--name NAME] [--max-size BYTES] [--member NUMBER] [--rules PATH]… < FILE\n"
    "       genkan-scan-deep --rules FOLDER --save-rules FILE\n"
    "Says as one JSON object on standard output (a pipe) what FILE is and what speaks against it.\n"
    "With --member, that member's bytes are written there instead. --rules (genkan-scan-deep): a\n"
    "folder of YARA's rules, or what --save-rules made of one. --in-namespaces: whoever starts it\n"
    "has left the host's namespaces already.\n";

static gboolean
take_option (int option, Options *ret)
{
    switch (option) {
    case 'n':
        ret->name = optarg;
        return TRUE;
    case 'M':
        ret->member = optarg;
        return TRUE;
    case 'i':
        ret->inherited = TRUE;
        return TRUE;
    case 's':
        ret->save = optarg;
        return TRUE;
    case 'r':
        if (ret->n_rules == RULES_MOST)
            return FALSE;
        ret->rules[ret->n_rules++] = optarg;
        return TRUE;
    case 'm':
        return g_ascii_string_to_unsigned (optarg, 10, 1, G_MAXINT64, &ret->max_size, NULL);
    default:
        return FALSE;
    }
}

static gboolean
read_options (int argc, char **argv, Options *ret)
{
    /* clang-format off */
    static const struct option known[] = {
        { "name",          required_argument, NULL, 'n' },
        { "max-size",      required_argument, NULL, 'm' },
        { "member",        required_argument, NULL, 'M' },
        { "rules",         required_argument, NULL, 'r' },
        { "save-rules",    required_argument, NULL, 's' },
        { "in-namespaces", no_argument,       NULL, 'i' },
        { 0 },
    };
    /* clang-format on */
    int option;

    opterr = 0;
    *ret = (Options) { .max_size = default_max_size };
    while ((option = getopt_long (argc, argv, "", known, NULL)) != -1)
        if (!take_option (option, ret))
            return FALSE;
    return optind == argc;
}

/* Reads @ret's content to its end, or until it is over @max. */
static gboolean
read_all (guint64 max, Content *ret)
{
    g_autoptr (GkSha256) sum = gk_sha256_new ();
    g_autofree guint8 *chunk = g_malloc (CHUNK);

    ret->head = g_byte_array_new ();
    while (ret->size <= max) {
        gssize n = read (STDIN_FILENO, chunk, CHUNK);

        if (n < 0 && errno != EINTR)
            return FALSE;
        if (n == 0) {
            ret->sha256 = gk_sha256_finish (sum);
            return TRUE;
        }
        if (n < 0)
            continue;
        if (ret->head->len < HEAD_MAX)
            g_byte_array_append (ret->head, chunk, (guint) MIN (n, HEAD_MAX - ret->head->len));
        gk_sha256_update (sum, chunk, (gsize) n);
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

static GkSpecimen
specimen_of (const Options *options, const Content *content)
{
    gboolean more = content->size > content->head->len;

    return (GkSpecimen) {
        .name = options->name,
        .head = content->head->data,
        .head_size = content->head->len,
        .size = content->size,
        .sha256 = content->sha256,
        /* What is no file, a pipe say, cannot be read again. */
        .has_rest = more && content->sha256 && content->is_file,
        .fd = STDIN_FILENO,
    };
}

static gboolean
answer (const GkSpecimen *specimen, const GkTriageOptions *options, guint held)
{
    g_autoptr (JsonObject) triage = gk_triage (specimen, options);
    g_autofree char *text = NULL, *line = NULL;

    set_sandbox (triage, held);
    text = gk_json_text (triage, FALSE);
    line = g_strconcat (text, "\n", NULL);
    return gk_fd_write_all (STDOUT_FILENO, line, strlen (line), NULL);
}

static gboolean
give (gpointer data, const guint8 *bytes, gsize size)
{
    return gk_fd_write_all (STDOUT_FILENO, bytes, size, NULL);
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

static int
extract (const GkSpecimen *specimen, GkTriageOptions *triage_options)
{
    g_autofree char *why = NULL;

    triage_options->give = give;
    if (gk_triage_extract (specimen, triage_options, &why))
        return EXIT_SUCCESS;
    fail (why);
    return EXIT_NO_MEMBER;
}

static int
save_rules (const Options *options)
{
    g_autoptr (GError) error = NULL;

    if (gk_extras_save_rules (options->rules, options->save, &error))
        return EXIT_SUCCESS;
    return fail (error->message);
}

static int
look (const Options *options, gboolean is_file, guint64 claimed_size, guint held)
{
    g_auto (Content) content = { .is_file = is_file };
    GkTriageOptions triage_options = { .unpack = gk_extras_unpack (),
                                       .matcher = gk_extras_matcher (),
                                       .wanted = options->member };
    GkSpecimen specimen;

    if (!read_all (options->max_size, &content))
        return fail ("cannot read the file");
    specimen = specimen_of (options, &content);
    /* What was read decides, but for a file that was not read to its end. */
    if (!content.sha256)
        specimen.size = MAX (specimen.size, claimed_size);
    if (options->member)
        return extract (&specimen, &triage_options);
    return answer (&specimen, &triage_options, held) ? EXIT_SUCCESS
                                                     : fail ("cannot write the answer");
}

int
main (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    Options options;
    struct stat st;
    guint held = 0;

    if (!read_options (argc, argv, &options)) {
        fputs (usage, stderr);
        return EXIT_USAGE;
    }
    if (options.save)
        return save_rules (&options);
    if (fstat (STDIN_FILENO, &st) < 0 || S_ISDIR (st.st_mode))
        return fail ("standard input is no file");
    if (!gk_extras_init (options.rules, &error) ||
        !gk_sandbox_enter (options.inherited, 0, &held, &error))
        return fail (error->message);
    return look (&options, S_ISREG (st.st_mode), (guint64) st.st_size, held);
}
