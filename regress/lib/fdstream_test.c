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
 * Descriptors at both ends of a stream: a local program's connection, two
 * muxes that pass each other's frames, and the target's connection.
 */

/* link: regress/lib/mux_side.c lib/fdstream.c lib/fdpair.c lib/mux.c
 * lib/mux_frame.c lib/mux_output.c lib/mux_queue.c lib/mux_dgram.c
 * lib/mux_credit.c lib/mux_input.c
 * lib/mux_stream.c lib/mux_table.c lib/meter.c */
/* libs: libevent */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include "fdstream.h"
#include "mux_side.h"

#define FRAMES_A_PASS	8	/* as much as a link takes at a time */
#define BULK		(20 * 1024 * 1024)

static void
on_accepted(struct fdstream *f, void *arg)
{
	((struct side *)arg)->accepted++;
}

static void
on_closed(struct fdstream *f, void *arg, uint16_t code, const char *text)
{
	side_closed(arg, code, text);
	/* It is over: this must do nothing. */
	fdstream_kill(f, MUX_CODE_INTERNAL, "again");
}

static const char	*last_words;	/* of a, or NULL */

static size_t
on_last(struct fdstream *f, void *arg, uint16_t code, uint8_t *buf)
{
	if (arg != &a || last_words == NULL)
		return (0);
	memcpy(buf, last_words, strlen(last_words));
	assert_int_equal(code, MUX_CODE_REFUSED);
	return (strlen(last_words));
}

static const struct fdstream_ops fd_ops = {
	.accepted = on_accepted, .closed = on_closed, .last = on_last
};

static size_t
late_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	return (0);
}

static size_t
late_pull(struct mux_stream *s, void *arg, uint8_t *p, size_t n,
    enum mux_more *more)
{
	return (0);
}

static const struct mux_stream_ops late_ops = {
	.input = late_input, .pull = late_pull
};

static void
on_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct side	*side = arg;

	side->s = s;
	if (side->late) {
		mux_stream_own(s, &late_ops, NULL);
		return;
	}
	side->f = fdstream_new(base, side->fd, side->fd, s, &fd_ops, side);
	assert_non_null(side->f);
	mux_accept(s);
}

static int
setup(void **state __unused)
{
	sides_setup(on_open, MUX_CREDIT_EARLY, FRAMES_A_PASS);
	return (0);
}

static int
teardown(void **state __unused)
{
	sides_teardown();
	return (0);
}

/* ---- Connections --------------------------------------------------------- */

static void
nonblock(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Both ends of a TCP connection. */
static void
tcp_pair(int fd[2])
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 l;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(l, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(l, 1), 0);
	getsockname(l, (struct sockaddr *)&sin, &len);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd[0], (struct sockaddr *)&sin, len), 0);
	fd[1] = accept(l, NULL, NULL);
	assert_int_not_equal(fd[1], -1);
	close(l);
	nonblock(fd[0]);
	nonblock(fd[1]);
}

static void
unix_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
}

/* A stream between two new connections; la and ta are for the test. */
static void
open_stream(void (*pair)(int[2]), int *la, int *ta)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	int		 l[2], t[2];

	pair(l);
	pair(t);
	b.fd = t[1];
	strlcpy(open.host, "localhost", sizeof(open.host));
	a.f = fdstream_open(base, l[1], l[1], a.mux, &open, &fd_ops, &a);
	assert_non_null(a.f);
	*la = l[0];
	*ta = t[0];
}

/* What arrives within many passes: a length, 0 for the end, or -errno. */
static ssize_t
receive(int fd, void *buf, size_t len)
{
	ssize_t	 n;
	int	 i;

	for (i = 0; i < WAIT_PASSES; i++) {
		passes(1);
		if ((n = read(fd, buf, len)) >= 0)
			return (n);
		if (errno != EAGAIN)
			return (-errno);
		if (i > 100)
			usleep(100);
	}
	return (-EAGAIN);
}

