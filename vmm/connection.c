/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection, shared by all threads and opened again when it was lost.
 *
 * libvirtd drops a client that answers no keepalive for half a minute, and its calls fail: so the
 * thread that runs GLib's default main context must never block for long. */
#include "vmm/libvirt.h"

#include "base/escape.h"
#include "vmm/guard.h"

#include <libvirt-glib/libvirt-glib-event.h>
#include <libvirt/virterror.h>

enum { KEEPALIVE_S = 5, KEEPALIVE_MISSED = 5 };

GQuark
gk_vmm_error_quark (void)
{
    return g_quark_from_static_string ("gk-vmm-error-quark");
}

struct _GkVmm {
    char *uri;
    GkGuard *guard;
    GMutex lock;
    virConnectPtr connection; /* under the lock; NULL until the first use */
};

static void
say_nothing (void *data, virErrorPtr failure)
{
}

void
gk_vmm_init (void)
{
    static gsize done = 0;

    if (!g_once_init_enter (&done))
        return;
    gvir_event_register ();
    virInitialize ();
    /* By default libvirt prints each error; ours reach the caller. */
    virSetErrorFunc (NULL, say_nothing);
    g_once_init_leave (&done, 1);
}

static gboolean
fail_unreachable (GkVmm *vmm, GError **error)
{
    g_autofree char *reason = gk_escape (virGetLastErrorMessage (), -1);

    g_set_error (
        error, GK_VMM_ERROR, GK_VMM_ERROR_UNREACHABLE,
        "libvirtd does not answer at %s (%s): start it with `systemctl start libvirtd`, or "
        "`virtlogd -d && libvirtd -d` where there is no systemd, and see that this user may "
        "manage it (group libvirt)",
        vmm->uri, reason);
    return FALSE;
}

virConnectPtr
gk_vmm_open (GkVmm *vmm, GError **error)
{
    virConnectPtr connection = virConnectOpen (vmm->uri);

    if (!connection) {
        fail_unreachable (vmm, error);
        return NULL;
    }
    virConnectSetKeepAlive (connection, KEEPALIVE_S, KEEPALIVE_MISSED);
    return connection;
}

/* With the lock held. */
static gboolean
reopen (GkVmm *vmm, GError **error)
{
    if (vmm->connection && virConnectIsAlive (vmm->connection) == 1)
        return TRUE;
    g_clear_pointer (&vmm->connection, virConnectClose);
    vmm->connection = gk_vmm_open (vmm, error);
    return vmm->connection != NULL;
}

virConnectPtr
gk_vmm_connect (GkVmm *vmm, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&vmm->lock);

    if (!reopen (vmm, error))
        return NULL;
    virConnectRef (vmm->connection);
    return vmm->connection;
}

GkVmm *
gk_vmm_new (const char *uri)
{
    GkVmm *vmm = g_new0 (GkVmm, 1);

    vmm->uri = g_strdup (uri);
    vmm->guard = gk_guard_new (NULL);
    g_mutex_init (&vmm->lock);
    return vmm;
}

void
gk_vmm_set_guard (GkVmm *vmm, const char *program)
{
    gk_guard_free (vmm->guard);
    vmm->guard = gk_guard_new (program);
}

const char *
gk_vmm_uri (GkVmm *vmm)
{
    return vmm->uri;
}

GkGuard *
gk_vmm_guard (GkVmm *vmm)
{
    return vmm->guard;
}

void
gk_vmm_free (GkVmm *vmm)
{
    if (!vmm)
        return;
    gk_guard_free (vmm->guard);
    g_clear_pointer (&vmm->connection, virConnectClose);
    g_mutex_clear (&vmm->lock);
    g_free (vmm->uri);
    g_free (vmm);
}

static gboolean
is_lost (GkVmm *vmm)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&vmm->lock);

    return !vmm->connection || virConnectIsAlive (vmm->connection) != 1;
}

gboolean
gk_vmm_fail (GkVmm *vmm, GkVmmError otherwise, GError **error, const char *what, ...)
{
    g_autofree char *reason = gk_escape (virGetLastErrorMessage (), -1), *doing = NULL;
    va_list args;

    /* Asked after the reason was taken: it resets libvirt's last error. */
    if (is_lost (vmm)) {
        g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_UNREACHABLE,
                     "the connection to libvirtd was lost (%s): see that it runs, then try again",
                     reason);
        return FALSE;
    }
    va_start (args, what);
    doing = g_strdup_vprintf (what, args);
    va_end (args);
    g_set_error (error, GK_VMM_ERROR, (int) otherwise, "%s: %s", doing, reason);
    return FALSE;
}
