/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/report-text.h"

#include "base/escape.h"
#include "base/json.h"
#include "hostd/cli/triage-text.h"

#include <string.h>
#include <unistd.h>

enum { LIST_MOST = 20 };

typedef struct {
    FILE *out;
    GkInk ink;
} Page;

static void
heading (Page *page, const char *text)
{
    fprintf (page->out, "\n%s%s%s\n", page->ink.bold, text, page->ink.reset);
}

static void
field (Page *page, const char *name, const char *value)
{
    g_autofree char *escaped = gk_escape (value, -1);

    fprintf (page->out, "  %-11s %s\n", name, escaped);
}

/* A message that genkand made: what was not its own in it is escaped already. */
static void
message (Page *page, const char *name, const char *by, const char *text)
{
    fprintf (page->out, "  %-11s %s%s%s\n", name, by, text ? ": " : "", text ? text : "");
}

static const char *
time_of_day (JsonObject *object)
{
    const char *time = gk_json_string (object, "time", "");

    return strlen (time) >= 19 ? time + 11 : "        ";
}

static void
print_more (Page *page, guint length)
{
    if (length > LIST_MOST)
        fprintf (page->out, "  … and %u more: see --json\n", length - LIST_MOST);
}

static void
print_count (Page *page, JsonObject *object)
{
    gint64 count = gk_json_int (object, "count", 1);

    if (count > 1)
        fprintf (page->out, " %s(%" G_GINT64_FORMAT " times)%s", page->ink.dim, count,
                 page->ink.reset);
    fputc ('\n', page->out);
}

static const char *
verdict_ink (const Page *page, const char *verdict)
{
    return g_str_equal (verdict, "allowed") ? page->ink.green : page->ink.red;
}

static void
print_queries (Page *page, JsonArray *queries)
{
    for (guint i = 0; i < MIN (json_array_get_length (queries), LIST_MOST); i++) {
        JsonObject *query = gk_json_element (queries, i);
        const char *verdict = gk_json_string (query, "verdict", "?");
        g_autofree char *name = gk_escape (gk_json_string (query, "name", ""), -1);

        fprintf (page->out, "  %.8s  %s%-7s%s  DNS   %-5s %s", time_of_day (query),
                 verdict_ink (page, verdict), verdict, page->ink.reset,
                 gk_json_string (query, "type", ""), name);
        print_count (page, query);
    }
    print_more (page, json_array_get_length (queries));
}

static void
print_flows (Page *page, JsonArray *flows)
{
    for (guint i = 0; i < MIN (json_array_get_length (flows), LIST_MOST); i++) {
        JsonObject *flow = gk_json_element (flows, i);
        const char *verdict = gk_json_string (flow, "verdict", "?");
        gint64 port = gk_json_int (flow, "port", 0);

        fprintf (page->out, "  %.8s  %s%-7s%s  %-5s %s", time_of_day (flow),
                 verdict_ink (page, verdict), verdict, page->ink.reset,
                 gk_json_string (flow, "protocol", ""), gk_json_string (flow, "destination", ""));
        if (port > 0)
            fprintf (page->out, " port %" G_GINT64_FORMAT, port);
        fprintf (page->out, " %s[%s]%s", page->ink.dim, gk_json_string (flow, "rule", ""),
                 page->ink.reset);
        print_count (page, flow);
    }
    print_more (page, json_array_get_length (flows));
}

static void
print_network (Page *page, JsonObject *network)
{
    JsonArray *queries = gk_json_array (network, "queries"),
              *flows = gk_json_array (network, "flows");

    heading (page, "What it tried on the network");
    if (!queries || !flows ||
        json_array_get_length (queries) + json_array_get_length (flows) == 0) {
        fputs ("  nothing\n", page->out);
        return;
    }
    print_queries (page, queries);
    print_flows (page, flows);
    if (gk_json_int (network, "unrecorded", 0) > 0)
        fprintf (page->out, "  … and %" G_GINT64_FORMAT " attempts that were only counted\n",
                 gk_json_int (network, "unrecorded", 0));
}

static void
print_left_behind (Page *page, JsonArray *files)
{
    if (!files || json_array_get_length (files) == 0)
        return;
    heading (page, "What it left behind in the VM (as the guest tells it)");
    for (guint i = 0; i < MIN (json_array_get_length (files), LIST_MOST); i++) {
        JsonObject *file = gk_json_element (files, i);
        g_autofree char *path = gk_escape (gk_json_string (file, "path", ""), -1);

        fprintf (page->out, "  %10" G_GINT64_FORMAT " bytes  %s\n", gk_json_int (file, "size", 0),
                 path);
    }
    print_more (page, json_array_get_length (files));
}

