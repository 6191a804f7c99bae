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
 * The router: pairing codes, and nodes of the other make, as auth and the
 * listeners see them.
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
#include <time.h>

#include <cmocka.h>

#include "router.h"
#include "router_fake.h"
#include "router_pair_steps.h"

static void
a_code_is_good_once(void **state)
{
	struct pair_answer	 a;

	node_up(1, 1, 11);
	assert_int_equal(offer(1, "", 1, 11, 'a'), PAIR_OK);
	assert_int_equal(pair_count(), 1);
	assert_int_equal(attempt('b', &a), PAIR_INVALID);
	assert_int_equal(attempt('a', &a), -1);
	/* While auth writes it down, nobody else gets it. */
	assert_int_equal(attempt('a', &a), PAIR_INVALID);
	bought(PAIR_OK, &a);
	assert_int_equal(a.code, PAIR_OK);
	assert_int_equal(a.expires_at, 1000);
	assert_string_equal(a.node, "pi");
	assert_int_equal(attempt('a', &a), PAIR_INVALID);
	assert_int_equal(pair_count(), 0);
	/* And is not made good by being offered again. */
	assert_int_equal(offer(1, "", 1, 11, 'a'), PAIR_USED);
	assert_int_equal(fake_count(IMSG_PAIR_USED), 2);
}

static void
a_code_outlives_a_failure(void **state)
{
	struct pair_answer	 a;
	uint32_t		 id;

	node_up(1, 0, 11);
	assert_int_equal(offer(1, "", 0, 11, 'c'), PAIR_OK);
	assert_int_equal(attempt('c', &a), -1);
	bought(PAIR_LATER, &a);
	assert_int_equal(a.code, PAIR_LATER);
	assert_int_equal(attempt('c', &a), -1);
	fake_down(A, 0);
	assert_true(fake_took(L, 0, IMSG_PAIR_ANSWER, &id, &a, sizeof(a)));
	assert_int_equal(a.code, PAIR_LATER);
	assert_int_equal(attempt('c', &a), PAIR_LATER);
	fake_up(A, 0);
	fake_clear();
	assert_int_equal(attempt('c', &a), -1);
	bought(PAIR_OK, &a);
	assert_int_equal(a.code, PAIR_OK);
}

static void
a_code_goes_with_its_link(void **state)
{
	struct pair_offered	 offered;
	struct pair_answer	 a;
	uint8_t			 h[RPC_HASH_LEN];

	node_up(1, 0, 11);
	assert_int_equal(offer(1, "", 0, 11, 'd'), PAIR_OK);
	hash(h, 'e');
	assert_int_equal(pair_offer_admin("pi", h, 0, &offered), PAIR_OK);
	assert_int_equal(pair_offer_admin("shed", h, 0, &offered),
	    PAIR_OFFLINE);
	/* A newer link: the administrator's code is the node's. */
	node_up(2, 1, 12);
	assert_int_equal(offer(2, "", 1, 12, 'f'), PAIR_OK);
	node_down(1, 0, 11);
	assert_int_equal(attempt('d', &a), PAIR_INVALID);
	assert_int_equal(pair_count(), 2);
	assert_int_equal(attempt('e', &a), -1);
	bought(PAIR_OK, &a);
	assert_int_equal(a.code, PAIR_OK);
	node_down(2, 1, 12);
	assert_int_equal(pair_count(), 0);
	assert_int_equal(attempt('f', &a), PAIR_INVALID);
}

static void
codes_are_bounded(void **state)
{
	int	 i;

	node_up(1, 0, 11);
	for (i = 0; i < 16; i++)
		assert_int_equal(offer(1, "", 0, 11, i + 1), PAIR_OK);
	assert_int_equal(offer(1, "", 0, 11, 100), PAIR_FULL);
	/* The same one again is no other. */
	assert_int_equal(offer(1, "", 0, 11, 1), PAIR_OK);
}

static void
time_to_live_is_clamped(void **state)
{
	struct pair_offered	 o;
	uint8_t			 h[RPC_HASH_LEN];
	int64_t			 now = time(NULL);

	node_up(1, 0, 11);
	hash(h, 'g');
	assert_int_equal(pair_offer_admin("pi", h, 0, &o), PAIR_OK);
	assert_in_range(o.expires_at - now, 120, 122);
	assert_int_equal(pair_offer_admin("pi", h, 1, &o), PAIR_OK);
	assert_in_range(o.expires_at - now, 30, 32);
	assert_int_equal(pair_offer_admin("pi", h, 30, &o), PAIR_OK);
	assert_in_range(o.expires_at - now, 30, 32);
	assert_int_equal(pair_offer_admin("pi", h, 600, &o), PAIR_OK);
	assert_in_range(o.expires_at - now, 600, 602);
	assert_int_equal(pair_offer_admin("pi", h, 9999, &o), PAIR_OK);
	assert_in_range(o.expires_at - now, 600, 602);
}

