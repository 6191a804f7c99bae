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


/* link: regress/relayd/auth_fake.c regress/relayd/hand.c
 *	relayd/auth_*.c relayd/month.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

#include "compat.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_fake.h"
#include "msg_list.h"

#define CONN	77
#define INSTANCE 2

static void
address(struct login *req, unsigned int n)
{
	struct sockaddr_in	*sin = (struct sockaddr_in *)&req->peer;

	memset(&req->peer, 0, sizeof(req->peer));
	sin->sin_family = AF_INET;
	sin->sin_port = htons(1234);
	sin->sin_addr.s_addr = htonl(0xc0000200 + n);
}

/* A log-in that is right in every way. */
static void
request(struct login *req, const struct token *t, uint32_t door,
    const char *node)
{
	memset(req, 0, sizeof(*req));
	req->door = door;
	req->method = LOGIN_SIGNATURE;
	strlcpy(req->token_id, t->id, sizeof(req->token_id));
	strlcpy(req->host, "localhost", sizeof(req->host));
	strlcpy(req->nonce, "n0nce", sizeof(req->nonce));
	strlcpy(req->path, door == DOOR_NODE ? "/api/nodes/ws" :
	    "/api/access/ws", sizeof(req->path));
	strlcpy(req->node, node, sizeof(req->node));
	address(req, 1);
}

static void
sign(struct login *req, const struct token *t)
{
	struct token_challenge	 c = { req->host, req->nonce, req->path,
				    req->node };

	assert_int_equal(token_sign(t, &c, req->sig), 0);
}

static int
deliver(const struct login *req)
{
	return (fake_recv(auth_recv_login, PROC_LISTENER, INSTANCE, IMSG_LOGIN,
	    CONN, req, sizeof(*req)));
}

/* What became of it: the session's id, or 0 and a denial. */
static uint64_t
log_in(const struct token *t, uint32_t door, const char *node)
{
	struct login		 req;
	const struct session	*s;

	fake_forget();
	request(&req, t, door, node);
	sign(&req, t);
	assert_int_equal(deliver(&req), 0);
	if (fake_count(IMSG_SESSION) == 0)
		return (0);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	return (s->session);
}

static void
assert_denied(uint32_t status, const char *part)
{
	const struct login_denied	*d;

	assert_int_equal(fake_count(IMSG_SESSION), 0);
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	assert_int_equal(fake_sent[0].instance, INSTANCE);
	assert_int_equal(fake_sent[0].id, CONN);
	if (d->status != status || strstr(d->text, part) == NULL)
		fail_msg("%u %s, not %u %s", d->status, d->text, status, part);
}

static void
add_user(struct store_user *u, const char *email)
{
	memset(u, 0, sizeof(*u));
	store_uuid(u->id);
	strlcpy(u->email, email, sizeof(u->email));
	u->enabled = 1;
	assert_int_equal(store_user_add(auth_store, u, NULL), STORE_OK);
}

/* ---- who is let in ---- */

static void
a_node_is_registered_and_has_a_session(void **state)
{
	struct store_node	 n;
	const struct session	*s;
	uint64_t		 id;

	assert_true((id = log_in(&fake_token, DOOR_NODE, "pi")) != 0);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	assert_int_equal(s->listener, INSTANCE);
	assert_int_equal(s->conn, CONN);
	assert_int_equal(s->door, DOOR_NODE);
	assert_int_equal(s->scopes, SCOPE_NODE | SCOPE_CONNECT);
	assert_string_equal(s->user_id, fake_user.id);
	assert_string_equal(s->email, "me@example.org");
	assert_string_equal(s->token_id, fake_token.id);
	assert_string_equal(s->node, "pi");
	assert_string_equal(s->addr, "192.0.2.1:1234");
	assert_int_equal(store_node_find(auth_store, "pi", &n), STORE_OK);
	assert_string_equal(n.id, s->node_id);
	assert_string_equal(n.token, fake_row.id);
	assert_non_null(auth_session_find(id));
	/* It comes back as the same node. */
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != id);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	assert_string_equal(n.id, s->node_id);
}

static void
a_user_has_so_many_nodes_and_no_more(void **state)
{
	struct relayd_limits	 limits;
	struct store_node	 n;

	memset(&limits, 0, sizeof(limits));
	limits.nodes_per_user = 2;
	auth_login_conf(&limits);
	assert_true(log_in(&fake_token, DOOR_NODE, "one") != 0);
	assert_true(log_in(&fake_token, DOOR_NODE, "two") != 0);
	assert_true(log_in(&fake_token, DOOR_NODE, "three") == 0);
	assert_denied(403, "2 nodes already");
	assert_true(log_in(&fake_token, DOOR_NODE, "one") != 0);
	assert_int_equal(store_node_find(auth_store, "one", &n), STORE_OK);
	assert_int_equal(store_node_remove(auth_store, n.id), STORE_OK);
	assert_true(log_in(&fake_token, DOOR_NODE, "three") != 0);
	limits.nodes_per_user = 0;
	auth_login_conf(&limits);
	assert_true(log_in(&fake_token, DOOR_NODE, "four") != 0);
}

