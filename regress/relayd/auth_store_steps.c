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

#include "compat.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_store_steps.h"
#include "msg_audit.h"

#define DUMP_MAX	32768

struct store		*store;
char			 steps_empty[256 * 1024];
size_t			 steps_empty_len;

static char		 dir[64];

/* ---- the changes ---- */

static void
make_id(char *id, int n)
{
	snprintf(id, USER_ID_LEN + 1, "00000000-0000-4000-8000-%012d", n);
}

static enum store_result
add_user(int n, const char *email)
{
	struct store_user	 u;

	memset(&u, 0, sizeof(u));
	make_id(u.id, n);
	strlcpy(u.email, email, sizeof(u.email));
	strlcpy(u.username, "somebody", sizeof(u.username));
	u.enabled = 1;
	u.created_at = 1000;
	return (store_user_add(store, &u, "$y$x"));
}

static enum store_result
user_1(void)
{
	return (add_user(1, "me@example.org"));
}

static enum store_result
user_2(void)
{
	return (add_user(2, "you@example.org"));
}

static enum store_result
password(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 1);
	return (store_user_password(store, id, "$y$another"));
}

static enum store_result
disable(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 2);
	return (store_user_enable(store, id, 0));
}

static enum store_result
enable(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 2);
	return (store_user_enable(store, id, 1));
}

static enum store_result
add_token(int n, const char *token_id)
{
	struct store_token	 t;

	memset(&t, 0, sizeof(t));
	make_id(t.id, n);
	strlcpy(t.token_id, token_id, sizeof(t.token_id));
	memset(t.public, n, sizeof(t.public));
	make_id(t.user_id, 1);
	strlcpy(t.name, "laptop", sizeof(t.name));
	t.scopes = SCOPE_NODE | SCOPE_CONNECT;
	t.created_at = 1000;
	return (store_token_add(store, &t));
}

static enum store_result
token_1(void)
{
	return (add_token(11, "abcdefghij11"));
}

static enum store_result
token_2(void)
{
	return (add_token(12, "abcdefghij12"));
}

static enum store_result
token_used(void)
{
	return (store_token_used(store, "abcdefghij11", 7000));
}

static enum store_result
add_node(int n, const char *name)
{
	struct store_node	 node;

	memset(&node, 0, sizeof(node));
	make_id(node.id, n);
	strlcpy(node.name, name, sizeof(node.name));
	make_id(node.user_id, 1);
	make_id(node.token, 11);
	node.created_at = 1000;
	return (store_node_add(store, &node));
}

static enum store_result
node_1(void)
{
	return (add_node(21, "pi"));
}

static enum store_result
node_2(void)
{
	return (add_node(22, "po"));
}

static enum store_result
node_token(void)
{
	char	 id[USER_ID_LEN + 1], token[USER_ID_LEN + 1];

	make_id(id, 21);
	make_id(token, 12);
	return (store_node_token(store, id, token));
}

static enum store_result
node_rename(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 22);
	return (store_node_rename(store, id, "pa"));
}

static enum store_result
node_up(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 21);
	return (store_node_state(store, id, 1, 8000));
}

static enum store_result
nodes_down(void)
{
	return (store_nodes_down(store));
}

static enum store_result
set_grant(uint32_t scopes)
{
	struct store_grant	 g;

	memset(&g, 0, sizeof(g));
	make_id(g.grant.id, 31);
	g.grant.scopes = scopes;
	strlcpy(g.grant.targets, "127.0.0.1:22", sizeof(g.grant.targets));
	g.grant.expires_at = 5000;
	make_id(g.user_id, 2);
	make_id(g.node_id, 21);
	g.created_at = 3000;
	return (store_grant_set(store, &g));
}

static enum store_result
grant(void)
{
	return (set_grant(SCOPE_CONNECT));
}

static enum store_result
grant_again(void)
{
	return (set_grant(SCOPE_CONNECT | SCOPE_SSH));
}

