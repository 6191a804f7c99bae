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


/* link: relayd/auth_store*.c relayd/auth_upgrade.c relayd/month.c
 *	libculvert.a sql.c */
/* libs: sqlite3 */

#include "compat.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_sqlite.h"
#include "msg_audit.h"
#include "sql.h"

/* Each case has a folder of its own, and is in it. */
static char		 dir[64];
static struct store	*store;

static int
setup(void **state)
{
	strlcpy(dir, "/tmp/auth_store.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (-1);
	umask(077);
	store = store_new("culvert.db", "/here/culvert.db");
	return (store == NULL ? -1 : 0);
}

static int
teardown(void **state)
{
	char	 cmd[128];

	store_free(store);
	store = NULL;
	if (chdir("/") == -1)
		return (-1);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) == 0 ? 0 : -1);
}

static void
reopen(void)
{
	store_free(store);
	store = store_new("culvert.db", "/here/culvert.db");
	assert_non_null(store);
}

/* Run SQL on the file behind the store's back. */
static void
sql(const char *text)
{
	sqlite3	*db;
	char	*why = NULL;

	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

/* The first column of the first row. */
static void
sql_get(const char *text, char *buf, size_t size)
{
	sqlite3		*db;
	sqlite3_stmt	*st;
	const char	*value = NULL;

	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL),
	    SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		value = (const char *)sqlite3_column_text(st, 0);
	strlcpy(buf, value != NULL ? value : "", size);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
assert_sql(const char *text, const char *want)
{
	char	 buf[1024];

	sql_get(text, buf, sizeof(buf));
	assert_string_equal(buf, want);
}

static void
make_user(struct store_user *u, const char *email)
{
	memset(u, 0, sizeof(*u));
	store_uuid(u->id);
	strlcpy(u->email, email, sizeof(u->email));
	strlcpy(u->username, "somebody", sizeof(u->username));
	u->enabled = 1;
	u->created_at = 1000;
}

static void
make_token(struct store_token *t, const struct store_user *u,
    const char *token_id)
{
	memset(t, 0, sizeof(*t));
	store_uuid(t->id);
	strlcpy(t->token_id, token_id, sizeof(t->token_id));
	memset(t->public, 0xa5, sizeof(t->public));
	strlcpy(t->user_id, u->id, sizeof(t->user_id));
	strlcpy(t->name, "laptop", sizeof(t->name));
	t->scopes = SCOPE_NODE | SCOPE_CONNECT;
	t->created_at = 1000;
}

static void
make_node(struct store_node *n, const struct store_token *t, const char *name)
{
	memset(n, 0, sizeof(*n));
	store_uuid(n->id);
	strlcpy(n->name, name, sizeof(n->name));
	strlcpy(n->user_id, t->user_id, sizeof(n->user_id));
	strlcpy(n->token, t->id, sizeof(n->token));
	n->created_at = 1000;
}

/* A store with one of each. */
static void
fill(struct store_user *u, struct store_token *t, struct store_node *n)
{
	assert_int_equal(store_open(store), STORE_OK);
	make_user(u, "me@example.org");
	assert_int_equal(store_user_add(store, u, "$y$x"), STORE_OK);
	make_token(t, u, "abcdefghij12");
	assert_int_equal(store_token_add(store, t), STORE_OK);
	make_node(n, t, "pi");
	assert_int_equal(store_node_add(store, n), STORE_OK);
}

static void
new_database_is_private_and_durable(void **state)
{
	struct stat	 sb;

	assert_false(store_is_open(store));
	assert_int_equal(store_open(store), STORE_OK);
	assert_true(store_is_open(store));
	assert_int_equal(stat("culvert.db", &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_int_equal(stat("culvert.db-wal", &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_sql("PRAGMA journal_mode", "wal");
	assert_sql("SELECT version FROM meta", "3");
	assert_sql("SELECT count(*) FROM users", "0");
	reopen();
	assert_int_equal(store_open(store), STORE_OK);
}

static void
rows_come_back_as_they_went(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t, t2;
	struct store_node	 n, n2;

	fill(&u, &t, &n);
	reopen();
	assert_int_equal(store_open(store), STORE_OK);
	assert_int_equal(store_user_find(store, "me@example.org", &u2),
	    STORE_OK);
	assert_string_equal(u2.id, u.id);
	assert_int_equal(u2.enabled, 1);
	assert_int_equal(u2.admin, 0);
	assert_int_equal(u2.has_password, 1);
	assert_int_equal(u2.tokens, 1);
	assert_int_equal(u2.nodes, 1);
	assert_int_equal(store_token_find(store, "abcdefghij12", &t2),
	    STORE_OK);
	assert_string_equal(t2.email, "me@example.org");
	assert_int_equal(t2.has_public, 1);
	assert_memory_equal(t2.public, t.public, sizeof(t.public));
	assert_int_equal(t2.scopes, SCOPE_NODE | SCOPE_CONNECT);
	assert_string_equal(t2.nodes, "");
	assert_int_equal(t2.expires_at, 0);
	assert_int_equal(t2.user_enabled, 1);
	assert_int_equal(store_node_find(store, "pi", &n2), STORE_OK);
	assert_string_equal(n2.id, n.id);
	assert_string_equal(n2.token, t.id);
	assert_string_equal(n2.token_id, "abcdefghij12");
	assert_sql("SELECT scopes FROM pat_tokens", "[\"node\",\"connect\"]");
	assert_sql("SELECT substr(token_hash, 1, 12) FROM pat_tokens",
	    "ed25519:a5a5");
	assert_int_equal(store_user_find(store, "you@example.org", &u2),
	    STORE_NONE);
	assert_int_equal(store_token_find(store, "", &t2), STORE_NONE);
	assert_int_equal(store_node_find(store, "p", &n2), STORE_NONE);
}

static void
names_are_taken_once(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t, t2;
	struct store_node	 n, n2;

	fill(&u, &t, &n);
	make_user(&u2, "me@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_EXISTS);
	make_token(&t2, &u, "abcdefghij12");
	assert_int_equal(store_token_add(store, &t2), STORE_EXISTS);
	make_node(&n2, &t, "pi");
	assert_int_equal(store_node_add(store, &n2), STORE_EXISTS);
	make_node(&n2, &t, "pa");
	assert_int_equal(store_node_add(store, &n2), STORE_OK);
	assert_int_equal(store_node_rename(store, n2.id, "pi"), STORE_EXISTS);
	assert_int_equal(store_node_rename(store, n2.id, "po"), STORE_OK);
	assert_int_equal(store_node_rename(store, u.id, "pu"), STORE_NONE);
	make_user(&u2, "ghost@example.org");
	make_token(&t2, &u2, "zzzzzzzzzzzz");
	assert_int_equal(store_token_add(store, &t2), STORE_NONE);
}

static void
deleting_a_user_takes_its_tokens_and_nodes(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t, t2;
	struct store_node	 n, n2;

	fill(&u, &t, &n);
	make_user(&u2, "you@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_NONE);
	assert_int_equal(store_token_find(store, t.token_id, &t2), STORE_NONE);
	assert_int_equal(store_node_find(store, "pi", &n2), STORE_NONE);
	assert_int_equal(store_user_find(store, u2.email, &u2), STORE_OK);
	assert_sql("SELECT count(*) FROM pat_tokens", "0");
	assert_sql("PRAGMA foreign_key_check", "");
}

static void
revoked_token_is_gone_but_its_node_stays(void **state)
{
	struct store_user	 u;
	struct store_token	 t, t2;
	struct store_node	 n, n2;

	fill(&u, &t, &n);
	assert_int_equal(store_token_revoke(store, t.token_id, 2000),
	    STORE_OK);
	assert_int_equal(store_token_revoke(store, t.token_id, 2000),
	    STORE_NONE);
	assert_int_equal(store_token_find(store, t.token_id, &t2), STORE_NONE);
	assert_int_equal(store_node_find(store, "pi", &n2), STORE_OK);
	assert_sql("SELECT token_hash FROM pat_tokens", "");
	assert_int_equal(store_user_find(store, u.email, &u), STORE_OK);
	assert_int_equal(u.tokens, 0);
	make_token(&t2, &u, "bbbbbbbbbbbb");
	assert_int_equal(store_token_add(store, &t2), STORE_OK);
	assert_int_equal(store_node_token(store, n.id, t2.id), STORE_OK);
	assert_int_equal(store_node_find(store, "pi", &n2), STORE_OK);
	assert_string_equal(n2.token_id, "bbbbbbbbbbbb");
}

/* A grant of a second user to the node of the first. */
static void
fill_grant(struct store_user *u, struct store_user *u2, struct store_node *n,
    struct store_grant *g)
{
	struct store_token	 t;

	fill(u, &t, n);
	make_user(u2, "you@example.org");
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
	reopen();
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
	assert_sql("SELECT targets FROM grants",
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
	assert_sql("SELECT count(*) FROM grants", "1");
	assert_sql("SELECT expires_at IS NULL FROM grants", "1");
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
		sql(odd[i]);
		assert_int_equal(store_grant_find(store, u2.id, n.id, &g),
		    STORE_NONE);
		count = nitems(r);
		assert_int_equal(store_reach_page(store, u2.id, 1000, "", r,
		    &count), STORE_OK);
		assert_int_equal(count, 0);
	}
	/* 0 is no "never". */
	sql("UPDATE grants SET id = 'g', targets = '[]', expires_at = 0");
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g), STORE_OK);
	assert_int_equal(g.grant.expires_at, 1);
	sql("UPDATE grants SET scopes = 'connect'");
	assert_int_equal(store_grant_find(store, u2.id, n.id, &g), STORE_OK);
	assert_int_equal(g.grant.scopes, 0);
	/* What can't be read can be removed. */
	sql("UPDATE grants SET targets = 'x'");
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
	assert_sql("SELECT count(*) FROM grants", "1");
	assert_int_equal(store_node_remove(store, n.id), STORE_OK);
	assert_sql("SELECT count(*) FROM grants", "0");
	assert_int_equal(store_node_add(store, &n), STORE_OK);
	assert_int_equal(store_grant_set(store, &g), STORE_OK);
	assert_int_equal(store_user_delete(store, u2.id), STORE_OK);
	assert_sql("SELECT count(*) FROM grants", "0");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
	assert_int_equal(store_grant_set(store, &g), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_OK);
	assert_sql("SELECT count(*) FROM grants", "0");
	assert_sql("PRAGMA foreign_key_check", "");
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
	make_user(&u3, "any@example.org");
	assert_int_equal(store_user_add(store, &u3, NULL), STORE_OK);
	assert_int_equal(store_token_find(store, "abcdefghij12", &t),
	    STORE_OK);
	make_node(&n2, &t, "pa");
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
lists_come_in_pages(void **state)
{
	struct store_user	 u, page[4];
	char			 email[32], last[CTL_EMAIL_LEN] = "";
	size_t			 n, total = 0;
	int			 i;

	assert_int_equal(store_open(store), STORE_OK);
	for (i = 0; i < 10; i++) {
		snprintf(email, sizeof(email), "u%d@example.org", i);
		make_user(&u, email);
		assert_int_equal(store_user_add(store, &u, NULL), STORE_OK);
	}
	do {
		n = nitems(page);
		assert_int_equal(store_user_page(store, last, page, &n),
		    STORE_OK);
		total += n;
		if (n > 0)
			strlcpy(last, page[n - 1].email, sizeof(last));
	} while (n > 0);
	assert_int_equal(total, 10);
	assert_string_equal(last, "u9@example.org");
}

static void
lists_of_tokens_and_nodes_know_the_owner(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t, t2, tokens[4];
	struct store_node	 n, nodes[4];
	size_t			 count;

	fill(&u, &t, &n);
	make_user(&u2, "you@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
	make_token(&t2, &u2, "bbbbbbbbbbbb");
	assert_int_equal(store_token_add(store, &t2), STORE_OK);
	count = nitems(tokens);
	assert_int_equal(store_token_page(store, NULL, "", tokens, &count),
	    STORE_OK);
	assert_int_equal(count, 2);
	count = nitems(tokens);
	assert_int_equal(store_token_page(store, u2.id, "", tokens, &count),
	    STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(tokens[0].token_id, "bbbbbbbbbbbb");
	count = nitems(nodes);
	assert_int_equal(store_node_page(store, u2.id, "", nodes, &count),
	    STORE_OK);
	assert_int_equal(count, 0);
	count = nitems(nodes);
	assert_int_equal(store_node_page(store, u.id, "", nodes, &count),
	    STORE_OK);
	assert_int_equal(count, 1);
}

static void
token_lists_of_nodes_are_kept_and_matched(void **state)
{
	struct store_user	 u;
	struct store_token	 t, t2;
	struct store_node	 n;
	size_t			 i;

	fill(&u, &t, &n);
	make_token(&t2, &u, "bbbbbbbbbbbb");
	/* The most commas that fit. */
	for (i = 0; i < sizeof(t2.nodes) - 1; i++)
		t2.nodes[i] = i % 2 ? ',' : 'a';
	assert_int_equal(store_token_add(store, &t2), STORE_OK);
	assert_int_equal(store_token_find(store, "bbbbbbbbbbbb", &t),
	    STORE_OK);
	assert_string_equal(t.nodes, t2.nodes);

	assert_true(store_nodes_allow("", "pi"));
	assert_true(store_nodes_allow("pi", "pi"));
	assert_true(store_nodes_allow("a,pi,b", "pi"));
	assert_true(store_nodes_allow("a,pi", "pi"));
	assert_false(store_nodes_allow("a,pix", "pi"));
	assert_false(store_nodes_allow("a,xpi,p", "pi"));
	assert_false(store_nodes_allow("a", ""));
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

	fill(&u, &t, &n);
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
	assert_sql("SELECT count(*) FROM publications", "0");
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

	fill(&u, &t, &n);
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
	assert_sql("SELECT count(*) FROM publications", "0");
}

/* What is shown of a node, and who has logged in to see it. */
static void
sites_and_sessions_go_with_their_node_and_user(void **state)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;
	char			 line[1024];

	fill(&u, &t, &n);
	snprintf(line, sizeof(line),
	    "INSERT INTO services VALUES ('%s', '', 'public');"
	    "INSERT INTO domains VALUES ('a.example', '%s', '', 0, 1);"
	    "INSERT INTO sessions VALUES ('s1', 'web', 'x', '%s', '%s', NULL,"
	    " '', '', '', 1, 2, NULL);"
	    "INSERT INTO sessions VALUES ('s2', 'web', 'y', '%s', NULL, NULL,"
	    " '', '', '', 1, 2, NULL);"
	    "INSERT INTO sessions VALUES ('s3', 'web', 'z', '%s', NULL, 's2',"
	    " '', '', '', 1, 2, NULL);", n.id, n.id, u.id, n.id, u.id, u.id);
	sql(line);
	assert_int_equal(store_node_remove(store, n.id), STORE_OK);
	assert_sql("SELECT count(*) FROM services", "0");
	assert_sql("SELECT count(*) FROM domains", "0");
	assert_sql("SELECT group_concat(id) FROM sessions", "s2,s3");
	assert_int_equal(store_exec(store, "DELETE FROM sessions WHERE "
	    "id = 's2'"), STORE_OK);
	assert_sql("SELECT count(*) FROM sessions", "0");
	assert_int_equal(store_exec(store, "INSERT INTO sessions SELECT 's4',"
	    " 'rpc', 'x', id, NULL, NULL, '', '', '', 1, 2, NULL FROM "
	    "users"), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_OK);
	assert_sql("SELECT count(*) FROM sessions", "0");
}

static void
odd_rows_of_others_allow_nothing(void **state)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;

	fill(&u, &t, &n);
	sql("UPDATE pat_tokens SET nodes = 'pi'");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_NONE);
	sql("UPDATE pat_tokens SET nodes = ' [ \"pi\" , \"pa\" ] '");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_string_equal(t.nodes, "pi,pa");
	sql("UPDATE pat_tokens SET nodes = '[]', token_hash = '$2b$10$abc'");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.has_public, 0);
	sql("UPDATE pat_tokens SET expires_at = 0");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.expires_at, 1);
	sql("UPDATE pat_tokens SET scopes = '[\"nodes\", \"xssh\",\"http\"]'");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.scopes, SCOPE_HTTP);
	sql("UPDATE nodes SET name = NULL");
	assert_int_equal(store_node_find(store, "pi", &n), STORE_NONE);
	sql("UPDATE users SET enabled = 2");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.user_enabled, 0);
}

static void
original_tables_are_adopted(void **state)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;

	sql("CREATE TABLE users (id TEXT PRIMARY KEY, created_at INTEGER "
	    "NOT NULL, provider TEXT NOT NULL, email TEXT NOT NULL UNIQUE, "
	    "password TEXT, username TEXT NOT NULL, avatar_url TEXT NOT NULL,"
	    " roles TEXT NOT NULL DEFAULT '[\"user\"]');"
	    "CREATE TABLE pat_tokens (id TEXT PRIMARY KEY, token_id TEXT NOT "
	    "NULL UNIQUE, token_hash TEXT NOT NULL, user_id TEXT NOT NULL "
	    "REFERENCES users(id), name TEXT NOT NULL DEFAULT '', scopes TEXT"
	    " NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER);"
	    "CREATE TABLE nodes (id TEXT PRIMARY KEY, user_id TEXT NOT NULL "
	    "REFERENCES users(id), token_id TEXT NOT NULL REFERENCES "
	    "pat_tokens(id), name TEXT UNIQUE, created_at INTEGER NOT NULL, "
	    "connected INTEGER NOT NULL DEFAULT 0, connected_at INTEGER);"
	    "INSERT INTO users VALUES ('u', 1, 'local', 'Me@Example.org', "
	    "NULL, 'me', '', '[\"user\", \"admin\"]');"
	    "INSERT INTO pat_tokens VALUES ('t', 'tok', 'hash', 'u', 'n', "
	    "'[\"node\"]', 1, NULL);"
	    "INSERT INTO nodes VALUES ('n', 'u', 't', 'pi', 1, 1, 1);");
	assert_int_equal(store_open(store), STORE_OK);
	assert_int_equal(store_user_find(store, "me@example.org", &u),
	    STORE_OK);
	assert_int_equal(u.admin, 1);
	assert_int_equal(u.enabled, 1);
	assert_int_equal(store_token_find(store, "tok", &t), STORE_OK);
	assert_int_equal(t.has_public, 0);
	assert_int_equal(store_node_find(store, "pi", &n), STORE_OK);
	assert_int_equal(store_nodes_down(store), STORE_OK);
	assert_sql("SELECT connected FROM nodes", "0");
	assert_sql("SELECT version FROM meta", "3");
}