static void
a_client_has_a_session_without_a_node(void **state)
{
	const struct session	*s;

	assert_true(log_in(&fake_token, DOOR_ACCESS, "") != 0);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	assert_int_equal(s->door, DOOR_ACCESS);
	assert_string_equal(s->node, "");
	assert_string_equal(s->node_id, "");
}

static void
a_bearer_is_accepted_and_its_secret_checked(void **state)
{
	struct login	 req;

	request(&req, &fake_token, DOOR_ACCESS, "");
	req.method = LOGIN_BEARER;
	memcpy(req.seed, fake_token.seed, sizeof(req.seed));
	assert_int_equal(deliver(&req), 0);
	assert_int_equal(fake_count(IMSG_SESSION), 1);
	fake_forget();
	req.seed[31] ^= 1;
	assert_int_equal(deliver(&req), 0);
	assert_denied(401, "token not accepted");
}

static void
log_in_and_use_are_written_behind(void **state)
{
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM audit"), "0");
	fake_mono += 1000;
	assert_int_equal(auth_audit_tick(), 0);
	assert_string_equal(fake_sql_get("SELECT what || ' ' || email || ' ' "
	    "|| node || ' ' || addr || ' ' || text FROM audit"),
	    "login me@example.org pi 192.0.2.1:1234 by signature");
	assert_string_equal(fake_sql_get("SELECT last_used_at FROM "
	    "pat_tokens"), "1800000000");
}

/* ---- who is not ---- */

static void
wrong_signature_and_unknown_token_are_told_alike(void **state)
{
	struct login		 req;
	struct token		 stranger;
	struct login_denied	 first;

	request(&req, &fake_token, DOOR_NODE, "pi");
	sign(&req, &fake_token);
	req.sig[0] ^= 1;
	assert_int_equal(deliver(&req), 0);
	assert_denied(401, "token not accepted");
	memcpy(&first, fake_sent[0].data, sizeof(first));
	fake_forget();
	token_make(&stranger);
	request(&req, &stranger, DOOR_NODE, "pi");
	sign(&req, &stranger);
	assert_int_equal(deliver(&req), 0);
	assert_denied(401, "token not accepted");
	assert_memory_equal(&first, fake_sent[0].data, sizeof(first));
	assert_string_equal(fake_sql_get("SELECT count(*) FROM nodes"), "0");
}

static void
a_signature_is_for_one_host_nonce_path_and_node(void **state)
{
	struct login	 req, changed;
	int		 i;

	request(&req, &fake_token, DOOR_NODE, "pi");
	sign(&req, &fake_token);
	for (i = 0; i < 4; i++) {
		changed = req;
		address(&changed, 10 + i);
		switch (i) {
		case 0:
			strlcpy(changed.host, "x.localhost",
			    sizeof(changed.host));
			break;
		case 1:
			changed.nonce[0]++;
			break;
		case 2:
			strlcpy(changed.path, "/api/access/ws",
			    sizeof(changed.path));
			break;
		case 3:
			strlcpy(changed.node, "po", sizeof(changed.node));
			break;
		}
		fake_forget();
		assert_int_equal(deliver(&changed), 0);
		assert_denied(401, "token not accepted");
	}
}

static void
token_of_another_make_is_not_accepted(void **state)
{
	fake_sql("UPDATE pat_tokens SET token_hash = '$2b$12$whatever'");
	assert_int_equal(log_in(&fake_token, DOOR_NODE, "pi"), 0);
	assert_denied(401, "token not accepted");
}

static void
expiry_is_told_to_the_owner_only(void **state)
{
	struct login	 req;

	fake_sql("UPDATE pat_tokens SET expires_at = 1799999900");
	assert_int_equal(log_in(&fake_token, DOOR_ACCESS, ""), 0);
	assert_denied(401, "token has expired");
	fake_forget();
	request(&req, &fake_token, DOOR_ACCESS, "");
	assert_int_equal(deliver(&req), 0);
	assert_denied(401, "token not accepted");
	/* Clocks may differ by a minute. */
	fake_sql("UPDATE pat_tokens SET expires_at = 1799999941");
	assert_true(log_in(&fake_token, DOOR_ACCESS, "") != 0);
}

