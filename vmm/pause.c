/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/pause.h"

void
gk_pause (guint ms, GCancellable *cancellable)
{
    GPollFD fd;

    if (!g_cancellable_make_pollfd (cancellable, &fd)) {
        g_usleep ((gulong) ms * 1000);
        return;
    }
    g_poll (&fd, 1, (int) ms);
    g_cancellable_release_fd (cancellable);
}
