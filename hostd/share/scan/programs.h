/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What names and paths on Windows mean: built-in programs that run what they are told, endings of
 * documents and of programs, icons that stand for documents. Tables and look-ups, without regard
 * to case. Pure, any thread. */
#pragma once

#include <glib.h>

/* The last component of a Windows path (either slash); "" where it ends in one. Borrowed. */
const char *gk_path_last (const char *path);

/* Returns: (transfer full): the last component in lower case, without the blanks, dots and quotes
 * that Windows does not mind at its end */
char *gk_path_program (const char *path);

/* Whether @program (as of gk_path_program(), with or without `.exe`) comes with Windows and runs
 * what its arguments say; a short name that may be one's counts. */
gboolean gk_program_is_builtin (const char *program);

/* The first built-in program that @program may be the short (8.3) name of, as `powers~1.exe` is of
 * powershell; %NULL: none, or it is no short name. */
const char *gk_program_by_short_name (const char *program);

/* Whether @program is a browser: addresses are what its arguments are for. */
gboolean gk_program_is_browser (const char *program);

/* The first built-in program that @text, in lower case, has as a word, or %NULL. Names that are
 * also everyday words are left out. */
const char *gk_program_in_text (const char *text);

/* What the ending of @name claims, e.g. `a PDF document`; %NULL where it is no document's. */
const char *gk_name_document (const char *name);

/* Whether Windows runs a file of this ending when it is opened. */
gboolean gk_name_runs (const char *name);

/* The same, but programs in text: scripts. */
gboolean gk_name_is_script (const char *name);

/* What the icon at @location (with @index) makes one believe, as gk_name_document(); %NULL:
 * nothing of that sort. */
const char *gk_icon_document (const char *location, gint32 index);

typedef enum { GK_PLACE_HERE, GK_PLACE_UNC, GK_PLACE_WEB } GkPlace;

/* Where @path leads. */
GkPlace gk_path_place (const char *path);

/* Returns: (transfer full): the machine that a remote @path names, lower case; %NULL: none */
char *gk_path_host (const char *path);
