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


/* link: relayd/rpc_message.c relayd/rpc_answer.c lib/base64.c lib/ws.c
 * lib/http*.c */
/* libs: jansson libcrypto */

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

#include "rpc_message.h"

static struct rpc_message	 m;

static void
parse(const char *text)
{
	rpc_message_free(&m);
	assert_int_equal(rpc_message_parse(text, strlen(text), &m), 0);
}

static void
types_and_ids(void **state)
{
	static const struct {
		const char	*text, *id;
		enum rpc_type	 type;
	}		 cases[] = {
		{ "{\"type\":\"ping\"}", "", RPC_PING },
		{ "{\"type\":\"http_proxy\",\"id\":\"a\"}", "a",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":7}", "7",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":0}", "", RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":false}", "",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":null}", "",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":\"\"}", "",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":true}", "True",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":1.5}", "1.5",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":[]}", "", RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":[1, 2]}", "[1,2]",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":0.0}", "",
		    RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":{}}", "", RPC_HTTP_PROXY },
		{ "{\"type\":\"http_proxy\",\"id\":{\"a\": 1}}",
		    "{\"a\":1}", RPC_HTTP_PROXY },
		{ "{\"type\":\"pong\",\"ts\":1}", "", RPC_PONG },
		{ "{\"type\":\"pair_offer\"}", "", RPC_PAIR_OFFER },
		{ "{\"type\":\"http_response\",\"id\":\"x\"}", "x",
		    RPC_HTTP_RESPONSE },
		{ "{\"id\":9}", "9", RPC_UNKNOWN },
		{ "{\"type\":7,\"id\":\"9\"}", "9", RPC_UNKNOWN },
		{ "{\"type\":\"ping\\u0000\"}", "", RPC_UNKNOWN },
		{ "{\"type\":\"ping\\u0000\",\"id\":\"1\"}", "1",
		    RPC_UNKNOWN },
		{ "{\"type\":\"ping\",\"type\":\"ping\"}", "", RPC_UNKNOWN },
		{ "{\"type\":\"ping\"} x", "", RPC_UNKNOWN },
		{ "[]", "", RPC_UNKNOWN },
		{ "ping", "", RPC_UNKNOWN },
		{ "", "", RPC_UNKNOWN },
	};
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		parse(cases[i].text);
		assert_int_equal(m.type, cases[i].type);
		assert_string_equal(m.id, cases[i].id);
		assert_false(m.bad_id);
	}
}

static void
ids_that_can_not_be_said_again(void **state)
{
	char	 text[RPC_ID_MAX + 64];

	parse("{\"type\":\"http_proxy\",\"id\":\"a\\u0000b\"}");
	assert_true(m.bad_id);
	snprintf(text, sizeof(text), "{\"type\":\"http_proxy\",\"id\":\""
	    "%0*d\"}", RPC_ID_MAX, 1);
	parse(text);
	assert_false(m.bad_id);
	snprintf(text, sizeof(text), "{\"type\":\"http_proxy\",\"id\":\""
	    "%0*d\"}", RPC_ID_MAX + 1, 1);
	parse(text);
	assert_true(m.bad_id);
}

