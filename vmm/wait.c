/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for the guest agent. libvirt's events only wake the waiter, which then asks: so an event
 * that came early, late or twice, or never because libvirtd went away, changes nothing but the
 * time.
 *
 * Events arrive in the main thread, and may still while the waiter leaves: each registration holds
 * a reference on the watch. libvirt takes one registration of a function for a VM, so there can be
 * one waiter a VM. */
#include "vmm/agent.h"
#include "vmm/libvirt.h"

enum { PING_S = 2, LOOK_AGAIN_MS = 2000 };

typedef struct {
    gatomicrefcount refs;
    GMutex lock;
    GCond woken;
    guint events; /* under the lock: how many there were */
} Watch;

typedef struct {
    virConnectPtr connection;
    int agent, life; /* ids of the registrations; -1: none */
    Watch *watch;
} Registration;

static Watch *
watch_new (void)
{
    Watch *watch = g_new0 (Watch, 1);

    g_atomic_ref_count_init (&watch->refs);
    g_mutex_init (&watch->lock);
    g_cond_init (&watch->woken);
    return watch;
}

static Watch *
watch_ref (Watch *watch)
{
    g_atomic_ref_count_inc (&watch->refs);
    return watch;
}

static void
watch_unref (gpointer data)
{
    Watch *watch = data;

    if (!g_atomic_ref_count_dec (&watch->refs))
        return;
    g_mutex_clear (&watch->lock);
    g_cond_clear (&watch->woken);
    g_free (watch);
}

static void
watch_wake (Watch *watch)
{
    g_mutex_lock (&watch->lock);
    watch->events++;
    g_cond_broadcast (&watch->woken);
    g_mutex_unlock (&watch->lock);
}

static guint
watch_count (Watch *watch)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&watch->lock);

    return watch->events;
}

/* Until there were more events than @seen, or @until (monotonic time). */
static void
watch_wait (Watch *watch, guint seen, gint64 until)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&watch->lock);

    while (watch->events == seen)
        if (!g_cond_wait_until (&watch->woken, &watch->lock, until))
            return;
}

static void
on_agent (virConnectPtr connection, virDomainPtr domain, int state, int reason, void *watch)
{
    watch_wake (watch);
}

static int
on_life (virConnectPtr connection, virDomainPtr domain, int event, int detail, void *watch)
{
    watch_wake (watch);
    return 0;
}

static void
on_cancelled (GCancellable *cancellable, gpointer watch)
{
    watch_wake (watch);
}

static int
subscribe (virConnectPtr connection, virDomainPtr domain, int event,
           virConnectDomainEventGenericCallback callback, Watch *watch)
{
    int id = virConnectDomainEventRegisterAny (connection, domain, event, callback,
                                               watch_ref (watch), watch_unref);

    if (id < 0)
        watch_unref (watch);
    return id;
}

static void
registration_clear (Registration *reg)
{
    if (reg->agent >= 0)
        virConnectDomainEventDeregisterAny (reg->connection, reg->agent);
    if (reg->life >= 0)
        virConnectDomainEventDeregisterAny (reg->connection, reg->life);
    g_clear_pointer (&reg->connection, virConnectClose);
    g_clear_pointer (&reg->watch, watch_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Registration, registration_clear)

static gboolean
registration_open (GkVm *vm, Registration *reg, GError **error)
{
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);

    if (!domain)
        return FALSE;
    reg->watch = watch_new ();
    reg->connection = virDomainGetConnect (domain);
    virConnectRef (reg->connection);
    reg->agent = subscribe (reg->connection, domain, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
                            VIR_DOMAIN_EVENT_CALLBACK (on_agent), reg->watch);
    if (reg->agent >= 0)
        reg->life = subscribe (reg->connection, domain, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                               VIR_DOMAIN_EVENT_CALLBACK (on_life), reg->watch);
    if (reg->life < 0)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot watch %s", vm->name);
    return TRUE;
}

static gboolean
ping_until (GkVm *vm, Watch *watch, gint64 deadline, GCancellable *cancellable, GError **error)
{
    for (;;) {
        guint seen = watch_count (watch);
        g_autoptr (GError) local = NULL;
        gint64 now;

        if (g_cancellable_set_error_if_cancelled (cancellable, error))
            return FALSE;
        if (gk_agent_ping (vm, PING_S, &local))
            return TRUE;
        if (!g_error_matches (local, GK_VMM_ERROR, GK_VMM_ERROR_AGENT) &&
            !g_error_matches (local, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return FALSE;
        }
        now = g_get_monotonic_time ();
        if (now >= deadline) {
            g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT,
                         "the guest agent of %s did not answer in time: is it installed in the "
                         "image, and does the guest boot (see its console)?",
                         vm->name);
            return FALSE;
        }
        /* A ping that timed out has waited enough: somebody is there, but slow. */
        if (g_error_matches (local, GK_VMM_ERROR, GK_VMM_ERROR_AGENT))
            watch_wait (watch, seen, MIN (deadline, now + LOOK_AGAIN_MS * 1000));
    }
}

gboolean
gk_vm_wait_agent (GkVm *vm, guint timeout_ms, GCancellable *cancellable, GError **error)
{
    gint64 deadline = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
    g_auto (Registration) reg = { .agent = -1, .life = -1 };
    gulong handler;
    gboolean ok;

    if (!registration_open (vm, &reg, error))
        return FALSE;
    handler = cancellable
                  ? g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), reg.watch, NULL)
                  : 0;
    ok = ping_until (vm, reg.watch, deadline, cancellable, error);
    g_cancellable_disconnect (cancellable, handler);
    return ok;
}
