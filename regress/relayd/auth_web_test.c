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

/*
 * Auth: people who log in with a browser, tickets, and what is good where.
 */

#include "compat.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <crypt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_fake.h"
#include "msg_rpc.h"

#define ASK	33

static struct store_node	 pi, pa;
static struct store_user	 you;
static char			 hash[CTL_HASH_LEN];

static void
node(struct store_node *n, const char *name)
{
	memset(n, 0, sizeof(*n));
	store_uuid(n->id);
	strlcpy(n->name, name, sizeof(n->name));
	strlcpy(n->user_id, fake_user.id, sizeof(n->user_id));
	strlcpy(n->token, fake_row.id, sizeof(n->token));
	assert_int_equal(store_node_add(auth_store, n), STORE_OK);
}

static int
setup(void **state)
{
	struct crypt_data	 data;

	if (fake_setup(state) == -1)
		return (-1);
	if (hash[0] == '\0') {
		/* What hash it is tells its own text: a quick one. */
		memset(&data, 0, sizeof(data));
		strlcpy(hash, crypt_r("secret", "$2b$04$abcdefghijklmnopqrstu.",
		    &data), sizeof(hash));
		assert_int_equal(auth_password_init(), 0);
	}
	assert_int_equal(store_user_password(auth_store, fake_user.id, hash),
	    STORE_OK);
	memset(&you, 0, sizeof(you));
	store_uuid(you.id);
	strlcpy(you.email, "you@example.org", sizeof(you.email));
	you.enabled = 1;
	assert_int_equal(store_user_add(auth_store, &you, hash), STORE_OK);
	node(&pi, "pi");
	node(&pa, "pa");
	auth_site_conf("relay.example.org");
	fake_forget();
	return (0);
}

static void
address(struct sockaddr_storage *ss, unsigned int n)
{
	struct sockaddr_in	*sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	sin->sin_family = AF_INET;
	sin->sin_port = htons(1234);
	sin->sin_addr.s_addr = htonl(0xc0000200 + n);
}

/* A question; secrets are filled with a number each. */
static void
question(struct web_ask *q, uint32_t what, int secret, int make, int way,
    const char *host)
{
	memset(q, 0, sizeof(*q));
	q->what = what;
	memset(q->secret, secret, sizeof(q->secret));
	memset(q->make, make, sizeof(q->make));
	memset(q->way, way, sizeof(q->way));
	strlcpy(q->host, host, sizeof(q->host));
	strlcpy(q->software, "browser", sizeof(q->software));
	address(&q->peer, 1);
}

static void
deliver(const struct web_ask *q, int listener)
{
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_web_ask, PROC_LISTENER, listener,
	    IMSG_WEB_ASK, ASK, q, sizeof(*q)), 0);
}

static const struct web_answer *
answer(uint32_t status, const char *part)
{
	const struct web_answer	*w;

	w = fake_one(PROC_LISTENER, IMSG_WEB_ANSWER, sizeof(*w));
	if (w->status != status || strstr(w->text, part) == NULL)
		fail_msg("%u %s, not %u %s", w->status, w->text, status,
		    part);
	return (w);
}

/* Log in with the form, from there. */
static const struct web_answer *
log_in(const char *email, const char *password, int make, unsigned int from,
    uint32_t status)
{
	struct web_ask	 q;

	question(&q, WEB_LOGIN, 0, make, 0, "");
	strlcpy(q.email, email, sizeof(q.email));
	strlcpy(q.password, password, sizeof(q.password));
	address(&q.peer, from);
	deliver(&q, 0);
	if (fake_count(IMSG_WEB_ANSWER) == 0)
		fake_run();
	return (answer(status, ""));
}

static void
ask(uint32_t what, int secret, int make, int way, const char *host,
    int listener, uint32_t status, const char *part)
{
	struct web_ask	 q;

	question(&q, what, secret, make, way, host);
	deliver(&q, listener);
	(void)answer(status, part);
}

