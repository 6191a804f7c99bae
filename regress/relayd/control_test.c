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
 * link: regress/relayd/router_fake.c relayd/router*.c relayd/month.c
 * relayd/control_*.c relayd/memory.c libculvert.a
 */
/* libs: libevent */

#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_req.h"
#include "msg_list.h"
#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define A	PROC_AUTH
#define MS	10		/* that the event loop gets at a time */

static char		 dir[] = "/tmp/control_test.XXXXXX";
static struct sockaddr_un sun;

/* ---- a client ---- */

static void
dial(struct imsgbuf *c)
{
	int	 fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)),
	    0);
	assert_int_equal(imsgbuf_init(c, fd), 0);
	fake_run(MS);
}

static void
hang_up(struct imsgbuf *c)
{
	imsgbuf_clear(c);
	close(c->fd);
	fake_run(MS);
}

static void
say(struct imsgbuf *c, uint32_t type, const void *data, size_t len)
{
	assert_int_equal(imsg_compose(c, type, 0, 0, -1, data, len), 1);
	assert_int_equal(imsgbuf_write(c), 0);
	fake_run(MS);
}

static void
say_name(struct imsgbuf *c, uint32_t type, const char *name)
{
	struct ctl_name	 n;

	memset(&n, 0, sizeof(n));
	strlcpy(n.name, name, sizeof(n.name));
	say(c, type, &n, sizeof(n));
}

/* The next answer: 1, 0 if there is none yet, or -1 at the end. */
static int
hear(struct imsgbuf *c, uint32_t *type, void *data, size_t size)
{
	struct imsg	 imsg;
	int		 i, n;

	for (i = 0; i < 20; i++) {
		if ((n = imsgbuf_get(c, &imsg)) == 1) {
			assert_true(imsg_get_len(&imsg) <= size);
			*type = imsg_get_type(&imsg);
			assert_int_equal(imsg_get_data(&imsg, data,
			    imsg_get_len(&imsg)), 0);
			imsg_free(&imsg);
			return (1);
		}
		assert_int_equal(n, 0);
		fake_run(1);
		if (imsgbuf_read(c) != 1)
			return (-1);
	}
	return (0);
}

static void
expect_end(struct imsgbuf *c, uint32_t type, uint32_t code)
{
	union {
		struct ctl_end	 end;
		struct ctl_user	 user;
	} u;
	uint32_t	 t;

	assert_int_equal(hear(c, &t, &u, sizeof(u)), 1);
	assert_int_equal(t, type);
	assert_int_equal(u.end.code, code);
}

static void
expect_hang_up(struct imsgbuf *c)
{
	struct ctl_end	 end;
	uint32_t	 t;

	assert_int_equal(hear(c, &t, &end, sizeof(end)), -1);
	hang_up(c);
}

/* ---- steps ---- */

static int
setup(void **state)
{
	fake_up(A, 0);
	fake_up(L, 0);
	fake_clear();
	return (0);
}

static int
teardown(void **state)
{
	fake_down(L, 0);
	fake_down(A, 0);
	fake_up(A, 0);
	fake_run(50);
	fake_down(A, 0);
	fake_clear();
	return (0);
}

/* Node pi, and a client of it with so many streams. */
static void
busy(int n)
{
	struct session		 s;
	struct link_up		 up;
	struct stream_up	 st;
	int			 i;

	memset(&up, 0, sizeof(up));
	up.since = time(NULL);
	strlcpy(up.software, "agentd 0", sizeof(up.software));
	fake_session(&s, 1, 0, 11, DOOR_ACCESS, "ann", NULL);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	up.session = 1;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_UP, 11, &up, sizeof(up)),
	    0);
	fake_session(&s, 2, 0, 22, DOOR_NODE, "bob", "pi");
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	up.session = 2;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_UP, 22, &up, sizeof(up)),
	    0);
	memset(&st, 0, sizeof(st));
	st.session = 1;
	st.since = time(NULL);
	strlcpy(st.host, "localhost", sizeof(st.host));
	strlcpy(st.node, "pi", sizeof(st.node));
	for (i = 1; i <= n; i++) {
		st.id = i;
		assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &st,
		    sizeof(st)), 0);
	}
	fake_clear();
}

