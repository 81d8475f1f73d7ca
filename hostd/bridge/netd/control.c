/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/control.h"

#include "base/json.h"
#include "hostd/bridge/bridge.h"
#include "hostd/bridge/netd-iface.h"
#include "hostd/bridge/netd/dns.h"
#include "hostd/bridge/netd/flows.h"
#include "hostd/bridge/netd/namespace.h"
#include "hostd/bridge/netd/record.h"
#include "hostd/bridge/netd/ruleset.h"
#include "hostd/bridge/netd/vms.h"

struct _GkControl {
    GkSubnet subnet;
    GkControlLostFunc on_lost;
    gpointer data;

    GkVms *vms;
    GkRecord *record;
    GkRtnl *rtnl;
    GkRuleset *ruleset;
    GkDns *dns;
    GkFlows *flows;
    GkNetd *netd;
    guint ticks;
};

/* Evidence */

static void
report (const char *vm, const GkAttempt *attempt, gpointer data)
{
    GkControl *control = data;
    g_autofree char *now = gk_json_now ();

    if (control->netd)
        gk_netd_emit_event (control->netd, vm, now, attempt->query, attempt->name, attempt->type,
                            attempt->protocol, attempt->destination, attempt->port,
                            attempt->allowed, attempt->rule, attempt->count, attempt->bytes, 0);
}

static gboolean
count (const char *id, guint64 ret[GK_NFT_N_COUNTERS], gpointer data)
{
    GkControl *control = data;
    GkNetdVm *vm = gk_vms_by_id (control->vms, id);
    GkNftGuest guest;

    if (!vm)
        return FALSE;
    guest = gk_netd_vm_guest (vm);
    return gk_ruleset_count (control->ruleset, &guest, ret);
}

static void
on_question (const GkDnsQuestion *question, gpointer data)
{
    GkControl *control = data;
    GkNetdVm *vm = gk_vms_by_address (control->vms, question->asker);
    GkAttempt attempt = { .query = TRUE, .rule = "dns none", .count = 1 };

    if (!vm)
        return;
    g_strlcpy (attempt.name, question->name, sizeof attempt.name);
    g_strlcpy (attempt.type, question->type, sizeof attempt.type);
    gk_record_add (control->record, vm->nic.vm, &attempt);
}

static void
add_flow (GkControl *control, const GkNetdVm *vm, const char *rule, const GkFlow *flow)
{
    GkAttempt attempt = { .rule = rule, .port = flow->port, .count = 1, .bytes = flow->bytes };

    g_strlcpy (attempt.protocol, flow->protocol, sizeof attempt.protocol);
    g_strlcpy (attempt.destination, flow->destination, sizeof attempt.destination);
    gk_record_add (control->record, vm->nic.vm, &attempt);
}

static void
on_flow (guint index, const char *rule, const GkFlow *flow, gpointer data)
{
    GkControl *control = data;
    GkNetdVm *vm = gk_vms_by_index (control->vms, index);

    if (vm && g_str_equal (rule, GK_NFT_RATE_LIMIT))
        gk_record_over_rate (control->record, vm->nic.vm);
    else if (vm && flow)
        add_flow (control, vm, rule, flow);
}

static gboolean
on_second (gpointer data)
{
    GkControl *control = data;

    gk_record_tick (control->record);
    return G_SOURCE_CONTINUE;
}

static void
on_dns_lost (const char *why, gpointer data)
{
    GkControl *control = data;

    control->on_lost (why, control->data);
}

/* Requests */

/* Makes every guest's elements anew: somebody else has flushed the rules. */
static gboolean
reload_rules (GkControl *control, GError **error)
{
    g_autoptr (GPtrArray) vms = gk_vms_all (control->vms);
    g_autoptr (GArray) guests = g_array_new (FALSE, FALSE, sizeof (GkNftGuest));

    for (guint i = 0; i < vms->len; i++) {
        GkNftGuest guest = gk_netd_vm_guest (g_ptr_array_index (vms, i));

        g_array_append_val (guests, guest);
    }
    g_printerr ("the rules were gone and are loaded again\n");
    return gk_ruleset_reload (control->ruleset, guests, error);
}

