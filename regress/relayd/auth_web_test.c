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
 * Auth: people who log in with a browser, and tickets.
 */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "msg_rpc.h"
#include "web_visits.h"

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
		mine += strcmp(got, web_hash) == 0;
		yours += strcmp(got, "$6$yours") == 0;
	}
	assert_true(mine > 0 && yours > 0 && mine + yours == 64);
	assert_int_equal(store_user_password(auth_store, you.id, NULL),
	    STORE_OK);
	assert_int_equal(store_user_hash_any(auth_store, UINT64_MAX, got),
	    STORE_OK);
	assert_string_equal(got, web_hash);
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

#define CASE(f)	cmocka_unit_test_setup_teardown(f, web_setup, fake_teardown)

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
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
