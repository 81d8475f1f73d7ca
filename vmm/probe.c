/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/probe.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000, CONSOLE_MAX = 1 << 20, REPORTED = 200 };

/* What Linux says when it has come up and found no root: nearly all of its boot is behind it. */
#define LAST_WORDS "Unable to mount root"

/* The end of what QEMU wrote, on one line. */
static char *
last_words_of (GBytes *bytes)
{
    gsize size = 0;
    const char *text = g_bytes_get_data (bytes, &size);
    gsize skip = size > REPORTED ? size - REPORTED : 0;
    g_autofree char *tail = g_strndup (text + skip, size - skip);

    return gk_escape (g_strdelimit (g_strstrip (tail), "\r\n", ' '), -1);
}

static gboolean
judge (const char *accelerator, GBytes *console, GBytes *complaints, int status, char **ret_why)
{
    g_autofree char *words = NULL;

    if (WIFSIGNALED (status)) {
        words = last_words_of (complaints);
        *ret_why = g_strdup_printf ("QEMU with %s was killed by signal %d (%s): %s", accelerator,
                                    WTERMSIG (status), g_strsignal (WTERMSIG (status)), words);
        return FALSE;
    }
    if (WEXITSTATUS (status) != 0) {
        words = last_words_of (complaints);
        *ret_why = g_strdup_printf ("QEMU with %s exited with %d: %s", accelerator,
                                    WEXITSTATUS (status), words);
        return FALSE;
    }
    if (!memmem (g_bytes_get_data (console, NULL), g_bytes_get_size (console), LAST_WORDS,
                 strlen (LAST_WORDS))) {
        *ret_why = g_strdup_printf ("a guest with %s ended before its kernel was up", accelerator);
        return FALSE;
    }
    *ret_why = g_strdup_printf ("a guest with %s booted", accelerator);
    return TRUE;
}

gboolean
gk_probe (const char *accelerator, const char *cpu, const char *kernel, GCancellable *cancellable,
          gboolean *ret_works, char **ret_why, GError **error)
{
    g_autofree char *machine = g_strconcat ("q35,accel=", accelerator, NULL);
    const char *const argv[] = { GK_PROBE_QEMU,
                                 "-machine",
                                 machine,
                                 "-cpu",
                                 cpu,
                                 "-m",
                                 "256",
                                 "-kernel",
                                 kernel,
                                 "-append",
                                 "console=ttyS0 panic=-1",
                                 "-no-reboot",
                                 "-no-user-config",
                                 "-nodefaults",
                                 "-display",
                                 "none",
                                 "-serial",
                                 "stdio",
                                 "-sandbox",
                                 "on,obsolete=deny,elevateprivileges=deny,spawn=deny",
                                 NULL };
    GkSpawn spec = {
        .argv = argv, .input = -1, .timeout_ms = DEADLINE_MS, .max_output = CONSOLE_MAX
    };
    g_autoptr (GBytes) console = NULL, complaints = NULL;
    g_autoptr (GError) local = NULL;
    int status = 0;

    if (access (kernel, R_OK) < 0)
        return gk_set_errno (error, errno, "cannot probe %s with %s", accelerator, kernel);
    if (gk_spawn (&spec, cancellable, &console, &complaints, &status, &local)) {
        *ret_works = judge (accelerator, console, complaints, status, ret_why);
        return TRUE;
    }
    if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
        g_propagate_error (error, g_steal_pointer (&local));
        return FALSE;
    }
    *ret_works = FALSE;
    *ret_why = g_strdup_printf ("a guest with %s did not get through its boot in %d s", accelerator,
                                DEADLINE_MS / 1000);
    return TRUE;
}
