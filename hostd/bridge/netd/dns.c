/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/dns.h"

#include "base/fd.h"
#include "base/files.h"
#include "hostd/bridge/bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define FOLDER "/run"
#define HOSTS "dhcp-hosts"

enum {
    LINE_MAX_SIZE = 2048, /* dnsmasq's own limit is 1,024 */
    WAIT_MS = 3000,
    ASK_AGAIN_MS = 100,
    RESTARTS_MAX = 5,
    RESTARTS_WITHIN_S = 60,
};

struct _GkDns {
    GkSubnet subnet;
    GkQuestionFunc on_question;
    GkDnsLostFunc on_lost;
    gpointer data;

    int folder;
    int pidfd, log;
    guint pidfd_source, log_source;
    GString *line;
    gboolean line_is_too_long;

    guint reads; /* of HOSTS, that the log has told of */
    guint asked; /* our own questions */
    guint seen; /* the last of them that the log has told of */

    guint restarts;
    gint64 first_restart;
};

static gboolean
fail (GError **error, const char *what)
{
    g_set_error (error, GK_BRIDGE_ERROR, GK_BRIDGE_ERROR_FAILED, "%s", what);
    return FALSE;
}

/* Our own questions are told by who asks: no guest can send from the gateway's address. */
static void
on_question (GkDns *dns, const GkDnsQuestion *question)
{
    guint64 number;

    if (question->asker != gk_subnet_gateway (&dns->subnet))
        dns->on_question (question, dns->data);
    else if (g_ascii_string_to_unsigned (question->name, 10, 0, G_MAXUINT, &number, NULL))
        dns->seen = (guint) number;
}

static void
on_line (GkDns *dns, const char *line, gsize size)
{
    GkDnsQuestion question;

    if (gk_dns_log_read (line, size, &question))
        on_question (dns, &question);
    else if (gk_dns_log_is_read (line, size, FOLDER "/" HOSTS))
        dns->reads++;
    else if (!g_str_has_prefix (line, "dnsmasq[") && !g_str_has_prefix (line, "dnsmasq-dhcp["))
        g_printerr ("%.200s\n", line); /* why it could not start */
}

static void
on_bytes (GkDns *dns, const char *bytes, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            if (!dns->line_is_too_long)
                on_line (dns, dns->line->str, dns->line->len);
            g_string_truncate (dns->line, 0);
            dns->line_is_too_long = FALSE;
        } else if (dns->line->len == LINE_MAX_SIZE) {
            dns->line_is_too_long = TRUE;
        } else {
            g_string_append_c (dns->line, bytes[i]);
        }
    }
}

/* FALSE where nothing can be read by now. */
static gboolean
take_some (GkDns *dns)
{
    char bytes[16384];
    ssize_t size = read (dns->log, bytes, sizeof bytes);

    if (size <= 0)
        return FALSE;
    on_bytes (dns, bytes, (gsize) size);
    return TRUE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
    GkDns *dns = data;

    if (take_some (dns) || !(condition & (G_IO_HUP | G_IO_ERR)))
        return G_SOURCE_CONTINUE;
    dns->log_source = 0;
    return G_SOURCE_REMOVE;
}

static void
end_child (GkDns *dns)
{
    struct pollfd ended = { dns->pidfd, POLLIN, 0 };

    g_clear_handle_id (&dns->pidfd_source, g_source_remove);
    g_clear_handle_id (&dns->log_source, g_source_remove);
    if (dns->pidfd >= 0) {
        pidfd_send_signal (dns->pidfd, SIGKILL, NULL, 0);
        poll (&ended, 1, WAIT_MS);
    }
    gk_fd_close (gk_steal_fd (&dns->pidfd));
    gk_fd_close (gk_steal_fd (&dns->log));
}

