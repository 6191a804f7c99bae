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
 * The router: published ports, as auth, the parent and the listeners see
 * them.
 */

/*
 * link: regress/relayd/router_publish_steps.c regress/relayd/router_fake.c
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

#include "msg_publish.h"
#include "router.h"
#include "router_fake.h"
#include "router_publish_steps.h"

/* ---- opening ---- */

static void
port_is_opened_and_served(void **st)
{
	struct ctl_publish	 c;
	struct publication	 p;

	publication(&p, "one", "2222");
	say_publication(&p);
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 0);
	state("one", &c);
	assert_int_equal(c.state, CTL_PUBLISH_OPENING);
	published("one", PUBLISH_OK, "");
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 2);
	state("one", &c);
	assert_int_equal(c.state, CTL_PUBLISH_OPEN);
	assert_int_equal(c.online, 0);
	node_up();
	state("one", &c);
	assert_int_equal(c.online, 1);
	/* Again, as auth does after each change: nothing happens. */
	fake_clear();
	say_publication(&p);
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 0);
	assert_int_equal(fake_count(IMSG_PUBLISH), 0);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
}

static void
taken_port_is_tried_again(void **st)
{
	struct ctl_publish	 c;
	struct publication	 p;
	int			 i;

	publication(&p, "one", "2222");
	say_publication(&p);
	/* First often, for what has just been closed. */
	for (i = 0; i < 5; i++) {
		published("one", PUBLISH_TAKEN, "in use");
		state("one", &c);
		assert_int_equal(c.state, CTL_PUBLISH_OPENING);
		fake_run(500);
	}
	published("one", PUBLISH_TAKEN, "in use");
	state("one", &c);
	assert_int_equal(c.state, CTL_PUBLISH_FAILED);
	assert_string_equal(c.text, "in use");
	fake_run(500);
	assert_int_equal(fake_count(IMSG_PUBLISH), 0);
	assert_int_equal(fake_count(IMSG_PORT), 0);
	/* Auth's word makes it try at once. */
	say_publication(&p);
	published("one", PUBLISH_OK, "");
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 2);
	state("one", &c);
	assert_int_equal(c.state, CTL_PUBLISH_OPEN);
}

static void
try_is_answered_and_kept(void **st)
{
	struct publish_result	 res;
	struct publication	 p;
	uint32_t		 id;

	publication(&p, "one", "2222");
	assert_int_equal(fake_say(A, 0, IMSG_PUBLISH_TRY, 42, &p, sizeof(p)),
	    0);
	published("one", PUBLISH_OK, "");
	assert_true(fake_took(A, 0, IMSG_PUBLISH_TRIED, &id, &res,
	    sizeof(res)));
	assert_int_equal(id, 42);
	assert_int_equal(res.code, PUBLISH_OK);
	/* Not before auth has kept it. */
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 0);
	/* What is being tried is not among those that there are. */
	serial++;
	say_publications(1);
	say_publications(0);
	assert_int_equal(fake_count(IMSG_UNPUBLISH), 0);
	say_publication(&p);
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 2);
}

static void
try_that_fails_leaves_nothing(void **st)
{
	struct publish_result	 res;
	struct publication	 p;

	publication(&p, "one", "2222");
	assert_int_equal(fake_say(A, 0, IMSG_PUBLISH_TRY, 42, &p, sizeof(p)),
	    0);
	published("one", PUBLISH_DENIED, "no");
	assert_true(fake_took(A, 0, IMSG_PUBLISH_TRIED, NULL, &res,
	    sizeof(res)));
	assert_int_equal(res.code, PUBLISH_DENIED);
	assert_string_equal(res.text, "no");
	assert_int_equal(fake_say(A, 0, IMSG_PUBLISH_TRY, 43, &p, sizeof(p)),
	    0);
	published("one", PUBLISH_OK, "");
	/* It was never kept. */
	revoke(REVOKE_PORT, "one");
	assert_int_equal(fake_count(IMSG_UNPUBLISH), 1);
	assert_int_equal(fake_count(IMSG_REVOKED), 1);
}

static void
what_is_not_named_again_is_closed(void **st)
{
	struct publication_id	 id;
	struct publication	 p;

	open_port("one", "2222");
	open_port("two", "2223");
	publication(&p, "two", "2223");
	serial++;
	say_publications(1);
	say_publication(&p);
	/* The end of another list says nothing. */
	serial++;
	say_publications(0);
	assert_int_equal(fake_count(IMSG_UNPUBLISH), 0);
	serial--;
	say_publications(0);
	assert_true(fake_took(P, 0, IMSG_UNPUBLISH, NULL, &id, sizeof(id)));
	assert_string_equal(id.id, "one");
	assert_int_equal(fake_count(IMSG_UNPUBLISH), 0);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 2);
}

static void
change_ends_what_was(void **st)
{
	uint64_t		 session = open_port("one", "2222");
	struct publication	 p;

	publication(&p, "one", "2222");
	strlcpy(p.node, "pie", sizeof(p.node));
	say_publication(&p);
	killed(0, &session);
	killed(1, NULL);
	published("one", PUBLISH_OK, "");
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 2);
}

