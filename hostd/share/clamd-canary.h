/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small harmless archives that no scanner can look into, and that one which fails closed therefore
 * reports. Pure, any thread. */
#pragma once

#include <gio/gio.h>

typedef enum {
    GK_CLAMD_CANARY_ENCRYPTED,
    GK_CLAMD_CANARY_NESTED, /* deeper than clamd can be told to go */
    GK_CLAMD_N_CANARIES,
} GkClamdCanary;

/* What it stands for, and what makes clamd report it: parts of a message. */
const char *gk_clamd_canary_what (GkClamdCanary canary);
const char *gk_clamd_canary_advice (GkClamdCanary canary);

/* Returns: a sealed memory file, or -1 with @error set (G_IO_ERROR) */
int gk_clamd_canary_open (GkClamdCanary canary, GError **error);
