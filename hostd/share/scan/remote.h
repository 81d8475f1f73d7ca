/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths to other machines inside a text of any form, such as a command line. Pure, any thread. */
#pragma once

#include "hostd/share/scan/programs.h"

/**
 * gk_remote_in_text:
 * @text: without quotes
 * @place: GK_PLACE_UNC or GK_PLACE_WEB: what to look for
 *
 * `\\host\…`, with either slash, `\\?\UNC\host\…` and `file://host/…` are UNC; `\\host@SSL\…`,
 * `\\host@80\…`, `http:`, `https:` and `ftp:` are web. A doubled slash inside a local path, and
 * the addresses of other schemes (`steam://…`), are neither.
 *
 * Returns: (transfer full): the first such path, as far as a blank; %NULL: none
 */
char *gk_remote_in_text (const char *text, GkPlace place);
