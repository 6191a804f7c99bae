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
 * Exchanges, and each allocation on the way fails in turn, both sides'.
 * What comes of it ends in an error or is all there: nothing that is cut
 * looks whole.
 *
 * link: relayd/http_request.c relayd/http_trailer.c
 * link: relayd/http_exchange.c relayd/http_response.c relayd/http_backend*.c
 * link: regress/relayd/exchange_fake.c regress/relayd/exchange_run.c
 * link: lib/http_prologue.c
 * link: lib/http_message.c lib/http_body.c lib/http_chunk.c
 * link: lib/http.c lib/http_field.c lib/http_host.c lib/addr.c
 * link: lib/mux.c lib/mux_output.c lib/mux_table.c lib/mux_stream.c
 * link: lib/mux_credit.c lib/mux_input.c
 * link: lib/mux_queue.c lib/meter.c lib/mux_dgram.c lib/mux_frame.c
 * link: lib/log.c lib/log_limit.c regress/lib/nth_alloc.c
 * libs: libevent
 * flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
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

#include "../lib/nth_alloc.h"
#include "exchange_fake.h"
#include "exchange_run.h"

#define GET	"GET / HTTP/1.1\r\nHost: pi.example.org\r\n\r\n"

static struct fake_run	 run;

struct case_ {
	const char	*request, *after, *answer, *said;
	int		 fin;
	const char	*again;		/* another, on the same backend */
};

/* All of it, or that it failed; 1 for all. */
static int
whole(const struct case_ *c, unsigned int at)
{
	if (strcmp(run.said, c->said) == 0)
		return (1);
	if (strchr(run.said, '!') == NULL)
		fail_msg("allocation %u: \"%.200s\"", at, run.said);
	return (0);
}

/* With that allocation failing; how many were whole. */
static int
try(const struct case_ *c, unsigned int at)
{
	struct http_backend	*b = NULL;
	const char		*request = c->request;
	int			 n = 0;

	fake_setup();
	fake.may_end = 1;
	fake.script[0].step[0].after = c->after;
	fake.script[0].step[0].say = c->answer;
	fake.script[0].fin = c->fin;
	fake.script[1] = fake.script[0];
	if (c->again != NULL) {
		fake.script[0].step[1].after = "GET /again ";
		fake.script[0].step[1].say = c->answer;
	}
	nth_alloc_fail(at);
	for (; request != NULL && fake.relay != NULL; request = request ==
	    c->request ? c->again : NULL) {
		if (fake_begin(&run, request, strlen(request), &b) == -1)
			continue;
		b = fake_end(&run);
		n += whole(c, at);
	}
	http_backend_free(b);
	fake_pump();
	return (n);
}

static void
each_fails(const struct case_ *c)
{
	unsigned int	 at, seen;
	int		 n;

	for (at = 1; ; at++) {
		n = try(c, at);
		seen = nth_alloc_seen();
		nth_alloc_fail(0);
		fake_teardown();
		assert_true(fake_clean());
		if (seen < at)
			break;
		assert_in_range(at, 1, 2000);
	}
	assert_int_equal(n, c->again != NULL ? 2 : 1);
	assert_true(at > 3);
}

static void
each_allocation_fails(void **state)
{
	static const struct case_	 cases[] = {
		{ GET, "\r\n\r\n", "HTTP/1.1 200 OK\r\n"
		    "Content-Length: 2\r\n\r\nok", "200 length: ok END", 0,
		    "GET /again HTTP/1.1\r\nHost: pi.example.org\r\n\r\n" },
		{ GET, "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nall",
		    "200 close: all END", 1, NULL },
		{ GET, "\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>"
		    "\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		    "Trailer: X-A\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n"
		    "X-A: b\r\n\r\n",
		    "103 none: 200 chunked: abcd T X-A=b END", 0, NULL },
		{ "POST / HTTP/1.1\r\nHost: pi\r\nTrailer: x-a\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n3;ext\r\nabc\r\n"
		    "2\r\nde\r\n0\r\nX-A: b\r\n\r\n", "0\r\nX-A: b\r\n\r\n",
		    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		    "200 length: ok END", 0, NULL },
	};
	size_t				 i;

	for (i = 0; i < nitems(cases); i++)
		each_fails(&cases[i]);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(each_allocation_fails),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
