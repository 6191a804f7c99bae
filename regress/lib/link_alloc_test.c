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
 * Two links with a stream of bytes and one of datagrams between them, and
 * each allocation on the way fails in turn.  What comes is right as far as
 * it comes; what does not come whole is seen to have ended.
 */

/* link: regress/lib/nth_alloc.c lib/link.c lib/link_wire.c lib/fdstream.c
 * lib/fdpair.c lib/ws.c lib/base64.c lib/evtls.c lib/evtls_input.c
 * lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/mux.c lib/mux_frame.c
 * lib/mux_output.c lib/mux_queue.c lib/meter.c lib/mux_dgram.c
 * lib/mux_stream.c lib/mux_credit.c lib/mux_input.c lib/mux_table.c
 * lib/clock.c regress/lib/evtls_none.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */

#include "compat.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "evtls.h"
#include "evtls_none.h"
#include "link.h"
#include "nth_alloc.h"

#define BYTES		300000
#define DATAGRAMS	20
#define TURNS		3000

struct side {
	struct link		*link;
	int			 down;
	size_t			 sent, came;	/* bytes */
	int			 over;		/* the stream: done or reset */
	int			 datagrams;
};

static struct event_base	*base;
static struct mux_budget	 budget;
static struct side		 a, b;
static unsigned int		 seen;

static uint8_t
pattern(size_t i)
{
	return (i * 7 + i / 251);
}

/* ---- who asks ---- */

static size_t
ask_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		assert_int_equal(p[i], pattern(a.came + i));
	a.came += n;
	return (n);
}

static size_t
ask_pull(struct mux_stream *s, void *arg, uint8_t *p, size_t cap,
    enum mux_more *more)
{
	size_t	 i, n = BYTES - a.sent;

	if (n > cap)
		n = cap;
	for (i = 0; i < n; i++)
		p[i] = pattern(a.sent + i);
	a.sent += n;
	*more = a.sent == BYTES ? MUX_LAST : MUX_MORE;
	return (n);
}

static void
ask_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	a.over = 1;
}

static void
ask_done(struct mux_stream *s, void *arg)
{
	assert_int_equal(a.came, BYTES);
	a.over = 1;
}

static const struct mux_stream_ops ask_ops = {
	.input = ask_input, .pull = ask_pull, .reset = ask_reset,
	.done = ask_done
};

static int
ask_datagram(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		assert_int_equal(p[i], p[0]);
	a.datagrams++;
	return (1);
}

static const struct mux_stream_ops ask_dgram_ops = {
	.datagram = ask_datagram
};

/* ---- who answers with the same ---- */

static size_t
echo_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	mux_ready(s);
	return (0);
}

static size_t
echo_pull(struct mux_stream *s, void *arg, uint8_t *p, size_t cap,
    enum mux_more *more)
{
	size_t	 n = mux_read(s, p, cap);

	*more = mux_eof(s) ? MUX_LAST : mux_queued(s) > 0 ? MUX_MORE :
	    MUX_IDLE;
	return (n);
}

static int
echo_datagram(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	(void)mux_dgram_send(s, p, n);
	return (1);
}

static const struct mux_stream_ops echo_ops = {
	.input = echo_input, .pull = echo_pull, .datagram = echo_datagram
};

/* ---- links ---- */

static void
on_up(struct link *l, void *arg, const struct mux_hello *h)
{
}

static void
on_open(struct link *l, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	mux_stream_own(s, &echo_ops, NULL);
	mux_accept(s);
}

static void
on_goaway(struct link *l, void *arg, const struct mux_goaway *g)
{
}

static void
on_down(struct link *l, void *arg, int code, const char *text)
{
	struct side	*side = arg;

	side->down = 1;
	side->link = NULL;
	link_free(l);
}

static const struct link_ops link_ops = {
	on_up, on_open, on_goaway, on_down
};

static int
side_begin(struct side *side, int fd, enum ws_role role)
{
	struct mux_hello	 hello = { .credit = MUX_CREDIT_EARLY };
	struct link_config	 cfg = { .base = base, .ops = &link_ops,
				    .arg = side, .role = role,
				    .dialer = role == WS_CLIENT,
				    .streams_max = 100, .budget = 64 << 20,
				    .process_budget = &budget,
				    .hello = &hello };
	struct evtls		*conn;

	memset(side, 0, sizeof(*side));
	if ((conn = evtls_accept(base, fd, NULL, &evtls_none, NULL)) == NULL)
		return (-1);
	if ((side->link = link_new(conn, &cfg)) == NULL) {
		evtls_free(conn);
		return (-1);
	}
	return (0);
}

static void
ask(void)
{
	struct mux_open		 open = { .kind = MUX_KIND_TCP, .port = 22 };
	struct mux_stream	*s;
	uint8_t			 data[1200];
	int			 i;

	strlcpy(open.host, "localhost", sizeof(open.host));
	if ((s = mux_open_stream(link_mux(a.link), &open, &ask_ops,
	    NULL)) == NULL)
		a.over = 1;
	else
		mux_ready(s);
	open.kind = MUX_KIND_UDP;
	if ((s = mux_open_stream(link_mux(a.link), &open, &ask_dgram_ops,
	    NULL)) == NULL)
		return;
	for (i = 0; i < DATAGRAMS; i++) {
		memset(data, i, sizeof(data));
		(void)mux_dgram_send(s, data, sizeof(data));
	}
}

/* Whether all came, with that allocation failing. */
static int
scenario(unsigned int at)
{
	int	 fd[2], i, turn;

	base = event_base_new();
	assert_non_null(base);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	nth_alloc_fail(at);
	/* Who is not there has its end closed. */
	i = side_begin(&a, fd[0], WS_CLIENT);
	if (side_begin(&b, fd[1], WS_SERVER) == 0 && i == 0) {
		ask();
		for (turn = 0; turn < TURNS && !a.down && !(a.over &&
		    a.datagrams == DATAGRAMS); turn++) {
			event_base_loop(base, EVLOOP_NONBLOCK);
			/* Datagrams may be lost, bytes not. */
			if (a.over && nth_alloc_seen() >= at &&
			    turn > TURNS / 2)
				break;
		}
		if (turn == TURNS)
			fail_msg("call %u: %zu of %zu bytes came, and no end",
			    at, a.came, a.sent);
	}
	i = a.came == BYTES && a.datagrams == DATAGRAMS;
	seen = nth_alloc_seen();
	nth_alloc_fail(0);
	link_free(a.link);
	link_free(b.link);
	event_base_free(base);
	assert_int_equal(budget.used, 0);
	return (i);
}

static void
each_allocation_fails(void **state)
{
	unsigned int	 at, whole = 0;

	signal(SIGPIPE, SIG_IGN);
	budget.limit = 256 << 20;
	for (at = 1; ; at++) {
		whole += scenario(at);
		if (seen < at)
			break;
	}
	/* The last one had all it asked for. */
	assert_true(whole > 0);
	assert_in_range(at, 15, 5000);
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
