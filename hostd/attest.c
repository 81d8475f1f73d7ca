/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostd/attest.h"

#include "base/fd.h"
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>
#include <unistd.h>

#define KEY_NAME "attestation.key"
#define PUBLIC_NAME "attestation.pub"

enum { PEM_MAX = 4096, SIGNATURE_SIZE = 64 };

struct _GkAttester {
    GMutex lock; /* GnuTLS's objects are for one thread at a time */
    gnutls_privkey_t key;
    char *id;
};

typedef struct gnutls_pubkey_st PublicKey;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PublicKey, gnutls_pubkey_deinit)

typedef struct gnutls_x509_privkey_int NewKey;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NewKey, gnutls_x509_privkey_deinit)

/* What GnuTLS has allocated; it may be a secret. */
static void
datum_clear (gnutls_datum_t *datum)
{
    if (datum->data)
        gnutls_memset (datum->data, 0, datum->size);
    gnutls_free (datum->data);
    datum->data = NULL;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (gnutls_datum_t, datum_clear)

static gboolean
set_gnutls (GError **error, int code, const char *what)
{
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: %s", what,
                 gnutls_strerror (code));
    return FALSE;
}

static gnutls_datum_t
borrow (const void *data, gsize size)
{
    return (gnutls_datum_t) { .data = (unsigned char *) data, .size = (unsigned int) size };
}

/* The private key's file */

/* The key as it goes to disk. */
static gboolean
make_key (gnutls_datum_t *ret_pem, GError **error)
{
    g_autoptr (NewKey) key = NULL;
    int code = gnutls_x509_privkey_init (&key);

    if (code == 0)
        code = gnutls_x509_privkey_generate (key, GNUTLS_PK_EDDSA_ED25519, 0, 0);
    if (code == 0)
        code = gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                                  ret_pem);
    return code == 0 || set_gnutls (error, code, "cannot make a key for attestations");
}

/* Linked, not renamed, into its place: a key that came to stand there meanwhile stays. */
static gboolean
write_key (int dir, GError **error)
{
    g_autofree char *temporary = g_strdup_printf (".%s.%08x", KEY_NAME, g_random_int ());
    g_auto (gnutls_datum_t) pem = { NULL, 0 };
    gboolean linked;
    int why;

    if (!make_key (&pem, error) ||
        !gk_file_replace (dir, temporary, pem.data, pem.size, 0600, error))
        return FALSE;
    linked = linkat (dir, temporary, dir, KEY_NAME, 0) == 0;
    why = errno;
    unlinkat (dir, temporary, 0);
    if (!linked && why != EEXIST)
        return gk_set_errno (error, why, "cannot write " KEY_NAME);
    return fsync (dir) == 0 ||
           gk_set_errno (error, errno, "cannot sync the directory of " KEY_NAME);
}

static gboolean
is_there (int dir, const char *name)
{
    return faccessat (dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* The public key is looked for first: it is written last, so where it was there, the key was. */
static gboolean
ensure_key (int dir, GError **error)
{
    const gboolean had_public = is_there (dir, PUBLIC_NAME);

    if (is_there (dir, KEY_NAME))
        return TRUE;
    if (!had_public)
        return write_key (dir, error);
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                         KEY_NAME " is gone and " PUBLIC_NAME
                                  " is there: put the key back, or move "
                                  "its public key away to begin with a new one");
    return FALSE;
}

static GBytes *
read_key (int dir, GError **error)
{
    gk_autofd int fd = openat (dir, KEY_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat (fd, &st) < 0) {
        gk_set_errno (error, errno, "cannot open " KEY_NAME);
        return NULL;
    }
    if (st.st_uid != geteuid () || st.st_mode & 0077) {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                             KEY_NAME " is not this user's alone: whoever else could read it can "
                                      "sign in this host's name (it must be 0600)");
        return NULL;
    }
    return gk_fd_read_all (fd, PEM_MAX, error);
}