static void
attempts_are_counted(void **state)
{
	struct pair_answer	 a;
	int			 i;

	router_rpc.pair_rate = 3;
	for (i = 0; i < 3; i++)
		assert_int_equal(attempt('z', &a), PAIR_INVALID);
	assert_int_equal(attempt('z', &a), PAIR_RATE);
	assert_in_range(a.retry_after, 58, 61);
	assert_int_equal(ask_from(&there, 'z', &a), PAIR_INVALID);
	assert_int_equal(attempt('z', &a), PAIR_RATE);
	router_rpc.pair_rate = 0;
	assert_int_equal(attempt('z', &a), PAIR_INVALID);
}

/* ---- the other make ---- */

static uint32_t
come(const char *name, int listener, uint32_t conn,
    const struct addr_key *from, const char *key)
{
	struct rpc_node_ask	 n;
	struct rpc_node_may	 may;
	uint32_t		 id;

	memset(&n, 0, sizeof(n));
	strlcpy(n.node, name, sizeof(n.node));
	n.from = *from;
	if (key != NULL) {
		n.has_key = 1;
		hash(n.key, key[0]);
	}
	assert_int_equal(fake_say(L, listener, IMSG_RPC_NODE_ASK, conn, &n,
	    sizeof(n)), 0);
	assert_true(fake_took(L, listener, IMSG_RPC_NODE_MAY, &id, &may,
	    sizeof(may)));
	assert_int_equal(id, conn);
	return (may.status);
}

static void
leave(const char *name, int listener, uint32_t conn)
{
	struct rpc_node	 n;

	memset(&n, 0, sizeof(n));
	strlcpy(n.node, name, sizeof(n.node));
	n.conn = conn;
	assert_int_equal(fake_say(L, listener, IMSG_RPC_NODE_DOWN, 0, &n,
	    sizeof(n)), 0);
}

/* A listener tells of the time before us that code 'q' was used. */
static void
tell_used(const char *node, int64_t at)
{
	struct pair_used	 u;

	memset(&u, 0, sizeof(u));
	strlcpy(u.node, node, sizeof(u.node));
	hash(u.hash, 'q');
	u.at = at;
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_USED, 0, &u, sizeof(u)),
	    0);
}

static void
names_are_not_taken(void **state)
{
	struct rpc_node	 n;

	assert_int_equal(come("", 0, 1, &here, NULL), 403);
	assert_int_equal(come("n1", 0, 1, &here, NULL), 101);
	assert_true(rpc_node_live("n1"));
	/* From elsewhere, and there is no code it could show. */
	assert_int_equal(come("n1", 1, 2, &there, NULL), 403);
	/* From the same address: the older one goes. */
	assert_int_equal(come("n1", 1, 3, &here, NULL), 101);
	assert_true(fake_took(L, 0, IMSG_RPC_NODE_KILL, NULL, &n,
	    sizeof(n)));
	assert_int_equal(n.conn, 1);
	leave("n1", 0, 1);
	/* Who comes back at once waits: they would take turns for ever. */
	assert_int_equal(come("n1", 0, 4, &here, NULL), 101);
	assert_false(fake_took(L, 1, IMSG_RPC_NODE_KILL, NULL, NULL, 0));
	assert_int_equal(come("n1", 0, 5, &here, NULL), 403);
	leave("n1", 0, 4);
	assert_true(rpc_node_live("n1"));
	leave("n1", 1, 3);
	assert_false(rpc_node_live("n1"));
	assert_int_equal(come("n1", 1, 2, &there, NULL), 101);
}

