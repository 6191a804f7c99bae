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
 * Tickets at the listener that has the node's link: who may use one, and what
 * for.
 *
 * link: regress/relayd/hand.c
 * link: relayd/listener_route.c imsg/imsg.c imsg/ibuf.c lib/log.c
 * lib/log_limit.c
 * libs: libevent
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hand.h"
#include "listener.h"

struct proc_peer {
	int	 kind;
};

static struct proc_peer	 router;
static struct session	 session;
static struct conn	 node;
static uint64_t		 taken;		/* the last ticket that was */

/* ---- what it is linked to ---- */

struct proc_peer *
proc_peer(int kind, int instance)
{
	return (&router);
}

int
proc_instance(void)
{
	return (1);
}

struct event_base *
proc_base(void)
{
	return (NULL);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct ticket_id	 ok;

	assert_int_equal(type, IMSG_TICKET_OK);
	assert_int_equal(len, sizeof(ok));
	memcpy(&ok, data, len);
	taken = ok.ticket;
	return (0);
}

struct conn *
conn_find(uint32_t id)
{
	return (id == node.id ? &node : NULL);
}

struct link *
peer_link(int instance)
{
	return (NULL);
}

uint64_t
listener_ms(void)
{
	return (0);
}

int
grant_ref(const char *id)
{
	return (0);
}

void
grant_unref(const char *id)
{
}

/* ---- steps ---- */

static int
say(int (*handler)(struct proc_peer *, struct imsg *), uint32_t type,
    const void *data, size_t len)
{
	return (hand(handler, &router, type, 0, data, len));
}

static int
setup(void **state)
{
	memset(&node, 0, sizeof(node));
	memset(&session, 0, sizeof(session));
	session.session = 77;
	node.id = 7;
	node.door = DOOR_NODE;
	node.session = &session;
	node.link = (struct link *)(void *)&node;
	node.up = 1;
	taken = 0;
	return (0);
}

static int
teardown(void **state)
{
	tickets_of_gone(&node);
	return (0);
}

/* One for listener 0. */
static void
ticket(struct ticket *t)
{
	memset(t, 0, sizeof(*t));
	t->ticket = 5;
	t->conn = 7;
	t->session = 77;
	strlcpy(t->email, "ann@example.org", sizeof(t->email));
}

static void
give(const struct ticket *t)
{
	assert_int_equal(say(route_recv_ticket, IMSG_TICKET, t, sizeof(*t)),
	    0);
	assert_int_equal(taken, t->ticket);
}

/* With it listener 0 asks for this; whose it is for the node, NULL: no. */
static const char *
try(uint64_t id, uint8_t kind, const char *host, uint16_t port)
{
	static struct mux_open	 open, out;
	const struct ticket	*t;

	memset(&open, 0, sizeof(open));
	open.kind = kind;
	open.port = port;
	open.ticket = id;
	strlcpy(open.host, host, sizeof(open.host));
	strlcpy(open.node, "pi", sizeof(open.node));
	strlcpy(open.user, "root@example.org", sizeof(open.user));
	if (ticket_conn(id, 0, &t) == NULL)
		return (NULL);
	if (ticket_open(t, &open, &out) == -1)
		return (NULL);
	assert_int_equal(out.ticket, 0);
	assert_int_equal(out.kind, kind);
	assert_int_equal(out.port, port);
	assert_string_equal(out.host, host);
	assert_string_equal(out.node, "pi");
	return (out.user);
}

/* ---- cases ---- */

