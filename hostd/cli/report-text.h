/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A report as people read it. */
#pragma once

#include "hostd/cli/cli.h"

/* Everything in it that came from a guest or a file is escaped. */
void gk_report_print (JsonObject *report, FILE *out);
