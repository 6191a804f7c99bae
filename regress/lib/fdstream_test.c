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
 * Descriptors at both ends of a stream: what passes, and how it ends.
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

/* Who connects and speaks wakes the far end once. */
static void
early_words_go_with_the_open(void **state __unused)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	uint8_t		 buf[MUX_FRAME_MAX];
	int		 l[2];
	size_t		 n;

	passes(50);
	tcp_pair(l);
	say(l[0], "GET");
	strlcpy(open.host, "localhost", sizeof(open.host));
	a.f = fdstream_open(base, l[1], l[1], a.mux, &open, &fd_ops, &a);
	assert_non_null(a.f);
	assert_true(mux_output(a.mux, buf, sizeof(buf), 0) > MUX_HEAD_LEN);
	assert_int_equal(buf[0], MUX_OPEN);
	n = mux_output(a.mux, buf, sizeof(buf), 0);
	assert_int_equal(n, MUX_HEAD_LEN + 3);
	assert_int_equal(buf[0], MUX_DATA);
	assert_memory_equal(buf + MUX_HEAD_LEN, "GET", 3);
	fdstream_kill(a.f, MUX_CODE_KILLED, "enough");
	close(l[0]);
}

/* A job in the background would be stopped by a read before its time. */
static void
terminal_is_not_read_before_it_speaks(void **state __unused)
{
	struct mux_open	 o = { .kind = MUX_KIND_TCP, .port = 22 };
	uint8_t		 buf[MUX_FRAME_MAX];
	int		 pty, tty;

	passes(50);
	pty = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(pty != -1 && grantpt(pty) == 0 && unlockpt(pty) == 0);
	tty = open(ptsname(pty), O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_int_not_equal(tty, -1);
	say(pty, "ls\n");
	strlcpy(o.host, "localhost", sizeof(o.host));
	a.f = fdstream_open(base, tty, tty, a.mux, &o, &fd_ops, &a);
	assert_non_null(a.f);
	assert_true(mux_output(a.mux, buf, sizeof(buf), 0) > MUX_HEAD_LEN);
	assert_int_equal(buf[0], MUX_OPEN);
	assert_int_equal(mux_output(a.mux, buf, sizeof(buf), 0), 0);
	fdstream_kill(a.f, MUX_CODE_KILLED, "enough");
	close(pty);
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

#define CASE(f)	cmocka_unit_test_setup_teardown(f, fd_setup, fd_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(bytes_pass_both_ways),
		CASE(target_may_speak_first),
		CASE(early_words_go_with_the_open),
		CASE(terminal_is_not_read_before_it_speaks),
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
		CASE(refused_stream_leaves_descriptors_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
