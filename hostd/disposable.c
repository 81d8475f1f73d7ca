/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/disposable.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/id.h"
#include "base/json.h"
#include "base/users.h"
#include "hostd/api/error.h"
#include "hostd/registry.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { RECORD_MAX = 1 << 20, RECORD_VERSION = 1, NAME_TRIES = 20 };

static const char *const state_names[] = {
    [GK_DISPOSABLE_STARTING] = "starting",   [GK_DISPOSABLE_RUNNING] = "running",
    [GK_DISPOSABLE_REVERTING] = "reverting", [GK_DISPOSABLE_DISPOSING] = "disposing",
    [GK_DISPOSABLE_CLOSED] = "closed",
};

#define FROM(state) (1u << GK_DISPOSABLE_##state)

static const guint may_come_from[] = {
    [GK_DISPOSABLE_STARTING] = 0,
    [GK_DISPOSABLE_RUNNING] = FROM (STARTING) | FROM (REVERTING),
    [GK_DISPOSABLE_REVERTING] = FROM (RUNNING),
    [GK_DISPOSABLE_DISPOSING] = FROM (STARTING) | FROM (RUNNING) | FROM (REVERTING),
    [GK_DISPOSABLE_CLOSED] = FROM (DISPOSING),
};

static_assert (G_N_ELEMENTS (state_names) == G_N_ELEMENTS (may_come_from),
               "each state has a name and a way in");

static gint64
seconds_now (void)
{
    return g_get_real_time () / G_USEC_PER_SEC;
}

static GkLeaseTerms
terms_of (const GkConfig *config, const GkPolicy *policy)
{
    return (GkLeaseTerms) {
        .idle_s = policy->has_idle ? policy->idle_s : config->lease_idle_s,
        .life_s = policy->has_life ? policy->life_s : config->lease_life_s,
    };
}

static GkDisposable *
make (GkHost *host, const GkDisposableWish *wish, GkImage *image, const GkPolicy *policy)
{
    GkDisposable *disposable = g_new0 (GkDisposable, 1);

    g_atomic_ref_count_init (&disposable->refs);
    g_mutex_init (&disposable->work);
    g_mutex_init (&disposable->lock);
    disposable->host = host;
    disposable->id = gk_id_new ();
    disposable->name = wish->name ? g_strdup (wish->name) : gk_name_new ();
    disposable->folder = g_build_filename (host->state_dir, "runs", disposable->id, NULL);
    g_cond_init (&disposable->looked_at);
    disposable->terms = terms_of (host->config, policy);
    disposable->use =
        (GkLeaseUse) { .created = seconds_now (), .used = seconds_now (), .users = 1 };
    disposable->policy = g_strdup (policy->name);
    disposable->policy_mode = g_strdup (policy->mode);
    disposable->policy_digest = g_strdup (policy->digest);
    disposable->image = gk_image_ref (image);
    disposable->owner = wish->owner;
    disposable->created = gk_json_now ();
    disposable->admitted = g_ptr_array_new_with_free_func ((GDestroyNotify) gk_passed_free);
    disposable->guest_names = g_ptr_array_new_with_free_func (g_free);
    disposable->released = g_array_new (FALSE, FALSE, sizeof (guint));
    disposable->why = g_strdup ("it is starting");
    return disposable;
}

/* A name that was made up is made up again while another has it. */
static void
find_free_name (GkDisposable *disposable)
{
    for (guint tries = 0; tries < NAME_TRIES; tries++) {
        g_autoptr (GkDisposable) same =
            gk_registry_find (disposable->host->registry, disposable->name);

        if (!same)
            return;
        g_free (disposable->name);
        disposable->name = gk_name_new ();
    }
}

static gboolean
lay_out (GkDisposable *disposable, GError **error)
{
    if (!gk_dir_ensure (disposable->folder, 0700, error) || !gk_disposable_save (disposable, error))
        return FALSE;
    disposable->ledger = gk_ledger_open (disposable->folder, error);
    return disposable->ledger != NULL;
}

static gboolean
record_creation (GkDisposable *disposable, GError **error)
{
    JsonObject *members = json_object_new ();

    json_object_set_string_member (members, "run", disposable->id);
    json_object_set_string_member (members, "name", disposable->name);
    json_object_set_int_member (members, "owner", disposable->owner);
    json_object_set_string_member (members, "image", disposable->image->name);
    json_object_set_string_member (members, "version", disposable->image->version);
    json_object_set_string_member (members, "digest", disposable->image->digest);
    json_object_set_string_member (members, "policy", disposable->policy);
    json_object_set_string_member (members, "policy_digest", disposable->policy_digest);
    return gk_ledger_append (disposable->ledger, GK_LEDGER_DURABLE, "created", members, error);
}

