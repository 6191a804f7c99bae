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
 * The rules of a stream: accept, half-close, done, reset.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mux_peer.h"
#include "mux_queue.h"

#define SLACK	(2 * MUX_BLOCK_LARGE)	/* see mux_stream_keep */

static struct peer	 t;

static void
accept_only_once_and_of_the_opened(void **state)
{
	peer_up(&t, 1);
	peer_ours(&t, 1);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 1), -1);
	peer_error(&t, "second accept");
	peer_up(&t, 1);
	assert_int_equal(peer_open(&t, 2, 0), 0);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 2, 1), -1);
	peer_error(&t, "accept from the opener");
	peer_up(&t, 1);
	peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	assert_int_equal(peer_data(&t, 1, 1, 0), -1);
	peer_error(&t, "data before accept");
	peer_up(&t, 1);
	peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	assert_int_equal(peer_data(&t, 1, 0, 1), -1);
	peer_error(&t, "data before accept");
}

static void
fin_is_the_last(void **state)
{
	peer_up(&t, 0);
	peer_theirs(&t, 1, 0);
	assert_int_equal(peer_data(&t, 1, 5, 1), 0);
	assert_int_equal(peer_data(&t, 1, 5, 0), -1);
	peer_error(&t, "data after fin");
	peer_up(&t, 0);
	peer_theirs(&t, 1, 0);
	assert_int_equal(peer_data(&t, 1, 0, 1), 0);
	assert_int_equal(peer_data(&t, 1, 0, 1), -1);
	peer_error(&t, "data after fin");
	peer_up(&t, 0);
	peer_theirs(&t, 1, 0);
	assert_int_equal(peer_data(&t, 1, 0, 0), -1);
	peer_error(&t, "empty data");
}

static void
input_takes_part_and_the_rest_waits(void **state)
{
	struct iovec	 iov[4];
	struct seen	*st;
	uint8_t		 buf[8];

	peer_up(&t, 0);
	st = peer_theirs(&t, 1, 0);
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
	st = peer_theirs(&t, 1, 0);
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
	st = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 1000);
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

/* What is left of much lies in memory that is as large as ever. */
static void
a_byte_that_is_left_is_paid_for(void **state)
{
	static uint8_t	 buf[MUX_DATA_MAX + 1000];
	struct seen	*st;

	peer_up(&t, 1);
	st = peer_ours(&t, 1000);
	st->take = 0;
	assert_int_equal(peer_data(&t, 1, 1000, 0), 0);
	assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX, MUX_FIN), 0);
	assert_int_equal(mux_read(st->s, buf, sizeof(buf) - 1),
	    sizeof(buf) - 1);
	assert_int_equal(mux_queued(st->s), 1);
	assert_true(t.budget.used > MUX_BLOCK_LARGE);
	assert_int_equal(mux_read(st->s, buf, 1), 1);
	assert_int_equal(t.budget.used, 0);
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
		st = peer_ours(&t, 1000);
		st->take = 0;
		assert_int_equal(peer_data(&t, 1, 10, fin ? MUX_FIN : 0), 0);
		peer_give(st, 10, 0);
		assert_int_equal(peer_reset(&t, 1, MUX_CODE_TARGET_RESET,
		    "gone"), 0);
		assert_int_equal(st->reset + st->done, 0);
		assert_int_equal(t.budget.used, 10 + SLACK);
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
		st = peer_ours(&t, 1000);
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
		assert_int_equal(t.budget.used, how == 3 ? 10 + SLACK : 0);
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
	st = peer_ours(&t, 1000);
	st->take = 0;
	assert_int_equal(peer_data(&t, 1, 10, 1), 0);
	peer_give(st, 0, 1);
	peer_expect_data(&t, 1, 0, 1);
	mux_reset(st->s, 0, NULL);
	peer_quiet(&t);
	peer_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(a_byte_that_is_left_is_paid_for),
		cmocka_unit_test(reset_of_the_target_waits_for_the_owner),
		cmocka_unit_test(reset_of_the_target_may_be_cut_short),
		cmocka_unit_test(reset_after_both_fins_is_not_sent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_stream", tests, NULL, NULL));
}
