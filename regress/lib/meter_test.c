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

/* link: lib/meter.c */

/*
 * Meters in virtual time: what they allow in all, and to whom.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter.h"

#define SECOND	1000000ULL
#define START	(5 * SECOND)

static struct meters	 all;
static uint64_t		 now;
static int		 woken;

/* A flow that always wants more, or holds on to what it got. */
struct taker {
	struct meter_flow	 f;
	uint64_t		 got;
	int			 greedy;
};

static void
wake(void *arg)
{
	woken++;
}

static int
setup(void **state)
{
	now = START;
	woken = 0;
	meters_init(&all, wake, NULL);
	return (0);
}

static void
give(void *arg, uint32_t n)
{
	struct taker	*t = arg;

	assert_true(n > 0 && n <= METER_TURN_MAX);
	t->got += n;
}

static void
taker_init(struct taker *t, struct meter *a, struct meter *b)
{
	struct meter	*on[METER_ON_MAX] = { NULL, a, b };

	memset(t, 0, sizeof(*t));
	meter_flow_init(&t->f, &all, on, 3);
	t->f.give = give;
	t->f.arg = t;
	t->greedy = 1;
}

static void
taker_want(struct taker *t, uint32_t n)
{
	t->got += meter_want(&t->f, n, now);
}

/* So long, with a run every step us; who is greedy always waits for more. */
static void
run(struct taker *t, int n, uint64_t us, uint64_t step)
{
	uint64_t	 end = now + us;
	int		 i, more;

	for (;;) {
		do {
			for (i = 0; i < n; i++)
				while (t[i].greedy && t[i].f.want < 100000)
					taker_want(&t[i], 100000);
			(void)meter_run(&all, now);
			for (i = more = 0; i < n; i++)
				more |= t[i].greedy && t[i].f.want == 0;
		} while (more);
		if (now >= end)
			break;
		now = now + step < end ? now + step : end;
	}
}

static uint64_t
burst(uint64_t rate)
{
	return (rate / 4 > METER_BURST_MIN ? rate / 4 : METER_BURST_MIN);
}

static void
no_limit_costs_nothing(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t;

	taker_init(&t, &m, NULL);
	assert_int_equal(meter_window(&t.f, 100000), UINT32_MAX);
	assert_int_equal(meter_begin(&t.f, 1 << 24, now), 1 << 24);
	taker_want(&t, UINT32_MAX);
	assert_int_equal(t.got, UINT32_MAX);
	assert_int_equal(woken, 0);
	assert_int_equal(meter_run(&all, now), 0);
	meter_end(&t.f);
	/* Nor does a flow on nothing. */
	taker_init(&t, NULL, NULL);
	taker_want(&t, 5);
	assert_int_equal(t.got, 5);
}

/* Whatever the rate and the step: a burst, and then to the byte. */
static void
sums_are_exact(void **state)
{
	static const uint64_t rates[] = { 1, 7, 1000, 1023, 65537, 1000000,
	    12345678, 125000000, 10000000000ULL };
	static const uint64_t steps[] = { 1000, 19999, 20000, 33333, 100000 };
	struct meter	 m;
	struct taker	 t;
	uint64_t	 want;
	size_t		 i, j;

	for (i = 0; i < nitems(rates); i++) {
		for (j = 0; j < nitems(steps); j++) {
			setup(NULL);
			memset(&m, 0, sizeof(m));
			meter_set(&all, &m, rates[i], now);
			taker_init(&t, &m, NULL);
			run(&t, 1, 7 * SECOND, steps[j]);
			want = burst(rates[i]) + 7 * rates[i];
			/* A turn that is not full yet waits. */
			assert_true(t.got <= want);
			assert_true(t.got + METER_TURN_MAX >= want);
			assert_int_equal(m.used, t.got);
			assert_int_equal(t.got + m.level, want);
			meter_end(&t.f);
		}
	}
}

