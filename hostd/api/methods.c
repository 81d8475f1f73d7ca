/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/api/methods.h"

#include "base/fd.h"
#include "base/id.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/build-job.h"
#include "hostd/command.h"
#include "hostd/dispose.h"
#include "hostd/doctor.h"
#include "hostd/held.h"
#include "hostd/machine/pool.h"
#include "hostd/open.h"
#include "hostd/registry.h"
#include "hostd/report.h"
#include "hostd/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>

enum { NAME_MAX_BYTES = 4096, COMMAND_MAX_BYTES = 128 << 10 };

static gboolean
call_open (GkCall *call, GError **error)
{
    g_autoptr (GVariant) options = NULL;
    g_autofree char *name = NULL;
    GkOpen *open = g_new0 (GkOpen, 1);
    gint32 handle = -1;

    open->fd = -1;
    open->host = call->host;
    g_variant_get (call->parameters, "(hs@a{sv})", &handle, &open->name, &options);
    if (strlen (open->name) <= NAME_MAX_BYTES &&
        gk_call_read_wish (call, options, &open->wish, error))
        open->fd = gk_call_take_fd (call, handle, error);
    if (open->fd >= 0)
        return gk_reply_job (call, gk_open_run, open, (GDestroyNotify) gk_open_free, error);
    if (error && !*error)
        g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE, "the name is too long");
    gk_open_free (open);
    return FALSE;
}

static gboolean
call_run (GkCall *call, GError **error)
{
    g_autoptr (GVariant) options = NULL;
    g_autofree char *vm = NULL;
    GkCommand *command = g_new0 (GkCommand, 1);
    gboolean ok;

    command->host = call->host;
    g_variant_get (call->parameters, "(^as@a{sv})", &command->argv, &options);
    g_variant_lookup (options, "vm", "s", &vm);
    ok = gk_call_read_wish (call, options, &command->wish, error);
    if (ok && (!command->argv[0] || g_variant_get_size (call->parameters) > COMMAND_MAX_BYTES)) {
        g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                             "give a command of at most 128 KiB");
        ok = FALSE;
    }
    if (ok && vm)
        ok = (command->disposable = gk_call_find_vm (call, vm, error)) != NULL;
    if (ok)
        return gk_reply_job (call, gk_command_run, command, (GDestroyNotify) gk_command_free,
                             error);
    gk_command_free (command);
    return FALSE;
}

typedef struct {
    GkHost *host;
    GkRunWish wish;
} New;

static void
new_free (gpointer data)
{
    gk_run_wish_clear (&((New *) data)->wish);
    g_free (data);
}

static JsonObject *
run_new (GkJob *job, gpointer data, GError **error)
{
    New *wish = data;
    g_autoptr (GkDisposable) disposable = gk_run_begin (wish->host, &wish->wish, TRUE, job, error);

    if (!disposable)
        return NULL;
    gk_disposable_set_watch (disposable, NULL);
    gk_disposable_end_use (disposable);
    return gk_disposable_to_json (disposable);
}

static gboolean
call_new (GkCall *call, GError **error)
{
    g_autoptr (GVariant) options = NULL;
    New *wish = g_new0 (New, 1);

    wish->host = call->host;
    wish->wish.keep = TRUE;
    g_variant_get (call->parameters, "(@a{sv})", &options);
    if (gk_call_read_wish (call, options, &wish->wish, error))
        return gk_reply_job (call, run_new, wish, new_free, error);
    new_free (wish);
    return FALSE;
}

static JsonObject *
run_revert (GkJob *job, gpointer data, GError **error)
{
    gboolean ok;

    gk_disposable_begin_use (data);
    ok = gk_revert (data, job, error);
    gk_disposable_end_use (data);
    return ok ? gk_disposable_to_json (data) : NULL;
}

static JsonObject *
run_remove (GkJob *job, gpointer data, GError **error)
{
    gk_job_progress (job, 255, "removing the VM");
    return gk_dispose_behind (data, error) ? gk_disposable_to_json (data) : NULL;
}

