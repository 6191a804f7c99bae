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
 * lib/mux_dgram.c lib/mux_frame.c regress/lib/mux_wire.c */

/*
 * Two muxes in virtual time.  The random schedules tell the seed of
 * their last round; MUX_SEED=n runs that one, MUX_ROUNDS=n so many from there.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_internal.h"
#include "mux_wire.h"

#define STEPS	3000
#define ROUNDS	25

static struct meters	 random_meters;
static struct meter	 random_limits[3];

/* ---- A random schedule -------------------------------------------------- */

static struct end *
random_end(int nflows)
{
	return (&flows[random() % nflows].end[random() % 2]);
}

static uint64_t
random_size(void)
{
	switch (random() % 4) {
	case 0:
		return (0);
	case 1:
		return (random() % 100);
	case 2:
		return (random() % 20000);
	default:
		return (random() % 800000);
	}
}

static void
random_flow(struct wire *w, int *nflows)
{
	struct flow	*f = &flows[*nflows];
	int		 i;

	if (*nflows == FLOWS)
		return;
	if (flow_open(*nflows, w->m[random() % 2], random_size(),
	    random_size()) == -1)
		return;
	for (i = 0; i < 2; i++) {
		f->end[i].ragged = random() % 2;
		f->end[i].mute = random() % 4 == 0;
		f->end[i].deaf = random() % 4 == 0;
	}
	(*nflows)++;
}

static void
random_accept(int nflows)
{
	struct flow	*f = &flows[random() % nflows];

	if (f->end[1].s != NULL)
		mux_accept(f->end[1].s);
}

/* Limits come and go, on either way of either end. */
static struct meter_flow random_in[FLOWS][2], random_out[FLOWS][2];

static void
random_meter(int nflows)
{
	struct meter	*on[2];
	int		 i = random() % nflows, j = random() % 2;
	struct end	*e = &flows[i].end[j];

	if (random() % 4 == 0)
		meter_set(&random_meters, &random_limits[random() % 3],
		    random() % 4 == 0 ? 0 : 1000 + random() % 10000000,
		    wire_now);
	if (e->s == NULL)
		return;
	on[0] = &random_limits[random() % 3];
	on[1] = random() % 2 ? &random_limits[random() % 3] : NULL;
	if (random() % 2) {
		mux_meter(e->s, NULL);
		if (random() % 3 == 0)
			return;
		meter_flow_init(&random_in[i][j], &random_meters, on, 2);
		mux_meter(e->s, &random_in[i][j]);
	} else {
		mux_pace(e->s, NULL);
		if (random() % 3 == 0)
			return;
		meter_flow_init(&random_out[i][j], &random_meters, on, 2);
		mux_pace(e->s, &random_out[i][j]);
	}
}

static void
random_step(struct wire *w, int *nflows)
{
	struct end	*e;
	int		 dir = random() % 2;

	if (*nflows == 0 || random() % 20 == 0)
		random_flow(w, nflows);
	if (*nflows == 0)
		return;
	e = random_end(*nflows);
	switch (random() % 13) {
	case 12:
		random_meter(*nflows);
		(void)meter_run(&random_meters, wire_now);
		break;
	case 0:
		e->mute = 1;
		break;
	case 1:
		end_speak(e);
		break;
	case 2:
		e->deaf = 1;
		break;
	case 3:
		end_listen(e);
		break;
	case 4:
		end_read(e, random() % 100000);
		break;
	case 5:
		if (random() % 20 == 0)
			end_kill(e, random() % 14, "killed");
		break;
	case 6:
	case 7:
		random_accept(*nflows);
		break;
	default:
		break;
	}
	if (random() % 3 == 0)
		wire_now += random() % 20000;
	w->delay = w->delay / 2 + random() % 3000;
	wire_send(w, dir, random() % 20);
	wire_deliver(w, !dir, random() % 20);
	if (random() % 100 == 0)
		mux_set_rtt(w->m[dir], random() % 100000);
}

