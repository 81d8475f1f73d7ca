/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/share/clamd-canary.h"

#include "base/fd.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

/* MaxRecursion is at most 100. */
enum { NESTED_LEVELS = 110, FLAG_ENCRYPTED = 1 };

static const struct {
    const char *what, *advice;
    guint levels;
    guint16 flags;
} canaries[] = {
    [GK_CLAMD_CANARY_ENCRYPTED] = {"an encrypted archive",
                                   "set AlertEncrypted yes in clamd.conf and restart clamd",  1,
                                   FLAG_ENCRYPTED                                                             },
    [GK_CLAMD_CANARY_NESTED] = { "what is over its limits",
                                   "set AlertExceedsMax yes in clamd.conf and restart clamd", NESTED_LEVELS, 0},
};
G_STATIC_ASSERT (G_N_ELEMENTS (canaries) == GK_CLAMD_N_CANARIES);

const char *
gk_clamd_canary_what (GkClamdCanary canary)
{
    return canaries[canary].what;
}

const char *
gk_clamd_canary_advice (GkClamdCanary canary)
{
    return canaries[canary].advice;
}

static void
put (GByteArray *out, guint64 value, guint size)
{
    for (guint i = 0; i < size; i++)
        g_byte_array_append (out, (const guint8[]) { (guint8) (value >> (8 * i)) }, 1);
}

/* What a local header and a directory entry of a ZIP have in common. */
static void
put_entry (GByteArray *out, guint16 flags, guint32 size)
{
    put (out, 20, 2); /* version needed */
    put (out, flags, 2);
    put (out, 0, 2); /* stored */
    put (out, 0, 4); /* time and date */
    put (out, 0, 4); /* CRC-32: clamd does not look at it */
    put (out, size, 4);
    put (out, size, 4);
    put (out, 1, 2); /* length of the name */
    put (out, 0, 2); /* of the extra field */
}

/* Returns: (transfer full): a ZIP that holds @content, which is taken over, as its one member */
static GByteArray *
zip (GByteArray *content, guint16 flags)
{
    GByteArray *out = g_byte_array_new ();
    guint32 directory;

    put (out, 0x04034b50, 4);
    put_entry (out, flags, content->len);
    put (out, 'a', 1);
    g_byte_array_append (out, content->data, content->len);
    directory = out->len;
    put (out, 0x02014b50, 4);
    put (out, 20, 2); /* made by */
    put_entry (out, flags, content->len);
    put (out, 0, 6); /* comment, disk, internal attributes */
    put (out, 0, 8); /* external attributes, offset of the local header */
    put (out, 'a', 1);
    put (out, 0x06054b50, 4);
    put (out, 0, 4); /* disks */
    put (out, 1, 2);
    put (out, 1, 2);
    put (out, out->len - 12 - directory, 4);
    put (out, directory, 4);
    put (out, 0, 2);
    g_byte_array_unref (content);
    return out;
}

int
gk_clamd_canary_open (GkClamdCanary canary, GError **error)
{
    g_autoptr (GByteArray) bytes = g_byte_array_new ();
    gk_autofd int fd = memfd_create ("genkan-canary", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    /* Longer than the 12 bytes that encryption puts in front of a member. */
    g_byte_array_append (bytes, (const guint8 *) "genkan: nothing is in here", 26);
    for (guint i = 0; i < canaries[canary].levels; i++)
        bytes = zip (g_steal_pointer (&bytes), canaries[canary].flags);
    if (fd < 0) {
        gk_set_errno (error, errno, "cannot make a file in memory");
        return -1;
    }
    if (!gk_fd_write_all (fd, bytes->data, bytes->len, error))
        return -1;
    if (fcntl (fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        gk_set_errno (error, errno, "cannot seal a file in memory");
        return -1;
    }
    return gk_steal_fd (&fd);
}
