/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disposables that this netd routes, found by id, address or interface. Main thread. */
#pragma once

#include "hostd/bridge/nic.h"

typedef struct {
    GkNic nic;
    guint32 address; /* host byte order */
    guint index;     /* of the tap */
    guint packets_per_s;
} GkNetdVm;

/* What the rules know of it; borrows the tap's name. */
GkNftGuest gk_netd_vm_guest (const GkNetdVm *vm);

typedef struct _GkVms GkVms;

/* @packets_per_s: that each may send */
GkVms *gk_vms_new (const GkSubnet *subnet, guint packets_per_s);
void gk_vms_free (GkVms *vms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkVms, gk_vms_free)

/**
 * gk_vms_add:
 * @wanted: the address to have, or 0 for the next one: an address that was given back is the last
 *   to be given again
 *
 * Returns: (transfer none): the new one; %NULL with GK_BRIDGE_ERROR_REFUSED where its id, tap,
 * hardware address or @wanted is another's, or all addresses are
 */
GkNetdVm *gk_vms_add (GkVms *vms, const GkNic *nic, guint index, guint32 wanted, GError **error);

void gk_vms_remove (GkVms *vms, const char *id);

GkNetdVm *gk_vms_by_id (GkVms *vms, const char *id);
GkNetdVm *gk_vms_by_tap (GkVms *vms, const char *tap);
GkNetdVm *gk_vms_by_address (GkVms *vms, guint32 address);
GkNetdVm *gk_vms_by_index (GkVms *vms, guint index);

/* Returns: (transfer container) (element-type GkNetdVm): all of them */
GPtrArray *gk_vms_all (GkVms *vms);
