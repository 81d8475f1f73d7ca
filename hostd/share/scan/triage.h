/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Triage: what is in this file? DESIGN.md's `triage` object out of a file's bytes. Pure. */
#pragma once

#include <json-glib/json-glib.h>

typedef struct {
    const char *name;   /* (nullable): as claimed, of any make */
    const guint8 *head; /* the file's first bytes, all of them where `size` is not more */
    gsize head_size;
    guint64 size;       /* of the whole file */
    const char *sha256; /* (nullable): of the whole file; %NULL: it was not read to its end */
} GkSpecimen;

/**
 * gk_triage:
 *
 * The verdict is of what the file is. `clean` is only for kinds that are known here through and
 * through; others are `unscannable`, unless their name alone makes them worse.
 *
 * Returns: (transfer full): the object, with `why` (one sentence) and `claims` (what the name
 * makes one believe, or null) beside the documented keys
 */
JsonObject *gk_triage (const GkSpecimen *specimen);
