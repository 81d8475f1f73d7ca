/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/agent.h"

#include "base/escape.h"
#include "base/json.h"
#include "vmm/agent-reply.h"
#include "vmm/libvirt.h"
#include "vmm/pause.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <string.h>

enum {
    COMMAND_S = 10,
    CLOSE_S = 1,
    SILENCE_S = 1,
    READ_MAX = 48 << 10,
    FIRST_PAUSE_MS = 15,
    LONGEST_PAUSE_MS = 500,
    SOON_MS = 2000, /* what takes longer need not be noticed at once */
};

struct _GkAgentFile {
    GkVm *vm; /* borrowed */
    gint64 handle;
};

/* libvirt has one error for an agent that is not there, which it says at once, and for one that
 * does not answer: within 5 s to its own greeting, or within the timeout to the command. */
static gboolean
fail_command (GkVm *vm, gint64 begun, const char *what, GError **error)
{
    gboolean silent = virGetLastErrorCode () == VIR_ERR_AGENT_UNRESPONSIVE &&
                      g_get_monotonic_time () - begun >= SILENCE_S * G_USEC_PER_SEC;

    return gk_vm_fail (vm, silent ? GK_VMM_ERROR_TIMED_OUT : GK_VMM_ERROR_AGENT, error,
                       "cannot %s %s", what, vm->name);
}

char *
gk_agent_command (GkVm *vm, JsonObject *command, guint timeout_s, const char *what, GError **error)
{
    g_autoptr (JsonObject) owned = command;
    g_autofree char *text = gk_json_text (owned, FALSE), *reply = NULL;
    g_autoptr (virDomain) domain = gk_vm_own_domain (vm, error);
    gint64 begun = g_get_monotonic_time ();

    if (!domain)
        return NULL;
    reply = virDomainQemuAgentCommand (domain, text, (int) timeout_s, 0);
    vm->agent_usec += (guint64) (g_get_monotonic_time () - begun);
    if (!reply) {
        fail_command (vm, begun, what, error);
        return NULL;
    }
    return g_steal_pointer (&reply);
}

/* Returns: (transfer full): `{"execute": @name, "arguments": @arguments}`; takes @arguments */
static JsonObject *
command_new (const char *name, JsonObject *arguments)
{
    JsonObject *command = json_object_new ();

    json_object_set_string_member (command, "execute", name);
    json_object_set_object_member (command, "arguments", arguments);
    return command;
}

gboolean
gk_agent_ping (GkVm *vm, guint timeout_s, GError **error)
{
    JsonObject *command = json_object_new ();
    g_autofree char *reply = NULL;

    json_object_set_string_member (command, "execute", "guest-ping");
    reply = gk_agent_command (vm, command, timeout_s, "reach the guest agent of", error);
    return reply != NULL;
}

/* The agent takes JSON, and JSON is UTF-8; a path made valid would be another path. */
static gboolean
check_text (const char *text, GError **error)
{
    g_autofree char *shown = NULL;

    if (g_utf8_validate (text, -1, NULL))
        return TRUE;
    shown = gk_escape (text, -1);
    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED,
                 "'%s' is not UTF-8, which is all that the guest agent takes", shown);
    return FALSE;
}

gboolean
gk_agent_exec (GkVm *vm, const char *const *argv, gboolean capture, gint64 *ret_pid, GError **error)
{
    g_autoptr (JsonObject) arguments = json_object_new ();
    JsonArray *rest = json_array_new ();
    g_autofree char *what = NULL, *shown = NULL, *reply = NULL;

    json_object_set_array_member (arguments, "arg", rest);
    for (guint i = 0; argv[i]; i++) {
        if (!check_text (argv[i], error))
            return FALSE;
        if (i > 0)
            json_array_add_string_element (rest, argv[i]);
    }
    json_object_set_string_member (arguments, "path", argv[0]);
    json_object_set_boolean_member (arguments, "capture-output", capture);
    shown = gk_escape (argv[0], -1);
    what = g_strdup_printf ("run '%s' in", shown);
    reply = gk_agent_command (vm, command_new ("guest-exec", g_steal_pointer (&arguments)),
                              COMMAND_S, what, error);
    return reply && gk_agent_reply_pid (reply, ret_pid, error);
}

gboolean
gk_agent_exec_status (GkVm *vm, gint64 pid, GkAgentExit *ret, GError **error)
{
    JsonObject *arguments = json_object_new ();
    g_autofree char *reply = NULL;

    json_object_set_int_member (arguments, "pid", pid);
    reply = gk_agent_command (vm, command_new ("guest-exec-status", arguments), COMMAND_S,
                              "ask after a program in", error);
    return reply && gk_agent_reply_exit (reply, ret, error);
}

