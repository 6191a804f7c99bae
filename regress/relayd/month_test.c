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

/* link: relayd/month.c */

/* Months, of times and as people write them. */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "month.h"

static void
months_of_times_are_in_utc(void **state)
{
	assert_int_equal(month_of(0), 197001);
	assert_int_equal(month_of(1798761599), 202612);
	assert_int_equal(month_of(1798761600), 202701);
	assert_int_equal(month_of(253402300799), 999912);
}

static void
times_without_a_month_of_four_digits(void **state)
{
	assert_int_equal(month_of(253402300800), 0);
	assert_int_equal(month_of(INT64_MAX), 0);
	assert_int_equal(month_of(INT64_MIN), 0);
	assert_int_equal(month_of(-2208988801), 0);	/* 1899 */
}

static void
what_is_written_is_read(void **state)
{
	char		 text[MONTH_LEN];
	uint32_t	 m = 0;

	month_text(202612, text);
	assert_string_equal(text, "2026-12");
	assert_int_equal(month_parse(text, &m), 0);
	assert_int_equal(m, 202612);
	assert_int_equal(month_parse("0000-01", &m), 0);
	assert_int_equal(m, 1);
}

static void
what_is_no_month_is_refused(void **state)
{
	static const char *const	 bad[] = {
		"", "2", "2026", "2026-", "2026-1", "2026-00", "2026-13",
		"2026-99", "2026-123", "2026-12 ", " 2026-12", "2026/12",
		"2026012", "20x6-12", "2026-1x", "2026-/1", "-026-12",
		"+026-12", "2026-:1", "2026-12-01"
	};
	uint32_t			 m = 7;
	size_t				 i;

	for (i = 0; i < nitems(bad); i++) {
		if (month_parse(bad[i], &m) != -1)
			fail_msg("%s", bad[i]);
		assert_int_equal(m, 7);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(months_of_times_are_in_utc),
		cmocka_unit_test(times_without_a_month_of_four_digits),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_no_month_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
