/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folder of a warm state, as warm.c reads and warm-make.c writes it. */
#pragma once

#include "hostd/machine/warm.h"

#define GK_WARM_RECORD "warm.json"
#define GK_WARM_MAKING ".making" /* beside the states of an image's versions */
#define GK_WARM_OLD ".old"
#define GK_WARM_LOCK ".lock"

enum { GK_WARM_RECORD_MAX = 1 << 16, GK_WARM_FORMAT = 1 };

/* All that is sealed; ends with a NULL. */
extern const char *const gk_warm_files[];

/* Returns: (transfer full): the folder, without symbolic links, that the states of an image's versions lie in */
char *gk_warm_home (GkHost *host, const char *image_name);

/* Returns: (transfer full) (nullable): the digest of the state that lies in @folder now */
char *gk_warm_digest (const char *folder);

/* Returns: (transfer full): the state in @folder by its record, unchecked */
GkWarm *gk_warm_new (const char *folder, const char *digest, JsonObject *record);
