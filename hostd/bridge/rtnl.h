/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few requests of rtnetlink(7) that the bridge needs, over libmnl.
 *
 * A handle speaks to the network namespace that its thread was in when it was opened, whatever
 * namespace it is in later. One thread at a time. IPv4 addresses are in host byte order. Errors are
 * G_IO_ERROR. */
#pragma once

#include <glib.h>

typedef struct _GkRtnl GkRtnl;

GkRtnl *gk_rtnl_open (GError **error);
void gk_rtnl_close (GkRtnl *rtnl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkRtnl, gk_rtnl_close)

/* Returns: the link's index, or 0 with @error set (G_IO_ERROR_NOT_FOUND where there is none) */
guint gk_rtnl_index (GkRtnl *rtnl, const char *name, GError **error);

/* Likewise, and G_IO_ERROR_NOT_REGULAR_FILE where the link is no tap device. */
guint gk_rtnl_tap_index (GkRtnl *rtnl, const char *name, GError **error);

/* Returns: (transfer full) (element-type utf8): names of all tap devices */
GPtrArray *gk_rtnl_taps (GkRtnl *rtnl, GError **error);

/* Moves a link into the network namespace that the descriptor @netns stands for. */
gboolean gk_rtnl_move (GkRtnl *rtnl, guint index, int netns, GError **error);

gboolean gk_rtnl_set_up (GkRtnl *rtnl, guint index, gboolean up, GError **error);
gboolean gk_rtnl_set_group (GkRtnl *rtnl, guint index, guint group, GError **error);
gboolean gk_rtnl_delete (GkRtnl *rtnl, guint index, GError **error);

/* Makes a veth pair, its second end in @peer_netns. G_IO_ERROR_EXISTS where a name is taken. */
gboolean gk_rtnl_add_veth (GkRtnl *rtnl, const char *name, const char *peer, int peer_netns,
                           GError **error);

/* These three replace what is there. No route into the address's network comes with it. */
gboolean gk_rtnl_add_address (GkRtnl *rtnl, guint index, guint32 address, guint prefix,
                              GError **error);
gboolean gk_rtnl_add_neighbour (GkRtnl *rtnl, guint index, guint32 address, const guint8 mac[6],
                                GError **error);

typedef struct {
    guint table;
    guint32 destination;
    guint prefix;    /* 0: the default route */
    guint32 gateway; /* 0: directly */
    guint32 source;  /* preferred; 0: none */
    guint index;
} GkRoute;

gboolean gk_rtnl_add_route (GkRtnl *rtnl, const GkRoute *route, GError **error);

/* A routing rule: packets with @mark, or from interface @iif, or all of them, look into @table, or
 * are dropped without an answer where that is 0. One that is there already is success. */
typedef struct {
    guint priority;
    guint mark;      /* 0: any */
    const char *iif; /* NULL: any */
    guint table;
} GkRoutingRule;

gboolean gk_rtnl_add_rule (GkRtnl *rtnl, const GkRoutingRule *rule, GError **error);
