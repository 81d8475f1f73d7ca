/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/image.h"

#include "base/digest.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "images/identity.h"
#include "images/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

G_DEFINE_QUARK (gk - image - error - quark, gk_image_error)

enum { MANIFEST_MAX = 4 << 20 };

GkImage *
gk_image_ref (GkImage *image)
{
    g_atomic_ref_count_inc (&image->refs);
    return image;
}

void
gk_image_unref (GkImage *image)
{
    if (!image || !g_atomic_ref_count_dec (&image->refs))
        return;
    g_free (image->name);
    g_free (image->version);
    g_free (image->digest);
    g_free (image->folder);
    g_free (image->disk);
    g_free (image->kernel);
    g_free (image->initrd);
    g_free (image->cmdline);
    g_free (image->user);
    g_clear_pointer (&image->manifest, json_object_unref);
    g_free (image);
}

static gboolean
invalid (GError **error, const char *what)
{
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_INVALID, "manifest.json %s", what);
    return FALSE;
}

/* The manifest is ours, yet whoever can write the store must not get a path or a number by us. */
static gboolean
check_manifest (const GkImage *image, GError **error)
{
    JsonObject *files = gk_json_object (image->manifest, "files");

    if (gk_json_int (image->manifest, "format", 0) != GK_MANIFEST_FORMAT)
        return invalid (error, "has a format that this genkan does not know");
    if (!g_str_equal (gk_json_string (image->manifest, "name", ""), image->name) ||
        !g_str_equal (gk_json_string (image->manifest, "version", ""), image->version))
        return invalid (error, "is that of another image");
    if (!image->cmdline || !*image->cmdline || !files)
        return invalid (error, "lacks the kernel command line or the files");
    if (image->memory_mib < 1 || image->memory_mib > 1 << 20 || image->vcpus < 1 ||
        image->vcpus > 64 || image->disk_size == 0)
        return invalid (error, "asks for an impossible machine");
    for (gsize i = 0; i < GK_MANIFEST_FILES; i++) {
        JsonObject *file = gk_json_object (files, gk_manifest_files[i].key);

        if (!file || strlen (gk_json_string (file, "sha256", "")) != 64)
            return invalid (error, "lacks the digest of a file");
    }
    return TRUE;
}

static gboolean
take_manifest (GkImage *image, GBytes *text, GError **error)
{
    g_autofree char *sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, text);
    g_autoptr (GError) local = NULL;

    image->manifest = gk_json_parse (g_bytes_get_data (text, NULL), g_bytes_get_size (text),
                                     MANIFEST_MAX, &local);
    if (!image->manifest)
        return invalid (error, "cannot be parsed");
    image->digest = g_strconcat ("sha256:", sum, NULL);
    image->cmdline = g_strdup (gk_json_string (image->manifest, "cmdline", NULL));
    image->user = g_strdup (gk_json_string (image->manifest, "user", NULL));
    image->memory_mib = (guint) CLAMP (gk_json_int (image->manifest, "memory_mib", 0), 0, G_MAXINT);
    image->vcpus = (guint) CLAMP (gk_json_int (image->manifest, "vcpus", 0), 0, G_MAXINT);
    image->display = gk_json_bool (image->manifest, "display", FALSE);
    image->disk_size = (guint64) MAX (gk_json_int (image->manifest, "size", 0), 0);
    return check_manifest (image, error);
}

/* Overlays name the disk below them by its path, and outlive the link that it was found by. */
static char *
real_path (const char *store, const char *name, const char *version)
{
    g_autofree char *folder = g_build_filename (store, name, version, NULL);
    char *real = realpath (folder, NULL);

    return real ? real : g_steal_pointer (&folder);
}

