/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/bridge.h"
#include "hostd/bridge/netd/dns-log.h"
#include "hostd/bridge/netd/flow.h"
#include "hostd/bridge/netd/record.h"
#include "hostd/bridge/netd/vms.h"
#include "hostd/bridge/nic.h"
#include "templates/nft/nft.h"

#include <string.h>

/* What is asked for */

static void
test_names_and_addresses (void)
{
    static const char *const taps[] = { "gka", "gkabcdefgh", "gk01234567890az" };
    static const char *const no_taps[] = { "",       "gk",    "gkA",  "eth0", "gk0123456789abcd",
                                           "gk;x",   "gk x",  "gk.x", "Gka",  "gk\n",
                                           "gk\xff", "uplink" };
    static const char *const no_macs[] = {
        "",
        "52:54:00:12:34",
        "52:54:00:12:34:5",
        "52:54:00:12:34:567",
        "52-54-00-12-34-56",
        "53:54:00:12:34:56", /* multicast */
        "00:16:3e:12:34:56", /* universally administered */
        "ff:ff:ff:ff:ff:ff",
        "5g:54:00:12:34:56",
    };
    guint8 mac[6] = { 9 };

    for (guint i = 0; i < G_N_ELEMENTS (taps); i++)
        g_assert_true (gk_tap_name_valid (taps[i]));
    for (guint i = 0; i < G_N_ELEMENTS (no_taps); i++)
        g_assert_false (gk_tap_name_valid (no_taps[i]));
    for (guint i = 0; i < G_N_ELEMENTS (no_macs); i++)
        g_assert_false (gk_mac_parse (no_macs[i], mac));
    g_assert_cmpint (mac[0], ==, 9);
    g_assert_true (gk_mac_parse ("52:54:00:aB:Cd:ef", mac));
    g_assert_cmpmem (mac, 6, "\x52\x54\x00\xab\xcd\xef", 6);
}

static void
test_subnets (void)
{
    static const char *const wrong[] = {
        "",           "10.213.0.0",    "10.213.0.0/15",  "10.213.0.0/29",  "10.213.0.1/16",
        "8.8.0.0/16", "172.32.0.0/16", "10.213.0.0/+16", "10.213.0.0/16 ", "10.213.0/16",
        "::/16",
    };
    char text[GK_IPV4_TEXT];
    GkSubnet subnet;

    for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_false (gk_subnet_parse (wrong[i], &subnet, &error));
        g_assert_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_REFUSED);
    }
    g_assert_true (gk_subnet_parse ("192.168.77.16/28", &subnet, NULL));
    gk_ipv4_format (gk_subnet_gateway (&subnet), text);
    g_assert_cmpstr (text, ==, "192.168.77.17");
    gk_ipv4_format (gk_subnet_near (&subnet), text);
    g_assert_cmpstr (text, ==, "192.168.77.29");
    gk_ipv4_format (gk_subnet_far (&subnet), text);
    g_assert_cmpstr (text, ==, "192.168.77.30");
    g_assert_cmpuint (gk_subnet_capacity (&subnet), ==, 10);
    for (guint i = 0; i < 16; i++)
        g_assert_cmpint (gk_subnet_has_guest (&subnet, subnet.network + i), ==, i >= 2 && i <= 11);
    g_assert_false (gk_subnet_has_guest (&subnet, subnet.network - 1));
}

static GkNic
make_nic (const char *vm, const char *tap, const char *mac)
{
    g_autoptr (GError) error = NULL;
    GkNic nic;

    gk_nic_parse (vm, tap, mac, "none", &nic, &error);
    g_assert_no_error (error);
    return nic;
}

static void
test_addresses_come_round (void)
{
    GkSubnet subnet = { 0x0ad50000, 28 };
    g_autoptr (GkVms) vms = gk_vms_new (&subnet, 20000);
    g_autoptr (GError) error = NULL;

    for (guint i = 0; i < 25; i++) {
        GkNic nic = make_nic ("abcdefgh", "gka", "52:54:00:00:00:01");
        GkNetdVm *vm = gk_vms_add (vms, &nic, 7, 0, NULL);

        g_assert_cmpuint (vm->address, ==, subnet.network + 2 + i % 10);
        g_assert_true (gk_vms_by_address (vms, vm->address) == vm);
        g_assert_true (gk_vms_by_index (vms, 7) == vm);
        gk_vms_remove (vms, "abcdefgh");
        g_assert_null (gk_vms_by_tap (vms, "gka"));
        g_assert_null (gk_vms_by_index (vms, 7));
    }
}

