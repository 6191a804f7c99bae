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

/*
 * What a backend may answer, whole and cut at every byte: the visitor gets
 * the same, and the connection is kept or not.
 */

/* max_len: 600 */
/* max_len_cuts: 128 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/exchange_fake.h"
#include "relayd/exchange_run.h"
#include "fuzz.h"

#define INPUT_MAX	4096

static const char *const requests[] = {
	"GET / HTTP/1.1\r\nHost: pi\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: pi\r\n\r\n",
	("GET / HTTP/1.1\r\nHost: pi\r\nConnection: upgrade\r\n"
	    "Upgrade: websocket\r\n\r\n"),
	"POST / HTTP/1.1\r\nHost: pi\r\nContent-Length: 0\r\n\r\n",
};

/* Returns whether its connection can be used again. */
static int
exchange(struct fake_run *r, const char *request, const char *answer,
    size_t len, int fin, size_t cut, size_t max)
{
	struct http_backend	*b = NULL;
	int			 kept;

	fake.cut = cut;
	fake_setup();
	fake.script[0].step[0].after = "\r\n\r\n";
	fake.script[0].step[0].say = answer;
	fake.script[0].step[0].len = len;
	fake.script[0].fin = fin;
	if (fake_begin(r, request, strlen(request), &b) == -1)
		abort();
	r->max = max;
	b = fake_end(r);
	kept = b != NULL;
	http_backend_free(b);
	fake_pump();
	fake_teardown();
	if (!fake_clean())
		abort();
	return (kept);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fake_run	 whole, cut;
	const char		*request, *answer = (const char *)data + 1;
	int			 fin, kept;

	if (len < 2 || len > INPUT_MAX)
		return (0);
	request = requests[data[0] % nitems(requests)];
	fin = data[0] & 0x40;
	kept = exchange(&whole, request, answer, len - 1, fin, 0, 65536);
	if (!fuzz_cuts())
		return (0);
	if (exchange(&cut, request, answer, len - 1, fin, 1, 1) != kept ||
	    strcmp(whole.said, cut.said) != 0)
		abort();
	if (exchange(&cut, request, answer, len - 1, fin, 3, 5) != kept ||
	    strcmp(whole.said, cut.said) != 0)
		abort();
	return (0);
}
