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

#define OPENSSL_SUPPRESS_DEPRECATED

#include "compat.h"

#include <arpa/inet.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tls_util.h"

static EVP_PKEY	*make_key(enum tls_util_kind);
static void	 add_ext(X509 *, X509 *, int, const char *);
static char	*bio_text(BIO *);
static int	 sign(void *, const uint8_t[EVTLS_KEYID_LEN],
		    enum evtls_sign_kind, const uint8_t *, size_t,
		    uint8_t[EVTLS_SIGN_MAX], size_t *);

const struct evtls_signer	 tls_util_signer = { sign, NULL };
unsigned int			 tls_util_signed;
static struct tls_util_cert	*certs;

static EVP_PKEY *
make_key(enum tls_util_kind kind)
{
	EVP_PKEY	*key;

	switch (kind) {
	case TLS_UTIL_RSA:
		key = EVP_RSA_gen(2048);
		break;
	case TLS_UTIL_P384:
		key = EVP_EC_gen("P-384");
		break;
	default:
		key = EVP_EC_gen("P-256");
		break;
	}
	if (key == NULL)
		errx(1, "tls_util: no key");
	return (key);
}

static void
add_ext(X509 *issuer, X509 *x509, int nid, const char *value)
{
	X509V3_CTX	 ctx;
	X509_EXTENSION	*ext;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	if ((ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value)) == NULL ||
	    X509_add_ext(x509, ext, -1) != 1)
		errx(1, "tls_util: extension %s", value);
	X509_EXTENSION_free(ext);
}

static char *
bio_text(BIO *bio)
{
	char	*data, *text;
	long	 len;

	len = BIO_get_mem_data(bio, &data);
	if (len <= 0 || (text = strndup(data, len)) == NULL)
		errx(1, "tls_util: no text");
	BIO_free(bio);
	return (text);
}

struct tls_util_cert *
tls_util_cert(const struct tls_util_cert *issuer, const char *name,
    enum tls_util_kind kind, long from, long until)
{
	static long		 serial;
	struct tls_util_cert	*c;
	struct in6_addr		 addr;
	X509_NAME		*subject;
	BIO			*bio;
	char			 san[300];

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->x509 = X509_new()) == NULL)
		err(1, "tls_util");
	c->key = make_key(kind);
	if (issuer == NULL)
		issuer = c;
	subject = X509_get_subject_name(c->x509);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_version(c->x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c->x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c->x509), from);
	X509_gmtime_adj(X509_getm_notAfter(c->x509), until);
	X509_set_issuer_name(c->x509, X509_get_subject_name(issuer->x509));
	X509_set_pubkey(c->x509, c->key);
	snprintf(san, sizeof(san), "%s:%s", inet_pton(AF_INET, name,
	    &addr) == 1 || inet_pton(AF_INET6, name, &addr) == 1 ? "IP" :
	    "DNS", name);
	add_ext(issuer->x509, c->x509, NID_basic_constraints,
	    issuer == c ? "critical,CA:TRUE" : "CA:FALSE");
	if (issuer != c)
		add_ext(issuer->x509, c->x509, NID_subject_alt_name, san);
	if (X509_sign(c->x509, issuer->key, EVP_sha256()) == 0)
		errx(1, "tls_util: sign");
	if ((bio = BIO_new(BIO_s_mem())) == NULL ||
	    PEM_write_bio_X509(bio, c->x509) != 1)
		errx(1, "tls_util: PEM");
	c->pem = bio_text(bio);
	if (evtls_cert_keyid(c->pem, c->id) == -1)
		errx(1, "tls_util: key id");
	c->next = certs;
	certs = c;
	return (c);
}

char *
tls_util_key_pem(const struct tls_util_cert *c)
{
	BIO	*bio;

	if ((bio = BIO_new(BIO_s_mem())) == NULL || PEM_write_bio_PrivateKey(
	    bio, c->key, NULL, NULL, 0, NULL, NULL) != 1)
		errx(1, "tls_util: PEM");
	return (bio_text(bio));
}

void
tls_util_free(void)
{
	struct tls_util_cert	*c;

	while ((c = certs) != NULL) {
		certs = c->next;
		X509_free(c->x509);
		EVP_PKEY_free(c->key);
		free(c->pem);
		free(c);
	}
}

/* What the process that holds the keys would do. */
static int
sign(void *arg, const uint8_t id[EVTLS_KEYID_LEN], enum evtls_sign_kind kind,
    const uint8_t *in, size_t inlen, uint8_t out[EVTLS_SIGN_MAX],
    size_t *outlen)
{
	struct tls_util_cert	*c;
	EVP_PKEY_CTX		*ctx;
	int			 r;

	for (c = certs; c != NULL; c = c->next)
		if (memcmp(c->id, id, EVTLS_KEYID_LEN) == 0)
			break;
	if (c == NULL || (ctx = EVP_PKEY_CTX_new(c->key, NULL)) == NULL)
		return (-1);
	*outlen = EVTLS_SIGN_MAX;
	r = EVP_PKEY_sign_init(ctx) == 1 && (kind == EVTLS_SIGN_ECDSA ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1) &&
	    EVP_PKEY_sign(ctx, out, outlen, in, inlen) == 1;
	EVP_PKEY_CTX_free(ctx);
	tls_util_signed++;
	return (r ? 0 : -1);
}
