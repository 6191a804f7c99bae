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
 * Heads written again: of requests and of responses, with what is to be left
 * out or set, and at their limits.
 */

/*
 * link: lib/http_message.c lib/http_body.c
 * link: lib/http.c lib/http_field.c lib/http_host.c
 */

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_message.h"

#define GET	"GET / HTTP/1.1\r\nHost: a\r\n"
#define POST	"POST / HTTP/1.1\r\nHost: a\r\n"
#define OK	"HTTP/1.1 200 OK\r\n"
#define CL	"Content-Length:"
#define TE	"Transfer-Encoding:"
#define UP	"Connection: x, upgrade\r\nUpgrade: websocket\r\n"
#define SWITCH	"HTTP/1.1 101 x\r\n"

static struct http_head	 head;

static ssize_t
parse(const char *s, size_t len, int response, int *status)
{
	if (response)
		return (http_parse_response_in(s, len, &http_response_limits,
		    &head, status));
	return (http_parse_request_in(s, len, &http_request_limits, &head,
	    status));
}

static const struct http_framing	 none, chunked = { HTTP_BODY_CHUNKED,
					    0, 0 };
static const struct http_framing	 five = { HTTP_BODY_LENGTH, 1, 5 };
static const struct http_framing	 to_end = { HTTP_BODY_CLOSE, 0, 0 };

/* Write a head with exactly the room it needs, and with less. */
static void
written(const char *s, int response, const struct http_rewrite *rw,
    const char *want)
{
	char	 buf[2048], *copy;
	ssize_t	 (*write_head)(const struct http_head *,
		    const struct http_rewrite *, char *, size_t);
	ssize_t	 n;
	size_t	 i;
	int	 status;

	write_head = response ? http_response_write : http_request_write;
	assert_true(parse(s, strlen(s), response, &status) > 0);
	n = write_head(&head, rw, buf, sizeof(buf));
	if (n == -1 && want == NULL)
		return;
	if (n == -1 || want == NULL)
		fail_msg("%s: %zd", s, n);
	buf[n] = '\0';
	assert_string_equal(buf, want);
	assert_non_null(copy = malloc((size_t)n));
	for (i = 0; i < (size_t)n; i++)
		assert_int_equal(write_head(&head, rw, copy, i), -1);
	assert_int_equal(write_head(&head, rw, copy, (size_t)n), n);
	free(copy);
}