static gboolean
reply_vm_job (GkCall *call, GkJobFunc func, GError **error)
{
    const char *name;
    GkDisposable *disposable;

    g_variant_get (call->parameters, "(&s)", &name);
    disposable = gk_call_find_vm (call, name, error);
    return disposable &&
           gk_reply_job (call, func, disposable, (GDestroyNotify) gk_disposable_unref, error);
}

static gboolean
call_revert (GkCall *call, GError **error)
{
    return reply_vm_job (call, run_revert, error);
}

static gboolean
call_remove (GkCall *call, GError **error)
{
    return reply_vm_job (call, run_remove, error);
}

static gboolean
call_put (GkCall *call, GError **error)
{
    const char *vm, *name;
    GkTransfer *transfer = g_new0 (GkTransfer, 1);
    gint32 handle = -1;

    g_variant_get (call->parameters, "(&sh&s)", &vm, &handle, &name);
    transfer->fd = -1;
    transfer->name = g_strndup (name, NAME_MAX_BYTES);
    transfer->disposable = gk_call_find_vm (call, vm, error);
    if (transfer->disposable)
        transfer->fd = gk_call_take_fd (call, handle, error);
    if (transfer->fd >= 0)
        return gk_reply_job (call, gk_put_run, transfer, (GDestroyNotify) gk_transfer_free, error);
    gk_transfer_free (transfer);
    return FALSE;
}

static gboolean
call_get (GkCall *call, GError **error)
{
    const char *vm, *name;
    GkTransfer *transfer = g_new0 (GkTransfer, 1);

    g_variant_get (call->parameters, "(&s&s)", &vm, &name);
    transfer->fd = -1;
    transfer->name = g_strndup (name, NAME_MAX_BYTES);
    transfer->disposable = gk_call_find_vm (call, vm, error);
    if (transfer->disposable)
        return gk_reply_job (call, gk_get_run, transfer, (GDestroyNotify) gk_transfer_free, error);
    gk_transfer_free (transfer);
    return FALSE;
}

static gboolean
call_outbound (GkCall *call, GError **error)
{
    return reply_vm_job (call, gk_outbound_list_run, error);
}

static int
open_artifact (GkCall *call, const char *run, const char *what, GError **error)
{
    static const struct {
        const char *what, *file;
    } artifacts[] = {
        {"screenshot", "screenshot.png"},
        { "ledger",    "ledger.jsonl"  },
    };
    g_autofree char *folder = gk_call_find_run (call, run, error);

    for (gsize i = 0; folder && i < G_N_ELEMENTS (artifacts); i++) {
        g_autofree char *path = g_build_filename (folder, artifacts[i].file, NULL);
        int fd;

        if (!g_str_equal (what, artifacts[i].what))
            continue;
        fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            gk_set_errno (error, errno, "this run has no %s", what);
        return fd;
    }
    if (folder)
        g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE, "a run has no such thing");
    return -1;
}

static int
open_released (GkCall *call, const char *run, const char *number, GError **error)
{
    g_autoptr (GkDisposable) disposable = gk_call_find_vm (call, run, error);
    guint64 value = 0;

    if (!disposable)
        return -1;
    if (g_ascii_string_to_unsigned (number, 10, 1, G_MAXINT, &value, error))
        return gk_released_open (disposable, (guint) value, error);
    return -1;
}

static gboolean
call_fetch (GkCall *call, GError **error)
{
    const char *run, *what;
    g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
    gk_autofd int fd = -1;

    g_variant_get (call->parameters, "(&s&s)", &run, &what);
    if (g_str_has_prefix (what, "released/"))
        fd = open_released (call, run, what + strlen ("released/"), error);
    else
        fd = open_artifact (call, run, what, error);
    if (fd < 0 || g_unix_fd_list_append (list, fd, error) < 0)
        return FALSE;
    g_dbus_method_invocation_return_value_with_unix_fd_list (call->invocation,
                                                             g_variant_new ("(h)", 0), list);
    return TRUE;
}

static GkHeldWish *
held_wish (GkCall *call)
{
    GkHeldWish *wish = g_new0 (GkHeldWish, 1);

    wish->host = call->host;
    wish->caller = call->caller->uid;
    wish->operator= (call->caller->roles & GK_ROLE_OPERATOR) != 0;
    return wish;
}

