/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/triage-check.h"

#include "base/json.h"
#include "base/verdict.h"

#include <gio/gio.h>
#include <string.h>

enum {
    VALUES_MAX = 200000,
    STRING_MAX = 1 << 20,
    KEY_MAX = 64,
    TOKEN_MAX = 64,
    INDICATORS_MAX = 1000,
    MEMBERS_MAX = 10000,
    MEMBERS_DEPTH = 16,
};

typedef gboolean (*Fits) (JsonNode *node, guint depth);

typedef struct {
    const char *name;
    gboolean required;
    Fits fits;
} Member;

static gboolean
members_fit (JsonObject *object, const Member *members, gsize n, guint depth, const char **ret_bad)
{
    for (gsize i = 0; i < n; i++) {
        JsonNode *node = json_object_get_member (object, members[i].name);

        if (node ? !members[i].fits (node, depth) : members[i].required) {
            *ret_bad = members[i].name;
            return FALSE;
        }
    }
    return TRUE;
}

static const char *
text_of (JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
               ? json_node_get_string (node)
               : NULL;
}

static gboolean
is_text (JsonNode *node, guint depth)
{
    return text_of (node) != NULL;
}

static gboolean
is_text_or_null (JsonNode *node, guint depth)
{
    return JSON_NODE_HOLDS_NULL (node) || text_of (node);
}

/* What is compared, and shown as it stands: ids and kinds. */
static gboolean
is_token (JsonNode *node, guint depth)
{
    const char *text = text_of (node);

    return text && *text && strlen (text) <= TOKEN_MAX &&
           strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (text);
}

static gboolean
is_severity (JsonNode *node, guint depth)
{
    static const char *const severities[] = { "low", "medium", "high", "critical", NULL };
    const char *text = text_of (node);

    return text && g_strv_contains (severities, text);
}

static gboolean
is_verdict (JsonNode *node, guint depth)
{
    GkVerdict verdict;

    return gk_verdict_from_string (text_of (node), &verdict);
}

static gboolean
is_size (JsonNode *node, guint depth)
{
    return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64 &&
           json_node_get_int (node) >= 0;
}

/* Null where a member of an archive could not be unpacked. */
static gboolean
is_digest_or_null (JsonNode *node, guint depth)
{
    const char *text = text_of (node);

    return JSON_NODE_HOLDS_NULL (node) ||
           (text && strlen (text) == 64 && strspn (text, "0123456789abcdef") == 64);
}

static gboolean
is_object (JsonNode *node, guint depth)
{
    return JSON_NODE_HOLDS_OBJECT (node);
}

static gboolean
is_file (JsonNode *node, guint depth)
{
    static const Member members[] = {
        {"name",    TRUE, is_text_or_null  },
        { "size",   TRUE, is_size          },
        { "sha256", TRUE, is_digest_or_null},
    };
    const char *bad;

    return JSON_NODE_HOLDS_OBJECT (node) &&
           members_fit (json_node_get_object (node), members, G_N_ELEMENTS (members), depth, &bad);
}

static gboolean
is_indicator (JsonNode *node, guint depth)
{
    static const Member members[] = {
        {"id",        TRUE, is_token   },
        { "severity", TRUE, is_severity},
        { "detail",   TRUE, is_text    },
    };
    const char *bad;

    return JSON_NODE_HOLDS_OBJECT (node) &&
           members_fit (json_node_get_object (node), members, G_N_ELEMENTS (members), depth, &bad);
}

static gboolean
is_list (JsonNode *node, guint most, Fits fits, guint depth)
{
    JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
    guint n = array ? json_array_get_length (array) : 0;

    if (!array || n > most)
        return FALSE;
    for (guint i = 0; i < n; i++)
        if (!fits (json_array_get_element (array, i), depth))
            return FALSE;
    return TRUE;
}

static gboolean
are_indicators (JsonNode *node, guint depth)
{
    return is_list (node, INDICATORS_MAX, is_indicator, depth);
}

static gboolean triage_fits (JsonObject *triage, guint depth, const char **ret_bad);

static gboolean
is_triage (JsonNode *node, guint depth)
{
    const char *bad;

    return depth <= MEMBERS_DEPTH && JSON_NODE_HOLDS_OBJECT (node) &&
           triage_fits (json_node_get_object (node), depth, &bad);
}

static gboolean
are_members (JsonNode *node, guint depth)
{
    return is_list (node, MEMBERS_MAX, is_triage, depth + 1);
}

static gboolean
triage_fits (JsonObject *triage, guint depth, const char **ret_bad)
{
    static const Member members[] = {
        {"file",        TRUE,  is_file        },
        { "kind",       TRUE,  is_token       },
        { "verdict",    TRUE,  is_verdict     },
        { "indicators", TRUE,  are_indicators },
        { "why",        FALSE, is_text_or_null},
        { "lnk",        FALSE, is_object      },
        { "members",    FALSE, are_members    },
    };

    return members_fit (triage, members, G_N_ELEMENTS (members), depth, ret_bad);
}

static gboolean node_is_bounded (JsonNode *node, guint *left);

static gboolean
object_is_bounded (JsonObject *object, guint *left)
{
    JsonObjectIter iter;
    const char *key;
    JsonNode *node;

    json_object_iter_init (&iter, object);
    while (json_object_iter_next (&iter, &key, &node))
        if (strlen (key) > KEY_MAX || !node_is_bounded (node, left))
            return FALSE;
    return TRUE;
}

static gboolean
array_is_bounded (JsonArray *array, guint *left)
{
    for (guint i = 0; i < json_array_get_length (array); i++)
        if (!node_is_bounded (json_array_get_element (array, i), left))
            return FALSE;
    return TRUE;
}

/* Its depth is bounded already, by gk_json_parse(). */
static gboolean
node_is_bounded (JsonNode *node, guint *left)
{
    const char *text = text_of (node);

    if ((*left)-- == 0)
        return FALSE;
    if (JSON_NODE_HOLDS_OBJECT (node))
        return object_is_bounded (json_node_get_object (node), left);
    if (JSON_NODE_HOLDS_ARRAY (node))
        return array_is_bounded (json_node_get_array (node), left);
    return !text || strlen (text) <= STRING_MAX;
}

gboolean
gk_triage_check (JsonObject *triage, GError **error)
{
    guint left = VALUES_MAX;
    const char *bad = NULL;

    if (!object_is_bounded (triage, &left)) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                             "it holds more or longer values than a triage has");
        return FALSE;
    }
    if (!triage_fits (triage, 0, &bad)) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                     "its member '%s' is missing or not what it must be", bad);
        return FALSE;
    }
    return TRUE;
}

char *
gk_triage_member_name (JsonObject *triage, const char *number)
{
    JsonArray *members = gk_json_array (triage, "members");

    for (guint i = 0; members && i < json_array_get_length (members); i++) {
        JsonObject *member = gk_json_element (members, i);
        const char *own = gk_json_string (member, "member", "");
        const char *name = gk_json_string (gk_json_object (member, "file"), "name", "member");
        char *found;

        if (g_str_equal (own, number)) {
            const char *slash = strrchr (name, '/');

            name = slash ? slash + 1 : name;
            return g_strdup (*name ? name : "member");
        }
        found = gk_triage_member_name (member, number);
        if (found)
            return found;
    }
    return NULL;
}
