/* SPDX-License-Identifier: GPL-2.0-or-later */
/* genkan-guard: kills the VMs of a process that has gone.
 *
 * Descriptor 3 is a SOCK_SEQPACKET socket to that process. Each message is a byte and a pidfd; the
 * answer is that byte, and 1 if the pidfd is held, else 0. The pidfd of a process that has died is
 * let go. When the other end of the socket is closed, for which the other process need do nothing,
 * all that are held are killed, and the guard ends. It is never stopped otherwise: not by the
 * signals that end its parent, whose session it leaves. */
#include <glib.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CONTROL = 3, FAILED = 1, WRONG_USE = 2 };

/* Returns: the descriptor in @message, or -1 */
static int
descriptor_of (struct msghdr *message)
{
    struct cmsghdr *head = CMSG_FIRSTHDR (message);
    int fd = -1;

    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN (sizeof fd))
        memcpy (&fd, CMSG_DATA (head), sizeof fd);
    return fd;
}

/* FALSE at the end: the other side is gone. */
static gboolean
take (GArray *held)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE (sizeof (int))];
    } control;
    guint8 answer[2] = { 0 };
    struct iovec part = { answer, 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct pollfd entry = { .events = POLLIN };
    ssize_t n = recvmsg (CONTROL, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    entry.fd = descriptor_of (&message);
    answer[1] = entry.fd >= 0;
    if (entry.fd >= 0)
        g_array_append_val (held, entry);
    /* If nobody hears it any more, the next message is the end. */
    send (CONTROL, answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT);
    return TRUE;
}

static void
drop_dead (GArray *held)
{
    for (guint i = held->len; i-- > 1;) {
        struct pollfd *entry = &g_array_index (held, struct pollfd, i);

        if (!entry->revents)
            continue;
        close (entry->fd);
        g_array_remove_index_fast (held, i);
    }
}

/* @held: the socket, then the pidfds. Returns when the other side is gone. */
static void
serve (GArray *held)
{
    for (;;) {
        struct pollfd *entries = (struct pollfd *) held->data;
        gboolean spoken;

        if (poll (entries, held->len, -1) < 0)
            continue;
        spoken = entries[0].revents != 0;
        drop_dead (held);
        if (spoken && !take (held))
            return;
    }
}

static void
kill_all (GArray *held)
{
    for (guint i = 1; i < held->len; i++)
        syscall (SYS_pidfd_send_signal, g_array_index (held, struct pollfd, i).fd, SIGKILL, NULL,
                 0);
}

static void
stand_alone (void)
{
    static const int deaf_to[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
    struct rlimit files;

    setsid ();
    for (gsize i = 0; i < G_N_ELEMENTS (deaf_to); i++)
        signal (deaf_to[i], SIG_IGN);
    close_range (CONTROL + 1, ~0u, 0);
    if (getrlimit (RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit (RLIMIT_NOFILE, &files);
    }
    if (chdir ("/") < 0)
        _exit (FAILED);
}

int
main (int argc, char **argv)
{
    const struct pollfd control = { .fd = CONTROL, .events = POLLIN };
    g_autoptr (GArray) held = g_array_new (FALSE, FALSE, sizeof (struct pollfd));
    int type = 0;
    socklen_t size = sizeof type;

    if (getsockopt (CONTROL, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
        g_printerr ("genkan-guard: started by genkand, with a socket as descriptor 3\n");
        return WRONG_USE;
    }
    stand_alone ();
    g_array_append_val (held, control);
    serve (held);
    kill_all (held);
    return 0;
}