static gboolean
load_key (GkAttester *attester, int dir, GError **error)
{
    g_autoptr (GBytes) bytes = read_key (dir, error);
    gnutls_datum_t pem;
    int code;

    if (!bytes)
        return FALSE;
    pem = borrow (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
    code = gnutls_privkey_init (&attester->key);
    if (code == 0)
        code = gnutls_privkey_import_x509_raw (attester->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_memset (pem.data, 0, pem.size);
    if (code == 0 &&
        gnutls_privkey_get_pk_algorithm (attester->key, NULL) != GNUTLS_PK_EDDSA_ED25519)
        code = GNUTLS_E_UNKNOWN_PK_ALGORITHM;
    return code == 0 || set_gnutls (error, code, KEY_NAME " is no Ed25519 key in PEM");
}

/* The public key */

/* The PEM or DER of the public key @key as SubjectPublicKeyInfo. */
static gboolean
export_public (PublicKey *key, gnutls_x509_crt_fmt_t format, gnutls_datum_t *ret, GError **error)
{
    int code = gnutls_pubkey_export2 (key, format, ret);

    return code == 0 || set_gnutls (error, code, "cannot write the public key down");
}

static PublicKey *
import_public (const char *pem, gsize size, const char *what, GError **error)
{
    g_autoptr (PublicKey) key = NULL;
    gnutls_datum_t text = borrow (pem, size);
    int code = gnutls_pubkey_init (&key);

    if (code == 0)
        code = gnutls_pubkey_import (key, &text, GNUTLS_X509_FMT_PEM);
    if (code == 0 && gnutls_pubkey_get_pk_algorithm (key, NULL) != GNUTLS_PK_EDDSA_ED25519)
        code = GNUTLS_E_UNKNOWN_PK_ALGORITHM;
    if (code == 0)
        return g_steal_pointer (&key);
    set_gnutls (error, code, what);
    return NULL;
}

static gboolean
is_the_same (PublicKey *ours, PublicKey *other)
{
    g_auto (gnutls_datum_t) one = { NULL, 0 }, two = { NULL, 0 };

    return export_public (ours, GNUTLS_X509_FMT_DER, &one, NULL) &&
           export_public (other, GNUTLS_X509_FMT_DER, &two, NULL) && one.size == two.size &&
           memcmp (one.data, two.data, one.size) == 0;
}

static gboolean
check_public_file (PublicKey *ours, GBytes *bytes, GError **error)
{
    g_autoptr (PublicKey) there =
        import_public (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                       PUBLIC_NAME " is no Ed25519 public key in PEM", error);

    if (!there)
        return FALSE;
    if (is_the_same (ours, there))
        return TRUE;
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                         PUBLIC_NAME " is not the public key of " KEY_NAME
                                     ": one of them has been replaced");
    return FALSE;
}

static gboolean
ensure_public_file (PublicKey *ours, int dir, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (GBytes) bytes = gk_file_read (dir, PUBLIC_NAME, PEM_MAX, &local);
    g_auto (gnutls_datum_t) pem = { NULL, 0 };

    if (bytes)
        return check_public_file (ours, bytes, error);
    if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
        g_propagate_error (error, g_steal_pointer (&local));
        return FALSE;
    }
    return export_public (ours, GNUTLS_X509_FMT_PEM, &pem, error) &&
           gk_file_replace (dir, PUBLIC_NAME, pem.data, pem.size, 0644, error);
}

static gboolean
publish (GkAttester *attester, int dir, GError **error)
{
    g_autoptr (PublicKey) ours = NULL;
    g_auto (gnutls_datum_t) der = { NULL, 0 };
    g_autofree char *sum = NULL;
    int code = gnutls_pubkey_init (&ours);

    if (code == 0)
        code = gnutls_pubkey_import_privkey (ours, attester->key, 0, 0);
    if (code != 0)
        return set_gnutls (error, code, "cannot tell the public key of " KEY_NAME);
    if (!ensure_public_file (ours, dir, error) ||
        !export_public (ours, GNUTLS_X509_FMT_DER, &der, error))
        return FALSE;
    sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, der.data, der.size);
    attester->id = g_strconcat ("sha256:", sum, NULL);
    return TRUE;
}

/* Life */

GkAttester *
gk_attester_open (const char *state_dir, GError **error)
{
    gk_autofd int dir = gk_open_dir (state_dir, error);
    g_autoptr (GkAttester) attester = NULL;

    if (dir < 0)
        return NULL;
    attester = g_new0 (GkAttester, 1);
    g_mutex_init (&attester->lock);
    if (ensure_key (dir, error) && load_key (attester, dir, error) &&
        publish (attester, dir, error))
        return g_steal_pointer (&attester);
    g_prefix_error (error, "%s: ", state_dir);
    return NULL;
}

void
gk_attester_free (GkAttester *attester)
{
    if (!attester)
        return;
    gnutls_privkey_deinit (attester->key);
    g_mutex_clear (&attester->lock);
    g_free (attester->id);
    g_free (attester);
}

const char *
gk_attester_key_id (GkAttester *attester)
{
    return attester->id;
}

/* Signatures */

gboolean
gk_attester_sign (GkAttester *attester, const char *statement, char **ret_signature_base64,
                  GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&attester->lock);
    g_auto (gnutls_datum_t) signature = { NULL, 0 };
    gnutls_datum_t data = borrow (statement, strlen (statement));
    int code =
        gnutls_privkey_sign_data2 (attester->key, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature);

    if (code != 0)
        return set_gnutls (error, code, "cannot sign an attestation");
    *ret_signature_base64 = g_base64_encode (signature.data, signature.size);
    return TRUE;
}

/* One text a signature: GLib's decoder skips what is no base64. */
static guchar *
decode_signature (const char *text, GError **error)
{
    gsize size = 0;
    g_autofree guchar *bytes = g_base64_decode (text, &size);
    g_autofree char *again = g_base64_encode (bytes, size);

    if (size == SIGNATURE_SIZE && g_str_equal (again, text))
        return g_steal_pointer (&bytes);
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                         "the signature is not 64 bytes in base64");
    return NULL;
}

gboolean
gk_attester_verify (const char *public_pem, const char *statement, const char *signature_base64,
                    GError **error)
{
    g_autofree guchar *signature = decode_signature (signature_base64, error);
    g_autoptr (PublicKey) key = NULL;
    gnutls_datum_t data = borrow (statement, strlen (statement));
    gnutls_datum_t sig = borrow (signature, SIGNATURE_SIZE);
    int code;

    if (!signature)
        return FALSE;
    key = import_public (public_pem, strlen (public_pem), "this is no Ed25519 public key in PEM",
                         error);
    if (!key)
        return FALSE;
    code = gnutls_pubkey_verify_data2 (key, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &sig);
    return code >= 0 ||
           set_gnutls (error, code, "the signature is not the key's, of this statement");
}
