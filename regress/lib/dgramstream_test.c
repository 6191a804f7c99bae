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

/* link: regress/lib/mux_side.c lib/dgramstream.c lib/fdpair.c lib/mux.c
 * lib/mux_frame.c lib/mux_output.c lib/mux_queue.c lib/mux_dgram.c
 * lib/mux_credit.c lib/mux_input.c
 * lib/mux_stream.c lib/mux_table.c lib/meter.c lib/clock.c */
/* libs: libevent */

/*
 * Datagram streams between descriptors: two sides with a link of memory
 * between them.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dgramstream.h"
#include "mux_side.h"

static void
on_accepted(struct dgramstream *d, void *arg)
{
	((struct side *)arg)->accepted++;
}

static void
on_eof(struct dgramstream *d, void *arg)
{
	((struct side *)arg)->eofs++;
}

static void
on_closed(struct dgramstream *d, void *arg, uint16_t code, const char *text)
{
	side_closed(arg, code, text);
	dgramstream_kill(d, MUX_CODE_INTERNAL, "again");
	dgramstream_end(d);
}

static int	 gones;

static void
on_gone(struct dgramstream *d, void *arg)
{
	gones++;
	dgramstream_kill(d, MUX_CODE_CANCEL, NULL);
}

static const struct dgramstream_ops target_ops = { .closed = on_closed };
static const struct dgramstream_ops client_ops = {
	on_accepted, on_eof, on_closed, NULL
};
static const struct dgramstream_ops pair_ops = {
	on_accepted, on_eof, on_closed, on_gone
};
static const struct mux_stream_ops late_ops;

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
	side->d = dgramstream_new(base, side->fd, side->fd, s, &target_ops,
	    side);
	assert_non_null(side->d);
	mux_accept(s);
}

static int
setup(void **state __unused)
{
	sides_setup(on_open, 0, 0);
	return (0);
}

static int
teardown(void **state __unused)
{
	sides_teardown();
	return (0);
}

/* A UDP socket at a port of its own. */
static int
udp_socket(struct sockaddr_in *sin)
{
	socklen_t	 len = sizeof(*sin);
	int		 fd;

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)sin, sizeof(*sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)sin, &len), 0);
	return (fd);
}

/* Two that are connected to each other. */
static void
udp_pair(int fd[2])
{
	struct sockaddr_in	 sin[2];
	int			 i;

	for (i = 0; i < 2; i++)
		fd[i] = udp_socket(&sin[i]);
	for (i = 0; i < 2; i++)
		assert_int_equal(connect(fd[i], (struct sockaddr *)&sin[!i],
		    sizeof(sin[!i])), 0);
}

static struct mux_open	 udp_open = { .kind = MUX_KIND_UDP, .port = 53 };

/* Between two new pairs; the test has the far ends of both. */
static void
stream(int *near, int *target)
{
	int	 l[2], t[2];

	udp_pair(l);
	udp_pair(t);
	b.fd = t[0];
	*near = l[1];
	*target = t[1];
	a.d = dgramstream_open(base, l[0], l[0], a.mux, &udp_open,
	    &client_ops, &a);
	assert_non_null(a.d);
	WAIT(a.accepted == 1);
}

static uint8_t	 big[65507], got[65536];

static void
bounds_are_kept(void **state)
{
	static const size_t	 sizes[] = { 0, 1, 1472, 16384, 16385, 65507 };
	size_t			 i;
	int			 near, target;
	ssize_t			 n;

	stream(&near, &target);
	for (i = 0; i < nitems(sizes); i++) {
		assert_int_equal(send(near, big, sizes[i], 0), sizes[i]);
		WAIT((n = recv(target, got, sizeof(got), 0)) != -1);
		assert_int_equal(n, sizes[i]);
		assert_memory_equal(got, big, n);
		assert_int_equal(send(target, big, sizes[i], 0), sizes[i]);
		WAIT((n = recv(near, got, sizeof(got), 0)) != -1);
		assert_int_equal(n, sizes[i]);
	}
	assert_int_equal(send(near, "a", 1, 0), 1);
	assert_int_equal(send(near, "bc", 2, 0), 2);
	WAIT((n = recv(target, got, sizeof(got), 0)) != -1);
	assert_int_equal(n, 1);
	WAIT((n = recv(target, got, sizeof(got), 0)) != -1);
	assert_int_equal(n, 2);
	close(near);
	close(target);
}

