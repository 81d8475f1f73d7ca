/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disposables that live: by id and by name. Any thread. */
#pragma once

#include "hostd/disposable.h"

GkRegistry *gk_registry_new (void);
void gk_registry_free (GkRegistry *registry);

/* Errors: GK_API_ERROR_USAGE where the name is taken, GK_API_ERROR_REFUSED where there are as many as
 * the configuration allows, in all or of that owner, or where their memory would be too much. */
gboolean gk_registry_add (GkRegistry *registry, GkDisposable *disposable, GError **error);
void gk_registry_remove (GkRegistry *registry, GkDisposable *disposable);

/* Which disposable the events of a machine belong to, from its claim until its rules are gone. */
void gk_registry_bind (GkRegistry *registry, const char *machine, GkDisposable *disposable);
void gk_registry_unbind (GkRegistry *registry, const char *machine);

/* Returns: (transfer full) (nullable): the one that machine serves, or has served */
GkDisposable *gk_registry_served_by (GkRegistry *registry, const char *machine);

/* The memory of the guests of all disposables, bytes. */
guint64 gk_registry_memory (GkRegistry *registry);

/* Returns: (transfer full) (nullable): the one with that id or name */
GkDisposable *gk_registry_find (GkRegistry *registry, const char *id_or_name);

/* Returns: (transfer full) (element-type GkDisposable): all, oldest first */
GPtrArray *gk_registry_list (GkRegistry *registry);
