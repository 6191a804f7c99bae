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
 * Links in the clear over socket pairs: two of ours, or one of ours and a
 * peer that sends what it likes.
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

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "link_sides.h"

#define BULK	(20 * 1024 * 1024)

static void
hello_brings_both_up(void **state __unused)
{
	two_links();
	go_up();
	assert_string_equal(b.name, "porch");
	assert_string_equal(a.name, "");
}

static void
round_trip_is_known_soon_after(void **state __unused)
{
	two_links();
	go_up();
	passes(50);
	assert_in_range(link_rtt(a.link), 1, 1000000);
	assert_in_range(link_rtt(b.link), 1, 1000000);
	assert_in_range(link_idle_ms(a.link), 0, 1000);
}

static void
bytes_of_a_stream_arrive_intact(void **state __unused)
{
	struct mux_open	 open = { .kind = MUX_KIND_TCP, .port = 22 };
	static uint8_t	 buf[100000];
	int		 l[2], t[2], eof = 0;
	size_t		 out = 0, in = 0, i, n;
	ssize_t		 r;
	uint64_t	 end = clock_us() + 60000000;

	two_links();
	go_up();
	pair(l);
	pair(t);
	b.fd = t[1];
	strlcpy(open.host, "localhost", sizeof(open.host));
	assert_non_null(fdstream_open(base, l[1], l[1], link_mux(a.link),
	    &open, &fd_ops, &a));
	while (!eof && clock_us() < end) {
		n = BULK - out < sizeof(buf) ? BULK - out : sizeof(buf);
		for (i = 0; i < n; i++)
			buf[i] = (out + i) * 31 + ((out + i) >> 11);
		if (n > 0 && (r = write(l[0], buf, n)) > 0 &&
		    (out += r) == BULK)
			shutdown(l[0], SHUT_WR);
		while ((r = read(t[0], buf, sizeof(buf))) > 0) {
			for (i = 0; i < (size_t)r; i++)
				if (buf[i] != (uint8_t)((in + i) * 31 +
				    ((in + i) >> 11)))
					fail_msg("byte %zu differs", in + i);
			in += r;
		}
		eof = r == 0;
		passes(1);
	}
	assert_int_equal(in, BULK);
	close(t[0]);
	wait_for(&a.closed, 1, 2000);
	assert_int_equal(a.fd_code, -1);
	assert_int_equal(b.fd_code, -1);
	close(l[0]);
}

static void
full_frames_fill_a_record(void **state __unused)
{
	struct ws_event	 ev;
	int		 i;

	b.pulled = 1;
	one_link(WS_SERVER, 0, 0);
	raw_hello();
	raw_open(1 << 20);
	for (i = 0; i < 40; i++)
		assert_int_equal(raw_wait(WS_BINARY, &ev, 2000), 1);
	assert_int_equal(raw.longest, 16384);
}

static void
close_code_and_reason_arrive(void **state __unused)
{
	two_links();
	go_up();
	assert_non_null(open_plain(&a));
	wait_for(&b.opened, 1, 2000);
	link_close(a.link, WS_CLOSE_RESTART, "restart\033[2J");
	/* Streams need not wait for the peer to say goodbye. */
	assert_int_equal(a.reset, 1);
	assert_int_equal(a.reset_code, MUX_CODE_NODE_GONE);
	assert_int_equal(a.down, 0);
	link_close(a.link, WS_CLOSE_NORMAL, "again");
	wait_for(&a.down, 1, 1000);
	wait_for(&b.down, 1, 1000);
	assert_int_equal(a.down + b.down, 2);
	assert_int_equal(a.code, WS_CLOSE_RESTART);
	assert_int_equal(b.code, WS_CLOSE_RESTART);
	assert_string_equal(b.text, "restart?[2J");
	assert_int_equal(b.reset, 1);
}

static void
revoked_link_kills_its_streams(void **state __unused)
{
	two_links();
	go_up();
	assert_non_null(open_plain(&a));
	wait_for(&b.opened, 1, 2000);
	link_close(b.link, WS_CLOSE_POLICY, "the token was deleted");
	assert_int_equal(b.reset_code, MUX_CODE_KILLED);
	wait_for(&a.down, 1, 1000);
	assert_int_equal(a.reset_code, MUX_CODE_KILLED);
	assert_string_equal(a.text, "the token was deleted");
}

