/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/bridge/netd/confine.h"

#include "base/fd.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS = 512, NOBODY = 65534 };

#define ROOT "/run"

static const capng_type_t every_set =
    CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_AMBIENT | CAPNG_BOUNDING_SET;

/* What the new root has of the old one: a symbolic link is copied, a folder bound without what is
 * mounted below it, and one that is not there left out. */
static const char *const shown[] = {
    "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
};

/* What dnsmasq opens. */
static const char *const devices[] = { "/dev/null", "/dev/urandom" };

gboolean
gk_confine_limits (GError **error)
{
    static const struct {
        int what;
        rlim_t most;
    } limits[] = {
        {RLIMIT_NOFILE, DESCRIPTORS},
        { RLIMIT_CORE,  0          },
    };

    for (guint i = 0; i < G_N_ELEMENTS (limits); i++) {
        struct rlimit limit = { limits[i].most, limits[i].most };

        if (setrlimit (limits[i].what, &limit) < 0)
            return gk_set_errno (error, errno, "cannot limit resources");
    }
    return TRUE;
}

static gboolean
bind_read_only (const char *from, const char *to)
{
    const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;

    return mount (from, to, NULL, MS_BIND, NULL) == 0 && mount (NULL, to, NULL, flags, NULL) == 0;
}

static gboolean
show (const char *path, GError **error)
{
    g_autofree char *here = g_strconcat (ROOT, path, NULL);
    g_autofree char *target = g_file_read_link (path, NULL);
    gboolean ok;

    if (target)
        ok = symlink (target, here) == 0;
    else if (g_file_test (path, G_FILE_TEST_IS_DIR))
        ok = mkdir (here, 0755) == 0 && bind_read_only (path, here);
    else
        return TRUE;
    return ok || gk_set_errno (error, errno, "cannot show %s in the new root", path);
}

static gboolean
show_devices (GError **error)
{
    gboolean ok = mkdir (ROOT "/dev", 0755) == 0;

    for (guint i = 0; ok && i < G_N_ELEMENTS (devices); i++) {
        g_autofree char *here = g_strconcat (ROOT, devices[i], NULL);
        gk_autofd int fd = open (here, O_CREAT | O_RDONLY | O_CLOEXEC, 0600);

        ok = fd >= 0 && mount (devices[i], here, NULL, MS_BIND, NULL) == 0;
    }
    return ok || gk_set_errno (error, errno, "cannot show devices in the new root");
}

/* The old root, with every mount of the host, is let go: a copy that stayed would keep the host's
 * own unmounting from ending there. */
static gboolean
change_root (void)
{
    return chdir (ROOT) == 0 && syscall (SYS_pivot_root, ".", ".") == 0 &&
           umount2 (".", MNT_DETACH) == 0 && chdir ("/") == 0;
}

gboolean
gk_confine_files (GError **error)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    umask (022);
    if (unshare (CLONE_NEWNS) < 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount ("genkan", ROOT, "tmpfs", flags, "mode=0755,size=64k") < 0)
        return gk_set_errno (error, errno, "cannot make a file system of its own");
    for (guint i = 0; i < G_N_ELEMENTS (shown); i++)
        if (!show (shown[i], error))
            return FALSE;
    if (!show_devices (error))
        return FALSE;
    if (mkdir (ROOT "/run", 0755) < 0 || mkdir (ROOT "/proc", 0555) < 0 ||
        mount ("genkan", ROOT "/run", "tmpfs", flags, "mode=0755,size=4m") < 0 || !change_root () ||
        mount (NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | flags, NULL) < 0)
        return gk_set_errno (error, errno, "cannot change to a root of its own");
    return TRUE;
}

gboolean
gk_confine_rights (GError **error)
{
    const struct passwd *user = getpwnam ("_genkan-netd");
    uid_t uid = user ? user->pw_uid : NOBODY;
    gid_t gid = user ? user->pw_gid : NOBODY;

    if (chown ("/run", uid, gid) < 0)
        return gk_set_errno (error, errno, "cannot give /run to user %u", uid);
    umask (077);
    capng_clear (CAPNG_SELECT_ALL);
    if (capng_updatev (CAPNG_ADD, every_set, CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE,
                       -1) != 0 ||
        capng_apply (CAPNG_SELECT_BOUNDS) != 0 ||
        capng_change_id ((int) uid, (int) gid, CAPNG_DROP_SUPP_GRP) != 0 ||
        capng_apply (CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) != 0)
        return gk_set_errno (error, errno ? errno : EPERM, "cannot become user %u", uid);
    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl (PR_SET_DUMPABLE, 0) < 0 ||
        prctl (PR_SET_PDEATHSIG, SIGKILL) < 0)
        return gk_set_errno (error, errno, "cannot give up privileges");
    return TRUE;
}