static void
a_code_shows_who_it_is(void **state)
{
	struct rpc_node	 n;

	assert_int_equal(come("n2", 0, 1, &here, NULL), 101);
	assert_int_equal(offer(0, "n2", 0, 1, 'k'), PAIR_OK);
	/* It waits; one guess, and then no other. */
	assert_int_equal(come("n2", 1, 2, &there, NULL), 101);
	assert_int_equal(come("n2", 1, 9, &there, NULL), 403);
	assert_int_equal(offer(0, "n2", 1, 2, 'l'), PAIR_OFFLINE);
	assert_int_equal(offer(0, "n2", 1, 2, 'k'), PAIR_OFFLINE);
	assert_false(fake_took(L, 0, IMSG_RPC_NODE_KILL, NULL, NULL, 0));
	leave("n2", 1, 2);
	assert_int_equal(come("n2", 1, 3, &there, NULL), 101);
	assert_int_equal(offer(0, "n2", 1, 3, 'k'), PAIR_OK);
	assert_true(fake_took(L, 0, IMSG_RPC_NODE_KILL, NULL, &n,
	    sizeof(n)));
	assert_int_equal(n.conn, 1);
	leave("n2", 0, 1);
	assert_int_equal(pair_count(), 1);
}

static void
who_waits_comes_next(void **state)
{
	assert_int_equal(come("n3", 0, 1, &here, NULL), 101);
	assert_int_equal(offer(0, "n3", 0, 1, 'm'), PAIR_OK);
	assert_int_equal(come("n3", 1, 2, &there, NULL), 101);
	leave("n3", 0, 1);
	assert_true(rpc_node_live("n3"));
	assert_int_equal(pair_count(), 0);
	assert_int_equal(offer(0, "n3", 1, 2, 'n'), PAIR_OK);
}

/* The session is at all listeners before anybody hears of it. */
static void
sessions_precede_answers(void **state)
{
	struct pair_ask	 msg;

	assert_int_equal(come("n20", 0, 1, &here, NULL), 101);
	assert_int_equal(offer(0, "n20", 0, 1, 'q'), PAIR_OK);
	fake_clear();
	memset(&msg, 0, sizeof(msg));
	hash(msg.hash, 'q');
	hash(msg.token, 'q' + 100);
	msg.from = here;
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_ASK, 99, &msg,
	    sizeof(msg)), 0);
	assert_int_equal(fake_written(L, 0, IMSG_PAIR_ANSWER), 0);
	assert_int_equal(fake_written(L, 0, IMSG_RPC_SESSION), 1);
	assert_int_equal(fake_written(L, 1, IMSG_RPC_SESSION), 1);
}

static void
used_codes_stay_used(void **state)
{
	struct rpc_session	 s;
	struct pair_answer	 a;

	assert_int_equal(come("n4", 0, 1, &here, NULL), 101);
	assert_int_equal(offer(0, "n4", 0, 1, 'o'), PAIR_OK);
	assert_int_equal(attempt('o', &a), PAIR_OK);
	assert_string_equal(a.node, "n4");
	assert_in_range(a.expires_at - time(NULL), 3600, 3602);
	assert_true(fake_took(L, 1, IMSG_RPC_SESSION, NULL, &s, sizeof(s)));
	assert_string_equal(s.node, "n4");
	leave("n4", 0, 1);
	assert_int_equal(come("n4", 0, 2, &here, NULL), 101);
	assert_int_equal(offer(0, "n4", 0, 2, 'o'), PAIR_USED);
	assert_int_equal(attempt('o', &a), PAIR_INVALID);
	/* Of another node it is another. */
	assert_int_equal(come("n5", 0, 3, &here, NULL), 101);
	assert_int_equal(offer(0, "n5", 0, 3, 'o'), PAIR_OK);
	assert_int_equal(offer(0, "n4", 0, 2, 'p'), PAIR_OK);
	assert_int_equal(offer(0, "n5", 0, 3, 'p'), PAIR_TAKEN);
}

static void
keys(void **state)
{
	struct relayd_rpc	 rpc = router_rpc;
	struct rpc_key		 k;
	struct rpc_node		 n;

	memset(&k, 0, sizeof(k));
	strlcpy(k.node, "n6", sizeof(k.node));
	hash(k.hash, 'K');
	rpc_conf_begin();
	assert_int_equal(fake_say(PROC_PARENT, 0, IMSG_CONF_RPC_KEY, 0, &k,
	    sizeof(k)), 0);
	rpc.nodes = RPC_NODES_KEY;
	rpc_conf_end(&rpc);
	assert_int_equal(come("n6", 0, 1, &here, NULL), 403);
	assert_int_equal(come("n6", 0, 2, &here, "X"), 403);
	assert_int_equal(come("n7", 0, 3, &here, "K"), 403);
	assert_int_equal(come("n6", 0, 4, &here, "K"), 101);
	assert_int_equal(come("n6", 0, 5, &there, "K"), 101);
	assert_true(fake_took(L, 0, IMSG_RPC_NODE_KILL, NULL, &n,
	    sizeof(n)));
	assert_int_equal(n.conn, 4);
	/* A key that is no longer there lets nobody stay. */
	rpc_conf_begin();
	rpc_conf_end(&rpc);
	assert_true(fake_took(L, 0, IMSG_RPC_NODE_KILL, NULL, &n,
	    sizeof(n)));
	assert_int_equal(n.conn, 5);
}