gboolean
gk_agent_wait (GkVm *vm, gint64 pid, const char *what, guint timeout_ms, GCancellable *cancellable,
               GkAgentExit *ret, GError **error)
{
    gint64 begun = g_get_monotonic_time (), deadline = begun + (gint64) timeout_ms * 1000;
    guint pause_ms = FIRST_PAUSE_MS;

    for (;;) {
        g_auto (GkAgentExit) now = { 0 };

        if (g_cancellable_set_error_if_cancelled (cancellable, error) ||
            !gk_agent_exec_status (vm, pid, &now, error))
            return FALSE;
        if (now.exited) {
            *ret = now;
            memset (&now, 0, sizeof now);
            return TRUE;
        }
        if (g_get_monotonic_time () >= deadline) {
            g_autofree char *shown = gk_escape (what, -1);

            g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_TIMED_OUT,
                         "'%s' has not ended in %s after %u ms", shown, vm->name, timeout_ms);
            return FALSE;
        }
        gk_pause (pause_ms, cancellable);
        if (g_get_monotonic_time () - begun > SOON_MS * 1000)
            pause_ms = MIN (pause_ms * 2, LONGEST_PAUSE_MS);
    }
}

gboolean
gk_agent_run (GkVm *vm, const char *const *argv, guint timeout_ms, GCancellable *cancellable,
              GkAgentExit *ret, GError **error)
{
    gint64 pid = 0;

    return gk_agent_exec (vm, argv, TRUE, &pid, error) &&
           gk_agent_wait (vm, pid, argv[0], timeout_ms, cancellable, ret, error);
}

static gboolean
open_file (GkVm *vm, const char *path, const char *mode, gint64 *ret_handle, GError **error)
{
    g_autofree char *what = NULL, *shown = gk_escape (path, -1), *reply = NULL;
    JsonObject *arguments;

    if (!check_text (path, error))
        return FALSE;
    arguments = json_object_new ();
    json_object_set_string_member (arguments, "path", path);
    json_object_set_string_member (arguments, "mode", mode);
    what = g_strdup_printf ("open '%s' in", shown);
    reply =
        gk_agent_command (vm, command_new ("guest-file-open", arguments), COMMAND_S, what, error);
    return reply && gk_agent_reply_handle (reply, ret_handle, error);
}

static gboolean
close_file (GkVm *vm, gint64 handle, guint timeout_s, GError **error)
{
    JsonObject *arguments = json_object_new ();
    g_autofree char *reply = NULL;

    json_object_set_int_member (arguments, "handle", handle);
    reply = gk_agent_command (vm, command_new ("guest-file-close", arguments), timeout_s,
                              "close a file in", error);
    return reply != NULL;
}

/* The agent has it written when the file is closed. */
gboolean
gk_agent_write (GkVm *vm, const char *path, const char *text, GError **error)
{
    g_autofree char *coded = g_base64_encode ((const guchar *) text, strlen (text)), *reply = NULL;
    JsonObject *arguments;
    gint64 handle = 0;

    if (!open_file (vm, path, "w", &handle, error))
        return FALSE;
    arguments = json_object_new ();
    json_object_set_int_member (arguments, "handle", handle);
    json_object_set_string_member (arguments, "buf-b64", coded);
    reply = gk_agent_command (vm, command_new ("guest-file-write", arguments), COMMAND_S,
                              "write to a file in", error);
    if (reply)
        return close_file (vm, handle, COMMAND_S, error);
    close_file (vm, handle, CLOSE_S, NULL);
    return FALSE;
}

GkAgentFile *
gk_agent_file_open (GkVm *vm, const char *path, GError **error)
{
    GkAgentFile *file;
    gint64 handle = 0;

    if (!open_file (vm, path, "r", &handle, error))
        return NULL;
    file = g_new0 (GkAgentFile, 1);
    file->vm = vm;
    file->handle = handle;
    return file;
}

GBytes *
gk_agent_file_read (GkAgentFile *file, GError **error)
{
    JsonObject *arguments = json_object_new ();
    g_autofree char *reply = NULL;

    json_object_set_int_member (arguments, "handle", file->handle);
    json_object_set_int_member (arguments, "count", READ_MAX);
    reply = gk_agent_command (file->vm, command_new ("guest-file-read", arguments), COMMAND_S,
                              "read a file in", error);
    return reply ? gk_agent_reply_bytes (reply, READ_MAX, error) : NULL;
}

/* Politeness to the agent: nothing is lost where it does not answer. */
void
gk_agent_file_free (GkAgentFile *file)
{
    g_free (file);
}

void
gk_agent_file_close (GkAgentFile *file)
{
    if (!file)
        return;
    close_file (file->vm, file->handle, CLOSE_S, NULL);
    gk_agent_file_free (file);
}
