/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/nic.h"

#include "base/escape.h"
#include "base/id.h"
#include "hostd/bridge/bridge.h"

#include <arpa/inet.h>
#include <string.h>

enum { PREFIX_MIN = 16, PREFIX_MAX = 28 };

static gboolean
refuse (GError **error, const char *what, const char *text)
{
    g_autofree char *shown = gk_escape (text, -1);

    g_set_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_REFUSED, "%s: '%.64s'", what, shown);
    return FALSE;
}

gboolean
gk_tap_name_valid (const char *name)
{
    return gk_nft_ifname_valid (name) && g_str_has_prefix (name, GK_TAP_PREFIX) &&
           strlen (name) > strlen (GK_TAP_PREFIX);
}

gboolean
gk_mac_parse (const char *text, guint8 ret_mac[6])
{
    guint8 mac[6];

    if (!text || strlen (text) != 17)
        return FALSE;
    for (guint i = 0; i < 6; i++) {
        int high = g_ascii_xdigit_value (text[3 * i]), low = g_ascii_xdigit_value (text[3 * i + 1]);

        if (high < 0 || low < 0 || text[3 * i + 2] != (i < 5 ? ':' : '\0'))
            return FALSE;
        mac[i] = (guint8) (high << 4 | low);
    }
    if ((mac[0] & 3) != 2)
        return FALSE;
    memcpy (ret_mac, mac, sizeof mac);
    return TRUE;
}

gboolean
gk_ipv4_parse (const char *text, guint32 *ret)
{
    struct in_addr address;

    if (!text || inet_pton (AF_INET, text, &address) != 1)
        return FALSE;
    *ret = ntohl (address.s_addr);
    return TRUE;
}

void
gk_ipv4_format (guint32 address, char text[GK_IPV4_TEXT])
{
    g_snprintf (text, GK_IPV4_TEXT, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                address >> 8 & 255, address & 255);
}

static gboolean
is_private (guint32 address)
{
    return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8;
}

gboolean
gk_subnet_parse (const char *text, GkSubnet *ret, GError **error)
{
    const char *slash = text ? strchr (text, '/') : NULL;
    g_autofree char *address = slash ? g_strndup (text, (gsize) (slash - text)) : NULL;
    guint64 prefix;
    guint32 network;

    if (!slash || !gk_ipv4_parse (address, &network) ||
        !g_ascii_string_to_unsigned (slash + 1, 10, PREFIX_MIN, PREFIX_MAX, &prefix, NULL) ||
        !is_private (network) || (network & (0xffffffffu >> prefix)) != 0)
        return refuse (error,
                       "no private IPv4 network with a prefix length of 16 to 28 such as "
                       "10.213.0.0/16",
                       text);
    *ret = (GkSubnet) { network, (guint) prefix };
    return TRUE;
}

guint
gk_subnet_capacity (const GkSubnet *subnet)
{
    return (1u << (32 - subnet->prefix)) - 2 - 4;
}

gboolean
gk_subnet_has_guest (const GkSubnet *subnet, guint32 address)
{
    guint32 gateway = gk_subnet_gateway (subnet);

    return address > gateway && address - gateway <= gk_subnet_capacity (subnet);
}

gboolean
gk_nic_parse (const char *vm, const char *tap, const char *mac, const char *policy, GkNic *ret,
              GError **error)
{
    GkNic nic = { 0 };

    if (!gk_id_valid (vm))
        return refuse (error, "no id of a disposable", vm);
    if (!gk_tap_name_valid (tap))
        return refuse (error, "no name of a disposable's tap", tap);
    if (!gk_mac_parse (mac, nic.mac))
        return refuse (error, "no unicast, locally administered hardware address", mac);
    if (!gk_nft_policy_from_string (policy, &nic.policy))
        return refuse (error, "no such policy", policy);
    g_strlcpy (nic.vm, vm, sizeof nic.vm);
    g_strlcpy (nic.tap, tap, sizeof nic.tap);
    *ret = nic;
    return TRUE;
}
