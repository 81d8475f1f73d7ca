/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest-run TIME OUTPUT MOST [PROGRAM [ARGUMENT…]]: sets the clock and runs a program: as one call,
 * since each costs a guest under emulation a twentieth of a second.
 *
 * TIME: nanoseconds since 1970, which the clock is set to; `-`: it is left alone.
 * OUTPUT: PROGRAM writes to the new files OUTPUT.1 and OUTPUT.2. When it has ended, what is in
 * them, at most MOST bytes of each, is written to standard output and standard error.
 *
 * PROGRAM is found as a shell finds it, and runs in a session of its own, whose first process is
 * guest-run's: a signal to that process group ends all of it.
 *
 * Exit: PROGRAM's code, or 128 and the signal that ended it; 127 there is no such program, 126 it
 * cannot be run; without PROGRAM 0, or 1 where something failed; 2 wrong usage. */
#include "images/guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STREAMS = 2, MOST_MAX = 1 << 20, NOT_RUN = 126, NOT_FOUND = 127, SIGNALLED = 128 };

static int
create (const char *base, int stream)
{
    char path[4096];

    snprintf (path, sizeof path, "%s.%d", base, stream);
    return open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static void
become (char **argv, const int *streams)
{
    int code;

    if (dup2 (streams[0], STDOUT_FILENO) < 0 || dup2 (streams[1], STDERR_FILENO) < 0)
        _exit (NOT_RUN);
    execvp (argv[0], argv);
    code = errno;
    guest_fail (code, "cannot run '%s'", argv[0]);
    _exit (code == ENOENT ? NOT_FOUND : NOT_RUN);
}

static void
write_all (int fd, const char *bytes, ssize_t size)
{
    for (ssize_t written; size > 0; bytes += written, size -= written) {
        written = write (fd, bytes, (size_t) size);
        if (written <= 0)
            return;
    }
}

static void
copy_head (int from, int to, size_t most)
{
    char *bytes = malloc (most);
    ssize_t size = bytes ? pread (from, bytes, most, 0) : 0;

    write_all (to, bytes, size);
    free (bytes);
}

static int
run (const char *base, size_t most, char **argv)
{
    int streams[STREAMS] = { create (base, 1), create (base, 2) }, status = 0;
    pid_t child;

    if (streams[0] < 0 || streams[1] < 0) {
        guest_fail (errno, "cannot create %s.1 and .2", base);
        return NOT_RUN;
    }
    child = fork ();
    if (child == 0)
        become (argv, streams);
    if (child < 0 || waitpid (child, &status, 0) < 0) {
        guest_fail (errno, "cannot run '%s'", argv[0]);
        return NOT_RUN;
    }
    copy_head (streams[0], STDOUT_FILENO, most);
    copy_head (streams[1], STDERR_FILENO, most);
    return WIFEXITED (status) ? WEXITSTATUS (status) : SIGNALLED + WTERMSIG (status);
}

static bool
are_valid (int argc, char **argv, size_t *ret_most)
{
    char *end = NULL;
    unsigned long most;

    if (argc < 4 || (strcmp (argv[1], "-") != 0 && !guest_is_time (argv[1])) || argv[2][0] != '/')
        return false;
    most = strtoul (argv[3], &end, 10);
    *ret_most = most;
    return *end == '\0' && most > 0 && most <= MOST_MAX;
}

int
main (int argc, char **argv)
{
    size_t most = 0;
    bool set;

    if (!are_valid (argc, argv, &most)) {
        fputs ("usage: guest-run TIME|- OUTPUT MOST [PROGRAM [ARGUMENT...]]\n", stderr);
        return GUEST_WRONG_USE;
    }
    setsid ();
    /* A clock that cannot be set does not keep a program from being run. */
    set = strcmp (argv[1], "-") == 0 || guest_set_clock (argv[1], true);
    if (argc == 4)
        return set ? GUEST_OK : GUEST_FAILED;
    return run (argv[2], most, argv + 4);
}
