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


#include "compat.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdlib.h>
#include <string.h>

#include "tls_peer.h"

#define HEAD	5
#define TAG	16

static const EVP_CIPHER *
cipher(uint16_t suite)
{
	switch (suite) {
	case 0x1301:
		return (EVP_aes_128_gcm());
	case 0x1302:
		return (EVP_aes_256_gcm());
	case 0x1303:
		return (EVP_chacha20_poly1305());
	default:
		abort();
	}
}

size_t
tls_peer_secret_len(uint16_t suite)
{
	return (suite == 0x1302 ? 48 : 32);
}

static void
derive(struct tls_peer *p, const char *name, uint8_t *out, size_t len)
{
	char		 md[] = "SHA2-256", prefix[] = "tls13 ", label[16];
	int		 mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	EVP_KDF		*kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX	*ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM	 params[] = {
		OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, md,
		    sizeof(md) - 1),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY,
		    p->secret, tls_peer_secret_len(p->suite)),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, 6),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_LABEL, label,
		    strlen(name)),
		OSSL_PARAM_END
	};

	if (p->suite == 0x1302)
		memcpy(md, "SHA2-384", sizeof(md));
	strlcpy(label, name, sizeof(label));
	if (EVP_KDF_derive(ctx, out, len, params) != 1)
		abort();
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void
keys(struct tls_peer *p)
{
	derive(p, "key", p->key, p->suite == 0x1301 ? 16 : 32);
	derive(p, "iv", p->iv, sizeof(p->iv));
	p->number = 0;
}

void
tls_peer_begin(struct tls_peer *p, uint16_t suite, const uint8_t *secret)
{
	memset(p, 0, sizeof(*p));
	p->suite = suite;
	memcpy(p->secret, secret, tls_peer_secret_len(suite));
	keys(p);
}

void
tls_peer_next(struct tls_peer *p)
{
	uint8_t	 next[PEER_SECRET_MAX];

	derive(p, "traffic upd", next, tls_peer_secret_len(p->suite));
	memcpy(p->secret, next, tls_peer_secret_len(p->suite));
	keys(p);
}

static EVP_CIPHER_CTX *
begin(struct tls_peer *p, int seal)
{
	EVP_CIPHER_CTX	*ctx = EVP_CIPHER_CTX_new();
	uint8_t		 nonce[sizeof(p->iv)];
	int		 i;

	memcpy(nonce, p->iv, sizeof(nonce));
	for (i = 0; i < 8; i++)
		nonce[11 - i] ^= p->number >> (8 * i);
	if (ctx == NULL || EVP_CipherInit_ex(ctx, cipher(p->suite), NULL,
	    p->key, nonce, seal) != 1)
		abort();
	p->number++;
	return (ctx);
}

size_t
tls_peer_seal_inner(struct tls_peer *p, uint8_t *out, const uint8_t *inner,
    size_t n)
{
	EVP_CIPHER_CTX	*ctx = begin(p, 1);
	int		 k, last;

	out[0] = PEER_DATA;
	out[1] = out[2] = 3;
	out[3] = (n + TAG) >> 8;
	out[4] = (n + TAG) & 0xff;
	if (EVP_CipherUpdate(ctx, NULL, &k, out, HEAD) != 1)
		abort();
	k = 0;
	if ((n > 0 && EVP_CipherUpdate(ctx, out + HEAD, &k, inner, n) != 1) ||
	    EVP_CipherFinal_ex(ctx, out + HEAD + k, &last) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG,
	    out + HEAD + n) != 1)
		abort();
	EVP_CIPHER_CTX_free(ctx);
	return (HEAD + n + TAG);
}

size_t
tls_peer_seal(struct tls_peer *p, uint8_t *out, int type, const void *data,
    size_t n, size_t padding)
{
	uint8_t	*inner = calloc(1, n + 1 + padding);
	size_t	 len;

	if (inner == NULL)
		abort();
	if (n > 0)
		memcpy(inner, data, n);
	inner[n] = type;
	len = tls_peer_seal_inner(p, out, inner, n + 1 + padding);
	free(inner);
	return (len);
}

ssize_t
tls_peer_open(struct tls_peer *p, uint8_t *out, const uint8_t *record,
    size_t n)
{
	EVP_CIPHER_CTX	*ctx;
	uint8_t		 tag[TAG];
	size_t		 len;
	int		 k, last, r;

	if (n < HEAD + TAG || (len = record[3] << 8 | record[4]) != n - HEAD)
		return (-1);
	len -= TAG;
	ctx = begin(p, 0);
	memcpy(tag, record + HEAD + len, TAG);
	r = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
	    EVP_CipherUpdate(ctx, NULL, &k, record, HEAD) == 1 &&
	    EVP_CipherUpdate(ctx, out, &k, record + HEAD, len) == 1 &&
	    EVP_CipherFinal_ex(ctx, out + k, &last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return (r ? (ssize_t)len : -1);
}
