/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fd.h"
#include "base/files.h"
#include "hostd/attest.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char statement[] = "{\"run\":\"abcdefgh\",\"golden\":\"sha256:00\"}";

/* A state directory of the test's own. */
typedef struct {
    char *path, *key, *pub;
} State;

static void
state_open (State *state, gconstpointer data)
{
    state->path = g_dir_make_tmp ("genkan-attest-XXXXXX", NULL);
    state->key = g_build_filename (state->path, "attestation.key", NULL);
    state->pub = g_build_filename (state->path, "attestation.pub", NULL);
}

static void
state_close (State *state, gconstpointer data)
{
    g_assert_true (gk_tree_remove_path (state->path, NULL));
    g_free (state->path);
    g_free (state->key);
    g_free (state->pub);
}

static GkAttester *
open_key (const State *state)
{
    g_autoptr (GError) error = NULL;
    GkAttester *attester = gk_attester_open (state->path, &error);

    g_assert_no_error (error);
    return attester;
}

static char *
sign (GkAttester *attester, const char *what)
{
    g_autoptr (GError) error = NULL;
    char *signature = NULL;

    gk_attester_sign (attester, what, &signature, &error);
    g_assert_no_error (error);
    return signature;
}

static char *
read_text (const char *path)
{
    g_autoptr (GError) error = NULL;
    char *text = NULL;

    g_file_get_contents (path, &text, NULL, &error);
    g_assert_no_error (error);
    return text;
}

static guint
mode_of (const char *path)
{
    struct stat st;

    g_assert_cmpint (lstat (path, &st), ==, 0);
    return st.st_mode & 07777;
}

static guint
count_files (const char *path)
{
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    guint files = 0;

    while (g_dir_read_name (dir))
        files++;
    return files;
}

static void
test_a_key_is_made_once (State *state, gconstpointer data)
{
    g_autoptr (GkAttester) first = open_key (state);
    g_autofree char *key = read_text (state->key), *pub = read_text (state->pub);
    g_autofree char *signature = sign (first, statement);
    g_autoptr (GkAttester) second = open_key (state);
    g_autofree char *key_after = read_text (state->key), *again = sign (second, statement);

    g_assert_true (g_str_has_prefix (key, "-----BEGIN PRIVATE KEY-----\n"));
    g_assert_true (g_str_has_prefix (pub, "-----BEGIN PUBLIC KEY-----\n"));
    g_assert_cmpuint (mode_of (state->key), ==, 0600);
    g_assert_cmpuint (mode_of (state->pub), ==, 0644);
    g_assert_cmpuint (count_files (state->path), ==, 2);
    g_assert_cmpstr (key, ==, key_after);
    g_assert_cmpstr (signature, ==, again);
    g_assert_cmpstr (gk_attester_key_id (first), ==, gk_attester_key_id (second));
}

static void
test_a_lost_public_key_is_written_again (State *state, gconstpointer data)
{
    g_autoptr (GkAttester) first = open_key (state);
    g_autofree char *pub = read_text (state->pub);

    g_assert_cmpint (g_unlink (state->pub), ==, 0);
    {
        g_autoptr (GkAttester) second = open_key (state);
        g_autofree char *again = read_text (state->pub);

        g_assert_cmpstr (pub, ==, again);
    }
}

/* Each way that a key pair is not to be used. */
static void
make_it_readable (const State *state)
{
    g_assert_cmpint (g_chmod (state->key, 0640), ==, 0);
}

static void
cut_the_key (const State *state)
{
    g_assert_true (g_file_set_contents (state->key, "-----BEGIN PRIVATE KEY-----\n", -1, NULL));
    g_assert_cmpint (g_chmod (state->key, 0600), ==, 0);
}

static void
lose_the_key (const State *state)
{
    g_assert_cmpint (g_unlink (state->key), ==, 0);
}

static void
link_the_key (const State *state)
{
    g_autofree char *elsewhere = g_strconcat (state->key, ".there", NULL);

    g_assert_cmpint (g_rename (state->key, elsewhere), ==, 0);
    g_assert_cmpint (symlink (elsewhere, state->key), ==, 0);
}

static void
run_openssl (const char *const *arguments)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GSubprocess) openssl =
        g_subprocess_newv (arguments, G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);

    g_assert_no_error (error);
    g_assert_true (g_subprocess_wait_check (openssl, NULL, &error));
}

