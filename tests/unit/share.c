/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "hostd/share/clamd-canary.h"
#include "hostd/share/clamd.h"
#include "hostd/share/fit-name.h"
#include "hostd/share/judge.h"
#include "hostd/share/triage-check.h"

#include <string.h>
#include <unistd.h>

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X200 X100 X100

static const struct {
    const char *claimed;
    guint copy;
    const char *fit;
} names[] = {
  /* clang-format off */
    /* what is fit stays */
    { "a", 1, "a" },
    { "invoice.pdf.lnk", 1, "invoice.pdf.lnk" },
    { "no ending", 1, "no ending" },
    { ".hidden", 1, ".hidden" },
    { "-rf", 1, "-rf" },
    { " lead", 1, " lead" },
    { "~$doc.docx", 1, "~$doc.docx" },
    { "a;b&c'd`e$f(g)!{h}[i]", 1, "a;b&c'd`e$f(g)!{h}[i]" },
    { "été.txt", 1, "été.txt" },
    { "e\u0301te\u0301.txt", 1, "e\u0301te\u0301.txt" },
    { "日本語.doc", 1, "日本語.doc" },
    { "ที่นี่.txt", 1, "ที่นี่.txt" },
    { "\U0001f4c4.txt", 1, "\U0001f4c4.txt" },
    { "CONTROL.txt", 1, "CONTROL.txt" },
    { "COM10", 1, "COM10" },
    { "xCON", 1, "xCON" },
    { "a.CON", 1, "a.CON" },
    /* what no Windows name may hold */
    { "a/b", 1, "a_b" },
    { "a\\b", 1, "a_b" },
    { "C:", 1, "C_" },
    { "a.txt:stream", 1, "a.txt_stream" },
    { "*?\"<>|", 1, "______" },
    { "/", 1, "_" },
    { "/etc/passwd", 1, "_etc_passwd" },
    { "..\\..\\x", 1, ".._.._x" },
    { "\\\\?\\C:\\x", 1, "____C__x" },
    /* what does not show, or shows as something else */
    { "a\nb", 1, "a_b" },
    { "\t", 1, "_" },
    { "a\x01\x1f\x7f" "b", 1, "a___b" },
    { "\x1b[31m", 1, "_[31m" },
    { "a\xc2\x85" "b", 1, "a_b" },
    { "fdp.\u202elnk", 1, "fdp._lnk" },
    { "\u200e\u200f\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069\u061c", 1, "___________" },
    { "a\u200bb\u200cc\u200dd\u2060e\ufefff", 1, "a_b_c_d_e_f" },
    { "a\u00adb", 1, "a_b" },
    { "a\u034fb", 1, "a_b" },
    { "a\ufe0fb", 1, "a_b" },
    { "a\U000e0101b", 1, "a_b" },
    { "a\u2028b\u2029c", 1, "a_b_c" },
    { "a\u00a0b\u2003c\u3000d", 1, "a_b_c_d" },
    { "a\u3164b\u2800c\u115fd\uffa0e", 1, "a_b_c_d_e" },
    { "a\U000e0041b", 1, "a_b" },
    { "a\ue000b", 1, "a_b" },
    { "a\uffffb", 1, "a_b" },
    /* bytes that are no UTF-8 */
    { "\xff\xfe", 1, "__" },
    { "a\xc3", 1, "a_" },
    { "a\xc0\xaf" "b", 1, "a__b" },
    { "a\xed\xa0\x80" "b", 1, "a___b" },
    { "a\xf4\x90\x80\x80", 1, "a____" },
    /* the end */
    { "", 1, "_" },
    { ".", 1, "_" },
    { "..", 1, "__" },
    { "...", 1, "___" },
    { " ", 1, "_" },
    { "a.", 1, "a_" },
    { "a ", 1, "a_" },
    { "a. . ", 1, "a____" },
    { "a.lnk.", 1, "a.lnk_" },
    { "a\u200b ", 1, "a__" },
    /* devices */
    { "CON", 1, "_CON" },
    { "con", 1, "_con" },
    { "PRN.txt", 1, "_PRN.txt" },
    { "aux.c", 1, "_aux.c" },
    { "NUL.tar.gz", 1, "_NUL.tar.gz" },
    { "nul .txt", 1, "_nul .txt" },
    { "COM1", 1, "_COM1" },
    { "com9.lnk", 1, "_com9.lnk" },
    { "LPT1", 1, "_LPT1" },
    { "lpt9.pdf", 1, "_lpt9.pdf" },
    { "COM\u00b9", 1, "_COM\u00b9" },
    { "conin$", 1, "_conin$" },
    { "CONOUT$.txt", 1, "_CONOUT$.txt" },
    /* several of one name */
    { "a.txt", 2, "a (2).txt" },
    { "a.tar.gz", 3, "a.tar (3).gz" },
    { "a", 12, "a (12)" },
    { ".hidden", 2, ".hidden (2)" },
    { "CON", 2, "_CON (2)" },
    { "", 2, "_ (2)" },
    /* length */
    { X200, 1, X200 },
    { X200 "x", 1, X200 },
    { X200 ".lnk", 1, X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxx.lnk" },
    { X200 ".lnk", 2, X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xx (2).lnk" },
    { X200 ".pdf.lnk", 1, X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxx.lnk" },
    { "a." X200, 1, "a." X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxx" },
    { X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxx\u65e5", 1, X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxx" },
    { X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxxxe\u0301", 1, X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxxx" },
    { X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxxx x", 1, X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxxxx_" },
  /* clang-format on */
};

static void
test_names_made_fit (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
        g_autofree char *fit = gk_fit_name (names[i].claimed, names[i].copy);

        g_assert_cmpstr (fit, ==, names[i].fit);
    }
}

/* Whatever comes in, what goes out may stand on both systems, and is left alone a second time. */
static void
test_any_name_made_fit (void)
{
    for (guint i = 0; i < 20000; i++) {
        char bytes[64] = "";
        gsize n = (gsize) g_test_rand_int_range (0, sizeof bytes);
        g_autofree char *fit = NULL, *again = NULL;

        for (gsize j = 0; j < n; j++)
            bytes[j] = (char) g_test_rand_int_range (1, g_test_rand_bit () ? 256 : 128);
        fit = gk_fit_name (bytes, (guint) g_test_rand_int_range (1, 4));
        again = gk_fit_name (fit, 1);
        g_assert_true (g_utf8_validate (fit, -1, NULL));
        g_assert_null (strpbrk (fit, "\\/:*?\"<>|\n\x1b"));
        g_assert_cmpint (strlen (fit), >=, 1);
        g_assert_cmpint (strlen (fit), <=, GK_FIT_NAME_MAX);
        g_assert_cmpstr (again, ==, fit);
    }
}

static void
test_long_names_made_fit (void)
{
    g_autofree char *long_name = g_strnfill (1 << 20, 'x');
    g_autofree char *marks = g_malloc0 (2 * 3000 + 1);
    g_autofree char *fit = gk_fit_name (long_name, G_MAXUINT), *of_marks = NULL;

    g_assert_cmpint (strlen (fit), ==, GK_FIT_NAME_MAX);
    g_assert_true (g_str_has_suffix (fit, " (4294967295)"));
    for (gsize i = 0; i < 3000; i++)
        memcpy (marks + 2 * i, "\u0301", 2);
    of_marks = gk_fit_name (marks, 1);
    g_assert_cmpstr (of_marks, ==, "_");
}

enum { NO_CLAMD = -1 };

/* Every pair of verdicts, and what comes of it. `-`: no clamd. */
static const struct {
    const char *kind;
    GkVerdict own;
    int clamd;
    GkVerdict verdict;
    gboolean vouched;
} judgements[] = {
  /* clang-format off */
    { "lnk",   GK_VERDICT_CLEAN,       NO_CLAMD,               GK_VERDICT_CLEAN,       TRUE  },
    { "lnk",   GK_VERDICT_CLEAN,       GK_VERDICT_CLEAN,       GK_VERDICT_CLEAN,       TRUE  },
    { "lnk",   GK_VERDICT_CLEAN,       GK_VERDICT_UNSCANNABLE, GK_VERDICT_UNSCANNABLE, FALSE },
    { "lnk",   GK_VERDICT_CLEAN,       GK_VERDICT_ERROR,       GK_VERDICT_ERROR,       FALSE },
    { "lnk",   GK_VERDICT_CLEAN,       GK_VERDICT_SUSPICIOUS,  GK_VERDICT_SUSPICIOUS,  FALSE },
    { "lnk",   GK_VERDICT_CLEAN,       GK_VERDICT_MALICIOUS,   GK_VERDICT_MALICIOUS,   FALSE },
    { "lnk",   GK_VERDICT_UNSCANNABLE, NO_CLAMD,               GK_VERDICT_UNSCANNABLE, FALSE },
    { "lnk",   GK_VERDICT_UNSCANNABLE, GK_VERDICT_CLEAN,       GK_VERDICT_UNSCANNABLE, FALSE },
    { "lnk",   GK_VERDICT_SUSPICIOUS,  NO_CLAMD,               GK_VERDICT_SUSPICIOUS,  FALSE },
    { "lnk",   GK_VERDICT_SUSPICIOUS,  GK_VERDICT_CLEAN,       GK_VERDICT_SUSPICIOUS,  FALSE },
    { "lnk",   GK_VERDICT_SUSPICIOUS,  GK_VERDICT_ERROR,       GK_VERDICT_SUSPICIOUS,  FALSE },
    { "lnk",   GK_VERDICT_SUSPICIOUS,  GK_VERDICT_MALICIOUS,   GK_VERDICT_MALICIOUS,   FALSE },
    { "lnk",   GK_VERDICT_MALICIOUS,   NO_CLAMD,               GK_VERDICT_MALICIOUS,   FALSE },
    { "lnk",   GK_VERDICT_MALICIOUS,   GK_VERDICT_CLEAN,       GK_VERDICT_MALICIOUS,   FALSE },
    { "lnk",   GK_VERDICT_MALICIOUS,   GK_VERDICT_ERROR,       GK_VERDICT_MALICIOUS,   FALSE },
    { "empty", GK_VERDICT_CLEAN,       NO_CLAMD,               GK_VERDICT_CLEAN,       TRUE  },
    { "pdf",   GK_VERDICT_CLEAN,       NO_CLAMD,               GK_VERDICT_CLEAN,       FALSE },
    { "pdf",   GK_VERDICT_CLEAN,       GK_VERDICT_CLEAN,       GK_VERDICT_CLEAN,       TRUE  },
    { "pdf",   GK_VERDICT_CLEAN,       GK_VERDICT_UNSCANNABLE, GK_VERDICT_UNSCANNABLE, FALSE },
    { "pdf",   GK_VERDICT_CLEAN,       GK_VERDICT_ERROR,       GK_VERDICT_ERROR,       FALSE },
    { "pdf",   GK_VERDICT_CLEAN,       GK_VERDICT_MALICIOUS,   GK_VERDICT_MALICIOUS,   FALSE },
    { "pdf",   GK_VERDICT_UNSCANNABLE, NO_CLAMD,               GK_VERDICT_UNSCANNABLE, FALSE },
    { "pdf",   GK_VERDICT_UNSCANNABLE, GK_VERDICT_CLEAN,       GK_VERDICT_CLEAN,       TRUE  },
    { "pdf",   GK_VERDICT_UNSCANNABLE, GK_VERDICT_UNSCANNABLE, GK_VERDICT_UNSCANNABLE, FALSE },
    { "pdf",   GK_VERDICT_UNSCANNABLE, GK_VERDICT_ERROR,       GK_VERDICT_ERROR,       FALSE },
    { "pdf",   GK_VERDICT_UNSCANNABLE, GK_VERDICT_SUSPICIOUS,  GK_VERDICT_SUSPICIOUS,  FALSE },
    { "pdf",   GK_VERDICT_UNSCANNABLE, GK_VERDICT_MALICIOUS,   GK_VERDICT_MALICIOUS,   FALSE },
    { "other", GK_VERDICT_ERROR,       NO_CLAMD,               GK_VERDICT_ERROR,       FALSE },
    { "other", GK_VERDICT_ERROR,       GK_VERDICT_CLEAN,       GK_VERDICT_ERROR,       FALSE },
    { "other", GK_VERDICT_ERROR,       GK_VERDICT_UNSCANNABLE, GK_VERDICT_ERROR,       FALSE },
    { "other", GK_VERDICT_ERROR,       GK_VERDICT_MALICIOUS,   GK_VERDICT_MALICIOUS,   FALSE },
    { "other", GK_VERDICT_SUSPICIOUS,  GK_VERDICT_CLEAN,       GK_VERDICT_SUSPICIOUS,  FALSE },
    { "other", GK_VERDICT_MALICIOUS,   GK_VERDICT_CLEAN,       GK_VERDICT_MALICIOUS,   FALSE },
  /* clang-format on */
};

static void
test_judgements (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (judgements); i++) {
        g_autoptr (JsonObject) triage = json_object_new ();
        GkClamdAnswer clamd = { (GkVerdict) judgements[i].clamd, (char *) "Some.Name" };
        g_auto (GkJudgement) judgement = { 0 };

        json_object_set_string_member (triage, "kind", judgements[i].kind);
        json_object_set_string_member (triage, "verdict", gk_verdict_to_string (judgements[i].own));
        gk_judge (triage, FALSE, judgements[i].clamd == NO_CLAMD ? NULL : &clamd, &judgement);
        g_test_message ("row %" G_GSIZE_FORMAT ": %s", i, judgement.why);
        g_assert_cmpint (judgement.verdict, ==, judgements[i].verdict);
        g_assert_cmpint (judgement.vouched, ==, judgements[i].vouched);
        g_assert_nonnull (judgement.why);
    }
}

/* A triage without clamd, and with clamd's OK. */
static void
judge_twice (const char *text, gboolean with_rules, GkJudgement *ret_alone,
             GkJudgement *ret_with_clamd)
{
    g_autoptr (JsonObject) triage = gk_json_parse (text, strlen (text), 1000, NULL);
    GkClamdAnswer ok = { GK_VERDICT_CLEAN, NULL };

    gk_judge (triage, with_rules, NULL, ret_alone);
    gk_judge (triage, with_rules, &ok, ret_with_clamd);
}

/* Not even of a kind that it knows does genkan-scan's word suffice, with any doubt in it. */
static void
test_judgement_with_a_doubt (void)
{
    static const struct {
        const char *severity;
        gboolean alone, with_clamd;
    } cases[] = {
        {"low",       TRUE,  TRUE},
        { "medium",   FALSE, TRUE},
        { "high",     FALSE, TRUE},
        { "critical", FALSE, TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *text =
            g_strdup_printf ("{\"kind\":\"lnk\",\"verdict\":\"clean\",\"indicators\":"
                             "[{\"severity\":\"low\"},{\"severity\":\"%s\"}]}",
                             cases[i].severity);
        g_auto (GkJudgement) alone = { 0 }, with_clamd = { 0 };

        judge_twice (text, FALSE, &alone, &with_clamd);
        g_assert_cmpint (alone.vouched, ==, cases[i].alone);
        g_assert_cmpint (with_clamd.vouched, ==, cases[i].with_clamd);
    }
}

static void
test_judgement_tells_why (void)
{
    g_autoptr (JsonObject) triage = json_object_new ();
    GkClamdAnswer clamd = { GK_VERDICT_MALICIOUS, (char *) "Some.Name" };
    g_auto (GkJudgement) by_own = { 0 }, by_clamd = { 0 };

    json_object_set_string_member (triage, "kind", "lnk");
    json_object_set_string_member (triage, "verdict", "suspicious");
    json_object_set_string_member (triage, "why", "padded\x1b[2J");
    gk_judge (triage, FALSE, NULL, &by_own);
    g_assert_cmpstr (by_own.why, ==, "genkan-scan: padded\\x1b[2J");
    gk_judge (triage, FALSE, &clamd, &by_clamd);
    g_assert_cmpstr (by_clamd.why, ==, "clamd: Some.Name");
}

static const struct {
    const char *reply;
    GkVerdict verdict;
    const char *what; /* NULL: what is said instead does not matter */
} replies[] = {
  /* clang-format off */
    { "fd[10]: OK",                                              GK_VERDICT_CLEAN,       NULL },
    { "fd[4294967295]: OK",                                      GK_VERDICT_CLEAN,       NULL },
    { "fd[10]: Eicar FOUND",                                     GK_VERDICT_MALICIOUS,   "Eicar" },
    { "fd[10]: Win.Test.EICAR_HDB-1(44d88612:68) FOUND",         GK_VERDICT_MALICIOUS,   "Win.Test.EICAR_HDB-1(44d88612:68)" },
    { "fd[10]: a\nb\x1b[2J FOUND",                               GK_VERDICT_MALICIOUS,   "a\\nb\\x1b[2J" },
    { "fd[10]: OK FOUND",                                        GK_VERDICT_MALICIOUS,   "OK" },
    { "fd[10]: Heuristics.Encrypted.Zip FOUND",                  GK_VERDICT_UNSCANNABLE, "Heuristics.Encrypted.Zip" },
    { "fd[10]: Heuristics.Limits.Exceeded FOUND",                GK_VERDICT_UNSCANNABLE, "Heuristics.Limits.Exceeded" },
    { "fd[10]: Heuristics.Limits.Exceeded.MaxRecursion FOUND",   GK_VERDICT_UNSCANNABLE, NULL },
    { "fd[10]: Heuristics.OLE2.ContainsMacros.VBA FOUND",        GK_VERDICT_SUSPICIOUS,  NULL },
    { "fd[10]: PUA.Win.Packer.Upx FOUND",                        GK_VERDICT_SUSPICIOUS,  NULL },
    { "fd[10]: xHeuristics.Encrypted.Zip FOUND",                 GK_VERDICT_MALICIOUS,   NULL },
    { "fd[10]: Can't allocate memory ERROR",                     GK_VERDICT_ERROR,       NULL },
    { "",                                                        GK_VERDICT_ERROR,       NULL },
    { "OK",                                                      GK_VERDICT_ERROR,       NULL },
    { "f",                                                       GK_VERDICT_ERROR,       NULL },
    { "fd[",                                                     GK_VERDICT_ERROR,       NULL },
    { "fd[]: OK",                                                GK_VERDICT_ERROR,       NULL },
    { "fd[x]: OK",                                               GK_VERDICT_ERROR,       NULL },
    { "fd[1",                                                    GK_VERDICT_ERROR,       NULL },
    { "fd[1]",                                                   GK_VERDICT_ERROR,       NULL },
    { "fd[1]: ",                                                 GK_VERDICT_ERROR,       NULL },
    { "fd[1]:OK",                                                GK_VERDICT_ERROR,       NULL },
    { "fd[1]:  OK",                                              GK_VERDICT_ERROR,       NULL },
    { "fd[1]: OK ",                                              GK_VERDICT_ERROR,       NULL },
    { "fd[1]: OK\n",                                             GK_VERDICT_ERROR,       NULL },
    { "fd[1]: ok",                                               GK_VERDICT_ERROR,       NULL },
    { "fd[1]: FOUND",                                            GK_VERDICT_ERROR,       NULL },
    { "fd[1]:  FOUND",                                           GK_VERDICT_ERROR,       NULL },
    { "fd[1]: Eicar FOUND\n",                                    GK_VERDICT_ERROR,       NULL },
    { " fd[1]: OK",                                              GK_VERDICT_ERROR,       NULL },
    { "stream: OK",                                              GK_VERDICT_ERROR,       NULL },
    { "/tmp/fd[1]: OK",                                          GK_VERDICT_ERROR,       NULL },
    { "UNKNOWN COMMAND",                                         GK_VERDICT_ERROR,       NULL },
    { "No file descriptor received. ERROR",                      GK_VERDICT_ERROR,       NULL },
    { "\xff\xff\xff",                                            GK_VERDICT_ERROR,       "clamd answered '\\xff\\xff\\xff'" },
  /* clang-format on */
};

static void
test_clamd_answers (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (replies); i++) {
        g_auto (GkClamdAnswer) answer = gk_clamd_read_answer (replies[i].reply);

        g_test_message ("row %" G_GSIZE_FORMAT, i);
        g_assert_cmpint (answer.verdict, ==, replies[i].verdict);
        g_assert_cmpint (answer.what == NULL, ==, answer.verdict == GK_VERDICT_CLEAN);
        if (replies[i].what)
            g_assert_cmpstr (answer.what, ==, replies[i].what);
    }
}

static void
test_clamd_canaries (void)
{
    for (guint i = 0; i < GK_CLAMD_N_CANARIES; i++) {
        g_autoptr (GError) error = NULL;
        int fd = gk_clamd_canary_open (i, &error);
        char magic[4];

        g_assert_no_error (error);
        g_assert_cmpint (pread (fd, magic, sizeof magic, 0), ==, sizeof magic);
        g_assert_cmpmem (magic, sizeof magic, "PK\3\4", 4);
        g_assert_cmpint (pwrite (fd, magic, sizeof magic, 0), <, 0);
        close (fd);
    }
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FILE_OK "{'name': 'a', 'size': 1, 'sha256': '" HEX "'}"
#define TRIAGE(file, kind, verdict, indicators, more)                                              \
    "{'file': " file ", 'kind': " kind ", 'verdict': " verdict ", 'indicators': " indicators more  \
    "}"
#define WITH_FILE(file) TRIAGE (file, "'lnk'", "'clean'", "[]", "")
#define WITH_KIND(kind) TRIAGE (FILE_OK, kind, "'clean'", "[]", "")
#define WITH_VERDICT(verdict) TRIAGE (FILE_OK, "'lnk'", verdict, "[]", "")
#define WITH_INDICATORS(indicators) TRIAGE (FILE_OK, "'lnk'", "'clean'", indicators, "")
#define WITH_MORE(more) TRIAGE (FILE_OK, "'lnk'", "'clean'", "[]", more)

/* With ' for ". */
static const struct {
    gboolean good;
    const char *text;
} triages[] = {
  /* clang-format off */
    { TRUE, WITH_FILE (FILE_OK) },
    { TRUE, WITH_FILE ("{'name': null, 'size': 0, 'sha256': null}") },
    { TRUE, WITH_FILE ("{'name': '', 'size': 9223372036854775807, 'sha256': '" HEX "', 'more': 1}") },
    { FALSE, WITH_FILE ("null") },
    { FALSE, WITH_FILE ("[]") },
    { FALSE, WITH_FILE ("'a'") },
    { FALSE, WITH_FILE ("{}") },
    { FALSE, WITH_FILE ("{'name': 1, 'size': 1, 'sha256': '" HEX "'}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': -1, 'sha256': '" HEX "'}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': 1.5, 'sha256': '" HEX "'}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': '1', 'sha256': '" HEX "'}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': true, 'sha256': '" HEX "'}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': 1, 'sha256': ''}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': 1, 'sha256': '" HEX "0'}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': 1, 'sha256': 'G123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}") },
    { FALSE, WITH_FILE ("{'name': 'a', 'size': 1, 'sha256': 7}") },
    { TRUE, WITH_KIND ("'7z'") },
    { FALSE, WITH_KIND ("''") },
    { FALSE, WITH_KIND ("null") },
    { FALSE, WITH_KIND ("'LNK'") },
    { FALSE, WITH_KIND ("'a b'") },
    { FALSE, WITH_KIND ("'a\\u001b'") },
    { FALSE, WITH_KIND ("'" HEX "0'") },
    { TRUE, WITH_VERDICT ("'unscannable'") },
    { FALSE, WITH_VERDICT ("'Clean'") },
    { FALSE, WITH_VERDICT ("'clean '") },
    { FALSE, WITH_VERDICT ("'unknown'") },
    { FALSE, WITH_VERDICT ("''") },
    { FALSE, WITH_VERDICT ("0") },
    { FALSE, WITH_VERDICT ("null") },
    { FALSE, WITH_VERDICT ("['clean']") },
    { TRUE, WITH_INDICATORS ("[{'id': 'a-b', 'severity': 'low', 'detail': '', 'more': null}]") },
    { FALSE, WITH_INDICATORS ("{}") },
    { FALSE, WITH_INDICATORS ("null") },
    { FALSE, WITH_INDICATORS ("['a']") },
    { FALSE, WITH_INDICATORS ("[{}]") },
    { FALSE, WITH_INDICATORS ("[{'id': 'a', 'severity': 'low'}]") },
    { FALSE, WITH_INDICATORS ("[{'id': 'a', 'detail': 'x'}]") },
    { FALSE, WITH_INDICATORS ("[{'severity': 'low', 'detail': 'x'}]") },
    { FALSE, WITH_INDICATORS ("[{'id': 'A', 'severity': 'low', 'detail': 'x'}]") },
    { FALSE, WITH_INDICATORS ("[{'id': 'a\\n', 'severity': 'low', 'detail': 'x'}]") },
    { FALSE, WITH_INDICATORS ("[{'id': 'a', 'severity': 'huge', 'detail': 'x'}]") },
    { FALSE, WITH_INDICATORS ("[{'id': 'a', 'severity': 3, 'detail': 'x'}]") },
    { FALSE, WITH_INDICATORS ("[{'id': 'a', 'severity': 'low', 'detail': ['x']}]") },
    { TRUE, WITH_MORE (", 'why': 'so', 'lnk': {'target': null}, 'sandbox': []") },
    { FALSE, WITH_MORE (", 'why': 7") },
    { FALSE, WITH_MORE (", 'lnk': []") },
    { FALSE, WITH_MORE (", '" HEX "0': 1") },
    { TRUE, WITH_MORE (", 'members': []") },
    { TRUE, WITH_MORE (", 'members': [" WITH_KIND ("'zip'") "]") },
    { FALSE, WITH_MORE (", 'members': {}") },
    { FALSE, WITH_MORE (", 'members': [7]") },
    { FALSE, WITH_MORE (", 'members': [{}]") },
    { FALSE, WITH_MORE (", 'members': [" WITH_VERDICT ("'fine'") "]") },
    { FALSE, WITH_MORE (", 'members': [" WITH_MORE (", 'members': [" WITH_KIND ("7") "]") "]") },
    { FALSE, "{}" },
  /* clang-format on */
};

static gboolean
is_good (const char *text, GError **error)
{
    g_autoptr (JsonObject) triage = gk_json_parse (text, strlen (text), 64 << 20, error);

    return triage && gk_triage_check (triage, error);
}

static void
test_triage_shape (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (triages); i++) {
        g_autofree char *text = g_strdelimit (g_strdup (triages[i].text), "'", '"');
        g_autoptr (GError) error = NULL;

        g_test_message ("row %" G_GSIZE_FORMAT, i);
        g_assert_cmpint (is_good (text, &error), ==, triages[i].good);
        if (!triages[i].good)
            g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
}

/* @repeated, with commas, @n times inside @before and @after. */
static char *
many (const char *before, const char *repeated, guint n, const char *after)
{
    GString *text = g_string_new (before);

    for (guint i = 0; i < n; i++)
        g_string_append_printf (text, "%s%s", i ? "," : "", repeated);
    g_string_append (text, after);
    return g_strdelimit (g_string_free (text, FALSE), "'", '"');
}

static void
test_triage_bounds (void)
{
    static const char before[] = "{'file': " FILE_OK ", 'kind': 'lnk', 'verdict': 'clean', ";
    static const char indicator[] = "{'id': 'a', 'severity': 'low', 'detail': 'x'}";
    g_autofree char *up_to_indicators = g_strconcat (before, "'indicators': [", NULL);
    g_autofree char *up_to_more = g_strconcat (before, "'indicators': [], 'more': [", NULL);
    g_autofree char *up_to_members = g_strconcat (before, "'indicators': [], 'members': [", NULL);
    g_autofree char *text = g_strnfill ((1 << 20) - 2, 'x'), *longer = g_strnfill (1 << 20, 'x');
    g_autofree char *fitting = g_strdup_printf ("'%s'", text);
    g_autofree char *too_long = g_strdup_printf ("'%sx'", longer);
    const struct {
        gboolean good;
        const char *before, *repeated;
        guint n;
    } cases[] = {
        {TRUE,   up_to_indicators, indicator,           1000  },
        { FALSE, up_to_indicators, indicator,           1001  },
        { TRUE,  up_to_more,       "1",                 100000},
        { FALSE, up_to_more,       "1",                 200000},
        { FALSE, up_to_more,       "[]",                200000},
        { FALSE, up_to_more,       "{}",                200000},
        { TRUE,  up_to_more,       fitting,             1     },
        { FALSE, up_to_more,       too_long,            1     },
        { TRUE,  up_to_members,    WITH_KIND ("'zip'"), 10000 },
        { FALSE, up_to_members,    WITH_KIND ("'zip'"), 10001 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *whole = many (cases[i].before, cases[i].repeated, cases[i].n, "]}");

        g_test_message ("case %" G_GSIZE_FORMAT, i);
        g_assert_cmpint (is_good (whole, NULL), ==, cases[i].good);
    }
}

static void
test_triage_depth (void)
{
    for (guint depth = 1; depth < 30; depth++) {
        g_autofree char *text = g_strdup (WITH_KIND ("'zip'"));
        g_autofree char *quoted = NULL;

        for (guint i = 0; i < depth; i++) {
            g_autofree char *inner = g_steal_pointer (&text);

            text = g_strdup_printf (TRIAGE (FILE_OK, "'zip'", "'clean'", "[]", ", 'members': [%s]"),
                                    inner);
        }
        quoted = g_strdelimit (g_steal_pointer (&text), "'", '"');
        g_assert_cmpint (is_good (quoted, NULL), ==, depth <= 16);
    }
}

static void
test_signatures_age (void)
{
    static const struct {
        const char *version;
        int age;
    } cases[] = {
        {"ClamAV 1.4.6/27479/Mon Dec  2 09:43:45 2024",  0 },
        { "ClamAV 1.4.6/27470/Sun Nov 24 10:00:00 2024", 8 },
        { "ClamAV 1.4.6/27999/Mon Dec  1 00:00:00 2025", 0 }, /* of the future */
        { "ClamAV 1.4.6",                                -1},
        { "ClamAV 1.4.6/27479/Mon Xyz  2 09:43:45 2024", -1},
        { "ClamAV 1.4.6/27479/Mon Dec 99 09:43:45 2024", -1},
        { "ClamAV 1.4.6/27479/",                         -1},
        { "",                                            -1},
    };
    g_autoptr (GDateTime) now = g_date_time_new_utc (2024, 12, 2, 12, 0, 0);

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
        g_assert_cmpint (gk_clamd_signatures_age (cases[i].version, g_date_time_to_unix (now)), ==,
                         cases[i].age);
}

/* Rules that are configured must have been tried on all of the file, whatever else says OK. */
static void
test_judgement_with_rules (void)
{
    static const struct {
        const char *triage;
        GkVerdict verdict;
        gboolean vouched;
    } cases[] = {
        {"{\"kind\":\"pdf\",\"verdict\":\"unscannable\",\"yara\":{\"complete\":true}}",
         GK_VERDICT_CLEAN,                                                                                        TRUE },
        { "{\"kind\":\"pdf\",\"verdict\":\"unscannable\",\"yara\":{\"complete\":false}}",
         GK_VERDICT_ERROR,                                                                                        FALSE},
        { "{\"kind\":\"lnk\",\"verdict\":\"clean\"}",                                     GK_VERDICT_ERROR,       FALSE},
        { "{\"kind\":\"zip\",\"verdict\":\"unscannable\",\"trouble\":\"encrypted\","
          "\"yara\":{\"complete\":true}}",                                       GK_VERDICT_UNSCANNABLE, FALSE},
        { "{\"kind\":\"pdf\",\"verdict\":\"suspicious\",\"yara\":{\"complete\":true}}",
         GK_VERDICT_SUSPICIOUS,                                                                                   FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_auto (GkJudgement) alone = { 0 }, with_clamd = { 0 };

        judge_twice (cases[i].triage, TRUE, &alone, &with_clamd);
        g_assert_cmpint (alone.verdict, ==, cases[i].verdict);
        g_assert_cmpint (alone.vouched, ==, cases[i].vouched);
        g_assert_cmpint (with_clamd.verdict, ==, cases[i].verdict);
    }
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/names/are-made-fit", test_names_made_fit);
    g_test_add_func ("/names/any-bytes-are-made-fit", test_any_name_made_fit);
    g_test_add_func ("/names/long-ones-are-cut", test_long_names_made_fit);
    g_test_add_func ("/judgement/follows-the-table", test_judgements);
    g_test_add_func ("/judgement/a-doubt-is-not-vouched-for", test_judgement_with_a_doubt);
    g_test_add_func ("/judgement/tells-why", test_judgement_tells_why);
    g_test_add_func ("/clamd/answers-are-read", test_clamd_answers);
    g_test_add_func ("/clamd/canaries-are-sealed-archives", test_clamd_canaries);
    g_test_add_func ("/triage/shape-is-checked", test_triage_shape);
    g_test_add_func ("/triage/bounds-are-kept", test_triage_bounds);
    g_test_add_func ("/triage/depth-is-bounded", test_triage_depth);
    g_test_add_func ("/clamd/signatures/tell-their-age", test_signatures_age);
    g_test_add_func ("/judge/rules-that-are-configured-are-required", test_judgement_with_rules);
    return g_test_run ();
}
