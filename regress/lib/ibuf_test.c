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
 * Byte buffers: numbers of each width, the ends of what there is, and memory
 * that there is none of.
 */

/* link: regress/lib/nth_alloc.c imsg/ibuf.c */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */

#include "compat.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "imsg.h"
#include "nth_alloc.h"

/* Of each width: comes back, in its order of bytes; too much for it; no room;
   nothing there. */
#define NUMBERS(bits, first)						\
static void								\
numbers_of_##bits(void **state)						\
{									\
	const uint64_t	 most = UINT##bits##_MAX;			\
	struct ibuf	*b = ibuf_dynamic(0, 2 * bits / 8);		\
	uint##bits##_t	 v = 0;						\
									\
	assert_non_null(b);						\
	if (bits < 64) {						\
		assert_int_equal(ibuf_add_n##bits(b, most + 1), -1);	\
		assert_int_equal(ibuf_add_h##bits(b, most + 1), -1);	\
	}								\
	assert_int_equal(ibuf_get_n##bits(b, &v), -1);			\
	assert_int_equal(errno, EBADMSG);				\
	assert_int_equal(ibuf_get_h##bits(b, &v), -1);			\
	assert_int_equal(ibuf_set_n##bits(b, 0, 0), -1);		\
	assert_int_equal(errno, ERANGE);				\
	assert_int_equal(ibuf_set_h##bits(b, 0, 0), -1);		\
	assert_int_equal(ibuf_add_n##bits(b, 1), 0);			\
	assert_int_equal(ibuf_add_h##bits(b, most), 0);			\
	assert_int_equal(ibuf_add_n##bits(b, 1), -1);			\
	assert_int_equal(errno, ERANGE);				\
	assert_int_equal(ibuf_add_h##bits(b, 1), -1);			\
	assert_int_equal(((uint8_t *)ibuf_data(b))[bits / 8 - 1], 1);	\
	assert_int_equal(((uint8_t *)ibuf_data(b))[0], first);		\
	assert_int_equal(ibuf_get_n##bits(b, &v), 0);			\
	assert_true(v == 1);						\
	assert_int_equal(ibuf_get_h##bits(b, &v), 0);			\
	assert_true(v == most);						\
	ibuf_rewind(b);							\
	if (bits < 64) {						\
		assert_int_equal(ibuf_set_n##bits(b, 0, most + 1), -1);	\
		assert_int_equal(errno, EINVAL);			\
		assert_int_equal(ibuf_set_h##bits(b, 0, most + 1), -1);	\
	}								\
	assert_int_equal(ibuf_set_n##bits(b, 0, most - 1), 0);		\
	assert_int_equal(ibuf_set_h##bits(b, bits / 8, 2), 0);		\
	assert_int_equal(ibuf_get_n##bits(b, &v), 0);			\
	assert_true(v == most - 1);					\
	assert_int_equal(ibuf_get_h##bits(b, &v), 0);			\
	assert_true(v == 2);						\
	ibuf_free(b);							\
}

NUMBERS(8, 1)
NUMBERS(16, 0)
NUMBERS(32, 0)
NUMBERS(64, 0)

static void
grows_as_far_as_it_may(void **state)
{
	struct ibuf	*b = ibuf_dynamic(4, 100);
	uint8_t		 byte = 0;
	size_t		 n;

	assert_non_null(b);
	for (n = 0; ibuf_add(b, &byte, 1) == 0; n++)
		byte++;
	assert_int_equal(errno, ERANGE);
	assert_int_equal(n, 100);
	for (n = 0; ibuf_get_n8(b, &byte) == 0; n++)
		assert_int_equal(byte, n);
	assert_int_equal(n, 100);
	ibuf_free(b);
	errno = 0;
	assert_null(ibuf_dynamic(2, 1));
	assert_int_equal(errno, EINVAL);
	ibuf_free(NULL);
}

static void
nothing_is_something(void **state)
{
	struct ibuf	*b = ibuf_open(0);

	assert_non_null(b);
	assert_int_equal(ibuf_add(b, NULL, 0), 0);
	assert_non_null(ibuf_reserve(b, 0));
	assert_non_null(ibuf_seek(b, 0, 0));
	assert_int_equal(ibuf_set(b, 0, NULL, 0), 0);
	assert_int_equal(ibuf_get(b, NULL, 0), 0);
	assert_int_equal(ibuf_add_zero(b, 1), -1);
	ibuf_free(b);
}

/* Of bytes that are somebody else's. */
static void
views_do_not_write(void **state)
{
	struct ibuf	 v;
	char		 text[] = "some";

	ibuf_from_buffer(&v, text, 4);
	assert_int_equal(ibuf_set(&v, 0, "t", 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ibuf_set_n8(&v, 0, 0), -1);
	assert_int_equal(ibuf_set_h64(&v, 0, 0), -1);
	assert_int_equal(ibuf_add(&v, "t", 1), -1);
	assert_int_equal(ibuf_truncate(&v, 5), -1);
	assert_int_equal(ibuf_truncate(&v, 2), 0);
	assert_int_equal(ibuf_add(&v, "t", 1), -1);
	assert_int_equal(ibuf_size(&v), 2);
	assert_string_equal(text, "some");
	ibuf_from_buffer(&v, NULL, 0);
	assert_non_null(ibuf_data(&v));
}

static void
strings(void **state)
{
	struct ibuf	*b = ibuf_dynamic(0, 32);
	char		 s[8], *p;

	assert_non_null(b);
	assert_int_equal(ibuf_add_strbuf(b, "12345678", 8), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(ibuf_add_strbuf(b, "1234567", 33), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_add_strbuf(b, "1234567", 8), 0);
	assert_int_equal(ibuf_add(b, "abcdefgh", 8), 0);
	assert_int_equal(ibuf_get_strbuf(b, s, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ibuf_get_strbuf(b, s, sizeof(s)), 0);
	assert_string_equal(s, "1234567");
	assert_int_equal(ibuf_get_strbuf(b, s, sizeof(s)), -1);
	assert_int_equal(errno, EOVERFLOW);
	assert_string_equal(s, "abcdefg");
	assert_int_equal(ibuf_get_strbuf(b, s, sizeof(s)), -1);
	assert_int_equal(errno, EBADMSG);
	ibuf_rewind(b);
	assert_null(ibuf_get_string(b, 8));
	assert_null(ibuf_get_string(b, 17));
	p = ibuf_get_string(b, 7);
	assert_string_equal(p, "1234567");
	free(p);
	p = ibuf_get_string(b, 0);
	assert_string_equal(p, "");
	free(p);
	assert_int_equal(ibuf_skip(b, 10), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(ibuf_skip(b, 9), 0);
	assert_int_equal(ibuf_size(b), 0);
	ibuf_free(b);
}

static void
parts(void **state)
{
	struct ibuf	*b = ibuf_open(6), *to = ibuf_open(4), sub;

	assert_non_null(b);
	assert_non_null(to);
	assert_int_equal(ibuf_add(b, "abcdef", 6), 0);
	assert_int_equal(ibuf_get_ibuf(b, 7, &sub), -1);
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(ibuf_get_ibuf(b, 4, &sub), 0);
	assert_int_equal(ibuf_add_ibuf(to, &sub), 0);
	assert_memory_equal(ibuf_data(to), "abcd", 4);
	assert_int_equal(ibuf_add_ibuf(to, &sub), -1);
	assert_null(ibuf_seek(b, 0, 3));
	assert_null(ibuf_seek(b, 3, 0));
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_truncate(b, 1), 0);
	assert_int_equal(ibuf_truncate(b, 2), 0);
	assert_memory_equal(ibuf_data(b), "e\0", 2);
	ibuf_free(b);
	ibuf_free(to);
}

static void
without_memory(void **state)
{
	struct ibuf	*b;
	char		*s;

	for (unsigned int at = 1; at <= 2; at++) {
		nth_alloc_fail(at);
		assert_null(ibuf_open(4));
		assert_int_equal(nth_alloc_seen(), at);
	}
	nth_alloc_fail(0);
	b = ibuf_dynamic(4, 64);
	assert_non_null(b);
	assert_int_equal(ibuf_add(b, "abcd", 4), 0);
	nth_alloc_fail(1);
	assert_int_equal(ibuf_add(b, "e", 1), -1);
	nth_alloc_fail(1);
	assert_null(ibuf_reserve(b, 1));
	nth_alloc_fail(1);
	s = ibuf_get_string(b, 4);
	assert_null(s);
	nth_alloc_fail(0);
	/* It is as it was. */
	assert_int_equal(ibuf_size(b), 4);
	s = ibuf_get_string(b, 4);
	assert_string_equal(s, "abcd");
	free(s);
	ibuf_free(b);
}

static void
descriptor(void **state)
{
	struct ibuf	*b = ibuf_open(1);
	int		 fd = dup(0);

	assert_non_null(b);
	assert_int_equal(ibuf_fd_avail(b), 0);
	assert_int_equal(ibuf_fd_get(b), -1);
	ibuf_fd_set(b, fd);
	assert_int_equal(ibuf_fd_avail(b), 1);
	assert_int_equal(ibuf_fd_get(b), fd);
	ibuf_fd_set(b, fd);
	errno = 4711;
	ibuf_free(b);
	assert_int_equal(errno, 4711);
	assert_int_equal(close(fd), -1);
}

static void
numbers_in_order(void **state)
{
	struct ibuf	*b;
	uint8_t		 v8;
	uint16_t	 v16;
	uint32_t	 v32;
	uint64_t	 v64;

	assert_non_null(b = ibuf_dynamic(1, 100));
	assert_int_equal(ibuf_add_n8(b, 0x12), 0);
	assert_int_equal(ibuf_add_n16(b, 0x1234), 0);
	assert_int_equal(ibuf_add_n32(b, 0x12345678), 0);
	assert_int_equal(ibuf_add_n64(b, 0x123456789abcdef0ULL), 0);
	assert_memory_equal(ibuf_data(b), "\x12\x12\x34\x12\x34\x56\x78"
	    "\x12\x34\x56\x78\x9a\xbc\xde\xf0", 15);
	assert_int_equal(ibuf_add_h8(b, 0xff), 0);
	assert_int_equal(ibuf_add_h16(b, 0xfffe), 0);
	assert_int_equal(ibuf_add_h32(b, 0xfffffffd), 0);
	assert_int_equal(ibuf_add_h64(b, UINT64_MAX), 0);
	assert_int_equal(ibuf_size(b), 30);

	assert_int_equal(ibuf_add_n8(b, 0x100), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ibuf_add_n16(b, 0x10000), -1);
	assert_int_equal(ibuf_add_h32(b, 1ULL << 32), -1);
	assert_int_equal(ibuf_set_n16(b, 0, 0x10000), -1);
	assert_int_equal(ibuf_set_n16(b, 29, 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_set_n8(b, 0, 0x77), 0);
	assert_int_equal(ibuf_set_h64(b, 22, 5), 0);

	assert_int_equal(ibuf_get_n8(b, &v8), 0);
	assert_int_equal(v8, 0x77);
	assert_int_equal(ibuf_get_n16(b, &v16), 0);
	assert_int_equal(v16, 0x1234);
	assert_int_equal(ibuf_get_n32(b, &v32), 0);
	assert_int_equal(v32, 0x12345678);
	assert_int_equal(ibuf_get_n64(b, &v64), 0);
	assert_true(v64 == 0x123456789abcdef0ULL);
	assert_int_equal(ibuf_get_h8(b, &v8), 0);
	assert_int_equal(v8, 0xff);
	assert_int_equal(ibuf_get_h16(b, &v16), 0);
	assert_int_equal(v16, 0xfffe);
	assert_int_equal(ibuf_get_h32(b, &v32), 0);
	assert_int_equal(v32, 0xfffffffd);
	assert_int_equal(ibuf_get_h64(b, &v64), 0);
	assert_true(v64 == 5);
	assert_int_equal(ibuf_get_n8(b, &v8), -1);
	assert_int_equal(errno, EBADMSG);
	ibuf_free(b);
}

static void
bounds(void **state)
{
	struct ibuf	*b, view, sub;
	char		*s, out[4];

	assert_null(ibuf_dynamic(2, 1));
	assert_non_null(b = ibuf_open(0));
	assert_non_null(ibuf_reserve(b, 0));
	assert_int_equal(ibuf_add(b, "x", 1), -1);
	ibuf_free(b);
	ibuf_free(NULL);

	assert_non_null(b = ibuf_open(8));
	assert_int_equal(ibuf_left(b), 8);
	assert_int_equal(ibuf_add(b, "abc", 3), 0);
	assert_int_equal(ibuf_add_zero(b, 5), 0);
	assert_int_equal(ibuf_left(b), 0);
	assert_int_equal(ibuf_add(b, "x", 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_add_zero(b, SIZE_MAX), -1);
	assert_null(ibuf_reserve(b, 1));
	assert_null(ibuf_seek(b, 9, 0));
	assert_null(ibuf_seek(b, 1, SIZE_MAX));
	assert_non_null(ibuf_seek(b, 8, 0));
	assert_int_equal(ibuf_set(b, 3, "de", 2), 0);
	assert_memory_equal(ibuf_data(b), "abcde\0\0\0", 8);
	assert_int_equal(ibuf_skip(b, 9), -1);
	assert_int_equal(ibuf_skip(b, 2), 0);
	assert_int_equal(ibuf_get(b, out, 7), -1);
	assert_null(ibuf_get_string(b, 4));	/* has a NUL */
	assert_null(ibuf_get_string(b, 7));
	assert_non_null(s = ibuf_get_string(b, 3));
	assert_string_equal(s, "cde");
	free(s);
	ibuf_rewind(b);
	assert_int_equal(ibuf_size(b), 8);
	assert_int_equal(ibuf_truncate(b, 4), 0);
	assert_int_equal(ibuf_truncate(b, 6), 0);
	assert_memory_equal(ibuf_data(b), "abcd\0\0", 6);
	assert_int_equal(ibuf_truncate(b, 9), -1);

	ibuf_from_buffer(&view, "0123456789", 10);
	assert_int_equal(ibuf_add(&view, "x", 1), -1);
	assert_int_equal(ibuf_set(&view, 0, "x", 1), -1);
	assert_int_equal(ibuf_get_ibuf(&view, 11, &sub), -1);
	assert_int_equal(ibuf_get_ibuf(&view, 4, &sub), 0);
	assert_int_equal(ibuf_size(&sub), 4);
	assert_int_equal(ibuf_size(&view), 6);
	assert_int_equal(ibuf_truncate(&sub, 3), 0);
	assert_int_equal(ibuf_add(&sub, "x", 1), -1);
	assert_int_equal(ibuf_add_ibuf(b, &sub), -1);
	assert_int_equal(ibuf_truncate(b, 5), 0);
	assert_int_equal(ibuf_add_ibuf(b, &sub), 0);
	assert_memory_equal(ibuf_data(b), "abcd\0" "012", 8);
	ibuf_free(b);
}

static void
string_fields(void **state)
{
	struct ibuf	*b;
	char		 s[8];

	assert_non_null(b = ibuf_open(16));
	assert_int_equal(ibuf_add_strbuf(b, "12345678", 8), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(ibuf_add_strbuf(b, "1234567", 8), 0);
	assert_int_equal(ibuf_add(b, "abcdefgh", 8), 0);
	assert_int_equal(ibuf_get_strbuf(b, s, 0), -1);
	assert_int_equal(ibuf_get_strbuf(b, s, 8), 0);
	assert_string_equal(s, "1234567");
	assert_int_equal(ibuf_get_strbuf(b, s, 8), -1);
	assert_int_equal(errno, EOVERFLOW);
	assert_string_equal(s, "abcdefg");
	ibuf_free(b);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(numbers_of_8),
		cmocka_unit_test(numbers_of_16),
		cmocka_unit_test(numbers_of_32),
		cmocka_unit_test(numbers_of_64),
		cmocka_unit_test(grows_as_far_as_it_may),
		cmocka_unit_test(nothing_is_something),
		cmocka_unit_test(views_do_not_write),
		cmocka_unit_test(strings),
		cmocka_unit_test(parts),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(descriptor),
		cmocka_unit_test(numbers_in_order),
		cmocka_unit_test(bounds),
		cmocka_unit_test(string_fields),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
