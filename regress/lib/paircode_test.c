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


/* link: lib/paircode.c lib/pairing.c */
/* libs: libcrypto */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "paircode.h"
#include "pairing.h"

static void
codes_are_hashed_without_white_space(void **state)
{
	static const char *const same[] = { "abcd1234", " abcd1234",
	    "abcd1234\n", "\t abcd1234 \r\n", "\302\240abcd1234",
	    "abcd1234\xe3\x80\x80", "\034abcd1234" };
	static const char *const other[] = { "abcd 1234", "Abcd1234",
	    "abcd1234\xc2", "\240abcd1234", "\xe2\x80\tabcd1234",
	    "\300\240abcd1234", "abcd1234\xe0\x80\xa0" };
	/* SHA-256 of the eight letters. */
	static const uint8_t	 want[4] = { 0xe9, 0xce, 0xe7, 0x1a };
	uint8_t			 hash[PAIRCODE_HASH], first[PAIRCODE_HASH];
	size_t			 i;

	for (i = 0; i < nitems(same); i++) {
		assert_int_equal(paircode_hash(same[i], strlen(same[i]),
		    hash), 0);
		assert_memory_equal(hash, want, sizeof(want));
	}
	memcpy(first, hash, sizeof(first));
	for (i = 0; i < nitems(other); i++) {
		assert_int_equal(paircode_hash(other[i], strlen(other[i]),
		    hash), 0);
		assert_memory_not_equal(hash, first, sizeof(hash));
	}
	assert_int_equal(paircode_hash("", 0, hash), 1);
	assert_int_equal(paircode_hash(" \xe2\x80\x83\n", 5, hash), 1);
}

static void
white_space_is_that_of_unicode(void **state)
{
	static const char *const gone[] = {
		"\xc2\x85" "abcd1234\xe1\x9a\x80",
		"\xe2\x80\x80" "abcd1234\xe2\x80\x8a",
		"\xe2\x80\xa8" "abcd1234\xe2\x80\xa9",
		"\xe2\x80\xaf" "abcd1234\xe2\x81\x9f"
	};
	static const char *const kept[] = {
		"\001abcd1234", "\016abcd1234", "abcd1234\xe2\x80\x8b",
		"abcd1234\xc3\xa9", "\xe1\x9a\x81" "abcd1234",
		"\xf0\x9f\x98\x80" "abcd1234",
		"abcd1234\xf0\x9f\x98\x80", "\xe2\x80"
	};
	uint8_t			 hash[PAIRCODE_HASH], want[PAIRCODE_HASH];
	size_t			 i;

	assert_int_equal(paircode_hash("abcd1234", 8, want), 0);
	for (i = 0; i < nitems(gone); i++) {
		assert_int_equal(paircode_hash(gone[i], strlen(gone[i]),
		    hash), 0);
		assert_memory_equal(hash, want, sizeof(hash));
	}
	for (i = 0; i < nitems(kept); i++) {
		assert_int_equal(paircode_hash(kept[i], strlen(kept[i]),
		    hash), 0);
		assert_memory_not_equal(hash, want, sizeof(hash));
	}
}

static void
codes_are_easy_to_read(void **state)
{
	char	 code[PAIRCODE_LEN + 1], fold[PAIRCODE_LEN + 1], last[9] = "";
	int	 i;

	for (i = 0; i < 1000; i++) {
		paircode_make(code);
		assert_int_equal(strlen(code), PAIRCODE_LEN);
		assert_int_equal(strspn(code,
		    "0123456789abcdefghjkmnpqrstvwxyz"), PAIRCODE_LEN);
		assert_int_equal(paircode_fold(code, PAIRCODE_LEN, fold), 0);
		assert_string_equal(fold, code);
		assert_string_not_equal(code, last);
		strlcpy(last, code, sizeof(last));
	}
}

static void
what_was_meant(void **state)
{
	char	 fold[PAIRCODE_LEN + 1];

	assert_int_equal(paircode_fold(" ABCD-oIl4 ", 11, fold), 0);
	assert_string_equal(fold, "abcd0114");
	assert_int_equal(paircode_fold("\tab\vcd\r\n0114\f", 13, fold), 0);
	assert_string_equal(fold, "abcd0114");
	assert_int_equal(paircode_fold("abcd\016123", 8, fold), -1);
	assert_int_equal(paircode_fold("abcd123", 7, fold), -1);
	assert_int_equal(paircode_fold("abcd12345", 9, fold), -1);
	assert_int_equal(paircode_fold("abcd123u", 8, fold), -1);
	assert_int_equal(paircode_fold("abcd\000123", 8, fold), -1);
}

static void
offers_on_the_wire(void **state)
{
	uint8_t	 hash[32], ask[PAIRING_ASK_LEN], answer[PAIRING_ANSWER_MAX];
	uint8_t	 back[32], result;
	char	 url[256], text[257];
	uint32_t ttl;
	int64_t	 at;
	size_t	 n, i;

	memset(hash, 0xa5, sizeof(hash));
	pairing_ask_put(ask, hash, 300);
	assert_int_equal(pairing_ask_get(ask, sizeof(ask), back, &ttl), 0);
	assert_memory_equal(back, hash, sizeof(hash));
	assert_int_equal(ttl, 300);
	assert_int_equal(ask[0], 1);
	assert_int_equal(ask[36], 300 & 0xff);
	for (i = 0; i < sizeof(ask); i++)
		assert_int_equal(pairing_ask_get(ask, i, back, &ttl), -1);
	ask[0] = 2;
	assert_int_equal(pairing_ask_get(ask, sizeof(ask), back, &ttl), -1);

	n = pairing_answer_put(answer, 7, 1795228172, "https://x");
	assert_int_equal(pairing_answer_get(answer, n, &result, &at, url), 0);
	assert_int_equal(result, 7);
	assert_int_equal(at, 1795228172);
	assert_string_equal(url, "https://x");
	for (i = 0; i < n; i++)
		assert_int_equal(pairing_answer_get(answer, i, &result, &at,
		    url), -1);
	answer[12] = '\0';
	assert_int_equal(pairing_answer_get(answer, n, &result, &at, url),
	    -1);
	answer[12] = 't';
	answer[1] = 0x80;	/* a time before 1970 is none */
	assert_int_equal(pairing_answer_get(answer, n, &result, &at, url),
	    -1);
	memset(text, 'x', sizeof(text));
	text[256] = '\0';
	assert_int_equal(pairing_answer_put(answer, 0, 1, text), 10);
	text[255] = '\0';
	n = pairing_answer_put(answer, 0, 1, text);
	assert_int_equal(n, sizeof(answer));
	assert_int_equal(pairing_answer_get(answer, n, &result, &at, url), 0);
	assert_string_equal(url, text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(codes_are_hashed_without_white_space),
		cmocka_unit_test(white_space_is_that_of_unicode),
		cmocka_unit_test(codes_are_easy_to_read),
		cmocka_unit_test(what_was_meant),
		cmocka_unit_test(offers_on_the_wire),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
