/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/registry.h"

#include "hostd/api/error.h"

struct _GkRegistry {
    GMutex lock;
    GPtrArray *disposables; /* in the order of their making; a host has tens of them */
    GHashTable *served; /* machine's id -> GkDisposable */
};

GkRegistry *
gk_registry_new (void)
{
    GkRegistry *registry = g_new0 (GkRegistry, 1);

    g_mutex_init (&registry->lock);
    registry->disposables = g_ptr_array_new_with_free_func ((GDestroyNotify) gk_disposable_unref);
    registry->served = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify) gk_disposable_unref);
    return registry;
}

void
gk_registry_free (GkRegistry *registry)
{
    if (!registry)
        return;
    g_ptr_array_unref (registry->disposables);
    g_hash_table_unref (registry->served);
    g_mutex_clear (&registry->lock);
    g_free (registry);
}

/* One that is being removed keeps neither its name nor its place. */
static gboolean
is_going (GkDisposable *disposable)
{
    return gk_disposable_state (disposable) >= GK_DISPOSABLE_DISPOSING;
}

/* An id wins over a name that looks like one, and a living name over one that is going. */
static GkDisposable *
find_locked (GkRegistry *registry, const char *id_or_name)
{
    GkDisposable *named = NULL;

    for (guint i = 0; i < registry->disposables->len; i++) {
        GkDisposable *at = registry->disposables->pdata[i];

        if (g_str_equal (at->id, id_or_name))
            return at;
        if (g_str_equal (at->name, id_or_name) && (!named || is_going (named)))
            named = at;
    }
    return named;
}

/* What @owner (NULL: all) has. One that is going holds its drop box and its overlay until what it
 * left was looked at; so it counts for something, if for less. */
typedef struct {
    guint living, going;
    guint64 memory; /* of the living, bytes */
} Held;

static Held
count_locked (GkRegistry *registry, const uid_t *owner)
{
    Held held = { 0 };

    for (guint i = 0; i < registry->disposables->len; i++) {
        GkDisposable *at = registry->disposables->pdata[i];

        if (owner && at->owner != *owner)
            continue;
        if (is_going (at)) {
            held.going++;
            continue;
        }
        held.living++;
        held.memory += (guint64) at->image->memory_mib << 20;
    }
    return held;
}

static gboolean
refuse (GError **error, guint count, const char *whose, const char *key)
{
    g_set_error (
        error, GK_API_ERROR, GK_API_ERROR_REFUSED,
        "%s %u VMs already, which is the limit ([vm] %s): remove one with 'genkan rm', or wait "
        "until those that were removed are gone",
        whose, count, key);
    return FALSE;
}

static gboolean
check_quota (GkRegistry *registry, GkDisposable *disposable, GError **error)
{
    const GkHost *host = disposable->host;
    Held all = count_locked (registry, NULL), own = count_locked (registry, &disposable->owner);
    guint64 memory = all.memory + ((guint64) disposable->image->memory_mib << 20);

    if (all.living >= host->config->most_disposables)
        return refuse (error, all.living, "there are", "most-disposables");
    if (own.living >= host->config->most_per_user)
        return refuse (error, own.living, "you have", "most-per-user");
    if (own.living + own.going >= 2 * host->config->most_per_user)
        return refuse (error, own.living + own.going, "you have", "most-per-user");
    if (memory <= host->memory_limit)
        return TRUE;
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                 "the VMs would take %" G_GUINT64_FORMAT " MiB of memory, and %" G_GUINT64_FORMAT
                 " are allowed ([vm] memory-mib): remove one with 'genkan rm'",
                 memory >> 20, host->memory_limit >> 20);
    return FALSE;
}

gboolean
gk_registry_add (GkRegistry *registry, GkDisposable *disposable, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);

    GkDisposable *same = find_locked (registry, disposable->name);

    if (same && !is_going (same)) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                     "there is a VM '%s' already: choose another name", disposable->name);
        return FALSE;
    }
    if (!check_quota (registry, disposable, error))
        return FALSE;
    g_ptr_array_add (registry->disposables, gk_disposable_ref (disposable));
    return TRUE;
}

void
gk_registry_bind (GkRegistry *registry, const char *machine, GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);

    g_hash_table_replace (registry->served, g_strdup (machine), gk_disposable_ref (disposable));
}

void
gk_registry_unbind (GkRegistry *registry, const char *machine)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);

    g_hash_table_remove (registry->served, machine);
}

GkDisposable *
gk_registry_served_by (GkRegistry *registry, const char *machine)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);
    GkDisposable *found = g_hash_table_lookup (registry->served, machine);

    return found ? gk_disposable_ref (found) : NULL;
}

guint64
gk_registry_memory (GkRegistry *registry)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);

    return count_locked (registry, NULL).memory;
}

void
gk_registry_remove (GkRegistry *registry, GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);

    g_ptr_array_remove (registry->disposables, disposable);
}

GkDisposable *
gk_registry_find (GkRegistry *registry, const char *id_or_name)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);
    GkDisposable *found = find_locked (registry, id_or_name);

    return found ? gk_disposable_ref (found) : NULL;
}

GPtrArray *
gk_registry_list (GkRegistry *registry)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);
    GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) gk_disposable_unref);

    for (guint i = 0; i < registry->disposables->len; i++)
        g_ptr_array_add (all, gk_disposable_ref (registry->disposables->pdata[i]));
    return all;
}
