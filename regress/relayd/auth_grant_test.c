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

/* link: regress/relayd/auth_grant_steps.c regress/relayd/auth_fake.c
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

#include "auth_fake.h"
#include "auth_grant_steps.h"
#include "msg_list.h"

/* ---- what it gives ---- */

static void
without_a_grant_there_is_no_way(void **state)
{
	struct grant	 g;

	assert_int_equal(may(&g), MUX_CODE_DENIED);
	give("127.0.0.1:22,192.168.1.77/24:80", fake_wall + 60);
	assert_int_equal(fake_count(CTL_OK), 1);
	assert_int_equal(fake_count(IMSG_REVOKE), 0);
	assert_int_equal(may(&g), 0);
	assert_int_equal(g.scopes, SCOPE_CONNECT);
	assert_string_equal(g.targets, "127.0.0.1:22,192.168.1.0/24:80");
	assert_int_equal(g.expires_at, fake_wall + 60);
	assert_string_not_equal(g.id, "");
	/* To the second. */
	fake_wall += 59;
	fake_wall_ms = 999;
	assert_int_equal(may(&g), 0);
	fake_wall += 1;
	fake_wall_ms = 0;
	assert_int_equal(may(&g), MUX_CODE_DENIED);
}

static void
a_disabled_user_on_either_side_ends_it(void **state)
{
	struct grant	 g;

	give("", 0);
	assert_int_equal(may(&g), 0);
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 0),
	    STORE_OK);
	assert_int_equal(may(&g), MUX_CODE_DENIED);
	assert_int_equal(store_user_enable(auth_store, fake_user.id, 1),
	    STORE_OK);
	assert_int_equal(may(&g), 0);
	assert_int_equal(store_user_enable(auth_store, you.id, 0), STORE_OK);
	assert_int_equal(may(&g), MUX_CODE_DENIED);
}

static void
the_tokens_own_nodes_count_as_well(void **state)
{
	struct grant	 g;

	give("", 0);
	fake_token_add(&yours, &you, SCOPE_CONNECT, "po");
	assert_int_equal(may(&g), MUX_CODE_DENIED);
	fake_token_add(&yours, &you, SCOPE_CONNECT, "pi,po");
	assert_int_equal(may(&g), 0);
}

static void
renaming_the_node_changes_nothing(void **state)
{
	struct store_grant	 g;

	give("", 0);
	assert_int_equal(store_node_rename(auth_store, pi.id, "po"),
	    STORE_OK);
	assert_int_equal(store_grant_find(auth_store, you.id, pi.id, &g),
	    STORE_OK);
	assert_string_equal(g.node, "po");
}

/* ---- what an administrator asks ---- */

static void
what_is_no_grant_is_refused(void **state)
{
	struct ctl_grant	 c;

	request(&c);
	c.scopes = 0;
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "needs a scope");
	c.scopes = SCOPE_CONNECT | SCOPE_ADMIN;
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "connect, http and ssh");
	request(&c);
	c.expires_at = fake_wall;
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "in the past");
	c.expires_at = -1;
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "in the past");
	request(&c);
	strlcpy(c.targets, "127.0.0.1", sizeof(c.targets));
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "the grant's targets: ");
	request(&c);
	c.scopes = SCOPE_HTTP;
	strlcpy(c.targets, "127.0.0.1:22", sizeof(c.targets));
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "not narrow scope http");
	request(&c);
	strlcpy(c.node, "po", sizeof(c.node));
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no node po");
	request(&c);
	strlcpy(c.email, "x@example.org", sizeof(c.email));
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no user x@example.org");
	request(&c);
	strlcpy(c.email, "me@example.org", sizeof(c.email));
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "own");
	request(&c);
	c.node[0] = '\0';
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "to a node");
	ask(CTL_GRANT_REVOKE, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "to a node");
	request(&c);
	ask(CTL_GRANT_REVOKE, &c);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND,
	    "you@example.org has no grant to pi");
	memset(&c, 'a', sizeof(c));
	ask(CTL_GRANT_SET, &c);
	fake_refused(CLIENT, CTL_CODE_INVALID, "garbled");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM grants"), "0");
}

static void
names_are_taken_in_any_case(void **state)
{
	struct ctl_grant	 c;

	request(&c);
	strlcpy(c.email, "You@Example.ORG", sizeof(c.email));
	strlcpy(c.node, "PI", sizeof(c.node));
	ask(CTL_GRANT_SET, &c);
	assert_int_equal(fake_count(CTL_OK), 1);
	ask(CTL_GRANT_REVOKE, &c);
	revoked(0, "", "the grant was revoked", 3);
}