static GPtrArray *
make_argv (GkDns *dns)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
    char gateway[GK_IPV4_TEXT], network[GK_IPV4_TEXT], mask[GK_IPV4_TEXT];
    static const char *const fixed[] = {
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--user=",
        "--group=",
        "--log-facility=-",
        "--log-queries=extra",
        "--quiet-dhcp",
        /* No answers but ours, from nowhere else. */
        "--no-hosts",
        "--no-resolv",
        "--no-poll",
        "--no-ident",
        "--cache-size=0",
        "--address=/#/",
        /* Taps have no addresses: what comes in by them counts as come in by lo. */
        "--bind-interfaces",
        "--interface=lo",
        "--bridge-interface=lo," GK_TAP_PREFIX "*",
        /* Guests that we know, and the addresses that we gave them. To broadcast leaves the
         * kernel's permanent neighbour entries alone. */
        "--dhcp-hostsfile=" FOLDER "/" HOSTS,
        "--dhcp-ignore=tag:!known",
        /* What a guest calls itself would be a name for the others. */
        "--dhcp-ignore-names",
        "--dhcp-authoritative",
        "--dhcp-broadcast",
        "--no-ping",
        "--leasefile-ro",
        "--dhcp-lease-max=65536",
    };

    gk_ipv4_format (gk_subnet_gateway (&dns->subnet), gateway);
    gk_ipv4_format (dns->subnet.network, network);
    gk_ipv4_format (0xffffffffu << (32 - dns->subnet.prefix), mask);
    for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
        g_ptr_array_add (argv, g_strdup (fixed[i]));
    g_ptr_array_add (argv, g_strdup_printf ("--dhcp-range=%s,static,%s,12h", network, mask));
    g_ptr_array_add (argv, g_strdup_printf ("--dhcp-option=option:router,%s", gateway));
    g_ptr_array_add (argv, g_strdup_printf ("--dhcp-option=option:dns-server,%s", gateway));
    g_ptr_array_add (argv, NULL);
    return argv;
}

static gboolean on_child_ended (int fd, GIOCondition condition, gpointer data);

static gboolean
start_child (GkDns *dns, GError **error)
{
    static const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
    const GSpawnFlags flags =
        G_SPAWN_SEARCH_PATH_FROM_ENVP | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL;
    g_autoptr (GPtrArray) argv = make_argv (dns);
    GPid pid;

    if (!g_spawn_async_with_pipes (NULL, (char **) argv->pdata, (char **) envp, flags, NULL, NULL,
                                   &pid, NULL, NULL, &dns->log, error))
        return FALSE;
    dns->pidfd = pidfd_open (pid, 0);
    if (dns->pidfd < 0 || !g_unix_set_fd_nonblocking (dns->log, TRUE, NULL))
        return gk_set_errno (error, errno, "cannot watch dnsmasq");
    dns->pidfd_source = g_unix_fd_add (dns->pidfd, G_IO_IN, on_child_ended, dns);
    dns->log_source = g_unix_fd_add (dns->log, G_IO_IN, on_readable, dns);
    g_string_truncate (dns->line, 0);
    dns->line_is_too_long = FALSE;
    return TRUE;
}

/* Waits until *@counter has come to @target, reading the log: several counts may come in one read,
 * and the counter may wrap. FALSE at @deadline, or where dnsmasq is gone. */
static gboolean
wait_for (GkDns *dns, const guint *counter, guint target, gint64 deadline)
{
    while ((gint) (*counter - target) < 0) {
        gint64 left = (deadline - g_get_monotonic_time ()) / 1000;
        struct pollfd fds[] = {
            {dns->log,    POLLIN, 0},
            { dns->pidfd, POLLIN, 0}
        };

        if (left <= 0 || poll (fds, G_N_ELEMENTS (fds), (int) left) <= 0 || fds[1].revents)
            return FALSE;
        take_some (dns);
    }
    return TRUE;
}

