/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/doctor.h"

#include "base/paths.h"
#include "base/users.h"
#include "hostd/machine/warm.h"
#include "hostd/share/clamd.h"
#include "images/image.h"
#include "vmm/accelerator.h"

#include <sys/statvfs.h>
#include <unistd.h>

enum { FREE_MIB_LEAST = 4096 };

typedef enum { OK, WARNING, BAD } State;

static const char *const state_names[] = { [OK] = "ok", [WARNING] = "warning", [BAD] = "error" };

/* What one look found; `detail` is owned, `advice` is constant or NULL. */
typedef struct {
    State state;
    char *detail;
    const char *advice;
} Finding;

static Finding
look_at_libvirt (GkHost *host)
{
    g_autoptr (GError) error = NULL;
    char *versions = NULL;

    if (gk_vmm_ping (host->vmm, &versions, &error))
        return (Finding) { OK, versions, NULL };
    return (Finding) { BAD, g_strdup (error->message),
                       "start libvirtd and virtlogd ('./quickstart' does)" };
}

static Finding
look_at_accelerator (GkHost *host)
{
    g_auto (GkAcceleration) found = { 0 };
    g_autoptr (GPtrArray) images = gk_image_list (host->state_dir, NULL, NULL);
    g_autoptr (GError) error = NULL;

    if (!images || images->len == 0)
        return (Finding) { WARNING, g_strdup ("not tried: there is no image to try it with"),
                           "build an image first" };
    if (!gk_acceleration_find (gk_config_accelerator (host->config), host->state_dir,
                               ((GkImage *) images->pdata[0])->kernel, NULL, &found, &error))
        return (Finding) { BAD, g_strdup (error->message), NULL };
    if (found.kvm)
        return (Finding) { OK, g_strdup (found.why), NULL };
    return (Finding) { WARNING, g_strdup (found.why),
                       "VMs run under TCG: safe, but several times slower" };
}

static Finding
look_at_bridge (GkHost *host)
{
    GPid pid = gk_bridge_pid (host->bridge);

    if (pid > 0)
        return (Finding) { OK,
                           g_strdup_printf ("genkan-netd is process %d; enter its namespace "
                                            "with 'nsenter -n -t %d'",
                                            pid, pid),
                           NULL };
    return (Finding) { BAD, g_strdup ("genkan-netd does not run: guests have no network"),
                       "see netd.log in the run directory; restart genkand" };
}

static Finding
look_at_clamd (GkHost *host)
{
    g_autoptr (GError) error = NULL;
    char *version;

    if (!host->config->clamd_socket && host->config->yara)
        return (Finding) { OK, g_strdup ("none; YARA's rules alone vouch for what leaves a guest"),
                           NULL };
    if (!host->config->clamd_socket)
        return (
            Finding) { WARNING,
                       g_strdup ("no content scanner: what leaves a guest is held unless genkan "
                                 "itself knows its format"),
                       "set [scan] clamd-socket or yara in genkand.conf" };
    version = gk_clamd_version (host->config->clamd_socket, &error);
    if (version && host->config->signature_days &&
        !gk_clamd_check_signatures (host->config->clamd_socket, host->config->signature_days,
                                    &error)) {
        g_free (version);
        return (Finding) { BAD, g_strdup (error->message), NULL };
    }
    if (version)
        return (Finding) { OK, version, NULL };
    return (Finding) { BAD, g_strdup (error->message),
                       "start clamd, or take clamd-socket out of genkand.conf" };
}

static Finding
look_at_rules (GkHost *host)
{
    if (!host->rules)
        return (Finding) { OK, g_strdup ("none are configured"), NULL };
    for (gsize i = 0; host->rules[i]; i++)
        if (access (host->rules[i], R_OK) < 0)
            return (Finding) {
                BAD, g_strdup_printf ("[scan] yara=%s cannot be used", host->config->yara),
                "see genkand's log; mend the rules and restart genkand"
            };
    return (Finding) { OK, g_strdup (host->config->yara), NULL };
}