static void
exchange_the_public_key (const State *state)
{
    g_autofree char *other = g_strconcat (state->path, "/other.key", NULL);
    const char *const make[] = {
        "openssl", "genpkey", "-algorithm", "ed25519", "-out", other, NULL
    };
    const char *const show[] = { "openssl", "pkey", "-in",      other,
                                 "-pubout", "-out", state->pub, NULL };

    run_openssl (make);
    run_openssl (show);
}

static void
put_another_kind_of_key (const State *state)
{
    const char *const make[] = { "openssl", "genpkey",  "-algorithm",
                                 "EC",      "-pkeyopt", "ec_paramgen_curve:P-256",
                                 "-out",    state->key, NULL };

    run_openssl (make);
    g_assert_cmpint (g_chmod (state->key, 0600), ==, 0);
}

static void
test_what_is_wrong_is_refused_and_left_alone (State *state, gconstpointer data)
{
    void (*const *spoil) (const State *state) = data;
    g_autoptr (GkAttester) attester = open_key (state);
    g_autofree char *key = NULL, *pub = NULL, *key_after = NULL, *pub_after = NULL;
    g_autoptr (GError) error = NULL;
    gboolean had_key, has_key;

    (*spoil) (state);
    had_key = g_file_get_contents (state->key, &key, NULL, NULL);
    pub = read_text (state->pub);
    g_assert_null (gk_attester_open (state->path, &error));
    g_assert_nonnull (error);
    g_assert_nonnull (strstr (error->message, "attestation."));
    has_key = g_file_get_contents (state->key, &key_after, NULL, NULL);
    pub_after = read_text (state->pub);
    g_assert_cmpint (had_key, ==, has_key);
    g_assert_cmpstr (key, ==, key_after);
    g_assert_cmpstr (pub, ==, pub_after);
}

