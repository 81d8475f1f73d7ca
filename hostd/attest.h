/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attestations: statements of this host that it signs with a key of its own (Ed25519), to be
 * checked by anybody with stock OpenSSL and the public key:
 *     base64 -d SIGNATURE > sig
 *     openssl pkeyutl -verify -pubin -inkey attestation.pub -rawin -in STATEMENT -sigfile sig
 *
 *   <state-dir>/attestation.key   PKCS#8 PEM, 0600: made at first use, never overwritten
 *   <state-dir>/attestation.pub   SubjectPublicKeyInfo PEM, 0644: made again if missing
 *
 * A key that cannot be used is an error and never replaced: what was signed before must stay
 * verifiable, and that a key has changed must be somebody's decision. Any thread. Errors are
 * G_IO_ERROR. */
#pragma once

#include <glib.h>

typedef struct _GkAttester GkAttester;

/**
 * gk_attester_open:
 * @state_dir: a directory that is there
 *
 * Errors: G_IO_ERROR_INVALID_DATA where the private key is none, or the public key is not its;
 * G_IO_ERROR_PERMISSION_DENIED where others may read or have made the private key.
 *
 * Returns: (transfer full): the key pair, on disk when this returns; or %NULL with @error set
 */
GkAttester *gk_attester_open (const char *state_dir, GError **error);
void gk_attester_free (GkAttester *attester);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GkAttester, gk_attester_free)

/* Returns: (transfer none): `sha256:` and the hex SHA-256 of the public key's DER:
 *     openssl pkey -pubin -in attestation.pub -outform DER | sha256sum */
const char *gk_attester_key_id (GkAttester *attester);

/**
 * gk_attester_sign:
 * @statement: the bytes signed are those of the string, without its NUL
 * @ret_signature_base64: (out): 64 bytes in base64, on one line
 */
gboolean gk_attester_sign (GkAttester *attester, const char *statement,
                           char **ret_signature_base64, GError **error);

/**
 * gk_attester_verify:
 * @public_pem: an Ed25519 public key, as in `attestation.pub`
 *
 * Returns: whether the key's owner signed @statement; else G_IO_ERROR_INVALID_DATA says whether the
 * key, the signature's form, or the signature is wrong
 */
gboolean gk_attester_verify (const char *public_pem, const char *statement,
                             const char *signature_base64, GError **error);