static void
test_what_is_anothers_is_refused (void)
{
    GkSubnet subnet = { 0x0ad50000, 16 };
    g_autoptr (GkVms) vms = gk_vms_new (&subnet, 20000);
    const GkNic first = make_nic ("abcdefgh", "gka", "52:54:00:00:00:01");
    const struct {
        GkNic nic;
        guint32 wanted;
    } cases[] = {
        {make_nic ("abcdefgh",  "gkb", "52:54:00:00:00:02"), 0         },
        { make_nic ("bbcdefgh", "gka", "52:54:00:00:00:02"), 0         },
        { make_nic ("bbcdefgh", "gkb", "52:54:00:00:00:01"), 0         },
        { make_nic ("bbcdefgh", "gkb", "52:54:00:00:00:02"), 0x0ad50002},
        { make_nic ("bbcdefgh", "gkb", "52:54:00:00:00:02"), 0x0ad50001},
        { make_nic ("bbcdefgh", "gkb", "52:54:00:00:00:02"), 0x0ad5fffe},
        { make_nic ("bbcdefgh", "gkb", "52:54:00:00:00:02"), 0x08080808},
    };

    g_assert_nonnull (gk_vms_add (vms, &first, 7, 0, NULL));
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_null (gk_vms_add (vms, &cases[i].nic, 8, cases[i].wanted, &error));
        g_assert_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_REFUSED);
    }
    g_assert_nonnull (gk_vms_add (vms, &cases[6].nic, 8, 0x0ad50777, NULL));
}

/* Rules */

static const GkNftGuest a_guest = {
    .tap = "gkabc",
    .mac = {0x52, 0x54, 0, 0xa, 0xb, 0xc},
    .address = 0x0ad50102,
    .policy = GK_NFT_POLICY_NONE,
    .packets_per_s = 20000
};

static void
test_bridge_rules (void)
{
    const GkNftBridge bridge = { 0x0ad50001, "uplink" };
    g_autofree char *text = gk_nft_bridge (&bridge);
    guint logs = 0;

    g_assert_nonnull (strstr (text, "redefine GATEWAY = 10.213.0.1\n"));
    g_assert_nonnull (strstr (text, "redefine UPLINK = \"uplink\"\n"));
    g_assert_nonnull (strstr (text, "redefine OUTWARD = 0x676b0001\n"));
    for (const char *at = strstr (text, "log prefix \""); at;
         at = strstr (at + 1, "log prefix \"")) {
        g_auto (GStrv) parts = g_strsplit (at, "\"", 3);

        g_assert_cmpstr (gk_nft_rule_name (parts[1]), ==, parts[1]);
        g_assert_true (g_str_has_prefix (parts[2], " group 77 "));
        logs++;
    }
    g_assert_cmpuint (logs, >=, 8);
    g_assert_null (gk_nft_rule_name ("somebody else's"));
}

static void
test_guest_elements (void)
{
    g_autofree char *add = gk_nft_add_guest (&a_guest), *get = gk_nft_get_guest (&a_guest),
                    *delete = gk_nft_remove_guest (&a_guest);

    g_assert_cmpstr (
        add, ==,
        "add element inet genkan guests { \"gkabc\" . 52:54:00:0a:0b:0c . 10.213.1.2 }\n"
        "add element inet genkan dhcp_clients { \"gkabc\" . 52:54:00:0a:0b:0c . 0x5254000a0b0c }\n"
        "add element inet genkan policies { \"gkabc\" : goto policy_none }\n"
        "add element inet genkan unrecorded { \"gkabc\" }\n"
        "add element inet genkan over_rate { \"gkabc\" limit rate over 20000/second burst 5000 "
        "packets "
        "counter }\n"
        "add element arp genkan guests { \"gkabc\" . 52:54:00:0a:0b:0c . 10.213.1.2 }\n"
        "add element arp genkan unrecorded { \"gkabc\" }\n"
        "add element arp genkan over_rate { \"gkabc\" limit rate over 20000/second burst 5000 "
        "packets "
        "counter }\n");
    g_assert_true (g_str_has_prefix (get, "get element inet genkan guests { \"gkabc\" . "));
    g_assert_true (g_str_has_prefix (delete, "delete element inet genkan guests { \"gkabc\" . "));
}

#define RATE " limit rate over 20000/second burst 5000 packets"

