/*
 * Copyright (c) 2026 The Culvert authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

/*
 * Keys that are in another process, for OpenSSL: a key made from the public
 * half of a certificate, whose private operation asks the signer.
 */

/* ECDSA_METHOD and RSA_METHOD are deprecated, with nothing in their place. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "compat.h"

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "evtls_internal.h"

/* Hangs on a key without a private half: who signs, and by what name. */
struct remote_key {
	const struct evtls_signer	*signer;
	uint8_t				 id[EVTLS_KEYID_LEN];
};

static void	 free_key(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static int	 sign_ecdsa(int, const unsigned char *, int, unsigned char *,
		    unsigned int *, const BIGNUM *, const BIGNUM *, EC_KEY *);
static int	 sign_rsa(int, const unsigned char *, unsigned char *, RSA *,
		    int);
static int	 refuse_rsa(int, const unsigned char *, unsigned char *, RSA *,
		    int);
static EVP_PKEY	*remote_ec(EVP_PKEY *, struct remote_key *);
static EVP_PKEY	*remote_rsa(EVP_PKEY *, struct remote_key *);
static X509	*first_cert(const char *);

static int		 ec_index = -1, rsa_index = -1;
static EC_KEY_METHOD	*ec_method;
static RSA_METHOD	*rsa_method;

int
evtls_key_init(void)
{
	if ((ec_method = EC_KEY_METHOD_new(EC_KEY_OpenSSL())) == NULL ||
	    (rsa_method = RSA_meth_dup(RSA_PKCS1_OpenSSL())) == NULL)
		return (-1);
	EC_KEY_METHOD_set_sign(ec_method, sign_ecdsa, NULL, NULL);
	RSA_meth_set_priv_enc(rsa_method, sign_rsa);
	RSA_meth_set_priv_dec(rsa_method, refuse_rsa);
	ec_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, free_key);
	rsa_index = RSA_get_ex_new_index(0, NULL, NULL, NULL, free_key);
	return (ec_index == -1 || rsa_index == -1 ? -1 : 0);
}

static void
free_key(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	free(ptr);
}

static int
sign_ecdsa(int type, const unsigned char *digest, int len, unsigned char *sig,
    unsigned int *siglen, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
	const struct remote_key	*key = EC_KEY_get_ex_data(ec, ec_index);
	uint8_t			 out[EVTLS_SIGN_MAX];
	size_t			 outlen = 0;

	if (key == NULL || len < 0 || key->signer->sign(key->signer->arg,
	    key->id, EVTLS_SIGN_ECDSA, digest, len, out, &outlen) == -1 ||
	    outlen == 0 || outlen > (size_t)ECDSA_size(ec)) {
		ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "signer");
		return (0);
	}
	memcpy(sig, out, outlen);
	*siglen = outlen;
	return (1);
}

/*
 * PSS comes padded; a TLS 1.2 client that doesn't know it gets PKCS #1, and
 * that padding is ours to make.
 */
static int
sign_rsa(int len, const unsigned char *from, unsigned char *to, RSA *rsa,
    int padding)
{
	const struct remote_key	*key = RSA_get_ex_data(rsa, rsa_index);
	uint8_t			 block[EVTLS_SIGN_MAX], out[EVTLS_SIGN_MAX];
	size_t			 outlen = 0;
	int			 size = RSA_size(rsa);

	if (key == NULL || size > EVTLS_SIGN_MAX)
		goto fail;
	if (padding == RSA_NO_PADDING && len == size)
		memcpy(block, from, size);
	else if (padding != RSA_PKCS1_PADDING ||
	    RSA_padding_add_PKCS1_type_1(block, size, from, len) != 1)
		goto fail;
	if (key->signer->sign(key->signer->arg, key->id, EVTLS_SIGN_RSA,
	    block, size, out, &outlen) == -1 || outlen != (size_t)size)
		goto fail;
	memcpy(to, out, size);
	return (size);
 fail:
	ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "signer");
	return (-1);
}

static int
refuse_rsa(int len, const unsigned char *from, unsigned char *to, RSA *rsa,
    int padding)
{
	return (-1);
}

