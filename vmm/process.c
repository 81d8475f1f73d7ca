/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/process.h"

#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long a QEMU that nobody holds is waited for. */
enum { ABANDON_MS = 10000 };

/* Returns: (transfer full): libvirt's pid file of the domain @name */
static char *
pid_file (const char *uri, const char *name)
{
    g_autofree char *file = g_strconcat (name, ".pid", NULL);

    if (strstr (uri, ":///session"))
        return g_build_filename (g_get_user_runtime_dir (), "libvirt", "qemu", "run", file, NULL);
    return g_build_filename ("/run/libvirt/qemu", file, NULL);
}

static gboolean
fail_gone (const char *name, GError **error)
{
    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_GONE,
                 "the QEMU of %s is gone (see /var/log/libvirt/qemu/%s.log)", name, name);
    return FALSE;
}

/* FALSE where there is no such file, or no number in it. */
static gboolean
read_pid (const char *path, pid_t *ret_pid)
{
    g_autofree char *text = NULL;
    guint64 pid = 0;

    if (!g_file_get_contents (path, &text, NULL, NULL) ||
        !g_ascii_string_to_unsigned (g_strchomp (text), 10, 1, G_MAXINT32, &pid, NULL))
        return FALSE;
    *ret_pid = (pid_t) pid;
    return TRUE;
}

/* The UUID must be an argument of its own: a guest's command line could hold it in another. */
static gboolean
has_argument (pid_t pid, const char *wanted)
{
    g_autofree char *path = g_strdup_printf ("/proc/%d/cmdline", (int) pid);
    g_autofree char *line = NULL;
    gsize size = 0;

    if (!g_file_get_contents (path, &line, &size, NULL))
        return FALSE;
    for (gsize at = 0; at < size; at += strlen (line + at) + 1)
        if (strcmp (line + at, wanted) == 0)
            return TRUE;
    return FALSE;
}

static int
send_signal (int pidfd, int number)
{
    return (int) syscall (SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

int
gk_process_open (const char *uri, const char *name, const char *uuid, GError **error)
{
    g_autofree char *path = pid_file (uri, name);
    gk_autofd int pidfd = -1;
    pid_t pid;

    if (!read_pid (path, &pid)) {
        fail_gone (name, error);
        return -1;
    }
    pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
    if (pidfd < 0 && errno != ESRCH) {
        gk_set_errno (error, errno, "cannot hold the QEMU of %s", name);
        return -1;
    }
    /* Alive after its command line was read, it is the one that has that command line. */
    if (pidfd < 0 || !has_argument (pid, uuid) || gk_process_is_dead (pidfd)) {
        fail_gone (name, error);
        return -1;
    }
    if (send_signal (pidfd, 0) < 0 && errno == EPERM) {
        g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                     "the QEMU of %s belongs to another user, so it could not be killed: run this "
                     "as root",
                     name);
        return -1;
    }
    return gk_steal_fd (&pidfd);
}

gboolean
gk_process_wait (int pidfd, int timeout_ms)
{
    gint64 deadline = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
    struct pollfd fd = { .fd = pidfd, .events = POLLIN };
    int n;

    do {
        gint64 left = MAX (deadline - g_get_monotonic_time (), 0);

        n = poll (&fd, 1, (int) ((left + 999) / 1000));
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

gboolean
gk_process_is_dead (int pidfd)
{
    return gk_process_wait (pidfd, 0);
}

void
gk_process_strike (int pidfd)
{
    if (pidfd >= 0)
        send_signal (pidfd, SIGKILL);
}

gboolean
gk_process_kill (int pidfd, guint timeout_ms, GError **error)
{
    if (send_signal (pidfd, SIGKILL) < 0 && errno != ESRCH)
        return gk_set_errno (error, errno, "cannot kill QEMU");
    if (gk_process_wait (pidfd, (int) timeout_ms))
        return TRUE;
    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT,
                 "QEMU is not dead %u ms after it was killed: the host's disk may be stuck",
                 timeout_ms);
    return FALSE;
}

void
gk_process_abandon (const char *uri, const char *name, const char *uuid)
{
    gk_autofd int pidfd = gk_process_open (uri, name, uuid, NULL);

    if (pidfd >= 0)
        gk_process_kill (pidfd, ABANDON_MS, NULL);
}
