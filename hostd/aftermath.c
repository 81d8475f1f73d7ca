/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/aftermath.h"

#include "base/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What a drop box may cost at the end: as many bytes as it could really hold (a sparse file claims
 * more), so many files, so long. What is beyond is refused, and counted. */
enum { OUTBOUND_MOST = 1000, OUTBOUND_SECONDS = 60, LIVES_MOST = 100 };

/* virtlogd rolls a log over at that, by default. */
enum { CONSOLE_BYTES = 2 << 20 };

/* An overlay that ends within this of its limit was stopped by it: qcow2 grows by clusters. */
enum { NEAR_LIMIT = 1 << 20 };

/* Where things come from and go to. */
typedef struct {
    GkHost *host;
    GkLedger *ledger;
    const char *run, *machine; /* folders */
} Aftermath;

static void
record (const Aftermath *after, const char *event, JsonObject *members)
{
    g_autoptr (GError) error = NULL;

    if (!gk_ledger_append (after->ledger, GK_LEDGER_DURABLE, event, members, &error))
        g_warning ("%s: %s", after->run, error->message);
}

/* --- the drop box ---------------------------------------------------------------------------- */

static JsonObject *
describe_outbound (const GkPassed *passed, gboolean released)
{
    JsonObject *members = json_object_new ();
    g_autofree char *number = g_path_get_basename (passed->path);

    gk_json_set_text (members, "name", passed->name);
    json_object_set_int_member (members, "size", (gint64) passed->size);
    json_object_set_string_member (members, "sha256", passed->sha256);
    json_object_set_string_member (members, "verdict",
                                   gk_verdict_to_string (passed->judgement.verdict));
    json_object_set_string_member (members, "state", released ? "released" : "held");
    json_object_set_boolean_member (members, "vouched", passed->judgement.vouched);
    gk_json_set_text (members, "why", passed->judgement.why);
    json_object_set_int_member (members, "number", atoi (number));
    return members;
}

void
gk_record_outbound (GkDisposable *disposable, const GkPassed *passed, gboolean released)
{
    gk_disposable_record (disposable, "outbound", describe_outbound (passed, released));
}

static void
record_refusal (const Aftermath *after, const char *name, const char *why)
{
    JsonObject *members = json_object_new ();

    gk_json_set_text (members, "name", name);
    json_object_set_string_member (members, "why", why);
    record (after, "outbound-refused", members);
}

/* Those that are not told one by one. */
static void
record_more_refused (const Aftermath *after, guint count)
{
    JsonObject *members;

    if (count == 0)
        return;
    members = json_object_new ();
    json_object_set_null_member (members, "name");
    json_object_set_int_member (members, "count", count);
    json_object_set_string_member (members, "why", "as many more did not pass either");
    record (after, "outbound-refused", members);
}

static void
record_refusals (const Aftermath *after, GPtrArray *refusals, guint count)
{
    for (guint i = 0; refusals && i < refusals->len; i++) {
        GkRefusal *refusal = refusals->pdata[i];

        record_refusal (after, refusal->path, refusal->why);
    }
    record_more_refused (after, count - MIN (count, refusals ? refusals->len : 0));
}

static void
collect_outbound (const Aftermath *after)
{
    const GkConfig *config = after->host->config;
    gint64 deadline = g_get_monotonic_time () + OUTBOUND_SECONDS * G_USEC_PER_SEC;
    guint64 left = config->outbound_size;
    guint refused = 0, failed = 0;
    g_autoptr (GPtrArray) refusals = NULL;
    g_autoptr (GPtrArray) names =
        gk_airlock_list (after->machine, OUTBOUND_MOST, &refusals, &refused, NULL);

    record_refusals (after, refusals, refused);
    for (guint i = 0; names && i < names->len; i++) {
        g_autoptr (GkPassed) passed = NULL;
        g_autoptr (GError) error = NULL;

        if (g_get_monotonic_time () < deadline)
            passed = gk_airlock_take (after->machine, after->run, &after->host->scanners,
                                      names->pdata[i], MIN (config->file_size, left), NULL, &error);
        if (!passed) {
            if (failed++ < GK_REFUSALS_MOST)
                record_refusal (after, names->pdata[i],
                                error ? error->message : "time was up before its turn came");
            continue;
        }
        left -= passed->size;
        record (after, "outbound", describe_outbound (passed, FALSE));
    }
    record_more_refused (after, failed - MIN (failed, GK_REFUSALS_MOST));
}

