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
 * Log-ins by token: who is let in, who is not, and in times of trouble.
 */

/* link: regress/relayd/auth_ask.c regress/relayd/auth_fake.c
 *	regress/relayd/hand.c relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_ask.h"

/* ---- who is let in ---- */

static void
a_node_is_registered_and_has_a_session(void **state)
{
	struct store_node	 n;
	const struct session	*s;
	uint64_t		 id;

	assert_true((id = ask_log_in(&fake_token, DOOR_NODE, "pi")) != 0);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	assert_int_equal(s->listener, ASK_LISTENER);
	assert_int_equal(s->conn, ASK_CONN);
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
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != id);
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
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "one") != 0);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "two") != 0);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "three") == 0);
	ask_denied(403, "2 nodes already");
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "one") != 0);
	assert_int_equal(store_node_find(auth_store, "one", &n), STORE_OK);
	assert_int_equal(store_node_remove(auth_store, n.id), STORE_OK);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "three") != 0);
	limits.nodes_per_user = 0;
	auth_login_conf(&limits);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "four") != 0);
}

static void
a_client_has_a_session_without_a_node(void **state)
{
	const struct session	*s;

	assert_true(ask_log_in(&fake_token, DOOR_ACCESS, "") != 0);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	assert_int_equal(s->door, DOOR_ACCESS);
	assert_string_equal(s->node, "");
	assert_string_equal(s->node_id, "");
}

static void
a_bearer_is_accepted_and_its_secret_checked(void **state)
{
	struct login	 req;

	ask_make(&req, &fake_token, DOOR_ACCESS, "");
	req.method = LOGIN_BEARER;
	memcpy(req.seed, fake_token.seed, sizeof(req.seed));
	assert_int_equal(ask_deliver(&req), 0);
	assert_int_equal(fake_count(IMSG_SESSION), 1);
	fake_forget();
	req.seed[31] ^= 1;
	assert_int_equal(ask_deliver(&req), 0);
	ask_denied(401, "token not accepted");
}

static void
log_in_and_use_are_written_behind(void **state)
{
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
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

	ask_make(&req, &fake_token, DOOR_NODE, "pi");
	ask_sign(&req, &fake_token);
	req.sig[0] ^= 1;
	assert_int_equal(ask_deliver(&req), 0);
	ask_denied(401, "token not accepted");
	memcpy(&first, fake_sent[0].data, sizeof(first));
	fake_forget();
	token_make(&stranger);
	ask_make(&req, &stranger, DOOR_NODE, "pi");
	ask_sign(&req, &stranger);
	assert_int_equal(ask_deliver(&req), 0);
	ask_denied(401, "token not accepted");
	assert_memory_equal(&first, fake_sent[0].data, sizeof(first));
	assert_string_equal(fake_sql_get("SELECT count(*) FROM nodes"), "0");
}

static void
a_signature_is_for_one_host_nonce_path_and_node(void **state)
{
	struct login	 req, changed;
	int		 i;

	ask_make(&req, &fake_token, DOOR_NODE, "pi");
	ask_sign(&req, &fake_token);
	for (i = 0; i < 4; i++) {
		changed = req;
		ask_from(&changed, 10 + i);
		switch (i) {
		case 0:
			strlcpy(changed.host, "x.localhost",
			    sizeof(changed.host));
			break;
		case 1:
			ask_nonce(&changed, fake_mono);
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
		assert_int_equal(ask_deliver(&changed), 0);
		ask_denied(401, "token not accepted");
	}
}

static void
token_of_another_make_is_not_accepted(void **state)
{
	fake_sql("UPDATE pat_tokens SET token_hash = '$2b$12$whatever'");
	assert_int_equal(ask_log_in(&fake_token, DOOR_NODE, "pi"), 0);
	ask_denied(401, "token not accepted");
}

static void
expiry_is_told_to_the_owner_only(void **state)
{
	struct login	 req;

	fake_sql("UPDATE pat_tokens SET expires_at = 1799999900");
	assert_int_equal(ask_log_in(&fake_token, DOOR_ACCESS, ""), 0);
	ask_denied(401, "token has expired");
	fake_forget();
	ask_make(&req, &fake_token, DOOR_ACCESS, "");
	assert_int_equal(ask_deliver(&req), 0);
	ask_denied(401, "token not accepted");
	/* Clocks may differ by a minute. */
	fake_sql("UPDATE pat_tokens SET expires_at = 1799999941");
	assert_true(ask_log_in(&fake_token, DOOR_ACCESS, "") != 0);
}

static void
disabled_user_is_told(void **state)
{
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 0),
	    STORE_OK);
	assert_int_equal(ask_log_in(&fake_token, DOOR_ACCESS, ""), 0);
	ask_denied(401, "this user is disabled");
}

