/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine: one VM with all that it holds on this host.
 *
 *   <state-dir>/machines/<id>/           0711: QEMU's user must pass through to the overlay
 *     machine.json                       what it holds: written before the first of it is made, so that a
 *                                        restart knows what to undo
 *     overlay.qcow2  console.log
 *     inbound/ inbound.export/ outbound/ the share (see share/exports.h)
 *
 * and, under names that follow from its id, a domain, a tap, and an entry of the policy bridge.
 *
 * A machine is brought up cold or cloned from a warm state, waits in the pool or not, serves one
 * disposable for one of its lives (a revert gives it another machine), and is taken down. It never
 * goes back: nobody gets what another has used.
 *
 * Reference-counted, since a disposable's machine may be killed while somebody talks to it. All else
 * belongs to one thread at a time: who brings it up, then the holder of the disposable's `work`, then
 * the reaper. Every call blocks: for worker threads. */
#pragma once

#include "hostd/host.h"
#include "hostd/job.h"
#include "hostd/machine/warm.h"
#include "images/image.h"
#include "vmm/vm.h"

typedef struct {
    gatomicrefcount refs;
    GkHost *host;
    char *id, *folder;
    char *uuid, *tap, *mac;
    char *overlay; /* absolute; NULL until it is made */
    guint64 overlay_inode;
    guint64 overlay_length; /* how long the overlay may get, bytes; 0: no limit */
    GkImage *image;
    GkWarm *warm; /* (nullable): the state that it was cloned from */
    char *run;    /* (nullable): the disposable that it serves */
    GkVm *vm;     /* NULL until it is started */
    gboolean slept;  /* the guest's clock stands where it was paused */
    char *address;   /* the guest's IPv4 address, once its NIC is plugged in */
    gint64 answered; /* when its agent had answered and NIC and share were attached, monotonic */
} GkMachine;

/* Makes the machine's folder and record, and nothing else. */
GkMachine *gk_machine_new (GkHost *host, GkImage *image, GError **error);
GkMachine *gk_machine_ref (GkMachine *machine);
void gk_machine_unref (GkMachine *machine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkMachine, gk_machine_unref)

/**
 * gk_machine_boot:
 *
 * Makes the overlay, starts the domain, waits for the guest agent: no network, no share. Errors:
 * GK_VMM_ERROR, GK_IMAGE_ERROR. On failure, of this and of all that follow, what was made stays until
 * gk_machine_take_down().
 */
gboolean gk_machine_boot (GkMachine *machine, GkJob *job, GError **error);

/* The same from a warm state, without booting. */
gboolean gk_machine_clone (GkMachine *machine, GkWarm *warm, GkJob *job, GError **error);

/* Plugs in a NIC, with the policy `none` and its link down, and the empty share; then gives the guest what
 * no other has (host name, machine id, random numbers, address), the time, and the share's mounts. */
gboolean gk_machine_fit_out (GkMachine *machine, GkJob *job, GError **error);

/* Has a guest that is about to be saved start what makes its clones unique. @ret_waiting: its process */
gboolean gk_machine_prepare (GkMachine *machine, GkJob *job, gint64 *ret_waiting, GError **error);

/* Has the guest do once what a claim will have it do: what it has not done since it was saved takes it
 * several times as long. */
gboolean gk_machine_rehearse (GkMachine *machine, GkJob *job, GError **error);

/* Runs a program of the image's own (`argv[0]`, absolute) to its end, which must be exit code 0. */
gboolean gk_machine_run (GkMachine *machine, const char *const *argv, guint timeout_ms, GkJob *job,
                         GError **error);

/* Lets a machine go on that was paused, and asks bridge and agent whether they are there. */
gboolean gk_machine_wake (GkMachine *machine, GError **error);

/**
 * gk_machine_start:
 * @output: path in the guest: the program writes to the new files `@output.1` and `.2`
 * @most: of each, how many bytes come with its exit, as captured output
 * @argv: a program, found as a shell finds it, and its arguments
 *
 * Starts a program in the guest, in a process group of its own; first sets the clock, as
 * gk_machine_set_clock() does. The program's exit: gk_agent_exec_status() of @ret_pid.
 */
gboolean gk_machine_start (GkMachine *machine, const char *output, guint most, char **argv,
                           gint64 *ret_pid, GError **error);

/* Sets the guest's clock, where it was paused. Does not wait for it. */
gboolean gk_machine_set_clock (GkMachine *machine, GError **error);

/* Raises the link of its NIC, where the bridge has it. */
gboolean gk_machine_connect (GkMachine *machine, GError **error);

/* Writes down which disposable it serves from now on. */
gboolean gk_machine_serve (GkMachine *machine, const char *run, GError **error);

/* That golden disk and warm state are what was sealed, and that its overlay is the one that was made
 * for it and stands on them. Errors: GK_IMAGE_ERROR_CHANGED. */
gboolean gk_machine_check (GkMachine *machine, GError **error);

/* Sends the guest its death, and waits for nothing. Any thread. */
void gk_machine_strike (GkMachine *machine);

/* When this returns, the guest can do no more. Milliseconds. Any thread. */
gboolean gk_machine_kill (GkMachine *machine, GError **error);

/* Takes away all that it holds, however far it came. Errors: what resists; it can be tried again, and
 * the next start of genkand does. */
gboolean gk_machine_take_down (GkMachine *machine, GError **error);

/* The same for one whose genkand is no more, by the record in @folder. */
gboolean gk_machine_take_down_leftover (GkHost *host, const char *folder, JsonObject *record,
                                        GError **error);

/* The record in @folder (machine.json), read back. Errors: G_IO_ERROR. */
JsonObject *gk_machine_read_record (const char *folder, GError **error);