static void
what_waited_is_written(void **state)
{
	int	 l[2], t[2];

	udp_pair(l);
	udp_pair(t);
	b.late = 1;
	a.d = dgramstream_open(base, l[0], l[0], a.mux, &udp_open,
	    &client_ops, &a);
	assert_int_equal(send(l[1], "one", 3, 0), 3);
	assert_int_equal(send(l[1], "two!", 4, 0), 4);
	WAIT(b.s != NULL && mux_stream_in(b.s) == 7);
	b.d = dgramstream_new(base, t[0], t[0], b.s, &target_ops, &b);
	mux_accept(b.s);
	WAIT(recv(t[1], got, sizeof(got), 0) == 3);
	WAIT(recv(t[1], got, sizeof(got), 0) == 4);
	/* What stalls on the way loses its oldest, not its newest. */
	a.stopped = 1;
	for (int i = 0; i < 20; i++) {
		big[0] = i;
		assert_int_equal(send(l[1], big, 60000, 0), 60000);
		passes(3);
	}
	a.stopped = 0;
	event_active(a.pump, EV_READ, 0);
	WAIT(recv(t[1], got, sizeof(got), 0) == 60000);
	assert_true(got[0] > 10);
	while (got[0] != 19)
		WAIT(recv(t[1], got, sizeof(got), 0) == 60000);
	big[0] = 0;
	close(l[1]);
	close(t[1]);
}

static void
nobody_receives(void **state)
{
	struct sockaddr_in	 sin;
	int			 l[2], fd;

	/* A port that was free a moment ago. */
	fd = udp_socket(&sin);
	close(fd);
	b.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(b.fd, (struct sockaddr *)&sin, sizeof(sin)),
	    0);
	udp_pair(l);
	a.d = dgramstream_open(base, l[0], l[0], a.mux, &udp_open,
	    &client_ops, &a);
	WAIT(a.accepted == 1);
	assert_int_equal(send(l[1], "x", 1, 0), 1);
	WAIT(a.closed == 1 && b.closed == 1);
	assert_int_equal(a.code, MUX_CODE_REFUSED);
	assert_int_equal(b.code, MUX_CODE_REFUSED);
	assert_false(a.ended_well);
	close(l[1]);
}

static void
idle_counts_both_ways(void **state)
{
	int	 near, target, i;

	stream(&near, &target);
	assert_int_equal(dgramstream_idle(a.d, 300), 0);
	for (i = 0; i < 6; i++) {
		assert_int_equal(send(i % 2 ? near : target, "x", 1, 0), 1);
		WAIT(recv(i % 2 ? target : near, got, sizeof(got), 0) == 1);
		usleep(10000);
		passes(1);
	}
	assert_int_equal(a.closed, 0);
	WAIT(a.closed == 1 && b.closed == 1);
	assert_true(a.ended_well && b.ended_well);
	close(near);
	close(target);
}

static void
end_and_kill(void **state)
{
	int	 near, target;

	stream(&near, &target);
	assert_int_equal(send(near, "last", 4, 0), 4);
	WAIT(recv(target, got, sizeof(got), 0) == 4);
	dgramstream_end(a.d);
	dgramstream_end(a.d);
	WAIT(a.closed == 1 && b.closed == 1);
	assert_true(a.ended_well && b.ended_well);
	close(near);
	close(target);
	a.accepted = a.closed = b.closed = 0;
	stream(&near, &target);
	dgramstream_kill(a.d, MUX_CODE_KILLED, "enough");
	assert_int_equal(a.closed, 1);
	WAIT(b.closed == 1);
	assert_int_equal(b.code, MUX_CODE_KILLED);
	assert_string_equal(b.text, "enough");
	close(near);
	close(target);
}

