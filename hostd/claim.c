/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/claim.h"

#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/attestation.h"
#include "hostd/machine/pool.h"
#include "hostd/machine/pressure.h"
#include "hostd/reaper.h"
#include "hostd/registry.h"

/* A claim under way. */
typedef struct {
    GkDisposable *disposable;
    GkJob *job;
    GkMachine *machine;
    const char *via;
    char *address;
    guint64 agent_before; /* microseconds that were spent on its agent before the claim */
} Claim;

/* --- the memory of all guests ---------------------------------------------------------------- */

static guint64
memory_limit (const GkConfig *config)
{
    GkPressure pressure = { 0 };

    if (config->memory_total)
        return config->memory_total;
    return gk_pressure_read (&pressure, NULL) ? pressure.total / 4 * 3 : G_MAXUINT64;
}

/* What is held ready gives way to what is asked for. The disposable itself is counted already. */
static gboolean
make_room (GkHost *host, GError **error)
{
    guint64 limit = memory_limit (host->config), used = gk_registry_memory (host->registry);
    guint64 ready = gk_pool_memory (host->pool);

    if (used > limit) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                     "the VMs would take %" G_GUINT64_FORMAT
                     " MiB of memory, and %" G_GUINT64_FORMAT
                     " are allowed ([vm] memory-mib): remove one with 'genkan rm'",
                     used >> 20, limit >> 20);
        return FALSE;
    }
    if (used + ready > limit)
        gk_pool_give_way (host->pool, used + ready - limit, "its memory was needed by a VM");
    return TRUE;
}

/* --- the three ways -------------------------------------------------------------------------- */

static void
give_up (Claim *claim)
{
    if (claim->machine)
        gk_reaper_take (claim->disposable->host->reaper, g_steal_pointer (&claim->machine));
}

/* Whatever is wrong with it, it is not the user's concern, but for a golden image that has changed.
 */
static gboolean
is_final (const GError *error)
{
    return error->domain == GK_IMAGE_ERROR ||
           g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
           g_error_matches (error, GK_VMM_ERROR, GK_VMM_ERROR_UNREACHABLE);
}

static gboolean
wake (Claim *claim, GError **error)
{
    claim->agent_before = gk_vm_agent_usec (claim->machine->vm);
    return gk_machine_check (claim->machine, error) && gk_vm_resume (claim->machine->vm, error) &&
           gk_machine_set_clock (claim->machine, claim->job, error);
}

