/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/bridge/nic.h"
#include "hostd/bridge/tap.h"
#include "hostd/machine/machine.h"
#include "hostd/machine/shape.h"
#include "hostd/share/exports.h"
#include "images/overlay.h"
#include "vmm/accelerator.h"
#include "vmm/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define GUEST_UNIQUE "/usr/lib/genkan/guest-unique"
#define UNIQUE_FIFO "/run/genkan/unique"
#define REHEARSAL "/run/genkan/rehearsal"
#define GUEST_RUN "/usr/lib/genkan/guest-run"

enum {
    AGENT_TIMEOUT_MS = 20000,
    AGENT_PAUSE_MS = 10,
    PING_S = 5,
    UNIQUE_TIMEOUT_MS = 60000,
    SEED_BYTES = 32,
    SAID_MOST = 300
};

/* Of all users, QEMU's alone may pass through to overlays and warm states, and list neither. */
static gboolean
let_qemu_pass (GkHost *host, gid_t gid, GError **error)
{
    static const char *const folders[] = { "machines", "warm" };

    for (gsize i = 0; i < G_N_ELEMENTS (folders); i++) {
        g_autofree char *path = g_build_filename (host->state_dir, folders[i], NULL);

        if (chown (path, 0, gid) < 0 || chmod (path, 0710) < 0)
            return gk_set_errno (error, errno, "cannot let QEMU's user pass through %s", path);
    }
    return TRUE;
}

static gboolean
prepare_overlay (GkMachine *machine, GkOverlaySpec *ret, GError **error)
{
    ret->folder = machine->folder;
    ret->length = machine->overlay_length;
    return gk_vmm_qemu_owner (machine->host->vmm, &ret->uid, &ret->gid, error) &&
           let_qemu_pass (machine->host, ret->gid, error);
}

static gboolean
note_overlay (GkMachine *machine, char *path, GError **error)
{
    struct stat st;

    machine->overlay = path;
    if (!path)
        return FALSE;
    if (lstat (path, &st) < 0)
        return gk_set_errno (error, errno, "cannot stat %s", path);
    machine->overlay_inode = st.st_ino;
    return TRUE;
}

/* Fills in what is this machine's own; the strings are borrowed. */
static void
describe (GkMachine *machine, const char *name, const char *console, GkDomainSpec *spec)
{
    const GkConfig *config = machine->host->config;

    spec->name = name;
    spec->uuid = machine->uuid;
    spec->id = machine->id;
    spec->instance = machine->host->instance;
    spec->overlay = machine->overlay;
    spec->warm_disk = machine->warm ? machine->warm->disk : NULL;
    spec->serial_log = console;
    spec->limits = (GkDomainLimits) {
        .cpu_shares = config->cpu_shares,
        .cpu_percent = config->cpu_percent,
        .overlay_bytes = machine->overlay_length,
        .disk_bytes_per_s = config->disk_bytes_per_s,
        .disk_ops_per_s = config->disk_ops_per_s,
    };
}

static gboolean
start (GkMachine *machine, GkJob *job, GError **error)
{
    GkHost *host = machine->host;
    g_auto (GkAcceleration) acceleration = { 0 };
    g_autofree char *name = g_strconcat ("genkan-", machine->id, NULL);
    g_autofree char *console = g_build_filename (machine->folder, "console.log", NULL);
    GkDomainSpec spec;

    if (!gk_acceleration_find (gk_config_accelerator (host->config), host->state_dir,
                               machine->image->kernel, gk_job_cancellable (job), &acceleration,
                               error))
        return FALSE;
    spec = gk_machine_shape (machine->image, &acceleration);
    describe (machine, name, console, &spec);
    if (machine->warm)
        machine->vm =
            gk_vm_restore (host->vmm, &spec, machine->warm->memory, machine->folder, error);
    else
        machine->vm = gk_vm_start (host->vmm, &spec, error);
    return machine->vm != NULL;
}

gboolean
gk_machine_boot (GkMachine *machine, GkJob *job, GError **error)
{
    GkOverlaySpec overlay = { 0 };

    if (!prepare_overlay (machine, &overlay, error) ||
        !note_overlay (machine, gk_overlay_create (machine->image, &overlay, error), error))
        return FALSE;
    gk_job_progress (job, 4, "starting the VM");
    if (!start (machine, job, error))
        return FALSE;
    gk_job_progress (job, 8, "waiting for the guest to boot");
    return gk_vm_wait_agent (machine->vm, machine->host->config->boot_timeout * 1000,
                             gk_job_cancellable (job), error);
}

