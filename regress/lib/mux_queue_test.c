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

/* link: lib/mux_queue.c */
/* flags: -Wl,--wrap=malloc,--wrap=free */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_queue.h"

void	*__real_malloc(size_t);
void	 __real_free(void *);
void	*__wrap_malloc(size_t);
void	 __wrap_free(void *);

static int	 blocks;	/* held, spare ones included */
static size_t	 largest;
static int	 fail;

void *
__wrap_malloc(size_t n)
{
	if (fail)
		return (NULL);
	blocks++;
	if (n > largest)
		largest = n;
	return (__real_malloc(n));
}

void
__wrap_free(void *p)
{
	if (p != NULL)
		blocks--;
	__real_free(p);
}

static uint8_t
pattern(size_t i)
{
	return (i * 31 + (i >> 8));
}

static void
add(struct mux_queue *q, size_t *at, size_t n)
{
	uint8_t		 buf[40000];
	size_t		 i;

	for (i = 0; i < n; i++)
		buf[i] = pattern((*at)++);
	assert_int_equal(mux_queue_add(q, buf, n), 0);
}

static void
small_arrivals_share_a_block(void **state)
{
	struct mux_queue q = { 0 };
	size_t		 at = 0;
	int		 i;

	blocks = 0;
	largest = 0;
	for (i = 0; i < 10; i++)
		add(&q, &at, 100);
	assert_int_equal(blocks, 1);
	assert_in_range(largest, 1000, 1032);
	for (i = 0; i < 160; i++)
		add(&q, &at, 100);
	assert_int_equal(blocks, 2);
	add(&q, &at, 32768);
	assert_int_equal(blocks, 4);
	/* Of one small and three large. */
	assert_in_range(mux_queue_held(&q), 1000 + 3 * 16384,
	    1000 + 3 * 16384 + 4 * 32);
	mux_queue_clear(&q);
	assert_int_equal(mux_queue_held(&q), 0);
	assert_in_range(mux_queue_spare(), 3 * 16384, 3 * (16384 + 32));
	mux_queue_trim();
	assert_int_equal(mux_queue_spare(), 0);
	assert_int_equal(blocks, 0);
}

static void
empty_holds_nothing(void **state)
{
	struct mux_queue q = { 0 };
	size_t		 at = 0;

	blocks = 0;
	add(&q, &at, 16);
	assert_int_equal(blocks, 1);
	assert_int_equal(mux_queue_drain(&q, 17), 16);
	assert_int_equal(blocks, 0);
	assert_null(q.head);
	assert_null(q.tail);
	assert_int_equal(mux_queue_drain(&q, 1), 0);
}

static void
spare_blocks_are_bounded(void **state)
{
	struct mux_queue q = { 0 };
	size_t		 at = 0;
	int		 i;

	blocks = 0;
	for (i = 0; i < 200; i++)
		add(&q, &at, MUX_BLOCK_LARGE);
	assert_int_equal(blocks, 200);
	mux_queue_clear(&q);
	assert_int_equal(q.len, 0);
	assert_int_equal(blocks, MUX_BLOCK_SPARE);
	for (i = 0; i < MUX_BLOCK_SPARE; i++)
		add(&q, &at, MUX_BLOCK_LARGE);
	assert_int_equal(blocks, MUX_BLOCK_SPARE);
	mux_queue_clear(&q);
	mux_queue_trim();
	assert_int_equal(blocks, 0);
}

static void
bytes_keep_their_order(void **state)
{
	struct mux_queue q = { 0 };
	struct iovec	 iov[3];
	uint8_t		 buf[50000];
	size_t		 in = 0, out = 0, i, n;
	int		 j, k, niov;

	srandom(1);
	for (j = 0; j < 3000; j++) {
		add(&q, &in, random() % (j % 3 == 0 ? 40000 : 200));
		assert_int_equal(q.len, in - out);
		if (j % 2 == 0) {
			n = mux_queue_read(&q, buf, random() % sizeof(buf));
			for (i = 0; i < n; i++)
				if (buf[i] != pattern(out + i))
					fail_msg("byte %zu", out + i);
			out += n;
			continue;
		}
		niov = mux_queue_peek(&q, iov, 3);
		for (n = 0, k = 0; k < niov; k++)
			for (i = 0; i < iov[k].iov_len; i++, n++)
				if (((uint8_t *)iov[k].iov_base)[i] !=
				    pattern(out + n))
					fail_msg("byte %zu", out + n);
		if (n > 0)
			n = random() % n;
		assert_int_equal(mux_queue_drain(&q, n), n);
		out += n;
	}
	mux_queue_clear(&q);
	mux_queue_trim();
}

static void
no_memory(void **state)
{
	struct mux_queue q = { 0 };
	uint8_t		 buf[2000] = { 0 };

	blocks = 0;
	assert_int_equal(mux_queue_add(&q, buf, 900), 0);
	fail = 1;
	assert_int_equal(mux_queue_add(&q, buf, 2000), -1);
	fail = 0;
	mux_queue_clear(&q);
	assert_int_equal(q.len, 0);
	assert_int_equal(blocks, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_arrivals_share_a_block),
		cmocka_unit_test(empty_holds_nothing),
		cmocka_unit_test(spare_blocks_are_bounded),
		cmocka_unit_test(bytes_keep_their_order),
		cmocka_unit_test(no_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_queue", tests, NULL, NULL));
}
