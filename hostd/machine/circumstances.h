/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a saved machine depends on: where one of these differs, its memory is of no use. Each is a line
 * of text, so that a difference can be told. */
#pragma once

#include "hostd/host.h"
#include "hostd/job.h"
#include "images/image.h"

/* Returns: (transfer full): those of @image on this host as it is now: `{image, software, qemu,
 * accelerator, cpu, host, machine}`, all text; or %NULL with @error set. Blocks. */
JsonObject *gk_circumstances_now (GkHost *host, GkImage *image, GkJob *job, GError **error);

/* Returns: (transfer full) (nullable): the first that differs, in words; %NULL where all are the same */
char *gk_circumstances_difference (JsonObject *then, JsonObject *now);
