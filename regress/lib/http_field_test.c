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


/* link: lib/http.c lib/http_field.c lib/http_host.c */

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http.h"

#define GET	"GET / HTTP/1.1\r\nHost: a\r\n"

/* The head of the last request; it points into text. */
static struct http_head	 head;
static char		 text[512];

static void
request(const char *s)
{
	int	 status;

	assert_true(strlcpy(text, s, sizeof(text)) < sizeof(text));
	assert_int_equal(http_parse_request(text, strlen(text), HTTP_HEAD_MAX,
	    &head, &status), strlen(text));
}

#define assert_str(str, want)	assert_text(&(str), (want), __LINE__)

static void
assert_text(const struct http_str *str, const char *want, int line)
{
	if (!http_str_eq(str, want))
		fail_msg("line %d: \"%.*s\", not \"%s\"", line,
		    (int)str->len, str->s, want);
}

static void
tokens_of_a_list(void **state)
{
	request(GET
	    "Connection: keep-alive , , Upgrade\r\n"
	    "X: y\r\n"
	    "connection:close,\ta b\r\n"
	    "Upgrade: websocket\r\n\r\n");
	assert_true(http_field_has_token(&head, "connection", "keep-alive"));
	assert_true(http_field_has_token(&head, "connection", "upgrade"));
	assert_true(http_field_has_token(&head, "CONNECTION", "close"));
	assert_true(http_field_has_token(&head, "upgrade", "WebSocket"));
	assert_false(http_field_has_token(&head, "connection", "keep"));
	assert_false(http_field_has_token(&head, "connection", "keep-alive2"));
	assert_false(http_field_has_token(&head, "connection", "a"));
	assert_false(http_field_has_token(&head, "te", "trailers"));
}

static void
params(void **state)
{
	static const struct {
		const char	*list, *name, *value;
	} cases[] = {
		{ "a=b", "a", "b" },
		{ "A=b", "a", "b" },
		{ "a=\"b c,d=e\", f = g", "f", "g" },
		{ "a=\"b c,d=e\"\t, f = g", "a", "b c,d=e" },
		{ "a=\"\"", "a", "" },
		{ " , ,a=\t\"b\" , ", "a", "b" },
		{ "a=b, c=d", "e", NULL },
		{ "", "a", NULL },
		{ "a", "a", NULL },
		{ "a=", "a", NULL },
		{ "a =", "a", NULL },
		{ "=b", "a", NULL },
		{ "a=b, a=b", "a", NULL },
		{ "a=b, A=c", "a", NULL },
		{ "a=b c=d", "a", NULL },
		{ "a=\"b", "a", NULL },
		{ "a=\"", "a", NULL },
		{ "a=\"b\\\"c\"", "a", NULL },
		{ "a=b/c", "a", NULL },
		{ "a=b==", "a", NULL },
		{ "a=b, c=\"", "a", NULL },
		{ "a=b; c=d", "a", NULL },
		{ "a==b", "a", NULL },
	};
	struct http_str	 list, value;
	size_t		 i;
	int		 r;

	for (i = 0; i < nitems(cases); i++) {
		list.s = cases[i].list;
		list.len = strlen(list.s);
		r = http_param(&list, cases[i].name, &value);
		if (r != (cases[i].value != NULL ? 0 : -1))
			fail_msg("%s: %d", cases[i].list, r);
		if (r == 0)
			assert_str(value, cases[i].value);
	}
	/* Any byte may stand where a token should. */
	list.s = "a=b\0";
	list.len = 4;
	assert_int_equal(http_param(&list, "a", &value), -1);
}

static void
accepts_html(void **state)
{
	static const struct {
		const char	*fields;
		int		 html;
	} cases[] = {
		{ "", 0 },
		{ "Accept: */*\r\n", 0 },
		{ "Accept: text/html\r\n", 1 },
		{ "Accept: text/plain, Text/HTML ;q=0.8,*/*\r\n", 1 },
		{ "X: y\r\nAccept: text/plain\r\nAccept: text/html\r\n", 1 },
		{ "Accept: text/html5\r\n", 0 },
		{ "Accept: application/xhtml+xml\r\n", 0 },
		{ "Accept: text/html;q=0\r\n", 0 },
		{ "Accept: text/html; level=1; Q=0.000\r\n", 0 },
		{ "Accept: text/html;q=0.001;x\r\n", 1 },
		{ "Accept: text/html;\r\n", 1 },
		{ "Accept: text/html;;qq=0\r\n", 1 },
	};
	char	 s[256];
	size_t	 i;

	for (i = 0; i < nitems(cases); i++) {
		snprintf(s, sizeof(s), GET "%s\r\n", cases[i].fields);
		request(s);
		if (http_accepts_html(&head) != cases[i].html)
			fail_msg("%s", cases[i].fields);
	}
}

static void
strings(void **state)
{
	struct http_str	 s = { "abC", 3 }, empty = { NULL, 0 };
	struct http_str	 nul = { "a\0b", 3 };
	char		 dst[4];

	assert_true(http_str_eq(&s, "abC"));
	assert_false(http_str_eq(&s, "abc"));
	assert_false(http_str_eq(&s, "ab"));
	assert_false(http_str_eq(&s, "abCd"));
	assert_true(http_str_eq(&empty, ""));
	assert_true(http_str_caseeq(&s, "ABc"));
	assert_false(http_str_caseeq(&s, "ab"));
	assert_false(http_str_caseeq(&s, "abcd"));
	assert_false(http_str_caseeq(&nul, "a"));
	assert_true(http_str_caseeq(&empty, ""));
	assert_int_equal(http_str_copy(&s, dst, sizeof(dst)), 0);
	assert_string_equal(dst, "abC");
	assert_int_equal(http_str_copy(&s, dst, 3), -1);
	assert_int_equal(http_str_copy(&nul, dst, sizeof(dst)), -1);
	assert_int_equal(http_str_copy(&empty, dst, 1), 0);
	assert_string_equal(dst, "");
	assert_int_equal(http_str_copy(&empty, dst, 0), -1);
}

static void
reasons(void **state)
{
	assert_string_equal(http_reason(101), "Switching Protocols");
	assert_string_equal(http_reason(431),
	    "Request Header Fields Too Large");
	assert_string_equal(http_reason(299), "Unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_of_a_list),
		cmocka_unit_test(params),
		cmocka_unit_test(accepts_html),
		cmocka_unit_test(strings),
		cmocka_unit_test(reasons),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
