/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recipes: how a golden image is made. A recipe is a keyfile, `templates/image/NAME.recipe` or
 * `<config-dir>/images/NAME.recipe`; the format is documented in templates/image/README.md.
 *
 * A recipe does not change once loaded. Any thread. */
#pragma once

#include <glib.h>

#define GK_RECIPE_ERROR (gk_recipe_error_quark ())
GQuark gk_recipe_error_quark (void);

typedef enum {
    GK_RECIPE_ERROR_MISSING, /* there is no such recipe */
    GK_RECIPE_ERROR_INVALID, /* it cannot be read; the message names file, group and key */
} GkRecipeError;

typedef struct {
    char *source;    /* below the recipe's own folder */
    char *target;    /* absolute path in the guest */
    GBytes *content; /* as it was when the recipe was loaded, and its digest taken */
    guint mode;
} GkRecipeFile;

typedef struct {
    char *name;        /* gk_name_valid () */
    char *version;     /* likewise: `1`, `2026.11` */
    char *description; /* one line */
    char *folder;      /* where the recipe and its files stand */
    char *digest;      /* `sha256:…` over the recipe and all its files */
    char *suite;       /* Debian suite, `bookworm` */
    char **packages;
    GPtrArray *files; /* of GkRecipeFile */
    char **steps;     /* the scripts' text; each is run by /bin/sh -e in the new root, in turn */
    guint disk_mib;   /* virtual size of the disk */
    guint memory_mib;
    guint vcpus;
    gboolean display;
    char *user;    /* whose session opens files; NULL: none */
    char *cmdline; /* added to the kernel's command line */
} GkRecipe;

/**
 * gk_recipe_load:
 * @path: the keyfile
 *
 * Returns: (transfer full): the recipe, or %NULL with @error set
 */
GkRecipe *gk_recipe_load (const char *path, GError **error);
void gk_recipe_free (GkRecipe *recipe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkRecipe, gk_recipe_free)
