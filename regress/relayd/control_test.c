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
 * The control socket: requests of real clients, with the router behind them
 * and the other processes played.
 */

/*
 * link: regress/relayd/control_client.c regress/relayd/router_fake.c
 * link: relayd/router*.c relayd/month.c relayd/control_*.c relayd/memory.c
 * link: libculvert.a
 */
/* libs: libevent */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_client.h"
#include "control_req.h"
#include "router.h"

/* ---- requests for auth ---- */

static void
request_goes_to_auth_and_back(void **state)
{
	struct imsgbuf	 c;
	struct ctl_user	 u, seen;
	uint32_t	 id;

	memset(&u, 0, sizeof(u));
	strlcpy(u.email, "ann@example.org", sizeof(u.email));
	strlcpy(u.hash, "$y$secret", sizeof(u.hash));
	dial(&c);
	say(&c, CTL_USER_ADD, &u, sizeof(u));
	assert_true(fake_took(A, 0, CTL_USER_ADD, &id, &seen, sizeof(seen)));
	assert_memory_equal(&u, &seen, sizeof(u));
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	expect_admin("add user ann@example.org: done");
	/* And another on the same connection. */
	say_name(&c, CTL_USER_DELETE, "ann@example.org");
	assert_true(fake_took(A, 0, CTL_USER_DELETE, &id, NULL, 0));
	auth_ends(id, CTL_ERROR, CTL_CODE_NOT_FOUND);
	expect_end(&c, CTL_ERROR, CTL_CODE_NOT_FOUND);
	expect_admin("delete user ann@example.org: failed");
	hang_up(&c);
}

