/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/machine/pool.h"

#include "base/json.h"
#include "hostd/machine/pressure.h"
#include "hostd/reaper.h"
#include "hostd/recover.h"
#include "hostd/registry.h"

#include <string.h>

/* How often the keeper looks round; how long it leaves a claim alone; how long an image that
 * failed. */
enum { LOOK_MS = 5000, QUIET_MS = 400, PATIENCE_MS = 5000, RECENT_S = 60, RELIEVE_S = 2 };
enum { FIRST_RETRY_S = 10, LONGEST_RETRY_S = 600 };

/* One image's share of the pool. `config` never changes; all else is under the pool's lock. */
typedef struct {
    const GkPoolConfig *config;
    GkImage *image; /* what the reference means now; NULL: there is none */
    GPtrArray *ready; /* of GkMachine, oldest first */
    gboolean starting;
    gint64 claims[16]; /* monotonic times of the last ones */
    guint claimed;
    guint failures;
    gint64 not_before; /* monotonic */
    char *why; /* what the keeper thinks of it */
} Entry;

/* A warm state to make, or to try. */
typedef struct {
    GkImage *image;
    GkWarm *doubted; /* a clone of it has failed a claim; NULL: there is none yet */
} Wish;

struct _GkPool {
    GkHost *host;
    guint relieving; /* source id */
    GThread *keeper;
    GkJob *job; /* the keeper's: its cancellable ends what it does */
    GMutex lock;
    GCond changed;
    gboolean stopping;
    guint holds; /* claims under way */
    gint64 last_claim; /* monotonic */
    GPtrArray *entries;
    GPtrArray *wishes;
    char *failed; /* digest of the image whose state could last not be made, and until when it rests
                   */
    gint64 failed_until;
};

static void
entry_free (gpointer data)
{
    Entry *entry = data;

    gk_image_unref (entry->image);
    g_ptr_array_unref (entry->ready);
    g_free (entry->why);
    g_free (entry);
}

static void
wish_free (gpointer data)
{
    Wish *wish = data;

    gk_image_unref (wish->image);
    gk_warm_unref (wish->doubted);
    g_free (wish);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Wish, wish_free)

/* --- under the lock ------------------------------------------------------------------------- */

static void
say (Entry *entry, const char *why)
{
    g_free (entry->why);
    entry->why = g_strdup (why);
}

static guint64
bytes_of (GkImage *image)
{
    return (guint64) image->memory_mib << 20;
}

static guint64
memory_locked (GkPool *pool)
{
    guint64 bytes = 0;

    for (guint i = 0; i < pool->entries->len; i++) {
        Entry *entry = pool->entries->pdata[i];

        if (entry->image)
            bytes += (entry->ready->len + entry->starting) * bytes_of (entry->image);
    }
    return bytes;
}

/* More where many were claimed of late. */
static guint
target (const Entry *entry)
{
    gint64 since = g_get_monotonic_time () - RECENT_S * G_USEC_PER_SEC;
    guint recent = 0;

    for (gsize i = 0; i < MIN (entry->claimed, G_N_ELEMENTS (entry->claims)); i++)
        recent += entry->claims[i] > since;
    return CLAMP (recent, entry->config->min, entry->config->max);
}

static void
give_up_one (GkPool *pool, Entry *entry)
{
    gk_reaper_take (pool->host->reaper, g_ptr_array_steal_index (entry->ready, 0));
}

static void
give_up_all (GkPool *pool, Entry *entry)
{
    while (entry->ready->len > 0)
        give_up_one (pool, entry);
}

static guint64
give_way_locked (GkPool *pool, guint64 bytes, const char *why)
{
    guint64 given = 0;

    for (guint i = 0; i < pool->entries->len; i++) {
        Entry *entry = pool->entries->pdata[i];

        while (given < bytes && entry->ready->len > 0) {
            given += bytes_of (entry->image);
            give_up_one (pool, entry);
            say (entry, why);
        }
    }
    return given;
}

/* --- the keeper ----------------------------------------------------------------------------- */

/* TRUE where nobody is in the way; FALSE when the pool is to stop. */
static gboolean
wait_for_quiet (GkPool *pool)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);
    gint64 patience = g_get_monotonic_time () + PATIENCE_MS * G_TIME_SPAN_MILLISECOND;

    for (;;) {
        gint64 quiet = pool->last_claim + QUIET_MS * G_TIME_SPAN_MILLISECOND;

        if (pool->stopping)
            return FALSE;
        if (g_get_monotonic_time () >= patience ||
            (pool->holds == 0 && g_get_monotonic_time () >= quiet))
            return TRUE;
        g_cond_wait_until (&pool->changed, &pool->lock,
                           g_get_monotonic_time () + QUIET_MS * G_TIME_SPAN_MILLISECOND);
    }
}

