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
 * Exchanges: whole, and cut at every byte, both ways.
 *
 * link: relayd/http_request.c relayd/http_trailer.c
 * link: relayd/http_exchange.c relayd/http_response.c relayd/http_backend.c
 * link: relayd/http_backend_open.c relayd/http_backend_stream.c
 * link: regress/relayd/exchange_fake.c regress/relayd/exchange_run.c
 * link: lib/http_prologue.c
 * link: lib/http_message.c lib/http_body.c lib/http_chunk.c
 * link: lib/http.c lib/http_field.c lib/http_host.c lib/addr.c
 * link: lib/mux.c lib/mux_output.c lib/mux_table.c lib/mux_stream.c
 * link: lib/mux_credit.c lib/mux_input.c
 * link: lib/mux_queue.c lib/meter.c lib/mux_dgram.c lib/mux_frame.c
 * link: lib/log.c lib/log_limit.c
 * libs: libevent
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exchange_fake.h"
#include "exchange_run.h"

#define GET	"GET / HTTP/1.1\r\nHost: pi.example.org\r\n\r\n"
#define OK2	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct fake_run	 run;

static int
setup(void **state)
{
	fake.cut = 0;
	fake_setup();
	return (0);
}

static int
teardown(void **state)
{
	fake_teardown();
	return (fake_clean() ? 0 : -1);
}

/* One exchange, on a link of its own for each cut. */
static void
case_(const char *name, const char *request, const struct fake_script *sc,
    const char *said, int kept)
{
	static const size_t	 cuts[] = { 0, 1, 2, 3, 7 };
	struct http_backend	*b;
	size_t			 i, max;

	for (i = 0; i < nitems(cuts); i++)
	    for (max = 1; max < 100000; max += 65535) {
		fake_teardown();
		fake.cut = cuts[i];
		fake_setup();
		fake.script[0] = *sc;
		b = NULL;
		if (fake_begin(&run, request, strlen(request), &b) == -1)
			fail_msg("%s: not begun", name);
		run.max = max;
		b = fake_end(&run);
		if (strcmp(run.said, said) != 0 || (b != NULL) != kept)
			fail_msg("%s, cut %zu: \"%s\"%s, not \"%s\"%s", name,
			    cuts[i], run.said, b != NULL ? " kept" : "", said,
			    kept ? " kept" : "");
		http_backend_free(b);
		fake_pump();
	    }
}

