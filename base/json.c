/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <gio/gio.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

/* json-glib recurses once a level, and takes several values in a row: so nesting and number are
 * counted before it sees the text. */
static gboolean
is_one_shallow_value (const char *text, gsize size)
{
    guint depth = 0, values = 0;
    gboolean quoted = FALSE;

    for (gsize i = 0; i < size; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = FALSE;
        } else if (text[i] == '"') {
            quoted = TRUE;
        } else if (text[i] == '{' || text[i] == '[') {
            if ((depth == 0 && ++values > 1) || ++depth > DEPTH_MAX)
                return FALSE;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return TRUE;
}

JsonObject *
gk_json_parse (const char *text, gsize size, gsize max, GError **error)
{
    g_autoptr (JsonParser) parser = json_parser_new_immutable ();
    g_autoptr (GError) local = NULL;
    JsonNode *node;

    if (size > max || size > G_MAXSSIZE || !is_one_shallow_value (text, size) ||
        !g_utf8_validate_len (text, size, NULL)) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                             "the JSON is too long, too deep, not one value, or no UTF-8");
        return NULL;
    }
    if (!json_parser_load_from_data (parser, text, (gssize) size, &local)) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "broken JSON: %s", local->message);
        return NULL;
    }
    node = json_parser_get_root (parser);
    if (!node || !JSON_NODE_HOLDS_OBJECT (node)) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "no JSON object");
        return NULL;
    }
    return json_node_dup_object (node);
}

static JsonNode *
member_of (JsonObject *object, const char *member, GType type)
{
    JsonNode *node = object ? json_object_get_member (object, member) : NULL;

    return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type ? node
                                                                                           : NULL;
}

const char *
gk_json_string (JsonObject *object, const char *member, const char *fallback)
{
    JsonNode *node = member_of (object, member, G_TYPE_STRING);

    return node ? json_node_get_string (node) : fallback;
}

gint64
gk_json_int (JsonObject *object, const char *member, gint64 fallback)
{
    JsonNode *node = member_of (object, member, G_TYPE_INT64);

    return node ? json_node_get_int (node) : fallback;
}

double
gk_json_double (JsonObject *object, const char *member, double fallback)
{
    JsonNode *node = member_of (object, member, G_TYPE_DOUBLE);

    if (!node)
        node = member_of (object, member, G_TYPE_INT64);
    return node ? json_node_get_double (node) : fallback;
}

gboolean
gk_json_bool (JsonObject *object, const char *member, gboolean fallback)
{
    JsonNode *node = member_of (object, member, G_TYPE_BOOLEAN);

    return node ? json_node_get_boolean (node) : fallback;
}

JsonObject *
gk_json_object (JsonObject *object, const char *member)
{
    JsonNode *node = object ? json_object_get_member (object, member) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
gk_json_array (JsonObject *object, const char *member)
{
    JsonNode *node = object ? json_object_get_member (object, member) : NULL;

    return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

JsonObject *
gk_json_element (JsonArray *array, guint index)
{
    JsonNode *node =
        index < json_array_get_length (array) ? json_array_get_element (array, index) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* json-glib (1.6.6) escapes every control character but U+001F, which is no JSON as it stands. */
static char *
escape_last_control (char *text)
{
    g_auto (GStrv) parts = NULL;

    if (!strchr (text, 0x1f))
        return text;
    parts = g_strsplit (text, "\x1f", -1);
    g_free (text);
    return g_strjoinv ("\\u001f", parts);
}

static char *
node_text (JsonNode *node, gboolean pretty)
{
    g_autoptr (JsonGenerator) generator = json_generator_new ();

    json_generator_set_root (generator, node);
    json_generator_set_pretty (generator, pretty);
    return escape_last_control (json_generator_to_data (generator, NULL));
}

char *
gk_json_text (JsonObject *object, gboolean pretty)
{
    g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);

    return node_text (node, pretty);
}

char *
gk_json_array_text (JsonArray *array, gboolean pretty)
{
    g_autoptr (JsonNode) node = json_node_init_array (json_node_alloc (), array);

    return node_text (node, pretty);
}

void
gk_json_set_text (JsonObject *object, const char *member, const char *text)
{
    g_autofree char *valid = text ? g_utf8_make_valid (text, -1) : NULL;

    if (valid)
        json_object_set_string_member (object, member, valid);
    else
        json_object_set_null_member (object, member);
}

char *
gk_json_now (void)
{
    g_autoptr (GDateTime) now = g_date_time_new_now_utc ();

    return g_date_time_format (now, "%Y-%m-%dT%H:%M:%S.%fZ");
}
