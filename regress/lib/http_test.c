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

/* link: regress/lib/http_heads.c lib/http.c lib/http_field.c lib/http_host.c
 * */

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

static void
request_parts(void **state)
{
	const char	 s[] = "GET /a/b?c=d?e HTTP/1.1\r\n"
			    "Host: node.example.org\r\n"
			    "X-Empty:\r\n"
			    "X-Space: \t in the middle \t \r\n"
			    "x-high: \xc3\xa9\xff\r\n"
			    "\r\nbody";

	assert_int_equal(request(REQ(s)), sizeof(s) - 5);
	assert_str(head.method, "GET");
	assert_str(head.target, "/a/b?c=d?e");
	assert_str(head.path, "/a/b");
	assert_str(head.query, "c=d?e");
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.nfields, 4);
	assert_str(head.fields[1].name, "X-Empty");
	assert_str(head.fields[1].value, "");
	assert_str(head.fields[2].value, "in the middle");
	assert_str(head.fields[3].value, "\xc3\xa9\xff");
	assert_str(*http_field(&head, "HOST"), "node.example.org");
	assert_null(http_field(&head, "x-emptyy"));
	assert_null(http_field(&head, "x-empt"));
}

static void
request_versions(void **state)
{
	assert_true(request(REQ("GET / HTTP/1.0\r\n\r\n")) > 0);
	assert_int_equal(head.minor, 0);
	assert_true(request(REQ("GET / HTTP/1.2\r\nHost: a\r\n\r\n")) > 0);
	assert_int_equal(head.minor, 1);
	assert_true(request(REQ("GET / HTTP/1.9\r\nHost: a\r\n\r\n")) > 0);
	assert_int_equal(head.minor, 1);
}

static void
request_one_empty_line_before(void **state)
{
	assert_int_equal(request(REQ("\r\n" GET "\r\n")), sizeof(GET) + 3);
	assert_str(head.method, "GET");
}

static void
request_unknown_method_is_a_token(void **state)
{
	assert_true(request(REQ("M-SEARCH!#$%&'*+.^_`|~9 / HTTP/1.1\r\n"
	    "Host: a\r\n\r\n")) > 0);
}

static void
request_path_bytes_kept(void **state)
{
	assert_true(request(REQ("GET //x/../%2F;%00\\{\"|\xff?? HTTP/1.1\r\n"
	    "Host: a\r\n\r\n")) > 0);
	assert_str(head.path, "//x/../%2F;%00\\{\"|\xff");
	assert_str(head.query, "?");
}

