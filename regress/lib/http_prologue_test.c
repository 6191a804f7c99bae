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

/* link: lib/http_prologue.c lib/http.c lib/http_field.c lib/http_host.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http_prologue.h"

/* Comes back the same; a prefix says "more"; bytes behind change nothing. */
static void
round_trip(int announced, const char *host)
{
	struct http_prologue	 p, q;
	uint8_t			 buf[HTTP_PROLOGUE_MAX + 1];
	ssize_t			 n;
	size_t			 i;

	memset(&p, 0, sizeof(p));
	p.announced = announced;
	strlcpy(p.host, host, sizeof(p.host));
	n = http_prologue_put(buf, HTTP_PROLOGUE_MAX, &p);
	assert_int_equal(n, strlen(host) + 2);
	for (i = 0; i < (size_t)n; i++) {
		assert_int_equal(http_prologue_get(buf, i, &q), 0);
		assert_int_equal(http_prologue_put(buf, i, &p), -1);
		assert_int_equal(http_prologue_put(buf, n, &p), n);
	}
	buf[n] = 'x';
	assert_int_equal(http_prologue_get(buf, n, &q), n);
	assert_int_equal(http_prologue_get(buf, n + 1, &q), n);
	assert_memory_equal(&p, &q, sizeof(p));
}

static void
comes_back(void **state)
{
	static const char	 a63[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	char			 host[HTTP_PROLOGUE_HOST_MAX + 1];

	round_trip(0, "");
	round_trip(1, "");
	round_trip(0, "grafana.lan");
	round_trip(1, "Grafana.lan:3000");
	round_trip(0, "[::1]:8000");
	/* A dot at the end of the longest name there is. */
	snprintf(host, sizeof(host), "%s.%s.%s.%.61s.", a63, a63, a63, a63);
	assert_int_equal(strlen(host), HTTP_PROLOGUE_HOST_MAX);
	round_trip(0, host);
}

static void
flags_unknown_are_ignored(void **state)
{
	struct http_prologue	 p;

	assert_int_equal(http_prologue_get((const uint8_t *)"\1\xfe", 2, &p),
	    2);
	assert_int_equal(p.announced, 0);
	assert_int_equal(http_prologue_get((const uint8_t *)"\1\xff", 2, &p),
	    2);
	assert_int_equal(p.announced, 1);
	assert_string_equal(p.host, "");
}

static void
malformed_is_refused(void **state)
{
	static const struct {
		const char	*s;
		size_t		 len;
	} bad[] = {
		{ "\0", 1 }, { "\0\0", 2 },
		{ "\5\0a b", 6 }, { "\5\0a\r\nb", 6 }, { "\4\0a\0b", 5 },
		{ "\4\0a@b", 5 }, { "\3\0:1", 4 }, { "\5\0a:0x", 6 },
		{ "\5\0a/bc", 6 }, { "\4\0a,b", 5 }
	};
	struct http_prologue	 p;
	size_t			 i;

	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(http_prologue_get(
		    (const uint8_t *)bad[i].s, bad[i].len, &p), -1);
}

static void
host_that_is_none_is_not_sent(void **state)
{
	struct http_prologue	 p;
	uint8_t			 buf[HTTP_PROLOGUE_MAX];

	memset(&p, 0, sizeof(p));
	strlcpy(p.host, "a b", sizeof(p.host));
	assert_int_equal(http_prologue_put(buf, sizeof(buf), &p), -1);
	strlcpy(p.host, "a\r\nb", sizeof(p.host));
	assert_int_equal(http_prologue_put(buf, sizeof(buf), &p), -1);
	memset(p.host, 'a', sizeof(p.host));
	assert_int_equal(http_prologue_put(buf, sizeof(buf), &p), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(flags_unknown_are_ignored),
		cmocka_unit_test(malformed_is_refused),
		cmocka_unit_test(host_that_is_none_is_not_sent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