static void
responses(void **state)
{
	static const struct {
		const char	*request, *answer, *said;
		int		 fin, kept;
	} cases[] = {
		{ GET, OK2, "200 length: ok END", 0, 1 },
		{ GET, OK2, "200 length: ok END", 1, 0 },
		{ GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		    "Trailer: X-A\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n"
		    "X-A: b\r\nX-B: c\r\nHost: evil\r\n\r\n",
		    "200 chunked: abcd T X-A=b END", 0, 1 },
		{ GET, "HTTP/1.1 200 OK\r\n\r\nall", "200 close: all END",
		    1, 0 },
		{ GET, "HTTP/1.1 200 OK\r\n\r\nall", "200 close: all", 0, 0 },
		{ GET, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		    "200 length: abc!502 incomplete", 1, 0 },
		{ GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n", "200 chunked: abc!502 incomplete", 1, 0 },
		{ GET, OK2 "more", "200 length: ok END", 0, 0 },
		{ GET, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n", "!502 bad-response",
		    0, 0 },
		{ GET, "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
		    "!502 bad-response", 0, 0 },
		{ GET, "SSH-2.0-OpenSSH_9.2\r\n", "!502 bad-response", 0, 0 },
		{ GET, "", "!502 reset", 1, 0 },
		{ GET, "HTTP/1.1 20", "!502 incomplete", 1, 0 },
		{ GET, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		    "200 length: ok END", 0, 0 },
		{ GET, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
		    "Content-Length: 2\r\n\r\nok", "200 length: ok END", 0,
		    0 },
		{ GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
		    "HTTP/1.1 102 Processing\r\n\r\n" OK2,
		    "103 none: 102 none: 200 length: ok END", 0, 1 },
		{ GET, "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n",
		    "204 none:  END", 0, 0 },
		{ GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n"
		    "\r\n", "304 none:  END", 0, 0 },
		{ GET, "HTTP/1.1 101 Switching Protocols\r\n"
		    "Connection: upgrade\r\nUpgrade: x\r\n\r\n",
		    "!502 bad-response", 0, 0 },
		{ "HEAD / HTTP/1.1\r\nHost: pi.example.org\r\n\r\n",
		    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
		    "200 none:  END", 0, 0 },
		{ "HEAD / HTTP/1.1\r\nHost: pi.example.org\r\n\r\n", OK2,
		    "200 none:  END", 0, 0 },
	};
	struct fake_script	 sc;
	size_t			 i;

	for (i = 0; i < nitems(cases); i++) {
		memset(&sc, 0, sizeof(sc));
		sc.step[0].after = "\r\n\r\n";
		sc.step[0].say = cases[i].answer;
		sc.fin = cases[i].fin;
		case_(cases[i].answer, cases[i].request, &sc, cases[i].said,
		    cases[i].kept);
	}
}

/* Not in order: what was read before is all there is. */
static void
resets(void **state)
{
	static const struct {
		const char	*answer;
		uint16_t	 code;
		const char	*said;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\nabc", MUX_CODE_TARGET_RESET,
		    "200 close: abc!502 reset" },
		{ "HTTP/1.1 200 OK\r\n\r\nabc", MUX_CODE_NODE_GONE,
		    "200 close: abc!503 gone" },
		{ "HTTP/1.1 20", MUX_CODE_TARGET_RESET, "!502 reset" },
		{ "HTTP/1.1 20", MUX_CODE_NODE_GONE, "!503 gone" },
	};
	struct http_backend	*b = NULL;
	size_t			 i;

	for (i = 0; i < nitems(cases); i++) {
		fake_teardown();
		fake_setup();
		fake.script[0].step[0].after = "\r\n\r\n";
		fake.script[0].step[0].say = cases[i].answer;
		assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
		fake_pump();
		fake_read(&run);
		fake.script[0].reset = cases[i].code;
		mux_ready(fake.stream[0].s);
		assert_null(fake_end(&run));
		assert_string_equal(run.said, cases[i].said);
	}
}

static void
refusals(void **state)
{
	static const struct {
		uint16_t	 code;
		const char	*said;
	} cases[] = {
		{ MUX_CODE_REFUSED, "!502 refused" },
		{ MUX_CODE_UNREACHABLE, "!502 unreachable" },
		{ MUX_CODE_TIMEOUT, "!504 timeout" },
		{ MUX_CODE_DENIED, "!502 denied" },
		{ MUX_CODE_NO_SERVICE, "!404 no-service" },
		{ MUX_CODE_UNSUPPORTED, "!502 unsupported" },
		{ MUX_CODE_LIMIT, "!503 limit" },
		{ MUX_CODE_INTERNAL, "!502 device" },
	};
	struct fake_script	 sc;
	size_t			 i;

	for (i = 0; i < nitems(cases); i++) {
		memset(&sc, 0, sizeof(sc));
		sc.refuse = cases[i].code;
		case_(cases[i].said, GET, &sc, cases[i].said, 0);
	}
}

static void
routes(void **state)
{
	struct http_backend	*b = NULL;

	fake.code = MUX_CODE_DENIED;
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	assert_null(fake_end(&run));
	assert_string_equal(run.said, "!403 forbidden");
	fake.wait = 1;
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	fake.code = MUX_CODE_NO_NODE;
	fake_routed();
	assert_null(fake_end(&run));
	assert_string_equal(run.said, "!404 no-service");
	fake.wait = 1;
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	fake.script[0].step[0].say = OK2;
	fake.script[0].step[0].after = "\r\n\r\n";
	fake.code = 0;
	fake_routed();
	b = fake_end(&run);
	assert_string_equal(run.said, "200 length: ok END");
	assert_string_equal(fake.stream[0].open.node, "pi");
	assert_int_equal(fake.stream[0].open.kind, MUX_KIND_HTTP);
	http_backend_free(b);
	fake_pump();
	/* In order, and the node's side ends it as well. */
	assert_int_equal(fake.stream[0].fin, 1);
	assert_int_equal(fake.stream[0].reset, 0);
}

