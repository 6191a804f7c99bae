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

/* link: relayd/watch_cert.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../relayd/watch.h"

#define DAY	86400
#define NOW	1800000000	/* 2027-01-15 */

static char	 text[CERT_WARNING_LEN];

/* Of one that ends so many seconds from now and was never warned of. */
static int
warns(int64_t left)
{
	int64_t	 warned = 0;
	int	 r = cert_warning("relay.example.org", NOW + left, NOW,
		    &warned, text);

	assert_int_equal(warned, r ? NOW : 0);
	return (r);
}

static void
from_three_weeks_on(void **state)
{
	assert_int_equal(warns(365 * DAY), 0);
	assert_int_equal(warns(21 * DAY + 1), 0);
	assert_int_equal(warns(21 * DAY), 1);
	assert_string_equal(text, "relay.example.org: ends in 21 days, on "
	    "2027-02-05: renew it, and reload");
	assert_int_equal(warns(2 * DAY - 1), 1);
	assert_non_null(strstr(text, "ends in 1 day, on"));
	assert_int_equal(warns(DAY - 1), 1);
	assert_non_null(strstr(text, "ends in 23 hours, on"));
	assert_int_equal(warns(3600), 1);
	assert_non_null(strstr(text, "ends in 1 hour, on"));
	assert_int_equal(warns(1), 1);
	assert_non_null(strstr(text, "ends in 0 hours, on"));
}

static void
and_after_its_end(void **state)
{
	assert_int_equal(warns(0), 1);
	assert_non_null(strstr(text, "ended 0 hours ago, on 2027-01-15"));
	assert_int_equal(warns(-3 * DAY), 1);
	assert_non_null(strstr(text, "ended 3 days ago, on 2027-01-12"));
}

static void
once_a_day(void **state)
{
	int64_t	 warned = 0, now;
	int	 n = 0;

	for (now = NOW; now < NOW + 30 * DAY; now += 600)
		n += cert_warning("x", NOW + 31 * DAY, now, &warned, text);
	assert_int_equal(n, 20);
	/* The clock is set back, and it begins anew. */
	assert_int_equal(cert_warning("x", NOW + DAY, NOW, &warned, text), 1);
	assert_int_equal(cert_warning("x", NOW + DAY, NOW, &warned, text), 0);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(from_three_weeks_on),
		cmocka_unit_test(and_after_its_end),
		cmocka_unit_test(once_a_day),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
