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

/* link: regress/relayd/auth_admin_steps.c regress/relayd/auth_fake.c
 * regress/relayd/hand.c
 *	relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_admin_steps.h"
#include "auth_fake.h"

/* ---- users ---- */

static void
users_are_added_in_lower_case(void **state)
{
	struct store_user	 u;

	ask_user(CTL_USER_ADD, "You@Example.ORG", "$y$j9T$salt$hash", 1);
	assert_ok();
	assert_int_equal(store_user_find(auth_store, "you@example.org", &u),
	    STORE_OK);
	assert_string_equal(u.username, "you");
	assert_int_equal(u.admin, 1);
	assert_int_equal(u.enabled, 1);
	assert_int_equal(u.has_password, 1);
	assert_int_equal(u.created_at, fake_wall);
	ask_user(CTL_USER_ADD, "you@EXAMPLE.org", "", 0);
	fake_refused(CLIENT, CTL_CODE_EXISTS,
	    "there is a user you@example.org");
}

static void
what_is_no_email_or_hash_is_refused(void **state)
{
	static const char *const	 bad[] = {
		"", "you", "@example.org", "you@", "you@example", "a b@x.org",
		"you@ex_ample.org", "you@-x.org", "you@x..org", ".a@x.org",
		"a.@x.org", "a@b@x.org", "\"a\"@x.org", "a\n@x.org",
		"\303\244@x.org"
	};
	static const char *const	 hashes[] = {
		"secret", "$1", "$y$j9T$sa lt$hash", "$y$j9T$salt:hash",
		"$y$j9T$s\nlt$hash"
	};
	size_t				 i;

	for (i = 0; i < nitems(bad); i++) {
		ask_user(CTL_USER_ADD, bad[i], "", 0);
		fake_refused(CLIENT, CTL_CODE_INVALID, "is no email address");
	}
	for (i = 0; i < nitems(hashes); i++) {
		ask_user(CTL_USER_ADD, "you@example.org", hashes[i], 0);
		fake_refused(CLIENT, CTL_CODE_INVALID, "crypt(3)");
		ask_user(CTL_USER_PASSWD, "me@example.org", hashes[i], 0);
		fake_refused(CLIENT, CTL_CODE_INVALID, "crypt(3)");
	}
	ask_user(CTL_USER_ADD, "a.b+c@xn--bcher-kva.example", "", 0);
	assert_ok();
	ask_user(CTL_USER_ADD, "root@localhost", "", 0);
	assert_ok();
}

static void
all_users_are_listed(void **state)
{
	const struct ctl_user	*u;
	char			 email[32];
	int			 i;

	for (i = 0; i < 50; i++) {
		snprintf(email, sizeof(email), "u%02d@example.org", i);
		ask_user(CTL_USER_ADD, email, "$y$j9T$salt$hash", i == 0);
		assert_ok();
	}
	ask_name(CTL_USER_LIST, "");
	assert_ok();
	assert_int_equal(fake_count(CTL_USER), 51);
	u = (const struct ctl_user *)fake_sent[0].data;
	assert_int_equal(fake_sent[0].len, sizeof(*u));
	assert_string_equal(u->email, "me@example.org");
	assert_int_equal(u->tokens, 1);
	assert_int_equal(u->nodes, 0);
	assert_int_equal(u->has_password, 0);
	u = (const struct ctl_user *)fake_sent[1].data;
	assert_string_equal(u->email, "u00@example.org");
	assert_string_equal(u->username, "u00");
	assert_int_equal(u->admin, 1);
	assert_int_equal(u->enabled, 1);
	assert_int_equal(u->has_password, 1);
	assert_string_equal(u->hash, "");
}

/* ---- revocation ---- */

static void
a_new_password_ends_what_came_by_the_old(void **state)
{
	ask_user(CTL_USER_PASSWD, "ME@example.org", "$y$j9T$salt$hash", 0);
	revoked(REVOKE_PASSWORD, fake_user.id, 0);
	assert_ok();
	assert_string_equal(fake_sql_get("SELECT password FROM users"),
	    "$y$j9T$salt$hash");
	ask_user(CTL_USER_PASSWD, "me@example.org", "", 0);
	revoked(REVOKE_PASSWORD, fake_user.id, 0);
	assert_ok();
	assert_string_equal(fake_sql_get("SELECT password IS NULL FROM "
	    "users"), "1");
	ask_user(CTL_USER_PASSWD, "you@example.org", "$y$j9T$salt$hash", 0);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND,
	    "no user you@example.org: accessctl " "user list shows them");
}

