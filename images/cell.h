/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A build's own process, the first in a PID namespace, with a mount namespace: when it ends, however
 * it ends, the kernel ends all that it started and undoes all that it mounted. And it ends with the
 * process that waits for it, should that be killed. */
#pragma once

#include <glib.h>

typedef int (*GkCellMain) (gpointer data);

typedef enum {
    GK_CELL_EXITED,
    GK_CELL_CANCELLED, /* by SIGINT, SIGTERM or SIGHUP to the process that waits */
    GK_CELL_KILLED,    /* by somebody else */
} GkCellEnd;

/**
 * gk_cell_run:
 * @main: what to do there; its result is the exit code
 * @ret_code: (out): that code, where it ended by itself
 *
 * Call it before there is a second thread. Needs root. Errors are G_IO_ERROR.
 */
gboolean gk_cell_run (GkCellMain main, gpointer data, GkCellEnd *ret_end, int *ret_code,
                      GError **error);
