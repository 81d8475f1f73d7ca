/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/aftermath.h"

#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What a drop box may cost at the end: as many bytes as it could really hold (a sparse file claims
 * more), so many files, so long. What is beyond is refused, and counted. */
enum { OUTBOUND_MOST = 1000, OUTBOUND_SECONDS = 60, CONSOLES_MOST = 100 };

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
record_refused (const Aftermath *after, guint count)
{
    JsonObject *members;

    if (count == 0)
        return;
    members = json_object_new ();
    json_object_set_int_member (members, "count", count);
    json_object_set_string_member (members, "why",
                                   "no plain file, changed under our hands, or over a limit");
    record (after, "outbound-refused", members);
}

static void
collect_outbound (const Aftermath *after)
{
    const GkConfig *config = after->host->config;
    gint64 deadline = g_get_monotonic_time () + OUTBOUND_SECONDS * G_USEC_PER_SEC;
    guint64 left = config->outbound_size;
    guint refused = 0;
    g_autoptr (GPtrArray) names = gk_airlock_list (after->machine, OUTBOUND_MOST, &refused, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autoptr (GkPassed) passed = NULL;

        if (g_get_monotonic_time () < deadline)
            passed = gk_airlock_take (after->machine, after->run, &after->host->scanners,
                                      names->pdata[i], MIN (config->file_size, left), NULL, NULL);
        if (!passed) {
            refused++;
            continue;
        }
        left -= passed->size;
        record (after, "outbound", describe_outbound (passed, FALSE));
    }
    record_refused (after, refused);
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

/* Where the last of the file's data ends. */
static guint64
end_of_data (int fd)
{
    off_t end = 0, data;

    while ((data = lseek (fd, end, SEEK_DATA)) >= 0)
        end = lseek (fd, data, SEEK_HOLE);
    return (guint64) end;
}

static void
look_at_overlay (const Aftermath *after)
{
    guint64 limit = after->host->config->overlay_bytes;
    g_autofree char *path = g_build_filename (after->machine, "overlay.qcow2", NULL);
    int fd = limit ? open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

    if (fd < 0)
        return;
    if (end_of_data (fd) + NEAR_LIMIT >= limit)
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

/* One for each life; virtlogd rolls a console over that grows too long. */
static void
keep_console (const Aftermath *after)
{
    g_autofree char *from = g_build_filename (after->machine, "console.log", NULL);
    g_autofree char *rolled = g_strconcat (from, ".0", NULL);

    if (access (rolled, F_OK) == 0)
        record_limit (after, "console", 2 << 20, "the console's log was rolled over");
    for (guint i = 1; i <= CONSOLES_MOST; i++) {
        g_autofree char *name =
            i == 1 ? g_strdup ("console.log") : g_strdup_printf ("console.%u.log", i);
        g_autofree char *to = g_build_filename (after->run, name, NULL);

        if (renameat2 (AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 || errno != EEXIST)
            return;
    }
}

static void
collect (const Aftermath *after)
{
    collect_outbound (after);
    look_at_overlay (after);
    look_at_drop_box (after);
    keep_console (after);
}

void
gk_aftermath_collect (GkDisposable *disposable, GkMachine *machine)
{
    collect (
        &(Aftermath) { disposable->host, disposable->ledger, disposable->folder, machine->folder });
}

void
gk_aftermath_collect_leftover (GkHost *host, GkLedger *ledger, const char *run_folder,
                               const char *machine_folder)
{
    collect (&(Aftermath) { host, ledger, run_folder, machine_folder });
}
