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
 * The router: slots of nodes, which listeners use for requests of paired
 * clients without asking.
 */

/*
 * link: regress/relayd/router_fake.c regress/relayd/control_fake.c
 * relayd/router*.c relayd/month.c libculvert.a
 */
/* libs: libevent */
/* flags: -Wl,--wrap=clock_ms */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define NODE	"id-pi"

static uint64_t	 late_ms;	/* that the clock is ahead */

uint64_t	 __real_clock_ms(void);
uint64_t	 __wrap_clock_ms(void);

uint64_t
__wrap_clock_ms(void)
{
	return (__real_clock_ms() + late_ms);
}

static void
pending(uint32_t n)
{
	struct relayd_rpc	 rpc;

	memset(&rpc, 0, sizeof(rpc));
	rpc.session_s = 3600;
	rpc.pair_s = 120;
	rpc.pending = n;
	rpc_conf_begin();
	rpc_conf_end(&rpc);
}

static int
say(int listener, uint32_t what, uint32_t n)
{
	struct rpc_slots	 msg;

	memset(&msg, 0, sizeof(msg));
	if (what != RPC_SLOTS_TOLD)
		strlcpy(msg.node_id, NODE, sizeof(msg.node_id));
	msg.what = what;
	msg.n = n;
	return (fake_say(L, listener, IMSG_RPC_SLOTS, 0, &msg, sizeof(msg)));
}

static int
heard(int listener, struct rpc_slots *msg)
{
	if (!fake_took(L, listener, IMSG_RPC_SLOTS, NULL, msg, sizeof(*msg)))
		return (0);
	assert_string_equal(msg->node_id, NODE);
	return (1);
}

/* The next thing this listener hears. */
static void
hears(int listener, uint32_t what, uint32_t n)
{
	struct rpc_slots	 msg;

	assert_true(heard(listener, &msg));
	assert_int_equal(msg.what, what);
	assert_int_equal(msg.n, n);
}

static void
hears_nothing(int listener)
{
	struct rpc_slots	 msg;

	assert_false(heard(listener, &msg));
}

static int
setup(void **state)
{
	int	 r;

	pending(64);
	r = fake_setup(state);
	assert_int_equal(say(0, RPC_SLOTS_TOLD, 0), 0);
	assert_int_equal(say(1, RPC_SLOTS_TOLD, 0), 0);
	return (r);
}

static int
teardown(void **state)
{
	uint32_t	 n;

	fake_down(L, 0);
	fake_down(L, 1);
	fake_down(L, 2);
	fake_down(PROC_AUTH, 0);
	fake_clear();
	(void)rpc_slots_memory(&n);
	return (n == 0 && nodes_live() == 0 ? 0 : -1);
}

static void
each_has_a_part(void **state)
{
	uint32_t	 n;

	assert_int_equal(say(0, RPC_SLOTS_ASK, 1), 0);
	hears(0, RPC_SLOTS_GIVEN, 32);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 40), 0);
	hears(1, RPC_SLOTS_GIVEN, 32);
	/* What one does not use the other may. */
	assert_int_equal(say(1, RPC_SLOTS_ASK, 8), 0);
	hears_nothing(1);
	hears(0, RPC_SLOTS_WANTED, 0);
	assert_int_equal(say(0, RPC_SLOTS_UNUSED, 30), 0);
	hears(1, RPC_SLOTS_GIVEN, 8);
	assert_int_equal(say(0, RPC_SLOTS_ASK, 3), 0);
	hears(0, RPC_SLOTS_GIVEN, 22);
	/* Nobody has any to spare. */
	assert_int_equal(say(0, RPC_SLOTS_ASK, 1), 0);
	hears(1, RPC_SLOTS_WANTED, 0);
	assert_int_equal(say(1, RPC_SLOTS_UNUSED, 0), 0);
	hears(0, RPC_SLOTS_GIVEN, 0);
	assert_int_equal(say(1, RPC_SLOTS_LEFT, 40), 0);
	assert_int_equal(say(0, RPC_SLOTS_LEFT, 24), 0);
	(void)rpc_slots_memory(&n);
	assert_int_equal(n, 0);
}

static void
one_that_dies_has_none(void **state)
{
	assert_int_equal(say(0, RPC_SLOTS_ASK, 64), 0);
	hears(0, RPC_SLOTS_GIVEN, 64);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 5), 0);
	hears(0, RPC_SLOTS_WANTED, 0);
	fake_down(L, 0);
	hears(1, RPC_SLOTS_GIVEN, 64);
}

static void
a_new_router_waits_for_all(void **state)
{
	fake_up(L, 2);
	assert_int_equal(say(1, RPC_SLOTS_HAD, 20), -1);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 50), 0);
	hears_nothing(1);
	assert_int_equal(say(2, RPC_SLOTS_HAD, 60), 0);
	hears(2, RPC_SLOTS_LIVE, 0);
	assert_int_equal(say(2, RPC_SLOTS_TOLD, 0), 0);
	hears(1, RPC_SLOTS_GIVEN, 4);
}

