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
 * The router: sessions, links, routes, streams and revocations, as the
 * processes around it see them.
 */

/*
 * link: regress/relayd/router_fake.c regress/relayd/control_fake.c
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

#include "msg_list.h"
#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define A	PROC_AUTH

/* ---- steps ---- */

static int
teardown(void **state)
{
	fake_down(L, 0);
	fake_down(L, 1);
	fake_queued(A, 0, 0);
	fake_up(A, 0);
	fake_run(50);
	fake_down(A, 0);
	fake_clear();
	if (router_counts.sessions != 0 || router_counts.tickets != 0 ||
	    router_counts.streams != 0 || router_counts.asks != 0 ||
	    router_counts.nodes != 0 || router_counts.clients != 0)
		return (-1);
	return (0);
}

static void
link_down(uint64_t id, int listener, uint32_t conn)
{
	struct link_down	 down;

	memset(&down, 0, sizeof(down));
	down.session = id;
	down.in = 10;
	down.out = 20;
	strlcpy(down.text, "closed", sizeof(down.text));
	assert_int_equal(fake_say(L, listener, IMSG_LINK_DOWN, conn, &down,
	    sizeof(down)), 0);
}

/* A client (session 1 at listener 0) and a node (2, at listener 1). */
static void
pair(void)
{
	log_in(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	link_up(1, 0, 11, 0);
	log_in(2, 1, 22, DOOR_NODE, "bob", "pi");
	link_up(2, 1, 22, 1000);
	fake_clear();
}

/* Auth's answer to the question it was asked last. */
static void
answer(uint32_t code, const char *node_id)
{
	struct node_answer	 ans;
	struct node_ask		 q;
	uint32_t		 id;

	assert_true(fake_took(A, 0, IMSG_NODE_ASK, &id, &q, sizeof(q)));
	memset(&ans, 0, sizeof(ans));
	ans.session = q.session;
	ans.code = code;
	strlcpy(ans.node, q.node, sizeof(ans.node));
	strlcpy(ans.node_id, node_id, sizeof(ans.node_id));
	assert_int_equal(fake_say(A, 0, IMSG_NODE_ANSWER, id, &ans,
	    sizeof(ans)), 0);
}

static void
ticket_ok(int listener, uint64_t id)
{
	struct ticket_id	 ok = { .ticket = id };

	assert_int_equal(fake_say(L, listener, IMSG_TICKET_OK, 0, &ok,
	    sizeof(ok)), 0);
}

/* The whole way; the ticket. */
static uint64_t
route(void)
{
	struct ticket	 t;
	struct route	 r;
	uint32_t	 id;

	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	assert_true(fake_took(L, 1, IMSG_TICKET, NULL, &t, sizeof(t)));
	ticket_ok(1, t.ticket);
	assert_true(fake_took(L, 0, IMSG_ROUTE, &id, &r, sizeof(r)));
	assert_int_equal(id, 11);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.ticket, t.ticket);
	assert_int_equal(r.listener, 1);
	assert_int_equal(r.conn, 22);
	assert_string_equal(r.node, "pi");
	return (t.ticket);
}

static void
stream_up(uint64_t id, uint64_t session, uint64_t ticket)
{
	struct stream_up	 up;

	memset(&up, 0, sizeof(up));
	up.id = id;
	up.session = session;
	up.ticket = ticket;
	up.since = time(NULL);
	up.kind = MUX_KIND_TCP;
	up.port = 22;
	strlcpy(up.host, "localhost", sizeof(up.host));
	strlcpy(up.node, "pi", sizeof(up.node));
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    0);
}

static void
stream_down(uint64_t id, uint32_t code, uint64_t in, uint64_t out)
{
	struct stream_down	 down;

	memset(&down, 0, sizeof(down));
	down.id = id;
	down.code = code;
	down.in = in;
	down.out = out;
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_DOWN, 0, &down,
	    sizeof(down)), 0);
}