static void
bad_publications_are_refused(void **st)
{
	struct publication	 p;

	publication(&p, "", "2222");
	assert_int_equal(fake_say(A, 0, IMSG_PUBLICATION, 0, &p, sizeof(p)),
	    -1);
	publication(&p, "one", "2222");
	p.node[0] = '\0';
	assert_int_equal(fake_say(A, 0, IMSG_PUBLICATION, 0, &p, sizeof(p)),
	    -1);
	publication(&p, "one", "2222");
	memset(p.host, 'x', sizeof(p.host));
	assert_int_equal(fake_say(A, 0, IMSG_PUBLICATION, 0, &p, sizeof(p)),
	    -1);
	publication(&p, "one", "2222");
	p.nfrom = PUBLISH_FROM_MAX + 1;
	assert_int_equal(fake_say(A, 0, IMSG_PUBLICATION, 0, &p, sizeof(p)),
	    -1);
	publication(&p, "one", "2222");
	p.spec.port_min = 0;
	assert_int_equal(fake_say(A, 0, IMSG_PUBLICATION, 0, &p, sizeof(p)),
	    -1);
	/* And from nobody else. */
	publication(&p, "one", "2222");
	assert_int_equal(fake_say(L, 0, IMSG_PUBLICATION, 0, &p, sizeof(p)),
	    -2);
}

/* ---- routes and streams ---- */

static void
port_gets_a_route_without_auth(void **st)
{
	uint64_t	 session = open_port("one", "2222");
	struct ticket_id ok;
	struct ticket	 t;
	struct route	 r;

	ask(session, 0, 0, "pi");
	assert_int_equal(route_code(0), MUX_CODE_NODE_OFFLINE);
	node_up();
	ask(session, 0, 0, "pi");
	assert_int_equal(fake_count(IMSG_NODE_ASK), 0);
	assert_true(fake_took(L, 1, IMSG_TICKET, NULL, &t, sizeof(t)));
	assert_int_equal(t.from, 0);
	assert_int_equal(t.kind, MUX_KIND_TCP);
	assert_int_equal(t.exact, 1);
	assert_string_equal(t.host, "127.0.0.1");
	assert_int_equal(t.port_min, 22);
	assert_int_equal(t.port_max, 22);
	assert_string_equal(t.email, "");
	ok.ticket = t.ticket;
	assert_int_equal(fake_say(L, 1, IMSG_TICKET_OK, 0, &ok, sizeof(ok)),
	    0);
	assert_true(fake_took(L, 0, IMSG_ROUTE, NULL, &r, sizeof(r)));
	assert_int_equal(r.code, 0);
	assert_true(r.session == session);
	assert_int_equal(r.listener, 1);
	/* To its own node only. */
	ask(session, 0, 0, "other");
	assert_int_equal(route_code(0), MUX_CODE_DENIED);
	/* It has no connection, and no other listener has it. */
	assert_int_equal(fake_ask(session, 0, 5, "pi"), -1);
	assert_int_equal(fake_ask(session, 1, 0, "pi"), -1);
}

static void
streams_are_its_owners(void **st)
{
	uint64_t		 session = open_port("one", "2222");
	struct audit_event	 a;
	struct ctl_publish	 c;
	struct ctl_conn		 conn;

	stream_up(5, session);
	state("one", &c);
	assert_int_equal(c.streams, 1);
	assert_int_equal(stream_next(0, &conn), 0);
	assert_string_equal(conn.email, "bob@example.org");
	assert_string_equal(conn.addr, "192.0.2.7:4711");
	stream_down(5);
	assert_true(fake_took(A, 0, IMSG_AUDIT, NULL, &a, sizeof(a)));
	assert_int_equal(a.what, AUDIT_STREAM);
	assert_string_equal(a.addr, "192.0.2.7:4711");
	assert_string_equal(a.email, "bob@example.org");
	assert_string_equal(a.text, "by 0.0.0.0:2222/tcp");
	state("one", &c);
	assert_int_equal(c.streams, 0);
}

/* ---- revocations ---- */

static void
removal_ends_it(void **st)
{
	uint64_t		 session = open_port("one", "2222");
	struct ctl_publish	 c;
	struct ctl_end		 end;

	open_port("two", "2223");
	stream_up(5, session);
	stream_up(6, session);
	revoke(REVOKE_PORT, "one");
	assert_int_equal(fake_count(IMSG_UNPUBLISH), 1);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 2);
	stream_down(5);
	stream_down(6);
	killed(0, &session);
	assert_int_equal(fake_count(IMSG_REVOKED), 0);
	killed(1, NULL);
	assert_true(fake_took(A, 0, IMSG_REVOKED, NULL, &end, sizeof(end)));
	assert_int_equal(end.streams, 2);
	assert_int_equal(end.links, 0);
	state("one", &c);
	assert_int_equal(c.state, CTL_PUBLISH_OPENING);
	state("two", &c);
	assert_int_equal(c.state, CTL_PUBLISH_OPEN);
	/* The listener speaks of what is over: a race. */
	stream_up(7, session);
	ask(session, 0, 0, "pi");
	assert_int_equal(route_code(0), MUX_CODE_DENIED);
}

