/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Target and icon: what a shortcut opens, and what it looks like. */
#include "hostd/share/scan/checks.h"

#include "hostd/share/scan/programs.h"
#include "hostd/share/scan/text.h"

#include <assert.h>
#include <string.h>

enum { BLANKS_MANY = 8, CSIDL_CONTROLS = 3 };

static const char *const source_names[] = {
    [GK_LNK_BY_ENVIRONMENT] = "environment",
    [GK_LNK_BY_VISTA_ITEMS] = "items of the extra data",
    [GK_LNK_BY_ITEMS] = "items",
    [GK_LNK_BY_LINK_INFO] = "link information",
    [GK_LNK_BY_RELATIVE_PATH] = "relative path",
};
static_assert (G_N_ELEMENTS (source_names) == GK_LNK_N_SOURCES, "every source has a name");

static void
check_place (const GkLook *look)
{
    static const char *const temporary[] = {
        "\\temp\\", "%temp%\\", "%tmp%\\", "\\users\\public\\", "%public%\\", "\\$recycle.bin\\"
    };
    GkPlace place = gk_path_place (look->target);
    g_autofree char *lower = g_ascii_strdown (look->target, -1);

    if (place == GK_PLACE_UNC)
        gk_findings_add (look->findings, GK_TARGET_UNC, "%s", look->target);
    if (place == GK_PLACE_WEB)
        gk_findings_add (look->findings, GK_TARGET_WEBDAV, "%s", look->target);
    if (place != GK_PLACE_HERE && gk_name_runs (look->target))
        gk_findings_add (look->findings, GK_TARGET_REMOTE_PROGRAM, "%s", look->target);
    for (gsize i = 0; gk_name_runs (look->target) && i < G_N_ELEMENTS (temporary); i++)
        if (strstr (lower, temporary[i])) {
            gk_findings_add (look->findings, GK_TARGET_IN_TEMPORARY_FOLDER, "%s", look->target);
            return;
        }
}

/* `C:\x\program.exe.`, `program.exe `, `.\program.exe`: each part's end counts, the parts `.` and
 * `..` do not. */
static gboolean
has_trailing_dot_or_space (const char *path)
{
    for (const char *at = path, *end; *at; at = *end ? end + 1 : end) {
        gsize length = strcspn (at, "\\/");

        end = at + length;
        if (length == 0 || strncmp (at, ".", length) == 0 || strncmp (at, "..", length) == 0)
            continue;
        if (at[length - 1] == '.' || at[length - 1] == ' ')
            return TRUE;
    }
    return FALSE;
}

static void
check_writing (const GkLook *look)
{
    guint blanks = gk_blank_run (look->target);

    if (blanks >= BLANKS_MANY)
        gk_findings_add (look->findings, GK_TARGET_PADDED, "%u blanks in a row", blanks);
    for (guint i = 0; i < GK_LNK_N_SOURCES; i++)
        if (look->view->targets[i] && has_trailing_dot_or_space (look->view->targets[i]))
            gk_findings_add (look->findings, GK_TARGET_TRAILING_DOT_OR_SPACE, "%s: %s",
                             source_names[i], look->view->targets[i]);
    if (look->view->source == GK_LNK_BY_RELATIVE_PATH)
        gk_findings_add (look->findings, GK_TARGET_RELATIVE_ONLY, "%s", look->target);
}

/* A path whose folders can be compared: whole, without variables or short names. */
static gboolean
is_comparable (const char *path)
{
    return g_ascii_isalpha (path[0]) && path[1] == ':' && g_str_is_ascii (path) &&
           !strpbrk (path, "%~");
}

/* Whether two paths may lead to one program. A short form, a variable, and a name in an ANSI code
 * page that the file does not tell may stand for any other: of the last, the ending is the same. */
static gboolean
may_be_same_program (const char *a, const char *b)
{
    g_autofree char *one = gk_path_program (a), *two = gk_path_program (b);
    const char *end_one = strrchr (one, '.'), *end_two = strrchr (two, '.');

    if (strpbrk (one, "~%") || strpbrk (two, "~%"))
        return TRUE;
    if (!g_str_is_ascii (one) && !g_str_is_ascii (two))
        return g_strcmp0 (end_one, end_two) == 0;
    return g_str_equal (one, two);
}

static void
compare (const GkLook *look, GkLnkSource source)
{
    const char *target = look->target, *other = look->view->targets[source];

    /* A place without a path, such as a folder of the shell, has no name to compare. */
    if (!other || strstr (other, "::{") || strstr (target, "::{"))
        return;
    if (!may_be_same_program (target, other))
        gk_findings_add (look->findings, GK_TARGETS_DISAGREE, "%s: %s; %s: %s",
                         source_names[look->view->source], target, source_names[source], other);
    else if (is_comparable (target) && is_comparable (other) &&
             g_ascii_strcasecmp (target, other) != 0)
        gk_findings_add (look->findings, GK_TARGET_FOLDERS_DISAGREE, "%s: %s; %s: %s",
                         source_names[look->view->source], target, source_names[source], other);
}

static void
check_agreement (const GkLook *look)
{
    for (guint i = look->view->source + 1; i < GK_LNK_N_SOURCES; i++)
        compare (look, i);
}

