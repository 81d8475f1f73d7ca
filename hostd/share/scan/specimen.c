/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/specimen.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

gssize
gk_specimen_read (const GkSpecimen *specimen, guint64 offset, guint8 *into, gsize n)
{
    gssize got;

    if (offset < specimen->head_size) {
        n = MIN (n, specimen->head_size - (gsize) offset);
        memcpy (into, specimen->head + offset, n);
        return (gssize) n;
    }
    if (!specimen->has_rest || offset >= specimen->size)
        return 0;
    do
        got = pread (specimen->fd, into, (gsize) MIN (n, specimen->size - offset), (off_t) offset);
    while (got < 0 && errno == EINTR);
    return got;
}