/* Columns and indexes of an adopted database are those of a new one. */
static void
adopted_and_new_are_alike(void **state)
{
	static const char	 list[] = "SELECT group_concat(x) FROM (SELECT "
	    "m.name || '.' || c.name || ' ' || c.type || c.\"notnull\" || "
	    "ifnull(c.dflt_value, '') || c.pk AS x FROM sqlite_master m "
	    "JOIN pragma_table_info(m.name) c WHERE m.type = 'table' "
	    "UNION SELECT name FROM sqlite_master WHERE type = 'index' "
	    "ORDER BY 1)";
	char			 old[8192], new[8192];

	original_tables_are_adopted(state);
	sql_get(list, old, sizeof(old));
	store_free(store);
	store = NULL;
	assert_int_equal(unlink("culvert.db"), 0);
	reopen();
	assert_int_equal(store_open(store), STORE_OK);
	sql_get(list, new, sizeof(new));
	assert_string_equal(old, new);
	assert_true(strlen(new) > 500);
}

static void
database_of_the_future_or_of_others_is_refused(void **state)
{
	assert_int_equal(store_open(store), STORE_OK);
	sql("UPDATE meta SET version = 99");
	reopen();
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store), "version 99"));
	sql("UPDATE meta SET version = 1; DELETE FROM meta");
	assert_int_equal(store_open(store), STORE_DOWN);
	store_free(store);
	store = NULL;
	assert_int_equal(unlink("culvert.db"), 0);
	sql("CREATE TABLE cats (name TEXT)");
	reopen();
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store), "somebody else's"));
	assert_sql("SELECT count(*) FROM sqlite_master", "1");
}

