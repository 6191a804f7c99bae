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

/* link: lib/mux_splice.c lib/mux.c lib/mux_output.c lib/mux_table.c
   lib/mux_credit.c lib/mux_input.c
   lib/mux_stream.c lib/mux_queue.c lib/meter.c lib/mux_dgram.c lib/mux_frame.c
   regress/lib/mux_wire.c */

/*
 * A client, a relay and an agent: streams that the client opens go on to the
 * agent.  MUX_SEED=n runs that one random schedule.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_splice.h"
#include "mux_wire.h"

enum { CLIENT, AGENT };		/* which wire; the relay is m[1] of both */

static struct wire	 wires[2];
static struct mux	*to_agent;	/* NULL once that link is gone */
static struct mux_budget relay_budget;
static unsigned int	 seed;

/* What became of the splices, by flow. */
static struct told {
	struct mux_splice	*sp;
	int			 accepted;
	int			 closed;
	uint16_t		 code;
	char			 text[MUX_TEXT_MAX + 1];
	uint64_t		 out;
	uint64_t		 back;
} told[FLOWS];

/* How the relay treats streams of the client. */
static enum { AT_ONCE, LATER, NEVER } relay_mode;
static struct mux_stream *waiting;
static struct mux_open	 waiting_open;

static void
on_accepted(struct mux_splice *sp, void *arg)
{
	struct told	*t = arg;

	assert_int_equal(t->accepted, 0);
	assert_int_equal(t->closed, 0);
	t->accepted = 1;
}

static void
on_closed(struct mux_splice *sp, void *arg, uint16_t code, const char *text)
{
	struct told	*t = arg;

	assert_ptr_equal(t->sp, sp);
	assert_int_equal(t->closed, 0);
	t->closed = 1;
	t->code = code;
	strlcpy(t->text, text == NULL ? "(null)" : text, sizeof(t->text));
	mux_splice_bytes(sp, &t->out, &t->back);
	t->sp = NULL;
}

static const struct mux_splice_ops splice_ops = {
	.accepted = on_accepted,
	.closed = on_closed
};

static int
splice(struct mux_stream *s, const struct mux_open *open)
{
	struct told	*t = &told[open->ticket];

	if (to_agent != NULL)
		t->sp = mux_splice_new(s, to_agent, open, &splice_ops, t);
	return (t->sp == NULL ? -1 : 0);
}

static void
waiting_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	waiting = NULL;
}

static const struct mux_stream_ops waiting_ops = { .reset = waiting_reset };

static void
relay_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	switch (relay_mode) {
	case AT_ONCE:
		if (splice(s, open) == -1)
			mux_reset(s, MUX_CODE_NODE_OFFLINE, "offline");
		break;
	case LATER:
		assert_null(waiting);
		waiting = s;
		waiting_open = *open;
		mux_stream_own(s, &waiting_ops, NULL);
		break;
	case NEVER:
		assert_null(mux_splice_new(s, to_agent, open, &splice_ops,
		    NULL));
		mux_reset(s, MUX_CODE_LIMIT, "full");
		break;
	}
}

static const struct mux_ops relay_ops = { .open = relay_open };

static void
all_up(void *agent_arg)
{
	int		 i;

	memset(wires, 0, sizeof(wires));
	memset(told, 0, sizeof(told));
	memset(flows, 0, sizeof(flows));
	memset(&relay_budget, 0, sizeof(relay_budget));
	relay_budget.limit = 1 << 26;
	relay_mode = AT_ONCE;
	waiting = NULL;
	wire_now = 1000000;
	for (i = 0; i < 2; i++) {
		wires[i].budget[0].limit = 1 << 26;
		wire_init(&wires[i], wire_mux(&flow_ops, agent_arg, 1,
		    &wires[i].budget[0]), wire_mux(&relay_ops, NULL, 0,
		    &relay_budget));
	}
	to_agent = wires[AGENT].m[1];
}

static void
turns(int n)
{
	int		 i, idle = 0;

	while (n-- > 0 && idle < 3) {
		idle++;
		for (i = 0; i < 2; i++)
			if (wires[i].m[0] != NULL && wire_turn(&wires[i]) > 0)
				idle = 0;
		wire_now += 1000;
	}
}

static void
cut(int which)
{
	if (wires[which].m[0] == NULL)
		return;
	if (which == AGENT)
		to_agent = NULL;
	wire_free(&wires[which]);
	assert_int_equal(wires[which].budget[0].used, 0);
	wire_init(&wires[which], NULL, NULL);
}

