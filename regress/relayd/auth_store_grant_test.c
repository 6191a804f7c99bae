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
 * What lets others in, in the store: grants, published ports, sites.
 */

/* link: regress/relayd/auth_store_rows.c relayd/auth_store*.c
 *	relayd/auth_upgrade.c relayd/month.c libculvert.a sql.c */
/* libs: sqlite3 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_store_rows.h"

/* A grant of a second user to the node of the first. */
static void
fill_grant(struct store_user *u, struct store_user *u2, struct store_node *n,
    struct store_grant *g)
{
	struct store_token	 t;

	rows_fill(u, &t, n);
	rows_user(u2, "you@example.org");
	assert_int_equal(store_user_add(store, u2, NULL), STORE_OK);
	memset(g, 0, sizeof(*g));
	store_uuid(g->grant.id);
	g->grant.scopes = SCOPE_CONNECT | SCOPE_SSH;
	strlcpy(g->grant.targets, "127.0.0.1:22,[fd00::/8]:80-90,/a/b",
	    sizeof(g->grant.targets));
	g->grant.expires_at = 5000;
	strlcpy(g->user_id, u2->id, sizeof(g->user_id));
	strlcpy(g->node_id, n->id, sizeof(g->node_id));
	g->created_at = 3000;
	assert_int_equal(store_grant_set(store, g), STORE_OK);
}

static void
grants_come_back_as_they_went(void **state)
{
	struct store_user	 u, u2;
	struct store_node	 n;
	struct store_grant	 g, g2;

	fill_grant(&u, &u2, &n, &g);
	rows_reopen();
	assert_int_equal(store_open(store), STORE_OK);
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g2), STORE_OK);
	assert_string_equal(g2.grant.id, g.grant.id);
	assert_int_equal(g2.grant.scopes, SCOPE_CONNECT | SCOPE_SSH);
	assert_string_equal(g2.grant.targets, g.grant.targets);
	assert_int_equal(g2.grant.expires_at, 5000);
	assert_string_equal(g2.email, "you@example.org");
	assert_int_equal(g2.user_enabled, 1);
	assert_string_equal(g2.node, "pi");
	assert_string_equal(g2.owner, "me@example.org");
	assert_int_equal(g2.owner_enabled, 1);
	assert_string_equal(g2.granted_by, "");
	assert_int_equal(g2.created_at, 3000);
	rows_assert("SELECT targets FROM grants",
	    "[\"127.0.0.1:22\",\"[fd00::/8]:80-90\",\"/a/b\"]");
	assert_int_equal(store_grant_find_id(store, g.grant.id, &g2),
	    STORE_OK);
	assert_int_equal(store_grant_find_id(store, u.id, &g2), STORE_NONE);
	assert_int_equal(store_grant_find(store, u.id, n.id, &g2),
	    STORE_NONE);
	assert_int_equal(store_user_enable(store, u.id, 0), STORE_OK);
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g2), STORE_OK);
	assert_int_equal(g2.owner_enabled, 0);
}

static void
a_grant_is_replaced_and_keeps_its_id(void **state)
{
	struct store_user	 u, u2;
	struct store_node	 n;
	struct store_grant	 g, g2;

	fill_grant(&u, &u2, &n, &g);
	g2 = g;
	store_uuid(g2.grant.id);
	g2.grant.scopes = SCOPE_HTTP;
	g2.grant.targets[0] = '\0';
	g2.grant.expires_at = 0;
	strlcpy(g2.granted_by, "me@example.org", sizeof(g2.granted_by));
	assert_int_equal(store_grant_set(store, &g2), STORE_OK);
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g2), STORE_OK);
	assert_string_equal(g2.grant.id, g.grant.id);
	assert_int_equal(g2.grant.scopes, SCOPE_HTTP);
	assert_string_equal(g2.grant.targets, "");
	assert_int_equal(g2.grant.expires_at, 0);
	assert_string_equal(g2.granted_by, "me@example.org");
	rows_assert("SELECT count(*) FROM grants", "1");
	rows_assert("SELECT expires_at IS NULL FROM grants", "1");
	/* To what there is not. */
	store_uuid(g2.grant.id);
	store_uuid(g2.node_id);
	assert_int_equal(store_grant_set(store, &g2), STORE_NONE);
	assert_int_equal(store_grant_remove(store, u2.id, n.id), STORE_OK);
	assert_int_equal(store_grant_remove(store, u2.id, n.id), STORE_NONE);
}

