/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved states made by hand, small enough to try everything: how they are read, stripped and fed.
 */
#include "vmm/feed.h"
#include "vmm/save-image.h"

#include "base/fd.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE = 4096,
    HEADER = 92,
    ZERO = 0x02,
    BLOCKS = 0x04,
    FULL = 0x08,
    LAST = 0x10,
    SAME = 0x20
};

#define XML "<domain><name>saved</name></domain>"
#define COOKIE "<cookie/>"
#define END "\0\6\0\0\0\2{}"

/* ---- making them ---- */

static void
add (GByteArray *bytes, const void *data, gsize size)
{
    g_byte_array_append (bytes, data, (guint) size);
}

static void
add_u8 (GByteArray *bytes, guint8 value)
{
    add (bytes, &value, sizeof value);
}

static void
add_u32 (GByteArray *bytes, guint32 value)
{
    value = GUINT32_TO_BE (value);
    add (bytes, &value, sizeof value);
}

static void
add_u64 (GByteArray *bytes, guint64 value)
{
    value = GUINT64_TO_BE (value);
    add (bytes, &value, sizeof value);
}

static void
add_name (GByteArray *bytes, const char *name)
{
    add_u8 (bytes, (guint8) strlen (name));
    add (bytes, name, strlen (name));
}

/* @name: NULL for the same block as before. A page is full of its number. */
static void
add_record (GByteArray *bytes, guint64 page, guint64 kind, const char *name)
{
    guint8 content[PAGE];

    add_u64 (bytes, page * PAGE | kind | (name ? 0 : SAME));
    if (name)
        add_name (bytes, name);
    memset (content, (int) page + 1, sizeof content);
    if (kind == ZERO)
        add_u8 (bytes, 0);
    else
        add (bytes, content, sizeof content);
}

static void
add_section (GByteArray *bytes, guint8 mark, guint32 section)
{
    add_u8 (bytes, mark);
    add_u32 (bytes, section);
}

static void
end_section (GByteArray *bytes, guint32 section)
{
    add_u64 (bytes, LAST);
    add_u8 (bytes, 0x7e);
    add_u32 (bytes, section);
}

/* Up to the list of blocks. */
static void
add_start (GByteArray *bytes)
{
    add (bytes, "QEVM\0\0\0\3", 8);
    add_u8 (bytes, 7);
    add_u32 (bytes, 3);
    add (bytes, "q35", 3);
    add_section (bytes, 1, 2);
    add_name (bytes, "ram");
    add_u32 (bytes, 0);
    add_u32 (bytes, 4);
    add_u64 (bytes, 24 * PAGE | BLOCKS);
    add_name (bytes, "pc.ram");
    add_u64 (bytes, 16 * PAGE);
    add_name (bytes, "pc.rom");
    add_u64 (bytes, 8 * PAGE);
    end_section (bytes, 2);
}

/* What is behind the memory. */
static void
add_devices (GByteArray *bytes)
{
    add (bytes, "\4devices, whatever they are", 27);
    add (bytes, END, sizeof END - 1);
}

/* With what is to be left out, or as it must be without. */
static GByteArray *
make_stream (gboolean stripped)
{
    GByteArray *bytes = g_byte_array_new ();

    add_start (bytes);
    add_section (bytes, 2, 2);
    if (!stripped) {
        add_record (bytes, 0, ZERO, "pc.ram");
        add_record (bytes, 1, ZERO, NULL);
    }
    add_record (bytes, 2, FULL, stripped ? "pc.ram" : NULL); /* its namer was left out */
    if (!stripped)
        add_record (bytes, 3, ZERO, NULL);
    add_record (bytes, 4, FULL, NULL);
    add_record (bytes, 0, ZERO, "pc.rom"); /* no main memory */
    if (!stripped)
        add_record (bytes, 5, ZERO, "pc.ram");
    add_record (bytes, 1, FULL, stripped ? NULL : "pc.rom");
    end_section (bytes, 2);
    add_section (bytes, 2, 2);
    if (!stripped)
        add_record (bytes, 6, ZERO, "pc.ram");
    end_section (bytes, 2);
    add_section (bytes, 3, 2);
    if (!stripped)
        add_record (bytes, 7, ZERO, "pc.ram");
    add_record (bytes, 2, ZERO, stripped ? "pc.ram" : NULL); /* was loaded with content before */
    add_record (bytes, 8, FULL, NULL);
    end_section (bytes, 2);
    add_devices (bytes);
    return bytes;
}

