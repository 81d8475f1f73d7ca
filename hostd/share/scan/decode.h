/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command line says once the tricks are undone that keep it from being read: as cmd and
 * PowerShell would read it, as far as that is text and needs nothing run. Pure, any thread. */
#pragma once

#include <glib.h>

typedef struct {
    const char *how; /* a constant: which trick was undone last */
    char *text;
} GkDecoded;

void gk_decoded_free (GkDecoded *decoded);

/* Returns: (transfer full) (element-type GkDecoded): what comes out, layer by layer; at most 8, and
 * only what differs from what it was made of */
GPtrArray *gk_decode_command (const char *command);
