/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/cell.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const int ending[] = { SIGINT, SIGTERM, SIGHUP };

/* In the new process. @alive ends when the waiting one has gone before PDEATHSIG was in force. */
static int
live_in_cell (GkCellMain main, gpointer data, int alive, const sigset_t *old)
{
    char byte;

    prctl (PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask (SIG_SETMASK, old, NULL);
    if (read (alive, &byte, 1) != 1)
        return 1;
    close (alive);
    if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount ("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        g_printerr ("cannot mount /proc for the build: %s\n", g_strerror (errno));
        return 1;
    }
    return main (data);
}

static GkCellEnd
wait_for_end (pid_t pid, const sigset_t *signals, int *ret_code)
{
    gboolean cancelled = FALSE;

    for (;;) {
        int got = sigwaitinfo (signals, NULL), status;
        pid_t ended;

        if (got >= 0 && got != SIGCHLD) {
            cancelled = TRUE;
            kill (pid, SIGKILL);
        }
        ended = waitpid (pid, &status, WNOHANG);
        if (ended == 0)
            continue;
        if (ended == pid && WIFEXITED (status)) {
            *ret_code = WEXITSTATUS (status);
            return GK_CELL_EXITED;
        }
        return cancelled ? GK_CELL_CANCELLED : GK_CELL_KILLED;
    }
}

gboolean
gk_cell_run (GkCellMain main, gpointer data, GkCellEnd *ret_end, int *ret_code, GError **error)
{
    gk_autofd int alive = -1, hold = -1;
    sigset_t signals, old;
    int ends[2];
    pid_t pid;

    sigemptyset (&signals);
    sigaddset (&signals, SIGCHLD);
    for (gsize i = 0; i < G_N_ELEMENTS (ending); i++)
        sigaddset (&signals, ending[i]);
    sigprocmask (SIG_BLOCK, &signals, &old);
    if (pipe2 (ends, O_CLOEXEC) < 0)
        return gk_set_errno (error, errno, "cannot make a pipe");
    alive = ends[0];
    hold = ends[1];
    if (unshare (CLONE_NEWPID | CLONE_NEWNS) < 0)
        return gk_set_errno (error, errno, "cannot make namespaces for the build (it needs root)");
    pid = fork ();
    if (pid == 0) {
        close (hold);
        _exit (live_in_cell (main, data, alive, &old));
    }
    if (pid < 0)
        return gk_set_errno (error, errno, "cannot start the build");
    if (write (hold, "", 1) != 1)
        kill (pid, SIGKILL);
    *ret_end = wait_for_end (pid, &signals, ret_code);
    return TRUE;
}
