/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/machine/machine.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "hostd/bridge/tap.h"
#include "hostd/share/exports.h"
#include "images/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { RECORD_MAX = 1 << 16, RECORD_VERSION = 1 };

/* A unicast MAC of QEMU's own range. */
static char *
mac_new (void)
{
    guint32 random = g_random_int ();

    return g_strdup_printf ("52:54:00:%02x:%02x:%02x", random & 0xff, random >> 8 & 0xff,
                            random >> 16 & 0xff);
}

static gboolean
save (GkMachine *machine, GError **error)
{
    g_autoptr (JsonObject) record = json_object_new ();
    g_autofree char *text = NULL;
    gk_autofd int dir = gk_open_dir (machine->folder, error);

    if (dir < 0)
        return FALSE;
    json_object_set_int_member (record, "format", RECORD_VERSION);
    json_object_set_string_member (record, "id", machine->id);
    json_object_set_string_member (record, "uuid", machine->uuid);
    json_object_set_string_member (record, "tap", machine->tap);
    gk_json_set_text (record, "run", machine->run);
    text = gk_json_text (record, TRUE);
    return gk_file_replace (dir, "machine.json", text, strlen (text), 0600, error);
}

GkMachine *
gk_machine_new (GkHost *host, GkImage *image, GError **error)
{
    g_autoptr (GkMachine) machine = g_new0 (GkMachine, 1);

    g_atomic_ref_count_init (&machine->refs);
    machine->host = host;
    machine->id = gk_id_new ();
    machine->folder = g_build_filename (host->state_dir, "machines", machine->id, NULL);
    machine->uuid = g_uuid_string_random ();
    machine->tap = g_strconcat ("gk", machine->id, NULL);
    machine->mac = mac_new ();
    machine->image = gk_image_ref (image);
    machine->overlay_length = host->config->overlay_bytes;
    if (gk_dir_ensure (machine->folder, 0711, error) && save (machine, error))
        return g_steal_pointer (&machine);
    gk_tree_remove_path (machine->folder, NULL);
    return NULL;
}

GkMachine *
gk_machine_ref (GkMachine *machine)
{
    g_atomic_ref_count_inc (&machine->refs);
    return machine;
}

void
gk_machine_unref (GkMachine *machine)
{
    if (!machine || !g_atomic_ref_count_dec (&machine->refs))
        return;
    gk_vm_free (machine->vm);
    gk_image_unref (machine->image);
    gk_warm_unref (machine->warm);
    g_free (machine->id);
    g_free (machine->folder);
    g_free (machine->uuid);
    g_free (machine->tap);
    g_free (machine->mac);
    g_free (machine->overlay);
    g_free (machine->run);
    g_free (machine->address);
    g_free (machine);
}

gboolean
gk_machine_serve (GkMachine *machine, const char *run, GError **error)
{
    g_free (machine->run);
    machine->run = g_strdup (run);
    return save (machine, error);
}

gboolean
gk_machine_check (GkMachine *machine, GError **error)
{
    const char *below = machine->warm ? machine->warm->disk : machine->image->disk;
    struct stat st;

    if (!gk_image_check (machine->image, error) ||
        (machine->warm && !gk_warm_check (machine->warm, error)))
        return FALSE;
    if (lstat (machine->overlay, &st) < 0 || (guint64) st.st_ino != machine->overlay_inode) {
        g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED,
                     "%s is not the overlay that was made for this VM", machine->overlay);
        return FALSE;
    }
    return gk_overlay_stands_on (machine->overlay, below, error);
}

gboolean
gk_machine_connect (GkMachine *machine, GError **error)
{
    GkNicSpec nic = { .tap = machine->tap, .mac = machine->mac, .link_up = TRUE };

    return gk_bridge_check (machine->host->bridge, machine->id, error) &&
           gk_vm_set_link (machine->vm, &nic, error);
}

void
gk_machine_strike (GkMachine *machine)
{
    if (machine->vm)
        gk_vm_strike (machine->vm);
}

gboolean
gk_machine_kill (GkMachine *machine, GError **error)
{
    return !machine->vm || gk_vm_kill (machine->vm, error);
}

/* What is left when no domain is: the rest of it takes nothing from under a guest. */
static gboolean
remove_remains (const char *folder, const char *tap, GError **error)
{
    return gk_tap_delete (tap, error) && gk_exports_remove (folder, error) &&
           gk_tree_remove_path (folder, error);
}

gboolean
gk_machine_take_down (GkMachine *machine, GError **error)
{
    if (gk_vmm_destroy (machine->host->vmm, machine->uuid, error) &&
        gk_bridge_remove (machine->host->bridge, machine->id, error) &&
        remove_remains (machine->folder, machine->tap, error))
        return TRUE;
    g_prefix_error (error, "machine %s cannot be taken down: ", machine->id);
    return FALSE;
}

gboolean
gk_machine_take_down_leftover (GkHost *host, const char *folder, JsonObject *record, GError **error)
{
    const char *uuid = gk_json_string (record, "uuid", ""),
               *tap = gk_json_string (record, "tap", "");

    if (gk_vmm_destroy (host->vmm, uuid, error) && remove_remains (folder, tap, error))
        return TRUE;
    g_prefix_error (error, "what is left of %s cannot be removed: ", folder);
    return FALSE;
}

JsonObject *
gk_machine_read_record (const char *folder, GError **error)
{
    gk_autofd int dir = gk_open_dir (folder, error);
    g_autoptr (GBytes) bytes =
        dir < 0 ? NULL : gk_file_read (dir, "machine.json", RECORD_MAX, error);
    g_autoptr (JsonObject) record = NULL;

    if (!bytes)
        return NULL;
    record =
        gk_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), RECORD_MAX, error);
    if (!record || gk_json_int (record, "format", 0) == RECORD_VERSION)
        return g_steal_pointer (&record);
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                 "%s/machine.json is of another version of genkan", folder);
    return NULL;
}