static void
seen_is(int i, const char *text)
{
	if (fake.stream[i].seenlen != strlen(text) ||
	    memcmp(fake.stream[i].seen, text, strlen(text)) != 0)
		fail_msg("seen: %.*s", (int)fake.stream[i].seenlen,
		    fake.stream[i].seen);
}

static void
request_as_the_backend_wants_it(void **state)
{
	static const struct {
		const char	*prologue;
		size_t		 len;
		const char	*seen;
	} cases[] = {
		{ "\1\0", 2, "GET / HTTP/1.1\r\nHost: pi.example.org\r\n"
		    "Forwarded: for=192.0.2.1\r\n\r\n" },
		{ "\1\1", 2, "GET / HTTP/1.1\r\nHost: pi.example.org\r\n\r\n"
		},
		{ "\10\0app:123", 9, "GET / HTTP/1.1\r\nHost: app:123\r\n"
		    "Forwarded: for=192.0.2.1\r\n\r\n" },
		{ "\4\1app", 5, "GET / HTTP/1.1\r\nHost: app\r\n\r\n" },
	};
	struct fake_script	 sc;
	size_t			 i;

	for (i = 0; i < nitems(cases); i++) {
		memset(&sc, 0, sizeof(sc));
		sc.prologue = cases[i].prologue;
		sc.prologuelen = cases[i].len;
		sc.step[0].after = "\r\n\r\n";
		sc.step[0].say = OK2;
		case_(cases[i].prologue, GET, &sc, "200 length: ok END", 1);
		seen_is(0, cases[i].seen);
	}
	sc.prologue = "\0\0";
	sc.prologuelen = 2;
	case_("no prologue", GET, &sc, "!502 device", 0);
}

/* A backend that speaks first, and links that gather what they carry. */
static void
answer_right_behind_the_prologue(void **state)
{
	static const char	 both[] = "\1\0" OK2;
	struct http_backend	*b = NULL;

	fake.script[0].prologue = both;
	fake.script[0].prologuelen = sizeof(both) - 1;
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	fake_pump();
	/* Who waits to be told is told. */
	assert_int_not_equal(run.readable, 0);
	b = fake_end(&run);
	assert_string_equal(run.said, "200 length: ok END");
	http_backend_free(b);
	fake_pump();
}

static void
bodies(void **state)
{
	struct fake_script	 sc;

	memset(&sc, 0, sizeof(sc));
	sc.step[0].after = "hello";
	sc.step[0].say = OK2;
	case_("by length", "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 5\r\n\r\nhello", &sc, "200 length: ok END", 1);
	seen_is(0, "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Forwarded: for=192.0.2.1\r\nContent-Length: 5\r\n\r\nhello");
	case_("of a GET", "GET / HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 5\r\n\r\nhello", &sc, "200 length: ok END", 0);
	sc.step[0].after = "0\r\nX-A: b\r\n\r\n";
	case_("chunked", "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Trailer: x-a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3;ext\r\nabc\r\n2\r\nde\r\n0\r\nX-A: b\r\nX-B: c\r\n\r\n", &sc,
	    "200 length: ok END", 1);
	/* What is ours to say in the head nobody says behind the body. */
	case_("of ours", "POST / HTTP/1.1\r\nHost: pi\r\nTrailer: Remote-User,"
	    "x-a, remote_user, X-Culvert-User\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
	    "Remote-User: root\r\nremote_user: root\r\n"
	    "X-Culvert-User: root\r\nX-A: b\r\n\r\n", &sc,
	    "200 length: ok END", 1);
	assert_null(memmem(fake.stream[0].seen, fake.stream[0].seenlen,
	    "root", 4));
	/* Nobody has read all of it. */
	memset(&sc, 0, sizeof(sc));
	sc.step[0].after = "\r\n\r\n";
	sc.step[0].say = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n"
	    "\r\n";
	case_("early", "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 50\r\n\r\nhello", &sc, "403 length:  END", 0);
	assert_int_equal(fake.stream[0].reset, 1);
}

