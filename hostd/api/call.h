/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call of a method of org.genkan.Manager1: what its caller named, as far as it may touch it, and the
 * replies. Main thread. */
#pragma once

#include "hostd/api/roles.h"
#include "hostd/disposable.h"
#include "hostd/job.h"
#include "hostd/run.h"

typedef struct {
    GkHost *host;
    GkJobs *jobs;
    const GkCaller *caller;
    GDBusMethodInvocation *invocation;
    GDBusConnection *connection;
    GVariant *parameters;
} GkCall;

/* Whether the caller may touch what @owner has: its own, or everyone's for an operator. */
gboolean gk_call_may_touch (GkCall *call, uid_t owner);

/* The living disposable with that id or name. Somebody else's is as good as none. Errors:
 * GK_API_ERROR_NOT_FOUND. */
GkDisposable *gk_call_find_vm (GkCall *call, const char *name, GError **error);

/* Returns: (transfer full): the folder of the run @id, alive or closed. Errors:
 * GK_API_ERROR_NOT_FOUND. */
char *gk_call_find_run (GkCall *call, const char *id, GError **error);

/* A descriptor that came with the call, or -1. Errors: GK_API_ERROR_USAGE. */
int gk_call_take_fd (GkCall *call, gint32 handle, GError **error);

/* Reads an `a{sv}` of options. Errors: GK_API_ERROR_USAGE for one that is unknown. */
gboolean gk_call_read_wish (GkCall *call, GVariant *options, GkRunWish *wish, GError **error);

/* Replies take over what they are given. */
gboolean gk_reply_object (GkCall *call, JsonObject *object);
gboolean gk_reply_array (GkCall *call, JsonArray *array);

/* Begins a job and replies with it; @data is taken over whatever comes of it. */
gboolean gk_reply_job (GkCall *call, GkJobFunc func, gpointer data, GDestroyNotify free_data,
                       GError **error);
