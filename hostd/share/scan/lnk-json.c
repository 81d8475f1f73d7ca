/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/lnk-json.h"

#include "hostd/share/scan/decode.h"
#include "hostd/share/scan/kind.h"

#include <assert.h>

/* Whoever made the file has a say in how long the answer is, and an answer that is too long is none
 * at all. So texts and lists are cut here, and only here: the findings are of the whole. */
enum {
    ARGUMENTS_SHOWN = 64 * 1024, /* characters: all that a shortcut can have, escapes apart */
    TEXT_SHOWN = 4 * 1024,
    DECODED_SHOWN = 16 * 1024,
    TEXTS_SHOWN = 128 * 1024, /* of all texts but the arguments */
    ITEMS_SHOWN = 128, /* of all lists */
    HOTKEY_F1 = 0x70,
    HOTKEY_F24 = 0x87,
};

/* What is left to show. */
typedef struct {
    glong characters;
    guint items;
} Room;

static const gint64 seconds_1601_to_1970 = 11644473600;

static const char *const flag_names[] = {
    "HasLinkTargetIDList",
    "HasLinkInfo",
    "HasName",
    "HasRelativePath",
    "HasWorkingDir",
    "HasArguments",
    "HasIconLocation",
    "IsUnicode",
    "ForceNoLinkInfo",
    "HasExpString",
    "RunInSeparateProcess",
    "Unused1",
    "HasDarwinID",
    "RunAsUser",
    "HasExpIcon",
    "NoPidlAlias",
    "Unused2",
    "RunWithShimLayer",
    "ForceNoLinkTrack",
    "EnableTargetMetadata",
    "DisableLinkPathTracking",
    "DisableKnownFolderTracking",
    "DisableKnownFolderAlias",
    "AllowLinkToLink",
    "UnaliasOnSave",
    "PreferEnvironmentPath",
    "KeepLocalIDListForUNCTarget",
};

static const char *const string_keys[] = {
    [GK_LNK_NAME] = "description",
    [GK_LNK_RELATIVE_PATH] = "relative_path",
    [GK_LNK_WORKING_DIR] = "working_directory",
    [GK_LNK_ARGUMENTS] = "arguments",
    [GK_LNK_ICON] = "icon",
};
static_assert (G_N_ELEMENTS (string_keys) == GK_LNK_N_STRINGS, "every string has a key");

static const char *const source_keys[] = {
    [GK_LNK_BY_ENVIRONMENT] = "environment",
    [GK_LNK_BY_VISTA_ITEMS] = "item_list_block",
    [GK_LNK_BY_ITEMS] = "items",
    [GK_LNK_BY_LINK_INFO] = "link_info",
    [GK_LNK_BY_RELATIVE_PATH] = "relative_path",
};
static_assert (G_N_ELEMENTS (source_keys) == GK_LNK_N_SOURCES, "every source has a key");

static const char *const item_kinds[] = {
    [GK_ITEM_ROOT] = "root",       [GK_ITEM_VOLUME] = "volume", [GK_ITEM_FILE] = "file",
    [GK_ITEM_NETWORK] = "network", [GK_ITEM_URI] = "uri",       [GK_ITEM_OTHER] = "other",
};

static void
set_text (JsonObject *object, const char *key, const char *text)
{
    if (text)
        json_object_set_string_member (object, key, text);
    else
        json_object_set_null_member (object, key);
}

/* Where it is cut, `KEY_cut` is true beside it. */
static void
set_cut_text (JsonObject *object, const char *key, const char *text, glong most)
{
    glong length = text ? g_utf8_strlen (text, -1) : 0;
    g_autofree char *shown = length > most ? g_utf8_substring (text, 0, most) : NULL;
    g_autofree char *cut = g_strconcat (key, "_cut", NULL);

    set_text (object, key, shown ? shown : text);
    if (shown)
        json_object_set_boolean_member (object, cut, TRUE);
}

/* A text of the file's. */
static void
set_their_text (JsonObject *object, const char *key, const char *text, Room *room)
{
    glong most = MIN (room->characters, TEXT_SHOWN);

    set_cut_text (object, key, text, most);
    if (text)
        room->characters -= MIN (g_utf8_strlen (text, -1), most);
}

/* Null where there is none; what is no time that people write stays a number. Not with
 * g_date_time_format(), which asks for the locale: behind the walls there is none. */
