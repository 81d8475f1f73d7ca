/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done behind a caller's back, so that nobody waits for a tearing-down: machines taken down,
 * runs closed. What it does not get to do because genkand is killed, the next start does (recover.h).
 * Any thread. */
#pragma once

#include "hostd/machine/machine.h"

typedef struct _GkReaper GkReaper;

GkReaper *gk_reaper_new (void);

/* Waits until all is done, and tries once more what resisted. What still does stays for the next start. */
void gk_reaper_free (GkReaper *reaper);

/* Takes @machine down, killing it first; again and again where something resists. */
void gk_reaper_take (GkReaper *reaper, GkMachine *machine); /* (transfer full) */

/* What @func is about. */
typedef enum {
    GK_REAPER_LOOK,  /* looks at a former machine: waits for no other call */
    GK_REAPER_CLOSE, /* closes a run: may wait for looks at machines of it */
} GkReaperCall;

/* Calls @func in a thread of the reaper; those of a kind in the order of these calls, a few at a time. */
typedef void (*GkReaperFunc) (gpointer data);
void gk_reaper_call (GkReaper *reaper, GkReaperCall kind, GkReaperFunc func, gpointer data);
