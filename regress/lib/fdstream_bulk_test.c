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
 * Descriptors at both ends of a stream: much at once, owners that come late,
 * files and pipes.
 */

/* link: regress/lib/fd_sides.c regress/lib/mux_side.c
 * lib/fdstream.c lib/fdpair.c lib/mux.c
 * lib/mux_frame.c lib/mux_output.c lib/mux_queue.c lib/mux_dgram.c
 * lib/mux_credit.c lib/mux_input.c
 * lib/mux_stream.c lib/mux_table.c lib/meter.c */
/* libs: libevent */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

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

#include "fd_sides.h"

#define BULK	(20 * 1024 * 1024)

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

#define CASE(f)	cmocka_unit_test_setup_teardown(f, fd_setup, fd_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(megabytes_arrive_intact_both_ways),
		CASE(stalled_reader_stops_its_sender_alone),
		CASE(full_link_stops_the_source),
		CASE(early_bytes_and_end_reach_a_late_owner),
		CASE(end_alone_reaches_a_late_owner),
		CASE(file_in_and_pipe_out),
		CASE(file_out_takes_everything),
		CASE(pipe_that_nobody_reads_resets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