static Finding
look_at_images (GkHost *host)
{
    g_auto (GStrv) broken = NULL;
    g_autoptr (GPtrArray) images = gk_image_list (host->state_dir, &broken, NULL);

    if (broken && broken[0])
        return (Finding) { BAD, g_strdup_printf ("%s cannot be used", broken[0]),
                           "remove its folder and build it again" };
    if (!images || images->len == 0)
        return (Finding) { BAD, g_strdup ("there is no golden image"),
                           "'genkan image build debian-wine'" };
    for (guint i = 0; i < images->len; i++) {
        g_autoptr (GError) error = NULL;

        if (!gk_image_check (images->pdata[i], &error))
            return (Finding) { BAD, g_strdup (error->message),
                               "do not trust it: remove its folder and build it again" };
    }
    return (Finding) { OK, g_strdup_printf ("%u, none changed since it was sealed", images->len),
                       NULL };
}

static Finding
look_at_warm (GkHost *host)
{
    g_autoptr (GkImage) image = gk_image_load (host->state_dir, host->config->default_image, NULL);
    GkJob *job = gk_job_new_unattended ();
    g_autoptr (GError) error = NULL;
    g_autoptr (GkWarm) warm = image ? gk_warm_find (host, image, job, &error) : NULL;

    gk_job_free_unattended (job);
    if (!host->config->warm)
        return (Finding) { OK, g_strdup ("VMs boot cold, as [vm] warm says"), NULL };
    if (warm)
        return (Finding) { OK,
                           g_strdup_printf ("VMs of %s are cloned from a state of %s",
                                            host->config->default_image, warm->made),
                           NULL };
    return (Finding) { WARNING, g_strdup (error ? error->message : "there is no image to warm up"),
                       "'genkan image warm NAME', or VMs boot cold until genkan has made one" };
}

static Finding
look_at_disk (GkHost *host)
{
    struct statvfs fs;
    guint64 mib;

    if (statvfs (host->state_dir, &fs) < 0)
        return (Finding) { BAD, g_strdup_printf ("cannot look at %s", host->state_dir), NULL };
    mib = (guint64) fs.f_bavail * fs.f_frsize >> 20;
    return (
        Finding) { mib < FREE_MIB_LEAST ? WARNING : OK,
                   g_strdup_printf ("%" G_GUINT64_FORMAT " MiB free in %s", mib, host->state_dir),
                   mib < FREE_MIB_LEAST ? "an image and its builds need some 4 GiB" : NULL };
}

static Finding
look_at_groups (GkHost *host)
{
    const char *const names[] = { host->config->analyst_group, host->config->operator_group,
                                  host->config->builder_group };
    gid_t gid = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
        if (!gk_group_find (names[i], &gid))
            return (Finding) { WARNING, g_strdup_printf ("there is no group '%s'", names[i]),
                               "only root can do its work; 'groupadd' it, or name another under "
                               "[roles] in genkand.conf" };
    return (Finding) { OK, g_strdup ("analyst, operator and builder have their groups"), NULL };
}

static Finding
look_at_programs (GkHost *host)
{
    static const char *const names[] = { "genkan-scan", "genkan-scan-deep", "genkan-netd",
                                         "genkan-build", "genkan-guard" };

    for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
        g_autofree char *path = gk_program_path (names[i]);

        if (access (path, X_OK) < 0)
            return (Finding) { BAD, g_strdup_printf ("%s is not there", path),
                               "install genkan again" };
    }
    return (Finding) { OK, g_strdup ("all installed"), NULL };
}

static const struct {
    const char *name;
    Finding (*look) (GkHost *host);
} checks[] = {
    {"libvirt",      look_at_libvirt    },
    { "accelerator", look_at_accelerator},
    { "bridge",      look_at_bridge     },
    { "images",      look_at_images     },
    { "warm",        look_at_warm       },
    { "scanner",     look_at_clamd      },
    { "rules",       look_at_rules      },
    { "programs",    look_at_programs   },
    { "disk",        look_at_disk       },
    { "groups",      look_at_groups     },
};

JsonArray *
gk_doctor_examine (GkHost *host)
{
    JsonArray *findings = json_array_new ();

    for (gsize i = 0; i < G_N_ELEMENTS (checks); i++) {
        Finding found = checks[i].look (host);
        JsonObject *object = json_object_new ();

        json_object_set_string_member (object, "check", checks[i].name);
        json_object_set_string_member (object, "state", state_names[found.state]);
        json_object_set_string_member (object, "detail", found.detail);
        if (found.advice)
            json_object_set_string_member (object, "advice", found.advice);
        else
            json_object_set_null_member (object, "advice");
        json_array_add_object_element (findings, object);
        g_free (found.detail);
    }
    return findings;
}
