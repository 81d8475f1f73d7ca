/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkand: the host daemon.
 *
 * The main thread runs the main loop: the API's socket, the bridge's events, libvirt's event loop.
 * Whatever blocks runs in the thread of a job. It starts in this order: lock, configuration,
 * helpers, clean-up after a predecessor, socket; and ends in the reverse: no new calls, jobs
 * cancelled, every disposable removed, helpers stopped. What it does not get to do because it is
 * killed, its successor does (recover.h); what must not wait for a successor, genkan-guard
 * and the kernel do at once: QEMUs and the bridge's namespace die with this process. */
#include "base/fd.h"
#include "base/files.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "hostd/api/server.h"
#include "hostd/attest.h"
#include "hostd/dispose.h"
#include "hostd/evidence.h"
#include "hostd/lease-watch.h"
#include "hostd/machine/pool.h"
#include "hostd/machine/pressure.h"
#include "hostd/reaper.h"
#include "hostd/recover.h"
#include "hostd/registry.h"
#include "hostd/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { SWEEP_TIMEOUT_MS = 60000, SWEEP_OUTPUT_MAX = 1 << 16, END_TICK_MS = 50, PATIENCE_S = 3 };

typedef struct {
    GkHost host;
    GMainLoop *loop;
    GkJobs *jobs;
    GkServer *server;
    int state_lock, run_lock;
    guint leases; /* source id */
    gint64 ending_since; /* monotonic */
    GThread *disposing; /* at the end */
    gboolean disposed; /* atomic */
} Daemon;

