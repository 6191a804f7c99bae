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

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "aead.h"
#include "aead_mb.h"

/* Carried by the process before it is worth another library. */
#define AEAD_MUCH	(1024 * 1024)	/* bytes */

enum { OPEN, SEAL };

static const struct cipher {
	const EVP_CIPHER	*(*evp)(void);
	size_t			 key_len;
} ciphers[] = {
	[AEAD_AES_128_GCM] = { EVP_aes_128_gcm, 16 },
	[AEAD_AES_256_GCM] = { EVP_aes_256_gcm, 32 },
	[AEAD_CHACHA20_POLY1305] = { EVP_chacha20_poly1305, 32 },
};

/* The ciphers of the process, and which key each one holds. */
static struct state {
	EVP_CIPHER_CTX	*ctx;
	uint64_t	 key_id;
} states[nitems(ciphers)][2];

static uint64_t	 keys_made;
static size_t	 carried;	/* bytes, until they are much */
static int	 mb;		/* the other library is there */

size_t
aead_key_len(enum aead aead)
{
	return (ciphers[aead].key_len);
}

void
aead_key_set(struct aead_key *k, enum aead aead, const uint8_t *key)
{
	k->id = ++keys_made;
	k->aead = aead;
	memmove(k->key, key, ciphers[aead].key_len);
}

/* The context goes with it: it is not known what of a key is left in one. */
static void
state_forget(struct state *st)
{
	EVP_CIPHER_CTX_free(st->ctx);
	st->ctx = NULL;
	st->key_id = 0;
}

void
aead_key_forget(const struct aead_key *k)
{
	int	 way;

	for (way = OPEN; way <= SEAL; way++)
		if (states[k->aead][way].key_id == k->id)
			state_forget(&states[k->aead][way]);
	if (mb)
		aead_mb_forget(k);
}

/* Whether the other library takes this one. */
static int
by_mb(const struct aead_key *k, size_t n)
{
	if (carried < AEAD_MUCH && (carried += n) >= AEAD_MUCH)
		mb = aead_mb_start();
	return (mb && aead_mb_can(k->aead));
}

/* The cipher of one direction, with the key and the nonce in it, or NULL. */
static EVP_CIPHER_CTX *
state_begin(const struct aead_key *k, const uint8_t *nonce, int way)
{
	struct state	*st = &states[k->aead][way];

	if (st->ctx == NULL && ((st->ctx = EVP_CIPHER_CTX_new()) == NULL ||
	    EVP_CipherInit_ex(st->ctx, ciphers[k->aead].evp(), NULL, NULL,
	    NULL, way) != 1))
		goto fail;
	if (EVP_CipherInit_ex(st->ctx, NULL, NULL, st->key_id == k->id ?
	    NULL : k->key, nonce, way) != 1)
		goto fail;
	st->key_id = k->id;
	return (st->ctx);
 fail:
	state_forget(st);
	return (NULL);
}

int
aead_seal(const struct aead_key *k, const uint8_t nonce[AEAD_NONCE_LEN],
    const uint8_t *head, size_t nhead, const uint8_t *p, size_t n,
    uint8_t last, uint8_t *out)
{
	EVP_CIPHER_CTX	*ctx;
	int		 len;

	if (by_mb(k, n)) {
		aead_mb_seal(k, nonce, head, nhead, p, n, last, out);
		return (0);
	}
	if ((ctx = state_begin(k, nonce, SEAL)) != NULL &&
	    EVP_EncryptUpdate(ctx, NULL, &len, head, nhead) == 1 &&
	    (n == 0 || EVP_EncryptUpdate(ctx, out, &len, p, n) == 1) &&
	    EVP_EncryptUpdate(ctx, out + n, &len, &last, 1) == 1 &&
	    EVP_EncryptFinal_ex(ctx, out + n + 1, &len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
	    out + n + 1) == 1)
		return (0);
	ERR_clear_error();		/* libssl would take it for its own */
	return (-1);
}

enum aead_opened
aead_open(const struct aead_key *k, const uint8_t nonce[AEAD_NONCE_LEN],
    const uint8_t *head, size_t nhead, const uint8_t *p, size_t n,
    uint8_t *out)
{
	EVP_CIPHER_CTX	*ctx;
	uint8_t		 tag[AEAD_TAG_LEN];
	int		 len;

	if (by_mb(k, n))
		return (aead_mb_open(k, nonce, head, nhead, p, n, out));
	memcpy(tag, p + n, sizeof(tag));
	if ((ctx = state_begin(k, nonce, OPEN)) == NULL ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag),
	    tag) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &len, head, nhead) != 1 ||
	    EVP_DecryptUpdate(ctx, out, &len, p, n) != 1) {
		ERR_clear_error();
		return (AEAD_FAILED);
	}
	if (EVP_DecryptFinal_ex(ctx, out + len, &len) == 1)
		return (AEAD_OPENED);
	ERR_clear_error();
	return (AEAD_CHANGED);
}