static void
expect(int fd, const char *text)
{
	char	 buf[256];
	size_t	 off = 0, len = strlen(text);
	ssize_t	 n;

	while (off < len) {
		n = receive(fd, buf + off, len - off);
		assert_true(n > 0);
		off += n;
	}
	assert_memory_equal(buf, text, len);
}

static void
expect_end(int fd)
{
	char	 c;

	assert_int_equal(receive(fd, &c, 1), 0);
}

static void
expect_reset(int fd)
{
	char	 buf[4096];
	ssize_t	 n;

	while ((n = receive(fd, buf, sizeof(buf))) > 0)
		;
	assert_int_equal(n, -ECONNRESET);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
abort_close(int fd)
{
	struct linger	 linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* ---- The cases ----------------------------------------------------------- */

static void
bytes_pass_both_ways(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(la, "question");
	expect(ta, "question");
	say(ta, "answer");
	expect(la, "answer");
	assert_int_equal(a.accepted, 1);
	assert_int_equal(a.closed + b.closed, 0);
	close(la);
	expect_end(ta);
	close(ta);
	passes(50);
	assert_true(a.closed == 1 && a.ended_well);
	assert_true(b.closed == 1 && b.ended_well);
}

static void
target_may_speak_first(void **state __unused)
{
	int	 la, ta;

	open_stream(unix_pair, &la, &ta);
	say(ta, "SSH-2.0-x\r\n");
	expect(la, "SSH-2.0-x\r\n");
	close(la);
	close(ta);
}

static void
prefix_goes_first_and_does_not_wait(void **state __unused)
{
	uint8_t		 head[300];
	char		 got[sizeof(head) + 1];
	size_t		 off = 0;
	uint64_t	 in, out;
	ssize_t		 n;
	int		 la, ta;

	memset(head, 'h', sizeof(head));
	open_stream(tcp_pair, &la, &ta);
	assert_int_equal(fdstream_prefix(a.f, head, sizeof(head)), 0);
	while (off < sizeof(head)) {
		n = receive(ta, got + off, sizeof(got) - off);
		assert_true(n > 0);
		off += n;
	}
	assert_int_equal(off, sizeof(head));
	assert_memory_equal(got, head, sizeof(head));
	/* It is none of the source's bytes. */
	fdstream_bytes(a.f, &in, &out);
	assert_int_equal(in, 0);
	say(la, "then these");
	expect(ta, "then these");
	say(ta, "and back");
	expect(la, "and back");
	close(la);
	expect_end(ta);
	close(ta);
	passes(50);
	assert_true(a.closed == 1 && a.ended_well);
}

static int	 drained;

static void
on_drained(struct fdstream *f, void *arg)
{
	drained++;
}

static void
guarded_end_waits_for_the_word(void **state __unused)
{
	char	 c;
	int	 la, ta;

	drained = 0;
	open_stream(unix_pair, &la, &ta);
	fdstream_guard(a.f, on_drained);
	say(la, "all");
	close(la);
	expect(ta, "all");
	passes(50);
	assert_int_equal(drained, 1);
	assert_int_equal(read(ta, &c, 1), -1);
	assert_int_equal(errno, EAGAIN);
	fdstream_release(a.f);
	expect_end(ta);
	close(ta);
	passes(50);
	assert_true(a.closed == 1 && a.ended_well);
	assert_true(b.closed == 1 && b.ended_well);

	/* The word may come before the end. */
	open_stream(unix_pair, &la, &ta);
	fdstream_guard(a.f, on_drained);
	say(la, "more ");
	fdstream_release(a.f);
	expect(ta, "more ");
	say(la, "and all");
	close(la);
	expect(ta, "and all");
	expect_end(ta);
	close(ta);
	passes(50);
	assert_int_equal(drained, 1);
	assert_true(a.closed == 2 && a.ended_well);
}

static void
guarded_end_that_is_none(void **state __unused)
{
	int	 la, ta;

	drained = 0;
	open_stream(tcp_pair, &la, &ta);
	fdstream_guard(a.f, on_drained);
	say(la, "not all");
	expect(ta, "not all");
	shutdown(la, SHUT_WR);
	passes(50);
	assert_int_equal(drained, 1);
	assert_int_equal(a.closed + b.closed, 0);
	/* The other direction goes on meanwhile. */
	say(ta, "back");
	expect(la, "back");
	fdstream_kill(a.f, MUX_CODE_TARGET_RESET, "cut");
	expect_reset(ta);
	close(la);
	close(ta);
	assert_true(b.closed == 1 && !b.ended_well);
}

static void
prefix_before_what_was_said_already(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(la, "early");
	shutdown(la, SHUT_WR);
	assert_int_equal(fdstream_prefix(a.f, (const uint8_t *)"head ", 5),
	    0);
	expect(ta, "head early");
	expect_end(ta);
	close(ta);
	expect_end(la);
	close(la);
	/* One that is killed before it could be sent leaves nothing. */
	open_stream(tcp_pair, &la, &ta);
	assert_int_equal(fdstream_prefix(a.f, (const uint8_t *)"head ", 5),
	    0);
	fdstream_kill(a.f, MUX_CODE_KILLED, "killed");
	close(la);
	close(ta);
	passes(50);
}

static void
half_close_of_the_local_end_passes(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(la, "all I have");
	shutdown(la, SHUT_WR);
	expect(ta, "all I have");
	expect_end(ta);
	passes(50);
	assert_int_equal(a.closed + b.closed, 0);
	say(ta, "and the answer");
	expect(la, "and the answer");
	shutdown(ta, SHUT_WR);
	expect_end(la);
	passes(50);
	assert_true(a.closed == 1 && a.ended_well);
	assert_true(b.closed == 1 && b.ended_well);
	close(la);
	close(ta);
}

static void
half_close_of_the_target_passes(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(ta, "bye");
	shutdown(ta, SHUT_WR);
	expect(la, "bye");
	expect_end(la);
	say(la, "still here");
	expect(ta, "still here");
	shutdown(la, SHUT_WR);
	expect_end(ta);
	passes(50);
	assert_true(a.closed == 1 && a.ended_well);
	assert_true(b.closed == 1 && b.ended_well);
	close(la);
	close(ta);
}

static void
write_and_close_at_once_loses_nothing(void **state __unused)
{
	char	 buf[65536];
	int	 la, ta;
	size_t	 got = 0;
	ssize_t	 n;

	open_stream(unix_pair, &la, &ta);
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(write(la, buf, sizeof(buf)), sizeof(buf));
	shutdown(la, SHUT_WR);
	while ((n = receive(ta, buf, 1000)) > 0)
		got += n;
	assert_int_equal(n, 0);
	assert_int_equal(got, sizeof(buf));
	close(la);
	close(ta);
}

static void
reset_of_the_target_is_a_reset_here(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(la, "x");
	expect(ta, "x");
	abort_close(ta);
	expect_reset(la);
	assert_true(a.closed == 1 && !a.ended_well);
	assert_int_equal(a.code, MUX_CODE_TARGET_RESET);
	assert_true(b.closed == 1 && !b.ended_well);
	assert_int_equal(b.code, MUX_CODE_TARGET_RESET);
	assert_string_equal(b.text, "Connection reset by peer");
	close(la);
}

/* A server that does not read all of an upload says why before it goes. */
static void
words_before_a_reset_are_heard(void **state __unused)
{
	static char	 buf[65536];
	int		 la, ta, i;

	open_stream(tcp_pair, &la, &ta);
	for (i = 0; !a.closed; i++) {
		if (write(la, buf, sizeof(buf)) == -1)
			assert_int_equal(errno, EAGAIN);
		if (i == 50) {
			say(ta, "enough");
			close(ta);
		}
		passes(1);
	}
	expect(la, "enough");
	expect_reset(la);
	assert_int_equal(b.code, MUX_CODE_TARGET_RESET);
	assert_int_equal(a.code, MUX_CODE_TARGET_RESET);
	close(la);
}

static void
reset_of_the_local_end_is_a_reset_there(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(la, "x");
	expect(ta, "x");
	abort_close(la);
	expect_reset(ta);
	assert_true(a.closed == 1 && b.closed == 1);
	assert_int_equal(b.code, MUX_CODE_TARGET_RESET);
	close(ta);
}

static void
killed_stream_is_a_reset_on_both_ends(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(la, "x");
	expect(ta, "x");
	fdstream_kill(a.f, MUX_CODE_CANCEL, NULL);
	assert_true(a.closed == 1 && !a.ended_well);
	expect_reset(la);
	expect_reset(ta);
	assert_true(b.closed == 1 && !b.ended_well);
	assert_int_equal(b.code, MUX_CODE_CANCEL);
	close(la);
	close(ta);
}

/* Who was told nothing yet hears why, and then an end that is in order. */
static void
last_words_are_heard(void **state __unused)
{
	int	 la, ta;

	last_words = "no";
	open_stream(tcp_pair, &la, &ta);
	say(la, "x");
	expect(ta, "x");
	fdstream_kill(b.f, MUX_CODE_REFUSED, NULL);
	expect(la, "no");
	expect_end(la);
	expect_reset(ta);
	assert_int_equal(a.code, MUX_CODE_REFUSED);
	close(la);
	close(ta);
}

static void
last_words_come_too_late(void **state __unused)
{
	int	 la, ta;

	last_words = "no";
	open_stream(tcp_pair, &la, &ta);
	say(ta, "x");
	expect(la, "x");
	fdstream_kill(b.f, MUX_CODE_REFUSED, NULL);
	expect_reset(la);
	expect_reset(ta);
	last_words = NULL;
	close(la);
	close(ta);
}

static void
lost_link_is_a_reset_on_both_ends(void **state __unused)
{
	int	 la, ta;

	open_stream(tcp_pair, &la, &ta);
	say(la, "x");
	expect(ta, "x");
	mux_free(b.mux, "link lost");
	b.mux = NULL;
	expect_reset(ta);
	mux_free(a.mux, "link lost");
	a.mux = NULL;
	expect_reset(la);
	assert_int_equal(a.code, MUX_CODE_NODE_GONE);
	assert_string_equal(a.text, "link lost");
	assert_true(a.closed == 1 && b.closed == 1);
	close(la);
	close(ta);
}

/* Bulk both ways through one stream, and none of it out of order. */
struct bulk {
	int	 fd;
	size_t	 out, in;
	int	 eof;
};

static uint8_t
pattern(size_t off)
{
	return ((uint8_t)(off * 31 + (off >> 11)));
}

static void
bulk_step(struct bulk *k, size_t chunk)
{
	static uint8_t	 buf[300000];
	size_t		 i, n;
	ssize_t		 r;

	if ((n = BULK - k->out) > chunk)
		n = chunk;
	if (n > 0) {
		for (i = 0; i < n; i++)
			buf[i] = pattern(k->out + i);
		if ((r = send(k->fd, buf, n, MSG_NOSIGNAL)) > 0)
			k->out += r;
		if (k->out == BULK)
			shutdown(k->fd, SHUT_WR);
	}
	while ((r = read(k->fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < (size_t)r; i++)
			if (buf[i] != pattern(k->in + i))
				fail_msg("byte %zu differs", k->in + i);
		k->in += r;
	}
	if (r == 0)
		k->eof = 1;
	else
		assert_int_equal(errno, EAGAIN);
}

static void
megabytes_arrive_intact_both_ways(void **state __unused)
{
	struct bulk	 l = { 0 }, t = { 0 };
	int		 i;

	open_stream(tcp_pair, &l.fd, &t.fd);
	for (i = 0; i < 200000 && !(l.eof && t.eof); i++) {
		bulk_step(&l, 100000);
		bulk_step(&t, 70000);
		passes(1);
	}
	assert_true(l.eof && t.eof);
	assert_int_equal(l.in, BULK);
	assert_int_equal(t.in, BULK);
	passes(50);
	assert_true(a.closed == 1 && a.ended_well);
	assert_true(b.closed == 1 && b.ended_well);
	close(l.fd);
	close(t.fd);
}

static void
stalled_reader_stops_its_sender_alone(void **state __unused)
{
	static char		 buf[65536];
	struct mux_stats	 st;
	int			 la, ta, lb, tb, i, idle = 0;
	size_t			 sent = 0, got = 0;
	ssize_t			 n;

	open_stream(unix_pair, &la, &ta);
	for (i = 0; i < 50000 && idle < 200; i++) {
		if ((n = write(la, buf, sizeof(buf))) > 0) {
			sent += n;
			idle = 0;
		} else
			idle++;
		passes(1);
	}
	assert_int_equal(idle, 200);
	mux_get_stats(b.mux, &st);
	assert_in_range(st.queued, 1, 1 << 20);
	assert_in_range(sent, 1, 4 << 20);

	/* Another one is none the slower. */
	open_stream(unix_pair, &lb, &tb);
	say(lb, "quick");
	expect(tb, "quick");
	close(lb);
	close(tb);
	/* And the first goes on when its reader does. */
	shutdown(la, SHUT_WR);
	while ((n = receive(ta, buf, sizeof(buf))) > 0)
		got += n;
	assert_int_equal(n, 0);
	assert_int_equal(got, sent);
	close(la);
	close(ta);
}

static void
full_link_stops_the_source(void **state __unused)
{
	static char	 buf[65536];
	int		 la, ta, i, before;
	size_t		 sent = 0, got = 0;
	ssize_t		 n;

	open_stream(unix_pair, &la, &ta);
	passes(20);
	a.stopped = 1;
	for (i = 0; i < 1000; i++) {
		if ((n = write(la, buf, sizeof(buf))) > 0)
			sent += n;
		passes(1);
	}
	assert_in_range(sent, 1, 1 << 20);
	/* Nothing turns in circles: no event is left that would fire. */
	before = event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE);
	assert_int_equal(before, 0);
	a.stopped = 0;
	event_active(a.pump, EV_READ, 0);
	shutdown(la, SHUT_WR);
	while ((n = receive(ta, buf, sizeof(buf))) > 0)
		got += n;
	assert_int_equal(got, sent);
	close(la);
	close(ta);
}

static void
early_bytes_and_end_reach_a_late_owner(void **state __unused)
{
	int	 la, ta, t[2];

	b.late = 1;
	open_stream(unix_pair, &la, &ta);
	close(b.fd);
	close(ta);
	say(la, "early");
	shutdown(la, SHUT_WR);
	passes(20);
	assert_non_null(b.s);
	assert_int_equal(mux_queued(b.s), 5);
	unix_pair(t);
	b.f = fdstream_new(base, t[1], t[1], b.s, &fd_ops, &b);
	assert_non_null(b.f);
	mux_accept(b.s);
	expect(t[0], "early");
	expect_end(t[0]);
	say(t[0], "late");
	expect(la, "late");
	close(t[0]);
	expect_end(la);
	assert_true(a.closed == 1 && a.ended_well);
	close(la);
}

static void
end_alone_reaches_a_late_owner(void **state __unused)
{
	int	 la, ta, t[2];

	b.late = 1;
	open_stream(unix_pair, &la, &ta);
	close(b.fd);
	close(ta);
	shutdown(la, SHUT_WR);
	passes(20);
	unix_pair(t);
	b.f = fdstream_new(base, t[1], t[1], b.s, &fd_ops, &b);
	mux_accept(b.s);
	expect_end(t[0]);
	close(t[0]);
	expect_end(la);
	close(la);
}

static void
file_in_and_pipe_out(void **state __unused)
{
	char		 name[] = "/tmp/fdstream.XXXXXX", buf[70000];
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	int		 t[2], p[2], file;
	size_t		 got = 0;
	ssize_t		 n;

	file = mkstemp(name);
	assert_int_not_equal(file, -1);
	unlink(name);
	memset(buf, 'f', sizeof(buf));
	assert_int_equal(write(file, buf, sizeof(buf)), sizeof(buf));
	lseek(file, 0, SEEK_SET);
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	unix_pair(t);
	b.fd = t[1];
	strlcpy(open.host, "localhost", sizeof(open.host));
	a.f = fdstream_open(base, file, p[1], a.mux, &open, &fd_ops, &a);
	assert_non_null(a.f);
	while ((n = receive(t[0], buf, sizeof(buf))) > 0)
		got += n;
	assert_int_equal(got, sizeof(buf));
	say(t[0], "to the pipe");
	expect(p[0], "to the pipe");
	close(t[0]);
	expect_end(p[0]);
	passes(20);
	assert_true(a.closed == 1 && a.ended_well);
	close(p[0]);
}

static void
file_out_takes_everything(void **state __unused)
{
	char		 name[] = "/tmp/fdstream.XXXXXX";
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	struct bulk	 k = { 0 };
	int		 t[2], p[2], file, i;

	file = mkstemp(name);
	assert_int_not_equal(file, -1);
	unlink(name);
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	unix_pair(t);
	b.fd = t[1];
	strlcpy(open.host, "localhost", sizeof(open.host));
	a.f = fdstream_open(base, p[0], dup(file), a.mux, &open, &fd_ops, &a);
	assert_non_null(a.f);
	close(p[1]);
	k.fd = t[0];
	for (i = 0; i < 200000 && k.out < BULK; i++) {
		bulk_step(&k, 200000);
		passes(1);
	}
	close(t[0]);
	passes(2000);
	assert_true(a.closed == 1 && a.ended_well);
	assert_int_equal(lseek(file, 0, SEEK_END), BULK);
	close(file);
}

static void
pipe_that_nobody_reads_resets(void **state __unused)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	int		 t[2], in[2], out[2];

	assert_int_equal(pipe2(in, O_NONBLOCK), 0);
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	tcp_pair(t);
	b.fd = t[1];
	strlcpy(open.host, "localhost", sizeof(open.host));
	a.f = fdstream_open(base, in[0], out[1], a.mux, &open, &fd_ops, &a);
	passes(20);
	close(out[0]);
	say(t[0], "anyone?");
	expect_reset(t[0]);
	assert_int_equal(a.code, MUX_CODE_TARGET_RESET);
	assert_string_equal(a.text, "Broken pipe");
	assert_true(a.closed == 1 && b.closed == 1);
	close(in[1]);
	close(t[0]);
}

static void
refused_stream_leaves_descriptors_alone(void **state __unused)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	int		 l[2];

	unix_pair(l);
	budget.limit = 0;
	assert_null(fdstream_open(base, l[1], l[1], a.mux, &open, &fd_ops,
	    &a));
	assert_int_equal(a.closed, 0);
	assert_int_not_equal(fcntl(l[1], F_GETFD), -1);
	close(l[0]);
	close(l[1]);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(bytes_pass_both_ways),
		CASE(target_may_speak_first),
		CASE(prefix_goes_first_and_does_not_wait),
		CASE(prefix_before_what_was_said_already),
		CASE(guarded_end_waits_for_the_word),
		CASE(guarded_end_that_is_none),
		CASE(half_close_of_the_local_end_passes),
		CASE(half_close_of_the_target_passes),
		CASE(write_and_close_at_once_loses_nothing),
		CASE(reset_of_the_target_is_a_reset_here),
		CASE(words_before_a_reset_are_heard),
		CASE(reset_of_the_local_end_is_a_reset_there),
		CASE(killed_stream_is_a_reset_on_both_ends),
		CASE(last_words_are_heard),
		CASE(last_words_come_too_late),
		CASE(lost_link_is_a_reset_on_both_ends),
		CASE(megabytes_arrive_intact_both_ways),
		CASE(stalled_reader_stops_its_sender_alone),
		CASE(full_link_stops_the_source),
		CASE(early_bytes_and_end_reach_a_late_owner),
		CASE(end_alone_reaches_a_late_owner),
		CASE(file_in_and_pipe_out),
		CASE(file_out_takes_everything),
		CASE(pipe_that_nobody_reads_resets),
		CASE(refused_stream_leaves_descriptors_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