/* A line a second, from second 100 on. */
static void
audit_lines(int n)
{
	struct audit_event	 e = { .what = AUDIT_LOGIN };
	int			 i;

	assert_int_equal(store_begin(store), STORE_OK);
	for (i = 0; i < n; i++) {
		e.at = 100 + i;
		(void)snprintf(e.text, sizeof(e.text), "line %d", i);
		assert_int_equal(store_audit_add(store, &e), STORE_OK);
	}
	assert_int_equal(store_commit(store), STORE_OK);
}

static void
audit_log_is_read_in_pages(void **state)
{
	struct ctl_audit	 a[4];
	uint64_t		 after = 0, id, last;
	size_t			 n = 4;
	int			 i, count = 0;

	assert_int_equal(store_open(store), STORE_OK);
	assert_int_equal(store_audit_last(store, &last), STORE_OK);
	assert_int_equal(last, 0);
	assert_int_equal(store_audit_page(store, 0, a, &n), STORE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(store_audit_since(store, 1, &id), STORE_NONE);
	audit_lines(10);
	do {
		n = 4;
		assert_int_equal(store_audit_page(store, after, a, &n),
		    STORE_OK);
		for (i = 0; i < (int)n; i++) {
			assert_true(a[i].id > after);
			assert_int_equal(a[i].at, 100 + count++);
			assert_string_equal(a[i].what, "login");
			after = a[i].id;
		}
	} while (n == 4);
	assert_int_equal(count, 10);
	assert_int_equal(store_audit_last(store, &last), STORE_OK);
	assert_int_equal(last, after);
	assert_int_equal(store_audit_since(store, 105, &id), STORE_OK);
	n = 1;
	assert_int_equal(store_audit_page(store, id - 1, a, &n), STORE_OK);
	assert_string_equal(a[0].text, "line 5");
	assert_int_equal(store_audit_since(store, 110, &id), STORE_NONE);
	n = 4;
	assert_int_equal(store_audit_page(store, UINT64_MAX, a, &n),
	    STORE_OK);
	assert_int_equal(n, 0);
}

static void
several_changes_happen_together_or_not(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t;
	struct store_node	 n;
	struct audit_event	 e = { .what = AUDIT_LOGIN, .at = 5 };
	int			 count;

	fill(&u, &t, &n);
	assert_int_equal(store_begin(store), STORE_OK);
	make_user(&u2, "you@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
	store_rollback(store);
	store_rollback(store);
	assert_int_equal(store_user_find(store, u2.email, &u2), STORE_NONE);
	assert_int_equal(store_begin(store), STORE_OK);
	assert_int_equal(store_token_used(store, t.token_id, 77), STORE_OK);
	assert_int_equal(store_node_state(store, n.id, 1, 88), STORE_OK);
	assert_int_equal(store_audit_add(store, &e), STORE_OK);
	e.at = 50;
	e.in = UINT64_MAX;
	assert_int_equal(store_audit_add(store, &e), STORE_OK);
	assert_int_equal(store_commit(store), STORE_OK);
	assert_int_equal(store_node_state(store, n.id, 0, 99), STORE_OK);
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.last_used_at, 77);
	assert_int_equal(store_node_find(store, n.name, &n), STORE_OK);
	assert_int_equal(n.last_seen_at, 99);
	assert_sql("SELECT connected || ' ' || connected_at FROM nodes",
	    "0 88");
	assert_int_equal(store_audit_trim(store, 40, 10, &count), STORE_OK);
	assert_int_equal(count, 1);
	assert_sql("SELECT what || at || (bytes_in > 0) FROM audit",
	    "login501");
}

static void
locked_database_is_waited_for_briefly(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t;
	struct store_node	 n;
	sqlite3			*db;

	fill(&u, &t, &n);
	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	make_user(&u2, "you@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_NOWRITE);
	assert_non_null(strstr(store_error(store), "locked"));
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	sqlite3_close(db);
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
}

/* ---- faults ---- */

/* Run a case in a process that it may spoil. */
static void
in_child(int (*f)(void))
{
	pid_t	 pid;
	int	 status;

	store_free(store);
	store = NULL;
	fflush(NULL);
	if ((pid = fork()) == 0)
		_exit(f());
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Add users until it is full; how many, or -1 for another error. */
static int
add_until_full(void)
{
	struct store_user	 u;
	char			 email[32];
	enum store_result	 r = STORE_OK;
	int			 i;

	for (i = 0; r == STORE_OK && i < 100000; i++) {
		snprintf(email, sizeof(email), "u%d@example.org", i);
		make_user(&u, email);
		r = store_user_add(store, &u, NULL);
	}
	if (r != STORE_NOWRITE ||
	    strstr(store_error(store), "disk full") == NULL) {
		print_error("%d: %s\n", r, store_error(store));
		return (-1);
	}
	return (i - 1);
}

/* Killed with a full disk, before it could tidy up. */
static int
child_fill_disk(void)
{
	struct store_user	 u;

	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK || add_until_full() < 10)
		return (1);
	/* What needs no write goes on. */
	if (store_user_find(store, "u3@example.org", &u) != STORE_OK)
		return (2);
	return (0);
}

static int
child_full_disk(void)
{
	struct store_user	 u;
	pid_t			 pid;
	int			 status;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", dir, "tmpfs", 0, "size=512k") == -1 ||
	    chdir(dir) == -1)
		return (77);
	if ((pid = fork()) == 0)
		_exit(child_fill_disk());
	if (pid == -1 || waitpid(pid, &status, 0) == -1 || status != 0)
		return (1);
	if (system("rm -f *-shm; cat /dev/zero >fill 2>/dev/null") == -1)
		return (2);
	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK)
		return (3);
	if (store_user_find(store, "u3@example.org", &u) != STORE_OK)
		return (4);
	/* With room again, all goes on. */
	if (unlink("fill") == -1)
		return (5);
	make_user(&u, "late@example.org");
	if (store_user_add(store, &u, NULL) != STORE_OK)
		return (6);
	return (0);
}

