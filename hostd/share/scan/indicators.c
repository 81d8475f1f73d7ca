/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/indicators.h"

#include <assert.h>

enum {
    JOINED_MAX = 16,
    DETAIL_SHOWN = 1024, /* characters: all details are a part of one bounded answer */
};

#define LOW GK_SEVERITY_LOW
#define MEDIUM GK_SEVERITY_MEDIUM
#define HIGH GK_SEVERITY_HIGH
#define CRITICAL GK_SEVERITY_CRITICAL

/* clang-format off */
const GkIndicator gk_indicators[GK_N_INDICATORS] = {
    [GK_ARGUMENTS_PADDED] = { "arguments-padded", HIGH,
        "blanks in the arguments push what follows them out of the properties dialogue", "CVE-2025-9491 (ZDI-CAN-25373)" },
    [GK_ARGUMENTS_LONG] = { "arguments-long", MEDIUM,
        "the arguments are longer than the properties dialogue shows", "ZDI-CAN-25373" },
    [GK_ARGUMENTS_LINE_BREAK] = { "arguments-line-break", HIGH,
        "a line break in the arguments hides what follows it in the properties dialogue", "CVE-2025-9491 (ZDI-CAN-25373)" },
    [GK_ARGUMENTS_INVISIBLE] = { "arguments-invisible", HIGH,
        "the arguments hold characters that do not show or turn the reading direction", "ATT&CK T1027" },
    [GK_ARGUMENTS_ENCODED_COMMAND] = { "arguments-encoded-command", HIGH,
        "the arguments carry a PowerShell command in base64", "ATT&CK T1027.010" },
    [GK_ARGUMENTS_FETCH] = { "arguments-fetch", HIGH,
        "the arguments fetch code or run text as code", "ATT&CK T1105" },
    [GK_ARGUMENTS_REMOTE] = { "arguments-remote", HIGH,
        "the arguments name a file on another machine", "ATT&CK T1105" },
    [GK_ARGUMENTS_URL] = { "arguments-url", LOW,
        "the arguments name an address", NULL },
    [GK_ARGUMENTS_RUN_BUILTIN] = { "arguments-run-builtin", MEDIUM,
        "one built-in program is told to run another", "ATT&CK T1218" },
    [GK_ARGUMENTS_HIDE_WINDOW] = { "arguments-hide-window", MEDIUM,
        "the arguments hide the window or switch a protection off", "ATT&CK T1564.003" },
    [GK_ARGUMENTS_OBFUSCATED] = { "arguments-obfuscated", HIGH,
        "the arguments are written so that words in them cannot be read", "ATT&CK T1027.010" },
    [GK_ARGUMENTS_NAME_LINKS] = { "arguments-name-links", HIGH,
        "the arguments name shortcuts: a way to get at what this one carries", "ATT&CK T1027.012" },
    [GK_ARGUMENTS_DELETE_LINK] = { "arguments-delete-link", HIGH,
        "the arguments delete shortcuts: a way to be gone after the first use", "ATT&CK T1070.004" },

    [GK_NAME_DOUBLE_EXTENSION] = { "name-double-extension", HIGH,
        "the name ends like a document's, and then like a program's, which Windows may hide", "ATT&CK T1036.007" },
    [GK_NAME_NOT_THE_CONTENT] = { "name-not-the-content", HIGH,
        "the name is a document's, the content is a program's or a shortcut's", "ATT&CK T1036.008" },
    [GK_NAME_BIDI_CONTROL] = { "name-bidi-control", HIGH,
        "a character that turns the reading direction makes the name end otherwise than it shows", "ATT&CK T1036.002" },
    [GK_NAME_ZERO_WIDTH] = { "name-zero-width", HIGH,
        "characters without width make the name another than it shows", "ATT&CK T1036" },
    [GK_NAME_PADDED] = { "name-padded", HIGH,
        "many blanks in the name push its true ending out of sight", "ATT&CK T1036.007" },
    [GK_NAME_CONTROL_CHARACTER] = { "name-control-character", MEDIUM,
        "the name holds control characters, which no file on Windows may have", NULL },

    [GK_BUILTIN_WITH_ARGUMENTS] = { "builtin-with-arguments", LOW,
        "a program that comes with Windows and runs what it is told is told something", "ATT&CK T1204.002" },
    [GK_BUILTIN_WITH_URL] = { "builtin-with-url", HIGH,
        "a program that comes with Windows and runs what it is told is given an address", "ATT&CK T1218" },
    [GK_BUILTIN_OUT_OF_SIGHT] = { "builtin-out-of-sight", MEDIUM,
        "a program that comes with Windows and runs what it is told is told something, and starts minimised", "ATT&CK T1564.003" },
    [GK_BUILTIN_BY_SHORT_NAME] = { "builtin-by-short-name", MEDIUM,
        "a program that comes with Windows is named by its short name, which rules do not know", "ATT&CK T1036" },
    [GK_PROGRAM_BEHIND_DOCUMENT_ICON] = { "program-behind-document-icon", HIGH,
        "the icon is a document's or a reader's, the target runs commands", "ATT&CK T1036" },
    [GK_TARGET_UNC] = { "target-unc", LOW,
        "the target lies on another machine", NULL },
    [GK_TARGET_WEBDAV] = { "target-webdav", HIGH,
        "the target is fetched from a web server", "CVE-2025-33053" },
    [GK_TARGET_REMOTE_PROGRAM] = { "target-remote-program", HIGH,
        "the target is a program or script on another machine", "ATT&CK T1204.002" },
    [GK_TARGET_TRAILING_DOT_OR_SPACE] = { "target-trailing-dot-or-space", HIGH,
        "a dot or blank that ends a part of the target makes Windows rewrite the shortcut and forget where it came from", "CVE-2024-38217" },
    [GK_TARGET_PADDED] = { "target-padded", HIGH,
        "blanks in the target push its ending out of sight", "ZDI-CAN-25373" },
    [GK_TARGET_RELATIVE_ONLY] = { "target-relative-only", MEDIUM,
        "only a relative path says what is run: it depends on where the shortcut lies", NULL },
    [GK_TARGET_IN_TEMPORARY_FOLDER] = { "target-in-temporary-folder", MEDIUM,
        "the target is a program in a folder that anything may write to", NULL },
    [GK_TARGETS_DISAGREE] = { "targets-disagree", HIGH,
        "the places where the target is written name different programs", "MS-SHLLINK" },
    [GK_TARGET_FOLDERS_DISAGREE] = { "target-folders-disagree", LOW,
        "the places where the target is written name different folders", "MS-SHLLINK" },
    [GK_ICON_REMOTE] = { "icon-remote", HIGH,
        "the icon lies on another machine: showing it tells that machine who looks", "ATT&CK T1187" },
    [GK_ENVIRONMENT_HALVES_DIFFER] = { "environment-halves-differ", LOW,
        "the ANSI and the Unicode form of the target are not the same", "MS-SHLLINK 2.5.4" },
    [GK_ENVIRONMENT_HALF_EMPTY] = { "environment-half-empty", HIGH,
        "only one of the ANSI and the Unicode form of the target is there", "MS-SHLLINK 2.5.4" },
    [GK_ENVIRONMENT_MISSING] = { "environment-missing", MEDIUM,
        "the header promises an environment target that is not there", "MS-SHLLINK 2.5.4" },
    [GK_TARGET_BY_INSTALLER] = { "target-by-installer", LOW,
        "Windows Installer says what is run, and may install it first: the target counts for nothing", "MS-SHLLINK 2.5.3" },
    [GK_CONTROL_PANEL_PATH] = { "control-panel-path", CRITICAL,
        "a Control Panel item with a path of its own makes Windows load that file when the icon is shown", "CVE-2010-2568" },
    [GK_SPECIAL_FOLDER_CONTROL_PANEL] = { "special-folder-control-panel", HIGH,
        "the target is placed in the Control Panel by its folder id, which makes Windows load it", "CVE-2017-8464" },

    [GK_DAMAGED] = { "damaged", HIGH,
        "the file's lengths do not fit together: another reader may see something else", "MS-SHLLINK" },
    [GK_READS_TWO_WAYS] = { "reads-two-ways", HIGH,
        "Windows reads something else than the published format says", "MS-SHLLINK 2.4" },
    [GK_COUNT_OVER_LIMIT] = { "count-over-limit", MEDIUM,
        "a string claims more than the 260 characters that Windows reads", "MS-SHLLINK 2.4" },
    [GK_TEXT_WITH_NUL] = { "text-with-nul", HIGH,
        "a NUL in a text hides what follows it from most readers", NULL },
    [GK_TEXT_NOT_UNICODE] = { "text-not-unicode", MEDIUM,
        "a text holds half characters, which no keyboard makes", NULL },
    [GK_OVERLAY] = { "overlay", HIGH,
        "data follows the shortcut's end: often the payload", "ATT&CK T1027.012" },
    [GK_FILE_LARGE] = { "file-large", MEDIUM,
        "the file is larger than any shortcut needs to be", NULL },
    [GK_UNKNOWN_BLOCK] = { "unknown-block", MEDIUM,
        "extra data of a kind that is not published", "MS-SHLLINK 2.5" },
    [GK_BLOCK_ODD_SIZE] = { "block-odd-size", MEDIUM,
        "extra data whose size is not the published one", "MS-SHLLINK 2.5" },
    [GK_BLOCK_REPEATED] = { "block-repeated", MEDIUM,
        "extra data of one kind more than once: readers may take one or the other", "MS-SHLLINK 2.5" },
    [GK_BLOCK_PAYLOAD] = { "block-payload", MEDIUM,
        "extra data holds what is no property: a program, a script, or something else", "ATT&CK T1027.009" },

    [GK_SHOW_MINIMISED] = { "show-minimised", LOW,
        "the window starts minimised, out of sight", "ATT&CK T1564.003" },
    [GK_CONSOLE_OUT_OF_SIGHT] = { "console-out-of-sight", MEDIUM,
        "the console window is placed or sized so that it is not seen", "ATT&CK T1564.003" },
    [GK_RUNS_ELEVATED] = { "runs-elevated", LOW,
        "it asks to run as administrator", NULL },
    [GK_SHIM_LAYER] = { "shim-layer", LOW,
        "it applies a compatibility layer to what it runs", "ATT&CK T1546.011" },
    [GK_HOTKEY] = { "hotkey", LOW,
        "a key combination starts it once it lies on the desktop", NULL },
    [GK_MADE_ON_VIRTUAL_MACHINE] = { "made-on-virtual-machine", LOW,
        "the network address in it is one of a virtual machine's", NULL },
    [GK_WITHOUT_TIMES] = { "without-times", LOW,
        "it carries no times of its target, as shortcuts made by tools do", NULL },

    [GK_SHORTCUT_INSIDE] = { "shortcut-inside", LOW,
        "there is a shortcut in it: harmless ones mostly stay where they were made", "ATT&CK T1566.001" },
    [GK_CONTAINER_DAMAGED] = { "container-damaged", LOW,
        "not all of what is packed in it can be read", NULL },
    [GK_CONTAINER_OVER_LIMIT] = { "container-over-limit", LOW,
        "what is packed in it is more than is unpacked here", NULL },
    [GK_CONTAINER_ENCRYPTED] = { "container-encrypted", LOW,
        "something in it is encrypted, so that nobody can look at it", "ATT&CK T1027.013" },
    [GK_RULE_CRITICAL] = { "rule-critical", CRITICAL,
        "a YARA rule for what does harm matches", NULL },
    [GK_RULE_HIGH] = { "rule-high", HIGH,
        "a YARA rule matches", NULL },
    [GK_RULE_MEDIUM] = { "rule-medium", MEDIUM,
        "a YARA rule for what is odd matches", NULL },
    [GK_RULE_LOW] = { "rule-low", LOW,
        "a YARA rule for what is worth knowing matches", NULL },
};
/* clang-format on */