/* A question for the A record of the number @name, which tells our questions apart. */
static gsize
write_question (guint8 packet[64], guint name)
{
    static const guint8 header[12] = { 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
    static const guint8 footer[5] = { 0, 0, 1, 0, 1 };
    char text[16];
    guint8 length = (guint8) g_snprintf (text, sizeof text, "%u", name);

    memcpy (packet, header, sizeof header);
    packet[12] = length;
    memcpy (packet + 13, text, length);
    memcpy (packet + 13 + length, footer, sizeof footer);
    return 13u + length + sizeof footer;
}

static void
ask (GkDns *dns)
{
    gk_autofd int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in gateway = { .sin_family = AF_INET,
                                   .sin_port = htons (53),
                                   .sin_addr.s_addr = htonl (gk_subnet_gateway (&dns->subnet)) };
    struct sockaddr_in source = gateway;
    guint8 packet[64];
    gsize size = write_question (packet, ++dns->asked);

    source.sin_port = 0;
    if (fd >= 0 && bind (fd, (struct sockaddr *) &source, sizeof source) == 0)
        sendto (fd, packet, size, MSG_DONTWAIT, (struct sockaddr *) &gateway, sizeof gateway);
}

/* A question may be lost: before dnsmasq listens, or in a flood. */
gboolean
gk_dns_drain (GkDns *dns, GError **error)
{
    gint64 end = g_get_monotonic_time () + WAIT_MS * 1000;

    for (gint64 now = 0; now < end; now = g_get_monotonic_time ()) {
        struct pollfd ended = { dns->pidfd, POLLIN, 0 };

        ask (dns);
        if (wait_for (dns, &dns->seen, dns->asked, g_get_monotonic_time () + ASK_AGAIN_MS * 1000))
            return TRUE;
        if (poll (&ended, 1, 0) != 0)
            break;
    }
    return fail (error, "dnsmasq does not answer (is it installed?)");
}

static gboolean
restart_is_due (GkDns *dns)
{
    gint64 now = g_get_monotonic_time ();

    if (now - dns->first_restart > RESTARTS_WITHIN_S * G_USEC_PER_SEC) {
        dns->first_restart = now;
        dns->restarts = 0;
    }
    return dns->restarts++ < RESTARTS_MAX;
}

static gboolean
on_child_ended (int fd, GIOCondition condition, gpointer data)
{
    GkDns *dns = data;
    g_autoptr (GError) error = NULL;

    while (take_some (dns))
        ;
    dns->pidfd_source = 0;
    end_child (dns);
    if (!restart_is_due (dns))
        dns->on_lost ("dnsmasq dies again and again", dns->data);
    else if (!start_child (dns, &error))
        dns->on_lost (error->message, dns->data);
    else
        g_printerr ("dnsmasq died and was started again\n");
    return G_SOURCE_REMOVE;
}

static gboolean
write_hosts (GkDns *dns, GPtrArray *vms, GError **error)
{
    g_autoptr (GString) hosts = g_string_new (NULL);

    for (guint i = 0; i < vms->len; i++) {
        const GkNetdVm *vm = g_ptr_array_index (vms, i);
        const guint8 *mac = vm->nic.mac;
        char address[GK_IPV4_TEXT];

        gk_ipv4_format (vm->address, address);
        g_string_append_printf (hosts, "%02x:%02x:%02x:%02x:%02x:%02x,%s\n", mac[0], mac[1], mac[2],
                                mac[3], mac[4], mac[5], address);
    }
    return gk_file_replace (dns->folder, HOSTS, hosts->str, hosts->len, 0600, error);
}

gboolean
gk_dns_set_guests (GkDns *dns, GPtrArray *vms, GError **error)
{
    guint reads = dns->reads;
    gint64 deadline = g_get_monotonic_time () + WAIT_MS * 1000;

    if (!write_hosts (dns, vms, error))
        return FALSE;
    if (dns->pidfd < 0 || pidfd_send_signal (dns->pidfd, SIGHUP, NULL, 0) < 0)
        return fail (error, "dnsmasq has died");
    if (wait_for (dns, &dns->reads, reads + 1, deadline))
        return TRUE;
    return fail (error, "dnsmasq does not take over the guests' addresses");
}

GkDns *
gk_dns_start (const GkSubnet *subnet, GkQuestionFunc question_func, GkDnsLostFunc lost_func,
              gpointer data, GError **error)
{
    g_autoptr (GkDns) dns = g_new0 (GkDns, 1);
    g_autoptr (GPtrArray) nobody = g_ptr_array_new ();

    dns->subnet = *subnet;
    dns->on_question = question_func;
    dns->on_lost = lost_func;
    dns->data = data;
    dns->pidfd = dns->log = -1;
    dns->line = g_string_new (NULL);
    dns->folder = gk_open_dir (FOLDER, error);
    if (dns->folder < 0 || !write_hosts (dns, nobody, error) || !start_child (dns, error) ||
        !gk_dns_drain (dns, error))
        return NULL;
    return g_steal_pointer (&dns);
}

void
gk_dns_stop (GkDns *dns)
{
    if (!dns)
        return;
    end_child (dns);
    gk_fd_close (dns->folder);
    g_string_free (dns->line, TRUE);
    g_free (dns);
}