/* All that was held up goes on: every flow must come to its end. */
static void
settle(struct wire *w, int nflows)
{
	struct end	*e;
	int		 i, j, idle = 0;

	w->room = 0;
	for (i = 0; i < nflows; i++)
		for (j = 0; j < 2; j++) {
			flows[i].end[j].ragged = 0;
			end_speak(&flows[i].end[j]);
			end_listen(&flows[i].end[j]);
		}
	while (idle < 3) {
		for (i = 0; i < nflows; i++)
			for (j = 0; j < 2; j++) {
				e = &flows[i].end[j];
				e->mute = e->deaf = e->ragged = 0;
				if (e->s != NULL && j == 1)
					mux_accept(e->s);
				end_read(e, SIZE_MAX);
			}
		for (i = 0; i < 3; i++)
			meter_set(&random_meters, &random_limits[i], 0,
			    wire_now);
		(void)meter_run(&random_meters, wire_now);
		idle = wire_turn(w) > 0 ? 0 : idle + 1;
		wire_now += 100000;
		wire_check(w->m[0]);
		wire_check(w->m[1]);
	}
}

static void
check_flow(int i)
{
	struct end	*a = &flows[i].end[0], *b = &flows[i].end[1];

	if (b->m == NULL) {
		/* Killed before its OPEN left, or refused. */
		assert_true(a->killed ||
		    (a->reset && a->code == MUX_CODE_LIMIT));
		return;
	}
	if (!end_over(a) || !end_over(b))
		fail_msg("flow %d: %llu of %llu there, %llu of %llu back", i,
		    (unsigned long long)b->got, (unsigned long long)a->total,
		    (unsigned long long)a->got, (unsigned long long)b->total);
	if (a->done)
		assert_int_equal(a->got, b->total);
	if (b->done)
		assert_int_equal(b->got, a->total);
	/* Nobody hears of a reset that nobody made. */
	if (a->reset)
		assert_true(b->killed);
	if (b->reset)
		assert_true(a->killed);
}

static void
random_round(unsigned int n)
{
	struct wire	 w;
	int		 i, step, nflows = 0, whole = 0;

	srandom(n);
	/* Sometimes so little that windows are small and opens fail. */
	wire_up(&w, &flow_ops, &w,
	    (size_t)1 << (random() % 2 == 0 ? 21 : 27));
	meters_init(&random_meters, NULL, NULL);
	memset(random_limits, 0, sizeof(random_limits));
	w.room = random() % 2 == 0 ? 100000 : 0;
	for (step = 0; step < STEPS; step++) {
		random_step(&w, &nflows);
		wire_check(w.m[0]);
		wire_check(w.m[1]);
	}
	settle(&w, nflows);
	for (i = 0; i < nflows; i++) {
		check_flow(i);
		whole += flows[i].end[0].done && flows[i].end[1].done;
	}
	assert_true(whole > nflows / 3);
	assert_true(TAILQ_EMPTY(&random_meters.ring));
	for (i = 0; i < 3; i++)
		assert_int_equal(random_limits[i].loose, 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(w.budget[i].used, 0);
		assert_true(TAILQ_EMPTY(&w.m[i]->streams));
		assert_true(TAILQ_EMPTY(&w.m[i]->control));
		assert_int_equal(w.m[i]->count, 0);
		assert_int_equal(w.m[i]->peer_count, 0);
	}
	wire_free(&w);
}

static unsigned int	 seed;		/* of the round at hand */

static unsigned int
seed_start(unsigned int *rounds)
{
	const char	*s;

	if ((s = getenv("MUX_SEED")) != NULL) {
		seed = strtonum(s, 0, UINT32_MAX, NULL);
		*rounds = 1;
	} else
		seed = arc4random();
	if ((s = getenv("MUX_ROUNDS")) != NULL)
		*rounds = strtonum(s, 1, 1000000, NULL);
	return (seed);
}

static int
seed_tell(void **state)
{
	printf("# last round: MUX_SEED=%u\n", seed);
	return (0);
}

static void
random_schedules(void **state)
{
	unsigned int	 rounds = ROUNDS, end;

	for (end = seed_start(&rounds) + rounds; seed != end; seed++)
		random_round(seed);
}

/* A link that is cut at any moment leaves nothing behind. */
static void
random_cut(void **state)
{
	struct wire	 w;
	unsigned int	 rounds = ROUNDS, end;
	int		 j, step, nflows;

	for (end = seed_start(&rounds) + rounds; seed != end; seed++) {
		srandom(seed);
		wire_up(&w, &flow_ops, NULL, 1 << 24);
		nflows = 0;
		for (step = random() % 500; step > 0; step--)
			random_step(&w, &nflows);
		wire_free(&w);
		assert_int_equal(w.budget[0].used, 0);
		assert_int_equal(w.budget[1].used, 0);
		for (j = 0; j < nflows; j++)
			assert_null(flows[j].end[0].s);
	}
}