static void
test_a_folder_that_is_missing_is_an_error (void)
{
    g_autoptr (GError) error = NULL;

    g_assert_null (gk_attester_open ("/nonexistent/genkan", &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Whether stock OpenSSL accepts @what with @signature. */
static gboolean
openssl_accepts (const State *state, const char *what, const char *signature)
{
    g_autofree char *in = g_build_filename (state->path, "statement", NULL);
    g_autofree char *sig = g_build_filename (state->path, "sig", NULL);
    const char *const argv[] = { "openssl", "pkeyutl", "-verify", "-pubin",   "-inkey", state->pub,
                                 "-rawin",  "-in",     in,        "-sigfile", sig,      NULL };
    g_autoptr (GSubprocess) openssl = NULL;
    g_autoptr (GError) error = NULL;
    gsize size;
    g_autofree guchar *bytes = g_base64_decode (signature, &size);

    g_assert_cmpuint (size, ==, 64);
    g_assert_true (g_file_set_contents (in, what, -1, NULL));
    g_assert_true (g_file_set_contents (sig, (const char *) bytes, (gssize) size, NULL));
    openssl = g_subprocess_newv (
        argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);
    g_assert_no_error (error);
    g_assert_true (g_subprocess_wait (openssl, NULL, &error));
    return g_subprocess_get_successful (openssl);
}

static void
test_openssl_verifies (State *state, gconstpointer data)
{
    g_autoptr (GkAttester) attester = open_key (state);
    g_autofree char *signature = sign (attester, statement);
    g_autofree char *changed = g_strdup (statement);

    changed[8] ^= 1;
    g_assert_true (openssl_accepts (state, statement, signature));
    g_assert_false (openssl_accepts (state, changed, signature));
}

/* `openssl pkey -pubin -outform DER | sha256sum`, as the header says. */
static void
test_the_id_is_the_digest_of_the_public_key (State *state, gconstpointer data)
{
    g_autoptr (GkAttester) attester = open_key (state);
    g_autofree char *der = g_build_filename (state->path, "der", NULL);
    const char *const argv[] = { "openssl",  "pkey", "-pubin", "-in", state->pub,
                                 "-outform", "DER",  "-out",   der,   NULL };
    g_autofree char *bytes = NULL, *sum = NULL;
    gsize size;

    run_openssl (argv);
    g_assert_true (g_file_get_contents (der, &bytes, &size, NULL));
    sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) bytes, size);
    g_assert_true (g_str_has_prefix (gk_attester_key_id (attester), "sha256:"));
    g_assert_cmpstr (gk_attester_key_id (attester) + strlen ("sha256:"), ==, sum);
}

static void
test_only_the_statement_signed_verifies (State *state, gconstpointer data)
{
    g_autoptr (GkAttester) attester = open_key (state);
    g_autofree char *pub = read_text (state->pub), *good = sign (attester, statement);
    g_autofree char *other = sign (attester, "another statement");
    g_autofree char *spaced = g_strconcat (good, "\n", NULL), *cut = g_strndup (good, 84);
    g_autofree char *key = read_text (state->key);
    const struct {
        const char *pub, *statement, *signature;
        gboolean good;
    } cases[] = {
        {pub,   statement,                                         good,   TRUE },
        { pub,  "",                                                good,   FALSE},
        { pub,  "{\"run\":\"abcdefgi\",\"golden\":\"sha256:00\"}", good,   FALSE},
        { pub,  statement,                                         other,  FALSE},
        { pub,  statement,                                         "",     FALSE},
        { pub,  statement,                                         cut,    FALSE},
        { pub,  statement,                                         spaced, FALSE},
        { key,  statement,                                         good,   FALSE},
        { "",   statement,                                         good,   FALSE},
        { "no", statement,                                         good,   FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_cmpint (
            gk_attester_verify (cases[i].pub, cases[i].statement, cases[i].signature, &error), ==,
            cases[i].good);
        if (!cases[i].good)
            g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
}

static gpointer
sign_many (gpointer attester)
{
    for (guint i = 0; i < 200; i++) {
        g_autofree char *signature = sign (attester, statement);

        g_assert_nonnull (signature);
    }
    return NULL;
}

static void
test_threads_may_sign_together (State *state, gconstpointer data)
{
    g_autoptr (GkAttester) attester = open_key (state);
    GThread *threads[4];

    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("sign", sign_many, attester);
    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        g_thread_join (threads[i]);
}

static gpointer
open_and_sign (gpointer path)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GkAttester) attester = gk_attester_open (path, &error);

    g_assert_no_error (error);
    return sign (attester, statement);
}

static void
test_two_that_begin_at_once_have_one_key (State *state, gconstpointer data)
{
    GThread *threads[4];
    char *signatures[G_N_ELEMENTS (threads)];

    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("open", open_and_sign, state->path);
    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        signatures[i] = g_thread_join (threads[i]);
    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++) {
        g_assert_cmpstr (signatures[i], ==, signatures[0]);
        if (i)
            g_free (signatures[i]);
    }
    g_free (signatures[0]);
    g_assert_cmpuint (count_files (state->path), ==, 2);
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*spoil) (const State *state);
    } wrong[] = {
        {"others-may-read-it",         make_it_readable       },
        { "is-cut",                    cut_the_key            },
        { "is-lost",                   lose_the_key           },
        { "is-a-link",                 link_the_key           },
        { "is-of-another-kind",        put_another_kind_of_key},
        { "is-not-of-its-public-half", exchange_the_public_key},
    };

    g_test_init (&argc, &argv, NULL);
#define ADD(name, test) g_test_add ("/attest/" name, State, NULL, state_open, test, state_close)
    ADD ("a-key-is-made-once", test_a_key_is_made_once);
    ADD ("a-lost-public-key-is-written-again", test_a_lost_public_key_is_written_again);
    ADD ("openssl-verifies-what-was-signed", test_openssl_verifies);
    ADD ("the-id-is-the-public-keys-digest", test_the_id_is_the_digest_of_the_public_key);
    ADD ("only-the-statement-signed-verifies", test_only_the_statement_signed_verifies);
    ADD ("threads-may-sign-together", test_threads_may_sign_together);
    ADD ("two-that-begin-at-once-have-one-key", test_two_that_begin_at_once_have_one_key);
    for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++) {
        g_autofree char *path = g_strconcat ("/attest/refuses-a-key-that-", wrong[i].name, NULL);

        g_test_add (path, State, &wrong[i].spoil, state_open,
                    test_what_is_wrong_is_refused_and_left_alone, state_close);
    }
    g_test_add_func ("/attest/refuses-a-folder-that-is-missing",
                     test_a_folder_that_is_missing_is_an_error);
    return g_test_run ();
}
