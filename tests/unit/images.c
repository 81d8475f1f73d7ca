/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "images/build.h"
#include "images/identity.h"
#include "images/image.h"
#include "images/overlay.h"
#include "images/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A state directory of the test's own, with a store. */
typedef struct {
    char *path, *store;
} State;

static void
state_open (State *state, gconstpointer data)
{
    state->path = g_dir_make_tmp ("genkan-images-XXXXXX", NULL);
    state->store = g_build_filename (state->path, "images", NULL);
    g_assert_cmpint (g_mkdir (state->store, 0755), ==, 0);
}

static void
state_close (State *state, gconstpointer data)
{
    g_autoptr (GError) error = NULL;

    gk_tree_remove_path (state->path, &error);
    g_assert_no_error (error);
    g_free (state->path);
    g_free (state->store);
}

static void
put (const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname (path);
    g_autoptr (GError) error = NULL;

    g_assert_cmpint (g_mkdir_with_parents (parent, 0755), ==, 0);
    g_file_set_contents (path, text, -1, &error);
    g_assert_no_error (error);
}

/* Recipes */

#define IMAGE                                                                                      \
    "[Image]\nName=tiny\nVersion=1\nDescription=A tiny one\nSuite=bookworm\nPackages=udev;kmod;\n"
#define MACHINE "[Machine]\nDiskMiB=512\nMemoryMiB=256\nVCpus=2\n"

static GkRecipe *
load (State *state, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename (state->path, "tiny.recipe", NULL);

    put (state->path, "tiny.recipe", text);
    return gk_recipe_load (path, error);
}

static void
test_recipe_whole (State *state, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GkRecipe) recipe = NULL;
    const GkRecipeFile *file;

    put (state->path, "steps/one.sh", "echo one\n");
    put (state->path, "files/open", "#!/bin/sh\n");
    recipe = load (state,
                   IMAGE "Steps=steps/one.sh;\n" MACHINE
                         "Display=true\nUser=analyst\nCmdline=quiet loglevel=3\n"
                         "[Files]\n/usr/lib/open=files/open 0755\n",
                   &error);
    g_assert_no_error (error);
    g_assert_cmpstr (recipe->name, ==, "tiny");
    g_assert_cmpstr (recipe->packages[1], ==, "kmod");
    g_assert_null (recipe->packages[2]);
    g_assert_cmpstr (recipe->steps[0], ==, "echo one\n");
    g_assert_null (recipe->steps[1]);
    g_assert_cmpuint (recipe->disk_mib, ==, 512);
    g_assert_cmpuint (recipe->memory_mib, ==, 256);
    g_assert_cmpuint (recipe->vcpus, ==, 2);
    g_assert_true (recipe->display);
    g_assert_cmpstr (recipe->user, ==, "analyst");
    g_assert_cmpstr (recipe->cmdline, ==, "quiet loglevel=3");
    g_assert_cmpuint (recipe->files->len, ==, 1);
    file = recipe->files->pdata[0];
    g_assert_cmpstr (file->target, ==, "/usr/lib/open");
    g_assert_cmpuint (file->mode, ==, 0755);
    g_assert_cmpmem (g_bytes_get_data (file->content, NULL), g_bytes_get_size (file->content),
                     "#!/bin/sh\n", 10);
}

static void
test_recipe_digest (State *state, gconstpointer data)
{
    static const char text[] = IMAGE "Steps=one.sh;\n" MACHINE "[Files]\n/etc/a=a 0644\n";
    static const struct {
        const char *file, *text;
    } changes[] = {
        {"one.sh", "echo two\n"},
        { "a",     "b"         },
        { "a",     "a"         },
    };
    g_autoptr (GkRecipe) first = NULL;
    g_autofree char *before = NULL;

    put (state->path, "one.sh", "echo one\n");
    put (state->path, "a", "a");
    first = load (state, text, NULL);
    g_assert_true (g_str_has_prefix (first->digest, "sha256:"));
    before = g_strdup (first->digest);
    for (gsize i = 0; i < G_N_ELEMENTS (changes); i++) {
        g_autoptr (GkRecipe) changed = NULL;

        put (state->path, changes[i].file, changes[i].text);
        changed = load (state, text, NULL);
        g_assert_cmpstr (changed->digest, !=, before);
        g_free (before);
        before = g_strdup (changed->digest);
    }
    put (state->path, "one.sh", "echo one\n");
    {
        g_autoptr (GkRecipe) again = load (state, text, NULL);

        g_assert_cmpstr (again->digest, ==, first->digest);
    }
}

