/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shortcut parser from the inside; tests/share/lnk_triage.py tries its judgement. */
#include "hostd/share/scan/lnk.h"
#include "hostd/share/scan/triage.h"

#include "base/json.h"

#include <string.h>

static const guint8 lnk_class[16] = {
    0x01, 0x14, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46
};

static void
put_u16 (GByteArray *out, guint16 value)
{
    guint8 bytes[] = { value & 0xff, value >> 8 };

    g_byte_array_append (out, bytes, sizeof bytes);
}

static void
put_u32 (GByteArray *out, guint32 value)
{
    put_u16 (out, value & 0xffff);
    put_u16 (out, value >> 16);
}

static void
put_zeroes (GByteArray *out, gsize n)
{
    for (gsize i = 0; i < n; i++)
        g_byte_array_append (out, (const guint8 *) "", 1);
}

static void
put_wide (GByteArray *out, const char *ascii)
{
    for (; *ascii; ascii++)
        put_u16 (out, (guint8) *ascii);
}

static void
put_string (GByteArray *out, const char *ascii)
{
    put_u16 (out, (guint16) strlen (ascii));
    put_wide (out, ascii);
}

static GByteArray *
start_link (guint32 flags)
{
    GByteArray *out = g_byte_array_new ();

    put_u32 (out, GK_LNK_HEADER_SIZE);
    g_byte_array_append (out, lnk_class, sizeof lnk_class);
    put_u32 (out, flags | GK_LNK_IS_UNICODE);
    put_u32 (out, 0x20);
    put_zeroes (out, 24);
    put_u32 (out, 4096);
    put_u32 (out, (guint32) -5);
    put_u32 (out, 7);
    put_u16 (out, 0x0641); /* CTRL+ALT+A */
    put_zeroes (out, 10);
    g_assert_cmpuint (out->len, ==, GK_LNK_HEADER_SIZE);
    return out;
}

static void
put_environment (GByteArray *out, const char *path)
{
    gsize length = strlen (path);

    put_u32 (out, 0x314);
    put_u32 (out, GK_SIGNATURE_ENVIRONMENT);
    g_byte_array_append (out, (const guint8 *) path, length);
    put_zeroes (out, 260 - length);
    put_wide (out, path);
    put_zeroes (out, 520 - 2 * length);
}

/* One of everything that is short to write. */
static GByteArray *
whole_link (void)
{
    GByteArray *out = start_link (GK_LNK_HAS_NAME | GK_LNK_HAS_ARGUMENTS | GK_LNK_HAS_EXP_STRING);

    put_string (out, "description");
    put_string (out, "/c dir");
    put_environment (out, "%windir%\\system32\\cmd.exe");
    put_u32 (out, 0);
    return out;
}

static void
test_cursor_stays_inside (void)
{
    static const guint8 bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
    GkCursor at = gk_cursor (bytes, sizeof bytes), part, beyond;

    g_assert_cmpuint (gk_cursor_u32 (&at), ==, 0x04030201);
    part = gk_cursor_take (&at, 2);
    g_assert_cmpuint (part.base, ==, 4);
    g_assert_cmpuint (gk_cursor_u16 (&part), ==, 0x0605);
    g_assert_false (part.broken);
    g_assert_cmpuint (gk_cursor_u8 (&part), ==, 0);
    g_assert_true (part.broken);
    g_assert_false (at.broken);
    g_assert_cmpuint (gk_cursor_u16 (&at), ==, 7); /* the half that is there */
    g_assert_true (at.broken);
    g_assert_cmpuint (gk_cursor_left (&at), ==, 0);
    beyond = gk_cursor_from (&at, G_MAXSIZE);
    g_assert_true (beyond.broken);
    g_assert_cmpuint (beyond.size, ==, 0);
    gk_cursor_skip (&at, G_MAXSIZE);
    g_assert_cmpuint (at.at, ==, sizeof bytes);
}