static void
idle_saves_a_burst_and_no_more(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t;

	meter_set(&all, &m, 1000000, now);
	taker_init(&t, &m, NULL);
	run(&t, 1, SECOND, 20000);
	meter_end(&t.f);
	now += 3600 * SECOND;
	t.got = 0;
	run(&t, 1, 20000, 20000);
	assert_true(t.got <= 250000 + 20000);
	assert_true(t.got >= 230000);
	meter_end(&t.f);
}

static void
clock_steps(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t;
	uint64_t	 before;

	meter_set(&all, &m, 1000000, now);
	taker_init(&t, &m, NULL);
	run(&t, 1, SECOND, 20000);
	before = t.got;
	/* Back: nothing until it is where it was. */
	taker_want(&t, 1);
	(void)meter_run(&all, now - SECOND);
	(void)meter_run(&all, 0);
	assert_true(t.got - before <= METER_TURN_MAX);
	before = t.got;
	(void)meter_run(&all, now);
	assert_int_equal(t.got, before);
	/* Far ahead: a burst. */
	meter_end(&t.f);
	now = UINT64_MAX / 2;
	t.got = 0;
	run(&t, 1, 20000, 20000);
	assert_true(t.got <= 270000);
	meter_end(&t.f);
}

static void
flows_take_turns(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t[10];
	uint64_t	 least = UINT64_MAX, most = 0, sum = 0;
	int		 i;

	meter_set(&all, &m, 1000000, now);
	for (i = 0; i < 10; i++)
		taker_init(&t[i], &m, NULL);
	run(t, 10, 10 * SECOND, 20000);
	for (i = 0; i < 10; i++) {
		least = t[i].got < least ? t[i].got : least;
		most = t[i].got > most ? t[i].got : most;
		sum += t[i].got;
	}
	assert_true(sum >= 9900000 && sum <= 10250000);
	/* The first had the burst to itself. */
	assert_true(most - least <= 250000 + 2 * METER_TURN_MAX);
	for (i = 0; i < 10; i++)
		t[i].got = 0;
	run(t, 10, 10 * SECOND, 20000);
	for (i = 0, least = UINT64_MAX, most = 0; i < 10; i++) {
		least = t[i].got < least ? t[i].got : least;
		most = t[i].got > most ? t[i].got : most;
	}
	assert_true(most - least <= 2 * METER_TURN_MAX);
	for (i = 0; i < 10; i++)
		meter_end(&t[i].f);
}

/* One that wants little gets it, however much the others want. */
static void
small_wants_are_not_drowned(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t[5];
	uint64_t	 start;
	int		 i;

	meter_set(&all, &m, 100000, now);
	for (i = 0; i < 5; i++)
		taker_init(&t[i], &m, NULL);
	t[4].greedy = 0;
	run(t, 4, SECOND, 20000);
	for (i = 0; i < 20; i++) {
		t[4].got = 0;
		taker_want(&t[4], 500);
		start = now;
		while (t[4].got < 500) {
			run(t, 4, 20000, 20000);
			if (now - start > 150000)
				fail_msg("waits %llu us",
				    (unsigned long long)(now - start));
		}
	}
	for (i = 0; i < 5; i++)
		meter_end(&t[i].f);
}

/* Of several meters the least counts, and others have what it leaves. */
static void
least_of_several(void **state)
{
	struct meter	 user = { 0 }, slow = { 0 };
	struct taker	 t[2];

	meter_set(&all, &user, 1000000, now);
	meter_set(&all, &slow, 100000, now);
	taker_init(&t[0], &user, &slow);
	taker_init(&t[1], &user, NULL);
	run(t, 2, 2 * SECOND, 20000);
	t[0].got = t[1].got = 0;
	run(t, 2, 10 * SECOND, 20000);
	assert_in_range(t[0].got, 980000, 1020000);
	assert_in_range(t[1].got, 8950000, 9050000);
	assert_true(meter_lack(&slow) > 0);
	assert_int_equal(meter_lack(&slow), 0);
	/* Its window is the slow one's, too. */
	assert_int_equal(meter_window(&t[0].f, 50000), 20000);
	assert_int_equal(meter_window(&t[1].f, 50000), 200000);
	meter_end(&t[0].f);
	meter_end(&t[1].f);
}