static const struct {
    const char *name, *text, *says;
} bad_recipes[] = {
    {"no-name",            "[Image]\nVersion=1\n" MACHINE,                                    "[Image] Name: is missing"        },
    { "upper-case-name",   "[Image]\nName=Tiny\n",                                            "[Image] Name: must be lower-case"},
    { "name-with-a-path",  "[Image]\nName=../x\n",                                            "[Image] Name: must be lower-case"},
    { "two-lines",         "[Image]\nName=a\nVersion=1\nDescription=a\\nb\n",                 "one printable line"              },
    { "unknown-key",       IMAGE "Colour=red\n" MACHINE,                                      "[Image] Colour: is not known"    },
    { "unknown-group",     IMAGE MACHINE "[Colour]\nRed=1\n",                                 "[Colour] Red: is not known"      },
    { "no-machine",        IMAGE,                                                             "[Machine] DiskMiB: is missing"   },
    { "tiny-disk",         IMAGE "[Machine]\nDiskMiB=1\n",                                    "a number from 256 to 1048576"    },
    { "negative-memory",   IMAGE "[Machine]\nDiskMiB=512\nMemoryMiB=-1\n",                    "a number from 128"               },
    { "number-and-unit",   IMAGE "[Machine]\nDiskMiB=512M\n",                                 "a number from 256"               },
    { "perhaps-a-display", IMAGE MACHINE "Display=perhaps\n",                                 "[Machine] Display: must be true" },
    { "hostile-user",      IMAGE MACHINE "User=a;b\n",                                        "the name of a user"              },
    { "hostile-cmdline",   IMAGE MACHINE "Cmdline=a\\nb\n",                                   "printable ASCII"                 },
    { "package-as-option",
     "[Image]\nName=a\nVersion=1\nDescription=a\nSuite=bookworm\nPackages=--hook;\n" MACHINE,
     "--hook: is not the name of a package"                                                                                     },
    { "suite-as-option",   "[Image]\nName=a\nVersion=1\nDescription=a\nSuite=-x\n" MACHINE,
     "the name of a Debian suite"                                                                                               },
    { "no-packages",
     "[Image]\nName=a\nVersion=1\nDescription=a\nSuite=bookworm\nPackages=\n" MACHINE,
     "needs 1 to 1000 items"                                                                                                    },
    { "missing-step",      IMAGE "Steps=nothing.sh;\n" MACHINE,                               "nothing.sh: cannot read the step"},
    { "step-outside",      IMAGE "Steps=../../etc/passwd;\n" MACHINE,                         "cannot read the step"            },
    { "step-by-link",      IMAGE "Steps=link;\n" MACHINE,                                     "link: cannot read the step"      },
    { "step-with-nul",     IMAGE "Steps=nul;\n" MACHINE,                                      "it holds a NUL byte"             },
    { "relative-target",   IMAGE MACHINE "[Files]\netc/x=tiny.recipe 0644\n",
     "must be an absolute path"                                                                                                 },
    { "target-with-dots",  IMAGE MACHINE "[Files]\n/etc/../x=tiny.recipe 0644\n",
     "must be an absolute path"                                                                                                 },
    { "no-mode",           IMAGE MACHINE "[Files]\n/etc/x=tiny.recipe\n",                     "must be SOURCE MODE"             },
    { "set-uid",           IMAGE MACHINE "[Files]\n/etc/x=tiny.recipe 4755\n",                "must be SOURCE MODE"             },
    { "missing-source",    IMAGE MACHINE "[Files]\n/etc/x=nothing 0644\n",                    "cannot read 'nothing'"           },
    { "source-outside",    IMAGE MACHINE "[Files]\n/etc/x=/etc/passwd 0644\n",
     "cannot read '/etc/passwd'"                                                                                                },
    { "not-a-keyfile",     "Name=tiny\n",                                                     "tiny.recipe"                     },
};

static void
test_bad_recipe (State *state, gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE (data);
    g_autoptr (GError) error = NULL;
    g_autofree char *nul = g_build_filename (state->path, "nul", NULL);
    g_autofree char *link = g_build_filename (state->path, "link", NULL);

    g_assert_true (g_file_set_contents (nul, "a\0b", 3, NULL));
    g_assert_cmpint (symlink ("nul", link), ==, 0);
    g_assert_null (load (state, bad_recipes[i].text, &error));
    g_assert_error (error, GK_RECIPE_ERROR, GK_RECIPE_ERROR_INVALID);
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, bad_recipes[i].says));
    g_assert_nonnull (strstr (error->message, "tiny.recipe"));
}