/* Commits the elements and reads them back; only then is the tap raised. */
static gboolean
connect_guest (GkControl *control, const GkNetdVm *vm, GError **error)
{
    GkNftGuest guest = gk_netd_vm_guest (vm);
    g_autoptr (GPtrArray) vms = gk_vms_all (control->vms);

    if (!gk_ruleset_add (control->ruleset, &guest, NULL) && !reload_rules (control, error))
        return FALSE;
    return gk_ruleset_check (control->ruleset, &guest, error) &&
           gk_dns_set_guests (control->dns, vms, error) &&
           gk_namespace_raise (control->rtnl, &control->subnet, vm->index, vm->address, vm->nic.mac,
                               error);
}

/* Stops the guest's packets first. What cannot be undone here is said in the log: without its tap
 * the guest reaches nobody, whatever is left of its rules. */
static void
disconnect_guest (GkControl *control, const GkNetdVm *vm)
{
    GkNftGuest guest = gk_netd_vm_guest (vm);
    g_autoptr (GError) error = NULL;

    if (!gk_rtnl_set_up (control->rtnl, vm->index, FALSE, &error))
        g_printerr ("%s: %s\n", vm->nic.tap, error->message);
    g_clear_error (&error);
    if (!gk_dns_drain (control->dns, &error))
        g_printerr ("%s: %s\n", vm->nic.tap, error->message);
    g_clear_error (&error);
    gk_flows_drain (control->flows);
    gk_record_finish (control->record, vm->nic.vm);
    if (!gk_ruleset_remove (control->ruleset, &guest, &error))
        g_printerr ("%s: %s\n", vm->nic.tap, error->message);
}

/* The tap of a request that was refused or failed, unless it is another disposable's. */
static void
discard_tap (GkControl *control, const char *tap)
{
    guint index;

    if (!gk_tap_name_valid (tap) || gk_vms_by_tap (control->vms, tap))
        return;
    index = gk_rtnl_tap_index (control->rtnl, tap, NULL);
    if (index)
        gk_rtnl_delete (control->rtnl, index, NULL);
}

static GkNetdVm *
take_over (GkControl *control, const GkNic *nic, const char *address, GError **error)
{
    guint32 wanted = 0;
    guint index;

    if (*address && !gk_ipv4_parse (address, &wanted)) {
        g_set_error_literal (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_REFUSED,
                             "the address wanted is no IPv4 address");
        return NULL;
    }
    index = gk_rtnl_tap_index (control->rtnl, nic->tap, error);
    if (!index)
        return NULL;
    return gk_vms_add (control->vms, nic, index, wanted, error);
}

static GkNetdVm *
add (GkControl *control, const GkNic *nic, const char *address, GError **error)
{
    GkNetdVm *vm = take_over (control, nic, address, error);

    if (!vm)
        return NULL;
    /* Down until its policy is in force, and known as a guest's before it is up. */
    if (gk_rtnl_set_up (control->rtnl, vm->index, FALSE, error) &&
        gk_rtnl_set_group (control->rtnl, vm->index, GK_NFT_GUESTS, error) &&
        connect_guest (control, vm, error))
        return vm;
    disconnect_guest (control, vm);
    gk_vms_remove (control->vms, nic->vm);
    return NULL;
}

/* Refusals keep their code; whatever else went wrong is a failure. */
static void
return_error (GDBusMethodInvocation *call, const GError *error)
{
    g_dbus_method_invocation_return_error_literal (
        call, GK_BRIDGE_ERROR,
        error->domain == GK_BRIDGE_ERROR ? error->code : GK_BRIDGE_ERROR_FAILED, error->message);
}