static void
all_down(void)
{
	cut(CLIENT);
	cut(AGENT);
	assert_int_equal(relay_budget.used, 0);
}

static struct mux *
client(void)
{
	return (wires[CLIENT].m[0]);
}

static void
check_whole(int i)
{
	struct end	*a = &flows[i].end[0], *b = &flows[i].end[1];

	assert_true(a->done && b->done);
	assert_int_equal(a->got, b->total);
	assert_int_equal(b->got, a->total);
	assert_int_equal(told[i].closed, 1);
	assert_int_equal(told[i].code, 0);
	assert_string_equal(told[i].text, "(null)");
	assert_int_equal(told[i].out, a->total);
	assert_int_equal(told[i].back, b->total);
}

static void
bytes_and_ends_pass_both_ways(void **state)
{
	const uint64_t	 sizes[] = { 0, 1, 65536, 300000, 3000000 };
	size_t		 i, j, n = 0;

	all_up(NULL);
	for (i = 0; i < nitems(sizes); i++)
		for (j = 0; j < nitems(sizes); j++)
			assert_int_equal(flow_open(n++, client(), sizes[i],
			    sizes[j]), 0);
	turns(100000);
	for (i = 0; i < n; i++)
		check_whole(i);
	assert_int_equal(relay_budget.used, 0);
	all_down();
}

static void
half_close_leaves_the_other_way_open(void **state)
{
	int		 i;

	/* first one side is long done, then the other */
	for (i = 0; i < 2; i++) {
		all_up(NULL);
		assert_int_equal(flow_open(0, client(), 1000, 1000), 0);
		turns(1);
		flows[0].end[i].mute = 1;
		flows[0].end[0].total = flows[0].end[1].total = 5000;
		turns(50);
		assert_int_equal(told[0].closed, 0);
		end_speak(&flows[0].end[i]);
		turns(50);
		check_whole(0);
		all_down();
	}
}

static void
accept_passes_back(void **state)
{
	all_up(&wires);		/* the agent accepts when told */
	assert_int_equal(flow_open(0, client(), 10, 10), 0);
	turns(50);
	/* Early bytes and FIN are there before anyone accepted. */
	assert_int_equal(flows[0].end[1].got, 10);
	assert_int_equal(flows[0].end[1].eof, 1);
	assert_int_equal(flows[0].end[0].accepted, 0);
	assert_int_equal(told[0].accepted, 0);
	mux_accept(flows[0].end[1].s);
	turns(50);
	assert_int_equal(flows[0].end[0].accepted, 1);
	assert_int_equal(told[0].accepted, 1);
	check_whole(0);
	all_down();
}

static void
reset_passes_on(void **state)
{
	int		 i;

	for (i = 0; i < 2; i++) {
		all_up(NULL);
		assert_int_equal(flow_open(0, client(), FLOW_ENDLESS,
		    FLOW_ENDLESS), 0);
		turns(20);
		end_kill(&flows[0].end[i], MUX_CODE_TARGET_RESET, "gone");
		turns(20);
		assert_int_equal(flows[0].end[!i].reset, 1);
		assert_int_equal(flows[0].end[!i].code, MUX_CODE_TARGET_RESET);
		assert_string_equal(flows[0].end[!i].text, "gone");
		assert_int_equal(told[0].closed, 1);
		assert_int_equal(told[0].code, MUX_CODE_TARGET_RESET);
		assert_string_equal(told[0].text, "gone");
		assert_int_equal(relay_budget.used, 0);
		all_down();
	}
}

static void
reset_before_the_far_side_knows(void **state)
{
	all_up(NULL);
	assert_int_equal(flow_open(0, client(), 10, 10), 0);
	wire_send(&wires[CLIENT], 0, 10);
	wire_deliver(&wires[CLIENT], 0, 10);
	end_kill(&flows[0].end[0], 0, NULL);
	wire_turn(&wires[CLIENT]);
	assert_int_equal(told[0].closed, 1);
	turns(20);
	/* Not a word of it reached the agent. */
	assert_null(flows[0].end[1].m);
	all_down();
}

static void
a_link_that_ends_resets_the_other_side(void **state)
{
	int		 i, j;

	for (i = 0; i < 2; i++) {
		all_up(NULL);
		for (j = 0; j < 5; j++)
			assert_int_equal(flow_open(j, client(), FLOW_ENDLESS,
			    FLOW_ENDLESS), 0);
		turns(20);
		cut(i);
		turns(20);
		for (j = 0; j < 5; j++) {
			assert_int_equal(told[j].code, MUX_CODE_NODE_GONE);
			assert_string_equal(told[j].text, "wire cut");
			assert_int_equal(flows[j].end[i].code,
			    MUX_CODE_NODE_GONE);
			assert_int_equal(flows[j].end[!i].reset, 1);
		}
		assert_int_equal(relay_budget.used, 0);
		all_down();
	}
}