static void
full_disk_stops_writes_only(void **state)
{
	in_child(child_full_disk);
}

static int
child_file_size(void)
{
	struct store_user	 u;
	struct rlimit		 rl = { 300000, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &rl) == -1)
		return (77);
	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK || add_until_full() < 10)
		return (1);
	if (store_user_find(store, "u3@example.org", &u) != STORE_OK)
		return (2);
	rl.rlim_cur = RLIM_INFINITY;
	if (setrlimit(RLIMIT_FSIZE, &rl) == -1)
		return (3);
	make_user(&u, "late@example.org");
	if (store_user_add(store, &u, NULL) != STORE_OK)
		return (4);
	return (0);
}

static void
file_that_may_not_grow_stops_writes_only(void **state)
{
	in_child(child_file_size);
}

static int
child_readonly(void)
{
	struct store_user	 u;
	enum store_result	 r;

	if (geteuid() == 0 && (chown(dir, 65534, 65534) == -1 ||
	    chown("culvert.db", 65534, 65534) == -1 || seteuid(65534) == -1))
		return (77);
	if (chmod("culvert.db", 0400) == -1 || chmod(dir, 0500) == -1)
		return (1);
	store = store_new("culvert.db", "/here/culvert.db");
	if ((r = store_open(store)) == STORE_OK) {
		make_user(&u, "late@example.org");
		r = store_user_add(store, &u, NULL);
	}
	if (r == STORE_OK || store_error(store)[0] == '\0')
		return (2);
	/* An administrator mends it. */
	if (chmod(dir, 0700) == -1 || chmod("culvert.db", 0600) == -1)
		return (3);
	store_free(store);
	store = store_new("culvert.db", "/here/culvert.db");
	return (store_open(store) == STORE_OK ? 0 : 4);
}

