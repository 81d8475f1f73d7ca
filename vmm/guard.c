/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that concerns the guard is owned by one thread, the watcher; whoever wants something of it
 * waits for an answer. A guard that is slow is never let go while it lives: it would kill what it
 * holds. */
#include "vmm/guard.h"

#include "base/fd.h"
#include "base/paths.h"
#include "vmm/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHILDS_END = 3, ANSWER_MS = 10000, START_AGAIN_MS = 1000 };

/* A pidfd to be guarded; stands with its caller, who waits. */
typedef struct {
    int pidfd;
    gboolean done, held; /* under the guard's lock, as all of it */
    GError *error;
} Request;

struct _GkGuard {
    char *program;
    GMutex lock;
    GCond answered;
    GQueue requests; /* of Request */
    gboolean ending; /* under the lock, as the above */
    GThread *watcher; /* under the lock; NULL until there is something to guard */
    int stir; /* eventfd that wakes the watcher */
    /* The watcher's: */
    int socket; /* to the process; -1: there is none */
    guint8 serial; /* of the last message */
    GArray *living; /* of int: pidfds of our own */
};

static void
close_element (gpointer fd)
{
    gk_fd_close (*(int *) fd);
}

GkGuard *
gk_guard_new (const char *program)
{
    GkGuard *guard = g_new0 (GkGuard, 1);

    guard->program = program ? g_strdup (program) : gk_program_path ("genkan-guard");
    g_mutex_init (&guard->lock);
    g_cond_init (&guard->answered);
    g_queue_init (&guard->requests);
    guard->stir = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    guard->socket = -1;
    guard->living = g_array_new (FALSE, FALSE, sizeof (int));
    g_array_set_clear_func (guard->living, close_element);
    return guard;
}

static void
let_go (GkGuard *guard)
{
    gk_fd_close (guard->socket);
    guard->socket = -1;
}

static gboolean
fail_dead (GkGuard *guard, GError **error)
{
    let_go (guard);
    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                 "%s ended when it was given a VM: no VM runs without it", guard->program);
    return FALSE;
}

/* The answer to the last message; those to earlier ones came too late, and are nobody's now. */
static gboolean
hear (GkGuard *guard, GError **error)
{
    gint64 deadline = g_get_monotonic_time () + ANSWER_MS * 1000;
    guint8 answer[2];
    gint64 left;

    while ((left = deadline - g_get_monotonic_time ()) > 0) {
        struct pollfd entry = { .fd = guard->socket, .events = POLLIN };
        ssize_t n;

        if (poll (&entry, 1, (int) (left / 1000) + 1) <= 0)
            continue;
        n = recv (guard->socket, answer, sizeof answer, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return fail_dead (guard, error);
        if (n == sizeof answer && answer[0] == guard->serial && answer[1])
            return TRUE;
        if (n == sizeof answer && answer[0] == guard->serial)
            break;
    }
    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                 "genkan-guard cannot take one more VM in its charge (%u so far), and no VM runs "
                 "without: see the limit on open files (ulimit -n)",
                 guard->living->len);
    return FALSE;
}

static gboolean
give (GkGuard *guard, int pidfd, GError **error)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE (sizeof (int))];
    } control = {
        .head = {.cmsg_len = CMSG_LEN (sizeof (int)),
                 .cmsg_level = SOL_SOCKET,
                 .cmsg_type = SCM_RIGHTS}
    };
    struct iovec part = { &guard->serial, 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };

    memcpy (CMSG_DATA (&control.head), &pidfd, sizeof pidfd);
    guard->serial++;
    if (sendmsg (guard->socket, &message, MSG_NOSIGNAL) != 1)
        return fail_dead (guard, error);
    return hear (guard, error);
}

static int
spawn (const char *program, GError **error)
{
    const char *const argv[] = { program, NULL };
    char *nothing[] = { NULL };
    g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autoptr (GSubprocess) child = NULL;
    gk_autofd int ours = -1;
    int pair[2];

    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        gk_set_errno (error, errno, "cannot make a socket for genkan-guard");
        return -1;
    }
    ours = pair[0];
    g_subprocess_launcher_take_fd (launcher, pair[1], CHILDS_END);
    g_subprocess_launcher_set_environ (launcher, nothing);
    child = g_subprocess_launcher_spawnv (launcher, argv, error);
    return child ? gk_steal_fd (&ours) : -1;
}

