/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scanner.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "hostd/share/clamd.h"
#include "hostd/share/judge.h"
#include "hostd/share/triage-check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    DEFAULT_TIMEOUT_MS = 30 * 1000,
    DEFAULT_MAX_SIZE = 256 << 20,
    OUTPUT_MAX = 16 << 20,
    MEMBER_MAX = 512 << 20,
    NAME_MAX_GIVEN = 4096,
};

/* What we know of the file ourselves, whatever a scanner says of it. */
typedef struct {
    const char *name; /* as claimed, or NULL */
    guint64 size;
    char *sha256; /* NULL: the file was not read */
} Facts;

static void
facts_clear (Facts *facts)
{
    g_clear_pointer (&facts->sha256, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Facts, facts_clear)

void
gk_judgement_clear (GkJudgement *judgement)
{
    g_clear_pointer (&judgement->triage, json_object_unref);
    g_clear_pointer (&judgement->why, g_free);
}

static guint
timeout_of (const GkScannerConfig *config)
{
    return config->timeout_ms ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
}

static guint64
max_size_of (const GkScannerConfig *config)
{
    return config->max_size ? config->max_size : DEFAULT_MAX_SIZE;
}

static gboolean
learn_facts (int fd, GCancellable *cancellable, Facts *facts, GError **error)
{
    gk_autofd int nowhere = open ("/dev/null", O_WRONLY | O_CLOEXEC);
    struct stat st;

    if (nowhere < 0 || fstat (fd, &st) < 0 || lseek (fd, 0, SEEK_SET) < 0)
        return gk_set_errno (error, errno, "cannot read the file");
    facts->size = (guint64) st.st_size;
    /* A file that grows all the time must not keep us here. */
    return gk_fd_copy (fd, nowhere, facts->size, cancellable, &facts->sha256, &facts->size, error);
}

static void
set_file (JsonObject *triage, const Facts *facts)
{
    JsonObject *file = json_object_new ();

    gk_json_set_text (file, "name", facts->name);
    json_object_set_int_member (file, "size", (gint64) facts->size);
    gk_json_set_text (file, "sha256", facts->sha256);
    json_object_set_object_member (triage, "file", file);
}

static void
add_indicator (JsonObject *triage, const char *id, GkVerdict verdict, const char *detail)
{
    static const char *const severities[] = {
        [GK_VERDICT_CLEAN] = "low",          [GK_VERDICT_UNSCANNABLE] = "medium",
        [GK_VERDICT_ERROR] = "high",         [GK_VERDICT_SUSPICIOUS] = "high",
        [GK_VERDICT_MALICIOUS] = "critical",
    };
    JsonArray *old = gk_json_array (triage, "indicators"), *indicators = json_array_new ();
    JsonObject *indicator = json_object_new ();

    json_object_set_string_member (indicator, "id", id);
    json_object_set_string_member (indicator, "severity", severities[verdict]);
    gk_json_set_text (indicator, "detail", detail);
    json_array_add_object_element (indicators, indicator);
    /* The others come from a sealed array. */
    for (guint i = 0; old && i < json_array_get_length (old); i++)
        json_array_add_element (indicators, json_array_dup_element (old, i));
    json_object_set_array_member (triage, "indicators", indicators);
}

/* The triage of a file that genkan-scan could not or may not look at. */
static JsonObject *
triage_without_scan (const Facts *facts, GkVerdict verdict, const char *id, const char *detail)
{
    JsonObject *triage = json_object_new ();

    set_file (triage, facts);
    json_object_set_string_member (triage, "kind", "other");
    json_object_set_string_member (triage, "verdict", gk_verdict_to_string (verdict));
    add_indicator (triage, id, verdict, detail);
    return triage;
}

/* What came from outside is sealed: this is the same object with members that can be set. */
static JsonObject *
unseal (JsonObject *sealed)
{
    JsonObject *copy = json_object_new ();
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init (&iter, sealed);
    while (json_object_iter_next (&iter, &name, &node))
        json_object_set_member (copy, name, json_node_copy (node));
    return copy;
}

/* Returns: (transfer full): @output as a triage of this file, or %NULL where it is not that */
static JsonObject *
read_triage (GBytes *output, const Facts *facts, GError **error)
{
    gsize size;
    const char *text = g_bytes_get_data (output, &size);
    g_autoptr (JsonObject) claimed = gk_json_parse (text, size, OUTPUT_MAX, error);
    JsonObject *file, *triage;

    if (!claimed || !gk_triage_check (claimed, error))
        return NULL;
    file = gk_json_object (claimed, "file");
    if ((guint64) gk_json_int (file, "size", 0) != facts->size ||
        g_strcmp0 (gk_json_string (file, "sha256", NULL), facts->sha256) != 0) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                             "it read another content than was given, or the file changed");
        return NULL;
    }
    triage = unseal (claimed);
    set_file (triage, facts);
    return triage;
}

