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
 * When others are let run: between turns of the event loop that have carried
 * much, and not again soon where they keep the processor.
 */

/* link: lib/turn.c */
/* libs: libevent */

#include "compat.h"

#include <event2/event.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "turn.h"

static uint64_t	 now = 1000000;
static uint64_t	 kept;			/* us, by the others each time */
static int	 yields;
static size_t	 load;			/* bytes in each turn */
static struct event	*ev;

uint64_t
clock_us(void)
{
	return (now);
}

int
sched_yield(void)
{
	yields++;
	now += kept;
	return (0);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	int	*left = arg;

	/* In two parts: they count together. */
	turn_carried(load / 2);
	turn_carried(load - load / 2);
	now += 1000;
	if (--*left == 0)
		event_del(ev);
}

/* So many turns of a millisecond; how often others were let run. */
static int
run(int n, size_t bytes, uint64_t us)
{
	struct event_base	*base = event_base_new();
	struct timeval		 tv = { 0, 1 };

	assert_non_null(base);
	ev = event_new(base, -1, EV_PERSIST, on_turn, &n);
	assert_non_null(ev);
	load = bytes;
	kept = us;
	yields = 0;
	assert_int_equal(event_add(ev, &tv), 0);
	assert_int_equal(turn_dispatch(base), 1);	/* nothing is left */
	assert_int_equal(n, 0);
	event_free(ev);
	event_base_free(base);
	/* Whatever it led to is forgotten. */
	now += 1000000;
	return (yields);
}

static void
little_is_not_worth_it(void **state)
{
	assert_int_equal(run(10, TURN_MUCH - 1, 10), 0);
	assert_int_equal(run(1, 0, 10), 0);
}

static void
much_is_in_each_turn(void **state)
{
	assert_int_equal(run(1, TURN_MUCH, 10), 1);
	assert_int_equal(run(10, TURN_MUCH, TURN_KEPT_US), 10);
}

/* A twentieth of the time: after 3 ms not for 57 more. */
static void
rarely_where_others_keep_the_processor(void **state)
{
	assert_int_equal(run(1, TURN_MUCH, 3 * TURN_KEPT_US), 1);
	assert_int_equal(run(57, TURN_MUCH, 3 * TURN_KEPT_US), 1);
	assert_int_equal(run(58, TURN_MUCH, 3 * TURN_KEPT_US), 2);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	int	*times = arg;

	if (++*times == 1)
		event_base_loopbreak(event_get_base(ev));
	else
		event_base_loopexit(event_get_base(ev), NULL);
}

static void
it_ends_when_the_loop_is_told_to(void **state)
{
	struct event_base	*base = event_base_new();
	struct timeval		 tv = { 0, 1 };
	int			 times = 0;

	assert_non_null(base);
	ev = event_new(base, -1, EV_PERSIST, on_end, &times);
	assert_non_null(ev);
	assert_int_equal(event_add(ev, &tv), 0);
	assert_int_equal(turn_dispatch(base), 0);
	assert_int_equal(times, 1);
	assert_int_equal(turn_dispatch(base), 0);
	assert_true(times >= 2);
	event_free(ev);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(little_is_not_worth_it),
		cmocka_unit_test(much_is_in_each_turn),
		cmocka_unit_test(rarely_where_others_keep_the_processor),
		cmocka_unit_test(it_ends_when_the_loop_is_told_to),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
