/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "hostd/share/scan/kind.h"
#include "hostd/share/scan/walk.h"

/* Once, before the walls are up. */
void gk_archive_init (void);

/* A GkWalk. */
GkTrouble gk_walk_archive (const GkSpecimen *specimen, const GkVisitor *visitor, char **ret_detail);