static void
rate_changes_while_they_wait(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t[2];

	meter_set(&all, &m, 100000, now);
	taker_init(&t[0], &m, NULL);
	taker_init(&t[1], &m, NULL);
	run(t, 2, 2 * SECOND, 20000);
	t[0].got = t[1].got = 0;
	meter_set(&all, &m, 1000000, now);
	run(t, 2, 4 * SECOND, 20000);
	assert_in_range(t[0].got + t[1].got, 3950000, 4050000);
	t[0].got = t[1].got = 0;
	meter_set(&all, &m, 10000, now);
	run(t, 2, 4 * SECOND, 20000);
	assert_true(t[0].got + t[1].got <= 40000 + 2 * METER_TURN_MAX);
	/* And with none at all nobody waits. */
	meter_set(&all, &m, 0, now);
	t[0].greedy = t[1].greedy = 0;
	run(t, 2, 20000, 20000);
	assert_int_equal(t[0].f.want + t[1].f.want, 0);
	assert_int_equal(meter_run(&all, now), 0);
	assert_int_equal(m.waiting, 0);
}

/* Streams that are open and say nothing leave all to the others. */
static void
idle_streams_pay_when_they_use(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t[101];
	uint32_t	 n, free = 0;
	int		 i;

	meter_set(&all, &m, 1000000, now);
	for (i = 0; i < 100; i++) {
		taker_init(&t[i], &m, NULL);
		n = meter_begin(&t[i].f, 10000, now);
		assert_true(n == 10000 || n == 0);
		free += t[i].f.loose;
	}
	/* As much as a burst is lent, the rest is paid for, or waits. */
	assert_int_equal(free, 250000);
	assert_int_equal(m.level, 0);
	assert_int_equal(m.used, 250000);
	assert_int_equal(m.waiting, 50);
	for (i = 0; i < 100; i++)
		t[i].greedy = 0;
	run(t, 100, SECOND, 20000);
	assert_int_equal(m.waiting, 0);
	assert_int_equal(m.used, 750000);
	/* What is used is paid, once. */
	meter_came(&t[0].f, 4000, now);
	assert_int_equal(m.used, 754000);
	meter_came(&t[0].f, 60000, now);
	meter_came(&t[0].f, 1, now);
	assert_int_equal(m.used, 760000);
	/* What was never used comes back or is forgotten. */
	for (i = 0; i < 100; i++) {
		meter_back(&t[i].f, i == 0 ? 0 : 10000);
		meter_end(&t[i].f);
	}
	assert_int_equal(m.used, 10000);
	assert_int_equal(m.loose, 0);
	assert_int_equal(m.waiting, 0);
	assert_true(m.level <= 250000);
}

static void
debt_is_paid_back(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t;

	meter_set(&all, &m, 100000, now);
	taker_init(&t, &m, NULL);
	meter_lend(&t.f, 500000);
	meter_came(&t.f, 500000, now);
	assert_int_equal(meter_debt(&all, &m, now), 475000);
	taker_want(&t, 1);
	t.greedy = 0;
	run(&t, 1, 4740000, 20000);
	assert_int_equal(t.got, 0);
	run(&t, 1, 40000, 20000);
	assert_int_equal(t.got, 1);
	assert_int_equal(meter_debt(&all, &m, now), 0);
}

static void
nobody_waits_nobody_wakes(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t[2];
	uint64_t	 us;

	meter_set(&all, &m, 1000, now);
	taker_init(&t[0], &m, NULL);
	taker_init(&t[1], &m, NULL);
	taker_want(&t[0], METER_BURST_MIN);
	assert_int_equal(t[0].got, METER_BURST_MIN);
	assert_int_equal(woken, 0);
	taker_want(&t[0], 2000);
	taker_want(&t[1], 2000);
	assert_int_equal(woken, 1);
	/* Slow ones are not asked for every tick. */
	us = meter_run(&all, now);
	assert_in_range(us, 900000, SECOND);
	meter_end(&t[0].f);
	assert_true(meter_run(&all, now) > 0);
	meter_end(&t[1].f);
	assert_int_equal(meter_run(&all, now), 0);
	taker_want(&t[1], 2000);
	assert_int_equal(woken, 2);
	meter_end(&t[1].f);
}

