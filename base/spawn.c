/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/spawn.h"

#include "base/escape.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 100, REPORTED_STDERR = 400 };

/* One of the child's outputs: a pipe until its end, and what came through it. */
typedef struct {
    int fd;
    GByteArray *bytes;
    gsize parsed; /* bytes already handed on as lines */
    gsize taken; /* bytes in all */
    gboolean is_stdout;
} Output;

static void
child_setup (gpointer data)
{
    setpgid (0, 0);
    prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static void
hand_on_lines (const GkSpawn *spec, Output *out)
{
    for (;;) {
        char *start = (char *) out->bytes->data + out->parsed;
        char *end = memchr (start, '\n', out->bytes->len - out->parsed);

        if (!end)
            return;
        *end = '\0';
        spec->on_line (start, spec->data);
        out->parsed += (gsize) (end - start) + 1;
    }
}

/* FALSE with @error set where the output is over its bound; closes the pipe at its end. */
static gboolean
take_some (const GkSpawn *spec, Output *out, GError **error)
{
    guint8 chunk[65536];
    gssize n = read (out->fd, chunk, sizeof chunk);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return TRUE;
    if (n <= 0) {
        gk_fd_close (gk_steal_fd (&out->fd));
        return TRUE;
    }
    out->taken += (gsize) n;
    if (out->taken > spec->max_output) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                     "%s wrote more than %" G_GSIZE_FORMAT " bytes", spec->argv[0],
                     spec->max_output);
        return FALSE;
    }
    if (!out->is_stdout || !spec->on_output) {
        g_byte_array_append (out->bytes, chunk, (guint) n);
        return TRUE;
    }
    if (spec->on_output (chunk, (gsize) n, spec->data))
        return TRUE;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot keep what %s wrote", spec->argv[0]);
    return FALSE;
}

static gboolean
check_deadline (const GkSpawn *spec, gint64 deadline, GCancellable *cancellable, GError **error)
{
    if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
    if (deadline == 0 || g_get_monotonic_time () < deadline)
        return TRUE;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s did not end within %u ms",
                 spec->argv[0], spec->timeout_ms);
    return FALSE;
}

static gboolean
collect (const GkSpawn *spec, gint64 deadline, Output *out, Output *err, GCancellable *cancellable,
         GError **error)
{
    while (out->fd >= 0 || err->fd >= 0) {
        struct pollfd fds[] = {
            {out->fd,  POLLIN, 0},
            { err->fd, POLLIN, 0}
        };

        if (!check_deadline (spec, deadline, cancellable, error))
            return FALSE;
        if (poll (fds, G_N_ELEMENTS (fds), POLL_MS) <= 0)
            continue;
        if (fds[0].revents && !take_some (spec, out, error))
            return FALSE;
        if (fds[1].revents && !take_some (spec, err, error))
            return FALSE;
        if (spec->on_line)
            hand_on_lines (spec, err);
    }
    return TRUE;
}

/* At most for as long as the deadline may stay unlooked at. */
static void
wait_for_end (GPid pid)
{
    gk_autofd int fd = (int) syscall (SYS_pidfd_open, pid, 0);
    struct pollfd end = { fd, POLLIN, 0 };

    if (fd < 0)
        g_usleep (2000);
    else
        poll (&end, 1, POLL_MS);
}

/* A program may close its outputs and go on: so the wait has the deadline too. */
static gboolean
reap (const GkSpawn *spec, gint64 deadline, GPid pid, int *ret_status, GCancellable *cancellable,
      GError **error)
{
    for (;;) {
        pid_t done = waitpid (pid, ret_status, WNOHANG);

        if (done == pid)
            return TRUE;
        if (done < 0 && errno != EINTR)
            return gk_set_errno (error, errno, "cannot wait for %s", spec->argv[0]);
        if (!check_deadline (spec, deadline, cancellable, error))
            return FALSE;
        wait_for_end (pid);
    }
}

static gboolean
check_status (const GkSpawn *spec, int status, GByteArray *err, GError **error)
{
    gsize skip = err->len > REPORTED_STDERR ? err->len - REPORTED_STDERR : 0;
    g_autofree char *tail = NULL;

    if (WIFEXITED (status) && WEXITSTATUS (status) == 0)
        return TRUE;
    tail = gk_escape ((const char *) err->data + skip, (gssize) (err->len - skip));
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s %s %d%s%s", spec->argv[0],
                 WIFEXITED (status) ? "exited with" : "was killed by signal",
                 WIFEXITED (status) ? WEXITSTATUS (status) : WTERMSIG (status), *tail ? ": " : "",
                 tail);
    return FALSE;
}

static GBytes *
to_bytes (GByteArray *array)
{
    gsize size = array->len;

    g_byte_array_append (array, (const guint8 *) "", 1);
    return g_bytes_new_take (g_byte_array_free (g_steal_pointer (&array), FALSE), size);
}

/* GLib closes a source descriptor that is among the child's own 0 to 2: so it gets one above. */
static gboolean
start (const GkSpawn *spec, GPid *ret_pid, Output *out, Output *err, GError **error)
{
    gk_autofd int nothing = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    gk_autofd int input =
        fcntl (spec->input >= 0 ? spec->input : nothing, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    g_autoptr (GError) local = NULL;

    if (input < 0)
        return gk_set_errno (error, errno, "cannot give %s its input", spec->argv[0]);
    if (g_spawn_async_with_pipes_and_fds (NULL, spec->argv, spec->envp,
                                          G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                                          child_setup, NULL, input, -1, -1, NULL, NULL, 0, ret_pid,
                                          NULL, &out->fd, &err->fd, &local))
        return TRUE;
    if (g_error_matches (local, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, local->message);
    else
        g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
}

gboolean
gk_spawn (const GkSpawn *spec, GCancellable *cancellable, GBytes **ret_stdout, GBytes **ret_stderr,
          int *ret_status, GError **error)
{
    gint64 deadline =
        spec->timeout_ms ? g_get_monotonic_time () + (gint64) spec->timeout_ms * 1000 : 0;
    Output out = { .fd = -1, .bytes = g_byte_array_new (), .is_stdout = TRUE };
    Output err = { .fd = -1, .bytes = g_byte_array_new () };
    int status = 0;
    GPid pid = 0;
    gboolean ok = start (spec, &pid, &out, &err, error);

    if (ok) {
        ok = collect (spec, deadline, &out, &err, cancellable, error) &&
             reap (spec, deadline, pid, &status, cancellable, error);
        if (!ok) {
            kill (-pid, SIGKILL);
            kill (pid, SIGKILL); /* it may not have made its group yet */
            waitpid (pid, NULL, 0);
        }
    }
    ok = ok && (ret_status || check_status (spec, status, err.bytes, error));
    gk_fd_close (out.fd);
    gk_fd_close (err.fd);
    if (ok && ret_stdout)
        *ret_stdout = to_bytes (g_steal_pointer (&out.bytes));
    if (ok && ret_stderr)
        *ret_stderr = to_bytes (g_steal_pointer (&err.bytes));
    if (ok && ret_status)
        *ret_status = status;
    g_clear_pointer (&out.bytes, g_byte_array_unref);
    g_clear_pointer (&err.bytes, g_byte_array_unref);
    return ok;
}