/* What a log-in at the http door by the secret of a session comes to. */
static uint32_t
visit(int secret, const char *host, struct session *s)
{
	const struct login_denied	*d;
	struct login			 req;

	memset(&req, 0, sizeof(req));
	req.door = DOOR_HTTP;
	req.method = LOGIN_SECRET;
	memset(req.seed, secret, sizeof(req.seed));
	strlcpy(req.host, host, sizeof(req.host));
	address(&req.peer, 1);
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 1,
	    IMSG_LOGIN, 5, &req, sizeof(req)), 0);
	if (fake_count(IMSG_SESSION) == 1) {
		assert_int_equal(fake_count(IMSG_LOGIN_DENIED), 0);
		memcpy(s, fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s)),
		    sizeof(*s));
		return (0);
	}
	d = fake_one(PROC_LISTENER, IMSG_LOGIN_DENIED, sizeof(*d));
	return (d->status);
}

/* ---- the form ---- */

static void
a_password_makes_a_session(void **state)
{
	const struct web_answer	*w;

	w = log_in("ME@example.org", "secret", 1, 1, 200);
	assert_string_equal(w->email, "me@example.org");
	assert_true(w->expires_at > fake_wall);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions "
	    "WHERE kind = 'web' AND host = '' AND secret_hash LIKE '0101%'"),
	    "1");
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT email || ' ' || text "
	    "FROM audit"), "me@example.org by password");
}

static void
what_is_wrong_is_not_told(void **state)
{
	struct web_answer	 one;

	one = *log_in("me@example.org", "guess", 1, 1, 401);
	assert_string_equal(log_in("nobody@example.org", "guess", 1, 1,
	    401)->text, one.text);
	assert_int_equal(store_user_password(auth_store, you.id, NULL),
	    STORE_OK);
	assert_string_equal(log_in("you@example.org", "", 1, 1, 401)->text,
	    one.text);
	assert_string_equal(one.email, "");
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 0),
	    STORE_OK);
	assert_string_equal(log_in("me@example.org", "guess", 1, 1,
	    401)->text, one.text);
	assert_string_equal(log_in("me@example.org", "secret", 1, 1,
	    401)->text, "this user is disabled");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions"),
	    "0");
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT count(*) FROM audit WHERE "
	    "text LIKE '%guess%' OR text LIKE '%secret%'"), "0");
}

/* How long a hash takes depends on the hash. */
static void
nobody_has_a_hash_like_everybody(void **state)
{
	char	 got[CTL_HASH_LEN], again[CTL_HASH_LEN];
	uint64_t n;
	int	 mine = 0, yours = 0;

	assert_int_equal(store_user_password(auth_store, you.id, "$6$yours"),
	    STORE_OK);
	for (n = 0; n < 64; n++) {
		assert_int_equal(store_user_hash_any(auth_store,
		    n * 0x123456789abcdefULL, got), STORE_OK);
		assert_int_equal(store_user_hash_any(auth_store,
		    n * 0x123456789abcdefULL, again), STORE_OK);
		assert_string_equal(got, again);
		mine += strcmp(got, hash) == 0;
		yours += strcmp(got, "$6$yours") == 0;
	}
	assert_true(mine > 0 && yours > 0 && mine + yours == 64);
	assert_int_equal(store_user_password(auth_store, you.id, NULL),
	    STORE_OK);
	assert_int_equal(store_user_hash_any(auth_store, UINT64_MAX, got),
	    STORE_OK);
	assert_string_equal(got, hash);
	assert_int_equal(store_user_password(auth_store, fake_user.id, NULL),
	    STORE_OK);
	assert_int_equal(store_user_hash_any(auth_store, 1, got), STORE_NONE);
	log_in("me@example.org", "", 1, 1, 401);
}

static void
who_guesses_waits(void **state)
{
	int	 i;

	for (i = 0; i < THROTTLE_NETWORK; i++)
		log_in("me@example.org", "guess", 1, 1, 401);
	assert_true(log_in("me@example.org", "secret", 1, 1,
	    429)->retry_after > 0);
	assert_true(log_in("you@example.org", "secret", 1, 1,
	    429)->retry_after > 0);
	log_in("me@example.org", "secret", 1, 2, 200);
	fake_mono += 61000;
	log_in("me@example.org", "secret", 2, 1, 200);
}

