/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkand's side of the policy bridge: starts genkan-netd in the bridge's namespace, asks it for
 * NICs, and receives what guests tried.
 *
 * The bridge's namespace has no name in the file system: it lives while netd, genkand or a tap of it
 * does, and everything in it (taps, rules, the uplink's near end) goes with it. So nothing is left of
 * a bridge when genkand and netd are gone, however they went. When netd alone dies, the rules stay
 * in the namespace, which genkand holds open, and a new netd is started into it.
 *
 * Calls block on netd's answer: for worker threads. Events come in the main context. */
#pragma once

#include <gio/gio.h>

#define GK_BRIDGE_ERROR (gk_bridge_error_quark ())
GQuark gk_bridge_error_quark (void);

typedef enum {
    GK_BRIDGE_ERROR_LOST,    /* netd is not there; guests' traffic has stopped */
    GK_BRIDGE_ERROR_REFUSED, /* netd found the request wrong */
    GK_BRIDGE_ERROR_FAILED,
} GkBridgeError;

typedef struct {
    const char *run_dir;     /* netd's log goes to `netd.log` there */
    const char *subnet;      /* IPv4, prefix length 16 to 28, private: `10.213.0.0/16`. Its first
                              * address is the gateway's, the others are guests' */
    const char *uplink;      /* `none`; `host`; or the path of a network namespace */
    const char *uplink_name; /* name of the uplink's far end, at most 15 bytes */
    guint packets_per_s;     /* that a guest may send, at most 1,000,000; 0: 20,000 */
} GkBridgeConfig;

/* One attempt of a guest, as netd saw it. Strings hold only printable ASCII. Two events count what
 * was too much to be told one by one; they have protocol `any` and no destination: `over limit`
 * counts attempts like any others, `rate limit` packets beyond those that a guest may send a
 * second, dropped unseen (at most one such event in five seconds, and one at the end). */
typedef struct {
    const char *vm;          /* the disposable's id */
    const char *time;        /* gk_json_now () */
    gboolean query;          /* a DNS question, else a flow */
    const char *name, *type; /* query: name asked, as `example.com`; `A`, `AAAA`, `TXT`, `TYPE65` */
    const char *protocol;    /* flow: `tcp`, `udp`, `icmp`, `arp`, or a number */
    const char *destination; /* flow: address */
    guint port;              /* flow: destination port, or ICMP type; 0 where there is none */
    gboolean allowed;
    const char *rule;        /* what decided: `policy none`, `spoof`, `dns none`, … */
    guint64 count;           /* how many like it since the last event (flood: one event, a count) */
    guint64 bytes_out, bytes_in;
} GkBridgeEvent;

typedef struct _GkBridge GkBridge;

typedef void (*GkBridgeEventFunc) (const GkBridgeEvent *event, gpointer data);
/* netd died; @restarted tells whether a new one has taken over, with every NIC's policy `none`
 * until it is set again. */
typedef void (*GkBridgeLostFunc) (gboolean restarted, const char *why, gpointer data);

/**
 * gk_bridge_start:
 *
 * Starts netd and waits until it is ready. Main thread.
 *
 * Returns: (transfer full): the bridge, or %NULL with @error set and nothing left
 */
GkBridge *gk_bridge_start (const GkBridgeConfig *config, GkBridgeEventFunc on_event,
                           GkBridgeLostFunc on_lost, gpointer data, GError **error);

/* Ends netd and dnsmasq and waits for both; the namespace goes with the last tap. */
void gk_bridge_stop (GkBridge *bridge);

typedef struct {
    const char *vm;      /* the disposable's id */
    const char *tap;     /* in the host's namespace; moved into the bridge's */
    const char *mac;
    const char *policy;  /* a policy that netd knows: `none` */
} GkBridgeNic;

/**
 * gk_bridge_add:
 * @ret_address: (out): the guest's IPv4 address
 *
 * Takes the tap over, with rules and set elements committed and read back before it is raised: when
 * this returns, the policy is in force and the guest's link may go up.
 */
gboolean gk_bridge_add (GkBridge *bridge, const GkBridgeNic *nic, char **ret_address,
                        GError **error);

/* Whether netd is there, and has the NIC: one that it lost with its namespace has no way out any more. */
gboolean gk_bridge_check (GkBridge *bridge, const char *vm, GError **error);

/* Takes the NIC's rules away, deletes the tap. One that is not there is success. Events that netd
 * still had for it have been delivered, or are queued in the main context, when this returns. */
gboolean gk_bridge_remove (GkBridge *bridge, const char *vm, GError **error);

/* For doctor: process id of netd (enter its namespace with `nsenter -n -t PID`), or 0. */
GPid gk_bridge_pid (GkBridge *bridge);
