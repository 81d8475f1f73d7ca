/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/accelerator.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "vmm/probe.h"

#include <fcntl.h>
#include <string.h>

enum { ANSWER_MAX = 4096 };

typedef struct {
    char *state, *kernel;
    int dir;
} Place;

static void
place_open (Place *place, gconstpointer data)
{
    place->state = g_dir_make_tmp ("genkan-accelerator-XXXXXX", NULL);
    place->dir = gk_open_dir (place->state, NULL);
    place->kernel = g_build_filename (g_getenv ("GENKAN_TEST_IMAGE"), "vmlinuz", NULL);
}

static void
place_close (Place *place, gconstpointer data)
{
    gk_fd_close (place->dir);
    gk_tree_remove_path (place->state, NULL);
    g_free (place->state);
    g_free (place->kernel);
}

static void
find (Place *place, GkAcceleration *ret)
{
    g_autoptr (GError) error = NULL;

    gk_acceleration_find (GK_ACCELERATOR_AUTO, place->state, place->kernel, NULL, ret, &error);
    g_assert_no_error (error);
    g_test_message ("%s: %s", ret->kvm ? "KVM" : "TCG", ret->why);
    g_assert_cmpstr (ret->cpu_model, ==, ret->kvm ? NULL : "Nehalem");
}

/* What is remembered, with @member set to @text. */
static void
tamper (Place *place, const char *member, const char *text)
{
    g_autoptr (GBytes) bytes = gk_file_read (place->dir, "accelerator.json", ANSWER_MAX, NULL);
    g_autoptr (JsonObject) object = NULL;
    g_autofree char *changed = NULL;

    g_assert_nonnull (bytes);
    object =
        gk_json_parse (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), ANSWER_MAX, NULL);
    g_assert_cmpstr (gk_json_string (object, member, ""), !=, "");
    g_assert_cmpstr (gk_json_string (object, member, NULL), !=, "unknown");
    gk_json_set_text (object, member, text);
    changed = gk_json_text (object, FALSE);
    g_assert_true (
        gk_file_replace (place->dir, "accelerator.json", changed, strlen (changed), 0644, NULL));
}

/* TCG runs guests everywhere: so what the probe says of it shows that the probe can say yes. */
static void
test_probe_knows_a_guest_that_runs (Place *place, gconstpointer data)
{
    g_autofree char *why = NULL;
    g_autoptr (GError) error = NULL;
    gboolean works = FALSE;

    gk_probe ("tcg", "Nehalem", place->kernel, NULL, &works, &why, &error);
    g_assert_no_error (error);
    g_test_message ("%s", why);
    g_assert_true (works);
}

static void
test_probe_knows_one_that_does_not (Place *place, gconstpointer data)
{
    g_autofree char *why = NULL, *missing = NULL;
    g_autoptr (GError) error = NULL;
    gboolean works = TRUE;

    gk_probe ("tcg", "no-such-cpu", place->kernel, NULL, &works, &why, &error);
    g_assert_no_error (error);
    g_assert_false (works);
    g_assert_nonnull (strstr (why, "no-such-cpu"));
    g_assert_false (gk_probe ("tcg", "Nehalem", "/nonexistent", NULL, &works, &missing, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_wish_is_taken (Place *place, gconstpointer data)
{
    g_auto (GkAcceleration) kvm = { 0 }, tcg = { 0 };

    g_assert_true (gk_acceleration_find (GK_ACCELERATOR_KVM, "/nonexistent", "/nonexistent", NULL,
                                         &kvm, NULL));
    g_assert_true (kvm.kvm);
    g_assert_null (kvm.cpu_model);
    g_assert_true (gk_acceleration_find (GK_ACCELERATOR_TCG, "/nonexistent", "/nonexistent", NULL,
                                         &tcg, NULL));
    g_assert_false (tcg.kvm);
    g_assert_cmpstr (tcg.cpu_model, ==, "Nehalem");
}

/* Only where there is a /dev/kvm is there anything to probe and to remember. */
static void
test_answer_is_remembered (Place *place, gconstpointer data)
{
    static const char *const circumstances[] = { "boot", "qemu", "cpu" };
    g_auto (GkAcceleration) first = { 0 }, second = { 0 };
    gk_autofd int kvm = open ("/dev/kvm", O_RDWR | O_CLOEXEC);

    find (place, &first);
    if (kvm < 0) {
        g_assert_false (first.kvm);
        return;
    }
    tamper (place, "why", "remembered");
    find (place, &second);
    g_assert_cmpstr (second.why, ==, "remembered");
    g_assert_cmpint (second.kvm, ==, first.kvm);
    for (gsize i = 0; i < G_N_ELEMENTS (circumstances); i++) {
        g_auto (GkAcceleration) again = { 0 };

        tamper (place, "why", "remembered");
        tamper (place, circumstances[i], "another");
        find (place, &again);
        g_assert_cmpstr (again.why, ==, first.why);
        g_assert_cmpint (again.kvm, ==, first.kvm);
    }
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add ("/probe/knows-a-guest-that-runs", Place, NULL, place_open,
                test_probe_knows_a_guest_that_runs, place_close);
    g_test_add ("/probe/knows-one-that-does-not", Place, NULL, place_open,
                test_probe_knows_one_that_does_not, place_close);
    g_test_add ("/accelerator/wish-is-taken", Place, NULL, place_open, test_wish_is_taken,
                place_close);
    g_test_add ("/accelerator/answer-is-remembered-for-this-boot", Place, NULL, place_open,
                test_answer_is_remembered, place_close);
    return g_test_run ();
}
