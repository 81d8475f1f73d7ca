/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stands in genkand's place: drives the bridge by commands on standard input, one a line, and
 * prints answers, events and losses as JSON, one a line.
 *
 *   tap NAME | untap NAME | add VM TAP MAC POLICY | remove VM | pid
 *
 * Commands run on a worker thread, as genkand's do. It stops the bridge when the input ends. */
#include "base/json.h"
#include "hostd/bridge/bridge.h"
#include "hostd/bridge/tap.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    GMainLoop *loop;
    GkBridge *bridge;
    GAsyncQueue *lines; /* for the worker; an empty line is the end */
} Host;

static void
say (JsonObject *object)
{
    g_autofree char *text = gk_json_text (object, FALSE);

    printf ("%s\n", text);
    fflush (stdout);
}

static void
on_event (const GkBridgeEvent *event, gpointer data)
{
    g_autoptr (JsonObject) object = json_object_new ();

    json_object_set_string_member (object, "event", event->query ? "query" : "flow");
    json_object_set_string_member (object, "vm", event->vm);
    json_object_set_string_member (object, "time", event->time);
    json_object_set_string_member (object, "name", event->name);
    json_object_set_string_member (object, "type", event->type);
    json_object_set_string_member (object, "protocol", event->protocol);
    json_object_set_string_member (object, "destination", event->destination);
    json_object_set_int_member (object, "port", event->port);
    json_object_set_boolean_member (object, "allowed", event->allowed);
    json_object_set_string_member (object, "rule", event->rule);
    json_object_set_int_member (object, "count", (gint64) event->count);
    json_object_set_int_member (object, "bytes_out", (gint64) event->bytes_out);
    say (object);
}

static void
on_lost (gboolean restarted, const char *why, gpointer data)
{
    g_autoptr (JsonObject) object = json_object_new ();

    json_object_set_string_member (object, "event", "lost");
    json_object_set_boolean_member (object, "restarted", restarted);
    json_object_set_string_member (object, "why", why);
    say (object);
}

static gboolean
run (Host *host, char **words, JsonObject *answer, GError **error)
{
    guint n = g_strv_length (words);
    const char *command = words[0];

    if (g_str_equal (command, "tap") && n == 2)
        return gk_tap_create (words[1], error);
    if (g_str_equal (command, "untap") && n == 2)
        return gk_tap_delete (words[1], error);
    if (g_str_equal (command, "remove") && n == 2)
        return gk_bridge_remove (host->bridge, words[1], error);
    if (g_str_equal (command, "pid")) {
        json_object_set_int_member (answer, "pid", gk_bridge_pid (host->bridge));
        return TRUE;
    }
    if (g_str_equal (command, "add") && n == 5) {
        const GkBridgeNic nic = { words[1], words[2], words[3], words[4] };
        g_autofree char *address = NULL;
        gboolean ok = gk_bridge_add (host->bridge, &nic, &address, error);

        if (ok)
            json_object_set_string_member (answer, "address", address);
        return ok;
    }
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "no such command");
    return FALSE;
}

static void
answer (gboolean ok, GError *error, JsonObject *object)
{
    json_object_set_boolean_member (object, "ok", ok);
    if (!ok) {
        json_object_set_string_member (object, "error", error->message);
        json_object_set_string_member (object, "domain", g_quark_to_string (error->domain));
        json_object_set_int_member (object, "code", error->code);
    }
    say (object);
}

static gpointer
work (gpointer data)
{
    Host *host = data;

    for (;;) {
        g_autofree char *line = g_async_queue_pop (host->lines);
        g_auto (GStrv) words = g_strsplit (line, " ", -1);
        g_autoptr (JsonObject) object = json_object_new ();
        g_autoptr (GError) error = NULL;
        gboolean ok;

        if (!words[0])
            return NULL;
        ok = run (host, words, object, &error);
        answer (ok, error, object);
    }
}

static gboolean
on_input (GIOChannel *input, GIOCondition condition, gpointer data)
{
    Host *host = data;
    g_autofree char *line = NULL;
    gsize end;

    if (g_io_channel_read_line (input, &line, NULL, &end, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit (host->loop);
        return G_SOURCE_REMOVE;
    }
    line[end] = '\0';
    g_async_queue_push (host->lines, g_steal_pointer (&line));
    return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
    const gboolean complete = argc == 6;
    const GkBridgeConfig config = { argv[1], complete ? argv[2] : "", argv[3], argv[4],
                                    complete ? (guint) atoi (argv[5]) : 0 };
    g_autoptr (GIOChannel) input = g_io_channel_unix_new (0);
    g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
    g_autoptr (GError) error = NULL;
    Host host = { loop, NULL, g_async_queue_new_full (g_free) };
    g_autoptr (JsonObject) object = json_object_new ();
    GThread *worker;

    host.bridge = complete ? gk_bridge_start (&config, on_event, on_lost, &host, &error) : NULL;
    if (!host.bridge) {
        answer (FALSE, error, object);
        return EXIT_FAILURE;
    }
    answer (TRUE, NULL, object);
    worker = g_thread_new ("worker", work, &host);
    g_io_add_watch (input, G_IO_IN | G_IO_HUP, on_input, &host);
    g_main_loop_run (loop);
    g_async_queue_push (host.lines, g_strdup (""));
    g_thread_join (worker);
    gk_bridge_stop (host.bridge);
    g_async_queue_unref (host.lines);
    return EXIT_SUCCESS;
}