static void
request_line_refused(void **state)
{
	static const struct bad bad[] = {
		{ "empty line twice", REQ("\r\n\r\n" GET "\r\n"), 400 },
		{ "empty line, LF", REQ("\n" GET "\r\n"), 400 },
		{ "CR before", REQ("\r" GET "\r\n"), 400 },
		{ "no version", REQ("GET /\r\n\r\n"), 400 },
		{ "method alone", REQ("GET\r\n\r\n"), 400 },
		{ "no method", REQ(" / HTTP/1.1\r\n\r\n"), 400 },
		{ "no target", REQ("GET  HTTP/1.1\r\n\r\n"), 400 },
		{ "two spaces", REQ("GET  / HTTP/1.1\r\n\r\n"), 400 },
		{ "two spaces behind", REQ("GET /  HTTP/1.1\r\n\r\n"), 400 },
		{ "space at the end", REQ("GET / HTTP/1.1 \r\n\r\n"), 400 },
		{ "tab between", REQ("GET\t/ HTTP/1.1\r\n\r\n"), 400 },
		{ "space in target", REQ("GET /a b HTTP/1.1\r\n\r\n"), 400 },
		{ "tab in target", REQ("GET /a\tb HTTP/1.1\r\n\r\n"), 400 },
		{ "fragment", REQ("GET /a#b HTTP/1.1\r\n\r\n"), 400 },
		{ "NUL in target", REQ("GET /\0 HTTP/1.1\r\n\r\n"), 400 },
		{ "DEL in target", REQ("GET /\x7f HTTP/1.1\r\n\r\n"), 400 },
		{ "not a token", REQ("G(T / HTTP/1.1\r\n\r\n"), 400 },
		{ "high method", REQ("G\xc9T / HTTP/1.1\r\n\r\n"), 400 },
		{ "bare LF", REQ("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400 },
		{ "bare CR", REQ("GET / HTTP/1.1\rHost: a\r\n\r\n"), 400 },
		{ "CR CR LF", REQ("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
		    400 },
		{ "TLS", REQ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"), 400 },
		{ "lower-case version", REQ("GET / http/1.1\r\n\r\n"), 400 },
		{ "long version", REQ("GET / HTTP/1.10\r\n\r\n"), 400 },
		{ "short version", REQ("GET / HTTP/1.\r\n\r\n"), 400 },
		{ "no number", REQ("GET / HTTP/1.x\r\n\r\n"), 400 },
		{ "no number either", REQ("GET / HTTP/x.1\r\n\r\n"), 400 },
		{ "a sign", REQ("GET / HTTP/1.+\r\n\r\n"), 400 },
		{ "a sign before", REQ("GET / HTTP/-.1\r\n\r\n"), 400 },
		{ "no dot", REQ("GET / HTTP/1-1\r\n\r\n"), 400 },
		{ "2.0", REQ("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505 },
		{ "0.9", REQ("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505 },
		{ "preface", REQ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505 },
		{ "* not with OPTIONS", REQ("GET * HTTP/1.1\r\n"
		    "Host: a\r\n\r\n"), 400 },
		{ "no slash", REQ("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
		{ "authority", REQ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
		    400 },
		{ "scheme", REQ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
		    400 },
		{ "CONNECT to a path", REQ("CONNECT / HTTP/1.1\r\n"
		    "Host: a\r\n\r\n"), 400 },
		{ "CONNECT, no port", REQ("CONNECT a HTTP/1.1\r\n"
		    "Host: a\r\n\r\n"), 400 },
	};

	refused(bad, nitems(bad), 0);
}

static void
fields_refused(void **state)
{
	static const struct bad bad[] = {
		{ "obs-fold", REQ(GET "X: a\r\n b\r\n\r\n"), 400 },
		{ "obs-fold, tab", REQ(GET "X: a\r\n\tb\r\n\r\n"), 400 },
		{ "fold before any", REQ("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
		    400 },
		{ "space before colon", REQ(GET "X : a\r\n\r\n"), 400 },
		{ "tab before colon", REQ(GET "X\t: a\r\n\r\n"), 400 },
		{ "empty name", REQ(GET ": a\r\n\r\n"), 400 },
		{ "no colon", REQ(GET "X\r\n\r\n"), 400 },
		{ "name with space", REQ(GET "X Y: a\r\n\r\n"), 400 },
		{ "name with a high byte", REQ(GET "X\xc3\xa9: a\r\n\r\n"),
		    400 },
		{ "NUL in name", REQ(GET "X\0: a\r\n\r\n"), 400 },
		{ "NUL in value", REQ(GET "X: a\0b\r\n\r\n"), 400 },
		{ "control in value", REQ(GET "X: a\x01\r\n\r\n"), 400 },
		{ "escape in value", REQ(GET "X: \x1b[0m\r\n\r\n"), 400 },
		{ "DEL in value", REQ(GET "X: a\x7f\r\n\r\n"), 400 },
		{ "bare LF", REQ(GET "X: a\nY: b\r\n\r\n"), 400 },
		{ "bare CR", REQ(GET "X: a\rY: b\r\n\r\n"), 400 },
		{ "bare LF at the end", REQ(GET "\n"), 400 },
		{ "CR CR LF at the end", REQ(GET "\r\r\n"), 400 },
	};

	refused(bad, nitems(bad), 0);
}

static void
singletons_refused(void **state)
{
	static const struct bad bad[] = {
		{ "Host", REQ(GET "host: a\r\n\r\n"), 400 },
		{ "Authorization", REQ(GET "Authorization: a\r\n"
		    "authorization: b\r\n\r\n"), 400 },
		{ "Content-Type", REQ(GET "Content-Type: a/b\r\n"
		    "Content-Type: a/b\r\n\r\n"), 400 },
		{ "Origin", REQ(GET "Origin: a\r\nOrigin: b\r\n\r\n"), 400 },
		{ "Key", REQ(GET "Sec-WebSocket-Key: a\r\n"
		    "Sec-WebSocket-Key: b\r\n\r\n"), 400 },
		{ "Version", REQ(GET "Sec-WebSocket-Version: 13\r\n"
		    "Sec-WebSocket-Version: 13\r\n\r\n"), 400 },
	};

	refused(bad, nitems(bad), 0);
	/* The order of equal names is kept where they may repeat. */
	assert_true(request(REQ(GET "Cookie: 1\r\nX: y\r\ncookie: 2\r\n\r\n"))
	    > 0);
	assert_int_equal(http_field_count(&head, "Cookie"), 2);
	assert_str(*http_field(&head, "Cookie"), "1");
	assert_str(head.fields[3].value, "2");
}

static void
host_refused(void **state)
{
	static const struct bad bad[] = {
		{ "missing", REQ("GET / HTTP/1.1\r\n\r\n"), 400 },
		{ "missing, 1.2", REQ("GET / HTTP/1.2\r\n\r\n"), 400 },
#define HOST(h)	REQ("GET / HTTP/1.1\r\nHost: " h "\r\n\r\n"), 400
		{ "empty", HOST("") },
		{ "user", HOST("user@a") },
		{ "escape", HOST("a%2eb") },
		{ "dot", HOST(".") },
		{ "two dots", HOST("a..b") },
		{ "first dot", HOST(".a") },
		{ "two last dots", HOST("a..") },
		{ "high byte", HOST("\xc3\xa9") },
		{ "space", HOST("a b") },
		{ "list", HOST("a, b") },
		{ "path", HOST("a/b") },
		{ "no name", HOST(":80") },
		{ "port 0", HOST("a:0") },
		{ "port over", HOST("a:65536") },
		{ "long port", HOST("a:000080") },
		{ "empty port", HOST("a:") },
		{ "bad port", HOST("a:8x") },
		{ "two ports", HOST("a:80:80") },
		{ "v6 without brackets", HOST("::1") },
		{ "v6 open", HOST("[::1") },
		{ "v6, nine groups", HOST("[1:2:3:4:5:6:7:8:9]") },
		{ "v6 zone", HOST("[fe80::1%eth0]") },
		{ "v6 empty", HOST("[]") },
		{ "v6 and more", HOST("[::1]a") },
		{ "v4 in brackets", HOST("[127.0.0.1]") },
		{ "absolute, other host", REQ("GET http://a/ HTTP/1.1\r\n"
		    "Host: b\r\n\r\n"), 400 },
		{ "absolute, other port", REQ("GET http://a/ HTTP/1.1\r\n"
		    "Host: a:8080\r\n\r\n"), 400 },
		{ "absolute, bad host", REQ("GET http://a/ HTTP/1.1\r\n"
		    "Host: a@\r\n\r\n"), 400 },
		{ "absolute, user", REQ("GET http://u@a/ HTTP/1.1\r\n"
		    "Host: a\r\n\r\n"), 400 },
		{ "absolute, no host", REQ("GET http:///x HTTP/1.1\r\n"
		    "Host: a\r\n\r\n"), 400 },
		{ "absolute, no Host", REQ("GET http://a/ HTTP/1.1\r\n\r\n"),
		    400 },
	};

	refused(bad, nitems(bad), 0);
}

static void
host_forms(void **state)
{
	static const struct {
		const char	*text;
		const char	*host;
		uint16_t	 port;
	} good[] = {
		{ "GET / HTTP/1.0\r\n", "", 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n", "a", 0 },
		{ "GET / HTTP/1.1\r\nHost: Node-1.Example.ORG.:8443\r\n",
		    "node-1.example.org", 8443 },
		{ "GET / HTTP/1.1\r\nHost: my_node:1\r\n", "my_node", 1 },
		{ "GET / HTTP/1.1\r\nHost: 127.0.0.1:65535\r\n",
		    "127.0.0.1", 65535 },
		{ "GET / HTTP/1.1\r\nHost: [2001:DB8:0::1]:443\r\n",
		    "2001:db8::1", 443 },
		{ "GET / HTTP/1.1\r\nHost: [::1]\r\n", "::1", 0 },
		{ "GET http://A.b/x HTTP/1.0\r\n", "a.b", 0 },
		{ "GET http://A.b:80/x HTTP/1.1\r\nHost: a.B\r\n", "a.b", 80 },
		{ "GET HTTPS://a HTTP/1.1\r\nHost: a:443\r\n", "a", 0 },
		{ "GET ws://a?x HTTP/1.1\r\nHost: a:80\r\n", "a", 0 },
		{ "GET wss://a?x HTTP/1.1\r\nHost: a:443\r\n", "a", 0 },
		{ "CONNECT a:22 HTTP/1.1\r\nHost: a:22\r\n", "a", 22 },
		{ "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n", "a", 443 },
		{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n", "a", 0 },
	};
	char		 s[256], host[HTTP_HOST_MAX];
	uint16_t	 port;
	size_t		 i;

	for (i = 0; i < nitems(good); i++) {
		snprintf(s, sizeof(s), "%s\r\n", good[i].text);
		if (request(s, strlen(s)) != (ssize_t)strlen(s))
			fail_msg("%s: %d", good[i].text, answer);
		assert_int_equal(http_authority(&head, host, &port), 0);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
}

static void
host_lengths(void **state)
{
	struct http_str	 str;
	char		 host[HTTP_HOST_MAX], s[300];
	uint16_t	 port;

	memset(s, 'a', sizeof(s));
	str.s = s;
	str.len = 63;
	assert_int_equal(http_hostport(&str, host, &port), 0);
	str.len = 64;
	assert_int_equal(http_hostport(&str, host, &port), -1);
	s[63] = s[127] = s[191] = '.';
	str.len = 253;
	assert_int_equal(http_hostport(&str, host, &port), 0);
	assert_int_equal(strlen(host), 253);
	str.len = 254;
	assert_int_equal(http_hostport(&str, host, &port), -1);
	s[253] = '.';
	assert_int_equal(http_hostport(&str, host, &port), 0);
	assert_int_equal(strlen(host), 253);
	s[251] = '.';
	str.len = 300;
	assert_int_equal(http_hostport(&str, host, &port), -1);
	s[0] = '[';
	memset(s + 1, ':', sizeof(s) - 1);
	s[299] = ']';
	assert_int_equal(http_hostport(&str, host, &port), -1);
	str.len = 0;
	assert_int_equal(http_hostport(&str, host, &port), -1);
}

static void
origin_forms(void **state)
{
	static const struct {
		const char	*text, *path, *query;
	} good[] = {
		{ "GET / HTTP/1.0\r\n\r\n", "/", "" },
		{ "GET /a?b HTTP/1.0\r\n\r\n", "/a", "b" },
		{ "GET http://a HTTP/1.0\r\n\r\n", "/", "" },
		{ "GET http://a?b HTTP/1.0\r\n\r\n", "/", "b" },
		{ "GET http://a/b/?c?/ HTTP/1.0\r\n\r\n", "/b/", "c?/" },
		{ "GET http://a/b HTTP/1.0\r\n\r\n", "/b", "" },
	};
	struct http_str	 path, query;
	size_t		 i;

	for (i = 0; i < nitems(good); i++) {
		assert_true(request(good[i].text, strlen(good[i].text)) > 0);
		assert_int_equal(http_origin(&head, &path, &query), 0);
		assert_str(path, good[i].path);
		assert_str(query, good[i].query);
		if (head.target.s[0] != '/')
			assert_int_equal(head.path.len, 0);
	}
	assert_true(request(REQ("OPTIONS * HTTP/1.0\r\n\r\n")) > 0);
	assert_int_equal(http_origin(&head, &path, &query), -1);
	assert_true(request(REQ("CONNECT a:1 HTTP/1.0\r\n\r\n")) > 0);
	assert_int_equal(http_origin(&head, &path, &query), -1);
}

/* A request whose line has that many bytes. */
static size_t
long_line(char *s, size_t len)
{
	memcpy(s, "GET /", 5);
	memset(s + 5, 'x', len - 5 - 9);
	memcpy(s + len - 9, " HTTP/1.0", 9);
	memcpy(s + len, "\r\n\r\n", 4);
	return (len + 4);
}

static void
limit_request_line(void **state)
{
	static char	 s[3 * HTTP_LINE_MAX];
	size_t		 n;

	n = long_line(s, HTTP_LINE_MAX);
	assert_int_equal(request(s, n), n);
	n = long_line(s, HTTP_LINE_MAX + 1);
	assert_int_equal(request(s, n), -1);
	assert_int_equal(answer, 414);
	memset(s, 'G', sizeof(s));
	assert_int_equal(request(s, sizeof(s)), -1);
	assert_int_equal(answer, 414);
	/* What came first decides. */
	s[HTTP_LINE_MAX - 1] = '\0';
	assert_int_equal(request(s, sizeof(s)), -1);
	assert_int_equal(answer, 400);
}

static void
limit_field(void **state)
{
	static char	 s[2 * HTTP_FIELD_MAX];
	size_t		 n = sizeof("GET / HTTP/1.0\r\n") - 1;

	memcpy(s, "GET / HTTP/1.0\r\nX:", n + 2);
	memset(s + n + 2, 'x', HTTP_FIELD_MAX);
	memcpy(s + n + HTTP_FIELD_MAX, "\r\n\r\n", 4);
	assert_int_equal(request(s, n + HTTP_FIELD_MAX + 4),
	    n + HTTP_FIELD_MAX + 4);
	memcpy(s + n + HTTP_FIELD_MAX, "x\r\n\r\n", 5);
	assert_int_equal(request(s, n + HTTP_FIELD_MAX + 5), -1);
	assert_int_equal(answer, 431);
}

static void
limit_fields(void **state)
{
	char	 s[4096];
	size_t	 n, i;

	n = strlcpy(s, GET, sizeof(s));
	for (i = 1; i < HTTP_FIELDS_MAX; i++)
		n = strlcat(s, "X: y\r\n", sizeof(s));
	n = strlcat(s, "\r\n", sizeof(s));
	assert_int_equal(request(s, n), n);
	assert_int_equal(head.nfields, HTTP_FIELDS_MAX);
	n = strlcpy(s + n - 2, "Y: z\r\n\r\n", 100) + n - 2;
	assert_int_equal(request(s, n), -1);
	assert_int_equal(answer, 431);
}

/* A head of that many bytes. */
static size_t
long_head(char *s, size_t len)
{
	size_t	 n = strlcpy(s, GET, len), part;

	while (n < len - 2) {
		part = len - 2 - n > 4000 ? 2000 : len - 2 - n;
		memset(s + n, 'x', part);
		s[n + 1] = ':';
		s[n + part - 2] = '\r';
		s[n + part - 1] = '\n';
		n += part;
	}
	memcpy(s + n, "\r\n", 2);
	return (len);
}

static void
limit_head(void **state)
{
	static char	 s[HTTP_HEAD_MAX + 1000];
	const char	 get[] = GET "\r\n";
	size_t		 i, n = sizeof(get) - 1;

	n = long_head(s, HTTP_HEAD_MAX);
	assert_int_equal(request(s, n), HTTP_HEAD_MAX);
	/* No limit of the caller's is above ours. */
	assert_int_equal(parse(s, n, SIZE_MAX, 0), HTTP_HEAD_MAX);
	n = long_head(s, HTTP_HEAD_MAX + 1);
	assert_int_equal(parse(s, n, SIZE_MAX, 0), -1);
	assert_int_equal(answer, 431);
	assert_int_equal(parse(s, n, SIZE_MAX, 1), -1);
	assert_int_equal(answer, 502);

	n = sizeof(get) - 1;
	assert_int_equal(parse(get, n, n, 0), n);
	for (i = 0; i < n; i++) {
		assert_int_equal(parse(get, n, i, 0), -1);
		assert_int_equal(answer, i < 16 ? 414 : 431);
	}
	/* The empty line before counts as well. */
	assert_int_equal(parse(REQ("\r\n" GET "\r\n"), n + 2, 0), n + 2);
	assert_int_equal(parse(REQ("\r\n" GET "\r\n"), n + 1, 0), -1);
	assert_int_equal(parse(REQ("\r\n" GET "\r\n"), 1, 0), -1);
}

/* What a caller asks for beyond the room that there is, nobody gets. */
static void
limits_end_where_the_room_does(void **state)
{
	const struct http_limits limits = { SIZE_MAX, SIZE_MAX, SIZE_MAX,
				    SIZE_MAX };
	static char		 s[HTTP_HEAD_ROOM + 1];
	size_t			 n;
	int			 status = 0;

	n = long_head(s, HTTP_HEAD_ROOM);
	assert_int_equal(http_parse_request_in(s, n, &limits, &head, &status),
	    HTTP_HEAD_ROOM);
	n = long_head(s, HTTP_HEAD_ROOM + 1);
	assert_int_equal(http_parse_request_in(s, n, &limits, &head, &status),
	    -1);
	assert_int_equal(status, 431);

	/* The same head as a response: what is left of Host is a field. */
	memcpy(s, "HTTP/1.1 200 OK\r\n", 17);
	assert_int_equal(http_parse_response_in(s, n, &limits, &head,
	    &status), -1);
	assert_int_equal(status, 502);
	long_head(s, HTTP_HEAD_ROOM);
	memcpy(s, "HTTP/1.1 200 OK\r\n", 17);
	assert_int_equal(http_parse_response_in(s, n, &limits, &head,
	    &status), HTTP_HEAD_ROOM);
}

static void
nothing_is_no_word(void **state)
{
	const struct http_str	 empty = { "x", 0 }, word = { "x", 1 };

	assert_false(http_str_is_token(&empty));
	assert_false(http_str_is_target(&empty));
	assert_true(http_str_is_text(&empty));
	assert_true(http_str_is_token(&word));
	assert_true(http_str_is_target(&word));
}

static void
response_parts(void **state)
{
	assert_int_equal(response(REQ("HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n\r\nxx")), 56);
	assert_int_equal(head.status, 101);
	assert_str(head.reason, "Switching Protocols");
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.nfields, 1);
	assert_true(response(REQ("HTTP/1.0 599 \r\n\r\n")) > 0);
	assert_int_equal(head.status, 599);
	assert_int_equal(head.minor, 0);
	assert_str(head.reason, "");
	assert_true(response(REQ("HTTP/1.1 200\r\n\r\n")) > 0);
	assert_str(head.reason, "");
	assert_true(response(REQ("HTTP/1.1 200 d\xe9j\xe0\r\n\r\n")) > 0);
}

static void
response_refused(void **state)
{
	static const struct bad bad[] = {
		{ "empty line", REQ("\r\nHTTP/1.1 200 OK\r\n\r\n"), 502 },
		{ "short", REQ("HTTP/1.1 20\r\n\r\n"), 502 },
		{ "long", REQ("HTTP/1.1 2000 OK\r\n\r\n"), 502 },
		{ "099", REQ("HTTP/1.1 099 OK\r\n\r\n"), 502 },
		{ "600", REQ("HTTP/1.1 600 OK\r\n\r\n"), 502 },
		{ "letters", REQ("HTTP/1.1 2x0 OK\r\n\r\n"), 502 },
		{ "sign", REQ("HTTP/1.1 -20 OK\r\n\r\n"), 502 },
		{ "two spaces", REQ("HTTP/1.1  200 OK\r\n\r\n"), 502 },
		{ "version", REQ("HTTP/2.0 200 OK\r\n\r\n"), 502 },
		{ "other protocol", REQ("ICY/1.10 200 OK\r\n\r\n"), 502 },
		{ "obs-fold", REQ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"),
		    502 },
		{ "bare LF", REQ("HTTP/1.1 200 OK\n\n"), 502 },
		{ "space before colon", REQ("HTTP/1.1 200 OK\r\nX : a\r\n"
		    "\r\n"), 502 },
	};

	refused(bad, nitems(bad), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_parts),
		cmocka_unit_test(request_versions),
		cmocka_unit_test(request_one_empty_line_before),
		cmocka_unit_test(request_unknown_method_is_a_token),
		cmocka_unit_test(request_path_bytes_kept),
		cmocka_unit_test(request_line_refused),
		cmocka_unit_test(fields_refused),
		cmocka_unit_test(singletons_refused),
		cmocka_unit_test(host_refused),
		cmocka_unit_test(host_forms),
		cmocka_unit_test(host_lengths),
		cmocka_unit_test(origin_forms),
		cmocka_unit_test(limit_request_line),
		cmocka_unit_test(limit_field),
		cmocka_unit_test(limit_fields),
		cmocka_unit_test(limit_head),
		cmocka_unit_test(limits_end_where_the_room_does),
		cmocka_unit_test(nothing_is_no_word),
		cmocka_unit_test(response_parts),
		cmocka_unit_test(response_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
