/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/progress.h"

#include "base/escape.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 200 };

struct _GkProgress {
    gboolean drawn, plain;
    gint64 begun;
    guint tick, turns, percent;
    char *text; /* escaped */
};

static void
draw (GkProgress *progress)
{
    static const char *const spinner[] = { "|", "/", "-", "\\" };
    gint64 seconds = (g_get_monotonic_time () - progress->begun) / G_USEC_PER_SEC;

    fprintf (stderr, "\r\033[K%s ", spinner[progress->turns % G_N_ELEMENTS (spinner)]);
    if (progress->percent <= 100)
        fprintf (stderr, "%3u %% ", progress->percent);
    fprintf (stderr, "%s (%" G_GINT64_FORMAT " s)", progress->text, seconds);
    fflush (stderr);
}

static gboolean
on_tick (gpointer data)
{
    GkProgress *progress = data;

    progress->turns++;
    if (progress->text)
        draw (progress);
    return G_SOURCE_CONTINUE;
}

GkProgress *
gk_progress_new (gboolean plain)
{
    GkProgress *progress = g_new0 (GkProgress, 1);

    progress->drawn = isatty (STDERR_FILENO) && !plain;
    progress->plain = plain;
    progress->begun = g_get_monotonic_time ();
    if (progress->drawn)
        progress->tick = g_timeout_add (TICK_MS, on_tick, progress);
    return progress;
}

static gboolean
same_step (const char *a, const char *b)
{
    gsize length = strcspn (b, ":");

    return a && strcspn (a, ":") == length && strncmp (a, b, length) == 0;
}

void
gk_progress_show (GkProgress *progress, guint percent, const char *text)
{
    g_autofree char *escaped = gk_escape (text, -1);
    gboolean same = same_step (progress->text, escaped);

    g_free (progress->text);
    progress->text = g_steal_pointer (&escaped);
    progress->percent = percent;
    if (progress->drawn)
        draw (progress);
    else if (progress->plain && !same)
        fprintf (stderr, "  %s\n", progress->text);
}

void
gk_progress_hide (GkProgress *progress)
{
    if (progress->drawn && progress->text)
        fputs ("\r\033[K", stderr);
}

void
gk_progress_free (GkProgress *progress)
{
    if (!progress)
        return;
    gk_progress_hide (progress);
    if (progress->tick)
        g_source_remove (progress->tick);
    g_free (progress->text);
    g_free (progress);
}
