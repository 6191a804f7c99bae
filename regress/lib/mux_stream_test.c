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
   lib/mux_queue.c lib/meter.c
   lib/mux_dgram.c lib/mux_frame.c regress/lib/mux_peer.c */
/* flags: -Wl,--wrap=malloc,--wrap=calloc */

/*
 * The rules of a stream: credit both ways, half-close, done, reset, and
 * owners that do as they please within their callbacks.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_internal.h"
#include "mux_peer.h"

static struct peer	 t;
static int		 malloc_left = -1;	/* until it fails; -1: never */

void	*__real_malloc(size_t);
void	*__real_calloc(size_t, size_t);
void	*__wrap_malloc(size_t);
void	*__wrap_calloc(size_t, size_t);

void *
__wrap_malloc(size_t n)
{
	if (malloc_left == 0)
		return (NULL);
	if (malloc_left > 0)
		malloc_left--;
	return (__real_malloc(n));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	if (malloc_left == 0)
		return (NULL);
	if (malloc_left > 0)
		malloc_left--;
	return (__real_calloc(n, size));
}

static void
assert_error(const char *text)
{
	assert_string_equal(mux_error(t.m), text);
	peer_free(&t);
}

/* One of ours, open and accepted with that much credit more. */
static struct seen *
ours(uint32_t credit)
{
	struct seen	*st;
	uint32_t	 id;

	assert_non_null(st = peer_stream(&t));
	id = mux_stream_id(st->s);
	peer_expect(&t, MUX_OPEN, id);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, id, credit), 0);
	assert_int_equal(st->accepted, 1);
	return (st);
}

/* One of the peer's, accepted, and its allowance if it matters. */
static struct seen *
theirs(uint32_t id, uint32_t credit)
{
	struct seen	*st;

	assert_int_equal(peer_open(&t, id, credit), 0);
	st = &t.st[t.nst - 1];
	mux_accept(st->s);
	assert_int_equal(peer_expect(&t, MUX_ACCEPT, id),
	    MUX_CREDIT_INITIAL - MUX_CREDIT_EARLY);
	return (st);
}

static void
early_credit_comes_with_hello(void **state)
{
	struct seen	*st;

	peer_init(&t, 1);
	peer_start(&t);
	peer_hello(&t);
	peer_expect(&t, MUX_CONTROL, 0);
	st = peer_stream(&t);
	peer_give(st, 100, 0);
	peer_expect(&t, MUX_OPEN, 1);
	peer_quiet(&t);
	assert_int_equal(peer_send_hello(&t, 10), 0);
	peer_expect_data(&t, 1, 10, 0);
	peer_quiet(&t);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 20), 0);
	assert_int_equal(st->accepted, 1);
	peer_expect_data(&t, 1, 20, 0);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 5), 0);
	peer_expect_data(&t, 1, 5, 0);
	peer_quiet(&t);
	/* Streams from now on have it at once, behind their OPEN. */
	st = peer_stream(&t);
	peer_give(st, 100, 0);
	peer_expect(&t, MUX_OPEN, 3);
	peer_expect_data(&t, 3, 10, 0);
	peer_free(&t);
}

