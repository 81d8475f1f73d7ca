/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A clone is a saved state with other XML before it. libvirt will not take other XML for an image
 * that it has written, but does not ask whence an image is. */
#include "vmm/libvirt.h"

#include "vmm/feed.h"
#include "vmm/process.h"

/* From here on libvirt reads a saved state's head, closes it, and begins again. */
#define OPENS_TWICE 11002000ul

static gboolean
restore_from (GkVmm *vmm, const GkDomainSpec *spec, const char *path, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_connect (vmm, error);
    g_autoptr (GError) local = NULL;

    if (!connection)
        return FALSE;
    if (virDomainRestoreFlags (connection, path, NULL, VIR_DOMAIN_SAVE_PAUSED) == 0)
        return TRUE;
    gk_vm_fail_start (vmm, &local, "cannot restore %s from its saved state", spec->name);
    /* It cleans up after itself; if it has gone, QEMU may be left, waiting for more of the state.
     */
    if (g_error_matches (local, GK_VMM_ERROR, GK_VMM_ERROR_UNREACHABLE))
        gk_process_abandon (gk_vmm_uri (vmm), spec->name, spec->uuid);
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
}

static gboolean
choose_kind (GkVmm *vmm, GkFeedKind *ret, GError **error)
{
    g_autoptr (virConnect) connection = gk_vmm_connect (vmm, error);
    unsigned long version = 0;

    if (!connection)
        return FALSE;
    if (virConnectGetLibVersion (connection, &version) < 0)
        return gk_vmm_fail (vmm, GK_VMM_ERROR_FAILED, error, "cannot ask libvirt for its version");
    *ret = version < OPENS_TWICE ? GK_FEED_FIFO : GK_FEED_FILE;
    return TRUE;
}

GkVm *
gk_vm_restore (GkVmm *vmm, const GkDomainSpec *spec, const char *memory, const char *folder,
               GError **error)
{
    g_autofree char *xml = gk_domain_xml (spec);
    g_auto (GkSaveImage) image = { .fd = -1 };
    g_autoptr (GBytes) head = NULL;
    g_autoptr (GError) unread = NULL;
    GkFeedKind kind = GK_FEED_FIFO;
    GkFeed *feed;
    gboolean ok;

    if (!choose_kind (vmm, &kind, error) || !gk_save_image_open (&image, memory, error))
        return NULL;
    head = gk_save_image_head (&image, xml);
    feed = gk_feed_start (kind, &image, head, folder, error);
    if (!feed)
        return NULL;
    ok = restore_from (vmm, spec, gk_feed_path (feed), error);
    /* What libvirt says of a state that was not read to its end is not the cause. */
    if (!gk_feed_end (feed, &unread) && !ok) {
        g_clear_error (error);
        g_propagate_prefixed_error (error, g_steal_pointer (&unread),
                                    "cannot restore %s: ", spec->name);
    }
    return ok ? gk_vm_hold (vmm, spec, error) : NULL;
}
