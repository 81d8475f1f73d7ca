/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/id.h"

#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static const char *const colours[] = {
    "amber", "ashen", "azure", "brass", "brown", "coral",  "dusky", "ebony",
    "green", "hazel", "ivory", "jade",  "khaki", "lilac",  "mauve", "ochre",
    "olive", "pearl", "plum",  "rosy",  "ruby",  "russet", "sepia", "teal",
};

static const char *const animals[] = {
    "badger", "bear", "bison", "crane", "crow",  "deer",  "duck", "finch",
    "fox",    "goat", "goose", "hare",  "heron", "ibex",  "lark", "lynx",
    "mole",   "newt", "otter", "owl",   "raven", "robin", "seal", "wolf",
};

static void
random_bytes (guint8 *bytes, gsize size)
{
    /* At most 256 bytes at a time: such a call is never interrupted nor cut. */
    g_assert (size <= 256);
    if (getrandom (bytes, size, 0) != (gssize) size)
        g_error ("getrandom failed");
}

char *
gk_id_new (void)
{
    guint8 bytes[GK_ID_LENGTH];
    char *id = g_malloc0 (GK_ID_LENGTH + 1);

    random_bytes (bytes, sizeof bytes);
    id[0] = alphabet[bytes[0] % 26];
    for (gsize i = 1; i < GK_ID_LENGTH; i++)
        id[i] = alphabet[bytes[i] % 32];
    return id;
}

gboolean
gk_id_valid (const char *id)
{
    return id && strlen (id) == GK_ID_LENGTH && g_ascii_islower (id[0]) &&
           strspn (id, alphabet) == GK_ID_LENGTH;
}

char *
gk_name_new (void)
{
    guint8 bytes[2];

    random_bytes (bytes, sizeof bytes);
    return g_strdup_printf ("%s-%s", colours[bytes[0] % G_N_ELEMENTS (colours)],
                            animals[bytes[1] % G_N_ELEMENTS (animals)]);
}

gboolean
gk_name_valid (const char *name)
{
    gsize length = name ? strlen (name) : 0;

    return length >= 1 && length <= 32 && g_ascii_isalnum (name[0]) &&
           strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}
