/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The share's library on commands, for tests: `airlock-driver COMMAND ARGUMENT…`. What it gives is
 * one JSON object on standard output; an error is `{"error": its name, "message": text}`, and
 * exit 1. The scanners stand in the environment: SCANNER, SCANNER_DEEP, CLAMD, TIMEOUT_MS,
 * MAX_SIZE. */
#include "base/files.h"
#include "base/json.h"
#include "hostd/share/airlock.h"
#include "hostd/share/clamd.h"
#include "hostd/share/exports.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static guint64
number (const char *text)
{
    return text ? g_ascii_strtoull (text, NULL, 10) : 0;
}

static GkScannerConfig
scanners (void)
{
    return (GkScannerConfig) {
        .program = getenv ("SCANNER"),
        .deep_program = getenv ("SCANNER_DEEP"),
        .clamd_socket = getenv ("CLAMD"),
        .timeout_ms = (guint) number (getenv ("TIMEOUT_MS")),
        .max_size = number (getenv ("MAX_SIZE")),
    };
}

static JsonObject *
judgement_to_json (GkJudgement *judgement)
{
    JsonObject *out = json_object_new ();

    json_object_set_string_member (out, "verdict", gk_verdict_to_string (judgement->verdict));
    json_object_set_boolean_member (out, "vouched", judgement->vouched);
    json_object_set_string_member (out, "why", judgement->why);
    json_object_set_object_member (out, "triage", json_object_ref (judgement->triage));
    return out;
}

static JsonObject *
passed_to_json (GkPassed *passed)
{
    JsonObject *out = passed ? judgement_to_json (&passed->judgement) : NULL;

    if (!passed)
        return NULL;
    gk_json_set_text (out, "name", passed->name);
    gk_json_set_text (out, "path", passed->path);
    json_object_set_int_member (out, "size", (gint64) passed->size);
    gk_json_set_text (out, "sha256", passed->sha256);
    return out;
}

/* create FOLDER [BYTES [INODES]] */
static JsonObject *
create (char **arguments, GError **error)
{
    GkExportLimits limits = { number (arguments[1]), arguments[1] ? number (arguments[2]) : 0 };

    return gk_exports_create (arguments[0], &limits, error) ? json_object_new () : NULL;
}

/* remove FOLDER */
static JsonObject *
drop (char **arguments, GError **error)
{
    return gk_exports_remove (arguments[0], error) ? json_object_new () : NULL;
}

/* bring FOLDER NAME MAX < FILE */
static JsonObject *
bring (char **arguments, GError **error)
{
    GkScannerConfig config = scanners ();
    g_autoptr (GkPassed) passed = gk_airlock_bring (arguments[0], &config, 0, arguments[1],
                                                    number (arguments[2]), NULL, error);

    return passed_to_json (passed);
}

/* admit FOLDER NAME MAX < FILE: bring, then admit; `guest_name` is added */
static JsonObject *
admit (char **arguments, GError **error)
{
    GkScannerConfig config = scanners ();
    g_autoptr (GkPassed) passed = gk_airlock_bring (arguments[0], &config, 0, arguments[1],
                                                    number (arguments[2]), NULL, error);
    g_autofree char *guest_name = NULL;
    JsonObject *out;

    if (!passed || !gk_airlock_admit (arguments[0], passed, &guest_name, error))
        return NULL;
    out = passed_to_json (passed);
    gk_json_set_text (out, "guest_name", guest_name);
    return out;
}

/* take FOLDER NAME MAX */
static JsonObject *
take (char **arguments, GError **error)
{
    GkScannerConfig config = scanners ();
    g_autoptr (GkPassed) passed = gk_airlock_take (
        arguments[0], arguments[0], &config, arguments[1], number (arguments[2]), NULL, error);

    return passed_to_json (passed);
}

/* race FOLDER NAME TRIES: takes it that often, and on until both outcomes were seen TRIES / 20
 * times (on a busy machine the other side may rest for long), a minute at most. Every copy that is
 * not made of one letter `a` is counted as leaked */
