/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/transfer.h"

#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "hostd/api/error.h"
#include "hostd/aftermath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TICK_US = 500 * 1000, LISTED_MOST = 10000 };

void
gk_transfer_free (GkTransfer *transfer)
{
    gk_disposable_unref (transfer->disposable);
    gk_fd_close (transfer->fd);
    g_free (transfer->name);
    g_free (transfer);
}

static JsonObject *
describe (const GkPassed *passed)
{
    JsonObject *file = json_object_new ();

    gk_json_set_text (file, "name", passed->name);
    json_object_set_int_member (file, "size", (gint64) passed->size);
    json_object_set_string_member (file, "sha256", passed->sha256);
    return file;
}

gboolean
gk_record_brought (GkDisposable *disposable, const GkPassed *passed, GError **error)
{
    JsonObject *members = json_object_new ();
    const char *verdict = gk_verdict_to_string (passed->judgement.verdict);

    json_object_set_object_member (members, "file", describe (passed));
    json_object_set_string_member (members, "verdict", verdict);
    gk_json_set_text (members, "why", passed->judgement.why);
    json_object_set_object_member (members, "triage", json_object_ref (passed->judgement.triage));
    return gk_ledger_append (disposable->ledger, GK_LEDGER_DURABLE, "brought", members, error);
}

gboolean
gk_record_container (GkDisposable *disposable, const GkPassed *passed, const char *member,
                     GError **error)
{
    JsonObject *members = json_object_new ();

    json_object_set_object_member (members, "file", describe (passed));
    json_object_set_string_member (members, "member", member);
    json_object_set_string_member (members, "verdict",
                                   gk_verdict_to_string (passed->judgement.verdict));
    gk_json_set_text (members, "why", passed->judgement.why);
    json_object_set_object_member (members, "triage", json_object_ref (passed->judgement.triage));
    return gk_ledger_append (disposable->ledger, GK_LEDGER_DURABLE, "container", members, error);
}

static JsonObject *
admit (GkDisposable *disposable, GkPassed *passed, GError **error)
{
    g_autofree char *name = NULL, *path = NULL;
    JsonObject *result;

    if (!gk_airlock_admit (disposable->machine->folder, passed, &name, error))
        return NULL;
    path = g_build_filename ("/genkan/inbound", name, NULL);
    result = describe (passed);
    json_object_set_string_member (result, "guest_path", path);
    json_object_set_string_member (result, "verdict",
                                   gk_verdict_to_string (passed->judgement.verdict));
    json_object_set_object_member (result, "triage", json_object_ref (passed->judgement.triage));
    g_ptr_array_add (disposable->admitted, passed);
    g_ptr_array_add (disposable->guest_names, g_steal_pointer (&name));
    return result;
}

/* Tells how far the copy has come: its source's own place says so. */
typedef struct {
    GkJob *job;
    int fd;
    guint64 size;
    GMutex lock;
    GCond cond;
    gboolean done;
} Gauge;

static gpointer
read_gauge (gpointer data)
{
    Gauge *gauge = data;

    g_mutex_lock (&gauge->lock);
    while (!gauge->done) {
        off_t at = lseek (gauge->fd, 0, SEEK_CUR);

        if (at >= 0 && gauge->size > 0)
            gk_job_progress (gauge->job, (guint) MIN ((guint64) at * 100 / gauge->size, 100),
                             at < (off_t) gauge->size ? "copying" : "looking into the file");
        g_cond_wait_until (&gauge->cond, &gauge->lock, g_get_monotonic_time () + TICK_US);
    }
    g_mutex_unlock (&gauge->lock);
    return NULL;
}

static GkPassed *
bring (GkJob *job, GkTransfer *transfer, GError **error)
{
    GkHost *host = transfer->disposable->host;
    Gauge gauge = { .job = job, .fd = transfer->fd };
    GkPassed *passed;
    GThread *reader;
    struct stat st;

    if (fstat (transfer->fd, &st) == 0)
        gauge.size = (guint64) st.st_size;
    g_mutex_init (&gauge.lock);
    g_cond_init (&gauge.cond);
    reader = g_thread_new ("gauge", read_gauge, &gauge);
    passed =
        gk_airlock_bring (transfer->disposable->folder, &host->scanners, transfer->fd,
                          transfer->name, host->config->file_size, gk_job_cancellable (job), error);
    g_mutex_lock (&gauge.lock);
    gauge.done = TRUE;
    g_cond_signal (&gauge.cond);
    g_mutex_unlock (&gauge.lock);
    g_thread_join (reader);
    g_mutex_clear (&gauge.lock);
    g_cond_clear (&gauge.cond);
    return passed;
}

