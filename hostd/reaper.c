/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/reaper.h"

/* Each kind has threads of its own: a closing waits for looks, and must not be what keeps them from
 * running. Taking a domain down is mostly waiting for libvirt. */
enum { AT_ONCE = 4, AGAIN_MS = 5000 };

struct _GkReaper {
    GThreadPool *machine_threads, *call_threads[GK_REAPER_CLOSE + 1];
    GMutex lock;
    GCond changed;
    guint machines; /* given to us and not yet gone */
    gboolean ending; /* what resists is left */
};

typedef struct {
    GkReaperFunc func;
    gpointer data;
} Call;

static void
wait_a_while (GkReaper *reaper)
{
    gint64 until = g_get_monotonic_time () + AGAIN_MS * G_TIME_SPAN_MILLISECOND;

    g_mutex_lock (&reaper->lock);
    while (!reaper->ending && g_cond_wait_until (&reaper->changed, &reaper->lock, until)) {
    }
    g_mutex_unlock (&reaper->lock);
}

static gboolean
is_ending (GkReaper *reaper)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&reaper->lock);

    return reaper->ending;
}

static gboolean
try (GkMachine *machine)
{
    g_autoptr (GError) error = NULL;

    /* While it may live, nothing is taken from under it. */
    if (gk_machine_kill (machine, &error) && gk_machine_take_down (machine, &error))
        return TRUE;
    g_warning ("%s", error->message);
    return FALSE;
}

/* One that resists goes to the end of the queue, so that it does not hold the others up for ever.
 */
static void
reap (gpointer item, gpointer data)
{
    GkMachine *machine = item;
    GkReaper *reaper = data;

    if (!try (machine)) {
        if (!is_ending (reaper)) {
            wait_a_while (reaper);
            g_thread_pool_push (reaper->machine_threads, machine, NULL);
            return;
        }
        g_warning ("machine %s is left to the next start of genkand", machine->id);
    }
    gk_machine_unref (machine);
    g_mutex_lock (&reaper->lock);
    reaper->machines--;
    g_cond_broadcast (&reaper->changed);
    g_mutex_unlock (&reaper->lock);
}

static void
call (gpointer item, gpointer data)
{
    Call *wanted = item;

    wanted->func (wanted->data);
    g_free (wanted);
}

GkReaper *
gk_reaper_new (void)
{
    GkReaper *reaper = g_new0 (GkReaper, 1);

    g_mutex_init (&reaper->lock);
    g_cond_init (&reaper->changed);
    reaper->machine_threads = g_thread_pool_new (reap, reaper, AT_ONCE, FALSE, NULL);
    for (guint i = 0; i < G_N_ELEMENTS (reaper->call_threads); i++)
        reaper->call_threads[i] = g_thread_pool_new (call, reaper, AT_ONCE, FALSE, NULL);
    return reaper;
}

void
gk_reaper_free (GkReaper *reaper)
{
    if (!reaper)
        return;
    /* Calls first, the waiting ones before those that they wait for: they may still give us
     * machines. */
    for (guint i = G_N_ELEMENTS (reaper->call_threads); i-- > 0;)
        g_thread_pool_free (reaper->call_threads[i], FALSE, TRUE);
    g_mutex_lock (&reaper->lock);
    reaper->ending = TRUE;
    g_cond_broadcast (&reaper->changed);
    /* One that resists is pushed again: the threads may end only when there are no more. */
    while (reaper->machines > 0)
        g_cond_wait (&reaper->changed, &reaper->lock);
    g_mutex_unlock (&reaper->lock);
    g_thread_pool_free (reaper->machine_threads, FALSE, TRUE);
    g_mutex_clear (&reaper->lock);
    g_cond_clear (&reaper->changed);
    g_free (reaper);
}

void
gk_reaper_take (GkReaper *reaper, GkMachine *machine)
{
    /* Where it is not its turn yet, the guest ends now all the same. */
    if (g_thread_pool_get_num_threads (reaper->machine_threads) >= AT_ONCE)
        gk_machine_strike (machine);
    g_mutex_lock (&reaper->lock);
    reaper->machines++;
    g_mutex_unlock (&reaper->lock);
    g_thread_pool_push (reaper->machine_threads, machine, NULL);
}

void
gk_reaper_call (GkReaper *reaper, GkReaperCall kind, GkReaperFunc func, gpointer data)
{
    g_thread_pool_push (reaper->call_threads[kind],
                        g_memdup2 (&(Call) { func, data }, sizeof (Call)), NULL);
}
