/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A build under way, and its steps in their order. Within the build library; one thread. */
#pragma once

#include "images/build.h"

typedef struct {
    const GkRecipe *recipe;
    const char *mirror; /* or NULL */
    gboolean kvm;
    char *folder;         /* where it works, absolute; becomes the image's */
    char *root;           /* `root/` in it: the new root file system */
    char *raw;            /* `disk.raw` in it */
    int dir;              /* @folder, open and locked */
    guint64 disk_size;    /* virtual, bytes */
    JsonArray *packages;  /* that were installed: `[{name, version}]` */
    JsonObject *tools;    /* that made it: `{NAME: VERSION}` */
    GkBuildProgress progress;
    gpointer data;
    GCancellable *cancellable;
} GkBuilding;

/* Runs a program of the host to its end; where it fails, @error carries the end of what it said, and
 * G_IO_ERROR_NO_SPACE where that was about a full disk. @ret_stdout: (out) (optional) */
gboolean gk_building_run (GkBuilding *building, const char *const *argv, const char *const *envp,
                          GBytes **ret_stdout, GError **error);

/* @error is given the code of a full disk where @said speaks of one. */
void gk_building_blame_disk (const char *said, GError *error);

/* sources.c: (transfer full): the lines of sources.list for @suite that the host's own apt has, or
 * %NULL where it has none (as on another distribution). */
char *gk_sources_of_host (GkBuilding *building);

/* rootfs.c: makes `root/` and all in it. */
gboolean gk_rootfs_make (GkBuilding *building, GError **error);

/* disk.c: `root/` as one ext4 on the whole of `disk.raw`; and that as `disk.qcow2`. */
gboolean gk_disk_make (GkBuilding *building, GError **error);
gboolean gk_disk_convert (GkBuilding *building, GError **error);

/* inspect.c: with libguestfs, holds `disk.raw` against what a guest of ours must have, takes kernel
 * and initrd out of it, and writes into it which image it is. */
gboolean gk_inspect_and_finish (GkBuilding *building, GError **error);

/* seal.c: manifest, identity, modes, all of it synced to the disk. */
gboolean gk_seal (GkBuilding *building, GError **error);