GkDisposable *
gk_disposable_new (GkHost *host, const GkDisposableWish *wish, GkImage *image,
                   const GkPolicy *policy, GError **error)
{
    g_autoptr (GkDisposable) disposable = NULL;

    if (wish->name && !gk_name_valid (wish->name)) {
        g_set_error_literal (error, GK_API_ERROR, GK_API_ERROR_USAGE,
                             "a VM's name is 1 to 32 of a-z, 0-9, '.', '_' and '-'");
        return NULL;
    }
    disposable = make (host, wish, image, policy);
    if (!wish->name)
        find_free_name (disposable);
    /* Whoever finds it in the registry finds it whole. */
    if (lay_out (disposable, error) && record_creation (disposable, error) &&
        gk_registry_add (host->registry, disposable, error))
        return g_steal_pointer (&disposable);
    gk_tree_remove_path (disposable->folder, NULL);
    return NULL;
}

GkDisposable *
gk_disposable_ref (GkDisposable *disposable)
{
    g_atomic_ref_count_inc (&disposable->refs);
    return disposable;
}

void
gk_disposable_unref (GkDisposable *disposable)
{
    if (!disposable || !g_atomic_ref_count_dec (&disposable->refs))
        return;
    gk_machine_unref (disposable->machine);
    gk_ledger_free (disposable->ledger);
    gk_image_unref (disposable->image);
    g_ptr_array_unref (disposable->admitted);
    g_ptr_array_unref (disposable->guest_names);
    g_mutex_clear (&disposable->work);
    g_mutex_clear (&disposable->lock);
    g_cond_clear (&disposable->looked_at);
    g_free (disposable->id);
    g_free (disposable->name);
    g_free (disposable->folder);
    g_free (disposable->policy);
    g_free (disposable->policy_mode);
    g_free (disposable->policy_digest);
    g_free (disposable->created);
    g_free (disposable->why);
    g_clear_object (&disposable->watch);
    g_array_unref (disposable->released);
    g_free (disposable);
}

gboolean
gk_disposable_save (GkDisposable *disposable, GError **error)
{
    g_autoptr (JsonObject) record = gk_disposable_to_json (disposable);
    g_autofree char *text = NULL;
    gk_autofd int dir = gk_open_dir (disposable->folder, error);

    if (dir < 0)
        return FALSE;
    json_object_set_int_member (record, "format", RECORD_VERSION);
    json_object_set_int_member (record, "uid", disposable->owner);
    json_object_set_string_member (record, "boot", disposable->host->boot_id);
    json_object_set_string_member (record, "policy_digest", disposable->policy_digest);
    json_object_set_string_member (record, "image_digest", disposable->image->digest);
    text = gk_json_text (record, TRUE);
    return gk_file_replace (dir, "run.json", text, strlen (text), 0600, error);
}

JsonObject *
gk_disposable_read_record (const char *folder, GError **error)
{
    gk_autofd int dir = gk_open_dir (folder, error);
    g_autoptr (GBytes) bytes = dir < 0 ? NULL : gk_file_read (dir, "run.json", RECORD_MAX, error);
    g_autoptr (JsonObject) record = NULL;

    if (!bytes)
        return NULL;
    record =
        gk_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), RECORD_MAX, error);
    if (record && gk_json_int (record, "format", 0) != RECORD_VERSION) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     "%s/run.json is of another version of genkan", folder);
        return NULL;
    }
    return g_steal_pointer (&record);
}

GkDisposableState
gk_disposable_state (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    return disposable->state;
}

gboolean
gk_disposable_enter (GkDisposable *disposable, GkDisposableState state, const char *why)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    if (!(may_come_from[state] & 1u << disposable->state))
        return FALSE;
    disposable->state = state;
    g_free (disposable->why);
    disposable->why = g_strdup (why);
    return TRUE;
}

GkMachine *
gk_disposable_set_machine (GkDisposable *disposable, GkMachine *machine, const char *via)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);
    GkMachine *before = disposable->machine;

    disposable->machine = machine;
    disposable->lives += machine != NULL;
    if (via)
        disposable->via = via;
    return before;
}

GkMachine *
gk_disposable_machine (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    return disposable->machine ? gk_machine_ref (disposable->machine) : NULL;
}

void
gk_disposable_begin_use (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    disposable->use.users++;
    disposable->use.used = seconds_now ();
}

void
gk_disposable_end_use (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    disposable->use.users--;
    disposable->use.used = seconds_now ();
}

