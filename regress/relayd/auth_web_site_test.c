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
 *	regress/relayd/web_visits.c
 *	relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

/*
 * Auth: sessions of sites, and other ways to visit one; what ends them.
 */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "web_visits.h"

/* Secret 1 at the relay, secret 4 at pi. */
static void
enter(struct session *s)
{
	log_in("me@example.org", "secret", 1, 1, 200);
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 200, "");
	ask(WEB_ENTER, 2, 4, 3, "pi.relay.example.org", 0, 200, "");
	assert_int_equal(visit(4, "pi.relay.example.org", s), 0);
}

static uint32_t
node_code(const struct session *s, const char *name)
{
	struct node_answer	 a;
	struct node_ask		 q;

	memset(&q, 0, sizeof(q));
	q.session = s->session;
	strlcpy(q.user_id, s->user_id, sizeof(q.user_id));
	strlcpy(q.node, name, sizeof(q.node));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_node_ask, PROC_ROUTER, 0,
	    IMSG_NODE_ASK, 1, &q, sizeof(q)), 0);
	memcpy(&a, fake_one(PROC_ROUTER, IMSG_NODE_ANSWER, sizeof(a)),
	    sizeof(a));
	return (a.code);
}

static void
a_site_session_is_for_its_site(void **state)
{
	struct session	 s, other;

	enter(&s);
	assert_int_equal(visit(4, "pa.relay.example.org", &other), 401);
	assert_int_equal(visit(1, "pi.relay.example.org", &other), 401);
	assert_int_equal(visit(1, "", &other), 401);
	assert_int_equal(visit(2, "pi.relay.example.org", &other), 401);
	assert_int_equal(node_code(&s, "pi"), 0);
	assert_int_equal(node_code(&s, "pa"), MUX_CODE_DENIED);
	assert_int_equal(node_code(&s, "no"), MUX_CODE_NO_NODE);
	assert_int_equal(store_node_rename(auth_store, pi.id, "po"),
	    STORE_OK);
	assert_int_equal(node_code(&s, "po"), 0);
}

static void
a_site_session_goes_with_that_of_the_relay(void **state)
{
	struct session	 s, other;
	struct revoke	 r;

	enter(&s);
	ask(WEB_LOGOUT, 4, 0, 0, "pa.relay.example.org", 0, 200, "");
	assert_non_null(auth_session_find(s.session));
	ask(WEB_LOGOUT, 4, 0, 0, "pi.relay.example.org", 0, 200, "");
	memcpy(&r, fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(r)), sizeof(r));
	assert_int_equal(r.what, REVOKE_SESSION);
	assert_string_equal(r.id, s.parent);
	assert_null(auth_session_find(s.session));
	assert_int_equal(visit(4, "pi.relay.example.org", &other), 401);
	ask(WEB_TICKET, 1, 2, 3, "", 0, 401, "");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions"),
	    "0");
}

static void
what_has_expired_ends(void **state)
{
	struct session	 s, other;
	struct revoke	 r;

	enter(&s);
	fake_wall = s.expires_at;
	fake_forget();
	auth_session_sweep();
	memcpy(&r, fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(r)), sizeof(r));
	assert_int_equal(r.what, REVOKE_SESSION);
	assert_string_equal(r.id, s.held);
	assert_int_equal(visit(4, "pi.relay.example.org", &other), 401);
	fake_mono += 3600000;
	auth_web_sweep();
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions"),
	    "0");
}

static void
a_new_auth_believes_the_store_only(void **state)
{
	struct session	 s;
	struct revoke	 r;

	enter(&s);
	auth_session_forget(s.session);
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_session_known, PROC_ROUTER, 0,
	    IMSG_SESSION_KNOWN, 0, &s, sizeof(s)), 0);
	assert_int_equal(fake_count(IMSG_REVOKE), 0);
	assert_int_equal(node_code(&s, "pi"), 0);
	auth_session_forget(s.session);
	assert_int_equal(store_session_remove(auth_store, s.held), STORE_OK);
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_session_known, PROC_ROUTER, 0,
	    IMSG_SESSION_KNOWN, 0, &s, sizeof(s)), 0);
	memcpy(&r, fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(r)), sizeof(r));
	assert_int_equal(r.what, REVOKE_SESSION);
	assert_int_equal(node_code(&s, "pi"), MUX_CODE_DENIED);
}

/* ---- Basic and bearer ---- */

static uint32_t
basic(const char *email, const char *password, const char *host,
    struct session *s)
{
	const struct login_denied	*d;
	struct login_password		 req;

	memset(&req, 0, sizeof(req));
	strlcpy(req.email, email, sizeof(req.email));
	strlcpy(req.password, password, sizeof(req.password));
	strlcpy(req.host, host, sizeof(req.host));
	address(&req.peer, 1);
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_login_password, PROC_LISTENER, 1,
	    IMSG_LOGIN_PASSWORD, 5, &req, sizeof(req)), 0);
	if (fake_nsent == 0)
		fake_run();
	if (fake_count(IMSG_SESSION) == 1) {
		assert_int_equal(fake_count(IMSG_LOGIN_DENIED), 0);
		memcpy(s, fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s)),
		    sizeof(*s));
		return (0);
	}
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	return (d->status);
}

