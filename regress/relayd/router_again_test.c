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
 * The router: what a listener says of log-ins that were there before the
 * router is its word alone, until auth has confirmed it.
 */

/*
 * link: regress/relayd/router_steps.c regress/relayd/router_fake.c
 * link: regress/relayd/control_fake.c relayd/router*.c relayd/month.c
 * link: libculvert.a
 */
/* libs: libevent */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "log.h"
#include "msg_list.h"
#include "router.h"
#include "router_steps.h"

#define MANY	200000		/* as auth has at most */

static int
say_again(uint64_t id, int listener, uint32_t conn, enum login_door door,
    const char *user, const char *node)
{
	struct session	 s;

	fake_session(&s, id, listener, conn, door, user, node);
	s.scopes |= SCOPE_ADMIN;
	return (fake_say(L, listener, IMSG_LINK_AGAIN, conn, &s, sizeof(s)));
}

static void
again(uint64_t id, int listener, uint32_t conn, enum login_door door,
    const char *user, const char *node)
{
	assert_int_equal(say_again(id, listener, conn, door, user, node), 0);
}

/* What auth says to that. */
static void
decide(uint32_t type)
{
	struct session	 s;

	assert_true(fake_took(A, 0, IMSG_SESSION_CHECK, NULL, &s, sizeof(s)));
	assert_int_equal(fake_say(A, 0, type, 0, &s, sizeof(s)), 0);
}

static void
stream_bytes(uint64_t id, uint64_t in, uint64_t out)
{
	struct stream_bytes	 b = { .id = id, .in = in, .out = out };

	assert_int_equal(fake_say(L, 0, IMSG_STREAM_BYTES, 0, &b, sizeof(b)),
	    0);
}

/* The code of the end of a page of streams. */
static uint32_t
conns(uint64_t session)
{
	struct conns_ask	 c;

	memset(&c, 0, sizeof(c));
	c.session = session;
	c.after = 1;
	c.max = CONNS_ASK_MAX;
	assert_int_equal(fake_say(L, 0, IMSG_CONNS_ASK, 7, &c, sizeof(c)),
	    0);
	assert_true(fake_took(L, 0, IMSG_CONNS_END, NULL, &c, sizeof(c)));
	return (c.code);
}

/* Offer a code of the node of this session, at listener 0. */
static void
offer(uint64_t session, uint32_t conn, uint32_t how, int c)
{
	struct pair_offer	 o;

	memset(&o, 0, sizeof(o));
	o.session = session;
	o.again = how;
	o.expires_at = how ? time(NULL) + 100 : 0;
	memset(o.hash, c, sizeof(o.hash));
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_OFFER, conn, &o, sizeof(o)),
	    0);
}

/* Use it: 1 if auth is asked for a session by it. */
static int
buys(int c)
{
	struct pair_ask	 p;

	memset(&p, 0, sizeof(p));
	memset(p.hash, c, sizeof(p.hash));
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_ASK, 99, &p, sizeof(p)), 0);
	return (fake_took(A, 0, IMSG_PAIR_BUY, NULL, NULL, 0));
}

static void
streams_are_shown_to_who_is_known(void **state)
{
	pair();
	stream_up(5, 1, 0);
	again(3, 0, 33, DOOR_API, "eve", NULL);
	assert_int_equal(conns(3), MUX_CODE_INTERNAL);
	assert_int_equal(fake_count(IMSG_CONNS_ENTRY), 0);
	decide(IMSG_SESSION);
	assert_int_equal(conns(3), 0);
	assert_int_equal(fake_count(IMSG_CONNS_ENTRY), 1);
}

static void
codes_are_of_nodes_that_are_known(void **state)
{
	struct pair_answer	 a;

	pair();
	again(3, 0, 33, DOOR_NODE, "bob", "pi");
	offer(3, 33, 0, 1);
	offer(3, 33, 2, 2);
	assert_false(buys(1));
	assert_false(buys(2));
	assert_true(fake_took(L, 0, IMSG_PAIR_ANSWER, NULL, &a, sizeof(a)));
	assert_int_equal(a.code, PAIR_LATER);
	/* Nor does one that was not its own become another link's. */
	decide(IMSG_SESSION_GONE);
	assert_int_equal(pair_count(), 0);
	assert_false(buys(2));
	assert_int_equal(fake_count(IMSG_PAIR_OFFER), 0);
}

static void
codes_are_good_when_auth_has_confirmed_the_link(void **state)
{
	again(3, 0, 33, DOOR_NODE, "bob", "pi");
	link_up(3, 0, 33, 1000);
	offer(3, 33, 1, 1);
	assert_false(buys(1));
	decide(IMSG_SESSION);
	assert_true(buys(1));
}

