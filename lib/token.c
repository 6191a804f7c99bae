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

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

#define TOKEN_PREFIX	"culv_"
#define TOKEN_PREFIX_LEN 5
#define TOKEN_SECRET_LEN 52
#define TOKEN_SECRET_AT	(TOKEN_PREFIX_LEN + TOKEN_ID_LEN + 1)
#define TOKEN_SUM_AT	(TOKEN_SECRET_AT + TOKEN_SECRET_LEN + 1)
#define TOKEN_CONTEXT	"culvert-login-v1"
#define TOKEN_TEXT_MAX	1024	/* of the text that is signed, bytes */

static const char	 id_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789";

/* CRC-32 as in IEEE 802.3; 70 bytes now and then need no table. */
static uint32_t
token_crc(const char *s, size_t len)
{
	uint32_t	 crc = 0xffffffff;
	int		 bit;

	while (len-- > 0) {
		crc ^= (uint8_t)*s++;
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320 & -(crc & 1));
	}
	return (~crc);
}

/*
 * A secret never picks a branch or a table's entry here: 0..25 are a..z,
 * 26..31 are 2..7.
 */
static char
base32_char(int v)
{
	return ((char)('a' + v + (((25 - v) >> 8) & ('2' - 26 - 'a'))));
}

/* 0..31, or -1. */
static int
base32_value(int c)
{
	int	 letter, digit;

	letter = ((('a' - 1) - c) & (c - ('z' + 1))) >> 8;
	digit = ((('2' - 1) - c) & (c - ('7' + 1))) >> 8;
	return ((letter & (c - 'a')) | (digit & (c - '2' + 26)) |
	    ~(letter | digit));
}

static void
seed_encode(const uint8_t seed[TOKEN_SEED_LEN], char *dst)
{
	uint32_t	 acc = 0;
	int		 bits = 0;
	size_t		 i;

	for (i = 0; i < TOKEN_SEED_LEN; i++) {
		acc = (acc << 8 | seed[i]) & 0xfff;
		for (bits += 8; bits >= 5; bits -= 5)
			*dst++ = base32_char((acc >> (bits - 5)) & 31);
	}
	*dst = base32_char((acc << (5 - bits)) & 31);
	explicit_bzero(&acc, sizeof(acc));
}

/* The last character carries one bit; the four below it must be zero. */
static int
seed_decode(const char *src, uint8_t seed[TOKEN_SEED_LEN])
{
	uint32_t	 acc = 0;
	int		 bad = 0, bits = 0, v = 0;
	size_t		 i, n = 0;

	for (i = 0; i < TOKEN_SECRET_LEN; i++) {
		v = base32_value((uint8_t)src[i]);
		bad |= v;
		acc = (acc << 5 | (v & 31)) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			seed[n++] = (acc >> bits) & 0xff;
		}
	}
	bad = (bad < 0) | ((acc & ((1U << bits) - 1)) != 0);
	explicit_bzero(&acc, sizeof(acc));
	explicit_bzero(&v, sizeof(v));
	return (bad ? -1 : 0);
}

void
token_make(struct token *t)
{
	size_t	 i;

	for (i = 0; i < TOKEN_ID_LEN; i++)
		t->id[i] = id_chars[arc4random_uniform(sizeof(id_chars) - 1)];
	t->id[i] = '\0';
	arc4random_buf(t->seed, sizeof(t->seed));
}

void
token_format(const struct token *t, char dst[TOKEN_LEN + 1])
{
	memcpy(dst, TOKEN_PREFIX, TOKEN_PREFIX_LEN);
	memcpy(dst + TOKEN_PREFIX_LEN, t->id, TOKEN_ID_LEN);
	dst[TOKEN_SECRET_AT - 1] = '_';
	seed_encode(t->seed, dst + TOKEN_SECRET_AT);
	snprintf(dst + TOKEN_SUM_AT - 1, TOKEN_LEN + 1 - (TOKEN_SUM_AT - 1),
	    "_%08x", token_crc(dst, TOKEN_SUM_AT - 1));
}

int
token_id_valid(const char *id)
{
	return (strlen(id) == TOKEN_ID_LEN &&
	    strspn(id, id_chars) == TOKEN_ID_LEN);
}

