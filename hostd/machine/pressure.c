/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/machine/pressure.h"

#include <gio/gio.h>
#include <string.h>

/* Per cent of time lost from which on memory is short: well above what an idle host shows, and well
 * below what its users would notice. */
static const double some_is_much = 10, all_is_much = 5;

static gboolean
set_invalid (GError **error, const char *path)
{
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is not as it should be", path);
    return FALSE;
}

/* What follows @name, which begins a line of @text; NULL where there is no such line. */
static const char *
find_line (const char *text, const char *name)
{
    for (const char *at = text; at; at = strchr (at, '\n')) {
        at += *at == '\n';
        if (g_str_has_prefix (at, name))
            return at + strlen (name);
    }
    return NULL;
}

/* A line such as `MemTotal:       24576000 kB`. */
static gboolean
read_amount (const char *meminfo, const char *name, guint64 *ret)
{
    const char *line = find_line (meminfo, name);
    guint64 kib;
    char *end;

    if (!line)
        return FALSE;
    kib = g_ascii_strtoull (line, &end, 10);
    if (end == line || !g_str_has_prefix (end, " kB") || kib > G_MAXUINT64 / 1024)
        return FALSE;
    *ret = kib * 1024;
    return TRUE;
}

/* A line such as `some avg10=0.12 avg60=0.00 avg300=0.00 total=4711`. */
static gboolean
read_share (const char *psi, const char *name, double *ret)
{
    const char *line = find_line (psi, name);
    double share;
    char *end;

    if (!line)
        return FALSE;
    share = g_ascii_strtod (line, &end);
    if (end == line || *end != ' ' || !(share >= 0 && share <= 100))
        return FALSE;
    *ret = share;
    return TRUE;
}

gboolean
gk_pressure_parse (const char *meminfo, const char *psi, GkPressure *ret, GError **error)
{
    GkPressure pressure = { .has_psi = psi != NULL };

    if (!read_amount (meminfo, "MemTotal:", &pressure.total) ||
        !read_amount (meminfo, "MemAvailable:", &pressure.available))
        return set_invalid (error, "/proc/meminfo");
    if (psi && (!read_share (psi, "some avg10=", &pressure.some_avg10) ||
                !read_share (psi, "full avg10=", &pressure.full_avg10)))
        return set_invalid (error, "/proc/pressure/memory");
    *ret = pressure;
    return TRUE;
}

gboolean
gk_pressure_read (GkPressure *ret, GError **error)
{
    g_autofree char *meminfo = NULL, *psi = NULL;
    g_autoptr (GError) local = NULL;

    if (!g_file_get_contents ("/proc/meminfo", &meminfo, NULL, &local)) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot tell the host's memory: %s",
                     local->message);
        return FALSE;
    }
    /* Not there, or there and refused (`psi=0`): either way there is none. */
    g_file_get_contents ("/proc/pressure/memory", &psi, NULL, NULL);
    return gk_pressure_parse (meminfo, psi, ret, error);
}

gboolean
gk_pressure_is_high (const GkPressure *pressure, guint64 keep_available, char **ret_why)
{
    const gboolean all = pressure->full_avg10 >= all_is_much;
    char *why = NULL;

    if (pressure->available < keep_available)
        why = g_strdup_printf ("only %" G_GUINT64_FORMAT
                               " MiB of memory are available, less than %" G_GUINT64_FORMAT,
                               pressure->available >> 20, keep_available >> 20);
    else if (pressure->has_psi && (all || pressure->some_avg10 >= some_is_much))
        why =
            g_strdup_printf ("%stasks wait for memory %.0f %% of the time (PSI)", all ? "all " : "",
                             all ? pressure->full_avg10 : pressure->some_avg10);
    if (!why)
        return FALSE;
    if (ret_why)
        *ret_why = why;
    else
        g_free (why);
    return TRUE;
}
