/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bridge's nftables rules in the kernel. One libnftables context, for one thread; one call is
 * one transaction. Errors are GK_BRIDGE_ERROR_FAILED. */
#pragma once

#include "templates/nft/nft.h"

typedef struct _GkRuleset GkRuleset;

/* Replaces what stands of ours by rules without guests. */
GkRuleset *gk_ruleset_open (const GkNftBridge *bridge, GError **error);
void gk_ruleset_close (GkRuleset *ruleset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkRuleset, gk_ruleset_close)

/**
 * gk_ruleset_reload:
 * @guests: (element-type GkNftGuest): all there are
 *
 * Replaces what stands of ours by rules with @guests: when somebody else flushed them.
 */
gboolean gk_ruleset_reload (GkRuleset *ruleset, GArray *guests, GError **error);

/* Commits the guest's elements. */
gboolean gk_ruleset_add (GkRuleset *ruleset, const GkNftGuest *guest, GError **error);

/* Reads the guest's elements back from the kernel: an error where not all are there. */
gboolean gk_ruleset_check (GkRuleset *ruleset, const GkNftGuest *guest, GError **error);

gboolean gk_ruleset_remove (GkRuleset *ruleset, const GkNftGuest *guest, GError **error);

/* What was dropped of the guest without being told, since it was added; FALSE, with @ret untouched,
 * where its counters are gone. */
gboolean gk_ruleset_count (GkRuleset *ruleset, const GkNftGuest *guest,
                           guint64 ret[GK_NFT_N_COUNTERS]);