static void
early_data_waits_for_hello_of_ours(void **state)
{
	peer_init(&t, 0);
	peer_start(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	assert_int_equal(peer_open(&t, 1, 0), 0);
	peer_hello(&t);
	peer_expect(&t, MUX_CONTROL, 0);
	assert_int_equal(peer_data(&t, 1, 16384, 0), 0);
	assert_int_equal(t.st[0].in, 16384);
	peer_free(&t);
	/* The peer can't know of credit that has not left. */
	peer_init(&t, 0);
	peer_start(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	peer_hello(&t);
	assert_int_equal(peer_open(&t, 1, 0), 0);
	assert_int_equal(peer_data(&t, 1, 1, 0), -1);
	assert_error("credit exceeded");
}

static void
open_tells_our_window(void **state)
{
	struct mux_open	 o;

	peer_up(&t, 1);
	peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	assert_int_equal(mux_open_get(t.p, t.n, &o), 0);
	assert_int_equal(o.credit, MUX_CREDIT_INITIAL);
	assert_string_equal(o.host, "localhost");
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL);
	peer_free(&t);
}

static void
peer_beyond_its_allowance(void **state)
{
	size_t		 left;

	/* Early, before accept. */
	peer_up(&t, 0);
	t.next.take = 0;
	assert_int_equal(peer_open(&t, 1, 0), 0);
	for (left = MUX_CREDIT_EARLY; left > 0; left -= MUX_DATA_MAX)
		assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX, 0), 0);
	assert_int_equal(peer_data(&t, 1, 0, 1), 0);
	assert_int_equal(mux_queued(t.st[0].s), MUX_CREDIT_EARLY);
	assert_int_equal(peer_open(&t, 3, 0), 0);
	for (left = MUX_CREDIT_EARLY; left > 0; left -= MUX_DATA_MAX)
		assert_int_equal(peer_data(&t, 3, MUX_DATA_MAX, 0), 0);
	assert_int_equal(peer_data(&t, 3, 1, 0), -1);
	assert_error("credit exceeded");
	/* The whole window. */
	peer_up(&t, 0);
	t.next.take = 0;
	theirs(1, 0);
	for (left = MUX_CREDIT_INITIAL; left > 0; left -= MUX_DATA_MAX)
		assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX, 0), 0);
	peer_quiet(&t);
	assert_int_equal(peer_data(&t, 1, 1, 0), -1);
	assert_error("credit exceeded");
}

static void
credit_overflow(void **state)
{
	peer_up(&t, 1);
	ours(MUX_CREDIT_MAX);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1,
	    MUX_CREDIT_MAX - MUX_CREDIT_EARLY), 0);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 1), -1);
	assert_error("credit overflow");
	peer_up(&t, 1);
	ours(100);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, UINT32_MAX), -1);
	assert_error("credit overflow");
	peer_up(&t, 0);
	assert_int_equal(peer_open(&t, 1, 2 * MUX_CREDIT_MAX + 1), -1);
	assert_error("malformed open");
}

static void
credit_returns_by_halves(void **state)
{
	struct seen	*st;
	size_t		 sent;
	int		 credits = 0;

	peer_up(&t, 0);
	st = theirs(1, 0);
	st->take = 1000;
	t.now = 1000000000;
	for (sent = 0; sent < 10 * MUX_CREDIT_INITIAL; sent += 16000) {
		t.now += 1000000;		/* slow */
		assert_int_equal(peer_data(&t, 1, 16000, 0), 0);
		assert_int_equal(mux_queued(st->s), 15000);
		mux_drain(st->s, 5000);
		mux_drain(st->s, 99999);
		while (peer_next(&t) != 0) {
			assert_int_equal(t.head.type, MUX_CREDIT);
			credits++;
		}
	}
	assert_in_range(credits, 18, 20);
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL);
	peer_free(&t);
}

/*
 * The peer sends and we take, until credit comes back; returns what it may
 * send then.
 */
static uint32_t
fill_and_drain(struct seen *st, uint32_t credit)
{
	uint32_t	 id = mux_stream_id(st->s), got;
	size_t		 n;

	for (;;) {
		assert_true(credit > 0);
		n = credit < MUX_DATA_MAX ? credit : MUX_DATA_MAX;
		assert_int_equal(peer_data(&t, id, n, 0), 0);
		credit -= n;
		if (peer_next(&t) == 0)
			continue;
		assert_int_equal(t.head.type, MUX_CREDIT);
		assert_int_equal(mux_credit_get(t.p, t.n, &got), 0);
		peer_quiet(&t);
		return (credit + got);
	}
}

/* The same until half of a window was taken. */
static uint32_t
half_a_window(struct seen *st, uint32_t credit, size_t window)
{
	size_t		 n;

	for (n = 0; n < window / 2; n += MUX_CREDIT_QUANTUM)
		credit = fill_and_drain(st, credit);
	return (credit);
}

static void
window_grows_with_a_quick_reader(void **state)
{
	struct seen	*st;
	uint32_t	 credit;
	int		 rounds = 0;

	peer_up(&t, 0);
	mux_set_rtt(t.m, 100000);
	t.now = 1000000000;
	st = theirs(1, 0);
	credit = MUX_CREDIT_INITIAL;
	while (t.budget.used < MUX_CREDIT_MAX && rounds < 100) {
		t.now += 100000;	/* half a window in a trip */
		credit = half_a_window(st, credit, t.budget.used);
		rounds++;
	}
	assert_in_range(rounds, 7, 13);
	/* and then slower than the link: it stays, half full at most */
	t.now += 1000000;
	fill_and_drain(st, credit);
	assert_int_equal(t.budget.used, MUX_CREDIT_MAX);
	peer_free(&t);
}

