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

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "evtls_none.h"
#include "link_sides.h"

struct event_base	*base;
struct mux_budget	 budget;
struct side		 a, b;
struct raw_peer		 raw;

/* ---- What links say ------------------------------------------------------ */

static void
maybe_free(struct side *side, enum where where)
{
	if (side->free_in != where)
		return;
	link_free(side->link);
	side->link = NULL;
}

static void
on_up(struct link *l, void *arg, const struct mux_hello *h)
{
	struct side	*side = arg;

	side->up++;
	strlcpy(side->name, h->name, sizeof(side->name));
	maybe_free(side, IN_UP);
}

static size_t
stream_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	return (n);
}

/* Without end. */
static size_t
stream_pull(struct mux_stream *s, void *arg, uint8_t *p, size_t n,
    enum mux_more *more)
{
	struct side	*side = arg;

	if (side->pulled == 0)
		return (0);
	memset(p, 'z', n);
	*more = MUX_MORE;
	return (n);
}

static void
stream_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	struct side	*side = arg;

	side->reset++;
	side->reset_code = code;
	maybe_free(side, IN_RESET);
}

static const struct mux_stream_ops stream_ops = {
	.input = stream_input, .pull = stream_pull, .reset = stream_reset
};

static void
fd_closed(struct fdstream *f, void *arg, uint16_t code, const char *text)
{
	((struct side *)arg)->closed++;
	((struct side *)arg)->fd_code = text == NULL ? -1 : code;
}

const struct fdstream_ops fd_ops = { .closed = fd_closed };

static void
on_open(struct link *l, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct side	*side = arg;

	side->opened++;
	side->s = s;
	if (side->free_in == IN_OPEN) {
		maybe_free(side, IN_OPEN);
		return;
	}
	if (side->fd == -1)
		mux_stream_own(s, &stream_ops, side);
	else
		assert_non_null(fdstream_new(base, side->fd, side->fd, s,
		    &fd_ops, side));
	side->fd = -1;
	mux_accept(s);
	if (side->pulled)
		mux_ready(s);
}

static void
on_goaway(struct link *l, void *arg, const struct mux_goaway *g)
{
	struct side	*side = arg;

	side->goaway++;
	maybe_free(side, IN_GOAWAY);
}

static void
on_down(struct link *l, void *arg, int code, const char *text)
{
	struct side		*side = arg;
	struct mux_stats	 st;

	side->down++;
	side->code = code;
	strlcpy(side->text, text, sizeof(side->text));
	/* Owners count what it carried. */
	mux_get_stats(link_mux(l), &st);
	assert_int_equal(st.streams, 0);
	if (side->free_in != LATER) {
		link_free(l);
		side->link = NULL;
	}
}

static const struct link_ops link_ops = {
	on_up, on_open, on_goaway, on_down
};

/* ---- Beginning and ending ------------------------------------------------ */

static void
side_begin(struct side *side, int fd, enum ws_role role, unsigned int ping_ms,
    unsigned int dead_ms)
{
	struct mux_hello	 hello = { .credit = MUX_CREDIT_EARLY };
	struct link_config	 cfg = { .base = base, .ops = &link_ops,
				    .arg = side, .role = role,
				    .dialer = role == WS_CLIENT,
				    .streams_max = 100, .budget = 64 << 20,
				    .process_budget = &budget,
				    .hello = &hello, .ping_ms = ping_ms,
				    .dead_ms = dead_ms };
	struct evtls		*conn;

	side->fd = -1;
	strlcpy(hello.name, role == WS_CLIENT ? "porch" : "",
	    sizeof(hello.name));
	conn = evtls_accept(base, fd, NULL, &evtls_none, NULL);
	assert_non_null(conn);
	side->link = link_new(conn, &cfg);
	assert_non_null(side->link);
	assert_ptr_equal(link_conn(side->link), conn);
}

void
pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
}

/* a dials b. */
void
two_links(void)
{
	int	 fd[2];

	pair(fd);
	side_begin(&a, fd[0], WS_CLIENT, 0, 0);
	side_begin(&b, fd[1], WS_SERVER, 0, 0);
}

