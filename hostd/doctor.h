/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `genkan doctor`: is everything there that a disposable needs, and what to do where it is not. Blocks
 * for up to a few seconds: a job thread's work. */
#pragma once

#include "hostd/host.h"

#include <json-glib/json-glib.h>

/* Returns: (transfer full): `[{check, state, detail, advice}]`; state: `ok`, `warning`, `error` */
JsonArray *gk_doctor_examine (GkHost *host);