static void
the_line_is_short(void **state)
{
	struct web_ask	 q;
	int		 i;

	question(&q, WEB_LOGIN, 0, 1, 0, "");
	strlcpy(q.email, "me@example.org", sizeof(q.email));
	strlcpy(q.password, "guess", sizeof(q.password));
	for (i = 0; i < AUTH_PASSWORDS; i++) {
		address(&q.peer, i % 8);
		deliver(&q, 0);
		assert_int_equal(fake_count(IMSG_WEB_ANSWER), 0);
	}
	deliver(&q, 0);
	assert_true(answer(503, "")->retry_after > 0);
	fake_forget();
	for (i = 0; i < 10 * AUTH_PASSWORDS &&
	    fake_count(IMSG_WEB_ANSWER) < AUTH_PASSWORDS; i++)
		fake_run();
	assert_int_equal(fake_count(IMSG_WEB_ANSWER), AUTH_PASSWORDS);
}

static void
the_oldest_of_many_ends(void **state)
{
	struct revoke	 r;
	int		 i;

	for (i = 1; i <= 50; i++) {
		fake_wall++;
		log_in("me@example.org", "secret", i, 1, 200);
		assert_int_equal(fake_count(IMSG_REVOKE), 0);
	}
	fake_wall++;
	log_in("me@example.org", "secret", 51, 1, 200);
	memcpy(&r, fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(r)), sizeof(r));
	assert_int_equal(r.what, REVOKE_SESSION);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions"),
	    "50");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions "
	    "WHERE secret_hash LIKE '0101%'"), "0");
}

/* ---- tickets ---- */

static void
a_ticket_is_good_once_under_two_listeners(void **state)
{
	struct session	 s;

	log_in("me@example.org", "secret", 1, 1, 200);
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 200, "");
	ask(WEB_ENTER, 2, 4, 3, "pi.relay.example.org", 1, 200, "");
	ask(WEB_ENTER, 2, 5, 3, "pi.relay.example.org", 0, 401, "any more");
	ask(WEB_ENTER, 2, 5, 3, "pi.relay.example.org", 1, 401, "any more");
	assert_int_equal(visit(4, "pi.relay.example.org", &s), 0);
	assert_string_equal(s.email, "me@example.org");
	assert_string_equal(s.node_id, pi.id);
	assert_int_equal(s.scopes, SCOPE_HTTP);
	assert_int_equal(s.door, DOOR_HTTP);
	assert_int_equal(visit(5, "pi.relay.example.org", &s), 401);
}

static void
a_ticket_is_for_one_site_and_browser(void **state)
{
	log_in("me@example.org", "secret", 1, 1, 200);
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 200, "");
	ask(WEB_ENTER, 2, 4, 3, "pa.relay.example.org", 0, 401, "another's");
	ask(WEB_ENTER, 2, 4, 3, "pi.relay.example.org", 0, 401, "any more");
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 200, "");
	ask(WEB_ENTER, 2, 4, 9, "pi.relay.example.org", 0, 401, "another's");
	ask(WEB_ENTER, 2, 4, 3, "pi.relay.example.org", 0, 401, "any more");
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 200, "");
	fake_mono += 60000;
	ask(WEB_ENTER, 2, 4, 3, "pi.relay.example.org", 0, 401, "any more");
	/* Without a way it is only asked. */
	ask(WEB_TICKET, 1, 2, 0, "pi.relay.example.org", 0, 200, "");
	ask(WEB_ENTER, 2, 4, 0, "pi.relay.example.org", 0, 401, "any more");
}

static void
a_ticket_leads_where_its_user_may_go(void **state)
{
	struct store_grant	 g;

	log_in("you@example.org", "secret", 1, 1, 200);
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 403,
	    "may not visit");
	ask(WEB_TICKET, 1, 2, 3, "no.relay.example.org", 0, 404,
	    "no site");
	ask(WEB_TICKET, 1, 2, 3, "evil.example.org", 0, 404, "no site");
	ask(WEB_TICKET, 9, 2, 3, "pi.relay.example.org", 0, 401, "");
	ask(WEB_TICKET, 1, 2, 3, "", 0, 200, "");
	memset(&g, 0, sizeof(g));
	store_uuid(g.grant.id);
	strlcpy(g.user_id, you.id, sizeof(g.user_id));
	strlcpy(g.node_id, pi.id, sizeof(g.node_id));
	g.grant.scopes = SCOPE_CONNECT;
	assert_int_equal(store_grant_set(auth_store, &g), STORE_OK);
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 403, "");
	g.grant.scopes = SCOPE_HTTP;
	assert_int_equal(store_grant_set(auth_store, &g), STORE_OK);
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 200, "");
	/* It ends on the way. */
	assert_int_equal(store_grant_remove(auth_store, you.id, pi.id),
	    STORE_OK);
	ask(WEB_ENTER, 2, 4, 3, "pi.relay.example.org", 0, 403, "");
}

