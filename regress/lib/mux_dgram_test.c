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

/* link: lib/mux.c lib/mux_output.c lib/mux_table.c lib/mux_stream.c
   lib/mux_credit.c lib/mux_input.c
   lib/mux_queue.c lib/meter.c lib/mux_dgram.c lib/mux_frame.c
   regress/lib/mux_peer.c regress/lib/dgram_peer.c */

/*
 * Datagram streams: bounds are kept, queues drop their oldest, nothing waits.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dgram_peer.h"
#include "mux_internal.h"

#define LIMIT		MUX_DGRAM_QUEUE

/* The oldest that waits, as one piece. */
static ssize_t
waiting(uint8_t *buf)
{
	struct iovec	 iov[MUX_DGRAM_IOVS];
	ssize_t		 n = 0;
	int		 i, niov;

	if ((niov = mux_dgram_peek(saw.s, iov)) == -1)
		return (-1);
	assert_true(niov <= MUX_DGRAM_IOVS);
	for (i = 0; i < niov; i++) {
		assert_true(iov[i].iov_len > 0);
		memcpy(buf + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	return (n);
}

/* ---- Bounds ------------------------------------------------------------- */

static void
each_is_a_frame_empty_ones_too(void **state)
{
	ours(1);
	assert_int_equal(mux_dgram_send(saw.s, "one", 3), 0);
	assert_int_equal(mux_dgram_send(saw.s, "", 0), 0);
	assert_int_equal(mux_dgram_send(saw.s, "three", 5), 0);
	expect("one", 3, 0);
	expect("", 0, 0);
	expect("three", 5, 0);
	peer_quiet(&t);
	assert_int_equal(data(0, "uno", 3), 0);
	assert_int_equal(saw.count, 1);
	assert_int_equal(saw.len, 3);
	assert_int_equal(data(0, "", 0), 0);
	assert_int_equal(saw.count, 2);
	assert_int_equal(saw.len, 0);
	assert_int_equal(mux_stream_in(saw.s), 3);
	assert_int_equal(mux_stream_out(saw.s), 8);
	peer_free(&t);
}

static void
long_ones_go_in_parts(void **state)
{
	static const size_t	 sizes[] = { MUX_DATA_MAX - 1, MUX_DATA_MAX,
				    MUX_DATA_MAX + 1, 3 * MUX_DATA_MAX,
				    65507, MUX_DGRAM_MAX };
	size_t			 i, off, n;

	ours(1);
	for (i = 0; i < nitems(sizes); i++) {
		assert_int_equal(mux_dgram_send(saw.s, big, sizes[i]), 0);
		assert_int_equal(mux_dgram_send(saw.s, "next", 4), 0);
		for (off = 0; off < sizes[i]; off += n) {
			n = sizes[i] - off < MUX_DATA_MAX ? sizes[i] - off :
			    MUX_DATA_MAX;
			expect(big + off, n,
			    off + n < sizes[i] ? MUX_PART : 0);
		}
		expect("next", 4, 0);
		peer_quiet(&t);
	}
	peer_free(&t);
}

static void
parts_become_whole(void **state)
{
	size_t	 off, n;

	ours(1);
	for (off = 0; off < MUX_DGRAM_MAX; off += n) {
		assert_int_equal(saw.count, 0);
		n = MUX_DGRAM_MAX - off < 10000 ? MUX_DGRAM_MAX - off : 10000;
		assert_int_equal(data(off + n < MUX_DGRAM_MAX ? MUX_PART : 0,
		    big + off, n), 0);
	}
	assert_int_equal(saw.count, 1);
	assert_int_equal(saw.len, MUX_DGRAM_MAX);
	assert_memory_equal(saw.buf, big, MUX_DGRAM_MAX);
	/* The last part may be empty. */
	assert_int_equal(data(MUX_PART, "ab", 2), 0);
	assert_int_equal(data(0, "", 0), 0);
	assert_int_equal(saw.count, 2);
	assert_int_equal(saw.len, 2);
	assert_int_equal(saw.fins, 0);
	peer_free(&t);
}

static void
one_byte_too_long(void **state)
{
	uint64_t	 in, out;
	int		 i;

	ours(1);
	assert_int_equal(mux_dgram_send(saw.s, big, sizeof(big)), -1);
	mux_dgram_lost(saw.s, &in, &out);
	assert_int_equal(in, 0);
	assert_int_equal(out, 1);
	peer_quiet(&t);
	for (i = 0; i < 3; i++)
		assert_int_equal(data(MUX_PART, big, MUX_DATA_MAX), 0);
	assert_int_equal(data(0, big, MUX_DATA_MAX), -1);
	peer_error(&t, "datagram too long");
}

static void
bad_parts(void **state)
{
	ours(1);
	assert_int_equal(data(MUX_PART, "", 0), -1);
	peer_error(&t, "empty part of a datagram");
	ours(1);
	assert_int_equal(data(MUX_PART | MUX_FIN, "x", 1), -1);
	peer_error(&t, "empty part of a datagram");
	ours(0);
	assert_int_equal(data(0, "x", 1), -1);
	peer_error(&t, "data before accept");
	ours(1);
	assert_int_equal(data(MUX_FIN, "", 0), 0);
	assert_int_equal(data(0, "x", 1), -1);
	peer_error(&t, "data after fin");
}

static void
bytes_have_no_parts(void **state)
{
	peer_up(&t, 0);
	assert_int_equal(peer_open(&t, 1, 1000), 0);
	assert_int_equal(data(MUX_PART, "x", 1), -1);
	peer_error(&t, "part of no datagram");
}

/* ---- Queues ------------------------------------------------------------- */

static void
send_queue_drops_its_oldest(void **state)
{
	uint64_t	 in, out;
	uint32_t	 i, first = 0;
	uint8_t		 d[1020];
	size_t		 fit = LIMIT / (sizeof(d) + 4);
	struct mux_stats st;

	ours(1);
	memset(d, 0, sizeof(d));
	for (i = 0; i < 3 * fit; i++) {
		memcpy(d, &i, sizeof(i));
		assert_int_equal(mux_dgram_send(saw.s, d, sizeof(d)), 0);
		mux_dgram_lost(saw.s, &in, &out);
		assert_int_equal(out, i < fit ? 0 : i + 1 - fit);
		assert_true(saw.s->dgram->out.len <= LIMIT);
	}
	mux_get_stats(t.m, &st);
	assert_int_equal(st.lost, 2 * fit);
	for (i = 0; peer_next(&t) == MUX_DATA; i++) {
		assert_int_equal(t.n, sizeof(d));
		memcpy(&first, t.p, sizeof(first));
		assert_int_equal(first, 2 * fit + i);
	}
	assert_int_equal(i, fit);
	/* A large one may cost many small ones. */
	for (i = 0; i < fit; i++)
		(void)mux_dgram_send(saw.s, d, sizeof(d));
	assert_int_equal(mux_dgram_send(saw.s, big, MUX_DGRAM_MAX), 0);
	mux_dgram_lost(saw.s, &in, &out);
	assert_int_equal(out, 2 * fit + (fit * 1024 + MUX_DGRAM_MAX + 4 -
	    LIMIT + 1023) / 1024);
	peer_free(&t);
}

static void
one_that_has_begun_is_finished(void **state)
{
	int	 i;

	ours(1);
	assert_int_equal(mux_dgram_send(saw.s, big, MUX_DGRAM_MAX), 0);
	expect(big, MUX_DATA_MAX, MUX_PART);
	/* Now the queue overflows twice. */
	for (i = 0; i < 8; i++)
		assert_int_equal(mux_dgram_send(saw.s, big + 1,
		    MUX_DGRAM_MAX), 0);
	for (i = 1; i < 4; i++)
		expect(big + i * MUX_DATA_MAX, i < 3 ? MUX_DATA_MAX :
		    MUX_DGRAM_MAX - 3 * MUX_DATA_MAX, i < 3 ? MUX_PART : 0);
	expect(big + 1, MUX_DATA_MAX, MUX_PART);
	peer_free(&t);
}

static void
receive_queue_drops_its_oldest(void **state)
{
	static uint8_t	 buf[MUX_DGRAM_MAX];
	uint64_t	 in, out;
	uint32_t	 i, n;
	uint8_t		 d[1020];
	size_t		 fit = LIMIT / (sizeof(d) + 4);
	struct mux_stats st;

	theirs(0);
	saw.refuse = 1;
	memset(d, 0, sizeof(d));
	for (i = 0; i < 3 * fit; i++) {
		memcpy(d, &i, sizeof(i));
		assert_int_equal(data(0, d, sizeof(d)), 0);
	}
	mux_dgram_lost(saw.s, &in, &out);
	assert_int_equal(in, 2 * fit);
	assert_int_equal(out, 0);
	mux_get_stats(t.m, &st);
	assert_int_equal(st.lost, 2 * fit);
	assert_int_equal(st.queued, mux_queued(saw.s));
	assert_true(st.queued <= LIMIT);
	for (i = 0; waiting(buf) == sizeof(d); i++) {
		memcpy(&n, buf, sizeof(n));
		assert_int_equal(n, 2 * fit + i);
		mux_dgram_drop(saw.s);
	}
	assert_int_equal(i, fit);
	assert_int_equal(waiting(buf), -1);
	mux_dgram_drop(saw.s);
	assert_int_equal(saw.count, 0);
	/* What comes while some wait, waits behind them. */
	assert_int_equal(data(0, "a", 1), 0);
	saw.refuse = 0;
	assert_int_equal(data(0, "", 0), 0);
	assert_int_equal(saw.count, 0);
	assert_int_equal(waiting(buf), 1);
	mux_dgram_drop(saw.s);
	assert_int_equal(waiting(buf), 0);
	mux_dgram_drop(saw.s);
	assert_int_equal(data(0, "b", 1), 0);
	assert_int_equal(saw.count, 1);
	peer_free(&t);
}

static void
sizes_that_do_not_fit_blocks(void **state)
{
	static uint8_t	 buf[MUX_DGRAM_MAX];
	size_t		 sizes[64], head = 0, tail = 0, n;
	int		 i;

	theirs(1);
	saw.refuse = 1;
	srandom(7);
	for (i = 0; i < 4000; i++) {
		if (tail - head < 2) {
			n = random() % (random() % MUX_DATA_MAX + 1);
			assert_int_equal(data(0, big + n % 251, n), 0);
			sizes[tail++ % nitems(sizes)] = n;
		} else {
			n = sizes[head++ % nitems(sizes)];
			assert_int_equal(waiting(buf), n);
			assert_memory_equal(buf, big + n % 251, n);
			mux_dgram_drop(saw.s);
		}
	}
	peer_free(&t);
}

static void
byte_calls_do_nothing(void **state)
{
	struct iovec	 iov[2];
	uint8_t		 buf[10];

	theirs(1);
	saw.refuse = 1;
	assert_int_equal(data(0, "abc", 3), 0);
	assert_int_equal(mux_peek(saw.s, iov, 2), 0);
	assert_int_equal(mux_read(saw.s, buf, sizeof(buf)), 0);
	mux_drain(saw.s, 3);
	mux_ready(saw.s);
	peer_quiet(&t);
	assert_int_equal(waiting(buf), 3);
	peer_free(&t);
	/* And the other way round. */
	peer_up(&t, 0);
	assert_int_equal(peer_open(&t, 1, 1000), 0);
	assert_int_equal(mux_dgram_send(t.st[0].s, "x", 1), -1);
	mux_dgram_end(t.st[0].s);
	assert_int_equal(mux_dgram_peek(t.st[0].s, iov), -1);
	mux_dgram_drop(t.st[0].s);
	peer_quiet(&t);
	peer_free(&t);
}

/* ---- Nothing waits ------------------------------------------------------ */

static void
no_credit_is_asked_or_given(void **state)
{
	struct mux_open	 o;
	int		 i;

	memset(&saw, 0, sizeof(saw));
	peer_up(&t, 1);
	saw.s = mux_open_stream(t.m, udp(), &dgram_ops, NULL);
	peer_expect(&t, MUX_OPEN, 1);
	assert_int_equal(mux_open_get(t.p, t.n, &o), 0);
	assert_int_equal(o.credit, 0);
	/* Before ACCEPT, and far beyond any early credit. */
	for (i = 0; i < 100; i++) {
		assert_int_equal(mux_dgram_send(saw.s, big, 10000), 0);
		expect(big, 10000, 0);
	}
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 0), 0);
	assert_int_equal(saw.accepted, 1);
	for (i = 0; i < 1000; i++)
		assert_int_equal(data(0, big, 10000), 0);
	assert_int_equal(saw.count, 1000);
	peer_quiet(&t);
	peer_free(&t);
}

