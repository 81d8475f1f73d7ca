/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that somebody else made (a guest, a file, a file's name), made fit for a terminal, a log or
 * a message. Pure, any thread. */
#pragma once

#include <glib.h>

/**
 * gk_escape:
 * @bytes: (nullable): text of unknown make
 * @size: its length in bytes, or -1 where it is NUL-terminated
 *
 * Valid UTF-8 that shows as itself is kept. Shown escaped: C0 and C1 controls (`\n`, `\x1b`),
 * backslash (`\\`), bytes that are no UTF-8 (`\xff`), and what changes how the rest is read:
 * bidirectional controls, zero-width and other format characters, line and paragraph separators,
 * blanks other than U+0020, private-use and unassigned code points (`\u{202e}`).
 *
 * Returns: (transfer full): valid, printable UTF-8 on one line
 */
char *gk_escape (const char *bytes, gssize size);
