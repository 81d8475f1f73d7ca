/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/scan/programs.h"

#include <string.h>

/* Letters before the `~` of a short name; Windows takes two and a checksum where many are alike. */
enum { SHORT_LEAST = 3, SHORT_MOST = 6 };

/* After the LOLBAS list: those that run code or fetch it when told to. `word`: the name is worth
 * looking for in other text, being no everyday word. */
static const struct {
    const char *name;
    gboolean word;
} builtins[] = {
    {"%comspec%",                 TRUE },
    { "cmd",                      TRUE },
    { "powershell",               TRUE },
    { "powershell_ise",           TRUE },
    { "pwsh",                     TRUE },
    { "wscript",                  TRUE },
    { "cscript",                  TRUE },
    { "mshta",                    TRUE },
    { "rundll32",                 TRUE },
    { "regsvr32",                 TRUE },
    { "msiexec",                  TRUE },
    { "certutil",                 TRUE },
    { "bitsadmin",                TRUE },
    { "forfiles",                 TRUE },
    { "conhost",                  TRUE },
    { "wmic",                     TRUE },
    { "schtasks",                 TRUE },
    { "installutil",              TRUE },
    { "msbuild",                  TRUE },
    { "cmstp",                    TRUE },
    { "pcalua",                   TRUE },
    { "odbcconf",                 TRUE },
    { "regasm",                   TRUE },
    { "regsvcs",                  TRUE },
    { "mavinject",                TRUE },
    { "ieexec",                   TRUE },
    { "verclsid",                 TRUE },
    { "xwizard",                  TRUE },
    { "scriptrunner",             TRUE },
    { "presentationhost",         TRUE },
    { "syncappvpublishingserver", TRUE },
    { "bash",                     FALSE},
    { "curl",                     FALSE},
    { "findstr",                  FALSE},
    { "ftp",                      FALSE},
    { "hh",                       FALSE},
    { "scp",                      FALSE},
    { "ssh",                      FALSE},
    { "tar",                      FALSE},
    { "wsl",                      FALSE},
    { "wt",                       FALSE},
};

static const struct {
    const char *ending;
    const char *what;
} documents[] = {
    {"pdf",   "a PDF document"   },
    { "doc",  "a Word document"  },
    { "docx", "a Word document"  },
    { "rtf",  "a text document"  },
    { "odt",  "a text document"  },
    { "hwp",  "a Hangul document"},
    { "hwpx", "a Hangul document"},
    { "txt",  "a text file"      },
    { "csv",  "a table"          },
    { "xls",  "an Excel table"   },
    { "xlsx", "an Excel table"   },
    { "ppt",  "a presentation"   },
    { "pptx", "a presentation"   },
    { "eml",  "a message"        },
    { "msg",  "a message"        },
    { "jpg",  "a picture"        },
    { "jpeg", "a picture"        },
    { "png",  "a picture"        },
    { "gif",  "a picture"        },
    { "bmp",  "a picture"        },
    { "mp3",  "a recording"      },
    { "mp4",  "a video"          },
    { "avi",  "a video"          },
    { "zip",  "an archive"       },
    { "rar",  "an archive"       },
    { "7z",   "an archive"       },
    { "html", "a web page"       },
    { "htm",  "a web page"       },
};

static const struct {
    const char *ending;
    gboolean script;
} runnable[] = {
    {"exe",         FALSE},
    { "com",        FALSE},
    { "scr",        FALSE},
    { "pif",        FALSE},
    { "cpl",        FALSE},
    { "msi",        FALSE},
    { "msp",        FALSE},
    { "lnk",        FALSE},
    { "url",        FALSE},
    { "jar",        FALSE},
    { "reg",        FALSE},
    { "chm",        FALSE},
    { "iso",        FALSE},
    { "img",        FALSE},
    { "vhd",        FALSE},
    { "vhdx",       FALSE},
    { "library-ms", FALSE},
    { "search-ms",  FALSE},
    { "msc",        FALSE},
    { "bat",        TRUE },
    { "cmd",        TRUE },
    { "ps1",        TRUE },
    { "vbs",        TRUE },
    { "vbe",        TRUE },
    { "js",         TRUE },
    { "jse",        TRUE },
    { "wsf",        TRUE },
    { "wsh",        TRUE },
    { "hta",        TRUE },
    { "sct",        TRUE },
    { "sh",         TRUE },
    { "py",         TRUE },
    { "wsc",        TRUE },
    { "inf",        FALSE},
    { "xll",        FALSE},
    { "appref-ms",  FALSE},
};

