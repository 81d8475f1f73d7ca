/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/machine/warm.h"

#include "base/digest.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "hostd/machine/circumstances.h"
#include "hostd/machine/warm-folder.h"
#include "images/identity.h"
#include "vmm/vmm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

G_DEFINE_QUARK (gk - warm - error - quark, gk_warm_error)

const char *const gk_warm_files[] = { "memory", "disk.qcow2", "empty.qcow2", GK_WARM_RECORD, NULL };

GkWarm *
gk_warm_ref (GkWarm *warm)
{
    g_atomic_ref_count_inc (&warm->refs);
    return warm;
}

void
gk_warm_unref (GkWarm *warm)
{
    if (!warm || !g_atomic_ref_count_dec (&warm->refs))
        return;
    g_free (warm->folder);
    g_free (warm->memory);
    g_free (warm->disk);
    g_free (warm->empty);
    g_free (warm->digest);
    g_free (warm->made);
    g_free (warm);
}

GkWarm *
gk_warm_new (const char *folder, const char *digest, JsonObject *record)
{
    GkWarm *warm = g_new0 (GkWarm, 1);
    JsonObject *files = gk_json_object (record, "files");

    g_atomic_ref_count_init (&warm->refs);
    warm->folder = g_strdup (folder);
    warm->memory = g_build_filename (folder, "memory", NULL);
    warm->disk = g_build_filename (folder, "disk.qcow2", NULL);
    warm->empty = g_build_filename (folder, "empty.qcow2", NULL);
    warm->digest = g_strdup (digest);
    warm->made = g_strdup (gk_json_string (record, "made", ""));
    warm->waiting = gk_json_int (record, "waiting", 0);
    warm->memory_bytes = (guint64) gk_json_int (gk_json_object (files, "memory"), "size", 0);
    return warm;
}

char *
gk_warm_home (GkHost *host, const char *image_name)
{
    g_autofree char *home = g_build_filename (host->state_dir, "warm", image_name, NULL);
    char *real = realpath (home, NULL);

    return real ? real : g_steal_pointer (&home);
}

char *
gk_warm_digest (const char *folder)
{
    gk_autofd int dir = gk_open_dir (folder, NULL);
    g_autoptr (GBytes) bytes =
        dir < 0 ? NULL : gk_file_read (dir, GK_WARM_RECORD, GK_WARM_RECORD_MAX, NULL);
    g_autofree char *sum = NULL;

    if (!bytes)
        return NULL;
    sum = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, bytes);
    return g_strconcat ("sha256:", sum, NULL);
}

gboolean
gk_warm_is_replaced (GkWarm *warm)
{
    g_autofree char *digest = gk_warm_digest (warm->folder);

    return g_strcmp0 (digest, warm->digest) != 0;
}

static gboolean
set_changed (GkWarm *warm, const char *how, GError **error)
{
    g_set_error (error, GK_WARM_ERROR, GK_WARM_ERROR_CHANGED,
                 "the warm state in %s is not what was sealed: %s", warm->folder, how);
    return FALSE;
}

gboolean
gk_warm_check (GkWarm *warm, GError **error)
{
    g_autoptr (GError) local = NULL;
    gk_autofd int dir = gk_open_dir (warm->folder, &local);

    if (dir < 0 || !gk_identity_check (dir, gk_warm_files, &local))
        return set_changed (warm, local->message, error);
    return !gk_warm_is_replaced (warm) || set_changed (warm, "it is another one", error);
}

gboolean
gk_warm_verify (GkWarm *warm, GCancellable *cancellable, GError **error)
{
    gk_autofd int dir = gk_open_dir (warm->folder, error);
    g_autoptr (GBytes) bytes =
        dir < 0 ? NULL : gk_file_read (dir, GK_WARM_RECORD, GK_WARM_RECORD_MAX, error);
    g_autoptr (JsonObject) record = NULL;

    if (!bytes || !gk_warm_check (warm, error))
        return FALSE;
    record = gk_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                            GK_WARM_RECORD_MAX, error);
    for (guint i = 0; record && !g_str_equal (gk_warm_files[i], GK_WARM_RECORD); i++) {
        JsonObject *said = gk_json_object (gk_json_object (record, "files"), gk_warm_files[i]);
        g_autofree char *sum = gk_digest_file (dir, gk_warm_files[i], cancellable, error);

        if (!sum)
            return FALSE;
        if (!g_str_equal (sum, gk_json_string (said, "sha256", "")))
            return set_changed (warm, gk_warm_files[i], error);
    }
    return record != NULL;
}

gboolean
gk_warm_is_to_blame (const GError *error)
{
    return error->domain == GK_WARM_ERROR ||
           (error->domain == GK_VMM_ERROR && error->code != GK_VMM_ERROR_UNREACHABLE);
}