static void
pipes_read_and_write_as_they_are(void **state)
{
	static uint8_t	 all[65507 + 10];
	size_t		 n = 0;
	ssize_t		 r;
	int		 in[2], out[2], t[2];

	assert_int_equal(pipe2(in, O_NONBLOCK), 0);
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	/* A page is all that waits in the pipe. */
	(void)fcntl(out[1], F_SETPIPE_SZ, 4096);
	udp_pair(t);
	b.fd = t[0];
	a.d = dgramstream_open(base, in[0], out[1], a.mux, &udp_open,
	    &client_ops, &a);
	assert_int_equal(write(in[1], "query", 5), 5);
	WAIT(recv(t[1], got, sizeof(got), 0) == 5);
	assert_int_equal(write(in[1], "again", 5), 5);
	WAIT(recv(t[1], got, sizeof(got), 0) == 5);
	assert_int_equal(send(t[1], "", 0, 0), 0);
	assert_int_equal(send(t[1], big, sizeof(big), 0), sizeof(big));
	assert_int_equal(send(t[1], "end", 3, 0), 3);
	while (n < sizeof(big) + 3) {
		WAIT((r = read(out[0], all + n, sizeof(all) - n)) > 0);
		n += r;
	}
	assert_memory_equal(all, big, sizeof(big));
	assert_memory_equal(all + sizeof(big), "end", 3);
	/* The end of input is the owner's affair. */
	close(in[1]);
	WAIT(a.eofs == 1);
	assert_int_equal(send(t[1], "late", 4, 0), 4);
	WAIT(read(out[0], all, sizeof(all)) == 4);
	assert_int_equal(dgramstream_idle(a.d, 50), 0);
	WAIT(a.closed == 1 && b.closed == 1);
	assert_true(a.ended_well);
	/* The pipe is at its end. */
	assert_int_equal(read(out[0], all, sizeof(all)), 0);
	close(out[0]);
	close(t[1]);
}

/* As socat(1) and inetd(8) give one: it has no bounds, and an end. */
static void
a_stream_socket_is_like_a_pipe(void **state)
{
	static uint8_t	 all[65507];
	size_t		 n = 0;
	ssize_t		 r;
	int		 s[2], t[2], size = 4096;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    s), 0);
	(void)setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	udp_pair(t);
	b.fd = t[0];
	a.d = dgramstream_open(base, s[0], s[0], a.mux, &udp_open,
	    &client_ops, &a);
	assert_int_equal(write(s[1], big, 16385), 16385);
	WAIT(recv(t[1], got, sizeof(got), 0) == 16384);
	WAIT(recv(t[1], got, sizeof(got), 0) == 1);
	assert_int_equal(send(t[1], big, sizeof(big), 0), sizeof(big));
	while (n < sizeof(big)) {
		WAIT((r = read(s[1], all + n, sizeof(all) - n)) > 0);
		n += r;
	}
	assert_memory_equal(all, big, sizeof(big));
	shutdown(s[1], SHUT_WR);
	WAIT(a.eofs == 1);
	passes(100);
	assert_int_equal(recv(t[1], got, sizeof(got), 0), -1);
	assert_int_equal(send(t[1], "late", 4, 0), 4);
	WAIT(read(s[1], all, sizeof(all)) == 4);
	dgramstream_end(a.d);
	WAIT(a.closed == 1 && b.closed == 1);
	close(s[1]);
	close(t[1]);
}

/* Of these nothing is a datagram, or the end. */
static void
packets_of_nothing_and_the_end(void **state)
{
	int	 s[2], t[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK,
	    0, s), 0);
	udp_pair(t);
	b.fd = t[0];
	a.d = dgramstream_open(base, s[0], s[0], a.mux, &udp_open,
	    &client_ops, &a);
	assert_int_equal(send(s[1], "", 0, 0), 0);
	WAIT(recv(t[1], got, sizeof(got), 0) == 0);
	assert_int_equal(send(s[1], "", 0, 0), 0);
	assert_int_equal(send(s[1], "x", 1, 0), 1);
	close(s[1]);
	WAIT(recv(t[1], got, sizeof(got), 0) == 0);
	WAIT(recv(t[1], got, sizeof(got), 0) == 1);
	WAIT(a.eofs == 1);
	passes(100);
	assert_int_equal(recv(t[1], got, sizeof(got), 0), -1);
	dgramstream_end(a.d);
	WAIT(a.closed == 1 && b.closed == 1);
	close(t[1]);
}

