/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/rules.h"

#include "base/escape.h"

#include <string.h>
#include <yara.h>

enum {
    BLOCK = 8 << 20, /* what is not in memory is read by blocks, which overlap */
    OVERLAP = 64 << 10,
    TIMEOUT_S = 20,
    DESCRIPTION_SHOWN = 300,
};

struct _GkRules {
    GPtrArray *sets; /* of YR_RULES */
    guint n;
};

/* --- loading --------------------------------------------------------------------------------- */

static void
on_message (int level, const char *file, int line, const YR_RULE *rule, const char *message,
            void *data)
{
    GError **error = data;

    if (level == YARA_ERROR_LEVEL_ERROR && error && !*error)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s:%d: %s", file ? file : "rules",
                     line, message);
}

static gboolean
set_yara_error (GError **error, int code, const char *what, const char *path)
{
    if (error && !*error)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot %s %s: libyara's error %d", what,
                     path, code);
    return FALSE;
}

static gboolean
add_file (YR_COMPILER *compiler, const char *folder, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename (folder, name, NULL);
    FILE *file = fopen (path, "re");
    int errors;

    if (!file) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot read the rules in %s", path);
        return FALSE;
    }
    /* A space of names a file: others' rules are called alike. */
    errors = yr_compiler_add_file (compiler, file, name, path);
    fclose (file);
    return errors == 0 || set_yara_error (error, errors, "compile", path);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
    return strcmp (*(char *const *) a, *(char *const *) b);
}

static gboolean
add_folder (YR_COMPILER *compiler, const char *folder, GError **error)
{
    g_autoptr (GDir) dir = g_dir_open (folder, 0, error);
    g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
    const char *name;

    if (!dir)
        return FALSE;
    while ((name = g_dir_read_name (dir)))
        if (g_str_has_suffix (name, ".yar") || g_str_has_suffix (name, ".yara"))
            g_ptr_array_add (names, g_strdup (name));
    g_ptr_array_sort (names, by_name);
    if (names->len == 0) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     "there are no rules (*.yar, *.yara) in %s", folder);
        return FALSE;
    }
    for (guint i = 0; i < names->len; i++)
        if (!add_file (compiler, folder, names->pdata[i], error))
            return FALSE;
    return TRUE;
}

static YR_RULES *
compile (const char *folder, GError **error)
{
    YR_COMPILER *compiler = NULL;
    YR_RULES *rules = NULL;
    int code = yr_compiler_create (&compiler);

    if (code != ERROR_SUCCESS) {
        set_yara_error (error, code, "compile", folder);
        return NULL;
    }
    yr_compiler_set_callback (compiler, on_message, error);
    /* No rule may name another file: what is read is what lies in the folder. */
    yr_compiler_set_include_callback (compiler, NULL, NULL, NULL);
    if (add_folder (compiler, folder, error)) {
        code = yr_compiler_get_rules (compiler, &rules);
        if (code != ERROR_SUCCESS)
            set_yara_error (error, code, "compile", folder);
    }
    yr_compiler_destroy (compiler);
    return rules;
}

static YR_RULES *
load (const char *path, GError **error)
{
    YR_RULES *rules = NULL;
    int code;

    if (g_file_test (path, G_FILE_TEST_IS_DIR))
        return compile (path, error);
    code = yr_rules_load (path, &rules);
    if (code == ERROR_SUCCESS)
        return rules;
    set_yara_error (error, code, "load the rules in", path);
    return NULL;
}

static void
free_set (gpointer data)
{
    yr_rules_destroy (data);
}

GkRules *
gk_rules_load (const char *const *paths, GError **error)
{
    GkRules *rules = g_new0 (GkRules, 1);
    int code = yr_initialize ();

    rules->sets = g_ptr_array_new_with_free_func (free_set);
    if (code != ERROR_SUCCESS)
        set_yara_error (error, code, "start", "YARA");
    for (; code == ERROR_SUCCESS && *paths; paths++) {
        YR_RULES *set = load (*paths, error);
        YR_RULE *rule;

        if (!set) {
            gk_rules_free (rules);
            return NULL;
        }
        g_ptr_array_add (rules->sets, set);
        yr_rules_foreach (set, rule) rules->n++;
    }
    if (code == ERROR_SUCCESS)
        return rules;
    gk_rules_free (rules);
    return NULL;
}

void
gk_rules_free (GkRules *rules)
{
    if (!rules)
        return;
    g_ptr_array_unref (rules->sets);
    g_free (rules);
}

gboolean
gk_rules_save (GkRules *rules, const char *path, GError **error)
{
    int code = rules->sets->len == 1 ? yr_rules_save (rules->sets->pdata[0], path)
                                     : ERROR_INVALID_ARGUMENT;

    return code == ERROR_SUCCESS || set_yara_error (error, code, "save the rules to", path);
}

/* --- matching -------------------------------------------------------------------------------- */

typedef struct {
    const GkSpecimen *specimen;
    YR_MEMORY_BLOCK block;
    guint8 *buffer;
    gboolean failed;
} Blocks;

