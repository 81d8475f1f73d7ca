/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Theory of operation
 *
 * A parser of hostile bytes is taken to be broken already: so the walls must hold against code of
 * the attacker's running in this process. It has a file on descriptor 0, a pipe on 1 and 2, and
 * should be able to do nothing but spend a little time and memory and lie in its answer, which
 * whoever started it checks.
 *
 * Seven walls, of which several stand in the way of each deed, so that one which a kernel lacks,
 * or has a hole in, is not the last:
 *
 *   deed                    stopped by
 *   open a file             seccomp, Landlock, user, limits (no new descriptor)
 *   write to the input      seccomp (only 1 and 2), limits (no file grows or changes)
 *   connect anywhere        seccomp, namespaces (root only), Landlock (TCP, abstract sockets)
 *   run a program, fork     seccomp, limits, Landlock
 *   make code of data       seccomp (nothing is mapped or made executable)
 *   trace or signal others  seccomp, user, Landlock (signals)
 *   stay, or eat the host   limits, and the caller's deadline
 *
 * The order is that of need: namespaces want root, Landlock and seccomp want that no new
 * privileges can be gained, and seccomp takes the calls away that raised the others. Every wall
 * that can be asked is asked afterwards whether it stands. */
#include "hostd/share/scan/sandbox.h"

#include "base/fd.h"
#include "hostd/share/scan/landlock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534, CPU_SECONDS = 25, MEMORY = 512 << 20 };

/* What a wall came to. */
typedef enum { HOLDS, NOT_HERE, FAILED } Raised;

static Raised
failed (GError **error, int errnum, const char *what)
{
    gk_set_errno (error, errnum, "sandbox: cannot %s", what);
    return FAILED;
}

static Raised
raise_descriptors (GError **error)
{
    if (fcntl (0, F_GETFD) < 0 || fcntl (1, F_GETFD) < 0 || fcntl (2, F_GETFD) < 0)
        return failed (error, errno, "start without descriptors 0, 1 and 2");
    if (syscall (SYS_close_range, 3U, ~0U, 0U) < 0)
        return failed (error, errno, "close descriptors");
    return HOLDS;
}

/* A network namespace of its own making has nothing but its loopback. */
static gboolean
has_no_network (void)
{
    struct if_nameindex *names = if_nameindex ();
    gboolean none = names != NULL;

    for (guint i = 0; none && names[i].if_index; i++)
        none = g_str_equal (names[i].if_name, "lo");
    if (names)
        if_freenameindex (names);
    return none;
}

static Raised
raise_inherited_namespaces (GError **error)
{
    return has_no_network () ? HOLDS : failed (error, EPERM, "find itself without a network");
}

static Raised
raise_namespaces (GError **error)
{
    if (unshare (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) == 0)
        return HOLDS;
    return errno == EPERM ? NOT_HERE : failed (error, errno, "leave the namespaces");
}