EVP_PKEY *
evtls_key_new(X509 *cert, const struct evtls_signer *signer, const char **why)
{
	struct remote_key	*key;
	EVP_PKEY		*pub, *pkey = NULL;

	*why = "no memory for its key";
	if ((pub = X509_get0_pubkey(cert)) == NULL) {
		*why = "its key can't be read";
		return (NULL);
	}
	if ((key = calloc(1, sizeof(*key))) == NULL)
		return (NULL);
	key->signer = signer;
	if (evtls_key_id(cert, key->id) == -1)
		goto out;
	switch (EVP_PKEY_get_base_id(pub)) {
	case EVP_PKEY_EC:
		pkey = remote_ec(pub, key);
		break;
	case EVP_PKEY_RSA:
		if (EVP_PKEY_get_size(pub) > EVTLS_SIGN_MAX)
			*why = "its RSA key is too long";
		else
			pkey = remote_rsa(pub, key);
		break;
	default:
		*why = "its key is neither ECDSA nor RSA";
		break;
	}
 out:
	if (pkey == NULL)
		free(key);
	return (pkey);
}

static EVP_PKEY *
remote_ec(EVP_PKEY *pub, struct remote_key *key)
{
	const EC_KEY	*from;
	EC_KEY		*ec;
	EVP_PKEY	*pkey;

	if ((from = EVP_PKEY_get0_EC_KEY(pub)) == NULL ||
	    (ec = EC_KEY_dup(from)) == NULL)
		return (NULL);
	if (EC_KEY_set_method(ec, ec_method) != 1 ||
	    (pkey = EVP_PKEY_new()) == NULL)
		goto fail;
	if (EVP_PKEY_set1_EC_KEY(pkey, ec) != 1 ||
	    EC_KEY_set_ex_data(ec, ec_index, key) != 1) {
		EVP_PKEY_free(pkey);
		goto fail;
	}
	EC_KEY_free(ec);
	return (pkey);
 fail:
	EC_KEY_free(ec);
	return (NULL);
}

static EVP_PKEY *
remote_rsa(EVP_PKEY *pub, struct remote_key *key)
{
	const RSA	*from;
	RSA		*rsa;
	EVP_PKEY	*pkey;

	if ((from = EVP_PKEY_get0_RSA(pub)) == NULL ||
	    (rsa = RSAPublicKey_dup(from)) == NULL)
		return (NULL);
	if (RSA_set_method(rsa, rsa_method) != 1 ||
	    (pkey = EVP_PKEY_new()) == NULL)
		goto fail;
	if (EVP_PKEY_set1_RSA(pkey, rsa) != 1 ||
	    RSA_set_ex_data(rsa, rsa_index, key) != 1) {
		EVP_PKEY_free(pkey);
		goto fail;
	}
	RSA_free(rsa);
	return (pkey);
 fail:
	RSA_free(rsa);
	return (NULL);
}

int
evtls_key_id(X509 *cert, uint8_t id[EVTLS_KEYID_LEN])
{
	uint8_t	*der = NULL;
	int	 len, r;

	if ((len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der)) <= 0)
		return (-1);
	r = EVP_Digest(der, len, id, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return (r == 1 ? 0 : -1);
}

static X509 *
first_cert(const char *pem)
{
	BIO	*bio;
	X509	*cert;

	if ((bio = BIO_new_mem_buf(pem, -1)) == NULL)
		return (NULL);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return (cert);
}

int
evtls_cert_keyid(const char *pem, uint8_t id[EVTLS_KEYID_LEN])
{
	X509	*cert;
	int	 r;

	if ((cert = first_cert(pem)) == NULL)
		return (-1);
	r = evtls_key_id(cert, id);
	X509_free(cert);
	return (r);
}

int
evtls_cert_times(const char *pem, time_t *from, time_t *until)
{
	X509		*cert;
	struct tm	 a, b;
	int		 r;

	if ((cert = first_cert(pem)) == NULL)
		return (-1);
	r = ASN1_TIME_to_tm(X509_get0_notBefore(cert), &a) == 1 &&
	    ASN1_TIME_to_tm(X509_get0_notAfter(cert), &b) == 1 ? 0 : -1;
	X509_free(cert);
	if (r == 0) {
		*from = timegm(&a);
		*until = timegm(&b);
	}
	return (r);
}

int
evtls_key_count_certs(const char *pem)
{
	BIO	*bio;
	X509	*cert;
	int	 n = 0;

	if ((bio = BIO_new_mem_buf(pem, -1)) == NULL)
		return (-1);
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_free(cert);
		n++;
	}
	/* "No start line" is how the end is told. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		n = -1;
	ERR_clear_error();
	BIO_free(bio);
	return (n);
}
