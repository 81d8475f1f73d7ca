/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/cli/triage-text.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static char *
print (const char *json, gboolean colour)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (JsonObject) triage = gk_json_parse (json, strlen (json), 1 << 20, &error);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream (&text, &size);

    g_assert_no_error (error);
    gk_triage_print (triage, out, colour);
    fclose (out);
    return text;
}

/* Every line within 80 columns (all characters here are one wide), valid, and without controls. */
static void
check_page (const char *text)
{
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

    g_assert_true (g_utf8_validate (text, -1, NULL));
    for (guint i = 0; lines[i]; i++) {
        g_assert_cmpint (g_utf8_strlen (lines[i], -1), <=, 80);
        for (const char *at = lines[i]; *at; at = g_utf8_next_char (at))
            g_assert_false (g_unichar_iscntrl (g_utf8_get_char (at)));
        g_assert_null (strstr (lines[i], "\u202e"));
    }
}

static void
test_tells_the_story (void)
{
    static const char *const wanted[] = {
        "claims to be  a PDF document",     "C:\\w\\cmd.exe ‹9 blanks› /c x",
        "high       arguments-padded",      "MALICIOUS  it pads",
        "3 bytes of kind pe after its end",
    };
    g_autofree char *text = print (
        "{\"file\":{\"name\":\"a.pdf.lnk\",\"size\":7,\"sha256\":\"00\"},\"kind\":\"lnk\","
        "\"claims\":\"a PDF document\",\"verdict\":\"malicious\",\"why\":\"it "
        "pads\",\"indicators\":"
        "[{\"id\":\"arguments-padded\",\"severity\":\"high\",\"detail\":\"d\"}],\"lnk\":{"
        "\"target\":"
        "\"C:\\\\w\\\\cmd.exe\",\"arguments\":\"         /c x\",\"overlay\":{\"size\":3,\"kind\":"
        "\"pe\"}}}",
        FALSE);

    check_page (text);
    for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
        g_assert_nonnull (strstr (text, wanted[i]));
}

static void
test_nothing_reaches_the_terminal (void)
{
    g_autofree char *evil = g_strnfill (300, 'x');
    g_autofree char *value =
        g_strconcat ("\\u001b[2J\\u202e\\r\\n\\t", evil, " \\u3000\\u00a0\\u2003 \\u0007", NULL);
    g_autofree char *json = g_strdup_printf (
        "{\"file\":{\"name\":\"%s\",\"size\":1,\"sha256\":\"%s\"},\"kind\":\"%s\",\"claims\":\"%"
        "s\","
        "\"verdict\":\"%s\",\"why\":\"%s\",\"indicators\":[{\"id\":\"%s\",\"severity\":\"high\","
        "\"detail\":\"%s\",\"meaning\":\"%s\"},7],\"lnk\":{\"target\":\"%s\",\"arguments\":\"%s\","
        "\"icon\":\"%s\",\"show\":\"%s\",\"description\":\"%s\"}}",
        value, value, value, value, "clean", value, value, value, value, value, value, value, value,
        value);
    g_autofree char *text = print (json, FALSE);

    check_page (text);
}

static void
test_takes_any_object (void)
{
    static const char *const objects[] = {
        "{}",
        "{\"file\":7,\"indicators\":[null,[],{}],\"lnk\":[]}",
        "{\"file\":{},\"lnk\":{},\"indicators\":[{}],\"verdict\":\"clean\"}",
        "{\"members\":[{\"file\":{\"name\":\"inner\"},\"verdict\":\"clean\"},{}]}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS (objects); i++) {
        g_autofree char *text = print (objects[i], FALSE);

        check_page (text);
    }
}

static void
test_colour_is_asked_for (void)
{
    g_autofree char *plain = print ("{\"verdict\":\"clean\",\"why\":\"w\"}", FALSE);
    g_autofree char *coloured = print ("{\"verdict\":\"clean\",\"why\":\"w\"}", TRUE);

    g_assert_null (strchr (plain, '\033'));
    g_assert_nonnull (strstr (coloured, "\033[1;32mCLEAN\033[0m"));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/triage-text/tells-the-story", test_tells_the_story);
    g_test_add_func ("/triage-text/nothing-reaches-the-terminal",
                     test_nothing_reaches_the_terminal);
    g_test_add_func ("/triage-text/takes-any-object", test_takes_any_object);
    g_test_add_func ("/triage-text/colour-is-asked-for", test_colour_is_asked_for);
    return g_test_run ();
}