static Raised
raise_user (GError **error)
{
    uid_t real, effective, saved;

    if (geteuid () == 0 || getuid () == 0) {
        if (setgroups (0, NULL) < 0 || setresgid (NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid (NOBODY, NOBODY, NOBODY) < 0)
            return failed (error, errno, "become nobody");
    }
    if (getresuid (&real, &effective, &saved) < 0 || real == 0 || effective == 0 || saved == 0 ||
        setuid (0) == 0)
        return failed (error, EPERM, "stop being root");
    return HOLDS;
}

static Raised
raise_privileges (GError **error)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

    if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed (error, errno, "refuse new privileges");
    if (syscall (SYS_capset, &header, none) < 0)
        return failed (error, errno, "drop capabilities");
    if (prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return failed (error, errno, "refuse tracing");
    if (prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl (PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return failed (error, EPERM, "keep privileges down");
    return HOLDS;
}

/* No file may be written at all; pipes, which the answer goes to, have no size. */
static Raised
raise_limits (GError **error)
{
    static const struct {
        int resource;
        rlim_t most;
    } limits[] = {
        {RLIMIT_CPU,      CPU_SECONDS},
        { RLIMIT_AS,      MEMORY     },
        { RLIMIT_FSIZE,   0          },
        { RLIMIT_NPROC,   0          },
        { RLIMIT_CORE,    0          },
        { RLIMIT_MEMLOCK, 0          },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (limits); i++) {
        struct rlimit limit = { limits[i].most, limits[i].most };

        if (setrlimit (limits[i].resource, &limit) < 0)
            return failed (error, errno, "set limits");
    }
    return HOLDS;
}

/* One descriptor is free until the ruleset has been made: so this limit comes behind it. */
static Raised
raise_landlock (GError **error)
{
    struct rlimit no_more = { 3, 3 };
    gboolean there = FALSE;

    if (!gk_landlock_restrict (&there, error))
        return FAILED;
    if (setrlimit (RLIMIT_NOFILE, &no_more) < 0)
        return failed (error, errno, "set limits");
    return there ? HOLDS : NOT_HERE;
}

/* What GLib, json-glib, libarchive, libyara and the allocator do once they run. */
static const struct {
    int call;
    guint n_conditions; /* on the arguments, all of which must be met */
    struct scmp_arg_cmp conditions[2];
} allowed[] = {
    {SCMP_SYS (read),            1, { { 0, SCMP_CMP_EQ, 0, 0 } }               },
    { SCMP_SYS (pread64),        1, { { 0, SCMP_CMP_EQ, 0, 0 } }               },
    { SCMP_SYS (write),          1, { { 0, SCMP_CMP_EQ, 1, 0 } }               },
    { SCMP_SYS (write),          1, { { 0, SCMP_CMP_EQ, 2, 0 } }               },
    { SCMP_SYS (mmap),
     2,                             { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
        { 3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS } }       },
    { SCMP_SYS (mprotect),       1, { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } }},
    { SCMP_SYS (munmap),         0, { { 0 } }                                  },
    { SCMP_SYS (mremap),         0, { { 0 } }                                  },
    { SCMP_SYS (madvise),        0, { { 0 } }                                  },
    { SCMP_SYS (brk),            0, { { 0 } }                                  },
    { SCMP_SYS (futex),          0, { { 0 } }                                  },
    { SCMP_SYS (getrandom),      0, { { 0 } }                                  },
    { SCMP_SYS (clock_gettime),  0, { { 0 } }                                  },
    { SCMP_SYS (rt_sigprocmask), 0, { { 0 } }                                  },
    { SCMP_SYS (rt_sigreturn),   0, { { 0 } }                                  },
    { SCMP_SYS (exit),           0, { { 0 } }                                  },
    { SCMP_SYS (exit_group),     0, { { 0 } }                                  },
};

static void
release_filter (scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release (*filter);
}

static Raised
raise_seccomp (GError **error)
{
    __attribute__ ((cleanup (release_filter))) scmp_filter_ctx filter =
        seccomp_init (SCMP_ACT_KILL_PROCESS);
    int bad = filter ? 0 : -ENOMEM;

    if (!bad)
        bad = seccomp_attr_set (filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    for (gsize i = 0; !bad && i < G_N_ELEMENTS (allowed); i++)
        bad = seccomp_rule_add_array (filter, SCMP_ACT_ALLOW, allowed[i].call,
                                      allowed[i].n_conditions, allowed[i].conditions);
    if (!bad)
        bad = seccomp_load (filter);
    return bad ? failed (error, -bad, "filter system calls") : HOLDS;
}

static const struct {
    const char *name;
    Raised (*raise) (GError **error);
} walls[] = {
    [GK_WALL_DESCRIPTORS] = {"descriptors", raise_descriptors},
    [GK_WALL_NAMESPACES] = { "namespaces", raise_namespaces },
    [GK_WALL_USER] = { "user",       raise_user       },
    [GK_WALL_PRIVILEGES] = { "privileges", raise_privileges },
    [GK_WALL_LIMITS] = { "limits",     raise_limits     },
    [GK_WALL_LANDLOCK] = { "landlock",   raise_landlock   },
    [GK_WALL_SECCOMP] = { "seccomp",    raise_seccomp    },
};
static_assert (G_N_ELEMENTS (walls) == GK_N_WALLS, "every wall can be raised");

const char *
gk_wall_to_string (GkWall wall)
{
    return walls[wall].name;
}

gboolean
gk_sandbox_enter (gboolean inherited, guint without, guint *ret_held, GError **error)
{
    guint held = 0;

    for (guint i = 0; i < GK_N_WALLS; i++) {
        Raised raised = NOT_HERE;

        if (i == GK_WALL_NAMESPACES && inherited)
            raised = raise_inherited_namespaces (error);
        else if (!(without >> i & 1))
            raised = walls[i].raise (error);

        if (raised == FAILED)
            return FALSE;
        if (raised == HOLDS)
            held |= 1U << i;
    }
    *ret_held = held;
    return TRUE;
}
