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

/* link: lib/aead.c lib/aead_mb.c */
/* libs: libcrypto ipsec_mb */

/*
 * What is sealed is what libcrypto seals, and is opened, by whichever library,
 * also where one takes over from the other; and changed, it is not.
 */

#include "compat.h"

#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aead.h"
#include "aead_mb.h"

#define MAX		16384
#define HEAD		5
#define MUCH		(3 * 1024 * 1024)	/* both have had their turn */

static const enum aead aeads[] = {
	AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305
};

static uint8_t	 plain[MAX + 1], sealed[MAX + 1 + AEAD_TAG_LEN],
		 wanted[sizeof(sealed)], opened[MAX + 1];
static uint8_t	 head[HEAD] = { 0x17, 3, 3, 1, 2 };
static uint8_t	 nonce[AEAD_NONCE_LEN];

static void
key_fill(struct aead_key *k, enum aead aead)
{
	uint8_t	 key[AEAD_KEY_MAX];

	arc4random_buf(key, sizeof(key));
	arc4random_buf(plain, sizeof(plain));
	aead_key_set(k, aead, key);
}

/* By libcrypto, called another way. */
static void
reference(const struct aead_key *k, size_t n)
{
	const EVP_CIPHER	*c[] = { EVP_aes_128_gcm(), EVP_aes_256_gcm(),
				    EVP_chacha20_poly1305() };
	EVP_CIPHER_CTX		*ctx = EVP_CIPHER_CTX_new();
	int			 len;

	assert_int_equal(EVP_EncryptInit(ctx, c[k->aead], k->key, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &len, head, HEAD), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, wanted, &len, plain, n + 1),
	    1);
	assert_int_equal(EVP_EncryptFinal(ctx, wanted + len, &len), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG,
	    AEAD_TAG_LEN, wanted + n + 1), 1);
	EVP_CIPHER_CTX_free(ctx);
}

static void
there_and_back(const struct aead_key *k, size_t n)
{
	arc4random_buf(nonce, sizeof(nonce));
	reference(k, n);
	assert_int_equal(aead_seal(k, nonce, head, HEAD, plain, n, plain[n],
	    sealed), 0);
	assert_memory_equal(sealed, wanted, n + 1 + AEAD_TAG_LEN);
	assert_int_equal(aead_open(k, nonce, head, HEAD, sealed, n + 1,
	    opened), AEAD_OPENED);
	assert_memory_equal(opened, plain, n + 1);
}

static void
opens_changed(const struct aead_key *k, uint8_t *where, size_t n)
{
	uint8_t	 bit = 1 << arc4random_uniform(8);

	*where ^= bit;
	assert_int_equal(aead_open(k, nonce, head, HEAD, sealed, n + 1,
	    opened), AEAD_CHANGED);
	*where ^= bit;
	assert_int_equal(aead_open(k, nonce, head, HEAD, sealed, n + 1,
	    opened), AEAD_OPENED);
}

/* Each byte around the ends, and some between. */
static void
changed_is_refused(const struct aead_key *k, size_t n)
{
	size_t	 i, len = n + 1 + AEAD_TAG_LEN;

	there_and_back(k, n);
	for (i = 0; i < HEAD; i++)
		opens_changed(k, &head[i], n);
	for (i = 0; i < AEAD_NONCE_LEN; i++)
		opens_changed(k, &nonce[i], n);
	for (i = 0; i < len; i += i < 40 || i + 40 > len ? 1 : 97)
		opens_changed(k, &sealed[i], n);
}

static void
each_length(const struct aead_key *k)
{
	size_t	 n;

	for (n = 0; n <= 1100; n++)
		there_and_back(k, n);
	for (n = MAX - 300; n <= MAX; n++)
		there_and_back(k, n);
	changed_is_refused(k, 0);
	changed_is_refused(k, 300);
	changed_is_refused(k, MAX);
}

