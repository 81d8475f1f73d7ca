/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of `genkan` share. One thread. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdio.h>

typedef struct {
    const struct _GkVerb *verb;
    gboolean json; /* --json: one object or array on standard output, nothing else */
    char *run_dir; /* where genkand's socket is */
    gboolean plain_progress; /* progress as plain lines even where it is no terminal */
} GkCli;

/* A verb. Its function gets the words after the verb (argv[0] is the verb itself), and returns an
 * exit code; with @error set it is the error's. */
typedef struct _GkVerb {
    const char *name, *args, *summary, *example;
    int least, most; /* how many words are left after the options; most -1: any */
    int (*run) (GkCli *cli, int argc, char **argv, GError **error);
    gboolean strict; /* options end at the first word that is none */
    gboolean paths; /* words are paths, of any bytes; else they must be UTF-8 */
} GkVerb;

extern const GkVerb gk_verb_open, gk_verb_run, gk_verb_new, gk_verb_ls, gk_verb_show,
    gk_verb_revert, gk_verb_rm, gk_verb_put, gk_verb_get, gk_verb_held, gk_verb_triage,
    gk_verb_image, gk_verb_report, gk_verb_pool, gk_verb_doctor;

/**
 * gk_cli_parse:
 * @entries: (nullable): the verb's own options; the common ones are added
 *
 * Takes the options out of @argv and checks the number of words left. `--help` prints and exits.
 * Errors: GK_API_ERROR_USAGE.
 */
gboolean gk_cli_parse (GkCli *cli, const GOptionEntry *entries, int *argc, char ***argv,
                       GError **error);

/* That a word can go to genkand as text. Errors: GK_API_ERROR_USAGE. */
gboolean gk_cli_check_text (const char *word, GError **error);

/* Prints @object or @array as --json wants it. */
void gk_cli_print_object (JsonObject *object);
void gk_cli_print_array (JsonArray *array);

/**
 * gk_cli_open_file:
 * @follow: whether a symbolic link is followed: one that the user named, not one that lay there
 *
 * Opens a plain file for reading. Errors: GK_API_ERROR_NOT_FOUND, _USAGE (a directory, FIFO,
 * device, empty file), _FAILED (not readable).
 */
int gk_cli_open_file (const char *path, gboolean follow, GError **error);

/* Bold, colour and reset for @out, or empty strings where it is no terminal (or NO_COLOR is set).
 */
typedef struct {
    const char *bold, *dim, *red, *yellow, *green, *reset;
} GkInk;
GkInk gk_cli_ink (FILE *out);