static uint32_t
route_code(int listener)
{
	struct route	 r;

	assert_true(fake_took(L, listener, IMSG_ROUTE, NULL, &r, sizeof(r)));
	return (r.code);
}

static void
expect_kill(int listener, uint64_t session, uint32_t code)
{
	struct link_kill	 k;

	assert_true(fake_took(L, listener, IMSG_LINK_KILL, NULL, &k,
	    sizeof(k)));
	assert_int_equal(k.session, session);
	assert_int_equal(k.code, code);
}

static void
expect_audit(uint32_t what, struct audit_event *a)
{
	while (fake_took(A, 0, IMSG_AUDIT, NULL, a, sizeof(*a))) {
		if (a->what == what)
			return;
	}
	fail_msg("no audit line %u", what);
}

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

/* ---- routes ---- */

static void
route_is_made_once_and_shared(void **state)
{
	struct route	 r;
	uint64_t	 t;

	pair();
	t = route();
	/* Auth is asked again, the ticket is the same. */
	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	assert_int_equal(fake_count(IMSG_TICKET), 0);
	assert_true(fake_took(L, 0, IMSG_ROUTE, NULL, &r, sizeof(r)));
	assert_int_equal(r.ticket, t);
}

static void
routes_that_are_not_given(void **state)
{
	struct session	 s;

	pair();
	ask(1, 0, 11, "nas");
	answer(MUX_CODE_NO_NODE, "");
	assert_int_equal(route_code(0), MUX_CODE_NO_NODE);
	ask(1, 0, 11, "nas");
	answer(0, "id-nas");
	assert_int_equal(route_code(0), MUX_CODE_NODE_OFFLINE);
	/* A node's link asks for nothing, and scopes count. */
	ask(2, 1, 22, "pi");
	assert_int_equal(route_code(1), MUX_CODE_DENIED);
	fake_session(&s, 4, 0, 44, DOOR_ACCESS, "ann", NULL);
	s.scopes = SCOPE_HTTP;
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	ask(4, 0, 44, "pi");
	assert_int_equal(route_code(0), MUX_CODE_DENIED);
	/* A session that has just ended gets a word, too. */
	ask(77, 0, 77, "pi");
	assert_int_equal(route_code(0), MUX_CODE_DENIED);
	assert_int_equal(fake_count(IMSG_NODE_ASK), 0);
}

static void
node_leaves_while_its_ticket_is_under_way(void **state)
{
	pair();
	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	assert_int_equal(fake_count(IMSG_TICKET), 1);
	link_down(2, 1, 22);
	assert_int_equal(route_code(0), MUX_CODE_NODE_OFFLINE);
}

static void
node_comes_back_while_its_ticket_is_under_way(void **state)
{
	struct ticket	 t;
	struct route	 r;

	pair();
	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	fake_clear();
	log_in(3, 0, 33, DOOR_NODE, "bob", "pi");
	link_up(3, 0, 33, 1000);
	assert_true(fake_took(L, 0, IMSG_TICKET, NULL, &t, sizeof(t)));
	assert_int_equal(t.conn, 33);
	ticket_ok(0, t.ticket);
	assert_true(fake_took(L, 0, IMSG_ROUTE, NULL, &r, sizeof(r)));
	assert_int_equal(r.code, 0);
	assert_int_equal(r.conn, 33);
}

static void
client_leaves_before_its_route(void **state)
{
	struct node_answer	 ans;
	uint32_t		 id;

	pair();
	ask(1, 0, 11, "pi");
	assert_true(fake_took(A, 0, IMSG_NODE_ASK, &id, NULL, 0));
	link_down(1, 0, 11);
	memset(&ans, 0, sizeof(ans));
	ans.session = 1;
	strlcpy(ans.node_id, "id-pi", sizeof(ans.node_id));
	assert_int_equal(fake_say(A, 0, IMSG_NODE_ANSWER, id, &ans,
	    sizeof(ans)), 0);
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	assert_int_equal(router_counts.asks, 0);
}

