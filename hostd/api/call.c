/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/api/call.h"

#include "base/id.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/registry.h"

#include <gio/gunixfdlist.h>

gboolean
gk_call_may_touch (GkCall *call, uid_t owner)
{
    return owner == call->caller->uid || (call->caller->roles & GK_ROLE_OPERATOR);
}

/* Somebody else's VM is as good as none. */
GkDisposable *
gk_call_find_vm (GkCall *call, const char *name, GError **error)
{
    g_autoptr (GkDisposable) found = gk_registry_find (call->host->registry, name);

    if (found && gk_call_may_touch (call, found->owner))
        return g_steal_pointer (&found);
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                         "there is no such VM: 'genkan ls' shows those that live");
    return NULL;
}

/* The folder of the run @id, alive or closed. */
char *
gk_call_find_run (GkCall *call, const char *id, GError **error)
{
    /* Somebody may have named a VM like another's run: an id is looked for first. */
    g_autofree char *as_id = g_build_filename (call->host->state_dir, "runs", id, NULL);
    gboolean is_run = gk_id_valid (id) && g_file_test (as_id, G_FILE_TEST_IS_DIR);
    g_autoptr (GkDisposable) alive = is_run ? NULL : gk_registry_find (call->host->registry, id);
    const char *name = alive ? alive->id : id;
    g_autofree char *folder = g_build_filename (call->host->state_dir, "runs", name, NULL);
    g_autoptr (JsonObject) record =
        gk_id_valid (name) ? gk_disposable_read_record (folder, NULL) : NULL;

    if (record && gk_call_may_touch (call, (uid_t) gk_json_int (record, "uid", 0)))
        return g_steal_pointer (&folder);
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                         "there is no such run: 'genkan ls --all' shows them");
    return NULL;
}

int
gk_call_take_fd (GkCall *call, gint32 handle, GError **error)
{
    GDBusMessage *message = g_dbus_method_invocation_get_message (call->invocation);
    GUnixFDList *list = g_dbus_message_get_unix_fd_list (message);

    if (list && handle >= 0 && handle < g_unix_fd_list_get_length (list))
        return g_unix_fd_list_get (list, handle, error);
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE, "no file came with the call");
    return -1;
}

gboolean
gk_call_read_wish (GkCall *call, GVariant *options, GkRunWish *wish, GError **error)
{
    static const char *const known[] = { "image", "policy", "name", "keep", "timeout", "vm",
                                         "member", NULL };
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init (&iter, options);
    while (g_variant_iter_next (&iter, "{&sv}", &key, &value)) {
        g_variant_unref (value);
        if (!g_strv_contains (known, key)) {
            g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE, "unknown option");
            return FALSE;
        }
    }
    wish->owner = call->caller->uid;
    g_variant_lookup (options, "image", "s", &wish->image);
    g_variant_lookup (options, "policy", "s", &wish->policy);
    g_variant_lookup (options, "name", "s", &wish->name);
    g_variant_lookup (options, "member", "s", &wish->member);
    g_variant_lookup (options, "keep", "b", &wish->keep);
    g_variant_lookup (options, "timeout", "u", &wish->timeout);
    return TRUE;
}

static gboolean
reply_text (GkCall *call, char *text)
{
    g_dbus_method_invocation_return_value (call->invocation, g_variant_new ("(s)", text));
    g_free (text);
    return TRUE;
}

gboolean
gk_reply_object (GkCall *call, JsonObject *object)
{
    g_autoptr (JsonObject) owned = object;

    return object && reply_text (call, gk_json_text (object, FALSE));
}

gboolean
gk_reply_array (GkCall *call, JsonArray *array)
{
    g_autoptr (JsonArray) owned = array;

    return reply_text (call, gk_json_array_text (array, FALSE));
}

/* Takes @data over, whatever comes of it. */
gboolean
gk_reply_job (GkCall *call, GkJobFunc func, gpointer data, GDestroyNotify free_data, GError **error)
{
    GkJob *job = gk_job_new (call->jobs, call->connection, func, data, free_data, error);

    if (!job)
        return FALSE;
    g_dbus_method_invocation_return_value (call->invocation,
                                           g_variant_new ("(o)", gk_job_path (job)));
    gk_job_start (job);
    return TRUE;
}