static void
nothing_is_sent_before_accept_by_who_is_asked(void **state)
{
	theirs(0);
	assert_int_equal(mux_dgram_send(saw.s, "x", 1), 0);
	peer_quiet(&t);
	mux_accept(saw.s);
	peer_expect(&t, MUX_ACCEPT, 1);
	expect("x", 1, 0);
	peer_free(&t);
}

static void
share_is_in_bytes(void **state)
{
	struct seen	*bulk;
	size_t		 bytes[2] = { 0, 0 };
	int		 i, run = 0, longest = 0;

	ours(1);
	bulk = peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 3);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 3, 8 << 20), 0);
	peer_give(bulk, 4 << 20, 0);
	for (i = 0; i < 170; i++)
		assert_int_equal(mux_dgram_send(saw.s, big, 1400), 0);
	for (i = 0; i < 98; i++) {
		assert_int_equal(peer_next(&t), MUX_DATA);
		bytes[t.head.id == 3] += t.n;
		run = t.head.id == 3 ? 0 : run + 1;
		longest = run > longest ? run : longest;
	}
	/* As many bytes in small frames as in large ones. */
	assert_in_range(bytes[0], bytes[1] * 7 / 10, bytes[1] * 13 / 10);
	assert_in_range(longest, 86, 88);
	peer_free(&t);
}

