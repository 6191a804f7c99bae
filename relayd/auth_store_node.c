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
 * The store: nodes and the audit log.
 */

#include "compat.h"

#include <string.h>

#include "auth_sqlite.h"
#include "msg_audit.h"

static int		 node_get(sqlite3_stmt *, void *);
static const char	*audit_name(uint32_t);
static int64_t		 audit_int(uint64_t);

#define NODE_SELECT \
	"SELECT n.id, n.name, n.user_id, u.email, n.token_id, t.token_id, " \
	"n.created_at, n.last_seen_at FROM nodes n " \
	"JOIN users u ON u.id = n.user_id " \
	"JOIN pat_tokens t ON t.id = n.token_id "

static int
node_get(sqlite3_stmt *st, void *row)
{
	struct store_node	*n = row;
	int			 bad;

	memset(n, 0, sizeof(*n));
	bad = store_text(st, 0, n->id, sizeof(n->id));
	bad |= store_text(st, 1, n->name, sizeof(n->name));
	bad |= store_text(st, 2, n->user_id, sizeof(n->user_id));
	bad |= store_text(st, 3, n->email, sizeof(n->email));
	bad |= store_text(st, 4, n->token, sizeof(n->token));
	bad |= store_text(st, 5, n->token_id, sizeof(n->token_id));
	n->created_at = sqlite3_column_int64(st, 6);
	n->last_seen_at = sqlite3_column_int64(st, 7);
	return (bad);
}

enum store_result
store_node_find(struct store *s, const char *name, struct store_node *n)
{
	static const char	 sql[] = NODE_SELECT "WHERE n.name = ?1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "s", name);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (node_get(st, n) == -1)
		r = store_broken(s, "database %s: node %s: a field is too "
		    "long", s->shown, name);
	store_done(st);
	return (r);
}

enum store_result
store_node_page(struct store *s, const char *user_id, const char *after,
    struct store_node *nodes, size_t *n)
{
	static const char	 sql[] = NODE_SELECT "WHERE n.name > ?1 "
				    "AND (?2 IS NULL OR n.user_id = ?2) "
				    "ORDER BY n.name";

	return (store_rows(s, store_bind(s, sql, "ss", after, user_id),
	    node_get, nodes, sizeof(*nodes), n));
}

enum store_result
store_node_add(struct store *s, const struct store_node *n)
{
	static const char	 sql[] =
	    "INSERT INTO nodes (id, user_id, token_id, name, created_at) "
	    "VALUES (?1, ?2, ?3, ?4, ?5)";

	return (store_do(s, store_bind(s, sql, "ssssi", n->id, n->user_id,
	    n->token, n->name, n->created_at)));
}

enum store_result
store_node_count(struct store *s, const char *user_id, uint32_t max,
    uint32_t *n)
{
	static const char	 sql[] = "SELECT count(*) FROM "
	    "(SELECT 1 FROM nodes WHERE user_id = ?1 LIMIT ?2)";
	enum store_result	 r;
	sqlite3_stmt		*st;

	*n = 0;
	st = store_bind(s, sql, "si", user_id, (int64_t)max);
	if ((r = store_row(s, st)) == STORE_OK) {
		*n = sqlite3_column_int64(st, 0);
		store_done(st);
	}
	return (r);
}

enum store_result
store_node_token(struct store *s, const char *id, const char *token)
{
	static const char	 sql[] =
	    "UPDATE nodes SET token_id = ?2 WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "ss", id, token)));
}

enum store_result
store_node_rename(struct store *s, const char *id, const char *name)
{
	static const char	 sql[] =
	    "UPDATE nodes SET name = ?2 WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "ss", id, name)));
}

enum store_result
store_node_remove(struct store *s, const char *id)
{
	static const char	 sql[] = "DELETE FROM nodes WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "s", id)));
}

enum store_result
store_node_state(struct store *s, const char *id, int up, int64_t since)
{
	static const char	 sql[] = "UPDATE nodes SET connected = ?2, "
	    "connected_at = CASE WHEN ?2 AND ?3 <> 0 THEN ?3 "
	    "ELSE connected_at END, "
	    "last_seen_at = coalesce(nullif(?3, 0), last_seen_at) "
	    "WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "sii", id, (int64_t)(up != 0),
	    since)));
}

enum store_result
store_nodes_down(struct store *s)
{
	static const char	 sql[] =
	    "UPDATE nodes SET connected = 0 WHERE connected <> 0";
	enum store_result	 r;

	r = store_do(s, store_bind(s, sql, ""));
	return (r == STORE_NONE ? STORE_OK : r);
}