static void
who_comes_again_and_again_is_told(void **state)
{
	int	 i;

	log_in("me@example.org", "secret", 1, 1, 200);
	for (i = 0; i < 20; i++) {
		ask(WEB_TICKET, 1, 100 + i, 3, "pi.relay.example.org", 0, 200,
		    "");
		ask(WEB_ENTER, 100 + i, 130 + i, 3, "pi.relay.example.org", 0,
		    200, "");
	}
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 429, "cookies");
	ask(WEB_TICKET, 1, 2, 3, "pa.relay.example.org", 0, 200, "");
	fake_mono += 60000;
	ask(WEB_TICKET, 1, 2, 3, "pi.relay.example.org", 0, 200, "");
}

/* Each name before "--" is a site of its own. */
static void
one_user_does_not_take_all_tickets(void **state)
{
	char	 host[64];
	int	 i;

	log_in("me@example.org", "secret", 1, 1, 200);
	log_in("you@example.org", "secret", 2, 1, 200);
	for (i = 0; i < 200; i++) {
		snprintf(host, sizeof(host), "s%d--pi.relay.example.org", i);
		ask(WEB_TICKET, 1, 3, 4, host, 0, 200, "");
	}
	ask(WEB_TICKET, 1, 3, 4, "more--pi.relay.example.org", 0, 429, "wait");
	/* Others are looked at as ever. */
	ask(WEB_TICKET, 2, 3, 4, "pi.relay.example.org", 0, 403, "");
	fake_mono += 60000;
	ask(WEB_TICKET, 1, 3, 4, "more--pi.relay.example.org", 0, 200, "");
}

/* ---- pairing ---- */

static void
the_oldest_of_many_pairings_ends(void **state)
{
	struct store_session	 e, first;
	struct pair_buy		 buy;
	struct revoke		 r;
	int			 i;

	memset(&e, 0, sizeof(e));
	e.kind = SESSION_RPC;
	strlcpy(e.user_id, fake_user.id, sizeof(e.user_id));
	strlcpy(e.node_id, pi.id, sizeof(e.node_id));
	e.expires_at = fake_wall + 10000;
	for (i = 0; i < 1000; i++) {
		store_uuid(e.id);
		memcpy(e.hash, &i, sizeof(i));
		e.created_at = fake_wall - 2000 + i;
		assert_int_equal(store_session_add(auth_store, &e), STORE_OK);
		if (i == 0)
			first = e;
	}
	memset(&buy, 0, sizeof(buy));
	memset(buy.token, 0xff, sizeof(buy.token));
	strlcpy(buy.node_id, pi.id, sizeof(buy.node_id));
	strlcpy(buy.node, "pi", sizeof(buy.node));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_pair_buy, PROC_ROUTER, 0,
	    IMSG_PAIR_BUY, 1, &buy, sizeof(buy)), 0);
	/* And whoever came in by it. */
	memcpy(&r, fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(r)), sizeof(r));
	assert_int_equal(r.what, REVOKE_SESSION);
	assert_string_equal(r.id, first.id);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM sessions"),
	    "1000");
}

/* ---- sessions of sites ---- */

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

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(a_password_makes_a_session),
		CASE(what_is_wrong_is_not_told),
		CASE(nobody_has_a_hash_like_everybody),
		CASE(who_guesses_waits),
		CASE(the_line_is_short),
		CASE(the_oldest_of_many_ends),
		CASE(a_ticket_is_good_once_under_two_listeners),
		CASE(a_ticket_is_for_one_site_and_browser),
		CASE(a_ticket_leads_where_its_user_may_go),
		CASE(who_comes_again_and_again_is_told),
		CASE(one_user_does_not_take_all_tickets),
		CASE(the_oldest_of_many_pairings_ends),
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
