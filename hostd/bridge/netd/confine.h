/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up rights: after this the process, and dnsmasq below it, see system programs read-only and
 * an empty /run, are an unprivileged user, and hold three capabilities, which reach no further than
 * the bridge's network namespace. For a process of one thread. Errors are G_IO_ERROR. */
#pragma once

#include <glib.h>

/* Descriptors, core dumps; libnftables aborts where one of 1,024 or more is open. */
gboolean gk_confine_limits (GError **error);

/* A new root with /usr and /etc (read-only), two devices, and a small /run of its own that goes with the
 * process. */
gboolean gk_confine_files (GError **error);

/* Becomes the user `_genkan-netd`, or where there is none, `nobody`, with CAP_NET_ADMIN,
 * CAP_NET_RAW and CAP_NET_BIND_SERVICE, for good. */
gboolean gk_confine_rights (GError **error);