static void
listener_answers(void)
{
	struct listener_stats	 st;
	struct link_stats	 ls;
	struct ctl_id		 ask;

	assert_true(fake_took(L, 0, IMSG_STATS_ASK, NULL, &ask, sizeof(ask)));
	memset(&ls, 0, sizeof(ls));
	ls.session = 2;
	ls.in = 111;
	ls.out = 222;
	ls.rtt_us = 3333;
	ls.streams = 4;
	assert_int_equal(fake_say(L, 0, IMSG_LINK_STATS, 22, &ls, sizeof(ls)),
	    0);
	memset(&st, 0, sizeof(st));
	st.ask = ask.id;
	st.connections = 17;
	assert_int_equal(fake_say(L, 0, IMSG_STATS, 0, &st, sizeof(st)), 0);
}

static void
auth_ends(uint32_t id, uint32_t type, uint32_t code)
{
	struct ctl_end	 end;

	memset(&end, 0, sizeof(end));
	end.code = code;
	assert_int_equal(fake_say(A, 0, type, id, &end, sizeof(end)), 0);
}

static void
expect_admin(const char *text)
{
	struct audit_event	 a;
	char			 uid[32];

	snprintf(uid, sizeof(uid), "uid %u", getuid());
	while (fake_took(A, 0, IMSG_AUDIT, NULL, &a, sizeof(a))) {
		if (a.what != AUDIT_ADMIN)
			continue;
		assert_string_equal(a.text, text);
		assert_string_equal(a.addr, uid);
		return;
	}
	fail_msg("no audit line");
}

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

/* ---- memory ---- */

#define P	PROC_PARENT

static void
tell(int kind, int instance, uint32_t id, uint32_t what, uint64_t thing,
    uint32_t part, uint64_t after, uint32_t more)
{
	struct ctl_memory	 m;
	struct memory_page	 page;

	memory_line(&m, what, kind, instance);
	m.id = thing;
	assert_int_equal(fake_say(kind, instance, CTL_MEMORY_LINE, id, &m,
	    sizeof(m)), 0);
	memset(&page, 0, sizeof(page));
	page.part = part;
	page.after = after;
	page.more = more;
	assert_int_equal(fake_say(kind, instance, IMSG_MEMORY_PAGE, id, &page,
	    sizeof(page)), 0);
}

static void
expect_taken(struct imsgbuf *c, const char *process, uint64_t thing,
    const char *email)
{
	struct ctl_memory	 m;
	uint32_t		 type;

	do {
		assert_int_equal(hear(c, &type, &m, sizeof(m)), 1);
		assert_int_equal(type, CTL_MEMORY_LINE);
	} while (strcmp(m.process, "router") == 0);
	assert_string_equal(m.process, process);
	assert_int_equal(m.id, thing);
	assert_string_equal(m.email, email);
}

static int
asked_memory(int kind, int instance, uint32_t *id, struct memory_page *page)
{
	return (fake_took(kind, instance, IMSG_MEMORY_ASK, id, page,
	    sizeof(*page)));
}

static void
memory_is_asked_of_one_after_the_other(void **state)
{
	struct ctl_memory_ask	 ask;
	struct memory_page	 page;
	struct imsgbuf		 c;
	uint32_t		 id;

	fake_up(L, 1);
	busy(1);
	dial(&c);
	memset(&ask, 0, sizeof(ask));
	say(&c, CTL_MEMORY, &ask, sizeof(ask));
	assert_true(asked_memory(P, 0, &id, &page));
	assert_false(asked_memory(A, 0, &id, &page));
	tell(P, 0, id, MEMORY_PROCESS, 5, 0, 0, 0);
	assert_true(asked_memory(A, 0, &id, &page));
	/* What comes out of turn is nobody's. */
	tell(L, 0, id, MEMORY_LINK, 77, 3, 0, 0);
	tell(A, 0, id, MEMORY_THINGS, 6, 0, 0, 0);
	assert_true(asked_memory(L, 0, &id, &page));
	assert_int_equal(page.part, 0);
	tell(L, 0, id, MEMORY_LINK, 7, 1, 42, 1);
	assert_true(asked_memory(L, 0, &id, &page));
	assert_int_equal(page.part, 1);
	assert_int_equal(page.after, 42);
	/* Whose the stream is router knows. */
	tell(L, 0, id, MEMORY_STREAM, 1, 5, 0, 0);
	assert_true(asked_memory(L, 1, &id, &page));
	assert_int_equal(page.part, 0);
	tell(L, 1, id, MEMORY_STREAM, 99, 0, 0, 0);
	expect_taken(&c, "parent", 5, "");
	expect_taken(&c, "auth", 6, "");
	expect_taken(&c, "listener 0", 7, "");
	expect_taken(&c, "listener 0", 1, "ann@example.org");
	expect_taken(&c, "listener 1", 99, "");
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
	fake_down(L, 1);
}

