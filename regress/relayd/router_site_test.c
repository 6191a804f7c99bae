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
 * The router: sites, as auth and the listeners see them.
 */

/*
 * link: regress/relayd/router_site_steps.c regress/relayd/router_fake.c
 * link: relayd/router*.c relayd/month.c
 * relayd/control_*.c relayd/memory.c libculvert.a
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

#include "msg_site.h"
#include "router.h"
#include "router_fake.h"
#include "router_site_steps.h"

/* ---- questions ---- */

static void
question_goes_to_auth_and_back(void **st)
{
	struct site	 s;

	assert_int_equal(ask_site(0, 5, "pi.example.org", 0), 0);
	assert_int_equal(ask_site(1, 5, "nas.example.org", 0), 0);
	assert_true(answer(0, SITE_PRIVATE, "x"));
	assert_true(answer(MUX_CODE_NO_NODE, 0, ""));
	told(0, 5, &s);
	assert_int_equal(s.code, 0);
	assert_int_equal(s.access, SITE_PRIVATE);
	assert_string_equal(s.service, "x");
	assert_int_equal(s.online, 0);
	assert_int_equal(s.last_seen, 1234);
	/* Who comes there logs in. */
	assert_true(s.session == 0);
	told(1, 5, &s);
	assert_int_equal(s.code, MUX_CODE_NO_NODE);
	assert_string_equal(s.host, "nas.example.org");
	node_up();
	assert_int_equal(ask_site(0, 6, "pi.example.org", 0), 0);
	assert_true(answer(0, SITE_PRIVATE, ""));
	told(0, 6, &s);
	assert_int_equal(s.online, 1);
}

static void
public_site_has_a_session_at_each_listener(void **st)
{
	uint64_t	 one = public(0, "pi.example.org");

	assert_true(public(0, "pi.example.org") == one);
	assert_true(public(1, "pi.example.org") != one);
	assert_true(public(0, "app.example.com") != one);
	assert_int_equal(router_counts.sessions, 0);
}

static void
what_passes_through_has_one_of_its_own(void **st)
{
	struct site	 s;
	uint64_t	 session;

	assert_int_equal(ask_site(0, 1, "app.example.com", 1), 0);
	assert_true(answer(0, SITE_PRIVATE, "tls"));
	told(0, 1, &s);
	session = s.session;
	assert_true(session != 0);
	assert_true(public(0, "app.example.com") != session);
}

static void
waits_for_auth_but_not_for_ever(void **st)
{
	struct site	 s;

	fake_down(A, 0);
	assert_int_equal(ask_site(0, 3, "pi.example.org", 0), 0);
	assert_int_equal(fake_count(IMSG_SITE), 0);
	fake_up(A, 0);
	fake_run(TICK);
	assert_true(answer(0, SITE_PUBLIC, ""));
	told(0, 3, &s);
	assert_int_equal(s.code, 0);
	/* It was asked, and has ended: its successor is asked again. */
	assert_int_equal(ask_site(0, 3, "pi.example.org", 0), 0);
	fake_down(A, 0);
	fake_clear();
	fake_up(A, 0);
	fake_run(TICK);
	/* And about the site with a session. */
	assert_int_equal(fake_count(IMSG_SITE_ASK), 2);
	assert_int_equal(fake_count(IMSG_SITE), 0);
	fake_run(5200);
	told(0, 3, &s);
	assert_int_equal(s.code, MUX_CODE_INTERNAL);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
}

static void
questions_are_bounded(void **st)
{
	struct site	 s;
	int		 i;

	fake_down(A, 0);
	for (i = 0; i < 1024; i++)
		assert_int_equal(ask_site(0, i, "pi.example.org", 0), 0);
	assert_int_equal(fake_count(IMSG_SITE), 0);
	assert_int_equal(ask_site(0, 2000, "pi.example.org", 0), 0);
	told(0, 2000, &s);
	assert_int_equal(s.code, MUX_CODE_INTERNAL);
	/* The other one has room. */
	assert_int_equal(ask_site(1, 1, "pi.example.org", 0), 0);
	assert_int_equal(fake_count(IMSG_SITE), 0);
}