static void
what_is_carried_counts_for_who_is_known(void **state)
{
	struct audit_event	 a;
	struct traffic		 t;

	again(3, 0, 33, DOOR_ACCESS, "ann", NULL);
	assert_int_equal(fake_count(IMSG_METER_ASK), 0);
	stream_up(5, 3, 0);
	stream_bytes(5, 1000, 10);
	stream_up(6, 3, 0);
	stream_down(6, 0, 500, 5);
	tallies_flush();
	assert_int_equal(fake_count(IMSG_TRAFFIC), 0);
	assert_int_equal(fake_count(IMSG_AUDIT), 0);
	decide(IMSG_SESSION);
	expect_audit(AUDIT_STREAM, &a);
	assert_string_equal(a.email, "ann@example.org");
	assert_int_equal(a.in, 500);
	stream_bytes(5, 1200, 20);
	tallies_flush();
	assert_true(fake_took(A, 0, IMSG_TRAFFIC, NULL, &t, sizeof(t)));
	assert_int_equal(t.meter.what, METER_USER);
	assert_string_equal(t.meter.id, "user-ann");
	assert_int_equal(t.in, 1700);
	assert_int_equal(t.out, 25);
}

static void
nobody_is_named_for_what_auth_disowns(void **state)
{
	struct audit_event	 a;

	pair();
	again(3, 0, 33, DOOR_ACCESS, "eve", NULL);
	stream_up(5, 3, 0);
	stream_bytes(5, 1000, 10);
	stream_up(6, 3, 0);
	stream_down(6, 0, 500, 5);
	decide(IMSG_SESSION_GONE);
	tallies_flush();
	assert_int_equal(fake_count(IMSG_TRAFFIC), 0);
	assert_int_equal(fake_count(IMSG_AUDIT), 2);
	expect_audit(AUDIT_STREAM, &a);
	assert_string_equal(a.email, "");
	assert_string_equal(a.token_id, "");
	/* It is gone without the listener's leave. */
	assert_int_equal(router_counts.sessions, 2);
	assert_int_equal(router_counts.streams, 0);
	expect_kill(0, 3, 1008);
	killed(0, 3, 33);
	link_down(3, 0, 33);
}

/* Who asks for streams again and again has others look at them once. */
static void
figures_that_are_awaited_are_asked_for_once(void **state)
{
	struct conns_ask	 c;
	struct listener_stats	 st;
	struct ctl_id		 ask;
	int			 i;

	log_in(1, 0, 11, DOOR_API, "ann", NULL);
	memset(&c, 0, sizeof(c));
	c.session = 1;
	c.max = CONNS_ASK_MAX;
	for (i = 0; i < 5; i++)
		assert_int_equal(fake_say(L, 0, IMSG_CONNS_ASK, i, &c,
		    sizeof(c)), 0);
	assert_int_equal(fake_count(IMSG_STATS_ASK), 2);
	assert_true(fake_took(L, 0, IMSG_STATS_ASK, NULL, &ask, sizeof(ask)));
	memset(&st, 0, sizeof(st));
	st.ask = ask.id;
	assert_int_equal(fake_say(L, 0, IMSG_STATS, 0, &st, sizeof(st)), 0);
	assert_int_equal(fake_count(IMSG_CONNS_END), 0);
	assert_int_equal(fake_say(L, 1, IMSG_STATS, 0, &st, sizeof(st)), 0);
	assert_int_equal(fake_count(IMSG_CONNS_END), 5);
}

static void
a_made_up_link_takes_nobody_s_place(void **state)
{
	struct login_denied	 d;

	router_limits.links_per_user = 1;
	again(3, 0, 33, DOOR_ACCESS, "ann", NULL);
	log_in(4, 1, 44, DOOR_ACCESS, "ann", NULL);
	assert_false(fake_took(L, 1, IMSG_LOGIN_DENIED, NULL, &d, sizeof(d)));
	assert_int_equal(fake_count(IMSG_SESSION), 1);
}

static void
too_many_are_their_listener_s_fault(void **state)
{
	uint32_t	 i;

	fake_queued(A, 0, PROC_QUEUE_HIGH + 1);
	for (i = 1; i <= MANY; i++)
		again(i, 0, i, DOOR_ACCESS, "eve", NULL);
	assert_int_equal(say_again(i, 0, i, DOOR_ACCESS, "eve", NULL), -1);
	/* Others are not to pay for it. */
	again(i, 1, 1, DOOR_ACCESS, "ann", NULL);
	assert_int_equal(router_counts.sessions, MANY + 1);
	fake_down(A, 0);
	fake_down(L, 0);
	assert_int_equal(router_counts.sessions, 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		ROUTER_CASE(streams_are_shown_to_who_is_known),
		ROUTER_CASE(codes_are_of_nodes_that_are_known),
		ROUTER_CASE(codes_are_good_when_auth_has_confirmed_the_link),
		ROUTER_CASE(what_is_carried_counts_for_who_is_known),
		ROUTER_CASE(nobody_is_named_for_what_auth_disowns),
		ROUTER_CASE(figures_that_are_awaited_are_asked_for_once),
		ROUTER_CASE(a_made_up_link_takes_nobody_s_place),
		ROUTER_CASE(too_many_are_their_listener_s_fault),
	};

	log_setverbose(-1);
	router_begin();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
