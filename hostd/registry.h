/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disposables that live: by id and by name. Any thread. */
#pragma once

#include "hostd/disposable.h"

GkRegistry *gk_registry_new (void);
void gk_registry_free (GkRegistry *registry);

/* Errors: GK_API_ERROR_USAGE where the name is taken, GK_API_ERROR_REFUSED where there are @most. */
gboolean gk_registry_add (GkRegistry *registry, GkDisposable *disposable, guint most,
                          GError **error);
void gk_registry_remove (GkRegistry *registry, GkDisposable *disposable);

/* Returns: (transfer full) (nullable): the one with that id or name */
GkDisposable *gk_registry_find (GkRegistry *registry, const char *id_or_name);

/* Returns: (transfer full) (element-type GkDisposable): all, oldest first */
GPtrArray *gk_registry_list (GkRegistry *registry);
