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

/* link: accessctl/retry.c lib/backoff.c */
/* libs: libbsd */

/*
 * Pauses between attempts, while somebody waits and while nobody does.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "retry.h"

static uint64_t	 now;

uint64_t
clock_us(void)
{
	return (now);
}

/* So many attempts have failed, each as soon as it may be made. */
static void
failures(struct retry *r, int n)
{
	retry_init(r);
	now = 1000000000;
	while (n-- > 0) {
		retry_begun(r);
		now += retry_next(r, 0) * 1000ULL;
	}
}

static void
who_waits_is_served_soon(void **state)
{
	struct retry	 r;
	unsigned int	 in, ms;
	int		 i, sooner = 0;

	for (i = 0; i < 1000; i++) {
		failures(&r, 10);
		retry_begun(&r);
		ms = retry_next(&r, 0);
		assert_true(ms <= 30000);
		now += 100000;
		if (!retry_wanted(&r, 10000, &in)) {
			assert_true(ms <= 1100);
			continue;
		}
		sooner++;
		/* A second after the last one, or in the next second. */
		assert_in_range(in, 900, 1000);
		assert_true(in < ms);
		/* Once is enough. */
		assert_int_equal(retry_wanted(&r, 10000, &in), 0);
		now += in * 1000ULL;
		retry_begun(&r);
		assert_true(retry_next(&r, 0) <= 2000);
		/* Nobody does any more. */
		now += 10000000;
	}
	assert_true(sooner > 500);
}

static void
the_relay_has_its_say(void **state)
{
	struct retry	 r;
	unsigned int	 in;

	failures(&r, 3);
	retry_begun(&r);
	assert_in_range(retry_next(&r, 10000), 10000, 30000);
	now += 1000000;
	assert_int_equal(retry_wanted(&r, 60000, &in), 0);
	now += 5000000;
	assert_int_equal(retry_wanted(&r, 60000, &in), 0);
}

static void
a_good_link_is_no_failure(void **state)
{
	struct retry	 r;
	int		 i;

	for (i = 0; i < 100; i++) {
		failures(&r, 10);
		retry_stood(&r, now - 61000000);
		retry_begun(&r);
		assert_true(retry_next(&r, 0) <= 1000);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(who_waits_is_served_soon),
		cmocka_unit_test(the_relay_has_its_say),
		cmocka_unit_test(a_good_link_is_no_failure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("retry", tests, NULL, NULL));
}