static void
test_read_back (void)
{
    static const char whole[] = "elements = { \"gkabc\" . 52:54:00:0a:0b:0c . 10.213.1.2 }\n"
                                "elements = { \"gkabc\" . 52:54:00:0a:0b:0c . 0x5254000a0b0c }\n"
                                "elements = { \"gkabc\" : goto policy_none }\n"
                                "elements = { \"gkabc\" counter packets 3 bytes 9 }\n"
                                "elements = { \"gkabc\"" RATE " counter packets 500 bytes 9 }\n"
                                "elements = { \"gkabc\" . 52:54:00:0a:0b:0c . 10.213.1.2 }\n"
                                "elements = { \"gkabc\" counter packets 4 bytes 0 }\n"
                                "elements = { \"gkabc\"" RATE " counter packets 60 bytes 9 }\n";
    g_auto (GStrv) lines = g_strsplit (whole, "\n", -1);
    const guint n = g_strv_length (lines) - 1;
    GkNftGuest other = a_guest;

    g_assert_true (gk_nft_guest_in_force (&a_guest, whole));
    for (guint i = 0; i < n; i++) {
        g_autoptr (GString) less = g_string_new (NULL);

        for (guint j = 0; j < n; j++)
            g_string_append_printf (less, "%s\n", i == j ? "" : lines[j]);
        g_assert_false (gk_nft_guest_in_force (&a_guest, less->str));
    }
    other.address++;
    g_assert_false (gk_nft_guest_in_force (&other, whole));
    other = a_guest;
    other.mac[5]++;
    g_assert_false (gk_nft_guest_in_force (&other, whole));
    other = a_guest;
    other.tap = "gkab";
    g_assert_false (gk_nft_guest_in_force (&other, whole));
    other = a_guest;
    other.packets_per_s = 2000;
    g_assert_false (gk_nft_guest_in_force (&other, whole));
}
#undef RATE

static void
test_counters_are_told_apart (void)
{
    static const char listing[] =
        "elements = { \"gkabc\" counter packets 3 bytes 9 }\n"
        "elements = { \"gkabc\" limit rate over 10/second counter packets 500 bytes 9 }\n"
        "elements = { \"gkabc\" counter packets 4 bytes 0 }\n"
        "elements = { \"gkabc\" limit rate over 10/second counter packets 60 bytes 9 }\n";
    g_autofree char *get = gk_nft_get_counters (&a_guest);
    guint64 counts[GK_NFT_N_COUNTERS] = { 9, 9 };
    g_auto (GStrv) commands = g_strsplit (get, "\n", -1);

    g_assert_cmpuint (g_strv_length (commands), ==, 5);
    for (guint i = 0; i < 4; i++)
        g_assert_nonnull (strstr (commands[i], i % 2 ? " over_rate {" : " unrecorded {"));
    gk_nft_read_counters (listing, counts);
    g_assert_cmpuint (counts[GK_NFT_UNRECORDED], ==, 7);
    g_assert_cmpuint (counts[GK_NFT_OVER_RATE], ==, 560);
    gk_nft_read_counters ("elements = { \"gkabc\" }\n", counts);
    g_assert_cmpuint (counts[GK_NFT_UNRECORDED] + counts[GK_NFT_OVER_RATE], ==, 0);
    gk_nft_read_counters ("", counts);
    g_assert_cmpuint (counts[GK_NFT_UNRECORDED] + counts[GK_NFT_OVER_RATE], ==, 0);
}

/* dnsmasq's log */