static enum store_result
grant_remove(void)
{
	char	 user[USER_ID_LEN + 1], node[USER_ID_LEN + 1];

	make_id(user, 2);
	make_id(node, 21);
	return (store_grant_remove(store, user, node));
}

static enum store_result
publish(void)
{
	struct store_publication	 sp;
	const char			*why;

	memset(&sp, 0, sizeof(sp));
	make_id(sp.p.id, 41);
	make_id(sp.p.node_id, 21);
	assert_int_equal(publish_spec_parse("2222", &sp.p.spec, &why), 0);
	strlcpy(sp.p.host, "127.0.0.1", sizeof(sp.p.host));
	sp.p.port = 22;
	sp.created_at = 1700000000;
	return (store_publication_add(store, &sp));
}

static enum store_result
unpublish(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 41);
	return (store_publication_remove(store, id));
}

static enum store_result
service(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 21);
	return (store_service_set(store, id, "x", SITE_PUBLIC));
}

static enum store_result
service_remove(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 21);
	return (store_service_remove(store, id, "x"));
}

static enum store_result
domain(void)
{
	struct store_domain	 d;

	memset(&d, 0, sizeof(d));
	strlcpy(d.name, "app.example.com", sizeof(d.name));
	make_id(d.site.node_id, 21);
	d.created_at = 1000;
	return (store_domain_add(store, &d));
}

static enum store_result
domain_remove(void)
{
	return (store_domain_remove(store, "app.example.com"));
}

/* Several at once, enough of them for the log to be written back. */
static enum store_result
audit(void)
{
	struct audit_event	 e = { .what = AUDIT_LOGIN };
	enum store_result	 r;
	int			 i;

	if ((r = store_begin(store)) != STORE_OK)
		return (r);
	for (i = 0; i < 60; i++) {
		e.at = 100 + i;
		snprintf(e.text, sizeof(e.text), "line %d of this", i);
		if ((r = store_audit_add(store, &e)) != STORE_OK) {
			store_rollback(store);
			return (r);
		}
	}
	return (store_commit(store));
}

static enum store_result
audit_trim(void)
{
	int	 n;

	return (store_audit_trim(store, 140, 1000, &n));
}

static enum store_result
token_revoke(void)
{
	return (store_token_revoke(store, "abcdefghij11", 9000));
}

static enum store_result
node_remove(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 22);
	return (store_node_remove(store, id));
}

static enum store_result
user_delete(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 1);
	return (store_user_delete(store, id));
}

static enum store_result (*const steps[])(void) = {
	user_1, user_2, password, disable, token_1, token_2, token_used,
	node_1, node_2, node_token, node_rename, node_up, grant, grant_again,
	publish, service, domain, audit, enable, nodes_down, unpublish,
	service_remove, domain_remove, token_revoke, grant_remove,
	audit_trim, node_remove, user_delete
};

/* ---- what is in the file ---- */

static char	 golden[nitems(steps) + 1][DUMP_MAX]; /* after so many steps */
static char	 dump[DUMP_MAX];

