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
    GPtrArray *refusals;
} Walk;

static void walk_folder (Walk *walk, int dir, const char *path, guint depth);

void
gk_refusal_free (GkRefusal *refusal)
{
    g_free (refusal->path);
    g_free (refusal);
}

static void
refuse (Walk *walk, const char *path, const char *why)
{
    GkRefusal *refusal;

    walk->refused++;
    if (walk->refusals->len >= GK_REFUSALS_MOST)
        return;
    refusal = g_new (GkRefusal, 1);
    *refusal = (GkRefusal) { g_strdup (path), why };
    g_ptr_array_add (walk->refusals, refusal);
}

static void
walk_sub_folder (Walk *walk, int dir, const char *name, const char *path, guint depth)
{
    int sub = depth < DEPTH_MAX ? gk_open_beneath (dir, name, O_RDONLY | O_DIRECTORY, NULL) : -1;

    if (sub < 0)
        refuse (walk, path,
                depth < DEPTH_MAX ? "a folder that cannot be opened"
                                  : "folders in folders, deeper than 16");
    else
        walk_folder (walk, sub, path, depth + 1);
}

/* Why a file of the drop box does not pass; %NULL: it does. */
static const char *
why_not (const struct stat *st)
{
    if (S_ISLNK (st->st_mode))
        return "a symbolic link";
    if (S_ISFIFO (st->st_mode))
        return "a pipe";
    if (S_ISSOCK (st->st_mode))
        return "a socket";
    if (!S_ISREG (st->st_mode))
        return "a device";
    if (st->st_nlink != 1)
        return "a file of several names";
    if (st->st_mode & (S_ISUID | S_ISGID))
        return "a file with set-id bits";
    return NULL;
}

static void
look_at (Walk *walk, int dir, const char *name, const char *parent, guint depth)
{
    g_autofree char *path = *parent ? g_strconcat (parent, "/", name, NULL) : g_strdup (name);
    const char *why;
    struct stat st;

    /* A name that is gone again was never taken from anybody. */
    if (fstatat (dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISDIR (st.st_mode)) {
        walk_sub_folder (walk, dir, name, path, depth);
        return;
    }
    why = why_not (&st);
    if (why)
        refuse (walk, path, why);
    else if (walk->found->len >= walk->most)
        walk->refused++; /* counted: plain files by the thousand must not crowd out the others */
    else
        g_ptr_array_add (walk->found, g_steal_pointer (&path));
}

/* Takes @dir over. */
static void
walk_folder (Walk *walk, int dir, const char *path, guint depth)
{
    DIR *stream = fdopendir (dir);
    struct dirent *entry;

    if (!stream) {
        gk_fd_close (dir);
        refuse (walk, path, "a folder that cannot be read");
        return;
    }
    while ((entry = readdir (stream))) {
        if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
            continue;
        if (++walk->visited > VISITED_MAX) {
            refuse (walk, path, "more entries than are looked at");
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
gk_airlock_list (const char *share, guint most, GPtrArray **ret_refusals, guint *ret_refused,
                 GError **error)
{
    g_autofree char *path = g_build_filename (share, "outbound", NULL);
    int dir = gk_open_dir (path, error);
    Walk walk = { .most = most };

    if (dir < 0) {
        g_prefix_error (error, "cannot list the drop box: ");
        return NULL;
    }
    walk.found = g_ptr_array_new_with_free_func (g_free);
    walk.refusals = g_ptr_array_new_with_free_func ((GDestroyNotify) gk_refusal_free);
    walk_folder (&walk, dir, "", 1);
    g_ptr_array_sort (walk.found, compare_paths);
    if (ret_refused)
        *ret_refused = walk.refused;
    if (ret_refusals)
        *ret_refusals = g_steal_pointer (&walk.refusals);
    g_clear_pointer (&walk.refusals, g_ptr_array_unref);
    return walk.found;
}