static void
check_environment (const GkLook *look)
{
    const GkLnkBlock *block = gk_lnk_block (look->view, GK_SIGNATURE_ENVIRONMENT);
    const GkText *ansi = block ? &block->paths.ansi : NULL;
    const GkText *unicode = block ? &block->paths.unicode : NULL;
    gboolean promised = look->lnk->header.flags & GK_LNK_HAS_EXP_STRING;

    if (promised && (!block || (gk_text_empty (ansi) && gk_text_empty (unicode))))
        gk_findings_add (look->findings, GK_ENVIRONMENT_MISSING, "flag HasExpString");
    if (!block || (gk_text_empty (ansi) && gk_text_empty (unicode)))
        return;
    if (gk_text_empty (ansi) || gk_text_empty (unicode))
        gk_findings_add (look->findings, GK_ENVIRONMENT_HALF_EMPTY, "only the %s form: %s",
                         gk_text_empty (ansi) ? "Unicode" : "ANSI",
                         gk_text_empty (ansi) ? unicode->utf8 : ansi->utf8);
    /* What an ANSI form means beyond ASCII, only its maker's code page tells. */
    else if (!strchr (ansi->utf8, '?') && g_str_is_ascii (ansi->utf8) &&
             g_ascii_strcasecmp (ansi->utf8, unicode->utf8) != 0)
        gk_findings_add (look->findings,
                         may_be_same_program (ansi->utf8, unicode->utf8)
                             ? GK_ENVIRONMENT_HALVES_DIFFER
                             : GK_TARGETS_DISAGREE,
                         "environment, ANSI: %s; Unicode: %s", ansi->utf8, unicode->utf8);
}

static void
check_icon (const GkLook *look)
{
    const char *icon = look->view->icon;
    const char *claim = icon ? gk_icon_document (icon, look->lnk->header.icon_index) : NULL;
    gboolean runs = (look->builtin && *look->arguments) || gk_name_is_script (look->target) ||
                    g_str_has_suffix (look->program, ".scr");
    g_autofree char *host = icon ? gk_path_host (icon) : NULL;
    g_autofree char *target_host = gk_path_host (look->target);

    if (claim && runs)
        gk_findings_add (look->findings, GK_PROGRAM_BEHIND_DOCUMENT_ICON,
                         "%s has the icon of %s (%s,%d)", look->program, claim, icon,
                         look->lnk->header.icon_index);
    if (host && g_strcmp0 (host, target_host) != 0)
        gk_findings_add (look->findings, GK_ICON_REMOTE, "%s", icon);
}

static gboolean
is_control_panel (const char *guid)
{
    return guid && (g_str_equal (guid, "{21EC2020-3AEA-1069-A2DD-08002B30309D}") ||
                    g_str_equal (guid, "{26EE0668-A00A-44D7-9371-BEB064C98683}") ||
                    g_str_equal (guid, "{5399E694-6CE5-4D6C-8FCE-1D8870FDCBA0}"));
}

/* Windows' own items name applets that lie with Windows. */
static gboolean
is_own_applet (const char *path)
{
    g_autofree char *lower = g_ascii_strdown (path, -1);

    return !strstr (lower, "..") && (g_str_has_prefix (lower, "c:\\windows\\system32\\") ||
                                     g_str_has_prefix (lower, "%systemroot%\\system32\\"));
}

static void
check_items (const GkLook *look, const GArray *items)
{
    gboolean inside = FALSE;

    for (guint i = 0; items && i < items->len; i++) {
        const GkLnkItem *item = &g_array_index (items, GkLnkItem, i);

        if (inside && !gk_text_empty (&item->name) && !is_own_applet (item->name.utf8))
            gk_findings_add (look->findings, GK_CONTROL_PANEL_PATH, "%s", item->name.utf8);
        inside |= is_control_panel (item->guid);
    }
}

static void
check_control_panel (const GkLook *look)
{
    const GkLnkBlock *vista = gk_lnk_block (look->view, GK_SIGNATURE_ITEM_LIST);
    const GkLnkBlock *special = gk_lnk_block (look->view, GK_SIGNATURE_SPECIAL_FOLDER);
    const GkLnkBlock *known = gk_lnk_block (look->view, GK_SIGNATURE_KNOWN_FOLDER);

    check_items (look, look->lnk->items.items);
    if (vista)
        check_items (look, vista->items.items);
    if (special && special->special.id == CSIDL_CONTROLS)
        gk_findings_add (look->findings, GK_SPECIAL_FOLDER_CONTROL_PANEL, "special folder %u",
                         special->special.id);
    if (known && g_str_equal (known->known.guid, "{82A74AEB-AEB4-465C-A014-D097EE346D63}"))
        gk_findings_add (look->findings, GK_SPECIAL_FOLDER_CONTROL_PANEL, "known folder %s",
                         known->known.guid);
}

static void
check_installer (const GkLook *look)
{
    const GkLnkBlock *block = gk_lnk_block (look->view, GK_SIGNATURE_DARWIN);

    if (block && look->lnk->header.flags & GK_LNK_HAS_DARWIN_ID)
        gk_findings_add (look->findings, GK_TARGET_BY_INSTALLER, "%s",
                         gk_text_empty (&block->paths.unicode) ? block->paths.ansi.utf8
                                                               : block->paths.unicode.utf8);
}

void
gk_check_target (const GkLook *look)
{
    check_place (look);
    check_writing (look);
    check_agreement (look);
    check_environment (look);
    check_installer (look);
    check_icon (look);
    check_control_panel (look);
}