gboolean
gk_disposable_expire (GkDisposable *disposable, char **ret_why)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);
    gint64 now = seconds_now ();

    gk_lease_mend (&disposable->use, now);
    if (disposable->state != GK_DISPOSABLE_RUNNING ||
        !gk_lease_is_over (&disposable->terms, &disposable->use, now, ret_why))
        return FALSE;
    disposable->state = GK_DISPOSABLE_DISPOSING;
    g_free (disposable->why);
    disposable->why = g_strdup (*ret_why);
    return TRUE;
}

gboolean
gk_disposable_leave_unused (GkDisposable *disposable, const char *why)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    if (disposable->state != GK_DISPOSABLE_RUNNING || disposable->use.users > 0)
        return FALSE;
    disposable->state = GK_DISPOSABLE_DISPOSING;
    g_free (disposable->why);
    disposable->why = g_strdup (why);
    return TRUE;
}

void
gk_disposable_begin_behind (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    disposable->behind++;
}

void
gk_disposable_end_behind (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    if (--disposable->behind == 0)
        g_cond_broadcast (&disposable->looked_at);
}

void
gk_disposable_wait_behind (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    while (disposable->behind > 0)
        g_cond_wait (&disposable->looked_at, &disposable->lock);
}

/* FALSE where it does not run. */
static gboolean
touch (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    if (disposable->state != GK_DISPOSABLE_RUNNING)
        return FALSE;
    disposable->use.used = seconds_now ();
    return TRUE;
}

gboolean
gk_disposable_use (GkDisposable *disposable, GError **error)
{
    g_mutex_lock (&disposable->work);
    if (touch (disposable))
        return TRUE;
    g_mutex_unlock (&disposable->work);
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND, "VM '%s' is %s", disposable->name,
                 state_names[gk_disposable_state (disposable)]);
    return FALSE;
}

gboolean
gk_disposable_use_life (GkDisposable *disposable, guint life, GError **error)
{
    if (!gk_disposable_use (disposable, error))
        return FALSE;
    if (disposable->lives == life)
        return TRUE;
    g_mutex_unlock (&disposable->work);
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND, "VM '%s' was reverted meanwhile",
                 disposable->name);
    return FALSE;
}

void
gk_disposable_record (GkDisposable *disposable, const char *event, JsonObject *members)
{
    g_autoptr (GError) error = NULL;

    if (!gk_ledger_append (disposable->ledger, GK_LEDGER_DURABLE, event, members, &error) &&
        !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
        g_warning ("run %s: %s", disposable->id, error->message);
}

/* With the lock held. */
static void
describe_lease (GkDisposable *disposable, JsonObject *object)
{
    gint64 now = seconds_now ();
    gint64 end = gk_lease_expires (&disposable->terms, &disposable->use, now);
    g_autofree char *why = NULL, *text = NULL;

    if (disposable->state != GK_DISPOSABLE_RUNNING) {
        json_object_set_null_member (object, "expires");
        json_object_set_string_member (object, "why", disposable->why);
        return;
    }
    if (end) {
        g_autoptr (GDateTime) when = g_date_time_new_from_unix_utc (end);

        text = g_date_time_format (when, "%Y-%m-%dT%H:%M:%SZ");
    }
    gk_json_set_text (object, "expires", text);
    why = gk_lease_why (&disposable->terms, &disposable->use, now);
    json_object_set_string_member (object, "why", why);
}

JsonObject *
gk_disposable_to_json (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);
    JsonObject *object = json_object_new ();
    g_autofree char *image =
        g_strdup_printf ("%s:%s", disposable->image->name, disposable->image->version);
    g_autofree char *owner = gk_user_name (disposable->owner);

    json_object_set_string_member (object, "id", disposable->id);
    json_object_set_string_member (object, "name", disposable->name);
    json_object_set_string_member (object, "state", state_names[disposable->state]);
    json_object_set_string_member (object, "image", image);
    json_object_set_string_member (object, "policy", disposable->policy);
    json_object_set_string_member (object, "owner", owner);
    json_object_set_string_member (object, "created", disposable->created);
    gk_json_set_text (object, "via", disposable->via);
    describe_lease (disposable, object);
    return object;
}

void
gk_disposable_set_watch (GkDisposable *disposable, GCancellable *watch)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    g_set_object (&disposable->watch, watch);
}

void
gk_disposable_stop_watch (GkDisposable *disposable)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    if (disposable->watch)
        g_cancellable_cancel (disposable->watch);
}

void
gk_disposable_release (GkDisposable *disposable, guint number)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    g_array_append_val (disposable->released, number);
}

gboolean
gk_disposable_is_released (GkDisposable *disposable, guint number)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&disposable->lock);

    for (guint i = 0; i < disposable->released->len; i++)
        if (g_array_index (disposable->released, guint, i) == number)
            return TRUE;
    return FALSE;
}