/* A new guard, with all that lives in its charge. */
static gboolean
start (GkGuard *guard, GError **error)
{
    let_go (guard);
    guard->socket = spawn (guard->program, error);
    if (guard->socket < 0)
        return FALSE;
    for (guint i = 0; i < guard->living->len; i++)
        if (!give (guard, g_array_index (guard->living, int, i), error))
            return FALSE;
    return TRUE;
}

static gboolean
guard_one (GkGuard *guard, int pidfd, GError **error)
{
    gk_autofd int own = fcntl (pidfd, F_DUPFD_CLOEXEC, 3);
    g_autoptr (GError) local = NULL;

    if (own < 0)
        return gk_set_errno (error, errno, "cannot copy a descriptor");
    /* It may have died since it was last looked at. */
    if (guard->socket >= 0 && !give (guard, own, &local) && guard->socket >= 0) {
        g_propagate_error (error, g_steal_pointer (&local));
        return FALSE;
    }
    if (guard->socket < 0 && (!start (guard, error) || !give (guard, own, error)))
        return FALSE;
    g_array_append_val (guard->living, own);
    gk_steal_fd (&own);
    return TRUE;
}

/* FALSE when there is nothing more to do, ever. */
static gboolean
serve (GkGuard *guard)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&guard->lock);
    Request *request;

    while ((request = g_queue_pop_head (&guard->requests))) {
        g_autoptr (GError) local = NULL;
        gboolean held;

        g_mutex_unlock (&guard->lock);
        held = guard_one (guard, request->pidfd, &local);
        g_mutex_lock (&guard->lock);
        request->held = held;
        request->error = g_steal_pointer (&local);
        request->done = TRUE;
        g_cond_broadcast (&guard->answered);
    }
    return !guard->ending;
}

/* Returns: (transfer full): what to wait for: the eventfd, the socket, the pidfds */
static GArray *
what_to_watch (GkGuard *guard)
{
    GArray *entries = g_array_new (FALSE, TRUE, sizeof (struct pollfd));
    struct pollfd entry = { .fd = guard->stir, .events = POLLIN };

    g_array_append_val (entries, entry);
    entry.fd = guard->socket;
    g_array_append_val (entries, entry);
    for (guint i = 0; i < guard->living->len; i++) {
        entry.fd = g_array_index (guard->living, int, i);
        g_array_append_val (entries, entry);
    }
    return entries;
}

/* As the guard does with its own. */
static void
drop_dead (GkGuard *guard, const struct pollfd *pidfds)
{
    for (guint i = guard->living->len; i-- > 0;)
        if (pidfds[i].revents)
            g_array_remove_index_fast (guard->living, i);
}

static gpointer
watch (gpointer data)
{
    GkGuard *guard = data;

    while (serve (guard)) {
        g_autoptr (GArray) entries = what_to_watch (guard);
        struct pollfd *fds = (struct pollfd *) entries->data;
        gboolean missing = guard->socket < 0 && guard->living->len > 0;
        eventfd_t count;

        if (poll (fds, entries->len, missing ? START_AGAIN_MS : -1) < 0)
            continue;
        if (fds[0].revents)
            eventfd_read (guard->stir, &count);
        drop_dead (guard, fds + 2);
        /* It says nothing unasked; what is readable is its end, or a late answer. */
        if (fds[1].revents & (POLLHUP | POLLERR))
            let_go (guard);
        else if (fds[1].revents)
            recv (guard->socket, &count, sizeof count, MSG_DONTWAIT);
        if (guard->socket < 0 && guard->living->len > 0)
            start (guard, NULL);
    }
    return NULL;
}

void
gk_guard_free (GkGuard *guard)
{
    if (!guard)
        return;
    g_mutex_lock (&guard->lock);
    guard->ending = TRUE;
    g_mutex_unlock (&guard->lock);
    eventfd_write (guard->stir, 1);
    g_clear_pointer (&guard->watcher, g_thread_join);
    let_go (guard);
    gk_fd_close (guard->stir);
    g_array_unref (guard->living);
    g_cond_clear (&guard->answered);
    g_mutex_clear (&guard->lock);
    g_free (guard->program);
    g_free (guard);
}

gboolean
gk_guard_add (GkGuard *guard, int pidfd, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&guard->lock);
    Request request = { .pidfd = pidfd };

    if (!guard->watcher)
        guard->watcher = g_thread_new ("guard", watch, guard);
    g_queue_push_tail (&guard->requests, &request);
    eventfd_write (guard->stir, 1);
    while (!request.done)
        g_cond_wait (&guard->answered, &guard->lock);
    if (request.error)
        g_propagate_error (error, request.error);
    return request.held;
}