static void
disabled_user_is_told(void **state)
{
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 0),
	    STORE_OK);
	assert_int_equal(log_in(&fake_token, DOOR_ACCESS, ""), 0);
	assert_denied(401, "this user is disabled");
}

static void
each_door_wants_its_scope(void **state)
{
	struct token	 node, connect, admin, ssh;

	fake_token_add(&node, &fake_user, SCOPE_NODE, "");
	fake_token_add(&connect, &fake_user, SCOPE_CONNECT, "");
	fake_token_add(&admin, &fake_user, SCOPE_ADMIN, "");
	fake_token_add(&ssh, &fake_user, SCOPE_SSH | SCOPE_HTTP, "");
	assert_true(log_in(&node, DOOR_NODE, "pi") != 0);
	assert_int_equal(log_in(&node, DOOR_ACCESS, ""), 0);
	assert_denied(403, "this token has no scope connect");
	assert_true(log_in(&connect, DOOR_ACCESS, "") != 0);
	assert_int_equal(log_in(&connect, DOOR_NODE, "pi"), 0);
	assert_denied(403, "this token has no scope node");
	assert_true(log_in(&admin, DOOR_ACCESS, "") != 0);
	assert_int_equal(log_in(&ssh, DOOR_ACCESS, ""), 0);
	assert_int_equal(log_in(&ssh, DOOR_NODE, "pi"), 0);
}

static void
host_is_one_of_the_relays_names(void **state)
{
	static const char *const	 good[] = {
		"localhost", "x.localhost", "127.0.0.1", "127.9.9.9", "::1"
	};
	struct login			 req;
	size_t				 i;

	for (i = 0; i < nitems(good); i++)
		assert_true(names_match(&auth_names, good[i]));
	assert_false(names_match(&auth_names, "relay.example.org"));
	assert_false(names_match(&auth_names, "notlocalhost"));
	assert_false(names_match(&auth_names, ".localhost"));
	assert_false(names_match(&auth_names, "128.0.0.1"));
	request(&req, &fake_token, DOOR_ACCESS, "");
	strlcpy(req.host, "relay.example.org", sizeof(req.host));
	sign(&req, &fake_token);
	assert_int_equal(deliver(&req), 0);
	assert_denied(421, "this relay is not called relay.example.org: set "
	    "`domain` in relayd.conf");

	assert_int_equal(names_add(&auth_names, "Relay.example.org"), 0);
	assert_int_equal(names_add(&auth_names, "*.nodes.example.org"), 0);
	assert_true(names_match(&auth_names, "relay.example.org"));
	assert_true(names_match(&auth_names, "pi.nodes.example.org"));
	assert_false(names_match(&auth_names, "nodes.example.org"));
	assert_false(names_match(&auth_names, ".nodes.example.org"));
	assert_false(names_match(&auth_names, "a.b.nodes.example.org"));
	assert_false(names_match(&auth_names, "localhost"));
	fake_forget();
	assert_int_equal(deliver(&req), 0);
	assert_int_equal(fake_count(IMSG_SESSION), 1);
}

static void
node_names_are_labels(void **state)
{
	static const char *const	 bad[] = {
		"", "-a", "a-", "a--b", "A", "a.b", "a_b", "a b", "\303\244"
	};
	char				 longest[CTL_NAME_LEN];
	size_t				 i;

	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(log_in(&fake_token, DOOR_NODE, bad[i]), 0);
		assert_denied(403, "a node name is");
	}
	memset(longest, 'a', sizeof(longest));
	longest[63] = '\0';
	assert_true(log_in(&fake_token, DOOR_NODE, longest) != 0);
	assert_true(log_in(&fake_token, DOOR_NODE, "0-9") != 0);
}

/* The name that a node has already is no obstacle. */
static void
node_of_an_old_name_is_let_in(void **state)
{
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	fake_sql("UPDATE nodes SET name = 'a--b_c'");
	assert_true(log_in(&fake_token, DOOR_NODE, "a--b_c") != 0);
	assert_int_equal(log_in(&fake_token, DOOR_NODE, "a--b"), 0);
	assert_denied(403, "a node name is");
}

static void
a_token_may_be_for_some_nodes_only(void **state)
{
	struct token	 t;

	fake_token_add(&t, &fake_user, SCOPE_NODE, "pi,po");
	assert_int_equal(log_in(&t, DOOR_NODE, "pa"), 0);
	assert_denied(403, "this token is not for node pa");
	assert_true(log_in(&t, DOOR_NODE, "po") != 0);
}