static void
one_that_does_not_say_is_not_waited_for(void **state)
{
	fake_up(L, 2);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 20), 0);
	fake_run(1100);
	hears_nothing(1);
	late_ms = 10000;
	fake_run(1100);
	hears(1, RPC_SLOTS_GIVEN, 21);
	late_ms = 0;
	assert_int_equal(say(2, RPC_SLOTS_TOLD, 0), 0);
}

/* Of no node that there is. */
static int
say_any(int listener, uint32_t what, uint32_t n, uint32_t node)
{
	struct rpc_slots	 msg;

	memset(&msg, 0, sizeof(msg));
	snprintf(msg.node_id, sizeof(msg.node_id), "%u", node);
	msg.what = what;
	msg.n = n;
	return (fake_say(L, listener, IMSG_RPC_SLOTS, 0, &msg, sizeof(msg)));
}

static void
a_listener_names_so_many_nodes_and_no_more(void **state)
{
	struct rpc_slots	 msg;
	uint32_t		 i, n;

	for (i = 0; i < 65536; i++) {
		assert_int_equal(say_any(0, RPC_SLOTS_ASK, 1, i), 0);
		fake_clear();
	}
	assert_int_equal(say_any(0, RPC_SLOTS_ASK, 1, i), 0);
	assert_true(fake_took(L, 0, IMSG_RPC_SLOTS, NULL, &msg, sizeof(msg)));
	assert_int_equal(msg.what, RPC_SLOTS_GIVEN);
	assert_int_equal(msg.n, 0);
	(void)rpc_slots_memory(&n);
	assert_int_equal(n, 65536);
	/* The other one is not to have less for it. */
	assert_int_equal(say_any(1, RPC_SLOTS_ASK, 1, i), 0);
	assert_true(fake_took(L, 1, IMSG_RPC_SLOTS, NULL, &msg, sizeof(msg)));
	assert_int_equal(msg.n, 32);
	/* Nor is all there is said twice. */
	assert_int_equal(say(0, RPC_SLOTS_TOLD, 0), -1);
	fake_down(L, 0);
	(void)rpc_slots_memory(&n);
	assert_int_equal(n, 1);
}

static void
fewer_by_a_reload(void **state)
{
	assert_int_equal(say(0, RPC_SLOTS_ASK, 60), 0);
	hears(0, RPC_SLOTS_GIVEN, 60);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 4), 0);
	hears(1, RPC_SLOTS_GIVEN, 4);
	pending(3);
	hears(0, RPC_SLOTS_WANTED, 1);
	hears(1, RPC_SLOTS_WANTED, 1);
	assert_int_equal(say(0, RPC_SLOTS_UNUSED, 59), 0);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 1), 0);
	assert_int_equal(say(1, RPC_SLOTS_UNUSED, 1), 0);
	hears(1, RPC_SLOTS_GIVEN, 0);
	assert_int_equal(say(1, RPC_SLOTS_BACK, 1), 0);
	assert_int_equal(say(1, RPC_SLOTS_BACK, 1), 0);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 9), 0);
	hears(1, RPC_SLOTS_GIVEN, 1);
	pending(100);
	assert_int_equal(say(1, RPC_SLOTS_ASK, 98), 0);
	hears(1, RPC_SLOTS_GIVEN, 97);
}

static void
nodes_come_and_go(void **state)
{
	struct rpc_slots	 msg;
	struct link_down	 down;

	assert_int_equal(say(0, RPC_SLOTS_ASK, 1), 0);
	assert_true(heard(0, &msg));
	assert_false(msg.live);
	link_new(7, 1, 12, DOOR_NODE, "bob", "pi");
	assert_true(heard(0, &msg));
	assert_int_equal(msg.what, RPC_SLOTS_LIVE);
	assert_true(msg.live);
	/* A newer link. */
	link_new(8, 0, 13, DOOR_NODE, "bob", "pi");
	while (heard(0, &msg))
		assert_true(msg.live);
	hears_nothing(1);
	memset(&down, 0, sizeof(down));
	down.session = 7;
	assert_int_equal(fake_say(L, 1, IMSG_LINK_DOWN, 12, &down,
	    sizeof(down)), 0);
	hears_nothing(0);
	down.session = 8;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_DOWN, 13, &down,
	    sizeof(down)), 0);
	assert_true(heard(0, &msg));
	assert_false(msg.live);
}