static gboolean
call_held_list (GkCall *call, GError **error)
{
    return gk_reply_job (call, gk_held_list_run, held_wish (call),
                         (GDestroyNotify) gk_held_wish_free, error);
}

static gboolean
decide (GkCall *call, const char *run, GkHeldWish *wish, GError **error)
{
    wish->folder = gk_call_find_run (call, run, error);
    if (wish->folder)
        return gk_reply_job (call, gk_held_decide_run, wish, (GDestroyNotify) gk_held_wish_free,
                             error);
    gk_held_wish_free (wish);
    return FALSE;
}

static gboolean
call_held_release (GkCall *call, GError **error)
{
    GkHeldWish *wish = held_wish (call);
    const char *run;

    g_variant_get (call->parameters, "(&sub)", &run, &wish->number, &wish->zone);
    return decide (call, run, wish, error);
}

static gboolean
call_held_drop (GkCall *call, GError **error)
{
    GkHeldWish *wish = held_wish (call);
    const char *run;

    wish->drop = TRUE;
    g_variant_get (call->parameters, "(&su)", &run, &wish->number);
    return decide (call, run, wish, error);
}

static void
list_closed (GkCall *call, JsonArray *all)
{
    g_autofree char *runs = g_build_filename (call->host->state_dir, "runs", NULL);
    g_autoptr (GDir) dir = g_dir_open (runs, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name (dir))) {
        g_autofree char *folder = g_build_filename (runs, name, NULL);
        g_autoptr (JsonObject) record =
            gk_id_valid (name) ? gk_disposable_read_record (folder, NULL) : NULL;

        if (!record || !gk_call_may_touch (call, (uid_t) gk_json_int (record, "uid", 0)) ||
            g_strcmp0 (gk_json_string (record, "state", NULL), "closed") != 0)
            continue;
        json_array_add_object_element (all, g_steal_pointer (&record));
    }
}

static gboolean
call_list (GkCall *call, GError **error)
{
    g_autoptr (GPtrArray) living = gk_registry_list (call->host->registry);
    JsonArray *all = json_array_new ();
    gboolean closed_too = FALSE;

    g_variant_get (call->parameters, "(b)", &closed_too);
    if (closed_too)
        list_closed (call, all);
    for (guint i = 0; i < living->len; i++) {
        GkDisposable *at = living->pdata[i];

        if (gk_call_may_touch (call, at->owner))
            json_array_add_object_element (all, gk_disposable_to_json (at));
    }
    return gk_reply_array (call, all);
}

static void
describe_machine (GkDisposable *disposable, JsonObject *description)
{
    g_autoptr (GkMachine) machine = gk_disposable_machine (disposable);

    if (!machine)
        return;
    json_object_set_string_member (description, "machine", machine->id);
    json_object_set_string_member (description, "mac", machine->mac);
    json_object_set_string_member (description, "domain_uuid", machine->uuid);
    gk_json_set_text (description, "warm_digest", machine->warm ? machine->warm->digest : NULL);
}

static gboolean
call_show (GkCall *call, GError **error)
{
    const char *name;
    g_autoptr (GkDisposable) disposable = NULL;
    JsonObject *description;

    g_variant_get (call->parameters, "(&s)", &name);
    disposable = gk_call_find_vm (call, name, error);
    if (!disposable)
        return FALSE;
    description = gk_disposable_to_json (disposable);
    json_object_set_string_member (description, "image_digest", disposable->image->digest);
    json_object_set_string_member (description, "policy_digest", disposable->policy_digest);
    describe_machine (disposable, description);
    return gk_reply_object (call, description);
}

/* A ledger may be long: the main thread must not wait for it. */
static JsonObject *
run_report (GkJob *job, gpointer data, GError **error)
{
    return gk_report_build (data, error);
}

static gboolean
call_report (GkCall *call, GError **error)
{
    const char *run;
    char *folder;

    g_variant_get (call->parameters, "(&s)", &run);
    folder = gk_call_find_run (call, run, error);
    return folder && gk_reply_job (call, run_report, folder, g_free, error);
}