static void
goaway_leaves_before_the_close(void **state __unused)
{
	struct mux_goaway	 g = { .delay = 1000, .text = "drain" };

	two_links();
	go_up();
	mux_send_goaway(link_mux(b.link), &g);
	link_close(b.link, WS_CLOSE_RESTART, "drain");
	wait_for(&a.down, 1, 1000);
	assert_int_equal(a.goaway, 1);
	assert_int_equal(a.down, 1);
}

static void
retired_link_waits_for_its_streams(void **state __unused)
{
	struct mux_stream	*s;
	uint64_t		 since;

	two_links();
	go_up();
	s = open_plain(&a);
	assert_non_null(s);
	wait_for(&b.opened, 1, 2000);
	assert_int_equal(link_retire(a.link, "moved"), 0);
	assert_int_equal(link_retire(a.link, "again"), 0);
	wait_for(&a.down, 1, LINK_RETIRE_MS + 500);
	assert_int_equal(a.down, 0);
	mux_reset(s, MUX_CODE_CANCEL, NULL);
	since = clock_us();
	wait_for(&a.down, 1, LINK_RETIRE_MS * 4);
	assert_int_equal(a.down, 1);
	assert_true(clock_us() - since >= LINK_RETIRE_MS * 1000ULL - 300000);
	wait_for(&b.down, 1, 2000);
	assert_int_equal(b.code, WS_CLOSE_NORMAL);
	assert_string_equal(b.text, "moved");
}

static void
retired_link_may_go_any_time(void **state __unused)
{
	two_links();
	go_up();
	assert_int_equal(link_retire(a.link, "moved"), 0);
	link_close(b.link, WS_CLOSE_RESTART, "late");
	wait_for(&a.down, 1, 2000);
	assert_int_equal(a.code, WS_CLOSE_RESTART);
}

static void
both_close_at_once(void **state __unused)
{
	two_links();
	go_up();
	link_close(a.link, WS_CLOSE_AWAY, "a");
	link_close(b.link, WS_CLOSE_RESTART, "b");
	wait_for(&a.down, 1, 1000);
	wait_for(&b.down, 1, 1000);
	assert_int_equal(a.code, WS_CLOSE_AWAY);
	assert_int_equal(b.code, WS_CLOSE_RESTART);
}

static void
close_before_the_hello(void **state __unused)
{
	two_links();
	link_close(a.link, WS_CLOSE_AWAY, "changed its mind");
	wait_for(&a.down, 1, 1000);
	wait_for(&b.down, 1, 1000);
	assert_int_equal(b.code, WS_CLOSE_AWAY);
}

static void
close_that_nobody_answers_ends(void **state __unused)
{
	uint64_t	 start;

	one_link(WS_SERVER, 0, 0);
	raw_hello();
	wait_for(&b.up, 1, 1000);
	start = clock_us();
	link_close(b.link, WS_CLOSE_AWAY, "bye");
	wait_for(&b.down, 1, 5000);
	assert_int_equal(b.down, 1);
	assert_in_range(clock_us() - start, 1900000, 3000000);
}

static void
silent_peer_is_dead(void **state __unused)
{
	struct ws_event	 ev;
	uint64_t	 start = clock_us();
	int		 pings = 0, r;

	one_link(WS_SERVER, 100, 350);
	raw_hello();
	while ((r = raw_next(&ev, 2000)) == 1)
		pings += ev.opcode == WS_PING;
	assert_int_equal(r, 0);
	assert_in_range(pings, 3, 5);
	assert_int_equal(b.down, 1);
	assert_int_equal(b.code, 0);
	assert_string_equal(b.text, "no answer for 0 s");
	assert_in_range(clock_us() - start, 345000, 800000);
}

static void
peer_that_only_answers_pings_lives(void **state __unused)
{
	struct ws_event	 ev;
	uint64_t	 start = clock_us();
	uint8_t		 copy[8];

	one_link(WS_SERVER, 50, 150);
	raw_hello();
	while (clock_us() - start < 600000) {
		assert_int_equal(raw_wait(WS_PING, &ev, 1000), 1);
		assert_int_equal(ev.len, 8);
		memcpy(copy, ev.data, 8);
		raw_send(WS_PONG, copy, 8, 1);
	}
	assert_int_equal(b.down, 0);
	assert_in_range(link_rtt(b.link), 1, 1000000);
}

