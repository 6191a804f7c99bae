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
 * The store: users, tokens, nodes, the audit log, and databases that are not
 * of this version.
 */

/* link: regress/relayd/auth_store_rows.c relayd/auth_store*.c
 *	relayd/auth_upgrade.c relayd/month.c libculvert.a sql.c */
/* libs: sqlite3 */

#include "compat.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_store_rows.h"
#include "msg_audit.h"
#include "sql.h"

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
	rows_assert("PRAGMA journal_mode", "wal");
	rows_assert("SELECT version FROM meta", "3");
	rows_assert("SELECT count(*) FROM users", "0");
	rows_reopen();
	assert_int_equal(store_open(store), STORE_OK);
}

static void
a_store_is_used_by_one_process(void **state)
{
	struct store	*other;
	pid_t		 pid;
	int		 status;

	assert_int_equal(store_open(store), STORE_OK);
	if ((pid = fork()) == 0) {
		other = store_new("culvert.db", "culvert.db");
		_exit(other == NULL || store_open(other) != STORE_DOWN ||
		    !store_in_use(other) || strstr(store_error(other),
		    "another relayd uses it") == NULL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	store_free(store);
	store = NULL;
	if ((pid = fork()) == 0) {
		other = store_new("culvert.db", "culvert.db");
		_exit(other == NULL || store_open(other) != STORE_OK);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
what_can_not_be_opened_is_said(void **state)
{
	assert_int_equal(mkdir("culvert.db", 0700), 0);
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_false(store_in_use(store));
	assert_non_null(strstr(store_error(store), "can't be opened: "));
	assert_int_equal(rmdir("culvert.db"), 0);
	assert_int_equal(store_open(store), STORE_OK);
}

static void
rows_come_back_as_they_went(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t, t2;
	struct store_node	 n, n2;

	rows_fill(&u, &t, &n);
	rows_reopen();
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
	rows_assert("SELECT scopes FROM pat_tokens", "[\"node\",\"connect\"]");
	rows_assert("SELECT substr(token_hash, 1, 12) FROM pat_tokens",
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

	rows_fill(&u, &t, &n);
	rows_user(&u2, "me@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_EXISTS);
	rows_token(&t2, &u, "abcdefghij12");
	assert_int_equal(store_token_add(store, &t2), STORE_EXISTS);
	rows_node(&n2, &t, "pi");
	assert_int_equal(store_node_add(store, &n2), STORE_EXISTS);
	rows_node(&n2, &t, "pa");
	assert_int_equal(store_node_add(store, &n2), STORE_OK);
	assert_int_equal(store_node_rename(store, n2.id, "pi"), STORE_EXISTS);
	assert_int_equal(store_node_rename(store, n2.id, "po"), STORE_OK);
	assert_int_equal(store_node_rename(store, u.id, "pu"), STORE_NONE);
	rows_user(&u2, "ghost@example.org");
	rows_token(&t2, &u2, "zzzzzzzzzzzz");
	assert_int_equal(store_token_add(store, &t2), STORE_NONE);
}

static void
deleting_a_user_takes_its_tokens_and_nodes(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t, t2;
	struct store_node	 n, n2;

	rows_fill(&u, &t, &n);
	rows_user(&u2, "you@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_OK);
	assert_int_equal(store_user_delete(store, u.id), STORE_NONE);
	assert_int_equal(store_token_find(store, t.token_id, &t2), STORE_NONE);
	assert_int_equal(store_node_find(store, "pi", &n2), STORE_NONE);
	assert_int_equal(store_user_find(store, u2.email, &u2), STORE_OK);
	rows_assert("SELECT count(*) FROM pat_tokens", "0");
	rows_assert("PRAGMA foreign_key_check", "");
}

static void
revoked_token_is_gone_but_its_node_stays(void **state)
{
	struct store_user	 u;
	struct store_token	 t, t2;
	struct store_node	 n, n2;

	rows_fill(&u, &t, &n);
	assert_int_equal(store_token_revoke(store, t.token_id, 2000),
	    STORE_OK);
	assert_int_equal(store_token_revoke(store, t.token_id, 2000),
	    STORE_NONE);
	assert_int_equal(store_token_find(store, t.token_id, &t2), STORE_NONE);
	assert_int_equal(store_node_find(store, "pi", &n2), STORE_OK);
	rows_assert("SELECT token_hash FROM pat_tokens", "");
	assert_int_equal(store_user_find(store, u.email, &u), STORE_OK);
	assert_int_equal(u.tokens, 0);
	rows_token(&t2, &u, "bbbbbbbbbbbb");
	assert_int_equal(store_token_add(store, &t2), STORE_OK);
	assert_int_equal(store_node_token(store, n.id, t2.id), STORE_OK);
	assert_int_equal(store_node_find(store, "pi", &n2), STORE_OK);
	assert_string_equal(n2.token_id, "bbbbbbbbbbbb");
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
		rows_user(&u, email);
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

	rows_fill(&u, &t, &n);
	rows_user(&u2, "you@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
	rows_token(&t2, &u2, "bbbbbbbbbbbb");
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

	rows_fill(&u, &t, &n);
	rows_token(&t2, &u, "bbbbbbbbbbbb");
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
odd_rows_of_others_allow_nothing(void **state)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;

	rows_fill(&u, &t, &n);
	rows_sql("UPDATE pat_tokens SET nodes = 'pi'");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_NONE);
	rows_sql("UPDATE pat_tokens SET nodes = ' [ \"pi\" , \"pa\" ] '");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_string_equal(t.nodes, "pi,pa");
	rows_sql("UPDATE pat_tokens SET nodes = '[]',"
	    " token_hash = '$2b$10$abc'");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.has_public, 0);
	rows_sql("UPDATE pat_tokens SET expires_at = 0");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.expires_at, 1);
	rows_sql("UPDATE pat_tokens"
	    " SET scopes = '[\"nodes\", \"xssh\",\"http\"]'");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.scopes, SCOPE_HTTP);
	rows_sql("UPDATE nodes SET name = NULL");
	assert_int_equal(store_node_find(store, "pi", &n), STORE_NONE);
	rows_sql("UPDATE users SET enabled = 2");
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	assert_int_equal(t.user_enabled, 0);
}

static void
original_tables_are_adopted(void **state)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;

	rows_sql("CREATE TABLE users (id TEXT PRIMARY KEY, created_at INTEGER "
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
	rows_assert("SELECT connected FROM nodes", "0");
	rows_assert("SELECT version FROM meta", "3");
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
	rows_sql_get(list, old, sizeof(old));
	store_free(store);
	store = NULL;
	assert_int_equal(unlink("culvert.db"), 0);
	rows_reopen();
	assert_int_equal(store_open(store), STORE_OK);
	rows_sql_get(list, new, sizeof(new));
	assert_string_equal(old, new);
	assert_true(strlen(new) > 500);
}

static void
database_of_the_future_or_of_others_is_refused(void **state)
{
	assert_int_equal(store_open(store), STORE_OK);
	rows_sql("UPDATE meta SET version = 99");
	rows_reopen();
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store), "version 99"));
	rows_sql("UPDATE meta SET version = 1; DELETE FROM meta");
	assert_int_equal(store_open(store), STORE_DOWN);
	store_free(store);
	store = NULL;
	assert_int_equal(unlink("culvert.db"), 0);
	rows_sql("CREATE TABLE cats (name TEXT)");
	rows_reopen();
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store), "somebody else's"));
	rows_assert("SELECT count(*) FROM sqlite_master", "1");
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

	rows_fill(&u, &t, &n);
	assert_int_equal(store_begin(store), STORE_OK);
	rows_user(&u2, "you@example.org");
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
	rows_assert("SELECT connected || ' ' || connected_at FROM nodes",
	    "0 88");
	assert_int_equal(store_audit_trim(store, 40, 10, &count), STORE_OK);
	assert_int_equal(count, 1);
	rows_assert("SELECT what || at || (bytes_in > 0) FROM audit",
	    "login501");
}