/* Programs whose icon says "this is a document" or "this is your browser". */
static const struct {
    const char *program;
    const char *what;
} readers[] = {
    {"acrord32.exe",        "a PDF document"   },
    { "acrobat.exe",        "a PDF document"   },
    { "foxitreader.exe",    "a PDF document"   },
    { "foxitpdfreader.exe", "a PDF document"   },
    { "sumatrapdf.exe",     "a PDF document"   },
    { "winword.exe",        "a Word document"  },
    { "wordicon.exe",       "a Word document"  },
    { "wordpad.exe",        "a text document"  },
    { "notepad.exe",        "a text file"      },
    { "hwp.exe",            "a Hangul document"},
    { "excel.exe",          "an Excel table"   },
    { "xlicons.exe",        "an Excel table"   },
    { "powerpnt.exe",       "a presentation"   },
    { "pptico.exe",         "a presentation"   },
    { "outlook.exe",        "a message"        },
    { "zipfldr.dll",        "an archive"       },
    { "winrar.exe",         "an archive"       },
    { "msedge.exe",         "a web page"       },
    { "chrome.exe",         "a web page"       },
    { "firefox.exe",        "a web page"       },
    { "iexplore.exe",       "a web page"       },
    { "brave.exe",          "a web page"       },
    { "ieframe.dll",        "a web page"       },
    { "url.dll",            "a web page"       },
};

/* The document and folder icons in Windows' own libraries: by place, or negative by id. */
static const struct {
    const char *library;
    gint32 index;
    const char *what;
} stock_icons[] = {
    {"shell32.dll",   0,    "a document" },
    { "shell32.dll",  1,    "a document" },
    { "shell32.dll",  -1,   "a document" },
    { "shell32.dll",  -2,   "a document" },
    { "shell32.dll",  3,    "a folder"   },
    { "shell32.dll",  4,    "a folder"   },
    { "shell32.dll",  -4,   "a folder"   },
    { "shell32.dll",  -5,   "a folder"   },
    { "shell32.dll",  70,   "a text file"},
    { "shell32.dll",  -71,  "a text file"},
    { "shell32.dll",  -152, "a text file"},
    { "imageres.dll", 2,    "a document" },
    { "imageres.dll", -2,   "a document" },
    { "imageres.dll", 3,    "a folder"   },
    { "imageres.dll", -3,   "a folder"   },
    { "imageres.dll", -72,  "a picture"  },
    { "imageres.dll", -102, "a text file"},
};

const char *
gk_path_last (const char *path)
{
    const char *last = path;

    for (const char *at = path; *at; at++)
        if (*at == '\\' || *at == '/')
            last = at + 1;
    return last;
}

char *
gk_path_program (const char *path)
{
    char *program = g_ascii_strdown (gk_path_last (path), -1);
    gsize size = strlen (program);

    while (size > 0 && strchr (" .\"'", program[size - 1]))
        program[--size] = '\0';
    return program;
}

/* Length of @program without `.exe`. */
static gsize
stem_length (const char *program)
{
    gsize size = strlen (program);

    return size > 4 && g_ascii_strcasecmp (program + size - 4, ".exe") == 0 ? size - 4 : size;
}

const char *
gk_program_by_short_name (const char *program)
{
    gsize letters = strcspn (program, "~");

    if (!program[letters] || !g_ascii_isdigit (program[letters + 1]) || letters < SHORT_LEAST ||
        letters > SHORT_MOST)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS (builtins); i++)
        if (g_ascii_strncasecmp (builtins[i].name, program, letters) == 0)
            return builtins[i].name;
    return NULL;
}

gboolean
gk_program_is_builtin (const char *program)
{
    gsize size = stem_length (program);

    for (gsize i = 0; i < G_N_ELEMENTS (builtins); i++)
        if (strlen (builtins[i].name) == size &&
            g_ascii_strncasecmp (builtins[i].name, program, size) == 0)
            return TRUE;
    return gk_program_by_short_name (program) != NULL;
}

gboolean
gk_program_is_browser (const char *program)
{
    static const char *const browsers[] = {
        "chrome.exe",   "chrome_proxy.exe", "msedge.exe", "msedge_proxy.exe", "firefox.exe",
        "iexplore.exe", "brave.exe",        "opera.exe",  "vivaldi.exe",
    };

    for (gsize i = 0; i < G_N_ELEMENTS (browsers); i++)
        if (g_ascii_strcasecmp (browsers[i], program) == 0)
            return TRUE;
    return FALSE;
}

