/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The walls that a process shuts itself in behind before it reads a hostile byte. For a program of
 * one thread, once, early. Errors are G_IO_ERROR. */
#pragma once

#include <gio/gio.h>

/* In the order in which they are raised: each needs what the later ones take away. */
typedef enum {
    GK_WALL_DESCRIPTORS, /* nothing is open but 0, 1 and 2 */
    GK_WALL_NAMESPACES, /* no network, IPC, host name or mounts but its own */
    GK_WALL_USER, /* not root */
    GK_WALL_PRIVILEGES, /* no capabilities, none to be gained, not to be traced */
    GK_WALL_LIMITS, /* time, memory, files, processes */
    GK_WALL_LANDLOCK, /* no file system, no TCP, no signals or abstract sockets outside */
    GK_WALL_SECCOMP, /* reading 0, writing 1 and 2, memory of its own; all else kills */
    GK_N_WALLS,
} GkWall;

const char *gk_wall_to_string (GkWall wall);

/**
 * gk_sandbox_enter:
 * @inherited: whoever started this process has left the host's namespaces for all its children:
 * that is checked, and no others are made
 * @without: bits (1 << GkWall) of walls to leave out, for a test of the others; 0 else
 * @ret_held: (out): bits of the walls that stand
 *
 * Raises every wall. Not there, and no error, is only what this machine or user cannot have:
 * namespaces (not root, or not permitted) and Landlock (a kernel without it). Whoever is not root
 * already keeps his user. Any other failure is an error, and the process must end.
 */
gboolean gk_sandbox_enter (gboolean inherited, guint without, guint *ret_held, GError **error);
