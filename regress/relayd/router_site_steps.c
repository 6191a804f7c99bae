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

#include "msg_site.h"
#include "router.h"
#include "router_fake.h"
#include "router_site_steps.h"

int
teardown(void **state)
{
	size_t	 n;

	fake_down(L, 0);
	fake_down(L, 1);
	fake_run(TICK);
	fake_down(A, 0);
	fake_clear();
	if (router_counts.sessions != 0 || router_counts.tickets != 0 ||
	    router_counts.streams != 0 || router_counts.asks != 0 ||
	    router_counts.nodes != 0 || sites_memory(&n) != 0)
		return (-1);
	return (0);
}

int
ask_site(int listener, uint32_t id, const char *host, uint32_t passthrough)
{
	struct site_ask	 a;

	memset(&a, 0, sizeof(a));
	strlcpy(a.host, host, sizeof(a.host));
	a.passthrough = passthrough;
	return (fake_say(L, listener, IMSG_SITE_ASK, id, &a, sizeof(a)));
}

int
answer(uint32_t code, uint32_t access, const char *service)
{
	struct site_ask	 a;
	struct site	 s;
	uint32_t	 id;

	if (!fake_took(A, 0, IMSG_SITE_ASK, &id, &a, sizeof(a)))
		return (0);
	memset(&s, 0, sizeof(s));
	strlcpy(s.host, a.host, sizeof(s.host));
	s.passthrough = a.passthrough;
	s.code = code;
	if (code == 0) {
		s.access = access;
		strlcpy(s.node, "pi", sizeof(s.node));
		strlcpy(s.node_id, "id-pi", sizeof(s.node_id));
		strlcpy(s.service, service, sizeof(s.service));
		strlcpy(s.user_id, "user-bob", sizeof(s.user_id));
		strlcpy(s.email, "bob@example.org", sizeof(s.email));
		s.last_seen = 1234;
	}
	assert_int_equal(fake_say(A, 0, IMSG_SITE, id, &s, sizeof(s)), 0);
	return (1);
}

void
told(int listener, uint32_t id, struct site *s)
{
	uint32_t	 got;

	assert_true(fake_took(L, listener, IMSG_SITE, &got, s, sizeof(*s)));
	assert_int_equal(got, id);
}

uint64_t
public(int listener, const char *host)
{
	struct site	 s;

	assert_int_equal(ask_site(listener, 9, host, 0), 0);
	assert_true(answer(0, SITE_PUBLIC, ""));
	told(listener, 9, &s);
	assert_int_equal(s.code, 0);
	assert_true(s.session != 0);
	return (s.session);
}

void
node_up(void)
{
	link_new(2, 1, 22, DOOR_NODE, "bob", "pi");
	fake_clear();
}

void
stream_up(uint64_t id, uint64_t session)
{
	struct stream_up	 up;

	memset(&up, 0, sizeof(up));
	up.id = id;
	up.session = session;
	up.since = time(NULL);
	up.kind = MUX_KIND_HTTP;
	strlcpy(up.node, "pi", sizeof(up.node));
	strlcpy(up.addr, "192.0.2.7:4711", sizeof(up.addr));
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    0);
}

uint64_t
kill_told(int listener)
{
	struct link_kill	 kill;
	uint32_t		 id;

	assert_true(fake_took(L, listener, IMSG_LINK_KILL, &id, &kill,
	    sizeof(kill)));
	assert_int_equal(id, 0);
	return (kill.session);
}

void
kill_done(int listener, uint64_t session)
{
	struct link_killed	 done = { .session = session };

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

int
revoked(struct ctl_end *end)
{
	uint32_t	 id;

	if (!fake_took(A, 0, IMSG_REVOKED, &id, end, sizeof(*end)))
		return (0);
	assert_int_equal(id, 7);
	return (1);
}

void
changed(const char *node_id)
{
	struct sites_changed	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.node_id, node_id, sizeof(c.node_id));
	assert_int_equal(fake_say(A, 0, IMSG_SITES_CHANGED, 0, &c,
	    sizeof(c)), 0);
}
