/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Triage: what is in this file? DESIGN.md's `triage` object out of a file's bytes, and of what it
 * carries: members are triaged in place, to the limits that stand in triage.c. One thread. */
#pragma once

#include "hostd/share/scan/indicators.h"
#include "hostd/share/scan/walk.h"

/* Rules of others that look at bytes. */
typedef struct {
    gpointer data;
    guint n; /* how many rules there are */
    /* Adds what matches to @findings. FALSE: not all of it was looked at. */
    gboolean (*match) (gpointer data, const GkSpecimen *specimen, GkFindings *findings);
} GkMatcher;

typedef struct {
    GkWalk unpack; /* of archives; %NULL: they are not unpacked, and `deferred` is true */
    const GkMatcher *matcher; /* %NULL: none */
    /* The number of a member (`2`, `2.1`) that is wanted itself; %NULL: none */
    const char *wanted;
    gboolean (*give) (gpointer data, const guint8 *bytes, gsize size);
    gpointer give_data;
} GkTriageOptions;

/**
 * gk_triage:
 *
 * The verdict is of what the file is. `clean` is only for kinds that are known here through and
 * through; others are `unscannable`, unless their name alone makes them worse. A container is as
 * its worst member; one that cannot be looked into whole is `unscannable`, and `trouble` says why.
 *
 * Returns: (transfer full): the object, with `why` (one sentence) and `claims` (what the name
 * makes one believe, or null) beside the documented keys
 */
JsonObject *gk_triage (const GkSpecimen *specimen, const GkTriageOptions *options);

/* Gives the member that @options want. Returns: whether it was there, and could be read whole; if
 * not, @ret_why (transfer full) says why. */
gboolean gk_triage_extract (const GkSpecimen *specimen, const GkTriageOptions *options,
                            char **ret_why);