static void
a_name_belongs_to_who_came_first(void **state)
{
	struct store_user	 you;
	struct token		 yours;

	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	add_user(&you, "you@example.org");
	fake_token_add(&yours, &you, SCOPE_NODE, "");
	assert_int_equal(log_in(&yours, DOOR_NODE, "pi"), 0);
	assert_denied(409, "node name pi belongs to somebody else: choose "
	    "another");
	assert_true(log_in(&yours, DOOR_NODE, "pa") != 0);
	auth_session_drop(REVOKE_USER, you.id);
}

static void
a_node_may_change_its_token_while_it_is_away(void **state)
{
	struct token		 second;
	struct store_node	 n;
	uint64_t		 id;

	fake_token_add(&second, &fake_user, SCOPE_NODE, "");
	assert_true((id = log_in(&fake_token, DOOR_NODE, "pi")) != 0);
	assert_int_equal(log_in(&second, DOOR_NODE, "pi"), 0);
	assert_denied(409, "node pi is connected with another token");
	auth_session_forget(id);
	assert_true(log_in(&second, DOOR_NODE, "pi") != 0);
	assert_int_equal(store_node_find(auth_store, "pi", &n), STORE_OK);
	assert_string_equal(n.token_id, second.id);
	/* Connected, but with a token that is no longer valid. */
	assert_int_equal(store_token_revoke(auth_store, second.id, 5),
	    STORE_OK);
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
}

static void
guesses_are_stopped_before_the_signature(void **state)
{
	struct login			 req;
	const struct login_denied	*d;
	int				 i;

	request(&req, &fake_token, DOOR_NODE, "pi");
	for (i = 0; i < 200; i++) {
		fake_forget();
		assert_int_equal(deliver(&req), 0);
		d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
		assert_int_equal(d->status, i < THROTTLE_NETWORK ? 401 : 429);
	}
	assert_true(d->retry_after > 0);
	/* Even the right one has to wait, and then passes. */
	assert_int_equal(log_in(&fake_token, DOOR_NODE, "pi"), 0);
	assert_denied(429, "too many failed log-ins");
	fake_mono += 6000;
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	/* Of a flood, the log keeps a part and says so. */
	for (i = 0; i < 1000; i++)
		assert_int_equal(deliver(&req), 0);
	fake_mono += 7000;
	assert_int_equal(deliver(&req), 0);
	while (auth_audit_tick())
		;
	assert_string_equal(fake_sql_get("SELECT count(*) < 110 FROM audit"),
	    "1");
	assert_string_equal(fake_sql_get("SELECT count(*) > 0 FROM audit "
	    "WHERE text LIKE '%that are not here)'"), "1");
}

/* ---- trouble ---- */

static void
without_router_nobody_is_let_in(void **state)
{
	const struct login_denied	*d;

	fake_router_up = 0;
	assert_int_equal(log_in(&fake_token, DOOR_NODE, "pi"), 0);
	assert_denied(503, "try again");
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	assert_int_equal(d->retry_after, 1);
}

static void
without_a_store_nobody_is_let_in(void **state)
{
	fake_store_close();
	assert_int_equal(log_in(&fake_token, DOOR_NODE, "pi"), 0);
	assert_denied(503, "the relay can't read its store now");
	assert_true(fake_trouble > 0);
	fake_store_open();
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
}

static void
without_room_only_known_nodes_are_let_in(void **state)
{
	sqlite3		*db;
	struct token	 second;

	fake_token_add(&second, &fake_user, SCOPE_NODE, "");
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	auth_session_drop(REVOKE_USER, fake_user.id);
	/* Any refused write will do: a lock that somebody else holds. */
	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	assert_true(log_in(&fake_token, DOOR_ACCESS, "") != 0);
	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	auth_session_drop(REVOKE_USER, fake_user.id);
	assert_true(log_in(&second, DOOR_NODE, "pi") != 0);
	assert_int_equal(log_in(&fake_token, DOOR_NODE, "po"), 0);
	assert_denied(503, "the relay can't store the new node now");
	assert_true(fake_trouble > 0);
	sqlite3_close(db);
	assert_true(log_in(&fake_token, DOOR_NODE, "po") != 0);
}

static void
messages_of_the_wrong_shape_are_refused(void **state)
{
	struct login	 good, req;

	request(&good, &fake_token, DOOR_NODE, "pi");
	sign(&good, &fake_token);
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 0,
	    IMSG_LOGIN, 1, &good, sizeof(good) - 1), -1);
	req = good;
	req.door = 3;
	assert_int_equal(deliver(&req), -1);
	req = good;
	req.method = 0;
	assert_int_equal(deliver(&req), -1);
	req = good;
	req.peer.ss_family = AF_UNIX;
	assert_int_equal(deliver(&req), -1);
