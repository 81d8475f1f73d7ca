/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/airlock.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The guest may go on making files while its drop box is read: so the walk has an end of its own.
 */
enum { DEPTH_MAX = 16, VISITED_MAX = 1 << 17 };

typedef struct {
    GPtrArray *found;
    guint most;
    guint visited;
    guint refused;
} Walk;

static void walk_folder (Walk *walk, int dir, const char *path, guint depth);

static void
walk_sub_folder (Walk *walk, int dir, const char *name, const char *path, guint depth)
{
    int sub = depth < DEPTH_MAX ? gk_open_beneath (dir, name, O_RDONLY | O_DIRECTORY, NULL) : -1;

    if (sub < 0)
        walk->refused++;
    else
        walk_folder (walk, sub, path, depth + 1);
}

static void
look_at (Walk *walk, int dir, const char *name, const char *parent, guint depth)
{
    g_autofree char *path = *parent ? g_strconcat (parent, "/", name, NULL) : g_strdup (name);
    struct stat st;

    /* A name that is gone again was never taken from anybody. */
    if (fstatat (dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISDIR (st.st_mode))
        walk_sub_folder (walk, dir, name, path, depth);
    else if (S_ISREG (st.st_mode) && st.st_nlink == 1 && !(st.st_mode & (S_ISUID | S_ISGID)) &&
             walk->found->len < walk->most)
        g_ptr_array_add (walk->found, g_steal_pointer (&path));
    else
        walk->refused++;
}

/* Takes @dir over. */
static void
walk_folder (Walk *walk, int dir, const char *path, guint depth)
{
    DIR *stream = fdopendir (dir);
    struct dirent *entry;

    if (!stream) {
        gk_fd_close (dir);
        walk->refused++;
        return;
    }
    while ((entry = readdir (stream))) {
        if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
            continue;
        if (++walk->visited > VISITED_MAX) {
            walk->refused++;
            break;
        }
        look_at (walk, dirfd (stream), entry->d_name, path, depth);
    }
    closedir (stream);
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
    return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GPtrArray *
gk_airlock_list (const char *share, guint most, guint *ret_refused, GError **error)
{
    g_autofree char *path = g_build_filename (share, "outbound", NULL);
    int dir = gk_open_dir (path, error);
    Walk walk = { .most = most };

    if (dir < 0) {
        g_prefix_error (error, "cannot list the drop box: ");
        return NULL;
    }
    walk.found = g_ptr_array_new_with_free_func (g_free);
    walk_folder (&walk, dir, "", 1);
    g_ptr_array_sort (walk.found, compare_paths);
    if (ret_refused)
        *ret_refused = walk.refused;
    return walk.found;
}