static void
a_long_list_of_targets_fits(void **state)
{
	struct store_user	 u, u2;
	struct store_node	 n;
	struct store_grant	 g, g2;
	char			 one[80];
	int			 i;

	fill_grant(&u, &u2, &n, &g);
	g.grant.targets[0] = '\0';
	for (i = 0; i < TARGETS_MAX; i++) {
		snprintf(one, sizeof(one), "%s[2001:db8:1111:2222:3333:4444:"
		    "5555:66%02x]:10000-65535", i > 0 ? "," : "", i);
		strlcat(g.grant.targets, one, sizeof(g.grant.targets));
	}
	assert_int_equal(store_grant_set(store, &g), STORE_OK);
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g2), STORE_OK);
	assert_string_equal(g2.grant.targets, g.grant.targets);
}

static void
odd_grants_of_others_give_nothing(void **state)
{
	static const char *const odd[] = {
		"UPDATE grants SET targets = ''",
		"UPDATE grants SET targets = 'x'",
		"UPDATE grants SET targets = '[\"*:22\"'",
		"UPDATE grants SET targets = '[\"22\"]'",
		"UPDATE grants SET targets = '[\"*:22\",\"\"]'",
		"UPDATE grants SET targets = '[\"'||hex(zeroblob(999))||'\"]'",
		"UPDATE grants SET targets = '[]', id = hex(zeroblob(64))",
	};
	struct store_user	 u, u2;
	struct store_node	 n;
	struct store_grant	 g;
	struct store_reach	 r[4];
	size_t			 i, count;

	fill_grant(&u, &u2, &n, &g);
	for (i = 0; i < nitems(odd); i++) {
		rows_sql(odd[i]);
		assert_int_equal(store_grant_find(store, u2.id, n.id, &g),
		    STORE_NONE);
		count = nitems(r);
		assert_int_equal(store_reach_page(store, u2.id, 1000, "", r,
		    &count), STORE_OK);
		assert_int_equal(count, 0);
	}
	/* 0 is no "never". */
	rows_sql("UPDATE grants SET id = 'g', targets = '[]', expires_at = 0");
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g), STORE_OK);
	assert_int_equal(g.grant.expires_at, 1);
	rows_sql("UPDATE grants SET scopes = 'connect'");
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g), STORE_OK);
	assert_int_equal(g.grant.scopes, 0);
	/* What can't be read can be removed. */
	rows_sql("UPDATE grants SET targets = 'x'");
	assert_int_equal(store_grant_remove(store, u2.id, n.id), STORE_OK);
}

static void
grants_go_with_users_and_nodes(void **state)
{
	struct store_user	 u, u2;
	struct store_node	 n;
	struct store_grant	 g;

	fill_grant(&u, &u2, &n, &g);
	assert_int_equal(store_node_rename(store, n.id, "po"), STORE_OK);
	rows_assert("SELECT count(*) FROM grants", "1");
	assert_int_equal(store_node_remove(store, n.id), STORE_OK);
	rows_assert("SELECT count(*) FROM grants", "0");
	assert_int_equal(store_node_add(store, &n), STORE_OK);
	assert_int_equal(store_grant_set(store, &g), STORE_OK);
	assert_int_equal(store_user_delete(store, u2.id), STORE_OK);
	rows_assert("SELECT count(*) FROM grants", "0");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
	assert_int_equal(store_grant_set(store, &g), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_OK);
	rows_assert("SELECT count(*) FROM grants", "0");
	rows_assert("PRAGMA foreign_key_check", "");
}