/* Another connection, which the store knows nothing of. */
static void
take_dump(void)
{
	static const char *const tables[] = {
		"users", "pat_tokens", "nodes", "grants", "publications",
		"services", "domains", "audit"
	};
	sqlite3			*db;
	sqlite3_stmt		*st;
	const char		*v;
	char			 sql[64];
	size_t			 i;
	int			 c, rc;

	dump[0] = '\0';
	assert_int_equal(sqlite3_open_v2("culvert.db", &db,
	    SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1,
	    &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check",
	    -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
	for (i = 0; i < nitems(tables); i++) {
		snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1",
		    tables[i]);
		if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
			continue;	/* no tables yet */
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			for (c = 0; c < sqlite3_column_count(st); c++) {
				v = (const char *)sqlite3_column_text(st, c);
				strlcat(dump, v != NULL ? v : "NULL",
				    sizeof(dump));
				strlcat(dump, "|", sizeof(dump));
			}
			assert_true(strlcat(dump, "\n", sizeof(dump)) <
			    sizeof(dump));
		}
		assert_int_equal(rc, SQLITE_DONE);
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
}

void
steps_fresh(int tables)
{
	int	 fd;

	(void)unlink("culvert.db");
	(void)unlink("culvert.db-wal");
	(void)unlink("culvert.db-shm");
	(void)unlink("culvert.db-journal");
	if (tables) {
		fd = open("culvert.db", O_WRONLY | O_CREAT, 0600);
		assert_int_not_equal(fd, -1);
		assert_int_equal(write(fd, steps_empty, steps_empty_len),
		    steps_empty_len);
		close(fd);
	}
	store = store_new("culvert.db", "/here/culvert.db");
	assert_non_null(store);
}

void
steps_close(void)
{
	store_free(store);
	store = NULL;
}

/* So that the log is written back every few steps. */
static enum store_result
open_store(void)
{
	enum store_result	 r;

	if ((r = store_open(store)) == STORE_OK)
		r = store_exec(store, "PRAGMA wal_autocheckpoint = 8");
	return (r);
}

enum store_result
steps_run(size_t *done)
{
	enum store_result	 r;

	*done = 0;
	if ((r = open_store()) != STORE_OK)
		return (r);
	for (; *done < nitems(steps); (*done)++)
		if ((r = steps[*done]()) != STORE_OK)
			return (r);
	return (STORE_OK);
}

int
steps_setup(void **state)
{
	size_t	 i;
	int	 fd;

	strlcpy(dir, "/tmp/auth_store_fault.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (-1);
	umask(077);
	steps_fresh(0);
	if (open_store() != STORE_OK)
		return (-1);
	steps_close();
	if ((fd = open("culvert.db", O_RDONLY)) == -1)
		return (-1);
	steps_empty_len = read(fd, steps_empty, sizeof(steps_empty));
	close(fd);
	steps_fresh(1);
	if (steps_empty_len == sizeof(steps_empty) || open_store() != STORE_OK)
		return (-1);
	for (i = 0; ; i++) {
		take_dump();
		strlcpy(golden[i], dump, sizeof(golden[i]));
		if (i > 0 && strcmp(golden[i], golden[i - 1]) == 0) {
			print_error("step %zu changes nothing\n", i - 1);
			return (-1);
		}
		if (i == nitems(steps))
			break;
		if (steps[i]() != STORE_OK) {
			print_error("step %zu: %s\n", i, store_error(store));
			return (-1);
		}
	}
	steps_close();
	return (0);
}

int
steps_teardown(void **state)
{
	char	 cmd[128];

	if (chdir("/") == -1)
		return (-1);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) == 0 ? 0 : -1);
}

/* The file holds so many changes, or the next one as well. */
static size_t
assert_changes(size_t done, unsigned int at)
{
	take_dump();
	if (strcmp(dump, golden[done]) == 0)
		return (done);
	if (done < nitems(steps) && strcmp(dump, golden[done + 1]) == 0)
		return (done + 1);
	fail_msg("fault %u: after %zu steps there is\n%s", at, done, dump);
	return (0);
}

void
steps_are_there(void)
{
	take_dump();
	assert_string_equal(dump, golden[nitems(steps)]);
}

void
steps_go_on(size_t done, unsigned int at)
{
	enum store_result	 r;
	size_t			 there;

	/* With a full disk at its opening it was kept from all others. */
	if (store->exclusive) {
		steps_close();
		store = store_new("culvert.db", "/here/culvert.db");
	}
	if (open_store() != STORE_OK)
		fail_msg("fault %u: does not open: %s", at,
		    store_error(store));
	there = assert_changes(done, at);
	for (; there < nitems(steps); there++) {
		if ((r = steps[there]()) != STORE_OK)
			fail_msg("fault %u: step %zu then %d: %s", at, there,
			    r, store_error(store));
	}
	steps_are_there();
}