static void
sites_are_bounded_and_unused_ones_make_room(void **st)
{
	uint64_t	 first, second;
	char		 host[64];
	size_t		 n;
	int		 i;

	first = public(0, "first.example.org");
	stream_up(5, first);
	second = public(0, "second.example.org");
	for (i = 2; i < 4096; i++) {
		snprintf(host, sizeof(host), "s%d.example.org", i);
		(void)public(0, host);
		fake_clear();
	}
	(void)sites_memory(&n);
	assert_int_equal(n, 4096);
	(void)public(0, "one-more.example.org");
	assert_true(kill_told(0) == second);
	(void)sites_memory(&n);
	assert_int_equal(n, 4096);
	/* It may be asked for again at once. */
	assert_true(public(0, "second.example.org") != second);
	kill_done(0, second);
}

/* However many of the oldest are in use, sooner or later there is room. */
static void
sites_in_use_are_not_looked_at_for_ever(void **st)
{
	struct site	 s;
	char		 host[64];
	int		 i;

	for (i = 0; i < 4096; i++) {
		snprintf(host, sizeof(host), "s%d.example.org", i);
		if (i < 100)
			stream_up(i + 1, public(0, host));
		else
			(void)public(0, host);
		fake_clear();
	}
	assert_int_equal(ask_site(0, 9, "one-more.example.org", 0), 0);
	assert_true(answer(0, SITE_PUBLIC, ""));
	told(0, 9, &s);
	assert_int_equal(s.code, MUX_CODE_INTERNAL);
	(void)public(0, "one-more.example.org");
}

static void
odd_messages_are_refused(void **st)
{
	struct site_ask		 a;
	struct site		 s;
	struct sites_changed	 c;

	assert_int_equal(ask_site(0, 1, "", 0), -1);
	assert_int_equal(ask_site(0, 1, "pi.example.org", 2), -1);
	memset(&a, 'a', sizeof(a));
	a.passthrough = 0;
	assert_int_equal(fake_say(L, 0, IMSG_SITE_ASK, 1, &a, sizeof(a)), -1);
	assert_int_equal(fake_say(L, 0, IMSG_SITE_ASK, 1, &a,
	    sizeof(a) - 1), -2);
	memset(&s, 0, sizeof(s));
	assert_int_equal(fake_say(A, 0, IMSG_SITE, 77, &s, sizeof(s)), -1);
	s.code = MUX_CODE_NO_NODE;
	assert_int_equal(fake_say(A, 0, IMSG_SITE, 77, &s, sizeof(s)), 0);
	s.session = 1;
	assert_int_equal(fake_say(A, 0, IMSG_SITE, 77, &s, sizeof(s)), -1);
	s.session = 0;
	memset(s.host, 'a', sizeof(s.host));
	assert_int_equal(fake_say(A, 0, IMSG_SITE, 77, &s, sizeof(s)), -1);
	assert_int_equal(fake_say(L, 0, IMSG_SITE, 77, &s, sizeof(s)), -2);
	memset(&c, 'a', sizeof(c));
	assert_int_equal(fake_say(A, 0, IMSG_SITES_CHANGED, 0, &c,
	    sizeof(c)), -1);
}

/* ---- streams ---- */

