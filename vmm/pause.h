/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* Sleeps @ms, or until @cancellable is cancelled. Any thread. */
void gk_pause (guint ms, GCancellable *cancellable);
