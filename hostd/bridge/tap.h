/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tap devices in the host's namespace, as QEMU needs them before the bridge takes them over.
 * Any thread. Errors are G_IO_ERROR. */
#pragma once

#include <glib.h>

/* Makes the persistent tap @name (IFF_VNET_HDR, no packet information), down, without addresses. */
gboolean gk_tap_create (const char *name, GError **error);

/* Removes @name from the host's namespace; one that is not there is success. */
gboolean gk_tap_delete (const char *name, GError **error);