static void
locked_database_is_waited_for_briefly(void **state)
{
	struct store_user	 u, u2;
	struct store_token	 t;
	struct store_node	 n;
	sqlite3			*db;

	rows_fill(&u, &t, &n);
	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	rows_user(&u2, "you@example.org");
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_NOWRITE);
	assert_non_null(strstr(store_error(store), "locked"));
	assert_int_equal(store_token_find(store, t.token_id, &t), STORE_OK);
	sqlite3_close(db);
	assert_int_equal(store_user_add(store, &u2, NULL), STORE_OK);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		ROWS_CASE(new_database_is_private_and_durable),
		ROWS_CASE(a_store_is_used_by_one_process),
		ROWS_CASE(what_can_not_be_opened_is_said),
		ROWS_CASE(rows_come_back_as_they_went),
		ROWS_CASE(names_are_taken_once),
		ROWS_CASE(deleting_a_user_takes_its_tokens_and_nodes),
		ROWS_CASE(revoked_token_is_gone_but_its_node_stays),
		ROWS_CASE(lists_come_in_pages),
		ROWS_CASE(lists_of_tokens_and_nodes_know_the_owner),
		ROWS_CASE(token_lists_of_nodes_are_kept_and_matched),
		ROWS_CASE(odd_rows_of_others_allow_nothing),
		ROWS_CASE(original_tables_are_adopted),
		ROWS_CASE(adopted_and_new_are_alike),
		ROWS_CASE(database_of_the_future_or_of_others_is_refused),
		ROWS_CASE(several_changes_happen_together_or_not),
		ROWS_CASE(audit_log_is_read_in_pages),
		ROWS_CASE(locked_database_is_waited_for_briefly),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
