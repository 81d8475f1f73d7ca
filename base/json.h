/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON objects read with limits and typed look-ups that never abort on a surprise, and written in
 * one way. Any thread. Errors are G_IO_ERROR_INVALID_DATA. */
#pragma once

#include <json-glib/json-glib.h>

/**
 * gk_json_parse:
 * @text: need not be NUL-terminated, nor UTF-8
 * @max: longest text taken, bytes
 *
 * Returns: (transfer full): the one object that @text is; %NULL with @error set where it is
 * anything else, is over @max, or nests deeper than 64
 */
JsonObject *gk_json_parse (const char *text, gsize size, gsize max, GError **error);

/* Members by type: the fallback where there is none of that name and type. Strings are borrowed. */
const char *gk_json_string (JsonObject *object, const char *member, const char *fallback);
gint64 gk_json_int (JsonObject *object, const char *member, gint64 fallback);
double gk_json_double (JsonObject *object, const char *member, double fallback); /* any number */
gboolean gk_json_bool (JsonObject *object, const char *member, gboolean fallback);
JsonObject *gk_json_object (JsonObject *object, const char *member);
JsonArray *gk_json_array (JsonObject *object, const char *member);
/* The object at @index, or %NULL where something else stands there. */
JsonObject *gk_json_element (JsonArray *array, guint index);

/* Returns: (transfer full): @object on one line, or indented for people where @pretty */
char *gk_json_text (JsonObject *object, gboolean pretty);
char *gk_json_array_text (JsonArray *array, gboolean pretty);

/* Sets @member to @text made valid UTF-8 (other bytes become U+FFFD), or to null. */
void gk_json_set_text (JsonObject *object, const char *member, const char *text);

/* Returns: (transfer full): now, UTC, as `2026-11-23T12:40:00.123456Z` */
char *gk_json_now (void);