static void
a_second_grant_replaces_the_first(void **state)
{
	const struct ctl_end	*end;
	struct grant		 g, g2;

	give("", 0);
	assert_int_equal(may(&g), 0);
	give("*:80", 0);
	revoked(SCOPE_CONNECT, "*:80", "the grant no longer covers this", 2);
	end = fake_one(PROC_ROUTER, CTL_OK, sizeof(*end));
	assert_int_equal(end->streams, 2);
	assert_int_equal(end->ms, 7);
	assert_int_equal(may(&g2), 0);
	assert_string_equal(g2.id, g.id);
	assert_string_equal(g2.targets, "*:80");
}

static void
a_revoked_grant_is_gone_when_that_is_said(void **state)
{
	const struct ctl_end	*end;
	struct ctl_grant	 c;
	struct grant		 g;

	give("", 0);
	request(&c);
	ask(CTL_GRANT_REVOKE, &c);
	assert_int_equal(fake_count(CTL_OK), 0);
	revoked(0, "", "the grant was revoked", 4);
	end = fake_one(PROC_ROUTER, CTL_OK, sizeof(*end));
	assert_int_equal(end->streams, 4);
	assert_int_equal(may(&g), MUX_CODE_DENIED);
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT text FROM audit "
	    "WHERE what = 'revoke' AND email = 'you@example.org' "
	    "AND node = 'pi'"),
	    "the grant was revoked: 0 links, 4 streams");
	assert_string_equal(fake_sql_get("SELECT text FROM audit "
	    "WHERE what = 'grant' AND email = 'you@example.org' "
	    "AND node = 'pi'"),
	    "granted by the host: connect; until revoked; to all targets");
}

static void
what_cannot_be_read_can_be_revoked(void **state)
{
	struct ctl_grant	 c;
	struct grant		 g;

	give("", 0);
	fake_sql("UPDATE grants SET targets = 'x'");
	assert_int_equal(may(&g), MUX_CODE_DENIED);
	request(&c);
	ask(CTL_GRANT_REVOKE, &c);
	assert_int_equal(fake_count(CTL_OK), 1);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM grants"), "0");
}

static void
grants_are_listed(void **state)
{
	const struct ctl_grant	*g;
	struct ctl_grant	 c;

	give("*:22", fake_wall + 10);
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT text FROM audit "
	    "WHERE what = 'grant'"), "granted by the host: connect; "
	    "until 2027-01-15T08:00:10Z; to *:22");
	fake_wall += 10;
	memset(&c, 0, sizeof(c));
	ask(CTL_GRANT_LIST, &c);
	g = fake_one(PROC_ROUTER, CTL_GRANT, sizeof(*g));
	assert_string_equal(g->email, "you@example.org");
	assert_string_equal(g->node, "pi");
	assert_string_equal(g->owner, "me@example.org");
	assert_string_equal(g->granted_by, "");
	assert_string_equal(g->targets, "*:22");
	assert_int_equal(g->scopes, SCOPE_CONNECT);
	assert_int_equal(g->expired, 1);
	assert_int_equal(fake_count(CTL_OK), 1);
	strlcpy(c.email, "me@example.org", sizeof(c.email));
	ask(CTL_GRANT_LIST, &c);
	assert_int_equal(fake_count(CTL_GRANT), 0);
	assert_int_equal(fake_count(CTL_OK), 1);
	request(&c);
	ask(CTL_GRANT_LIST, &c);
	assert_int_equal(fake_count(CTL_GRANT), 1);
	strlcpy(c.node, "po", sizeof(c.node));
	ask(CTL_GRANT_LIST, &c);
	fake_refused(CLIENT, CTL_CODE_NOT_FOUND, "no node po");
}

/* The entry of the only node that this session may reach. */
static const struct nodes_entry *
reachable(uint64_t session)
{
	static struct nodes_entry	 e;
	struct nodes_ask		 q = { .session = session };
	size_t				 i;

	fake_forget();
	assert_int_equal(fake_recv(auth_recv_nodes_ask, PROC_ROUTER, 0,
	    IMSG_NODES_ASK, 9, &q, sizeof(q)), 0);
	assert_int_equal(fake_count(IMSG_NODES_END), 1);
	if (fake_count(IMSG_NODES_ENTRY) == 0)
		return (NULL);
	assert_int_equal(fake_count(IMSG_NODES_ENTRY), 1);
	for (i = 0; fake_sent[i].type != IMSG_NODES_ENTRY; i++)
		;
	memset(&e, 0, sizeof(e));
	assert_in_range(fake_sent[i].len, NODES_ENTRY_MIN, sizeof(e));
	memcpy(&e, fake_sent[i].data, fake_sent[i].len);
	assert_int_equal(fake_sent[i].len,
	    NODES_ENTRY_MIN + strlen(e.targets));
	return (&e);
}