static gboolean
reply_image_job (GkCall *call, GkJobFunc func, GError **error)
{
    GkImageJob *wish = g_new0 (GkImageJob, 1);

    wish->host = call->host;
    g_variant_get (call->parameters, "(s)", &wish->name);
    return gk_reply_job (call, func, wish, (GDestroyNotify) gk_image_job_free, error);
}

static gboolean
call_image_build (GkCall *call, GError **error)
{
    return reply_image_job (call, gk_image_build_run, error);
}

static gboolean
call_image_warm (GkCall *call, GError **error)
{
    return reply_image_job (call, gk_image_warm_run, error);
}

static gboolean
call_image_verify (GkCall *call, GError **error)
{
    return reply_image_job (call, gk_image_verify_run, error);
}

static gboolean
check_unused (GkHost *host, const char *reference, GError **error)
{
    g_autoptr (GPtrArray) living = gk_registry_list (host->registry);

    for (guint i = 0; i < living->len; i++) {
        GkDisposable *at = living->pdata[i];
        g_autofree char *image = g_strdup_printf ("%s:%s", at->image->name, at->image->version);

        if (!g_str_equal (image, reference))
            continue;
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                     "VM '%s' stands on this image: remove it first", at->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
call_image_remove (GkCall *call, GError **error)
{
    const char *reference;

    g_variant_get (call->parameters, "(&s)", &reference);
    if (!check_unused (call->host, reference, error) ||
        !gk_image_remove (call->host->state_dir, reference, error))
        return FALSE;
    gk_warm_sweep (call->host);
    g_dbus_method_invocation_return_value (call->invocation, NULL);
    return TRUE;
}

static gboolean
call_image_list (GkCall *call, GError **error)
{
    g_autoptr (GPtrArray) images = gk_image_list (call->host->state_dir, NULL, error);
    JsonArray *array;

    if (!images)
        return FALSE;
    array = json_array_new ();
    for (guint i = 0; i < images->len; i++)
        json_array_add_object_element (array, gk_image_to_json (images->pdata[i]));
    return gk_reply_array (call, array);
}

static gboolean
call_image_show (GkCall *call, GError **error)
{
    const char *reference;
    g_autoptr (GkImage) image = NULL;

    g_variant_get (call->parameters, "(&s)", &reference);
    image = gk_image_load (call->host->state_dir, reference, error);
    return image && gk_reply_object (call, gk_image_to_json (image));
}

static gboolean
call_pool (GkCall *call, GError **error)
{
    return gk_reply_array (call, gk_pool_to_json (call->host->pool));
}

static JsonObject *
run_doctor (GkJob *job, gpointer data, GError **error)
{
    JsonObject *result = json_object_new ();

    json_object_set_array_member (result, "findings", gk_doctor_examine (data));
    return result;
}

static gboolean
call_doctor (GkCall *call, GError **error)
{
    return gk_reply_job (call, run_doctor, call->host, NULL, error);
}

static const struct {
    const char *name;
    gboolean (*call) (GkCall *call, GError **error);
} methods[] = {
    {"Open",         call_open        },
    { "Run",         call_run         },
    { "New",         call_new         },
    { "Revert",      call_revert      },
    { "Remove",      call_remove      },
    { "Put",         call_put         },
    { "Get",         call_get         },
    { "Outbound",    call_outbound    },
    { "Fetch",       call_fetch       },
    { "HeldList",    call_held_list   },
    { "HeldRelease", call_held_release},
    { "HeldDrop",    call_held_drop   },
    { "List",        call_list        },
    { "Show",        call_show        },
    { "Report",      call_report      },
    { "ImageBuild",  call_image_build },
    { "ImageWarm",   call_image_warm  },
    { "ImageVerify", call_image_verify},
    { "ImageRemove", call_image_remove},
    { "ImageList",   call_image_list  },
    { "ImageShow",   call_image_show  },
    { "Pool",        call_pool        },
    { "Doctor",      call_doctor      },
};

gboolean
gk_method_exists (const char *method)
{
    for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
        if (g_str_equal (methods[i].name, method))
            return TRUE;
    return FALSE;
}

gboolean
gk_method_call (const char *method, GkCall *call, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (methods); i++)
        if (g_str_equal (methods[i].name, method))
            return methods[i].call (call, error);
    g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE, "there is no such method");
    return FALSE;
}