static void
test_text_loses_nothing (void)
{
    static const struct {
        const char *bytes;
        gsize size;
        gboolean wide;
        const char *utf8;
        gboolean hidden, surrogate;
    } cases[] = {
        {"a\0b\0",                    4, TRUE,  "ab",                 FALSE, FALSE},
        { "a\0\0\0",                  4, TRUE,  "a\\x00",             FALSE, FALSE},
        { "a\0\0\0b\0",               6, TRUE,  "a\\x00b",            TRUE,  FALSE},
        { "\x3d\xd8\x00\xde",         4, TRUE,  "😀",               FALSE, FALSE},
        { "\x3d\xd8",                 2, TRUE,  "\\u{d83d}",          FALSE, TRUE },
        { "\x00\xde\x3d\xd8",         4, TRUE,  "\\u{de00}\\u{d83d}", FALSE, TRUE },
        { "\x3d\xd8\x3d\xd8\x00\xde", 6, TRUE,  "\\u{d83d}😀",      FALSE, TRUE },
        { "\x80\x81\xe9z",            4, FALSE, "€\xc2\x81éz",     FALSE, FALSE},
        { "",                         0, TRUE,  "",                   FALSE, FALSE},
    };
    g_autoptr (GStringChunk) chunk = g_string_chunk_new (64);

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        GkCursor at = gk_cursor ((const guint8 *) cases[i].bytes, cases[i].size);
        GkText text = cases[i].wide ? gk_text_utf16 (&at, cases[i].size / 2, chunk)
                                    : gk_text_ansi (&at, cases[i].size, chunk);

        g_assert_cmpstr (text.utf8, ==, cases[i].utf8);
        g_assert_cmpint (text.hidden, ==, cases[i].hidden);
        g_assert_cmpint (text.surrogate, ==, cases[i].surrogate);
        g_assert_false (at.broken);
        g_assert_cmpuint (gk_cursor_left (&at), ==, 0);
    }
}

static void
test_text_cut_off (void)
{
    g_autoptr (GStringChunk) chunk = g_string_chunk_new (64);
    GkCursor at = gk_cursor ((const guint8 *) "a\0b", 3);
    GkText text = gk_text_utf16 (&at, 1000, chunk);

    g_assert_cmpstr (text.utf8, ==, "a");
    g_assert_true (at.broken);
    at = gk_cursor ((const guint8 *) "ab", 2);
    text = gk_text_ansi_z (&at, chunk);
    g_assert_cmpstr (text.utf8, ==, "ab");
    g_assert_true (at.broken);
}

static void
test_blank_runs (void)
{
    g_assert_cmpuint (gk_blank_run ("a b  c   d"), ==, 3);
    g_assert_cmpuint (gk_blank_run ("\t\n\v\f\r \u00a0\u2003\u3000"), ==, 9);
    g_assert_cmpuint (gk_blank_run (" \u200b \u200b "), ==, 3);
    g_assert_cmpuint (gk_blank_run (NULL), ==, 0);
}

static void
test_header (void)
{
    g_autoptr (GByteArray) bytes = whole_link ();
    g_autoptr (GkLnk) lnk = gk_lnk_parse (bytes->data, bytes->len, bytes->len);
    const GkLnkView *view = &lnk->views[GK_LNK_WINDOWS];

    g_assert_true (gk_lnk_recognise (bytes->data, bytes->len));
    g_assert_cmpint (lnk->header.icon_index, ==, -5);
    g_assert_cmpuint (lnk->header.show, ==, 7);
    g_assert_cmpuint (lnk->header.hotkey, ==, 0x0641);
    g_assert_cmpstr (view->strings[GK_LNK_NAME].utf8, ==, "description");
    g_assert_cmpstr (view->strings[GK_LNK_ARGUMENTS].utf8, ==, "/c dir");
    g_assert_null (view->strings[GK_LNK_ICON].utf8);
    g_assert_cmpstr (gk_lnk_target (view), ==, "%windir%\\system32\\cmd.exe");
    g_assert_cmpuint (view->end, ==, bytes->len);
    g_assert_cmpuint (lnk->damage->len, ==, 0);
    g_assert_false (view->clamped);
}

static void
test_recognises_only_shortcuts (void)
{
    g_autoptr (GByteArray) bytes = whole_link ();

    for (gsize i = 0; i < 20; i++) {
        bytes->data[i] ^= 1;
        g_assert_false (gk_lnk_recognise (bytes->data, bytes->len));
        bytes->data[i] ^= 1;
        g_assert_false (gk_lnk_recognise (bytes->data, i));
    }
}

/* A description of 300 characters, whose end Windows takes for what follows. */
static void
test_reads_as_windows_does (void)
{
    g_autoptr (GByteArray) bytes = start_link (GK_LNK_HAS_NAME | GK_LNK_HAS_ARGUMENTS);
    g_autoptr (GkLnk) lnk = NULL;
    const GkLnkView *ours, *spec;

    put_u16 (bytes, 300);
    for (guint i = 0; i < 260; i++)
        put_u16 (bytes, 'd');
    put_string (bytes, "evil");
    for (guint i = 0; i < 35; i++)
        put_u16 (bytes, 0);
    put_string (bytes, "harmless");
    put_u32 (bytes, 0);
    lnk = gk_lnk_parse (bytes->data, bytes->len, bytes->len);
    ours = &lnk->views[GK_LNK_WINDOWS];
    spec = &lnk->views[GK_LNK_SPEC];
    g_assert_true (ours->clamped);
    g_assert_cmpuint (ours->strings[GK_LNK_NAME].units, ==, 260);
    g_assert_cmpuint (spec->strings[GK_LNK_NAME].units, ==, 300);
    g_assert_cmpstr (ours->strings[GK_LNK_ARGUMENTS].utf8, ==, "evil");
    g_assert_cmpstr (spec->strings[GK_LNK_ARGUMENTS].utf8, ==, "harmless");
    g_assert_cmpuint (spec->end, ==, bytes->len);
    g_assert_cmpuint (ours->end, <, bytes->len);
}

