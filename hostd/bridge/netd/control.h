/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netd's answers to genkand (../netd.xml): each request is checked again, carried out in the order
 * that keeps a guest's packets stopped until its policy is in force, and undone where a part of it
 * fails. Main thread. */
#pragma once

#include "hostd/bridge/nic.h"

#include <gio/gio.h>

typedef struct _GkControl GkControl;

/* @on_lost: netd cannot do its work any more. */
typedef void (*GkControlLostFunc) (const char *why, gpointer data);

/* Loads the rules and starts dnsmasq. Nobody can ask anything yet. @packets_per_s: that each guest
 * may send. */
GkControl *gk_control_new (const GkSubnet *subnet, guint packets_per_s, GkControlLostFunc on_lost,
                           gpointer data, GError **error);
void gk_control_free (GkControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkControl, gk_control_free)

/* Serves @connection from now on. */
gboolean gk_control_serve (GkControl *control, GDBusConnection *connection, GError **error);
