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

/* Nonces: for whom and for how long they are good, and that none is twice. */

/* link: relayd/nonce.c lib/base64.c */
/* libs: libcrypto */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nonce.h"

#define NOW	1000000
#define WHO	77

static const struct nonce_key	 key = { "the listeners'" };
static const struct nonce_key	 other = { "somebody else's" };
static const uint8_t		 beacon[NONCE_BEACON_LEN] = "a beacon of auth";

static int
good(const char *s, uint64_t now, uint32_t who)
{
	return (nonce_check(&key, now, who, s, strlen(s)) == 0);
}

static void
it_is_good_for_one_connection_and_a_minute(void **state)
{
	char	 s[NONCE_STRLEN];

	nonce_make(&key, beacon, NOW, WHO, s);
	assert_int_equal(strlen(s), sizeof(s) - 1);
	assert_true(good(s, NOW, WHO));
	assert_true(good(s, NOW + NONCE_AGE_MS, WHO));
	assert_false(good(s, NOW + NONCE_AGE_MS + 1, WHO));
	assert_false(good(s, NOW - 1, WHO));
	assert_false(good(s, NOW, WHO + 1));
}

static void
no_letter_of_it_may_change(void **state)
{
	char	 s[NONCE_STRLEN];
	size_t	 i;

	nonce_make(&key, beacon, NOW, WHO, s);
	for (i = 0; i < sizeof(s) - 1; i++) {
		s[i] ^= 1;
		assert_false(good(s, NOW, WHO));
		s[i] ^= 1;
	}
	assert_false(good("", NOW, WHO));
	assert_int_equal(nonce_check(&key, NOW, WHO, s, sizeof(s) - 2), -1);
	nonce_make(&other, beacon, NOW, WHO, s);
	assert_false(good(s, NOW, WHO));
}

static void
one_is_never_the_other(void **state)
{
	char	 a[NONCE_STRLEN], b[NONCE_STRLEN];

	nonce_make(&key, beacon, NOW, WHO, a);
	nonce_make(&key, beacon, NOW, WHO, b);
	assert_string_not_equal(a, b);
	assert_true(good(a, NOW, WHO));
	assert_true(good(b, NOW, WHO));
}

static void
it_shows_its_beacon(void **state)
{
	uint8_t	 shown[NONCE_BEACON_LEN], b[2][NONCE_BEACON_LEN];
	char	 s[NONCE_STRLEN];

	nonce_make(&key, beacon, NOW, WHO, s);
	assert_int_equal(nonce_shows(s, strlen(s), shown), 0);
	assert_memory_equal(shown, beacon, sizeof(shown));
	assert_int_equal(nonce_shows("n0nce", 5, shown), -1);
	nonce_beacon(&key, 7, b[0]);
	nonce_beacon(&key, 7, b[1]);
	assert_memory_equal(b[0], b[1], sizeof(b[0]));
	nonce_beacon(&key, 8, b[1]);
	assert_memory_not_equal(b[0], b[1], sizeof(b[0]));
	nonce_beacon(&other, 7, b[1]);
	assert_memory_not_equal(b[0], b[1], sizeof(b[0]));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(it_is_good_for_one_connection_and_a_minute),
		cmocka_unit_test(no_letter_of_it_may_change),
		cmocka_unit_test(one_is_never_the_other),
		cmocka_unit_test(it_shows_its_beacon),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
