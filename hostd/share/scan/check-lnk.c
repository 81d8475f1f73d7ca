/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shortcut's structure, and how it runs. */
#include "hostd/share/scan/checks.h"

#include "hostd/share/scan/programs.h"

#include <assert.h>
#include <string.h>

enum { LARGE = 20 * 1024, SW_MINIMISED = 7, HALF_A_SCREEN = 400 };

static const char *const string_names[] = {
    [GK_LNK_NAME] = "description",
    [GK_LNK_RELATIVE_PATH] = "relative path",
    [GK_LNK_WORKING_DIR] = "working directory",
    [GK_LNK_ARGUMENTS] = "arguments",
    [GK_LNK_ICON] = "icon",
};
static_assert (G_N_ELEMENTS (string_names) == GK_LNK_N_STRINGS, "every string has a name");

static void
check_damage (const GkLook *look)
{
    for (guint i = 0; i < look->lnk->damage->len; i++) {
        const GkLnkDamage *damage = &g_array_index (look->lnk->damage, GkLnkDamage, i);

        gk_findings_add (look->findings, GK_DAMAGED, "%s (at %" G_GSIZE_FORMAT ")", damage->what,
                         damage->offset);
    }
}

static void
check_readings (const GkLook *look)
{
    const GkLnkView *ours = &look->lnk->views[GK_LNK_WINDOWS];
    const GkLnkView *spec = &look->lnk->views[GK_LNK_SPEC];

    for (guint i = 0; i < GK_LNK_N_STRINGS; i++) {
        if (ours->counts[i] > GK_LNK_WINDOWS_MAX && i != GK_LNK_ARGUMENTS && i != GK_LNK_ICON)
            gk_findings_add (look->findings, GK_COUNT_OVER_LIMIT, "%s: %u", string_names[i],
                             ours->counts[i]);
        if (g_strcmp0 (ours->strings[i].utf8, spec->strings[i].utf8) != 0)
            gk_findings_add (look->findings, GK_READS_TWO_WAYS, "the %s", string_names[i]);
    }
    if (g_strcmp0 (look->target, gk_lnk_target (spec) ? gk_lnk_target (spec) : "") != 0)
        gk_findings_add (look->findings, GK_READS_TWO_WAYS, "the target");
    if (ours->end != spec->end)
        gk_findings_add (look->findings, GK_READS_TWO_WAYS,
                         "it ends at %" G_GSIZE_FORMAT " or at %" G_GSIZE_FORMAT, ours->end,
                         spec->end);
}

static void
check_text (const GkLook *look, const char *where, const GkText *text)
{
    if (text->hidden)
        gk_findings_add (look->findings, GK_TEXT_WITH_NUL, "in the %s", where);
    if (text->surrogate)
        gk_findings_add (look->findings, GK_TEXT_NOT_UNICODE, "in the %s", where);
}

static void
check_texts (const GkLook *look)
{
    for (guint i = 0; i < GK_LNK_N_STRINGS; i++)
        check_text (look, string_names[i], &look->view->strings[i]);
}

static void
check_console (const GkLook *look, const GkLnkConsole *console)
{
    gboolean small = console->window_columns <= 4 || console->window_rows <= 2;
    gboolean outside = !console->auto_position &&
                       (console->window_x < -HALF_A_SCREEN || console->window_y < -HALF_A_SCREEN ||
                        console->window_x > 8192 || console->window_y > 8192);

    if (small || outside)
        gk_findings_add (look->findings, GK_CONSOLE_OUT_OF_SIGHT, "%d × %d characters at %d, %d",
                         console->window_columns, console->window_rows, console->window_x,
                         console->window_y);
}

static void
check_tracker (const GkLook *look, const GkLnkTracker *tracker)
{
    static const struct {
        const char *prefix, *maker;
    } makers[] = {
        {"00:05:69",  "VMware"    },
        { "00:0c:29", "VMware"    },
        { "00:50:56", "VMware"    },
        { "08:00:27", "VirtualBox"},
        { "00:15:5d", "Hyper-V"   },
        { "52:54:00", "QEMU"      },
        { "00:1c:42", "Parallels" },
        { "00:16:3e", "Xen"       },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (makers); i++)
        if (g_str_has_prefix (tracker->mac, makers[i].prefix))
            gk_findings_add (look->findings, GK_MADE_ON_VIRTUAL_MACHINE, "%s: %s", makers[i].maker,
                             tracker->mac);
}

/* What lies in blocks that no reader shows. */
static void
check_payload (const GkLook *look, const GkLnkBlock *block)
{
    gsize from = MIN (block->offset + 8, look->size); /* behind size and signature */
    gsize end = MIN (block->offset + MAX (block->size, 8), look->size);
    const char *what = gk_payload_in (look->data + from, end - from);
    gboolean foreign = block->content == GK_BLOCK_PROPERTIES && block->stores.foreign;

    if (what || foreign)
        gk_findings_add (look->findings, GK_BLOCK_PAYLOAD, "%s of %u bytes: %s", block->name,
                         block->size, what ? what : "no properties");
}

