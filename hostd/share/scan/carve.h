/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hostd/share/scan/walk.h"

/* Hands on each file that is found in @data, at most 16. Returns: how many. */
guint gk_carve (const guint8 *data, gsize size, const GkVisitor *visitor);