static void
test_missing_recipe (State *state, gconstpointer data)
{
    g_autofree char *path = g_build_filename (state->path, "none.recipe", NULL);
    g_autoptr (GError) error = NULL;

    g_assert_null (gk_recipe_load (path, &error));
    g_assert_error (error, GK_RECIPE_ERROR, GK_RECIPE_ERROR_MISSING);
}

static void
test_own_recipes (void)
{
    static const char *const names[] = { "debian-base", "debian-wine" };
    const char *stage = g_getenv ("GENKAN_STAGE");

    g_assert_nonnull (stage);
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
        g_autofree char *path =
            g_strdup_printf ("%s/share/genkan/image/%s.recipe", stage, names[i]);
        g_autoptr (GError) error = NULL;
        g_autoptr (GkRecipe) recipe = gk_recipe_load (path, &error);

        g_assert_no_error (error);
        g_assert_cmpstr (recipe->name, ==, names[i]);
    }
}

/* The store */

/* The folder of an image that is whole and sealed. */
static char *
seal_image (State *state, const char *name, const char *version, const char *built)
{
    static const struct {
        const char *key, *name;
    } files[] = {
        {"disk",    "disk.qcow2"},
        { "kernel", "vmlinuz"   },
        { "initrd", "initrd.img"},
    };
    g_autofree char *folder = g_build_filename (state->store, name, version, NULL);
    g_autoptr (JsonObject) manifest = json_object_new ();
    JsonObject *described = json_object_new ();
    g_autofree char *text = NULL;
    g_autoptr (GError) error = NULL;
    gk_autofd int dir = -1;

    for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
        put (folder, files[i].name, files[i].name);
    dir = gk_open_dir (folder, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (files); i++) {
        JsonObject *file = json_object_new ();
        g_autofree char *sum = gk_digest_file (dir, files[i].name, NULL, NULL);

        json_object_set_string_member (file, "sha256", sum);
        json_object_set_object_member (described, files[i].key, file);
    }
    json_object_set_int_member (manifest, "format", 1);
    json_object_set_string_member (manifest, "name", name);
    json_object_set_string_member (manifest, "version", version);
    json_object_set_string_member (manifest, "built", built);
    json_object_set_string_member (manifest, "cmdline", "root=/dev/vda");
    json_object_set_int_member (manifest, "size", 1 << 20);
    json_object_set_int_member (manifest, "memory_mib", 256);
    json_object_set_int_member (manifest, "vcpus", 1);
    json_object_set_object_member (manifest, "files", described);
    text = gk_json_text (manifest, TRUE);
    put (folder, "manifest.json", text);
    g_assert_true (gk_identity_write (dir, gk_identity_image, &error));
    g_assert_no_error (error);
    return g_steal_pointer (&folder);
}

static void
test_newest (State *state, gconstpointer data)
{
    g_autofree char *a = seal_image (state, "tiny", "9", "2026-11-01T00:00:00.000000Z");
    g_autofree char *b = seal_image (state, "tiny", "10", "2026-11-02T00:00:00.000000Z");
    g_autofree char *c = seal_image (state, "tiny", "8", "2026-10-01T00:00:00.000000Z");
    g_autoptr (GkImage) newest = gk_image_load (state->path, "tiny", NULL);
    g_autoptr (GkImage) named = gk_image_load (state->path, "tiny:9", NULL);
    g_autoptr (JsonObject) json = gk_image_to_json (named);

    g_assert_cmpstr (newest->version, ==, "10");
    g_assert_cmpstr (newest->folder, ==, b);
    g_assert_cmpstr (named->version, ==, "9");
    g_assert_cmpstr (named->cmdline, ==, "root=/dev/vda");
    g_assert_null (named->user);
    g_assert_cmpuint (named->memory_mib, ==, 256);
    g_assert_cmpuint (named->disk_size, ==, 1 << 20);
    g_assert_cmpstr (gk_json_string (json, "digest", ""), ==, named->digest);
}

