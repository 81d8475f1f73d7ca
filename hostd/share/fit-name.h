/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File names that somebody claimed, made into names that Linux and Windows guests take as they
 * stand. Pure, any thread. */
#pragma once

#include <glib.h>

/* Bytes of the longest name made: what every file system takes, with room for a guest's own
 * additions. */
enum { GK_FIT_NAME_MAX = 200 };

/**
 * gk_fit_name:
 * @claimed: any bytes
 * @copy: 1, or the number that tells it from others of this name: ` (2)` before the ending
 *
 * What cannot stand in a Windows or Linux name, or shows as something else than it is, becomes `_`:
 * control, bidirectional, zero-width and other invisible characters, blanks other than U+0020, bytes
 * that are no UTF-8, `\ / : * ? " < > |`, a dot or space at the end. Device names (`CON`, `com1.txt`)
 * get a `_` in front. Long ones lose the end of their stem, never their ending, which says what a
 * guest opens them with.
 *
 * Returns: (transfer full): UTF-8 of 1 to %GK_FIT_NAME_MAX bytes, never `.` or `..`
 */
char *gk_fit_name (const char *claimed, guint copy);
