/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/recipe.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"

#include <fcntl.h>
#include <string.h>

G_DEFINE_QUARK (gk - recipe - error - quark, gk_recipe_error)

enum { RECIPE_MAX = 64 << 10, FILE_MAX = 1 << 20, STEP_MAX = 64 << 10, ITEMS_MAX = 1000 };

/* What a key's text must look like. */
typedef enum { NAME, LINE, PACKAGES, SUITE, STEPS, NUMBER, SWITCH, USER, CMDLINE } Kind;

typedef struct {
    const char *group, *key;
    Kind kind;
    gboolean required;
    gsize offset; /* of the member in GkRecipe; none for STEPS */
    guint min, max;
} Key;

#define AT(member) G_STRUCT_OFFSET (GkRecipe, member)

static const Key keys[] = {
    {"Image",    "Name",        NAME,     TRUE,  AT (name),        0,   0      },
    { "Image",   "Version",     NAME,     TRUE,  AT (version),     0,   0      },
    { "Image",   "Description", LINE,     TRUE,  AT (description), 0,   200    },
    { "Image",   "Suite",       SUITE,    TRUE,  AT (suite),       0,   0      },
    { "Image",   "Packages",    PACKAGES, TRUE,  AT (packages),    0,   0      },
    { "Image",   "Steps",       STEPS,    FALSE, 0,                0,   0      },
    { "Machine", "DiskMiB",     NUMBER,   TRUE,  AT (disk_mib),    256, 1 << 20},
    { "Machine", "MemoryMiB",   NUMBER,   TRUE,  AT (memory_mib),  128, 1 << 20},
    { "Machine", "VCpus",       NUMBER,   TRUE,  AT (vcpus),       1,   64     },
    { "Machine", "Display",     SWITCH,   FALSE, AT (display),     0,   0      },
    { "Machine", "User",        USER,     FALSE, AT (user),        0,   0      },
    { "Machine", "Cmdline",     CMDLINE,  FALSE, AT (cmdline),     0,   500    },
};

typedef struct {
    GKeyFile *file;
    GkRecipe *recipe;
    int dir; /* the recipe's folder */
    GChecksum *sum;
} Loading;

static gboolean
invalid (GError **error, const char *group, const char *key, const char *what)
{
    g_autofree char *shown = gk_escape (key, -1);

    g_set_error (error, GK_RECIPE_ERROR, GK_RECIPE_ERROR_INVALID, "[%s] %s: %s", group, shown,
                 what);
    return FALSE;
}

/* Whether all of @text is in @allowed, and its first byte is a letter or a digit. */
static gboolean
consists_of (const char *text, const char *allowed, gsize max)
{
    return g_ascii_isalnum (*text) && strlen (text) <= max && text[strspn (text, allowed)] == '\0';
}

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"

static gboolean
is_line (const char *text, gsize max)
{
    g_autofree char *shown = gk_escape (text, -1);

    return strlen (text) <= max && g_str_equal (shown, text);
}

static gboolean
is_ascii (const char *text)
{
    for (; *text; text++)
        if (!g_ascii_isprint (*text))
            return FALSE;
    return TRUE;
}

/* NULL where @text is fit for @key, else what is wrong with it. */
static const char *
check_text (const Key *key, const char *text)
{
    switch (key->kind) {
    case NAME:
        return gk_name_valid (text)
                   ? NULL
                   : "must be lower-case letters, digits, '.', '_', '-', and at most 32 of them";
    case SUITE:
        return consists_of (text, LOWER "-", 32) ? NULL : "must be the name of a Debian suite";
    case USER:
        return consists_of (text, LOWER "-", 32) ? NULL : "must be the name of a user";
    case LINE:
        return *text && is_line (text, key->max) ? NULL
                                                 : "must be one printable line, not too long";
    case CMDLINE:
        return is_ascii (text) && strlen (text) <= key->max ? NULL : "must be printable ASCII";
    default:
        return NULL;
    }
}

/* A file below the recipe's folder, bounded; it goes into the recipe's digest. */
static GBytes *
load_file (Loading *loading, const char *source, gsize max, GError **error)
{
    gk_autofd int fd = gk_open_beneath (loading->dir, source, O_RDONLY | O_NONBLOCK, error);
    g_autoptr (GBytes) content = fd >= 0 ? gk_fd_read_all (fd, max, error) : NULL;
    g_autofree char *head = NULL;

    if (!content)
        return NULL;
    head = g_strdup_printf ("%s %" G_GSIZE_FORMAT "\n", source, g_bytes_get_size (content));
    g_checksum_update (loading->sum, (const guchar *) head, -1);
    g_checksum_update (loading->sum, g_bytes_get_data (content, NULL),
                       (gssize) g_bytes_get_size (content));
    return g_steal_pointer (&content);
}

