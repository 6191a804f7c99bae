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

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http.h"
#include "http_heads.h"

/* What the tests look at, until the next parse. */
char		 text[2 * HTTP_HEAD_MAX];

struct http_head	 head;

int		 answer;

/* Parse the first len bytes of a text from an allocation of just that size. */
static ssize_t
parse_cut(const char *s, size_t len, size_t limit, int response,
    struct http_head *h, int *status)
{
	char	*copy;
	ssize_t	 n;

	assert_non_null(copy = malloc(len > 0 ? len : 1));
	memcpy(copy, s, len);
	*status = 0;
	n = (response ? http_parse_response : http_parse_request)(copy, len,
	    limit, h, status);
	free(copy);
	return (n);
}

ssize_t
parse(const char *s, size_t len, size_t limit, int response)
{
	struct http_head	 h;
	ssize_t			 n, whole;
	size_t			 i;
	int			 status;

	assert_true(len <= sizeof(text));
	memcpy(text, s, len);
	answer = 0;
	whole = (response ? http_parse_response : http_parse_request)(text,
	    len, limit, &head, &answer);
	for (i = 0; i < len; i++) {
		if (len > 1000 && i % 61 != 0 && len - i > 100)
			continue;
		n = parse_cut(s, i, limit, response, &h, &status);
		if (n == 0)
			continue;
		assert_int_equal(n, whole);
		assert_int_equal(status, answer);
		assert_true(n == -1 || (size_t)n <= i);
	}
	return (whole);
}

ssize_t
request(const char *s, size_t len)
{
	return (parse(s, len, HTTP_HEAD_MAX, 0));
}

ssize_t
response(const char *s, size_t len)
{
	return (parse(s, len, HTTP_HEAD_MAX, 1));
}

void
refused(const struct bad *bad, size_t n, int is_response)
{
	size_t	 i;

	for (i = 0; i < n; i++) {
		if (parse(bad[i].s, bad[i].len, HTTP_HEAD_MAX, is_response) !=
		    -1)
			fail_msg("%s: not refused", bad[i].name);
		if (answer != bad[i].status)
			fail_msg("%s: %d, not %d", bad[i].name, answer,
			    bad[i].status);
	}
}

void
assert_text(const struct http_str *str, const char *want, int line)
{
	if (!http_str_eq(str, want))
		fail_msg("line %d: \"%.*s\", not \"%s\"", line,
		    (int)str->len, str->s, want);
}