static void
asks_are_asked_again_of_a_new_auth(void **state)
{
	pair();
	ask(1, 0, 11, "pi");
	fake_clear();
	fake_down(A, 0);
	ask(1, 0, 11, "nas");
	fake_up(A, 0);
	assert_int_equal(fake_count(IMSG_NODE_ASK), 2);
	answer(0, "id-pi");
	answer(MUX_CODE_NO_NODE, "");
	assert_int_equal(fake_count(IMSG_TICKET), 1);
	assert_int_equal(route_code(0), MUX_CODE_NO_NODE);
}

static void
asks_do_not_wait_for_ever(void **state)
{
	pair();
	ask(1, 0, 11, "pi");
	assert_int_equal(routes_expire(router_ms()), 1);
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	assert_int_equal(routes_expire(router_ms() + ROUTE_MS + 1), 0);
	assert_int_equal(route_code(0), MUX_CODE_INTERNAL);
}

static void
ticket_of_another_listener(void **state)
{
	struct ticket_id	 ok;
	struct ticket		 t;

	pair();
	ask(1, 0, 11, "pi");
	answer(0, "id-pi");
	assert_true(fake_took(L, 1, IMSG_TICKET, NULL, &t, sizeof(t)));
	assert_int_equal(t.from, 0);
	assert_int_equal(t.session, 2);
	ok.ticket = t.ticket;
	assert_int_equal(fake_say(L, 0, IMSG_TICKET_OK, 0, &ok, sizeof(ok)),
	    -1);
}

static void
list_of_nodes_knows_who_is_online(void **state)
{
	struct nodes_ask	 q = { .session = 1 };
	struct nodes_entry	 e;
	uint32_t		 id, to;

	pair();
	assert_int_equal(fake_say(L, 0, IMSG_NODES_ASK, 5, &q, sizeof(q)), 0);
	assert_true(fake_took(A, 0, IMSG_NODES_ASK, &id, NULL, 0));
	memset(&e, 0, sizeof(e));
	e.session = 1;
	strlcpy(e.node, "pi", sizeof(e.node));
	strlcpy(e.node_id, "id-pi", sizeof(e.node_id));
	assert_int_equal(fake_say(A, 0, IMSG_NODES_ENTRY, id, &e,
	    NODES_ENTRY_MIN), 0);
	strlcpy(e.node_id, "id-nas", sizeof(e.node_id));
	strlcpy(e.targets, "*:22", sizeof(e.targets));
	/* The end of the targets is missing. */
	assert_int_equal(fake_say(A, 0, IMSG_NODES_ENTRY, id, &e,
	    NODES_ENTRY_MIN + 3), -1);
	assert_int_equal(fake_say(A, 0, IMSG_NODES_ENTRY, id, &e,
	    NODES_ENTRY_MIN + 4), 0);
	assert_int_equal(fake_say(A, 0, IMSG_NODES_END, id, &q, sizeof(q)),
	    0);
	assert_true(fake_took(L, 0, IMSG_NODES_ENTRY, &to, &e,
	    NODES_ENTRY_MIN));
	assert_int_equal(to, 5);
	assert_int_equal(e.online, 1);
	memset(&e, 0, sizeof(e));
	assert_true(fake_took(L, 0, IMSG_NODES_ENTRY, &to, &e,
	    NODES_ENTRY_MIN + 4));
	assert_int_equal(e.online, 0);
	assert_string_equal(e.targets, "*:22");
	assert_true(fake_took(L, 0, IMSG_NODES_END, &to, NULL, 0));
	assert_int_equal(router_counts.asks, 0);
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

/* ---- streams ---- */

static void
streams_are_written_down(void **state)
{
	struct audit_event	 a;
	struct ctl_conn		 c;
	uint64_t		 t;

	pair();
	t = route();
	stream_up(5, 1, t);
	assert_int_equal(stream_next(0, &c), 0);
	assert_int_equal(c.id, 5);
	assert_string_equal(c.host, "localhost");
	assert_string_equal(c.node, "pi");
	assert_string_equal(c.email, "ann@example.org");
	assert_int_equal(stream_next(5, &c), -1);
	stream_down(5, 0, 100, 200);
	expect_audit(AUDIT_STREAM, &a);
	assert_string_equal(a.target, "localhost:22");
	assert_string_equal(a.node, "pi");
	assert_string_equal(a.email, "ann@example.org");
	assert_int_equal(a.in, 100);
	assert_int_equal(a.out, 200);
	assert_int_equal(fake_stream_gone, 5);
	stream_up(6, 1, 0);
	stream_down(6, MUX_CODE_NODE_OFFLINE, 0, 0);
	expect_audit(AUDIT_STREAM_DENIED, &a);
	assert_string_equal(a.text, mux_code_name(MUX_CODE_NODE_OFFLINE));
}

static void
stream_of_another_listener(void **state)
{
	struct stream_down	 down;

	memset(&down, 0, sizeof(down));
	down.id = 1ULL << 56 | 5;
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_DOWN, 0, &down,
	    sizeof(down)), -1);
	/* Unknown ones are a race. */
	down.id = 5;
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_DOWN, 0, &down,
	    sizeof(down)), 0);
}