static void
test_dns_log (void)
{
    static const struct {
        const char *line;
        guint32 asker;
        const char *type, *name;
    } cases[] = {
        {"dnsmasq[1]: 7 10.213.0.2/40000 query[A] example.com from 10.213.0.2",  0x0ad50002, "A",
         "example.com"                                                                                                                                       },
        { "dnsmasq[1]: 7 10.213.0.2/1 query[type=64999] . from 10.213.0.2",      0x0ad50002, "TYPE64999",
         "."                                                                                                                                                 },
 /* A name that looks like the end of a line, or like a line. */
        { "dnsmasq[1]: 7 10.213.0.2/1 query[A] x from 10.0.0.9 from 10.213.0.2", 0x0ad50002, "A",
         "x from 10.0.0.9"                                                                                                                                   },
        { "dnsmasq[1]: 7 10.213.0.2/1 query[A] dnsmasq[1]: 8 10.0.0.9/1 query[A] y from 10.0.0.9 "
          "from "
          "10.213.0.2",                                                 0x0ad50002, "A",         "dnsmasq[1]: 8 10.0.0.9/1 query[A] y from 10.0.0.9"},
 /* Cut off: who asked is known all the same. */
        { "dnsmasq[1]: 7 10.213.0.2/1 query[TXT] cut-o",                         0x0ad50002, "TXT",       "cut-o"                                            },
        { "dnsmasq[1]: 7 10.213.0.2/1 query[A] a\x1b[31m\xff"
          "b from 10.213.0.2",                                          0x0ad50002, "A",         "a?[31m?b"                                         },
        { "dnsmasq[1]: 7 10.213.0.2/1 query[A]  from 10.213.0.2",                0x0ad50002, "A",         ""                                                 },
    };

    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
        GkDnsQuestion question;

        g_assert_true (gk_dns_log_read (cases[i].line, strlen (cases[i].line), &question));
        g_assert_cmphex (question.asker, ==, cases[i].asker);
        g_assert_cmpstr (question.type, ==, cases[i].type);
        g_assert_cmpstr (question.name, ==, cases[i].name);
    }
}

static void
test_dns_log_other_lines (void)
{
    static const char *const others[] = {
        "",
        "dnsmasq[1]: started, version 2.90 cache disabled",
        "dnsmasq[1]: 7 10.213.0.2/1 config example.com is NXDOMAIN",
        "dnsmasq[1]: 7 10.213.0.2/1 reply query[A] x from 10.213.0.2",
        "dnsmasq-dhcp[1]: 7 10.213.0.2/1 query[A] x from 10.213.0.2",
        "dnsmasq[1]: query[A] x from 10.213.0.2",
        "dnsmasq[1]: 7 10.213.0/1 query[A] x from 10.213.0",
        "dnsmasq[1]: 7 ::1/1 query[A] x from ::1",
        "dnsmasq[1]: 7 10.213.0.2/1 query[] x from 10.213.0.2",
        "dnsmasq[1]: 7 10.213.0.2/1 query[A;B] x from 10.213.0.2",
        "dnsmasq[1]: 7 10.213.0.2/1 query[AAAAAAAAAAAAAAAAAAAAAAA] x from 10.213.0.2",
        "dnsmasq[99999999999]: 7 10.213.0.2/1 query[A] x from 10.213.0.2",
        "dnsmasq[1]: 7 10.213.0.2/1 query[A",
    };
    static const char line[] =
        "dnsmasq[1]: 7 10.213.0.2/40000 query[A] example.com from 10.213.0.2";
    GkDnsQuestion question;

    for (guint i = 0; i < G_N_ELEMENTS (others); i++)
        g_assert_false (gk_dns_log_read (others[i], strlen (others[i]), &question));
    for (gsize size = 0; size < sizeof line; size++) {
        g_autofree char *cut = g_memdup2 (line, MAX (size, 1)); /* no NUL behind it */

        gk_dns_log_read (cut, size, &question);
    }
}

static void
test_dns_log_long_name (void)
{
    g_autofree char *name = g_strnfill (2000, 'a');
    g_autofree char *line =
        g_strdup_printf ("dnsmasq[1]: 7 10.213.0.2/1 query[A] %s from 10.213.0.2", name);
    GkDnsQuestion question;

    g_assert_true (gk_dns_log_read (line, strlen (line), &question));
    g_assert_cmpuint (strlen (question.name), ==, 255);
}

