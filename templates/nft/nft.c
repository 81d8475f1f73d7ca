/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/nft/nft.h"

#include "templates/nft/nft-resources.h"

#include <assert.h>
#include <gio/gio.h>
#include <string.h>

static const struct {
    const char *name, *chain;
} policies[] = {
    [GK_NFT_POLICY_NONE] = {"none", "policy_none"},
};
static_assert (G_N_ELEMENTS (policies) == GK_NFT_N_POLICIES, "every policy has a chain");

static const char *const rule_names[] = {
    "policy none", "spoof", "fragment",  "ip options",    "host",    "broadcast",
    "no policy",   "arp",   "dhcp rate", "dns elsewhere", "dns tcp",
};

/* What a guest has one element in, each a set of bridge.nft. */
typedef struct {
    const char *set; /* family, table, name */
    void (*render) (GString *out, const GkNftGuest *guest);
} Element;

gboolean
gk_nft_ifname_valid (const char *name)
{
    gsize length = name ? strlen (name) : 0;

    if (length == 0 || length > 15 || !g_ascii_islower (name[0]))
        return FALSE;
    for (gsize i = 1; i < length; i++)
        if (!g_ascii_islower (name[i]) && !g_ascii_isdigit (name[i]))
            return FALSE;
    return TRUE;
}

gboolean
gk_nft_policy_from_string (const char *name, GkNftPolicy *ret)
{
    for (guint i = 0; i < G_N_ELEMENTS (policies); i++) {
        if (g_strcmp0 (name, policies[i].name) == 0) {
            *ret = i;
            return TRUE;
        }
    }
    return FALSE;
}

const char *
gk_nft_rule_name (const char *prefix)
{
    for (guint i = 0; i < G_N_ELEMENTS (rule_names); i++)
        if (g_strcmp0 (prefix, rule_names[i]) == 0)
            return rule_names[i];
    return NULL;
}

static void
append_address (GString *out, guint32 address)
{
    g_string_append_printf (out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                            address >> 8 & 255, address & 255);
}

static void
append_mac (GString *out, const guint8 mac[6], const char *separator)
{
    for (guint i = 0; i < 6; i++)
        g_string_append_printf (out, "%s%02x", i ? separator : "", mac[i]);
}

static void
render_name (GString *out, const GkNftGuest *guest)
{
    g_string_append_printf (out, "\"%s\"", guest->tap);
}

static void
render_identity (GString *out, const GkNftGuest *guest)
{
    render_name (out, guest);
    g_string_append (out, " . ");
    append_mac (out, guest->mac, ":");
    g_string_append (out, " . ");
    append_address (out, guest->address);
}

static void
render_dhcp_client (GString *out, const GkNftGuest *guest)
{
    render_name (out, guest);
    g_string_append (out, " . ");
    append_mac (out, guest->mac, ":");
    g_string_append (out, " . 0x");
    append_mac (out, guest->mac, "");
}

static void
render_policy (GString *out, const GkNftGuest *guest)
{
    render_name (out, guest);
    g_string_append_printf (out, " : goto %s", policies[guest->policy].chain);
}

static const Element elements[] = {
    {"inet genkan guests",        render_identity   },
    { "inet genkan dhcp_clients", render_dhcp_client},
    { "inet genkan policies",     render_policy     },
    { "inet genkan unrecorded",   render_name       },
    { "arp genkan guests",        render_identity   },
    { "arp genkan unrecorded",    render_name       },
};

static char *
each_element (const char *command, const GkNftGuest *guest, const char *set_name)
{
    GString *out = g_string_new (NULL);

    g_assert (gk_nft_ifname_valid (guest->tap) && guest->policy < GK_NFT_N_POLICIES);
    for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
        if (set_name && !g_str_has_suffix (elements[i].set, set_name))
            continue;
        g_string_append_printf (out, "%s element %s { ", command, elements[i].set);
        elements[i].render (out, guest);
        g_string_append (out, " }\n");
    }
    return g_string_free (out, FALSE);
}

char *
gk_nft_bridge (const GkNftBridge *bridge)
{
    g_autoptr (GBytes) rules = g_resource_lookup_data (
        gk_nft_get_resource (), "/genkan/nft/bridge.nft", G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
    GString *out = g_string_new (NULL);
    gsize size;
    const char *text = g_bytes_get_data (rules, &size);

    g_assert (gk_nft_ifname_valid (bridge->uplink));
    g_string_append_printf (out, "redefine GUESTS = %u\n", GK_NFT_GUESTS);
    g_string_append (out, "redefine GATEWAY = ");
    append_address (out, bridge->gateway);
    g_string_append_printf (out, "\nredefine UPLINK = \"%s\"\n", bridge->uplink);
    g_string_append_printf (out, "redefine OUTWARD = 0x%08x\n", GK_NFT_OUTWARD);
    g_string_append_printf (out, "redefine INWARD = 0x%08x\n", GK_NFT_INWARD);
    g_string_append_printf (out, "redefine OURS = 0x%08x\n", GK_NFT_OURS);
    g_string_append_len (out, text, (gssize) size);
    return g_string_free (out, FALSE);
}

char *
gk_nft_add_guest (const GkNftGuest *guest)
{
    return each_element ("add", guest, NULL);
}

char *
gk_nft_remove_guest (const GkNftGuest *guest)
{
    return each_element ("delete", guest, NULL);
}

char *
gk_nft_get_guest (const GkNftGuest *guest)
{
    return each_element ("get", guest, NULL);
}

/* The part of a listing that follows the next `elements = { `, or NULL. */
static const char *
next_element (const char *listing)
{
    static const char mark[] = "elements = { ";
    const char *at = strstr (listing, mark);

    return at ? at + strlen (mark) : NULL;
}

gboolean
gk_nft_guest_in_force (const GkNftGuest *guest, const char *listing)
{
    const char *at = listing;

    for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
        g_autoptr (GString) wanted = g_string_new (NULL);

        elements[i].render (wanted, guest);
        at = next_element (at);
        if (!at || !g_str_has_prefix (at, wanted->str) || at[wanted->len] != ' ')
            return FALSE;
    }
    return next_element (at) == NULL;
}

char *
gk_nft_get_unrecorded (const GkNftGuest *guest)
{
    return each_element ("get", guest, " unrecorded");
}

guint64
gk_nft_read_unrecorded (const char *listing)
{
    static const char mark[] = " counter packets ";
    guint64 sum = 0;

    for (const char *at = strstr (listing, mark); at; at = strstr (at + 1, mark))
        sum += g_ascii_strtoull (at + strlen (mark), NULL, 10);
    return sum;
}
