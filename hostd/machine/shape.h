/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shape of an image's machines: what is the same for each of them, and what a state that one of
 * them was saved in therefore depends on. Pure, any thread. */
#pragma once

#include "images/image.h"
#include "templates/domain/domain.h"
#include "vmm/accelerator.h"

/* What is one machine's own (name, UUID, files, limits) is left out. Borrows from both. */
GkDomainSpec gk_machine_shape (GkImage *image, const GkAcceleration *acceleration);

/* Returns: (transfer full): hex SHA-256 of the domain that this makes, by our template: another
 * machine, another digest */
char *gk_machine_shape_digest (GkImage *image, const GkAcceleration *acceleration);
