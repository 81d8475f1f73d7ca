/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `genkan open`: a file triaged, put into a fresh disposable, opened there in the user's session, and
 * watched. A job. */
#pragma once

#include "hostd/run.h"

typedef struct {
    GkHost *host;
    GkRunWish wish;
    int fd;     /* the file, as the caller opened it */
    char *name; /* as the caller calls it */
} GkOpen;

void gk_open_free (GkOpen *open);

/* A GkJobFunc; @data: GkOpen. Its result is the report. */
JsonObject *gk_open_run (GkJob *job, gpointer data, GError **error);