static void
test_missing (State *state, gconstpointer data)
{
    static const char *const references[] = { "none",  "tiny:2",  "none:1",    "",         ":",
                                              "tiny:", "../tiny", "tiny:../1", "tiny:1:1", "a\nb" };
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");

    for (gsize i = 0; i < G_N_ELEMENTS (references); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_null (gk_image_load (state->path, references[i], &error));
        g_assert_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING);
        g_assert_null (strchr (error->message, '\n'));
    }
}

static void
test_list (State *state, gconstpointer data)
{
    static const char *const wanted[] = { "other:1", "tiny:1", "tiny:2" };
    g_autofree char *a = seal_image (state, "tiny", "2", "2026");
    g_autofree char *b = seal_image (state, "tiny", "1", "2026");
    g_autofree char *c = seal_image (state, "other", "1", "2026");
    g_autofree char *d = seal_image (state, "broken", "3", "2026");
    g_autofree char *build = g_build_filename (state->store, ".build-x+1", NULL);
    g_auto (GStrv) broken = NULL;
    g_autoptr (GPtrArray) images = NULL;

    put (d, "manifest.json", "{");
    g_assert_cmpint (g_mkdir (build, 0755), ==, 0);
    images = gk_image_list (state->path, &broken, NULL);
    g_assert_cmpuint (images->len, ==, G_N_ELEMENTS (wanted));
    for (guint i = 0; i < images->len; i++) {
        const GkImage *image = images->pdata[i];
        g_autofree char *reference = g_strdup_printf ("%s:%s", image->name, image->version);

        g_assert_cmpstr (reference, ==, wanted[i]);
    }
    g_assert_cmpuint (g_strv_length (broken), ==, 1);
    g_assert_cmpstr (broken[0], ==, "broken:3");
}

static void
test_empty_store (State *state, gconstpointer data)
{
    g_autoptr (GPtrArray) images = NULL;
    g_auto (GStrv) broken = NULL;

    g_assert_cmpint (g_rmdir (state->store), ==, 0);
    images = gk_image_list (state->path, &broken, NULL);
    g_assert_cmpuint (images->len, ==, 0);
    g_assert_cmpuint (g_strv_length (broken), ==, 0);
}

static const struct {
    const char *name, *from, *to; /* what is replaced in a good manifest */
} bad_manifests[] = {
    {"not-json",       "{",                    "["                    },
    { "other-format",  "\"format\" : 1",       "\"format\" : 2"       },
    { "other-name",    "\"name\" : \"tiny\"",  "\"name\" : \"other\"" },
    { "other-version", "\"version\" : \"1\"",  "\"version\" : \"2\""  },
    { "no-cmdline",    "\"cmdline\"",          "\"line\""             },
    { "no-memory",     "\"memory_mib\" : 256", "\"memory_mib\" : 0"   },
    { "huge-memory",   "\"memory_mib\" : 256", "\"memory_mib\" : 9e18"},
    { "no-vcpus",      "\"vcpus\" : 1",        "\"vcpus\" : -1"       },
    { "no-files",      "\"files\"",            "\"fyles\""            },
    { "no-kernel",     "\"kernel\"",           "\"colonel\""          },
    { "no-digest",     "\"sha256\"",           "\"sha1\""             },
};

static void
test_bad_manifest (State *state, gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE (data);
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autofree char *path = g_build_filename (folder, "manifest.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr (GString) changed = NULL;
    g_autoptr (GError) error = NULL;

    g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
    changed = g_string_new (text);
    g_assert_cmpuint (g_string_replace (changed, bad_manifests[i].from, bad_manifests[i].to, 1), ==,
                      1);
    put (folder, "manifest.json", changed->str);
    g_assert_null (gk_image_load (state->path, "tiny:1", &error));
    g_assert_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_INVALID);
    g_test_message ("%s", error->message);
}

static void
test_unchanged (State *state, gconstpointer data)
{
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autoptr (GkImage) image = gk_image_load (state->path, "tiny", NULL);
    g_autoptr (GError) error = NULL;

    g_assert_true (gk_image_check (image, &error));
    g_assert_no_error (error);
    g_assert_true (gk_image_verify (image, NULL, &error));
    g_assert_no_error (error);
}

/* The file's content is another, its size and mtime are as they were. */
static void
forge (const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename (folder, name, NULL);
    gk_autofd int fd = open (path, O_WRONLY | O_CLOEXEC);
    struct stat st;

    g_assert_cmpint (fstat (fd, &st), ==, 0);
    g_assert_cmpint (pwrite (fd, "#", 1, 1), ==, 1);
    g_assert_cmpint (futimens (fd, (struct timespec[]) { st.st_atim, st.st_mtim }), ==, 0);
}