/* The end of a name is what a file is opened by; the length of an argument is limited. */
static char *
name_argument (const char *name)
{
    g_autofree char *valid = g_utf8_make_valid (name, -1);
    gsize skip = strlen (valid) > NAME_MAX_GIVEN ? strlen (valid) - NAME_MAX_GIVEN : 0;

    while ((valid[skip] & 0xc0) == 0x80)
        skip++;
    return g_strdup (valid + skip);
}

/* A program's path and arguments; all strings are the array's. */
static GPtrArray *
command (const GkScannerConfig *config, gboolean deep, const char *name)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
    const char *given = deep ? config->deep_program : config->program;

    g_ptr_array_add (argv, given ? g_strdup (given)
                                 : gk_program_path (deep ? "genkan-scan-deep" : "genkan-scan"));
    g_ptr_array_add (argv, g_strdup ("--max-size"));
    g_ptr_array_add (argv, g_strdup_printf ("%" G_GUINT64_FORMAT, max_size_of (config)));
    if (config->in_namespaces)
        g_ptr_array_add (argv, g_strdup ("--in-namespaces"));
    if (name) {
        g_ptr_array_add (argv, g_strdup ("--name"));
        g_ptr_array_add (argv, name_argument (name));
    }
    for (gsize i = 0; deep && config->rules && config->rules[i]; i++) {
        g_ptr_array_add (argv, g_strdup ("--rules"));
        g_ptr_array_add (argv, g_strdup (config->rules[i]));
    }
    return argv;
}

static const char *const environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL };

static GBytes *
run_scan (const GkScannerConfig *config, gboolean deep, int fd, const char *name,
          GCancellable *cancellable, GError **error)
{
    g_autoptr (GPtrArray) argv = command (config, deep, name);
    GkSpawn spec = { .envp = environment,
                     .input = fd,
                     .timeout_ms = timeout_of (config),
                     .max_output = OUTPUT_MAX };
    GBytes *output = NULL;

    g_ptr_array_add (argv, NULL);
    spec.argv = (const char *const *) argv->pdata;
    if (lseek (fd, 0, SEEK_SET) < 0) {
        gk_set_errno (error, errno, "cannot read the file");
        return NULL;
    }
    return gk_spawn (&spec, cancellable, &output, NULL, NULL, error) ? output : NULL;
}

/* What a caller must hear of as an error; all else is the scanner's failure, and a verdict. */
static gboolean
is_fatal (const GError *error)
{
    return error->domain == G_SPAWN_ERROR ||
           g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
           g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
set_fatal (GError **error, GError *cause)
{
    if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        g_propagate_error (error, cause);
        return;
    }
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                 "cannot start genkan-scan (is genkan installed whole?): %s", cause->message);
    g_error_free (cause);
}

static JsonObject *
scan_by (const GkScannerConfig *config, gboolean deep, int fd, const Facts *facts,
         GCancellable *cancellable, GError **error)
{
    g_autoptr (GBytes) output = run_scan (config, deep, fd, facts->name, cancellable, error);

    return output ? read_triage (output, facts, error) : NULL;
}

/* The light program first, and the deep one where that says so. Rules want the deep one always. */
static JsonObject *
scan (const GkScannerConfig *config, int fd, const Facts *facts, GCancellable *cancellable,
      GError **error)
{
    gboolean rules = config->rules && config->rules[0];
    g_autoptr (JsonObject) light =
        rules ? NULL : scan_by (config, FALSE, fd, facts, cancellable, error);

    if (light && !gk_json_bool (light, "deferred", FALSE))
        return g_steal_pointer (&light);
    return light || rules ? scan_by (config, TRUE, fd, facts, cancellable, error) : NULL;
}

static gboolean
is_too_large (const GkScannerConfig *config, const Facts *facts)
{
    return facts->size > max_size_of (config);
}

static char *
too_large (const GkScannerConfig *config, const Facts *facts)
{
    return g_strdup_printf ("the file has %" G_GUINT64_FORMAT
                            " bytes; scanners are given at most %" G_GUINT64_FORMAT,
                            facts->size, max_size_of (config));
}

static JsonObject *
triage_of_too_large (const GkScannerConfig *config, const Facts *facts)
{
    g_autofree char *why = too_large (config, facts);

    return triage_without_scan (facts, GK_VERDICT_UNSCANNABLE, "too-large", why);
}

static JsonObject *
triage_of (const GkScannerConfig *config, int fd, Facts *facts, GCancellable *cancellable,
           GError **error)
{
    g_autoptr (GError) local = NULL;
    JsonObject *triage = NULL;

    if (learn_facts (fd, cancellable, facts, &local))
        triage = is_too_large (config, facts) ? triage_of_too_large (config, facts)
                                              : scan (config, fd, facts, cancellable, &local);
    if (triage)
        return triage;
    if (is_fatal (local)) {
        set_fatal (error, g_steal_pointer (&local));
        return NULL;
    }
    return triage_without_scan (facts, GK_VERDICT_ERROR, "scanner-failed", local->message);
}

