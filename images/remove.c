/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/image.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"

#include <errno.h>
#include <stdio.h>

/* `name:version`, both good names. */
static char **
split (const char *reference)
{
    g_auto (GStrv) parts = g_strsplit (reference, ":", 3);

    if (g_strv_length (parts) == 2 && gk_name_valid (parts[0]) && gk_name_valid (parts[1]))
        return g_steal_pointer (&parts);
    return NULL;
}

/* It leaves the store by one rename, as it came; a crash after that leaves what a sweep removes. */
gboolean
gk_image_remove (const char *state_dir, const char *reference, GError **error)
{
    g_auto (GStrv) parts = split (reference);
    g_autofree char *id = gk_id_new (), *hidden = g_strconcat (".build-", id, NULL);
    g_autofree char *going = g_build_filename (state_dir, "images", hidden, NULL);
    g_autofree char *folder = NULL;

    if (!parts) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                             "name the image and its version: NAME:VERSION");
        return FALSE;
    }
    folder = g_build_filename (state_dir, "images", parts[0], parts[1], NULL);
    if (rename (folder, going) == 0)
        return gk_tree_remove_path (going, error);
    if (errno == ENOENT || errno == ENOTDIR)
        g_set_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_MISSING,
                     "there is no image '%s:%s': see 'genkan image ls'", parts[0], parts[1]);
    else
        gk_set_errno (error, errno, "cannot remove image %s:%s", parts[0], parts[1]);
    return FALSE;
}