/* What libvirt puts before a stream: with padding, as it does. */
static GByteArray *
make_image (GByteArray *stream)
{
    static const char padding[100];
    const guint32 words[19] = { 2, sizeof XML + sizeof COOKIE + sizeof padding, 1, 0, sizeof XML };
    GByteArray *bytes = g_byte_array_new ();

    add (bytes, "LibvirtQemudSave", 16);
    add (bytes, words, sizeof words);
    add (bytes, XML, sizeof XML);
    add (bytes, COOKIE, sizeof COOKIE);
    add (bytes, padding, sizeof padding);
    add (bytes, stream->data, stream->len);
    return bytes;
}

typedef struct {
    char *folder, *from, *to;
} Place;

static void
place_set_up (Place *place, gconstpointer data)
{
    place->folder = g_dir_make_tmp ("genkan-saved-XXXXXX", NULL);
    place->from = g_build_filename (place->folder, "from", NULL);
    place->to = g_build_filename (place->folder, "to", NULL);
}

static void
place_tear_down (Place *place, gconstpointer data)
{
    g_autoptr (GError) error = NULL;

    gk_tree_remove_path (place->folder, &error);
    g_assert_no_error (error);
    g_free (place->folder);
    g_free (place->from);
    g_free (place->to);
}

static void
put (const char *path, const GByteArray *bytes, gsize size)
{
    g_autoptr (GError) error = NULL;

    unlink (path); /* GLib 2.74 leaves the end of a longer file */
    g_file_set_contents_full (path, (const char *) bytes->data, (gssize) size,
                              G_FILE_SET_CONTENTS_NONE, 0600, &error);
    g_assert_no_error (error);
}