static void
records_never_bring_a_hash(void **state)
{
	struct imsgbuf	 c;
	struct ctl_user	 u;
	uint32_t	 id, type;

	dial(&c);
	say_name(&c, CTL_USER_LIST, "");
	assert_true(fake_took(A, 0, CTL_USER_LIST, &id, NULL, 0));
	memset(&u, 0, sizeof(u));
	strlcpy(u.email, "ann@example.org", sizeof(u.email));
	strlcpy(u.hash, "$y$secret", sizeof(u.hash));
	assert_int_equal(fake_say(A, 0, CTL_USER, id, &u, sizeof(u)), 0);
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	assert_int_equal(hear(&c, &type, &u, sizeof(u)), 1);
	assert_int_equal(type, CTL_USER);
	assert_string_equal(u.email, "ann@example.org");
	assert_string_equal(u.hash, "");
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

/* What auth says of a port goes into the audit log, not to the client. */
static void
published_port_is_on_record(struct imsgbuf *c, uint32_t type,
    const void *req, size_t len, const char *text)
{
	struct ctl_publish	 p;
	struct audit_event	 a;
	uint32_t		 id;

	memset(&p, 0, sizeof(p));
	strlcpy(p.spec, "0.0.0.0:2222/tcp", sizeof(p.spec));
	strlcpy(p.target, "pi:22", sizeof(p.target));
	strlcpy(p.email, "ann@example.org", sizeof(p.email));
	strlcpy(p.node, "pi", sizeof(p.node));
	say(c, type, req, len);
	assert_true(fake_took(A, 0, type, &id, NULL, 0));
	assert_int_equal(fake_say(A, 0, CTL_PUBLISH, id, &p, sizeof(p)), 0);
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	expect_end(c, CTL_OK, CTL_CODE_OK);
	assert_true(fake_took(A, 0, IMSG_AUDIT, NULL, &a, sizeof(a)));
	assert_string_equal(a.text, text);
	assert_string_equal(a.email, "ann@example.org");
	assert_string_equal(a.node, "pi");
}

static void
published_ports_are_on_record_by_owner(void **state)
{
	struct imsgbuf		 c;
	struct ctl_publish	 p;
	struct ctl_name		 name;
	struct audit_event	 a;
	uint32_t		 id;

	memset(&p, 0, sizeof(p));
	strlcpy(p.spec, "2222", sizeof(p.spec));
	strlcpy(p.target, "PI:22", sizeof(p.target));
	memset(&name, 0, sizeof(name));
	strlcpy(name.name, "an id", sizeof(name.name));
	dial(&c);
	published_port_is_on_record(&c, CTL_PUBLISH_ADD, &p, sizeof(p),
	    "publish 0.0.0.0:2222/tcp to pi:22: done");
	published_port_is_on_record(&c, CTL_PUBLISH_REMOVE, &name,
	    sizeof(name), "unpublish 0.0.0.0:2222/tcp to pi:22: done");
	/* Refused, it has the node that was asked for. */
	say(&c, CTL_PUBLISH_ADD, &p, sizeof(p));
	assert_true(fake_took(A, 0, CTL_PUBLISH_ADD, &id, NULL, 0));
	auth_ends(id, CTL_ERROR, CTL_CODE_DENIED);
	expect_end(&c, CTL_ERROR, CTL_CODE_DENIED);
	assert_true(fake_took(A, 0, IMSG_AUDIT, NULL, &a, sizeof(a)));
	assert_string_equal(a.text, "publish 2222 to PI:22: failed");
	assert_string_equal(a.node, "PI");
	assert_string_equal(a.email, "");
	say(&c, CTL_PUBLISH_REMOVE, &name, sizeof(name));
	assert_true(fake_took(A, 0, CTL_PUBLISH_REMOVE, &id, NULL, 0));
	auth_ends(id, CTL_ERROR, CTL_CODE_NOT_FOUND);
	expect_end(&c, CTL_ERROR, CTL_CODE_NOT_FOUND);
	expect_admin("unpublish an id: failed");
	hang_up(&c);
}

/* A record that is none of the request's does not become its subject. */
static void
record_of_another_request(void **state)
{
	struct imsgbuf		 c;
	struct ctl_publish	 p;
	struct ctl_limit	 l;
	uint32_t		 id, type;

	memset(&l, 0, sizeof(l));
	strlcpy(l.name, "pi", sizeof(l.name));
	l.rate_set = l.quota_set = CTL_LIMIT_SET;
	memset(&p, 0, sizeof(p));
	strlcpy(p.id, "an id", sizeof(p.id));
	strlcpy(p.node, "other", sizeof(p.node));
	dial(&c);
	say(&c, CTL_NODE_LIMIT, &l, sizeof(l));
	assert_true(fake_took(A, 0, CTL_NODE_LIMIT, &id, NULL, 0));
	assert_int_equal(fake_say(A, 0, CTL_PUBLISH, id, &p, sizeof(p)), 0);
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	assert_int_equal(hear(&c, &type, &p, sizeof(p)), 1);
	assert_int_equal(type, CTL_PUBLISH);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	expect_admin("limit node pi, no limit of bandwidth, no limit a "
	    "month: done");
	hang_up(&c);
}

static void
limits_are_on_record(void **state)
{
	struct imsgbuf		 c;
	struct ctl_limit	 l;
	uint32_t		 id;

	memset(&l, 0, sizeof(l));
	strlcpy(l.name, "pi", sizeof(l.name));
	l.rate_set = l.quota_set = CTL_LIMIT_SET;
	dial(&c);
	say(&c, CTL_NODE_LIMIT, &l, sizeof(l));
	assert_true(fake_took(A, 0, CTL_NODE_LIMIT, &id, NULL, 0));
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	expect_admin("limit node pi, no limit of bandwidth, no limit a "
	    "month: done");
	l.rate = 1024;
	l.quota_set = CTL_LIMIT_DEFAULT;
	say(&c, CTL_NODE_LIMIT, &l, sizeof(l));
	assert_true(fake_took(A, 0, CTL_NODE_LIMIT, &id, NULL, 0));
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	expect_admin("limit node pi, 1024 bytes/s, default quota: done");
	hang_up(&c);
}

static void
auth_is_away(void **state)
{
	struct imsgbuf	 c;

	fake_down(A, 0);
	dial(&c);
	say_name(&c, CTL_TOKEN_REVOKE, "abc");
	expect_end(&c, CTL_ERROR, CTL_CODE_STORE);
	hang_up(&c);
}

static void
auth_dies_meanwhile(void **state)
{
	struct imsgbuf	 c;
	uint32_t	 id;

	dial(&c);
	say_name(&c, CTL_TOKEN_REVOKE, "abc");
	assert_true(fake_took(A, 0, CTL_TOKEN_REVOKE, &id, NULL, 0));
	fake_down(A, 0);
	expect_end(&c, CTL_ERROR, CTL_CODE_STORE);
	/* What its successor says to nobody hurts nobody. */
	fake_up(A, 0);
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	auth_ends(id + 1000, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

static void
client_leaves_meanwhile(void **state)
{
	struct imsgbuf	 c;
	uint32_t	 id;

	dial(&c);
	say_name(&c, CTL_USER_DISABLE, "ann@example.org");
	assert_true(fake_took(A, 0, CTL_USER_DISABLE, &id, NULL, 0));
	hang_up(&c);
	expect_admin("disable user ann@example.org: left before it was "
	    "answered");
	auth_ends(id, CTL_OK, CTL_CODE_OK);
}

static void
nodes_are_shown_with_their_links(void **state)
{
	struct imsgbuf	 c;
	struct ctl_node	 n;
	uint32_t	 id, type;

	busy(2);
	dial(&c);
	say_name(&c, CTL_NODE_LIST, "");
	assert_int_equal(fake_count(CTL_NODE_LIST), 0);
	listener_answers();
	assert_true(fake_took(A, 0, CTL_NODE_LIST, &id, NULL, 0));
	memset(&n, 0, sizeof(n));
	strlcpy(n.name, "pi", sizeof(n.name));
	assert_int_equal(fake_say(A, 0, CTL_NODE, id, &n, sizeof(n)), 0);
	strlcpy(n.name, "nas", sizeof(n.name));
	n.since = 5;
	assert_int_equal(fake_say(A, 0, CTL_NODE, id, &n, sizeof(n)), 0);
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	assert_int_equal(hear(&c, &type, &n, sizeof(n)), 1);
	assert_int_equal(type, CTL_NODE);
	assert_int_equal(n.online, 1);
	assert_int_equal(n.streams, 4);
	assert_int_equal(n.in, 111);
	assert_int_equal(n.out, 222);
	assert_int_equal(n.rtt_us, 3333);
	assert_string_equal(n.software, "agentd 0");
	assert_string_equal(n.addr, "192.0.2.1:1234");
	assert_int_equal(hear(&c, &type, &n, sizeof(n)), 1);
	assert_int_equal(n.online, 0);
	assert_int_equal(n.since, 5);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

/* ---- requests for the router ---- */

static void
node_is_kicked(void **state)
{
	struct imsgbuf		 c;
	struct link_kill	 k;
	struct link_killed	 done;
	struct ctl_end		 end;
	uint32_t		 conn, type;

	busy(3);
	dial(&c);
	say_name(&c, CTL_NODE_KICK, "nas");
	expect_end(&c, CTL_ERROR, CTL_CODE_NOT_FOUND);
	say_name(&c, CTL_NODE_KICK, "pi");
	assert_true(fake_took(L, 0, IMSG_LINK_KILL, &conn, &k, sizeof(k)));
	assert_int_equal(conn, 22);
	assert_int_equal(k.code, 1012);
	memset(&done, 0, sizeof(done));
	done.session = 2;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_KILLED, 22, &done,
	    sizeof(done)), 0);
	assert_int_equal(hear(&c, &type, &end, sizeof(end)), 1);
	assert_int_equal(type, CTL_OK);
	assert_int_equal(end.links, 1);
	assert_int_equal(end.streams, 3);
	hang_up(&c);
}

static void
streams_are_listed_and_ended(void **state)
{
	struct imsgbuf		 c;
	struct stream_kill	 k;
	struct stream_down	 down;
	struct ctl_id		 id;
	struct ctl_conn		 conn;
	uint32_t		 type;

	busy(2);
	dial(&c);
	say_name(&c, CTL_CONN_LIST, "");
	listener_answers();
	assert_int_equal(hear(&c, &type, &conn, sizeof(conn)), 1);
	assert_int_equal(type, CTL_CONN);
	assert_int_equal(conn.id, 1);
	assert_int_equal(hear(&c, &type, &conn, sizeof(conn)), 1);
	assert_int_equal(conn.id, 2);
	expect_end(&c, CTL_OK, CTL_CODE_OK);

	id.id = 77;
	say(&c, CTL_CONN_KILL, &id, sizeof(id));
	expect_end(&c, CTL_ERROR, CTL_CODE_NOT_FOUND);
	id.id = 2;
	say(&c, CTL_CONN_KILL, &id, sizeof(id));
	assert_true(fake_took(L, 0, IMSG_STREAM_KILL, NULL, &k, sizeof(k)));
	assert_int_equal(k.id, 2);
	assert_int_equal(k.code, MUX_CODE_KILLED);
	memset(&down, 0, sizeof(down));
	down.id = 2;
	down.code = MUX_CODE_KILLED;
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_DOWN, 0, &down,
	    sizeof(down)), 0);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

static void
long_list_waits_for_its_reader(void **state)
{
	struct imsgbuf	 c;
	struct ctl_conn	 conn;
	uint64_t	 last = 0;
	uint32_t	 type = CTL_CONN;

	busy(6000);
	dial(&c);
	say_name(&c, CTL_CONN_LIST, "");
	listener_answers();
	fake_run(20);
	while (last < 6000) {
		assert_int_equal(hear(&c, &type, &conn, sizeof(conn)), 1);
		assert_int_equal(type, CTL_CONN);
		assert_int_equal(conn.id, ++last);
	}
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

static void
figures_are_told(void **state)
{
	struct imsgbuf	 c;
	union {
		struct ctl_stat	 stat;
		struct ctl_end	 end;
	} u;
	uint32_t	 type;
	int		 seen = 0;

	busy(5);
	dial(&c);
	say_name(&c, CTL_STATS, "");
	listener_answers();
	while (hear(&c, &type, &u, sizeof(u)) == 1 && type == CTL_STAT) {
		if (strcmp(u.stat.name, "streams") == 0) {
			assert_int_equal(u.stat.value, 5);
			seen++;
		} else if (strcmp(u.stat.name, "links_nodes") == 0) {
			assert_int_equal(u.stat.value, 1);
			seen++;
		} else if (strcmp(u.stat.name, "connections") == 0) {
			assert_int_equal(u.stat.value, 17);
			seen++;
		}
	}
	assert_int_equal(type, CTL_OK);
	assert_int_equal(seen, 3);
	hang_up(&c);
}

static void
figures_do_not_wait_for_ever(void **state)
{
	struct imsgbuf	 c;
	union {
		struct ctl_stat	 stat;
		struct ctl_end	 end;
	} u;
	uint32_t	 type = 0;

	dial(&c);
	say_name(&c, CTL_STATS, "");
	assert_int_equal(hear(&c, &type, &u, sizeof(u)), 0);
	fake_run(STATS_MS + 50);
	while (hear(&c, &type, &u, sizeof(u)) == 1 && type == CTL_STAT)
		;
	assert_int_equal(type, CTL_OK);
	hang_up(&c);
}

static void
reload_is_the_parents(void **state)
{
	struct imsgbuf	 c;
	struct ctl_end	 end;
	uint32_t	 id;

	dial(&c);
	say_name(&c, CTL_RELOAD, "");
	assert_true(fake_took(PROC_PARENT, 0, IMSG_RELOAD, &id, NULL, 0));
	memset(&end, 0, sizeof(end));
	end.code = CTL_CODE_INVALID;
	strlcpy(end.text, "no", sizeof(end.text));
	assert_int_equal(fake_say(PROC_PARENT, 0, IMSG_RELOADED, id, &end,
	    sizeof(end)), 0);
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_admin("reload configuration: no");
	hang_up(&c);
}

/* ---- what is no request ---- */

static void
bad_requests_end_their_client(void **state)
{
	struct imsgbuf	 c, other;
	struct ctl_name	 n;
	struct ctl_user	 u;
	uint32_t	 id;

	dial(&other);
	memset(&n, 0, sizeof(n));
	dial(&c);
	say(&c, CTL_OK, &n, sizeof(n));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	dial(&c);
	say(&c, CTL_USER_LIST, &n, sizeof(n) - 1);
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	dial(&c);
	memset(n.name, 'x', sizeof(n.name));
	say(&c, CTL_NODE_KICK, &n, sizeof(n));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	dial(&c);
	memset(&u, 0, sizeof(u));
	memset(u.hash, 'x', sizeof(u.hash));
	say(&c, CTL_USER_ADD, &u, sizeof(u));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	/* Bytes that are no message at all. */
	dial(&c);
	memset(&u, 0xff, sizeof(u));
	assert_int_equal(write(c.fd, &u, sizeof(u)), sizeof(u));
	fake_run(MS);
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);

	say_name(&other, CTL_USER_LIST, "");
	assert_true(fake_took(A, 0, CTL_USER_LIST, &id, NULL, 0));
	auth_ends(id, CTL_OK, CTL_CODE_OK);
	expect_end(&other, CTL_OK, CTL_CODE_OK);
	hang_up(&other);
}

static void
one_request_at_a_time(void **state)
{
	struct imsgbuf	 c;
	uint32_t	 id;

	dial(&c);
	say_name(&c, CTL_USER_LIST, "");
	assert_true(fake_took(A, 0, CTL_USER_LIST, &id, NULL, 0));
	say_name(&c, CTL_USER_LIST, "");
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	auth_ends(id, CTL_OK, CTL_CODE_OK);
}

static void
clients_are_limited(void **state)
{
	struct imsgbuf	 c[17];
	uint32_t	 id;
	int		 i;

	for (i = 0; i < 17; i++)
		dial(&c[i]);
	say_name(&c[16], CTL_USER_LIST, "");
	assert_false(fake_took(A, 0, CTL_USER_LIST, &id, NULL, 0));
	hang_up(&c[3]);
	fake_run(MS);
	assert_true(fake_took(A, 0, CTL_USER_LIST, &id, NULL, 0));
	for (i = 0; i < 17; i++)
		if (i != 3)
			hang_up(&c[i]);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CONTROL_CASE(request_goes_to_auth_and_back),
		CONTROL_CASE(records_never_bring_a_hash),
		CONTROL_CASE(published_ports_are_on_record_by_owner),
		CONTROL_CASE(record_of_another_request),
		CONTROL_CASE(limits_are_on_record),
		CONTROL_CASE(auth_is_away),
		CONTROL_CASE(auth_dies_meanwhile),
		CONTROL_CASE(client_leaves_meanwhile),
		CONTROL_CASE(nodes_are_shown_with_their_links),
		CONTROL_CASE(node_is_kicked),
		CONTROL_CASE(streams_are_listed_and_ended),
		CONTROL_CASE(long_list_waits_for_its_reader),
		CONTROL_CASE(figures_are_told),
		CONTROL_CASE(figures_do_not_wait_for_ever),
		CONTROL_CASE(reload_is_the_parents),
		CONTROL_CASE(bad_requests_end_their_client),
		CONTROL_CASE(one_request_at_a_time),
		CONTROL_CASE(clients_are_limited),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, control_begin, control_finish));
}
