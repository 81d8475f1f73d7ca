/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/landlock.h"

#include "base/fd.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The rule set as newer kernels know it: the headers built against may be older than the kernel
 * that runs. Each kernel takes as much of it as its ABI has. */
typedef struct {
    guint64 files;
    guint64 network;
    guint64 scope;
} RuleSet;

/* What each ABI can handle: the first so many rights of a kind. */
static const struct {
    int abi;
    guint files, network, scopes;
    gsize size;
} abis[] = {
    {1,  13, 0, 0, sizeof (guint64)    },
    { 2, 14, 0, 0, sizeof (guint64)    }, /* moving between directories */
    { 3, 15, 0, 0, sizeof (guint64)    }, /* truncating */
    { 4, 15, 2, 0, 2 * sizeof (guint64)}, /* TCP: bind, connect */
    { 5, 16, 2, 0, 2 * sizeof (guint64)}, /* ioctl on devices */
    { 6, 16, 2, 2, 3 * sizeof (guint64)}, /* abstract sockets, signals */
};

static guint64
first_bits (guint n)
{
    return (G_GUINT64_CONSTANT (1) << n) - 1;
}

gboolean
gk_landlock_restrict (gboolean *ret_there, GError **error)
{
    int abi = (int) syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    gsize known = G_N_ELEMENTS (abis);
    gk_autofd int rules = -1;
    RuleSet set;

    *ret_there = abi > 0;
    if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
        return TRUE;
    if (abi <= 0)
        return gk_set_errno (error, errno, "sandbox: cannot ask for Landlock");
    while (abis[known - 1].abi > abi)
        known--;
    set = (RuleSet) { first_bits (abis[known - 1].files), first_bits (abis[known - 1].network),
                      first_bits (abis[known - 1].scopes) };
    rules = (int) syscall (SYS_landlock_create_ruleset, &set, abis[known - 1].size, 0);
    if (rules < 0)
        return gk_set_errno (error, errno, "sandbox: cannot make Landlock rules");
    if (syscall (SYS_landlock_restrict_self, rules, 0) < 0)
        return gk_set_errno (error, errno, "sandbox: cannot enforce Landlock rules");
    return TRUE;
}