static void
window_does_not_grow_slowly_or_late(void **state)
{
	struct seen	*st;
	uint32_t	 credit = MUX_CREDIT_INITIAL;
	int		 i;

	peer_up(&t, 0);
	mux_set_rtt(t.m, 100000);
	t.now = 1000000000;
	st = theirs(1, 0);
	for (i = 0; i < 100; i++) {
		t.now += 125001;
		credit = fill_and_drain(st, credit);
		assert_int_equal(credit, MUX_CREDIT_INITIAL);
		assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL);
	}
	peer_free(&t);
}

static void
window_does_not_grow_in_one_burst(void **state)
{
	struct seen	*st;
	uint32_t	 credit = MUX_CREDIT_INITIAL;
	int		 i;

	/* What a socket takes that nobody reads at its other end. */
	peer_up(&t, 0);
	t.now = 1000000000;
	st = theirs(1, 0);
	for (i = 0; i < 6 * 8; i++) {
		t.now += 900;
		credit = fill_and_drain(st, credit);
		assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL);
	}
	for (; i < 6 * 16; i++) {
		t.now += 900;
		credit = fill_and_drain(st, credit);
	}
	assert_int_equal(t.budget.used, 2 * MUX_CREDIT_INITIAL);
	peer_free(&t);
}

static void
window_does_not_grow_before_a_slow_reader(void **state)
{
	struct seen	*st;
	size_t		 n;

	/* Time stands still, but the queue stays long. */
	peer_up(&t, 0);
	t.next.take = 0;
	st = theirs(1, 0);
	for (n = 0; n < MUX_CREDIT_INITIAL; n += MUX_DATA_MAX)
		assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX, 0), 0);
	for (n = 0; n < 100; n++) {
		peer_quiet(&t);
		mux_drain(st->s, MUX_CREDIT_INITIAL / 2);
		assert_int_equal(peer_expect(&t, MUX_CREDIT, 1),
		    MUX_CREDIT_INITIAL / 2);
		while (mux_queued(st->s) < MUX_CREDIT_INITIAL)
			assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX, 0),
			    0);
	}
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL);
	peer_free(&t);
}

static void
window_does_not_grow_without_budget(void **state)
{
	struct seen	*st;

	peer_init(&t, 0);
	t.cfg.link_budget = 2 * MUX_CREDIT_INITIAL;
	peer_start(&t);
	peer_hello(&t);
	peer_flush(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	st = theirs(1, 0);
	assert_int_equal(fill_and_drain(st, MUX_CREDIT_INITIAL),
	    MUX_CREDIT_INITIAL);
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL);
	peer_free(&t);
}

static void
window_shrinks_before_a_slow_reader(void **state)
{
	struct seen	*st;
	uint32_t	 credit = MUX_CREDIT_INITIAL, more;
	int		 i;

	peer_up(&t, 0);
	st = theirs(1, 0);
	mux_set_rtt(t.m, 100000);
	for (i = 0; i < 3; i++) {
		t.now += 100000;
		credit = half_a_window(st, credit, t.budget.used);
	}
	mux_set_rtt(t.m, 10000);
	assert_int_equal(t.budget.used, 8 * MUX_CREDIT_INITIAL);
	st->take = 0;
	for (i = 0; i < 40; i++) {
		/* all that was granted comes at once */
		for (; credit > MUX_DATA_MAX; credit -= MUX_DATA_MAX)
			assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX, 0),
			    0);
		if (credit > 0)
			assert_int_equal(peer_data(&t, 1, credit, 0), 0);
		credit = 0;
		assert_true(mux_queued(st->s) <= t.budget.used);
		t.now += 1000000;
		mux_drain(st->s, 100000);
		if (peer_next(&t) == MUX_CREDIT)
			mux_credit_get(t.p, t.n, &credit);
	}
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL);
	assert_true(mux_queued(st->s) <= MUX_CREDIT_INITIAL);
	/* and it can grow again */
	st->take = SIZE_MAX;
	mux_drain(st->s, SIZE_MAX);
	while (peer_next(&t) == MUX_CREDIT) {
		mux_credit_get(t.p, t.n, &more);
		credit += more;
	}
	for (i = 0; i < 4; i++) {
		t.now += 10000;
		credit = fill_and_drain(st, credit);
		t.now += 10000;
		credit = fill_and_drain(st, credit);
		t.now += 10000;
		credit = fill_and_drain(st, credit);
	}
	assert_true(t.budget.used >= 2 * MUX_CREDIT_INITIAL);
	peer_free(&t);
}