/* ---- The end ------------------------------------------------------------ */

static void
fin_follows_what_is_queued(void **state)
{
	ours(1);
	assert_int_equal(mux_dgram_send(saw.s, "last", 4), 0);
	mux_dgram_end(saw.s);
	assert_int_equal(mux_dgram_send(saw.s, "late", 4), -1);
	expect("last", 4, 0);
	expect("", 0, MUX_FIN);
	peer_quiet(&t);
	assert_int_equal(data(0, "more", 4), 0);
	assert_int_equal(saw.count, 1);
	assert_int_equal(data(MUX_FIN, "end", 3), 0);
	assert_int_equal(saw.count, 2);
	assert_int_equal(saw.len, 3);
	assert_int_equal(saw.fins, 1);
	assert_int_equal(saw.dones, 1);
	peer_free(&t);
}

static void
done_waits_for_what_is_queued(void **state)
{
	uint8_t	 buf[10];

	theirs(1);
	saw.refuse = 1;
	assert_int_equal(data(0, "", 0), 0);
	assert_int_equal(data(0, "y", 1), 0);
	assert_int_equal(data(MUX_FIN, "", 0), 0);
	assert_int_equal(saw.fins, 1);
	assert_false(mux_eof(saw.s));
	mux_dgram_end(saw.s);
	expect("", 0, MUX_FIN);
	assert_int_equal(saw.dones, 0);
	assert_int_equal(waiting(buf), 0);
	mux_dgram_drop(saw.s);
	assert_int_equal(waiting(buf), 1);
	mux_dgram_drop(saw.s);
	assert_true(mux_eof(saw.s));
	peer_quiet(&t);
	assert_int_equal(saw.dones, 1);
	peer_free(&t);
}