#define UNTERMINATED(field) do {					\
	req = good;							\
	memset(req.field, 'a', sizeof(req.field));			\
	assert_int_equal(deliver(&req), -1);				\
} while (0)
	UNTERMINATED(token_id);
	UNTERMINATED(host);
	UNTERMINATED(nonce);
	UNTERMINATED(path);
	UNTERMINATED(node);
	assert_int_equal(fake_nsent, 0);
}

/* ---- sessions ---- */

static void
a_new_router_hears_of_what_is_known_only(void **state)
{
	struct session	 s, forged;
	const void	*p;

	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	p = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(s));
	memcpy(&s, p, sizeof(s));
	forged = s;
	strlcpy(forged.email, "root@example.org", sizeof(forged.email));
	forged.scopes = SCOPE_ADMIN;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_session_check, PROC_ROUTER, 0,
	    IMSG_SESSION_CHECK, 5, &forged, sizeof(forged)), 0);
	/* The answer is our own copy. */
	assert_memory_equal(fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(s)),
	    &s, sizeof(s));
	assert_int_equal(fake_sent[0].id, 5);
#define GONE() do {							\
	fake_forget();							\
	assert_int_equal(fake_recv(auth_recv_session_check, PROC_ROUTER, 0, \
	    IMSG_SESSION_CHECK, 5, &forged, sizeof(forged)), 0);	\
	fake_one(PROC_ROUTER, IMSG_SESSION_GONE, sizeof(s));		\
	forged = s;							\
} while (0)
	forged = s;
	forged.session++;
	GONE();
	forged.listener++;
	GONE();
	forged.conn++;
	GONE();
	forged.node_id[0] ^= 1;
	GONE();
	forged.user_id[0] ^= 1;
	GONE();
	memset(forged.token_id, 'a', sizeof(forged.token_id));
	GONE();
}

static void
a_session_ends_with_its_link(void **state)
{
	struct session_id	 end;

	assert_true((end.session = log_in(&fake_token, DOOR_NODE, "pi")) !=
	    0);
	assert_int_equal(fake_recv(auth_recv_session_end, PROC_ROUTER, 0,
	    IMSG_SESSION_END, 0, &end, sizeof(end)), 0);
	assert_null(auth_session_find(end.session));
	assert_int_equal(fake_recv(auth_recv_session_end, PROC_ROUTER, 0,
	    IMSG_SESSION_END, 0, &end, sizeof(end)), 0);
}

static void
who_does_not_come_back_to_a_new_router_is_forgotten(void **state)
{
	struct session	 back;
	uint64_t	 gone;

	gone = log_in(&fake_token, DOOR_NODE, "pi");
	assert_true(log_in(&fake_token, DOOR_NODE, "po") != 0);
	memcpy(&back, fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(back)),
	    sizeof(back));
	auth_session_router_up();
	assert_int_equal(fake_recv(auth_recv_session_check, PROC_ROUTER, 0,
	    IMSG_SESSION_CHECK, 5, &back, sizeof(back)), 0);
	fake_mono += 59000;
	auth_session_sweep();
	assert_non_null(auth_session_find(gone));
	fake_mono += 2000;
	auth_session_sweep();
	assert_null(auth_session_find(gone));
	assert_non_null(auth_session_find(back.session));
}

static void
sessions_end_when_their_token_does(void **state)
{
	const struct revoke	*r;
	uint64_t		 a, b, c;
	struct token		 other;

	fake_token_add(&other, &fake_user, SCOPE_NODE, "");
	fake_sql("UPDATE pat_tokens SET expires_at = 1800000100 "
	    "WHERE scopes LIKE '%connect%'");
	a = log_in(&fake_token, DOOR_NODE, "pi");
	b = log_in(&fake_token, DOOR_ACCESS, "");
	c = log_in(&other, DOOR_NODE, "po");
	assert_true(a != 0 && b != 0 && c != 0);
	fake_forget();
	fake_wall += 150;
	auth_session_sweep();
	assert_int_equal(fake_nsent, 0);
	/* Back by a day: nobody is hurt. */
	fake_wall -= 86400;
	auth_session_sweep();
	assert_int_equal(fake_nsent, 0);
	fake_wall += 86400 + 20;
	auth_session_sweep();
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, REVOKE_TOKEN);
	assert_string_equal(r->id, fake_token.id);
	assert_null(auth_session_find(a));
	assert_null(auth_session_find(b));
	assert_non_null(auth_session_find(c));
}

