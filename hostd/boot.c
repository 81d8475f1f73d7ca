/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/boot.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "hostd/bridge/tap.h"
#include "hostd/share/exports.h"
#include "images/overlay.h"
#include "vmm/accelerator.h"
#include "vmm/agent.h"

#include <errno.h>
#include <unistd.h>

enum { SPARE_PORTS = 6, MOUNT_TRIES = 40, MOUNT_PAUSE_MS = 250, MOUNT_TIMEOUT_MS = 30000 };

/* A boot under way. */
typedef struct {
    GkDisposable *disposable;
    GkJob *job;
    char *overlay;
} Boot;

static gboolean
make_overlay (Boot *boot, GError **error)
{
    g_autofree char *folder = g_build_filename (boot->disposable->folder, "vm", NULL);
    uid_t uid = (uid_t) -1;
    gid_t gid = (gid_t) -1;
    g_autofree char *runs = g_path_get_dirname (boot->disposable->folder);

    if (!gk_dir_ensure (folder, 0711, error) ||
        !gk_vmm_qemu_owner (boot->disposable->host->vmm, &uid, &gid, error))
        return FALSE;
    /* Of all users, QEMU's alone may pass through to what lies in the runs' folders. */
    if (chown (runs, 0, gid) < 0)
        return gk_set_errno (error, errno, "cannot set the group of %s", runs);
    boot->overlay = gk_overlay_create (boot->disposable->image, folder, uid, gid, error);
    return boot->overlay != NULL;
}

static gboolean
make_exports (Boot *boot, GError **error)
{
    GkDisposable *disposable = boot->disposable;
    GkExportLimits limits = { .outbound_bytes = disposable->host->config->outbound_size };

    if (!gk_exports_create (disposable->folder, &limits, error))
        return FALSE;
    g_ptr_array_set_size (disposable->guest_names, 0);
    for (guint i = 0; i < disposable->admitted->len; i++) {
        char *name = NULL;

        if (!gk_airlock_admit (disposable->folder, disposable->admitted->pdata[i], &name, error))
            return FALSE;
        g_ptr_array_add (disposable->guest_names, name);
    }
    return TRUE;
}

static gboolean
start_vm (Boot *boot, GError **error)
{
    GkDisposable *disposable = boot->disposable;
    GkImage *image = disposable->image;
    g_auto (GkAcceleration) acceleration = { 0 };
    g_autofree char *name = g_strconcat ("genkan-", disposable->id, NULL);
    g_autofree char *console = g_build_filename (disposable->folder, "console.log", NULL);
    GkDomainSpec spec = {
        .name = name,
        .uuid = disposable->uuid,
        .id = disposable->id,
        .instance = disposable->host->instance,
        .memory_mib = image->memory_mib,
        .vcpus = image->vcpus,
        .kernel = image->kernel,
        .initrd = image->initrd,
        .cmdline = image->cmdline,
        .overlay = boot->overlay,
        .disk = image->disk,
        .serial_log = console,
        .display = image->display,
        .spare_ports = SPARE_PORTS,
    };

    if (!gk_acceleration_find (gk_config_accelerator (disposable->host->config),
                               disposable->host->state_dir, image->kernel,
                               gk_job_cancellable (boot->job), &acceleration, error))
        return FALSE;
    spec.kvm = acceleration.kvm;
    spec.cpu_model = acceleration.cpu_model;
    disposable->vm = gk_vm_start (disposable->host->vmm, &spec, error);
    return disposable->vm != NULL;
}

static gboolean
wait_for_guest (Boot *boot, GError **error)
{
    return gk_vm_wait_agent (boot->disposable->vm,
                             boot->disposable->host->config->boot_timeout * 1000,
                             gk_job_cancellable (boot->job), error);
}

/* Policy before packets: the link goes up when the bridge has read its rules back. */
static gboolean
connect_network (Boot *boot, GError **error)
{
    GkDisposable *disposable = boot->disposable;
    GkNicSpec nic = { .tap = disposable->tap, .mac = disposable->mac, .link_up = FALSE };
    GkBridgeNic wanted = { .vm = disposable->id,
                           .tap = disposable->tap,
                           .mac = disposable->mac,
                           .policy = disposable->policy };
    g_autofree char *address = NULL;
    JsonObject *members;

    if (!gk_tap_create (disposable->tap, error) ||
        !gk_vm_attach_nic (disposable->vm, &nic, error) ||
        !gk_bridge_add (disposable->host->bridge, &wanted, &address, error))
        return FALSE;
    nic.link_up = TRUE;
    if (!gk_vm_set_link (disposable->vm, &nic, error))
        return FALSE;
    members = json_object_new ();
    json_object_set_string_member (members, "policy", disposable->policy);
    json_object_set_string_member (members, "mac", disposable->mac);
    json_object_set_string_member (members, "address", address);
    gk_disposable_record (disposable, "connected", members);
    return TRUE;
}

