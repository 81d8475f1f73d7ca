/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a warm state is made. Whoever makes one of an image holds that image's lock, and works in a
 * folder that no reader looks at. */
#include "base/digest.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "hostd/machine/circumstances.h"
#include "hostd/machine/machine.h"
#include "hostd/machine/warm-folder.h"
#include "hostd/reaper.h"
#include "images/identity.h"
#include "images/overlay.h"
#include "vmm/save-image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GUEST_WARM "/usr/lib/genkan/guest-warm"

enum { WARM_TIMEOUT_MS = 300000 };

/* A state under way. */
typedef struct {
    GkHost *host;
    GkImage *image;
    GkJob *job;
    char *home, *folder; /* the work folder */
    char *final; /* where it will lie */
    gint64 waiting; /* see GkWarm */
} Making;

static gboolean
warm_up (GkMachine *machine, GkJob *job, GError **error)
{
    const char *const argv[] = { GUEST_WARM, NULL };

    gk_job_progress (job, 40, "warming the guest up");
    return gk_machine_run (machine, argv, WARM_TIMEOUT_MS, job, error);
}

/* A new file of root's: QEMU's user, which wrote the old one, may still hold that open. */
static gboolean
copy_file (Making *making, const char *from, const char *to, GError **error)
{
    gk_autofd int in = open (from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gk_autofd int out = open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (in < 0 || out < 0)
        return gk_set_errno (error, errno, "cannot copy %s to %s", from, to);
    return gk_fd_copy (in, out, G_MAXINT64, gk_job_cancellable (making->job), NULL, NULL, error);
}

static gboolean
save (Making *making, GkMachine *machine, GError **error)
{
    g_autofree char *raw = g_build_filename (making->folder, "raw", NULL);
    g_autofree char *memory = g_build_filename (making->folder, "memory", NULL);
    g_autofree char *disk = g_build_filename (making->folder, "disk.qcow2", NULL);
    g_autofree char *empty = g_build_filename (making->folder, "empty.qcow2", NULL);
    g_autofree char *final_disk = g_build_filename (making->final, "disk.qcow2", NULL);

    gk_job_progress (making->job, 70, "saving its memory");
    if (!gk_vm_save (machine->vm, raw, error) ||
        !gk_save_image_strip (raw, memory, NULL, gk_job_cancellable (making->job), error))
        return FALSE;
    if (unlink (raw) < 0)
        return gk_set_errno (error, errno, "cannot remove %s", raw);
    return copy_file (making, machine->overlay, disk, error) &&
           gk_overlay_lay (final_disk, making->image->disk_size, empty, error);
}

static gboolean
boot_and_save (Making *making, GkMachine *machine, GError **error)
{
    machine->overlay_length = 0;
    return gk_machine_boot (machine, making->job, error) && warm_up (machine, making->job, error) &&
           gk_machine_prepare (machine, making->job, &making->waiting, error) &&
           save (making, machine, error);
}

/* Its machine is taken down behind, whatever comes of it. */
static gboolean
make_files (Making *making, GError **error)
{
    GkMachine *machine = gk_machine_new (making->host, making->image, error);
    gboolean ok = machine && boot_and_save (making, machine, error);

    if (machine)
        gk_reaper_take (making->host->reaper, machine);
    return ok;
}

/* Files are read-only from here on: the disk for all, since QEMU's user must read it. */
static gboolean
seal (Making *making, int dir, JsonObject *files, GError **error)
{
    for (guint i = 0; !g_str_equal (gk_warm_files[i], GK_WARM_RECORD); i++) {
        const char *name = gk_warm_files[i];
        gk_autofd int fd = gk_open_beneath (dir, name, O_RDONLY, error);
        g_autofree char *sum = NULL;
        JsonObject *file;
        struct stat st;

        if (fd < 0)
            return FALSE;
        if (fchown (fd, 0, 0) < 0 || fchmod (fd, g_str_equal (name, "memory") ? 0400 : 0444) < 0 ||
            fsync (fd) < 0 || fstat (fd, &st) < 0)
            return gk_set_errno (error, errno, "cannot seal %s", name);
        sum = gk_digest_file (dir, name, gk_job_cancellable (making->job), error);
        if (!sum)
            return FALSE;
        file = json_object_new ();
        json_object_set_string_member (file, "sha256", sum);
        json_object_set_int_member (file, "size", st.st_size);
        json_object_set_object_member (files, name, file);
    }
    return TRUE;
}

/* Returns: (transfer full): what stands in warm.json */
static JsonObject *
describe (Making *making, JsonObject *files, JsonObject *circumstances)
{
    JsonObject *record = json_object_new ();
    g_autofree char *now = gk_json_now ();

    json_object_set_int_member (record, "format", GK_WARM_FORMAT);
    json_object_set_string_member (record, "name", making->image->name);
    json_object_set_string_member (record, "version", making->image->version);
    json_object_set_string_member (record, "made", now);
    json_object_set_object_member (record, "circumstances", json_object_ref (circumstances));
    json_object_set_object_member (record, "files", json_object_ref (files));
    json_object_set_int_member (record, "waiting", making->waiting);
    return record;
}

/* One clone, whole. */
static gboolean
try_clone (GkHost *host, GkImage *image, GkWarm *warm, GkJob *job, GError **error)
{
    GkMachine *machine = gk_machine_new (host, image, error);
    gboolean ok = machine && gk_machine_clone (machine, warm, job, error) &&
                  gk_machine_fit_out (machine, job, error) &&
                  gk_machine_rehearse (machine, job, error);

    if (machine)
        gk_reaper_take (host->reaper, machine);
    return ok;
}

/* What cannot be cloned does not count. */
static gboolean
verify (Making *making, JsonObject *record, GError **error)
{
    g_autofree char *digest = gk_warm_digest (making->folder);
    g_autoptr (GkWarm) warm = gk_warm_new (making->folder, digest, record);

    gk_job_progress (making->job, 85, "trying a clone of it");
    if (try_clone (making->host, making->image, warm, making->job, error))
        return TRUE;
    g_prefix_error (error, "a clone of the new warm state does not work: ");
    return FALSE;
}

static gboolean
enter (Making *making, GError **error)
{
    g_autofree char *old = g_build_filename (making->home, GK_WARM_OLD, NULL);

    if (!gk_tree_remove_path (old, error))
        return FALSE;
    if (rename (making->final, old) < 0 && errno != ENOENT)
        return gk_set_errno (error, errno, "cannot move the old state in %s away", making->final);
    if (rename (making->folder, making->final) < 0)
        return gk_set_errno (error, errno, "cannot move the state to %s", making->final);
    return gk_tree_remove_path (old, NULL) || TRUE;
}

static gboolean
make (Making *making, GError **error)
{
    g_autoptr (JsonObject) files = json_object_new ();
    g_autoptr (JsonObject) now =
        gk_circumstances_now (making->host, making->image, making->job, error);
    g_autoptr (JsonObject) record = NULL;
    g_autofree char *text = NULL;
    gk_autofd int dir = -1;

    if (!now || !gk_tree_remove_path (making->folder, error) ||
        !gk_dir_ensure (making->folder, 0711, error) || !make_files (making, error))
        return FALSE;
    dir = gk_open_dir (making->folder, error);
    if (dir < 0 || !seal (making, dir, files, error))
        return FALSE;
    record = describe (making, files, now);
    text = gk_json_text (record, TRUE);
    return gk_file_replace (dir, GK_WARM_RECORD, text, strlen (text), 0444, error) &&
           gk_identity_write (dir, gk_warm_files, error) && verify (making, record, error) &&
           enter (making, error);
}

static GkWarm *
make_locked (GkHost *host, GkImage *image, const char *home, GkJob *job, gboolean *ret_made,
             GError **error)
{
    g_autofree char *folder = g_build_filename (home, GK_WARM_MAKING, NULL);
    g_autofree char *final = g_build_filename (home, image->version, NULL);
    Making making = { host, image, job, (char *) home, folder, final, 0 };
    g_autoptr (GError) why = NULL;
    GkWarm *found = gk_warm_find (host, image, job, &why);

    if (found || why->domain != GK_WARM_ERROR) {
        if (!found)
            g_propagate_error (error, g_steal_pointer (&why));
        return found;
    }
    if (why->code != GK_WARM_ERROR_MISSING)
        g_message ("%s:%s: %s; it is made anew", image->name, image->version, why->message);
    if (!make (&making, error)) {
        gk_tree_remove_path (folder, NULL);
        g_prefix_error (error, "no warm state of %s:%s: ", image->name, image->version);
        return NULL;
    }
    if (ret_made)
        *ret_made = TRUE;
    return gk_warm_find (host, image, job, error);
}

GkWarm *
gk_warm_make (GkHost *host, GkImage *image, GkJob *job, gboolean *ret_made, GError **error)
{
    g_autofree char *all = g_build_filename (host->state_dir, "warm", image->name, NULL);
    g_autofree char *home = NULL;
    gk_autofd int dir = -1, lock = -1;

    if (!gk_dir_ensure (all, 0711, error))
        return NULL;
    home = gk_warm_home (host, image->name);
    dir = gk_open_dir (home, error);
    lock = dir < 0 ? -1 : gk_lock_wait (dir, GK_WARM_LOCK, gk_job_cancellable (job), error);
    return lock < 0 ? NULL : make_locked (host, image, home, job, ret_made, error);
}

gboolean
gk_warm_try (GkHost *host, GkImage *image, GkWarm *warm, GkJob *job, GError **error)
{
    g_autoptr (GError) local = NULL;

    if (try_clone (host, image, warm, job, &local))
        return TRUE;
    if (gk_warm_is_to_blame (local) && !g_cancellable_is_cancelled (gk_job_cancellable (job)))
        gk_warm_discard (warm);
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
}
