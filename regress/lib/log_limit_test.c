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

/* link: lib/log_limit.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log_limit.h"

static void
burst_then_pace(void **state)
{
	struct log_limit	 l = { .burst = 3, .ms = 100 };
	uint64_t		 dropped = 99;
	int			 i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(log_limit_may(&l, 5000, &dropped), 1);
		assert_int_equal(dropped, 0);
	}
	assert_int_equal(log_limit_may(&l, 5000, &dropped), 0);
	assert_int_equal(log_limit_may(&l, 5099, &dropped), 0);
	assert_int_equal(log_limit_may(&l, 5100, &dropped), 1);
	assert_int_equal(dropped, 2);
	assert_int_equal(log_limit_may(&l, 5100, NULL), 0);
	assert_int_equal(log_limit_may(&l, 5200, &dropped), 1);
	assert_int_equal(dropped, 1);
}

static void
rest_gives_the_burst_back(void **state)
{
	struct log_limit	 l = { .burst = 2, .ms = 1000 };

	assert_int_equal(log_limit_may(&l, 1, NULL), 1);
	assert_int_equal(log_limit_may(&l, 1, NULL), 1);
	assert_int_equal(log_limit_may(&l, 1, NULL), 0);
	/* However long: no more than the burst. */
	assert_int_equal(log_limit_may(&l, 1000000, NULL), 1);
	assert_int_equal(log_limit_may(&l, 1000000, NULL), 1);
	assert_int_equal(log_limit_may(&l, 1000000, NULL), 0);
}

static void
one_at_a_time(void **state)
{
	struct log_limit	 l = { .burst = 1, .ms = 60000 };

	assert_int_equal(log_limit_may(&l, 0, NULL), 1);
	assert_int_equal(log_limit_may(&l, 59999, NULL), 0);
	assert_int_equal(log_limit_may(&l, 60000, NULL), 1);
}

static void
flood_is_bounded(void **state)
{
	struct log_limit	 l = { .burst = 1000, .ms = 1000 };
	uint64_t		 dropped, lost = 0;
	uint32_t		 i, n = 0;

	/* 10^5 within 100 s. */
	for (i = 0; i < 100000; i++) {
		if (log_limit_may(&l, i, &dropped)) {
			n++;
			lost += dropped;
		}
	}
	assert_true(n >= 1000 && n <= 1101);
	assert_int_equal(n + lost + l.dropped, 100000);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(burst_then_pace),
		cmocka_unit_test(rest_gives_the_burst_back),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(flood_is_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
