/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest agent: programs run in the guest, and files read from it.
 *
 * Replies reach us re-serialised by libvirt, so their syntax is libvirt's; their content is the
 * guest's. Each is bounded in size and checked for the members and types expected, and whatever
 * text comes out is the guest's claim: escape it before showing it.
 *
 * Blocks: for worker threads. Errors: GK_VMM_ERROR_AGENT, _TIMED_OUT, _GONE,
 * G_IO_ERROR_CANCELLED. */
#pragma once

#include "vmm/vm.h"

typedef struct {
    gboolean exited;
    int code;   /* exit code, or 128 + signal */
    GBytes *out, *err; /* what was captured, or NULL */
    gboolean cut; /* the output was longer */
} GkAgentExit;

void gk_agent_exit_clear (GkAgentExit *exit);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GkAgentExit, gk_agent_exit_clear)

/* Asks whether it is there. */
gboolean gk_agent_ping (GkVm *vm, guint timeout_s, GError **error);

/**
 * gk_agent_exec:
 * @argv: program (absolute path) and its arguments, as root in the guest
 * @capture: whether the output is kept for gk_agent_exec_status(). Only for programs that write
 *   little: libvirt passes on about 3 MiB of output (else the exit is lost, GK_VMM_ERROR_AGENT), and
 *   drops the agent for the rest of the VM's life over about 7 MiB. For more, let the program write
 *   to a file, and read that with gk_agent_file_read()
 * @ret_pid: the guest's process id
 */
gboolean gk_agent_exec (GkVm *vm, const char *const *argv, gboolean capture, gint64 *ret_pid,
                        GError **error);

/* Asks once. @ret->exited is FALSE while it runs. */
gboolean gk_agent_exec_status (GkVm *vm, gint64 pid, GkAgentExit *ret, GError **error);

/* gk_agent_exec_status() until it has exited, with growing pauses; @what: the program, for
 * errors. */
gboolean gk_agent_wait (GkVm *vm, gint64 pid, const char *what, guint timeout_ms,
                        GCancellable *cancellable, GkAgentExit *ret, GError **error);

/* gk_agent_exec(), then gk_agent_wait(). */
gboolean gk_agent_run (GkVm *vm, const char *const *argv, guint timeout_ms,
                       GCancellable *cancellable, GkAgentExit *ret, GError **error);

/* Writes @text, at most 48 KiB, to a file or FIFO that is there. */
gboolean gk_agent_write (GkVm *vm, const char *path, const char *text, GError **error);

typedef struct _GkAgentFile GkAgentFile;

/* A file in the guest, opened for reading; reads go on where the last ended, also when the file
 * has grown since. At most 48 KiB a call; 0 bytes is the end for now. */
GkAgentFile *gk_agent_file_open (GkVm *vm, const char *path, GError **error);
GBytes *gk_agent_file_read (GkAgentFile *file, GError **error);
void gk_agent_file_close (GkAgentFile *file);
/* Frees the handle without telling the guest: for a VM that is gone, whose GkVm may be freed. */
void gk_agent_file_free (GkAgentFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkAgentFile, gk_agent_file_close)
