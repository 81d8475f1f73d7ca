/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/report.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "hostd/held.h"
#include "hostd/ledger.h"

#include <string.h>

enum { FORMAT = 1, REPORT_MAX = 256 << 20 };

/* A report under way: the arrays are members of it. */
typedef struct {
    JsonObject *report;
    JsonArray *queries, *flows, *outbound, *refused, *left_behind, *limits, *attestations;
} Fold;

static void
copy (JsonObject *from, const char *member, JsonObject *to, const char *as)
{
    JsonNode *node = json_object_get_member (from, member);

    json_object_set_member (to, as, node ? json_node_copy (node) : json_node_new (JSON_NODE_NULL));
}

static void
copy_all (JsonObject *from, JsonObject *to, const char *const *members)
{
    for (; *members; members++)
        if (json_object_has_member (from, *members))
            copy (from, *members, to, *members);
}

static void
fold_created (Fold *fold, JsonObject *event)
{
    JsonObject *image = json_object_new (), *policy = json_object_new ();

    copy_all (event, fold->report, (const char *const[]) { "run", "name", "owner", NULL });
    copy (event, "time", fold->report, "created");
    copy (event, "image", image, "name");
    copy (event, "version", image, "version");
    copy (event, "digest", image, "digest");
    copy (event, "policy", policy, "name");
    copy (event, "policy_digest", policy, "digest");
    json_object_set_object_member (fold->report, "image", image);
    json_object_set_object_member (fold->report, "policy", policy);
}

/* The first file brought in is the one that the run is about. */
static void
fold_brought (Fold *fold, JsonObject *event)
{
    if (gk_json_object (fold->report, "file"))
        return;
    copy (event, "file", fold->report, "file");
    copy (event, "triage", fold->report, "triage");
}

/* The archive or mail that it was a member of. */
static void
fold_container (Fold *fold, JsonObject *event)
{
    JsonObject *container = json_object_new ();

    copy_all (event, container, (const char *const[]) { "file", "member", "verdict", "why", NULL });
    json_object_set_object_member (fold->report, "container", container);
}

static void
fold_command (Fold *fold, JsonObject *event)
{
    copy (event, "argv", fold->report, "command");
}

static void
fold_attested (Fold *fold, JsonObject *event)
{
    JsonObject *attestation = json_object_new ();

    copy_all (event, attestation,
              (const char *const[]) { "time", "statement", "signature", "key", NULL });
    json_array_add_object_element (fold->attestations, attestation);
}

static void
fold_limit (Fold *fold, JsonObject *event)
{
    JsonObject *limit = json_object_new ();

    copy_all (event, limit, (const char *const[]) { "time", "limit", "value", "what", NULL });
    json_array_add_object_element (fold->limits, limit);
}

/* The time spent on the agent, and until it answered, lies within the others: it is not added to
 * them. */
static void
fold_started (Fold *fold, JsonObject *event)
{
    static const char *const within[] = { "agent", "answer", NULL };
    JsonObject *started = json_object_new (), *ms = gk_json_object (event, "ms");
    double total = 0;

    copy_all (event, started, (const char *const[]) { "via", NULL });
    if (ms) {
        JsonObject *sum = json_object_new ();
        g_autoptr (GList) clocks = json_object_get_members (ms);

        for (GList *at = clocks; at; at = at->next) {
            copy (ms, at->data, sum, at->data);
            if (!g_strv_contains (within, at->data))
                total += gk_json_double (ms, at->data, 0);
        }
        json_object_set_null_member (sum, "command");
        json_object_set_double_member (sum, "total", total);
        json_object_set_object_member (started, "ms", sum);
    }
    json_object_set_object_member (fold->report, "started", started);
}

static void
fold_used (Fold *fold, JsonObject *event)
{
    JsonObject *ms = gk_json_object (gk_json_object (fold->report, "started"), "ms");

    if (!ms)
        return;
    copy (event, "ms", ms, "command");
    json_object_set_double_member (
        ms, "total", gk_json_double (ms, "total", 0) + gk_json_double (event, "ms", 0));
}

static void
fold_query (Fold *fold, JsonObject *event)
{
    JsonObject *query = json_object_new ();

    copy_all (event, query,
              (const char *const[]) { "time", "name", "type", "verdict", "rule", "count", NULL });
    json_array_add_object_element (fold->queries, query);
}

