/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The picture is taken in whole before any of it is written, so that the caller's file holds all of
 * it or nothing. What it shows is the guest's; its container is QEMU's own PNG encoder's. */
#include "vmm/libvirt.h"

#include "base/fd.h"
#include "base/files.h"

#include <string.h>
#include <unistd.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (virStream, virStreamFree)

static const char png_magic[] = "\x89PNG\r\n\x1a\n";

/* FALSE with @error set where the picture is over @max, or libvirt fails. */
static gboolean
receive (GkVm *vm, virStreamPtr stream, guint64 max, GByteArray *picture, GError **error)
{
    char chunk[65536];

    for (;;) {
        int n = virStreamRecv (stream, chunk, sizeof chunk);

        if (n == 0)
            break;
        if (n < 0)
            return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot read the screenshot of %s",
                               vm->name);
        if (picture->len + (guint64) n > max) {
            virStreamAbort (stream);
            g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                         "the screenshot of %s is larger than %" G_GUINT64_FORMAT " bytes",
                         vm->name, max);
            return FALSE;
        }
        g_byte_array_append (picture, (guint8 *) chunk, (guint) n);
    }
    if (virStreamFinish (stream) < 0)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot end the screenshot of %s",
                           vm->name);
    return TRUE;
}

static gboolean
write_whole (int fd, GByteArray *picture, GError **error)
{
    off_t begun = lseek (fd, 0, SEEK_CUR);

    if (gk_fd_write_all (fd, picture->data, picture->len, error))
        return TRUE;
    /* Best effort on top of the error; a pipe cannot take anything back. */
    if (begun >= 0 && ftruncate (fd, begun) == 0)
        lseek (fd, begun, SEEK_SET);
    return FALSE;
}

gboolean
gk_vm_screenshot (GkVm *vm, int fd, guint64 max, GError **error)
{
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);
    g_autoptr (virStream) stream = NULL;
    g_autoptr (GByteArray) picture = g_byte_array_new ();
    g_autofree char *type = NULL;

    if (!domain)
        return FALSE;
    stream = virStreamNew (virDomainGetConnect (domain), 0);
    type = stream ? virDomainScreenshot (domain, stream, 0, 0) : NULL;
    if (!type)
        return gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot take a screenshot of %s",
                           vm->name);
    if (!receive (vm, stream, MIN (max, G_MAXUINT32 / 2), picture, error))
        return FALSE;
    if (picture->len < strlen (png_magic) ||
        memcmp (picture->data, png_magic, strlen (png_magic)) != 0) {
        g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                     "the screenshot of %s is %s, not PNG: QEMU 7.1 or later is needed", vm->name,
                     type);
        return FALSE;
    }
    return write_whole (fd, picture, error);
}
