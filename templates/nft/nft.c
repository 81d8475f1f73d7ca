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
    "no policy",   "arp",   "dhcp rate", "dns elsewhere", "dns tcp", GK_NFT_RATE_LIMIT,
};

/* A guest may send for a quarter of a second as fast as it can; nft leaves a burst of 5 away when
 * it prints, and then what was read back would not be what was added. */
enum { BURST_PART = 4, BURST_LEAST = 10 };

/* What a guest has one element in, each a set of bridge.nft. */
typedef struct {
    const char *set; /* family, table, name */
    void (*render) (GString *out, const GkNftGuest *guest);
    gboolean counts;
    GkNftCounter counter;
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

static void
render_rate (GString *out, const GkNftGuest *guest)
{
    const guint burst = MAX (guest->packets_per_s / BURST_PART, BURST_LEAST);

    render_name (out, guest);
    g_string_append_printf (out, " limit rate over %u/second burst %u packets counter",
                            guest->packets_per_s, burst);
}

static const Element elements[] = {
    {"inet genkan guests",        render_identity,    FALSE, 0                },
    { "inet genkan dhcp_clients", render_dhcp_client, FALSE, 0                },
    { "inet genkan policies",     render_policy,      FALSE, 0                },
    { "inet genkan unrecorded",   render_name,        TRUE,  GK_NFT_UNRECORDED},
    { "inet genkan over_rate",    render_rate,        TRUE,  GK_NFT_OVER_RATE },
    { "arp genkan guests",        render_identity,    FALSE, 0                },
    { "arp genkan unrecorded",    render_name,        TRUE,  GK_NFT_UNRECORDED},
    { "arp genkan over_rate",     render_rate,        TRUE,  GK_NFT_OVER_RATE },
};

static char *
each_element (const char *command, const GkNftGuest *guest, gboolean only_counters)
{
    GString *out = g_string_new (NULL);

    g_assert (gk_nft_ifname_valid (guest->tap) && guest->policy < GK_NFT_N_POLICIES &&
              guest->packets_per_s > 0 && guest->packets_per_s <= GK_NFT_PACKETS_MAX);
    for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
        if (only_counters && !elements[i].counts)
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
    return each_element ("add", guest, FALSE);
}

char *
gk_nft_remove_guest (const GkNftGuest *guest)
{
    return each_element ("delete", guest, FALSE);
}

char *
gk_nft_get_guest (const GkNftGuest *guest)
{
    return each_element ("get", guest, FALSE);
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
gk_nft_get_counters (const GkNftGuest *guest)
{
    return each_element ("get", guest, TRUE);
}

/* What was counted in the element that @at begins; 0 where it does not say. */
static guint64
read_counter (const char *at)
{
    static const char mark[] = " counter packets ";
    const char *end = strchr (at, '\n');
    const char *found = g_strstr_len (at, end ? end - at : -1, mark);

    return found ? g_ascii_strtoull (found + strlen (mark), NULL, 10) : 0;
}

void
gk_nft_read_counters (const char *listing, guint64 ret[GK_NFT_N_COUNTERS])
{
    const char *at = next_element (listing);

    memset (ret, 0, GK_NFT_N_COUNTERS * sizeof *ret);
    for (guint i = 0; at && i < G_N_ELEMENTS (elements); i++) {
        if (!elements[i].counts)
            continue;
        ret[elements[i].counter] += read_counter (at);
        at = next_element (at);
    }
}