static void
expectations(void **state)
{
	static const char	 text[] = "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello";
	struct http_backend	*b = NULL;
	struct fake_script	 sc;

	memset(&sc, 0, sizeof(sc));
	sc.step[0].after = "\r\n\r\n";
	sc.step[0].say = "HTTP/1.1 100 Continue\r\n\r\n";
	sc.step[1].after = "hello";
	sc.step[1].say = OK2;
	case_("100", text, &sc, "100 none: 200 length: ok END", 1);
	sc.step[0].say = "HTTP/1.1 401 Unauthorized\r\n"
	    "Content-Length: 0\r\n\r\n";
	case_("401", text, &sc, "401 length:  END", 0);
	assert_null(memmem(fake.stream[0].seen, fake.stream[0].seenlen,
	    "hello", 5));
	/* A backend that does not know of this. */
	fake_teardown();
	fake_setup();
	fake.script[0].step[0].after = "hello";
	fake.script[0].step[0].say = OK2;
	assert_int_equal(fake_begin(&run, text, strlen(text), &b), 0);
	fake_pump();
	fake_body(&run, 100);
	assert_null(memmem(fake.stream[0].seen, fake.stream[0].seenlen,
	    "hello", 5));
	exchange_hurry(run.ex);
	b = fake_end(&run);
	assert_string_equal(run.said, "200 length: ok END");
	http_backend_free(b);
	fake_pump();
	/* Nothing waits for a 100 where there is no body. */
	memset(&sc, 0, sizeof(sc));
	sc.step[0].after = "\r\n\r\n";
	sc.step[0].say = OK2;
	case_("no body", "GET / HTTP/1.1\r\nHost: pi\r\n"
	    "Expect: 100-continue\r\n\r\n", &sc, "200 length: ok END", 1);
	case_("an empty one", "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", &sc,
	    "200 length: ok END", 1);
}

static void
upgrades(void **state)
{
	static const char	 text[] = "GET /chat HTTP/1.1\r\nHost: pi\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
	struct http_backend	*b = NULL;
	size_t			 cut;

	for (cut = 0; cut < 3; cut++) {
		fake_teardown();
		fake.cut = cut;
		fake_setup();
		fake.script[0].step[0].after = "\r\n\r\n";
		fake.script[0].step[0].say = "HTTP/1.1 101 Switching "
		    "Protocols\r\nConnection: Upgrade\r\n"
		    "Upgrade: websocket\r\n\r\nglued";
		fake.script[0].step[1].after = "early bytes";
		fake.script[0].step[1].say = " and more";
		assert_int_equal(fake_begin(&run, text, strlen(text), &b),
		    0);
		fake_pump();
		fake_read(&run);
		assert_string_equal(run.said, "101 none: glued");
		assert_int_equal(exchange_write(run.ex, "early ", 6), 6);
		assert_int_equal(exchange_write(run.ex, "bytes", 5), 5);
		fake_pump();
		fake_read(&run);
		assert_string_equal(run.said, "101 none: glued and more");
		exchange_end(run.ex);
		fake_pump();
		assert_int_equal(fake.stream[0].fin, 1);
		fake.script[0].fin = 1;
		mux_ready(fake.stream[0].s);
		fake_pump();
		fake_read(&run);
		assert_string_equal(run.said, "101 none: glued and more END");
		assert_null(exchange_keep(run.ex));
		assert_int_equal(fake.stream[0].reset, 0);
	}
}

/* The connection that is left is used once more, and was about to close. */
static void
again(const char *request, int reset, const char *said, int streams)
{
	struct http_backend	*b = NULL;

	fake_teardown();
	fake_setup();
	fake.script[0].step[0].after = "\r\n\r\n";
	fake.script[0].step[0].say = OK2;
	fake.script[0].step[1].after = "/2";
	fake.script[0].step[1].say = "";
	fake.script[0].reset = reset;
	fake.script[0].fin = !reset;
	fake.script[1].step[0].after = "/2";
	fake.script[1].step[0].say = OK2;
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	b = fake_end(&run);
	assert_non_null(b);
	assert_int_equal(fake_begin(&run, request, strlen(request), &b), 0);
	b = fake_end(&run);
	assert_string_equal(run.said, said);
	assert_int_equal(fake.nstreams, streams);
	http_backend_free(b);
	fake_pump();
}