static void
many_streams(void **state)
{
	uint64_t	 i, t;

	pair();
	t = route();
	for (i = 1; i <= 5000; i++)
		stream_up(i * 7919 % 5003 + 1, 1, t);
	assert_int_equal(router_counts.streams, 5000);
	for (i = 1; i <= 5000; i++) {
		stream_down(i * 7919 % 5003 + 1, 0, 1, 1);
		fake_clear();
	}
	assert_int_equal(router_counts.streams, 0);
}

/* ---- revocations ---- */

static void
killed(int listener, uint64_t id, uint32_t conn)
{
	struct link_killed	 k;

	memset(&k, 0, sizeof(k));
	k.session = id;
	k.streams = 9;
	assert_int_equal(fake_say(L, listener, IMSG_LINK_KILLED, conn, &k,
	    sizeof(k)), 0);
}

static void
revoke(uint32_t what, const char *id)
{
	struct revoke	 r;

	memset(&r, 0, sizeof(r));
	r.what = what;
	strlcpy(r.id, id, sizeof(r.id));
	strlcpy(r.text, "gone", sizeof(r.text));
	assert_int_equal(fake_say(A, 0, IMSG_REVOKE, 88, &r, sizeof(r)), 0);
}

static void
user_is_revoked(void **state)
{
	struct ctl_end	 end;
	uint32_t	 id;
	uint64_t	 t;

	pair();
	t = route();
	/* Sessions that are not yet links end as well. */
	log_in(3, 1, 33, DOOR_ACCESS, "ann", NULL);
	stream_up(5, 1, t);
	stream_up(6, 1, t);
	revoke(REVOKE_USER, "user-ann");
	expect_kill(0, 1, 1008);
	expect_kill(1, 3, 1008);
	assert_int_equal(fake_count(IMSG_TICKET_DROP), 2);
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
	/* No new routes meanwhile. */
	ask(1, 0, 11, "pi");
	assert_int_equal(route_code(0), MUX_CODE_DENIED);
	killed(0, 1, 11);
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
	link_down(1, 0, 11);
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
	link_down(3, 1, 33);
	assert_true(fake_took(A, 0, IMSG_REVOKED, &id, &end, sizeof(end)));
	assert_int_equal(id, 88);
	assert_int_equal(end.links, 1);
	assert_int_equal(end.streams, 2);
	killed(1, 3, 33);
	assert_non_null(node_find("id-pi"));
}

