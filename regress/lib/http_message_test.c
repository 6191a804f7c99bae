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

#define IN(s)	(s), sizeof(s) - 1
#define GET	"GET / HTTP/1.1\r\nHost: a\r\n"
#define POST	"POST / HTTP/1.1\r\nHost: a\r\n"
#define OK	"HTTP/1.1 200 OK\r\n"
#define CL	"Content-Length:"
#define TE	"Transfer-Encoding:"

enum cut {
	WHOLE,
	BYTES,
	RANDOM
};

static const struct http_asked	 asked_get, asked_head = { .head = 1 },
				 asked_connect = { .connect = 1 },
				 asked_upgrade = { .upgrade = 1 };

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

/* ---- whole messages ---- */

/*
 * Read one message: "kind[ N]: data|end REST", "status" if the head is
 * refused, "kind: data|status" if the body is.  asked is NULL for requests.
 */
static void
message(const struct http_asked *asked, const char *s, size_t len,
    enum cut cut, char *said, size_t size)
{
	static const char *const kinds[] = { "none", "length", "chunked",
	    "close" };
	struct http_framing	 framing;
	struct http_body	 body;
	struct http_body_event	 ev;
	size_t			 have = cut == WHOLE ? len : 0, off;
	ssize_t			 n;
	int			 status = 0, r;

	while ((n = parse(s, have, asked != NULL, &status)) == 0 && have < len)
		have += cut == BYTES ? 1 : 1 + (size_t)rand() % (len - have);
	if (n > 0 && asked == NULL)
		r = http_request_framing(&head, &framing, &status);
	else if (n > 0)
		r = http_response_framing(&head, asked, &framing, &status);
	else
		r = -1;
	if (r == -1) {
		snprintf(said, size, "%d", status);
		return;
	}
	assert_int_equal(status, 0);
	snprintf(said, size, framing.told ? "%s %llu: " : "%s: ",
	    kinds[framing.kind], (unsigned long long)framing.length);
	http_body_init(&body, &framing, asked != NULL ? HTTP_RESPONSE :
	    HTTP_REQUEST, UINT64_MAX);
	for (off = (size_t)n;;) {
		off += http_body_read(&body, s + off, have - off, &ev);
		n = (ssize_t)strlen(said);
		if (ev.what == HTTP_BODY_DATA)
			snprintf(said + n, size - (size_t)n, "%.*s",
			    (int)ev.data.len, ev.data.s);
		else if (ev.what == HTTP_BODY_MORE && have < len)
			have += cut == BYTES ? 1 :
			    1 + (size_t)rand() % (len - have);
		else if (ev.what != HTTP_BODY_TRAILER)
			break;
	}
	if (ev.what == HTTP_BODY_MORE)
		http_body_eof(&body, &ev);
	if (ev.what == HTTP_BODY_END)
		snprintf(said + n, size - (size_t)n, "|end %.*s",
		    (int)(len - off), s + off);
	else
		snprintf(said + n, size - (size_t)n, "|%d", ev.status);
}

static void
expect(const struct http_asked *asked, const char *s, size_t len,
    const char *want)
{
	char	 said[512];
	int	 i;

	for (i = 0; i < 6; i++) {
		message(asked, s, len, i < 2 ? (enum cut)i : RANDOM, said,
		    sizeof(said));
		if (strcmp(said, want) != 0)
			fail_msg("%.*s, cut %d: %s, not %s", (int)len, s, i,
			    said, want);
	}
}

/*
 * What the fields say, the same for both; behind the head there are always
 * 16 bytes.  A response is 502 for whatever is wrong.
 */
