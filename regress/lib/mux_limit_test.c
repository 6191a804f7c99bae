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
 * Limits of bandwidth, between two muxes in virtual time.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_internal.h"
#include "mux_wire.h"

#define MAXIMUM(a, b)	((a) > (b) ? (a) : (b))

static struct meters	 meters;
static struct meter_flow meter_flows[FLOWS];
static int		 wakes;

static void
meters_wake(void *arg)
{
	wakes++;
}

static void
limit_up(struct wire *w, struct meter *m, uint64_t rate, uint64_t delay)
{
	int		 i;

	wire_up(w, &flow_ops, NULL, 1 << 28);
	w->delay = delay;
	for (i = 0; i < 2 && delay > 0; i++)
		mux_set_rtt(w->m[i], 2 * delay);
	meters_init(&meters, meters_wake, NULL);
	memset(m, 0, sizeof(*m));
	meter_set(&meters, m, rate, wire_now);
}

/* Flow i sends to m[0], which limits what comes. */
static void
limit_open(struct wire *w, int i, struct meter *m, struct meter *n)
{
	struct meter	*on[] = { m, n };

	meter_flow_init(&meter_flows[i], &meters, on, 2);
	assert_int_equal(flow_open_metered(i, w->m[0], 0, FLOW_ENDLESS,
	    &meter_flows[i]), 0);
}

/* So many ms; the owner's timer included.  The queue never fills. */
static void
limit_run(struct wire *w, int ms)
{
	static uint64_t	 tick;
	struct mux_stats st;

	for (; ms > 0; ms--) {
		wire_now += 1000;
		if (wire_now >= tick || tick - wire_now > 1000000)
			tick = wire_now + MAXIMUM(meter_run(&meters,
			    wire_now), METER_TICK_US);
		wire_turn(w);
		mux_get_stats(w->m[0], &st);
		assert_int_equal(st.queued, 0);
		wire_check(w->m[0]);
		wire_check(w->m[1]);
	}
}

static uint64_t
limit_got(int from, int to)
{
	uint64_t	 sum = 0;

	for (; from < to; from++)
		sum += flows[from].end[0].got;
	return (sum);
}

static void
limit_is_reached_and_kept(void **state)
{
	static const uint64_t rates[] = { 20000, 500000, 10000000 };
	static const uint64_t delays[] = { 0, 5000, 50000, 150000 };
	struct meter	 m;
	struct wire	 w;
	uint64_t	 before;
	size_t		 i, j;

	for (i = 0; i < nitems(rates); i++) {
		for (j = 0; j < nitems(delays); j++) {
			limit_up(&w, &m, rates[i], delays[j]);
			limit_open(&w, 0, &m, NULL);
			limit_run(&w, 4000);
			before = limit_got(0, 1);
			assert_true(before <= 4 * rates[i] +
			    MAXIMUM(rates[i] / 4, METER_BURST_MIN));
			limit_run(&w, 2000);
			assert_in_range(limit_got(0, 1) - before,
			    2 * rates[i] * 98 / 100,
			    2 * rates[i] * 102 / 100);
			/* No more memory promised than that takes. */
			assert_true(w.budget[0].used <= MAXIMUM(rates[i] *
			    (100000 + 4 * delays[j]) / 1000000,
			    METER_WINDOW_MIN));
			wire_free(&w);
			assert_int_equal(m.loose, 0);
			assert_int_equal(m.waiting, 0);
		}
	}
}

static void
limited_streams_share_alike(void **state)
{
	struct meter	 m;
	struct wire	 w;
	uint64_t	 before[8], n;
	int		 i;

	limit_up(&w, &m, 2000000, 10000);
	for (i = 0; i < 8; i++)
		limit_open(&w, i, &m, NULL);
	limit_run(&w, 3000);
	for (i = 0; i < 8; i++)
		before[i] = flows[i].end[0].got;
	limit_run(&w, 8000);
	assert_in_range(m.used, 11 * 2000000, 11 * 2000000 + 500000);
	for (i = 0; i < 8; i++) {
		n = flows[i].end[0].got - before[i];
		assert_in_range(n, 1950000, 2050000);
	}
	/* One without a limit, beside them. */
	assert_int_equal(flow_open(8, w.m[0], 0, FLOW_ENDLESS), 0);
	before[0] = m.used;
	limit_run(&w, 500);
	assert_true(flows[8].end[0].got > 2 * 2000000);
	assert_in_range(m.used - before[0], 900000, 1100000);
	wire_free(&w);
}

