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
 * lib/mux_credit.c lib/mux_input.c lib/mux_queue.c lib/meter.c
 * lib/mux_dgram.c lib/mux_frame.c regress/lib/mux_peer.c */

/*
 * Windows that grow and shrink.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mux_internal.h"
#include "mux_peer.h"

static struct peer	 t;

/*
 * The peer sends and we take, until credit comes back; returns what it may
 * send then.
 */
static uint64_t	 us_per_kib;		/* how fast the path is */
static uint32_t	 beside;		/* a stream with a byte now and then */

static uint32_t
fill_and_drain(struct seen *st, uint32_t credit)
{
	uint32_t	 id = mux_stream_id(st->s), got;
	size_t		 n;

	for (;;) {
		assert_true(credit > 0);
		n = credit < MUX_DATA_MAX ? credit : MUX_DATA_MAX;
		t.now += n * us_per_kib / 1024;
		if (beside != 0)
			assert_int_equal(peer_data(&t, beside, 1, 0), 0);
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
	st = peer_theirs(&t, 1, 0);
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

/* What it has grown to within a second of half a window in each trip. */
static size_t
grown_within(uint32_t rtt)
{
	struct seen	*st;
	uint32_t	 credit = MUX_CREDIT_INITIAL;
	uint64_t	 end;
	size_t		 used;

	peer_up(&t, 0);
	mux_set_rtt(t.m, rtt);
	t.now = 1000000000;
	end = t.now + 1000000;
	st = peer_theirs(&t, 1, 0);
	while (t.now < end) {
		t.now += rtt;
		credit = half_a_window(st, credit, t.budget.used);
	}
	used = t.budget.used;
	peer_free(&t);
	return (used);
}

static void
window_grows_little_on_a_short_path(void **state)
{
	assert_int_equal(grown_within(MUX_NEAR - 1), MUX_CREDIT_NEAR);
	assert_true(grown_within(MUX_NEAR) > 4 * MUX_CREDIT_NEAR);
}

/* Streams that each take half a window every so many us. */
static struct pace {
	struct seen	*st;
	uint32_t	 credit;
	uint64_t	 every;
	uint64_t	 next;
} paces[3];

static void
run_paces(uint64_t us)
{
	uint64_t	 end = t.now + us;
	size_t		 i;

	for (; t.now < end; t.now += 100)
		for (i = 0; i < nitems(paces); i++) {
			if (t.now < paces[i].next)
				continue;
			paces[i].credit = fill_and_drain(paces[i].st,
			    paces[i].credit);
			paces[i].next = t.now + paces[i].every;
		}
}

static uint32_t
window(size_t i)
{
	return (paces[i].st->s->window);
}

/* Of streams that are about as quick none keeps the others small. */
static void
window_grows_to_that_of_others(void **state)
{
	static const uint64_t	 every[] = { 900, 1500, 2500 };
	size_t			 i;

	peer_up(&t, 0);
	t.now = 1000000000;
	for (i = 0; i < nitems(paces); i++) {
		paces[i].st = peer_theirs(&t, 1 + 2 * i, 0);
		paces[i].credit = MUX_CREDIT_INITIAL;
		paces[i].every = every[i];
		paces[i].next = 0;
	}
	while (window(0) < 4 * MUX_CREDIT_INITIAL)
		run_paces(1000);
	paces[0].every = 1500;		/* it grows no more */
	run_paces(4 * MUX_GROW_AFTER);
	assert_int_equal(window(0), 4 * MUX_CREDIT_INITIAL);
	assert_int_equal(window(1), 4 * MUX_CREDIT_INITIAL);
	assert_int_equal(window(2), MUX_CREDIT_INITIAL);
	/* What there was some time ago is no example. */
	paces[0].every = paces[1].every = UINT32_MAX;
	run_paces(MUX_WIDEST_FOR);
	paces[2].every = 1500;
	run_paces(4 * MUX_GROW_AFTER);
	assert_int_equal(window(2), MUX_CREDIT_INITIAL);
	peer_free(&t);
}

/* Where a window is looked at once in a while only. */
static void
window_grows_to_that_of_others_far_away(void **state)
{
	size_t	 i;

	peer_up(&t, 0);
	t.now = 1000000000;
	mux_set_rtt(t.m, 600000);
	for (i = 0; i < nitems(paces); i++) {
		paces[i].st = peer_theirs(&t, 1 + 2 * i, 0);
		paces[i].credit = MUX_CREDIT_INITIAL;
		paces[i].every = i == 0 ? 500000 : UINT32_MAX;
		paces[i].next = 0;
	}
	while (window(0) < 8 * MUX_CREDIT_INITIAL)
		run_paces(100000);
	paces[0].every = paces[1].every = 900000;
	paces[0].next = t.now;
	paces[1].next = t.now + 450000;
	run_paces(60000000);
	assert_int_equal(window(0), 8 * MUX_CREDIT_INITIAL);
	assert_int_equal(window(1), 8 * MUX_CREDIT_INITIAL);
	assert_int_equal(window(2), MUX_CREDIT_INITIAL);
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
	st = peer_theirs(&t, 1, 0);
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
	st = peer_theirs(&t, 1, 0);
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
	st = peer_theirs(&t, 1, 0);
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
	st = peer_theirs(&t, 1, 0);
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
	st = peer_theirs(&t, 1, 0);
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

/* Half a window of stream 1 beside a little of 3, many times. */
static uint32_t
beside_a_sparse_stream(struct seen *st, uint32_t credit, uint64_t us)
{
	int		 i;

	beside = 3;
	for (i = 0; i < 40; i++) {
		t.now += us;
		credit = fill_and_drain(st, credit);
	}
	beside = 0;
	return (credit);
}

/* Streams 1 and 3, over a path of 1 ms. */
static struct seen *
two_streams(uint64_t us)
{
	struct seen	*st;

	peer_up(&t, 0);
	t.now = 1000000000;
	st = peer_theirs(&t, 1, 0);
	(void)peer_theirs(&t, 3, 0);
	mux_set_rtt(t.m, 1000);
	us_per_kib = us;
	return (st);
}

static void
two_streams_end(void)
{
	us_per_kib = 0;
	peer_free(&t);
}

/* What that waits for is no more than it must be, and only while it waits. */
static void
window_shrinks_beside_a_sparse_stream(void **state)
{
	struct seen	*st = two_streams(MUX_SPARSE_LAG / 256);
	uint32_t	 credit = MUX_CREDIT_INITIAL;
	int		 i;

	for (i = 0; i < 20; i++) {
		credit = fill_and_drain(st, credit);
		assert_int_equal(t.budget.used, 2 * MUX_CREDIT_INITIAL);
	}
	credit = beside_a_sparse_stream(st, credit, 0);
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL +
	    MUX_CREDIT_SPARSE);
	/* A quick reader has it back when there is nobody else. */
	t.now += MUX_SPARSE_FOR;
	us_per_kib = 0;
	for (i = 0; i < 200; i++) {
		t.now += 900;
		credit = fill_and_drain(st, credit);
	}
	assert_true(t.budget.used >= 2 * MUX_CREDIT_INITIAL);
	two_streams_end();
}

/* Also at once: who begins to type is not to wait until it is believed. */
static void
window_shrinks_beside_a_new_stream(void **state)
{
	struct seen	*st = two_streams(20);
	uint32_t	 credit = MUX_CREDIT_INITIAL;
	uint64_t	 end = t.now + 15000;

	for (beside = 3; t.now < end; )
		credit = fill_and_drain(st, credit);
	beside = 0;
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL +
	    MUX_CREDIT_SPARSE);
	two_streams_end();
}

/* Where the path is slow, and its round trip long while bulk fills it. */
static void
window_shrinks_much_on_a_slow_path(void **state)
{
	struct seen	*st = two_streams(4000);
	uint32_t	 credit = MUX_CREDIT_INITIAL;
	int		 i;

	for (i = 0; i < 20; i++) {
		mux_set_rtt(t.m, 600000);
		credit = fill_and_drain(st, credit);
	}
	assert_true(t.budget.used >= 2 * MUX_CREDIT_INITIAL);
	(void)beside_a_sparse_stream(st, credit, 0);
	assert_int_equal(t.budget.used, MUX_CREDIT_INITIAL +
	    MUX_CREDIT_LEAST);
	two_streams_end();
}

/* It has become longer than it was ever seen: half a window a round trip. */
static void
window_is_kept_on_a_path_that_has_grown(void **state)
{
	struct seen	*st = two_streams(0);

	(void)beside_a_sparse_stream(st, MUX_CREDIT_INITIAL, 200000);
	assert_true(t.budget.used >= MUX_CREDIT_INITIAL +
	    MUX_CREDIT_INITIAL / 2);
	two_streams_end();
}

/* Two of bulk, of which one stops now and then and goes on with a little. */
static void
window_does_not_shrink_beside_bulk(void **state)
{
	struct seen	*one, *three;
	uint32_t	 credit[2] = { MUX_CREDIT_INITIAL, MUX_CREDIT_INITIAL };
	int		 i;

	peer_up(&t, 0);
	t.now = 1000000000;
	one = peer_theirs(&t, 1, 0);
	three = peer_theirs(&t, 3, 0);
	mux_set_rtt(t.m, 1000);
	for (i = 0; i < 40; i++) {
		t.now += 200000;
		credit[0] = fill_and_drain(one, credit[0]);
		assert_int_equal(peer_data(&t, 3, 100, 0), 0);
		credit[1] = fill_and_drain(three, credit[1] - 100);
		assert_int_equal(t.budget.used, 2 * MUX_CREDIT_INITIAL);
	}
	peer_free(&t);
}

/* Nobody else is there, however little it carries itself. */
static void
window_does_not_shrink_alone(void **state)
{
	uint64_t	 came = 0;
	int		 i;

	peer_up(&t, 0);
	t.now = 1000000000;
	(void)peer_theirs(&t, 1, 0);
	(void)peer_theirs(&t, 3, 0);
	mux_set_rtt(t.m, 1000);
	for (i = 0; i < 2000; i++) {
		t.now += 10000;
		came += 1000;
		assert_int_equal(peer_data(&t, 1 + i % 2 * 2, 1000, 0), 0);
		(void)peer_next(&t);
	}
	assert_true(came > 4 * MUX_CREDIT_INITIAL);
	assert_int_equal(t.budget.used, 2 * MUX_CREDIT_INITIAL);
	peer_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_grows_with_a_quick_reader),
		cmocka_unit_test(window_grows_little_on_a_short_path),
		cmocka_unit_test(window_grows_to_that_of_others),
		cmocka_unit_test(window_grows_to_that_of_others_far_away),
		cmocka_unit_test(window_does_not_grow_slowly_or_late),
		cmocka_unit_test(window_does_not_grow_in_one_burst),
		cmocka_unit_test(window_does_not_grow_before_a_slow_reader),
		cmocka_unit_test(window_does_not_grow_without_budget),
		cmocka_unit_test(window_shrinks_before_a_slow_reader),
		cmocka_unit_test(window_shrinks_beside_a_sparse_stream),
		cmocka_unit_test(window_shrinks_beside_a_new_stream),
		cmocka_unit_test(window_shrinks_much_on_a_slow_path),
		cmocka_unit_test(window_is_kept_on_a_path_that_has_grown),
		cmocka_unit_test(window_does_not_shrink_alone),
		cmocka_unit_test(window_does_not_shrink_beside_bulk),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_window", tests, NULL, NULL));
}