static void
set_time (JsonObject *object, const char *key, guint64 filetime)
{
    g_autoptr (GDateTime) time =
        g_date_time_new_from_unix_utc ((gint64) (filetime / 10000000) - seconds_1601_to_1970);
    g_autofree char *text = NULL;

    if (filetime && time)
        text = g_strdup_printf ("%04d-%02d-%02dT%02d:%02d:%02dZ", g_date_time_get_year (time),
                                g_date_time_get_month (time), g_date_time_get_day_of_month (time),
                                g_date_time_get_hour (time), g_date_time_get_minute (time),
                                g_date_time_get_second (time));
    else if (filetime)
        text = g_strdup_printf ("FILETIME 0x%016" G_GINT64_MODIFIER "x", filetime);
    set_text (object, key, text);
}

static const char *
show_name (guint32 show)
{
    switch (show) {
    case 3:
        return "maximised";
    case 7:
        return "minimised";
    default: /* Windows takes every other number for 1 */
        return "normal";
    }
}

static char *
hotkey_text (guint16 hotkey)
{
    guint key = hotkey & 0xff;
    GString *text;

    if (!hotkey)
        return NULL;
    text = g_string_new (NULL);
    g_string_append_printf (text, "%s%s%s", hotkey & 0x200 ? "CTRL+" : "",
                            hotkey & 0x100 ? "SHIFT+" : "", hotkey & 0x400 ? "ALT+" : "");
    if (key >= HOTKEY_F1 && key <= HOTKEY_F24)
        g_string_append_printf (text, "F%u", key - HOTKEY_F1 + 1);
    else if (g_ascii_isalnum (key))
        g_string_append_c (text, (char) key);
    else
        g_string_append_printf (text, "0x%02x", key);
    return g_string_free (text, FALSE);
}

static JsonObject *
header_to_json (const GkLnkHeader *header)
{
    JsonObject *object = json_object_new ();
    JsonArray *names = json_array_new ();
    g_autofree char *hotkey = hotkey_text (header->hotkey);

    json_object_set_int_member (object, "flags", header->flags);
    for (guint i = 0; i < G_N_ELEMENTS (flag_names); i++)
        if (header->flags >> i & 1)
            json_array_add_string_element (names, flag_names[i]);
    json_object_set_array_member (object, "flag_names", names);
    json_object_set_int_member (object, "attributes", header->attributes);
    set_time (object, "created", header->created);
    set_time (object, "accessed", header->accessed);
    set_time (object, "modified", header->modified);
    json_object_set_int_member (object, "file_size", header->file_size);
    json_object_set_int_member (object, "icon_index", header->icon_index);
    json_object_set_int_member (object, "show_command", header->show);
    set_text (object, "hotkey", hotkey);
    return object;
}

static JsonObject *
item_to_json (const GkLnkItem *item, Room *room)
{
    JsonObject *object = json_object_new ();

    json_object_set_string_member (object, "kind", item_kinds[item->kind]);
    json_object_set_int_member (object, "type", item->type);
    json_object_set_int_member (object, "offset", (gint64) item->offset);
    json_object_set_int_member (object, "size", item->size);
    set_their_text (object, "name", item->name.utf8, room);
    if (item->short_name.utf8)
        set_their_text (object, "short_name", item->short_name.utf8, room);
    if (item->guid)
        set_text (object, "guid", item->guid);
    if (item->kind == GK_ITEM_FILE) {
        json_object_set_int_member (object, "file_size", item->file_size);
        json_object_set_int_member (object, "attributes", item->attributes);
    }
    return object;
}

/* As many as there is room for; `items_count` says how many there are. */
static void
set_items (JsonObject *object, const GkLnkItems *items, Room *room)
{
    JsonArray *array = json_array_new ();
    guint n = items->items ? items->items->len : 0;

    for (guint i = 0; i < n && room->items > 0; i++, room->items--)
        json_array_add_object_element (
            array, item_to_json (&g_array_index (items->items, GkLnkItem, i), room));
    json_object_set_array_member (object, "items", array);
    json_object_set_int_member (object, "items_count", n);
}

static JsonObject *
info_to_json (const GkLnkInfo *info, Room *room)
{
    static const char *const drives[] = { "unknown", "no-root", "removable", "fixed",
                                          "remote",  "cd-rom",  "ram-disk" };
    JsonObject *object = json_object_new ();

    if (!info->present)
        return object;
    json_object_set_int_member (object, "flags", info->flags);
    set_text (object, "drive",
              info->drive_type < G_N_ELEMENTS (drives) ? drives[info->drive_type] : "unknown");
    json_object_set_int_member (object, "serial", info->serial);
    set_their_text (object, "label", info->label.utf8, room);
    set_their_text (object, "local_path", info->local.utf8, room);
    set_their_text (object, "share", info->share.utf8, room);
    set_their_text (object, "device", info->device.utf8, room);
    set_their_text (object, "suffix", info->suffix.utf8, room);
    set_their_text (object, "path", info->path, room);
    return object;
}