/* One that has told all: it makes nothing up of the time before. */
static void
a_listener_tells_once(void **state)
{
	struct rpc_session	 s;
	struct rpc_slots	 told;
	struct rpc_node		 n;

	assert_int_equal(come("teller", 1, 1, &there, NULL), 101);
	memset(&told, 0, sizeof(told));
	told.what = RPC_SLOTS_TOLD;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SLOTS, 0, &told,
	    sizeof(told)), 0);
	fake_clear();
	memset(&n, 0, sizeof(n));
	strlcpy(n.node, "teller", sizeof(n.node));
	n.conn = 1;
	n.live = 1;
	n.from = here;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_NODE, 0, &n, sizeof(n)), 0);
	assert_int_equal(fake_count(IMSG_RPC_NODE_KILL), 0);
	assert_int_equal(fake_count(IMSG_RPC_NODE), 0);
	tell_used("rpc:teller", time(NULL));
	memset(&s, 0, sizeof(s));
	strlcpy(s.node, "teller", sizeof(s.node));
	hash(s.token, 's');
	s.expires_at = time(NULL) + 100;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SESSION, 0, &s, sizeof(s)),
	    0);
	fake_clear();
	fake_down(L, 0);
	fake_up(L, 0);
	while (fake_took(L, 0, IMSG_RPC_SESSION, NULL, &s, sizeof(s)))
		assert_string_not_equal(s.node, "teller");
	assert_false(pair_used_any("rpc:teller"));
}

static void
a_used_code_is_forgotten_in_time(void **state)
{
	struct pair_used	 u;

	tell_used("rpc:n9", INT64_MAX);
	fake_up(L, 0);
	while (fake_took(L, 0, IMSG_PAIR_USED, NULL, &u, sizeof(u)))
		assert_in_range(u.at, 1, time(NULL));
}

static void
a_new_router_is_told(void **state)
{
	struct pair_offer	 o;
	struct rpc_node		 n;
	struct pair_answer	 a;

	/* Two that were there before, and one that waited. */
	memset(&n, 0, sizeof(n));
	strlcpy(n.node, "n8", sizeof(n.node));
	n.conn = 1;
	n.live = 1;
	n.from = here;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_NODE, 0, &n, sizeof(n)), 0);
	n.listener = 1;
	n.conn = 2;
	n.live = 0;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_NODE, 0, &n, sizeof(n)),
	    -1);
	assert_int_equal(fake_say(L, 1, IMSG_RPC_NODE, 0, &n, sizeof(n)), 0);
	tell_used("rpc:n8", time(NULL));
	memset(&o, 0, sizeof(o));
	strlcpy(o.rpc_node, "n8", sizeof(o.rpc_node));
	o.again = 1;
	o.expires_at = time(NULL) + 60;
	hash(o.hash, 'q');
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_OFFER, 1, &o, sizeof(o)),
	    0);
	assert_int_equal(pair_count(), 0);
	hash(o.hash, 'r');
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_OFFER, 1, &o, sizeof(o)),
	    0);
	assert_int_equal(pair_count(), 1);
	assert_int_equal(attempt('r', &a), PAIR_OK);
	assert_string_equal(a.node, "n8");
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct rpc_node_ask	 n;
	struct pair_offer	 o;
	struct pair_ask		 q;

	memset(&o, 0, sizeof(o));
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_OFFER, 1, &o, sizeof(o)),
	    -1);
	node_up(1, 1, 11);
	o.session = 1;
	/* Of another listener's link. */
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_OFFER, 11, &o, sizeof(o)),
	    -1);
	memset(o.rpc_node, 'x', sizeof(o.rpc_node));
	assert_int_equal(fake_say(L, 1, IMSG_PAIR_OFFER, 11, &o, sizeof(o)),
	    -1);
	memset(&q, 'x', sizeof(q));
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_ASK, 1, &q, sizeof(q)),
	    -1);
	memset(&n, 0, sizeof(n));
	memset(n.node, 'x', RPC_NAME_MAX + 1);
	assert_int_equal(fake_say(L, 0, IMSG_RPC_NODE_ASK, 1, &n, sizeof(n)),
	    -1);
}