static void
each_door_wants_its_scope(void **state)
{
	struct token	 node, connect, admin, ssh;

	fake_token_add(&node, &fake_user, SCOPE_NODE, "");
	fake_token_add(&connect, &fake_user, SCOPE_CONNECT, "");
	fake_token_add(&admin, &fake_user, SCOPE_ADMIN, "");
	fake_token_add(&ssh, &fake_user, SCOPE_SSH | SCOPE_HTTP, "");
	assert_true(ask_log_in(&node, DOOR_NODE, "pi") != 0);
	assert_int_equal(ask_log_in(&node, DOOR_ACCESS, ""), 0);
	ask_denied(403, "this token has no scope connect");
	assert_true(ask_log_in(&connect, DOOR_ACCESS, "") != 0);
	assert_int_equal(ask_log_in(&connect, DOOR_NODE, "pi"), 0);
	ask_denied(403, "this token has no scope node");
	assert_true(ask_log_in(&admin, DOOR_ACCESS, "") != 0);
	assert_int_equal(ask_log_in(&ssh, DOOR_ACCESS, ""), 0);
	assert_int_equal(ask_log_in(&ssh, DOOR_NODE, "pi"), 0);
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
	ask_make(&req, &fake_token, DOOR_ACCESS, "");
	strlcpy(req.host, "relay.example.org", sizeof(req.host));
	ask_sign(&req, &fake_token);
	assert_int_equal(ask_deliver(&req), 0);
	ask_denied(421, "this relay is not called relay.example.org: set "
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
	assert_int_equal(ask_deliver(&req), 0);
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
		assert_int_equal(ask_log_in(&fake_token, DOOR_NODE, bad[i]), 0);
		ask_denied(403, "a node name is");
	}
	memset(longest, 'a', sizeof(longest));
	longest[63] = '\0';
	assert_true(ask_log_in(&fake_token, DOOR_NODE, longest) != 0);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "0-9") != 0);
}

/* The name that a node has already is no obstacle. */
static void
node_of_an_old_name_is_let_in(void **state)
{
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
	fake_sql("UPDATE nodes SET name = 'a--b_c'");
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "a--b_c") != 0);
	assert_int_equal(ask_log_in(&fake_token, DOOR_NODE, "a--b"), 0);
	ask_denied(403, "a node name is");
}

static void
a_token_may_be_for_some_nodes_only(void **state)
{
	struct token	 t;

	fake_token_add(&t, &fake_user, SCOPE_NODE, "pi,po");
	assert_int_equal(ask_log_in(&t, DOOR_NODE, "pa"), 0);
	ask_denied(403, "this token is not for node pa");
	assert_true(ask_log_in(&t, DOOR_NODE, "po") != 0);
}

static void
a_name_belongs_to_who_came_first(void **state)
{
	struct store_user	 you;
	struct token		 yours;

	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
	ask_user(&you, "you@example.org");
	fake_token_add(&yours, &you, SCOPE_NODE, "");
	assert_int_equal(ask_log_in(&yours, DOOR_NODE, "pi"), 0);
	ask_denied(409, "node name pi belongs to somebody else: choose "
	    "another");
	assert_true(ask_log_in(&yours, DOOR_NODE, "pa") != 0);
	auth_session_drop(REVOKE_USER, you.id);
}

static void
a_node_may_change_its_token_while_it_is_away(void **state)
{
	struct token		 second;
	struct store_node	 n;
	uint64_t		 id;

	fake_token_add(&second, &fake_user, SCOPE_NODE, "");
	assert_true((id = ask_log_in(&fake_token, DOOR_NODE, "pi")) != 0);
	assert_int_equal(ask_log_in(&second, DOOR_NODE, "pi"), 0);
	ask_denied(409, "node pi is connected with another token");
	auth_session_forget(id);
	assert_true(ask_log_in(&second, DOOR_NODE, "pi") != 0);
	assert_int_equal(store_node_find(auth_store, "pi", &n), STORE_OK);
	assert_string_equal(n.token_id, second.id);
	/* Connected, but with a token that is no longer valid. */
	assert_int_equal(store_token_revoke(auth_store, second.id, 5),
	    STORE_OK);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
}

