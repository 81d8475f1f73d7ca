/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "images/manifest.h"

const GkManifestFile gk_manifest_files[GK_MANIFEST_FILES] = {
    {"disk",    "disk.qcow2"},
    { "kernel", "vmlinuz"   },
    { "initrd", "initrd.img"},
};