/* --- limits ---------------------------------------------------------------------------------- */

static void
record_limit (const Aftermath *after, const char *limit, guint64 value, const char *what)
{
    JsonObject *members = json_object_new ();

    json_object_set_string_member (members, "limit", limit);
    json_object_set_int_member (members, "value", (gint64) value);
    json_object_set_string_member (members, "what", what);
    record (after, "limit", members);
}

static void
look_at_overlay (const Aftermath *after)
{
    guint64 limit = after->host->config->overlay_bytes;
    g_autofree char *path = g_build_filename (after->machine, "overlay.qcow2", NULL);
    int fd = limit ? open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

    if (fd < 0)
        return;
    if (lseek (fd, (off_t) (limit - MIN (limit, NEAR_LIMIT)), SEEK_DATA) >= 0)
        record_limit (after, "overlay", limit,
                      "the guest wrote as much to its disk as it may; more failed there");
    close (fd);
}

static void
look_at_drop_box (const Aftermath *after)
{
    g_autofree char *path = g_build_filename (after->machine, "outbound", NULL);
    struct statvfs fs;

    if (statvfs (path, &fs) < 0)
        return;
    if (fs.f_bfree == 0)
        record_limit (after, "outbound", (guint64) fs.f_blocks * fs.f_frsize,
                      "the drop box was full");
    if (fs.f_ffree == 0 && fs.f_files > 0)
        record_limit (after, "outbound-files", fs.f_files,
                      "the drop box held as many files as it may");
}

/* --- the console ----------------------------------------------------------------------------- */

/* Of each life the log, and what virtlogd took of its beginning when it grew too long (`.0` and on,
 * which it throws away in the end: a guest can flood its console, but no more). */
static void
keep_console (const Aftermath *after, guint life)
{
    static const char *const parts[] = { "", ".0", ".1", ".2" };

    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++) {
        g_autofree char *from = g_strconcat (after->machine, "/console.log", parts[i], NULL);
        g_autofree char *to =
            life == 1 ? g_strconcat (after->run, "/console.log", parts[i], NULL)
                      : g_strdup_printf ("%s/console.%u.log%s", after->run, life, parts[i]);

        if (rename (from, to) == 0 && i == 1)
            record_limit (after, "console", CONSOLE_BYTES, "the console's log was rolled over");
    }
}

static guint
next_life (const char *run)
{
    for (guint life = 1; life < LIVES_MOST; life++) {
        g_autofree char *path = life == 1 ? g_build_filename (run, "console.log", NULL)
                                          : g_strdup_printf ("%s/console.%u.log", run, life);

        if (access (path, F_OK) < 0)
            return life;
    }
    return LIVES_MOST;
}

static void
collect (const Aftermath *after)
{
    collect_outbound (after);
    look_at_overlay (after);
    look_at_drop_box (after);
    keep_console (after, next_life (after->run));
}

static Aftermath
of (GkDisposable *disposable, GkMachine *machine)
{
    return (Aftermath) { disposable->host, disposable->ledger, disposable->folder,
                         machine->folder };
}

void
gk_aftermath_collect (GkDisposable *disposable, GkMachine *machine)
{
    Aftermath after = of (disposable, machine);

    collect (&after);
}

void
gk_aftermath_keep_console (GkDisposable *disposable, GkMachine *machine)
{
    Aftermath after = of (disposable, machine);

    keep_console (&after, next_life (after.run));
}

void
gk_aftermath_collect_leftover (GkHost *host, GkLedger *ledger, const char *run_folder,
                               const char *machine_folder)
{
    collect (&(Aftermath) { host, ledger, run_folder, machine_folder });
}
