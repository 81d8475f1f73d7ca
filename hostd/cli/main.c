/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkan: the command line. A verb table, and one file a verb. */
#include "hostd/api/error.h"
#include "hostd/cli/cli.h"

#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

static const GkVerb *const verbs[] = {
    &gk_verb_open,   &gk_verb_run,   &gk_verb_new,    &gk_verb_ls,   &gk_verb_show,
    &gk_verb_revert, &gk_verb_rm,    &gk_verb_put,    &gk_verb_get,  &gk_verb_held,
    &gk_verb_triage, &gk_verb_image, &gk_verb_report, &gk_verb_pool, &gk_verb_doctor,
};

static void
print_help (void)
{
    printf ("genkan opens suspicious files in disposable VMs.\n\n"
            "Usage: genkan VERB [OPTION…] …\n\n");
    for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
        printf ("  %-8s %-22s %s\n", verbs[i]->name, verbs[i]->args, verbs[i]->summary);
    printf (
        "\nEvery verb takes --json, and --help, which shows its options and an example.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 no daemon, 5 no such thing;\n"
        "'run' gives the command's own.\n");
}

static void
print_error (const GkCli *cli, const GError *error)
{
    fprintf (stderr, "genkan: %s\n", error->message);
    if (cli->json) {
        g_autoptr (JsonObject) object = json_object_new ();
        JsonObject *member = json_object_new ();

        json_object_set_int_member (member, "exit_code", gk_api_error_exit_code (error));
        json_object_set_string_member (member, "message", error->message);
        json_object_set_object_member (object, "error", member);
        gk_cli_print_object (object);
    }
}

static int
run_verb (const GkVerb *verb, int argc, char **argv)
{
    const char *run_dir = g_getenv ("GENKAN_RUN_DIR");
    GkCli cli = { .verb = verb, .run_dir = g_strdup (run_dir ? run_dir : "/run/genkan") };
    g_autoptr (GError) error = NULL;
    int code = verb->run (&cli, argc, argv, &error);

    if (error) {
        print_error (&cli, error);
        code = gk_api_error_exit_code (error);
    }
    g_free (cli.run_dir);
    return code;
}

/* So that no descriptor of ours becomes the standard output that somebody closed. */
static void
open_standard_streams (void)
{
    int fd;

    do
        fd = open ("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close (fd);
}

/* What was printed must have got out. */
static int
finish (int code)
{
    if (fflush (stdout) == 0 && !ferror (stdout))
        return code;
    fprintf (stderr, "genkan: cannot write to standard output\n");
    return code ? code : 1;
}

int
main (int argc, char **argv)
{
    setlocale (LC_ALL, "");
    open_standard_streams ();
    if (argc < 2 || g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") ||
        g_str_equal (argv[1], "help")) {
        print_help ();
        return finish (argc < 2 ? 2 : 0);
    }
    if (g_str_equal (argv[1], "--version")) {
        printf ("genkan %s\n", GK_VERSION);
        return finish (0);
    }
    for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
        if (g_str_equal (verbs[i]->name, argv[1]))
            return finish (run_verb (verbs[i], argc - 1, argv + 1));
    fprintf (stderr, "genkan: there is no verb '%s' ('genkan --help' lists them)\n", argv[1]);
    return 2;
}
