/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/tap.h"

#include "base/fd.h"
#include "hostd/bridge/rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

gboolean
gk_tap_create (const char *name, GError **error)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL };
    gk_autofd int tun = -1;

    if (strlen (name) >= sizeof request.ifr_name)
        return gk_set_errno (error, ENAMETOOLONG, "cannot make tap %s", name);
    g_strlcpy (request.ifr_name, name, sizeof request.ifr_name);
    tun = open ("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tun < 0)
        return gk_set_errno (error, errno, "cannot open /dev/net/tun");
    if (ioctl (tun, TUNSETIFF, &request) < 0 || ioctl (tun, TUNSETPERSIST, 1) < 0)
        return gk_set_errno (error, errno, "cannot make tap %s", name);
    return TRUE;
}

gboolean
gk_tap_delete (const char *name, GError **error)
{
    g_autoptr (GkRtnl) rtnl = gk_rtnl_open (error);
    g_autoptr (GError) local = NULL;
    guint index = rtnl ? gk_rtnl_tap_index (rtnl, name, &local) : 0;

    if (!rtnl)
        return FALSE;
    if (index)
        return gk_rtnl_delete (rtnl, index, error);
    if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
}
