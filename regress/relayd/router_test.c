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
 * The router: sessions, nodes, and what a new router and a new auth are told.
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
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "router.h"
#include "router_steps.h"

/* ---- sessions ---- */

static void
session_goes_to_its_listener(void **state)
{
	struct session	 s;
	uint32_t	 id;

	log_in(1, 1, 7, DOOR_ACCESS, "ann", NULL);
	assert_true(fake_took(L, 1, IMSG_SESSION, &id, &s, sizeof(s)));
	assert_int_equal(id, 7);
	assert_int_equal(s.session, 1);
	assert_int_equal(router_counts.sessions, 1);
	link_down(1, 1, 7);
	assert_true(fake_took(A, 0, IMSG_SESSION_END, NULL, NULL, 0));
	assert_int_equal(router_counts.sessions, 0);
}

static void
session_of_a_listener_that_is_gone(void **state)
{
	fake_down(L, 1);
	log_in(1, 1, 7, DOOR_ACCESS, "ann", NULL);
	assert_true(fake_took(A, 0, IMSG_SESSION_END, NULL, NULL, 0));
	assert_int_equal(router_counts.sessions, 0);
}

static void
bad_sessions_are_refused(void **state)
{
	struct session	 s;

	fake_session(&s, 0, 0, 1, DOOR_ACCESS, "ann", NULL);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), -1);
	fake_session(&s, 1, PROC_INSTANCES_MAX, 1, DOOR_ACCESS, "ann", NULL);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), -1);
	fake_session(&s, 1, 0, 1, 3, "ann", NULL);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), -1);
	fake_session(&s, 1, 0, 1, DOOR_NODE, "ann", NULL);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), -1);
	fake_session(&s, 1, 0, 1, DOOR_ACCESS, "ann", NULL);
	memset(s.email, 'x', sizeof(s.email));
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), -1);
	/* A listener may not make one. */
	assert_int_equal(fake_say(L, 0, IMSG_SESSION, 0, &s, sizeof(s)), -2);
}

static void
links_per_user_are_limited(void **state)
{
	struct login_denied	 d;
	struct audit_event	 a;
	uint32_t		 id;

	router_limits.links_per_user = 2;
	log_in(1, 0, 1, DOOR_ACCESS, "ann", NULL);
	log_in(2, 0, 2, DOOR_NODE, "ann", "pi");
	link_up(2, 0, 2, 1);
	log_in(3, 0, 3, DOOR_ACCESS, "ann", NULL);
	assert_true(fake_took(L, 0, IMSG_LOGIN_DENIED, &id, &d, sizeof(d)));
	assert_int_equal(id, 3);
	assert_int_equal(d.status, 429);
	expect_audit(AUDIT_DENIED, &a);
	assert_int_equal(router_counts.sessions, 2);
	log_in(4, 0, 4, DOOR_ACCESS, "bob", NULL);
	assert_int_equal(router_counts.sessions, 3);
	/* A device that comes back replaces its own link. */
	log_in(5, 0, 5, DOOR_NODE, "ann", "pi");
	assert_int_equal(router_counts.sessions, 4);
}

static void
link_without_a_session_is_ended(void **state)
{
	link_up(99, 0, 5, 1);
	expect_kill(0, 99, 1008);
}

