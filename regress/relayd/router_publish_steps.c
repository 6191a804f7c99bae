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
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "msg_publish.h"
#include "router.h"
#include "router_fake.h"
#include "router_publish_steps.h"

uint32_t	 serial;

void
say_publications(int begin)
{
	struct publications	 msg = { .serial = serial, .begin = begin };

	assert_int_equal(fake_say(A, 0, IMSG_PUBLICATIONS, 0, &msg,
	    sizeof(msg)), 0);
}

int
teardown(void **state)
{
	serial++;
	say_publications(1);
	say_publications(0);
	fake_down(L, 0);
	fake_down(L, 1);
	fake_run(TICK);
	fake_down(A, 0);
	fake_clear();
	if (router_counts.sessions != 0 || router_counts.tickets != 0 ||
	    router_counts.streams != 0 || router_counts.asks != 0 ||
	    router_counts.nodes != 0)
		return (-1);
	return (0);
}

void
publication(struct publication *p, const char *id, const char *spec)
{
	const char	*why;

	memset(p, 0, sizeof(*p));
	strlcpy(p->id, id, sizeof(p->id));
	strlcpy(p->user_id, "user-bob", sizeof(p->user_id));
	strlcpy(p->email, "bob@example.org", sizeof(p->email));
	strlcpy(p->node_id, "id-pi", sizeof(p->node_id));
	strlcpy(p->node, "pi", sizeof(p->node));
	assert_int_equal(publish_spec_parse(spec, &p->spec, &why), 0);
	strlcpy(p->host, "127.0.0.1", sizeof(p->host));
	p->port = 22;
	p->port = 22;
}

void
say_publication(const struct publication *p)
{
	assert_int_equal(fake_say(A, 0, IMSG_PUBLICATION, 0, p, sizeof(*p)),
	    0);
}

void
published(const char *id, uint32_t code, const char *text)
{
	struct publish_result	 res;
	struct publish		 p;

	assert_true(fake_took(P, 0, IMSG_PUBLISH, NULL, &p, sizeof(p)));
	assert_string_equal(p.id, id);
	memset(&res, 0, sizeof(res));
	strlcpy(res.id, id, sizeof(res.id));
	res.code = code;
	strlcpy(res.text, text, sizeof(res.text));
	assert_int_equal(fake_say(P, 0, IMSG_PUBLISHED, 0, &res,
	    sizeof(res)), 0);
}

uint64_t
open_port(const char *id, const char *spec)
{
	struct publication	 p;
	struct port		 port;

	publication(&p, id, spec);
	say_publication(&p);
	published(id, PUBLISH_OK, "");
	fake_run(TICK);
	assert_true(fake_took(L, 1, IMSG_PORT, NULL, &port, sizeof(port)));
	assert_true(fake_took(L, 0, IMSG_PORT, NULL, &port, sizeof(port)));
	assert_memory_equal(&port.p, &p, sizeof(p));
	assert_true(port.session != 0);
	return (port.session);
}

void
node_up(void)
{
	log_in(2, 1, 22, DOOR_NODE, "bob", "pi");
	link_up(2, 1, 22, 1000);
	fake_clear();
}

uint32_t
route_code(int listener)
{
	struct route	 r;

	assert_true(fake_took(L, listener, IMSG_ROUTE, NULL, &r, sizeof(r)));
	return (r.code);
}

void
stream_up(uint64_t id, uint64_t session)
{
	struct stream_up	 up;

	memset(&up, 0, sizeof(up));
	up.id = id;
	up.session = session;
	up.since = time(NULL);
	up.kind = MUX_KIND_TCP;
	up.port = 22;
	strlcpy(up.host, "127.0.0.1", sizeof(up.host));
	strlcpy(up.node, "pi", sizeof(up.node));
	strlcpy(up.addr, "192.0.2.7:4711", sizeof(up.addr));
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    0);
}

void
stream_down(uint64_t id)
{
	struct stream_down	 down;

	memset(&down, 0, sizeof(down));
	down.id = id;
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_DOWN, 0, &down,
	    sizeof(down)), 0);
}

void
killed(int listener, uint64_t *session)
{
	struct link_killed	 done;
	struct link_kill	 kill;
	uint32_t		 id;

	assert_true(fake_took(L, listener, IMSG_LINK_KILL, &id, &kill,
	    sizeof(kill)));
	assert_int_equal(id, 0);
	if (session != NULL)
		assert_true(kill.session == *session);
	memset(&done, 0, sizeof(done));
	done.session = kill.session;
	assert_int_equal(fake_say(L, listener, IMSG_LINK_KILLED, 0, &done,
	    sizeof(done)), 0);
}

void
revoke(uint32_t what, const char *id)
{
	struct revoke	 r;

	memset(&r, 0, sizeof(r));
	r.what = what;
	strlcpy(r.id, id, sizeof(r.id));
	assert_int_equal(fake_say(A, 0, IMSG_REVOKE, 7, &r, sizeof(r)), 0);
}

void
state(const char *id, struct ctl_publish *c)
{
	memset(c, 0, sizeof(*c));
	strlcpy(c->id, id, sizeof(c->id));
	publish_state(c);
}