static gboolean
on_add (GkNetd *netd, GDBusMethodInvocation *call, const char *id, const char *tap, const char *mac,
        const char *policy, const char *address, gpointer data)
{
    GkControl *control = data;
    g_autoptr (GError) error = NULL;
    GkNetdVm *vm = NULL;
    char given[GK_IPV4_TEXT];
    GkNic nic;

    if (gk_nic_parse (id, tap, mac, policy, &nic, &error))
        vm = add (control, &nic, address, &error);
    if (vm) {
        gk_ipv4_format (vm->address, given);
        gk_netd_complete_add (netd, call, given);
    } else {
        discard_tap (control, tap);
        return_error (call, error);
    }
    return TRUE;
}

static gboolean
on_remove (GkNetd *netd, GDBusMethodInvocation *call, const char *id, gpointer data)
{
    GkControl *control = data;
    GkNetdVm *vm = gk_vms_by_id (control->vms, id);
    g_autoptr (GError) error = NULL;

    if (vm) {
        disconnect_guest (control, vm);
        gk_rtnl_delete (control->rtnl, vm->index, &error);
        gk_vms_remove (control->vms, id);
    }
    if (error)
        return_error (call, error);
    else
        gk_netd_complete_remove (netd, call);
    return TRUE;
}

static gboolean
on_prune (GkNetd *netd, GDBusMethodInvocation *call, gpointer data)
{
    GkControl *control = data;
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) taps = gk_rtnl_taps (control->rtnl, &error);

    if (!taps) {
        return_error (call, error);
        return TRUE;
    }
    for (guint i = 0; i < taps->len; i++)
        discard_tap (control, g_ptr_array_index (taps, i));
    gk_netd_complete_prune (netd, call);
    return TRUE;
}

/* Life */

GkControl *
gk_control_new (const GkSubnet *subnet, guint packets_per_s, GkControlLostFunc on_lost,
                gpointer data, GError **error)
{
    g_autoptr (GkControl) control = g_new0 (GkControl, 1);
    const GkNftBridge bridge = { gk_subnet_gateway (subnet), GK_UPLINK_NEAR };
    const GkRecordFuncs funcs = { report, count, control };

    control->subnet = *subnet;
    control->on_lost = on_lost;
    control->data = data;
    control->vms = gk_vms_new (subnet, packets_per_s);
    control->record = gk_record_new (&funcs);
    control->rtnl = gk_rtnl_open (error);
    if (!control->rtnl)
        return NULL;
    control->ruleset = gk_ruleset_open (&bridge, error);
    if (!control->ruleset)
        return NULL;
    control->flows = gk_flows_open (on_flow, control, error);
    if (!control->flows)
        return NULL;
    control->dns = gk_dns_start (subnet, on_question, on_dns_lost, control, error);
    if (!control->dns)
        return NULL;
    control->ticks = g_timeout_add_seconds (1, on_second, control);
    return g_steal_pointer (&control);
}

void
gk_control_free (GkControl *control)
{
    if (!control)
        return;
    g_clear_handle_id (&control->ticks, g_source_remove);
    g_clear_object (&control->netd);
    gk_dns_stop (control->dns);
    gk_flows_close (control->flows);
    gk_ruleset_close (control->ruleset);
    gk_rtnl_close (control->rtnl);
    gk_record_free (control->record);
    gk_vms_free (control->vms);
    g_free (control);
}

gboolean
gk_control_serve (GkControl *control, GDBusConnection *connection, GError **error)
{
    control->netd = gk_netd_skeleton_new ();
    g_signal_connect (control->netd, "handle-add", G_CALLBACK (on_add), control);
    g_signal_connect (control->netd, "handle-remove", G_CALLBACK (on_remove), control);
    g_signal_connect (control->netd, "handle-prune", G_CALLBACK (on_prune), control);
    return g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (control->netd), connection,
                                             "/", error);
}