/* A keystroke does not wait for those that have used up the rate. */
static void
limited_echo_beside_bulk(void **state)
{
	struct meter	 m;
	struct wire	 w;
	struct end	*e;
	uint64_t	 got;
	int		 i, ms;

	limit_up(&w, &m, 200000, 5000);
	for (i = 0; i < 4; i++)
		limit_open(&w, i, &m, NULL);
	limit_run(&w, 2000);
	limit_open(&w, 4, &m, NULL);
	e = &flows[4].end[1];
	limit_run(&w, 500);
	e = &flows[4].end[1];
	e->total = e->sent;
	e->echo = 1;		/* keeps it open */
	limit_run(&w, 3000);
	for (i = 0; i < 300; i++) {
		got = flows[4].end[0].got;
		e->total += 64;
		mux_ready(e->s);
		for (ms = 0; flows[4].end[0].got < got + 64; ms++) {
			limit_run(&w, 1);
			assert_true(ms < 250);
		}
	}
	wire_free(&w);
}

static void
limit_changes_on_live_streams(void **state)
{
	struct meter	*on[1], m;
	struct wire	 w;
	uint64_t	 before, granted;
	int		 i;

	limit_up(&w, &m, 0, 10000);
	on[0] = &m;
	for (i = 0; i < 3; i++)
		assert_int_equal(flow_open(i, w.m[0], 0, FLOW_ENDLESS), 0);
	limit_run(&w, 200);
	/* One comes. */
	granted = w.budget[0].used;
	assert_true(granted <= 3 * MUX_CREDIT_MAX);
	meter_set(&meters, &m, 500000, wire_now);
	for (i = 0; i < 3; i++) {
		meter_flow_init(&meter_flows[i], &meters, on, 1);
		mux_meter(flows[i].end[0].s, &meter_flows[i]);
	}
	before = limit_got(0, 3);
	limit_run(&w, 30000);
	/* What had been granted before is theirs. */
	assert_in_range(limit_got(0, 3) - before - granted, 30 * 490000,
	    30 * 510000);
	/* Windows are what it needs, and no larger. */
	assert_true(w.budget[0].used <= 3 * 500000 / 1000 * 140);
	/* It is raised; and goes. */
	meter_set(&meters, &m, 5000000, wire_now);
	limit_run(&w, 1000);
	before = limit_got(0, 3);
	limit_run(&w, 2000);
	assert_in_range(limit_got(0, 3) - before, 2 * 4900000, 2 * 5100000);
	for (i = 0; i < 3; i++)
		mux_meter(flows[i].end[0].s, NULL);
	assert_int_equal(m.waiting, 0);
	before = limit_got(0, 3);
	limit_run(&w, 500);
	assert_true(limit_got(0, 3) - before > 10 * 1000 * 1000);
	wire_free(&w);
}

/* Many that come, say a little and go: the limit holds for them as well. */
static void
limit_holds_for_short_streams(void **state)
{
	struct meter	 m;
	struct wire	 w;
	uint64_t	 sum = 0, start;
	int		 i;

	limit_up(&w, &m, 200000, 5000);
	start = wire_now;
	for (i = 0; i < 100; i++) {
		limit_open(&w, i, &m, NULL);
		flows[i].end[1].total = 0;
	}
	for (i = 0; i < 100; i++)
		flows[i].end[0].total = 0;
	while (wire_now - start < 20 * 1000000) {
		for (i = 0; i < 100; i++) {
			if (flows[i].end[1].s != NULL &&
			    flows[i].end[1].total == FLOW_ENDLESS)
				flows[i].end[1].total =
				    MAXIMUM(10000, flows[i].end[1].sent);
			if (!flows[i].end[0].done || !flows[i].end[1].done)
				continue;
			sum += flows[i].end[0].got;
			limit_open(&w, i, &m, NULL);
		}
		limit_run(&w, 5);
	}
	for (i = 0; i < 100; i++)
		sum += flows[i].end[0].got;
	assert_in_range(sum, 19 * 200000, 20 * 200000 + 150000);
	wire_free(&w);
	assert_int_equal(m.loose, 0);
	assert_int_equal(m.waiting, 0);
}

