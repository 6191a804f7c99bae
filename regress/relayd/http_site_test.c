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
 * What a listener remembers of sites: answers, doubts, and who rests on them.
 *
 * link: regress/relayd/hand.c
 * link: relayd/http_site.c lib/log.c lib/log_limit.c
 * link: imsg/imsg.c imsg/ibuf.c
 * libs: libevent
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "door_pass.h"
#include "hand.h"
#include "http_backend.h"
#include "http_site.h"
#include "listener.h"

struct proc_peer {
	int	 kind;
};

static struct proc_peer	 router;
static uint64_t		 now = 1000000;
static struct site_ask	 asked;		/* the last */
static uint32_t		 asked_id, nasked;
static uint64_t		 killed, renewed;

/* ---- what a listener has ---- */

uint64_t
listener_ms(void)
{
	return (now);
}

struct event_base *
proc_base(void)
{
	static struct event_base	*base;

	if (base == NULL)
		assert_non_null(base = event_base_new());
	return (base);
}

struct proc_peer *
proc_peer(int kind, int instance)
{
	return (&router);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	assert_int_equal(type, IMSG_SITE_ASK);
	assert_int_equal(len, sizeof(asked));
	memcpy(&asked, data, len);
	asked_id = id;
	nasked++;
	return (0);
}

void
owner_begin(struct stream_owner *o, uint64_t session, uint32_t conn)
{
	assert_int_equal(conn, 0);
	o->session = session;
}

void
owner_end(struct stream_owner *o)
{
	o->session = 0;
}

void
http_backend_routed(struct stream_owner *o, const char *node,
    const struct route *r, uint32_t code)
{
}

void
http_backends_renew(struct stream_owner *o)
{
	renewed = o->session;
}

uint32_t
http_backends_kill(struct stream_owner *o, uint16_t code, const char *text)
{
	killed = o->session;
	return (3);
}

void
passes_routed(struct stream_owner *o, const char *node,
    const struct route *r, uint32_t code)
{
}

void
passes_renew(struct stream_owner *o)
{
}

uint32_t
passes_kill(struct stream_owner *o, uint16_t code, const char *text)
{
	return (0);
}

/* ---- steps ---- */

static int
say(int (*handler)(struct proc_peer *, struct imsg *), uint32_t id,
    const void *data, size_t len)
{
	return (hand(handler, &router, 0, id, data, len));
}

static int
answer(uint32_t id, const char *host, uint32_t code, uint32_t access,
    uint64_t session)
{
	struct site	 s;

	memset(&s, 0, sizeof(s));
	strlcpy(s.host, host, sizeof(s.host));
	s.code = code;
	if (code == 0) {
		s.access = access;
		strlcpy(s.node, "pi", sizeof(s.node));
		strlcpy(s.node_id, "node-1", sizeof(s.node_id));
		s.session = session;
	}
	return (say(site_recv, id, &s, sizeof(s)));
}

static void
changed(const char *node_id)
{
	struct sites_changed	 msg;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.node_id, node_id, sizeof(msg.node_id));
	assert_int_equal(say(site_recv_doubt, 0, &msg, sizeof(msg)), 0);
}

static int	 gone, ends;

static void
on_go(struct site_wait *w)
{
	gone++;
}

static void
on_end(struct site_use *u, const char *why)
{
	ends++;
}

static void
configure(const char *domain, const char *name)
{
	struct conf_begin	 begin;
	struct conf_name	 n;

	site_conf_begin();
	memset(&n, 0, sizeof(n));
	strlcpy(n.name, "*.wild.example", sizeof(n.name));
	assert_int_equal(say(site_recv_conf_name, 0, &n, sizeof(n)), 0);
	strlcpy(n.name, name, sizeof(n.name));
	assert_int_equal(say(site_recv_conf_name, 0, &n, sizeof(n)), 0);
	memset(&begin, 0, sizeof(begin));
	strlcpy(begin.domain, domain, sizeof(begin.domain));
	site_conf_end(&begin);
}

