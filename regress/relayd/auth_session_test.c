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
 * Log-ins that hold, what router asks about nodes, and the audit log.
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
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_ask.h"
#include "msg_list.h"

/* ---- sessions ---- */

static void
a_new_router_hears_of_what_is_known_only(void **state)
{
	struct session	 s, forged;
	const void	*p;

	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
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

	assert_true((end.session = ask_log_in(&fake_token, DOOR_NODE, "pi")) !=
	    0);
	assert_int_equal(fake_recv(auth_recv_session_end, PROC_ROUTER, 0,
	    IMSG_SESSION_END, 0, &end, sizeof(end)), 0);
	assert_null(auth_session_find(end.session));
	assert_int_equal(fake_recv(auth_recv_session_end, PROC_ROUTER, 0,
	    IMSG_SESSION_END, 0, &end, sizeof(end)), 0);
}

/* One that somebody else owns, and has a token, fills its own part. */
static void
each_listener_has_its_part(void **state)
{
	struct session	 s;
	uint64_t	 first = 0;
	int		 i;

	auth_prefork = PREFORK_MAX;
	memset(&s, 0, sizeof(s));
	s.door = DOOR_ACCESS;
	s.listener = 1;
	strlcpy(s.user_id, fake_user.id, sizeof(s.user_id));
	for (i = 0; i < AUTH_SESSIONS_MAX / PREFORK_MAX; i++) {
		assert_int_equal(auth_session_new(&s), 0);
		if (first == 0)
			first = s.session;
	}
	assert_int_equal(auth_session_new(&s), -1);
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
	auth_session_forget(first);
	assert_int_equal(auth_session_new(&s), 0);
}

static void
who_does_not_come_back_to_a_new_router_is_forgotten(void **state)
{
	struct session	 back;
	uint64_t	 gone;

	gone = ask_log_in(&fake_token, DOOR_NODE, "pi");
	assert_true(ask_log_in(&fake_token, DOOR_NODE, "po") != 0);
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
	a = ask_log_in(&fake_token, DOOR_NODE, "pi");
	b = ask_log_in(&fake_token, DOOR_ACCESS, "");
	c = ask_log_in(&other, DOOR_NODE, "po");
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

	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
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

	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
	ask_user(&you, "you@example.org");
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

	ask_user(&you, "you@example.org");
	fake_token_add(&yours, &you, SCOPE_NODE, "");
	fake_token_add(&some, &fake_user, SCOPE_CONNECT, "n3,n5,n77");
	assert_true(ask_log_in(&yours, DOOR_NODE, "not-mine") != 0);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_true(ask_log_in(&fake_token, DOOR_NODE, name) != 0);
	}
	id = ask_log_in(&fake_token, DOOR_ACCESS, "");
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

	ask.session = ask_log_in(&some, DOOR_ACCESS, "");
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
		assert_true(ask_log_in(&fake_token, DOOR_NODE, name) != 0);
	}
	ask.session = ask_log_in(&fake_token, DOOR_ACCESS, "");
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

	assert_true(ask_log_in(&fake_token, DOOR_NODE, "pi") != 0);
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
		FAKE_CASE(a_new_router_hears_of_what_is_known_only),
		FAKE_CASE(a_session_ends_with_its_link),
		FAKE_CASE(each_listener_has_its_part),
		FAKE_CASE(who_does_not_come_back_to_a_new_router_is_forgotten),
		FAKE_CASE(sessions_end_when_their_token_does),
		FAKE_CASE(known_sessions_are_verified_by_a_new_auth),
		FAKE_CASE(a_node_is_for_its_owner),
		FAKE_CASE(a_user_sees_its_nodes_and_no_others),
		FAKE_CASE(a_long_list_waits_for_router),
		FAKE_CASE(node_states_are_written_behind),
		FAKE_CASE(audit_lines_are_kept_while_the_store_is_away),
		FAKE_CASE(old_audit_lines_go_but_not_by_a_jump_of_the_clock),
	};

	if (auth_login_init() == -1)
		return (1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
