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
 * A listener that somebody else owns, and pairing codes: it has no end of
 * addresses, nodes and names, and yet can't try all codes that there are.
 */

/*
 * link: regress/relayd/router_pair_steps.c regress/relayd/router_fake.c
 * link: regress/relayd/control_fake.c
 * relayd/router*.c relayd/month.c libculvert.a
 */
/* libs: libevent */

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
#include "router_pair_steps.h"

#define GUESSES	10000		/* in no time */
#define ALLOWED	3300		/* of them, and what time gives meanwhile */

static uint32_t	 serial;

static void
nth(uint8_t *h)
{
	memset(h, 0, RPC_HASH_LEN);
	serial++;
	memcpy(h, &serial, sizeof(serial));
	h[RPC_HASH_LEN - 1] = 1;
}

/* A guess, from somewhere else each time. */
static uint32_t
guess(int listener, struct pair_answer *a)
{
	struct pair_ask	 msg;
	uint32_t	 id;

	memset(&msg, 0, sizeof(msg));
	nth(msg.hash);
	memcpy(msg.from.addr, &serial, sizeof(serial));
	msg.from.family = 4;
	assert_int_equal(fake_say(L, listener, IMSG_PAIR_ASK, 9, &msg,
	    sizeof(msg)), 0);
	assert_true(fake_took(L, listener, IMSG_PAIR_ANSWER, &id, a,
	    sizeof(*a)));
	return (a->code);
}

static void
guesses_are_bounded_whatever_their_address(void **state)
{
	struct pair_answer	 a;
	int			 i, looked = 0;

	router_rpc.pair_rate = 30;
	node_up(1, 0, 11);
	assert_int_equal(offer(1, "", 0, 11, 'a'), PAIR_OK);
	for (i = 0; i < GUESSES; i++) {
		if (guess(1, &a) == PAIR_INVALID) {
			looked++;
			continue;
		}
		assert_int_equal(a.code, PAIR_RATE);
		assert_in_range(a.retry_after, 1, 2);
	}
	assert_in_range(looked, 3000, ALLOWED);
	/* Who comes to the other one is none the worse for it. */
	assert_int_equal(guess(0, &a), PAIR_INVALID);
	assert_int_equal(attempt('a', &a), -1);
	bought(PAIR_OK, &a);
	assert_int_equal(a.code, PAIR_OK);
	node_down(1, 0, 11);
}

/* A node of the other make, from somewhere else each time. */
static uint32_t
come(const char *name, uint32_t conn)
{
	struct rpc_node_ask	 n;
	struct rpc_node_may	 may;
	uint32_t		 id;

	memset(&n, 0, sizeof(n));
	strlcpy(n.node, name, sizeof(n.node));
	serial++;
	memcpy(n.from.addr, &serial, sizeof(serial));
	n.from.family = 4;
	assert_int_equal(fake_say(L, 1, IMSG_RPC_NODE_ASK, conn, &n,
	    sizeof(n)), 0);
	assert_true(fake_took(L, 1, IMSG_RPC_NODE_MAY, &id, &may,
	    sizeof(may)));
	return (may.status);
}

static void
leave(const char *name, uint32_t conn)
{
	struct rpc_node	 n;

	memset(&n, 0, sizeof(n));
	strlcpy(n.node, name, sizeof(n.node));
	n.conn = conn;
	assert_int_equal(fake_say(L, 1, IMSG_RPC_NODE_DOWN, 0, &n,
	    sizeof(n)), 0);
}

static uint32_t
offer_nth(uint64_t session, const char *name, uint32_t conn)
{
	struct pair_offered	 answer;
	struct pair_offer	 o;
	uint32_t		 id;

	memset(&o, 0, sizeof(o));
	o.session = session;
	strlcpy(o.rpc_node, name, sizeof(o.rpc_node));
	nth(o.hash);
	assert_int_equal(fake_say(L, 1, IMSG_PAIR_OFFER, conn, &o,
	    sizeof(o)), 0);
	assert_true(fake_took(L, 1, IMSG_PAIR_OFFERED, &id, &answer,
	    sizeof(answer)));
	return (answer.code);
}

/* The name of one that is there is for who shows a code of it. */
static void
a_name_is_guessed_as_seldom(void **state)
{
	uint32_t	 conn = 1;
	int		 i, looked = 0;

	router_rpc.pair_rate = 30;
	assert_int_equal(come("n1", conn), 101);
	assert_int_equal(offer(0, "n1", 1, conn, 'a'), PAIR_OK);
	for (i = 0; i < GUESSES; i++) {
		conn++;
		if (come("n1", conn) != 101)
			continue;
		looked++;
		assert_int_equal(offer_nth(0, "n1", conn), PAIR_OFFLINE);
		leave("n1", conn);
		fake_clear();
	}
	assert_in_range(looked, 1, ALLOWED);
	leave("n1", 1);
	assert_int_equal(nodes_live(), 0);
}

/* "Another node has it" would be an answer, too. */
static void
codes_are_not_found_by_offering_them(void **state)
{
	uint32_t	 conn;
	char		 name[16];
	int		 i, made = 0;

	router_prefork = PREFORK_MAX;
	node_up(1, 0, 11);
	assert_int_equal(offer(1, "", 0, 11, 'a'), PAIR_OK);
	link_new(2, 1, 22, DOOR_NODE, "eve", "own");
	assert_int_equal(offer(2, "", 1, 22, 'a'), PAIR_TAKEN);
	for (i = 0; i < 16; i++)
		assert_int_equal(offer_nth(2, "", 22), PAIR_OK);
	assert_int_equal(offer_nth(2, "", 22), PAIR_FULL);
	assert_int_equal(offer(2, "", 1, 22, 'a'), PAIR_FULL);
	node_down(2, 1, 22);
	/* With as many names as it likes. */
	for (conn = 1; conn <= GUESSES / 4; conn++) {
		snprintf(name, sizeof(name), "n%u", conn);
		assert_int_equal(come(name, conn), 101);
		made += offer_nth(0, name, conn) == PAIR_OK;
		leave(name, conn);
		fake_clear();
	}
	assert_in_range(made, 1, 16384 / PREFORK_MAX * 5 / 4);
	assert_int_equal(offer(1, "", 0, 11, 'b'), PAIR_OK);
	node_down(1, 0, 11);
	router_prefork = 1;
	fake_clear();
}

/* Time has passed for the listeners, which are the same to all. */
static int
begin(void **state)
{
	static uint32_t	 n;

	serial += 1 << 20;
	if (n++ > 0)
		fake_run(1500);
	return (setup(state));
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, teardown)
	const struct CMUnitTest	 tests[] = {
		TEST(codes_are_not_found_by_offering_them),
		TEST(guesses_are_bounded_whatever_their_address),
		TEST(a_name_is_guessed_as_seldom),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
