/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"

#include "base/fd.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>

char *
gk_digest_file (int dir, const char *name, GCancellable *cancellable, GError **error)
{
    gk_autofd int fd = openat (dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    gk_autofd int nowhere = open ("/dev/null", O_WRONLY | O_CLOEXEC);
    char *sha256 = NULL;

    if (fd < 0 || nowhere < 0) {
        gk_set_errno (error, errno, "cannot open %s", name);
        return NULL;
    }
    if (!gk_fd_copy (fd, nowhere, G_MAXUINT64, cancellable, &sha256, NULL, error))
        g_prefix_error (error, "%s: ", name);
    return sha256;
}