static JsonObject *
put (GkJob *job, GkTransfer *transfer, GError **error)
{
    GkHost *host = transfer->disposable->host;
    g_autoptr (GkPassed) passed = NULL;
    JsonObject *result = NULL;

    gk_job_progress (job, 255, "looking into the file");
    if (!gk_airlock_check_source (transfer->fd, host->config->file_size, error) ||
        !gk_disposable_use (transfer->disposable, error))
        return NULL;
    passed = bring (job, transfer, error);
    if (passed && gk_record_brought (transfer->disposable, passed, error))
        result = admit (transfer->disposable, passed, error);
    if (result)
        g_steal_pointer (&passed);
    g_mutex_unlock (&transfer->disposable->work);
    return result;
}

static JsonObject *
release (GkDisposable *disposable, const GkPassed *passed, GError **error)
{
    gboolean released = passed->judgement.verdict == GK_VERDICT_CLEAN && passed->judgement.vouched;
    const char *verdict = gk_verdict_to_string (passed->judgement.verdict);
    g_autofree char *base = g_path_get_basename (passed->path);
    guint number = (guint) atoi (base);
    JsonObject *result;

    gk_record_outbound (disposable, passed, released);
    if (!released) {
        g_autofree char *escaped = gk_escape (passed->name, -1);

        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED,
                     "'%s' is held: its verdict is %s (%s)", escaped, verdict,
                     passed->judgement.why);
        return NULL;
    }
    gk_disposable_release (disposable, number);
    result = describe (passed);
    json_object_set_string_member (result, "verdict", verdict);
    json_object_set_string_member (result, "state", "released");
    json_object_set_int_member (result, "number", number);
    return result;
}

/* It is not idle meanwhile. */
JsonObject *
gk_put_run (GkJob *job, gpointer data, GError **error)
{
    GkTransfer *transfer = data;
    JsonObject *result;

    gk_disposable_begin_use (transfer->disposable);
    result = put (job, transfer, error);
    gk_disposable_end_use (transfer->disposable);
    return result;
}

static void
record_refusal (GkTransfer *transfer, GError **error)
{
    JsonObject *members = json_object_new ();

    gk_json_set_text (members, "name", transfer->name);
    gk_json_set_text (members, "why", error && *error ? (*error)->message : "it cannot be taken");
    gk_disposable_record (transfer->disposable, "outbound-refused", members);
}

static JsonObject *
get (GkJob *job, GkTransfer *transfer, GError **error)
{
    GkHost *host = transfer->disposable->host;
    g_autoptr (GkPassed) passed = NULL;
    JsonObject *result = NULL;

    gk_job_progress (job, 255, "taking the file out");
    if (!gk_disposable_use (transfer->disposable, error))
        return NULL;
    passed = gk_airlock_take (transfer->disposable->machine->folder, transfer->disposable->folder,
                              &host->scanners, transfer->name,
                              MIN (host->config->file_size, host->config->outbound_size),
                              gk_job_cancellable (job), error);
    if (passed)
        result = release (transfer->disposable, passed, error);
    else
        record_refusal (transfer, error);
    g_mutex_unlock (&transfer->disposable->work);
    return result;
}

JsonObject *
gk_get_run (GkJob *job, gpointer data, GError **error)
{
    GkTransfer *transfer = data;
    JsonObject *result;

    gk_disposable_begin_use (transfer->disposable);
    result = get (job, transfer, error);
    gk_disposable_end_use (transfer->disposable);
    return result;
}

JsonObject *
gk_outbound_list_run (GkJob *job, gpointer data, GError **error)
{
    GkDisposable *disposable = data;
    g_autoptr (GPtrArray) names = NULL;
    JsonObject *result;
    JsonArray *files;
    guint refused = 0;

    if (!gk_disposable_use (disposable, error))
        return NULL;
    names = gk_airlock_list (disposable->machine->folder, LISTED_MOST, NULL, &refused, error);
    g_mutex_unlock (&disposable->work);
    if (!names)
        return NULL;
    files = json_array_new ();
    /* Those that no caller could name again are as good as refused. */
    for (guint i = 0; i < names->len; i++)
        if (g_utf8_validate (names->pdata[i], -1, NULL))
            json_array_add_string_element (files, names->pdata[i]);
        else
            refused++;
    result = json_object_new ();
    json_object_set_array_member (result, "files", files);
    json_object_set_int_member (result, "refused", refused);
    return result;
}

int
gk_released_open (GkDisposable *disposable, guint number, GError **error)
{
    g_autofree char *path = g_strdup_printf ("%s/evidence/out/%u", disposable->folder, number);
    int fd;

    if (!gk_disposable_is_released (disposable, number)) {
        g_set_error (error, GK_API_ERROR, GK_API_ERROR_REFUSED, "file %u is not released", number);
        return -1;
    }
    fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        gk_set_errno (error, errno, "cannot open %s", path);
    return fd;
}