/* ---- Fairness ----------------------------------------------------------- */

static void
bulk_streams_share_alike(void **state)
{
	struct wire	 w;
	uint64_t	 least = UINT64_MAX, most = 0, got;
	int		 i;

	wire_up(&w, &flow_ops, NULL, 1 << 28);
	w.room = 128 * 1024;
	for (i = 0; i < 8; i++)
		assert_int_equal(flow_open(i, w.m[0], FLOW_ENDLESS, 0), 0);
	for (i = 0; i < 60000; i++) {
		/* The wire takes a frame in 30 us; answers are quicker. */
		wire_now += 30;
		wire_send(&w, 0, 20);
		wire_deliver(&w, 0, 1);
		wire_send(&w, 1, 20);
		wire_deliver(&w, 1, 20);
	}
	for (i = 0; i < 8; i++) {
		got = flows[i].end[1].got;
		least = got < least ? got : least;
		most = got > most ? got : most;
	}
	assert_true(least > 0);
	assert_true((most - least) * 100 <= 4 * most);
	wire_free(&w);
}

static void
echo_beside_bulk_waits_its_turn(void **state)
{
	struct wire	 w;
	struct end	*echo;
	uint64_t	 sent, frames, worst = 0;
	int		 i, j;

	wire_up(&w, &flow_ops, NULL, 1 << 28);
	for (i = 0; i < 8; i++)
		assert_int_equal(flow_open(i, w.m[0], FLOW_ENDLESS, 0), 0);
	assert_int_equal(flow_open(8, w.m[0], 0, FLOW_ENDLESS), 0);
	flows[8].end[1].mute = 1;
	echo = &flows[8].end[0];
	echo->echo = 1;		/* keeps it open: it says a byte at a time */
	for (i = 0; i < 100; i++) {
		wire_send(&w, 0, 1);
		wire_deliver(&w, 0, 1);
		wire_send(&w, 1, 9);
		wire_deliver(&w, 1, 9);
	}
	for (i = 0; i < 1000; i++) {
		for (j = random() % 5; j > 0; j--) {
			wire_send(&w, 0, 1);
			wire_deliver(&w, 0, 1);
			wire_send(&w, 1, 9);
			wire_deliver(&w, 1, 9);
		}
		echo->total++;
		mux_ready(echo->s);
		sent = echo->sent;
		for (frames = 0; echo->sent == sent; frames++) {
			assert_int_equal(wire_send(&w, 0, 1), 1);
			wire_deliver(&w, 0, 1);
			wire_send(&w, 1, 9);
			wire_deliver(&w, 1, 9);
		}
		worst = frames > worst ? frames : worst;
	}
	assert_true(worst <= 9);
	wire_free(&w);
}

static void
stalled_reader_costs_its_window_only(void **state)
{
	struct mux_stats st;
	struct wire	 w;
	uint64_t	 before[11], live = 0, frames;
	size_t		 used = 0;
	int		 i, j;

	wire_up(&w, &flow_ops, NULL, 1 << 28);
	w.room = 128 * 1024;
	for (i = 0; i < 11; i++)
		assert_int_equal(flow_open(i, w.m[0], FLOW_ENDLESS, 0), 0);
	flows[0].end[1].deaf = 1;
	for (j = 0; j < 4; j++) {
		for (i = 0; i < 11; i++)
			before[i] = flows[i].end[1].got;
		frames = w.sent[0];
		for (i = 0; i < 5000; i++) {
			wire_now += 30;
			wire_send(&w, 0, 20);
			wire_deliver(&w, 0, 1);
			wire_send(&w, 1, 20);
			wire_deliver(&w, 1, 20);
		}
		mux_get_stats(w.m[1], &st);
		assert_int_equal(st.queued, MUX_CREDIT_INITIAL);
		assert_int_equal(flows[0].end[0].sent, MUX_CREDIT_INITIAL);
		for (live = 0, i = 1; i < 11; i++)
			live += flows[i].end[1].got - before[i];
		/* The wire is all theirs, and none of it goes to waste. */
		if (j > 0) {
			assert_true(live > (w.sent[0] - frames) *
			    MUX_DATA_MAX * 99 / 100);
			assert_int_equal(w.budget[1].used, used);
		}
		used = w.budget[1].used;
	}
	/* And it goes on when the reader does. */
	end_listen(&flows[0].end[1]);
	for (i = 0; i < 1000; i++) {
		wire_now += 30;
		wire_turn(&w);
	}
	assert_true(flows[0].end[1].got > 2 * MUX_CREDIT_INITIAL);
	wire_free(&w);
}

