/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `genkan image build`, `image warm` and `image verify`: jobs. */
#pragma once

#include "hostd/host.h"
#include "hostd/job.h"

typedef struct {
    GkHost *host;
    char *name; /* build: a recipe's name; warm, verify: an image's `name[:version]` */
} GkImageJob;

void gk_image_job_free (GkImageJob *job);

/* GkJobFunc; @data: GkImageJob. Runs genkan-build; cancelling kills it and sweeps. Result: the image. */
JsonObject *gk_image_build_run (GkJob *job, gpointer data, GError **error);

/* GkJobFunc; @data: GkImageJob. Result: the warm state, `{image, digest, time, bytes, path, made,
 * took_ms}`; `made` is false where there was one that fits. */
JsonObject *gk_image_warm_run (GkJob *job, gpointer data, GError **error);

/* GkJobFunc; @data: GkImageJob. Reads every byte of it and of its warm state. Result:
 * `{name, version, digest, unchanged: true, warm}`. */
JsonObject *gk_image_verify_run (GkJob *job, gpointer data, GError **error);