static void
console_to_json (JsonObject *object, const GkLnkConsole *console, Room *room)
{
    json_object_set_int_member (object, "window_columns", console->window_columns);
    json_object_set_int_member (object, "window_rows", console->window_rows);
    json_object_set_int_member (object, "window_x", console->window_x);
    json_object_set_int_member (object, "window_y", console->window_y);
    json_object_set_int_member (object, "fill", console->fill);
    json_object_set_boolean_member (object, "full_screen", console->full_screen != 0);
    json_object_set_boolean_member (object, "auto_position", console->auto_position != 0);
    set_their_text (object, "font", console->font.utf8, room);
}

static void
tracker_to_json (JsonObject *object, const GkLnkTracker *tracker, Room *room)
{
    set_their_text (object, "machine", tracker->machine.utf8, room);
    set_text (object, "mac", *tracker->mac ? tracker->mac : NULL);
    set_time (object, "created", tracker->created);
    set_text (object, "droid_volume", tracker->droid_volume.utf8);
    set_text (object, "droid_file", tracker->droid_file.utf8);
    set_text (object, "birth_volume", tracker->birth_volume.utf8);
    set_text (object, "birth_file", tracker->birth_file.utf8);
}

static void
content_to_json (JsonObject *object, const GkLnkBlock *block, Room *room)
{
    switch (block->content) {
    case GK_BLOCK_UNKNOWN:
        break;
    case GK_BLOCK_PATHS:
        set_their_text (object, "ansi", block->paths.ansi.utf8, room);
        set_their_text (object, "unicode", block->paths.unicode.utf8, room);
        break;
    case GK_BLOCK_CONSOLE:
        console_to_json (object, &block->console, room);
        break;
    case GK_BLOCK_CODE_PAGE:
        json_object_set_int_member (object, "code_page", block->code_page);
        break;
    case GK_BLOCK_TRACKER:
        tracker_to_json (object, &block->tracker, room);
        break;
    case GK_BLOCK_SPECIAL_FOLDER:
        json_object_set_int_member (object, "folder", block->special.id);
        json_object_set_int_member (object, "item_offset", block->special.offset);
        break;
    case GK_BLOCK_KNOWN_FOLDER:
        set_text (object, "folder", block->known.guid);
        json_object_set_int_member (object, "item_offset", block->known.offset);
        break;
    case GK_BLOCK_SHIM:
        set_their_text (object, "layer", block->shim.utf8, room);
        break;
    case GK_BLOCK_PROPERTIES:
        json_object_set_int_member (object, "stores", block->stores.n);
        break;
    case GK_BLOCK_ITEMS:
        set_items (object, &block->items, room);
        set_their_text (object, "path", block->items.path, room);
        break;
    }
}

static JsonArray *
blocks_to_json (const GArray *blocks, Room *room)
{
    JsonArray *array = json_array_new ();

    for (guint i = 0; i < blocks->len; i++) {
        const GkLnkBlock *block = &g_array_index (blocks, GkLnkBlock, i);
        JsonObject *object = json_object_new ();
        char signature[11];

        g_snprintf (signature, sizeof signature, "0x%08x", block->signature);
        json_object_set_string_member (object, "signature", signature);
        json_object_set_string_member (object, "name", block->name);
        json_object_set_int_member (object, "size", block->size);
        json_object_set_int_member (object, "offset", (gint64) block->offset);
        content_to_json (object, block, room);
        json_array_add_object_element (array, object);
    }
    return array;
}

/* Null where nothing follows the end. */
static void
set_overlay (JsonObject *object, const GkLnk *lnk, const GkLnkView *view, const guint8 *data,
             gsize size)
{
    JsonObject *overlay;

    if (view->end >= lnk->size) {
        json_object_set_null_member (object, "overlay");
        return;
    }
    overlay = json_object_new ();
    json_object_set_int_member (overlay, "offset", (gint64) view->end);
    json_object_set_int_member (overlay, "size", (gint64) (lnk->size - view->end));
    json_object_set_string_member (
        overlay, "kind",
        gk_kind_to_string (gk_kind_recognise (data + view->end, size - view->end, NULL)));
    json_object_set_object_member (object, "overlay", overlay);
}

