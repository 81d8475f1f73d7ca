/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running a program to its end: an argument vector, no shell, a deadline, bounded output.
 *
 * Blocks, so it is for worker threads and programs of one thread. The child gets its own process
 * group, dies with the calling thread's process, and is killed and reaped on every way out. Errors
 * are G_IO_ERROR: TIMED_OUT, CANCELLED, MESSAGE_TOO_LARGE, NOT_FOUND (no such program). */
#pragma once

#include <gio/gio.h>

typedef struct {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *envp; /* NULL: ours */
    int input; /* its descriptor 0; -1: /dev/null */
    guint timeout_ms; /* 0: no deadline */
    gsize max_output; /* of standard output, and of standard error */
    /* Called for each line of standard error as it comes (no newline); NULL: kept for ret_stderr */
    void (*on_line) (const char *line, gpointer data);
    /* Takes standard output as it comes, up to max_output in all; NULL: kept for ret_stdout. FALSE:
     * it could not be taken, which is the program's end. */
    gboolean (*on_output) (const void *bytes, gsize size, gpointer data);
    gpointer data; /* of both */
} GkSpawn;

/**
 * gk_spawn:
 * @ret_stdout: (out) (optional): NUL-terminated beyond its size
 * @ret_stderr: (out) (optional): likewise
 * @ret_status: (out) (optional): as of waitpid(2); where it is %NULL, an exit other than 0 is an
 *   error (G_IO_ERROR_FAILED) that carries the end of standard error, escaped
 */
gboolean gk_spawn (const GkSpawn *spec, GCancellable *cancellable, GBytes **ret_stdout,
                   GBytes **ret_stderr, int *ret_status, GError **error);
