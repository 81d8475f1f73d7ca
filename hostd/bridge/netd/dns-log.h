/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions, read from dnsmasq's log (`--log-queries=extra`), one line at a time:
 *
 *   dnsmasq[123]: 7 10.213.0.2/40000 query[A] example.com from 10.213.0.2
 *
 * The name is the guest's own text, and may look like the rest of a line. Who asked is taken from
 * before the name. Pure, any thread. */
#pragma once

#include <glib.h>

typedef struct {
    guint32 asker;  /* IPv4 address, host byte order */
    char name[256]; /* printable ASCII; other bytes are shown as `?` */
    char type[16];  /* `A`, `AAAA`, `TYPE64999` */
} GkDnsQuestion;

/* FALSE, with @ret untouched, where the line is no question. */
gboolean gk_dns_log_read (const char *line, gsize size, GkDnsQuestion *ret);

/* Whether the line says that @path was read, and nothing else: a guest's own text may end other
 * lines (the message of a DHCP decline does), but is the whole of none. */
gboolean gk_dns_log_is_read (const char *line, gsize size, const char *path);
