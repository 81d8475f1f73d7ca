/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs in our guests share. They are started by the guest agent as root, under
 * emulation too, where a shared library costs as much as their work: so they are static, without
 * GLib, and small. They speak to nobody but their caller: failures go to standard error, a line
 * each. */
#pragma once

#include <net/if.h>
#include <stdbool.h>

enum { GUEST_OK = 0, GUEST_FAILED = 1, GUEST_WRONG_USE = 2 };

/* Says what failed, and errno's text for it where @code is not 0. Returns: false */
bool guest_fail (int code, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* Sets the clock to @time, nanoseconds of the epoch in decimal digits. @started: it was that when
 * this process was started, and what its start took is added. */
bool guest_set_clock (const char *time, bool started);
bool guest_is_time (const char *text);

/* The one NIC's name. Returns: false where there is none */
bool guest_nic_find (char name[IFNAMSIZ]);

/* What the bridge gave this guest, as the host says it: `10.213.0.7/16,10.213.0.1`: address, prefix
 * length, and the gateway, which is the name server too. */
typedef struct {
    unsigned int address, mask, gateway; /* network byte order */
} GuestNetwork;

bool guest_network_parse (const char *text, GuestNetwork *ret);

/* Gives it to the NIC, with a default route, and the name server to programs. Where DHCP has done
 * so already, nothing changes. */
bool guest_network_apply (const GuestNetwork *network);