static void
body(const char *b64, size_t max, int cut, const char *want,
    const char *error)
{
	char		 text[256];
	const char	*err = NULL;
	uint8_t		*out;
	size_t		 len;
	int		 r;

	snprintf(text, sizeof(text), "{\"body_b64\":%s}", b64);
	parse(text);
	r = rpc_body(m.object, max, cut, &out, &len, &err);
	if (error != NULL) {
		assert_int_equal(r, -1);
		assert_string_equal(err, error);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(out, want, len);
	free(out);
}

static void
bodies(void **state)
{
	body("null", 4, 0, "", NULL);
	body("\"\"", 4, 0, "", NULL);
	body("\"YWJj\"", 4, 0, "abc", NULL);
	body("\"YWJjZA==\"", 4, 0, "abcd", NULL);
	body("\"YWJjZGU=\"", 4, 0, NULL, RPC_BODY_TOO_LARGE);
	body("\"YWJjZA\"", 4, 0, NULL, RPC_BAD_BASE64);
	body("\"YWJj\\n\"", 4, 0, NULL, RPC_BAD_BASE64);
	body("\"YW-_\"", 4, 0, NULL, RPC_BAD_BASE64);
	body("\"YWJjZB==\"", 4, 0, NULL, RPC_BAD_BASE64);
	body("\"YWJj\\u0000\"", 4, 0, NULL, RPC_BAD_BASE64);
	body("7", 4, 0, NULL, RPC_BAD_BASE64);
	/* As the other make reads it. */
	body("\"YWJjZGU=\"", 4, 1, "abcd", NULL);
	body("\"YW Jj\\nZA==\"", 9, 1, "abcd", NULL);
	body("\"YW=JjZ=A=!=\"", 9, 1, "abcd", NULL);
	body("\"YWJjZA\"", 9, 1, "", NULL);
	body("\"YWJjZA=\"", 9, 1, "", NULL);
	body("\"YWJjZ\"", 9, 1, "", NULL);
	body("\"=YWJj\"", 9, 1, "abc", NULL);
	body("\"YWJj\u00e9\"", 9, 1, "", NULL);
	body("7", 9, 1, "", NULL);
	body("\"YWJjZB==\"", 9, 1, "abcd", NULL);
	body("\"YWJjZGU=YWJj\"", 9, 1, "abcde", NULL);
	body("null", 9, 1, "", NULL);
	body("\"Pj4+Pz8/\"", 9, 1, ">>>???", NULL);
	body("\"!\"", 9, 1, "", NULL);
	body("\"A\"", 9, 1, "", NULL);
}

static void
head(const char *json, size_t len, const char *want)
{
	char	*text = NULL;
	size_t	 n;
	int	 r;

	parse(json);
	r = rpc_head(m.object, "pi", len, &text, &n);
	if (want == NULL) {
		assert_int_equal(r, -1);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, want);
	free(text);
}

static void
heads(void **state)
{
	head("{}", 0, "GET / HTTP/1.1\r\nHost: pi\r\n\r\n");
	head("{\"method\":\"post\",\"path\":\"a?b=c\"}", 0,
	    "POST /a?b=c HTTP/1.1\r\nHost: pi\r\nContent-Length: 0\r\n\r\n");
	head("{\"path\":\"http://other/x\"}", 3, "GET /http://other/x "
	    "HTTP/1.1\r\nHost: pi\r\nContent-Length: 3\r\n\r\n");
	head("{\"path\":\"//x/../%2F#frag\"}", 0,
	    "GET //x/../%2F HTTP/1.1\r\nHost: pi\r\n\r\n");
	head("{\"path\":\"/a b\xc3\xa9\"}", 0,
	    "GET /a%20b%C3%A9 HTTP/1.1\r\nHost: pi\r\n\r\n");
	head("{\"headers\":{\"Host\":\"evil\",\"X-A\":\"1\",\"n\":2,"
	    "\"t\":true,\"gone\":null,\"Upgrade\":\"websocket\"}}", 0,
	    "GET / HTTP/1.1\r\nHost: pi\r\nX-A: 1\r\nn: 2\r\nt: True\r\n\r\n");
	head("{\"method\":\"\",\"path\":\"\",\"headers\":{}}", 0,
	    "GET / HTTP/1.1\r\nHost: pi\r\n\r\n");
	head("{\"method\":null,\"path\":null,\"headers\":null}", 0,
	    "GET / HTTP/1.1\r\nHost: pi\r\n\r\n");
	head("{\"method\":\"put\",\"headers\":{\"f\":false,\"r\":1.5,"
	    "\"Expect\":null,\"Content-Length\":null}}", 0, "PUT / HTTP/1.1"
	    "\r\nHost: pi\r\nf: False\r\nr: 1.5\r\nContent-Length: 0\r\n"
	    "\r\n");
	head("{\"method\":\"patch\"}", 0, "PATCH / HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 0\r\n\r\n");
	head("{\"headers\":{\"Expect\":7}}", 0, NULL);
	head("{\"method\":\"con\"}", 0,
	    "CON / HTTP/1.1\r\nHost: pi\r\n\r\n");
	head("{\"method\":\"connect\"}", 0, NULL);
	head("{\"headers\":{\"host\":[\"x\"]}}", 0, NULL);
	head("{\"headers\":{\"Expect\":\"100-Continue\",\"X-A\":\"b\","
	    "\"TE\":1}}", 0,
	    "GET / HTTP/1.1\r\nHost: pi\r\nX-A: b\r\n\r\n");
	head("{\"headers\":{\"Expect\":\"a-cookie\"}}", 0, NULL);
	head("{\"headers\":{\"Expect\":\"100-continue\",\"expect\":"
	    "\"100-continue\"}}", 0, NULL);
	head("{\"headers\":{\"Content_Length\":\"5\"}}", 3, "GET / HTTP/1.1\r\n"
	    "Host: pi\r\nContent_Length: 5\r\nContent-Length: 3\r\n\r\n");
	/* The parser judges these; nothing is added beside them. */
	head("{\"headers\":{\"content-length\":\"5\"}}", 3,
	    "GET / HTTP/1.1\r\nHost: pi\r\ncontent-length: 5\r\n\r\n");
	head("{\"headers\":{\"Transfer-Encoding\":\"chunked\"}}", 0, "GET / "
	    "HTTP/1.1\r\nHost: pi\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void
lines_do_not_break(void **state)
{
	static const char *const bad[] = { "\\r", "\\n", "\\u0000",
	    "\\u0001", "\\u007f" };
	char	 json[128];
	size_t	 i;

	for (i = 0; i < nitems(bad); i++) {
		snprintf(json, sizeof(json), "{\"path\":\"/a%sb\"}", bad[i]);
		head(json, 0, NULL);
		snprintf(json, sizeof(json), "{\"path\":\"/a#%sb\"}",
		    bad[i]);
		head(json, 0, NULL);
		snprintf(json, sizeof(json), "{\"method\":\"GE%sT\"}",
		    bad[i]);
		head(json, 0, NULL);
		snprintf(json, sizeof(json), "{\"headers\":{\"a\":\"b%sc\"}}",
		    bad[i]);
		head(json, 0, NULL);
		snprintf(json, sizeof(json), "{\"headers\":{\"Host\":"
		    "\"b%sc\"}}", bad[i]);
		head(json, 0, NULL);
		if (strcmp(bad[i], "\\u0000") == 0)
			continue;	/* no key at all */
		snprintf(json, sizeof(json), "{\"headers\":{\"a%sb\":\"c\"}}",
		    bad[i]);
		head(json, 0, NULL);
	}
	head("{\"method\":\"GET /x\"}", 0, NULL);
	head("{\"method\":\"CONNECT\"}", 0, NULL);
	head("{\"method\":7}", 0, NULL);
	head("{\"path\":[]}", 0, NULL);
	head("{\"headers\":[]}", 0, NULL);
	head("{\"headers\":{\"a\":{}}}", 0, NULL);
	head("{\"headers\":{\"a\":[]}}", 0, NULL);
	head("{\"headers\":{\"\":\"x\"}}", 0, NULL);
	head("{\"headers\":{\"a b\":\"x\"}}", 0, NULL);
	head("{\"headers\":{\"a:\":\"x\"}}", 0, NULL);
}

static void
answers(void **state)
{
	static const char	 text[] = "HTTP/1.1 200 OK\r\nX-A: 1\r\n"
	    "X-B: 1\r\nx-b: 2\r\n"
	    "Set-Cookie: a=b\r\nset-cookie: c=d\r\nX-L: caf\xe9\r\n"
	    "X-U: caf\xc3\xa9\r\n\r\n";
	static struct http_head	 h;
	size_t			 len;
	char			*out;
	int			 status;

	assert_true(http_parse_response(text, sizeof(text) - 1, 4096, &h,
	    &status) > 0);
	out = rpc_response("7\"", &h, (const uint8_t *)"{\"ok\":true}", 11,
	    &len);
	assert_non_null(out);
	assert_int_equal(strlen(out), len);
	assert_string_equal(out, "{\"type\":\"http_response\",\"id\":\"7\\\"\","
	    "\"status\":200,\"headers\":{\"X-A\":\"1\",\"X-B\":\"1, 2\","
	    "\"Set-Cookie\":"
	    "\"c=d\",\"X-L\":\"caf\xc3\xa9\",\"X-U\":\"caf\xc3\xa9\"},"
	    "\"body_b64\":\"eyJvayI6dHJ1ZX0=\","
	    "\"set_cookies\":[\"a=b\",\"c=d\"]}");
	free(out);
	out = rpc_error("a", "timeout");
	assert_string_equal(out, "{\"type\":\"http_response\",\"id\":\"a\","
	    "\"error\":\"timeout\"}");
	free(out);
	parse("{\"type\":\"http_proxy\",\"id\":7,\"x\":[1, \"\xc3\xa9\"]}");
	assert_int_equal(rpc_set_body(m.object, (const uint8_t *)"abc", 3),
	    0);
	out = rpc_with_id(m.object, "new", &len);
	assert_string_equal(out, "{\"type\":\"http_proxy\",\"id\":\"new\","
	    "\"x\":[1,\"\xc3\xa9\"],\"body_b64\":\"YWJj\"}");
	free(out);
}

static int
teardown(void **state)
{
	rpc_message_free(&m);
	return (0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_teardown(types_and_ids, teardown),
		cmocka_unit_test_teardown(ids_that_can_not_be_said_again,
		    teardown),
		cmocka_unit_test_teardown(bodies, teardown),
		cmocka_unit_test_teardown(heads, teardown),
		cmocka_unit_test_teardown(lines_do_not_break, teardown),
		cmocka_unit_test_teardown(answers, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
