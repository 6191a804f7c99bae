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

/* link: lib/tls_guard.c */

/*
 * How long the messages of a client's handshake are, in any records and reads.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tls_guard.h"

#define CCS		20
#define ALERT		21
#define HANDSHAKE	22
#define DATA		23
#define MAX		TLS_GUARD_MESSAGE_MAX

static uint8_t	 wire[400000];
static size_t	 len;

static void
record(int type, const uint8_t *p, size_t n)
{
	uint8_t	 head[] = { type, 3, 3, n >> 8, n & 0xff };

	assert_true(len + sizeof(head) + n <= sizeof(wire));
	memcpy(wire + len, head, sizeof(head));
	if (n > 0)
		memcpy(wire + len + sizeof(head), p, n);
	len += sizeof(head) + n;
}

/* A message that says it is so long, and as much of it, in such records. */
static void
message(int type, size_t says, size_t n, size_t cut)
{
	static uint8_t	 m[4 + 0x21000];
	size_t		 i, k;

	assert_true(4 + n <= sizeof(m));
	memset(m, 0xff, sizeof(m));
	m[0] = type;
	m[1] = says >> 16;
	m[2] = says >> 8 & 0xff;
	m[3] = says & 0xff;
	for (i = 0; i < 4 + n; i += k) {
		k = 4 + n - i < cut ? 4 + n - i : cut;
		record(HANDSHAKE, m + i, k);
	}
}

/* The verdict on all that was put together, whatever the reads. */
static int
verdict(int tls13)
{
	static const size_t	 steps[] = { 1, 2, 5, 7, 4096, sizeof(wire) };
	struct tls_guard	 g;
	size_t			 i, at, n;
	int			 r = 0, before = 0;

	for (i = 0; i < nitems(steps); i++) {
		memset(&g, 0, sizeof(g));
		for (at = 0, r = 0; at < len && r == 0; at += n) {
			n = len - at < steps[i] ? len - at : steps[i];
			r = tls_guard_feed(&g, wire + at, n, tls13);
		}
		if (i > 0)
			assert_int_equal(r, before);
		before = r;
	}
	len = 0;
	return (r);
}

static void
as_long_as_it_says(void **state)
{
	static const size_t	 cuts[] = { 1, 3, 4, 5, 1000, 16384 };
	size_t			 i;

	for (i = 0; i < nitems(cuts); i++) {
		message(1, 517, 517, cuts[i]);
		assert_int_equal(verdict(1), 0);
		message(1, MAX, MAX, cuts[i]);
		assert_int_equal(verdict(1), 0);
		message(1, MAX + 1, 0, cuts[i]);
		assert_int_equal(verdict(1), -1);
		message(1, 0xffffff, 100, cuts[i]);
		assert_int_equal(verdict(1), -1);
	}
	message(1, MAX + 1, 0, 4);
	len--;
	assert_int_equal(verdict(1), 0);
}

static void
each_of_them(void **state)
{
	message(1, 517, 517, 16384);
	message(16, 66, 66, 16384);
	assert_int_equal(verdict(0), 0);
	message(1, 0, 0, 16384);
	message(1, 100, 100, 50);
	message(1, 131396, 0, 16384);
	assert_int_equal(verdict(0), -1);
}

/* Two in a record, the head of the second cut. */
static void
records_need_not_end_where_messages_do(void **state)
{
	static const uint8_t	 a[] = { 1, 0, 0, 2, 9, 9, 1, 0 };
	static const uint8_t	 good[] = { 0, 1, 9 }, bad[] = { 64, 1, 9 };

	record(HANDSHAKE, a, sizeof(a));
	record(HANDSHAKE, good, sizeof(good));
	assert_int_equal(verdict(1), 0);
	record(HANDSHAKE, a, sizeof(a));
	record(HANDSHAKE, bad, sizeof(bad));
	assert_int_equal(verdict(1), -1);
}

/* Nothing in front of a message hides it. */
static void
behind_something_else(void **state)
{
	static const uint8_t	 warning[] = { 1, 90 }, one[] = { 1 };
	static const uint8_t	 junk[300] = { 22, 3, 3 };
	int			 i;

	for (i = 0; i < 2; i++) {
		record(ALERT, warning, sizeof(warning));
		record(CCS, one, sizeof(one));
		record(DATA, junk, sizeof(junk));
		record(HANDSHAKE, NULL, 0);
		if (i == 1)
			message(1, 517, 517, 16384);
		record(ALERT, warning, sizeof(warning));
		if (i == 1)
			record(CCS, one, sizeof(one));
		record(DATA, junk, sizeof(junk));
		message(1, MAX + 1, 0, 16384);
		assert_int_equal(verdict(1), -1);
	}
}

/* TLS 1.2 seals all behind change_cipher_spec; that says nothing to us. */
static void
what_is_sealed_is_not_read(void **state)
{
	static const uint8_t	 one[] = { 1 };
	static uint8_t		 sealed[40];

	memset(sealed, 0xff, sizeof(sealed));
	message(1, 517, 517, 16384);
	message(16, 66, 66, 16384);
	record(CCS, one, sizeof(one));
	record(HANDSHAKE, sealed, sizeof(sealed));
	assert_int_equal(verdict(0), 0);
	/* In front of all it does not. */
	record(CCS, one, sizeof(one));
	message(1, MAX + 1, 0, 16384);
	assert_int_equal(verdict(0), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(as_long_as_it_says),
		cmocka_unit_test(each_of_them),
		cmocka_unit_test(records_need_not_end_where_messages_do),
		cmocka_unit_test(behind_something_else),
		cmocka_unit_test(what_is_sealed_is_not_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
