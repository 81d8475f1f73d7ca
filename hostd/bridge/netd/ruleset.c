/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/ruleset.h"

#include "hostd/bridge/bridge.h"

#include <nftables/libnftables.h>

struct _GkRuleset {
    struct nft_ctx *nft;
    char *bridge; /* the rules without guests */
};

/* Returns what the commands printed, borrowed until the next call. */
static const char *
run (GkRuleset *ruleset, const char *commands, const char *what, GError **error)
{
    const char *why;

    if (nft_run_cmd_from_buffer (ruleset->nft, commands) == 0)
        return nft_ctx_get_output_buffer (ruleset->nft);
    why = nft_ctx_get_error_buffer (ruleset->nft);
    g_set_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_FAILED, "cannot %s: %.300s", what, why);
    return NULL;
}

GkRuleset *
gk_ruleset_open (const GkNftBridge *bridge, GError **error)
{
    g_autoptr (GkRuleset) ruleset = g_new0 (GkRuleset, 1);

    ruleset->bridge = gk_nft_bridge (bridge);
    ruleset->nft = nft_ctx_new (NFT_CTX_DEFAULT);
    if (!ruleset->nft) {
        g_set_error_literal (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_FAILED,
                             "cannot open nftables: out of memory or descriptors");
        return NULL;
    }
    nft_ctx_buffer_output (ruleset->nft);
    nft_ctx_buffer_error (ruleset->nft);
    if (!run (ruleset, ruleset->bridge, "load the bridge's rules", error))
        return NULL;
    return g_steal_pointer (&ruleset);
}

void
gk_ruleset_close (GkRuleset *ruleset)
{
    if (!ruleset)
        return;
    if (ruleset->nft)
        nft_ctx_free (ruleset->nft);
    g_free (ruleset->bridge);
    g_free (ruleset);
}

gboolean
gk_ruleset_reload (GkRuleset *ruleset, GArray *guests, GError **error)
{
    g_autoptr (GString) all = g_string_new (ruleset->bridge);

    for (guint i = 0; i < guests->len; i++) {
        g_autofree char *one = gk_nft_add_guest (&g_array_index (guests, GkNftGuest, i));

        g_string_append (all, one);
    }
    return run (ruleset, all->str, "load the rules again", error) != NULL;
}

gboolean
gk_ruleset_add (GkRuleset *ruleset, const GkNftGuest *guest, GError **error)
{
    g_autofree char *commands = gk_nft_add_guest (guest);

    return run (ruleset, commands, "add a guest to the rules", error) != NULL;
}

gboolean
gk_ruleset_check (GkRuleset *ruleset, const GkNftGuest *guest, GError **error)
{
    g_autofree char *commands = gk_nft_get_guest (guest);
    const char *listing = run (ruleset, commands, "read a guest's rules back", error);

    if (!listing)
        return FALSE;
    if (gk_nft_guest_in_force (guest, listing))
        return TRUE;
    g_set_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_FAILED,
                 "the rules read back are not those of %s", guest->tap);
    return FALSE;
}

gboolean
gk_ruleset_remove (GkRuleset *ruleset, const GkNftGuest *guest, GError **error)
{
    g_autofree char *commands = gk_nft_remove_guest (guest);

    return run (ruleset, commands, "take a guest from the rules", error) != NULL;
}

gboolean
gk_ruleset_count (GkRuleset *ruleset, const GkNftGuest *guest, guint64 ret[GK_NFT_N_COUNTERS])
{
    g_autofree char *commands = gk_nft_get_counters (guest);
    const char *listing = run (ruleset, commands, "read a guest's counters", NULL);

    if (listing)
        gk_nft_read_counters (listing, ret);
    return listing != NULL;
}