static void
listener_speaks_of_anothers_session(void **state)
{
	struct link_up	 up;

	log_in(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	memset(&up, 0, sizeof(up));
	up.session = 1;
	assert_int_equal(fake_say(L, 1, IMSG_LINK_UP, 11, &up, sizeof(up)),
	    -1);
	assert_int_equal(fake_say(L, 0, IMSG_LINK_UP, 12, &up, sizeof(up)),
	    -1);
}

/* ---- nodes ---- */

static void
node_comes_and_goes(void **state)
{
	struct audit_event	 a;
	struct node_state	 st;

	log_in(2, 1, 22, DOOR_NODE, "bob", "pi");
	assert_null(node_find("id-pi"));
	link_up(2, 1, 22, 1000);
	assert_non_null(node_find("id-pi"));
	assert_non_null(node_find_name("pi"));
	assert_null(node_find_name("p"));
	assert_true(fake_took(A, 0, IMSG_NODE_STATE, NULL, &st, sizeof(st)));
	assert_int_equal(st.online, 1);
	expect_audit(AUDIT_LINK_UP, &a);
	assert_string_equal(a.node, "pi");
	assert_string_equal(a.text, "agentd 0");
	link_down(2, 1, 22);
	assert_true(fake_took(A, 0, IMSG_NODE_STATE, NULL, &st, sizeof(st)));
	assert_int_equal(st.online, 0);
	expect_audit(AUDIT_LINK_DOWN, &a);
	assert_int_equal(a.in, 10);
	assert_int_equal(a.out, 20);
	assert_null(node_find("id-pi"));
}

static void
newcomer_takes_over_from_a_ghost(void **state)
{
	struct node_state	 st;

	pair();
	log_in(3, 0, 33, DOOR_NODE, "bob", "pi");
	link_up(3, 0, 33, 1000);
	expect_kill(1, 2, 1008);
	assert_int_equal(node_find("id-pi")->s.session, 3);
	assert_true(fake_took(A, 0, IMSG_NODE_STATE, NULL, &st, sizeof(st)));
	assert_int_equal(st.online, 1);
	link_down(2, 1, 22);
	/* The node has never been offline. */
	assert_int_equal(fake_count(IMSG_NODE_STATE), 0);
	assert_int_equal(node_find("id-pi")->s.session, 3);
}

static void
go_away(uint64_t id, int listener, uint32_t conn)
{
	struct link_away	 away = { .session = id };

	assert_int_equal(fake_say(L, listener, IMSG_LINK_AWAY, conn, &away,
	    sizeof(away)), 0);
}

/* Make before break: the old link loses its part and nothing else. */
static void
link_told_to_leave_is_left_in_peace(void **state)
{
	struct ticket_id	 drop;
	uint64_t		 ticket;

	pair();
	ticket = route();
	stream_up(1, 1, ticket);
	go_away(2, 1, 22);
	assert_int_equal(node_find("id-pi")->s.session, 2);
	fake_clear();
	log_in(3, 0, 33, DOOR_NODE, "bob", "pi");
	link_up(3, 0, 33, 1000);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	assert_int_equal(node_find("id-pi")->s.session, 3);
	assert_non_null(session_find(2));
	assert_int_equal(router_counts.streams, 1);
	/* The client asks anew; what it has sent still gets there. */
	assert_true(fake_took(L, 0, IMSG_TICKET_DROP, NULL, &drop,
	    sizeof(drop)));
	assert_int_equal(drop.ticket, ticket);
	assert_int_equal(fake_count(IMSG_TICKET_DROP), 0);
	fake_run(2200);
	assert_true(fake_took(L, 1, IMSG_TICKET_DROP, NULL, &drop,
	    sizeof(drop)));
	assert_int_equal(drop.ticket, ticket);
	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	assert_int_equal(fake_count(IMSG_TICKET), 1);
	/* Its end is not the node's. */
	fake_clear();
	link_down(2, 1, 22);
	assert_int_equal(fake_count(IMSG_NODE_STATE), 0);
	assert_int_equal(node_find("id-pi")->s.session, 3);
}

/* A router that was started anew hears of both, in any order. */
static void
link_being_left_is_no_rival(void **state)
{
	struct link_up	 up;

	log_in(3, 0, 33, DOOR_NODE, "bob", "pi");
	link_up(3, 0, 33, 1000);
	log_in(2, 1, 22, DOOR_NODE, "bob", "pi");
	memset(&up, 0, sizeof(up));
	up.session = 2;
	up.epoch = 1000;
	up.since = time(NULL) - 100;
	up.away = 1;
	assert_int_equal(fake_say(L, 1, IMSG_LINK_UP, 22, &up, sizeof(up)),
	    0);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	assert_int_equal(node_find("id-pi")->s.session, 3);
	/* One of an agentd that ended since is a ghost all the same. */
	log_in(4, 0, 44, DOOR_NODE, "bob", "pi");
	link_up(4, 0, 44, 2000);
	expect_kill(0, 3, 1008);
	assert_int_equal(node_find("id-pi")->s.session, 4);
}

static void
node_that_is_late_is_waited_for(void **state)
{
	log_in(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	link_up(1, 0, 11, 0);
	fake_clear();
	routes_patience(60000);
	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	fake_run(100);
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	log_in(2, 1, 22, DOOR_NODE, "bob", "pi");
	link_up(2, 1, 22, 1000);
	assert_int_equal(fake_count(IMSG_TICKET), 1);
	routes_patience(0);
	ask(1, 0, 11, "nas");
	answer(0, "id-nas");
	assert_int_equal(route_code(0), MUX_CODE_NODE_OFFLINE);
	/* And those that do not come are offline in the end. */
	routes_patience(200);
	ask(1, 0, 11, "tv");
	answer(0, "id-tv");
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	fake_run(400);
	assert_int_equal(route_code(0), MUX_CODE_NODE_OFFLINE);
}

/* An upgrade joins listeners to it before it hears that it serves. */
static void
nobody_is_offline_before_it_serves(void **state)
{
	struct conf_serve	 serve = { 0 };

	router_start();
	log_in(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	link_up(1, 0, 11, 0);
	fake_clear();
	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	fake_run(100);
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	fake_say(PROC_PARENT, 0, IMSG_CONF_SERVE, 0, &serve, sizeof(serve));
	fake_run(100);
	assert_int_equal(route_code(0), MUX_CODE_NODE_OFFLINE);
}

static void
newcomer_that_started_earlier_is_refused(void **state)
{
	uint64_t	 flaps = router_counts.flaps;

	pair();
	log_in(3, 0, 33, DOOR_NODE, "bob", "pi");
	link_up(3, 0, 33, 999);
	expect_kill(0, 3, 1008);
	assert_int_equal(node_find("id-pi")->s.session, 2);
	assert_int_equal(router_counts.flaps, flaps + 1);
	link_down(3, 0, 33);
	assert_int_equal(fake_count(IMSG_NODE_STATE), 0);
}

static void
newcomer_with_another_token_is_refused(void **state)
{
	struct session	 s;

	pair();
	fake_session(&s, 3, 0, 33, DOOR_NODE, "bob", "pi");
	strlcpy(s.token_id, "other", sizeof(s.token_id));
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	link_up(3, 0, 33, 5000);
	expect_kill(0, 3, 1008);
	assert_int_equal(node_find("id-pi")->s.session, 2);
}

static void
listener_dies_with_all_it_had(void **state)
{
	struct audit_event	 a;
	struct node_state	 st;
	struct ticket_id	 drop;
	uint64_t		 t;

	pair();
	t = route();
	stream_up(5, 1, t);
	fake_clear();
	fake_down(L, 1);
	assert_null(node_find("id-pi"));
	assert_true(fake_took(A, 0, IMSG_NODE_STATE, NULL, &st, sizeof(st)));
	assert_int_equal(st.online, 0);
	assert_true(fake_took(L, 0, IMSG_TICKET_DROP, NULL, &drop,
	    sizeof(drop)));
	assert_int_equal(drop.ticket, t);
	fake_clear();
	fake_down(L, 0);
	expect_audit(AUDIT_STREAM, &a);
	assert_int_equal(router_counts.sessions, 0);
}

/* Auth takes no such time, and would have us ended for it. */
static void
a_link_from_before_all_time_is_refused(void **state)
{
	struct link_up	 up;

	log_in(2, 1, 22, DOOR_NODE, "bob", "pi");
	memset(&up, 0, sizeof(up));
	up.session = 2;
	up.since = -1;
	assert_int_equal(fake_say(L, 1, IMSG_LINK_UP, 22, &up, sizeof(up)),
	    -1);
	assert_int_equal(fake_count(IMSG_NODE_STATE), 0);
}

/* ---- a new router, a new auth ---- */

static void
again(uint64_t id, int listener, uint32_t conn, enum login_door door,
    const char *user, const char *node)
{
	struct session	 s;

	fake_session(&s, id, listener, conn, door, user, node);
	assert_int_equal(fake_say(L, listener, IMSG_LINK_AGAIN, conn, &s,
	    sizeof(s)), 0);
}

static void
new_router_asks_auth_about_old_links(void **state)
{
	struct session	 s;
	struct audit_event a;

	again(2, 1, 22, DOOR_NODE, "bob", "pi");
	link_up(2, 1, 22, 1000);
	again(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	link_up(1, 0, 11, 0);
	stream_up(5, 1, 12345);
	ask(1, 0, 11, "pi");
	/* Nothing holds before auth has said so. */
	assert_null(node_find("id-pi"));
	assert_int_equal(fake_count(IMSG_NODE_ASK), 0);
	assert_true(fake_took(A, 0, IMSG_SESSION_CHECK, NULL, &s, sizeof(s)));
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	assert_non_null(node_find("id-pi"));
	assert_true(fake_took(A, 0, IMSG_SESSION_CHECK, NULL, &s, sizeof(s)));
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	/* The listener has it already. */
	assert_int_equal(fake_count(IMSG_SESSION), 0);
	/* It was written down when it came up. */
	assert_int_equal(fake_count(IMSG_AUDIT), 0);
	/* Of the stream, and for one more. */
	answer(0, "id-pi");
	answer(0, "id-pi");
	assert_int_equal(fake_count(IMSG_TICKET), 1);
	stream_down(5, 0, 1, 2);
	expect_audit(AUDIT_STREAM, &a);
}

static void
new_router_ends_what_auth_disowns(void **state)
{
	struct session	 s;

	again(2, 1, 22, DOOR_NODE, "bob", "pi");
	link_up(2, 1, 22, 1000);
	assert_true(fake_took(A, 0, IMSG_SESSION_CHECK, NULL, &s, sizeof(s)));
	assert_int_equal(fake_say(A, 0, IMSG_SESSION_GONE, 0, &s, sizeof(s)),
	    0);
	expect_kill(1, 2, 1008);
	assert_null(node_find("id-pi"));
}

static void
checks_wait_for_auth(void **state)
{
	fake_down(A, 0);
	again(2, 1, 22, DOOR_NODE, "bob", "pi");
	assert_int_equal(fake_count(IMSG_SESSION_CHECK), 0);
	fake_up(A, 0);
	assert_int_equal(fake_count(IMSG_SESSION_CHECK), 1);
}

static void
announced_for_another_listener(void **state)
{
	struct session	 s;

	fake_session(&s, 2, 1, 22, DOOR_NODE, "bob", "pi");
	assert_int_equal(fake_say(L, 0, IMSG_LINK_AGAIN, 22, &s, sizeof(s)),
	    -1);
	assert_int_equal(fake_say(L, 1, IMSG_LINK_AGAIN, 23, &s, sizeof(s)),
	    -1);
}

static void
new_auth_is_told_of_all_sessions(void **state)
{
	struct node_state	 st;

	pair();
	again(3, 0, 33, DOOR_ACCESS, "eve", NULL);
	fake_down(A, 0);
	fake_clear();
	fake_up(A, 0);
	assert_int_equal(fake_count(IMSG_SESSION_KNOWN), 2);
	assert_int_equal(fake_count(IMSG_SESSION_CHECK), 1);
	assert_true(fake_took(A, 0, IMSG_NODE_STATE, NULL, &st, sizeof(st)));
	assert_int_equal(st.online, 1);
}

static void
new_auth_is_told_no_faster_than_it_reads(void **state)
{
	pair();
	fake_down(A, 0);
	fake_clear();
	fake_queued(A, 0, PROC_QUEUE_HIGH + 1);
	fake_up(A, 0);
	assert_int_equal(fake_count(IMSG_SESSION_KNOWN), 0);
	fake_run(60);
	assert_int_equal(fake_count(IMSG_SESSION_KNOWN), 0);
	fake_queued(A, 0, 0);
	fake_run(60);
	assert_int_equal(fake_count(IMSG_SESSION_KNOWN), 2);
}

static void
audit_lines_wait_for_auth(void **state)
{
	struct audit_event	 a;

	pair();
	fake_down(A, 0);
	link_down(2, 1, 22);
	assert_int_equal(fake_count(IMSG_AUDIT), 0);
	fake_up(A, 0);
	fake_run(60);
	expect_audit(AUDIT_LINK_DOWN, &a);
	assert_string_equal(a.node, "pi");
}

/* Of relayd, however often its router was started since. */
static void
uptime(void **state)
{
	struct conf_begin	 begin;
	struct conf_end		 end = { .generation = 1 };

	assert_true(router_uptime() < 60);
	memset(&begin, 0, sizeof(begin));
	begin.started = time(NULL) - 600;
	assert_int_equal(fake_say(PROC_PARENT, 0, IMSG_CONF_BEGIN, 0, &begin,
	    sizeof(begin)), 0);
	assert_int_equal(fake_say(PROC_PARENT, 0, IMSG_CONF_END, 0, &end,
	    sizeof(end)), 0);
	assert_in_range(router_uptime(), 599, 660);
	/* A reload, after the date was set. */
	begin.started -= 100000;
	assert_int_equal(fake_say(PROC_PARENT, 0, IMSG_CONF_BEGIN, 0, &begin,
	    sizeof(begin)), 0);
	assert_int_equal(fake_say(PROC_PARENT, 0, IMSG_CONF_END, 0, &end,
	    sizeof(end)), 0);
	assert_in_range(router_uptime(), 599, 660);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		ROUTER_CASE(session_goes_to_its_listener),
		ROUTER_CASE(session_of_a_listener_that_is_gone),
		ROUTER_CASE(bad_sessions_are_refused),
		ROUTER_CASE(links_per_user_are_limited),
		ROUTER_CASE(link_without_a_session_is_ended),
		ROUTER_CASE(listener_speaks_of_anothers_session),
		ROUTER_CASE(node_comes_and_goes),
		ROUTER_CASE(newcomer_takes_over_from_a_ghost),
		ROUTER_CASE(link_told_to_leave_is_left_in_peace),
		ROUTER_CASE(link_being_left_is_no_rival),
		ROUTER_CASE(node_that_is_late_is_waited_for),
		ROUTER_CASE(nobody_is_offline_before_it_serves),
		ROUTER_CASE(newcomer_that_started_earlier_is_refused),
		ROUTER_CASE(newcomer_with_another_token_is_refused),
		ROUTER_CASE(listener_dies_with_all_it_had),
		ROUTER_CASE(a_link_from_before_all_time_is_refused),
		ROUTER_CASE(new_router_asks_auth_about_old_links),
		ROUTER_CASE(new_router_ends_what_auth_disowns),
		ROUTER_CASE(checks_wait_for_auth),
		ROUTER_CASE(announced_for_another_listener),
		ROUTER_CASE(new_auth_is_told_of_all_sessions),
		ROUTER_CASE(new_auth_is_told_no_faster_than_it_reads),
		ROUTER_CASE(audit_lines_wait_for_auth),
		ROUTER_CASE(uptime),
	};

	router_begin();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