char *
gk_scan_rules_folder (const char *name)
{
    return g_str_equal (name, "standard") ? gk_data_path ("yara") : g_strdup (name);
}

JsonObject *
gk_scan_triage (const GkScannerConfig *config, int fd, const char *name, GCancellable *cancellable,
                GError **error)
{
    g_auto (Facts) facts = { .name = name };

    return triage_of (config, fd, &facts, cancellable, error);
}

/* --- a member --------------------------------------------------------------------------------- */

static gboolean
write_member (const void *bytes, gsize size, gpointer data)
{
    return gk_fd_write_all (*(int *) data, bytes, size, NULL);
}

static gboolean
seal (int fd, GError **error)
{
    if (fcntl (fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0 &&
        lseek (fd, 0, SEEK_SET) == 0)
        return TRUE;
    return gk_set_errno (error, errno, "cannot seal a file in memory");
}

int
gk_scan_extract (const GkScannerConfig *config, int fd, const char *member,
                 GCancellable *cancellable, GError **error)
{
    const GkScannerConfig without_rules = { .deep_program = config->deep_program,
                                            .max_size = config->max_size };
    g_autoptr (GPtrArray) argv = command (&without_rules, TRUE, NULL);
    gk_autofd int to = memfd_create ("genkan-member", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    GkSpawn spec = { .envp = environment,
                     .input = fd,
                     .timeout_ms = timeout_of (config),
                     .max_output = MEMBER_MAX,
                     .on_output = write_member,
                     .data = &to };

    g_ptr_array_add (argv, g_strdup ("--member"));
    g_ptr_array_add (argv, g_strdup (member));
    g_ptr_array_add (argv, NULL);
    spec.argv = (const char *const *) argv->pdata;
    if (to < 0 || lseek (fd, 0, SEEK_SET) < 0) {
        gk_set_errno (error, errno, "cannot unpack the member");
        return -1;
    }
    if (!gk_spawn (&spec, cancellable, NULL, NULL, NULL, error)) {
        g_prefix_error (error, "cannot take member %s out: ", member);
        return -1;
    }
    return seal (to, error) ? gk_steal_fd (&to) : -1;
}

/* The triage tells what was decided, and clamd's part in it, to whoever reads only that. */
static void
record (GkJudgement *judgement, const GkClamdAnswer *answer)
{
    JsonObject *triage = judgement->triage, *clamd;

    json_object_set_string_member (triage, "verdict", gk_verdict_to_string (judgement->verdict));
    gk_json_set_text (triage, "why", judgement->why);
    if (!answer)
        return;
    clamd = json_object_new ();
    json_object_set_string_member (clamd, "verdict", gk_verdict_to_string (answer->verdict));
    gk_json_set_text (clamd, "what", answer->what);
    json_object_set_object_member (triage, "clamd", clamd);
    if (answer->verdict != GK_VERDICT_CLEAN)
        add_indicator (triage, "clamd", answer->verdict, answer->what);
}

/* An OK by old signatures is none. What is found, is found all the same. */
static void
check_age (const GkScannerConfig *config, GkClamdAnswer *answer)
{
    g_autoptr (GError) error = NULL;

    if (!config->clamd_socket || !config->signature_days || answer->verdict != GK_VERDICT_CLEAN ||
        gk_clamd_check_signatures (config->clamd_socket, config->signature_days, &error))
        return;
    gk_clamd_answer_clear (answer);
    *answer = (GkClamdAnswer) { GK_VERDICT_ERROR, g_strdup (error->message) };
}

/* Both scanners' part in @ret, whose triage is set. */
static gboolean
ask_clamd (const GkScannerConfig *config, int fd, GCancellable *cancellable, GkJudgement *ret,
           GError **error)
{
    g_auto (GkClamdAnswer) answer = { 0 };

    if (config->clamd_socket &&
        !gk_clamd_scan (config->clamd_socket, fd, timeout_of (config), cancellable, &answer, error))
        return FALSE;
    check_age (config, &answer);
    gk_judge (ret->triage, config->rules && config->rules[0], config->clamd_socket ? &answer : NULL,
              ret);
    record (ret, config->clamd_socket ? &answer : NULL);
    return TRUE;
}

gboolean
gk_scan_judge (const GkScannerConfig *config, int fd, const char *name, GCancellable *cancellable,
               GkJudgement *ret, GError **error)
{
    g_auto (Facts) facts = { .name = name };
    g_auto (GkJudgement) judgement = { 0 };

    judgement.triage = triage_of (config, fd, &facts, cancellable, error);
    if (!judgement.triage)
        return FALSE;
    if (is_too_large (config, &facts)) {
        judgement.verdict = GK_VERDICT_UNSCANNABLE;
        judgement.why = too_large (config, &facts);
    } else if (!ask_clamd (config, fd, cancellable, &judgement, error)) {
        return FALSE;
    }
    *ret = judgement;
    judgement = (GkJudgement) { 0 };
    return TRUE;
}
