/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of genkand share: where things are, and the connections to its helpers. Made by
 * main(), the same until the end; each member says for itself who may use it. */
#pragma once

#include "hostd/bridge/bridge.h"
#include "hostd/config.h"
#include "hostd/share/scanner.h"
#include "vmm/vmm.h"

typedef struct _GkAttester GkAttester;
typedef struct _GkPool GkPool;
typedef struct _GkReaper GkReaper;
typedef struct _GkRegistry GkRegistry;

typedef struct {
    char *state_dir, *run_dir, *config_dir; /* absolute */
    char *instance; /* a UUID, kept in the state directory: whose domains are ours */
    guint64 memory_limit; /* of all guests together, bytes */
    char *boot_id; /* the kernel's: which boot of the host this is */
    GkConfig *config;
    GkVmm *vmm; /* any worker thread */
    GkBridge *bridge; /* any worker thread */
    GkRegistry *registry;
    GkReaper *reaper;
    GkPool *pool;
    GkAttester *attester;
    GkScannerConfig scanners;
    char **rules; /* YARA's, compiled; or NULL */
    GMutex recovering; /* guards `recovered`: see recover.h */
    gboolean recovered;
} GkHost;