static gboolean
is_of (JsonObject *record, JsonObject *now, GError **error)
{
    g_autofree char *difference =
        gk_circumstances_difference (gk_json_object (record, "circumstances"), now);

    if (!difference)
        return TRUE;
    g_set_error (error, GK_WARM_ERROR, GK_WARM_ERROR_OUTDATED,
                 "the warm state was made in other circumstances: %s", difference);
    return FALSE;
}

static GkWarm *
read_state (const char *folder, JsonObject *now, GError **error)
{
    gk_autofd int dir = gk_open_dir (folder, NULL);
    g_autoptr (GBytes) bytes =
        dir < 0 ? NULL : gk_file_read (dir, GK_WARM_RECORD, GK_WARM_RECORD_MAX, NULL);
    g_autoptr (JsonObject) record = NULL;
    g_autoptr (GkWarm) warm = NULL;
    g_autofree char *digest = gk_warm_digest (folder);

    if (!bytes) {
        g_set_error_literal (error, GK_WARM_ERROR, GK_WARM_ERROR_MISSING,
                             "there is no warm state of this image");
        return NULL;
    }
    record = gk_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                            GK_WARM_RECORD_MAX, NULL);
    if (!is_of (record, now, error))
        return NULL;
    warm = gk_warm_new (folder, digest, record);
    return gk_warm_check (warm, error) ? g_steal_pointer (&warm) : NULL;
}

GkWarm *
gk_warm_find (GkHost *host, GkImage *image, GkJob *job, GError **error)
{
    g_autoptr (JsonObject) now = gk_circumstances_now (host, image, job, error);
    g_autofree char *home = gk_warm_home (host, image->name);
    g_autofree char *folder = g_build_filename (home, image->version, NULL);

    return now ? read_state (folder, now, error) : NULL;
}

/* Returns: a descriptor that holds the lock of @home, or -1 where somebody is making a state */
static int
lock_at_once (int dir)
{
    g_autoptr (GCancellable) at_once = g_cancellable_new ();

    g_cancellable_cancel (at_once);
    return dir < 0 ? -1 : gk_lock_wait (dir, GK_WARM_LOCK, at_once, NULL);
}

void
gk_warm_discard (GkWarm *warm)
{
    g_autofree char *home = g_path_get_dirname (warm->folder);
    g_autofree char *version = g_path_get_basename (warm->folder);
    gk_autofd int dir = gk_open_dir (home, NULL);
    gk_autofd int lock = lock_at_once (dir);

    /* Out of the way first: what is removed bit by bit must not be found. */
    if (lock < 0 || gk_warm_is_replaced (warm) || !gk_tree_remove (dir, GK_WARM_OLD, NULL) ||
        renameat (dir, version, dir, GK_WARM_OLD) < 0)
        return;
    g_message ("the warm state in %s is thrown away", warm->folder);
    gk_tree_remove (dir, GK_WARM_OLD, NULL);
}

/* What begins with a dot is being made, by whoever holds the lock; then it is not ours to remove.
 */
static void
sweep_making (const char *home)
{
    gk_autofd int dir = gk_open_dir (home, NULL);
    gk_autofd int lock = lock_at_once (dir);

    if (lock < 0)
        return;
    gk_tree_remove (dir, GK_WARM_MAKING, NULL);
    gk_tree_remove (dir, GK_WARM_OLD, NULL);
}

static void
sweep_versions (GkHost *host, const char *name)
{
    g_autofree char *home = gk_warm_home (host, name);
    g_autoptr (GDir) dir = g_dir_open (home, 0, NULL);
    const char *version;

    sweep_making (home);
    while (dir && (version = g_dir_read_name (dir))) {
        g_autofree char *reference = g_strconcat (name, ":", version, NULL);
        g_autofree char *folder = g_build_filename (home, version, NULL);
        g_autoptr (GError) error = NULL;
        g_autoptr (GkImage) image =
            gk_name_valid (version) ? gk_image_load (host->state_dir, reference, &error) : NULL;

        if (g_error_matches (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING) &&
            gk_tree_remove_path (folder, NULL))
            g_message ("the warm state of %s is removed: the image is no more", reference);
    }
}

void
gk_warm_sweep (GkHost *host)
{
    g_autofree char *all = g_build_filename (host->state_dir, "warm", NULL);
    g_autoptr (GDir) dir = g_dir_open (all, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name (dir)))
        if (gk_name_valid (name))
            sweep_versions (host, name);
}

JsonObject *
gk_warm_to_json (GkWarm *warm, GkImage *image)
{
    JsonObject *object = json_object_new ();
    g_autofree char *name = g_strconcat (image->name, ":", image->version, NULL);

    json_object_set_string_member (object, "image", name);
    json_object_set_string_member (object, "digest", warm->digest);
    json_object_set_string_member (object, "time", warm->made);
    json_object_set_int_member (object, "bytes", (gint64) warm->memory_bytes);
    json_object_set_string_member (object, "path", warm->folder);
    return object;
}
