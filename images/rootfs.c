/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root file system of an image: mmdebstrap unpacks Debian, then the recipe's files and steps
 * make it ours.
 *
 * Steps are the recipe's own shell scripts, and packages bring theirs. They run as root in a chroot
 * with namespaces of their own: no network, no processes but theirs, no mounts that outlive them.
 * That guards the host against accidents, not against a recipe that means harm. */
#include "images/building.h"

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 16 << 20 };

/* What dpkg leaves out, for a guest that nobody reads manuals in; and no fsync for each file. */
static const char *const mmdebstrap[] = {
    "mmdebstrap",
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    "--aptopt=Acquire::Languages \"none\"",
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
};

/* mmdebstrap copies these from the host, and the guest never runs apt. */
static const char forget_host[] = ": >/etc/resolv.conf; echo localhost >/etc/hostname;"
                                  "rm -f /etc/apt/sources.list";

/* What one build or one boot leaves, and no two guests may share. */
static const char clean[] =
    "find /tmp /var/tmp /run /var/cache/apt /var/lib/apt/lists -mindepth 1 -delete;"
    "find /var/log -type f -delete;"
    "find /dev/shm -mindepth 1 -delete;"
    "rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /etc/ssh/ssh_host_*"
    " /root/.bash_history /etc/*-;"
    ": >/etc/machine-id";

static const char *const step_env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                                        "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", NULL };

/* What mmdebstrap is doing, and what it complained of. */
typedef struct {
    GkBuilding *building;
    GString *complaints;
} Listening;

static void
on_line (const char *line, gpointer data)
{
    static const struct {
        const char *line, *what;
        guint percent;
    } told[] = {
        {"I: downloading packages",                  "downloading packages", 8 },
        { "I: extracting archives",                  "unpacking Debian",     12},
        { "I: installing remaining packages",        "installing packages",  20},
        { "I: cleaning package lists and apt cache", "cleaning up",          44},
    };
    Listening *listening = data;

    for (gsize i = 0; i < G_N_ELEMENTS (told); i++)
        if (g_str_has_prefix (line, told[i].line))
            listening->building->progress (told[i].percent, told[i].what,
                                           listening->building->data);
    if ((g_str_has_prefix (line, "E:") || g_str_has_prefix (line, "dpkg: error") ||
         strstr (line, "No space left")) &&
        listening->complaints->len < 500)
        g_string_append_printf (listening->complaints, "; %.200s", line);
}

/* An unlinked file that holds @text, to be some program's standard input. */
static int
text_input (const char *text, GError **error)
{
    gk_autofd int fd = memfd_create ("genkan-sources", MFD_CLOEXEC);

    if (fd < 0 || !gk_fd_write_all (fd, text, strlen (text), error) || lseek (fd, 0, SEEK_SET) < 0)
        return -1;
    return gk_steal_fd (&fd);
}

static char **
mmdebstrap_argv (GkBuilding *building, gboolean from_input)
{
    g_autoptr (GStrvBuilder) argv = g_strv_builder_new ();
    g_autofree char *packages = g_strjoinv (",", building->recipe->packages);
    g_autofree char *include = g_strconcat ("--include=", packages, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS (mmdebstrap); i++)
        g_strv_builder_add (argv, mmdebstrap[i]);
    g_strv_builder_add_many (argv, include, "--", building->recipe->suite, building->root, NULL);
    if (building->mirror || from_input)
        g_strv_builder_add (argv, building->mirror ? building->mirror : "-");
    return g_strv_builder_end (argv);
}

static gboolean
run_mmdebstrap (GkBuilding *building, GError **error)
{
    g_autofree char *sources = building->mirror ? NULL : gk_sources_of_host (building);
    gk_autofd int input = sources ? text_input (sources, error) : -1;
    g_auto (GStrv) argv = mmdebstrap_argv (building, sources != NULL);
    g_auto (GStrv) envp = g_environ_setenv (g_get_environ (), "TMPDIR", building->folder, TRUE);
    g_autoptr (GString) complaints = g_string_new (NULL);
    Listening listening = { building, complaints };
    GkSpawn spec = { .argv = (const char *const *) argv,
                     .envp = (const char *const *) envp,
                     .input = input,
                     .max_output = OUTPUT_MAX,
                     .on_line = on_line,
                     .data = &listening };
    int status = 0;

    if ((sources && input < 0) ||
        !gk_spawn (&spec, building->cancellable, NULL, NULL, &status, error))
        return FALSE;
    if (WIFEXITED (status) && WEXITSTATUS (status) == 0)
        return TRUE;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                 "mmdebstrap could not install Debian %s%s (is the package mirror reachable? "
                 "'apt-get update' tells)",
                 building->recipe->suite, complaints->str);
    gk_building_blame_disk (complaints->str, error ? *error : NULL);
    return FALSE;
}