static void
request_targets(void **state)
{
	const struct http_rewrite	 rw = { .framing = &none };
	const struct http_rewrite	 given = { .framing = &none,
					    .host = "B:80" };
	const struct http_rewrite	 v6 = { .framing = &none,
					    .host = "[::1]" };
	const struct http_rewrite	 bad = { .framing = &none,
					    .host = "a\r\nX: y" };

	written(GET "\r\n", 0, &rw, GET "\r\n");
	written("M-X //a/../%2F;%00?\xff?& HTTP/1.2\r\nHost: A.B.:8443\r\n"
	    "\r\n", 0, &rw, "M-X //a/../%2F;%00?\xff?& HTTP/1.1\r\n"
	    "Host: a.b:8443\r\n\r\n");
	written("GET /? HTTP/1.1\r\nHost: [2001:DB8::1]:1\r\n\r\n", 0, &rw,
	    "GET /? HTTP/1.1\r\nHost: [2001:db8::1]:1\r\n\r\n");
	written("GET http://A/x?y HTTP/1.1\r\nX: y\r\nHost: a:80\r\n\r\n", 0,
	    &rw, "GET /x?y HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
	written("GET http://a?y HTTP/1.0\r\n\r\n", 0, &rw,
	    "GET /?y HTTP/1.1\r\nHost: a\r\n\r\n");
	written("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0, &rw,
	    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	written("OPTIONS http://a HTTP/1.0\r\n\r\n", 0, &rw,
	    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	written("OPTIONS http://a/ HTTP/1.0\r\n\r\n", 0, &rw,
	    "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n");
	written("OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n", 0, &rw,
	    "OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n");
	written("OPTIONS http://a/x HTTP/1.0\r\n\r\n", 0, &rw,
	    "OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n");
	written("OPTIONS http://a? HTTP/1.0\r\n\r\n", 0, &rw,
	    "OPTIONS /? HTTP/1.1\r\nHost: a\r\n\r\n");
	written("OPTIONS / HTTP/1.0\r\n\r\n", 0, &given,
	    "OPTIONS / HTTP/1.1\r\nHost: b:80\r\n\r\n");
	written(GET "Host2: x\r\n\r\n", 0, &v6,
	    "GET / HTTP/1.1\r\nHost: [::1]\r\nHost2: x\r\n\r\n");
	written("GET / HTTP/1.0\r\n\r\n", 0, &rw, NULL);
	written(GET "\r\n", 0, &bad, NULL);
	written("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 0, &rw, NULL);
}

static void
hop_by_hop_dropped(void **state)
{
	const struct http_rewrite	 rw = { .framing = &none };
	const struct http_rewrite	 up = { .framing = &none,
					    .upgrade = 1 };

	written(GET "A: 1\r\nConnection: close, X-Foo\r\nx_foo: 1\r\n"
	    "X-Foo: 2\r\nKeep-Alive: 1\r\nProxy-Connection: 1\r\n"
	    "Proxy-Authorization: 1\r\nProxy: 1\r\nProxy_X: 1\r\n"
	    "TE: gzip\r\nTransfer_Encoding: chunked\r\ncontent_length: 5\r\n"
	    "Upgrade: h2c\r\nHTTP2-Settings: x\r\nTrailer: X\r\nClose: 1\r\n"
	    "X-Foos: 3\r\nZ:\r\n\r\n", 0, &rw, GET "A: 1\r\nX-Foos: 3\r\n"
	    "Z: \r\n\r\n");
	written(OK "A: 1\r\nConnection: close, X-Foo\r\nX-FOO: 2\r\n"
	    "Keep-Alive: 1\r\nProxy-Authenticate: 1\r\n"
	    "Transfer-Encoding: chunked\r\nUpgrade: h2,h2c\r\nTrailer: X\r\n"
	    "\r\n", 1, &rw, OK "A: 1\r\n\r\n");
	written(GET "TE: gzip\r\nTE: x, trailers\r\n\r\n", 0, &rw,
	    GET "TE: trailers\r\nConnection: TE\r\n\r\n");
	written(OK "TE: trailers\r\n\r\n", 1, &rw, OK "\r\n");
	written(GET "Connection: x, upgrade\r\nX: y\r\nSec-WebSocket-Key: k"
	    "\r\nUpgrade: websocket\r\nTE: trailers\r\n\r\n", 0, &up,
	    GET "Sec-WebSocket-Key: k\r\nUpgrade: websocket\r\n"
	    "TE: trailers\r\nConnection: Upgrade, TE\r\n\r\n");
	/* An upgrade that can't be passed on. */
	written(GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", 0, &up,
	    NULL);
	/* What http_request_framing refuses. */
	written(GET "Connection: host\r\n\r\n", 0, &rw, NULL);
	written(GET "Expect: 100-continue\r\n\r\n", 0, &rw,
	    GET "Expect: 100-continue\r\n\r\n");
	written("GET / HTTP/1.0\r\nHost: a\r\nExpect: 1\r\nTE: trailers\r\n"
	    "\r\n", 0, &rw, GET "\r\n");
}

static void
framing_written(void **state)
{
	const struct http_framing	 huge = { HTTP_BODY_NONE, 1,
					    INT64_MAX };
	struct http_rewrite		 rw = { .framing = &five };
	const char			 in[] = "Trailer: X\r\n\r\n";
	char				 req[128], resp[128];

	snprintf(req, sizeof(req), POST "%s", in);
	snprintf(resp, sizeof(resp), "HTTP/1.0 200\r\n" CL " 7\r\n%s", in);
	written(req, 0, &rw, POST CL " 5\r\n\r\n");
	rw.framing = &chunked;
	written(req, 0, &rw, POST "Trailer: X\r\n" TE " chunked\r\n\r\n");
	written(resp, 1, &rw, "HTTP/1.1 200 \r\nTrailer: X\r\n" TE
	    " chunked\r\n\r\n");
	rw.framing = &to_end;
	written(req, 0, &rw, NULL);
	written(resp, 1, &rw, "HTTP/1.1 200 \r\nConnection: close\r\n\r\n");
	rw.framing = &huge;
	written(resp, 1, &rw, "HTTP/1.1 200 \r\n" CL
	    " 9223372036854775807\r\n\r\n");
	rw.framing = &five;
	rw.close = rw.keepalive = 1;
	written(resp, 1, &rw, "HTTP/1.1 200 \r\n" CL " 5\r\n"
	    "Connection: close\r\n\r\n");
	rw.close = 0;
	written(resp, 1, &rw, "HTTP/1.1 200 \r\n" CL " 5\r\n"
	    "Connection: keep-alive\r\n\r\n");
}

static void
fields_set(void **state)
{
	static const struct http_set	 set[] = {
		{ "X-Forwarded-For", "::1", HTTP_SET_APPEND },
		{ "X-Forwarded-Proto", "https", HTTP_SET_DEFAULT },
		{ "X-Forwarded-Host", "a", HTTP_SET_REPLACE },
		{ "Via", "1.1 culvert", HTTP_SET_APPEND },
		{ "Forwarded", NULL, HTTP_SET_REPLACE },
		{ "X-Culvert-*", NULL, HTTP_SET_REPLACE },
		{ "Auth_User", "me", HTTP_SET_REPLACE },
	};
	static const struct {
		const char	*name;
		int		 drops;
	} names[] = {
		{ "X-Culvert-User", 1 }, { "x_culvert_", 1 },
		{ "FORWARDED", 1 }, { "X-Culvert", 0 }, { "Via", 0 },
		{ "X-Sum", 0 }, { "X.Culvert.User", 1 },
		{ "x!culvert~user", 1 }, { "AUTH_USER", 1 },
		{ "Auth-User", 1 }, { "AuthXUser", 0 },
	};
	const struct http_set		 bad = { "X", "a\nb", 0 };
	const struct http_set		 name = { "X ", "a", 0 };
	const struct http_set		 id = { "X-Request-Id", "1",
					    HTTP_SET_DEFAULT };
	struct http_rewrite		 rw = { .framing = &none, .set = set,
					    .nset = nitems(set) };
	struct http_str			 str;
	size_t				 i;

	written(GET "\r\n", 0, &rw, GET "X-Forwarded-For: ::1\r\n"
	    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r\n"
	    "Via: 1.1 culvert\r\nAuth_User: me\r\n\r\n");
	written(GET "x-forwarded-for: 1\r\nX_Forwarded_For: 2\r\n"
	    "X-Forwarded-Proto: http\r\nX-Forwarded-Host: b\r\n"
	    "x_forwarded-host: c\r\nVIA: 1.0 x\r\nForwarded: for=1\r\n"
	    "X-Culvert-User: root\r\nx_culvert_: y\r\nX-Culvert: z\r\n"
	    "X.Culvert.User: root\r\nAuth_User: root\r\n"
	    "Content.Length: 9\r\n\r\n", 0, &rw,
	    GET "x-forwarded-for: 1\r\nX-Forwarded-Proto: http\r\n"
	    "VIA: 1.0 x\r\nX-Culvert: z\r\nX-Forwarded-For: ::1\r\n"
	    "X-Forwarded-Host: a\r\nVia: 1.1 culvert\r\n"
	    "Auth_User: me\r\n\r\n");
	for (i = 0; i < nitems(names); i++) {
		str.s = names[i].name;
		str.len = strlen(str.s);
		assert_int_equal(http_rewrite_drops(&rw, &str),
		    names[i].drops);
	}
	/* One that came and is not sent on is none. */
	rw.set = &id;
	rw.nset = 1;
	written(GET "X-Request-Id: 2\r\n\r\n", 0, &rw,
	    GET "X-Request-Id: 2\r\n\r\n");
	written(GET "Connection: x-request-id\r\nX-Request-Id: 2\r\n\r\n", 0,
	    &rw, GET "X-Request-Id: 1\r\n\r\n");
	rw.set = &bad;
	written(GET "\r\n", 0, &rw, NULL);
	rw.set = &name;
	written(GET "\r\n", 0, &rw, NULL);
}

static void
responses(void **state)
{
	const struct http_rewrite	 rw = { .framing = &none };
	const struct http_rewrite	 up = { .framing = &none,
					    .upgrade = 1 };

	written("HTTP/1.0 404 N\xc3\xb6 such\r\nSet-Cookie: a\r\nX: \xff\r\n"
	    "set-cookie: b\r\n\r\n", 1, &rw, "HTTP/1.1 404 N\xc3\xb6 such"
	    "\r\nSet-Cookie: a\r\nX: \xff\r\nset-cookie: b\r\n\r\n");
	written("HTTP/1.1 103 x\r\nLink: y\r\n\r\n", 1, &rw,
	    "HTTP/1.1 103 x\r\nLink: y\r\n\r\n");
	written(SWITCH UP "A: b\r\n\r\n", 1, &up, SWITCH
	    "Upgrade: websocket\r\nA: b\r\nConnection: Upgrade\r\n\r\n");
	written(SWITCH UP "\r\n", 1, &rw, NULL);
	written(OK UP "\r\n", 1, &up, NULL);
}

/* Heads that were not parsed, but made: nothing bad gets out. */
static void
made_heads(void **state)
{
	static const char *const	 bad[] = { "a\rb", "a\nb", "a\x01",
					    "\x7f" };
	const struct http_rewrite	 rw = { .framing = &none,
					    .host = "a" };
	const struct http_str		 zero = { "a\0b", 3 };
	struct http_str			 good = { "/a", 2 }, evil;
	char				 buf[256];
	size_t				 i;

	for (i = 0; i <= nitems(bad); i++) {
		evil = zero;
		if (i < nitems(bad)) {
			evil.s = bad[i];
			evil.len = strlen(bad[i]);
		}
		memset(&head, 0, sizeof(head));
		head.method.s = "GET";
		head.method.len = 3;
		head.target = head.path = good;
		head.nfields = 1;
		head.fields[0].name.s = "X";
		head.fields[0].name.len = 1;
		assert_true(http_request_write(&head, &rw, buf, 256) > 0);
		head.fields[0].value = evil;
		assert_int_equal(http_request_write(&head, &rw, buf, 256),
		    -1);
		head.fields[0].value = good;
		head.fields[0].name = evil;
		assert_int_equal(http_request_write(&head, &rw, buf, 256),
		    -1);
		head.nfields = 0;
		head.query = evil;
		assert_int_equal(http_request_write(&head, &rw, buf, 256),
		    -1);
		head.query = good;
		head.path = evil;
		assert_int_equal(http_request_write(&head, &rw, buf, 256),
		    -1);
		head.path = good;
		head.method = evil;
		assert_int_equal(http_request_write(&head, &rw, buf, 256),
		    -1);
		head.status = 200;
		assert_true(http_response_write(&head, &rw, buf, 256) > 0);
		head.reason = evil;
		assert_int_equal(http_response_write(&head, &rw, buf, 256),
		    -1);
	}
	memset(&head.reason, 0, sizeof(head.reason));
	head.status = 99;
	assert_int_equal(http_response_write(&head, &rw, buf, 256), -1);
	head.status = 600;
	assert_int_equal(http_response_write(&head, &rw, buf, 256), -1);
	/* Not a path, and none of the other forms. */
	head.status = 0;
	head.method = good;
	head.method.s = "GE";
	head.path.s = "ab";
	assert_int_equal(http_request_write(&head, &rw, buf, 256), -1);
	head.path.len = 0;
	head.target.s = "*";
	head.target.len = 1;
	assert_int_equal(http_request_write(&head, &rw, buf, 256), -1);
}

static void
many_and_long_fields(void **state)
{
	static char			 s[HTTP_HEAD_ROOM + 8], out[65536];
	struct http_limits		 limits = http_response_limits;
	const struct http_rewrite	 rw = { .framing = &none };
	size_t				 n, i;
	ssize_t				 len;
	int				 status;

	n = strlcpy(s, OK, sizeof(s));
	for (i = 0; i < HTTP_RESPONSE_FIELDS_MAX; i++)
		n += (size_t)snprintf(s + n, sizeof(s) - n,
		    "Set-Cookie: c%03zu=value; Path=/; Secure\r\n", i);
	memcpy(s + n, "\r\n", 3);
	assert_int_equal(parse(s, n + 2, 1, &status), n + 2);
	len = http_response_write(&head, &rw, out, sizeof(out));
	assert_int_equal(len, n + 2);
	assert_memory_equal(out, s, n + 2);
	memcpy(s + n, "X: y\r\n\r\n", 9);
	assert_int_equal(parse(s, n + 8, 1, &status), -1);
	assert_int_equal(status, 502);
	/* There is room for so many, whatever the limit. */
	limits.fields = SIZE_MAX;
	for (; i < HTTP_FIELDS_ROOM; i++, n += 6)
		memcpy(s + n, "X: y\r\n", 6);
	memcpy(s + n, "\r\n", 2);
	assert_int_equal(http_parse_response_in(s, n + 2, &limits, &head,
	    &status), n + 2);
	memcpy(s + n, "X: y\r\n\r\n", 8);
	assert_int_equal(http_parse_response_in(s, n + 8, &limits, &head,
	    &status), -1);

	n = strlcpy(s, OK, sizeof(s));
	memset(s + n, 'x', HTTP_RESPONSE_FIELD_MAX + 1);
	s[n + 1] = ':';
	memcpy(s + n + HTTP_RESPONSE_FIELD_MAX, "\r\n\r\n", 4);
	assert_true(parse(s, n + HTTP_RESPONSE_FIELD_MAX + 4, 1, &status) > 0);
	memcpy(s + n + HTTP_RESPONSE_FIELD_MAX, "x\r\n\r\n", 5);
	assert_int_equal(parse(s, n + HTTP_RESPONSE_FIELD_MAX + 5, 1,
	    &status), -1);

	/* A limit on the head above the largest is that. */
	limits.head = SIZE_MAX;
	limits.field = SIZE_MAX;
	n = strlcpy(s, GET, sizeof(s));
	memset(s + n, 'x', HTTP_HEAD_ROOM + 1 - n);
	s[n + 1] = ':';
	memcpy(s + HTTP_HEAD_ROOM - 4, "\r\n\r\n", 4);
	assert_int_equal(http_parse_request_in(s, HTTP_HEAD_ROOM, &limits,
	    &head, &status), HTTP_HEAD_ROOM);
	memcpy(s + HTTP_HEAD_ROOM - 4, "x\r\n\r\n", 5);
	assert_int_equal(http_parse_request_in(s, HTTP_HEAD_ROOM + 1, &limits,
	    &head, &status), -1);
	assert_int_equal(status, 431);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(request_targets),
		cmocka_unit_test(hop_by_hop_dropped),
		cmocka_unit_test(framing_written),
		cmocka_unit_test(fields_set),
		cmocka_unit_test(responses),
		cmocka_unit_test(made_heads),
		cmocka_unit_test(many_and_long_fields),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
