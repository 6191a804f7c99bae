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


/* link: lib/base64.c */

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base64.h"

/* RFC 4648, 10, and what the two alphabets differ in. */
static const struct {
	const char	*bytes;
	size_t		 len;
	const char	*std, *url;
} vectors[] = {
	{ "", 0, "", "" },
	{ "f", 1, "Zg==", "Zg" },
	{ "fo", 2, "Zm8=", "Zm8" },
	{ "foo", 3, "Zm9v", "Zm9v" },
	{ "foob", 4, "Zm9vYg==", "Zm9vYg" },
	{ "fooba", 5, "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", 6, "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", 3, "+/+/", "-_-_" },
	{ "\0\0", 2, "AAA=", "AAA" },
	{ "\xff", 1, "/w==", "_w" },
};

static void
known_vectors(void **state)
{
	const uint8_t	*bytes;
	uint8_t		 out[8];
	char		 text[16];
	size_t		 i, len;

	for (i = 0; i < nitems(vectors); i++) {
		bytes = (const uint8_t *)vectors[i].bytes;
		len = vectors[i].len;
		assert_int_equal(base64_encode(text, sizeof(text), bytes, len),
		    strlen(vectors[i].std));
		assert_string_equal(text, vectors[i].std);
		assert_int_equal(BASE64_LEN(len), strlen(text));
		assert_int_equal(base64_decode(out, len, text, strlen(text)),
		    len);
		assert_memory_equal(out, bytes, len);

		assert_int_equal(base64url_encode(text, sizeof(text), bytes,
		    len), strlen(vectors[i].url));
		assert_string_equal(text, vectors[i].url);
		assert_int_equal(BASE64URL_LEN(len), strlen(text));
		assert_int_equal(BASE64_BYTES(strlen(text)), len);
		assert_int_equal(base64url_decode(out, len, text,
		    strlen(text)), len);
		assert_memory_equal(out, bytes, len);
	}
}

static void
round_trips(void **state)
{
	uint8_t	 bytes[300], out[300];
	char	 text[BASE64_LEN(300) + 1];
	size_t	 i, len;
	ssize_t	 n;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 37 + (i >> 3);
	for (len = 0; len <= sizeof(bytes); len++) {
		n = base64_encode(text, sizeof(text), bytes, len);
		assert_int_equal(n, BASE64_LEN(len));
		assert_int_equal(text[n], '\0');
		assert_int_equal(base64_decode(out, sizeof(out), text,
		    (size_t)n), len);
		assert_memory_equal(out, bytes, len);
		/* In place. */
		assert_int_equal(base64_decode((uint8_t *)text, len, text,
		    (size_t)n), len);
		assert_memory_equal(text, bytes, len);
		n = base64url_encode(text, sizeof(text), bytes, len);
		assert_int_equal(n, BASE64URL_LEN(len));
		assert_int_equal(base64url_decode(out, sizeof(out), text,
		    (size_t)n), len);
		assert_memory_equal(out, bytes, len);
	}
}

/* Every byte but the alphabet's is refused, at each place. */
static void
alphabets(void **state)
{
	const char	 common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz0123456789";
	uint8_t		 out[6];
	char		 text[9];
	int		 c, place, in;

	for (place = 0; place < 8; place++)
		for (c = 0; c < 256; c++) {
			memcpy(text, "AAAAAAAA", 8);
			text[place] = c;
			in = c != 0 && strchr(common, c) != NULL;
			/* Two '=' or one may well stand at the end. */
			if (c != '=' || place != 7)
				assert_int_equal(base64_decode(out, 6, text,
				    8), in || c == '+' || c == '/' ? 6 : -1);
			assert_int_equal(base64url_decode(out, 6, text, 8),
			    in || c == '-' || c == '_' ? 6 : -1);
		}
}

static void
malformed_text(void **state)
{
	static const char *const bad[] = {
		"A", "AA", "AAA", "A===", "====", "=", "==", "AA=", "AAA==",
		"AA==AAAA", "AA=A", "=AAA", "AAAA=", "AAAA==", "AAAA====",
		"AAA= ", " AAA", "AA\nA", "AAAA\n", "AAAA\r\n",
		"AB==", "A/==", "AAB=", "AA/=", "Zh==", "Zm9=",
		"AA==AA==", "-_-_"
	};
	static const char *const badurl[] = {
		"A", "AAAAA", "AA==", "AAA=", "AB", "A_", "AAB", "AA-", "+/+/",
		"AA\n", " AA", "AA ", "A\tA"
	};
	uint8_t	 out[8];
	size_t	 i;

	for (i = 0; i < nitems(bad); i++)
		if (base64_decode(out, sizeof(out), bad[i], strlen(bad[i])) !=
		    -1)
			fail_msg("base64 \"%s\"", bad[i]);
	for (i = 0; i < nitems(badurl); i++)
		if (base64url_decode(out, sizeof(out), badurl[i],
		    strlen(badurl[i])) != -1)
			fail_msg("base64url \"%s\"", badurl[i]);
}

static void
exact_sizes(void **state)
{
	const uint8_t	 bytes[6] = { 0 };
	uint8_t		*out;
	char		*text;
	size_t		 len, need;

	for (len = 0; len <= sizeof(bytes); len++) {
		need = BASE64_LEN(len);
		assert_non_null(text = malloc(need + 1));
		assert_int_equal(base64_encode(text, need, bytes, len), -1);
		assert_int_equal(base64_encode(text, need + 1, bytes, len),
		    need);
		assert_non_null(out = malloc(len + 1));
		if (len > 0)
			assert_int_equal(base64_decode(out, len - 1, text,
			    need), -1);
		assert_int_equal(base64_decode(out, len, text, need), len);
		free(text);

		need = BASE64URL_LEN(len);
		assert_non_null(text = malloc(need + 1));
		assert_int_equal(base64url_encode(text, need, bytes, len), -1);
		assert_int_equal(base64url_encode(text, need + 1, bytes, len),
		    need);
		if (len > 0)
			assert_int_equal(base64url_decode(out, len - 1, text,
			    need), -1);
		assert_int_equal(base64url_decode(out, len, text, need), len);
		free(text);
		free(out);
	}
	assert_int_equal(base64_encode(NULL, 0, bytes, 0), -1);
	/* A length near the end of the numbers does not wrap. */
	assert_int_equal(base64_encode(NULL, 100, bytes, SIZE_MAX), -1);
	assert_int_equal(base64url_encode(NULL, 100, bytes, SIZE_MAX - 2), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_vectors),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(alphabets),
		cmocka_unit_test(malformed_text),
		cmocka_unit_test(exact_sizes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
