/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkand's socket: connections, who is at their end, and the methods of org.genkan.Manager1. Main
 * thread; whatever takes long becomes a job. */
#pragma once

#include "hostd/host.h"
#include "hostd/job.h"

typedef struct _GkServer GkServer;

/* Listens on `<run-dir>/genkand.sock`; a socket that a dead genkand left there is replaced (the
 * caller holds the run directory's lock, so none is alive). */
GkServer *gk_server_start (GkHost *host, GkJobs *jobs, GError **error);

/* Stops listening and removes the socket; connections stay until their jobs have ended. */
void gk_server_stop (GkServer *server);
void gk_server_free (GkServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkServer, gk_server_free)
