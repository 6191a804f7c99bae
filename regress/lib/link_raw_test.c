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

/* link: regress/lib/link_sides.c regress/lib/evtls_none.c lib/link.c
 * lib/link_wire.c lib/fdstream.c
 * lib/fdpair.c lib/ws.c lib/base64.c lib/evtls.c lib/evtls_input.c
 * lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/mux.c lib/mux_frame.c
 * lib/mux_output.c lib/mux_queue.c lib/meter.c lib/mux_dgram.c
 * lib/mux_stream.c lib/mux_credit.c lib/mux_input.c lib/mux_table.c
 * lib/clock.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

/*
 * A link whose peer is a socket, on which anything may come.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "link_sides.h"

#define LEN	12000		/* long enough to be lent: MUX_LOAN_MIN */

static uint8_t	 out[4 * LEN], got[4 * LEN];
static size_t	 nout;
static int	 freed;

/* It is up, and the peer has opened stream 1, to this descriptor. */
static void
one_stream(int fd)
{
	one_link(WS_SERVER, 0, 0);
	raw_hello();
	passes(5);
	b.fd = fd;
	raw_open(256 * 1024);
	passes(5);
	assert_int_equal(b.opened, 1);
}

/* A frame of a client's, by a key of zeroes. */
static void
frame(uint8_t first, const uint8_t *p, size_t n)
{
	assert_true(n >= 126 && nout + n + 8 <= sizeof(out));
	out[nout++] = first;
	out[nout++] = 0x80 | 126;
	out[nout++] = n >> 8;
	out[nout++] = n & 0xff;
	memset(out + nout, 0, 4);
	memcpy(out + nout + 4, p, n);
	nout += 4 + n;
}

/* DATA of stream 1, in two fragments. */
static void
fragmented(uint8_t c)
{
	static uint8_t	 m[MUX_HEAD_LEN + LEN];

	mux_head_put(m, MUX_DATA, 0, 1);
	memset(m + MUX_HEAD_LEN, c, LEN);
	frame(WS_BINARY, m, 5000);
	frame(0x80, m + 5000, sizeof(m) - 5000);
}

/*
 * As proxies on the way make them (RFC 6455, 5.4): what lies in such a message
 * is lent to the stream's owner only while it is there.
 */
static void
what_came_in_fragments_is_whole(void **state)
{
	static const char	 letters[] = "ABC";
	int			 sv[2], i;

	pair(sv);
	one_stream(sv[0]);
	for (i = 0; i < 3; i++)
		fragmented(letters[i]);
	assert_int_equal(write(raw.fd, out, nout), (ssize_t)nout);
	passes(10);
	assert_int_equal(recv(sv[1], got, sizeof(got), MSG_DONTWAIT), 3 * LEN);
	for (i = 0; i < 3 * LEN; i++)
		assert_int_equal(got[i], letters[i / LEN]);
	close(sv[1]);
}

static size_t
none_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	return (0);
}

static size_t
last_pull(struct mux_stream *s, void *arg, uint8_t *p, size_t n,
    enum mux_more *more)
{
	*more = MUX_LAST;
	return (0);
}

static void
done_free(struct mux_stream *s, void *arg)
{
	link_free(b.link);
	b.link = NULL;
	freed = 1;
}

/* The peer closes in order, and the last stream finishes after that. */
static void
the_last_stream_may_free_a_link_that_lingers(void **state)
{
	static const struct mux_stream_ops ops = {
		.input = none_input, .pull = last_pull, .done = done_free
	};
	static const uint8_t	 last[] = {
		MUX_DATA, MUX_FIN, 0, 0, 0, 0, 0, 1, 'h', 'i'
	};
	static const uint8_t	 normal[] = { 1000 >> 8, 1000 & 0xff };
	uint8_t			 buf[10];
	int			 i;

	one_stream(-1);
	mux_stream_own(b.s, &ops, &b);
	mux_ready(b.s);
	raw_send(WS_BINARY, last, sizeof(last), 1);
	passes(5);
	raw_send(WS_CLOSE, normal, sizeof(normal), 1);
	close(raw.fd);
	raw.fd = -1;
	for (i = 0; i < 1000 && link_conn(b.link) != NULL; i++)
		wait_for(&freed, 1, 1);
	assert_null(link_conn(b.link));
	assert_int_equal(b.down, 0);
	assert_int_equal(mux_read(b.s, buf, sizeof(buf)), 2);
	wait_for(&freed, 1, 1000);
	assert_null(b.link);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_came_in_fragments_is_whole, links_setup,
		    links_teardown),
		cmocka_unit_test_setup_teardown(
		    the_last_stream_may_free_a_link_that_lingers, links_setup,
		    links_teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("link_raw", tests, NULL,
	    NULL));
}
