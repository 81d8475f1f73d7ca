/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/claim.h"

#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/aftermath.h"
#include "hostd/attestation.h"
#include "hostd/machine/pool.h"
#include "hostd/reaper.h"
#include "hostd/registry.h"

/* A claim under way. */
typedef struct {
    GkDisposable *disposable;
    GkJob *job;
    GkMachine *machine;
    const char *via;
    guint64 agent_before; /* microseconds that were spent on its agent before the claim */
} Claim;

/* What is held ready gives way to what is asked for; the disposable itself is counted already. */
static void
make_room (GkHost *host)
{
    guint64 wanted = gk_registry_memory (host->registry) + gk_pool_memory (host->pool);

    if (wanted > host->memory_limit)
        gk_pool_give_way (host->pool, wanted - host->memory_limit, "its memory was needed by a VM");
}

/* --- the three ways -------------------------------------------------------------------------- */

/* Whoever removes the disposable from now on kills this machine. */
static void
publish (Claim *claim, GkMachine *machine)
{
    GkMachine *before;

    claim->machine = machine;
    before = gk_disposable_set_machine (claim->disposable, machine, claim->via);
    if (before)
        gk_reaper_take (claim->disposable->host->reaper, before);
}

static void
give_up (Claim *claim)
{
    if (claim->machine) {
        gk_aftermath_keep_console (claim->disposable, claim->machine);
        gk_registry_unbind (claim->disposable->host->registry, claim->machine->id);
    }
    publish (claim, NULL);
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

/* Whatever is wrong with a machine is not the user's concern, and the next way is tried; but not
 * where the golden image has changed, libvirt is away, or nobody waits any more. Takes @failed. */
static gboolean
is_final (Claim *claim, GError *failed, GError **error)
{
    if (is_over (claim, error)) {
        g_error_free (failed);
        return TRUE;
    }
    if (failed->domain != GK_IMAGE_ERROR &&
        !g_error_matches (failed, G_IO_ERROR, G_IO_ERROR_CANCELLED) &&
        !g_error_matches (failed, GK_VMM_ERROR, GK_VMM_ERROR_UNREACHABLE)) {
        g_error_free (failed);
        return FALSE;
    }
    g_propagate_error (error, failed);
    return TRUE;
}

static gboolean
wake (Claim *claim, GError **error)
{
    claim->agent_before = gk_vm_agent_usec (claim->machine->vm);
    return gk_machine_check (claim->machine, error) && gk_machine_wake (claim->machine, error);
}

/* Returns: FALSE with @error unset where the pool has none. */
static gboolean
from_pool (Claim *claim, GError **error)
{
    GkDisposable *disposable = claim->disposable;

    claim->via = "pool";
    for (;;) {
        GkMachine *machine = gk_pool_take (disposable->host->pool, disposable->image);
        GError *failed = NULL;

        if (!machine)
            return FALSE;
        publish (claim, machine);
        if (wake (claim, &failed))
            return TRUE;
        g_warning ("machine %s of the pool is broken and thrown away: %s", claim->machine->id,
                   failed->message);
        give_up (claim);
        if (is_final (claim, failed, error))
            return FALSE;
    }
}

static gboolean
make_machine (Claim *claim, GkWarm *warm, GError **error)
{
    GkMachine *machine;

    make_room (claim->disposable->host);
    claim->agent_before = 0;
    machine = gk_machine_new (claim->disposable->host, claim->disposable->image, error);
    if (!machine)
        return FALSE;
    publish (claim, machine);
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
    g_autoptr (GkWarm) warm = NULL;
    GError *failed = NULL;
    gboolean to_blame;

    claim->via = "warm";
    if (!host->config->warm)
        return FALSE;
    warm = gk_warm_find (host, disposable->image, claim->job, &failed);
    if (warm && make_machine (claim, warm, &failed))
        return TRUE;
    if (warm)
        g_warning ("a clone of the warm state of %s:%s does not work: %s", disposable->image->name,
                   disposable->image->version, failed->message);
    give_up (claim);
    to_blame = gk_warm_is_to_blame (failed);
    if (is_final (claim, failed, error))
        return FALSE;
    /* Made, or tried, when there is time; the user gets a cold machine meanwhile. */
    gk_pool_want_warm (host->pool, disposable->image, to_blame ? warm : NULL);
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

    for (gsize i = 0; i < G_N_ELEMENTS (ways); i++) {
        if (is_over (claim, error))
            return FALSE;
        if (ways[i](claim, &local))
            return TRUE;
        if (local) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
    }
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "there is no way to get a VM");
    return FALSE;
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

    /* The bridge has no other yet: what the policy promises must not be less than what is in force.
     */
    if (!g_str_equal (disposable->policy_mode, "none")) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED, "the bridge has no policy '%s'",
                     disposable->policy_mode);
        return FALSE;
    }
    /* What it says from its first packet on is the disposable's. */
    gk_registry_bind (disposable->host->registry, claim->machine->id, disposable);
    if (!gk_machine_connect (claim->machine, error))
        return FALSE;
    members = json_object_new ();
    json_object_set_string_member (members, "policy", disposable->policy);
    json_object_set_string_member (members, "mac", claim->machine->mac);
    json_object_set_string_member (members, "address", claim->machine->address);
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
gk_claim (GkDisposable *disposable, gboolean set_clock, GkJob *job, GError **error)
{
    Claim claim = { .disposable = disposable, .job = job };
    gint64 begun = g_get_monotonic_time ();
    g_autoptr (JsonObject) ms = json_object_new ();
    gboolean ok;

    gk_pool_hold (disposable->host->pool);
    ok = run_steps (&claim, ms, error) &&
         (!set_clock || gk_machine_set_clock (claim.machine, error)) && !is_over (&claim, error);
    gk_pool_release (disposable->host->pool);
    if (!ok) {
        give_up (&claim);
        return FALSE;
    }
    json_object_set_double_member (
        ms, "agent", (double) (gk_vm_agent_usec (claim.machine->vm) - claim.agent_before) / 1000);
    json_object_set_double_member (ms, "answer",
                                   (double) MAX (claim.machine->answered - begun, 0) / 1000);
    record_started (&claim, ms);
    disposable->agent_before = claim.agent_before;
    return TRUE;
}
