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
 * The store: sessions of browsers and of paired programs.  Of a secret only
 * its hash is here: who steals the store can't log in.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "auth_sqlite.h"
#include "msg_login.h"

#define HASH_TEXT	(2 * SESSION_HASH_LEN + 1)

static void	hash_put(const uint8_t *, char[HASH_TEXT]);
static int	hash_get(const char *, uint8_t *);
static int	session_get(sqlite3_stmt *, void *);
static enum store_result session_one(struct store *, sqlite3_stmt *,
		    struct store_session *);

static const char *const kinds[] = SESSION_NAMES;

#define SESSION_SELECT \
	"SELECT s.id, s.kind, s.secret_hash, s.user_id, u.email, " \
	"u.username, u.enabled, u.roles, s.node_id, n.name, s.parent, " \
	"s.host, s.addr, s.software, s.created_at, s.expires_at, " \
	"s.last_used_at FROM sessions s JOIN users u ON u.id = s.user_id " \
	"LEFT JOIN nodes n ON n.id = s.node_id "

static void
hash_put(const uint8_t *hash, char text[HASH_TEXT])
{
	size_t	 i;

	for (i = 0; i < SESSION_HASH_LEN; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

static int
hash_get(const char *text, uint8_t *hash)
{
	static const char	 digits[] = "0123456789abcdef";
	const char		*hi, *lo;
	size_t			 i;

	if (strlen(text) != HASH_TEXT - 1)
		return (-1);
	for (i = 0; i < SESSION_HASH_LEN; i++) {
		hi = strchr(digits, text[2 * i]);
		lo = strchr(digits, text[2 * i + 1]);
		if (hi == NULL || lo == NULL)
			return (-1);
		hash[i] = (hi - digits) << 4 | (lo - digits);
	}
	return (0);
}

static int
session_get(sqlite3_stmt *st, void *row)
{
	struct store_session	*e = row;
	char			 kind[16], hash[HASH_TEXT], roles[256];
	int			 bad;

	memset(e, 0, sizeof(*e));
	bad = store_text(st, 0, e->id, sizeof(e->id));
	bad |= store_text(st, 1, kind, sizeof(kind));
	for (e->kind = SESSION_RPC; e->kind > 0; e->kind--) {
		if (strcmp(kind, kinds[e->kind]) == 0)
			break;
	}
	bad |= e->kind == 0 ? -1 : 0;
	bad |= store_text(st, 2, hash, sizeof(hash)) == -1 ? -1 :
	    hash_get(hash, e->hash);
	bad |= store_text(st, 3, e->user_id, sizeof(e->user_id));
	bad |= store_text(st, 4, e->email, sizeof(e->email));
	(void)store_text(st, 5, e->username, sizeof(e->username));
	e->user_enabled = sqlite3_column_int(st, 6) == 1;
	e->user_admin = store_text(st, 7, roles, sizeof(roles)) == 0 &&
	    store_role_has(roles, "admin");
	bad |= store_text(st, 8, e->node_id, sizeof(e->node_id));
	bad |= store_text(st, 9, e->node, sizeof(e->node));
	bad |= store_text(st, 10, e->parent, sizeof(e->parent));
	bad |= store_text(st, 11, e->host, sizeof(e->host));
	(void)store_text(st, 12, e->addr, sizeof(e->addr));
	(void)store_text(st, 13, e->software, sizeof(e->software));
	e->created_at = sqlite3_column_int64(st, 14);
	e->expires_at = sqlite3_column_int64(st, 15);
	/* None lasts for ever: a 0 has passed long ago. */
	if (e->expires_at <= 0)
		e->expires_at = 1;
	e->last_used_at = sqlite3_column_int64(st, 16);
	return (bad);
}

static enum store_result
session_one(struct store *s, sqlite3_stmt *st, struct store_session *e)
{
	enum store_result	 r;

	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (session_get(st, e) == -1)
		r = STORE_NONE;
	store_done(st);
	return (r);
}

enum store_result
store_session_add(struct store *s, const struct store_session *e)
{
	static const char	 sql[] =
	    "INSERT INTO sessions (id, kind, secret_hash, user_id, node_id, "
	    "parent, host, addr, software, created_at, expires_at, "
	    "last_used_at) VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), "
	    "nullif(?6, ''), ?7, ?8, ?9, ?10, ?11, nullif(?12, 0))";
	char			 hash[HASH_TEXT];

	hash_put(e->hash, hash);
	return (store_do(s, store_bind(s, sql, "sssssssssiii", e->id,
	    kinds[e->kind], hash, e->user_id, e->node_id, e->parent, e->host,
	    e->addr, e->software, e->created_at, e->expires_at,
	    e->last_used_at)));
}

enum store_result
store_session_find(struct store *s, const uint8_t hash[SESSION_HASH_LEN],
    struct store_session *e)
{
	static const char	 sql[] = SESSION_SELECT
				    "WHERE s.secret_hash = ?1";
	char			 text[HASH_TEXT];

	hash_put(hash, text);
	return (session_one(s, store_bind(s, sql, "s", text), e));
}

enum store_result
store_session_find_id(struct store *s, const char *id,
    struct store_session *e)
{
	static const char	 sql[] = SESSION_SELECT "WHERE s.id = ?1";

	return (session_one(s, store_bind(s, sql, "s", id), e));
}

enum store_result
store_session_used(struct store *s, const char *id, int64_t at)
{
	static const char	 sql[] =
	    "UPDATE sessions SET last_used_at = ?2 WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "si", id, at)));
}

enum store_result
store_session_remove(struct store *s, const char *id)
{
	static const char	 sql[] = "DELETE FROM sessions WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "s", id)));
}

enum store_result
store_session_remove_of(struct store *s, const char *user_id,
    const char *node_id, uint32_t kind, int *n)
{
	static const char	 sql[] = "DELETE FROM sessions "
	    "WHERE (?1 IS NULL OR user_id = ?1) "
	    "AND (?2 IS NULL OR node_id = ?2) "
	    "AND (?3 IS NULL OR kind = ?3)";
	enum store_result	 r;

	*n = 0;
	r = store_do(s, store_bind(s, sql, "sss", user_id, node_id,
	    kind == 0 ? NULL : kinds[kind]));
	if (r == STORE_OK)
		*n = sqlite3_changes(s->db);
	return (r == STORE_NONE ? STORE_OK : r);
}

enum store_result
store_session_page(struct store *s, const char *user_id, const char *node_id,
    uint32_t kind, const struct store_session *after,
    struct store_session *e, size_t *n)
{
	static const char	 sql[] = SESSION_SELECT
	    "WHERE (u.email, s.created_at, s.id) > (?1, ?2, ?3) "
	    "AND (?4 IS NULL OR s.user_id = ?4) "
	    "AND (?5 IS NULL OR s.node_id = ?5) "
	    "AND (?6 IS NULL OR s.kind = ?6) "
	    "ORDER BY u.email, s.created_at, s.id";
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "sissss", after == NULL ? "" : after->email,
	    after == NULL ? INT64_MIN : after->created_at,
	    after == NULL ? "" : after->id, user_id, node_id,
	    kind == 0 ? NULL : kinds[kind]);
	return (store_rows(s, st, session_get, e, sizeof(*e), n));
}

enum store_result
store_session_surplus(struct store *s, const char *user_id, uint32_t kind,
    const char *parent, uint32_t keep, struct store_session *e)
{
	static const char	 sql[] = SESSION_SELECT
	    "WHERE s.user_id = ?1 AND s.kind = ?2 "
	    "AND s.parent IS nullif(?3, '') "
	    "ORDER BY s.created_at DESC, s.rowid DESC LIMIT 1 OFFSET ?4";

	return (session_one(s, store_bind(s, sql, "sssi", user_id,
	    kinds[kind], parent, (int64_t)keep), e));
}

enum store_result
store_session_trim(struct store *s, int64_t now, int max, int *n)
{
	static const char	 sql[] = "DELETE FROM sessions WHERE id IN "
	    "(SELECT id FROM sessions WHERE expires_at <= ?1 LIMIT ?2)";
	enum store_result	 r;

	*n = 0;
	r = store_do(s, store_bind(s, sql, "ii", now, (int64_t)max));
	if (r == STORE_OK)
		*n = sqlite3_changes(s->db);
	return (r == STORE_NONE ? STORE_OK : r);
}

enum store_result
store_session_count(struct store *s, uint32_t kind, int64_t now, uint64_t *n)
{
	static const char	 sql[] = "SELECT count(*) FROM sessions "
	    "WHERE kind = ?1 AND expires_at > ?2";
	enum store_result	 r;
	sqlite3_stmt		*st;

	*n = 0;
	st = store_bind(s, sql, "si", kinds[kind], now);
	if ((r = store_row(s, st)) == STORE_OK) {
		*n = sqlite3_column_int64(st, 0);
		store_done(st);
	}
	return (r);
}