static const char *const sealed_files[] = { "disk.qcow2", "vmlinuz", "initrd.img",
                                            "manifest.json" };

static void
test_forged (State *state, gconstpointer data)
{
    const char *name = data;
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autoptr (GkImage) image = gk_image_load (state->path, "tiny", NULL);
    g_autoptr (GError) quick = NULL, thorough = NULL;

    g_usleep (20000); /* ctime has the tick's grain */
    forge (folder, name);
    g_assert_false (gk_image_check (image, &quick));
    g_assert_error (quick, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED);
    g_assert_nonnull (strstr (quick->message, name));
    g_assert_false (gk_image_verify (image, NULL, &thorough));
    g_assert_error (thorough, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED);
    g_assert_nonnull (strstr (thorough->message, name));
}

static void
test_touched (State *state, gconstpointer data)
{
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autofree char *disk = g_build_filename (folder, "disk.qcow2", NULL);
    g_autoptr (GkImage) image = gk_image_load (state->path, "tiny", NULL);
    g_autoptr (GError) error = NULL;

    g_usleep (20000);
    g_assert_cmpint (g_chmod (disk, 0640), ==, 0);
    g_assert_false (gk_image_check (image, &error));
    g_assert_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED);
    g_assert_true (gk_image_verify (image, NULL, NULL));
}

static void
test_copied (State *state, gconstpointer data)
{
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autofree char *disk = g_build_filename (folder, "disk.qcow2", NULL);
    g_autoptr (GkImage) image = gk_image_load (state->path, "tiny", NULL);
    g_autoptr (GError) error = NULL;

    g_assert_cmpint (g_unlink (disk), ==, 0);
    put (folder, "disk.qcow2", "disk.qcow2");
    g_assert_false (gk_image_check (image, &error));
    g_assert_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED);
}

/* Overlays */

static void
test_overlay (State *state, gconstpointer data)
{
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autofree char *disk = g_build_filename (folder, "disk.qcow2", NULL);
    g_autofree char *again = NULL, *path = NULL;
    const char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", disk, "1M", NULL };
    gk_autofd int dir = gk_open_dir (folder, NULL);
    g_autoptr (GkImage) image = NULL;
    g_autoptr (GError) error = NULL;
    struct stat st;

    g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                                 NULL, NULL, NULL));
    g_assert_true (gk_identity_write (dir, gk_identity_image, NULL));
    image = gk_image_load (state->path, "tiny", NULL);
    path = gk_overlay_create (
        image, &(GkOverlaySpec) { .folder = state->path, .uid = (uid_t) -1, .gid = (gid_t) -1 },
        &error);
    g_assert_no_error (error);
    g_assert_cmpint (stat (path, &st), ==, 0);
    g_assert_cmpuint (st.st_mode & 07777, ==, 0600);
    again = gk_overlay_create (
        image, &(GkOverlaySpec) { .folder = state->path, .uid = (uid_t) -1, .gid = (gid_t) -1 },
        &error);
    g_assert_null (again);
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
    g_assert_cmpint (access (path, F_OK), ==, 0);
    g_assert_true (gk_image_check (image, NULL));
}

static void
expect_no_overlay (State *state, GkImage *image, GkImageError code)
{
    g_autofree char *path = g_build_filename (state->path, "overlay.qcow2", NULL);
    g_autoptr (GError) error = NULL;

    g_assert_null (gk_overlay_create (
        image, &(GkOverlaySpec) { .folder = state->path, .uid = (uid_t) -1, .gid = (gid_t) -1 },
        &error));
    g_assert_error (error, GK_IMAGE_ERROR, (int) code);
    g_assert_cmpint (access (path, F_OK), <, 0);
}

static void
test_overlay_refused (State *state, gconstpointer data)
{
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autoptr (GkImage) image = gk_image_load (state->path, "tiny", NULL);

    g_usleep (20000);
    forge (folder, "disk.qcow2");
    expect_no_overlay (state, image, GK_IMAGE_ERROR_CHANGED);
    g_assert_true (gk_tree_remove_path (folder, NULL));
    expect_no_overlay (state, image, GK_IMAGE_ERROR_MISSING);
}

