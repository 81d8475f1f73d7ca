/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/triage.h"

#include "base/json.h"
#include "hostd/share/scan/job.h"

GkTriageJob
gk_triage_job (const GkTriageOptions *options)
{
    return (GkTriageJob) {
        .options = options,
        .bytes = GK_BYTES_MOST,
        .kept = GK_KEPT_MOST,
        .members = GK_MEMBERS_MOST,
        .text = GK_TEXT_MOST,
        .deadline = g_get_monotonic_time () + GK_SECONDS_MOST * G_USEC_PER_SEC,
    };
}

JsonObject *
gk_triage (const GkSpecimen *specimen, const GkTriageOptions *options)
{
    GkTriageJob job = gk_triage_job (options);
    JsonObject *triage = gk_triage_one (&job, specimen, "", 0, GK_TROUBLE_NONE, NULL);

    if (job.deferred)
        json_object_set_boolean_member (triage, "deferred", TRUE);
    if (options->matcher) {
        JsonObject *yara = json_object_new ();

        json_object_set_int_member (yara, "rules", options->matcher->n);
        json_object_set_boolean_member (yara, "complete", !job.unmatched);
        json_object_set_object_member (triage, "yara", yara);
    }
    return triage;
}

gboolean
gk_triage_extract (const GkSpecimen *specimen, const GkTriageOptions *options, char **ret_why)
{
    GkTriageJob job = gk_triage_job (options);
    g_autoptr (JsonObject) triage = gk_triage_one (&job, specimen, "", 0, GK_TROUBLE_NONE, NULL);

    if (job.given)
        return TRUE;
    *ret_why = job.given_trouble
                   ? g_strdup_printf ("member %s cannot be unpacked: it is %s", options->wanted,
                                      gk_trouble_to_string (job.given_trouble))
                   : g_strdup_printf ("there is no member %s: 'genkan triage' lists them",
                                      options->wanted);
    return FALSE;
}