static void
note_failure (GkPool *pool, Entry *entry, const GError *error)
{
    guint wait = MIN (FIRST_RETRY_S << MIN (entry->failures, 6), LONGEST_RETRY_S);
    g_autofree char *why = g_strdup_printf (
        "the last one failed (see genkand's log); it is tried again after %u s", wait);

    g_warning ("pool of %s: %s", entry->config->image, error->message);
    g_mutex_lock (&pool->lock);
    entry->failures++;
    entry->not_before = g_get_monotonic_time () + wait * G_USEC_PER_SEC;
    say (entry, why);
    g_mutex_unlock (&pool->lock);
}

/* Another image than the one that machines are ready of makes them useless. */
static gboolean
look_up_image (GkPool *pool, Entry *entry, GError **error)
{
    GkImage *image = gk_image_load (pool->host->state_dir, entry->config->image, error);

    g_mutex_lock (&pool->lock);
    if (!image || !entry->image || !g_str_equal (image->digest, entry->image->digest))
        give_up_all (pool, entry);
    gk_image_unref (entry->image);
    entry->image = image;
    g_mutex_unlock (&pool->lock);
    return image != NULL;
}

/* Machines of a state that is no longer the one, or was touched, go. */
static void
drop_stale (GkPool *pool, Entry *entry, GkWarm *warm)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    for (guint i = entry->ready->len; i-- > 0;) {
        GkMachine *machine = entry->ready->pdata[i];

        if (g_str_equal (machine->warm->digest, warm->digest))
            continue;
        say (entry, "its warm state was made anew");
        gk_reaper_take (pool->host->reaper, g_ptr_array_steal_index (entry->ready, i));
    }
}

static void
drop_dead (GkPool *pool, Entry *entry)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    for (guint i = entry->ready->len; i-- > 0;) {
        GkMachine *machine = entry->ready->pdata[i];

        if (gk_vm_is_alive (machine->vm))
            continue;
        g_warning ("machine %s of the pool has ended by itself", machine->id);
        gk_reaper_take (pool->host->reaper, g_ptr_array_steal_index (entry->ready, i));
    }
}

/* Under the lock. */
static gboolean
fits (GkPool *pool, Entry *entry)
{
    GkHost *host = pool->host;
    guint64 pooled = memory_locked (pool) + bytes_of (entry->image);

    return pooled <= host->config->pool_memory &&
           pooled + gk_registry_memory (host->registry) <= host->memory_limit;
}

static gboolean
is_wanted (GkPool *pool, Entry *entry)
{
    GkPressure pressure = { 0 };
    g_autofree char *why = NULL;
    gboolean high = gk_pressure_read (&pressure, NULL) &&
                    gk_pressure_is_high (&pressure, pool->host->config->pool_keep_free, &why);
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    if (high) {
        say (entry, why);
    } else if (entry->ready->len >= target (entry)) {
        say (entry, "full");
    } else if (!fits (pool, entry)) {
        say (entry, "the memory of [pool] memory-mib or [vm] memory-mib is used up");
    } else {
        entry->starting = TRUE;
        say (entry, "filling");
    }
    return entry->starting;
}

/* A machine that is being made holds its memory already (`starting`). */
static gboolean
add_one (GkPool *pool, Entry *entry, GkWarm *warm, GError **error)
{
    g_autoptr (GkMachine) machine = gk_machine_new (pool->host, entry->image, error);
    gboolean ok = machine && gk_machine_clone (machine, warm, pool->job, error) &&
                  gk_machine_fit_out (machine, pool->job, error) &&
                  gk_machine_rehearse (machine, pool->job, error) &&
                  gk_vm_suspend (machine->vm, error);

    g_mutex_lock (&pool->lock);
    entry->starting = FALSE;
    if (ok && !pool->stopping) {
        g_ptr_array_add (entry->ready, g_steal_pointer (&machine));
        entry->failures = 0;
        g_cond_broadcast (&pool->changed);
    }
    g_mutex_unlock (&pool->lock);
    if (machine)
        gk_reaper_take (pool->host->reaper, g_steal_pointer (&machine));
    return ok;
}