static void
expect_refused (Place *place, const GByteArray *image, gsize size, const char *why)
{
    g_autoptr (GError) error = NULL;

    put (place->from, image, size);
    g_assert_false (gk_save_image_strip (place->from, place->to, NULL, NULL, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    if (why && !strstr (error->message, why))
        g_error ("'%s' is not said in '%s'", why, error->message);
    g_assert_cmpint (access (place->to, F_OK), ==, -1);
}

/* ---- reading and stripping ---- */

static void
test_strip (Place *place, gconstpointer data)
{
    g_autoptr (GByteArray) stream = make_stream (FALSE), image = make_image (stream);
    g_autoptr (GByteArray) wanted = make_stream (TRUE);
    g_auto (GkSaveImage) opened = { .fd = -1 };
    g_autoptr (GError) error = NULL;
    g_autofree char *content = NULL;
    gsize size = 0;
    guint64 bytes = 0;
    struct stat st;

    put (place->from, image, image->len);
    gk_save_image_strip (place->from, place->to, &bytes, NULL, &error);
    g_assert_no_error (error);
    gk_save_image_open (&opened, place->to, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (opened.xml, ==, XML);
    g_assert_cmpstr (opened.cookie, ==, COOKIE);
    g_assert_true (g_file_get_contents (place->to, &content, &size, NULL));
    g_assert_cmpuint (size, ==, bytes);
    g_assert_cmpmem (content + opened.stream, opened.size, wanted->data, wanted->len);
    g_assert_cmpint (fstat (opened.fd, &st), ==, 0);
    g_assert_cmpint (st.st_mode & 07777, ==, 0600);
    g_assert_false (gk_save_image_strip (place->from, place->to, NULL, NULL, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
}

static void
test_cut (Place *place, gconstpointer data)
{
    g_autoptr (GByteArray) stream = make_stream (FALSE), image = make_image (stream);

    for (gsize size = 0; size < image->len; size++)
        expect_refused (place, image, size, NULL);
}

static void
test_stripped_and_cut (Place *place, gconstpointer data)
{
    g_autoptr (GByteArray) stream = make_stream (FALSE), image = make_image (stream);
    g_autofree char *content = NULL;
    gsize whole = 0;

    put (place->from, image, image->len);
    g_assert_true (gk_save_image_strip (place->from, place->to, NULL, NULL, NULL));
    g_assert_true (g_file_get_contents (place->to, &content, &whole, NULL));
    for (gsize size = 0; size < whole; size++) {
        g_auto (GkSaveImage) opened = { .fd = -1 };
        g_autoptr (GError) error = NULL;

        g_assert_cmpint (truncate (place->to, (off_t) (whole - size - 1)), ==, 0);
        g_assert_false (gk_save_image_open (&opened, place->to, &error));
        g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    }
}

static void
test_cancelled (Place *place, gconstpointer data)
{
    g_autoptr (GByteArray) stream = make_stream (FALSE), image = make_image (stream);
    g_autoptr (GCancellable) cancelled = g_cancellable_new ();
    g_autoptr (GError) error = NULL;

    put (place->from, image, image->len);
    g_cancellable_cancel (cancelled);
    g_assert_false (gk_save_image_strip (place->from, place->to, NULL, cancelled, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_assert_cmpint (access (place->to, F_OK), ==, -1);
}

/* One word of libvirt's header, and what is said of it. */
static const struct {
    guint word, value;
    const char *why;
} headers[] = {
    {0,  1,              "version"   },
    { 0, 3,              "version"   },
    { 0, 0x02000000,     "version"   },
    { 1, 0,              "header"    },
    { 1, 0x7fffffff,     "header"    },
    { 1, 20,             "header"    },
    { 3, 1,              "compressed"},
    { 4, 0x7fffffff,     "header"    },
    { 4, sizeof XML - 2, "XML"       },
    { 5, 0x676b7331,     "cut short" },
};

static void
test_headers (Place *place, gconstpointer data)
{
    g_autoptr (GByteArray) stream = make_stream (FALSE), image = make_image (stream);

    for (gsize i = 0; i < G_N_ELEMENTS (headers); i++) {
        guint8 *word = image->data + 16 + 4 * headers[i].word;
        guint32 kept;

        memcpy (&kept, word, sizeof kept);
        memcpy (word, &headers[i].value, sizeof kept);
        expect_refused (place, image, image->len, headers[i].why);
        memcpy (word, &kept, sizeof kept);
    }
    memcpy (image->data, "LibvirtQemudPart", 16);
    expect_refused (place, image, image->len, "not finished");
    memcpy (image->data, "LibvirtQemudSafe", 16);
    expect_refused (place, image, image->len, "no save image");
}

/* Streams that are not understood: each is put behind a start that is fine, before an end that is.
 */
static void
add_feature (GByteArray *bytes)
{
    add_section (bytes, 2, 2);
    add_u64 (bytes, 0x40); /* xbzrle */
}

static void
add_other_section (GByteArray *bytes)
{
    add_section (bytes, 1, 3);
    add_name (bytes, "dirty-bitmap");
}

static void
add_stranger (GByteArray *bytes)
{
    add_section (bytes, 2, 2);
    add_record (bytes, 0, FULL, "pc.tam");
}

static void
add_nameless (GByteArray *bytes)
{
    add_section (bytes, 2, 2);
    add_record (bytes, 0, FULL, NULL);
}

static void
add_beyond (GByteArray *bytes)
{
    add_section (bytes, 2, 2);
    add_record (bytes, 16, FULL, "pc.ram");
}

static void
add_filled (GByteArray *bytes)
{
    add_section (bytes, 2, 2);
    add_u64 (bytes, ZERO);
    add_name (bytes, "pc.ram");
    add_u8 (bytes, 0xff);
}

static void
add_list (GByteArray *bytes)
{
    add_section (bytes, 2, 2);
    add_u64 (bytes, PAGE | BLOCKS);
    add_name (bytes, "more");
    add_u64 (bytes, PAGE);
}

static void
add_other_footer (GByteArray *bytes)
{
    add_section (bytes, 2, 2);
    end_section (bytes, 3);
}

static void
add_other_number (GByteArray *bytes)
{
    add_section (bytes, 2, 3);
    end_section (bytes, 3);
}

static const struct {
    void (*add) (GByteArray *bytes);
    const char *why;
} streams[] = {
    {add_feature,        "unknown record (0x40)" },
    { add_other_section, "other than memory"     },
    { add_stranger,      "no known memory"       },
    { add_nameless,      "no known memory"       },
    { add_beyond,        "beyond its memory"     },
    { add_filled,        "other than zero"       },
    { add_list,          "lists its memory twice"},
    { add_other_footer,  "another section"       },
    { add_other_number,  "other than memory"     },
};

static void
test_streams (Place *place, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS (streams); i++) {
        g_autoptr (GByteArray) stream = g_byte_array_new (), image = NULL;

        add_start (stream);
        streams[i].add (stream);
        add_section (stream, 3, 2);
        end_section (stream, 2);
        add_devices (stream);
        image = make_image (stream);
        expect_refused (place, image, image->len, streams[i].why);
    }
}

/* Whatever one changed byte does, it is not a crash, and no more than was there. */
static void
test_changed_bytes (Place *place, gconstpointer data)
{
    g_autoptr (GByteArray) stream = make_stream (FALSE), image = make_image (stream);
    guint refused = 0;

    for (gsize at = 0; at < image->len; at += at < 700 ? 1 : 23) {
        guint64 bytes = 0;

        image->data[at] ^= 0x55;
        put (place->from, image, image->len);
        if (gk_save_image_strip (place->from, place->to, &bytes, NULL, NULL))
            g_assert_cmpuint (bytes, <=, image->len + 64);
        else
            refused++;
        unlink (place->to);
        image->data[at] ^= 0x55;
    }
    g_assert_cmpuint (refused, >, 100);
}

/* ---- feeding ---- */

/* Opens a state of @size bytes of memory that need not make sense. */
static void
open_large (Place *place, gsize size, GkSaveImage *ret)
{
    g_autoptr (GByteArray) stream = g_byte_array_new (), image = NULL;
    g_autoptr (GError) error = NULL;

    g_byte_array_set_size (stream, (guint) size);
    for (guint i = 0; i < stream->len; i++)
        stream->data[i] = (guint8) (i * 2654435761u >> 24);
    image = make_image (stream);
    put (place->from, image, image->len);
    gk_save_image_open (ret, place->from, &error);
    g_assert_no_error (error);
}

static guint
count_in (const char *folder)
{
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    guint count = 0;

    while (g_dir_read_name (dir))
        count++;
    return count;
}

/* What a reader may do: how much it reads before it goes or stays, and whether that is all. */
static const struct {
    const char *name;
    gboolean opens, stays;
    gsize reads; /* bytes, at most */
} readers[] = {
    {"nobody",        FALSE, FALSE, 0        },
    { "goes-at-once", TRUE,  FALSE, 0        },
    { "goes-in-head", TRUE,  FALSE, 10       },
    { "goes-midway",  TRUE,  FALSE, 3000000  },
    { "stays-silent", TRUE,  TRUE,  3000000  },
    { "reads-all",    TRUE,  TRUE,  G_MAXSIZE},
};

/* Returns: what came before @max bytes or the end */
static GByteArray *
read_some (int fd, gsize max)
{
    GByteArray *got = g_byte_array_new ();
    guint8 chunk[32768];
    ssize_t n = 1;

    while (n > 0 && got->len < max) {
        struct pollfd entry = { .fd = fd, .events = POLLIN };

        g_assert_cmpint (poll (&entry, 1, 20000), ==, 1);
        n = read (fd, chunk, MIN (sizeof chunk, max - got->len));
        if (n > 0)
            add (got, chunk, (gsize) n);
    }
    g_assert_cmpint (n, >=, 0);
    return got;
}

static void
test_feed (Place *place, gconstpointer data)
{
    gsize i = GPOINTER_TO_SIZE (data);
    g_auto (GkSaveImage) image = { .fd = -1 };
    g_autoptr (GBytes) head = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (GByteArray) got = NULL;
    gk_autofd int reader = -1;
    guint descriptors, threads = count_in ("/proc/self/task");
    GkFeed *feed;
    gint64 begun;

    open_large (place, 5 << 20, &image);
    head = gk_save_image_head (&image, "<domain/>");
    descriptors = count_in ("/proc/self/fd");
    feed = gk_feed_start (GK_FEED_FIFO, &image, head, place->folder, &error);
    g_assert_no_error (error);
    if (readers[i].opens)
        reader = open (gk_feed_path (feed), O_RDONLY | O_CLOEXEC);
    g_assert_true (!readers[i].opens || reader >= 0);
    got = read_some (reader, readers[i].reads);
    if (!readers[i].stays)
        gk_fd_close (gk_steal_fd (&reader));
    begun = g_get_monotonic_time ();
    gk_feed_end (feed, &error);
    g_assert_no_error (error);
    g_assert_cmpint (g_get_monotonic_time () - begun, <, G_USEC_PER_SEC);
    gk_fd_close (gk_steal_fd (&reader));
    g_assert_cmpuint (count_in ("/proc/self/fd"), ==, descriptors);
    g_assert_cmpuint (count_in ("/proc/self/task"), ==, threads);
    g_assert_cmpuint (count_in (place->folder), ==, 1);
    if (readers[i].reads < G_MAXSIZE)
        return;
    g_assert_cmpuint (got->len, ==, g_bytes_get_size (head) + image.size);
    g_assert_cmpmem (got->data, g_bytes_get_size (head), g_bytes_get_data (head, NULL),
                     g_bytes_get_size (head));
    for (guint64 at = 0; at < image.size; at++)
        g_assert_cmpuint (got->data[g_bytes_get_size (head) + at], ==,
                          (guint8) ((guint32) at * 2654435761u >> 24));
}

static void
test_feed_file (Place *place, gconstpointer data)
{
    g_auto (GkSaveImage) image = { .fd = -1 }, copy = { .fd = -1 };
    g_autoptr (GBytes) head = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *wanted = NULL, *got = NULL;
    gsize wanted_size = 0, got_size = 0;
    GkFeed *feed;

    open_large (place, 5 << 20, &image);
    head = gk_save_image_head (&image, "<domain/>");
    feed = gk_feed_start (GK_FEED_FILE, &image, head, place->folder, &error);
    g_assert_no_error (error);
    gk_save_image_open (&copy, gk_feed_path (feed), &error);
    g_assert_no_error (error);
    g_assert_cmpstr (copy.xml, ==, "<domain/>");
    g_assert_true (g_file_get_contents (place->from, &wanted, &wanted_size, NULL));
    g_assert_true (g_file_get_contents (gk_feed_path (feed), &got, &got_size, NULL));
    g_assert_cmpmem (got + copy.stream, got_size - copy.stream, wanted + image.stream,
                     wanted_size - image.stream);
    g_assert_true (gk_feed_end (feed, &error));
    g_assert_cmpuint (count_in (place->folder), ==, 1);
    g_assert_cmpint (truncate (place->from, 1 << 20), ==, 0);
    g_assert_null (gk_feed_start (GK_FEED_FILE, &image, head, place->folder, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
    g_assert_cmpuint (count_in (place->folder), ==, 1);
}

static void
test_feed_shrinks (Place *place, gconstpointer data)
{
    g_auto (GkSaveImage) image = { .fd = -1 };
    g_autoptr (GBytes) head = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (GByteArray) got = NULL;
    gk_autofd int reader = -1;
    GkFeed *feed;

    open_large (place, 5 << 20, &image);
    head = gk_save_image_head (&image, "<domain/>");
    g_assert_cmpint (truncate (place->from, 1 << 20), ==, 0);
    feed = gk_feed_start (GK_FEED_FIFO, &image, head, place->folder, &error);
    g_assert_no_error (error);
    reader = open (gk_feed_path (feed), O_RDONLY | O_CLOEXEC);
    got = read_some (reader, G_MAXSIZE);
    g_assert_cmpuint (got->len, <, 2 << 20);
    g_assert_false (gk_feed_end (feed, &error));
    g_assert_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED);
}

#define TEST(path, data, run) g_test_add (path, Place, data, place_set_up, run, place_tear_down)

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    TEST ("/saved/loses-zero-pages-and-nothing-else", NULL, test_strip);
    TEST ("/saved/refused-where-cut-short", NULL, test_cut);
    TEST ("/saved/stripped-knows-its-length", NULL, test_stripped_and_cut);
    TEST ("/saved/strip-is-cancelled", NULL, test_cancelled);
    TEST ("/saved/headers-not-understood", NULL, test_headers);
    TEST ("/saved/streams-not-understood", NULL, test_streams);
    TEST ("/saved/changed-bytes-do-no-harm", NULL, test_changed_bytes);
    for (gsize i = 0; i < G_N_ELEMENTS (readers); i++) {
        g_autofree char *path = g_strconcat ("/feed/reader/", readers[i].name, NULL);

        TEST (path, GSIZE_TO_POINTER (i), test_feed);
    }
    TEST ("/feed/as-a-file", NULL, test_feed_file);
    TEST ("/feed/state-that-shrinks", NULL, test_feed_shrinks);
    return g_test_run ();
}