static void
check_block (const GkLook *look, const GkLnkBlock *block)
{
    if (block->content == GK_BLOCK_UNKNOWN || block->content == GK_BLOCK_PROPERTIES)
        check_payload (look, block);
    if (block->content == GK_BLOCK_UNKNOWN)
        gk_findings_add (look->findings, GK_UNKNOWN_BLOCK, "0x%08x of %u bytes", block->signature,
                         block->size);
    if (block->odd_size)
        gk_findings_add (look->findings, GK_BLOCK_ODD_SIZE, "%s of %u bytes", block->name,
                         block->size);
    if (gk_lnk_block (look->view, block->signature) != block)
        gk_findings_add (look->findings, GK_BLOCK_REPEATED, "%s", block->name);
    if (block->content == GK_BLOCK_CONSOLE)
        check_console (look, &block->console);
    if (block->content == GK_BLOCK_TRACKER)
        check_tracker (look, &block->tracker);
    if (block->content == GK_BLOCK_SHIM)
        gk_findings_add (look->findings, GK_SHIM_LAYER, "%s", block->shim.utf8);
}

static void
check_end (const GkLook *look)
{
    gsize end = look->view->end;

    if (look->lnk->size > LARGE)
        gk_findings_add (look->findings, GK_FILE_LARGE, "%" G_GSIZE_FORMAT " bytes",
                         look->lnk->size);
    if (end < look->lnk->size)
        gk_findings_add (
            look->findings, GK_OVERLAY, "%" G_GSIZE_FORMAT " bytes of kind %s at %" G_GSIZE_FORMAT,
            look->lnk->size - end,
            gk_kind_to_string (gk_kind_recognise (look->data + end, look->size - end, NULL)), end);
}

void
gk_check_structure (const GkLook *look)
{
    check_damage (look);
    check_readings (look);
    check_texts (look);
    for (guint i = 0; i < look->view->blocks->len; i++)
        check_block (look, &g_array_index (look->view->blocks, GkLnkBlock, i));
    check_end (look);
}

static void
check_running (const GkLook *look)
{
    const GkLnkHeader *header = &look->lnk->header;

    if (header->show == SW_MINIMISED)
        gk_findings_add (look->findings, GK_SHOW_MINIMISED, "show command %u", header->show);
    if (header->show == SW_MINIMISED && look->builtin && *look->arguments)
        gk_findings_add (look->findings, GK_BUILTIN_OUT_OF_SIGHT, "%s", look->program);
    if (look->builtin && gk_program_by_short_name (look->program))
        gk_findings_add (look->findings, GK_BUILTIN_BY_SHORT_NAME, "%s may be %s", look->program,
                         gk_program_by_short_name (look->program));
    if (header->flags & GK_LNK_RUN_AS_USER)
        gk_findings_add (look->findings, GK_RUNS_ELEVATED, "flag RunAsUser");
    if (header->hotkey)
        gk_findings_add (look->findings, GK_HOTKEY, "0x%04x", header->hotkey);
    if (header->created == 0 && header->modified == 0 && header->accessed == 0 && *look->target)
        gk_findings_add (look->findings, GK_WITHOUT_TIMES, "created, accessed and modified are 0");
}

/* The first built-in program that a target of @view names, for which of them is run is not ours to
 * bet on; else the target's own. A short name that may be one's counts only where it is the first:
 * behind a long name it is that one's. */
static char *
program_of (const GkLnkView *view)
{
    for (guint i = 0; i < GK_LNK_N_SOURCES; i++) {
        g_autofree char *program = view->targets[i] ? gk_path_program (view->targets[i]) : NULL;

        if (program && gk_program_is_builtin (program) &&
            (i == view->source || !gk_program_by_short_name (program)))
            return g_steal_pointer (&program);
    }
    return gk_path_program (gk_lnk_target (view) ? gk_lnk_target (view) : "");
}

void
gk_check_lnk (GkFindings *findings, const GkLnk *lnk, const guint8 *data, gsize size)
{
    const GkLnkView *view = &lnk->views[GK_LNK_WINDOWS];
    const char *target = gk_lnk_target (view), *arguments = view->strings[GK_LNK_ARGUMENTS].utf8;
    g_autofree char *program = program_of (view);
    GkLook look = {
        .data = data,
        .size = size,
        .lnk = lnk,
        .view = view,
        .target = target ? target : "",
        .program = program,
        .arguments = arguments ? arguments : "",
        .builtin = gk_program_is_builtin (program),
        .findings = findings,
    };
    static void (*const checks[]) (const GkLook *) = { gk_check_arguments, gk_check_target,
                                                       gk_check_structure, check_running };

    for (gsize i = 0; i < G_N_ELEMENTS (checks); i++)
        checks[i](&look);
}
