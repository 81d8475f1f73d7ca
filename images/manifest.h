/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manifest of an image, `manifest.json`, whose SHA-256 is the image's digest: what the image is,
 * of what it was made, and the digests of its files. Within the image library; pure.
 *
 * `{format, name, version, description, recipe, built, size, memory_mib, vcpus, display, user,
 * cmdline, files: {disk: {name, sha256, size}, kernel: …, initrd: …}, packages: [{name, version}],
 * tools: {NAME: VERSION}}` */
#pragma once

#include <glib.h>

enum { GK_MANIFEST_FORMAT = 1, GK_MANIFEST_FILES = 3 };

typedef struct {
    const char *key;  /* below `files` */
    const char *name; /* in the image's folder */
} GkManifestFile;

extern const GkManifestFile gk_manifest_files[GK_MANIFEST_FILES];