/* Returns: FALSE with @error unset where the pool has none. */
static gboolean
from_pool (Claim *claim, GError **error)
{
    GkDisposable *disposable = claim->disposable;

    claim->via = "pool";
    while ((claim->machine = gk_pool_take (disposable->host->pool, disposable->image))) {
        g_autoptr (GError) local = NULL;

        if (wake (claim, &local))
            return TRUE;
        g_warning ("machine %s of the pool is broken and thrown away: %s", claim->machine->id,
                   local->message);
        give_up (claim);
        if (is_final (local)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
    }
    return FALSE;
}

static gboolean
make_machine (Claim *claim, GkWarm *warm, GError **error)
{
    claim->agent_before = 0;
    claim->machine = gk_machine_new (claim->disposable->host, claim->disposable->image, error);
    if (!claim->machine)
        return FALSE;
    return (warm ? gk_machine_clone (claim->machine, warm, claim->job, error)
                 : gk_machine_boot (claim->machine, claim->job, error)) &&
           gk_machine_fit_out (claim->machine, claim->job, error) &&
           gk_machine_check (claim->machine, error);
}

/* Returns: FALSE with @error unset where there is no warm state, or it is no use. */
static gboolean
from_warm (Claim *claim, GError **error)
{
    GkDisposable *disposable = claim->disposable;
    GkHost *host = disposable->host;
    g_autoptr (GError) local = NULL;
    g_autoptr (GkWarm) warm = NULL;

    claim->via = "warm";
    if (!host->config->warm)
        return FALSE;
    warm = gk_warm_find (host, disposable->image, claim->job, &local);
    if (warm && make_machine (claim, warm, &local))
        return TRUE;
    give_up (claim);
    if (is_final (local)) {
        g_propagate_error (error, g_steal_pointer (&local));
        return FALSE;
    }
    /* A state that cannot be cloned is made anew; the user gets a cold machine meanwhile. */
    if (warm) {
        g_warning ("the warm state of %s:%s is broken and thrown away: %s", disposable->image->name,
                   disposable->image->version, local->message);
        gk_warm_remove (host, disposable->image, NULL);
    }
    gk_pool_want_warm (host->pool, disposable->image);
    return FALSE;
}

static gboolean
from_cold (Claim *claim, GError **error)
{
    claim->via = "cold";
    if (make_machine (claim, NULL, error))
        return TRUE;
    give_up (claim);
    return FALSE;
}

static gboolean
get_machine (Claim *claim, GError **error)
{
    static gboolean (*const ways[]) (Claim *, GError **) = { from_pool, from_warm, from_cold };
    g_autoptr (GError) local = NULL;

    if (!make_room (claim->disposable->host, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS (ways); i++) {
        if (g_cancellable_set_error_if_cancelled (gk_job_cancellable (claim->job), error))
            return FALSE;
        if (ways[i](claim, &local))
            return TRUE;
        if (local) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
    }
    g_assert_not_reached ();
}

/* --- from a machine to a disposable's -------------------------------------------------------- */

static gboolean
take_over (Claim *claim, GError **error)
{
    return gk_machine_serve (claim->machine, claim->disposable->id, error) &&
           gk_attest (claim->disposable, claim->machine, claim->via, error);
}

static gboolean
connect_network (Claim *claim, GError **error)
{
    GkDisposable *disposable = claim->disposable;
    JsonObject *members;

    /* What it says from its first packet on is the disposable's. */
    gk_registry_bind (disposable->host->registry, claim->machine->id, disposable);
    if (!gk_machine_connect (claim->machine, disposable->policy, &claim->address, error)) {
        gk_registry_unbind (disposable->host->registry, claim->machine->id);
        return FALSE;
    }
    members = json_object_new ();
    json_object_set_string_member (members, "policy", disposable->policy);
    json_object_set_string_member (members, "mac", claim->machine->mac);
    json_object_set_string_member (members, "address", claim->address);
    gk_disposable_record (disposable, "connected", members);
    return TRUE;
}

static gboolean
show_inbound (Claim *claim, GError **error)
{
    GkDisposable *disposable = claim->disposable;

    g_ptr_array_set_size (disposable->guest_names, 0);
    for (guint i = 0; i < disposable->admitted->len; i++) {
        char *name = NULL;

        if (!gk_airlock_admit (claim->machine->folder, disposable->admitted->pdata[i], &name,
                               error))
            return FALSE;
        g_ptr_array_add (disposable->guest_names, name);
    }
    return TRUE;
}

static const struct {
    gboolean (*step) (Claim *claim, GError **error);
    const char *text;
    const char *clock; /* the member of started.ms that its time counts to */
    guint percent;
} steps[] = {
    {get_machine,      "getting a VM",                       "claim",   1 },
    { take_over,       "getting a VM",                       "claim",   85},
    { show_inbound,    "attaching the share",                "share",   88},
    { connect_network, "connecting it to the policy bridge", "network", 90},
};

static void
record_started (Claim *claim, JsonObject *ms)
{
    JsonObject *members = json_object_new ();

    json_object_set_string_member (members, "via", claim->via);
    json_object_set_object_member (members, "ms", json_object_ref (ms));
    gk_disposable_record (claim->disposable, "started", members);
}

/* Whether somebody has cancelled the job, or removed the disposable, meanwhile. */
static gboolean
is_over (Claim *claim, GError **error)
{
    if (g_cancellable_set_error_if_cancelled (gk_job_cancellable (claim->job), error))
        return TRUE;
    if (gk_disposable_state (claim->disposable) < GK_DISPOSABLE_DISPOSING)
        return FALSE;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "'%s' was removed meanwhile",
                 claim->disposable->name);
    return TRUE;
}

static gboolean
run_steps (Claim *claim, JsonObject *ms, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (steps); i++) {
        gint64 begun = g_get_monotonic_time ();
        gboolean ok;

        gk_job_progress (claim->job, steps[i].percent, "%s", steps[i].text);
        ok = !is_over (claim, error) && steps[i].step (claim, error);
        json_object_set_double_member (ms, steps[i].clock,
                                       gk_json_double (ms, steps[i].clock, 0) +
                                           (double) (g_get_monotonic_time () - begun) / 1000);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

gboolean
gk_claim (GkDisposable *disposable, GkJob *job, GError **error)
{
    Claim claim = { .disposable = disposable, .job = job };
    g_autoptr (JsonObject) ms = json_object_new ();
    gboolean ok;

    gk_pool_hold (disposable->host->pool);
    ok = run_steps (&claim, ms, error);
    gk_pool_release (disposable->host->pool);
    g_free (claim.address);
    if (!ok) {
        give_up (&claim);
        return FALSE;
    }
    json_object_set_double_member (
        ms, "agent", (double) (gk_vm_agent_usec (claim.machine->vm) - claim.agent_before) / 1000);
    record_started (&claim, ms);
    disposable->agent_before = claim.agent_before;
    gk_disposable_set_machine (disposable, claim.machine, claim.via);
    return TRUE;
}