/* One of ours, and the raw peer. */
void
one_link(enum ws_role role, unsigned int ping_ms, unsigned int dead_ms)
{
	int	 fd[2];

	pair(fd);
	raw.fd = fd[0];
	ws_init(&raw.ws, role == WS_SERVER ? WS_CLIENT : role == WS_CLIENT ?
	    WS_SERVER : WS_INTERNAL, MUX_FRAME_MAX);
	side_begin(&b, fd[1], role, ping_ms, dead_ms);
}

int
links_setup(void **state __unused)
{
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	memset(&budget, 0, sizeof(budget));
	budget.limit = 256 << 20;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&raw, 0, sizeof(raw));
	raw.fd = -1;
	return (0);
}

int
links_teardown(void **state __unused)
{
	link_free(a.link);
	link_free(b.link);
	ws_done(&raw.ws);
	if (raw.fd != -1)
		close(raw.fd);
	event_base_free(base);
	assert_int_equal(budget.used, 0);
	return (0);
}

void
passes(int n)
{
	while (n-- > 0)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Until *what is at least n, but no longer than so many ms. */
void
wait_for(const int *what, int n, int ms)
{
	uint64_t	 end = clock_us() + ms * 1000ULL;

	while (*what < n && clock_us() < end) {
		passes(10);
		usleep(200);
	}
}

void
go_up(void)
{
	wait_for(&a.up, 1, 2000);
	wait_for(&b.up, 1, 2000);
	assert_int_equal(a.up + b.up, 2);
}

struct mux_stream *
open_plain(struct side *side)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };

	strlcpy(open.host, "localhost", sizeof(open.host));
	return (mux_open_stream(link_mux(side->link), &open, &stream_ops,
	    side));
}

/* ---- The raw peer -------------------------------------------------------- */

void
raw_send(enum ws_opcode op, const void *data, size_t len, int masked)
{
	static const uint8_t	 key[4] = { 1, 2, 3, 4 };
	uint8_t			 buf[40000];
	size_t			 n;

	n = ws_head(buf, op, len, masked ? key : NULL);
	memcpy(buf + n, data, len);
	if (masked)
		ws_mask(buf + n, buf + n, len, key, 0);
	assert_int_equal(write(raw.fd, buf, n + len), n + len);
}

void
raw_hello(void)
{
	struct mux_hello	 hello = { .version = MUX_VERSION };
	uint8_t			 buf[512];
	ssize_t			 n;

	mux_head_put(buf, MUX_CONTROL, 0, 0);
	n = mux_hello_put(buf + MUX_HEAD_LEN, sizeof(buf) - MUX_HEAD_LEN,
	    &hello);
	raw_send(WS_BINARY, buf, MUX_HEAD_LEN + n, 1);
}

void
raw_open(uint32_t credit)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22,
			    .credit = credit };
	uint8_t		 buf[1024];
	ssize_t		 n;

	strlcpy(open.host, "localhost", sizeof(open.host));
	mux_head_put(buf, MUX_OPEN, 0, 1);
	n = mux_open_put(buf + MUX_HEAD_LEN, sizeof(buf) - MUX_HEAD_LEN,
	    &open);
	raw_send(WS_BINARY, buf, MUX_HEAD_LEN + n, 1);
}

/* The next frame for the raw peer within so many ms: 1; the end: 0. */
int
raw_next(struct ws_event *ev, int ms)
{
	uint64_t	 end = clock_us() + ms * 1000ULL;
	enum ws_result	 r;
	ssize_t		 n;

	memmove(raw.buf, raw.buf + raw.done, raw.len - raw.done);
	raw.len -= raw.done;
	raw.done = 0;
	while (clock_us() < end) {
		r = ws_parse(&raw.ws, raw.buf, raw.len, ev, NULL);
		assert_int_not_equal(r, WS_ERROR);
		if (r != WS_MORE) {
			raw.done = ev->consumed;
			if (ev->consumed > raw.longest)
				raw.longest = ev->consumed;
			return (1);
		}
		passes(3);
		n = read(raw.fd, raw.buf + raw.len, sizeof(raw.buf) - raw.len);
		if (n == 0)
			return (0);
		if (n > 0)
			raw.len += n;
		else
			usleep(200);
	}
	return (-1);
}

int
raw_wait(enum ws_opcode op, struct ws_event *ev, int ms)
{
	int	 r;

	while ((r = raw_next(ev, ms)) == 1 && ev->opcode != op)
		;
	return (r);
}