/* A hot-plugged device shows up in the guest when its kernel has looked: so mount asks again. */
static gboolean
mount_in_guest (Boot *boot, const char *where, GError **error)
{
    const char *const argv[] = { "/bin/mount", where, NULL };

    for (guint tries = 1;; tries++) {
        g_auto (GkAgentExit) exit = { 0 };

        if (!gk_agent_run (boot->disposable->vm, argv, MOUNT_TIMEOUT_MS,
                           gk_job_cancellable (boot->job), &exit, error))
            return FALSE;
        if (exit.code == 0)
            return TRUE;
        if (tries == MOUNT_TRIES) {
            g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                         "the guest cannot mount %s (mount exited with %d): is the image made for "
                         "genkan?",
                         where, exit.code);
            return FALSE;
        }
        if (!gk_job_sleep (boot->job, MOUNT_PAUSE_MS))
            return !g_cancellable_set_error_if_cancelled (gk_job_cancellable (boot->job), error);
    }
}

static gboolean
attach_share (Boot *boot, GError **error)
{
    static const struct {
        const char *folder, *tag, *where;
    } halves[] = {
        {"inbound.export", "inbound",  "/genkan/inbound" },
        { "outbound",      "outbound", "/genkan/outbound"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS (halves); i++) {
        g_autofree char *folder =
            g_build_filename (boot->disposable->folder, halves[i].folder, NULL);
        GkExportSpec spec = { .folder = folder, .tag = halves[i].tag };

        if (!gk_vm_attach_export (boot->disposable->vm, &spec, error))
            return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (halves); i++)
        if (!mount_in_guest (boot, halves[i].where, error))
            return FALSE;
    return TRUE;
}

static const struct {
    gboolean (*step) (Boot *boot, GError **error);
    const char *text;
    const char *clock; /* the member of started.ms that its time counts to */
    guint percent;
} steps[] = {
    {make_overlay,     "making the overlay",                 "claim",   1 },
    { make_exports,    "making the share",                   "share",   2 },
    { start_vm,        "starting the VM",                    "claim",   4 },
    { wait_for_guest,  "waiting for the guest to boot",      "claim",   8 },
    { connect_network, "connecting it to the policy bridge", "network", 80},
    { attach_share,    "attaching the share",                "share",   90},
};

static void
record_started (GkDisposable *disposable, JsonObject *ms)
{
    JsonObject *members = json_object_new ();

    json_object_set_string_member (members, "via", "cold");
    json_object_set_object_member (members, "ms", ms);
    gk_disposable_record (disposable, "started", members);
}

gboolean
gk_boot (GkDisposable *disposable, GkJob *job, GError **error)
{
    Boot boot = { .disposable = disposable, .job = job };
    g_autoptr (JsonObject) ms = json_object_new ();
    gboolean ok = TRUE;

    for (gsize i = 0; ok && i < G_N_ELEMENTS (steps); i++) {
        gint64 begun = g_get_monotonic_time (), took;

        gk_job_progress (job, steps[i].percent, "%s", steps[i].text);
        ok = !g_cancellable_set_error_if_cancelled (gk_job_cancellable (job), error) &&
             steps[i].step (&boot, error);
        took = (g_get_monotonic_time () - begun) / 1000;
        json_object_set_int_member (ms, steps[i].clock, gk_json_int (ms, steps[i].clock, 0) + took);
    }
    g_free (boot.overlay);
    if (ok)
        record_started (disposable, g_steal_pointer (&ms));
    return ok;
}

/* TRUE where @error is unset; else says what resists, and where. */
static gboolean
report_resistance (const char *id, const char *what, GError *error)
{
    if (!error)
        return TRUE;
    g_warning ("run %s: cannot remove its %s: %s", id, what, error->message);
    g_error_free (error);
    return FALSE;
}

static gboolean
remove_remains (const char *id, const char *folder, const char *tap)
{
    g_autofree char *vm = g_build_filename (folder, "vm", NULL);
    GError *exports = NULL, *device = NULL, *files = NULL;

    gk_tap_delete (tap, &device);
    gk_exports_remove (folder, &exports);
    gk_tree_remove_path (vm, &files);
    return report_resistance (id, "tap", device) & report_resistance (id, "share", exports) &
           report_resistance (id, "overlay", files);
}

gboolean
gk_halt (GkDisposable *disposable)
{
    GError *domain = NULL, *nic = NULL;
    gboolean ok;

    if (disposable->vm)
        gk_vm_destroy (disposable->vm, &domain);
    /* While it may live, nothing is taken from under it; the next try begins here again. */
    if (!report_resistance (disposable->id, "domain", domain)) {
        gk_disposable_record (disposable, "cleanup-incomplete", NULL);
        return FALSE;
    }
    g_clear_pointer (&disposable->vm, gk_vm_free);
    disposable->boots++;
    gk_bridge_remove (disposable->host->bridge, disposable->id, &nic);
    ok = report_resistance (disposable->id, "rules", nic) &
         remove_remains (disposable->id, disposable->folder, disposable->tap);
    if (!ok)
        gk_disposable_record (disposable, "cleanup-incomplete", NULL);
    return ok;
}

gboolean
gk_halt_leftover (GkHost *host, const char *folder, JsonObject *record, GError **error)
{
    const char *uuid = gk_json_string (record, "uuid", ""),
               *tap = gk_json_string (record, "tap", "");

    if (!gk_vmm_destroy (host->vmm, uuid, error))
        return FALSE;
    if (!remove_remains (gk_json_string (record, "id", "?"), folder, tap)) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                     "something of %s could not be removed (see the log)", folder);
        return FALSE;
    }
    return TRUE;
}