static void
kill_resets_both(void **state)
{
	all_up(NULL);
	assert_int_equal(flow_open(0, client(), FLOW_ENDLESS, 0), 0);
	assert_int_equal(flow_open(1, client(), FLOW_ENDLESS, 100), 0);
	turns(20);
	mux_splice_kill(told[0].sp, MUX_CODE_KILLED, "revoked");
	turns(20);
	assert_int_equal(told[0].closed, 1);
	assert_int_equal(flows[0].end[0].code, MUX_CODE_KILLED);
	assert_int_equal(flows[0].end[1].code, MUX_CODE_KILLED);
	assert_string_equal(flows[0].end[1].text, "revoked");
	assert_false(end_over(&flows[1].end[0]));
	all_down();
}

static void
refused_splice_leaves_the_stream(void **state)
{
	all_up(NULL);
	turns(5);
	relay_mode = NEVER;
	relay_budget.limit = MUX_CREDIT_EARLY;	/* enough for one side */
	assert_int_equal(flow_open(0, client(), 10, 10), 0);
	turns(20);
	assert_int_equal(flows[0].end[0].reset, 1);
	assert_int_equal(flows[0].end[0].code, MUX_CODE_LIMIT);
	assert_string_equal(flows[0].end[0].text, "full");
	all_down();
}

static void
stream_may_wait_for_its_splice(void **state)
{
	const uint64_t	 sizes[] = { 0, 100, 60000, 200000 };
	size_t		 i;

	/* While a route is looked up, early bytes and FIN come and queue. */
	for (i = 0; i < nitems(sizes); i++) {
		all_up(NULL);
		relay_mode = LATER;
		assert_int_equal(flow_open(i, client(), sizes[i], 50000), 0);
		turns(20);
		assert_non_null(waiting);
		assert_int_equal(mux_queued(waiting), sizes[i] < 65536 ?
		    sizes[i] : 65536);
		assert_int_equal(splice(waiting, &waiting_open), 0);
		turns(1000);
		check_whole(i);
		all_down();
	}
}

static void
stalled_reader_holds_its_own_sender_only(void **state)
{
	struct mux_stats st;
	struct mux_memory all, there, back;
	uint64_t	 got[6];
	int		 i, j;

	all_up(NULL);
	wires[CLIENT].room = wires[AGENT].room = 128 * 1024;
	for (i = 0; i < 6; i++)
		assert_int_equal(flow_open(i, client(), FLOW_ENDLESS, 0), 0);
	flows[0].end[1].deaf = 1;
	memset(got, 0, sizeof(got));
	for (j = 0; j < 4; j++) {
		for (i = 0; i < 600; i++) {
			wire_now += 20;
			wire_turn(&wires[CLIENT]);
			wire_turn(&wires[AGENT]);
		}
		/* one window on the relay, one on the agent */
		assert_true(flows[0].end[0].sent <= 2 * MUX_CREDIT_INITIAL);
		for (i = 1; i < 6; i++) {
			assert_true(flows[i].end[1].got >
			    got[i] + 10 * MUX_CREDIT_INITIAL);
			got[i] = flows[i].end[1].got;
		}
	}
	for (i = 1; i < 6; i++)
		end_kill(&flows[i].end[0], 0, NULL);
	turns(100);
	mux_get_stats(wires[CLIENT].m[1], &st);
	assert_in_range(st.queued, MUX_CREDIT_INITIAL / 2,
	    MUX_CREDIT_INITIAL);
	assert_int_equal(relay_budget.used, MUX_CREDIT_INITIAL);
	/* And that is what it is said to take. */
	mux_splice_memory(told[0].sp, &there, &back);
	mux_memory(wires[CLIENT].m[1], &all);
	assert_int_equal(there.queued, st.queued);
	assert_int_equal(there.window, MUX_CREDIT_INITIAL);
	assert_in_range(there.held, there.queued, there.queued + 2 * 16500);
	assert_int_equal(back.queued, 0);
	assert_int_equal(back.held, 0);
	assert_int_equal(all.queued, there.queued);
	assert_int_equal(all.held, there.held);
	assert_int_equal(all.window, MUX_CREDIT_INITIAL);
	assert_true(all.state > 0 && all.state < 16384);
	end_listen(&flows[0].end[1]);
	turns(1000);
	assert_true(flows[0].end[1].got > 4 * MUX_CREDIT_INITIAL);
	all_down();
}