static void
grants_are_listed_by_user_node_and_end(void **state)
{
	struct store_user	 u, u2, u3;
	struct store_node	 n, n2;
	struct store_token	 t;
	struct store_grant	 g, page[2];
	size_t			 count;
	int64_t			 at;

	fill_grant(&u, &u2, &n, &g);
	rows_user(&u3, "any@example.org");
	assert_int_equal(store_user_add(store, &u3, NULL), STORE_OK);
	assert_int_equal(store_token_find(store, "abcdefghij12", &t),
	    STORE_OK);
	rows_node(&n2, &t, "pa");
	assert_int_equal(store_node_add(store, &n2), STORE_OK);
	/* you: pi until 5000; pa until 4000; any: pi for ever */
	store_uuid(g.grant.id);
	strlcpy(g.node_id, n2.id, sizeof(g.node_id));
	g.grant.expires_at = 4000;
	assert_int_equal(store_grant_set(store, &g), STORE_OK);
	store_uuid(g.grant.id);
	strlcpy(g.node_id, n.id, sizeof(g.node_id));
	strlcpy(g.user_id, u3.id, sizeof(g.user_id));
	g.grant.expires_at = 0;
	assert_int_equal(store_grant_set(store, &g), STORE_OK);

	count = 2;
	assert_int_equal(store_grant_page(store, NULL, NULL, "", "", page,
	    &count), STORE_OK);
	assert_int_equal(count, 2);
	assert_string_equal(page[0].email, "any@example.org");
	assert_string_equal(page[1].email, "you@example.org");
	assert_string_equal(page[1].node, "pa");
	assert_int_equal(store_grant_page(store, NULL, NULL, page[1].email,
	    page[1].node, page, &count), STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].node, "pi");
	count = 2;
	assert_int_equal(store_grant_page(store, u3.id, NULL, "", "", page,
	    &count), STORE_OK);
	assert_int_equal(count, 1);
	count = 2;
	assert_int_equal(store_grant_page(store, u2.id, n2.id, "", "", page,
	    &count), STORE_OK);
	assert_int_equal(count, 1);

	assert_int_equal(store_grant_next(store, 0, &at), STORE_OK);
	assert_int_equal(at, 4000);
	assert_int_equal(store_grant_next(store, 4000, &at), STORE_OK);
	assert_int_equal(at, 5000);
	assert_int_equal(store_grant_next(store, 5000, &at), STORE_NONE);
	count = 2;
	assert_int_equal(store_grant_ended(store, 3999, 4000, "", page,
	    &count), STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].node, "pa");
	count = 2;
	assert_int_equal(store_grant_ended(store, 4000, 4999, "", page,
	    &count), STORE_OK);
	assert_int_equal(count, 0);
	count = 1;
	assert_int_equal(store_grant_ended(store, 0, 9999, "", page, &count),
	    STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(store_grant_ended(store, 0, 9999, page[0].grant.id,
	    page, &count), STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(store_grant_ended(store, 0, 9999, page[0].grant.id,
	    page, &count), STORE_OK);
	assert_int_equal(count, 0);
}

static void
what_a_user_may_reach(void **state)
{
	struct store_user	 u, u2;
	struct store_node	 n;
	struct store_grant	 g;
	struct store_reach	 r[4];
	size_t			 count = nitems(r);

	fill_grant(&u, &u2, &n, &g);
	assert_int_equal(store_reach_page(store, u2.id, 4999, "", r, &count),
	    STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(r[0].node, "pi");
	assert_string_equal(r[0].node_id, n.id);
	assert_string_equal(r[0].owner, "me@example.org");
	assert_string_equal(r[0].grant.id, g.grant.id);
	assert_string_equal(r[0].grant.targets, g.grant.targets);
	/* The owner needs none. */
	count = nitems(r);
	assert_int_equal(store_reach_page(store, u.id, 1, "", r, &count),
	    STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(r[0].grant.id, "");
	/* Expired; behind it; its owner is disabled. */
	count = nitems(r);
	assert_int_equal(store_reach_page(store, u2.id, 5000, "", r, &count),
	    STORE_OK);
	assert_int_equal(count, 0);
	count = nitems(r);
	assert_int_equal(store_reach_page(store, u2.id, 1, "pi", r, &count),
	    STORE_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_user_enable(store, u.id, 0), STORE_OK);
	count = nitems(r);
	assert_int_equal(store_reach_page(store, u2.id, 1, "", r, &count),
	    STORE_OK);
	assert_int_equal(count, 0);
}

static void
make_publication(struct store_publication *sp, const struct store_node *n,
    const char *spec)
{
	const char	*why;
	size_t		 count;

	memset(sp, 0, sizeof(*sp));
	store_uuid(sp->p.id);
	strlcpy(sp->p.node_id, n->id, sizeof(sp->p.node_id));
	assert_int_equal(publish_spec_parse(spec, &sp->p.spec, &why), 0);
	strlcpy(sp->p.host, "127.0.0.1", sizeof(sp->p.host));
	sp->p.port = 22;
	sp->p.proxy = 2;
	sp->p.connections = 500;
	sp->p.bandwidth = 1ULL << 40;
	assert_int_equal(publish_from_parse("10.0.0.0/8,2001:db8::/32",
	    sp->p.from, &count, &why), 0);
	sp->p.nfrom = count;
	sp->created_at = 1700000000;
}

static void
published_ports_come_back_as_they_went(void **state)
{
	struct store_publication	 sp, got, page[4];
	struct store_user		 u;
	struct store_token		 t;
	struct store_node		 n;
	size_t				 count;

	rows_fill(&u, &t, &n);
	make_publication(&sp, &n, "[2001:db8::1]:5000-5009/udp");
	assert_int_equal(store_publication_add(store, &sp), STORE_OK);
	assert_int_equal(store_publication_find(store, sp.p.id, &got),
	    STORE_OK);
	/* And with it what it rests on. */
	assert_string_equal(got.p.user_id, u.id);
	assert_string_equal(got.p.email, u.email);
	assert_string_equal(got.p.node, n.name);
	assert_true(got.user_enabled);
	strlcpy(sp.p.user_id, u.id, sizeof(sp.p.user_id));
	strlcpy(sp.p.email, u.email, sizeof(sp.p.email));
	strlcpy(sp.p.node, n.name, sizeof(sp.p.node));
	assert_memory_equal(&got.p, &sp.p, sizeof(sp.p));
	assert_int_equal(got.created_at, sp.created_at);

	make_publication(&sp, &n, "22/tcp");
	assert_int_equal(store_publication_add(store, &sp), STORE_OK);
	count = 1;
	assert_int_equal(store_publication_page(store, 0, page, &count),
	    STORE_OK);
	assert_int_equal(count, 1);
	count = nitems(page);
	assert_int_equal(store_publication_page(store, page[0].row, page,
	    &count), STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(page[0].p.id, sp.p.id);

	assert_int_equal(store_node_rename(store, n.id, "other"), STORE_OK);
	assert_int_equal(store_user_enable(store, u.id, 0), STORE_OK);
	assert_int_equal(store_publication_find(store, sp.p.id, &got),
	    STORE_OK);
	assert_string_equal(got.p.node, "other");
	assert_false(got.user_enabled);
	assert_int_equal(store_publication_remove(store, sp.p.id), STORE_OK);
	assert_int_equal(store_publication_remove(store, sp.p.id),
	    STORE_NONE);
	assert_int_equal(store_publication_find(store, sp.p.id, &got),
	    STORE_NONE);
	/* They go with their node, and that with its user. */
	assert_int_equal(store_node_remove(store, n.id), STORE_OK);
	rows_assert("SELECT count(*) FROM publications", "0");
}

static void
published_ports_of_nobody_or_odd_ones(void **state)
{
	struct store_publication	 sp, page[4];
	struct store_user		 u;
	struct store_token		 t;
	struct store_node		 n, nobody = { .id = "none" };
	size_t				 count = nitems(page), i;
	static const char *const	 odd[] = {
		"proto = 'sctp'", "addr = 'here'", "port_min = 0",
		"port_max = 65536", "port_max = port_min - 1",
		"target_port = 65536", "sources = '[\"all\"]'",
		"sources = 'x'", "proxy = 3", "connections = -1",
		"bandwidth = -1", "target_host = ''",
	};
	char				 sql[128];

	rows_fill(&u, &t, &n);
	make_publication(&sp, &nobody, "22/tcp");
	assert_int_not_equal(store_publication_add(store, &sp), STORE_OK);
	make_publication(&sp, &n, "22/tcp");
	assert_int_equal(store_publication_add(store, &sp), STORE_OK);
	for (i = 0; i < nitems(odd); i++) {
		assert_int_equal(store_begin(store), STORE_OK);
		snprintf(sql, sizeof(sql), "UPDATE publications SET %s",
		    odd[i]);
		assert_int_equal(store_exec(store, sql), STORE_OK);
		count = nitems(page);
		assert_int_equal(store_publication_page(store, 0, page,
		    &count), STORE_OK);
		if (count != 0)
			fail_msg("%s is believed", odd[i]);
		store_rollback(store);
	}
	count = nitems(page);
	assert_int_equal(store_publication_page(store, 0, page, &count),
	    STORE_OK);
	assert_int_equal(count, 1);
	assert_int_equal(store_user_delete(store, u.id), STORE_OK);
	rows_assert("SELECT count(*) FROM publications", "0");
}

/* What is shown of a node, and who has logged in to see it. */
static void
sites_and_sessions_go_with_their_node_and_user(void **state)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;
	char			 line[1024];

	rows_fill(&u, &t, &n);
	snprintf(line, sizeof(line),
	    "INSERT INTO services VALUES ('%s', '', 'public');"
	    "INSERT INTO domains VALUES ('a.example', '%s', '', 0, 1);"
	    "INSERT INTO sessions VALUES ('s1', 'web', 'x', '%s', '%s', NULL,"
	    " '', '', '', 1, 2, NULL);"
	    "INSERT INTO sessions VALUES ('s2', 'web', 'y', '%s', NULL, NULL,"
	    " '', '', '', 1, 2, NULL);"
	    "INSERT INTO sessions VALUES ('s3', 'web', 'z', '%s', NULL, 's2',"
	    " '', '', '', 1, 2, NULL);", n.id, n.id, u.id, n.id, u.id, u.id);
	rows_sql(line);
	assert_int_equal(store_node_remove(store, n.id), STORE_OK);
	rows_assert("SELECT count(*) FROM services", "0");
	rows_assert("SELECT count(*) FROM domains", "0");
	rows_assert("SELECT group_concat(id) FROM sessions", "s2,s3");
	assert_int_equal(store_exec(store, "DELETE FROM sessions WHERE "
	    "id = 's2'"), STORE_OK);
	rows_assert("SELECT count(*) FROM sessions", "0");
	assert_int_equal(store_exec(store, "INSERT INTO sessions SELECT 's4',"
	    " 'rpc', 'x', id, NULL, NULL, '', '', '', 1, 2, NULL FROM "
	    "users"), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_OK);
	rows_assert("SELECT count(*) FROM sessions", "0");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		ROWS_CASE(grants_come_back_as_they_went),
		ROWS_CASE(a_grant_is_replaced_and_keeps_its_id),
		ROWS_CASE(a_long_list_of_targets_fits),
		ROWS_CASE(odd_grants_of_others_give_nothing),
		ROWS_CASE(grants_go_with_users_and_nodes),
		ROWS_CASE(grants_are_listed_by_user_node_and_end),
		ROWS_CASE(what_a_user_may_reach),
		ROWS_CASE(published_ports_come_back_as_they_went),
		ROWS_CASE(published_ports_of_nobody_or_odd_ones),
		ROWS_CASE(sites_and_sessions_go_with_their_node_and_user),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
