/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One triage under way: what is left of its limits, which a file and all that it carries share. */
#pragma once

#include "hostd/share/scan/kind.h"
#include "hostd/share/scan/triage.h"

/* Archives are made to be larger than they look. What is over one of these is `unscannable`. */
enum {
    GK_MEMBERS_MOST = 4096,
    GK_DEPTH_MOST = 8,
    GK_SECONDS_MOST = 4,
    GK_BYTES_MOST = 512 << 20, /* really unpacked, all levels together */
    GK_KEPT_MOST = 80 << 20, /* in memory at one time */
    GK_MEMBER_KEPT = 48 << 20,
    GK_RATIO_MOST = 250,
    GK_RATIO_FROM = 32 << 20, /* bytes from which on the ratio counts */
    GK_TEXT_MOST = 3 << 19, /* of the answer, for what members are in detail */
};

typedef struct {
    const GkTriageOptions *options;
    guint64 bytes, kept;
    guint members;
    gsize text;
    gint64 deadline; /* monotonic */
    gboolean deferred; /* something is left for genkan-scan-deep */
    gboolean unmatched; /* some bytes the matcher did not look at */
    gboolean given; /* the wanted member */
    GkTrouble given_trouble;
} GkTriageJob;

GkTriageJob gk_triage_job (const GkTriageOptions *options);

/**
 * gk_triage_one:
 * @number: of the member that @specimen is, `2.1`; "" of the file itself
 * @trouble: in which it was unpacked
 */
JsonObject *gk_triage_one (GkTriageJob *job, const GkSpecimen *specimen, const char *number,
                           guint depth, GkTrouble trouble, const char *detail);

/* What came of a container. */
typedef struct {
    JsonArray *members; /* of triages */
    GkVerdict worst;
    GkTrouble trouble; /* its own, or the first of a member's */
    char *detail; /* of the trouble */
    char *why; /* of the worst member, with its number */
    guint shortcuts;
} GkContents;

void gk_contents_clear (GkContents *contents);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkContents, gk_contents_clear)

/* Walks through @specimen and triages each member. */
void gk_contents_read (GkTriageJob *job, const GkSpecimen *specimen, GkWalk walk,
                       const char *number, guint depth, GkContents *ret);
