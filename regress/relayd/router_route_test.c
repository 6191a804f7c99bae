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
 * The router: routes, streams, and how revocations end them.
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

#include <cmocka.h>

#include "msg_list.h"
#include "router.h"
#include "router_steps.h"
#include "ws.h"

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

/* It would count at a node that the other's user may reach. */
static void
stream_by_another_ones_ticket(void **state)
{
	struct stream_up	 up;
	struct ctl_conn		 c;
	uint64_t		 t;

	pair();
	log_in(3, 0, 33, DOOR_ACCESS, "eve", NULL);
	t = route();
	memset(&up, 0, sizeof(up));
	up.id = 7;
	up.session = 3;
	up.ticket = t;
	strlcpy(up.node, "pi", sizeof(up.node));
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    -1);
	/* Its node is the ticket's, whatever it is called there. */
	up.session = 1;
	strlcpy(up.node, "nas", sizeof(up.node));
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    0);
	assert_int_equal(stream_next(0, &c), 0);
	assert_string_equal(c.node, "pi");
	stream_down(7, 0, 0, 0);
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

/* ---- revocations ---- */

/* One that somebody else owns fills its own part. */
static void
each_listener_has_its_part_of_the_streams(void **state)
{
	struct stream_up	 up;
	uint64_t		 i, n, t, lost = router_counts.streams_lost;

	router_prefork = PREFORK_MAX;
	n = router_part(1024 * 1024);
	pair();
	t = route();
	for (i = 1; i <= n; i++)
		stream_up(i, 1, t);
	assert_int_equal(router_counts.streams, n);
	stream_up(i, 1, t);
	assert_int_equal(router_counts.streams, n);
	assert_int_equal(router_counts.streams_lost, lost + 1);
	log_in(3, 1, 33, DOOR_ACCESS, "eve", NULL);
	memset(&up, 0, sizeof(up));
	up.id = 1ULL << 56 | 1;
	up.session = 3;
	strlcpy(up.node, "pi", sizeof(up.node));
	assert_int_equal(fake_say(L, 1, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    0);
	assert_int_equal(router_counts.streams, n + 1);
	/* There is room for what comes when something has ended. */
	stream_down(1, 0, 0, 0);
	stream_up(i, 1, t);
	assert_int_equal(router_counts.streams, n + 1);
	for (i = 2; i <= n + 1; i++) {
		stream_down(i, 0, 0, 0);
		fake_clear();
	}
	link_down(3, 1, 33);
	router_prefork = 1;
	fake_clear();
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

/* The listener with the node's link hears of it, and no other. */
static void
over(uint64_t id, uint32_t least, uint32_t most)
{
	struct session_over	 o;

	assert_int_equal(fake_count(IMSG_SESSION_OVER), 1);
	assert_true(fake_took(L, 1, IMSG_SESSION_OVER, NULL, &o, sizeof(o)));
	assert_int_equal(o.session, id);
	assert_in_range(o.ms, least, most);
}

/* A listener that somebody else owns does not end what it was told to. */
static void
streams_of_who_is_revoked_end_elsewhere(void **state)
{
	pair();
	(void)route();
	revoke(REVOKE_USER, "user-ann");
	expect_kill(0, 1, WS_CLOSE_POLICY);
	/* It has its time, and says nothing. */
	assert_int_equal(fake_count(IMSG_SESSION_OVER), 0);
	fake_run(END_MS + 200);
	over(1, 0, 0);
	link_down(1, 0, 11);
	assert_int_equal(fake_count(IMSG_SESSION_OVER), 0);
	/* Or says that it has. */
	log_in(3, 0, 33, DOOR_ACCESS, "ann", NULL);
	link_up(3, 0, 33, 0);
	ask(3, 0, 33, "pi");
	answer(0, "id-pi");
	revoke(REVOKE_USER, "user-ann");
	assert_int_equal(fake_count(IMSG_SESSION_OVER), 0);
	killed(0, 3, 33);
	over(3, 1, END_MS);
	/* Or, before there is anything to end, that it is gone. */
	log_in(4, 0, 44, DOOR_ACCESS, "ann", NULL);
	link_up(4, 0, 44, 0);
	ask(4, 0, 44, "pi");
	answer(0, "id-pi");
	link_down(4, 0, 44);
	over(4, 1000, 120000);
	/* Who never had a way to a node there is nothing to it. */
	log_in(5, 0, 55, DOOR_ACCESS, "ann", NULL);
	link_up(5, 0, 55, 0);
	link_down(5, 0, 55);
	assert_int_equal(fake_count(IMSG_SESSION_OVER), 0);
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

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		ROUTER_CASE(route_is_made_once_and_shared),
		ROUTER_CASE(routes_that_are_not_given),
		ROUTER_CASE(node_leaves_while_its_ticket_is_under_way),
		ROUTER_CASE(node_comes_back_while_its_ticket_is_under_way),
		ROUTER_CASE(client_leaves_before_its_route),
		ROUTER_CASE(asks_are_asked_again_of_a_new_auth),
		ROUTER_CASE(asks_do_not_wait_for_ever),
		ROUTER_CASE(ticket_of_another_listener),
		ROUTER_CASE(list_of_nodes_knows_who_is_online),
		ROUTER_CASE(streams_are_written_down),
		ROUTER_CASE(stream_of_another_listener),
		ROUTER_CASE(stream_by_another_ones_ticket),
		ROUTER_CASE(many_streams),
		ROUTER_CASE(each_listener_has_its_part_of_the_streams),
		ROUTER_CASE(user_is_revoked),
		ROUTER_CASE(streams_of_who_is_revoked_end_elsewhere),
		ROUTER_CASE(node_is_revoked),
		ROUTER_CASE(revocation_of_nothing),
		ROUTER_CASE(revocation_while_a_listener_dies),
		ROUTER_CASE(two_revocations_of_one_link),
		ROUTER_CASE(revocation_answers_within_a_second),
	};

	router_begin();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