/* One genkand works on a state directory, and one listens in a run directory. */
static gboolean
lock (const char *folder, int *ret_fd, GError **error)
{
    g_autofree char *path = g_build_filename (folder, "lock", NULL);
    int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return gk_set_errno (error, errno, "cannot open %s", path);
    *ret_fd = fd;
    if (flock (fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                 "another genkand works on %s: stop it, or give another --state-dir and --run-dir",
                 folder);
    return FALSE;
}

static gboolean
open_state (Daemon *daemon, GError **error)
{
    g_autofree char *runs = g_build_filename (daemon->host.state_dir, "runs", NULL);
    g_autofree char *images = g_build_filename (daemon->host.state_dir, "images", NULL);
    g_autofree char *machines = g_build_filename (daemon->host.state_dir, "machines", NULL);
    g_autofree char *warm = g_build_filename (daemon->host.state_dir, "warm", NULL);

    /* QEMU's user must pass through to overlays, images and warm states, and list none of them. */
    return gk_dir_ensure (daemon->host.state_dir, 0711, error) &&
           gk_dir_ensure (daemon->host.run_dir, 0755, error) && gk_dir_ensure (runs, 0700, error) &&
           gk_dir_ensure (images, 0711, error) && gk_dir_ensure (machines, 0710, error) &&
           gk_dir_ensure (warm, 0710, error) &&
           lock (daemon->host.state_dir, &daemon->state_lock, error) &&
           lock (daemon->host.run_dir, &daemon->run_lock, error);
}

static gboolean
open_instance (Daemon *daemon, GError **error)
{
    gk_autofd int dir = gk_open_dir (daemon->host.state_dir, error);
    g_autoptr (GBytes) bytes = NULL;

    if (dir < 0)
        return FALSE;
    bytes = gk_file_read (dir, "instance", 64, NULL);
    if (bytes && g_uuid_string_is_valid (g_bytes_get_data (bytes, NULL))) {
        daemon->host.instance = g_strdup (g_bytes_get_data (bytes, NULL));
        return TRUE;
    }
    daemon->host.instance = g_uuid_string_random ();
    return gk_file_replace (dir, "instance", daemon->host.instance, strlen (daemon->host.instance),
                            0600, error);
}

static gboolean
open_boot_id (Daemon *daemon, GError **error)
{
    gk_autofd int dir = gk_open_dir ("/proc/sys/kernel/random", error);
    g_autoptr (GBytes) bytes = dir < 0 ? NULL : gk_file_read (dir, "boot_id", 64, error);

    if (!bytes)
        return FALSE;
    daemon->host.boot_id = g_strstrip (g_strdup (g_bytes_get_data (bytes, NULL)));
    return TRUE;
}

static void
prepare_scanners (GkHost *host)
{
    g_autoptr (GError) error = NULL;

    host->scanners.clamd_socket = host->config->clamd_socket;
    host->scanners.max_size = host->config->scan_size;
    host->scanners.signature_days = host->config->signature_days;
    if (!host->config->yara)
        return;
    host->rules = gk_rules_prepare (host->config->yara, host->run_dir, &error);
    host->scanners.rules = (const char *const *) host->rules;
    if (error)
        g_warning ("YARA's rules cannot be used, so that every file is held: %s", error->message);
}

static gboolean
open_helpers (Daemon *daemon, GError **error)
{
    GkHost *host = &daemon->host;
    g_autofree char *uplink_name = g_strdup_printf ("gk%.8s", host->instance);
    GkBridgeConfig bridge = { .run_dir = host->run_dir,
                              .subnet = host->config->subnet,
                              .uplink = host->config->uplink,
                              .uplink_name = uplink_name,
                              .packets_per_s = host->config->packets_per_s };

    prepare_scanners (host);
    host->vmm = gk_vmm_new (host->config->libvirt_uri);
    host->attester = gk_attester_open (host->state_dir, error);
    if (!host->attester)
        return FALSE;
    host->bridge =
        gk_bridge_start (&bridge, gk_evidence_on_event, gk_evidence_on_lost, host, error);
    return host->bridge != NULL;
}

static void
sweep_builds (GkHost *host)
{
    g_autofree char *program = gk_program_path ("genkan-build");
    const char *const argv[] = { program, "--sweep", "--state-dir", host->state_dir, NULL };
    GkSpawn spec = {
        .argv = argv, .input = -1, .timeout_ms = SWEEP_TIMEOUT_MS, .max_output = SWEEP_OUTPUT_MAX
    };
    g_autoptr (GError) error = NULL;

    if (!gk_spawn (&spec, NULL, NULL, NULL, NULL, &error))
        g_warning ("cannot clean up after builds: %s", error->message);
}

static guint64
memory_limit (const GkConfig *config)
{
    GkPressure pressure = { 0 };

    if (config->memory_total)
        return config->memory_total;
    return gk_pressure_read (&pressure, NULL) ? pressure.total / 4 * 3 : G_MAXUINT64;
}

static gboolean
start (Daemon *daemon, GError **error)
{
    g_autoptr (GError) not_yet = NULL;

    daemon->host.config = gk_config_load (daemon->host.config_dir, error);
    if (!daemon->host.config || !open_state (daemon, error) || !open_instance (daemon, error) ||
        !open_boot_id (daemon, error) || !open_helpers (daemon, error))
        return FALSE;
    daemon->host.memory_limit = memory_limit (daemon->host.config);
    daemon->host.registry = gk_registry_new ();
    daemon->jobs = gk_jobs_new ();
    sweep_builds (&daemon->host);
    if (!gk_recover (&daemon->host, &not_yet))
        g_warning ("cannot clean up yet: %s; it is tried again before the first VM starts",
                   not_yet->message);
    daemon->host.reaper = gk_reaper_new ();
    daemon->host.pool = gk_pool_new (&daemon->host);
    daemon->leases = gk_lease_watch_start (&daemon->host);
    daemon->server = gk_server_start (&daemon->host, daemon->jobs, error);
    return daemon->server != NULL;
}

/* --- the end -------------------------------------------------------------------------------- */

static gpointer
dispose_all (gpointer data)
{
    Daemon *daemon = data;
    gk_pool_stop (daemon->host.pool);
    gk_dispose_all (&daemon->host);
    gk_reaper_free (daemon->host.reaper);
    daemon->host.reaper = NULL;
    g_atomic_int_set (&daemon->disposed, TRUE);
    return NULL;
}

/* The main loop must go on while jobs end and disposables go: both need its turns. */
static gboolean
end_step (gpointer data)
{
    Daemon *daemon = data;

    if (gk_jobs_count (daemon->jobs) > 0) {
        /* A guest may hold its job up; a dead one does not. */
        if (g_get_monotonic_time () - daemon->ending_since > PATIENCE_S * G_USEC_PER_SEC)
            gk_strike_all (&daemon->host);
        return G_SOURCE_CONTINUE;
    }
    if (!daemon->disposing)
        daemon->disposing = g_thread_new ("dispose", dispose_all, daemon);
    if (!g_atomic_int_get (&daemon->disposed))
        return G_SOURCE_CONTINUE;
    g_thread_join (daemon->disposing);
    g_main_loop_quit (daemon->loop);
    return G_SOURCE_REMOVE;
}

static gboolean
on_signal (gpointer data)
{
    Daemon *daemon = data;

    if (!daemon->server || daemon->ending_since)
        return G_SOURCE_CONTINUE;
    g_message ("ending: removing every VM");
    gk_server_stop (daemon->server);
    g_source_remove (daemon->leases);
    gk_jobs_cancel (daemon->jobs, NULL);
    daemon->ending_since = g_get_monotonic_time ();
    g_timeout_add (END_TICK_MS, end_step, daemon);
    return G_SOURCE_REMOVE;
}

static void
stop (Daemon *daemon)
{
    gk_server_free (daemon->server);
    gk_jobs_free (daemon->jobs);
    gk_pool_free (daemon->host.pool);
    gk_reaper_free (daemon->host.reaper);
    gk_attester_free (daemon->host.attester);
    gk_bridge_stop (daemon->host.bridge);
    gk_registry_free (daemon->host.registry);
    gk_vmm_free (daemon->host.vmm);
    gk_config_free (daemon->host.config);
    g_main_loop_unref (daemon->loop);
    gk_fd_close (daemon->run_lock);
    gk_fd_close (daemon->state_lock);
    g_free (daemon->host.instance);
    g_free (daemon->host.boot_id);
    g_free (daemon->host.state_dir);
    g_free (daemon->host.run_dir);
    g_free (daemon->host.config_dir);
    g_strfreev (daemon->host.rules);
}

static gboolean
parse (Daemon *daemon, int *argc, char ***argv, GError **error)
{
    g_autofree char *state = NULL, *run = NULL, *config = NULL;
    const GOptionEntry entries[] = {
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &state, "Images and runs (/var/lib/genkan)",
         "DIR" },
        { "run-dir",          0, 0, G_OPTION_ARG_FILENAME, &run, "The socket (/run/genkan)", "DIR" },
        { "config-dir",     0, 0, G_OPTION_ARG_FILENAME, &config, "genkand.conf (/etc/genkan)", "DIR" },
        { 0      }
    };
    g_autoptr (GOptionContext) context = g_option_context_new ("- the host daemon of genkan");

    g_option_context_add_main_entries (context, entries, NULL);
    if (!g_option_context_parse (context, argc, argv, error))
        return FALSE;
    daemon->host.state_dir = g_canonicalize_filename (state ? state : "/var/lib/genkan", NULL);
    daemon->host.run_dir = g_canonicalize_filename (run ? run : "/run/genkan", NULL);
    daemon->host.config_dir = g_canonicalize_filename (config ? config : "/etc/genkan", NULL);
    return TRUE;
}

int
main (int argc, char **argv)
{
    Daemon daemon = { .state_lock = -1, .run_lock = -1 };
    g_autoptr (GError) error = NULL;

    umask (0022);
    if (!parse (&daemon, &argc, &argv, &error)) {
        g_printerr ("genkand: %s\n", error->message);
        return 2;
    }
    g_mutex_init (&daemon.host.recovering);
    daemon.loop = g_main_loop_new (NULL, FALSE);
    gk_vmm_init ();
    if (start (&daemon, &error)) {
        g_unix_signal_add (SIGTERM, on_signal, &daemon);
        g_unix_signal_add (SIGINT, on_signal, &daemon);
        g_message ("ready on %s/genkand.sock", daemon.host.run_dir);
        g_main_loop_run (daemon.loop);
    }
    stop (&daemon);
    if (error)
        g_printerr ("genkand: %s\n", error->message);
    return error ? 1 : 0;
}