static void
hosts(void **state)
{
	configure("relay.example.org", "other.example.org");
	assert_int_equal(site_host(""), SITE_HOST_OWN);
	assert_int_equal(site_host("localhost"), SITE_HOST_OWN);
	assert_int_equal(site_host("192.0.2.1"), SITE_HOST_OWN);
	assert_int_equal(site_host("2001:db8::1"), SITE_HOST_OWN);
	assert_int_equal(site_host("relay.example.org"), SITE_HOST_OWN);
	assert_int_equal(site_host("pi.relay.example.org"), SITE_HOST_SITE);
	assert_int_equal(site_host("a.pi.relay.example.org"),
	    SITE_HOST_OTHER);
	assert_int_equal(site_host("xrelay.example.org"), SITE_HOST_OTHER);
	assert_int_equal(site_host("pi.localhost"), SITE_HOST_SITE);
	assert_int_equal(site_host("a.pi.localhost"), SITE_HOST_OTHER);
	assert_int_equal(site_host("other.example.org"), SITE_HOST_PERHAPS);
	assert_int_equal(site_host("a.wild.example"), SITE_HOST_OTHER);
	configure("", "other.example.org");
	assert_int_equal(site_host("pi.localhost"), SITE_HOST_SITE);
	assert_int_equal(site_host("relay.example.org"), SITE_HOST_PERHAPS);
}

static void
answers_are_kept_for_a_minute(void **state)
{
	const struct site	*s;
	struct site_wait	 w[3];
	uint32_t		 n = nasked, id;
	int			 i;

	memset(w, 0, sizeof(w));
	gone = 0;
	for (i = 0; i < 3; i++) {
		w[i].go = on_go;
		assert_int_equal(site_find("a.localhost", 0, &w[i], &s),
		    SITE_WAIT);
	}
	assert_int_equal(nasked, n + 1);
	assert_string_equal(asked.host, "a.localhost");
	site_unwait(&w[1]);
	/* Nobody's question, and one of another host. */
	assert_int_equal(answer(asked_id + 1, "a.localhost", 0, SITE_PUBLIC,
	    7), 0);
	assert_int_equal(answer(asked_id, "b.localhost", 0, SITE_PUBLIC, 7),
	    0);
	assert_int_equal(gone, 0);
	assert_int_equal(answer(asked_id, "a.localhost", 0, SITE_PUBLIC, 7),
	    0);
	assert_int_equal(gone, 2);
	assert_int_equal(site_find("a.localhost", 0, &w[0], &s), SITE_FOUND);
	assert_string_equal(s->node, "pi");
	now += 59000;
	assert_int_equal(site_find("a.localhost", 0, &w[0], &s), SITE_FOUND);
	now += 2000;
	assert_int_equal(site_find("a.localhost", 0, &w[0], &s), SITE_WAIT);
	id = asked_id;
	assert_int_equal(answer(id, "a.localhost", MUX_CODE_NO_NODE, 0, 0),
	    0);
	assert_int_equal(site_find("a.localhost", 0, &w[0], &s), SITE_NONE);
	/* By its SNI it is another question. */
	assert_int_equal(site_find("a.localhost", 1, &w[0], &s), SITE_WAIT);
	assert_int_equal(asked.passthrough, 1);
	site_unwait(&w[0]);
	/* What makes no sense is router's fault. */
	assert_int_equal(answer(asked_id, "a.localhost", 0, 9, 7), -1);
}

