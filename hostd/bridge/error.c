/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/bridge.h"

/* Known to GDBus on both sides, so that an error of netd arrives as what it was. */
static const GDBusErrorEntry entries[] = {
    {GK_BRIDGE_ERROR_LOST,     "org.genkan.Netd.Error.Lost"   },
    { GK_BRIDGE_ERROR_REFUSED, "org.genkan.Netd.Error.Refused"},
    { GK_BRIDGE_ERROR_FAILED,  "org.genkan.Netd.Error.Failed" },
};

GQuark
gk_bridge_error_quark (void)
{
    static gsize quark;

    g_dbus_error_register_error_domain ("gk-bridge-error", &quark, entries, G_N_ELEMENTS (entries));
    return (GQuark) quark;
}