static JsonObject *
race (char **arguments, GError **error)
{
    GkScannerConfig config = scanners ();
    gint64 deadline = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
    guint64 tries = number (arguments[2]), taken = 0, refused = 0, leaked = 0;
    JsonObject *out = json_object_new ();

    while ((taken + refused < tries || MIN (taken, refused) < tries / 20) &&
           g_get_monotonic_time () < deadline) {
        g_autoptr (GkPassed) passed = gk_airlock_take (arguments[0], arguments[0], &config,
                                                       arguments[1], 1 << 20, NULL, NULL);
        g_autofree char *text = NULL;

        if (passed && g_file_get_contents (passed->path, &text, NULL, NULL)) {
            taken++;
            leaked += strspn (text, "a") != strlen (text);
        } else {
            refused++;
        }
    }
    json_object_set_int_member (out, "taken", (gint64) taken);
    json_object_set_int_member (out, "refused", (gint64) refused);
    json_object_set_int_member (out, "leaked", (gint64) leaked);
    return out;
}

/* list FOLDER MOST */
static JsonObject *
list (char **arguments, GError **error)
{
    guint refused = 0;
    g_autoptr (GPtrArray) found =
        gk_airlock_list (arguments[0], (guint) number (arguments[1]), NULL, &refused, error);
    JsonArray *names = json_array_new ();
    JsonObject *out = json_object_new ();

    for (guint i = 0; found && i < found->len; i++) {
        g_autofree char *valid = g_utf8_make_valid (found->pdata[i], -1);

        json_array_add_string_element (names, valid);
    }
    json_object_set_array_member (out, "names", names);
    json_object_set_int_member (out, "refused", refused);
    if (!found)
        g_clear_pointer (&out, json_object_unref);
    return out;
}

/* triage [NAME] < FILE */
static JsonObject *
triage (char **arguments, GError **error)
{
    GkScannerConfig config = scanners ();

    return gk_scan_triage (&config, 0, arguments[0], NULL, error);
}

/* judge [NAME] < FILE */
static JsonObject *
judge (char **arguments, GError **error)
{
    GkScannerConfig config = scanners ();
    g_auto (GkJudgement) judgement = { 0 };

    return gk_scan_judge (&config, 0, arguments[0], NULL, &judgement, error)
               ? judgement_to_json (&judgement)
               : NULL;
}

/* clamd < FILE: clamd alone */
static JsonObject *
ask_clamd (char **arguments, GError **error)
{
    GkScannerConfig config = scanners ();
    g_auto (GkClamdAnswer) answer = { 0 };
    JsonObject *out;

    if (!gk_clamd_scan (config.clamd_socket, 0, config.timeout_ms, NULL, &answer, error))
        return NULL;
    out = json_object_new ();
    json_object_set_string_member (out, "verdict", gk_verdict_to_string (answer.verdict));
    gk_json_set_text (out, "what", answer.what);
    return out;
}

/* clamd-version */
static JsonObject *
clamd_version (char **arguments, GError **error)
{
    g_autofree char *version = gk_clamd_version (getenv ("CLAMD"), error);
    JsonObject *out = version ? json_object_new () : NULL;

    if (out)
        gk_json_set_text (out, "version", version);
    return out;
}

static const struct {
    const char *name;
    int arguments;
    JsonObject *(*run) (char **arguments, GError **error);
} commands[] = {
    {"create",         1, create       },
    { "remove",        1, drop         },
    { "bring",         3, bring        },
    { "admit",         3, admit        },
    { "take",          3, take         },
    { "race",          3, race         },
    { "list",          2, list         },
    { "triage",        0, triage       },
    { "judge",         0, judge        },
    { "clamd",         0, ask_clamd    },
    { "clamd-version", 0, clamd_version},
};

static JsonObject *
run (int argc, char **argv, GError **error)
{
    for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS (commands); i++)
        if (g_str_equal (argv[1], commands[i].name) && argc - 2 >= commands[i].arguments)
            return commands[i].run (argv + 2, error);
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "no such command");
    return NULL;
}

static const char *
code_of (const GError *error)
{
    GEnumClass *codes = g_type_class_ref (G_TYPE_IO_ERROR_ENUM);

    return error->domain == G_IO_ERROR ? g_enum_get_value (codes, error->code)->value_nick
                                       : g_quark_to_string (error->domain);
}

int
main (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) out = run (argc, argv, &error);
    g_autofree char *text = NULL;
    int status = out ? 0 : 1;

    if (!out) {
        out = json_object_new ();
        json_object_set_string_member (out, "error", code_of (error));
        gk_json_set_text (out, "message", error->message);
    }
    text = gk_json_text (out, FALSE);
    puts (text);
    return status;
}
