/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ends disposables whose lease is over, or whose guest has ended, and writes down why. Main thread. */
#pragma once

#include "hostd/host.h"

/* Returns: the id of the source that looks at them every few seconds */
guint gk_lease_watch_start (GkHost *host);