static void
fold_flow (Fold *fold, JsonObject *event)
{
    JsonObject *flow = json_object_new ();

    copy_all (event, flow,
              (const char *const[]) { "time", "protocol", "destination", "port", "verdict", "rule",
                                      "bytes_out", "bytes_in", "count", NULL });
    json_array_add_object_element (fold->flows, flow);
}

static gboolean
is_same_file (JsonObject *a, JsonObject *b)
{
    return g_strcmp0 (gk_json_string (a, "sha256", ""), gk_json_string (b, "sha256", NULL)) == 0 &&
           g_strcmp0 (gk_json_string (a, "name", ""), gk_json_string (b, "name", NULL)) == 0;
}

/* A file that came out twice is shown once, as it was last; but what was released stays released.
 */
static void
fold_outbound (Fold *fold, JsonObject *event)
{
    JsonObject *file = json_object_new ();

    copy_all (event, file,
              (const char *const[]) { "name", "size", "sha256", "verdict", "state", "why", "number",
                                      "vouched", NULL });
    for (guint i = 0; i < json_array_get_length (fold->outbound); i++) {
        JsonObject *before = gk_json_element (fold->outbound, i);

        if (!is_same_file (before, file))
            continue;
        if (g_strcmp0 (gk_json_string (before, "state", NULL), "released") == 0) {
            json_object_unref (file);
            return;
        }
        json_array_remove_element (fold->outbound, i);
        break;
    }
    json_array_add_object_element (fold->outbound, file);
}

/* What was decided later of a file that was held. */
static void
fold_decision (Fold *fold, JsonObject *event, const char *state)
{
    for (guint i = 0; i < json_array_get_length (fold->outbound); i++) {
        JsonObject *file = gk_json_element (fold->outbound, i);

        if (gk_json_int (file, "number", -1) != gk_json_int (event, "number", -2))
            continue;
        json_object_set_string_member (file, "state", state);
        copy (event, "by", file, "decided_by");
        copy (event, "time", file, "decided");
        copy (event, "path", file, "path");
    }
}

static void
fold_released (Fold *fold, JsonObject *event)
{
    fold_decision (fold, event, "released");
}

static void
fold_dropped (Fold *fold, JsonObject *event)
{
    fold_decision (fold, event, "dropped");
}

static void
fold_refused (Fold *fold, JsonObject *event)
{
    JsonObject *refused = json_object_new ();

    copy_all (event, refused, (const char *const[]) { "time", "name", "why", "count", NULL });
    json_array_add_object_element (fold->refused, refused);
}

static void
fold_left_behind (Fold *fold, JsonObject *event)
{
    JsonArray *files = gk_json_array (event, "files");

    if (json_object_has_member (event, "failed"))
        copy (event, "failed", fold->report, "left_behind_failed");
    for (guint i = 0; files && i < json_array_get_length (files); i++)
        json_array_add_element (fold->left_behind,
                                json_node_copy (json_array_get_element (files, i)));
}

static void
fold_screenshot (Fold *fold, JsonObject *event)
{
    copy (event, "path", fold->report, "screenshot");
}

/* Why a VM ends that nothing runs in: see GkRunEnd. */
static const char *const ends_of_vms[] = { "expired",         "removed",     "stopped",
                                           "guest shut down", "interrupted", NULL };

static void
fold_ended (Fold *fold, JsonObject *event)
{
    JsonObject *ended = json_object_new ();

    copy_all (event, ended, (const char *const[]) { "time", "by", "message", NULL });
    /* How the last use ended is one thing; how a VM that was kept came to its end is another. */
    if (gk_json_object (fold->report, "ended") &&
        g_strv_contains (ends_of_vms, gk_json_string (event, "by", ""))) {
        json_object_set_object_member (fold->report, "removed", ended);
        return;
    }
    json_object_set_object_member (fold->report, "ended", ended);
    copy (event, "code", fold->report, "exit");
}

static void
fold_disposed (Fold *fold, JsonObject *event)
{
    JsonObject *ms = gk_json_object (gk_json_object (fold->report, "started"), "ms");

    json_object_set_boolean_member (fold->report, "disposed", TRUE);
    copy (event, "golden_unchanged", fold->report, "golden_unchanged");
    copy (event, "warm_unchanged", fold->report, "warm_unchanged");
    json_object_set_int_member (gk_json_object (fold->report, "network"), "unrecorded",
                                gk_json_int (event, "network_unrecorded", 0));
    if (ms && json_object_has_member (event, "daemon_ms")) {
        copy (event, "agent_ms", ms, "agent");
        copy (event, "daemon_ms", ms, "daemon");
    }
}

