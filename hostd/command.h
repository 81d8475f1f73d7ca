/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `genkan run`: a command in a disposable, as root in the guest, its output streamed to the caller. A
 * job. */
#pragma once

#include "hostd/run.h"

typedef struct {
    GkHost *host;
    GkRunWish wish;
    GkDisposable *disposable; /* (nullable): run in this one and leave it; NULL: in a fresh one */
    char **argv;
} GkCommand;

void gk_command_free (GkCommand *command);

/* A GkJobFunc; @data: GkCommand. Its result is the report, whose `exit` is the command's code. */
JsonObject *gk_command_run (GkJob *job, gpointer data, GError **error);
