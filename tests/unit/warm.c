/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What warm clones stand on: copies of an empty overlay, and the circumstances of a state. */
#include "base/files.h"
#include "base/json.h"
#include "hostd/machine/circumstances.h"
#include "images/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VIRTUAL_SIZE = 8 << 20, LENGTH = 3 << 20 };

typedef struct {
    char *path, *disk, *empty;
} Folder;

static void
folder_open (Folder *folder, gconstpointer data)
{
    g_autoptr (GError) error = NULL;

    folder->path = g_dir_make_tmp ("genkan-warm-XXXXXX", NULL);
    folder->disk = g_build_filename (folder->path, "not-there-yet.qcow2", NULL);
    folder->empty = g_build_filename (folder->path, "empty.qcow2", NULL);
    gk_overlay_lay (folder->disk, VIRTUAL_SIZE, folder->empty, &error);
    g_assert_no_error (error);
}

static void
folder_close (Folder *folder, gconstpointer data)
{
    gk_tree_remove_path (folder->path, NULL);
    g_free (folder->path);
    g_free (folder->disk);
    g_free (folder->empty);
}

static char *
copy (Folder *folder, guint64 length, GError **error)
{
    GkOverlaySpec spec = {
        .folder = folder->path, .uid = (uid_t) -1, .gid = (gid_t) -1, .length = length
    };

    return gk_overlay_copy (folder->empty, &spec, error);
}

static void
test_copy (Folder *folder, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *path = copy (folder, LENGTH, &error), *again = NULL;
    struct stat st;

    g_assert_no_error (error);
    g_assert_cmpint (stat (path, &st), ==, 0);
    g_assert_cmpuint (st.st_mode & 07777, ==, 0600);
    g_assert_cmpint (st.st_size, ==, LENGTH);
    g_assert_cmpint (st.st_blocks * 512, <, LENGTH);
    g_assert_true (gk_overlay_stands_on (path, folder->disk, &error));
    again = copy (folder, LENGTH, &error);
    g_assert_null (again);
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
    g_assert_cmpint (access (path, F_OK), ==, 0);
}

static void
test_copy_of_nothing (Folder *folder, gconstpointer data)
{
    g_autofree char *path = g_build_filename (folder->path, "overlay.qcow2", NULL);
    g_autoptr (GError) error = NULL;

    g_assert_cmpint (unlink (folder->empty), ==, 0);
    g_assert_null (copy (folder, 0, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
    g_assert_cmpint (access (path, F_OK), <, 0);
}

static void
test_stands_on_another (Folder *folder, gconstpointer data)
{
    g_autofree char *path = copy (folder, 0, NULL);
    g_autoptr (GError) error = NULL;

    g_assert_false (gk_overlay_stands_on (path, "/another.qcow2", &error));
    g_assert_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED);
}

/* Whatever stands in the header, it is an error, and no more is read than a name is long. */
static void
test_stands_on_nonsense (Folder *folder, gconstpointer data)
{
    static const guint8 far_away[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    g_autofree char *path = copy (folder, 0, NULL);

    for (int size = 0; size < 24; size++) {
        g_autoptr (GError) error = NULL;
        int fd = open (path, O_RDWR | O_CLOEXEC);

        g_assert_cmpint (pwrite (fd, far_away, sizeof far_away, 8), ==, sizeof far_away);
        g_assert_cmpint (ftruncate (fd, size), ==, 0);
        close (fd);
        g_assert_false (gk_overlay_stands_on (path, folder->disk, &error));
        g_assert_error (error, GK_IMAGE_ERROR, GK_IMAGE_ERROR_CHANGED);
    }
}

/* Circumstances */

static JsonObject *
circumstances (void)
{
    static const char text[] = "{\"image\": \"i\", \"software\": \"s\", \"qemu\": \"q\", "
                               "\"accelerator\": \"tcg\", \"cpu\": \"c\", \"host\": \"any\", "
                               "\"machine\": \"m\"}";

    return gk_json_parse (text, strlen (text), sizeof text, NULL);
}

static void
test_same (void)
{
    g_autoptr (JsonObject) then = circumstances ();
    g_autoptr (JsonObject) now = circumstances ();

    g_assert_null (gk_circumstances_difference (then, now));
}

static void
test_each_counts (void)
{
    g_autoptr (JsonObject) then = circumstances ();
    g_autoptr (GList) members = json_object_get_members (then);

    g_assert_cmpuint (g_list_length (members), ==, 7);
    for (GList *at = members; at; at = at->next) {
        g_autoptr (JsonObject) now = circumstances ();
        g_autofree char *difference = NULL, *missing = NULL;

        json_object_set_string_member (now, at->data, "another");
        difference = gk_circumstances_difference (then, now);
        g_assert_nonnull (strstr (difference, "and is another"));
        json_object_remove_member (now, at->data);
        missing = gk_circumstances_difference (now, then);
        g_assert_nonnull (strstr (missing, "was unknown"));
    }
}

int
main (int argc, char **argv)
{
#define ADD(path, test) g_test_add (path, Folder, NULL, folder_open, test, folder_close)
    g_test_init (&argc, &argv, NULL);
    ADD ("/overlay/copy/is-private-sparse-and-never-overwrites", test_copy);
    ADD ("/overlay/copy/of-nothing-leaves-nothing", test_copy_of_nothing);
    ADD ("/overlay/stands-on/another-is-seen", test_stands_on_another);
    ADD ("/overlay/stands-on/nonsense-is-no-overlay", test_stands_on_nonsense);
    g_test_add_func ("/circumstances/same-make-no-difference", test_same);
    g_test_add_func ("/circumstances/each-of-them-counts", test_each_counts);
    return g_test_run ();
}