gboolean
gk_machine_clone (GkMachine *machine, GkWarm *warm, GkJob *job, GError **error)
{
    GkOverlaySpec overlay = { 0 };

    machine->warm = gk_warm_ref (warm);
    if (!gk_image_check (machine->image, error) || !gk_warm_check (warm, error) ||
        !prepare_overlay (machine, &overlay, error) ||
        !note_overlay (machine, gk_overlay_copy (warm->empty, &overlay, error), error))
        return FALSE;
    gk_job_progress (job, 10, "cloning the warm VM");
    return !g_cancellable_set_error_if_cancelled (gk_job_cancellable (job), error) &&
           start (machine, job, error);
}

/* Policy before packets: the bridge has read its rules back before the link may go up. */
static gboolean
plug_nic (GkMachine *machine, GError **error)
{
    GkNicSpec nic = { .tap = machine->tap, .mac = machine->mac, .link_up = FALSE };
    GkBridgeNic wanted = {
        .vm = machine->id, .tap = machine->tap, .mac = machine->mac, .policy = "none"
    };

    return gk_tap_create (machine->tap, error) && gk_vm_attach_nic (machine->vm, &nic, error) &&
           gk_bridge_add (machine->host->bridge, &wanted, &machine->address, error);
}

static gboolean
plug_share (GkMachine *machine, GError **error)
{
    static const struct {
        const char *folder, *tag;
    } halves[] = {
        {"inbound.export", "inbound" },
        { "outbound",      "outbound"},
    };
    GkExportLimits limits = { .outbound_bytes = machine->host->config->outbound_size };

    if (!gk_exports_create (machine->folder, &limits, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS (halves); i++) {
        g_autofree char *folder = g_build_filename (machine->folder, halves[i].folder, NULL);
        GkExportSpec spec = { .folder = folder, .tag = halves[i].tag };

        if (!gk_vm_attach_export (machine->vm, &spec, error))
            return FALSE;
    }
    return TRUE;
}

/* Returns: (transfer full): what the guest is told of its network: ADDRESS/PREFIX,GATEWAY */
static char *
network_of (GkMachine *machine)
{
    GkSubnet subnet;
    char gateway[GK_IPV4_TEXT];

    if (!gk_subnet_parse (machine->host->config->subnet, &subnet, NULL))
        return g_strdup ("-");
    gk_ipv4_format (gk_subnet_gateway (&subnet), gateway);
    return g_strdup_printf ("%s/%u,%s", machine->address, subnet.prefix, gateway);
}

static char *
nanoseconds_now (void)
{
    return g_strdup_printf ("%" G_GINT64_FORMAT "000", g_get_real_time ());
}

/* libvirt hears of the agent of a guest that was restored some milliseconds after it runs; until
 * then it says at once that there is none. */
static gboolean
wait_for_answer (GkMachine *machine, GkJob *job, GError **error)
{
    gint64 deadline = g_get_monotonic_time () + AGENT_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;

    for (;;) {
        g_autoptr (GError) local = NULL;

        if (gk_agent_ping (machine->vm, PING_S, &local)) {
            machine->answered = g_get_monotonic_time ();
            return TRUE;
        }
        if (!g_error_matches (local, GK_VMM_ERROR, GK_VMM_ERROR_AGENT) ||
            g_get_monotonic_time () >= deadline) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
        if (!gk_job_sleep (job, AGENT_PAUSE_MS))
            return !g_cancellable_set_error_if_cancelled (gk_job_cancellable (job), error);
    }
}

/* What waits in a warm guest has its words as one line. */
static gboolean
begin (GkMachine *machine, const char *const *argv, gint64 *ret_pid, GError **error)
{
    g_autofree char *words = NULL, *line = NULL;

    if (!machine->warm || !machine->warm->waiting)
        return gk_agent_exec (machine->vm, argv, TRUE, ret_pid, error);
    *ret_pid = machine->warm->waiting;
    words = g_strjoinv (" ", (char **) argv + 1);
    line = g_strconcat (words, "\n", NULL);
    return gk_agent_write (machine->vm, UNIQUE_FIFO, line, error);
}

static gboolean
begin_unique (GkMachine *machine, gint64 *ret_pid, GError **error)
{
    g_autofree char *host_name = g_strconcat ("pc-", machine->id, NULL);
    g_autofree char *guest_id = g_uuid_string_random ();
    g_autofree char *now = nanoseconds_now ();
    char seed[2 * SEED_BYTES + 1];
    guint8 bytes[SEED_BYTES];
    g_autofree char *network = network_of (machine);
    const char *const argv[] = { GUEST_UNIQUE, host_name,         guest_id,           now, seed,
                                 network,      "/genkan/inbound", "/genkan/outbound", NULL };
    char *to = guest_id;

    if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
        return gk_set_errno (error, errno, "cannot get random numbers");
    for (guint i = 0; i < SEED_BYTES; i++)
        g_snprintf (seed + 2 * i, 3, "%02x", bytes[i]);
    /* A machine id is a UUID without its dashes. */
    for (const char *from = guest_id; *from; from++)
        if (*from != '-')
            *to++ = *from;
    *to = '\0';
    return begin (machine, argv, ret_pid, error);
}

/* Waits for one of the guest's own programs, which must say that all went well. */
static gboolean
wait_for (GkMachine *machine, gint64 pid, const char *what, guint timeout_ms, GkJob *job,
          GError **error)
{
    g_auto (GkAgentExit) exit = { 0 };
    g_autofree char *said = NULL;

    if (!gk_agent_wait (machine->vm, pid, what, timeout_ms, gk_job_cancellable (job), &exit, error))
        return FALSE;
    if (exit.code == 0)
        return TRUE;
    if (exit.err)
        said = gk_escape (g_bytes_get_data (exit.err, NULL),
                          (gssize) MIN (g_bytes_get_size (exit.err), SAID_MOST));
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                 "%s in the guest exited with %d (%s): is the image made for genkan?", what,
                 exit.code, said ? said : "");
    return FALSE;
}

