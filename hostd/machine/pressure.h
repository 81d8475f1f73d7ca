/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How short the host is of memory, by its kernel: what is available (/proc/meminfo), and how much
 * time tasks lose by waiting for it (PSI, /proc/pressure/memory). Any thread. Errors are
 * G_IO_ERROR. */
#pragma once

#include <glib.h>

typedef struct {
    guint64 total, available;      /* bytes */
    double some_avg10, full_avg10; /* per cent of the last 10 s that some, or all, tasks waited */
    gboolean has_psi;              /* else both are 0: a kernel without PSI, or with it off */
} GkPressure;

/* Costs some microseconds. */
gboolean gk_pressure_read (GkPressure *ret, GError **error);

/**
 * gk_pressure_parse:
 * @meminfo: the text of /proc/meminfo
 * @psi: (nullable): the text of /proc/pressure/memory
 *
 * Pure. G_IO_ERROR_INVALID_DATA, with @ret untouched, where it is not what the kernel writes.
 */
gboolean gk_pressure_parse (const char *meminfo, const char *psi, GkPressure *ret, GError **error);

/**
 * gk_pressure_is_high:
 * @keep_available: bytes that are to stay available
 * @ret_why: (out) (optional): untouched where it is not high: `only 310 MiB of memory are
 *   available, less than 512`, `tasks wait for memory 12 % of the time (PSI)`
 *
 * Pure.
 */
gboolean gk_pressure_is_high (const GkPressure *pressure, guint64 keep_available, char **ret_why);
