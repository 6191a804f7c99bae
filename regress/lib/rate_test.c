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

/* link: lib/rate.c */

/* Limits as people write them. */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rate.h"

static void
rates_in_bytes_and_bits(void **state)
{
	static const struct {
		const char	*text;
		uint64_t	 rate;
	} good[] = {
		{ "1024", 1024 }, { "1K", 1024 }, { "10m", 10485760 },
		{ "10M", 10485760 }, { "2G", 2147483648ULL },
		{ "1024G", 1099511627776ULL }, { "80Mbit", 10000000 },
		{ "9kbit", 1125 }, { "1Gbit", 125000000 },
		{ "1gBIT", 125000000 }, { "none", 0 },
		{ "10M/s", 10485760 }, { "80Mbit/s", 10000000 }
	};
	uint64_t	 v;
	size_t		 i;

	for (i = 0; i < nitems(good); i++) {
		v = 7;
		assert_int_equal(rate_parse(good[i].text, &v), 0);
		assert_int_equal(v, good[i].rate);
	}
}

static void
rates_that_are_none(void **state)
{
	static const char *const bad[] = { "", "0", "1023", "1025G", "8kbit",
	    "1T", "10 M", "10Mb", "-1M", "+1M", "1.5M", "M", "bit", "None",
	    "none ", "99999999999999999999999", "18446744073709551615G",
	    "99999999999999999999Gbit", "10Mbits", "0x10M", "0Mbit",
	    "99999999999G", "1000000000000000000000000000000M",
	    "/s", "none/s", "10M/s/s", "10M/m", "10M/" };
	uint64_t	 v = 7;
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		if (rate_parse(bad[i], &v) != -1)
			fail_msg("%s", bad[i]);
		assert_int_equal(v, 7);
	}
}

static void
quotas(void **state)
{
	static const char *const bad[] = { "", "0", "1023K", "1025T", "1P",
	    "1Mbit", "1 G", "none1", "99999999999999999999T" };
	uint64_t	 v;
	size_t		 i;

	assert_int_equal(rate_quota("1M", &v), 0);
	assert_int_equal(v, 1048576);
	assert_int_equal(rate_quota("500g", &v), 0);
	assert_int_equal(v, 536870912000ULL);
	assert_int_equal(rate_quota("1024T", &v), 0);
	assert_int_equal(v, 1125899906842624ULL);
	assert_int_equal(rate_quota("none", &v), 0);
	assert_int_equal(v, 0);
	for (i = 0; i < nitems(bad); i++) {
		if (rate_quota(bad[i], &v) != -1)
			fail_msg("%s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_in_bytes_and_bits),
		cmocka_unit_test(rates_that_are_none),
		cmocka_unit_test(quotas),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("rate", tests, NULL, NULL));
}
