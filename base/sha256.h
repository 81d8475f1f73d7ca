/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 as it comes, by libnettle: several times faster than GChecksum where the processor helps,
 * and every byte through the airlock is hashed more than once. One thread an object. */
#pragma once

#include <glib.h>

typedef struct _GkSha256 GkSha256;

GkSha256 *gk_sha256_new (void);
void gk_sha256_free (GkSha256 *sha);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkSha256, gk_sha256_free)

void gk_sha256_update (GkSha256 *sha, const void *bytes, gsize size);

/* Returns: (transfer full): 64 lower-case hex digits; @sha starts anew */
char *gk_sha256_finish (GkSha256 *sha);