static void
reset_frees_all(void **state)
{
	ours(1);
	assert_int_equal(mux_dgram_send(saw.s, big, MUX_DGRAM_MAX), 0);
	expect(big, MUX_DATA_MAX, MUX_PART);
	assert_int_equal(data(MUX_PART, big, 5000), 0);
	saw.refuse = 1;
	assert_int_equal(peer_reset(&t, 1, MUX_CODE_REFUSED, "no"), 0);
	assert_int_equal(saw.resets, 1);
	assert_int_equal(saw.code, MUX_CODE_REFUSED);
	peer_quiet(&t);
	assert_int_equal(t.budget.used, 0);
	peer_free(&t);
	ours(1);
	assert_int_equal(mux_dgram_send(saw.s, big, MUX_DGRAM_MAX), 0);
	mux_reset(saw.s, MUX_CODE_CANCEL, NULL);
	peer_expect(&t, MUX_RESET, 1);
	peer_quiet(&t);
	assert_int_equal(t.budget.used, 0);
	peer_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_a_frame_empty_ones_too),
		cmocka_unit_test(long_ones_go_in_parts),
		cmocka_unit_test(parts_become_whole),
		cmocka_unit_test(one_byte_too_long),
		cmocka_unit_test(bad_parts),
		cmocka_unit_test(bytes_have_no_parts),
		cmocka_unit_test(send_queue_drops_its_oldest),
		cmocka_unit_test(one_that_has_begun_is_finished),
		cmocka_unit_test(receive_queue_drops_its_oldest),
		cmocka_unit_test(sizes_that_do_not_fit_blocks),
		cmocka_unit_test(byte_calls_do_nothing),
		cmocka_unit_test(no_credit_is_asked_or_given),
		cmocka_unit_test(nothing_is_sent_before_accept_by_who_is_asked),
		cmocka_unit_test(share_is_in_bytes),
		cmocka_unit_test(fin_follows_what_is_queued),
		cmocka_unit_test(done_waits_for_what_is_queued),
		cmocka_unit_test(reset_frees_all),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, dgram_setup, NULL));
}