static void
folder_without_write_permission_is_told(void **state)
{
	assert_int_equal(store_open(store), STORE_OK);
	in_child(child_readonly);
}

static void
missing_folder_is_told(void **state)
{
	store_free(store);
	store = store_new("nowhere/culvert.db", "/nowhere/culvert.db");
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store), "/nowhere/culvert.db"));
	assert_int_equal(store_begin(store), STORE_DOWN);
	store_rollback(store);
}

static void
slurp(const char *name, char **buf, size_t *len)
{
	struct stat	 sb;
	int		 fd;

	fd = open(name, O_RDONLY);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &sb), 0);
	*len = sb.st_size;
	*buf = malloc(*len + 1);
	assert_non_null(*buf);
	assert_int_equal(read(fd, *buf, *len), *len);
	close(fd);
}

static void
spill(const char *name, const char *buf, size_t len)
{
	int	 fd;

	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, buf, len), len);
	close(fd);
}

/* Everything that may be asked of a store, whatever is in it. */
static void
exercise(void)
{
	static struct store_user	 u[8];
	static struct store_token	 t[8];
	static struct store_node	 n[8];
	struct audit_event		 e = { .what = AUDIT_LOGIN };
	size_t				 count;

	(void)store_open(store);
	(void)store_token_find(store, "tok000000003", &t[0]);
	(void)store_node_find(store, "node3", &n[0]);
	(void)store_user_find(store, "u3@example.org", &u[0]);
	count = nitems(u);
	(void)store_user_page(store, "", u, &count);
	assert_in_range(count, 0, nitems(u));
	count = nitems(t);
	(void)store_token_page(store, NULL, "", t, &count);
	assert_in_range(count, 0, nitems(t));
	count = nitems(n);
	(void)store_node_page(store, NULL, "", n, &count);
	assert_in_range(count, 0, nitems(n));
	if (store_begin(store) == STORE_OK) {
		(void)store_audit_add(store, &e);
		(void)store_nodes_down(store);
		(void)store_commit(store);
	}
	store_rollback(store);
}

