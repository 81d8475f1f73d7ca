/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A parsed shortcut as DESIGN.md's `lnk` object. Texts are as text.h decodes them. Pure. */
#pragma once

#include "hostd/share/scan/lnk.h"

#include <json-glib/json-glib.h>

/**
 * gk_lnk_to_json:
 * @data: what was parsed, for the overlay's kind
 *
 * Returns: (transfer full): the object
 */
JsonObject *gk_lnk_to_json (const GkLnk *lnk, const guint8 *data, gsize size);
