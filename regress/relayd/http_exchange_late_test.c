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
 * Exchanges at their limits, and those that come to another end than most: one
 * direction before the other, for want of a reader, or at any time.
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

static void
seen_is(int i, const char *text)
{
	if (fake.stream[i].seenlen != strlen(text) ||
	    memcmp(fake.stream[i].seen, text, strlen(text)) != 0)
		fail_msg("seen: %.*s", (int)fake.stream[i].seenlen,
		    fake.stream[i].seen);
}

/* What we add may take it above the limit, which is for what came. */
static void
great_head_as_the_backend_wants_it(void **state)
{
	static char		 text[HTTP_HEAD_MAX + 1];
	struct http_backend	*b = NULL;
	size_t			 n, len;
	int			 i;

	n = strlcpy(text, "GET / HTTP/1.1\r\nHost: pi.example.org\r\n",
	    sizeof(text));
	for (i = 0; n < HTTP_HEAD_MAX - 2; i++, n += len) {
		len = HTTP_HEAD_MAX - 2 - n;
		if (len > 8000)
			len = len > 8010 ? 8000 : 4000;
		memset(text + n, 'x', len);
		memcpy(text + n, "X: ", 3);
		memcpy(text + n + len - 2, "\r\n", 2);
	}
	memcpy(text + n, "\r\n", 2);
	for (i = 0; i < 2; i++) {
		fake.script[i].prologue = i == 0 ? "\1\0" : "\10\0app:123";
		fake.script[i].prologuelen = i == 0 ? 2 : 9;
		fake.script[i].step[0].after = "\r\n\r\n";
		fake.script[i].step[0].say = OK2;
		assert_int_equal(fake_begin(&run, text, HTTP_HEAD_MAX, &b),
		    0);
		b = fake_end(&run);
		assert_string_equal(run.said, "200 length: ok END");
		http_backend_free(b);
		b = NULL;
	}
	fake_pump();
	assert_non_null(memmem(fake.stream[1].seen, fake.stream[1].seenlen,
	    "\r\nHost: app:123\r\n", 17));
}

/*
 * An answer by 2xx is out, and the request is not over.  Whether its rest is
 * on its way still, and then all of it, some bytes at a time.
 */
static void
late(const char *request, const struct fake_script *sc, int sending)
{
	struct http_backend	*b = NULL;
	size_t			 cut, n;

	for (cut = 0; cut < 3; cut++) {
		fake_teardown();
		fake.cut = cut;
		fake_setup();
		fake.script[0] = *sc;
		assert_int_equal(fake_begin(&run, request, strlen(request),
		    &b), 0);
		fake_pump();
		fake_body(&run, 5);
		fake_read(&run);
		assert_string_equal(run.said, "200 length: ok END");
		fake_pump();
		assert_int_equal(exchange_sending(run.ex), sending);
		/* A line is wanted whole. */
		for (n = 5; sending && !run.came; n += 5) {
			run.readable = 0;
			assert_true(n < 1000 && exchange_sending(run.ex));
			fake_body(&run, n);
		}
		if (sending) {
			assert_true(run.readable);
			assert_false(exchange_sending(run.ex));
		}
		if (cut < 2) {
			exchange_free(run.ex);
			fake_pump();
		}
	}
}

static void
early_answers(void **state)
{
	static const char	 post[] = "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 15\r\n\r\nhellothe world!";
	static const char	 chunked[] = "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Trailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n5\r\nworld\r\n0\r\nX-A: b\r\n\r\n";
	struct http_backend	*b;
	struct fake_script	 sc;

	memset(&sc, 0, sizeof(sc));
	sc.step[0].after = "\r\n\r\n";
	sc.step[0].say = OK2;
	late(post, &sc, 1);
	seen_is(0, "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Forwarded: for=192.0.2.1\r\nContent-Length: 15\r\n\r\n"
	    "hellothe world!");
	assert_non_null(b = exchange_keep(run.ex));
	http_backend_free(b);
	late(chunked, &sc, 1);
	assert_non_null(memmem(fake.stream[0].seen, fake.stream[0].seenlen,
	    "\r\n0\r\nX-A: b\r\n\r\n", 15));
	assert_non_null(b = exchange_keep(run.ex));
	http_backend_free(b);
	/* No other request may follow, and the last bytes get there. */
	late("GET / HTTP/1.1\r\nHost: pi\r\nContent-Length: 10\r\n\r\n"
	    "helloworld", &sc, 1);
	assert_null(exchange_keep(run.ex));
	fake_pump();
	assert_int_equal(fake.stream[0].fin, 1);
	assert_int_equal(fake.stream[0].reset, 0);
	/* It has no use for it. */
	sc.fin = 1;
	late(post, &sc, 0);
	assert_null(exchange_keep(run.ex));
	fake_pump();
	assert_int_equal(fake.stream[0].reset, 1);
	sc.fin = 0;
	sc.reset = MUX_CODE_TARGET_RESET;
	late(post, &sc, 0);
	assert_null(exchange_keep(run.ex));
	sc.reset = 0;
	sc.step[1].say = "surplus";
	late(post, &sc, 0);
	assert_null(exchange_keep(run.ex));
	fake_pump();
	assert_int_equal(fake.stream[0].reset, 1);
}

