/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/vms.h"

#include "hostd/bridge/bridge.h"

#include <string.h>

struct _GkVms {
    GkSubnet subnet;
    guint packets_per_s;
    guint32 last; /* address given last */
    GHashTable *by_id; /* owns */
    GHashTable *by_tap, *by_address, *by_index;
};

GkNftGuest
gk_netd_vm_guest (const GkNetdVm *vm)
{
    GkNftGuest guest = { .tap = vm->nic.tap,
                         .address = vm->address,
                         .policy = vm->nic.policy,
                         .packets_per_s = vm->packets_per_s };

    memcpy (guest.mac, vm->nic.mac, sizeof guest.mac);
    return guest;
}

GkVms *
gk_vms_new (const GkSubnet *subnet, guint packets_per_s)
{
    GkVms *vms = g_new0 (GkVms, 1);

    vms->subnet = *subnet;
    vms->packets_per_s = packets_per_s;
    vms->last = gk_subnet_gateway (subnet);
    vms->by_id = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
    vms->by_tap = g_hash_table_new (g_str_hash, g_str_equal);
    vms->by_address = g_hash_table_new (NULL, NULL);
    vms->by_index = g_hash_table_new (NULL, NULL);
    return vms;
}

void
gk_vms_free (GkVms *vms)
{
    if (!vms)
        return;
    g_hash_table_unref (vms->by_tap);
    g_hash_table_unref (vms->by_address);
    g_hash_table_unref (vms->by_index);
    g_hash_table_unref (vms->by_id);
    g_free (vms);
}

static gboolean
mac_is_taken (GkVms *vms, const guint8 mac[6])
{
    GHashTableIter iter;
    GkNetdVm *vm;

    g_hash_table_iter_init (&iter, vms->by_id);
    while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &vm))
        if (memcmp (vm->nic.mac, mac, sizeof vm->nic.mac) == 0)
            return TRUE;
    return FALSE;
}

/* The address after the last one given that nobody has, or 0. */
static guint32
next_address (GkVms *vms)
{
    guint32 address = vms->last;

    for (guint i = 0; i < gk_subnet_capacity (&vms->subnet); i++) {
        address = gk_subnet_has_guest (&vms->subnet, address + 1)
                      ? address + 1
                      : gk_subnet_gateway (&vms->subnet) + 1;
        if (!gk_vms_by_address (vms, address))
            return address;
    }
    return 0;
}

static const char *
why_refused (GkVms *vms, const GkNic *nic, guint32 wanted)
{
    if (gk_vms_by_id (vms, nic->vm))
        return "it has a NIC already";
    if (gk_vms_by_tap (vms, nic->tap))
        return "its tap is another's";
    if (mac_is_taken (vms, nic->mac))
        return "its hardware address is another's";
    if (wanted && !gk_subnet_has_guest (&vms->subnet, wanted))
        return "the address wanted is none of a guest";
    if (wanted && gk_vms_by_address (vms, wanted))
        return "the address wanted is another's";
    return NULL;
}

GkNetdVm *
gk_vms_add (GkVms *vms, const GkNic *nic, guint index, guint32 wanted, GError **error)
{
    const char *why = why_refused (vms, nic, wanted);
    guint32 address = wanted ? wanted : next_address (vms);
    GkNetdVm *vm;

    if (!why && !address)
        why = "all addresses of the subnet are given";
    if (why) {
        g_set_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_REFUSED, "cannot add a NIC for %s: %s",
                     nic->vm, why);
        return NULL;
    }
    vm = g_new0 (GkNetdVm, 1);
    *vm = (GkNetdVm) { *nic, address, index, vms->packets_per_s };
    vms->last = address;
    g_hash_table_insert (vms->by_id, vm->nic.vm, vm);
    g_hash_table_insert (vms->by_tap, vm->nic.tap, vm);
    g_hash_table_insert (vms->by_address, GUINT_TO_POINTER (address), vm);
    g_hash_table_insert (vms->by_index, GUINT_TO_POINTER (index), vm);
    return vm;
}

void
gk_vms_remove (GkVms *vms, const char *id)
{
    GkNetdVm *vm = gk_vms_by_id (vms, id);

    if (!vm)
        return;
    g_hash_table_remove (vms->by_tap, vm->nic.tap);
    g_hash_table_remove (vms->by_address, GUINT_TO_POINTER (vm->address));
    g_hash_table_remove (vms->by_index, GUINT_TO_POINTER (vm->index));
    g_hash_table_remove (vms->by_id, id);
}

GkNetdVm *
gk_vms_by_id (GkVms *vms, const char *id)
{
    return g_hash_table_lookup (vms->by_id, id);
}

GkNetdVm *
gk_vms_by_tap (GkVms *vms, const char *tap)
{
    return g_hash_table_lookup (vms->by_tap, tap);
}

GkNetdVm *
gk_vms_by_address (GkVms *vms, guint32 address)
{
    return g_hash_table_lookup (vms->by_address, GUINT_TO_POINTER (address));
}

GkNetdVm *
gk_vms_by_index (GkVms *vms, guint index)
{
    return g_hash_table_lookup (vms->by_index, GUINT_TO_POINTER (index));
}

GPtrArray *
gk_vms_all (GkVms *vms)
{
    GPtrArray *all = g_ptr_array_new ();
    GHashTableIter iter;
    gpointer vm;

    g_hash_table_iter_init (&iter, vms->by_id);
    while (g_hash_table_iter_next (&iter, NULL, &vm))
        g_ptr_array_add (all, vm);
    return all;
}