static void
nodes_that_may_be_reached_say_by_what(void **state)
{
	const struct nodes_entry	*e;
	struct session			 s;

	memset(&s, 0, sizeof(s));
	s.door = DOOR_ACCESS;
	strlcpy(s.user_id, you.id, sizeof(s.user_id));
	strlcpy(s.token_id, yours.id, sizeof(s.token_id));
	assert_int_equal(auth_session_new(&s), 0);
	assert_null(reachable(s.session));
	give("*:22,*:80", fake_wall + 100);
	assert_non_null(e = reachable(s.session));
	assert_string_equal(e->node, "pi");
	assert_string_equal(e->owner, "me@example.org");
	assert_string_equal(e->targets, "*:22,*:80");
	assert_int_equal(e->scopes, SCOPE_CONNECT);
	assert_int_equal(e->expires_at, fake_wall + 100);
	fake_wall += 100;
	assert_null(reachable(s.session));
	auth_session_forget(s.session);
}

/* ---- time ---- */

static void
time_is_kept_to_the_millisecond(void **state)
{
	assert_int_equal(auth_grant_tick(), -1);
	give("", fake_wall + 10);
	assert_int_equal(fake_soon, 1);
	assert_int_equal(auth_grant_tick(), 10000);
	fake_wall += 9;
	fake_wall_ms = 990;
	assert_int_equal(auth_grant_tick(), 10);
	fake_forget();
	fake_wall_ms = 1000;
	assert_int_equal(auth_grant_tick(), -1);
	revoked(0, "", "the grant has expired", 2);
	assert_int_equal(fake_count(CTL_OK), 0);
	/* Once. */
	fake_wall += 10;
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_nsent, 0);
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT text FROM audit WHERE what = "
	    "'grant expired' AND email = 'you@example.org' AND node = 'pi'"),
	    "the grant has expired: 0 links, 2 streams");
}

static void
a_grant_that_is_made_longer_does_not_end(void **state)
{
	give("", fake_wall + 10);
	assert_int_equal(auth_grant_tick(), 10000);
	give("", fake_wall + 20);
	revoked(SCOPE_CONNECT, "", "the grant no longer covers this", 0);
	fake_forget();
	fake_wall += 10;
	assert_int_equal(auth_grant_tick(), 10000);
	assert_int_equal(fake_nsent, 0);
	fake_wall += 10;
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
}

static void
many_end_at_once(void **state)
{
	char	 q[512];
	int	 i;

	for (i = 0; i < 40; i++) {
		snprintf(q, sizeof(q), "INSERT INTO users (id, created_at, "
		    "provider, email, username, avatar_url) VALUES ('u%02d', "
		    "0, 'local', 'u%02d@x.org', 'u', ''); INSERT INTO grants "
		    "(id, user_id, node_id, granted_by, scopes, created_at, "
		    "expires_at) VALUES ('g%02d', 'u%02d', '%s', '', "
		    "'[\"connect\"]', 0, %lld)", i, i, i, i, pi.id,
		    (long long)fake_wall + 5 + i % 2);
		fake_sql(q);
	}
	/* Another program wrote them: noticed within a minute. */
	fake_mono += 60000;
	assert_int_equal(auth_grant_tick(), 5000);
	fake_wall += 5;
	assert_int_equal(auth_grant_tick(), 1000);
	assert_int_equal(fake_count(IMSG_REVOKE), 20);
	fake_wall += 100;
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_count(IMSG_REVOKE), 40);
}

static void
a_clock_that_jumps_takes_nothing_for_good(void **state)
{
	struct grant	 g;
	int64_t		 start = fake_wall;

	give("", fake_wall + 100);
	assert_int_equal(auth_grant_tick(), 100000);
	fake_forget();
	fake_wall += 10 * 365 * 86400;
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
	assert_int_equal(may(&g), MUX_CODE_DENIED);
	fake_wall = start + 50;
	assert_int_equal(auth_grant_tick(), 50000);
	assert_int_equal(may(&g), 0);
	fake_forget();
	fake_wall = start + 100;
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
	/* Back a little, over the end. */
	fake_forget();
	fake_wall = start + 99;
	assert_int_equal(auth_grant_tick(), 1000);
	assert_int_equal(may(&g), 0);
	fake_wall = start + 100;
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
}