static char *
verdict_of (const guint8 *data, gsize size, gsize file_size)
{
    GkSpecimen specimen = {
        .name = "x.lnk", .head = data, .head_size = size, .size = file_size, .sha256 = ""
    };
    static const GkTriageOptions options = { 0 };
    g_autoptr (JsonObject) triage = gk_triage (&specimen, &options);
    g_autofree char *text = gk_json_text (triage, FALSE);
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) again = gk_json_parse (text, strlen (text), G_MAXSIZE, &error);

    g_assert_no_error (error);
    return g_strdup (gk_json_string (again, "verdict", NULL));
}

static void
test_cut_anywhere_is_never_clean (void)
{
    g_autoptr (GByteArray) bytes = whole_link ();
    g_autofree char *whole = verdict_of (bytes->data, bytes->len, bytes->len);

    g_assert_cmpstr (whole, !=, "unscannable");
    for (gsize size = 1; size < bytes->len; size++) {
        g_autofree guint8 *exact = g_memdup2 (bytes->data, size); /* so that a tool sees overruns */
        g_autofree char *verdict = verdict_of (exact, size, size);

        g_assert_cmpstr (verdict, !=, "clean");
    }
}

static void
test_block_longer_than_the_file (void)
{
    g_autoptr (GByteArray) bytes = start_link (0);
    g_autoptr (GkLnk) lnk = NULL;
    const GkLnkDamage *damage;

    put_u32 (bytes, 0xffffffff);
    put_u32 (bytes, GK_SIGNATURE_TRACKER);
    lnk = gk_lnk_parse (bytes->data, bytes->len, bytes->len);
    g_assert_cmpuint (lnk->damage->len, >=, 1);
    damage = &g_array_index (lnk->damage, GkLnkDamage, 0);
    g_assert_cmpuint (damage->offset, ==, GK_LNK_HEADER_SIZE);
    g_assert_nonnull (gk_lnk_block (&lnk->views[GK_LNK_WINDOWS], GK_SIGNATURE_TRACKER));
}

static void
test_numbers_are_bounded (void)
{
    g_autoptr (GByteArray) bytes = start_link (0);
    g_autoptr (GkLnk) lnk = NULL;

    for (guint i = 0; i < 10 * GK_LNK_BLOCKS_MAX; i++) {
        put_u32 (bytes, 8);
        put_u32 (bytes, 0xdeadbeef);
    }
    lnk = gk_lnk_parse (bytes->data, bytes->len, bytes->len);
    g_assert_cmpuint (lnk->views[GK_LNK_WINDOWS].blocks->len, ==, GK_LNK_BLOCKS_MAX);
    g_assert_cmpuint (lnk->damage->len, ==, 1);
}

static void
test_overlay_is_all_of_it (void)
{
    g_autoptr (GByteArray) bytes = whole_link ();
    gsize end = bytes->len;
    g_autoptr (GkLnk) lnk = NULL;

    put_zeroes (bytes, 100);
    lnk = gk_lnk_parse (bytes->data, bytes->len, (gsize) 1 << 33);
    g_assert_cmpuint (lnk->views[GK_LNK_WINDOWS].end, ==, end);
    g_assert_cmpuint (lnk->size, ==, (gsize) 1 << 33);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/cursor/stays-inside", test_cursor_stays_inside);
    g_test_add_func ("/text/loses-nothing", test_text_loses_nothing);
    g_test_add_func ("/text/cut-off-is-noticed", test_text_cut_off);
    g_test_add_func ("/text/counts-every-blank", test_blank_runs);
    g_test_add_func ("/lnk/reads-header-and-strings", test_header);
    g_test_add_func ("/lnk/recognises-only-shortcuts", test_recognises_only_shortcuts);
    g_test_add_func ("/lnk/reads-as-windows-does", test_reads_as_windows_does);
    g_test_add_func ("/lnk/cut-anywhere-is-never-clean", test_cut_anywhere_is_never_clean);
    g_test_add_func ("/lnk/block-longer-than-the-file-is-damage", test_block_longer_than_the_file);
    g_test_add_func ("/lnk/numbers-are-bounded", test_numbers_are_bounded);
    g_test_add_func ("/lnk/overlay-is-all-of-it", test_overlay_is_all_of_it);
    return g_test_run ();
}