static void
credit_before_accept(void **state)
{
	struct seen	*st;

	peer_up(&t, 0);
	assert_int_equal(peer_open(&t, 1, 1000), 0);
	st = &t.st[0];
	peer_give(st, 10, 0);
	assert_int_equal(peer_data(&t, 1, 16384, 0), 0);
	peer_quiet(&t);		/* no data before ACCEPT */
	assert_int_equal(peer_data(&t, 1, 16384, 0), 0);
	t.now += 5000;
	assert_int_equal(peer_expect(&t, MUX_CREDIT, 1), 32768);
	peer_quiet(&t);
	mux_accept(st->s);
	mux_accept(st->s);
	assert_int_equal(peer_expect(&t, MUX_ACCEPT, 1),
	    MUX_CREDIT_INITIAL - MUX_CREDIT_EARLY);
	peer_expect_data(&t, 1, 10, 0);
	peer_quiet(&t);
	peer_free(&t);
}

static void
accept_only_once_and_of_the_opened(void **state)
{
	peer_up(&t, 1);
	ours(1);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 1), -1);
	assert_error("second accept");
	peer_up(&t, 1);
	assert_int_equal(peer_open(&t, 2, 0), 0);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 2, 1), -1);
	assert_error("accept from the opener");
	peer_up(&t, 1);
	peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	assert_int_equal(peer_data(&t, 1, 1, 0), -1);
	assert_error("data before accept");
	peer_up(&t, 1);
	peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	assert_int_equal(peer_data(&t, 1, 0, 1), -1);
	assert_error("data before accept");
}

static void
fin_is_the_last(void **state)
{
	peer_up(&t, 0);
	theirs(1, 0);
	assert_int_equal(peer_data(&t, 1, 5, 1), 0);
	assert_int_equal(peer_data(&t, 1, 5, 0), -1);
	assert_error("data after fin");
	peer_up(&t, 0);
	theirs(1, 0);
	assert_int_equal(peer_data(&t, 1, 0, 1), 0);
	assert_int_equal(peer_data(&t, 1, 0, 1), -1);
	assert_error("data after fin");
	peer_up(&t, 0);
	theirs(1, 0);
	assert_int_equal(peer_data(&t, 1, 0, 0), -1);
	assert_error("empty data");
}

static void
input_takes_part_and_the_rest_waits(void **state)
{
	struct iovec	 iov[4];
	struct seen	*st;
	uint8_t		 buf[8];

	peer_up(&t, 0);
	st = theirs(1, 0);
	st->take = 3;
	assert_int_equal(peer_data(&t, 1, 10, 0), 0);
	assert_int_equal(st->in, 3);
	assert_int_equal(mux_queued(st->s), 7);
	/* While something waits, input is not asked. */
	assert_int_equal(peer_data(&t, 1, 2, 0), 0);
	assert_int_equal(st->in, 3);
	assert_int_equal(mux_peek(st->s, iov, 4), 1);
	assert_int_equal(iov[0].iov_len, 9);
	assert_int_equal(mux_read(st->s, buf, sizeof(buf)), 8);
	assert_int_equal(mux_eof(st->s), 0);
	assert_int_equal(peer_data(&t, 1, 0, 1), 0);
	assert_int_equal(st->fins, 1);
	assert_int_equal(mux_eof(st->s), 0);
	assert_int_equal(mux_read(st->s, buf, sizeof(buf)), 1);
	assert_int_equal(mux_read(st->s, buf, sizeof(buf)), 0);
	assert_int_equal(mux_eof(st->s), 1);
	assert_int_equal(mux_peek(st->s, iov, 4), 0);
	assert_int_equal(st->fins, 1);
	/* Nothing more can come, so nothing is reserved. */
	assert_int_equal(t.budget.used, 0);
	peer_quiet(&t);
	peer_free(&t);
}