static void
health_is_told(void **state)
{
	struct health	 h;

	memset(&h, 0, sizeof(h));
	node_up(1, 0, 11);
	assert_int_equal(come("n9", 0, 1, &here, NULL), 101);
	assert_int_equal(offer(1, "", 0, 11, 's'), PAIR_OK);
	while (fake_took(L, 1, IMSG_HEALTH, NULL, &h, sizeof(h)))
		;
	assert_int_equal(h.nodes, 2);
	assert_int_equal(h.pairs, 1);
}

static void
sessions_end(void **state)
{
	struct rpc_session	 s;
	struct health		 h;
	uint64_t		 n;

	memset(&h, 0, sizeof(h));
	memset(&s, 0, sizeof(s));
	strlcpy(s.node, "n10", sizeof(s.node));
	hash(s.token, 'T');
	s.expires_at = time(NULL) + 2;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SESSION, 0, &s, sizeof(s)),
	    0);
	while (fake_took(L, 1, IMSG_HEALTH, NULL, &h, sizeof(h)))
		;
	n = h.sessions;
	fake_run(3200);
	assert_true(fake_took(L, 1, IMSG_HEALTH, NULL, &h, sizeof(h)));
	assert_int_equal(h.sessions, n - 1);
	/* One that has ended is none, nor one that never does. */
	s.expires_at = time(NULL);
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SESSION, 0, &s, sizeof(s)),
	    0);
	s.expires_at = time(NULL) + RPC_SESSION_MAX + 60;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SESSION, 0, &s, sizeof(s)),
	    0);
	assert_false(fake_took(L, 1, IMSG_HEALTH, NULL, NULL, 0));
}

/* After a death of router's each listener says what it knows. */
static void
said_again_takes_no_room(void **state)
{
	struct pair_used	 u;
	struct rpc_session	 s;
	struct health		 h;
	uint64_t		 n;
	int			 i, again;

	memset(&u, 0, sizeof(u));
	memset(&s, 0, sizeof(s));
	memset(&h, 0, sizeof(h));
	strlcpy(u.node, "rpc:n11", sizeof(u.node));
	strlcpy(s.node, "n11", sizeof(s.node));
	for (again = 0; again < 2; again++) {
		/* The one that would make room is not among those. */
		for (i = again; i < 256; i++) {
			u.hash[0] = i;
			u.at = time(NULL) - 256 + i;
			assert_int_equal(fake_say(L, again, IMSG_PAIR_USED, 0,
			    &u, sizeof(u)), 0);
		}
		for (i = again; i < 1024; i++) {
			s.token[0] = i % 256;
			s.token[1] = i / 256;
			s.expires_at = time(NULL) + 600 + i;
			assert_int_equal(fake_say(L, again, IMSG_RPC_SESSION,
			    0, &s, sizeof(s)), 0);
		}
		while (fake_took(L, 1, IMSG_HEALTH, NULL, &h, sizeof(h)))
			;
		if (again == 0)
			n = h.sessions;
	}
	fake_run(1200);		/* when they are counted */
	while (fake_took(L, 1, IMSG_HEALTH, NULL, &h, sizeof(h)))
		;
	assert_int_equal(h.sessions, n);
	for (i = 0; i < 256; i++) {
		u.hash[0] = i;
		assert_true(pair_used_find("rpc:n11", u.hash));
	}
	/* Another one does, of the one that ends first. */
	s.token[2] = 1;
	s.expires_at = time(NULL) + 60;
	assert_int_equal(fake_say(L, 0, IMSG_RPC_SESSION, 0, &s, sizeof(s)),
	    0);
	while (fake_took(L, 1, IMSG_HEALTH, NULL, &h, sizeof(h)))
		;
	assert_int_equal(h.sessions, n);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(a_code_is_good_once),
		TEST(a_code_outlives_a_failure),
		TEST(a_code_goes_with_its_link),
		TEST(codes_are_bounded),
		TEST(time_to_live_is_clamped),
		TEST(attempts_are_counted),
		TEST(names_are_not_taken),
		TEST(a_code_shows_who_it_is),
		TEST(who_waits_comes_next),
		TEST(sessions_precede_answers),
		TEST(used_codes_stay_used),
		TEST(keys),
		TEST(a_new_router_is_told),
		TEST(a_listener_tells_once),
		TEST(a_used_code_is_forgotten_in_time),
		TEST(what_makes_no_sense_is_refused),
		TEST(health_is_told),
		TEST(sessions_end),
		TEST(said_again_takes_no_room),
	};

	fake_start();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