static void
guesses_are_stopped_before_the_signature(void **state)
{
	struct login			 req;
	const struct login_denied	*d;
	int				 i;

	ask_make(&req, &fake_token, DOOR_NODE, "pi");
	for (i = 0; i < 200; i++) {
		fake_forget();
		assert_int_equal(ask_deliver(&req), 0);
		d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
		assert_int_equal(d->status, i < THROTTLE_NETWORK ? 401 : 429);
	}
	assert_true(d->retry_after > 0);
	/* Even the right one has to wait, and then passes. */
	assert_int_equal(ask_log_in(&fake_token, DOOR_NODE, "pi"), 0);
	ask_denied(429, "too many failed log-ins");
	fake_mono += 6000;
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
	/* Of a flood, the log keeps a part and says so. */
	for (i = 0; i < 1000; i++)
		assert_int_equal(ask_deliver(&req), 0);
	fake_mono += 7000;
	assert_int_equal(ask_deliver(&req), 0);
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
	assert_int_equal(ask_log_in(&fake_token, DOOR_NODE, "pi"), 0);
	ask_denied(503, "try again");
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	assert_int_equal(d->retry_after, 1);
}

static void
without_a_store_nobody_is_let_in(void **state)
{
	fake_store_close();
	assert_int_equal(ask_log_in(&fake_token, DOOR_NODE, "pi"), 0);
	ask_denied(503, "the relay can't read its store now");
	assert_true(fake_trouble > 0);
	fake_store_open();
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
}

static void
without_room_only_known_nodes_are_let_in(void **state)
{
	sqlite3		*db;
	struct token	 second;

	fake_token_add(&second, &fake_user, SCOPE_NODE, "");
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
	auth_session_drop(REVOKE_USER, fake_user.id);
	/* Any refused write will do: a lock that somebody else holds. */
	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	assert_true(ask_log_in(&fake_token, DOOR_ACCESS, "") != 0);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
	auth_session_drop(REVOKE_USER, fake_user.id);
	assert_true(ask_log_in(&second, DOOR_NODE, "pi") != 0);
	assert_int_equal(ask_log_in(&fake_token, DOOR_NODE, "po"), 0);
	ask_denied(503, "the relay can't store the new node now");
	assert_true(fake_trouble > 0);
	sqlite3_close(db);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "po") != 0);
}

static void
messages_of_the_wrong_shape_are_refused(void **state)
{
	struct login	 good, req;

	ask_make(&good, &fake_token, DOOR_NODE, "pi");
	ask_sign(&good, &fake_token);
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 0,
	    IMSG_LOGIN, 1, &good, sizeof(good) - 1), -1);
	/* Of no connection: router would take auth for the one at fault. */
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 0,
	    IMSG_LOGIN, 0, &good, sizeof(good)), -1);
	assert_int_equal(fake_count(IMSG_SESSION), 0);
	req = good;
	req.door = 3;
	assert_int_equal(ask_deliver(&req), -1);
	req = good;
	req.method = 0;
	assert_int_equal(ask_deliver(&req), -1);
	req = good;
	req.peer.ss_family = AF_UNIX;
	assert_int_equal(ask_deliver(&req), -1);
#define UNTERMINATED(field) do {					\
	req = good;							\
	memset(req.field, 'a', sizeof(req.field));			\
	assert_int_equal(ask_deliver(&req), -1); \
} while (0)
	UNTERMINATED(token_id);
	UNTERMINATED(host);
	UNTERMINATED(nonce);
	UNTERMINATED(path);
	UNTERMINATED(node);
	assert_int_equal(fake_nsent, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		FAKE_CASE(a_node_is_registered_and_has_a_session),
		FAKE_CASE(a_user_has_so_many_nodes_and_no_more),
		FAKE_CASE(a_client_has_a_session_without_a_node),
		FAKE_CASE(a_bearer_is_accepted_and_its_secret_checked),
		FAKE_CASE(log_in_and_use_are_written_behind),
		FAKE_CASE(wrong_signature_and_unknown_token_are_told_alike),
		FAKE_CASE(a_signature_is_for_one_host_nonce_path_and_node),
		FAKE_CASE(token_of_another_make_is_not_accepted),
		FAKE_CASE(expiry_is_told_to_the_owner_only),
		FAKE_CASE(disabled_user_is_told),
		FAKE_CASE(each_door_wants_its_scope),
		FAKE_CASE(host_is_one_of_the_relays_names),
		FAKE_CASE(node_names_are_labels),
		FAKE_CASE(node_of_an_old_name_is_let_in),
		FAKE_CASE(a_token_may_be_for_some_nodes_only),
		FAKE_CASE(a_name_belongs_to_who_came_first),
		FAKE_CASE(a_node_may_change_its_token_while_it_is_away),
		FAKE_CASE(guesses_are_stopped_before_the_signature),
		FAKE_CASE(without_router_nobody_is_let_in),
		FAKE_CASE(without_a_store_nobody_is_let_in),
		FAKE_CASE(without_room_only_known_nodes_are_let_in),
		FAKE_CASE(messages_of_the_wrong_shape_are_refused),
	};

	if (auth_login_init() == -1)
		return (1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