/* What a stream that is over had paid for and not used comes back. */
static void
limit_gets_back_what_is_not_used(void **state)
{
	struct meter	 m;
	struct wire	 w;
	int		 i;

	limit_up(&w, &m, 1000000, 5000);
	for (i = 0; i < 40; i++) {
		limit_open(&w, i, &m, NULL);
		flows[i].end[1].mute = 1;
	}
	limit_run(&w, 10);
	for (i = 0; i < 40; i++)
		flows[i].end[1].mute = 1;
	limit_run(&w, 20000);
	for (i = 0; i < 40; i++)
		end_kill(&flows[i].end[0], MUX_CODE_CANCEL, "");
	limit_run(&w, 100);
	assert_int_equal(m.used, limit_got(0, 40));
	assert_int_equal(m.loose, 0);
	assert_int_equal(wakes > 0, 1);
	wakes = 0;
	limit_run(&w, 10000);
	assert_int_equal(wakes, 0);
	wire_free(&w);
}

/* The other way round: a source is asked no faster than the pace. */
static void
pace_is_kept(void **state)
{
	struct meter	*on[1], m;
	struct wire	 w;
	uint64_t	 before;
	int		 i;

	limit_up(&w, &m, 300000, 20000);
	on[0] = &m;
	for (i = 0; i < 3; i++) {
		assert_int_equal(flow_open(i, w.m[1], 0, FLOW_ENDLESS), 0);
		limit_run(&w, 30);
		meter_flow_init(&meter_flows[i], &meters, on, 1);
		mux_pace(flows[i].end[1].s, &meter_flows[i]);
	}
	limit_run(&w, 1000);
	before = limit_got(0, 3);
	limit_run(&w, 10000);
	assert_in_range(limit_got(0, 3) - before, 2940000, 3060000);
	for (i = 0; i < 3; i++)
		assert_true(flows[i].end[0].got > 900000);
	mux_pace(flows[0].end[1].s, NULL);
	before = limit_got(0, 1);
	limit_run(&w, 200);
	assert_true(limit_got(0, 1) - before > 1000000);
	/* It ends in order, too. */
	flows[1].end[1].total = flows[1].end[1].sent + 1000;
	flows[1].end[0].total = 0;
	limit_run(&w, 3000);
	assert_true(flows[1].end[0].eof);
	wire_free(&w);
	assert_int_equal(m.waiting, 0);
}

/* A limit may go while a stream has said all, and is told more. */
static void
pace_goes_behind_the_end(void **state)
{
	struct meter_flow	*f;
	struct meter		*on[1], m;
	struct wire		 w;

	limit_up(&w, &m, 300000, 0);
	on[0] = &m;
	assert_int_equal(flow_open(0, w.m[1], FLOW_ENDLESS, 1000), 0);
	flows[0].end[0].mute = 1;
	while (flows[0].end[1].s == NULL)
		wire_turn(&w);
	assert_non_null(f = calloc(1, sizeof(*f)));
	meter_flow_init(f, &meters, on, 1);
	mux_pace(flows[0].end[1].s, f);
	limit_run(&w, 1000);
	assert_true(flows[0].end[0].eof);
	assert_false(flows[0].end[1].done);
	mux_pace(flows[0].end[1].s, NULL);
	assert_null(flows[0].end[1].s->pace);
	free(f);
	limit_run(&w, 100);
	wire_free(&w);
	assert_int_equal(m.waiting, 0);
}

/* Datagrams over the limit are lost, and the rest gets there. */
static size_t	 datagram_bytes;

static int
datagram_take(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	datagram_bytes += n;
	return (1);
}

static const struct mux_stream_ops datagram_ops = {
	.datagram = datagram_take
};

static struct mux_stream *datagram_peer;

static void
datagram_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	datagram_peer = s;
	mux_stream_own(s, &datagram_ops, NULL);
	mux_accept(s);
}

