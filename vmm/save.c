/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/libvirt.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* libvirtd writes into a file that is there, and would else choose its owner and mode. */
static gboolean
make_file (const char *path, GError **error)
{
    gk_autofd int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd >= 0 || gk_set_errno (error, errno, "cannot make %s", path);
}

gboolean
gk_vm_save (GkVm *vm, const char *path, GError **error)
{
    g_autoptr (virDomain) domain = gk_vm_domain (vm, error);

    if (!domain || !make_file (path, error))
        return FALSE;
    if (virDomainSaveFlags (domain, path, NULL, VIR_DOMAIN_SAVE_PAUSED) == 0)
        return TRUE;
    gk_vm_fail (vm, GK_VMM_ERROR_FAILED, error, "cannot save %s to %s", vm->name, path);
    unlink (path);
    return FALSE;
}