static void
fill_many(void)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;
	char			 name[32];
	int			 i;

	assert_int_equal(store_open(store), STORE_OK);
	assert_int_equal(store_begin(store), STORE_OK);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "u%d@example.org", i);
		make_user(&u, name);
		assert_int_equal(store_user_add(store, &u, NULL), STORE_OK);
		snprintf(name, sizeof(name), "tok%09d", i);
		make_token(&t, &u, name);
		assert_int_equal(store_token_add(store, &t), STORE_OK);
		snprintf(name, sizeof(name), "node%d", i);
		make_node(&n, &t, name);
		assert_int_equal(store_node_add(store, &n), STORE_OK);
	}
	assert_int_equal(store_commit(store), STORE_OK);
}

static void
try_file(const char *buf, size_t len)
{
	store_free(store);
	(void)unlink("culvert.db-wal");
	(void)unlink("culvert.db-shm");
	spill("culvert.db", buf, len);
	store = store_new("culvert.db", "/here/culvert.db");
	exercise();
}

static void
damaged_pages_do_not_hurt(void **state)
{
	char		*good, *bad;
	size_t		 len, page, i;
	unsigned int	 refused = 0, seed = 1;

	fill_many();
	store_free(store);
	store = NULL;
	slurp("culvert.db", &good, &len);
	bad = malloc(len);
	assert_non_null(bad);
	assert_in_range(len, 10 * 4096, 100 * 4096);
	for (page = 0; page < len; page += 4096) {
		memcpy(bad, good, len);
		memset(bad + page, 0xff, 4096);
		try_file(bad, len);
		memcpy(bad, good, len);
		for (i = 0; i < 64; i++)
			bad[page + rand_r(&seed) % 4096] ^= 1 <<
			    rand_r(&seed) % 8;
		try_file(bad, len);
		if (!store_is_open(store)) {
			refused++;
			assert_int_not_equal(store_error(store)[0], '\0');
		}
		try_file(good, page);
	}
	assert_true(refused > 0);
	spill("culvert.db", "this is not a database, it is a letter", 38);
	reopen();
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store),
	    "database /here/culvert.db is damaged"));
	/* Restored from a copy: it goes on without a restart. */
	spill("culvert.db", good, len);
	assert_int_equal(store_open(store), STORE_OK);
	free(good);
	free(bad);
}