static void
session_has_a_route_to_its_node_alone(void **st)
{
	struct ticket		 t;
	struct ticket_id	 ok;
	struct route_ask	 a;
	struct route		 r;
	struct audit_event	 e;
	struct stream_down	 down;
	uint64_t		 session = public(0, "pi.example.org");

	node_up();
	memset(&a, 0, sizeof(a));
	a.session = session;
	strlcpy(a.node, "nas", sizeof(a.node));
	assert_int_equal(fake_say(L, 0, IMSG_ROUTE_ASK, 0, &a, sizeof(a)), 0);
	assert_true(fake_took(L, 0, IMSG_ROUTE, NULL, &r, sizeof(r)));
	assert_int_equal(r.code, MUX_CODE_DENIED);
	strlcpy(a.node, "pi", sizeof(a.node));
	/* Of another listener, or of a connection: no. */
	assert_int_equal(fake_say(L, 1, IMSG_ROUTE_ASK, 0, &a, sizeof(a)),
	    -1);
	assert_int_equal(fake_say(L, 0, IMSG_ROUTE_ASK, 1, &a, sizeof(a)),
	    -1);
	assert_int_equal(fake_say(L, 0, IMSG_ROUTE_ASK, 0, &a, sizeof(a)), 0);
	assert_int_equal(fake_count(IMSG_NODE_ASK), 0);
	assert_true(fake_took(L, 1, IMSG_TICKET, NULL, &t, sizeof(t)));
	/* For no more than that, and in nobody's name. */
	assert_int_equal(t.kind, MUX_KIND_HTTP);
	assert_int_equal(t.exact, 1);
	assert_string_equal(t.host, "");
	assert_int_equal(t.port_max, 0);
	assert_string_equal(t.email, "");
	ok.ticket = t.ticket;
	assert_int_equal(fake_say(L, 1, IMSG_TICKET_OK, 0, &ok, sizeof(ok)),
	    0);
	assert_true(fake_took(L, 0, IMSG_ROUTE, NULL, &r, sizeof(r)));
	assert_int_equal(r.code, 0);
	assert_int_equal(r.meters[0].what, METER_USER);
	assert_int_equal(r.meters[1].what, METER_NODE);
	assert_int_equal(r.meters[2].what, 0);
	stream_up(5, session);
	assert_int_equal(router_counts.streams, 1);
	memset(&down, 0, sizeof(down));
	down.id = 5;
	fake_clear();
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_DOWN, 0, &down,
	    sizeof(down)), 0);
	assert_true(fake_took(A, 0, IMSG_AUDIT, NULL, &e, sizeof(e)));
	assert_string_equal(e.email, "bob@example.org");
	assert_string_equal(e.addr, "192.0.2.7:4711");
	assert_string_equal(e.text, "by pi.example.org");
}

/* ---- ends ---- */

static void
site_that_is_public_no_more_ends(void **st)
{
	uint64_t	 one = public(0, "pi.example.org");
	uint64_t	 two = public(0, "grafana--pi.example.org");
	uint64_t	 other = public(1, "pi.example.org");
	struct ctl_end	 end;

	stream_up(5, one);
	stream_up(6, one);
	stream_up(7, two);
	fake_clear();
	revoke(REVOKE_SITE, "id-pi");
	/* Nothing ends before it is known what does. */
	assert_int_equal(fake_count(IMSG_SITE_ASK), 3);
	/* In the order of listeners and names: grafana's, then pi's. */
	assert_true(answer(0, SITE_PUBLIC, ""));
	assert_true(answer(0, SITE_PRIVATE, ""));
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	assert_true(answer(0, SITE_BASIC, ""));
	assert_int_equal(fake_count(IMSG_LINK_KILL), 2);
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 2);
	assert_true(kill_told(0) == one);
	assert_true(kill_told(1) == other);
	kill_done(0, one);
	assert_false(revoked(&end));
	kill_done(1, other);
	assert_true(revoked(&end));
	assert_int_equal(end.streams, 2);
	assert_true(public(0, "grafana--pi.example.org") == two);
}

static void
revocation_of_what_nobody_visits_is_answered(void **st)
{
	struct ctl_end	 end;

	revoke(REVOKE_SITE, "id-pi");
	assert_true(revoked(&end));
	assert_int_equal(end.streams, 0);
	/* Nor does any listener go by it. */
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 0);
}

static void
revocation_outlives_a_listener(void **st)
{
	struct ctl_end	 end;

	(void)public(0, "pi.example.org");
	revoke(REVOKE_SITE, "id-pi");
	assert_false(revoked(&end));
	fake_down(L, 0);
	assert_true(revoked(&end));
}

static void
change_ends_what_leads_elsewhere(void **st)
{
	uint64_t	 one = public(0, "pi.example.org");

	changed("id-nas");
	assert_int_equal(fake_count(IMSG_SITE_ASK), 0);
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 1);
	fake_clear();
	changed("id-pi");
	changed("");
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 2);
	assert_true(answer(0, SITE_PUBLIC, ""));
	/* The store can't be read: nothing is known to have changed. */
	assert_true(answer(MUX_CODE_INTERNAL, 0, ""));
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	changed("");
	assert_true(answer(0, SITE_PUBLIC, "grafana"));
	assert_true(kill_told(0) == one);
	/* Another comes in its place at once. */
	assert_true(public(0, "pi.example.org") != one);
	kill_done(0, one);
}