static void
test_dns_log_is_read (void)
{
    static const char path[] = "/run/dhcp-hosts";
    static const struct {
        const char *line;
        gboolean is_read;
    } cases[] = {
        {"dnsmasq-dhcp[7]: read /run/dhcp-hosts",     TRUE },
 /* What a guest says when it declines an address ends a line of dnsmasq's. */
        { "dnsmasq-dhcp[7]: DHCPDECLINE(gka) 10.213.0.2 52:54:00:00:00:01 x]: read "
          "/run/dhcp-hosts",                 FALSE},
        { "dnsmasq-dhcp[7]: 12 DHCPDECLINE(gka) 10.213.0.2 52:54:00:00:00:01 dnsmasq-dhcp[7]: "
          "read /run/dhcp-hosts",            FALSE},
        { "dnsmasq-dhcp[7]: 12 read /run/dhcp-hosts", FALSE},
        { "dnsmasq-dhcp[x]: read /run/dhcp-hosts",    FALSE},
        { "dnsmasq-dhcp[]: read /run/dhcp-hosts",     FALSE},
        { "dnsmasq-dhcp[7]: read /run/dhcp-hosts ",   FALSE},
        { "dnsmasq-dhcp[7]: read /run/dhcp-host",     FALSE},
        { "dnsmasq[7]: read /run/dhcp-hosts",         FALSE},
        { " dnsmasq-dhcp[7]: read /run/dhcp-hosts",   FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
        g_assert_cmpint (gk_dns_log_is_read (cases[i].line, strlen (cases[i].line), path), ==,
                         cases[i].is_read);
    g_assert_false (gk_dns_log_is_read (cases[0].line, strlen (cases[0].line) + 1, path));
}

/* Packets */

#define IP(protocol, fragment)                                                                     \
    "\x45\0\0\x28\0\0" fragment "\x40" protocol "\0\0\x0a\xd5\0\2\xc6\x33\x64\7"

static void
test_flows (void)
{
    static const struct {
        guint16 ethertype;
        const char *bytes;
        gsize size;
        const char *protocol;
        guint port;
    } cases[] = {
        {0x0800,  IP ("\6",   "\0\0") "\x10\xe1\1\xbb",   24, "tcp",  443 },
        { 0x0800, IP ("\x11", "\0\0") "\x10\xe1\x11\x5c", 24, "udp",  4444},
        { 0x0800, IP ("\1",   "\0\0") "\x08",             21, "icmp", 8   },
        { 0x0800, IP ("\x2f", "\0\0") "\1\2\3\4",         24, "47",   0   },
        { 0x0800, IP ("\xff", "\0\0"),                    20, "255",  0   },
        { 0x0800, IP ("\6",   "\0\0") "\x10\xe1\1",       23, "tcp",  0   }, /* cut off */
        { 0x0800, IP ("\6",   "\0\0"),                    20, "tcp",  0   },
        { 0x0800, IP ("\6",   "\x20\0") "\0\1\0\2",       24, "tcp",  2   }, /* first fragment */
        { 0x0800, IP ("\6",   "\x20\1") "\0\1\0\2",       24, "tcp",  0   }, /* a later one */
    };
    GkFlow flow;

    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree guint8 *bytes = g_memdup2 (cases[i].bytes, cases[i].size);

        g_assert_true (gk_flow_read (cases[i].ethertype, bytes, cases[i].size, &flow));
        g_assert_cmpstr (flow.protocol, ==, cases[i].protocol);
        g_assert_cmpstr (flow.destination, ==, "198.51.100.7");
        g_assert_cmpuint (flow.port, ==, cases[i].port);
        g_assert_cmpuint (flow.bytes, ==, 40);
    }
}

static void
test_flow_arp (void)
{
    static const char arp[] =
        "\0\1\x08\0\6\4\0\1\x52\x54\0\0\0\1\x0a\xd5\0\2\0\0\0\0\0\0\x0a\xd5\0\1";
    GkFlow flow;

    g_assert_true (gk_flow_read (0x0806, (const guint8 *) arp, 28, &flow));
    g_assert_cmpstr (flow.protocol, ==, "arp");
    g_assert_cmpstr (flow.destination, ==, "10.213.0.1");
    g_assert_false (gk_flow_read (0x0806, (const guint8 *) arp, 27, &flow));
}

static void
test_no_flows (void)
{
    static const guint8 packet[24] = IP ("\6", "\0\0") "\0\1\0\2";
    GkFlow flow;

    for (gsize size = 0; size < 20; size++) {
        g_autofree guint8 *cut = g_memdup2 (packet, MAX (size, 1));

        g_assert_false (gk_flow_read (0x0800, cut, size, &flow));
    }
    for (guint first = 0; first < 256; first++) {
        guint8 changed[24];

        memcpy (changed, packet, sizeof changed);
        changed[0] = (guint8) first;
        g_assert_cmpint (gk_flow_read (0x0800, changed, sizeof changed, &flow), ==,
                         first >> 4 == 4 && (first & 15) >= 5);
    }
    g_assert_false (gk_flow_read (0x86dd, packet, sizeof packet, &flow));
}

/* Records */

typedef struct {
    GArray *reported;
    guint64 counters[GK_NFT_N_COUNTERS];
    guint looks; /* at the counters */
} Reports;

static void
on_report (const char *vm, const GkAttempt *attempt, gpointer data)
{
    g_array_append_vals (((Reports *) data)->reported, attempt, 1);
}

static gboolean
on_count (const char *vm, guint64 ret[GK_NFT_N_COUNTERS], gpointer data)
{
    Reports *reports = data;

    memcpy (ret, reports->counters, sizeof reports->counters);
    reports->looks++;
    return TRUE;
}

/* Takes what has been reported: how many events, and the sum of their counts. */
static guint
take_reports (Reports *reports, guint64 *ret_sum)
{
    guint events = reports->reported->len;

    *ret_sum = 0;
    for (guint i = 0; i < events; i++)
        *ret_sum += g_array_index (reports->reported, GkAttempt, i).count;
    g_array_set_size (reports->reported, 0);
    return events;
}

static GkAttempt
make_attempt (guint port)
{
    return (GkAttempt) { .protocol = "tcp",
                         .destination = "1.2.3.4",
                         .port = port,
                         .rule = "policy none",
                         .count = 1,
                         .bytes = 40 };
}

static void
test_records_count_what_is_alike (void)
{
    Reports reports = { g_array_new (FALSE, FALSE, sizeof (GkAttempt)) };
    const GkRecordFuncs funcs = { on_report, on_count, &reports };
    g_autoptr (GkRecord) record = gk_record_new (&funcs);
    GkAttempt attempt = make_attempt (80);
    guint64 sum;

    for (guint i = 0; i < 10; i++)
        gk_record_add (record, "a", &attempt);
    g_assert_cmpuint (take_reports (&reports, &sum), ==, 1);
    g_assert_cmpuint (sum, ==, 1);
    gk_record_tick (record);
    g_assert_cmpuint (g_array_index (reports.reported, GkAttempt, 0).bytes, ==, 360);
    g_assert_cmpuint (take_reports (&reports, &sum), ==, 1);
    g_assert_cmpuint (sum, ==, 9);
    gk_record_tick (record);
    g_assert_cmpuint (take_reports (&reports, &sum), ==, 0);
    gk_record_add (record, "a", &attempt);
    gk_record_add (record, "b", &attempt);
    g_assert_cmpuint (take_reports (&reports, &sum), ==, 2);
    gk_record_add (record, "b", &attempt);
    gk_record_finish (record, "b");
    g_assert_cmpuint (take_reports (&reports, &sum), ==, 1);
    g_assert_cmpuint (sum, ==, 1);
    g_array_unref (reports.reported);
}

static void
test_records_are_capped_and_lose_no_count (void)
{
    Reports reports = { g_array_new (FALSE, FALSE, sizeof (GkAttempt)) };
    const GkRecordFuncs funcs = { on_report, on_count, &reports };
    g_autoptr (GkRecord) record = gk_record_new (&funcs);
    guint64 sum, total = 0;
    guint events = 0;

    for (guint second = 0; second < 5; second++) {
        for (guint port = 0; port < 1000; port++) {
            GkAttempt attempt = make_attempt (port + second);

            gk_record_add (record, "a", &attempt);
        }
        reports.counters[GK_NFT_UNRECORDED] += 5000;
        gk_record_tick (record);
        events = take_reports (&reports, &sum);
        g_assert_cmpuint (events, <=, 2 * GK_RECORD_LIMIT + GK_RECORD_NEWS + 1);
        total += sum;
    }
    g_assert_cmpuint (total, ==, 5 * 6000);
    reports.counters[GK_NFT_UNRECORDED] += 3;
    gk_record_finish (record, "a");
    g_assert_cmpuint (take_reports (&reports, &sum), ==, 1);
    g_assert_cmpuint (sum, ==, 3);
    g_array_unref (reports.reported);
}

/* How many events of that rule there were, and the sum of their counts; the others are forgotten.
 */
static guint
take_rule (Reports *reports, const char *rule, guint64 *ret_sum)
{
    guint events = 0;

    *ret_sum = 0;
    for (guint i = 0; i < reports->reported->len; i++) {
        const GkAttempt *attempt = &g_array_index (reports->reported, GkAttempt, i);

        if (!g_str_equal (attempt->rule, rule))
            continue;
        g_assert_cmpstr (attempt->protocol, ==, "any");
        *ret_sum += attempt->count;
        events++;
    }
    g_array_set_size (reports->reported, 0);
    return events;
}

static void
test_records_tell_of_the_rate_now_and_then (void)
{
    Reports reports = { g_array_new (FALSE, FALSE, sizeof (GkAttempt)) };
    const GkRecordFuncs funcs = { on_report, on_count, &reports };
    g_autoptr (GkRecord) record = gk_record_new (&funcs);
    guint64 sum, total = 0;
    guint events = 0;

    for (guint second = 0; second < 11; second++) {
        reports.counters[GK_NFT_OVER_RATE] += 1000;
        gk_record_over_rate (record, "a");
        gk_record_tick (record);
        events += take_rule (&reports, "rate limit", &sum);
        total += sum;
        if (second == 0)
            g_assert_cmpuint (sum, ==, 1000); /* at once, the first time */
    }
    g_assert_cmpuint (events, ==, 3);
    g_assert_cmpuint (total, ==, 11000);
    gk_record_over_rate (record, "a");
    reports.counters[GK_NFT_OVER_RATE] += 5;
    gk_record_tick (record);
    reports.counters[GK_NFT_OVER_RATE] += 2; /* after the last time that the rules told */
    reports.looks = 0;
    for (guint second = 0; second < 10; second++)
        gk_record_tick (record);
    g_assert_cmpuint (reports.looks, ==, 1);
    g_assert_cmpuint (take_rule (&reports, "rate limit", &sum), ==, 1);
    g_assert_cmpuint (sum, ==, 7);
    reports.counters[GK_NFT_OVER_RATE] += 3;
    gk_record_finish (record, "a");
    g_assert_cmpuint (take_rule (&reports, "rate limit", &sum), ==, 1);
    g_assert_cmpuint (sum, ==, 3);
    g_array_unref (reports.reported);
}

/* Somebody flushed the rules, and they were loaded again: they count from 0. */
static void
test_records_go_on_with_new_counters (void)
{
    Reports reports = { g_array_new (FALSE, FALSE, sizeof (GkAttempt)) };
    const GkRecordFuncs funcs = { on_report, on_count, &reports };
    g_autoptr (GkRecord) record = gk_record_new (&funcs);
    guint64 sum;

    reports.counters[GK_NFT_OVER_RATE] = 1000;
    gk_record_over_rate (record, "a");
    gk_record_tick (record);
    take_rule (&reports, "rate limit", &sum);
    reports.counters[GK_NFT_OVER_RATE] = 30;
    gk_record_finish (record, "a");
    g_assert_cmpuint (take_rule (&reports, "rate limit", &sum), ==, 1);
    g_assert_cmpuint (sum, ==, 30);
    g_array_unref (reports.reported);
}

static GkAttempt
make_question (const char *name)
{
    GkAttempt attempt = { .query = TRUE, .type = "A", .rule = "dns none", .count = 1 };

    g_strlcpy (attempt.name, name, sizeof attempt.name);
    return attempt;
}

static guint64
count_of (const Reports *reports, const char *text)
{
    guint64 sum = 0;

    for (guint i = 0; i < reports->reported->len; i++) {
        const GkAttempt *attempt = &g_array_index (reports->reported, GkAttempt, i);

        if (g_str_equal (attempt->query ? attempt->name : attempt->destination, text))
            sum += attempt->count;
    }
    return sum;
}

/* A second's noise: ports of one destination, and types of one name, the same every second. */
static void
make_noise (GkRecord *record)
{
    for (guint i = 0; i < 1000; i++) {
        GkAttempt flow = make_attempt (i), question = make_question ("noise.example");

        g_snprintf (question.type, sizeof question.type, "TYPE%u", i);
        gk_record_add (record, "a", &flow);
        gk_record_add (record, "a", &question);
    }
}

static void
test_records_tell_what_is_new_in_noise (void)
{
    Reports reports = { g_array_new (FALSE, FALSE, sizeof (GkAttempt)) };
    const GkRecordFuncs funcs = { on_report, on_count, &reports };
    g_autoptr (GkRecord) record = gk_record_new (&funcs);
    GkAttempt question = make_question ("c2.example"), flow = make_attempt (443);
    guint64 sum;

    g_strlcpy (flow.destination, "198.51.100.7", sizeof flow.destination);
    for (guint second = 0; second < 3; second++) {
        make_noise (record);
        gk_record_add (record, "a", &question);
        gk_record_add (record, "a", &flow);
        gk_record_tick (record);
        g_assert_cmpuint (count_of (&reports, "c2.example"), ==, second == 0);
        g_assert_cmpuint (count_of (&reports, "198.51.100.7"), ==, second == 0);
        take_reports (&reports, &sum);
        g_assert_cmpuint (sum, ==, 2002);
    }
    g_array_unref (reports.reported);
}

static void
test_records_of_questions_leave_flows_their_room (void)
{
    Reports reports = { g_array_new (FALSE, FALSE, sizeof (GkAttempt)) };
    const GkRecordFuncs funcs = { on_report, on_count, &reports };
    g_autoptr (GkRecord) record = gk_record_new (&funcs);
    GkAttempt flow = make_attempt (443);
    guint64 sum;

    for (guint i = 0; i < 1000; i++) {
        g_autofree char *name = g_strdup_printf ("n%u.example", i);
        GkAttempt question = make_question (name);

        gk_record_add (record, "a", &question);
    }
    g_assert_cmpuint (take_reports (&reports, &sum), ==, GK_RECORD_LIMIT + GK_RECORD_NEWS);
    gk_record_add (record, "a", &flow);
    g_assert_cmpuint (take_reports (&reports, &sum), ==, 1);
    g_array_unref (reports.reported);
}

/* However many destinations came before it: what is remembered is bounded, and never full. */
static void
test_records_tell_what_is_new_after_a_long_sweep (void)
{
    Reports reports = { g_array_new (FALSE, FALSE, sizeof (GkAttempt)) };
    const GkRecordFuncs funcs = { on_report, on_count, &reports };
    g_autoptr (GkRecord) record = gk_record_new (&funcs);
    GkAttempt flow = make_attempt (443);
    guint64 sum;

    for (guint i = 0; i < 20000; i++) {
        g_snprintf (flow.destination, sizeof flow.destination, "10.9.%u.%u", i >> 8, i & 255);
        gk_record_add (record, "a", &flow);
        if (i % 150 == 149)
            gk_record_tick (record);
    }
    make_noise (record);
    take_reports (&reports, &sum);
    g_strlcpy (flow.destination, "198.51.100.7", sizeof flow.destination);
    gk_record_add (record, "a", &flow);
    g_assert_cmpuint (count_of (&reports, "198.51.100.7"), ==, 1);
    g_array_unref (reports.reported);
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestFunc func;
    } tests[] = {
        {"/bridge/nic/names-and-addresses-are-held-against-their-patterns",
         test_names_and_addresses                                                                           },
        { "/bridge/nic/a-subnet-is-private-and-has-its-parts",              test_subnets                    },
        { "/bridge/vms/an-address-given-back-is-given-last",                test_addresses_come_round       },
        { "/bridge/vms/what-is-anothers-is-refused",                        test_what_is_anothers_is_refused},
        { "/bridge/nft/every-log-prefix-is-a-rule",                         test_bridge_rules               },
        { "/bridge/nft/a-guest-is-one-element-a-set",                       test_guest_elements             },
        { "/bridge/nft/reading-back-misses-nothing",                        test_read_back                  },
        { "/bridge/nft/counters-are-told-apart",                            test_counters_are_told_apart    },
        { "/bridge/dns-log/questions-are-read",                             test_dns_log                    },
        { "/bridge/dns-log/other-lines-are-none",                           test_dns_log_other_lines        },
        { "/bridge/dns-log/a-long-name-is-cut",                             test_dns_log_long_name          },
        { "/bridge/dns-log/a-file-read-is-a-whole-line",                    test_dns_log_is_read            },
        { "/bridge/flow/ipv4-is-read",                                      test_flows                      },
        { "/bridge/flow/arp-is-read",                                       test_flow_arp                   },
        { "/bridge/flow/what-is-cut-or-wrong-is-none",                      test_no_flows                   },
        { "/bridge/record/what-is-alike-is-counted",                        test_records_count_what_is_alike},
        { "/bridge/record/a-flood-is-capped-and-loses-no-count",
         test_records_are_capped_and_lose_no_count                                                          },
        { "/bridge/record/the-rate-limit-is-told-now-and-then",
         test_records_tell_of_the_rate_now_and_then                                                         },
        { "/bridge/record/counters-that-begin-anew-lose-nothing",
         test_records_go_on_with_new_counters                                                               },
        { "/bridge/record/what-is-new-is-told-in-any-noise",
         test_records_tell_what_is_new_in_noise                                                             },
        { "/bridge/record/questions-leave-flows-their-room",
         test_records_of_questions_leave_flows_their_room                                                   },
        { "/bridge/record/a-long-sweep-hides-nothing-after-it",
         test_records_tell_what_is_new_after_a_long_sweep                                                   },
    };

    g_test_init (&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
        g_test_add_func (tests[i].name, tests[i].func);
    return g_test_run ();
}