/* qemu-img itself fails here: the disk is no qcow2. */
static void
test_overlay_fails_whole (State *state, gconstpointer data)
{
    g_autofree char *folder = seal_image (state, "tiny", "1", "2026");
    g_autofree char *path = g_build_filename (state->path, "overlay.qcow2", NULL);
    g_autoptr (GkImage) image = gk_image_load (state->path, "tiny", NULL);
    g_autoptr (GError) error = NULL;

    g_assert_null (gk_overlay_create (
        image, &(GkOverlaySpec) { .folder = state->path, .uid = (uid_t) -1, .gid = (gid_t) -1 },
        &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
    g_assert_cmpint (access (path, F_OK), <, 0);
}

/* Sweeping */

static void
test_sweep (State *state, gconstpointer data)
{
    g_autofree char *image = seal_image (state, "tiny", "1", "2026");
    g_autofree char *left = g_build_filename (state->store, ".build-left+1", NULL);
    g_autofree char *live = g_build_filename (state->store, ".build-live+1", NULL);
    g_autoptr (GError) error = NULL;
    gk_autofd int lock = -1;

    put (left, "root/etc/passwd", "root");
    put (live, "root/etc/passwd", "root");
    lock = open (live, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint (flock (lock, LOCK_EX | LOCK_NB), ==, 0);
    g_assert_cmpuint (gk_build_sweep (state->path, &error), ==, 1);
    g_assert_no_error (error);
    g_assert_cmpint (access (left, F_OK), <, 0);
    g_assert_cmpint (access (live, F_OK), ==, 0);
    g_assert_cmpint (access (image, F_OK), ==, 0);
    gk_fd_close (gk_steal_fd (&lock));
    g_assert_cmpuint (gk_build_sweep (state->path, &error), ==, 1);
    g_assert_cmpint (access (live, F_OK), <, 0);
    g_assert_cmpuint (gk_build_sweep (state->path, &error), ==, 0);
    g_assert_no_error (error);
}

static void
test_sweep_without_store (State *state, gconstpointer data)
{
    g_autoptr (GError) error = NULL;

    g_assert_cmpint (g_rmdir (state->store), ==, 0);
    g_assert_cmpuint (gk_build_sweep (state->path, &error), ==, 0);
    g_assert_no_error (error);
}

static void
add (const char *path, gconstpointer data, void (*test) (State *, gconstpointer))
{
    g_test_add (path, State, data, state_open, test, state_close);
}

static void
add_tables (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (bad_recipes); i++) {
        g_autofree char *path = g_strdup_printf ("/recipe/refuses/%s", bad_recipes[i].name);

        add (path, GSIZE_TO_POINTER (i), test_bad_recipe);
    }
    for (gsize i = 0; i < G_N_ELEMENTS (bad_manifests); i++) {
        g_autofree char *path =
            g_strdup_printf ("/image/refuses-a-manifest/%s", bad_manifests[i].name);

        add (path, GSIZE_TO_POINTER (i), test_bad_manifest);
    }
    for (gsize i = 0; i < G_N_ELEMENTS (sealed_files); i++) {
        g_autofree char *path = g_strdup_printf ("/image/sees-a-forged/%s", sealed_files[i]);

        add (path, sealed_files[i], test_forged);
    }
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    add ("/recipe/is-read-whole", NULL, test_recipe_whole);
    add ("/recipe/digest-covers-all-it-names", NULL, test_recipe_digest);
    add ("/recipe/missing-is-said", NULL, test_missing_recipe);
    g_test_add_func ("/recipe/ours-are-good", test_own_recipes);
    add ("/image/newest-is-by-build-time", NULL, test_newest);
    add ("/image/missing-is-said", NULL, test_missing);
    add ("/image/list-is-sorted-and-names-the-broken", NULL, test_list);
    add ("/image/list-of-no-store-is-empty", NULL, test_empty_store);
    add ("/image/unchanged-passes", NULL, test_unchanged);
    add ("/image/sees-a-touched-disk", NULL, test_touched);
    add ("/image/sees-a-copied-disk", NULL, test_copied);
    add ("/overlay/create/is-private-and-never-overwrites", NULL, test_overlay);
    add ("/overlay/create/refuses-a-changed-or-missing-image", NULL, test_overlay_refused);
    add ("/overlay/create/leaves-nothing-when-it-fails", NULL, test_overlay_fails_whole);
    add ("/build/sweep/spares-the-living", NULL, test_sweep);
    add ("/build/sweep/needs-no-store", NULL, test_sweep_without_store);
    add_tables ();
    return g_test_run ();
}