int
token_parse(const char *s, struct token *t, const char **reason)
{
	size_t		 len;
	char		 sum[9];

	explicit_bzero(t, sizeof(*t));
	len = strlen(s);
	if (len == 0 || strncmp(s, TOKEN_PREFIX,
	    len < TOKEN_PREFIX_LEN ? len : TOKEN_PREFIX_LEN) != 0) {
		*reason = "not a token";
		return (-1);
	}
	if (len < TOKEN_LEN) {
		*reason = "token is cut short";
		return (-1);
	}
	*reason = "token has a typing error";
	if (len != TOKEN_LEN || s[TOKEN_SECRET_AT - 1] != '_' ||
	    s[TOKEN_SUM_AT - 1] != '_')
		return (-1);
	/* Of the sum nobody needs to be kept in the dark. */
	snprintf(sum, sizeof(sum), "%08x", token_crc(s, TOKEN_SUM_AT - 1));
	if (memcmp(sum, s + TOKEN_SUM_AT, 8) != 0)
		return (-1);
	memcpy(t->id, s + TOKEN_PREFIX_LEN, TOKEN_ID_LEN);
	if (!token_id_valid(t->id) ||
	    seed_decode(s + TOKEN_SECRET_AT, t->seed) == -1) {
		explicit_bzero(t, sizeof(*t));
		return (-1);
	}
	*reason = NULL;
	return (0);
}

int
token_public(const struct token *t, uint8_t pub[TOKEN_PUBLIC_LEN])
{
	EVP_PKEY	*key;
	size_t		 len = TOKEN_PUBLIC_LEN;
	int		 ret = -1;

	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, t->seed,
	    sizeof(t->seed));
	if (key != NULL && EVP_PKEY_get_raw_public_key(key, pub, &len) == 1 &&
	    len == TOKEN_PUBLIC_LEN)
		ret = 0;
	EVP_PKEY_free(key);
	return (ret);
}

/*
 * One text for one challenge: a line feed inside a part would let two
 * challenges share a signature.  Returns its length, or -1.
 */
static int
challenge_text(const struct token_challenge *c, char *buf, size_t size)
{
	int	 n;

	if (strchr(c->host, '\n') != NULL || strchr(c->nonce, '\n') != NULL ||
	    strchr(c->path, '\n') != NULL || strchr(c->node, '\n') != NULL)
		return (-1);
	n = snprintf(buf, size, "%s\n%s\n%s\n%s\n%s\n", TOKEN_CONTEXT, c->host,
	    c->nonce, c->path, c->node);
	if (n < 0 || (size_t)n >= size)
		return (-1);
	return (n);
}

int
token_sign(const struct token *t, const struct token_challenge *c,
    uint8_t sig[TOKEN_SIG_LEN])
{
	EVP_MD_CTX	*ctx = NULL;
	EVP_PKEY	*key = NULL;
	char		 text[TOKEN_TEXT_MAX];
	size_t		 siglen = TOKEN_SIG_LEN;
	int		 len, ret = -1;

	if ((len = challenge_text(c, text, sizeof(text))) == -1)
		return (-1);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, t->seed,
	    sizeof(t->seed));
	ctx = EVP_MD_CTX_new();
	if (key != NULL && ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(ctx, sig, &siglen, (const uint8_t *)text,
	    (size_t)len) == 1 && siglen == TOKEN_SIG_LEN)
		ret = 0;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return (ret);
}

int
token_verify(const uint8_t pub[TOKEN_PUBLIC_LEN],
    const struct token_challenge *c, const uint8_t sig[TOKEN_SIG_LEN])
{
	EVP_MD_CTX	*ctx = NULL;
	EVP_PKEY	*key = NULL;
	char		 text[TOKEN_TEXT_MAX];
	int		 len, ret = 0;

	if ((len = challenge_text(c, text, sizeof(text))) == -1)
		return (0);
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub,
	    TOKEN_PUBLIC_LEN);
	ctx = EVP_MD_CTX_new();
	if (key != NULL && ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, sig, TOKEN_SIG_LEN, (const uint8_t *)text,
	    (size_t)len) == 1)
		ret = 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return (ret);
}