static void
doubts(void **state)
{
	const struct site	*s;
	struct site_wait	 w;
	struct site_use		 u;
	uint32_t		 n;

	memset(&w, 0, sizeof(w));
	memset(&u, 0, sizeof(u));
	w.go = on_go;
	ends = 0;
	assert_int_equal(site_find("d.localhost", 0, &w, &s), SITE_WAIT);
	assert_int_equal(answer(asked_id, "d.localhost", 0, SITE_PUBLIC, 8),
	    0);
	assert_int_equal(site_find("d.localhost", 0, &w, &s), SITE_FOUND);
	site_use(s, &u, on_end);
	assert_int_equal(site_owner(&u)->session, 8);
	/* Another node's are not asked about. */
	n = nasked;
	changed("node-2");
	assert_int_equal(nasked, n);
	assert_int_equal(site_find("d.localhost", 0, &w, &s), SITE_FOUND);
	/* What is used is asked about at once; it is as it was. */
	changed("node-1");
	assert_int_equal(nasked, n + 1);
	assert_false(site_ready(&u));
	assert_int_equal(site_find("d.localhost", 0, &w, &s), SITE_WAIT);
	assert_int_equal(answer(asked_id, "d.localhost", 0, SITE_PUBLIC, 8),
	    0);
	assert_int_equal(ends, 0);
	assert_true(site_ready(&u));
	/* Of a new router: with another session. */
	site_router_up();
	renewed = 0;
	assert_int_equal(answer(asked_id, "d.localhost", 0, SITE_PUBLIC, 9),
	    0);
	assert_int_equal(renewed, 9);
	assert_int_equal(ends, 0);
	/* For somebody else now. */
	changed("");
	assert_int_equal(answer(asked_id, "d.localhost", 0, SITE_PRIVATE, 0),
	    0);
	assert_int_equal(ends, 1);
	assert_null(site_used(&u));
	/* And gone. */
	assert_int_equal(site_find("d.localhost", 0, &w, &s), SITE_FOUND);
	site_use(s, &u, on_end);
	changed("node-1");
	assert_int_equal(answer(asked_id, "d.localhost", MUX_CODE_NO_NODE, 0,
	    0), 0);
	assert_int_equal(ends, 2);
}

static void
sessions_are_killed(void **state)
{
	const struct site	*s;
	struct site_wait	 w;
	struct site_use		 u;
	uint32_t		 n = 0;

	memset(&w, 0, sizeof(w));
	memset(&u, 0, sizeof(u));
	w.go = on_go;
	assert_int_equal(site_find("k.localhost", 0, &w, &s), SITE_WAIT);
	assert_int_equal(answer(asked_id, "k.localhost", 0, SITE_PUBLIC, 11),
	    0);
	assert_int_equal(site_find("k.localhost", 0, &w, &s), SITE_FOUND);
	site_use(s, &u, on_end);
	assert_int_equal(site_kill(12, "why", &n), -1);
	assert_int_equal(site_kill(11, "why", &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(killed, 11);
	assert_int_equal(site_owner(&u)->session, 0);
	assert_int_equal(site_find("k.localhost", 0, &w, &s), SITE_WAIT);
	site_unwait(&w);
	site_release(&u);
}

/* Any number of names that nobody has. */
static void
bounded(void **state)
{
	const struct site	*s;
	struct site_wait	 w;
	uint64_t		 n;
	char			 host[64];
	int			 i, busy = 0;

	memset(&w, 0, sizeof(w));
	w.go = on_go;
	for (i = 0; i < 10000; i++) {
		snprintf(host, sizeof(host), "x%d.localhost", i);
		if (site_find(host, 0, &w, &s) == SITE_BUSY) {
			busy++;
			continue;
		}
		if (i < 9000)
			assert_int_equal(answer(asked_id, host,
			    MUX_CODE_NO_NODE, 0, 0), 0);
	}
	site_unwait(&w);
	(void)site_memory(&n);
	assert_true(n <= 4096);
	assert_int_equal(busy, 0);
	/* Nor are more asked about than that. */
	site_router_up();
	for (i = 0; i < 2000; i++) {
		snprintf(host, sizeof(host), "y%d.localhost", i);
		busy += site_find(host, 0, &w, &s) == SITE_BUSY;
	}
	assert_int_equal(busy, 2000 - 1024);
	site_unwait(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(answers_are_kept_for_a_minute),
		cmocka_unit_test(doubts),
		cmocka_unit_test(sessions_are_killed),
		cmocka_unit_test(bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