gboolean
gk_machine_run (GkMachine *machine, const char *const *argv, guint timeout_ms, GkJob *job,
                GError **error)
{
    gint64 pid = 0;

    return gk_agent_exec (machine->vm, argv, TRUE, &pid, error) &&
           wait_for (machine, pid, argv[0], timeout_ms, job, error);
}

gboolean
gk_machine_prepare (GkMachine *machine, GkJob *job, gint64 *ret_waiting, GError **error)
{
    static const char *const wait[] = { GUEST_UNIQUE, "--wait", UNIQUE_FIFO, NULL };
    static const char *const settle[] = {
        "/bin/sh", "-c", "until [ -p " UNIQUE_FIFO " ]; do sleep 0.1; done; sleep 0.3", NULL
    };

    return gk_agent_exec (machine->vm, wait, TRUE, ret_waiting, error) &&
           gk_machine_run (machine, settle, UNIQUE_TIMEOUT_MS, job, error);
}

/* A clone is still paused while its devices are plugged in: its guest then finds them all at once.
 */
gboolean
gk_machine_fit_out (GkMachine *machine, GkJob *job, GError **error)
{
    gint64 pid = 0;

    gk_job_progress (job, 80, "attaching network and share");
    if (!plug_nic (machine, error) || !plug_share (machine, error) ||
        (machine->warm && !gk_vm_resume (machine->vm, error)) ||
        !wait_for_answer (machine, job, error) || !begin_unique (machine, &pid, error))
        return FALSE;
    return wait_for (machine, pid, GUEST_UNIQUE, UNIQUE_TIMEOUT_MS, job, error);
}

gboolean
gk_machine_rehearse (GkMachine *machine, GkJob *job, GError **error)
{
    char *argv[] = { (char *) "rm", (char *) REHEARSAL ".1", (char *) REHEARSAL ".2", NULL };
    gint64 pid = 0;

    machine->slept = TRUE;
    return gk_machine_start (machine, REHEARSAL, 1, argv, &pid, error) &&
           wait_for (machine, pid, GUEST_RUN, UNIQUE_TIMEOUT_MS, job, error);
}

gboolean
gk_machine_wake (GkMachine *machine, GError **error)
{
    machine->slept = TRUE;
    return gk_bridge_check (machine->host->bridge, machine->id, error) &&
           gk_vm_resume (machine->vm, error) && gk_agent_ping (machine->vm, PING_S, error);
}

/* Not by the agent's own guest-set-time: that has the hardware clock set too, which takes 2 s. */
gboolean
gk_machine_start (GkMachine *machine, const char *output, guint most, char **argv, gint64 *ret_pid,
                  GError **error)
{
    g_autofree char *now = machine->slept ? nanoseconds_now () : g_strdup ("-");
    g_autofree char *most_text = g_strdup_printf ("%u", most);
    g_autoptr (GPtrArray) full = g_ptr_array_new ();

    g_ptr_array_add (full, (char *) GUEST_RUN);
    g_ptr_array_add (full, now);
    g_ptr_array_add (full, (char *) output);
    g_ptr_array_add (full, most_text);
    for (char **at = argv; *at; at++)
        g_ptr_array_add (full, *at);
    g_ptr_array_add (full, NULL);
    if (!gk_agent_exec (machine->vm, (const char *const *) full->pdata, TRUE, ret_pid, error))
        return FALSE;
    machine->slept = FALSE;
    return TRUE;
}

gboolean
gk_machine_set_clock (GkMachine *machine, GError **error)
{
    char *nothing[] = { NULL };
    gint64 pid = 0;

    return !machine->slept || gk_machine_start (machine, "/", 1, nothing, &pid, error);
}