/* ---- Bandwidth and delay ------------------------------------------------ */

static void
window_grows_over_a_long_wire(void **state)
{
	struct wire	 w;
	uint64_t	 start;
	int		 i;

	wire_up(&w, &flow_ops, NULL, 1 << 26);
	w.delay = 50000;
	for (i = 0; i < 2; i++)
		mux_set_rtt(w.m[i], 100000);
	assert_int_equal(flow_open(0, w.m[0], FLOW_ENDLESS, 0), 0);
	start = wire_now;
	while (w.budget[1].used < MUX_CREDIT_MAX) {
		wire_now += 1000;
		wire_turn(&w);
		if (wire_now - start > 3000000)
			fail_msg("window %zu after 3 s", w.budget[1].used);
	}
	assert_int_equal(w.budget[1].used, MUX_CREDIT_MAX);
	/* One that asks for bytes sees the same. */
	wire_free(&w);
	wire_up(&w, &flow_ops, NULL, 1 << 26);
	w.delay = 50000;
	for (i = 0; i < 2; i++)
		mux_set_rtt(w.m[i], 100000);
	assert_int_equal(flow_open(0, w.m[0], 0, FLOW_ENDLESS), 0);
	start = wire_now;
	while (w.budget[0].used < MUX_CREDIT_MAX &&
	    wire_now - start < 3000000) {
		wire_now += 1000;
		wire_turn(&w);
	}
	assert_int_equal(w.budget[0].used, MUX_CREDIT_MAX);
	wire_free(&w);
}

static void
long_wire_is_kept_full(void **state)
{
	struct wire	 w;
	uint64_t	 before;
	int		 i;

	/* 16 MB/s, 100 ms: 1.6 MB on the way. */
	wire_up(&w, &flow_ops, NULL, 1 << 26);
	w.delay = 50000;
	for (i = 0; i < 2; i++)
		mux_set_rtt(w.m[i], 100000);
	assert_int_equal(flow_open(0, w.m[0], FLOW_ENDLESS, 0), 0);
	for (i = 0, before = 0; i < 4000; i++) {
		if (i == 2000)
			before = flows[0].end[1].got;
		wire_now += 1000;
		wire_send(&w, 0, 1);
		wire_deliver(&w, 0, 20);
		wire_send(&w, 1, 20);
		wire_deliver(&w, 1, 20);
	}
	assert_true(flows[0].end[1].got - before > 1990 * MUX_DATA_MAX);
	/* No more than that needs. */
	assert_true(w.budget[1].used <= 8 * 1024 * 1024);
	wire_free(&w);
}

static void
slow_reader_gets_no_larger_window(void **state)
{
	struct mux_stats st;
	struct wire	 w;
	int		 i;

	wire_up(&w, &flow_ops, NULL, 1 << 26);
	w.delay = 5000;
	for (i = 0; i < 2; i++)
		mux_set_rtt(w.m[i], 10000);
	assert_int_equal(flow_open(0, w.m[0], FLOW_ENDLESS, 0), 0);
	flows[0].end[1].deaf = 1;
	for (i = 0; i < 5000; i++) {
		wire_now += 1000;
		wire_turn(&w);
		end_read(&flows[0].end[1], 4096);	/* 4 MB/s */
		mux_get_stats(w.m[1], &st);
		assert_true(st.queued <= MUX_CREDIT_INITIAL);
		assert_true(w.budget[1].used <= MUX_CREDIT_INITIAL);
	}
	assert_true(flows[0].end[1].got > 15 * 1000 * 1000);
	wire_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(random_schedules, seed_tell),
		cmocka_unit_test_teardown(random_cut, seed_tell),
		cmocka_unit_test(bulk_streams_share_alike),
		cmocka_unit_test(echo_beside_bulk_waits_its_turn),
		cmocka_unit_test(stalled_reader_costs_its_window_only),
		cmocka_unit_test(window_grows_over_a_long_wire),
		cmocka_unit_test(long_wire_is_kept_full),
		cmocka_unit_test(slow_reader_gets_no_larger_window),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_sim", tests, NULL, NULL));
}