static void
disabling_answers_when_all_has_ended(void **state)
{
	const struct ctl_end	*end;
	uint64_t		 a, b;

	a = session("pi");
	b = session("");
	ask_name(CTL_USER_DISABLE, "me@example.org");
	assert_null(auth_session_find(a));
	assert_null(auth_session_find(b));
	revoked(REVOKE_USER, fake_user.id, 2);
	end = assert_ok();
	assert_int_equal(end->links, 2);
	assert_int_equal(end->streams, 5);
	assert_int_equal(end->ms, 7);
	assert_string_equal(fake_sql_get("SELECT enabled FROM users"), "0");
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT group_concat(text, '; ') "
	    "FROM audit WHERE what = 'revoke' AND email = 'me@example.org'"),
	    "user is disabled: 2 links, 5 streams");
	ask_name(CTL_USER_ENABLE, "me@example.org");
	assert_ok();
	assert_string_equal(fake_sql_get("SELECT enabled FROM users"), "1");
	ask_name(CTL_USER_DISABLE, "you@example.org");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no user you@example.org");
}

static void
a_silent_router_is_waited_for_two_seconds(void **state)
{
	const struct ctl_end	*end;
	struct ctl_end		 late;
	uint32_t		 ref;

	ask_name(CTL_USER_DISABLE, "me@example.org");
	fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(struct revoke));
	ref = fake_sent[0].id;
	fake_forget();
	fake_mono += 1900;
	assert_int_equal(auth_revoke_tick(), 1);
	assert_int_equal(fake_nsent, 0);
	fake_mono += 100;
	assert_int_equal(auth_revoke_tick(), 0);
	end = assert_ok();
	assert_int_equal(end->ms, 2000);
	assert_non_null(strstr(end->text, "may take a moment more"));
	memset(&late, 0, sizeof(late));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_revoked, PROC_ROUTER, 0,
	    IMSG_REVOKED, ref, &late, sizeof(late)), 0);
	assert_int_equal(fake_nsent, 0);
}

static void
a_full_queue_delays_a_revocation_but_loses_none(void **state)
{
	fake_send_fails = 1;
	ask_name(CTL_TOKEN_REVOKE, fake_token.id);
	fake_mono += 5000;
	assert_int_equal(auth_revoke_tick(), 1);
	fake_send_fails = 0;
	assert_int_equal(auth_revoke_tick(), 0);
	fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(struct revoke));
}

static void
deleting_a_user_takes_all_it_has(void **state)
{
	uint64_t	 a = session("pi");

	ask_name(CTL_USER_DELETE, "me@example.org");
	assert_null(auth_session_find(a));
	revoked(REVOKE_USER, fake_user.id, 1);
	assert_int_equal(assert_ok()->links, 1);
	assert_string_equal(fake_sql_get("SELECT (SELECT count(*) FROM users) "
	    "+ (SELECT count(*) FROM pat_tokens) + (SELECT count(*) FROM "
	    "nodes)"), "0");
	ask_name(CTL_USER_DELETE, "me@example.org");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no user me@example.org");
}

static void
revoking_a_token_ends_its_sessions(void **state)
{
	uint64_t	 a = session("pi");

	ask_name(CTL_TOKEN_REVOKE, fake_token.id);
	assert_null(auth_session_find(a));
	revoked(REVOKE_TOKEN, fake_token.id, 1);
	assert_ok();
	ask_name(CTL_TOKEN_LIST, "");
	assert_ok();
	assert_int_equal(fake_count(CTL_TOKEN), 0);
	ask_name(CTL_TOKEN_REVOKE, fake_token.id);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND,
	    "accessctl token list shows them");
}

/* ---- tokens ---- */

static void
tokens_are_created_and_listed(void **state)
{
	struct ctl_token	 c;
	const struct ctl_token	*t;

	ask_user(CTL_USER_ADD, "you@example.org", "", 1);
	token_request(&c, "You@example.org");
	c.scopes = SCOPE_NODE | SCOPE_ADMIN;
	c.expires_at = fake_wall + 1;
	strlcpy(c.nodes, "Pi,po", sizeof(c.nodes));
	ask_token(&c);
	assert_ok();
	ask_name(CTL_TOKEN_LIST, "you@example.org");
	assert_ok();
	t = fake_one(PROC_ROUTER, CTL_TOKEN, sizeof(*t));
	assert_string_equal(t->token_id, c.token_id);
	assert_memory_equal(t->public, c.public, sizeof(c.public));
	assert_string_equal(t->email, "you@example.org");
	assert_string_equal(t->name, "laptop");
	assert_string_equal(t->nodes, "pi,po");
	assert_int_equal(t->scopes, SCOPE_NODE | SCOPE_ADMIN);
	assert_int_equal(t->created_at, fake_wall);
	assert_int_equal(t->expires_at, fake_wall + 1);
	assert_int_equal(t->last_used_at, 0);
	ask_name(CTL_TOKEN_LIST, "");
	assert_ok();
	assert_int_equal(fake_count(CTL_TOKEN), 2);
	ask_name(CTL_TOKEN_LIST, "who@example.org");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no user who@example.org");
	ask_token(&c);
	fake_refused(CLIENT, CTL_CODE_EXISTS, "there is a token");
}