/* Returns: whether there is more to do for it at once. */
static gboolean
tend (GkPool *pool, Entry *entry)
{
    g_autoptr (GkWarm) warm = NULL;
    g_autoptr (GError) error = NULL;
    gboolean more = FALSE;

    if (g_get_monotonic_time () < entry->not_before)
        return FALSE;
    if (look_up_image (pool, entry, &error))
        warm = gk_warm_make (pool->host, entry->image, pool->job, NULL, &error);
    if (warm) {
        drop_stale (pool, entry, warm);
        drop_dead (pool, entry);
        more = is_wanted (pool, entry) && add_one (pool, entry, warm, &error);
        /* One machine may fail for many reasons; when the next one does too, it is the state's
         * fault. */
        if (error && gk_warm_is_to_blame (error))
            gk_warm_try (pool->host, entry->image, warm, pool->job, NULL);
    }
    if (error && !g_cancellable_is_cancelled (gk_job_cancellable (pool->job)))
        note_failure (pool, entry, error);
    return more;
}

/* Old versions that nobody uses any more are not worth a state. */
static gboolean
is_newest (GkPool *pool, GkImage *image)
{
    g_autoptr (GkImage) newest = gk_image_load (pool->host->state_dir, image->name, NULL);

    return newest && g_str_equal (newest->digest, image->digest);
}

static Wish *
next_wish (GkPool *pool)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    return pool->wishes->len > 0 ? g_ptr_array_steal_index (pool->wishes, 0) : NULL;
}

static void
fulfil (GkPool *pool, Wish *wish)
{
    g_autoptr (GkWarm) warm = NULL;
    g_autoptr (GError) error = NULL;

    if (!is_newest (pool, wish->image) ||
        (wish->doubted && gk_warm_try (pool->host, wish->image, wish->doubted, pool->job, NULL)))
        return;
    warm = gk_warm_make (pool->host, wish->image, pool->job, NULL, &error);
    if (warm || g_cancellable_is_cancelled (gk_job_cancellable (pool->job)))
        return;
    g_warning ("%s", error->message);
    g_mutex_lock (&pool->lock);
    g_free (pool->failed);
    pool->failed = g_strdup (wish->image->digest);
    pool->failed_until = g_get_monotonic_time () + LONGEST_RETRY_S * G_USEC_PER_SEC;
    g_mutex_unlock (&pool->lock);
}

static void
look_round (GkPool *pool)
{
    g_autoptr (Wish) wish = NULL;
    gboolean more;

    if (!gk_recover (pool->host, NULL))
        return;
    do {
        more = FALSE;
        for (guint i = 0; i < pool->entries->len; i++) {
            if (!wait_for_quiet (pool))
                return;
            more |= tend (pool, pool->entries->pdata[i]);
        }
    } while (more);
    if (wait_for_quiet (pool) && (wish = next_wish (pool)))
        fulfil (pool, wish);
}

static gpointer
keep (gpointer data)
{
    GkPool *pool = data;

    for (;;) {
        gint64 until = g_get_monotonic_time () + LOOK_MS * G_TIME_SPAN_MILLISECOND;

        look_round (pool);
        g_mutex_lock (&pool->lock);
        if (!pool->stopping && pool->wishes->len == 0)
            g_cond_wait_until (&pool->changed, &pool->lock, until);
        if (pool->stopping) {
            g_mutex_unlock (&pool->lock);
            return NULL;
        }
        g_mutex_unlock (&pool->lock);
    }
}

/* --- from outside --------------------------------------------------------------------------- */

/* While memory is short, one machine goes every few seconds. */
static gboolean
relieve (gpointer data)
{
    GkPool *pool = data;
    GkPressure pressure = { 0 };
    g_autofree char *why = NULL;

    if (gk_pressure_read (&pressure, NULL) &&
        gk_pressure_is_high (&pressure, pool->host->config->pool_keep_free, &why))
        gk_pool_give_way (pool, 1, why);
    return G_SOURCE_CONTINUE;
}