static void
a_store_that_fails_is_tried_again(void **state)
{
	give("", fake_wall + 10);
	assert_int_equal(auth_grant_tick(), 10000);
	fake_forget();
	fake_store_close();
	fake_wall += 10;
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_nsent, 0);
	fake_store_open();
	assert_int_equal(auth_grant_tick(), -1);
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
}

/* ---- after a restart ---- */

static void
what_is_in_use_is_looked_at_again(void **state)
{
	struct ctl_grant	 c;
	struct grant		 g;

	auth_grant_ask();
	assert_int_equal(fake_count(IMSG_GRANTS_ASK), 1);
	give("*:22", fake_wall + 50);
	assert_int_equal(may(&g), 0);
	/* As it is; with other targets; with another end. */
	used(g.id, "*:22", fake_wall + 50);
	assert_int_equal(fake_nsent, 0);
	used(g.id, "", fake_wall + 50);
	revoked(SCOPE_CONNECT, "*:22", "the grant no longer covers this", 0);
	used(g.id, "*:22", 0);
	revoked(SCOPE_CONNECT, "*:22", "the grant no longer covers this", 0);
	fake_wall += 50;
	used(g.id, "*:22", fake_wall);
	revoked(0, "", "the grant has expired", 1);
	request(&c);
	ask(CTL_GRANT_REVOKE, &c);
	revoked(0, "", "the grant was revoked", 0);
	used(g.id, "*:22", fake_wall);
	revoked(0, "", "the grant was revoked", 1);
	/* Nothing is written down where nothing happened. */
	auth_audit_flush();
	assert_string_equal(fake_sql_get("SELECT count(*) FROM audit WHERE "
	    "text LIKE '%covers this%'"), "0");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM audit WHERE "
	    "text LIKE '%1 streams'"), "2");
}

static void
what_could_not_be_looked_at_is_asked_for_again(void **state)
{
	fake_store_close();
	used("g", "", 0);
	assert_int_equal(fake_nsent, 0);
	assert_true(fake_trouble > 0);
	(void)auth_grant_tick();
	assert_int_equal(fake_nsent, 0);
	fake_store_open();
	(void)auth_grant_tick();
	assert_int_equal(fake_count(IMSG_GRANTS_ASK), 1);
	fake_forget();
	(void)auth_grant_tick();
	assert_int_equal(fake_nsent, 0);
}

static void
garbled_ids_are_refused(void **state)
{
	struct grant	 u;

	memset(&u, 0, sizeof(u));
	assert_int_equal(fake_recv(auth_recv_grant_used, PROC_ROUTER, 0,
	    IMSG_GRANT_USED, 0, &u, sizeof(u)), -1);
	memset(&u, 'a', sizeof(u));
	assert_int_equal(fake_recv(auth_recv_grant_used, PROC_ROUTER, 0,
	    IMSG_GRANT_USED, 0, &u, sizeof(u)), -1);
	strlcpy(u.id, "g", sizeof(u.id));
	assert_int_equal(fake_recv(auth_recv_grant_used, PROC_ROUTER, 0,
	    IMSG_GRANT_USED, 0, &u, sizeof(u)), -1);
	assert_int_equal(fake_nsent, 0);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(without_a_grant_there_is_no_way),
		CASE(a_disabled_user_on_either_side_ends_it),
		CASE(the_tokens_own_nodes_count_as_well),
		CASE(renaming_the_node_changes_nothing),
		CASE(what_is_no_grant_is_refused),
		CASE(names_are_taken_in_any_case),
		CASE(a_second_grant_replaces_the_first),
		CASE(a_revoked_grant_is_gone_when_that_is_said),
		CASE(what_cannot_be_read_can_be_revoked),
		CASE(grants_are_listed),
		CASE(nodes_that_may_be_reached_say_by_what),
		CASE(time_is_kept_to_the_millisecond),
		CASE(a_grant_that_is_made_longer_does_not_end),
		CASE(many_end_at_once),
		CASE(a_clock_that_jumps_takes_nothing_for_good),
		CASE(a_store_that_fails_is_tried_again),
		CASE(what_is_in_use_is_looked_at_again),
		CASE(what_could_not_be_looked_at_is_asked_for_again),
		CASE(garbled_ids_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
