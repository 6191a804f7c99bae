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
 * Credit both ways: early, and by halves.
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
	peer_error(&t, "credit exceeded");
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
	peer_error(&t, "credit exceeded");
	/* The whole window. */
	peer_up(&t, 0);
	t.next.take = 0;
	peer_theirs(&t, 1, 0);
	for (left = MUX_CREDIT_INITIAL; left > 0; left -= MUX_DATA_MAX)
		assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX, 0), 0);
	peer_quiet(&t);
	assert_int_equal(peer_data(&t, 1, 1, 0), -1);
	peer_error(&t, "credit exceeded");
}

static void
credit_overflow(void **state)
{
	peer_up(&t, 1);
	peer_ours(&t, MUX_CREDIT_MAX);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1,
	    MUX_CREDIT_MAX - MUX_CREDIT_EARLY), 0);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 1), -1);
	peer_error(&t, "credit overflow");
	peer_up(&t, 1);
	peer_ours(&t, 100);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, UINT32_MAX), -1);
	peer_error(&t, "credit overflow");
	peer_up(&t, 0);
	assert_int_equal(peer_open(&t, 1, 2 * MUX_CREDIT_MAX + 1), -1);
	peer_error(&t, "malformed open");
}

static void
credit_returns_by_halves(void **state)
{
	struct seen	*st;
	size_t		 sent;
	int		 credits = 0;

	peer_up(&t, 0);
	st = peer_theirs(&t, 1, 0);
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
		cmocka_unit_test(credit_before_accept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_credit", tests, NULL, NULL));
}