static gboolean
load_steps (Loading *loading, const Key *key, char **sources, GError **error)
{
    g_autoptr (GStrvBuilder) steps = g_strv_builder_new ();

    for (char **source = sources; *source; source++) {
        g_autoptr (GError) local = NULL;
        g_autoptr (GBytes) step = load_file (loading, *source, STEP_MAX, &local);

        if (!step || strlen (g_bytes_get_data (step, NULL)) != g_bytes_get_size (step)) {
            g_autofree char *what = g_strdup_printf ("cannot read the step: %s",
                                                     step ? "it holds a NUL byte" : local->message);

            return invalid (error, key->group, *source, what);
        }
        g_strv_builder_add (steps, g_bytes_get_data (step, NULL));
    }
    loading->recipe->steps = g_strv_builder_end (steps);
    return TRUE;
}

static gboolean
load_list (Loading *loading, const Key *key, char ***ret, GError **error)
{
    g_auto (GStrv) items =
        g_key_file_get_string_list (loading->file, key->group, key->key, NULL, error);

    if (!items)
        return FALSE;
    if (!*items || g_strv_length (items) > ITEMS_MAX)
        return invalid (error, key->group, key->key, "needs 1 to 1000 items, each followed by ';'");
    if (key->kind == STEPS)
        return load_steps (loading, key, items, error);
    for (char **item = items; *item; item++)
        if (!consists_of (*item, LOWER "+.-", 100))
            return invalid (error, key->group, *item, "is not the name of a package");
    *ret = g_steal_pointer (&items);
    return TRUE;
}

static gboolean
load_number (Loading *loading, const Key *key, guint *ret, GError **error)
{
    g_autofree char *text = g_key_file_get_value (loading->file, key->group, key->key, NULL);
    g_autofree char *what = NULL;
    guint64 value;

    if (g_ascii_string_to_unsigned (text, 10, key->min, key->max, &value, NULL)) {
        *ret = (guint) value;
        return TRUE;
    }
    what = g_strdup_printf ("must be a number from %u to %u", key->min, key->max);
    return invalid (error, key->group, key->key, what);
}

static gboolean
load_text (Loading *loading, const Key *key, char **ret, GError **error)
{
    g_autofree char *text = g_key_file_get_string (loading->file, key->group, key->key, error);
    const char *wrong = text ? check_text (key, text) : NULL;

    if (!text || wrong)
        return text ? invalid (error, key->group, key->key, wrong) : FALSE;
    *ret = g_steal_pointer (&text);
    return TRUE;
}

static gboolean
load_switch (Loading *loading, const Key *key, gboolean *ret, GError **error)
{
    g_autoptr (GError) local = NULL;

    *ret = g_key_file_get_boolean (loading->file, key->group, key->key, &local);
    return !local || invalid (error, key->group, key->key, "must be true or false");
}

static gboolean
load_key (Loading *loading, const Key *key, GError **error)
{
    gpointer member = G_STRUCT_MEMBER_P (loading->recipe, key->offset);

    if (!g_key_file_has_key (loading->file, key->group, key->key, NULL))
        return !key->required || invalid (error, key->group, key->key, "is missing");
    switch (key->kind) {
    case NUMBER:
        return load_number (loading, key, member, error);
    case SWITCH:
        return load_switch (loading, key, member, error);
    case PACKAGES:
    case STEPS:
        return load_list (loading, key, member, error);
    default:
        return load_text (loading, key, member, error);
    }
}

/* A key that nobody reads is a spelling mistake whose wish would be lost. */
static gboolean
check_unknown (GKeyFile *file, GError **error)
{
    g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);

    for (char **group = groups; *group; group++) {
        g_auto (GStrv) found = g_key_file_get_keys (file, *group, NULL, NULL);

        if (g_str_equal (*group, "Files"))
            continue;
        for (char **name = found; *name; name++) {
            gsize i = 0;

            while (i < G_N_ELEMENTS (keys) &&
                   !(g_str_equal (keys[i].group, *group) && g_str_equal (keys[i].key, *name)))
                i++;
            if (i == G_N_ELEMENTS (keys))
                return invalid (error, *group, *name, "is not known");
        }
    }
    return TRUE;
}

static void
recipe_file_free (gpointer data)
{
    GkRecipeFile *file = data;

    g_free (file->source);
    g_free (file->target);
    g_bytes_unref (file->content);
    g_free (file);
}

static gboolean
is_target (const char *path)
{
    g_autofree char *canonical = g_canonicalize_filename (path, "/");

    return path[0] == '/' && path[1] && g_str_equal (canonical, path) && is_line (path, 255);
}