static void
fin_with_data_is_told_after_it(void **state)
{
	struct seen	*st;

	peer_up(&t, 0);
	st = theirs(1, 0);
	assert_int_equal(peer_data(&t, 1, 10, 1), 0);
	assert_int_equal(st->in, 10);
	assert_int_equal(st->fins, 1);
	assert_int_equal(mux_eof(st->s), 1);
	peer_free(&t);
}

static void
half_close_leaves_the_other_way_open(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = ours(1000);
	peer_give(st, 5, 1);
	peer_expect_data(&t, 1, 5, 1);
	mux_ready(st->s);
	peer_quiet(&t);
	assert_int_equal(st->pulls, 1);
	assert_int_equal(peer_data(&t, 1, 100, 0), 0);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 100), 0);
	mux_ready(st->s);
	peer_quiet(&t);
	assert_int_equal(st->pulls, 1);
	assert_int_equal(st->in, 100);
	assert_int_equal(st->done, 0);
	assert_int_equal(peer_data(&t, 1, 0, 1), 0);
	assert_int_equal(st->done, 1);
	assert_int_equal(t.budget.used, 0);
	/* Gone, and what crossed is ignored. */
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 100), 0);
	peer_quiet(&t);
	peer_free(&t);
}

static void
done_after_our_fin(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = ours(1000);
	assert_int_equal(peer_data(&t, 1, 0, 1), 0);
	peer_give(st, 0, 1);
	peer_expect_data(&t, 1, 0, 1);
	assert_int_equal(st->done, 1);
	assert_int_equal(st->reset, 0);
	peer_free(&t);
}

static void
done_waits_for_the_queue(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = ours(1000);
	st->take = 0;
	peer_give(st, 0, 1);
	assert_int_equal(peer_data(&t, 1, 100, 1), 0);
	peer_expect_data(&t, 1, 0, 1);
	peer_quiet(&t);
	assert_int_equal(st->done, 0);
	mux_drain(st->s, 99);
	peer_quiet(&t);
	assert_int_equal(st->done, 0);
	t.wants = 0;
	mux_drain(st->s, 1);
	/* Not under the owner's feet: it asks to be called. */
	assert_int_equal(st->done, 0);
	assert_int_equal(mux_eof(st->s), 1);
	assert_int_equal(t.wants, 1);
	peer_quiet(&t);
	assert_int_equal(st->done, 1);
	peer_free(&t);
	/* Whatever is drained as the link ends has been drained. */
	peer_up(&t, 1);
	st = ours(1000);
	st->take = 0;
	peer_give(st, 0, 1);
	assert_int_equal(peer_data(&t, 1, 100, 1), 0);
	peer_flush(&t);
	mux_drain(st->s, 100);
	peer_free(&t);
	assert_int_equal(st->done, 1);
	assert_int_equal(st->reset, 0);
}

static void
more_without_bytes_is_idle(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = ours(1000);
	mux_ready(st->s);
	peer_quiet(&t);
	assert_int_equal(st->pulls, 1);
	peer_quiet(&t);
	assert_int_equal(st->pulls, 1);
	peer_free(&t);
}

static void
reset_before_open_left_sends_nothing(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = peer_stream(&t);
	peer_give(st, 10, 0);
	mux_reset(st->s, MUX_CODE_CANCEL, "never mind");
	peer_quiet(&t);
	assert_int_equal(t.budget.used, 0);
	assert_int_equal(st->reset, 0);
	/* The id is spent. */
	peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 3);
	peer_free(&t);
}

static void
reset_tells_code_and_text(void **state)
{
	struct seen	*st;
	uint16_t	 code;
	char		 text[MUX_TEXT_MAX + 1];

	peer_up(&t, 1);
	st = ours(1000);
	peer_give(st, 10, 0);
	st->take = 0;
	assert_int_equal(peer_data(&t, 1, 10, 0), 0);
	mux_reset(st->s, MUX_CODE_TIMEOUT, "slow\r\n");
	assert_int_equal(t.budget.used, 0);
	peer_expect(&t, MUX_RESET, 1);
	assert_int_equal(mux_reset_get(t.p, t.n, &code, text), 0);
	assert_int_equal(code, MUX_CODE_TIMEOUT);
	assert_string_equal(text, "slow??");
	peer_quiet(&t);
	assert_int_equal(st->reset, 0);
	st = ours(1000);
	mux_reset(st->s, MUX_CODE_DENIED, NULL);
	peer_expect(&t, MUX_RESET, 3);
	assert_int_equal(t.n, 2);
	peer_free(&t);
}