static void
print_outbound (Page *page, JsonArray *files)
{
    if (!files || json_array_get_length (files) == 0)
        return;
    heading (page, "What it put into the drop box");
    for (guint i = 0; i < MIN (json_array_get_length (files), LIST_MOST); i++) {
        JsonObject *file = gk_json_element (files, i);
        g_autofree char *name = gk_escape (gk_json_string (file, "name", ""), -1);

        fprintf (page->out, "  %-8s %-11s %s\n", gk_json_string (file, "state", ""),
                 gk_json_string (file, "verdict", ""), name);
    }
    print_more (page, json_array_get_length (files));
}

static void
print_time (Page *page, JsonObject *started, JsonObject *ms)
{
    static const struct {
        const char *via, *words;
    } ways[] = {
        {"pool",  "a VM that was held ready"},
        { "warm", "a VM cloned warm"        },
        { "cold", "a VM booted cold"        },
    };
    const char *words = "the VM";
    g_autofree char *took = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
        if (g_str_equal (gk_json_string (started, "via", ""), ways[i].via))
            words = ways[i].words;
    took = g_strdup_printf ("%.1f s to %s, %.1f s in it", gk_json_double (ms, "claim", 0) / 1000,
                            words, gk_json_double (ms, "command", 0) / 1000);
    field (page, "time", took);
}

static void
print_limits (Page *page, JsonArray *limits)
{
    for (guint i = 0; limits && i < json_array_get_length (limits); i++) {
        JsonObject *limit = gk_json_element (limits, i);

        message (page, "limit", gk_json_string (limit, "limit", "?"),
                 gk_json_string (limit, "what", NULL));
    }
}

static void
print_run (Page *page, JsonObject *report)
{
    JsonObject *image = gk_json_object (report, "image"),
               *policy = gk_json_object (report, "policy");
    JsonObject *ended = gk_json_object (report, "ended");
    JsonObject *ms = gk_json_object (gk_json_object (report, "started"), "ms");
    g_autofree char *image_text = g_strdup_printf ("%s:%s", gk_json_string (image, "name", "?"),
                                                   gk_json_string (image, "version", "?"));

    heading (page, "The run");
    field (page, "run", gk_json_string (report, "run", "?"));
    field (page, "image", image_text);
    field (page, "policy", gk_json_string (policy, "name", "?"));
    if (ms)
        print_time (page, gk_json_object (report, "started"), ms);
    print_limits (page, gk_json_array (report, "limits"));
    if (ended)
        message (page, "ended", gk_json_string (ended, "by", "?"),
                 gk_json_string (ended, "message", NULL));
    if (gk_json_string (report, "screenshot", NULL))
        field (page, "screenshot", gk_json_string (report, "screenshot", NULL));
}

static void
print_end (Page *page, JsonObject *report)
{
    gboolean disposed = gk_json_bool (report, "disposed", FALSE);
    JsonNode *golden = json_object_get_member (report, "golden_unchanged");
    gboolean known = golden && JSON_NODE_HOLDS_VALUE (golden);
    gboolean unchanged = gk_json_bool (report, "golden_unchanged", FALSE);

    heading (page, "Afterwards");
    field (page, "VM", disposed ? "gone, with its disk and memory" : "still running");
    if (known)
        field (page, "image",
               unchanged ? "the golden image is unchanged" : "THE GOLDEN IMAGE HAS CHANGED");
}

void
gk_report_print (JsonObject *report, FILE *out)
{
    Page page = { out, gk_cli_ink (out) };
    JsonObject *triage = gk_json_object (report, "triage");

    if (triage)
        gk_triage_print (triage, out, *page.ink.bold != '\0');
    print_network (&page, gk_json_object (report, "network"));
    print_left_behind (&page, gk_json_array (report, "left_behind"));
    if (gk_json_string (report, "left_behind_failed", NULL))
        message (&page, "left behind", "not known",
                 gk_json_string (report, "left_behind_failed", NULL));
    print_outbound (&page, gk_json_array (report, "outbound"));
    print_run (&page, report);
    print_end (&page, report);
}