/* What both the link itself and its two views say: @view's. */
static void
set_view (JsonObject *object, const GkLnkView *view, glong arguments_shown, Room *room)
{
    set_their_text (object, "target", gk_lnk_target (view), room);
    for (guint i = 0; i < GK_LNK_ICON; i++)
        if (i == GK_LNK_ARGUMENTS)
            set_cut_text (object, string_keys[i], view->strings[i].utf8, arguments_shown);
        else
            set_their_text (object, string_keys[i], view->strings[i].utf8, room);
    set_their_text (object, string_keys[GK_LNK_ICON], view->icon, room);
}

static JsonObject *
view_to_json (const GkLnk *lnk, const GkLnkView *view, const guint8 *data, gsize size, Room *room)
{
    JsonObject *object = json_object_new (), *counts = json_object_new ();
    JsonObject *targets = json_object_new ();

    set_view (object, view, TEXT_SHOWN, room);
    for (guint i = 0; i < GK_LNK_N_SOURCES; i++)
        if (view->targets[i])
            set_their_text (targets, source_keys[i], view->targets[i], room);
    json_object_set_object_member (object, "targets", targets);
    for (guint i = 0; i < GK_LNK_N_STRINGS; i++)
        if (view->strings[i].utf8)
            json_object_set_int_member (counts, string_keys[i], view->counts[i]);
    json_object_set_object_member (object, "counts", counts);
    json_object_set_int_member (object, "blocks", view->blocks->len);
    set_overlay (object, lnk, view, data, size);
    return object;
}

static JsonArray *
damage_to_json (const GkLnk *lnk)
{
    JsonArray *array = json_array_new ();

    for (guint i = 0; i < lnk->damage->len; i++) {
        const GkLnkDamage *damage = &g_array_index (lnk->damage, GkLnkDamage, i);
        JsonObject *object = json_object_new ();
        gboolean both = damage->reading == GK_LNK_N_READINGS || !lnk->views[GK_LNK_WINDOWS].clamped;

        json_object_set_string_member (object, "what", damage->what);
        json_object_set_int_member (object, "offset", (gint64) damage->offset);
        json_object_set_string_member (object, "view",
                                       both                                ? "both"
                                       : damage->reading == GK_LNK_WINDOWS ? "windows"
                                                                           : "spec");
        json_array_add_object_element (array, object);
    }
    return array;
}

/* What the command says once its tricks are undone; none where there are none. */
static JsonArray *
decoded_to_json (const GkLnkView *view, Room *room)
{
    const char *arguments = view->strings[GK_LNK_ARGUMENTS].utf8;
    g_autoptr (GPtrArray) layers = gk_decode_command (arguments ? arguments : "");
    JsonArray *array = json_array_new ();

    for (guint i = 0; i < layers->len; i++) {
        const GkDecoded *layer = layers->pdata[i];
        JsonObject *object = json_object_new ();

        json_object_set_string_member (object, "how", layer->how);
        set_cut_text (object, "text", layer->text, MIN (room->characters, DECODED_SHOWN));
        room->characters -= MIN (g_utf8_strlen (layer->text, -1), room->characters);
        json_array_add_object_element (array, object);
    }
    return array;
}

JsonObject *
gk_lnk_to_json (const GkLnk *lnk, const guint8 *data, gsize size)
{
    const GkLnkView *ours = &lnk->views[GK_LNK_WINDOWS], *spec = &lnk->views[GK_LNK_SPEC];
    JsonObject *object = json_object_new (), *our_view, *spec_view;
    Room room = { TEXTS_SHOWN, ITEMS_SHOWN };

    /* First what says what is run: nothing else may take its room. */
    set_view (object, ours, ARGUMENTS_SHOWN, &room);
    json_object_set_array_member (object, "decoded", decoded_to_json (ours, &room));
    our_view = view_to_json (lnk, ours, data, size, &room);
    spec_view = view_to_json (lnk, spec, data, size, &room);
    set_text (object, "target_source",
              ours->source < GK_LNK_N_SOURCES ? source_keys[ours->source] : NULL);
    set_text (object, "show", show_name (lnk->header.show));
    json_object_set_object_member (object, "header", header_to_json (&lnk->header));
    set_items (object, &lnk->items, &room);
    json_object_set_object_member (object, "link_info", info_to_json (&lnk->info, &room));
    json_object_set_array_member (object, "blocks", blocks_to_json (ours->blocks, &room));
    set_overlay (object, lnk, ours, data, size);
    json_object_set_object_member (object, "windows_view", our_view);
    json_object_set_object_member (object, "spec_view", spec_view);
    json_object_set_array_member (object, "damage", damage_to_json (lnk));
    return object;
}
