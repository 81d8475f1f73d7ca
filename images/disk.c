/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/building.h"

#include <string.h>
#include <unistd.h>

/* No journal and no checksums: an overlay is never mounted twice, and both cost the guest time. The
 * tables are written now, so that the guest's kernel does not write them into each overlay. */
static const char features[] = "^has_journal,^metadata_csum";

gboolean
gk_disk_make (GkBuilding *building, GError **error)
{
    g_autofree char *size = g_strdup_printf ("%uM", building->recipe->disk_mib);
    const char *const argv[] = { "mke2fs",      "-q",   "-F",
                                 "-t",          "ext4", "-O",
                                 features,      "-E",   "lazy_itable_init=0",
                                 "-m",          "0",    "-L",
                                 "genkan",      "-d",   building->root,
                                 building->raw, size,   NULL };

    building->progress (70, "making the disk", building->data);
    building->disk_size = (guint64) building->recipe->disk_mib << 20;
    if (gk_building_run (building, argv, NULL, NULL, error))
        return TRUE;
    if (error && *error && strstr ((*error)->message, "Could not allocate block")) {
        g_clear_error (error);
        g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_FAILED,
                     "the packages do not fit on a disk of %u MiB: raise DiskMiB in the recipe",
                     building->recipe->disk_mib);
    }
    return FALSE;
}

gboolean
gk_disk_convert (GkBuilding *building, GError **error)
{
    g_autofree char *disk = g_build_filename (building->folder, "disk.qcow2", NULL);
    const char *const argv[] = { "qemu-img", "convert",     "-f", "raw", "-O",
                                 "qcow2",    building->raw, disk, NULL };

    building->progress (90, "converting the disk", building->data);
    return gk_building_run (building, argv, NULL, NULL, error);
}