/* Auth was started anew: these come from router. */
static void
known_sessions_are_verified_by_a_new_auth(void **state)
{
	struct session		 s;
	const struct revoke	*r;

	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	memcpy(&s, fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(s)), sizeof(s));
#define KNOWN() do {							\
	auth_session_drop(REVOKE_USER, fake_user.id);			\
	fake_forget();							\
	assert_int_equal(fake_recv(auth_recv_session_known, PROC_ROUTER, 0, \
	    IMSG_SESSION_KNOWN, 0, &s, sizeof(s)), 0);			\
} while (0)
	KNOWN();
	assert_int_equal(fake_nsent, 0);
	assert_non_null(auth_session_find(s.session));
	/* Without the store, what runs goes on until it can be asked. */
	fake_store_close();
	KNOWN();
	assert_int_equal(fake_nsent, 0);
	assert_non_null(auth_session_find(s.session));
	fake_store_open();
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 0),
	    STORE_OK);
	auth_session_sweep();
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, REVOKE_USER);
	assert_null(auth_session_find(s.session));
	KNOWN();
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 1),
	    STORE_OK);
	assert_int_equal(store_node_rename(auth_store, s.node_id, "pa"),
	    STORE_OK);
	KNOWN();
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, REVOKE_NODE);
	assert_int_equal(store_node_rename(auth_store, s.node_id, "pi"),
	    STORE_OK);
	assert_int_equal(store_token_revoke(auth_store, s.token_id, 5),
	    STORE_OK);
	KNOWN();
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, REVOKE_TOKEN);
	memset(s.addr, 'a', sizeof(s.addr));
	assert_int_equal(fake_recv(auth_recv_session_known, PROC_ROUTER, 0,
	    IMSG_SESSION_KNOWN, 0, &s, sizeof(s)), -1);
}

/* ---- what router asks ---- */

static uint32_t
may(const struct token *t, const struct store_user *u, const char *node)
{
	struct node_ask			 ask;
	const struct node_answer	*a;

	memset(&ask, 0, sizeof(ask));
	ask.session = 1;
	strlcpy(ask.user_id, u->id, sizeof(ask.user_id));
	strlcpy(ask.token_id, t->id, sizeof(ask.token_id));
	strlcpy(ask.node, node, sizeof(ask.node));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_node_ask, PROC_ROUTER, 0,
	    IMSG_NODE_ASK, 33, &ask, sizeof(ask)), 0);
	a = fake_one(PROC_ROUTER, IMSG_NODE_ANSWER, sizeof(*a));
	assert_int_equal(fake_sent[0].id, 33);
	assert_string_equal(a->node, node);
	assert_int_equal(a->node_id[0] != '\0', a->code == 0);
	return (a->code);
}

static void
a_node_is_for_its_owner(void **state)
{
	struct store_user	 you;
	struct token		 yours, some;

	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	add_user(&you, "you@example.org");
	fake_token_add(&yours, &you, SCOPE_CONNECT, "");
	fake_token_add(&some, &fake_user, SCOPE_CONNECT, "po");
	assert_int_equal(may(&fake_token, &fake_user, "pi"), 0);
	assert_int_equal(may(&fake_token, &fake_user, "pa"),
	    MUX_CODE_NO_NODE);
	assert_int_equal(may(&yours, &you, "pi"), MUX_CODE_DENIED);
	assert_int_equal(may(&yours, &fake_user, "pi"), MUX_CODE_DENIED);
	assert_int_equal(may(&some, &fake_user, "pi"), MUX_CODE_DENIED);
	fake_sql("UPDATE pat_tokens SET expires_at = 5 WHERE nodes = '[]'");
	assert_int_equal(may(&fake_token, &fake_user, "pi"), MUX_CODE_DENIED);
	fake_store_close();
	assert_int_equal(may(&fake_token, &fake_user, "pi"),
	    MUX_CODE_INTERNAL);
	fake_store_open();
}

