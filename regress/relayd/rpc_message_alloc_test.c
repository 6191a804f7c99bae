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
 * Messages of the rpc door, and each allocation on the way fails in turn,
 * those of jansson too.  What comes of it is whole or nothing.
 */

/* link: relayd/rpc_message.c relayd/rpc_answer.c lib/base64.c lib/ws.c
 * lib/http*.c regress/lib/nth_alloc.c */
/* libs: jansson libcrypto */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup,--wrap=asprintf */

#include "compat.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/nth_alloc.h"
#include "rpc_message.h"

static struct http_head	 head;

/* Until a call in which none fails: it was tried with each of them failing. */
static void
each_fails(int (*scenario)(void))
{
	unsigned int	 at, failed = 0;
	int		 r;

	for (at = 1; ; at++) {
		nth_alloc_fail(at);
		r = scenario();
		if (r == -1)
			failed++;
		if (nth_alloc_seen() < at)
			break;
		nth_alloc_fail(0);
		assert_in_range(at, 1, 5000);
	}
	nth_alloc_fail(0);
	assert_int_equal(r, 0);
	assert_true(failed > 0);
}

static int
request(void)
{
	static const char	 text[] = "{\"type\":\"http_proxy\",\"id\":7,"
	    "\"method\":\"post\",\"path\":\"/a?b=c\",\"headers\":{"
	    "\"Host\":\"evil\",\"X-A\":\"1\",\"n\":2,\"t\":true,"
	    "\"gone\":null},\"body_b64\":\"YWJj\"}";
	static const char	 want[] = "POST /a?b=c HTTP/1.1\r\nHost: pi\r\n"
	    "X-A: 1\r\nn: 2\r\nt: True\r\nContent-Length: 3\r\n\r\n";
	struct rpc_message	 m = { 0 };
	const char		*why;
	uint8_t			*body = NULL;
	char			*lines = NULL;
	size_t			 n, len;
	int			 ret = -1;

	if (rpc_message_parse(text, sizeof(text) - 1, &m) == -1)
		goto done;
	/* It is an object: with memory or without, it is not called none. */
	assert_non_null(m.object);
	assert_int_equal(m.type, RPC_HTTP_PROXY);
	assert_string_equal(m.id, "7");
	if (rpc_body(m.object, 10, 0, &body, &len, &why) == -1)
		goto done;
	assert_int_equal(len, 3);
	assert_memory_equal(body, "abc", 3);
	if (rpc_head(m.object, "pi", len, &lines, &n) == -1)
		goto done;
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(lines, want, n);
	if (rpc_check(m.object) == -1)
		goto done;
	ret = 0;
 done:
	free(body);
	free(lines);
	rpc_message_free(&m);
	return (ret);
}

static int
lenient_body(void)
{
	struct rpc_message	 m = { 0 };
	const char		*why;
	uint8_t			*body = NULL;
	size_t			 len;
	int			 ret = -1;

	if (rpc_message_parse("{\"body_b64\":\"YW Jj\\nZA==\"}", 26, &m) ==
	    -1 || m.object == NULL)
		goto done;
	if (rpc_body(m.object, 9, 1, &body, &len, &why) == -1)
		goto done;
	assert_int_equal(len, 4);
	assert_memory_equal(body, "abcd", 4);
	ret = 0;
 done:
	free(body);
	rpc_message_free(&m);
	return (ret);
}

static int
no_object(void)
{
	struct rpc_message	 m = { 0 };

	if (rpc_message_parse("[1]", 3, &m) == -1)
		return (-1);
	assert_null(m.object);
	assert_int_equal(m.type, RPC_UNKNOWN);
	assert_string_equal(m.id, "");
	rpc_message_free(&m);
	return (0);
}

static int
response(void)
{
	static const char	 want[] = "{\"type\":\"http_response\",\"id\":"
	    "\"7\",\"status\":200,\"headers\":{\"X-A\":\"1\","
	    "\"Set-Cookie\":\"c=d\",\"X-L\":\"caf\xc3\xa9\"},"
	    "\"body_b64\":\"YWJj\",\"set_cookies\":[\"a=b\",\"c=d\"]}";
	size_t			 len;
	char			*out;

	if ((out = rpc_response("7", &head, (const uint8_t *)"abc", 3,
	    &len)) == NULL)
		return (-1);
	assert_string_equal(out, want);
	assert_int_equal(len, sizeof(want) - 1);
	free(out);
	if ((out = rpc_error("a", "timeout")) == NULL)
		return (-1);
	assert_string_equal(out, "{\"type\":\"http_response\",\"id\":\"a\","
	    "\"error\":\"timeout\"}");
	free(out);
	return (0);
}

static int
another_body_and_id(void)
{
	struct rpc_message	 m = { 0 };
	size_t			 len;
	char			*out = NULL;
	int			 ret = -1;

	if (rpc_message_parse("{\"id\":7,\"x\":[1]}", 16, &m) == -1 ||
	    m.object == NULL)
		goto done;
	if (rpc_set_body(m.object, (const uint8_t *)"abc", 3) == -1 ||
	    (out = rpc_with_id(m.object, "new", &len)) == NULL)
		goto done;
	assert_string_equal(out, "{\"id\":\"new\",\"x\":[1],"
	    "\"body_b64\":\"YWJj\"}");
	ret = 0;
 done:
	free(out);
	rpc_message_free(&m);
	return (ret);
}

static void
requests(void **state)
{
	each_fails(request);
	each_fails(lenient_body);
	each_fails(no_object);
}

static void
answers(void **state)
{
	each_fails(response);
}

static void
passed_on(void **state)
{
	each_fails(another_body_and_id);
}

int
main(void)
{
	static const char	 text[] = "HTTP/1.1 200 OK\r\nX-A: 1\r\n"
	    "Set-Cookie: a=b\r\nset-cookie: c=d\r\nX-L: caf\xe9\r\n\r\n";
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(requests),
		cmocka_unit_test(answers),
		cmocka_unit_test(passed_on),
	};
	int			 status;

	json_set_alloc_funcs(malloc, free);
	if (http_parse_response(text, sizeof(text) - 1, 4096, &head,
	    &status) <= 0)
		return (1);
	/* Those of jansson fail, too. */
	rpc_message_start();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