GkPool *
gk_pool_new (GkHost *host)
{
    GkPool *pool = g_new0 (GkPool, 1);

    pool->host = host;
    pool->job = gk_job_new_unattended ();
    g_mutex_init (&pool->lock);
    g_cond_init (&pool->changed);
    pool->entries = g_ptr_array_new_with_free_func (entry_free);
    pool->wishes = g_ptr_array_new_with_free_func (wish_free);
    for (guint i = 0; host->config->warm && i < host->config->pools->len; i++) {
        Entry *entry = g_new0 (Entry, 1);

        entry->config = host->config->pools->pdata[i];
        entry->ready = g_ptr_array_new ();
        entry->why = g_strdup ("not looked at yet");
        g_ptr_array_add (pool->entries, entry);
    }
    pool->relieving = g_timeout_add_seconds (RELIEVE_S, relieve, pool);
    pool->keeper = g_thread_new ("pool", keep, pool);
    return pool;
}

void
gk_pool_stop (GkPool *pool)
{
    g_mutex_lock (&pool->lock);
    pool->stopping = TRUE;
    g_cond_broadcast (&pool->changed);
    g_mutex_unlock (&pool->lock);
    gk_job_cancel (pool->job);
    if (pool->keeper)
        g_thread_join (g_steal_pointer (&pool->keeper));
    g_mutex_lock (&pool->lock);
    for (guint i = 0; i < pool->entries->len; i++)
        give_up_all (pool, pool->entries->pdata[i]);
    g_mutex_unlock (&pool->lock);
}

void
gk_pool_free (GkPool *pool)
{
    if (!pool)
        return;
    g_source_remove (pool->relieving);
    gk_pool_stop (pool);
    g_free (pool->failed);
    gk_job_free_unattended (pool->job);
    g_ptr_array_unref (pool->entries);
    g_ptr_array_unref (pool->wishes);
    g_mutex_clear (&pool->lock);
    g_cond_clear (&pool->changed);
    g_free (pool);
}

GkMachine *
gk_pool_take (GkPool *pool, GkImage *image)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    for (guint i = 0; i < pool->entries->len; i++) {
        Entry *entry = pool->entries->pdata[i];

        if (!entry->image || !g_str_equal (entry->image->digest, image->digest))
            continue;
        entry->claims[entry->claimed++ % G_N_ELEMENTS (entry->claims)] = g_get_monotonic_time ();
        if (entry->ready->len > 0)
            return g_ptr_array_steal_index (entry->ready, 0);
    }
    return NULL;
}

void
gk_pool_hold (GkPool *pool)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    pool->holds++;
}

void
gk_pool_release (GkPool *pool)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    pool->holds--;
    pool->last_claim = g_get_monotonic_time ();
    g_cond_broadcast (&pool->changed);
}

guint64
gk_pool_give_way (GkPool *pool, guint64 bytes, const char *why)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    return give_way_locked (pool, bytes, why);
}

guint64
gk_pool_memory (GkPool *pool)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);

    return memory_locked (pool);
}

void
gk_pool_want_warm (GkPool *pool, GkImage *image, GkWarm *doubtful)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);
    Wish *wish;

    if (g_strcmp0 (pool->failed, image->digest) == 0 &&
        g_get_monotonic_time () < pool->failed_until)
        return;
    for (guint i = 0; i < pool->wishes->len; i++)
        if (g_str_equal (((Wish *) pool->wishes->pdata[i])->image->digest, image->digest))
            return;
    wish = g_new0 (Wish, 1);
    wish->image = gk_image_ref (image);
    wish->doubted = doubtful ? gk_warm_ref (doubtful) : NULL;
    g_ptr_array_add (pool->wishes, wish);
    g_cond_broadcast (&pool->changed);
}

static JsonObject *
describe (const Entry *entry)
{
    JsonObject *object = json_object_new ();
    GkImage *image = entry->image;

    json_object_set_string_member (object, "image", image ? image->name : entry->config->image);
    gk_json_set_text (object, "version", image ? image->version : NULL);
    json_object_set_int_member (object, "ready", entry->ready->len);
    json_object_set_int_member (object, "starting", entry->starting);
    json_object_set_int_member (object, "min", entry->config->min);
    json_object_set_int_member (object, "max", entry->config->max);
    json_object_set_int_member (object, "memory_mib",
                                image ? (entry->ready->len + entry->starting) * image->memory_mib
                                      : 0);
    json_object_set_string_member (object, "why", entry->why);
    return object;
}

JsonArray *
gk_pool_to_json (GkPool *pool)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&pool->lock);
    JsonArray *array = json_array_new ();

    for (guint i = 0; i < pool->entries->len; i++)
        json_array_add_object_element (array, describe (pool->entries->pdata[i]));
    return array;
}
