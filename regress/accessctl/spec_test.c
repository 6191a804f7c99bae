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
 * Durations, dates, scopes and ids as people type them.
 *
 * link: accessctl/spec.c
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "accessctl.h"

static void
durations(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 seconds;
	} good[] = {
		{ "1s", 1 }, { "90m", 5400 }, { "12h", 43200 },
		{ "30d", 2592000 }, { "2w", 1209600 }, { "1y", 31536000 },
		{ "100y", 3153600000LL }, { "never", 0 }, { "007d", 604800 },
	};
	static const char *const bad[] = {
		"", "d", "30", "30 d", " 30d", "30D", "-1d", "+1d", "1.5h",
		"0d", "101y", "9999999999y", "99999999999s", "1d12h", "Never",
		"30dd", "1\xc3",
	};
	int64_t			 s;
	size_t			 i;

	for (i = 0; i < nitems(good); i++) {
		s = -1;
		assert_int_equal(spec_duration(good[i].text, &s), 0);
		assert_true(s == good[i].seconds);
	}
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(spec_duration(bad[i], &s), -1);
}

static void
ends_are_durations_or_dates(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 at;
	} good[] = {
		{ "2d", 1000 + 172800 }, { "12h", 1000 + 43200 },
		{ "90m", 1000 + 5400 }, { "never", 0 },
		/* in Berlin */
		{ "2026-12-31", 1798671600 },
		{ "2026-12-31 18:00", 1798736400 },
		{ "2026-12-31T18:00", 1798736400 },
		{ "2026-12-31T18:00:30", 1798736430 },
		{ "2026-07-01 12:00", 1782900000 },
		/* anywhere */
		{ "2026-12-31T17:00Z", 1798736400 },
		{ "2026-12-31 17:00:30Z", 1798736430 },
		{ "2028-02-29T00:00Z", 1835395200 },
	};
	static const char *const bad[] = {
		"", "2026", "2026-12", "2026-12-", "2026-1-1", "26-12-31",
		"2026-13-01", "2026-00-01", "2026-02-30", "2026-02-29",
		"2026-06-31T00:00Z", "2026-12-32", "1969-12-31",
		"2026-12-31Z", "2026-12-31 ", "2026-12-31T", "2026-12-31 18",
		"2026-12-31 18:", "2026-12-31 24:00", "2026-12-31 18:60",
		"2026-12-31 18:00:", "2026-12-31 18:00:60",
		"2026-12-31 18:00 ", "2026-12-31  18:00",
		"2026-12-31T18:00ZZ", "2026-12-31T18:00+01:00", " 2026-12-31",
		"2026/12/31", "12345-12-31", "tomorrow", "0d", "1\xc3",
	};
	int64_t			 at;
	size_t			 i;

	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	for (i = 0; i < nitems(good); i++) {
		at = -1;
		assert_int_equal(spec_until(good[i].text, 1000, &at), 0);
		assert_true(at == good[i].at);
	}
	for (i = 0; i < nitems(bad); i++) {
		if (spec_until(bad[i], 1000, &at) != -1)
			fail_msg("%s: taken", bad[i]);
	}
}

static void
scopes_add_up(void **state)
{
	uint32_t	 bits = 0;

	assert_int_equal(spec_scopes("node", &bits), 0);
	assert_int_equal(spec_scopes("connect,ssh", &bits), 0);
	assert_int_equal(bits, SCOPE_NODE | SCOPE_CONNECT | SCOPE_SSH);
	assert_int_equal(spec_scopes("admin,admin", &bits), 0);
	assert_true(bits & SCOPE_ADMIN);
}

static void
one_bad_scope_spoils_all(void **state)
{
	static const char *const bad[] = {
		"", ",", "node,", ",node", "node,,ssh", "nod", "nodes",
		"Node", "node ssh", "node,everything"
	};
	uint32_t		 bits = 0;
	size_t			 i;

	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(spec_scopes(bad[i], &bits), -1);
		assert_int_equal(bits, 0);
	}
}

static void
ids_are_hex(void **state)
{
	static const char *const bad[] = {
		"", "0x1", "g", " 1", "1 ", "-1", "11111111111111111"
	};
	uint64_t		 id;
	size_t			 i;

	assert_int_equal(spec_id("1f", &id), 0);
	assert_true(id == 0x1f);
	assert_int_equal(spec_id("FFFFffffFFFFffff", &id), 0);
	assert_true(id == UINT64_MAX);
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(spec_id(bad[i], &id), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(ends_are_durations_or_dates),
		cmocka_unit_test(scopes_add_up),
		cmocka_unit_test(one_bad_scope_spoils_all),
		cmocka_unit_test(ids_are_hex),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