static void
answer_to_a_listener_ends_it_as_well(void **st)
{
	uint64_t	 one = public(0, "pi.example.org");
	struct site	 s;

	assert_int_equal(ask_site(0, 4, "pi.example.org", 0), 0);
	assert_true(answer(MUX_CODE_NO_NODE, 0, ""));
	told(0, 4, &s);
	assert_true(s.session == 0);
	assert_true(kill_told(0) == one);
	kill_done(0, one);
}

static void
owner_or_node_is_revoked(void **st)
{
	uint64_t	 one = public(0, "pi.example.org");
	struct ctl_end	 end;

	stream_up(5, one);
	fake_clear();
	revoke(REVOKE_USER, "user-bob");
	assert_true(kill_told(0) == one);
	assert_int_equal(fake_count(IMSG_SITES_CHANGED), 1);
	kill_done(0, one);
	assert_true(revoked(&end));
	assert_int_equal(end.streams, 1);
	one = public(0, "pi.example.org");
	fake_clear();
	revoke(REVOKE_NODE, "id-pi");
	assert_true(kill_told(0) == one);
	kill_done(0, one);
	assert_true(revoked(&end));
	revoke(REVOKE_USER, "user-eve");
	assert_true(revoked(&end));
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
}

/* ---- restarts ---- */

static void
new_auth_is_asked_about_all(void **st)
{
	uint64_t	 one = public(0, "pi.example.org");
	uint64_t	 two = public(1, "app.example.com");

	stream_up(5, one);
	fake_down(A, 0);
	fake_clear();
	fake_up(A, 0);
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_SITE_ASK), 2);
	assert_true(answer(0, SITE_PUBLIC, ""));
	assert_true(answer(MUX_CODE_NO_NODE, 0, ""));
	assert_true(kill_told(1) == two);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	kill_done(1, two);
	assert_int_equal(router_counts.streams, 1);
}

/* Some was known to end when auth died under the revocation. */
static void
auth_dies_in_a_revocation(void **st)
{
	uint64_t	 app = public(0, "app.example.com");
	uint64_t	 pi = public(0, "pi.example.org");

	fake_clear();
	revoke(REVOKE_SITE, "id-pi");
	assert_true(answer(0, SITE_PRIVATE, ""));
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	fake_down(A, 0);
	assert_true(kill_told(0) == app);
	kill_done(0, app);
	fake_clear();
	fake_up(A, 0);
	fake_run(TICK);
	assert_true(answer(0, SITE_PRIVATE, ""));
	assert_true(kill_told(0) == pi);
	kill_done(0, pi);
}

static void
full_queue_of_auth_delays_questions(void **st)
{
	struct site	 s;

	fake_queued(A, 0, PROC_QUEUE_HIGH + 1);
	assert_int_equal(ask_site(0, 3, "pi.example.org", 0), 0);
	assert_int_equal(fake_count(IMSG_SITE_ASK), 0);
	fake_queued(A, 0, 0);
	fake_run(TICK);
	assert_true(answer(0, SITE_PUBLIC, ""));
	told(0, 3, &s);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, fake_setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(question_goes_to_auth_and_back),
		T(public_site_has_a_session_at_each_listener),
		T(what_passes_through_has_one_of_its_own),
		T(waits_for_auth_but_not_for_ever),
		T(questions_are_bounded),
		T(sites_are_bounded_and_unused_ones_make_room),
		T(sites_in_use_are_not_looked_at_for_ever),
		T(odd_messages_are_refused),
		T(session_has_a_route_to_its_node_alone),
		T(site_that_is_public_no_more_ends),
		T(revocation_of_what_nobody_visits_is_answered),
		T(revocation_outlives_a_listener),
		T(change_ends_what_leads_elsewhere),
		T(answer_to_a_listener_ends_it_as_well),
		T(owner_or_node_is_revoked),
		T(new_auth_is_asked_about_all),
		T(auth_dies_in_a_revocation),
		T(full_queue_of_auth_delays_questions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	fake_serve();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