static void
peer_without_hello_is_closed(void **state __unused)
{
	struct ws_event	 ev;
	uint64_t	 start = clock_us();

	one_link(WS_SERVER, 50, 200);
	while (b.down == 0 && clock_us() - start < 2000000) {
		raw_send(WS_PING, "x", 1, 1);
		if (raw_next(&ev, 20) == 1 && ev.opcode == WS_CLOSE)
			break;
		usleep(10000);
	}
	assert_int_equal(ev.opcode, WS_CLOSE);
	assert_int_equal(ev.code, WS_CLOSE_PROTOCOL);
	close(raw.fd);
	raw.fd = -1;
	wait_for(&b.down, 1, 1000);
	assert_string_equal(b.text, "no hello");
}

static void
foreign_pongs_say_nothing(void **state __unused)
{
	one_link(WS_SERVER, 0, 0);
	raw_hello();
	wait_for(&b.up, 1, 1000);
	raw_send(WS_PONG, "\0\0\0\0\0\0\0\001", 8, 1);
	raw_send(WS_PONG, "", 0, 1);
	passes(20);
	assert_int_equal(link_rtt(b.link), 0);
	assert_int_equal(b.down, 0);
}

static void
newest_ping_is_answered(void **state __unused)
{
	struct ws_event	 ev;
	int		 i, pongs = 0;
	char		 n, last = 0;

	one_link(WS_SERVER, 0, 0);
	raw_hello();
	for (i = 0; i < 100; i++) {
		n = 'A' + i % 26;
		raw_send(WS_PING, &n, 1, 1);
	}
	while (raw_next(&ev, 100) == 1)
		if (ev.opcode == WS_PONG) {
			assert_int_equal(ev.len, 1);
			last = ev.data[0];
			pongs++;
		}
	assert_int_equal(last, n);
	assert_in_range(pongs, 1, 20);
}

/* Whoever is woken by a ping sends its own with the pong, not too often. */
static void
pings_go_along(void **state __unused)
{
	struct ws_event	 ev;
	uint64_t	 start;

	one_link(WS_SERVER, 2000, 0);
	raw_hello();
	assert_int_equal(raw_wait(WS_PING, &ev, 1000), 1);
	start = clock_us();
	raw_send(WS_PING, "a", 1, 1);
	assert_int_equal(raw_wait(WS_PONG, &ev, 1000), 1);
	assert_int_equal(raw_next(&ev, 20), -1);
	while (clock_us() - start < 1050000)
		passes(1);
	raw_send(WS_PING, "b", 1, 1);
	assert_int_equal(raw_wait(WS_PONG, &ev, 500), 1);
	assert_int_equal(raw_next(&ev, 100), 1);
	assert_int_equal(ev.opcode, WS_PING);
	raw_send(WS_PING, "c", 1, 1);
	assert_int_equal(raw_wait(WS_PONG, &ev, 500), 1);
	assert_int_equal(raw_next(&ev, 20), -1);
}

static void
internal_links_are_not_pinged(void **state __unused)
{
	struct ws_event	 ev;

	one_link(WS_INTERNAL, 20, 60);
	while (raw_next(&ev, 200) == 1)
		assert_int_equal(ev.opcode, WS_BINARY);
	assert_int_equal(b.down, 0);
	close(raw.fd);
	raw.fd = -1;
	wait_for(&b.down, 1, 1000);
	assert_int_equal(b.down, 1);
}

static void
violations_are_named(void **state __unused)
{
	static uint8_t		 big[MUX_FRAME_MAX + 1];
	static const struct {
		enum ws_opcode	 op;
		const void	*data;
		size_t		 len;
		int		 masked;
		int		 code;
		const char	*text;
	} bad[] = {
		{ WS_TEXT, "{}", 2, 1, WS_CLOSE_UNSUPPORTED,
		    "only binary messages" },
		{ WS_BINARY, "x", 1, 1, WS_CLOSE_PROTOCOL,
		    "malformed frame" },
		{ WS_BINARY, "\003\0\0\0\0\0\0\001x", 9, 1,
		    WS_CLOSE_PROTOCOL, "no such stream" },
		{ WS_BINARY, "", 0, 0, WS_CLOSE_PROTOCOL, NULL },
		{ WS_BINARY, big, sizeof(big), 1, WS_CLOSE_TOO_BIG, NULL },
		{ WS_TEXT, "\377", 1, 1, WS_CLOSE_DATA, NULL },
	};
	struct ws_event		 ev;
	uint64_t		 start;
	size_t			 i;

	for (i = 0; i < nitems(bad); i++) {
		memset(&b, 0, sizeof(b));
		memset(&raw, 0, sizeof(raw));
		one_link(WS_SERVER, 0, 0);
		raw_hello();
		wait_for(&b.up, 1, 1000);
		start = clock_us();
		raw_send(bad[i].op, bad[i].data, bad[i].len, bad[i].masked);
		raw_send(WS_BINARY, "more", 4, 1);
		assert_int_equal(raw_wait(WS_CLOSE, &ev, 1000), 1);
		assert_int_equal(ev.code, bad[i].code);
		if (bad[i].text != NULL)
			assert_memory_equal(ev.data, bad[i].text,
			    strlen(bad[i].text));
		/* It does not wait for an answer. */
		assert_int_equal(raw_next(&ev, 1000), 0);
		close(raw.fd);
		raw.fd = -1;
		wait_for(&b.down, 1, 1000);
		assert_int_equal(b.down, 1);
		assert_int_equal(b.code, bad[i].code);
		assert_in_range(clock_us() - start, 0, 1000000);
	}
}