static void
it_is_for_who_has_it(void **state)
{
	struct ticket	 t;

	ticket(&t);
	give(&t);
	/* Whatever that says of whose it is. */
	assert_string_equal(try(5, MUX_KIND_TCP, "10.0.0.1", 22),
	    "ann@example.org");
	assert_non_null(try(5, MUX_KIND_UDP, "10.0.0.1", 53));
	assert_non_null(try(5, MUX_KIND_UNIX, "/run/x", 0));
	/* Backends believe what the gate tells them of who visits. */
	assert_null(try(5, MUX_KIND_HTTP, "", 0));
	assert_null(try(5, MUX_KIND_TLS, "mail", 0));
	assert_null(try(6, MUX_KIND_TCP, "10.0.0.1", 22));
	assert_null(ticket_conn(5, 1, NULL));
	assert_ptr_equal(ticket_conn(5, 0, NULL), &node);
	session.session = 78;
	assert_null(try(5, MUX_KIND_TCP, "10.0.0.1", 22));
}

static void
a_visitor_has_no_way_to_ssh(void **state)
{
	struct ticket	 t;

	ticket(&t);
	t.kind = MUX_KIND_HTTP;
	give(&t);
	assert_non_null(try(5, MUX_KIND_HTTP, "", 0));
	assert_non_null(try(5, MUX_KIND_HTTP, "grafana", 0));
	assert_null(try(5, MUX_KIND_TCP, "127.0.0.1", 22));
	assert_null(try(5, MUX_KIND_SSH, "127.0.0.1", 22));
	assert_null(try(5, MUX_KIND_TLS, "", 0));
	assert_null(try(5, MUX_KIND_UNIX, "/run/x", 0));
}

static void
a_public_site_is_one_service(void **state)
{
	struct ticket	 t;

	ticket(&t);
	t.kind = MUX_KIND_HTTP;
	t.exact = 1;
	t.email[0] = '\0';
	strlcpy(t.host, "blog", sizeof(t.host));
	give(&t);
	assert_string_equal(try(5, MUX_KIND_HTTP, "blog", 0), "");
	assert_null(try(5, MUX_KIND_HTTP, "", 0));
	assert_null(try(5, MUX_KIND_HTTP, "grafana", 0));
	assert_null(try(5, MUX_KIND_HTTP, "blog", 1));
	assert_null(try(5, MUX_KIND_TCP, "blog", 0));
}

static void
a_published_port_is_its_target(void **state)
{
	struct ticket	 t;

	ticket(&t);
	t.kind = MUX_KIND_UDP;
	t.exact = 1;
	strlcpy(t.host, "127.0.0.1", sizeof(t.host));
	t.port_min = 7000;
	t.port_max = 7010;
	give(&t);
	assert_non_null(try(5, MUX_KIND_UDP, "127.0.0.1", 7000));
	assert_non_null(try(5, MUX_KIND_UDP, "127.0.0.1", 7010));
	assert_null(try(5, MUX_KIND_UDP, "127.0.0.1", 6999));
	assert_null(try(5, MUX_KIND_UDP, "127.0.0.1", 7011));
	assert_null(try(5, MUX_KIND_UDP, "127.0.0.2", 7000));
	assert_null(try(5, MUX_KIND_TCP, "127.0.0.1", 7000));
}

static void
odd_ones_are_refused(void **state)
{
	struct ticket	 t;

	ticket(&t);
	memset(t.email, 'a', sizeof(t.email));
	assert_int_equal(say(route_recv_ticket, IMSG_TICKET, &t, sizeof(t)),
	    -1);
	ticket(&t);
	memset(t.host, 'a', sizeof(t.host));
	assert_int_equal(say(route_recv_ticket, IMSG_TICKET, &t, sizeof(t)),
	    -1);
	ticket(&t);
	t.from = -1;
	assert_int_equal(say(route_recv_ticket, IMSG_TICKET, &t, sizeof(t)),
	    -1);
	/* A link that is another's by now: nothing is said. */
	ticket(&t);
	t.session = 78;
	assert_int_equal(say(route_recv_ticket, IMSG_TICKET, &t, sizeof(t)),
	    0);
	assert_int_equal(taken, 0);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(it_is_for_who_has_it),
		T(a_visitor_has_no_way_to_ssh),
		T(a_public_site_is_one_service),
		T(a_published_port_is_its_target),
		T(odd_ones_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
