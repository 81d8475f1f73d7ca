/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pool: machines cloned ahead of time, fitted out and paused, waiting to be claimed. They never had
 * a network, a file or a user.
 *
 * One thread, the keeper, fills it to what genkand.conf says of each image (`[pool IMAGE]`), makes the
 * warm states that this takes, and gives machines up where memory is short or their image has
 * changed. It works when no claim is under way, so that filling slows nobody. Claims take what is
 * ready and never wait for the keeper. Any thread. */
#pragma once

#include "hostd/machine/machine.h"

typedef struct _GkPool GkPool;

/* Starts the keeper, and a timer that gives machines up while memory is short, whatever the keeper is
 * at. Main thread. */
GkPool *gk_pool_new (GkHost *host);

/* Ends the keeper and gives up all that is ready. Any thread; gk_pool_free(), of the main thread, calls
 * it, too. */
void gk_pool_stop (GkPool *pool);
void gk_pool_free (GkPool *pool);

/* Returns: (transfer full) (nullable): a machine of this very image (by digest), paused */
GkMachine *gk_pool_take (GkPool *pool, GkImage *image);

/* Brackets the time in which somebody waits for a machine: the keeper keeps still, for some seconds. */
void gk_pool_hold (GkPool *pool);
void gk_pool_release (GkPool *pool);

/* Gives ready machines up until they hold @bytes less of the guests' memory, or there are none.
 * Returns: how many bytes less they hold */
guint64 gk_pool_give_way (GkPool *pool, guint64 bytes, const char *why);

/* The memory of the guests that are ready or being made, bytes. */
guint64 gk_pool_memory (GkPool *pool);

/* Has a warm state of @image made when there is time. @doubtful: (nullable): one of which a clone did not
 * come up: it is tried first, and thrown away and made anew where another clone fails too. */
void gk_pool_want_warm (GkPool *pool, GkImage *image, GkWarm *doubtful);

/* Returns: (transfer full): `[{image, version, ready, starting, min, max, memory_mib, why}]` */
JsonArray *gk_pool_to_json (GkPool *pool);