static void
datagrams_are_passed_or_not(void **state)
{
	struct meter	 m = { 0 };
	struct taker	 t[2];
	uint64_t	 passed = 0, end;

	meter_set(&all, &m, 1000000, now);
	taker_init(&t[0], &m, NULL);
	taker_init(&t[1], &m, NULL);
	for (end = now + 10 * SECOND; now < end; now += 500)
		passed += meter_pass(&t[0].f, 1400, now) ? 1400 : 0;
	assert_in_range(passed, 9900000, 10250000);
	assert_true(meter_lack(&m) > 0);
	/* Beside a stream that wants all, they share. */
	for (passed = 0, end = now + 10 * SECOND; now < end; now += 500) {
		if (meter_pass(&t[0].f, 1400, now))
			passed += 1400;
		if ((now - START) % 20000 == 0)
			run(&t[1], 1, 0, 1);
	}
	assert_in_range(passed + t[1].got, 9900000, 10250000);
	assert_true(passed > 3000000);
	assert_true(t[1].got > 4000000);
	meter_end(&t[1].f);
}

/* Anything in any order: no flow gets what its meters don't have. */
static void
random_use_stays_within(void **state)
{
	struct meter	 m[4];
	struct taker	 t[30];
	uint64_t	 top[4];
	int		 i, j, k;

	srandom(7);
	for (k = 0; k < 50; k++) {
		setup(NULL);
		memset(m, 0, sizeof(m));
		for (i = 0; i < 4; i++) {
			meter_set(&all, &m[i], 1000 + random() % 1000000,
			    now);
			top[i] = m[i].rate;
		}
		for (i = 0; i < 30; i++) {
			taker_init(&t[i], &m[random() % 4],
			    i % 3 ? &m[random() % 4] : NULL);
			t[i].greedy = 0;
		}
		for (j = 0; j < 2000; j++) {
			i = random() % 30;
			if (random() % 3 == 0)
				taker_want(&t[i], random() % 30000);
			else if (random() % 50 == 0) {
				meter_end(&t[i].f);
			}
			now += random() % 30000;
			if (random() % 2)
				(void)meter_run(&all, now);
		}
		for (i = 0; i < 4; i++)
			if (m[i].used > burst(top[i]) +
			    (now - START) * top[i] / SECOND)
				fail_msg("meter %d: %llu", i,
				    (unsigned long long)m[i].used);
		for (i = 0; i < 30; i++)
			meter_end(&t[i].f);
		assert_true(TAILQ_EMPTY(&all.ring));
		for (i = 0; i < 4; i++)
			assert_int_equal(m[i].waiting, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_limit_costs_nothing, setup),
		cmocka_unit_test_setup(sums_are_exact, setup),
		cmocka_unit_test_setup(idle_saves_a_burst_and_no_more, setup),
		cmocka_unit_test_setup(clock_steps, setup),
		cmocka_unit_test_setup(flows_take_turns, setup),
		cmocka_unit_test_setup(small_wants_are_not_drowned, setup),
		cmocka_unit_test_setup(least_of_several, setup),
		cmocka_unit_test_setup(rate_changes_while_they_wait, setup),
		cmocka_unit_test_setup(idle_streams_pay_when_they_use, setup),
		cmocka_unit_test_setup(debt_is_paid_back, setup),
		cmocka_unit_test_setup(nobody_waits_nobody_wakes, setup),
		cmocka_unit_test_setup(datagrams_are_passed_or_not, setup),
		cmocka_unit_test_setup(random_use_stays_within, setup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("meter", tests, NULL, NULL));
}