static void
basic_is_a_password_for_a_site(void **state)
{
	struct session	 s;

	assert_int_equal(basic("me@example.org", "secret",
	    "pi.relay.example.org", &s), 0);
	assert_string_equal(s.node_id, pi.id);
	assert_string_equal(s.held, "");
	assert_int_equal(node_code(&s, "pi"), 0);
	assert_int_equal(node_code(&s, "pa"), MUX_CODE_DENIED);
	assert_int_equal(basic("me@example.org", "guess",
	    "pi.relay.example.org", &s), 401);
	assert_int_equal(basic("you@example.org", "secret",
	    "pi.relay.example.org", &s), 403);
	assert_int_equal(basic("me@example.org", "secret",
	    "no.relay.example.org", &s), 404);
}

static uint32_t
bearer(const struct token *t, const char *host, struct session *s)
{
	const struct login_denied	*d;
	struct login			 req;

	memset(&req, 0, sizeof(req));
	req.door = DOOR_HTTP;
	req.method = LOGIN_BEARER;
	strlcpy(req.token_id, t->id, sizeof(req.token_id));
	memcpy(req.seed, t->seed, sizeof(req.seed));
	strlcpy(req.host, host, sizeof(req.host));
	address(&req.peer, 1);
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 1,
	    IMSG_LOGIN, 5, &req, sizeof(req)), 0);
	if (fake_count(IMSG_SESSION) == 1) {
		memcpy(s, fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s)),
		    sizeof(*s));
		return (0);
	}
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	return (d->status);
}

static void
a_token_visits_with_the_scope_http(void **state)
{
	struct token	 http, here, yours;
	struct session	 s;
	struct login	 req;

	fake_token_add(&http, &fake_user, SCOPE_HTTP, "");
	fake_token_add(&here, &fake_user, SCOPE_HTTP, "pi");
	fake_token_add(&yours, &you, SCOPE_HTTP, "");
	assert_int_equal(bearer(&fake_token, "pi.relay.example.org", &s),
	    403);
	assert_int_equal(bearer(&http, "pi.relay.example.org", &s), 0);
	assert_string_equal(s.node_id, pi.id);
	assert_int_equal(bearer(&here, "pi.relay.example.org", &s), 0);
	assert_int_equal(bearer(&here, "pa.relay.example.org", &s), 403);
	assert_int_equal(bearer(&yours, "pi.relay.example.org", &s), 403);
	assert_int_equal(bearer(&http, "no.relay.example.org", &s), 404);
	http.seed[0] ^= 1;
	assert_int_equal(bearer(&http, "pi.relay.example.org", &s), 401);
	/* No other door takes what this one does, nor this one theirs. */
	memset(&req, 0, sizeof(req));
	address(&req.peer, 1);
	req.door = DOOR_HTTP;
	req.method = LOGIN_SIGNATURE;
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 1,
	    IMSG_LOGIN, 5, &req, sizeof(req)), -1);
	req.door = DOOR_ACCESS;
	req.method = LOGIN_SECRET;
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 1,
	    IMSG_LOGIN, 5, &req, sizeof(req)), -1);
	req.door = DOOR_RPC;
	req.method = LOGIN_BEARER;
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 1,
	    IMSG_LOGIN, 5, &req, sizeof(req)), -1);
}

/* ---- what an administrator asks ---- */

static void
revoke_with(const char *id, const char *email, const char *on, uint32_t what,
    const char *of)
{
	struct ctl_session	 c;
	struct revoke		 r;

	memset(&c, 0, sizeof(c));
	strlcpy(c.id, id, sizeof(c.id));
	strlcpy(c.email, email, sizeof(c.email));
	strlcpy(c.node, on, sizeof(c.node));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_session, PROC_ROUTER, 0,
	    CTL_SESSION_REVOKE, 1, &c, sizeof(c)), 0);
	if (what == 0) {
		fake_one(PROC_ROUTER, CTL_ERROR, sizeof(struct ctl_end));
		return;
	}
	memcpy(&r, fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(r)), sizeof(r));
	assert_int_equal(r.what, what);
	assert_string_equal(r.id, of);
}

static void
sessions_are_revoked(void **state)
{
	struct session	 s;

	enter(&s);
	revoke_with("", "", "", 0, "");
	revoke_with(s.held, "me@example.org", "", 0, "");
	revoke_with(pi.id, "", "", 0, "");
	revoke_with("", "no@example.org", "", 0, "");
	revoke_with("", "", "no", 0, "");
	assert_non_null(auth_session_find(s.session));
	revoke_with(s.held, "", "", REVOKE_SESSION, s.held);
	assert_null(auth_session_find(s.session));
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions"),
	    "1");
	revoke_with("", "ME@example.org", "", REVOKE_USER_SESSIONS,
	    fake_user.id);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions"),
	    "0");
	enter(&s);
	revoke_with("", "", "pa", REVOKE_NODE_SESSIONS, pa.id);
	assert_non_null(auth_session_find(s.session));
	revoke_with("", "", "pi", REVOKE_NODE_SESSIONS, pi.id);
	assert_null(auth_session_find(s.session));
	assert_string_equal(fake_sql_get("SELECT group_concat(host) "
	    "FROM sessions"), "");
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, web_setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(a_site_session_is_for_its_site),
		CASE(a_site_session_goes_with_that_of_the_relay),
		CASE(what_has_expired_ends),
		CASE(a_new_auth_believes_the_store_only),
		CASE(basic_is_a_password_for_a_site),
		CASE(a_token_visits_with_the_scope_http),
		CASE(sessions_are_revoked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
