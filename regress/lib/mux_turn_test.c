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

/*
 * Who is next on a link, and when it asks for output.
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

static void
control_goes_before_data(void **state)
{
	struct seen	*a, *b;

	peer_up(&t, 1);
	a = peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	peer_give(a, 100, 0);
	b = peer_stream(&t);
	peer_give(b, 50, 0);
	assert_int_equal(peer_open(&t, 2, 0), 0);
	mux_accept(t.st[2].s);
	mux_send_goaway(t.m, &(struct mux_goaway){ .delay = 1 });
	peer_expect(&t, MUX_CONTROL, 0);
	peer_expect(&t, MUX_OPEN, 3);
	peer_expect(&t, MUX_ACCEPT, 2);
	peer_expect_data(&t, 1, 100, 0);
	peer_expect_data(&t, 3, 50, 0);
	peer_quiet(&t);
	peer_free(&t);
}

static void
a_frame_each_then_turns(void **state)
{
	struct seen	*st[3];
	int		 i, n;

	peer_up(&t, 1);
	for (i = 0; i < 3; i++)
		st[i] = peer_stream(&t);
	peer_flush(&t);
	for (i = 0; i < 3; i++) {
		assert_int_equal(peer_credit(&t, MUX_ACCEPT, 2 * i + 1,
		    1 << 20), 0);
		peer_give(st[i], 12 * MUX_DATA_MAX + 10 * i, 0);
	}
	/* New ones, a frame; then as much as is sealed at once; the rest. */
	for (i = 0; i < 3; i++)
		peer_expect_data(&t, 2 * i + 1, MUX_DATA_MAX, 0);
	for (i = 0; i < 3; i++)
		for (n = 0; n < 8; n++)
			peer_expect_data(&t, 2 * i + 1, MUX_DATA_MAX, 0);
	for (i = 0; i < 3; i++) {
		for (n = 0; n < 3; n++)
			peer_expect_data(&t, 2 * i + 1, MUX_DATA_MAX, 0);
		if (i > 0)
			peer_expect_data(&t, 2 * i + 1, 10 * i, 0);
	}
	peer_quiet(&t);
	peer_free(&t);
}

static void
a_byte_goes_before_bulk(void **state)
{
	struct seen	*bulk, *keys;
	int		 i;

	peer_up(&t, 1);
	bulk = peer_stream(&t);
	keys = peer_stream(&t);
	peer_flush(&t);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 1 << 20), 0);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 3, 1 << 20), 0);
	peer_give(bulk, 1 << 20, 0);
	peer_expect_data(&t, 1, MUX_DATA_MAX, 0);
	for (i = 0; i < 20; i++) {
		peer_expect_data(&t, 1, MUX_DATA_MAX, 0);
		peer_give(keys, 1, 0);
		peer_expect_data(&t, 3, 1, 0);
	}
	peer_free(&t);
}

static void
many_bytes_do_not_starve_bulk(void **state)
{
	struct seen	*bulk, *keys[20];
	int		 i, seen = 0;

	peer_up(&t, 1);
	bulk = peer_stream(&t);
	for (i = 0; i < 20; i++)
		keys[i] = peer_stream(&t);
	peer_flush(&t);
	for (i = 0; i < 21; i++)
		assert_int_equal(peer_credit(&t, MUX_ACCEPT, 2 * i + 1,
		    1 << 20), 0);
	peer_give(bulk, 1 << 20, 0);
	peer_expect_data(&t, 1, MUX_DATA_MAX, 0);
	for (i = 0; i < 20; i++)
		peer_give(keys[i], 1, 0);
	for (i = 0; i < 18; i++) {
		assert_int_equal(peer_next(&t), MUX_DATA);
		seen += t.head.id == 1;
	}
	assert_int_equal(seen, 2);
	peer_free(&t);
}

static void
stream_without_credit_leaves_the_ring(void **state)
{
	struct seen	*a, *b;

	peer_up(&t, 1);
	a = peer_stream(&t);
	b = peer_stream(&t);
	peer_flush(&t);
	peer_give(a, 200000, 1);
	while (peer_next(&t) != 0)
		assert_int_equal(t.head.id, 1);
	assert_int_equal(a->have, 200000 - MUX_CREDIT_EARLY);
	peer_give(b, 5, 0);
	peer_expect_data(&t, 3, 5, 0);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 7), 0);
	peer_expect_data(&t, 1, 7, 0);
	peer_quiet(&t);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 1 << 20), 0);
	peer_flush(&t);
	assert_int_equal(t.head.flags, MUX_FIN);
	assert_int_equal(mux_stream_out(a->s), 200000);
	peer_free(&t);
}

static void
data_max_is_kept(void **state)
{
	struct seen	*a;

	peer_init(&t, 1);
	t.cfg.data_max = 1000;
	peer_start(&t);
	peer_hello(&t);
	assert_int_equal(peer_send_hello(&t, 5000), 0);
	peer_flush(&t);
	a = peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	peer_give(a, 1001, 0);
	peer_expect_data(&t, 1, 1000, 0);
	peer_expect_data(&t, 1, 1, 0);
	peer_free(&t);
}

static void
want_output_once(void **state)
{
	struct seen	*a;

	peer_up(&t, 1);
	t.wants = 0;
	a = peer_stream(&t);
	assert_int_equal(t.wants, 1);
	peer_give(a, 40000, 0);
	mux_ready(a->s);
	mux_send_goaway(t.m, &(struct mux_goaway){ .delay = 1 });
	assert_int_equal(t.wants, 1);
	peer_expect(&t, MUX_CONTROL, 0);
	mux_ready(a->s);
	assert_int_equal(t.wants, 1);
	peer_flush(&t);
	assert_int_equal(t.wants, 1);
	mux_ready(a->s);
	assert_int_equal(t.wants, 2);
	peer_quiet(&t);
	/* Too little room to write is not "nothing". */
	mux_ready(a->s);
	assert_int_equal(mux_output(t.m, t.frame, MUX_FRAME_MAX - 1, 0), 0);
	peer_free(&t);
}

static void
on_pull_ready_other(struct seen *st)
{
	peer_give(st->other, 1, 0);
}

static void
work_made_while_pulling_is_asked_for(void **state)
{
	struct seen	*a, *b;

	peer_up(&t, 1);
	a = peer_stream(&t);
	b = peer_stream(&t);
	peer_flush(&t);
	t.wants = 0;
	a->on_pull = on_pull_ready_other;
	a->other = b;
	mux_ready(a->s);
	assert_int_equal(t.wants, 1);
	/* a's turn gives nothing; b was not in this round */
	peer_quiet(&t);
	assert_int_equal(t.wants, 2);
	peer_expect_data(&t, 3, 1, 0);
	peer_quiet(&t);
	peer_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_goes_before_data),
		cmocka_unit_test(a_frame_each_then_turns),
		cmocka_unit_test(a_byte_goes_before_bulk),
		cmocka_unit_test(many_bytes_do_not_starve_bulk),
		cmocka_unit_test(stream_without_credit_leaves_the_ring),
		cmocka_unit_test(data_max_is_kept),
		cmocka_unit_test(want_output_once),
		cmocka_unit_test(work_made_while_pulling_is_asked_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_turn", tests, NULL, NULL));
}
