/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of the bridge's nftables rules (bridge.nft) and of one guest's elements in its sets.
 *
 * Pure: typed spec in, text out; no text of a caller gets in but interface names, which are held
 * against gk_nft_ifname_valid() again. Any thread. */
#pragma once

#include <glib.h>

/* Numbers that the rules share with the links and routes of the namespace. */
enum {
    GK_NFT_GUESTS = 77,          /* group of the guests' interfaces */
    GK_NFT_LOG_GROUP = 77,       /* of nfnetlink_log, in the bridge's namespace */
    GK_NFT_OUTWARD = 0x676b0001, /* mark: a policy lets this packet go */
    GK_NFT_INWARD = 0x676b0002,  /* mark: an answer from the uplink */
    GK_NFT_OURS = 0x676b0003,    /* mark: a broadcast of the bridge's own; leads nowhere */
};

/* What the kernel can count in nanoseconds with some precision. */
enum { GK_NFT_PACKETS_MAX = 1000000 };

/* An interface name that needs no quoting: `[a-z][a-z0-9]{0,14}`. */
gboolean gk_nft_ifname_valid (const char *name);

typedef enum {
    GK_NFT_POLICY_NONE,
    GK_NFT_N_POLICIES,
} GkNftPolicy;

/* FALSE, with @ret untouched, where @name is no policy that the rules have a chain for. */
gboolean gk_nft_policy_from_string (const char *name, GkNftPolicy *ret);

/* The rule's name that a log prefix stands for, or %NULL where it is none of ours. */
const char *gk_nft_rule_name (const char *prefix);

typedef struct {
    guint32 gateway;     /* IPv4 addresses here are in host byte order */
    const char *uplink;  /* name of the uplink's near end, there or not */
} GkNftBridge;

/* Returns: (transfer full): rules that replace what stands and let nobody through yet */
char *gk_nft_bridge (const GkNftBridge *bridge);

typedef struct {
    const char *tap;
    guint8 mac[6];
    guint32 address;
    GkNftPolicy policy;
    guint packets_per_s; /* that it may send, of IP and of ARP: 1 to GK_NFT_PACKETS_MAX */
} GkNftGuest;

/* Returns: (transfer full): commands, to be run as one buffer: one transaction */
char *gk_nft_add_guest (const GkNftGuest *guest);
char *gk_nft_remove_guest (const GkNftGuest *guest);

/* Commands that print each element of the guest, and whether what they printed (@listing) is
 * everything that gk_nft_add_guest() adds. */
char *gk_nft_get_guest (const GkNftGuest *guest);
gboolean gk_nft_guest_in_force (const GkNftGuest *guest, const char *listing);

/* Packets of a guest that the rules drop without telling each. */
typedef enum {
    GK_NFT_UNRECORDED, /* beyond the rate at which attempts are told */
    GK_NFT_OVER_RATE,  /* beyond what it may send: @packets_per_s */
    GK_NFT_N_COUNTERS,
} GkNftCounter;

/* The rule by which the log tells that a guest is over its rate. */
#define GK_NFT_RATE_LIMIT "rate limit"

/* Commands that print the guest's counters, and what they printed: packets since it was added. */
char *gk_nft_get_counters (const GkNftGuest *guest);
void gk_nft_read_counters (const char *listing, guint64 ret[GK_NFT_N_COUNTERS]);
