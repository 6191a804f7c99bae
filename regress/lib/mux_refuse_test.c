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
 * What a link refuses: streams above its limits, and what does not fit into
 * the memory that it may take.
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
streams_over_the_limit_are_refused(void **state)
{
	uint16_t	 code;
	char		 text[MUX_TEXT_MAX + 1];
	int		 i;

	peer_init(&t, 0);
	t.cfg.streams_max = 2;
	peer_start(&t);
	peer_hello(&t);
	peer_flush(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	for (i = 1; i <= 7; i += 2)
		assert_int_equal(peer_open(&t, i, 0), 0);
	assert_int_equal(t.nst, 2);
	for (i = 5; i <= 7; i += 2) {
		peer_expect(&t, MUX_RESET, i);
		assert_int_equal(mux_reset_get(t.p, t.n, &code, text), 0);
		assert_int_equal(code, MUX_CODE_LIMIT);
	}
	peer_quiet(&t);
	/* Data that was on its way is no error. */
	assert_int_equal(peer_data(&t, 5, 10, 1), 0);
	/* Room again once the peer can know of it. */
	mux_reset(t.st[0].s, MUX_CODE_CANCEL, NULL);
	assert_int_equal(peer_open(&t, 9, 0), 0);
	assert_int_equal(t.nst, 2);
	peer_flush(&t);
	assert_int_equal(peer_open(&t, 11, 0), 0);
	assert_int_equal(t.nst, 3);
	peer_free(&t);
}

static void
refusals_are_bounded(void **state)
{
	int		 i;

	peer_init(&t, 0);
	t.cfg.streams_max = 0;
	peer_start(&t);
	peer_hello(&t);
	peer_flush(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(peer_open(&t, 2 * i + 1, 0), 0);
		peer_expect(&t, MUX_RESET, 2 * i + 1);
	}
	for (i = 0; i < MUX_REFUSED_MAX; i++)
		assert_int_equal(peer_open(&t, 2 * i + 2001, 0), 0);
	assert_int_equal(peer_open(&t, 2 * i + 2001, 0), -1);
	peer_error(&t, "too many streams refused");
}

/* A link's ring is the process's budget's, too, which it may pass once. */
static void
refusals_are_in_the_budget(void **state)
{
	int		 i, ret = 0;

	peer_init(&t, 0);
	t.cfg.streams_max = 0;
	peer_start(&t);
	peer_hello(&t);
	peer_flush(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	for (i = 0; i < MUX_REFUSED_MIN; i++)
		assert_int_equal(peer_open(&t, 2 * i + 1, 0), 0);
	assert_int_equal(t.budget.used, 0);
	t.budget.limit = 1;
	assert_int_equal(peer_open(&t, 2 * i++ + 1, 0), 0);
	assert_int_equal(t.budget.used, MUX_REFUSED_MIN *
	    sizeof(struct mux_refused));
	while (--i >= 0)
		peer_expect(&t, MUX_RESET, 2 * (MUX_REFUSED_MIN - i) + 1);
	assert_int_equal(t.budget.used, 0);
	for (i = MUX_REFUSED_MIN + 1; ret == 0; i++)
		ret = peer_open(&t, 2 * i + 1, 0);
	assert_int_equal(i, 3 * MUX_REFUSED_MIN + 2);
	peer_error(&t, "too many streams refused");
}

static void
on_open_refuse(struct seen *st)
{
	mux_reset(st->s, MUX_CODE_DENIED, "not you");
	st->s = NULL;
}

static void
owner_refusals_are_bounded(void **state)
{
	int		 i, ret = 0;

	peer_up(&t, 0);
	t.next.on_open = on_open_refuse;
	for (i = 0; i < 100000 && ret == 0; i++)
		ret = peer_open(&t, 2 * i + 1, 0);
	assert_int_equal(i, 32 + MUX_REFUSED_MAX + 1);
	peer_error(&t, "too many streams refused");
}

static void
open_and_reset_flood_holds_nothing(void **state)
{
	int		 i;

	peer_up(&t, 0);
	for (i = 0; i < 100000; i++) {
		assert_int_equal(peer_open(&t, 2 * i + 1, 1000), 0);
		assert_int_equal(peer_data(&t, 2 * i + 1, 3, 0), 0);
		assert_int_equal(peer_reset(&t, 2 * i + 1, 0, "x"), 0);
		assert_int_equal(t.budget.used, 0);
	}
	peer_quiet(&t);
	peer_free(&t);
}

static void
budget_is_reserved_and_given_back(void **state)
{
	struct seen	*a, *b;

	peer_init(&t, 1);
	t.budget.limit = 4 * MUX_CREDIT_INITIAL;
	t.cfg.link_budget = t.budget.limit;
	peer_start(&t);
	peer_hello(&t);
	peer_flush(&t);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	a = peer_stream(&t);
	b = peer_stream(&t);
	assert_int_equal(t.budget.used, 2 * MUX_CREDIT_INITIAL);
	/* From half on, small windows. */
	assert_non_null(peer_stream(&t));
	assert_int_equal(t.budget.used,
	    2 * MUX_CREDIT_INITIAL + MUX_CREDIT_EARLY);
	while (peer_stream(&t) != NULL)
		continue;
	assert_int_equal(t.nst, 2 + 8);
	assert_int_equal(t.budget.used, t.budget.limit);
	peer_flush(&t);
	assert_int_equal(peer_open(&t, 2, 0), 0);
	peer_expect(&t, MUX_RESET, 2);
	mux_reset(a->s, 0, NULL);
	assert_int_equal(t.budget.used, t.budget.limit - MUX_CREDIT_INITIAL);
	peer_expect(&t, MUX_RESET, 1);
	assert_int_equal(peer_open(&t, 4, 0), 0);
	assert_int_equal(t.budget.used, t.budget.limit - MUX_CREDIT_INITIAL +
	    MUX_CREDIT_EARLY);
	mux_accept(t.st[t.nst - 1].s);
	assert_int_equal(peer_expect(&t, MUX_ACCEPT, 4), 0);
	assert_int_equal(peer_reset(&t, mux_stream_id(b->s), 0, NULL), 0);
	peer_free(&t);
}

static void
budget_of_the_link_counts_too(void **state)
{
	peer_init(&t, 1);
	t.cfg.link_budget = MUX_CREDIT_EARLY;
	peer_start(&t);
	assert_non_null(peer_stream(&t));
	assert_null(peer_stream(&t));
	assert_int_equal(t.budget.used, MUX_CREDIT_EARLY);
	peer_free(&t);
	/* Shared and already full. */
	peer_init(&t, 1);
	t.budget.limit = t.budget.used = 1 << 20;
	peer_start(&t);
	assert_null(peer_stream(&t));
	t.budget.used = 0;
	peer_free(&t);
}

static int	 gone;

static void
holder_gone(struct mux_holder *h)
{
	assert_int_equal(h->links, 0);
	gone++;
}

/* What it gets of a budget of which so much is used, by itself so much. */
static size_t
gets(size_t used, size_t own)
{
	struct mux_holder	 h = { own, 0, holder_gone };
	size_t			 got;

	gone = 0;
	peer_init(&t, 1);
	t.budget.used = used;
	t.cfg.holder = &h;
	peer_start(&t);
	(void)peer_stream(&t);
	got = t.budget.used - used;
	assert_int_equal(h.used, own + got);
	mux_free(t.m, "over");
	assert_int_equal(h.used, own);
	assert_int_equal(t.budget.used, used);
	assert_int_equal(gone, 1);
	return (got);
}

static void
who_holds_much_leaves_a_quarter(void **state)
{
	size_t	 limit;

	peer_init(&t, 1);
	limit = t.budget.limit;
	/* Alone, with nearly all of what one may have. */
	assert_int_equal(gets(limit / 2 - 1, limit / 2 - 1),
	    MUX_CREDIT_INITIAL);
	assert_int_equal(gets(limit / 2, limit / 2), MUX_CREDIT_EARLY);
	assert_int_equal(gets(limit / 4 * 3 - MUX_CREDIT_EARLY, limit / 2),
	    MUX_CREDIT_EARLY);
	assert_int_equal(gets(limit / 4 * 3 - MUX_CREDIT_EARLY + 1,
	    limit / 2), 0);
	/* Others, of what that one left. */
	assert_int_equal(gets(limit / 4 * 3, limit / 16 - MUX_CREDIT_EARLY),
	    MUX_CREDIT_EARLY);
	assert_int_equal(gets(limit / 4 * 3,
	    limit / 16 - MUX_CREDIT_EARLY + 1), 0);
	assert_int_equal(gets(limit / 4 * 3, 0), MUX_CREDIT_INITIAL);
	assert_int_equal(gets(limit / 4 * 3, limit / 32 - MUX_CREDIT_INITIAL),
	    MUX_CREDIT_INITIAL);
	assert_int_equal(gets(limit / 4 * 3,
	    limit / 32 - MUX_CREDIT_INITIAL + 1), MUX_CREDIT_EARLY);
	assert_int_equal(gets(limit / 8 * 7, 0), MUX_CREDIT_EARLY);
	assert_int_equal(gets(limit - MUX_CREDIT_EARLY, 0), MUX_CREDIT_EARLY);
	assert_int_equal(gets(limit - MUX_CREDIT_EARLY + 1, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_over_the_limit_are_refused),
		cmocka_unit_test(refusals_are_bounded),
		cmocka_unit_test(refusals_are_in_the_budget),
		cmocka_unit_test(owner_refusals_are_bounded),
		cmocka_unit_test(who_holds_much_leaves_a_quarter),
		cmocka_unit_test(open_and_reset_flood_holds_nothing),
		cmocka_unit_test(budget_is_reserved_and_given_back),
		cmocka_unit_test(budget_of_the_link_counts_too),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_refuse", tests, NULL, NULL));
}
