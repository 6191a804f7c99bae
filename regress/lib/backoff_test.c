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
 * Backoff: ceilings double from min to max, every delay lies below.
 */

/* link: lib/backoff.c */

#include "compat.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backoff.h"

static void
ceiling_doubles_up_to_max(void **state __unused)
{
	static const unsigned int ceiling[] = {
		500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000
	};
	struct backoff	 b;
	unsigned int	 delay;
	size_t		 i;

	backoff_init(&b, 500, 30000);
	for (i = 0; i < nitems(ceiling); i++) {
		assert_int_equal(b.ceiling_ms, ceiling[i]);
		delay = backoff_next(&b);
		assert_in_range(delay, 1, ceiling[i]);
	}
}

static void
delays_spread_over_the_whole_range(void **state __unused)
{
	struct backoff	 b;
	unsigned int	 delay, quarter[4] = { 0 };
	int		 i;

	backoff_init(&b, 4000, 4000);
	for (i = 0; i < 4000; i++) {
		delay = backoff_next(&b);
		quarter[(delay - 1) / 1000]++;
	}
	for (i = 0; i < 4; i++)
		assert_in_range(quarter[i], 800, 1200);
}

static void
reset_begins_at_min(void **state __unused)
{
	struct backoff	 b;
	int		 i;

	backoff_init(&b, 500, 30000);
	for (i = 0; i < 20; i++)
		backoff_next(&b);
	backoff_reset(&b);
	assert_in_range(backoff_next(&b), 1, 500);
}

static void
odd_limits_do_no_harm(void **state __unused)
{
	struct backoff	 b;
	int		 i;

	backoff_init(&b, 0, 0);
	assert_int_equal(backoff_next(&b), 1);
	backoff_init(&b, 1000, 10);
	for (i = 0; i < 5; i++)
		assert_in_range(backoff_next(&b), 1, 1000);
	backoff_init(&b, 1, UINT_MAX - 1);
	for (i = 0; i < 40; i++)
		assert_true(backoff_next(&b) > 0);
	assert_true(b.ceiling_ms == UINT_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(ceiling_doubles_up_to_max),
		cmocka_unit_test(delays_spread_over_the_whole_range),
		cmocka_unit_test(reset_begins_at_min),
		cmocka_unit_test(odd_limits_do_no_harm),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
