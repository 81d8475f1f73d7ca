/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking through what a file carries: an archive's members, a mail's parts. A walker reads the
 * container and hands each member on, one after the other; it never holds more than a piece of one.
 * Pure but for reading the specimen; one thread. */
#pragma once

#include "hostd/share/scan/specimen.h"

/* Why something in a container could not be looked at; in the order of what is told first. */
typedef enum {
    GK_TROUBLE_NONE,
    GK_TROUBLE_DAMAGED,
    GK_TROUBLE_OVER_LIMIT,
    GK_TROUBLE_ENCRYPTED,
    GK_N_TROUBLES,
} GkTrouble;

const char *gk_trouble_to_string (GkTrouble trouble);

/* Who is told of the members. Each may say FALSE: then the walk ends. */
typedef struct {
    gpointer data;
    gboolean (*begin) (gpointer data, const char *name, gboolean is_file); /* bytes of any make */
    gboolean (*bytes) (gpointer data, const guint8 *bytes, gsize size);
    /* @detail: (nullable): of the trouble, for people */
    gboolean (*end) (gpointer data, GkTrouble trouble, const char *detail);
} GkVisitor;

/* Walks through @specimen. Returns: the container's own trouble, with @ret_detail (transfer full)
 * set where it is one; a walk that the visitor ended has none. */
typedef GkTrouble (*GkWalk) (const GkSpecimen *specimen, const GkVisitor *visitor,
                             char **ret_detail);

/* Mail as it is stored and sent (RFC 5322, MIME). */
GkTrouble gk_walk_mail (const GkSpecimen *specimen, const GkVisitor *visitor, char **ret_detail);
gboolean gk_mail_recognise (const guint8 *data, gsize size);

/* Outlook's messages (MS-OXMSG, in an MS-CFB compound file). */
GkTrouble gk_walk_msg (const GkSpecimen *specimen, const GkVisitor *visitor, char **ret_detail);
gboolean gk_msg_recognise (const guint8 *data, gsize size);
