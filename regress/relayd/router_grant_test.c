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
 * The router: tickets that rest on grants, and how they end.
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

#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define A	PROC_AUTH

/* ---- steps ---- */

static int
setup(void **state)
{
	router_old.present = 3;
	return (fake_setup(state));
}

static int
teardown(void **state)
{
	fake_queued(L, 1, 0);
	fake_up(L, 0);
	fake_up(L, 1);
	fake_run(60);
	fake_down(L, 0);
	fake_down(L, 1);
	fake_run(50);
	fake_down(A, 0);
	fake_clear();
	if (router_counts.sessions != 0 || router_counts.tickets != 0 ||
	    router_counts.asks != 0)
		return (-1);
	return (0);
}

/* Clients 1 and 3 at listener 0, a node at listener 1. */
static void
links(void)
{
	link_new(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	link_new(3, 0, 13, DOOR_ACCESS, "eve", NULL);
	link_new(2, 1, 22, DOOR_NODE, "bob", "pi");
	fake_clear();
}

static void
grant_like(struct grant *g, const char *id, const char *targets)
{
	memset(g, 0, sizeof(*g));
	strlcpy(g->id, id, sizeof(g->id));
	g->scopes = id[0] == '\0' ? 0 : SCOPE_CONNECT;
	strlcpy(g->targets, targets, sizeof(g->targets));
}

/* Auth's answer to the question it was asked last; "": the node is theirs. */
static void
answer(uint32_t code, const char *grant, const char *targets)
{
	struct node_answer	 ans;
	struct node_ask		 q;
	uint32_t		 id;

	assert_true(fake_took(A, 0, IMSG_NODE_ASK, &id, &q, sizeof(q)));
	memset(&ans, 0, sizeof(ans));
	ans.session = q.session;
	ans.code = code;
	strlcpy(ans.node, q.node, sizeof(ans.node));
	strlcpy(ans.node_id, "id-pi", sizeof(ans.node_id));
	grant_like(&ans.grant, grant, targets);
	assert_int_equal(fake_say(A, 0, IMSG_NODE_ANSWER, id, &ans,
	    sizeof(ans)), 0);
}

static void
expect_grant(int listener, const char *id, const char *targets)
{
	struct grant	 g;

	assert_true(fake_took(L, listener, IMSG_GRANT, NULL, &g, sizeof(g)));
	assert_string_equal(g.id, id);
	assert_string_equal(g.targets, targets);
	assert_int_equal(g.scopes, SCOPE_CONNECT);
}

static uint64_t
ticket(const char *grant)
{
	struct ticket	 t;

	assert_true(fake_took(L, 1, IMSG_TICKET, NULL, &t, sizeof(t)));
	assert_string_equal(t.grant, grant);
	return (t.ticket);
}

static void
ticket_ok(uint64_t id)
{
	struct ticket_id	 ok = { .ticket = id };

	assert_int_equal(fake_say(L, 1, IMSG_TICKET_OK, 0, &ok, sizeof(ok)),
	    0);
}

static uint32_t
route(const char *grant)
{
	struct route	 r;

	assert_true(fake_took(L, 0, IMSG_ROUTE, NULL, &r, sizeof(r)));
	assert_string_equal(r.grant, grant);
	return (r.code);
}

/* The whole way of client 1 by grant "g". */
static uint64_t
granted(void)
{
	uint64_t	 id;

	ask(1, 0, 11, "pi");
	answer(0, "g", "*:22");
	expect_grant(1, "g", "*:22");
	id = ticket("g");
	ticket_ok(id);
	expect_grant(0, "g", "*:22");
	assert_int_equal(route("g"), 0);
	fake_clear();
	return (id);
}

static void
revoke(const char *id, uint32_t scopes, const char *targets)
{
	struct revoke	 r;

	memset(&r, 0, sizeof(r));
	r.what = REVOKE_GRANT;
	strlcpy(r.id, id, sizeof(r.id));
	strlcpy(r.text, "gone", sizeof(r.text));
	strlcpy(r.left.id, id, sizeof(r.left.id));
	strlcpy(r.left.targets, targets, sizeof(r.left.targets));
	r.left.scopes = scopes;
	assert_int_equal(fake_say(A, 0, IMSG_REVOKE, 88, &r, sizeof(r)), 0);
}

/* What a listener is to end; the job. */
static uint32_t
told(int listener, uint32_t relayed)
{
	struct revoke	 r;
	uint32_t	 job;

	assert_true(fake_took(L, listener, IMSG_GRANT_END, &job, &r,
	    sizeof(r)));
	assert_string_equal(r.id, "g");
	assert_string_equal(r.text, "gone");
	assert_int_equal(r.relayed, relayed);
	return (job);
}

static void
has_ended(int listener, uint32_t job, uint32_t streams)
{
	struct grant_ended	 e = { .streams = streams };

	assert_int_equal(fake_say(L, listener, IMSG_GRANT_ENDED, job, &e,
	    sizeof(e)), 0);
}

static void
expect_revoked(uint32_t streams, struct ctl_end *end)
{
	uint32_t	 id;

	assert_true(fake_took(A, 0, IMSG_REVOKED, &id, end, sizeof(*end)));
	assert_int_equal(id, 88);
	assert_int_equal(end->links, 0);
	assert_int_equal(end->streams, streams);
}

/* ---- tickets ---- */

static void
listeners_hear_what_a_grant_gives_first(void **state)
{
	links();
	(void)granted();
	/* Of the owner nothing is said. */
	ask(3, 0, 13, "pi");
	answer(0, "", "");
	ticket_ok(ticket(""));
	assert_int_equal(route(""), 0);
	assert_int_equal(fake_count(IMSG_GRANT), 0);
}

static void
a_changed_grant_makes_a_new_ticket(void **state)
{
	struct ticket_id	 drop;
	uint64_t		 old, new;

	links();
	old = granted();
	ask(1, 0, 11, "pi");
	answer(0, "g", "*:22");
	/* The same: the ticket is there. */
	assert_int_equal(route("g"), 0);
	assert_int_equal(fake_count(IMSG_TICKET), 0);
	fake_clear();
	ask(1, 0, 11, "pi");
	answer(0, "g", "*:80");
	assert_true(fake_took(L, 1, IMSG_TICKET_DROP, NULL, &drop,
	    sizeof(drop)));
	assert_int_equal(drop.ticket, old);
	assert_true(fake_took(L, 0, IMSG_TICKET_DROP, NULL, &drop,
	    sizeof(drop)));
	assert_int_equal(drop.ticket, old);
	expect_grant(1, "g", "*:80");
	new = ticket("g");
	assert_int_not_equal(new, old);
	ticket_ok(new);
	expect_grant(0, "g", "*:80");
	assert_int_equal(route("g"), 0);
	assert_int_equal(router_counts.tickets, 1);
}

static void
who_waits_for_a_ticket_is_judged_anew(void **state)
{
	links();
	ask(1, 0, 11, "pi");
	answer(0, "g", "*:22");
	(void)ticket("g");
	revoke("g", 0, "");
	assert_int_equal(router_counts.tickets, 0);
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	answer(MUX_CODE_DENIED, "", "");
	assert_int_equal(route(""), MUX_CODE_DENIED);
}

static void
who_waits_while_auth_is_away_is_judged_by_the_next(void **state)
{
	links();
	ask(1, 0, 11, "pi");
	answer(0, "g", "*:22");
	(void)ticket("g");
	revoke("g", 0, "");
	fake_clear();
	fake_down(A, 0);
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	fake_up(A, 0);
	answer(MUX_CODE_DENIED, "", "");
	assert_int_equal(route(""), MUX_CODE_DENIED);
}

static void
who_waits_for_a_late_node_is_judged_anew(void **state)
{
	link_new(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	fake_clear();
	routes_patience(3000);
	ask(1, 0, 11, "pi");
	answer(0, "g", "*:22");
	assert_int_equal(fake_count(IMSG_ROUTE), 0);
	revoke("g", 0, "");
	link_new(2, 1, 22, DOOR_NODE, "bob", "pi");
	assert_int_equal(fake_count(IMSG_TICKET), 0);
	answer(MUX_CODE_DENIED, "", "");
	assert_int_equal(route(""), MUX_CODE_DENIED);
	routes_patience(0);
}

/* ---- ends ---- */

static void
all_listeners_end_it_and_are_counted_once(void **state)
{
	struct ctl_end	 end;
	uint32_t	 job;

	links();
	(void)granted();
	revoke("g", 0, "");
	assert_int_equal(router_counts.tickets, 0);
	assert_int_equal(fake_count(IMSG_TICKET_DROP), 2);
	job = told(0, 0);
	assert_int_equal(told(1, 0), job);
	has_ended(0, job, 3);
	/* It says so once. */
	has_ended(0, job, 3);
	assert_int_equal(fake_count(IMSG_GRANT_END), 0);
	has_ended(1, job, 2);
	/* Then those that they relay. */
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
	has_ended(1, job, 7);
	job = told(0, 1);
	assert_int_equal(told(1, 1), job);
	has_ended(0, job, 0);
	has_ended(1, job, 0);
	expect_revoked(5, &end);
	assert_string_equal(end.text, "");
	/* The sessions go on. */
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	assert_non_null(session_find(1));
}

static void
other_grants_go_on(void **state)
{
	links();
	(void)granted();
	ask(3, 0, 13, "pi");
	answer(0, "h", "");
	ticket_ok(ticket("h"));
	assert_int_equal(route("h"), 0);
	fake_clear();
	revoke("g", SCOPE_CONNECT, "*:80");
	assert_int_equal(router_counts.tickets, 1);
	assert_int_equal(fake_count(IMSG_TICKET_DROP), 2);
	has_ended(0, told(0, 0), 0);
	has_ended(1, told(1, 0), 0);
	has_ended(0, told(0, 1), 0);
	has_ended(1, told(1, 1), 0);
	assert_int_equal(fake_count(IMSG_REVOKED), 1);
}

static void
a_listener_that_dies_has_ended_its_own(void **state)
{
	struct ctl_end	 end;
	uint32_t	 job;

	links();
	revoke("g", 0, "");
	job = told(0, 0);
	assert_int_equal(told(1, 0), job);
	has_ended(0, job, 1);
	fake_down(L, 1);
	/* Its successor is told as well, whatever it has. */
	has_ended(0, told(0, 1), 0);
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
	fake_up(L, 1);
	has_ended(1, told(1, 1), 0);
	expect_revoked(1, &end);
}

static void
a_listener_that_comes_late_is_told(void **state)
{
	struct ctl_end	 end;

	fake_down(L, 1);
	fake_clear();
	revoke("g", 0, "");
	has_ended(0, told(0, 0), 0);
	assert_int_equal(fake_count(IMSG_GRANT_END), 0);
	fake_up(L, 1);
	has_ended(1, told(1, 0), 4);
	has_ended(0, told(0, 1), 0);
	has_ended(1, told(1, 1), 0);
	expect_revoked(4, &end);
}

static void
a_full_queue_delays_it_but_loses_nothing(void **state)
{
	struct ctl_end	 end;
	uint32_t	 job;

	fake_queued(L, 1, PROC_QUEUE_MAX + 1);
	revoke("g", 0, "");
	job = told(0, 0);
	assert_int_equal(fake_count(IMSG_GRANT_END), 0);
	has_ended(0, job, 2);
	/* The answer does not wait for it. */
	fake_run(END_MS + 200);
	expect_revoked(2, &end);
	assert_in_range(end.ms, END_MS, END_MS + 300);
	assert_non_null(strstr(end.text, "1 listeners"));
	(void)told(0, 1);
	fake_queued(L, 1, 0);
	fake_run(60);
	/* It ends both kinds now. */
	(void)told(1, 1);
	assert_int_equal(fake_count(IMSG_GRANT_END), 0);
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
}

static void
without_listeners_there_is_nothing_to_wait_for(void **state)
{
	struct ctl_end	 end;

	fake_down(L, 0);
	fake_down(L, 1);
	router_old.present = 0;
	fake_clear();
	revoke("g", 0, "");
	expect_revoked(0, &end);
}

static void
two_ends_of_one_grant(void **state)
{
	struct ctl_end	 end;
	uint32_t	 a, b;

	revoke("g", SCOPE_CONNECT, "*:80");
	revoke("g", 0, "");
	a = told(0, 0);
	b = told(0, 0);
	assert_int_not_equal(a, b);
	assert_int_equal(told(1, 0), a);
	assert_int_equal(told(1, 0), b);
	has_ended(0, b, 1);
	has_ended(1, b, 1);
	has_ended(0, told(0, 1), 0);
	has_ended(1, told(1, 1), 0);
	expect_revoked(2, &end);
	has_ended(0, a, 5);
	has_ended(1, a, 0);
	has_ended(0, told(0, 1), 0);
	has_ended(1, told(1, 1), 0);
	expect_revoked(5, &end);
}

static void
what_makes_no_sense_is_refused(void **state)
{
	struct node_answer	 ans;
	struct revoke		 r;
	struct grant		 used;

	memset(&r, 0, sizeof(r));
	r.what = REVOKE_GRANT;
	strlcpy(r.id, "g", sizeof(r.id));
	strlcpy(r.left.id, "h", sizeof(r.left.id));
	assert_int_equal(fake_say(A, 0, IMSG_REVOKE, 1, &r, sizeof(r)), -1);
	strlcpy(r.left.id, "g", sizeof(r.left.id));
	memset(r.left.targets, '1', sizeof(r.left.targets));
	assert_int_equal(fake_say(A, 0, IMSG_REVOKE, 1, &r, sizeof(r)), -1);
	r.left.targets[0] = '\0';
	r.what = END_LINK;
	assert_int_equal(fake_say(A, 0, IMSG_REVOKE, 1, &r, sizeof(r)), -1);
	memset(&ans, 0, sizeof(ans));
	strlcpy(ans.node_id, "id-pi", sizeof(ans.node_id));
	memset(ans.grant.targets, '1', sizeof(ans.grant.targets));
	assert_int_equal(fake_say(A, 0, IMSG_NODE_ANSWER, 1, &ans,
	    sizeof(ans)), -1);
	memset(&used, 0, sizeof(used));
	assert_int_equal(fake_say(L, 0, IMSG_GRANT_USED, 0, &used,
	    sizeof(used)), -1);
	memset(&used, 'g', sizeof(used));
	assert_int_equal(fake_say(L, 0, IMSG_GRANT_USED, 0, &used,
	    sizeof(used)), -1);
	strlcpy(used.id, "g", sizeof(used.id));
	assert_int_equal(fake_say(L, 0, IMSG_GRANT_USED, 0, &used,
	    sizeof(used)), -1);
	/* A listener ends no grants. */
	assert_int_equal(fake_say(L, 0, IMSG_REVOKE, 1, &r, sizeof(r)), -2);
	assert_int_equal(fake_say(L, 0, IMSG_GRANTS_ASK, 0, NULL, 0), -2);
}

/* ---- after a restart ---- */

static void
a_new_auth_hears_what_is_in_use(void **state)
{
	struct grant	 used;

	fake_down(A, 0);
	fake_up(A, 0);
	fake_clear();
	assert_int_equal(fake_say(A, 0, IMSG_GRANTS_ASK, 0, NULL, 0), 0);
	assert_true(fake_took(L, 0, IMSG_GRANTS_ASK, NULL, NULL, 0));
	assert_true(fake_took(L, 1, IMSG_GRANTS_ASK, NULL, NULL, 0));
	memset(&used, 0, sizeof(used));
	strlcpy(used.id, "g", sizeof(used.id));
	assert_int_equal(fake_say(L, 1, IMSG_GRANT_USED, 0, &used,
	    sizeof(used)), 0);
	memset(&used, 0, sizeof(used));
	assert_true(fake_took(A, 0, IMSG_GRANT_USED, NULL, &used,
	    sizeof(used)));
	assert_string_equal(used.id, "g");
}

static void
so_many_grants_are_in_use_and_no_more(void **state)
{
	struct grant	 used;
	uint32_t	 i, n = 0;

	memset(&used, 0, sizeof(used));
	for (i = 0; i < 65540; i++) {
		snprintf(used.id, sizeof(used.id), "%u", i);
		assert_int_equal(fake_say(L, 0, IMSG_GRANT_USED, 0, &used,
		    sizeof(used)), 0);
		n += fake_count(IMSG_GRANT_USED);
		fake_clear();
	}
	assert_int_equal(n, 65536);
	/* Whoever is asked again may say so again. */
	assert_int_equal(fake_say(A, 0, IMSG_GRANTS_ASK, 0, NULL, 0), 0);
	fake_clear();
	assert_int_equal(fake_say(L, 0, IMSG_GRANT_USED, 0, &used,
	    sizeof(used)), 0);
	assert_int_equal(fake_count(IMSG_GRANT_USED), 1);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(listeners_hear_what_a_grant_gives_first),
		T(a_changed_grant_makes_a_new_ticket),
		T(who_waits_for_a_ticket_is_judged_anew),
		T(who_waits_while_auth_is_away_is_judged_by_the_next),
		T(who_waits_for_a_late_node_is_judged_anew),
		T(all_listeners_end_it_and_are_counted_once),
		T(other_grants_go_on),
		T(a_listener_that_dies_has_ended_its_own),
		T(a_listener_that_comes_late_is_told),
		T(a_full_queue_delays_it_but_loses_nothing),
		T(without_listeners_there_is_nothing_to_wait_for),
		T(two_ends_of_one_grant),
		T(what_makes_no_sense_is_refused),
		T(a_new_auth_hears_what_is_in_use),
		T(so_many_grants_are_in_use_and_no_more),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	fake_serve();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