static void
tokens_that_make_no_sense_are_refused(void **state)
{
	struct ctl_token	 good, c;

	token_request(&good, "me@example.org");
#define REFUSED(change, code, part) do {				\
	c = good;							\
	change;								\
	ask_token(&c);							\
	fake_refused(CLIENT, code, part); \
} while (0)
	REFUSED(c.token_id[0] = '\0', CTL_CODE_INVALID, "no id");
	REFUSED(c.token_id[3] = 'A', CTL_CODE_INVALID, "no id");
	REFUSED(memset(c.public, 0, sizeof(c.public)), CTL_CODE_INVALID,
	    "no public key");
	REFUSED(c.scopes = 0, CTL_CODE_INVALID, "needs a scope");
	REFUSED(c.scopes = 0x40, CTL_CODE_INVALID, "does not know");
	REFUSED(c.scopes = SCOPE_ADMIN, CTL_CODE_DENIED,
	    "scope admin is for administrators");
	REFUSED(strlcpy(c.name, "a\033[2J", sizeof(c.name)), CTL_CODE_INVALID,
	    "can't be shown");
	REFUSED(strlcpy(c.name, "a\302\233", sizeof(c.name)),
	    CTL_CODE_INVALID, "can't be shown");
	REFUSED(strlcpy(c.name, "a\303", sizeof(c.name)), CTL_CODE_INVALID,
	    "can't be shown");
	REFUSED(strlcpy(c.nodes, "pi,", sizeof(c.nodes)), CTL_CODE_INVALID,
	    "a node name is");
	REFUSED(strlcpy(c.nodes, "pi po", sizeof(c.nodes)), CTL_CODE_INVALID,
	    "a node name is");
	REFUSED(c.expires_at = fake_wall, CTL_CODE_INVALID, "in the past");
	REFUSED(c.expires_at = -1, CTL_CODE_INVALID, "in the past");
	REFUSED(strlcpy(c.email, "you@example.org", sizeof(c.email)),
	    CTL_CODE_NOT_FOUND, "no user you@example.org");
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 0),
	    STORE_OK);
	ask_token(&good);
	fake_refused(CLIENT, CTL_CODE_DENIED, "is disabled");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM pat_tokens"),
	    "1");
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 1),
	    STORE_OK);
	strlcpy(good.name, "T\303\274r \360\237\232\252", sizeof(good.name));
	ask_token(&good);
	assert_ok();
}

/* ---- nodes ---- */

static void
nodes_are_listed_and_shown(void **state)
{
	const struct ctl_node	*n;
	char			 name[16];
	int			 i;

	for (i = 0; i < 35; i++) {
		snprintf(name, sizeof(name), "n%02d", i);
		session(name);
	}
	ask_name(CTL_NODE_LIST, "");
	assert_ok();
	assert_int_equal(fake_count(CTL_NODE), 35);
	n = (const struct ctl_node *)fake_sent[34].data;
	assert_string_equal(n->name, "n34");
	ask_name(CTL_NODE_SHOW, "N07");
	assert_ok();
	n = fake_one(PROC_ROUTER, CTL_NODE, sizeof(*n));
	assert_string_equal(n->name, "n07");
	assert_string_equal(n->email, "me@example.org");
	assert_string_equal(n->token_id, fake_token.id);
	assert_int_equal(n->created_at, fake_wall);
	assert_int_equal(n->online, 0);
	ask_name(CTL_NODE_SHOW, "n99");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND,
	    "no node n99: accessctl node list " "shows them");
}

static void
renaming_a_node_ends_its_link_and_tells_the_rest(void **state)
{
	struct store_node	 n;
	uint64_t		 pi = session("pi"), po = session("po");

	assert_int_equal(store_node_find(auth_store, "pi", &n), STORE_OK);
	ask_rename("pi", "p--i");
	fake_refused(CLIENT, CTL_CODE_INVALID, "a node name is");
	ask_rename("pi", "po");
	fake_refused(CLIENT, CTL_CODE_EXISTS, "there is a node po");
	ask_rename("pi", "pi");
	fake_refused(CLIENT, CTL_CODE_INVALID, "already");
	ask_rename("pa", "pu");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no node pa");
	ask_rename("pi", "Pu");
	assert_null(auth_session_find(pi));
	assert_non_null(auth_session_find(po));
	revoked(REVOKE_NODE, n.id, 1);
	assert_non_null(strstr(assert_ok()->text, "agentd.conf to pu"));
	assert_int_equal(store_node_find(auth_store, "pu", &n), STORE_OK);
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT text FROM audit WHERE "
	    "what = 'revoke' AND node = 'pu'"),
	    "node was renamed from pi: 1 links, 5 streams");
}

