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

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "router.h"
#include "router_steps.h"

void
router_begin(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	fake_serve();
}

int
router_teardown(void **state)
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

void
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

void
pair(void)
{
	log_in(1, 0, 11, DOOR_ACCESS, "ann", NULL);
	link_up(1, 0, 11, 0);
	log_in(2, 1, 22, DOOR_NODE, "bob", "pi");
	link_up(2, 1, 22, 1000);
	fake_clear();
}

void
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

void
ticket_ok(int listener, uint64_t id)
{
	struct ticket_id	 ok = { .ticket = id };

	assert_int_equal(fake_say(L, listener, IMSG_TICKET_OK, 0, &ok,
	    sizeof(ok)), 0);
}

uint64_t
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

void
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

void
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

uint32_t
route_code(int listener)
{
	struct route	 r;

	assert_true(fake_took(L, listener, IMSG_ROUTE, NULL, &r, sizeof(r)));
	return (r.code);
}

void
expect_kill(int listener, uint64_t session, uint32_t code)
{
	struct link_kill	 k;

	assert_true(fake_took(L, listener, IMSG_LINK_KILL, NULL, &k,
	    sizeof(k)));
	assert_int_equal(k.session, session);
	assert_int_equal(k.code, code);
}

void
expect_audit(uint32_t what, struct audit_event *a)
{
	while (fake_took(A, 0, IMSG_AUDIT, NULL, a, sizeof(*a))) {
		if (a->what == what)
			return;
	}
	fail_msg("no audit line %u", what);
}

void
killed(int listener, uint64_t id, uint32_t conn)
{
	struct link_killed	 k;

	memset(&k, 0, sizeof(k));
	k.session = id;
	k.streams = 9;
	assert_int_equal(fake_say(L, listener, IMSG_LINK_KILLED, conn, &k,
	    sizeof(k)), 0);
}

void
revoke(uint32_t what, const char *id)
{
	struct revoke	 r;

	memset(&r, 0, sizeof(r));
	r.what = what;
	strlcpy(r.id, id, sizeof(r.id));
	strlcpy(r.text, "gone", sizeof(r.text));
	assert_int_equal(fake_say(A, 0, IMSG_REVOKE, 88, &r, sizeof(r)), 0);
}
