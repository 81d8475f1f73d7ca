/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/agent-reply.h"

#include "base/escape.h"
#include "base/json.h"

#include <string.h>

enum { SIGNAL_MAX = 64, SIGNAL_BASE = 128 };

static gboolean
refuse (GError **error, const char *what)
{
    g_autofree char *shown = gk_escape (what, -1);

    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_AGENT,
                 "the guest agent's reply makes no sense: %s", shown);
    return FALSE;
}

/* Returns: (transfer full): the object, so that its members can be borrowed */
static JsonObject *
parse (const char *reply, GError **error)
{
    g_autoptr (GError) local = NULL;
    JsonObject *object = gk_json_parse (reply, strlen (reply), GK_AGENT_REPLY_MAX, &local);

    if (!object)
        refuse (error, local->message);
    return object;
}

static JsonObject *
parse_return (const char *reply, GError **error)
{
    g_autoptr (JsonObject) object = parse (reply, error);
    JsonObject *returned = object ? gk_json_object (object, "return") : NULL;

    if (object && !returned)
        refuse (error, "it returns no object");
    return returned ? json_object_ref (returned) : NULL;
}

/* FALSE where @member is there and is no whole number from @min to @max; absent, @ret is kept. */
static gboolean
take_int (JsonObject *object, const char *member, gint64 min, gint64 max, gint64 *ret)
{
    gint64 value;

    if (!json_object_has_member (object, member))
        return TRUE;
    value = gk_json_int (object, member, min - 1); /* out of range: no whole number */
    if (value < min || value > max)
        return FALSE;
    *ret = value;
    return TRUE;
}

static gboolean
take_bool (JsonObject *object, const char *member, gboolean *ret)
{
    if (!json_object_has_member (object, member))
        return TRUE;
    *ret = gk_json_bool (object, member, FALSE);
    return *ret || !gk_json_bool (object, member, TRUE);
}

/* g_base64_decode() skips what is no base64; a reply that needs that is refused instead.
 * Returns: (transfer full) (nullable) */
static GBytes *
decode (const char *text)
{
    gsize length = strlen (text), size = 0;
    gsize padding = length - strcspn (text, "=");
    guint8 *data;

    if (length % 4 != 0 || padding > 2 || strspn (text + length - padding, "=") != padding)
        return NULL;
    for (gsize i = 0; i < length - padding; i++)
        if (!g_ascii_isalnum (text[i]) && text[i] != '+' && text[i] != '/')
            return NULL;
    data = g_base64_decode (text, &size);
    return g_bytes_new_take (data, size);
}

/* FALSE where @member is there and is no base64 text; absent, @ret is kept. */
static gboolean
take_bytes (JsonObject *object, const char *member, GBytes **ret)
{
    const char *text = gk_json_string (object, member, NULL);

    if (!json_object_has_member (object, member))
        return TRUE;
    *ret = text ? decode (text) : NULL;
    return *ret != NULL;
}

void
gk_agent_exit_clear (GkAgentExit *exit)
{
    g_clear_pointer (&exit->out, g_bytes_unref);
    g_clear_pointer (&exit->err, g_bytes_unref);
}

gboolean
gk_agent_reply_pid (const char *reply, gint64 *ret_pid, GError **error)
{
    g_autoptr (JsonObject) returned = parse_return (reply, error);
    gint64 pid = -1;

    if (!returned)
        return FALSE;
    if (!take_int (returned, "pid", 0, G_MAXINT64, &pid) || pid < 0)
        return refuse (error, "no process id");
    *ret_pid = pid;
    return TRUE;
}

gboolean
gk_agent_reply_exit (const char *reply, GkAgentExit *ret, GError **error)
{
    g_autoptr (JsonObject) returned = parse_return (reply, error);
    g_auto (GkAgentExit) claim = { 0 };
    gint64 code = G_MININT64, signal = 0;
    gboolean out_cut = FALSE, err_cut = FALSE;

    if (!returned)
        return FALSE;
    if (!json_object_has_member (returned, "exited") ||
        !take_bool (returned, "exited", &claim.exited))
        return refuse (error, "it does not say whether the program has ended");
    if (!take_int (returned, "exitcode", G_MININT, G_MAXINT, &code) ||
        !take_int (returned, "signal", 1, SIGNAL_MAX, &signal))
        return refuse (error, "an exit code or signal out of range");
    if (claim.exited && code == G_MININT64 && signal == 0)
        return refuse (error, "a program that ended with neither code nor signal");
    if (!take_bytes (returned, "out-data", &claim.out) ||
        !take_bytes (returned, "err-data", &claim.err))
        return refuse (error, "output that is no base64");
    if (!take_bool (returned, "out-truncated", &out_cut) ||
        !take_bool (returned, "err-truncated", &err_cut))
        return refuse (error, "it does not say whether the output is whole");
    claim.cut = out_cut || err_cut;
    if (claim.exited)
        claim.code = signal ? SIGNAL_BASE + (int) signal : (int) code;
    *ret = claim;
    memset (&claim, 0, sizeof claim);
    return TRUE;
}

gboolean
gk_agent_reply_handle (const char *reply, gint64 *ret_handle, GError **error)
{
    g_autoptr (JsonObject) object = parse (reply, error);
    gint64 handle = -1;

    if (!object)
        return FALSE;
    if (!take_int (object, "return", 0, G_MAXINT64, &handle) || handle < 0)
        return refuse (error, "no file handle");
    *ret_handle = handle;
    return TRUE;
}

GBytes *
gk_agent_reply_bytes (const char *reply, gsize max, GError **error)
{
    g_autoptr (JsonObject) returned = parse_return (reply, error);
    g_autoptr (GBytes) bytes = NULL;

    if (!returned)
        return NULL;
    if (!take_bytes (returned, "buf-b64", &bytes) || !bytes) {
        refuse (error, "file content that is no base64");
        return NULL;
    }
    if (g_bytes_get_size (bytes) > max) {
        refuse (error, "more file content than was asked for");
        return NULL;
    }
    return g_steal_pointer (&bytes);
}
