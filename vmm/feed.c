/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FIFO is opened for writing before anybody is told of it, so that a reader's open(2) does not
 * wait, and for reading just as long as that takes. Until there is a reader, a write fails with
 * EPIPE: it is tried again every millisecond, for the few that libvirtd takes. */
#include "vmm/feed.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE = 1 << 20, TRY_AGAIN_MS = 1 };

struct _GkFeed {
    const GkSaveImage *image;
    GBytes *head;
    char *path;
    int fifo; /* the thread's, which closes it; -1: there is none */
    int stop; /* eventfd */
    GThread *thread;
    GError *error; /* the thread's, until it has ended */
};

/* Waits until @events are there on the FIFO. Returns: whether the feed goes on */
static gboolean
wait_for_reader (GkFeed *feed, short events, int timeout_ms)
{
    struct pollfd fds[] = {
        {feed->stop,                POLLIN, 0},
        { events ? feed->fifo : -1, events, 0},
    };

    poll (fds, G_N_ELEMENTS (fds), timeout_ms);
    return fds[0].revents == 0;
}

/* FALSE where the feed is over. */
static gboolean
write_head (GkFeed *feed)
{
    gsize size = 0, done = 0;
    const char *bytes = g_bytes_get_data (feed->head, &size);

    while (done < size) {
        ssize_t n = write (feed->fifo, bytes + done, size - done);

        if (n > 0)
            done += (gsize) n;
        else if (errno == EAGAIN && !wait_for_reader (feed, POLLOUT, -1))
            return FALSE;
        else if (errno == EPIPE && (done > 0 || !wait_for_reader (feed, 0, TRY_AGAIN_MS)))
            return FALSE;
        else if (errno != EAGAIN && errno != EPIPE && errno != EINTR)
            return gk_set_errno (&feed->error, errno, "cannot write to %s", feed->path);
    }
    return TRUE;
}

/* No copy where the file system can lend its pages. Returns: as splice(2) */
static ssize_t
move_some (GkFeed *feed, loff_t *offset, gsize size)
{
    char chunk[65536];
    ssize_t n = splice (feed->image->fd, offset, feed->fifo, NULL, size, SPLICE_F_NONBLOCK);

    if (n >= 0 || errno != EINVAL)
        return n;
    n = pread (feed->image->fd, chunk, MIN (size, sizeof chunk), *offset);
    if (n > 0)
        n = write (feed->fifo, chunk, (gsize) n);
    *offset += MAX (n, 0);
    return n;
}

static gboolean
fail_shorter (GError **error)
{
    g_set_error_literal (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                         "the saved state has become shorter while it was read");
    return FALSE;
}

static gboolean
write_stream (GkFeed *feed)
{
    loff_t offset = (loff_t) feed->image->stream;
    loff_t end = offset + (loff_t) feed->image->size;

    while (offset < end) {
        ssize_t n = move_some (feed, &offset, (gsize) MIN (end - offset, PIPE));

        if (n == 0)
            return fail_shorter (&feed->error);
        if (n < 0 && errno == EAGAIN && !wait_for_reader (feed, POLLOUT, -1))
            return FALSE;
        if (n < 0 && errno == EPIPE)
            return FALSE;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return gk_set_errno (&feed->error, errno, "cannot read the saved state");
    }
    return TRUE;
}

/* A write to a FIFO without a reader is a signal to this thread, which dies with it unseen. */
static gpointer
feed_it (gpointer data)
{
    GkFeed *feed = data;
    sigset_t broken;

    sigemptyset (&broken);
    sigaddset (&broken, SIGPIPE);
    pthread_sigmask (SIG_BLOCK, &broken, NULL);
    if (write_head (feed))
        write_stream (feed);
    gk_fd_close (gk_steal_fd (&feed->fifo));
    return NULL;
}

/* Opens the FIFO for writing alone, which takes that somebody reads: we, for that long. */
static gboolean
open_fifo (GkFeed *feed, GError **error)
{
    gk_autofd int reader = -1;

    if (mkfifo (feed->path, 0600) < 0)
        return gk_set_errno (error, errno, "cannot make %s", feed->path);
    reader = open (feed->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    feed->fifo =
        reader < 0 ? -1 : open (feed->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (feed->fifo < 0)
        return gk_set_errno (error, errno, "cannot open %s", feed->path);
    /* Where the limit on pipes is lower, it only takes longer. */
    fcntl (feed->fifo, F_SETPIPE_SZ, PIPE);
    return TRUE;
}

static gboolean
start_fifo (GkFeed *feed, GError **error)
{
    feed->stop = eventfd (0, EFD_CLOEXEC);
    if (feed->stop < 0)
        return gk_set_errno (error, errno, "cannot make an eventfd");
    if (open_fifo (feed, error))
        feed->thread = g_thread_try_new ("feed", feed_it, feed, error);
    return feed->thread != NULL;
}

static gboolean
make_file (GkFeed *feed, GError **error)
{
    gk_autofd int fd =
        open (feed->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    off_t offset = (off_t) feed->image->stream;
    off_t end = offset + (off_t) feed->image->size;

    if (fd < 0)
        return gk_set_errno (error, errno, "cannot make %s", feed->path);
    if (!gk_fd_write_all (fd, g_bytes_get_data (feed->head, NULL), g_bytes_get_size (feed->head),
                          error))
        return FALSE;
    while (offset < end) {
        ssize_t n = sendfile (fd, feed->image->fd, &offset, (gsize) (end - offset));

        if (n == 0)
            return fail_shorter (error);
        if (n < 0 && errno != EINTR)
            return gk_set_errno (error, errno, "cannot copy the saved state to %s", feed->path);
    }
    return TRUE;
}

GkFeed *
gk_feed_start (GkFeedKind kind, const GkSaveImage *image, GBytes *head, const char *folder,
               GError **error)
{
    g_autofree char *id = gk_id_new (), *name = g_strconcat ("restore-", id, NULL);
    GkFeed *feed = g_new0 (GkFeed, 1);

    feed->image = image;
    feed->head = g_bytes_ref (head);
    feed->path = g_build_filename (folder, name, NULL);
    feed->stop = -1;
    feed->fifo = -1;
    if (kind == GK_FEED_FIFO ? start_fifo (feed, error) : make_file (feed, error))
        return feed;
    gk_feed_end (feed, NULL);
    return NULL;
}

const char *
gk_feed_path (GkFeed *feed)
{
    return feed->path;
}

gboolean
gk_feed_end (GkFeed *feed, GError **error)
{
    gboolean ok;

    if (feed->thread) {
        eventfd_write (feed->stop, 1);
        g_thread_join (feed->thread);
    }
    ok = feed->error == NULL;
    if (!ok)
        g_propagate_error (error, feed->error);
    unlink (feed->path);
    gk_fd_close (feed->fifo);
    gk_fd_close (feed->stop);
    g_bytes_unref (feed->head);
    g_free (feed->path);
    g_free (feed);
    return ok;
}
