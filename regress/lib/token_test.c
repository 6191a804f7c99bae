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
 * Tokens: the printable form, what is refused of it, and signatures.
 */

/* link: lib/token.c */
/* libs: libcrypto */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "token.h"

/* RFC 8032, 7.1, TEST 1 */
static const uint8_t	 rfc_seed[TOKEN_SEED_LEN] = {
	0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
	0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
	0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60
};
static const uint8_t	 rfc_public[TOKEN_PUBLIC_LEN] = {
	0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
	0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
	0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
	0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a
};
static const char	 rfc_token[] = "culv_abc123def456_"
    "tvq3dhpp7vngbouejl2jf3bmyrcetrljpmzgsglqhowaghfop5qa_d6a24ca1";

/* What another implementation of Ed25519 signs below. */
static const struct token_challenge	 challenge = {
	"relay.example", "bm9uY2U", "/api/nodes/ws", "porch"
};
static const uint8_t	 signature[TOKEN_SIG_LEN] = {
	0xce, 0xaf, 0x71, 0x8e, 0x92, 0x83, 0xf7, 0xa0,
	0xb8, 0xc6, 0x31, 0x86, 0xe3, 0x7d, 0x4b, 0xbe,
	0x7e, 0xc5, 0x49, 0xb6, 0x8d, 0x18, 0xc6, 0x4d,
	0x47, 0xa1, 0xb6, 0x50, 0xad, 0x4a, 0x94, 0x01,
	0x4e, 0xd3, 0x97, 0x9c, 0xef, 0x32, 0x70, 0x04,
	0x9a, 0x25, 0xf5, 0x56, 0x94, 0xb3, 0xab, 0x3a,
	0x0e, 0x19, 0x50, 0xa0, 0x34, 0xf5, 0x4f, 0xe1,
	0xd5, 0x24, 0x44, 0x32, 0x5f, 0xb9, 0x79, 0x0c
};

static void
rfc_token_make(struct token *t)
{
	memset(t, 0, sizeof(*t));
	strlcpy(t->id, "abc123def456", sizeof(t->id));
	memcpy(t->seed, rfc_seed, sizeof(t->seed));
}

static void
known_seed_has_known_form(void **state __unused)
{
	struct token	 t;
	char		 text[TOKEN_LEN + 1];

	rfc_token_make(&t);
	token_format(&t, text);
	assert_string_equal(text, rfc_token);
}

static void
known_form_has_known_seed(void **state __unused)
{
	struct token	 t;
	const char	*reason;

	assert_int_equal(token_parse(rfc_token, &t, &reason), 0);
	assert_null(reason);
	assert_string_equal(t.id, "abc123def456");
	assert_memory_equal(t.seed, rfc_seed, sizeof(rfc_seed));
}

static void
made_tokens_come_back(void **state __unused)
{
	struct token	 a, b;
	char		 text[TOKEN_LEN + 1], last[TOKEN_LEN + 1] = "";
	const char	*reason;
	int		 i;

	for (i = 0; i < 500; i++) {
		token_make(&a);
		assert_true(token_id_valid(a.id));
		token_format(&a, text);
		assert_int_equal(strlen(text), TOKEN_LEN);
		assert_string_not_equal(text, last);
		assert_int_equal(token_parse(text, &b, &reason), 0);
		assert_string_equal(a.id, b.id);
		assert_memory_equal(a.seed, b.seed, sizeof(a.seed));
		strlcpy(last, text, sizeof(last));
	}
}

static void
every_truncation_is_refused(void **state __unused)
{
	static const uint8_t	 zero[TOKEN_SEED_LEN];
	struct token		 t;
	char			 text[TOKEN_LEN + 1];
	const char		*reason;
	size_t			 i;

	for (i = 0; i < TOKEN_LEN; i++) {
		strlcpy(text, rfc_token, i + 1);
		assert_int_equal(token_parse(text, &t, &reason), -1);
		assert_string_equal(reason, i == 0 ? "not a token" :
		    "token is cut short");
		assert_memory_equal(t.seed, zero, sizeof(zero));
	}
}

static void
every_changed_character_is_refused(void **state __unused)
{
	static const uint8_t	 zero[TOKEN_SEED_LEN];
	struct token		 t;
	char			 text[TOKEN_LEN + 1];
	const char		*reason;
	size_t			 i;
	int			 c;

	for (i = 0; i < TOKEN_LEN; i++)
		for (c = 1; c < 256; c++) {
			memcpy(text, rfc_token, sizeof(text));
			if (text[i] == (char)c)
				continue;
			text[i] = (char)c;
			assert_int_equal(token_parse(text, &t, &reason), -1);
			assert_non_null(reason);
			assert_memory_equal(t.seed, zero, sizeof(zero));
		}
}

static void
longer_text_is_refused(void **state __unused)
{
	struct token	 t;
	char		 text[TOKEN_LEN + 2];
	const char	*reason;

	snprintf(text, sizeof(text), "%s\n", rfc_token);
	assert_int_equal(token_parse(text, &t, &reason), -1);
	assert_string_equal(reason, "token has a typing error");
	snprintf(text, sizeof(text), " %s", rfc_token);
	assert_int_equal(token_parse(text, &t, &reason), -1);
	assert_string_equal(reason, "not a token");
}

