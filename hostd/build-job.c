/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/build-job.h"

#include "base/escape.h"
#include "base/id.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "hostd/api/error.h"
#include "hostd/machine/warm.h"
#include "hostd/recover.h"
#include "images/image.h"

#include <string.h>

enum { OUTPUT_MAX = 16 << 20, LINE_MAX_BYTES = 4096, SWEEP_TIMEOUT_MS = 60000 };

void
gk_image_job_free (GkImageJob *job)
{
    g_free (job->name);
    g_free (job);
}

/* `<config-dir>/images/NAME.recipe`, else the one that genkan brings. */
static char *
find_recipe (GkHost *host, const char *name, GError **error)
{
    g_autofree char *file = g_strconcat (name, ".recipe", NULL);
    g_autofree char *relative = g_build_filename ("image", file, NULL);
    g_autofree char *own = g_build_filename (host->config_dir, "images", file, NULL);
    g_autofree char *brought = gk_data_path (relative);

    if (gk_name_valid (name) && g_file_test (own, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&own);
    if (gk_name_valid (name) && g_file_test (brought, G_FILE_TEST_IS_REGULAR))
        return g_steal_pointer (&brought);
    g_set_error (error, GK_API_ERROR, GK_API_ERROR_NOT_FOUND,
                 "there is no recipe of that name: genkan brings debian-base and debian-wine, and "
                 "looks into %s/images",
                 host->config_dir);
    return NULL;
}

/* What genkan-build says: progress in JSON, a line each, and the reason in words where it fails. */
typedef struct {
    GkJob *job;
    char *reason; /* the last line that was no progress */
} Saying;

static void
on_line (const char *line, gpointer data)
{
    Saying *saying = data;
    g_autoptr (JsonObject) object = gk_json_parse (line, strlen (line), LINE_MAX_BYTES, NULL);
    const char *what = object ? gk_json_string (object, "what", NULL) : NULL;

    if (what) {
        gk_job_progress (saying->job, (guint) gk_json_int (object, "percent", 255), "%s", what);
        return;
    }
    g_free (saying->reason);
    saying->reason = gk_escape (line, -1);
}

static void
sweep (GkHost *host, const char *program)
{
    const char *const argv[] = { program, "--sweep", "--state-dir", host->state_dir, NULL };
    GkSpawn spec = {
        .argv = argv, .input = -1, .timeout_ms = SWEEP_TIMEOUT_MS, .max_output = OUTPUT_MAX
    };
    g_autoptr (GError) error = NULL;

    if (!gk_spawn (&spec, NULL, NULL, NULL, NULL, &error))
        g_warning ("cannot clean up after a build: %s", error->message);
}

static gboolean
run_build (GkHost *host, const char *recipe, GkJob *job, GError **error)
{
    g_autofree char *program = gk_program_path ("genkan-build");
    const char *mirror = host->config->mirror;
    const char *argv[] = {
        program, recipe, "--state-dir", host->state_dir, mirror ? "--mirror" : NULL, mirror, NULL
    };
    Saying saying = { .job = job };
    GkSpawn spec = {
        .argv = argv, .input = -1, .max_output = OUTPUT_MAX, .on_line = on_line, .data = &saying
    };
    g_autoptr (GError) local = NULL;
    gboolean ok = gk_spawn (&spec, gk_job_cancellable (job), NULL, NULL, NULL, &local);

    if (!ok) {
        sweep (host, program);
        if (saying.reason && g_error_matches (local, G_IO_ERROR, G_IO_ERROR_FAILED))
            g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, saying.reason);
        else
            g_propagate_error (error, g_steal_pointer (&local));
    }
    g_free (saying.reason);
    return ok;
}

JsonObject *
gk_image_build_run (GkJob *job, gpointer data, GError **error)
{
    GkImageJob *wish = data;
    g_autofree char *recipe = find_recipe (wish->host, wish->name, error);
    g_autoptr (GkImage) image = NULL;

    if (!recipe || !run_build (wish->host, recipe, job, error))
        return NULL;
    image = gk_image_load (wish->host->state_dir, wish->name, error);
    return image ? gk_image_to_json (image) : NULL;
}

JsonObject *
gk_image_warm_run (GkJob *job, gpointer data, GError **error)
{
    GkImageJob *wish = data;
    gint64 begun = g_get_monotonic_time ();
    g_autoptr (GkImage) image = NULL;
    g_autoptr (GkWarm) warm = NULL;
    gboolean made = FALSE;
    JsonObject *result;

    if (!gk_recover (wish->host, error))
        return NULL;
    image = gk_image_load (wish->host->state_dir, wish->name, error);
    warm = image ? gk_warm_make (wish->host, image, job, &made, error) : NULL;
    if (!warm)
        return NULL;
    result = gk_warm_to_json (warm, image);
    json_object_set_boolean_member (result, "made", made);
    json_object_set_int_member (result, "took_ms", (g_get_monotonic_time () - begun) / 1000);
    return result;
}

JsonObject *
gk_image_verify_run (GkJob *job, gpointer data, GError **error)
{
    GkImageJob *wish = data;
    g_autoptr (GkImage) image = gk_image_load (wish->host->state_dir, wish->name, error);
    g_autoptr (GkWarm) warm = NULL;
    g_autoptr (GError) none = NULL;
    JsonObject *result;

    if (!image)
        return NULL;
    gk_job_progress (job, 255, "reading every byte of %s:%s", image->name, image->version);
    if (!gk_image_verify (image, gk_job_cancellable (job), error))
        return NULL;
    warm = gk_warm_find (wish->host, image, job, &none);
    if (g_error_matches (none, GK_WARM_ERROR, GK_WARM_ERROR_CHANGED)) {
        g_propagate_error (error, g_steal_pointer (&none));
        return NULL;
    }
    if (warm && !gk_warm_verify (warm, gk_job_cancellable (job), error))
        return NULL;
    result = json_object_new ();
    gk_json_set_text (result, "warm", warm ? warm->digest : NULL);
    json_object_set_string_member (result, "name", image->name);
    json_object_set_string_member (result, "version", image->version);
    json_object_set_string_member (result, "digest", image->digest);
    json_object_set_boolean_member (result, "unchanged", TRUE);
    return result;
}
