/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/machine/circumstances.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "hostd/machine/shape.h"
#include "vmm/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

enum { CPUINFO_MAX = 4 << 20 };

static const struct {
    const char *member, *words;
} parts[] = {
    {"image",        "the image"             },
    { "software",    "QEMU or libvirt"       },
    { "qemu",        "QEMU's program"        },
    { "accelerator", "the accelerator"       },
    { "cpu",         "the CPU model"         },
    { "host",        "the host's processor"  },
    { "machine",     "the machine's template"},
};

/* A distribution may build the same version anew. */
static char *
identify_qemu (GError **error)
{
    struct stat st;

    if (stat (GK_PROBE_QEMU, &st) == 0)
        return g_strdup_printf ("%" G_GINT64_FORMAT " bytes of %" G_GINT64_FORMAT,
                                (gint64) st.st_size, (gint64) st.st_mtime);
    gk_set_errno (error, errno, "cannot find " GK_PROBE_QEMU);
    return NULL;
}

/* With KVM a guest has seen the host's own processor, its microcode and its kernel's KVM. */
static char *
identify_processor (gboolean kvm, GError **error)
{
    static const char *const keys[] = { "model name", "microcode", "flags" };
    gk_autofd int dir = -1;
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (GString) all = g_string_new (NULL);
    struct utsname system;

    if (!kvm)
        return g_strdup ("any");
    dir = gk_open_dir ("/proc", error);
    bytes = dir < 0 ? NULL : gk_file_read (dir, "cpuinfo", CPUINFO_MAX, error);
    if (!bytes)
        return NULL;
    uname (&system);
    g_string_append (all, system.release);
    for (gsize i = 0; i < G_N_ELEMENTS (keys); i++) {
        const char *found = strstr (g_bytes_get_data (bytes, NULL), keys[i]);

        if (found)
            g_string_append_len (all, found, (gssize) strcspn (found, "\n"));
    }
    return g_compute_checksum_for_string (G_CHECKSUM_SHA256, all->str, -1);
}

JsonObject *
gk_circumstances_now (GkHost *host, GkImage *image, GkJob *job, GError **error)
{
    g_auto (GkAcceleration) acceleration = { 0 };
    g_autofree char *versions = NULL, *qemu = NULL, *processor = NULL, *shape = NULL;
    JsonObject *now;

    if (!gk_acceleration_find (gk_config_accelerator (host->config), host->state_dir, image->kernel,
                               gk_job_cancellable (job), &acceleration, error) ||
        !gk_vmm_ping (host->vmm, &versions, error) || !(qemu = identify_qemu (error)) ||
        !(processor = identify_processor (acceleration.kvm, error)))
        return NULL;
    shape = gk_machine_shape_digest (image, &acceleration);
    now = json_object_new ();
    json_object_set_string_member (now, "image", image->digest);
    json_object_set_string_member (now, "software", versions);
    json_object_set_string_member (now, "qemu", qemu);
    json_object_set_string_member (now, "accelerator", acceleration.kvm ? "kvm" : "tcg");
    json_object_set_string_member (now, "cpu",
                                   acceleration.cpu_model ? acceleration.cpu_model : "host");
    json_object_set_string_member (now, "host", processor);
    json_object_set_string_member (now, "machine", shape);
    return now;
}

char *
gk_circumstances_difference (JsonObject *then, JsonObject *now)
{
    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++) {
        const char *was = gk_json_string (then, parts[i].member, "unknown");
        const char *is = gk_json_string (now, parts[i].member, "unknown");

        if (!g_str_equal (was, is))
            return g_strdup_printf ("%s was %.80s, and is %.80s", parts[i].words, was, is);
    }
    return NULL;
}