/* Right sums do not make wrong contents right. */
static void
wrong_alphabet_with_right_sum_is_refused(void **state __unused)
{
	static const char *const bad[] = {
		/* an upper case id; a 1 in the secret; stray last bits */
		"culv_ABC123def456_tvq3dhpp7vngbouejl2jf3bmyrcetrljpmzgsglq"
		    "howaghfop5qa_e0ffd88e",
		"culv_abc123def456_1vq3dhpp7vngbouejl2jf3bmyrcetrljpmzgsglq"
		    "howaghfop5qa_6ac7388d",
		"culv_abc123def456_tvq3dhpp7vngbouejl2jf3bmyrcetrljpmzgsglq"
		    "howaghfop5qb_4fab1d1b",
	};
	struct token	 t;
	const char	*reason;
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(strlen(bad[i]), TOKEN_LEN);
		assert_int_equal(token_parse(bad[i], &t, &reason), -1);
		assert_string_equal(reason, "token has a typing error");
	}
}

static void
ids_are_checked(void **state __unused)
{
	assert_true(token_id_valid("abcdefghij09"));
	assert_false(token_id_valid(""));
	assert_false(token_id_valid("abcdefghij0"));
	assert_false(token_id_valid("abcdefghij012"));
	assert_false(token_id_valid("abcdefghij0A"));
	assert_false(token_id_valid("abcdefghij0_"));
}

static void
public_half_is_that_of_rfc8032(void **state __unused)
{
	struct token	 t;
	uint8_t		 pub[TOKEN_PUBLIC_LEN];

	rfc_token_make(&t);
	assert_int_equal(token_public(&t, pub), 0);
	assert_memory_equal(pub, rfc_public, sizeof(pub));
}

static void
known_challenge_has_known_signature(void **state __unused)
{
	struct token	 t;
	uint8_t		 sig[TOKEN_SIG_LEN];

	rfc_token_make(&t);
	assert_int_equal(token_sign(&t, &challenge, sig), 0);
	assert_memory_equal(sig, signature, sizeof(sig));
	assert_int_equal(token_verify(rfc_public, &challenge, sig), 1);
}

static void
every_part_of_the_challenge_counts(void **state __unused)
{
	struct token_challenge	 c;

	c = challenge;
	c.host = "relay.exampl";
	assert_int_equal(token_verify(rfc_public, &c, signature), 0);
	c = challenge;
	c.nonce = "bm9uY2V";
	assert_int_equal(token_verify(rfc_public, &c, signature), 0);
	c = challenge;
	c.path = "/api/access/ws";
	assert_int_equal(token_verify(rfc_public, &c, signature), 0);
	c = challenge;
	c.node = "";
	assert_int_equal(token_verify(rfc_public, &c, signature), 0);
}

static void
every_bit_of_key_and_signature_counts(void **state __unused)
{
	uint8_t	 sig[TOKEN_SIG_LEN], pub[TOKEN_PUBLIC_LEN];
	size_t	 i;

	for (i = 0; i < TOKEN_SIG_LEN * 8; i++) {
		memcpy(sig, signature, sizeof(sig));
		sig[i / 8] ^= 1 << i % 8;
		assert_int_equal(token_verify(rfc_public, &challenge, sig), 0);
	}
	for (i = 0; i < TOKEN_PUBLIC_LEN * 8; i++) {
		memcpy(pub, rfc_public, sizeof(pub));
		pub[i / 8] ^= 1 << i % 8;
		assert_int_equal(token_verify(pub, &challenge, signature), 0);
	}
}

static void
line_feed_in_a_part_is_refused(void **state __unused)
{
	struct token		 t;
	struct token_challenge	 c = challenge;
	uint8_t			 sig[TOKEN_SIG_LEN];

	/* The same text as above, cut elsewhere. */
	c.host = "relay.example\nbm9uY2U";
	c.nonce = "/api/nodes/ws";
	c.path = "porch";
	c.node = "";
	rfc_token_make(&t);
	assert_int_equal(token_sign(&t, &c, sig), -1);
	assert_int_equal(token_verify(rfc_public, &c, signature), 0);
	/* In each of them. */
	c = challenge;
	c.nonce = "bm9uY2U\n";
	assert_int_equal(token_sign(&t, &c, sig), -1);
	c = challenge;
	c.path = "\n/api/nodes/ws";
	assert_int_equal(token_sign(&t, &c, sig), -1);
	c = challenge;
	c.node = "po\nrch";
	assert_int_equal(token_sign(&t, &c, sig), -1);
}

static void
endless_part_is_refused(void **state __unused)
{
	struct token		 t;
	struct token_challenge	 c = challenge;
	uint8_t			 sig[TOKEN_SIG_LEN];
	char			 host[2048];

	memset(host, 'a', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	c.host = host;
	rfc_token_make(&t);
	assert_int_equal(token_sign(&t, &c, sig), -1);
	assert_int_equal(token_verify(rfc_public, &c, signature), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(known_seed_has_known_form),
		cmocka_unit_test(known_form_has_known_seed),
		cmocka_unit_test(made_tokens_come_back),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_changed_character_is_refused),
		cmocka_unit_test(longer_text_is_refused),
		cmocka_unit_test(wrong_alphabet_with_right_sum_is_refused),
		cmocka_unit_test(ids_are_checked),
		cmocka_unit_test(public_half_is_that_of_rfc8032),
		cmocka_unit_test(known_challenge_has_known_signature),
		cmocka_unit_test(every_part_of_the_challenge_counts),
		cmocka_unit_test(every_bit_of_key_and_signature_counts),
		cmocka_unit_test(line_feed_in_a_part_is_refused),
		cmocka_unit_test(endless_part_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