static void
damage_under_an_open_store_closes_it(void **state)
{
	struct store_user	 u;
	char			*buf;
	size_t			 len;

	fill_many();
	reopen();
	assert_int_equal(store_open(store), STORE_OK);
	/* What it has in memory is stale, and what is on disk bad. */
	sql("UPDATE users SET enabled = 0;"
	    "PRAGMA wal_checkpoint(TRUNCATE)");
	slurp("culvert.db", &buf, &len);
	memset(buf + 4096, 0xff, len - 4096);
	spill("culvert.db", buf, len);
	free(buf);
	assert_int_equal(store_user_find(store, "u3@example.org", &u),
	    STORE_DOWN);
	assert_false(store_is_open(store));
	assert_int_equal(store_user_find(store, "u3@example.org", &u),
	    STORE_DOWN);
	assert_int_equal(store_open(store), STORE_DOWN);
}

static void
lost_log_does_not_hurt(void **state)
{
	char	*db, *wal;
	size_t	 dblen, wallen;

	fill_many();
	slurp("culvert.db", &db, &dblen);
	slurp("culvert.db-wal", &wal, &wallen);
	assert_true(wallen > 4096);
	store_free(store);
	spill("culvert.db", db, dblen);
	memset(wal + wallen / 2, 0, wallen - wallen / 2);
	spill("culvert.db-wal", wal, wallen);
	store = store_new("culvert.db", "/here/culvert.db");
	exercise();
	store_free(store);
	spill("culvert.db", db, dblen);
	memset(wal, 0, wallen);
	spill("culvert.db-wal", wal, wallen);
	store = store_new("culvert.db", "/here/culvert.db");
	exercise();
	free(db);
	free(wal);
}