static void
reset_by_the_peer(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = ours(1000);
	st->take = 0;
	peer_give(st, 10, 0);
	assert_int_equal(peer_data(&t, 1, 10, 0), 0);
	assert_int_equal(peer_reset(&t, 1, MUX_CODE_REFUSED, "no"), 0);
	assert_int_equal(st->reset, 1);
	assert_int_equal(st->code, MUX_CODE_REFUSED);
	assert_string_equal(st->text, "no");
	assert_int_equal(st->done, 0);
	assert_int_equal(t.budget.used, 0);
	peer_quiet(&t);
	assert_int_equal(peer_reset(&t, 1, MUX_CODE_REFUSED, "no"), 0);
	assert_int_equal(st->reset, 1);
	peer_free(&t);
}

/* What a target said before it reset is there to be taken first. */
static void
reset_of_the_target_waits_for_the_owner(void **state)
{
	struct seen	*st;
	struct iovec	 iov;
	uint8_t		 buf[100];
	int		 fin;

	for (fin = 0; fin < 2; fin++) {
		peer_up(&t, 1);
		st = ours(1000);
		st->take = 0;
		assert_int_equal(peer_data(&t, 1, 10, fin ? MUX_FIN : 0), 0);
		peer_give(st, 10, 0);
		assert_int_equal(peer_reset(&t, 1, MUX_CODE_TARGET_RESET,
		    "gone"), 0);
		assert_int_equal(st->reset + st->done, 0);
		assert_int_equal(t.budget.used, 10);
		peer_quiet(&t);
		assert_int_equal(mux_read(st->s, buf, 4), 4);
		assert_int_equal(mux_peek(st->s, &iov, 1), 1);
		assert_int_equal(iov.iov_len, 6);
		assert_int_equal(st->reset, 0);
		mux_drain(st->s, 6);
		assert_false(mux_eof(st->s));
		peer_quiet(&t);
		assert_int_equal(st->reset, 1);
		assert_int_equal(st->code, MUX_CODE_TARGET_RESET);
		assert_string_equal(st->text, "gone");
		assert_int_equal(st->done, 0);
		assert_int_equal(t.budget.used, 0);
		peer_free(&t);
	}
}

/* Its owner, the link or the peer may end it before. */
static void
reset_of_the_target_may_be_cut_short(void **state)
{
	struct seen	*st;
	int		 how;

	for (how = 0; how < 4; how++) {
		peer_up(&t, 1);
		st = ours(1000);
		st->take = 0;
		assert_int_equal(peer_data(&t, 1, 10, 0), 0);
		assert_int_equal(peer_reset(&t, 1, MUX_CODE_TARGET_RESET,
		    ""), 0);
		if (how == 0)
			mux_reset(st->s, MUX_CODE_CANCEL, NULL);
		else if (how == 1)
			mux_end(t.m, MUX_CODE_NODE_GONE, "x");
		else if (how == 2)
			assert_int_equal(peer_reset(&t, 1,
			    MUX_CODE_TARGET_RESET, ""), 0);
		assert_int_equal(st->reset, how == 1 || how == 2);
		assert_int_equal(t.budget.used, how == 3 ? 10 : 0);
		if (how != 1)
			peer_quiet(&t);
		peer_free(&t);
	}
}

static void
reset_after_both_fins_is_not_sent(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = ours(1000);
	st->take = 0;
	assert_int_equal(peer_data(&t, 1, 10, 1), 0);
	peer_give(st, 0, 1);
	peer_expect_data(&t, 1, 0, 1);
	mux_reset(st->s, 0, NULL);
	peer_quiet(&t);
	peer_free(&t);
}

/* ---- Owners who act within callbacks ------------------------------------ */

static void
reset_self(struct seen *st)
{
	if (st->s != NULL)
		mux_reset(st->s, MUX_CODE_CANCEL, "self");
	st->s = NULL;
}

static void
reset_other(struct seen *st)
{
	reset_self(st->other);
}