static const struct {
    const char *event;
    void (*fold) (Fold *fold, JsonObject *event);
} folds[] = {
    {"created",           fold_created    },
    { "brought",          fold_brought    },
    { "container",        fold_container  },
    { "command",          fold_command    },
    { "attested",         fold_attested   },
    { "started",          fold_started    },
    { "limit",            fold_limit      },
    { "used",             fold_used       },
    { "query",            fold_query      },
    { "flow",             fold_flow       },
    { "outbound",         fold_outbound   },
    { "outbound-refused", fold_refused    },
    { "released",         fold_released   },
    { "dropped",          fold_dropped    },
    { "left-behind",      fold_left_behind},
    { "screenshot",       fold_screenshot },
    { "ended",            fold_ended      },
    { "disposed",         fold_disposed   },
};

static void
fold_event (const char *event, JsonObject *members, gpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS (folds); i++)
        if (g_str_equal (folds[i].event, event))
            folds[i].fold (data, members);
}

static void
begin (Fold *fold)
{
    static const char *const later[] = { "run", "file", "triage", "image", "policy", "started" };
    JsonObject *network = json_object_new ();

    fold->report = json_object_new ();
    fold->queries = json_array_new ();
    fold->flows = json_array_new ();
    fold->outbound = json_array_new ();
    fold->refused = json_array_new ();
    fold->left_behind = json_array_new ();
    fold->limits = json_array_new ();
    fold->attestations = json_array_new ();
    json_object_set_int_member (fold->report, "format", FORMAT);
    for (gsize i = 0; i < G_N_ELEMENTS (later); i++)
        json_object_set_null_member (fold->report, later[i]);
    json_object_set_array_member (network, "queries", fold->queries);
    json_object_set_array_member (network, "flows", fold->flows);
    json_object_set_object_member (fold->report, "network", network);
    json_object_set_array_member (fold->report, "outbound", fold->outbound);
    json_object_set_array_member (fold->report, "outbound_refused", fold->refused);
    json_object_set_array_member (fold->report, "left_behind", fold->left_behind);
    json_object_set_array_member (fold->report, "limits", fold->limits);
    json_object_set_array_member (fold->report, "attestations", fold->attestations);
    json_object_set_null_member (fold->report, "screenshot");
    json_object_set_null_member (fold->report, "exit");
    json_object_set_null_member (fold->report, "ended");
    json_object_set_boolean_member (fold->report, "disposed", FALSE);
    json_object_set_null_member (fold->report, "golden_unchanged");
}

JsonObject *
gk_report_build (const char *folder, GError **error)
{
    Fold fold = { 0 };
    g_autofree char *head = NULL;
    guint64 events = 0;
    JsonObject *ledger;

    begin (&fold);
    if (!gk_ledger_read (folder, fold_event, &fold, &events, &head, error) ||
        !gk_held_read_decisions (folder, fold_event, &fold, error)) {
        json_object_unref (fold.report);
        return NULL;
    }
    ledger = json_object_new ();
    json_object_set_int_member (ledger, "events", (gint64) events);
    json_object_set_string_member (ledger, "head", head);
    json_object_set_object_member (fold.report, "ledger", ledger);
    return fold.report;
}

JsonObject *
gk_report_read (const char *folder, GError **error)
{
    gk_autofd int dir = gk_open_dir (folder, error);
    g_autoptr (GBytes) bytes = dir < 0 ? NULL : gk_file_read (dir, "report.json", REPORT_MAX, NULL);

    if (dir < 0)
        return NULL;
    /* One that could not be written is worth having all the same. */
    if (!bytes)
        return gk_report_build (folder, error);
    return gk_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), REPORT_MAX,
                          error);
}

gboolean
gk_report_save (JsonObject *report, const char *folder, GError **error)
{
    g_autofree char *text = gk_json_text (report, TRUE);
    gk_autofd int dir = gk_open_dir (folder, error);

    return dir >= 0 && gk_file_replace (dir, "report.json", text, strlen (text), 0600, error);
}