static void
memory_does_not_wait_for_who_is_silent(void **state)
{
	struct ctl_memory_ask	 ask;
	struct memory_page	 page;
	struct ctl_memory	 m;
	struct imsgbuf		 c;
	uint32_t		 id, type;
	int			 i;

	fake_down(A, 0);
	dial(&c);
	memset(&ask, 0, sizeof(ask));
	say(&c, CTL_MEMORY, &ask, sizeof(ask));
	assert_true(asked_memory(P, 0, &id, &page));
	tell(P, 0, id, MEMORY_PROCESS, 5, 0, 0, 0);
	/* Auth is away, and the listener hangs. */
	assert_true(asked_memory(L, 0, &id, &page));
	fake_run(3500);
	for (i = 0; i < 20; i++) {
		assert_int_equal(hear(&c, &type, &m, sizeof(m)), 1);
		if (type == CTL_OK)
			break;
	}
	assert_int_equal(type, CTL_OK);
	tell(L, 0, id, MEMORY_LINK, 7, 1, 42, 1);
	hang_up(&c);
	fake_up(A, 0);
}

static void
memory_requests_are_checked(void **state)
{
	struct ctl_memory_ask	 ask;
	struct imsgbuf		 c;

	dial(&c);
	memset(&ask, 0, sizeof(ask));
	ask.process = 3;
	say(&c, CTL_MEMORY, &ask, sizeof(ask));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
}

/* ---- the audit log ---- */

static void
say_audit(struct imsgbuf *c, int follow)
{
	struct ctl_audit_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.follow = follow;
	strlcpy(ask.email, "Ann@example.org", sizeof(ask.email));
	say(c, CTL_AUDIT, &ask, sizeof(ask));
}

static void
auth_lines(uint32_t id, uint64_t from, uint64_t to, int more)
{
	struct ctl_audit	 a;
	struct audit_page	 page;

	for (; from <= to; from++) {
		memset(&a, 0, sizeof(a));
		a.id = from;
		assert_int_equal(fake_say(A, 0, CTL_AUDIT_LINE, id, &a,
		    sizeof(a)), 0);
	}
	memset(&page, 0, sizeof(page));
	page.after = to;
	page.more = more;
	assert_int_equal(fake_say(A, 0, IMSG_AUDIT_PAGE, id, &page,
	    sizeof(page)), 0);
}

/* Where auth is asked to begin, within so many ms; -1: it is not. */
static int64_t
auth_asked(uint32_t *id, int ms)
{
	struct audit_ask	 ask;

	for (; ms > 0; ms -= MS) {
		if (fake_took(A, 0, IMSG_AUDIT_ASK, id, &ask, sizeof(ask))) {
			assert_string_equal(ask.email, "ann@example.org");
			return (ask.after);
		}
		fake_run(MS);
	}
	return (-1);
}

static void
expect_lines(struct imsgbuf *c, uint64_t from, uint64_t to)
{
	struct ctl_audit	 a;
	uint32_t		 type;

	for (; from <= to; from++) {
		assert_int_equal(hear(c, &type, &a, sizeof(a)), 1);
		assert_int_equal(type, CTL_AUDIT_LINE);
		assert_int_equal(a.id, from);
	}
}