static void
node_is_revoked(void **state)
{
	struct ctl_end	 end;
	uint64_t	 t;

	pair();
	t = route();
	stream_up(5, 1, t);
	revoke(REVOKE_NODE, "id-pi");
	expect_kill(1, 2, 1008);
	assert_null(node_find("id-pi"));
	/* The client's listener forgets the way. */
	assert_true(fake_took(L, 0, IMSG_TICKET_DROP, NULL, NULL, 0));
	killed(1, 2, 22);
	assert_true(fake_took(A, 0, IMSG_REVOKED, NULL, &end, sizeof(end)));
	assert_int_equal(end.links, 1);
	assert_int_equal(end.streams, 1);
}

static void
revocation_of_nothing(void **state)
{
	struct ctl_end	 end;

	pair();
	revoke(REVOKE_TOKEN, "nobody");
	assert_true(fake_took(A, 0, IMSG_REVOKED, NULL, &end, sizeof(end)));
	assert_int_equal(end.links, 0);
}

static void
revocation_while_a_listener_dies(void **state)
{
	struct ctl_end	 end;

	pair();
	revoke(REVOKE_TOKEN, "tokenbob");
	fake_down(L, 1);
	assert_true(fake_took(A, 0, IMSG_REVOKED, NULL, &end, sizeof(end)));
	assert_int_equal(end.links, 1);
}

static void
two_revocations_of_one_link(void **state)
{
	pair();
	revoke(REVOKE_TOKEN, "tokenbob");
	revoke(REVOKE_USER, "user-bob");
	assert_int_equal(fake_count(IMSG_LINK_KILL), 1);
	killed(1, 2, 22);
	assert_int_equal(fake_count(IMSG_REVOKED), 2);
}

static void
revocation_answers_within_a_second(void **state)
{
	struct ctl_end	 end;

	pair();
	revoke(REVOKE_USER, "user-bob");
	fake_run(END_MS - 300);
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
	fake_run(400);
	assert_true(fake_took(A, 0, IMSG_REVOKED, NULL, &end, sizeof(end)));
	assert_in_range(end.ms, END_MS, END_MS + 300);
	assert_string_not_equal(end.text, "");
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
#define T(f)	cmocka_unit_test_setup_teardown(f, fake_setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(session_goes_to_its_listener),
		T(session_of_a_listener_that_is_gone),
		T(bad_sessions_are_refused),
		T(links_per_user_are_limited),
		T(link_without_a_session_is_ended),
		T(listener_speaks_of_anothers_session),
		T(node_comes_and_goes),
		T(newcomer_takes_over_from_a_ghost),
		T(link_told_to_leave_is_left_in_peace),
		T(link_being_left_is_no_rival),
		T(node_that_is_late_is_waited_for),
		T(newcomer_that_started_earlier_is_refused),
		T(newcomer_with_another_token_is_refused),
		T(listener_dies_with_all_it_had),
		T(route_is_made_once_and_shared),
		T(routes_that_are_not_given),
		T(node_leaves_while_its_ticket_is_under_way),
		T(node_comes_back_while_its_ticket_is_under_way),
		T(client_leaves_before_its_route),
		T(asks_are_asked_again_of_a_new_auth),
		T(asks_do_not_wait_for_ever),
		T(ticket_of_another_listener),
		T(list_of_nodes_knows_who_is_online),
		T(new_router_asks_auth_about_old_links),
		T(new_router_ends_what_auth_disowns),
		T(checks_wait_for_auth),
		T(announced_for_another_listener),
		T(new_auth_is_told_of_all_sessions),
		T(new_auth_is_told_no_faster_than_it_reads),
		T(audit_lines_wait_for_auth),
		T(streams_are_written_down),
		T(stream_of_another_listener),
		T(many_streams),
		T(user_is_revoked),
		T(node_is_revoked),
		T(revocation_of_nothing),
		T(revocation_while_a_listener_dies),
		T(two_revocations_of_one_link),
		T(revocation_answers_within_a_second),
		T(uptime),
	};
	struct conf_serve	 serve = { 0 };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	router_start();
	router_serve();
	fake_say(PROC_PARENT, 0, IMSG_CONF_SERVE, 0, &serve, sizeof(serve));
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