static void
removing_a_node_ends_its_link(void **state)
{
	struct store_node	 n;
	uint64_t		 pi = session("pi"), client = session("");

	assert_int_equal(store_node_find(auth_store, "pi", &n), STORE_OK);
	ask_name(CTL_NODE_REMOVE, "pi");
	assert_null(auth_session_find(pi));
	assert_non_null(auth_session_find(client));
	revoked(REVOKE_NODE, n.id, 1);
	assert_non_null(strstr(assert_ok()->text, "revoke its token"));
	ask_name(CTL_NODE_REMOVE, "pi");
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no node pi");
}

/* ---- trouble ---- */

static void
without_a_store_each_request_says_why(void **state)
{
	static const uint32_t	 types[] = {
		CTL_USER_LIST, CTL_USER_ENABLE, CTL_USER_DISABLE,
		CTL_USER_DELETE, CTL_TOKEN_LIST, CTL_TOKEN_REVOKE,
		CTL_NODE_LIST, CTL_NODE_SHOW, CTL_NODE_REMOVE
	};
	struct ctl_token	 t;
	size_t			 i;

	fake_store_close();
	assert_int_equal(store_open(auth_store), STORE_DOWN);
	for (i = 0; i < nitems(types); i++) {
		ask_name(types[i], "x@example.org");
		fake_refused(CLIENT, CTL_CODE_STORE, "database /x/culvert.db");
	}
	ask_user(CTL_USER_ADD, "you@example.org", "", 0);
	fake_refused(CLIENT, CTL_CODE_STORE, "database /x/culvert.db");
	ask_user(CTL_USER_PASSWD, "me@example.org", "", 0);
	fake_refused(CLIENT, CTL_CODE_STORE, "database /x/culvert.db");
	token_request(&t, "me@example.org");
	ask_token(&t);
	fake_refused(CLIENT, CTL_CODE_STORE, "database /x/culvert.db");
	ask_rename("pi", "po");
	fake_refused(CLIENT, CTL_CODE_STORE, "database /x/culvert.db");
	assert_true(fake_trouble > 0);
	fake_store_open();
}

static void
garbled_requests_are_answered(void **state)
{
	struct ctl_name		 n;
	struct ctl_user		 u;
	struct ctl_token	 t;
	struct ctl_rename	 r;

	memset(&n, 'a', sizeof(n));
	assert_int_equal(ask(auth_recv_ctl_name, CTL_USER_LIST, &n,
	    sizeof(n)), 0);
	fake_refused(CLIENT, CTL_CODE_INVALID, "garbled");
	memset(&u, 'a', sizeof(u));
	assert_int_equal(ask(auth_recv_ctl_user, CTL_USER_ADD, &u,
	    sizeof(u)), 0);
	fake_refused(CLIENT, CTL_CODE_INVALID, "garbled");
	memset(&t, 'a', sizeof(t));
	ask_token(&t);
	fake_refused(CLIENT, CTL_CODE_INVALID, "garbled");
	memset(&r, 'a', sizeof(r));
	assert_int_equal(ask(auth_recv_ctl_rename, CTL_NODE_RENAME, &r,
	    sizeof(r)), 0);
	fake_refused(CLIENT, CTL_CODE_INVALID, "garbled");
	/* Router checks lengths, so this is not the client's doing. */
	assert_int_equal(ask(auth_recv_ctl_name, CTL_USER_LIST, &n,
	    sizeof(n) - 1), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		FAKE_CASE(users_are_added_in_lower_case),
		FAKE_CASE(what_is_no_email_or_hash_is_refused),
		FAKE_CASE(a_new_password_ends_what_came_by_the_old),
		FAKE_CASE(all_users_are_listed),
		FAKE_CASE(disabling_answers_when_all_has_ended),
		FAKE_CASE(a_silent_router_is_waited_for_two_seconds),
		FAKE_CASE(a_full_queue_delays_a_revocation_but_loses_none),
		FAKE_CASE(deleting_a_user_takes_all_it_has),
		FAKE_CASE(revoking_a_token_ends_its_sessions),
		FAKE_CASE(tokens_are_created_and_listed),
		FAKE_CASE(tokens_that_make_no_sense_are_refused),
		FAKE_CASE(nodes_are_listed_and_shown),
		FAKE_CASE(renaming_a_node_ends_its_link_and_tells_the_rest),
		FAKE_CASE(removing_a_node_ends_its_link),
		FAKE_CASE(without_a_store_each_request_says_why),
		FAKE_CASE(garbled_requests_are_answered),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