static const char *
audit_name(uint32_t what)
{
	static const char *const names[] = {
		[AUDIT_LOGIN] = "login",
		[AUDIT_DENIED] = "denied",
		[AUDIT_LINK_UP] = "link up",
		[AUDIT_LINK_DOWN] = "link down",
		[AUDIT_STREAM] = "stream",
		[AUDIT_STREAM_DENIED] = "stream denied",
		[AUDIT_REVOKE] = "revoke",
		[AUDIT_ADMIN] = "admin",
		[AUDIT_GRANT] = "grant",
		[AUDIT_GRANT_EXPIRED] = "grant expired",
		[AUDIT_QUOTA] = "quota"
	};

	if (what >= nitems(names) || names[what] == NULL)
		return ("other");
	return (names[what]);
}

static int64_t
audit_int(uint64_t v)
{
	return (v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

enum store_result
store_audit_add(struct store *s, const struct audit_event *e)
{
	static const char	 sql[] =
	    "INSERT INTO audit (at, what, email, token_id, node, addr, "
	    "target, ms, bytes_in, bytes_out, text) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

	return (store_do(s, store_bind(s, sql, "issssssiiis", e->at,
	    audit_name(e->what), e->email, e->token_id, e->node, e->addr,
	    e->target, audit_int(e->ms), audit_int(e->in), audit_int(e->out),
	    e->text)));
}

static uint64_t
audit_column(sqlite3_stmt *st, int column)
{
	int64_t	 v = sqlite3_column_int64(st, column);

	return (v < 0 ? 0 : v);
}

/* What is too long for a field is cut: it is only to be read. */
enum store_result
store_audit_page(struct store *s, uint64_t after, struct ctl_audit *lines,
    size_t *n)
{
	static const char	 sql[] =
	    "SELECT id, at, what, email, token_id, node, addr, target, ms, "
	    "bytes_in, bytes_out, text FROM audit WHERE id > ?1 ORDER BY id";
	enum store_result	 r = STORE_NONE;
	struct ctl_audit	*a;
	sqlite3_stmt		*st;
	size_t			 max = *n;

	*n = 0;
	st = store_bind(s, sql, "i", audit_int(after));
	while (*n < max && (r = store_row(s, st)) == STORE_OK) {
		a = &lines[(*n)++];
		memset(a, 0, sizeof(*a));
		a->id = audit_column(st, 0);
		a->at = sqlite3_column_int64(st, 1);
		(void)store_text(st, 2, a->what, sizeof(a->what));
		(void)store_text(st, 3, a->email, sizeof(a->email));
		(void)store_text(st, 4, a->token_id, sizeof(a->token_id));
		(void)store_text(st, 5, a->node, sizeof(a->node));
		(void)store_text(st, 6, a->addr, sizeof(a->addr));
		(void)store_text(st, 7, a->target, sizeof(a->target));
		a->ms = audit_column(st, 8);
		a->in = audit_column(st, 9);
		a->out = audit_column(st, 10);
		(void)store_text(st, 11, a->text, sizeof(a->text));
	}
	if (r == STORE_OK)
		store_done(st);
	return (r == STORE_NONE ? STORE_OK : r);
}

enum store_result
store_audit_since(struct store *s, int64_t since, uint64_t *id)
{
	static const char	 sql[] = "SELECT id FROM audit WHERE at >= ?1 "
				    "ORDER BY at, id LIMIT 1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "i", since);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	*id = audit_column(st, 0);
	store_done(st);
	return (STORE_OK);
}

enum store_result
store_audit_last(struct store *s, uint64_t *id)
{
	static const char	 sql[] = "SELECT max(id) FROM audit";
	enum store_result	 r;
	sqlite3_stmt		*st;

	*id = 0;
	st = store_bind(s, sql, "");
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	*id = audit_column(st, 0);
	store_done(st);
	return (STORE_OK);
}

enum store_result
store_audit_trim(struct store *s, int64_t before, int max, int *n)
{
	static const char	 sql[] = "DELETE FROM audit WHERE id IN "
	    "(SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)";
	enum store_result	 r;

	*n = 0;
	r = store_do(s, store_bind(s, sql, "ii", before, (int64_t)max));
	if (r == STORE_OK)
		*n = sqlite3_changes(s->db);
	return (r == STORE_NONE ? STORE_OK : r);
}