/* Add users and say so after each, until killed. */
__attribute__((__noreturn__)) static void
writer(int fd, int first)
{
	struct store_user	 u;
	enum store_result	 r;
	char			 email[32];
	int			 i;

	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK)
		_exit(1);
	for (i = first; ; i++) {
		snprintf(email, sizeof(email), "u%d@example.org", i);
		make_user(&u, email);
		/* The one before was killed before it could say so. */
		if ((r = store_user_add(store, &u, NULL)) == STORE_EXISTS)
			continue;
		if (r != STORE_OK || write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(2);
	}
}

static void
what_was_acknowledged_survives_a_kill(void **state)
{
	struct store_user	 u;
	struct timespec		 ts = { 0, 0 };
	char			 email[32];
	pid_t			 pid;
	int			 p[2], i, last = -1, n, status;

	store_free(store);
	store = NULL;
	fflush(NULL);
	for (i = 0; i < 20; i++) {
		assert_int_equal(pipe(p), 0);
		if ((pid = fork()) == 0)
			/* One more may be there than was acknowledged. */
			writer(p[1], i * 100000);
		close(p[1]);
		ts.tv_nsec = 1000000 * (5 + arc4random_uniform(30));
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		while (read(p[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		close(p[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_sql("PRAGMA integrity_check", "ok");
		if (last == -1)
			continue;
		reopen();
		assert_int_equal(store_open(store), STORE_OK);
		for (n = last / 1000 * 1000; n <= last; n++) {
			snprintf(email, sizeof(email), "u%d@example.org", n);
			assert_int_equal(store_user_find(store, email, &u),
			    STORE_OK);
		}
		store_free(store);
		store = NULL;
	}
	assert_true(last >= 0);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(new_database_is_private_and_durable),
		CASE(rows_come_back_as_they_went),
		CASE(names_are_taken_once),
		CASE(deleting_a_user_takes_its_tokens_and_nodes),
		CASE(revoked_token_is_gone_but_its_node_stays),
		CASE(grants_come_back_as_they_went),
		CASE(a_grant_is_replaced_and_keeps_its_id),
		CASE(a_long_list_of_targets_fits),
		CASE(odd_grants_of_others_give_nothing),
		CASE(grants_go_with_users_and_nodes),
		CASE(grants_are_listed_by_user_node_and_end),
		CASE(what_a_user_may_reach),
		CASE(lists_come_in_pages),
		CASE(lists_of_tokens_and_nodes_know_the_owner),
		CASE(token_lists_of_nodes_are_kept_and_matched),
		CASE(published_ports_come_back_as_they_went),
		CASE(published_ports_of_nobody_or_odd_ones),
		CASE(sites_and_sessions_go_with_their_node_and_user),
		CASE(odd_rows_of_others_allow_nothing),
		CASE(original_tables_are_adopted),
		CASE(adopted_and_new_are_alike),
		CASE(database_of_the_future_or_of_others_is_refused),
		CASE(several_changes_happen_together_or_not),
		CASE(audit_log_is_read_in_pages),
		CASE(locked_database_is_waited_for_briefly),
		CASE(full_disk_stops_writes_only),
		CASE(file_that_may_not_grow_stops_writes_only),
		CASE(folder_without_write_permission_is_told),
		CASE(missing_folder_is_told),
		CASE(damaged_pages_do_not_hurt),
		CASE(damage_under_an_open_store_closes_it),
		CASE(lost_log_does_not_hurt),
		CASE(what_was_acknowledged_survives_a_kill),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
