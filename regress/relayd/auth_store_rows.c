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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_store_rows.h"

struct store	*store;
char		 rows_dir[64];

int
rows_setup(void **state)
{
	strlcpy(rows_dir, "/tmp/auth_store.XXXXXX", sizeof(rows_dir));
	if (mkdtemp(rows_dir) == NULL || chdir(rows_dir) == -1)
		return (-1);
	umask(077);
	store = store_new("culvert.db", "/here/culvert.db");
	return (store == NULL ? -1 : 0);
}

int
rows_teardown(void **state)
{
	char	 cmd[128];

	store_free(store);
	store = NULL;
	if (chdir("/") == -1)
		return (-1);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", rows_dir);
	return (system(cmd) == 0 ? 0 : -1);
}

void
rows_reopen(void)
{
	store_free(store);
	store = store_new("culvert.db", "/here/culvert.db");
	assert_non_null(store);
}

void
rows_sql(const char *text)
{
	sqlite3	*db;
	char	*why = NULL;

	assert_int_equal(sqlite3_open("culvert.db", &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

void
rows_sql_get(const char *text, char *buf, size_t size)
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

void
rows_assert(const char *text, const char *want)
{
	char	 buf[1024];

	rows_sql_get(text, buf, sizeof(buf));
	assert_string_equal(buf, want);
}

void
rows_user(struct store_user *u, const char *email)
{
	memset(u, 0, sizeof(*u));
	store_uuid(u->id);
	strlcpy(u->email, email, sizeof(u->email));
	strlcpy(u->username, "somebody", sizeof(u->username));
	u->enabled = 1;
	u->created_at = 1000;
}

void
rows_token(struct store_token *t, const struct store_user *u,
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

void
rows_node(struct store_node *n, const struct store_token *t, const char *name)
{
	memset(n, 0, sizeof(*n));
	store_uuid(n->id);
	strlcpy(n->name, name, sizeof(n->name));
	strlcpy(n->user_id, t->user_id, sizeof(n->user_id));
	strlcpy(n->token, t->id, sizeof(n->token));
	n->created_at = 1000;
}

void
rows_fill(struct store_user *u, struct store_token *t, struct store_node *n)
{
	assert_int_equal(store_open(store), STORE_OK);
	rows_user(u, "me@example.org");
	assert_int_equal(store_user_add(store, u, "$y$x"), STORE_OK);
	rows_token(t, u, "abcdefghij12");
	assert_int_equal(store_token_add(store, t), STORE_OK);
	rows_node(n, t, "pi");
	assert_int_equal(store_node_add(store, n), STORE_OK);
}
