/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkan-build: builds one golden image. Run by genkand as a job.
 *
 * Standard error: a line of JSON for each step, `{"percent": 48, "what": "…"}`; where it fails, one
 * sentence last. Standard output: `{"image": "NAME:VERSION", "digest": "sha256:…"}` at the end.
 * Exit: 0 the image is in the store; 1 failed; 2 wrong usage; 3 the same one is being built. */
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "images/build.h"
#include "images/cell.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAILED = 1, USAGE = 2, BUSY = 3 };

typedef struct {
    char *state_dir, *mirror;
    gboolean kvm, sweep, digest;
    GkRecipe *recipe;
} Wish;

static void
write_line (int fd, JsonObject *object)
{
    g_autofree char *text = gk_json_text (object, FALSE);
    g_autofree char *line = g_strconcat (text, "\n", NULL);

    gk_fd_write_all (fd, line, strlen (line), NULL); /* nobody may be listening any more */
}

static int
fail (int code, const char *message)
{
    g_printerr ("genkan-build: %s\n", message);
    return code;
}

static void
on_progress (guint percent, const char *what, gpointer data)
{
    g_autoptr (JsonObject) object = json_object_new ();

    json_object_set_int_member (object, "percent", percent);
    gk_json_set_text (object, "what", what);
    write_line (STDERR_FILENO, object);
}

static int
build (gpointer data)
{
    Wish *wish = data;
    g_autoptr (GError) error = NULL;
    g_autoptr (GkImage) image = gk_build_image (wish->recipe, wish->state_dir, wish->mirror,
                                                wish->kvm, on_progress, NULL, NULL, &error);
    g_autoptr (JsonObject) object = NULL;
    g_autofree char *reference = NULL;

    if (!image)
        return fail (g_error_matches (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_BUSY) ? BUSY : FAILED,
                     error->message);
    object = json_object_new ();
    reference = g_strdup_printf ("%s:%s", image->name, image->version);
    gk_json_set_text (object, "image", reference);
    gk_json_set_text (object, "digest", image->digest);
    write_line (STDOUT_FILENO, object);
    return 0;
}

static int
sweep (const char *state_dir)
{
    g_autoptr (GError) error = NULL;

    gk_build_sweep (state_dir, &error);
    return error ? fail (FAILED, error->message) : 0;
}

static int
build_in_cell (Wish *wish)
{
    g_autoptr (GError) error = NULL;
    GkCellEnd end;
    int code = FAILED;

    if (!gk_cell_run (build, wish, &end, &code, &error))
        return fail (FAILED, error->message);
    if (end == GK_CELL_EXITED)
        return code;
    sweep (wish->state_dir);
    return fail (FAILED,
                 end == GK_CELL_CANCELLED ? "the build was cancelled" : "the build was killed");
}

static int
print_recipe (const GkRecipe *recipe)
{
    g_autoptr (JsonObject) object = json_object_new ();

    gk_json_set_text (object, "name", recipe->name);
    gk_json_set_text (object, "version", recipe->version);
    gk_json_set_text (object, "digest", recipe->digest);
    write_line (STDOUT_FILENO, object);
    return 0;
}

static int
run (Wish *wish, const char *path)
{
    g_autoptr (GkRecipe) recipe = NULL;
    g_autoptr (GError) error = NULL;

    if (wish->sweep)
        return sweep (wish->state_dir);
    recipe = wish->recipe = gk_recipe_load (path, &error);
    if (!recipe)
        return fail (FAILED, error->message);
    return wish->digest ? print_recipe (recipe) : build_in_cell (wish);
}

int
main (int argc, char **argv)
{
    g_autofree char *state_dir = NULL, *mirror = NULL;
    Wish wish = { 0 };
    const GOptionEntry entries[] = {
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &state_dir, "Where images/ is", "DIR" },
        { "mirror",          0, 0, G_OPTION_ARG_STRING, &mirror, "Debian mirror (default: the host's)",
         "URL" },
        { "kvm", 0, 0, G_OPTION_ARG_NONE, &wish.kvm, "Let libguestfs use KVM", NULL },
        { "digest",      0, 0, G_OPTION_ARG_NONE, &wish.digest, "Only print the recipe's digest", NULL },
        { "sweep",   0, 0, G_OPTION_ARG_NONE, &wish.sweep, "Only remove what killed builds left",
         NULL },
        { NULL         },
    };
    g_autoptr (GOptionContext) context = g_option_context_new ("RECIPE-FILE");
    g_autoptr (GError) error = NULL;

    g_option_context_add_main_entries (context, entries, NULL);
    if (!g_option_context_parse (context, &argc, &argv, &error))
        return fail (USAGE, error->message);
    if (argc != (wish.sweep ? 1 : 2) || (!state_dir && !wish.digest))
        return fail (USAGE,
                     "usage: genkan-build RECIPE-FILE --state-dir DIR [--mirror URL] [--kvm]\n"
                     "       genkan-build --sweep --state-dir DIR\n"
                     "       genkan-build --digest RECIPE-FILE");
    umask (022);
    g_setenv ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", TRUE);
    g_setenv ("LC_ALL", "C.UTF-8", TRUE); /* we look for a full disk in what programs say */
    wish.state_dir = state_dir;
    wish.mirror = mirror;
    return run (&wish, argv[1]);
}