static void
audit_log_comes_in_pages(void **state)
{
	struct imsgbuf	 c;
	uint32_t	 id;

	dial(&c);
	say_audit(&c, 0);
	assert_int_equal(auth_asked(&id, 1000), 0);
	auth_lines(id, 1, 20, 1);
	assert_int_equal(auth_asked(&id, 1000), 20);
	auth_lines(id, 21, 25, 0);
	expect_lines(&c, 1, 25);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

static void
audit_log_is_followed_past_a_new_auth(void **state)
{
	struct imsgbuf	 c;
	uint32_t	 id;

	dial(&c);
	say_audit(&c, 1);
	assert_int_equal(auth_asked(&id, 1000), 0);
	auth_lines(id, 1, 5, 0);
	expect_lines(&c, 1, 5);
	/* It looks again, and finds more. */
	assert_int_equal(auth_asked(&id, 5000), 5);
	auth_lines(id, 6, 6, 0);
	expect_lines(&c, 6, 6);
	fake_down(A, 0);
	fake_run(700);
	fake_up(A, 0);
	assert_int_equal(auth_asked(&id, 5000), 6);
	/* Half a page, and it is gone; the next one begins behind that. */
	auth_lines(id, 7, 8, 1);
	expect_lines(&c, 7, 8);
	assert_int_equal(auth_asked(&id, 1000), 8);
	fake_down(A, 0);
	fake_up(A, 0);
	assert_int_equal(auth_asked(&id, 10000), 8);
	/* What comes twice is told once. */
	auth_lines(id, 7, 9, 0);
	expect_lines(&c, 9, 9);
	hang_up(&c);
	assert_int_equal(auth_asked(&id, 1000), -1);
}

static void
audit_log_is_not_asked_of_nobody_for_ever(void **state)
{
	struct imsgbuf	 c;

	dial(&c);
	fake_down(A, 0);
	say_audit(&c, 0);
	fake_run(6000);
	expect_end(&c, CTL_ERROR, CTL_CODE_STORE);
	fake_up(A, 0);
	hang_up(&c);
}

/* No more is fetched than the client takes. */
static void
audit_log_waits_for_its_reader(void **state)
{
	struct imsgbuf	 c;
	int64_t		 asked, next = 1;
	uint32_t	 id;
	int		 pages = 0;

	dial(&c);
	say_audit(&c, 1);
	while ((asked = auth_asked(&id, 1500)) != -1) {
		assert_int_equal(asked, next - 1);
		auth_lines(id, next, next + 255, 1);
		next += 256;
		assert_true(++pages < 50);
	}
	assert_true(pages > 1);
	expect_lines(&c, 1, next - 1);
	assert_int_equal(auth_asked(&id, 5000), next - 1);
	auth_lines(id, next, next, 0);
	expect_lines(&c, next, next);
	hang_up(&c);
}

static void
audit_requests_are_checked(void **state)
{
	struct ctl_audit_ask	 ask;
	struct imsgbuf		 c;

	dial(&c);
	memset(&ask, 0, sizeof(ask));
	memset(ask.node, 'x', sizeof(ask.node));
	say(&c, CTL_AUDIT, &ask, sizeof(ask));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	dial(&c);
	memset(&ask, 0, sizeof(ask));
	ask.since = -1;
	say(&c, CTL_AUDIT, &ask, sizeof(ask));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
}

static int
listen_here(void)
{
	int	 fd;

	if (mkdtemp(dir) == NULL)
		return (-1);
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 16) == -1)
		return (-1);
	control_listen(fd);
	return (0);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(request_goes_to_auth_and_back),
		T(records_never_bring_a_hash),
		T(auth_is_away),
		T(auth_dies_meanwhile),
		T(client_leaves_meanwhile),
		T(nodes_are_shown_with_their_links),
		T(node_is_kicked),
		T(streams_are_listed_and_ended),
		T(long_list_waits_for_its_reader),
		T(figures_are_told),
		T(figures_do_not_wait_for_ever),
		T(reload_is_the_parents),
		T(memory_is_asked_of_one_after_the_other),
		T(memory_does_not_wait_for_who_is_silent),
		T(memory_requests_are_checked),
		T(audit_log_comes_in_pages),
		T(audit_log_is_followed_past_a_new_auth),
		T(audit_log_is_not_asked_of_nobody_for_ever),
		T(audit_log_waits_for_its_reader),
		T(audit_requests_are_checked),
		T(bad_requests_end_their_client),
		T(one_request_at_a_time),
		T(clients_are_limited),
	};
	struct conf_serve	 serve = { 0 };
	int			 ret;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	if (listen_here() == -1)
		return (1);
	router_start();
	router_serve();
	fake_say(PROC_PARENT, 0, IMSG_CONF_SERVE, 0, &serve, sizeof(serve));
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(sun.sun_path);
	rmdir(dir);
	return (ret);
}
