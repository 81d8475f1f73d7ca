/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmm/save-image.h"

#include "base/fd.h"
#include "base/files.h"
#include "vmm/ram-stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 2, RAW = 0, DATA_MAX = 16 << 20 };

#define MAGIC "LibvirtQemudSave"
#define UNFINISHED "LibvirtQemudPart"

/* At the head of the file, in the host's byte order. libvirt leaves the spare words zero, and does
 * not look at them: ours say how long the stream is. */
typedef struct {
    char magic[16];
    guint32 version, data_length, was_running, format, cookie_offset;
    guint32 whole; /* WHOLE if the next two are set */
    guint32 stream_high, stream_low;
    guint32 spare[11];
} Header;

#define WHOLE 0x676b7331u

static_assert (sizeof (Header) == 92, "libvirt's header has 92 bytes");

static gboolean refuse (GError **error, const char *path, const char *what, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
refuse (GError **error, const char *path, const char *what, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start (args, what);
    reason = g_strdup_vprintf (what, args);
    va_end (args);
    g_set_error (error, GK_VMM_ERROR, GK_VMM_ERROR_FAILED, "the saved state %s cannot be used: %s",
                 path, reason);
    return FALSE;
}

void
gk_save_image_clear (GkSaveImage *image)
{
    gk_fd_close (gk_steal_fd (&image->fd));
    g_clear_pointer (&image->xml, g_free);
    g_clear_pointer (&image->cookie, g_free);
}

/* FALSE also where the file ends before. */
static gboolean
read_exactly (int fd, void *data, gsize size)
{
    for (gsize got = 0; got < size;) {
        gssize n = read (fd, (char *) data + got, size - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        got += (gsize) n;
    }
    return TRUE;
}

static gboolean
check_header (const Header *header, const char *path, GError **error)
{
    if (memcmp (header->magic, UNFINISHED, sizeof header->magic) == 0)
        return refuse (error, path, "libvirt has not finished it");
    if (memcmp (header->magic, MAGIC, sizeof header->magic) != 0)
        return refuse (error, path, "it is no save image of libvirt's");
    if (header->version != VERSION)
        return refuse (error, path, "it has version %u, not %d", header->version, VERSION);
    if (header->format != RAW)
        return refuse (error, path, "it is compressed: see save_image_format in qemu.conf");
    if (header->data_length == 0 || header->data_length > DATA_MAX ||
        header->cookie_offset >= header->data_length)
        return refuse (error, path, "its header is damaged");
    return TRUE;
}

/* What stands between header and stream: XML and cookie, each with a NUL behind. */
static gboolean
read_data (GkSaveImage *image, const Header *header, const char *path, GError **error)
{
    g_autofree char *data = g_malloc (header->data_length);
    guint32 cookie = header->cookie_offset;

    if (!read_exactly (image->fd, data, header->data_length))
        return refuse (error, path, "it ends before the guest's memory");
    if (!memchr (data, '\0', cookie ? cookie : header->data_length) ||
        !memchr (data + cookie, '\0', header->data_length - cookie))
        return refuse (error, path, "its XML is damaged");
    image->xml = g_strdup (data);
    if (cookie && data[cookie] != '\0')
        image->cookie = g_strdup (data + cookie);
    return TRUE;
}

static gboolean
measure (GkSaveImage *image, const Header *header, const char *path, GError **error)
{
    struct stat st;

    if (fstat (image->fd, &st) < 0 || !S_ISREG (st.st_mode))
        return refuse (error, path, "it is no regular file");
    image->stream = sizeof *header + header->data_length;
    if ((guint64) st.st_size <= image->stream)
        return refuse (error, path, "it ends before the guest's memory");
    image->size = (guint64) st.st_size - image->stream;
    if (header->whole == WHOLE &&
        image->size != ((guint64) header->stream_high << 32 | header->stream_low))
        return refuse (error, path, "it was cut short or added to");
    return TRUE;
}

gboolean
gk_save_image_open (GkSaveImage *ret, const char *path, GError **error)
{
    g_auto (GkSaveImage) image = { .fd = open (path, O_RDONLY | O_CLOEXEC) };
    Header header;

    if (image.fd < 0)
        return gk_set_errno (error, errno, "cannot open the saved state %s", path);
    if (!read_exactly (image.fd, &header, sizeof header))
        return refuse (error, path, "it is no save image of libvirt's");
    if (!check_header (&header, path, error) || !read_data (&image, &header, path, error) ||
        !measure (&image, &header, path, error))
        return FALSE;
    *ret = image;
    image = (GkSaveImage) { .fd = -1 };
    return TRUE;
}

/* Returns: (transfer full): header and data; @whole: how long the stream is, 0 to leave it open */
static GBytes *
make_head (const char *xml, const char *cookie, guint64 whole)
{
    GByteArray *bytes = g_byte_array_new ();
    gsize xml_size = strlen (xml) + 1, cookie_size = cookie ? strlen (cookie) + 1 : 0;
    Header header = { .version = VERSION,
                      .data_length = (guint32) (xml_size + cookie_size),
                      .format = RAW,
                      .cookie_offset = cookie ? (guint32) xml_size : 0,
                      .whole = whole ? WHOLE : 0,
                      .stream_high = (guint32) (whole >> 32),
                      .stream_low = (guint32) whole };

    memcpy (header.magic, MAGIC, sizeof header.magic);
    g_byte_array_append (bytes, (const guint8 *) &header, sizeof header);
    g_byte_array_append (bytes, (const guint8 *) xml, (guint) xml_size);
    if (cookie)
        g_byte_array_append (bytes, (const guint8 *) cookie, (guint) cookie_size);
    return g_byte_array_free_to_bytes (bytes);
}

GBytes *
gk_save_image_head (const GkSaveImage *image, const char *xml)
{
    return make_head (xml, image->cookie, 0);
}

static gboolean
strip_into (const GkSaveImage *image, int fd, guint64 *ret_bytes, GCancellable *cancellable,
            GError **error)
{
    g_autoptr (GBytes) head = make_head (image->xml, image->cookie, 1);
    gsize size = g_bytes_get_size (head);
    guint64 whole = 0;

    if (lseek (image->fd, (off_t) image->stream, SEEK_SET) < 0 ||
        lseek (fd, (off_t) size, SEEK_SET) < 0)
        return gk_set_errno (error, errno, "cannot seek");
    if (!gk_ram_stream_strip (image->fd, image->size, fd, &whole, cancellable, error))
        return FALSE;
    /* The head comes last: without it, the file is nothing. */
    g_bytes_unref (head);
    head = make_head (image->xml, image->cookie, whole);
    if (lseek (fd, 0, SEEK_SET) < 0 ||
        !gk_fd_write_all (fd, g_bytes_get_data (head, NULL), size, error))
        return FALSE;
    if (fsync (fd) < 0)
        return gk_set_errno (error, errno, "cannot sync");
    if (ret_bytes)
        *ret_bytes = size + whole;
    return TRUE;
}

gboolean
gk_save_image_strip (const char *from, const char *to, guint64 *ret_bytes,
                     GCancellable *cancellable, GError **error)
{
    g_auto (GkSaveImage) image = { .fd = -1 };
    gk_autofd int fd = -1;

    if (!gk_save_image_open (&image, from, error))
        return FALSE;
    fd = open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return gk_set_errno (error, errno, "cannot make %s", to);
    if (strip_into (&image, fd, ret_bytes, cancellable, error))
        return TRUE;
    g_prefix_error (error, "cannot strip the saved state %s: ", from);
    unlink (to);
    return FALSE;
}
