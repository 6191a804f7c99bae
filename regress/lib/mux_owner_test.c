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
/* flags: -Wl,--wrap=malloc,--wrap=calloc */

/*
 * Owners that do as they please within their callbacks, and no memory.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
		b = peer_ours(&t, 1000);
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
	st = peer_ours(&t, 100);
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
	st = peer_ours(&t, 100000);
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
		cmocka_unit_test(owner_acts_within_callbacks),
		cmocka_unit_test(owner_acts_within_open),
		cmocka_unit_test(owner_is_ready_while_pulled),
		cmocka_unit_test(owner_calls_output_within_callbacks),
		cmocka_unit_test(memory_runs_out_anywhere),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_owner", tests, NULL, NULL));
}