/* `TARGET=SOURCE MODE` */
static gboolean
load_target (Loading *loading, const char *target, GError **error)
{
    g_autofree char *value = g_key_file_get_string (loading->file, "Files", target, NULL);
    g_auto (GStrv) words = g_strsplit (value ? value : "", " ", -1);
    g_autoptr (GError) local = NULL;
    GkRecipeFile *file;
    g_autoptr (GBytes) content = NULL;
    guint64 mode;

    if (!is_target (target))
        return invalid (error, "Files", target, "must be an absolute path without '.' and '..'");
    if (g_strv_length (words) != 2 ||
        !g_ascii_string_to_unsigned (words[1], 8, 0, 0777, &mode, NULL))
        return invalid (error, "Files", target, "must be SOURCE MODE, as in 'files/open 0755'");
    content = load_file (loading, words[0], FILE_MAX, &local);
    if (!content) {
        g_autofree char *what = g_strdup_printf ("cannot read '%s': %s", words[0], local->message);

        return invalid (error, "Files", target, what);
    }
    file = g_new0 (GkRecipeFile, 1);
    file->source = g_strdup (words[0]);
    file->target = g_strdup (target);
    file->content = g_steal_pointer (&content);
    file->mode = (guint) mode;
    g_ptr_array_add (loading->recipe->files, file);
    return TRUE;
}

static gboolean
load_groups (Loading *loading, GError **error)
{
    g_auto (GStrv) targets = g_key_file_get_keys (loading->file, "Files", NULL, NULL);

    if (!check_unknown (loading->file, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
        if (!load_key (loading, &keys[i], error))
            return FALSE;
    if (targets && g_strv_length (targets) > ITEMS_MAX)
        return invalid (error, "Files", "…", "has more than 1000 files");
    for (char **target = targets; target && *target; target++)
        if (!load_target (loading, *target, error))
            return FALSE;
    return TRUE;
}

static gboolean
parse (Loading *loading, const char *name, GError **error)
{
    g_autoptr (GBytes) text = gk_file_read (loading->dir, name, RECIPE_MAX, error);
    gsize size = text ? g_bytes_get_size (text) : 0;

    if (!text)
        return FALSE;
    g_checksum_update (loading->sum, g_bytes_get_data (text, NULL), (gssize) size);
    return g_key_file_load_from_data (loading->file, g_bytes_get_data (text, NULL), size,
                                      G_KEY_FILE_NONE, error) &&
           load_groups (loading, error);
}

/* Whatever domain the error came in, the caller hears of a recipe that is missing or invalid. */
static void
set_error (GError **error, const char *path, const GError *cause)
{
    gboolean missing = g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
    g_autofree char *shown = gk_escape (path, -1);

    g_set_error (error, GK_RECIPE_ERROR,
                 missing ? GK_RECIPE_ERROR_MISSING : GK_RECIPE_ERROR_INVALID, "recipe '%s': %s",
                 shown, cause->message);
}

GkRecipe *
gk_recipe_load (const char *path, GError **error)
{
    g_autoptr (GKeyFile) file = g_key_file_new ();
    g_autoptr (GkRecipe) recipe = g_new0 (GkRecipe, 1);
    g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
    g_autofree char *absolute = g_canonicalize_filename (path, NULL);
    g_autofree char *name = g_path_get_basename (absolute);
    g_autoptr (GError) local = NULL;
    gk_autofd int dir = -1;
    Loading loading = { .file = file, .recipe = recipe, .sum = sum };

    recipe->folder = g_path_get_dirname (absolute);
    recipe->files = g_ptr_array_new_with_free_func (recipe_file_free);
    dir = loading.dir = gk_open_dir (recipe->folder, &local);
    if (dir < 0 || !parse (&loading, name, &local)) {
        set_error (error, path, local);
        return NULL;
    }
    if (!recipe->steps)
        recipe->steps = g_new0 (char *, 1);
    recipe->digest = g_strconcat ("sha256:", g_checksum_get_string (sum), NULL);
    return g_steal_pointer (&recipe);
}

void
gk_recipe_free (GkRecipe *recipe)
{
    if (!recipe)
        return;
    g_free (recipe->name);
    g_free (recipe->version);
    g_free (recipe->description);
    g_free (recipe->folder);
    g_free (recipe->digest);
    g_free (recipe->suite);
    g_strfreev (recipe->packages);
    g_clear_pointer (&recipe->files, g_ptr_array_unref);
    g_strfreev (recipe->steps);
    g_free (recipe->user);
    g_free (recipe->cmdline);
    g_free (recipe);
}
