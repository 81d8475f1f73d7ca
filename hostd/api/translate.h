/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a caller is told of an error of any library below: its kind, by one table. Pure. */
#pragma once

#include "hostd/api/error.h"

GkApiError gk_api_translate (const GError *error);