static void
retries(void **state)
{
	static const char	 get[] = "GET /2 HTTP/1.1\r\nHost: pi\r\n\r\n";
	static const char	 post[] = "POST /2 HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 1\r\n\r\nx";
	static const char	 put[] = "PUT /2 HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 1\r\n\r\nx";

	again(get, 0, "200 length: ok END", 2);
	again(get, MUX_CODE_TARGET_RESET, "200 length: ok END", 2);
	again(post, 0, "!502 reset", 1);
	again(post, MUX_CODE_TARGET_RESET, "!502 reset", 1);
	again(put, 0, "!502 reset", 1);
}

/* What the node has to say comes, while the relay's waits. */
static void
node_says(void)
{
	static uint8_t	 buf[MUX_FRAME_MAX];
	size_t		 n;

	n = mux_output(fake.node, buf, sizeof(buf), 0);
	assert_true(n > 0);
	assert_int_equal(mux_input(fake.relay, buf, n, 0), 0);
	mux_input_end(fake.relay);
}

static void
reuse(void **state)
{
	static const char	 post[] = "POST /2 HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 1\r\n\r\nx";
	struct http_backend	*b = NULL;
	size_t			 seen;
	int			 i;

	fake.script[0].step[0].after = "\r\n\r\n";
	fake.script[0].step[0].say = OK2;
	fake.script[0].step[1].after = "\r\n\r\nx";
	fake.script[0].step[1].say = OK2;
	fake.script[1] = fake.script[0];
	fake.script[1].step[0].after = "\r\n\r\nx";
	fake.script[1].step[1].say = NULL;
	for (i = 0; i < 2; i++) {
		assert_int_equal(fake_begin(&run, i == 0 ? GET : post,
		    strlen(i == 0 ? GET : post), &b), 0);
		assert_non_null(b = fake_end(&run));
		assert_string_equal(run.said, "200 length: ok END");
	}
	assert_int_equal(fake.nstreams, 1);
	/* What can't be sent twice does not go where it may be lost. */
	fake.now += 10000;
	assert_int_equal(fake_begin(&run, post, strlen(post), &b), 0);
	assert_non_null(b = fake_end(&run));
	assert_int_equal(fake.nstreams, 2);
	/* Unasked: it is over, and the next one gets another. */
	fake.script[2] = fake.script[0];
	fake.script[1].step[1].after = NULL;
	fake.script[1].step[1].say = "poison";
	mux_ready(fake.stream[1].s);
	fake_pump();
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	assert_non_null(b = fake_end(&run));
	assert_string_equal(run.said, "200 length: ok END");
	assert_int_equal(fake.nstreams, 3);
	/* The same, when the next request is about to leave. */
	fake.script[3] = fake.script[0];
	fake.script[2].step[1].after = NULL;
	fake.script[2].step[1].say = OK2;
	seen = fake.stream[2].seenlen;
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	mux_ready(fake.stream[2].s);
	node_says();
	assert_non_null(b = fake_end(&run));
	assert_string_equal(run.said, "200 length: ok END");
	assert_int_equal(fake.nstreams, 4);
	assert_int_equal(fake.stream[2].seenlen, seen);
	/* Another site now. */
	fake_site_ends();
	fake_pump();
	assert_int_equal(fake.stream[3].reset, 1);
	http_backend_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(responses, setup, teardown),
		cmocka_unit_test_setup_teardown(resets, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(routes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    request_as_the_backend_wants_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    answer_right_behind_the_prologue, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(expectations, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(upgrades, setup, teardown),
		cmocka_unit_test_setup_teardown(retries, setup, teardown),
		cmocka_unit_test_setup_teardown(reuse, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
