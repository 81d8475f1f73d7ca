/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/registry.h"

#include "hostd/api/error.h"

struct _GkRegistry {
    GMutex lock;
    GPtrArray *disposables; /* in the order of their making; a host has tens of them */
};

GkRegistry *
gk_registry_new (void)
{
    GkRegistry *registry = g_new0 (GkRegistry, 1);

    g_mutex_init (&registry->lock);
    registry->disposables = g_ptr_array_new_with_free_func ((GDestroyNotify) gk_disposable_unref);
    return registry;
}

void
gk_registry_free (GkRegistry *registry)
{
    if (!registry)
        return;
    g_ptr_array_unref (registry->disposables);
    g_mutex_clear (&registry->lock);
    g_free (registry);
}

/* An id wins over a name that looks like one. */
static GkDisposable *
find_locked (GkRegistry *registry, const char *id_or_name)
{
    GkDisposable *named = NULL;

    for (guint i = 0; i < registry->disposables->len; i++) {
        GkDisposable *at = registry->disposables->pdata[i];

        if (g_str_equal (at->id, id_or_name))
            return at;
        if (g_str_equal (at->name, id_or_name))
            named = at;
    }
    return named;
}

gboolean
gk_registry_add (GkRegistry *registry, GkDisposable *disposable, guint most, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->lock);

    if (find_locked (registry, disposable->name)) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                     "there is a VM '%s' already: choose another name", disposable->name);
        return FALSE;
    }
    if (registry->disposables->len >= most) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                     "%u VMs live already, which is the limit ([vm] most-disposables): remove one "
                     "with 'genkan rm'",
                     registry->disposables->len);
        return FALSE;
    }
    g_ptr_array_add (registry->disposables, gk_disposable_ref (disposable));
    return TRUE;
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