static void
framing_of_both(void **state)
{
	static const struct {
		const char	*fields;
		const char	*want;	/* NULL: none, or to the end */
		int		 status;
	} cases[] = {
		{ "", NULL, 0 },
		{ CL " 0\r\n", "length 0: ", 0 },
		{ CL " 5\r\n", "length 5: 1\r\nx\r", 0 },
		{ CL "5 \t\r\n", "length 5: 1\r\nx\r", 0 },
		{ "content-LENGTH: 05\r\n", "length 5: 1\r\nx\r", 0 },
		{ CL " 0000000000000000001\r\n", "length 1: 1", 0 },
		{ CL " 9223372036854775808\r\n", NULL, 400 },
		{ CL " 9999999999999999999\r\n", NULL, 400 },
		{ CL " 18446744073709551621\r\n", NULL, 400 },
		{ CL " 00000000000000000005\r\n", NULL, 400 },
		{ CL "\r\n", NULL, 400 },
		{ CL " 5, 5\r\n", NULL, 400 },
		{ CL " 5\r\n" CL " 5\r\n", NULL, 400 },
		{ CL " 5\r\n" CL " 6\r\n", NULL, 400 },
		{ CL " 6\r\nX: y\r\n" CL " 5\r\n", NULL, 400 },
		{ CL " +5\r\n", NULL, 400 },
		{ CL " -1\r\n", NULL, 400 },
		{ CL " 0x5\r\n", NULL, 400 },
		{ CL " 5 5\r\n", NULL, 400 },
		{ CL " 5;\r\n", NULL, 400 },
		{ CL " 5.0\r\n", NULL, 400 },
		{ CL " \xb2\r\n", NULL, 400 },
		{ "Content-Length : 5\r\n", NULL, 400 },
		{ "Content-Length\t: 5\r\n", NULL, 400 },
		{ " Content-Length: 5\r\n", NULL, 400 },
		{ "X: y\r\n\tContent-Length: 5\r\n", NULL, 400 },
		{ CL "\r\n 5\r\n", NULL, 400 },
		{ CL " 5\n", NULL, 400 },
		{ CL " 5\rX: y\r\n", NULL, 400 },
		{ TE " chunked\r\n", "chunked: x", 0 },
		{ TE "\tCHUNKed \r\n", "chunked: x", 0 },
		{ "transfer-encoding:chunked\r\n", "chunked: x", 0 },
		{ TE " chunked,\r\n", NULL, 400 },
		{ TE " ,chunked\r\n", NULL, 400 },
		{ TE " chunked, chunked\r\n", NULL, 400 },
		{ TE " gzip, chunked\r\n", NULL, 400 },
		{ TE " chunked, identity\r\n", NULL, 400 },
		{ TE " chunked\r\n" TE " chunked\r\n", NULL, 400 },
		{ TE " chunked\r\n" TE " identity\r\n", NULL, 400 },
		{ TE " gzip\r\n" TE " chunked\r\n", NULL, 400 },
		{ TE "\r\n", NULL, 400 },
		{ TE "\r\n chunked\r\n", NULL, 400 },
		{ TE " \x0b" "chunked\r\n", NULL, 400 },
		{ "Transfer-Encoding : chunked\r\n", NULL, 400 },
		{ "Transfer-Encoding\t: chunked\r\n", NULL, 400 },
		{ "Transfer Encoding: chunked\r\n", NULL, 400 },
		{ "X: y\nTransfer-Encoding: chunked\r\n", NULL, 400 },
		{ TE " identity\r\n", NULL, 501 },
		{ TE " gzip\r\n", NULL, 501 },
		{ TE " xchunked\r\n", NULL, 501 },
		{ TE " chunked;x\r\n", NULL, 501 },
		{ TE " \"chunked\"\r\n", NULL, 501 },
		{ TE " chunked\xa0\r\n", NULL, 501 },
		{ TE " chunked\r\n" CL " 5\r\n", NULL, 400 },
		{ CL " 5\r\n" TE " chunked\r\n", NULL, 400 },
		{ CL " 5\r\n" TE " identity\r\n", NULL, 400 },
		{ CL " 0\r\n" TE " chunked\r\n", NULL, 400 },
		{ "Connection: close, X-Foo\r\n", NULL, 0 },
		{ "Connection: Keep-Alive, , Transfer-Encoding\r\n", NULL,
		    0 },
		{ "Connection: Content-Length\r\n" CL " 5\r\n", NULL, 400 },
		{ "Connection: close\r\nconnection: HOST\r\n", NULL, 400 },
		{ "Connection: x,authorization,y\r\n", NULL, 400 },
		{ "Connection: Cookie\r\n", NULL, 400 },
		{ "Connection: set_cookie\r\n", NULL, 400 },
		{ "Connection: X-Forwarded-For\r\n", NULL, 400 },
		{ "Connection: a b\r\n", NULL, 400 },
		{ "Connection: \"close\"\r\n", NULL, 400 },
	};
	static const char	 tail[] = "1\r\nx\r\n0\r\n\r\nGET ";
	char			 s[512], want[256];
	const char		*taken;
	size_t			 i, n;
	int			 response;

	for (i = 0; i < nitems(cases) * 2; i++) {
		response = i % 2;
		n = (size_t)snprintf(s, sizeof(s), "%s%s\r\n",
		    response ? OK : POST, cases[i / 2].fields);
		strlcpy(s + n, tail, sizeof(s) - n);
		taken = cases[i / 2].want;
		if (cases[i / 2].status != 0)
			snprintf(want, sizeof(want), "%d",
			    response ? 502 : cases[i / 2].status);
		else if (taken == NULL && response)
			snprintf(want, sizeof(want), "close: %s|end ", tail);
		else if (taken == NULL)
			snprintf(want, sizeof(want), "none: |end %s", tail);
		else
			snprintf(want, sizeof(want), "%s|end %s", taken,
			    taken[0] == 'c' ? "GET " :
			    tail + strlen(strchr(taken, ':') + 2));
		expect(response ? &asked_get : NULL, s, strlen(s), want);
	}
}

