/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sha256.h"

#include <nettle/sha2.h>

struct _GkSha256 {
    struct sha256_ctx context;
};

GkSha256 *
gk_sha256_new (void)
{
    GkSha256 *sha = g_new (GkSha256, 1);

    sha256_init (&sha->context);
    return sha;
}

void
gk_sha256_free (GkSha256 *sha)
{
    g_free (sha);
}

void
gk_sha256_update (GkSha256 *sha, const void *bytes, gsize size)
{
    sha256_update (&sha->context, size, bytes);
}

char *
gk_sha256_finish (GkSha256 *sha)
{
    guint8 digest[SHA256_DIGEST_SIZE];
    char *hex = g_malloc (2 * SHA256_DIGEST_SIZE + 1);

    sha256_digest (&sha->context, sizeof digest, digest);
    for (gsize i = 0; i < sizeof digest; i++)
        g_snprintf (hex + 2 * i, 3, "%02x", digest[i]);
    return hex;
}