static void
a_user_sees_its_nodes_and_no_others(void **state)
{
	struct nodes_ask		 ask;
	const struct nodes_entry	*e;
	struct store_user		 you;
	struct token			 yours, some;
	char				 name[16];
	uint64_t			 id;
	int				 i;

	add_user(&you, "you@example.org");
	fake_token_add(&yours, &you, SCOPE_NODE, "");
	fake_token_add(&some, &fake_user, SCOPE_CONNECT, "n3,n5,n77");
	assert_true(log_in(&yours, DOOR_NODE, "not-mine") != 0);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_true(log_in(&fake_token, DOOR_NODE, name) != 0);
	}
	id = log_in(&fake_token, DOOR_ACCESS, "");
	fake_forget();
	ask.session = id;
	assert_int_equal(fake_recv(auth_recv_nodes_ask, PROC_ROUTER, 0,
	    IMSG_NODES_ASK, 9, &ask, sizeof(ask)), 0);
	assert_int_equal(fake_count(IMSG_NODES_ENTRY), 40);
	fake_one(PROC_ROUTER, IMSG_NODES_END, sizeof(ask));
	assert_int_equal(fake_sent[fake_nsent - 1].type, IMSG_NODES_END);
	assert_int_equal(fake_sent[fake_nsent - 1].id, 9);
	e = (const struct nodes_entry *)fake_sent[0].data;
	assert_string_equal(e->node, "n0");
	assert_int_equal(e->session, id);

	ask.session = log_in(&some, DOOR_ACCESS, "");
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_nodes_ask, PROC_ROUTER, 0,
	    IMSG_NODES_ASK, 9, &ask, sizeof(ask)), 0);
	assert_int_equal(fake_count(IMSG_NODES_ENTRY), 2);
	/* A session that has just ended. */
	ask.session = 12345;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_nodes_ask, PROC_ROUTER, 0,
	    IMSG_NODES_ASK, 9, &ask, sizeof(ask)), 0);
	assert_int_equal(fake_nsent, 1);
	fake_one(PROC_ROUTER, IMSG_NODES_END, sizeof(ask));
	auth_session_drop(REVOKE_USER, you.id);
}

static void
a_long_list_waits_for_router(void **state)
{
	struct nodes_ask	 ask;
	char			 name[16];
	int			 i;

	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_true(log_in(&fake_token, DOOR_NODE, name) != 0);
	}
	ask.session = log_in(&fake_token, DOOR_ACCESS, "");
	fake_forget();
	fake_queued = PROC_QUEUE_LOW;
	fake_soon = 0;
	assert_int_equal(fake_recv(auth_recv_nodes_ask, PROC_ROUTER, 0,
	    IMSG_NODES_ASK, 9, &ask, sizeof(ask)), 0);
	assert_int_equal(fake_nsent, 0);
	assert_int_equal(fake_soon, 1);
	assert_int_equal(auth_list_tick(), 1);
	assert_int_equal(fake_nsent, 0);
	fake_queued = 0;
	assert_int_equal(auth_list_tick(), 0);
	assert_int_equal(fake_nsent, 41);
	/* Router is gone meanwhile: nobody waits any longer. */
	fake_queued = PROC_QUEUE_LOW;
	assert_int_equal(fake_recv(auth_recv_nodes_ask, PROC_ROUTER, 0,
	    IMSG_NODES_ASK, 9, &ask, sizeof(ask)), 0);
	fake_router_up = 0;
	assert_int_equal(auth_list_tick(), 0);
}

static void
node_states_are_written_behind(void **state)
{
	struct node_state	 st;
	struct store_node	 n;

	assert_true(log_in(&fake_token, DOOR_NODE, "pi") != 0);
	assert_int_equal(store_node_find(auth_store, "pi", &n), STORE_OK);
	memset(&st, 0, sizeof(st));
	strlcpy(st.node_id, n.id, sizeof(st.node_id));
	st.online = 1;
	st.since = 1800000001;
	assert_int_equal(fake_recv(auth_recv_node_state, PROC_ROUTER, 0,
	    IMSG_NODE_STATE, 0, &st, sizeof(st)), 0);
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT connected || connected_at || "
	    "last_seen_at FROM nodes"), "118000000011800000001");
	st.online = 0;
	st.since = 1800000009;
	assert_int_equal(fake_recv(auth_recv_node_state, PROC_ROUTER, 0,
	    IMSG_NODE_STATE, 0, &st, sizeof(st)), 0);
	/* With nothing else to write it takes half a minute. */
	fake_mono += 29000;
	(void)auth_audit_tick();
	assert_string_equal(fake_sql_get("SELECT connected FROM nodes"), "1");
	fake_mono += 2000;
	(void)auth_audit_tick();
	assert_string_equal(fake_sql_get("SELECT connected || connected_at || "
	    "last_seen_at FROM nodes"), "018000000011800000009");
	st.online = 2;
	assert_int_equal(fake_recv(auth_recv_node_state, PROC_ROUTER, 0,
	    IMSG_NODE_STATE, 0, &st, sizeof(st)), -1);
}

/* ---- the audit log ---- */

