/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/building.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX ".build-"

enum { OUTPUT_MAX = 16 << 20, LOCK_TRIES = 10 };

void
gk_building_blame_disk (const char *said, GError *error)
{
    if (error && strstr (said, g_strerror (ENOSPC))) {
        error->domain = G_IO_ERROR;
        error->code = G_IO_ERROR_NO_SPACE;
    }
}

gboolean
gk_building_run (GkBuilding *building, const char *const *argv, const char *const *envp,
                 GBytes **ret_stdout, GError **error)
{
    GkSpawn spec = { .argv = argv, .envp = envp, .input = -1, .max_output = OUTPUT_MAX };
    GError *local = NULL;

    if (gk_spawn (&spec, building->cancellable, ret_stdout, NULL, NULL, &local))
        return TRUE;
    gk_building_blame_disk (local->message, local);
    g_propagate_error (error, local);
    return FALSE;
}

/* Whether @dir is still what @name in @store leads to: it may have been swept, or have become an
 * image, between its opening and its locking. */
static gboolean
is_still_there (int store, const char *name, int dir)
{
    struct stat here, there;

    return fstat (dir, &here) == 0 && fstatat (store, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

/* Returns: the folder, open, locked and empty of what another build may have left; or -1 */
static int
lock_folder (int store, const char *name, GError **error)
{
    for (guint i = 0; i < LOCK_TRIES; i++) {
        gk_autofd int dir = -1;

        if (mkdirat (store, name, 0700) < 0 && errno != EEXIST) {
            gk_set_errno (error, errno, "cannot make the build's folder");
            return -1;
        }
        dir = gk_open_beneath (store, name, O_RDONLY | O_DIRECTORY, NULL);
        if (dir < 0)
            continue;
        if (flock (dir, LOCK_EX | LOCK_NB) < 0) {
            g_set_error_literal (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_BUSY,
                                 "it is being built already");
            return -1;
        }
        if (is_still_there (store, name, dir))
            return gk_steal_fd (&dir);
    }
    g_set_error_literal (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_BUSY,
                         "its folder is made and removed all the time");
    return -1;
}

/* What is in the way of a new build of that name and version is this image or an error. */
static GkImage *
find_built (const GkRecipe *recipe, const char *state_dir, GError **error)
{
    g_autofree char *reference = g_strdup_printf ("%s:%s", recipe->name, recipe->version);
    g_autoptr (GError) local = NULL;
    g_autoptr (GkImage) image = gk_image_load (state_dir, reference, &local);

    if (g_error_matches (local, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING))
        return NULL;
    if (image && g_str_equal (gk_json_string (image->manifest, "recipe", ""), recipe->digest))
        return g_steal_pointer (&image);
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_FAILED,
                 "there is an image '%s' that was made of another recipe: raise Version in the "
                 "recipe, or remove the image with 'genkan image rm %s'",
                 reference, reference);
    return NULL;
}

/* Only the image's own files go into the store. */
static gboolean
remove_scaffold (GkBuilding *building, GError **error)
{
    g_autoptr (GDir) dir = g_dir_open (building->folder, 0, error);
    const char *name;

    while (dir && (name = g_dir_read_name (dir)))
        if (!g_str_equal (name, "vmlinuz") && !g_str_equal (name, "initrd.img") &&
            !g_str_equal (name, "disk.qcow2") && !gk_tree_remove (building->dir, name, error))
            return FALSE;
    return dir != NULL;
}

static gboolean
enter_store (GkBuilding *building, int store, const char *name, GError **error)
{
    const GkRecipe *recipe = building->recipe;
    gk_autofd int versions = -1;

    if (fchmod (building->dir, 0755) < 0 || fsync (building->dir) < 0)
        return gk_set_errno (error, errno, "cannot seal the image's folder");
    if (mkdirat (store, recipe->name, 0755) < 0 && errno != EEXIST)
        return gk_set_errno (error, errno, "cannot make the image's folder");
    versions = gk_open_beneath (store, recipe->name, O_RDONLY | O_DIRECTORY, error);
    if (versions < 0)
        return FALSE;
    if (renameat (store, name, versions, recipe->version) < 0 || fsync (versions) < 0 ||
        fsync (store) < 0)
        return gk_set_errno (error, errno, "cannot move the image into the store");
    return TRUE;
}

static gboolean
build (GkBuilding *building, int store, const char *name, GError **error)
{
    building->packages = json_array_new ();
    building->tools = json_object_new ();
    building->root = g_build_filename (building->folder, "root", NULL);
    building->raw = g_build_filename (building->folder, "disk.raw", NULL);
    return gk_rootfs_make (building, error) && gk_disk_make (building, error) &&
           gk_inspect_and_finish (building, error) && gk_disk_convert (building, error) &&
           remove_scaffold (building, error) && gk_seal (building, error) &&
           !g_cancellable_set_error_if_cancelled (building->cancellable, error) &&
           enter_store (building, store, name, error);
}

static void
building_clear (GkBuilding *building)
{
    g_clear_pointer (&building->packages, json_array_unref);
    g_clear_pointer (&building->tools, json_object_unref);
    g_free (building->folder);
    g_free (building->root);
    g_free (building->raw);
}

/* Under the lock: another build may have made the image while we waited for nothing. */
static GkImage *
build_locked (GkBuilding *building, const char *state_dir, int store, const char *name,
              GError **error)
{
    g_autoptr (GError) local = NULL;
    GkImage *image = find_built (building->recipe, state_dir, &local);

    if (!image && !local && remove_scaffold (building, &local) &&
        build (building, store, name, &local))
        return find_built (building->recipe, state_dir, error);
    gk_tree_remove (store, name, NULL);
    unlinkat (store, building->recipe->name, AT_REMOVEDIR); /* only an empty one goes */
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return image;
}

GkImage *
gk_build_image (const GkRecipe *recipe, const char *state_dir, const char *mirror, gboolean kvm,
                GkBuildProgress progress, gpointer data, GCancellable *cancellable, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename (state_dir, NULL);
    g_autofree char *path = g_build_filename (absolute, "images", NULL);
    g_autofree char *name = g_strdup_printf (PREFIX "%s+%s", recipe->name, recipe->version);
    GkBuilding building = { .recipe = recipe,
                            .mirror = mirror,
                            .kvm = kvm,
                            .progress = progress,
                            .data = data,
                            .cancellable = cancellable };
    gk_autofd int store = -1, dir = -1;
    GkImage *image = NULL;

    if (!gk_dir_ensure (path, 0755, error))
        return NULL;
    store = gk_open_dir (path, error);
    if (store < 0)
        return NULL;
    dir = building.dir = lock_folder (store, name, error);
    if (dir >= 0) {
        building.folder = g_build_filename (path, name, NULL);
        image = build_locked (&building, state_dir, store, name, error);
    }
    if (!image)
        g_prefix_error (error, "cannot build '%s:%s': ", recipe->name, recipe->version);
    building_clear (&building);
    return image;
}

guint
gk_build_sweep (const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename (state_dir, "images", NULL);
    gk_autofd int store = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr (GDir) entries = store >= 0 ? g_dir_open (path, 0, error) : NULL;
    const char *name;
    guint removed = 0;

    while (entries && (name = g_dir_read_name (entries))) {
        gk_autofd int dir = -1;

        if (!g_str_has_prefix (name, PREFIX))
            continue;
        dir = gk_open_beneath (store, name, O_RDONLY | O_DIRECTORY, NULL);
        if (dir < 0 || flock (dir, LOCK_EX | LOCK_NB) < 0 || !is_still_there (store, name, dir))
            continue;
        if (!gk_tree_remove (store, name, error)) {
            g_prefix_error (error, "cannot remove what a build left: ");
            return 0;
        }
        removed++;
    }
    return removed;
}
