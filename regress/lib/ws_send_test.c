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


/* link: lib/ws.c lib/base64.c */
/* libs: libcrypto */
/* flags: -Wl,--wrap=EVP_Digest */

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "ws.h"

int	 __real_EVP_Digest(const void *, size_t, unsigned char *,
	    unsigned int *, const EVP_MD *, ENGINE *);
int	 __wrap_EVP_Digest(const void *, size_t, unsigned char *,
	    unsigned int *, const EVP_MD *, ENGINE *);

static const uint8_t	 key[4] = { 0x37, 0xfa, 0x21, 0x3d };
static int		 no_digest;

int
__wrap_EVP_Digest(const void *data, size_t count, unsigned char *md,
    unsigned int *size, const EVP_MD *type, ENGINE *impl)
{
	return (no_digest ? 0 : __real_EVP_Digest(data, count, md, size, type,
	    impl));
}

/* All that ws_utf8 takes is what a plain reading of RFC 3629 takes. */
static void
utf8_every_character(void **state)
{
	uint32_t	 c, st;
	uint8_t		 b[4];
	size_t		 n;
	int		 ok;

	for (c = 0; c < 0x120000; c += c < 0x11000 ? 1 : 37) {
		if (c < 0x80) {
			n = 1;
			b[0] = c;
		} else if (c < 0x800) {
			n = 2;
			b[0] = 0xc0 | c >> 6;
		} else if (c < 0x10000) {
			n = 3;
			b[0] = 0xe0 | c >> 12;
		} else {
			n = 4;
			b[0] = 0xf0 | c >> 18;
		}
		if (n > 1)
			b[n - 1] = 0x80 | (c & 0x3f);
		if (n > 2)
			b[n - 2] = 0x80 | (c >> 6 & 0x3f);
		if (n > 3)
			b[n - 3] = 0x80 | (c >> 12 & 0x3f);
		ok = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
		st = 0;
		assert_int_equal(ws_utf8(&st, b, n), ok ? 0 : -1);
		if (ok)
			assert_int_equal(st, 0);
	}
}

static void
mask_every_offset_and_length(void **state)
{
	uint8_t	 src[200], dst[200], want[200];
	size_t	 len, offset, start, i;

	for (i = 0; i < sizeof(src); i++)
		src[i] = i * 7;
	for (len = 0; len <= 150; len++)
		for (offset = 0; offset < 9; offset++)
			for (start = 0; start < 4; start++) {
				memset(dst, 0xee, sizeof(dst));
				memset(want, 0xee, sizeof(want));
				for (i = 0; i < len; i++)
					want[start + i] = src[i] ^
					    key[(i + offset) % 4];
				ws_mask(dst + start, src, len, key, offset);
				assert_memory_equal(dst, want, sizeof(dst));
				/* In place, and back. */
				ws_mask(dst + start, dst + start, len, key,
				    offset);
				assert_memory_equal(dst + start, src, len);
			}
}

static void
heads_written(void **state)
{
	static const struct {
		size_t	 len, head;
		uint8_t	 bytes[10];
	} cases[] = {
		{ 0, 2, { 0x82, 0 } },
		{ 125, 2, { 0x82, 125 } },
		{ 126, 4, { 0x82, 126, 0, 126 } },
		{ 65535, 4, { 0x82, 126, 0xff, 0xff } },
		{ 65536, 10, { 0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0 } },
		{ 0x0102030405060708, 10,
		    { 0x82, 127, 1, 2, 3, 4, 5, 6, 7, 8 } },
	};
	uint8_t	 head[WS_HEAD_MAX];
	size_t	 i, n;

	for (i = 0; i < nitems(cases); i++) {
		n = ws_head(head, WS_BINARY, cases[i].len, NULL);
		assert_int_equal(n, cases[i].head);
		assert_int_equal(ws_head_len(cases[i].len, 0), n);
		assert_memory_equal(head, cases[i].bytes, n);
		n = ws_head(head, WS_BINARY, cases[i].len, key);
		assert_int_equal(n, cases[i].head + 4);
		assert_int_equal(ws_head_len(cases[i].len, 1), n);
		assert_int_equal(head[1], cases[i].bytes[1] | 0x80);
		assert_memory_equal(head + 2, cases[i].bytes + 2, n - 6);
		assert_memory_equal(head + n - 4, key, 4);
	}
	ws_head(head, WS_CLOSE, 0, NULL);
	assert_int_equal(head[0], 0x88);
}

static void
close_payloads_written(void **state)
{
	uint8_t	 p[WS_CONTROL_MAX];
	char	 reason[200];

	assert_int_equal(ws_close_payload(p, 1000, NULL), 2);
	assert_memory_equal(p, "\x03\xe8", 2);
	assert_int_equal(ws_close_payload(p, 1013, "later"), 7);
	assert_memory_equal(p, "\x03\xf5later", 7);
	assert_int_equal(ws_close_payload(p, WS_CLOSE_NONE, "x"), 0);
	assert_int_equal(ws_close_payload(p, 1000, ""), 2);
	assert_int_equal(ws_close_payload(p, 1000, "ab\xff" "c"), 4);
	assert_int_equal(ws_close_payload(p, 1000, "ab\xc3"), 4);

	memset(reason, 'r', sizeof(reason));
	reason[199] = '\0';
	assert_int_equal(ws_close_payload(p, 1000, reason), 125);
	/* A character that does not fit is left out whole. */
	memcpy(reason + 121, "\xe2\x82\xac", 3);
	assert_int_equal(ws_close_payload(p, 1000, reason), 123);
	memcpy(reason + 120, "\xe2\x82\xac", 3);
	assert_int_equal(ws_close_payload(p, 1000, reason), 125);
}

static void
handshake_values(void **state)
{
	char	 text[WS_ACCEPT_LEN + 1], k[WS_KEY_LEN + 1];
	char	 other[WS_KEY_LEN + 1];

	/* RFC 6455, 1.3. */
	ws_accept("dGhlIHNhbXBsZSBub25jZQ==", text);
	assert_string_equal(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

	assert_true(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ==", 24));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ==", 23));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZR==", 24));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQ=", 23));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQAB", 24));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub25jZQA=", 24));
	assert_false(ws_key_valid("dGhlIHNhbXBsZSBub2 jZQ==", 24));
	assert_false(ws_key_valid("", 0));

	ws_key_make(k);
	ws_key_make(other);
	assert_int_equal(strlen(k), WS_KEY_LEN);
	assert_true(ws_key_valid(k, WS_KEY_LEN));
	assert_string_not_equal(k, other);

	no_digest = 1;
	ws_accept(k, text);
	no_digest = 0;
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_every_character),
		cmocka_unit_test(mask_every_offset_and_length),
		cmocka_unit_test(heads_written),
		cmocka_unit_test(close_payloads_written),
		cmocka_unit_test(handshake_values),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