static void
reset_all(struct seen *st)
{
	struct peer	*p = st->peer;
	int		 i;

	for (i = 0; i < p->nst; i++)
		reset_self(&p->st[i]);
}

static void
open_many(struct seen *st)
{
	int		 i;

	for (i = 0; i < 4; i++)
		peer_give(peer_stream(st->peer), 10, 1);
}

static void
drain_self(struct seen *st)
{
	uint8_t		 buf[100];

	while (mux_read(st->s, buf, sizeof(buf)) > 0)
		continue;
}

/* Every callback of one of ours, doing that. */
static void
try_within(void (*act)(struct seen *))
{
	struct seen	*a, *b;
	int		 which;

	for (which = 0; which < 7; which++) {
		peer_up(&t, 1);
		b = ours(1000);
		b->take = 0;
		assert_int_equal(peer_data(&t, 1, 10, 0), 0);
		peer_give(b, 10, 0);
		a = peer_stream(&t);
		peer_flush(&t);
		a->other = b;
		b->other = a;
		a->on_accepted = which == 0 ? act : NULL;
		a->on_input = which == 1 || which == 6 ? act : NULL;
		a->on_pull = which == 2 || which == 6 ? act : NULL;
		a->on_done = which == 4 ? act : NULL;
		a->on_reset = which == 5 ? act : NULL;
		assert_int_equal(peer_credit(&t, MUX_ACCEPT, 3, 100), 0);
		assert_int_equal(peer_data(&t, 3, 100, which == 6), 0);
		peer_flush(&t);
		if (a->s != NULL)
			peer_give(a, 20000, 0);
		peer_flush(&t);
		if (which == 5)
			assert_int_equal(peer_reset(&t, 3, 1, "x"), 0);
		if (a->s != NULL)
			peer_give(a, 0, 1);
		assert_int_equal(peer_credit(&t, MUX_CREDIT, 3, 30000), 0);
		peer_flush(&t);
		if (which < 5)
			assert_int_equal(peer_data(&t, 3, 1, 1), 0);
		peer_flush(&t);
		peer_free(&t);
	}
}

static void
owner_acts_within_callbacks(void **state)
{
	try_within(reset_self);
	try_within(reset_other);
	try_within(reset_all);
	try_within(open_many);
	try_within(drain_self);
}

static void
on_open_accept_and_send(struct seen *st)
{
	mux_accept(st->s);
	peer_give(st, 100, 1);
}

static void
owner_acts_within_open(void **state)
{
	peer_up(&t, 1);
	t.next.on_open = on_open_accept_and_send;
	assert_int_equal(peer_open(&t, 2, 1000), 0);
	peer_expect(&t, MUX_ACCEPT, 2);
	peer_expect_data(&t, 2, 100, 1);
	t.next.on_open = reset_all;
	assert_int_equal(peer_open(&t, 4, 1000), 0);
	assert_int_equal(t.nst, 2);
	assert_int_equal(t.budget.used, 0);
	peer_expect(&t, MUX_RESET, 2);
	peer_expect(&t, MUX_RESET, 4);
	peer_quiet(&t);
	peer_free(&t);
}

static void
output_now(struct seen *st)
{
	peer_next(st->peer);
}

static void
ready_self(struct seen *st)
{
	mux_ready(st->s);
}

static void
owner_is_ready_while_pulled(void **state)
{
	struct seen	*st;

	/* It is just then that its credit ends. */
	peer_init(&t, 1);
	peer_start(&t);
	peer_hello(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	peer_flush(&t);
	st = ours(100);
	st->on_pull = ready_self;
	peer_give(st, 150, 0);
	peer_expect_data(&t, 1, 100, 0);
	peer_quiet(&t);
	assert_int_equal(st->pulls, 1);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 100), 0);
	st->on_pull = NULL;
	peer_expect_data(&t, 1, 50, 0);
	peer_quiet(&t);
	peer_free(&t);
}

static void
owner_calls_output_within_callbacks(void **state)
{
	struct seen	*st;

	/* Odd, but not forbidden, and bytes keep their order. */
	peer_up(&t, 1);
	st = ours(100000);
	st->on_pull = output_now;
	st->on_input = output_now;
	st->on_done = output_now;
	peer_give(st, 20000, 1);
	assert_int_equal(peer_data(&t, 1, 10, 0), 0);
	peer_flush(&t);
	assert_int_equal(peer_data(&t, 1, 10, 1), 0);
	assert_int_equal(st->done, 1);
	peer_free(&t);
}