struct _GkFindings {
    GString *details[GK_N_INDICATORS]; /* %NULL: not found */
    guint joined[GK_N_INDICATORS];
};

const char *
gk_severity_to_string (GkSeverity severity)
{
    static const char *const names[] = { "low", "medium", "high", "critical" };

    static_assert (G_N_ELEMENTS (names) == GK_SEVERITY_CRITICAL + 1, "every severity has a name");
    return names[severity];
}

GkFindings *
gk_findings_new (void)
{
    return g_new0 (GkFindings, 1);
}

void
gk_findings_free (GkFindings *findings)
{
    for (guint i = 0; findings && i < GK_N_INDICATORS; i++)
        if (findings->details[i])
            g_string_free (findings->details[i], TRUE);
    g_free (findings);
}

void
gk_findings_add (GkFindings *findings, GkIndicatorId id, const char *detail, ...)
{
    GString **into = &findings->details[id];
    va_list args;

    if (findings->joined[id]++ == JOINED_MAX)
        g_string_append (*into, "; and more");
    if (findings->joined[id] > JOINED_MAX)
        return;
    if (*into)
        g_string_append (*into, "; ");
    else
        *into = g_string_new (NULL);
    va_start (args, detail);
    g_string_append_vprintf (*into, detail, args);
    va_end (args);
}