/* The backend has no more to say: what it is told goes on. */
static void
upgrade_that_the_backend_ends(void **state)
{
	static const char	 text[] = "GET /chat HTTP/1.1\r\nHost: pi\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
	struct http_backend	*b = NULL;

	fake.script[0].step[0].after = "\r\n\r\n";
	fake.script[0].step[0].say = "HTTP/1.1 101 Switching Protocols\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nbye";
	fake.script[0].fin = 1;
	assert_int_equal(fake_begin(&run, text, strlen(text), &b), 0);
	fake_pump();
	fake_read(&run);
	assert_string_equal(run.said, "101 none: bye END");
	assert_true(exchange_sending(run.ex));
	assert_int_equal(exchange_write(run.ex, "and so on", 9), 9);
	fake_pump();
	assert_true(exchange_sending(run.ex));
	assert_int_equal(fake.stream[0].reset, 0);
	run.readable = 0;
	exchange_end(run.ex);
	fake_pump();
	assert_true(run.readable);
	assert_false(exchange_sending(run.ex));
	assert_int_equal(fake.stream[0].fin, 1);
	assert_non_null(memmem(fake.stream[0].seen, fake.stream[0].seenlen,
	    "and so on", 9));
	exchange_free(run.ex);
	fake_pump();
	assert_int_equal(fake.stream[0].reset, 0);
}

/* Nobody reads: the node keeps what is more than the window. */
static void
back_pressure(void **state)
{
	struct http_backend	*b = NULL;
	size_t			 len = 900000, total;
	char			*text;

	assert_non_null(text = malloc(len + 100));
	snprintf(text, 100, "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: %zu\r\n\r\n", len);
	total = strlen(text) + len;
	memset(text + strlen(text), 'x', len);
	fake.script[0].mute = 1;
	assert_int_equal(fake_begin(&run, text, total, &b), 0);
	fake_pump();
	while (exchange_room(run.ex) > 0)
		fake_body(&run, 50000);
	/* The node's window, and our buffer. */
	assert_true(len - run.left <= MUX_CREDIT_INITIAL + EXCHANGE_BUFFER);
	assert_int_equal(run.writable, 0);
	exchange_free(run.ex);
	fake_pump();
	assert_int_equal(fake.stream[0].reset, 1);

	memset(text, 'x', len);
	memcpy(text, "HTTP/1.1 200 OK\r\n\r\n", 19);
	fake.script[1].step[0].say = text;
	fake.script[1].step[0].len = len;
	fake.script[1].fin = 1;
	assert_int_equal(fake_begin(&run, GET, strlen(GET), &b), 0);
	fake_pump();
	assert_true(fake.stream[1].off <= MUX_CREDIT_INITIAL + 8);
	assert_true(run.readable);
	assert_null(fake_end(&run));
	assert_true(fake.stream[1].s == NULL || fake.stream[1].off == 0);
	free(text);
}

/* Given up at each point, and nothing is left. */
static void
freed_at_any_time(void **state)
{
	static const char	 post[] = "POST / HTTP/1.1\r\nHost: pi\r\n"
	    "Content-Length: 5\r\n\r\nhello";
	struct http_backend	*b = NULL;
	int			 i, j;

	for (i = 1; i < 60; i++) {
		fake_teardown();
		fake.cut = 1;
		fake_setup();
		fake.script[0].step[0].after = "hello";
		fake.script[0].step[0].say = OK2;
		assert_int_equal(fake_begin(&run, post, strlen(post), &b),
		    0);
		fake.frames = i;
		fake_pump();
		for (j = 0; fake.frames > 0 && j < 5; j++)
			fake_body(&run, 1);
		fake_read(&run);
		fake.frames = 0;
		exchange_free(run.ex);
		fake_pump();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    great_head_as_the_backend_wants_it, setup, teardown),
		cmocka_unit_test_setup_teardown(early_answers, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(upgrade_that_the_backend_ends,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(back_pressure, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(freed_at_any_time, setup,
		    teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