static void
framing_of_requests(void **state)
{
	/* Whatever the method. */
	expect(NULL, IN(GET CL " 2\r\n\r\nabGET /"), "length 2: ab|end GET /");
	expect(NULL, IN("DELETE / HTTP/1.1\r\nHost: a\r\n" TE " chunked\r\n"
	    "\r\n1\r\na\r\n0\r\n\r\n"), "chunked: a|end ");
	expect(NULL, IN("HEAD / HTTP/1.1\r\nHost: a\r\n" CL " 1\r\n\r\na"),
	    "length 1: a|end ");
	/* HTTP/1.0 has no chunks. */
	expect(NULL, IN("POST / HTTP/1.0\r\n" TE " chunked\r\n\r\n"), "400");
	expect(NULL, IN("POST / HTTP/1.0\r\n" CL " 1\r\n\r\na"),
	    "length 1: a|end ");
	/* Cut short. */
	expect(NULL, IN(POST CL " 3\r\n\r\nab"), "length 3: ab|400");
	expect(NULL, IN(POST TE " chunked\r\n\r\n2\r\nab"), "chunked: ab|400");
	/* An upgrade has no body. */
#define UP	"Connection: x, upgrade\r\nUpgrade: websocket\r\n"
	expect(NULL, IN(GET UP "\r\nab"), "none: |end ab");
	expect(NULL, IN(GET UP CL " 0\r\n\r\nab"), "length 0: |end ab");
	expect(NULL, IN(GET UP CL " 2\r\n\r\nab"), "400");
	expect(NULL, IN(GET UP TE " chunked\r\n\r\n0\r\n\r\n"), "400");
	expect(NULL, IN(GET "Connection: upgrade\r\nUpgrade: h2c\r\n" CL
	    " 1\r\n\r\na"), "length 1: a|end ");
}

static void
framing_of_responses(void **state)
{
	/* No body, and the next response is where it should be. */
	expect(&asked_head, IN(OK CL " 5\r\n\r\nHTTP/"), "none 5: |end HTTP/");
	expect(&asked_head, IN(OK TE " chunked\r\n\r\nHTTP/"),
	    "none: |end HTTP/");
	expect(&asked_head, IN(OK "\r\nHTTP/"), "none: |end HTTP/");
	expect(&asked_get, IN("HTTP/1.1 304 x\r\n" CL " 5\r\n\r\nHTTP/"),
	    "none 5: |end HTTP/");
	expect(&asked_get, IN("HTTP/1.1 204 x\r\n" CL " 5\r\n\r\nHTTP/"),
	    "none: |end HTTP/");
	expect(&asked_get, IN("HTTP/1.1 204\r\n" TE " chunked\r\n\r\nH"),
	    "none: |end H");
	expect(&asked_get, IN("HTTP/1.1 100 x\r\n\r\nHTTP/"),
	    "none: |end HTTP/");
	expect(&asked_get, IN("HTTP/1.1 103 x\r\n" CL " 1\r\n\r\nHTTP/"),
	    "none: |end HTTP/");
	/* But its fields must not be in doubt. */
	expect(&asked_head, IN(OK CL " 5, 5\r\n\r\n"), "502");
	expect(&asked_head, IN(OK CL " 5\r\n" TE " chunked\r\n\r\n"), "502");
	expect(&asked_get, IN("HTTP/1.1 304 x\r\n" TE " gzip\r\n\r\n"),
	    "502");
	/* Tunnels. */
	expect(&asked_connect, IN(OK CL " 5\r\n\r\nSSH-2"), "none: |end SSH-2");
	expect(&asked_connect, IN("HTTP/1.1 403 x\r\n" CL " 2\r\n\r\nno"),
	    "length 2: no|end ");
#define SWITCH	"HTTP/1.1 101 x\r\n"
	expect(&asked_upgrade, IN(SWITCH UP "\r\n\x81"), "none: |end \x81");
	expect(&asked_get, IN(SWITCH UP "\r\n\x81"), "502");
	expect(&asked_upgrade, IN(SWITCH "\r\n\x81"), "502");
	expect(&asked_upgrade, IN(SWITCH "Upgrade: websocket\r\n\r\n"),
	    "502");
	expect(&asked_upgrade, IN("HTTP/1.1 426 x\r\n" UP CL " 2\r\n\r\nno"),
	    "length 2: no|end ");
	/* Cut short, or with more than was told. */
	expect(&asked_get, IN(OK CL " 5\r\n\r\nabc"), "length 5: abc|502");
	expect(&asked_get, IN(OK TE " chunked\r\n\r\n1\r\na\r\n"),
	    "chunked: a|502");
	expect(&asked_get, IN(OK CL " 1\r\n\r\nabc"), "length 1: a|end bc");
	/* HTTP/1.0. */
	expect(&asked_get, IN("HTTP/1.0 200 x\r\n" TE " chunked\r\n\r\n"),
	    "502");
	expect(&asked_get, IN("HTTP/1.0 200 x\r\n\r\nabc"),
	    "close: abc|end ");
}