static guint
count (const GkFindings *findings, GkSeverity severity)
{
    guint n = 0;

    for (guint i = 0; i < GK_N_INDICATORS; i++)
        n += findings->details[i] && gk_indicators[i].severity == severity;
    return n;
}

GkVerdict
gk_findings_verdict (const GkFindings *findings)
{
    if (count (findings, CRITICAL) >= 1 || count (findings, HIGH) >= 2)
        return GK_VERDICT_MALICIOUS;
    if (count (findings, HIGH) == 1 || count (findings, MEDIUM) >= 1)
        return GK_VERDICT_SUSPICIOUS;
    return GK_VERDICT_CLEAN;
}

/* The next finding of those at least as mild as (@severity, @after), worst first, in the table's
 * order within a severity; GK_N_INDICATORS: no more. */
static guint
next_finding (const GkFindings *findings, GkSeverity *severity, guint after)
{
    for (guint i = after;; i++) {
        if (i == GK_N_INDICATORS) {
            if (*severity == LOW)
                return GK_N_INDICATORS;
            *severity -= 1;
            i = 0;
        }
        if (findings->details[i] && gk_indicators[i].severity == *severity)
            return i;
    }
}

char *
gk_findings_why (const GkFindings *findings)
{
    GkSeverity severity = CRITICAL;
    guint worst = next_finding (findings, &severity, 0), weighing = 0;

    if (gk_findings_verdict (findings) == GK_VERDICT_CLEAN)
        return NULL;
    for (guint i = MEDIUM; i <= CRITICAL; i++)
        weighing += count (findings, i);
    if (weighing == 1)
        return g_strdup (gk_indicators[worst].meaning);
    return g_strdup_printf ("%s; and %u more %s", gk_indicators[worst].meaning, weighing - 1,
                            weighing == 2 ? "sign like that" : "signs like that");
}

static void
set_detail (JsonObject *object, const char *detail)
{
    gboolean cut = g_utf8_strlen (detail, -1) > DETAIL_SHOWN;
    g_autofree char *shown = g_utf8_substring (detail, 0, cut ? DETAIL_SHOWN : -1);

    json_object_set_string_member (object, "detail", shown);
    if (cut)
        json_object_set_boolean_member (object, "detail_cut", TRUE);
}

JsonArray *
gk_findings_to_json (const GkFindings *findings)
{
    JsonArray *array = json_array_new ();
    GkSeverity severity = CRITICAL;

    for (guint i = next_finding (findings, &severity, 0); i < GK_N_INDICATORS;
         i = next_finding (findings, &severity, i + 1)) {
        const GkIndicator *indicator = &gk_indicators[i];
        JsonObject *object = json_object_new ();

        json_object_set_string_member (object, "id", indicator->id);
        json_object_set_string_member (object, "severity",
                                       gk_severity_to_string (indicator->severity));
        set_detail (object, findings->details[i]->str);
        json_object_set_string_member (object, "meaning", indicator->meaning);
        if (indicator->reference)
            json_object_set_string_member (object, "reference", indicator->reference);
        json_array_add_object_element (array, object);
    }
    return array;
}