/* ---- A random schedule -------------------------------------------------- */

static void
random_step(int *nflows)
{
	struct end	*e;
	int		 i = *nflows, which = random() % 2, dir = random() % 2;

	if (i < FLOWS && random() % 20 == 0 && flow_open(i, client(),
	    random() % 4 == 0 ? 0 : random() % 200000,
	    random() % 4 == 0 ? 0 : random() % 200000) == 0) {
		flows[i].end[random() % 2].ragged = 1;
		flows[i].end[random() % 2].mute = random() % 2;
		flows[i].end[random() % 2].deaf = random() % 2;
		(*nflows)++;
	}
	i = random() % (*nflows + 1);
	e = &flows[i % FLOWS].end[random() % 2];
	switch (random() % 10) {
	case 0:
		end_speak(e);
		break;
	case 1:
		end_read(e, random() % 100000);
		break;
	case 2:
		end_listen(e);
		break;
	case 3:
		if (random() % 20 == 0)
			end_kill(e, random() % 14, "killed");
		break;
	case 4:
		if (random() % 40 == 0 && told[i % FLOWS].sp != NULL)
			mux_splice_kill(told[i % FLOWS].sp, MUX_CODE_KILLED,
			    "by force");
		break;
	case 5:
		if (e == &flows[i % FLOWS].end[1] && e->s != NULL)
			mux_accept(e->s);
		break;
	default:
		break;
	}
	wire_now += random() % 5000;
	wire_send(&wires[which], dir, random() % 20);
	wire_deliver(&wires[which], !dir, random() % 20);
}

static void
random_settle(int nflows)
{
	int		 i, j, round;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < nflows; i++)
			for (j = 0; j < 2; j++) {
				flows[i].end[j].ragged = 0;
				end_speak(&flows[i].end[j]);
				end_listen(&flows[i].end[j]);
				if (j == 1 && flows[i].end[j].s != NULL)
					mux_accept(flows[i].end[j].s);
			}
		turns(1000);
	}
}

static void
random_round(int with_cut)
{
	struct end	*a, *b;
	int		 i, step, steps, nflows = 0;

	srandom(seed);
	all_up(&wires);
	wires[CLIENT].room = wires[AGENT].room = random() % 2 * 100000;
	steps = with_cut ? random() % 2000 : 2000;
	for (step = 0; step < steps; step++)
		random_step(&nflows);
	if (with_cut)
		cut(random() % 2);
	else
		random_settle(nflows);
	for (i = 0; !with_cut && i < nflows; i++) {
		a = &flows[i].end[0];
		b = &flows[i].end[1];
		assert_true(end_over(a));
		assert_true(b->m == NULL || end_over(b));
		/* It may be killed just as the last byte has passed. */
		if (a->done && b->done && told[i].code != MUX_CODE_KILLED)
			check_whole(i);
		assert_null(told[i].sp);
		if (a->reset && !b->killed)
			assert_int_equal(told[i].code, MUX_CODE_KILLED);
	}
	if (!with_cut)
		assert_int_equal(relay_budget.used, 0);
	all_down();
	for (i = 0; i < nflows; i++)
		assert_null(told[i].sp);
}

static void
random_rounds(int rounds, int with_cut)
{
	const char	*s;

	seed = arc4random();
	if ((s = getenv("MUX_SEED")) != NULL) {
		seed = strtonum(s, 0, UINT32_MAX, NULL);
		rounds = 1;
	}
	if ((s = getenv("MUX_ROUNDS")) != NULL)
		rounds = strtonum(s, 1, 1000000, NULL);
	for (; rounds > 0; rounds--, seed++)
		random_round(with_cut);
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
	random_rounds(30, 0);
}

static void
random_cuts(void **state)
{
	random_rounds(30, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_ends_pass_both_ways),
		cmocka_unit_test(half_close_leaves_the_other_way_open),
		cmocka_unit_test(accept_passes_back),
		cmocka_unit_test(reset_passes_on),
		cmocka_unit_test(reset_before_the_far_side_knows),
		cmocka_unit_test(a_link_that_ends_resets_the_other_side),
		cmocka_unit_test(kill_resets_both),
		cmocka_unit_test(refused_splice_leaves_the_stream),
		cmocka_unit_test(stream_may_wait_for_its_splice),
		cmocka_unit_test(stalled_reader_holds_its_own_sender_only),
		cmocka_unit_test_teardown(random_schedules, seed_tell),
		cmocka_unit_test_teardown(random_cuts, seed_tell),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_splice", tests, NULL, NULL));
}