static const uint8_t *
fetch (YR_MEMORY_BLOCK *block)
{
    Blocks *blocks = block->context;
    gsize got = 0;

    if (block->base + block->size <= blocks->specimen->head_size)
        return blocks->specimen->head + block->base;
    while (got < block->size) {
        gssize n = gk_specimen_read (blocks->specimen, block->base + got, blocks->buffer + got,
                                     block->size - got);

        if (n <= 0) {
            blocks->failed = TRUE;
            return NULL;
        }
        got += (gsize) n;
    }
    return blocks->buffer;
}

static YR_MEMORY_BLOCK *
block_at (Blocks *blocks, guint64 base)
{
    guint64 size = blocks->specimen->size;

    if (base >= size && base > 0)
        return NULL;
    blocks->block.base = base;
    blocks->block.size =
        (size_t) (blocks->specimen->head_size == size ? size - base
                                                      : MIN (size - base, BLOCK + OVERLAP));
    return &blocks->block;
}

static YR_MEMORY_BLOCK *
first (YR_MEMORY_BLOCK_ITERATOR *iterator)
{
    iterator->last_error = ERROR_SUCCESS;
    return block_at (iterator->context, 0);
}

static YR_MEMORY_BLOCK *
next (YR_MEMORY_BLOCK_ITERATOR *iterator)
{
    Blocks *blocks = iterator->context;

    iterator->last_error = ERROR_SUCCESS;
    if (blocks->block.base + blocks->block.size >= blocks->specimen->size)
        return NULL;
    return block_at (blocks, blocks->block.base + BLOCK);
}

static uint64_t
size_of (YR_MEMORY_BLOCK_ITERATOR *iterator)
{
    return ((Blocks *) iterator->context)->specimen->size;
}

static const char *
meta_of (YR_RULE *rule, const char *name)
{
    YR_META *meta;

    /* clang-format off */
    yr_rule_metas_foreach (rule, meta)
        if (meta->type == META_TYPE_STRING && g_str_equal (meta->identifier, name))
            return meta->string;
    /* clang-format on */
    return NULL;
}

static GkIndicatorId
weight_of (YR_RULE *rule)
{
    static const struct {
        const char *word;
        GkIndicatorId id;
    } weights[] = {
        {"low",       GK_RULE_LOW     },
        { "medium",   GK_RULE_MEDIUM  },
        { "high",     GK_RULE_HIGH    },
        { "critical", GK_RULE_CRITICAL},
    };
    const char *severity = meta_of (rule, "severity");

    for (gsize i = 0; severity && i < G_N_ELEMENTS (weights); i++)
        if (g_ascii_strcasecmp (weights[i].word, severity) == 0)
            return weights[i].id;
    return GK_RULE_HIGH;
}

static int
on_scan (YR_SCAN_CONTEXT *context, int message, void *message_data, void *data)
{
    YR_RULE *rule = message_data;
    const char *description;
    g_autofree char *shown = NULL;

    if (message == CALLBACK_MSG_TOO_MANY_MATCHES)
        return CALLBACK_CONTINUE; /* of one string: it has matched */
    if (message != CALLBACK_MSG_RULE_MATCHING)
        return CALLBACK_CONTINUE;
    description = meta_of (rule, "description");
    shown = description ? gk_escape (description, (gssize) strnlen (description, DESCRIPTION_SHOWN))
                        : NULL;
    gk_findings_add (data, weight_of (rule), "%s%s%s", rule->identifier, shown ? ": " : "",
                     shown ? shown : "");
    return CALLBACK_CONTINUE;
}

static gboolean
match_set (YR_RULES *set, Blocks *blocks, GkFindings *findings)
{
    YR_MEMORY_BLOCK_ITERATOR iterator = {
        .context = blocks, .first = first, .next = next, .file_size = size_of
    };
    YR_SCANNER *scanner = NULL;
    int code = yr_scanner_create (set, &scanner);

    if (code != ERROR_SUCCESS)
        return FALSE;
    /* Signal handlers are a call too many behind the walls. */
    yr_scanner_set_flags (scanner, SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING);
    yr_scanner_set_timeout (scanner, TIMEOUT_S);
    yr_scanner_set_callback (scanner, on_scan, findings);
    code = yr_scanner_scan_mem_blocks (scanner, &iterator);
    yr_scanner_destroy (scanner);
    return code == ERROR_SUCCESS && !blocks->failed;
}

static gboolean
match_all (gpointer data, const GkSpecimen *specimen, GkFindings *findings)
{
    GkRules *rules = data;
    g_autofree guint8 *buffer = NULL;
    Blocks blocks = { .specimen = specimen };

    if (specimen->size == 0)
        return TRUE;
    if (specimen->head_size < specimen->size)
        buffer = g_malloc (BLOCK + OVERLAP);
    blocks.buffer = buffer;
    blocks.block = (YR_MEMORY_BLOCK) { .context = &blocks, .fetch_data = fetch };
    for (guint i = 0; i < rules->sets->len; i++)
        if (!match_set (rules->sets->pdata[i], &blocks, findings))
            return FALSE;
    return TRUE;
}

GkMatcher
gk_rules_matcher (GkRules *rules)
{
    return (GkMatcher) { rules, rules->n, match_all };
}