static void
many_options(void **state)
{
	struct http_framing	 f;
	char			 s[512] = GET "Connection: a";
	size_t			 i;
	int			 status;

	for (i = 1; i < HTTP_OPTIONS_MAX; i++)
		strlcat(s, ",x", sizeof(s));
	strlcat(s, "\r\n\r\n", sizeof(s));
	assert_true(parse(s, strlen(s), 0, &status) > 0);
	assert_int_equal(http_request_framing(&head, &f, &status), 0);
	strlcpy(strstr(s, "\r\n\r\n"), ",x\r\n\r\n", 16);
	assert_true(parse(s, strlen(s), 0, &status) > 0);
	assert_int_equal(http_request_framing(&head, &f, &status), -1);
	assert_int_equal(status, 400);
}

static void
upgrades(void **state)
{
	static const struct {
		const char	*fields;
		const char	*protocol;	/* or NULL */
	} cases[] = {
		{ "Connection: Upgrade\r\nUpgrade: WebSocket\r\n",
		    "WebSocket" },
		{ "Connection: x\r\nConnection: UPGRADE\r\nUpgrade: IRC/6.9"
		    "\r\n", "IRC/6.9" },
		{ "Upgrade: websocket\r\n", NULL },
		{ "Connection: Upgrade\r\n", NULL },
		{ "Connection: Upgrade\r\nUpgrade:\r\n", NULL },
		{ "Connection: Upgrade\r\nUpgrade: a, b\r\n", NULL },
		{ "Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n",
		    NULL },
		{ "Connection: Upgrade\r\nUpgrade: h2c\r\n", NULL },
		{ "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n", NULL },
	};
	struct http_str	 protocol;
	char		 s[256];
	size_t		 i;
	int		 status, r;

	for (i = 0; i < nitems(cases); i++) {
		snprintf(s, sizeof(s), GET "%s\r\n", cases[i].fields);
		assert_true(parse(s, strlen(s), 0, &status) > 0);
		r = http_upgrade(&head, &protocol);
		if (r != (cases[i].protocol != NULL) ||
		    (r && !http_str_eq(&protocol, cases[i].protocol)))
			fail_msg("%s", cases[i].fields);
		head.minor = 0;
		assert_int_equal(http_upgrade(&head, &protocol), 0);
	}
}

static void
expectations(void **state)
{
	static const struct {
		const char	*s;
		int		 want;
	} cases[] = {
		{ GET "\r\n", 0 },
		{ GET "Expect: 100-Continue\r\n\r\n", 1 },
		{ GET "Expect: 200-ok\r\n\r\n", -1 },
		{ GET "Expect: 100-continue, x\r\n\r\n", -1 },
		{ GET "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
		    -1 },
		{ "GET / HTTP/1.0\r\nExpect: x\r\n\r\n", 0 },
	};
	size_t	 i;
	int	 status;

	for (i = 0; i < nitems(cases); i++) {
		assert_true(parse(cases[i].s, strlen(cases[i].s), 0,
		    &status) > 0);
		assert_int_equal(http_expect(&head), cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(framing_of_both),
		cmocka_unit_test(framing_of_requests),
		cmocka_unit_test(framing_of_responses),
		cmocka_unit_test(many_options),
		cmocka_unit_test(upgrades),
		cmocka_unit_test(expectations),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