/* Of one that may be on its way back it is said in the end. */
static void
nodes_that_do_not_come_back(void **state)
{
	struct rpc_slots	 msg;
	struct link_down	 down;

	link_new(7, 0, 12, DOOR_NODE, "bob", "pi");
	assert_int_equal(say(0, RPC_SLOTS_ASK, 1), 0);
	while (heard(0, &msg))
		assert_true(msg.live);
	routes_patience(900);
	memset(&down, 0, sizeof(down));
	down.session = 7;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_DOWN, 12, &down,
	    sizeof(down)), 0);
	assert_true(heard(0, &msg));
	assert_true(msg.live);
	fake_run(1300);
	assert_true(heard(0, &msg));
	assert_int_equal(msg.what, RPC_SLOTS_LIVE);
	assert_false(msg.live);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct rpc_slots	 msg;

	assert_int_equal(say(0, RPC_SLOTS_ASK, 0), -1);
	assert_int_equal(say(0, RPC_SLOTS_ASK, RPC_PENDING_MAX + 1), -1);
	assert_int_equal(say(0, RPC_SLOTS_BACK, 1), -1);
	assert_int_equal(say(0, RPC_SLOTS_ASK, 1), 0);
	assert_int_equal(say(0, RPC_SLOTS_BACK, 33), -1);
	assert_int_equal(say(0, RPC_SLOTS_GIVEN, 1), -1);
	assert_int_equal(say(0, 99, 1), -1);
	memset(&msg, 0, sizeof(msg));
	msg.what = RPC_SLOTS_ASK;
	msg.n = 1;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SLOTS, 0, &msg, sizeof(msg)),
	    -1);
	memset(msg.node_id, 'x', sizeof(msg.node_id));
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SLOTS, 0, &msg, sizeof(msg)),
	    -1);
}

/* ---- three listeners that do as they should, in any order ---- */

static struct {
	uint32_t	 have, used, owed, waits;
	int		 asked;
} model[3];

static void
model_ask(int i)
{
	if (model[i].asked || model[i].waits == 0)
		return;
	model[i].asked = 1;
	assert_int_equal(say(i, RPC_SLOTS_ASK, model[i].waits), 0);
}

static void
model_hear(int i)
{
	struct rpc_slots	 msg;
	uint32_t		 n;

	if (!heard(i, &msg))
		return;
	if (msg.what == RPC_SLOTS_GIVEN) {
		model[i].asked = 0;
		model[i].have += msg.n;
		if (msg.n == 0)
			model[i].waits = 0;
	} else if (msg.what == RPC_SLOTS_WANTED) {
		if (msg.n)
			model[i].owed = model[i].used;
		n = model[i].have - model[i].used;
		model[i].have -= n;
		assert_int_equal(say(i, RPC_SLOTS_UNUSED, n), 0);
	}
	while (model[i].waits > 0 && model[i].used < model[i].have) {
		model[i].used++;
		model[i].waits--;
	}
	model_ask(i);
}

static void
model_end(int i)
{
	if (model[i].used == 0)
		return;
	model[i].used--;
	if (model[i].owed > 0) {
		model[i].owed--;
		model[i].have--;
		assert_int_equal(say(i, RPC_SLOTS_BACK, 1), 0);
	} else if (model[i].waits > 0) {
		model[i].used++;
		model[i].waits--;
	}
}

static void
never_too_many(void **state)
{
	uint32_t	 sum, seed = 1;
	int		 round, i, left;

	fake_up(L, 2);
	assert_int_equal(say(2, RPC_SLOTS_TOLD, 0), 0);
	pending(20);
	memset(model, 0, sizeof(model));
	for (round = 0; round < 200000; round++) {
		seed = seed * 1103515245 + 12345;
		i = (seed >> 16) % 3;
		switch ((seed >> 20) % 5) {
		case 0:
		case 1:
			if (model[i].used + model[i].waits >= 20)
				break;
			if (model[i].waits == 0 &&
			    model[i].used < model[i].have)
				model[i].used++;
			else
				model[i].waits++;
			model_ask(i);
			break;
		case 2:
			model_end(i);
			break;
		default:
			model_hear(i);
			break;
		}
		for (sum = 0, i = 0; i < 3; i++)
			sum += model[i].have;
		assert_in_range(sum, 0, 20);
	}
	/* And nobody waits for ever. */
	for (round = 0, left = 1; left && round < 1000; round++) {
		for (left = 0, i = 0; i < 3; i++) {
			model_hear(i);
			left |= model[i].waits > 0 || model[i].asked;
		}
	}
	assert_false(left);
	fake_down(L, 2);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(each_has_a_part),
		TEST(one_that_dies_has_none),
		TEST(a_new_router_waits_for_all),
		TEST(one_that_does_not_say_is_not_waited_for),
		TEST(a_listener_names_so_many_nodes_and_no_more),
		TEST(fewer_by_a_reload),
		TEST(nodes_come_and_go),
		TEST(nodes_that_do_not_come_back),
		TEST(what_makes_no_sense_is_refused),
		TEST(never_too_many),
	};

	fake_start();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