static void
audit_lines_are_kept_while_the_store_is_away(void **state)
{
	struct audit_event	 e;
	int			 i;

	memset(&e, 0, sizeof(e));
	e.what = AUDIT_STREAM;
	strlcpy(e.target, "127.0.0.1:22", sizeof(e.target));
	fake_store_close();
	for (i = 0; i < AUTH_AUDIT_QUEUE + 10; i++) {
		e.ms = i;
		assert_int_equal(fake_recv(auth_recv_audit, PROC_ROUTER, 0,
		    IMSG_AUDIT, 0, &e, sizeof(e)), 0);
	}
	fake_mono += 2000;
	assert_int_equal(auth_audit_tick(), 0);
	fake_store_open();
	fake_mono += 2000;
	while (auth_audit_tick())
		;
	fake_mono += 2000;
	(void)auth_audit_tick();
	assert_string_equal(fake_sql_get("SELECT count(*) || ' ' || min(ms) "
	    "FROM audit WHERE what = 'stream'"), "4096 10");
	assert_string_equal(fake_sql_get("SELECT text FROM audit WHERE what = "
	    "'other'"), "10 lines before this were lost");
	assert_string_equal(fake_sql_get("SELECT at FROM audit LIMIT 1"),
	    "1800000000");
	e.what = 99;
	assert_int_equal(fake_recv(auth_recv_audit, PROC_ROUTER, 0,
	    IMSG_AUDIT, 0, &e, sizeof(e)), -1);
	e.what = AUDIT_STREAM;
	memset(e.text, 'a', sizeof(e.text));
	assert_int_equal(fake_recv(auth_recv_audit, PROC_ROUTER, 0,
	    IMSG_AUDIT, 0, &e, sizeof(e)), -1);
}

static void
old_audit_lines_go_but_not_by_a_jump_of_the_clock(void **state)
{
	int	 i;

	fake_sql("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
	    "FROM c WHERE i < 1200) INSERT INTO audit SELECT i, 1792000000 + "
	    "(i <= 1100) * 1000000 - 1000000 * (i > 1100), 'x', '', '', '', "
	    "'', '', 0, 0, 0, '' FROM c");
	fake_mono += 4000000;
	for (i = 0; auth_audit_tick() == 1; i++)
		;
	assert_string_equal(fake_sql_get("SELECT count(*) FROM audit"),
	    "1100");
	/* Ten years on in an hour. */
	fake_wall += 10LL * 365 * 86400;
	fake_mono += 4000000;
	(void)auth_audit_tick();
	assert_string_equal(fake_sql_get("SELECT count(*) FROM audit"),
	    "1100");
	/* So it stays for a day: then it is so. */
	fake_wall += 90000;
	fake_mono += 90000000;
	for (i = 0; auth_audit_tick() == 1; i++)
		;
	assert_int_equal(i, 2);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM audit"), "0");
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(a_node_is_registered_and_has_a_session),
		CASE(a_user_has_so_many_nodes_and_no_more),
		CASE(a_client_has_a_session_without_a_node),
		CASE(a_bearer_is_accepted_and_its_secret_checked),
		CASE(log_in_and_use_are_written_behind),
		CASE(wrong_signature_and_unknown_token_are_told_alike),
		CASE(a_signature_is_for_one_host_nonce_path_and_node),
		CASE(token_of_another_make_is_not_accepted),
		CASE(expiry_is_told_to_the_owner_only),
		CASE(disabled_user_is_told),
		CASE(each_door_wants_its_scope),
		CASE(host_is_one_of_the_relays_names),
		CASE(node_names_are_labels),
		CASE(node_of_an_old_name_is_let_in),
		CASE(a_token_may_be_for_some_nodes_only),
		CASE(a_name_belongs_to_who_came_first),
		CASE(a_node_may_change_its_token_while_it_is_away),
		CASE(guesses_are_stopped_before_the_signature),
		CASE(without_router_nobody_is_let_in),
		CASE(without_a_store_nobody_is_let_in),
		CASE(without_room_only_known_nodes_are_let_in),
		CASE(messages_of_the_wrong_shape_are_refused),
		CASE(a_new_router_hears_of_what_is_known_only),
		CASE(a_session_ends_with_its_link),
		CASE(who_does_not_come_back_to_a_new_router_is_forgotten),
		CASE(sessions_end_when_their_token_does),
		CASE(known_sessions_are_verified_by_a_new_auth),
		CASE(a_node_is_for_its_owner),
		CASE(a_user_sees_its_nodes_and_no_others),
		CASE(a_long_list_waits_for_router),
		CASE(node_states_are_written_behind),
		CASE(audit_lines_are_kept_while_the_store_is_away),
		CASE(old_audit_lines_go_but_not_by_a_jump_of_the_clock),
	};

	if (auth_login_init() == -1)
		return (1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
