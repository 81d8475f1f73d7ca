/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/building.h"

#include "base/digest.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "images/identity.h"
#include "images/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The kernel's command line that every guest has: the whole disk is the root; the console is the
 * log that the host keeps; freed memory is zero, so that saved states are small; no IPv6, of which
 * the bridge has none; one NIC, with a name that never changes. */
#define CMDLINE                                                                                    \
    "root=/dev/vda rw rootflags=noatime console=ttyS0 quiet init_on_free=1 net.ifnames=0 "         \
    "ipv6.disable=1"

static void
note_tool (GkBuilding *building, const char *name, const char *program)
{
    const char *const argv[] = { program, "--version", NULL };
    g_autoptr (GBytes) said = NULL;
    g_autofree char *line = NULL;

    if (!gk_building_run (building, argv, NULL, &said, NULL))
        return;
    line = g_strndup (g_bytes_get_data (said, NULL), strcspn (g_bytes_get_data (said, NULL), "\n"));
    gk_json_set_text (building->tools, name, line);
}

static gboolean
describe_files (GkBuilding *building, JsonObject *files, GError **error)
{
    for (gsize i = 0; i < GK_MANIFEST_FILES; i++) {
        const GkManifestFile *file = &gk_manifest_files[i];
        g_autofree char *sum =
            gk_digest_file (building->dir, file->name, building->cancellable, error);
        JsonObject *object;
        struct stat st;

        if (!sum)
            return FALSE;
        if (fstatat (building->dir, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return gk_set_errno (error, errno, "cannot stat %s", file->name);
        object = json_object_new ();
        gk_json_set_text (object, "name", file->name);
        gk_json_set_text (object, "sha256", sum);
        json_object_set_int_member (object, "size", st.st_size);
        json_object_set_object_member (files, file->key, object);
    }
    return TRUE;
}

static JsonObject *
describe (GkBuilding *building, JsonObject *files)
{
    const GkRecipe *recipe = building->recipe;
    g_autofree char *now = gk_json_now ();
    g_autofree char *cmdline =
        g_strconcat (CMDLINE, recipe->cmdline ? " " : "", recipe->cmdline, NULL);
    JsonObject *manifest = json_object_new ();

    json_object_set_int_member (manifest, "format", GK_MANIFEST_FORMAT);
    gk_json_set_text (manifest, "name", recipe->name);
    gk_json_set_text (manifest, "version", recipe->version);
    gk_json_set_text (manifest, "description", recipe->description);
    gk_json_set_text (manifest, "recipe", recipe->digest);
    gk_json_set_text (manifest, "built", now);
    json_object_set_int_member (manifest, "size", (gint64) building->disk_size);
    json_object_set_int_member (manifest, "memory_mib", recipe->memory_mib);
    json_object_set_int_member (manifest, "vcpus", recipe->vcpus);
    json_object_set_boolean_member (manifest, "display", recipe->display);
    gk_json_set_text (manifest, "user", recipe->user);
    gk_json_set_text (manifest, "cmdline", cmdline);
    json_object_set_object_member (manifest, "files", json_object_ref (files));
    json_object_set_object_member (manifest, "tools", json_object_ref (building->tools));
    json_object_set_array_member (manifest, "packages", json_array_ref (building->packages));
    return manifest;
}

/* Read-only for all, and on the disk, not only in memory. */
static gboolean
settle (GkBuilding *building, const char *name, GError **error)
{
    gk_autofd int fd = gk_open_beneath (building->dir, name, O_RDONLY, error);

    if (fd < 0)
        return FALSE;
    if (fchown (fd, 0, 0) < 0 || fchmod (fd, 0444) < 0 || fsync (fd) < 0)
        return gk_set_errno (error, errno, "cannot seal %s", name);
    return TRUE;
}

gboolean
gk_seal (GkBuilding *building, GError **error)
{
    g_autoptr (JsonObject) files = json_object_new ();
    g_autoptr (JsonObject) manifest = NULL;
    g_autofree char *text = NULL;

    building->progress (94, "sealing the image", building->data);
    for (gsize i = 0; i < GK_MANIFEST_FILES; i++)
        if (!settle (building, gk_manifest_files[i].name, error))
            return FALSE;
    note_tool (building, "mmdebstrap", "mmdebstrap");
    note_tool (building, "qemu-img", "qemu-img");
    if (!describe_files (building, files, error))
        return FALSE;
    manifest = describe (building, files);
    text = gk_json_text (manifest, TRUE);
    return gk_file_replace (building->dir, "manifest.json", text, strlen (text), 0444, error) &&
           gk_identity_write (building->dir, gk_identity_image, error);
}