static GkImage *
load_version (const char *store, const char *name, const char *version, GError **error)
{
    g_autoptr (GkImage) image = g_new0 (GkImage, 1);
    g_autoptr (GBytes) text = NULL;
    gk_autofd int dir = -1;

    g_atomic_ref_count_init (&image->refs);
    image->name = g_strdup (name);
    image->version = g_strdup (version);
    image->folder = real_path (store, name, version);
    image->disk = g_build_filename (image->folder, "disk.qcow2", NULL);
    image->kernel = g_build_filename (image->folder, "vmlinuz", NULL);
    image->initrd = g_build_filename (image->folder, "initrd.img", NULL);
    dir = gk_open_dir (image->folder, NULL);
    if (dir < 0) {
        g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING,
                     "there is no image '%s:%s': see 'genkan image ls', or build it with 'genkan "
                     "image build %s'",
                     name, version, name);
        return NULL;
    }
    text = gk_file_read (dir, "manifest.json", MANIFEST_MAX, error);
    if (text && take_manifest (image, text, error))
        return g_steal_pointer (&image);
    if (error && *error && (*error)->domain != GK_IMAGE_ERROR) {
        (*error)->domain = GK_IMAGE_ERROR;
        (*error)->code = GK_IMAGE_ERROR_INVALID;
    }
    g_prefix_error (error, "image '%s:%s': ", name, version);
    return NULL;
}

static int
by_name (gconstpointer a, gconstpointer b)
{
    return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Returns: (transfer full): the names in folder @path that may name an image or a version, sorted;
 * a folder that is not there has none */
static GPtrArray *
list_names (const char *path)
{
    GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    const char *entry;

    while (dir && (entry = g_dir_read_name (dir)))
        if (gk_name_valid (entry))
            g_ptr_array_add (names, g_strdup (entry));
    g_ptr_array_sort (names, by_name);
    return names;
}

static const char *
built (const GkImage *image)
{
    return gk_json_string (image->manifest, "built", "");
}

/* The newest of @name that can be loaded; where none can, @error says why the last could not. */
static GkImage *
load_newest (const char *store, const char *name, GError **error)
{
    g_autofree char *folder = g_build_filename (store, name, NULL);
    g_autoptr (GPtrArray) versions = list_names (folder);
    g_autoptr (GkImage) newest = NULL;
    g_autoptr (GError) local = NULL;

    for (guint i = 0; i < versions->len; i++) {
        g_autoptr (GkImage) image = NULL;

        g_clear_error (&local);
        image = load_version (store, name, versions->pdata[i], &local);
        if (!image || (newest && strcmp (built (image), built (newest)) <= 0))
            continue;
        gk_image_unref (newest);
        newest = g_steal_pointer (&image);
    }
    if (!newest && local)
        g_propagate_error (error, g_steal_pointer (&local));
    else if (!newest)
        g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING,
                     "there is no image '%s': build it with 'genkan image build %s'", name, name);
    return g_steal_pointer (&newest);
}

static char *
store_path (const char *state_dir)
{
    g_autofree char *absolute = g_canonicalize_filename (state_dir, NULL);

    return g_build_filename (absolute, "images", NULL);
}

GkImage *
gk_image_load (const char *state_dir, const char *reference, GError **error)
{
    g_autofree char *store = store_path (state_dir);
    g_auto (GStrv) parts = g_strsplit (reference, ":", 2);
    g_autofree char *shown = NULL;

    if (*parts && gk_name_valid (parts[0]) && (!parts[1] || gk_name_valid (parts[1])))
        return parts[1] ? load_version (store, parts[0], parts[1], error)
                        : load_newest (store, parts[0], error);
    shown = gk_escape (reference, -1);
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING,
                 "'%s' names no image: it is NAME or NAME:VERSION, as 'genkan image ls' shows them",
                 shown);
    return NULL;
}

static void
list_versions (const char *store, const char *name, GPtrArray *images, GStrvBuilder *broken)
{
    g_autofree char *folder = g_build_filename (store, name, NULL);
    g_autoptr (GPtrArray) versions = list_names (folder);

    for (guint i = 0; i < versions->len; i++) {
        GkImage *image = load_version (store, name, versions->pdata[i], NULL);
        g_autofree char *reference = NULL;

        if (image) {
            g_ptr_array_add (images, image);
            continue;
        }
        reference = g_strdup_printf ("%s:%s", name, (char *) versions->pdata[i]);
        g_strv_builder_add (broken, reference);
    }
}