static void
owner_is_revoked(void **st)
{
	uint64_t		 session = open_port("one", "2222");
	struct publication	 p;
	struct ctl_end		 end;

	stream_up(5, session);
	revoke(REVOKE_USER, "user-bob");
	stream_down(5);
	killed(0, &session);
	killed(1, NULL);
	assert_true(fake_took(A, 0, IMSG_REVOKED, NULL, &end, sizeof(end)));
	assert_int_equal(end.streams, 1);
	/* Nothing is served until auth names it again. */
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 0);
	publication(&p, "one", "2222");
	say_publication(&p);
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 2);
}

static void
node_is_removed(void **st)
{
	uint64_t	 session = open_port("one", "2222");

	revoke(REVOKE_NODE, "id-other");
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	revoke(REVOKE_NODE, "id-pi");
	killed(0, &session);
	killed(1, NULL);
	assert_int_equal(fake_count(IMSG_REVOKED), 2);
}

static void
reload_takes_the_right_away(void **st)
{
	uint64_t		 session = open_port("one", "2222");
	struct publish_result	 res;
	struct ctl_publish	 c;

	/* The parent has closed it, before auth knows. */
	memset(&res, 0, sizeof(res));
	strlcpy(res.id, "one", sizeof(res.id));
	res.code = PUBLISH_DENIED;
	strlcpy(res.text, "no longer", sizeof(res.text));
	assert_int_equal(fake_say(P, 0, IMSG_PUBLISHED, 0, &res,
	    sizeof(res)), 0);
	killed(0, &session);
	killed(1, NULL);
	state("one", &c);
	assert_int_equal(c.state, CTL_PUBLISH_FAILED);
	assert_string_equal(c.text, "no longer");
}

/* ---- processes that come and go ---- */

static void
new_listener_is_told(void **st)
{
	uint64_t	 session = open_port("one", "2222");
	struct port	 port;

	stream_up(5, session);
	fake_down(L, 0);
	assert_int_equal(router_counts.streams, 0);
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 0);
	fake_up(L, 0);
	fake_run(TICK);
	assert_true(fake_took(L, 0, IMSG_PORT, NULL, &port, sizeof(port)));
	assert_true(port.session != session);
	assert_int_equal(fake_count(IMSG_PORT), 0);
}

static void
listener_hears_the_end_of_the_list(void **st)
{
	struct publication	 p;

	/* Of the tests before us it has heard already. */
	fake_down(L, 0);
	fake_up(L, 0);
	publication(&p, "one", "2222");
	serial++;
	say_publications(1);
	say_publication(&p);
	say_publications(0);
	fake_run(TICK);
	/* Not while the parent is still opening one. */
	assert_int_equal(fake_count(IMSG_PORTS_END), 0);
	published("one", PUBLISH_OK, "");
	fake_run(TICK);
	assert_true(fake_took(L, 0, IMSG_PORT, NULL, NULL, 0));
	assert_true(fake_took(L, 0, IMSG_PORTS_END, NULL, NULL, 0));
}

static void
listener_is_told_no_faster_than_it_reads(void **st)
{
	struct publication	 p;

	fake_queued(L, 0, PROC_QUEUE_HIGH + 1);
	publication(&p, "one", "2222");
	say_publication(&p);
	published("one", PUBLISH_OK, "");
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 1);
	fake_queued(L, 0, 0);
	fake_run(TICK);
	assert_int_equal(fake_count(IMSG_PORT), 2);
}

static void
new_auth_changes_nothing(void **st)
{
	uint64_t	 session = open_port("one", "2222");

	fake_down(A, 0);
	fake_up(A, 0);
	fake_run(TICK);
	/* It is not asked about a session that it never made. */
	assert_int_equal(fake_count(IMSG_SESSION_KNOWN), 0);
	assert_int_equal(fake_count(IMSG_SESSION_CHECK), 0);
	assert_int_equal(fake_count(IMSG_LINK_KILL), 0);
	stream_up(5, session);
	assert_int_equal(router_counts.streams, 1);
	stream_down(5);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, fake_setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(port_is_opened_and_served),
		T(taken_port_is_tried_again),
		T(try_is_answered_and_kept),
		T(try_that_fails_leaves_nothing),
		T(what_is_not_named_again_is_closed),
		T(change_ends_what_was),
		T(bad_publications_are_refused),
		T(port_gets_a_route_without_auth),
		T(streams_are_its_owners),
		T(removal_ends_it),
		T(owner_is_revoked),
		T(node_is_removed),
		T(reload_takes_the_right_away),
		T(new_listener_is_told),
		T(listener_hears_the_end_of_the_list),
		T(listener_is_told_no_faster_than_it_reads),
		T(new_auth_changes_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	fake_serve();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