static const struct mux_ops datagram_mux_ops = {
	.open = datagram_open
};

static void
limited_datagrams_are_lost(void **state)
{
	static const uint8_t	 data[1000];
	struct mux_stream	*s;
	struct mux_open		 o;
	struct meter		*on[1], m, m2;
	struct wire		 w;
	uint64_t		 in, out;
	int			 i;

	wire_up(&w, &datagram_mux_ops, NULL, 1 << 28);
	meters_init(&meters, NULL, NULL);
	memset(&m, 0, sizeof(m));
	memset(&m2, 0, sizeof(m2));
	meter_set(&meters, &m, 100000, wire_now);
	meter_set(&meters, &m2, 50000, wire_now);
	memset(&o, 0, sizeof(o));
	o.kind = MUX_KIND_UDP;
	on[0] = &m;
	meter_flow_init(&meter_flows[0], &meters, on, 1);
	assert_non_null(s = mux_open_metered(w.m[0], &o, &datagram_ops, NULL,
	    &meter_flows[0]));
	datagram_bytes = 0;
	wire_turn(&w);
	wire_turn(&w);
	for (i = 0; i < 10000; i++) {
		wire_now += 1000;
		assert_int_equal(mux_dgram_send(datagram_peer, data,
		    sizeof(data)), 0);
		wire_turn(&w);
		assert_int_equal(mux_queued(s), 0);
	}
	assert_in_range(datagram_bytes, 1000000, 1030000);
	mux_dgram_lost(s, &in, &out);
	assert_int_equal(in + datagram_bytes / 1000, 10000);
	/* And the way out. */
	on[0] = &m2;
	meter_flow_init(&meter_flows[1], &meters, on, 1);
	mux_pace(s, &meter_flows[1]);
	datagram_bytes = 0;
	for (i = 0; i < 10000; i++) {
		wire_now += 1000;
		(void)mux_dgram_send(s, data, sizeof(data));
		wire_turn(&w);
	}
	assert_in_range(datagram_bytes, 500000, 520000);
	mux_dgram_lost(s, &in, &out);
	assert_int_equal(out + datagram_bytes / 1000, 10000);
	wire_free(&w);
}

/* Early data of a stream that waited for its limit is paid for. */
static struct mux_stream	*early_peer;

static void
early_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	early_peer = s;
	mux_stream_own(s, &datagram_ops, NULL);
}

static const struct mux_ops early_mux_ops = {
	.open = early_open
};

static void
early_data_is_paid_for(void **state)
{
	struct meter		*on[1], m;
	struct wire		 w;
	int			 fin;

	for (fin = 0; fin < 2; fin++) {
		wire_up(&w, &early_mux_ops, NULL, 1 << 28);
		meters_init(&meters, NULL, NULL);
		memset(&m, 0, sizeof(m));
		meter_set(&meters, &m, 100000, wire_now);
		on[0] = &m;
		early_peer = NULL;
		assert_int_equal(flow_open(0, w.m[0], fin ? 50000 :
		    FLOW_ENDLESS, 0), 0);
		wire_turn(&w);
		wire_turn(&w);
		assert_non_null(early_peer);
		assert_int_equal(mux_queued(early_peer), fin ? 50000 :
		    MUX_CREDIT_EARLY);
		meter_flow_init(&meter_flows[0], &meters, on, 1);
		mux_meter(early_peer, &meter_flows[0]);
		assert_int_equal(m.used, fin ? 50000 : MUX_CREDIT_EARLY);
		wire_free(&w);
		meter_end(&meter_flows[0]);
		assert_int_equal(m.loose, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limited_datagrams_are_lost),
		cmocka_unit_test(early_data_is_paid_for),
		cmocka_unit_test(limit_is_reached_and_kept),
		cmocka_unit_test(limited_streams_share_alike),
		cmocka_unit_test(limited_echo_beside_bulk),
		cmocka_unit_test(limit_changes_on_live_streams),
		cmocka_unit_test(limit_holds_for_short_streams),
		cmocka_unit_test(limit_gets_back_what_is_not_used),
		cmocka_unit_test(pace_is_kept),
		cmocka_unit_test(pace_goes_behind_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_limit", tests, NULL, NULL));
}