GPtrArray *
gk_image_list (const char *state_dir, char ***ret_broken, GError **error)
{
    g_autofree char *store = store_path (state_dir);
    g_autoptr (GPtrArray) names = list_names (store);
    g_autoptr (GStrvBuilder) broken = g_strv_builder_new ();
    GPtrArray *images;

    if (access (store, R_OK | X_OK) < 0 && errno != ENOENT) {
        gk_set_errno (error, errno, "cannot list the images in %s", store);
        return NULL;
    }
    images = g_ptr_array_new_with_free_func ((GDestroyNotify) gk_image_unref);
    for (guint i = 0; i < names->len; i++)
        list_versions (store, names->pdata[i], images, broken);
    if (ret_broken)
        *ret_broken = g_strv_builder_end (broken);
    return images;
}

/* Says of which image, and what to do. */
static gboolean
tell_changed (GkImage *image, GError **error)
{
    g_prefix_error (error, "image '%s:%s' is not what was sealed: ", image->name, image->version);
    if (error && *error) {
        g_autofree char *cause = g_steal_pointer (&(*error)->message);

        (*error)->message =
            g_strdup_printf ("%s; remove it with 'genkan image rm %s:%s' and build it again", cause,
                             image->name, image->version);
    }
    return FALSE;
}

static gboolean
verify_manifest (GkImage *image, int dir, GError **error)
{
    g_autoptr (GBytes) text = gk_file_read (dir, "manifest.json", MANIFEST_MAX, error);
    g_autofree char *sum = text ? g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, text) : NULL;

    if (!text)
        return FALSE;
    if (g_str_equal (sum, image->digest + strlen ("sha256:")))
        return TRUE;
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED,
                 "manifest.json has changed since the image was loaded");
    return tell_changed (image, error);
}

gboolean
gk_image_check (GkImage *image, GError **error)
{
    gk_autofd int dir = open (image->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0) {
        g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING, "image '%s:%s' is gone from %s",
                     image->name, image->version, image->folder);
        return FALSE;
    }
    if (!gk_identity_check (dir, gk_identity_image, error))
        return tell_changed (image, error);
    return verify_manifest (image, dir, error);
}

static gboolean
verify_file (GkImage *image, int dir, const GkManifestFile *file, GCancellable *cancellable,
             GError **error)
{
    JsonObject *said = gk_json_object (gk_json_object (image->manifest, "files"), file->key);
    g_autofree char *sum = gk_digest_file (dir, file->name, cancellable, error);

    if (!sum)
        return FALSE;
    if (g_str_equal (sum, gk_json_string (said, "sha256", "")))
        return TRUE;
    g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED, "%s has another digest",
                 file->name);
    return tell_changed (image, error);
}

gboolean
gk_image_verify (GkImage *image, GCancellable *cancellable, GError **error)
{
    gk_autofd int dir = gk_open_dir (image->folder, error);

    if (dir < 0 || !verify_manifest (image, dir, error))
        return FALSE;
    for (gsize i = 0; i < GK_MANIFEST_FILES; i++)
        if (!verify_file (image, dir, &gk_manifest_files[i], cancellable, error))
            return FALSE;
    return TRUE;
}

JsonObject *
gk_image_to_json (GkImage *image)
{
    static const char *const members[] = { "name", "version",    "description", "built",
                                           "size", "memory_mib", "vcpus",       "display",
                                           "user", "recipe",     "files",       "cmdline",
                                           "tools" };
    JsonObject *object = json_object_new ();

    for (gsize i = 0; i < G_N_ELEMENTS (members); i++) {
        JsonNode *node = json_object_get_member (image->manifest, members[i]);

        if (node)
            json_object_set_member (object, members[i], json_node_copy (node));
    }
    json_object_set_string_member (object, "digest", image->digest);
    return object;
}