static gboolean
is_word_at (const char *text, const char *at, gsize length)
{
    return (at == text || !g_ascii_isalnum (at[-1])) && !g_ascii_isalnum (at[length]) &&
           at[length] != '_';
}

static const char *
short_name_in_text (const char *text)
{
    for (const char *tilde = strchr (text, '~'); tilde; tilde = strchr (tilde + 1, '~')) {
        const char *from = tilde, *name;

        while (from > text && g_ascii_isalnum (from[-1]))
            from--;
        name = gk_program_by_short_name (from);
        if (name)
            return name;
    }
    return NULL;
}

const char *
gk_program_in_text (const char *text)
{
    for (gsize i = 0; i < G_N_ELEMENTS (builtins); i++) {
        const char *name = builtins[i].name;
        const char *at = builtins[i].word ? strstr (text, name) : NULL;

        for (; at; at = strstr (at + 1, name))
            if (is_word_at (text, at, strlen (name)))
                return name;
    }
    return short_name_in_text (text);
}

/* The ending behind the last dot of the last component, without the blanks Windows drops. */
static char *
ending_of (const char *name)
{
    g_autofree char *last = gk_path_program (name);
    const char *dot = strrchr (last, '.');

    return dot ? g_strdup (dot + 1) : NULL;
}

const char *
gk_name_document (const char *name)
{
    g_autofree char *ending = ending_of (name);

    for (gsize i = 0; ending && i < G_N_ELEMENTS (documents); i++)
        if (g_str_equal (documents[i].ending, ending))
            return documents[i].what;
    return NULL;
}

static gboolean
runs (const char *name, gboolean only_scripts)
{
    g_autofree char *ending = ending_of (name);

    for (gsize i = 0; ending && i < G_N_ELEMENTS (runnable); i++)
        if (g_str_equal (runnable[i].ending, ending))
            return runnable[i].script || !only_scripts;
    return FALSE;
}

gboolean
gk_name_runs (const char *name)
{
    return runs (name, FALSE);
}

gboolean
gk_name_is_script (const char *name)
{
    return runs (name, TRUE);
}

const char *
gk_icon_document (const char *location, gint32 index)
{
    g_autofree char *program = gk_path_program (location);

    for (gsize i = 0; i < G_N_ELEMENTS (readers); i++)
        if (g_str_equal (readers[i].program, program))
            return readers[i].what;
    for (gsize i = 0; i < G_N_ELEMENTS (stock_icons); i++)
        if (stock_icons[i].index == index && g_str_equal (stock_icons[i].library, program))
            return stock_icons[i].what;
    return gk_name_document (program);
}

/* Behind `\\`, or `\\?\UNC\`; %NULL where @path is of this machine, as `\\?\C:\` and `\\.\pipe`
 * are. */
static const char *
behind_slashes (const char *path)
{
    gboolean two = (path[0] == '\\' || path[0] == '/') && (path[1] == '\\' || path[1] == '/');

    if (!two)
        return NULL;
    if ((path[2] == '?' || path[2] == '.') && (path[3] == '\\' || path[3] == '/'))
        return g_ascii_strncasecmp (path + 4, "unc", 3) == 0 && path[7] && strchr ("\\/", path[7])
                   ? path + 8
                   : NULL;
    return path + 2;
}

static const char *
behind_scheme (const char *path)
{
    static const char *const schemes[] = { "http://", "https://", "ftp://", "file://" };

    for (gsize i = 0; i < G_N_ELEMENTS (schemes); i++)
        if (g_ascii_strncasecmp (path, schemes[i], strlen (schemes[i])) == 0)
            return path + strlen (schemes[i]);
    return NULL;
}

char *
gk_path_host (const char *path)
{
    const char *host = behind_slashes (path);
    char *lower;

    if (!host)
        host = behind_scheme (path);
    if (!host)
        return NULL;
    lower = g_ascii_strdown (host, (gssize) strcspn (host, "\\/@:"));
    if (!*lower)
        g_clear_pointer (&lower, g_free); /* `file:///C:/…` */
    return lower;
}

GkPlace
gk_path_place (const char *path)
{
    g_autofree char *host = gk_path_host (path);
    g_autofree char *lower = g_ascii_strdown (path, -1);

    if (!host)
        return GK_PLACE_HERE;
    if (behind_scheme (path) && !g_str_has_prefix (lower, "file:"))
        return GK_PLACE_WEB;
    if (strstr (lower, "@ssl") || strstr (lower, "\\davwwwroot") ||
        path[2 + strlen (host)] == '@') /* `\\host@port\` */
        return GK_PLACE_WEB;
    return GK_PLACE_UNC;
}
