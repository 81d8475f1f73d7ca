/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A parsed shortcut as DESIGN.md's `lnk` object. Texts are as text.h decodes them, and are cut where
 * they are longer than any harmless shortcut's (`KEY_cut` is true then): the arguments at 64 Ki
 * characters, others at 4 Ki, in the views too; `items` are fewer than `items_count` where there
 * are very many. So the object stays below 2 MiB as JSON, whatever the file holds. Pure. */
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