/* Runs @script in the new root, and sees to it that nothing of it stays. */
static gboolean
run_inside (GkBuilding *building, const char *script, GError **error)
{
    const char *const argv[] = { "unshare",
                                 "--mount",
                                 "--propagation=private",
                                 "--net",
                                 "--ipc",
                                 "--uts",
                                 "--pid",
                                 "--fork",
                                 "--kill-child",
                                 "--root",
                                 building->root,
                                 "--mount-proc",
                                 "/bin/sh",
                                 "-e",
                                 "-c",
                                 script,
                                 NULL };

    return gk_building_run (building, argv, step_env, NULL, error);
}

static gboolean
run_steps (GkBuilding *building, GError **error)
{
    char **steps = building->recipe->steps;
    guint count = g_strv_length (steps);

    for (guint i = 0; i < count; i++) {
        g_autofree char *what = g_strdup_printf ("running step %u of %u", i + 1, count);

        building->progress (48 + 20 * i / count, what, building->data);
        if (!run_inside (building, steps[i], error)) {
            g_prefix_error (error, "step %u of the recipe failed: ", i + 1);
            return FALSE;
        }
    }
    return TRUE;
}

/* The folder that gets @target, made as needed. No link is followed: the root's absolute ones would
 * lead into the host. */
static int
open_target_folder (int root, const char *target, GError **error)
{
    g_auto (GStrv) names = g_strsplit (target + 1, "/", -1);
    gk_autofd int at = gk_open_beneath (root, ".", O_RDONLY | O_DIRECTORY, error);

    for (char **name = names; at >= 0 && name[1]; name++) {
        gk_autofd int up = gk_steal_fd (&at);

        if (mkdirat (up, *name, 0755) < 0 && errno != EEXIST) {
            gk_set_errno (error, errno, "cannot make its folder");
            return -1;
        }
        at = gk_open_beneath (up, *name, O_RDONLY | O_DIRECTORY, error);
    }
    return gk_steal_fd (&at);
}

static gboolean
copy_files (GkBuilding *building, GError **error)
{
    gk_autofd int root = gk_open_dir (building->root, error);

    if (root < 0)
        return FALSE;
    for (guint i = 0; i < building->recipe->files->len; i++) {
        const GkRecipeFile *file = building->recipe->files->pdata[i];
        g_autofree char *name = g_path_get_basename (file->target);
        gk_autofd int folder = open_target_folder (root, file->target, error);

        if (folder < 0 || !gk_file_replace (folder, name, g_bytes_get_data (file->content, NULL),
                                            g_bytes_get_size (file->content), file->mode, error)) {
            g_prefix_error (error, "cannot put %s into the image: ", file->target);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
list_packages (GkBuilding *building, GError **error)
{
    g_autofree char *database = g_build_filename (building->root, "var/lib/dpkg", NULL);
    const char *const argv[] = {
        "dpkg-query", "--admindir", database, "--show", "--showformat=${Package} ${Version}\\n",
        NULL
    };
    g_autoptr (GBytes) said = NULL;
    g_auto (GStrv) lines = NULL;

    if (!gk_building_run (building, argv, NULL, &said, error))
        return FALSE;
    lines = g_strsplit (g_bytes_get_data (said, NULL), "\n", -1);
    for (char **line = lines; *line; line++) {
        g_auto (GStrv) words = g_strsplit (*line, " ", 2);
        JsonObject *package;

        if (g_strv_length (words) != 2)
            continue;
        package = json_object_new ();
        gk_json_set_text (package, "name", words[0]);
        gk_json_set_text (package, "version", words[1]);
        json_array_add_object_element (building->packages, package);
    }
    return TRUE;
}

gboolean
gk_rootfs_make (GkBuilding *building, GError **error)
{
    building->progress (2, "reading package lists", building->data);
    if (!run_mmdebstrap (building, error))
        return FALSE;
    building->progress (46, "copying the recipe's files", building->data);
    return run_inside (building, forget_host, error) && copy_files (building, error) &&
           run_steps (building, error) && list_packages (building, error) &&
           run_inside (building, clean, error);
}