/* It carries much, and the other library comes. */
static void
one_library_takes_over(void **state)
{
	struct aead_key	 k[nitems(aeads)];
	size_t		 i, n;

	for (i = 0; i < nitems(aeads); i++)
		key_fill(&k[i], aeads[i]);
	for (n = 0; n < MUCH; n += MAX)
		for (i = 0; i < nitems(aeads); i++)
			there_and_back(&k[i], MAX);
	for (i = 0; i < nitems(aeads); i++) {
		each_length(&k[i]);
		aead_key_forget(&k[i]);
	}
}

static void
keys_take_turns(void **state)
{
	struct aead_key	 k[8];
	size_t		 i;
	int		 round;

	for (i = 0; i < nitems(k); i++)
		key_fill(&k[i], aeads[i % nitems(aeads)]);
	for (round = 0; round < 20; round++)
		for (i = 0; i < nitems(k); i++)
			there_and_back(&k[i], 100 + i);
	/* One that was forgotten is the same if it is used again. */
	aead_key_forget(&k[0]);
	there_and_back(&k[0], 5000);
	for (i = 0; i < nitems(k); i++)
		aead_key_forget(&k[i]);
}

/* Nothing above tells which one it was. */
static void
libraries_agree(void **state)
{
	struct aead_key	 k;
	size_t		 i, n;

	if (!aead_mb_start())
		skip();
	for (i = 0; i < nitems(aeads); i++) {
		if (!aead_mb_can(aeads[i]))
			continue;
		key_fill(&k, aeads[i]);
		for (n = 0; n < MAX; n += 1 + n / 20) {
			arc4random_buf(nonce, sizeof(nonce));
			reference(&k, n);
			aead_mb_seal(&k, nonce, head, HEAD, plain, n, plain[n],
			    sealed);
			assert_memory_equal(sealed, wanted,
			    n + 1 + AEAD_TAG_LEN);
			memset(opened, 0, sizeof(opened));
			assert_int_equal(aead_mb_open(&k, nonce, head, HEAD,
			    wanted, n + 1, opened), AEAD_OPENED);
			assert_memory_equal(opened, plain, n + 1);
		}
		aead_mb_forget(&k);
	}
}

extern char	 __data_start[], _end[];

/* Where so many bytes are in what the process keeps, not in its heap. */
__attribute__((no_sanitize("address")))
static const char *
kept(const uint8_t *p, size_t n)
{
	const char	*at;
	size_t		 i;

	for (at = __data_start; at + n <= _end; at++) {
		for (i = 0; i < n && (uint8_t)at[i] == p[i]; i++)
			;
		if (i == n)
			return (at);
	}
	return (NULL);
}

/*
 * The longer key is expanded into 15 round keys of 16 bytes, the shorter into
 * 11: two in a row are as good as the key.
 */
static void
nothing_is_left_of_a_key(void **state)
{
	struct aead_key	*k256 = malloc(sizeof(*k256)),
			*k128 = malloc(sizeof(*k128));
	uint8_t		*rounds = malloc(15 * 16);
	const char	*at;
	int		 i;

	if (!aead_mb_start())
		skip();
	key_fill(k256, AEAD_AES_256_GCM);
	aead_mb_seal(k256, nonce, head, HEAD, plain, 20, 0, sealed);
	(void)aead_mb_open(k256, nonce, head, HEAD, sealed, 21, opened);
	assert_non_null(at = kept(k256->key, 32));
	memcpy(rounds, at, 15 * 16);
	assert_non_null(kept(rounds + 13 * 16, 32));
	key_fill(k128, AEAD_AES_128_GCM);
	aead_mb_seal(k128, nonce, head, HEAD, plain, 20, 0, sealed);
	(void)aead_mb_open(k128, nonce, head, HEAD, sealed, 21, opened);
	assert_non_null(kept(k128->key, 16));
	aead_mb_forget(k256);
	for (i = 0; i < 15; i++)
		assert_null(kept(rounds + i * 16, 16));
	aead_mb_forget(k128);
	assert_null(kept(k128->key, 16));
	free(rounds);
	free(k256);
	free(k128);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(keys_take_turns),
		cmocka_unit_test(one_library_takes_over),
		cmocka_unit_test(keys_take_turns),
		cmocka_unit_test(libraries_agree),
		cmocka_unit_test(nothing_is_left_of_a_key),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("aead", tests, NULL, NULL));
}