/* ---- Without memory ----------------------------------------------------- */

static int
life(void)
{
	struct seen	*a = NULL;
	int		 ok = 1, i;

	if ((t.m = mux_new(&t.cfg)) == NULL)
		return (0);
	if (mux_send_hello(t.m, &(struct mux_hello){ .credit = 65536 }) == -1)
		ok = 0;
	peer_flush(&t);
	ok = ok && mux_input(t.m, (const uint8_t *)"\6\0\0\0\0\0\0\0\1"
	    "\1\0\4\0\0\0\1\2\0\4\0\1\0\0", 8 + 1 + 14, 0) == 0;
	if (ok && (a = peer_stream(&t)) == NULL)
		ok = 0;
	if (ok) {
		peer_give(a, 100000, 0);
		peer_flush(&t);
		/* the text of a reset may be lost, the reset not */
		mux_reset(a->s, MUX_CODE_CANCEL, "text");
		peer_expect(&t, MUX_RESET, 1);
	}
	for (i = 0; ok && i < 40; i++) {
		static uint8_t	 open[8 + 10] = { MUX_OPEN, 0, 0, 0, 0, 0, 0,
		    0, MUX_KIND_TCP };
		static uint8_t	 data[8 + 3000] = { MUX_DATA };

		open[7] = data[7] = 2 * i + 2;
		memset(data + 8, 'd', sizeof(data) - 8);
		if (mux_input(t.m, open, sizeof(open), 0) == -1 ||
		    mux_input(t.m, data, sizeof(data), 0) == -1)
			ok = 0;
	}
	return (ok);
}

static void
memory_runs_out_anywhere(void **state)
{
	int		 i, ok, whole = 0, j;

	for (i = 0; i < 200 && whole < 2; i++) {
		mux_queue_trim();
		peer_init(&t, 1);
		t.next.take = 0;
		malloc_left = i;
		ok = life();
		malloc_left = -1;
		for (j = 0; j < t.nst; j++)
			assert_true(t.st[j].reset <= 1);
		peer_free(&t);
		if (ok)
			whole++;
	}
	assert_int_equal(whole, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(early_credit_comes_with_hello),
		cmocka_unit_test(early_data_waits_for_hello_of_ours),
		cmocka_unit_test(open_tells_our_window),
		cmocka_unit_test(peer_beyond_its_allowance),
		cmocka_unit_test(credit_overflow),
		cmocka_unit_test(credit_returns_by_halves),
		cmocka_unit_test(window_grows_with_a_quick_reader),
		cmocka_unit_test(window_does_not_grow_slowly_or_late),
		cmocka_unit_test(window_does_not_grow_in_one_burst),
		cmocka_unit_test(window_does_not_grow_before_a_slow_reader),
		cmocka_unit_test(window_does_not_grow_without_budget),
		cmocka_unit_test(window_shrinks_before_a_slow_reader),
		cmocka_unit_test(credit_before_accept),
		cmocka_unit_test(accept_only_once_and_of_the_opened),
		cmocka_unit_test(fin_is_the_last),
		cmocka_unit_test(input_takes_part_and_the_rest_waits),
		cmocka_unit_test(fin_with_data_is_told_after_it),
		cmocka_unit_test(half_close_leaves_the_other_way_open),
		cmocka_unit_test(done_after_our_fin),
		cmocka_unit_test(done_waits_for_the_queue),
		cmocka_unit_test(more_without_bytes_is_idle),
		cmocka_unit_test(reset_before_open_left_sends_nothing),
		cmocka_unit_test(reset_tells_code_and_text),
		cmocka_unit_test(reset_by_the_peer),
		cmocka_unit_test(reset_of_the_target_waits_for_the_owner),
		cmocka_unit_test(reset_of_the_target_may_be_cut_short),
		cmocka_unit_test(reset_after_both_fins_is_not_sent),
		cmocka_unit_test(owner_acts_within_callbacks),
		cmocka_unit_test(owner_acts_within_open),
		cmocka_unit_test(owner_is_ready_while_pulled),
		cmocka_unit_test(owner_calls_output_within_callbacks),
		cmocka_unit_test(memory_runs_out_anywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_stream", tests, NULL, NULL));
}