/* Our own other end is not the target, whose fault it would be otherwise. */
static void
gone_is_not_refused(int s[2], int out)
{
	int	 t[2];

	gones = 0;
	udp_pair(t);
	b.fd = t[0];
	a.d = dgramstream_open(base, s[0], out, a.mux, &udp_open, &pair_ops,
	    &a);
	assert_int_equal(send(s[1], "one", 3, 0), 3);
	WAIT(recv(t[1], got, sizeof(got), 0) == 3);
	assert_int_equal(send(s[1], "two", 3, 0), 3);
	assert_int_equal(send(s[1], "", 0, 0), 0);
	close(s[1]);
	WAIT(recv(t[1], got, sizeof(got), 0) == 3);
	WAIT(recv(t[1], got, sizeof(got), 0) == 0);
	assert_int_equal(send(t[1], "answer", 6, 0), 6);
	WAIT(a.closed == 1 && b.closed == 1);
	assert_int_equal(gones, 1);
	assert_int_equal(a.eofs, 0);
	assert_int_equal(b.code, MUX_CODE_CANCEL);
	close(t[1]);
	a.closed = b.closed = 0;
}

static void
who_is_gone_is_not_the_target(void **state)
{
	int	 s[2], p[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
	    s), 0);
	gone_is_not_refused(s, s[0]);
	udp_pair(s);
	gone_is_not_refused(s, s[0]);
	udp_pair(s);
	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	close(p[0]);
	gone_is_not_refused(s, p[1]);
}

static void
a_file_is_not_lost_by_haste(void **state)
{
	struct mux_stats	 st;
	char			 name[] = "/tmp/dgramstream.XXXXXX";
	int			 fd, null, t[2], i;

	fd = mkstemp(name);
	unlink(name);
	for (i = 0; i < 64; i++)
		assert_int_equal(write(fd, big, 16384), 16384);
	lseek(fd, 0, SEEK_SET);
	null = open("/dev/null", O_WRONLY);
	udp_pair(t);
	b.fd = t[0];
	a.d = dgramstream_open(base, fd, null, a.mux, &udp_open, &client_ops,
	    &a);
	WAIT(a.accepted == 1);
	a.stopped = 1;
	passes(100);
	/* One more than has left. */
	assert_true(mux_stream_out(dgramstream_stream(a.d)) +
	    DGRAM_READ_MAX >= (uint64_t)lseek(fd, 0, SEEK_CUR));
	a.stopped = 0;
	event_active(a.pump, EV_READ, 0);
	WAIT(a.eofs == 1);
	assert_int_equal(mux_stream_out(dgramstream_stream(a.d)),
	    64 * 16384);
	mux_get_stats(a.mux, &st);
	assert_int_equal(st.lost, 0);
	dgramstream_end(a.d);
	WAIT(a.closed == 1);
	close(t[1]);
}

static void
reader_gone(void **state)
{
	int	 in[2], out[2], t[2];

	assert_int_equal(pipe2(in, O_NONBLOCK), 0);
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	udp_pair(t);
	b.fd = t[0];
	a.d = dgramstream_open(base, in[0], out[1], a.mux, &udp_open,
	    &client_ops, &a);
	WAIT(a.accepted == 1);
	close(out[0]);
	assert_int_equal(send(t[1], "x", 1, 0), 1);
	WAIT(a.closed == 1 && b.closed == 1);
	assert_int_equal(a.code, MUX_CODE_TARGET_RESET);
	close(in[1]);
	close(t[1]);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(bounds_are_kept),
		TEST(what_waited_is_written),
		TEST(nobody_receives),
		TEST(idle_counts_both_ways),
		TEST(end_and_kill),
		TEST(pipes_read_and_write_as_they_are),
		TEST(a_stream_socket_is_like_a_pipe),
		TEST(packets_of_nothing_and_the_end),
		TEST(who_is_gone_is_not_the_target),
		TEST(a_file_is_not_lost_by_haste),
		TEST(reader_gone),
	};
	size_t	 i;

	for (i = 1; i < sizeof(big); i++)
		big[i] = i * 7 + (i >> 8) * 13;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