static void
lost_connection_is_told(void **state __unused)
{
	one_link(WS_SERVER, 0, 0);
	raw_hello();
	raw_open(1000);
	wait_for(&b.opened, 1, 1000);
	shutdown(raw.fd, SHUT_WR);
	wait_for(&b.down, 1, 1000);
	assert_int_equal(b.down, 1);
	assert_int_equal(b.code, 0);
	assert_string_equal(b.text, "closed by peer");
	assert_int_equal(b.reset_code, MUX_CODE_NODE_GONE);
}

static void
link_may_be_freed_in_any_callback(void **state __unused)
{
	static const enum where	 where[] = {
		IN_UP, IN_OPEN, IN_GOAWAY, IN_RESET, IN_DOWN
	};
	struct mux_goaway	 g = { .delay = 1, .text = "" };
	size_t			 i;

	for (i = 0; i < nitems(where); i++) {
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		a.free_in = where[i];
		two_links();
		wait_for(&a.up, 1, 1000);
		wait_for(&b.up, 1, 1000);
		if (a.link != NULL) {
			open_plain(&a);
			open_plain(&b);
			wait_for(&a.opened, 1, 1000);
		}
		if (b.link != NULL)
			mux_send_goaway(link_mux(b.link), &g);
		if (a.link != NULL)
			wait_for(&a.goaway, 1, 1000);
		if (b.link != NULL)
			link_close(b.link, WS_CLOSE_AWAY, "");
		wait_for(&b.down, 1, 1000);
		passes(50);
		assert_null(a.link);
		assert_int_equal(b.down, 1);
	}
}

static void
link_may_be_freed_by_its_own_close(void **state __unused)
{
	a.free_in = IN_RESET;
	two_links();
	go_up();
	open_plain(&a);
	open_plain(&a);
	link_close(a.link, WS_CLOSE_AWAY, "");
	assert_null(a.link);
	wait_for(&b.down, 1, 1000);
	assert_int_equal(b.down, 1);
}

static void
link_may_outlive_its_end(void **state __unused)
{
	a.free_in = LATER;
	two_links();
	go_up();
	link_close(b.link, WS_CLOSE_AWAY, "bye");
	wait_for(&a.down, 1, 1000);
	assert_non_null(a.link);
	assert_null(link_conn(a.link));
	assert_null(open_plain(&a));
	link_close(a.link, WS_CLOSE_AWAY, "");
	passes(20);
	assert_int_equal(a.down, 1);
}

#define CASE(f) \
	cmocka_unit_test_setup_teardown(f, links_setup, links_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(hello_brings_both_up),
		CASE(round_trip_is_known_soon_after),
		CASE(bytes_of_a_stream_arrive_intact),
		CASE(full_frames_fill_a_record),
		CASE(close_code_and_reason_arrive),
		CASE(revoked_link_kills_its_streams),
		CASE(retired_link_waits_for_its_streams),
		CASE(retired_link_may_go_any_time),
		CASE(goaway_leaves_before_the_close),
		CASE(both_close_at_once),
		CASE(close_before_the_hello),
		CASE(close_that_nobody_answers_ends),
		CASE(silent_peer_is_dead),
		CASE(peer_that_only_answers_pings_lives),
		CASE(peer_without_hello_is_closed),
		CASE(foreign_pongs_say_nothing),
		CASE(newest_ping_is_answered),
		CASE(pings_go_along),
		CASE(internal_links_are_not_pinged),
		CASE(violations_are_named),
		CASE(lost_connection_is_told),
		CASE(link_may_be_freed_in_any_callback),
		CASE(link_may_be_freed_by_its_own_close),
		CASE(link_may_outlive_its_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	assert_int_equal(evtls_init(), 0);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
