/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/filter.h"

#include "base/fd.h"
#include "base/files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void
gk_filter_init (GkFilter *filter, int from, guint64 size, int to, GCancellable *cancellable)
{
    *filter = (GkFilter) { .from = from,
                           .to = to,
                           .cancellable = cancellable,
                           .left = size,
                           .in = g_malloc (GK_FILTER_BUFFER),
                           .out = g_malloc (GK_FILTER_BUFFER) };
}

void
gk_filter_clear (GkFilter *filter)
{
    g_clear_pointer (&filter->in, g_free);
    g_clear_pointer (&filter->out, g_free);
}

gboolean
gk_filter_refuse (GkFilter *filter, GError **error, const char *what, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start (args, what);
    reason = g_strdup_vprintf (what, args);
    va_end (args);
    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                 "%s (at byte %" G_GUINT64_FORMAT " of QEMU's stream)", reason, filter->consumed);
    return FALSE;
}

/* Reads what fits behind what was not yet consumed. */
static gboolean
fill (GkFilter *filter, GError **error)
{
    gssize n;

    if (g_cancellable_set_error_if_cancelled (filter->cancellable, error))
        return FALSE;
    filter->filled -= filter->at;
    memmove (filter->in, filter->in + filter->at, filter->filled);
    filter->at = 0;
    do
        n = read (filter->from, filter->in + filter->filled,
                  MIN (GK_FILTER_BUFFER - filter->filled, filter->left));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return gk_set_errno (error, errno, "cannot read");
    if (n == 0)
        return gk_filter_refuse (filter, error, "it ends too early");
    filter->filled += (gsize) n;
    filter->left -= (guint64) n;
    return TRUE;
}

const guint8 *
gk_filter_look (GkFilter *filter, gsize size, GError **error)
{
    while (filter->filled - filter->at < size)
        if (!fill (filter, error))
            return NULL;
    return filter->in + filter->at;
}

void
gk_filter_drop (GkFilter *filter, gsize size)
{
    filter->at += size;
    filter->consumed += size;
}

static gboolean
flush (GkFilter *filter, GError **error)
{
    if (!gk_fd_write_all (filter->to, filter->out, filter->pending, error))
        return FALSE;
    filter->written += filter->pending;
    filter->pending = 0;
    return TRUE;
}

gboolean
gk_filter_put (GkFilter *filter, const void *data, gsize size, GError **error)
{
    if (GK_FILTER_BUFFER - filter->pending < size && !flush (filter, error))
        return FALSE;
    memcpy (filter->out + filter->pending, data, size);
    filter->pending += size;
    return TRUE;
}

const guint8 *
gk_filter_copy (GkFilter *filter, gsize size, GError **error)
{
    const guint8 *bytes = gk_filter_look (filter, size, error);

    if (!bytes || !gk_filter_put (filter, bytes, size, error))
        return NULL;
    gk_filter_drop (filter, size);
    return bytes;
}

gboolean
gk_filter_copy_u32 (GkFilter *filter, guint32 *ret, GError **error)
{
    const guint8 *bytes = gk_filter_copy (filter, sizeof *ret, error);
    guint32 value;

    if (!bytes)
        return FALSE;
    memcpy (&value, bytes, sizeof value);
    *ret = GUINT32_FROM_BE (value);
    return TRUE;
}

gboolean
gk_filter_finish (GkFilter *filter, GError **error)
{
    while (filter->left > 0 || filter->filled > filter->at) {
        gsize ready = filter->filled - filter->at;

        if (ready > 0 && !gk_filter_copy (filter, ready, error))
            return FALSE;
        if (filter->left > 0 && !fill (filter, error))
            return FALSE;
    }
    return flush (filter, error);
}
