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
 * The store: users and their tokens.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "auth_sqlite.h"

#define PUBLIC_PREFIX	"ed25519:"

static const char *const scope_names[] = SCOPE_NAMES;

static int	json_has(const char *, const char *, size_t);
static void	public_put(const uint8_t *, char *, size_t);
static int	public_get(const char *, uint8_t *);
static int	user_get(sqlite3_stmt *, void *);
static int	token_get(sqlite3_stmt *, void *);

/*
 * The JSON here is arrays of words that need no escapes (names of scopes and
 * roles, DNS labels, targets), so that looking for one with its quotes is
 * enough.
 */
static int
json_has(const char *array, const char *word, size_t len)
{
	const char	*p = array;

	while ((p = strchr(p, '"')) != NULL) {
		if (strncmp(++p, word, len) == 0 && p[len] == '"')
			return (1);
		if ((p = strchr(p, '"')) == NULL)
			break;
		p++;
	}
	return (0);
}

int
store_role_has(const char *roles, const char *role)
{
	return (json_has(roles, role, strlen(role)));
}

void
store_scopes_put(uint32_t scopes, char *json, size_t size)
{
	size_t	 i;

	strlcpy(json, "[", size);
	for (i = 0; i < nitems(scope_names); i++) {
		if ((scopes & (1U << i)) == 0)
			continue;
		strlcat(json, json[1] == '\0' ? "\"" : ",\"", size);
		strlcat(json, scope_names[i], size);
		strlcat(json, "\"", size);
	}
	strlcat(json, "]", size);
}

uint32_t
store_scopes_get(const char *json)
{
	uint32_t	 scopes = 0;
	size_t		 i;

	for (i = 0; i < nitems(scope_names); i++) {
		if (json_has(json, scope_names[i], strlen(scope_names[i])))
			scopes |= 1U << i;
	}
	return (scopes);
}

void
store_list_put(const char *list, char *json, size_t size)
{
	char	 c[2] = "";

	strlcpy(json, list[0] == '\0' ? "[" : "[\"", size);
	for (; (c[0] = *list) != '\0'; list++)
		strlcat(json, c[0] == ',' ? "\",\"" : c, size);
	strlcat(json, json[1] == '\0' ? "]" : "\"]", size);
}

int
store_list_get(const char *json, char *list, size_t size)
{
	const char	*p = json + strspn(json, " \t\r\n");
	size_t		 n = 0, len;

	if (*p++ != '[')
		return (-1);
	while (p += strspn(p, " \t\r\n"), *p == '"') {
		len = strcspn(++p, "\"\\,");
		if (p[len] != '"' || len == 0 || n + len + 2 > size)
			return (-1);
		if (n > 0)
			list[n++] = ',';
		memcpy(list + n, p, len);
		n += len;
		p += len + 1;
		p += strspn(p, " \t\r\n");
		if (*p != ',')
			break;
		p++;
	}
	list[n] = '\0';
	return (*p == ']' ? 0 : -1);
}

int
store_nodes_allow(const char *list, const char *name)
{
	size_t	 len, want = strlen(name);

	if (list[0] == '\0')
		return (1);
	for (;;) {
		len = strcspn(list, ",");
		if (len == want && memcmp(list, name, len) == 0)
			return (1);
		if (list[len] == '\0')
			return (0);
		list += len + 1;
	}
}

static void
public_put(const uint8_t *public, char *text, size_t size)
{
	size_t	 i, n;

	n = strlcpy(text, PUBLIC_PREFIX, size);
	for (i = 0; i < TOKEN_PUBLIC_LEN; i++, n += 2)
		(void)snprintf(text + n, size - n, "%02x", public[i]);
}

static int
public_get(const char *text, uint8_t *public)
{
	static const char	 digits[] = "0123456789abcdef";
	const char		*hi, *lo;
	size_t			 i;

	if (strncmp(text, PUBLIC_PREFIX, strlen(PUBLIC_PREFIX)) != 0)
		return (-1);
	text += strlen(PUBLIC_PREFIX);
	if (strlen(text) != 2 * TOKEN_PUBLIC_LEN)
		return (-1);
	for (i = 0; i < TOKEN_PUBLIC_LEN; i++, text += 2) {
		if ((hi = strchr(digits, text[0])) == NULL ||
		    (lo = strchr(digits, text[1])) == NULL)
			return (-1);
		public[i] = (hi - digits) << 4 | (lo - digits);
	}
	return (0);
}

/* ---- users ---- */

#define USER_SELECT \
	"SELECT u.id, u.email, u.username, u.roles, u.enabled, " \
	"u.password IS NOT NULL, u.created_at, " \
	"(SELECT count(*) FROM pat_tokens t WHERE t.user_id = u.id " \
	"AND t.revoked_at IS NULL), " \
	"(SELECT count(*) FROM nodes n WHERE n.user_id = u.id) " \
	"FROM users u "

/* -1: a row that another program wrote and that does not fit. */
static int
user_get(sqlite3_stmt *st, void *row)
{
	struct store_user	*u = row;
	char			 roles[256];
	int			 bad;

	memset(u, 0, sizeof(*u));
	bad = store_text(st, 0, u->id, sizeof(u->id));
	bad |= store_text(st, 1, u->email, sizeof(u->email));
	(void)store_text(st, 2, u->username, sizeof(u->username));
	(void)store_text(st, 3, roles, sizeof(roles));
	u->admin = store_role_has(roles, "admin");
	u->enabled = sqlite3_column_int(st, 4) == 1;
	u->has_password = sqlite3_column_int(st, 5);
	u->created_at = sqlite3_column_int64(st, 6);
	u->tokens = sqlite3_column_int(st, 7);
	u->nodes = sqlite3_column_int(st, 8);
	return (bad);
}

enum store_result
store_user_find(struct store *s, const char *email, struct store_user *u)
{
	static const char	 sql[] = USER_SELECT "WHERE u.email = ?1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "s", email);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (user_get(st, u) == -1)
		r = STORE_NONE;
	store_done(st);
	return (r);
}

enum store_result
store_user_page(struct store *s, const char *after, struct store_user *u,
    size_t *n)
{
	static const char	 sql[] = USER_SELECT
				    "WHERE u.email > ?1 ORDER BY u.email";

	return (store_rows(s, store_bind(s, sql, "s", after), user_get, u,
	    sizeof(*u), n));
}

enum store_result
store_user_add(struct store *s, const struct store_user *u, const char *hash)
{
	static const char	 sql[] =
	    "INSERT INTO users (id, created_at, provider, email, password, "
	    "username, avatar_url, roles, enabled) "
	    "VALUES (?1, ?2, 'local', ?3, ?4, ?5, '', ?6, ?7)";

	return (store_do(s, store_bind(s, sql, "sissssi", u->id,
	    u->created_at, u->email, hash, u->username, u->admin ?
	    "[\"user\",\"admin\"]" : "[\"user\"]", (int64_t)u->enabled)));
}

enum store_result
store_user_password(struct store *s, const char *id, const char *hash)
{
	static const char	 sql[] =
	    "UPDATE users SET password = ?2 WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "ss", id, hash)));
}

enum store_result
store_user_hash(struct store *s, const char *id, char hash[CTL_HASH_LEN])
{
	static const char	 sql[] =
	    "SELECT password FROM users WHERE id = ?1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	hash[0] = '\0';
	st = store_bind(s, sql, "s", id);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (store_text(st, 0, hash, CTL_HASH_LEN) == -1)
		hash[0] = '\0';
	store_done(st);
	return (STORE_OK);
}

enum store_result
store_user_hash_any(struct store *s, uint64_t n, char hash[CTL_HASH_LEN])
{
	static const char	 sql[] =
	    "SELECT password FROM users WHERE password LIKE '$%' ORDER BY id "
	    "LIMIT 1 OFFSET ?1 % max(1, (SELECT count(*) FROM users "
	    "WHERE password LIKE '$%'))";
	enum store_result	 r;
	sqlite3_stmt		*st;

	hash[0] = '\0';
	st = store_bind(s, sql, "i", (int64_t)(n >> 1));
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (store_text(st, 0, hash, CTL_HASH_LEN) == -1)
		hash[0] = '\0';
	store_done(st);
	return (hash[0] == '\0' ? STORE_NONE : STORE_OK);
}

enum store_result
store_user_enable(struct store *s, const char *id, int enabled)
{
	static const char	 sql[] =
	    "UPDATE users SET enabled = ?2 WHERE id = ?1";

	return (store_do(s, store_bind(s, sql, "si", id, (int64_t)enabled)));
}

enum store_result
store_user_delete(struct store *s, const char *id)
{
	/* A node of somebody else may have come with a token of this user. */
	static const char	 nodes[] = "DELETE FROM nodes "
	    "WHERE user_id = ?1 OR token_id IN "
	    "(SELECT id FROM pat_tokens WHERE user_id = ?1)";
	static const char	 tokens[] =
	    "DELETE FROM pat_tokens WHERE user_id = ?1";
	static const char	 user[] = "DELETE FROM users WHERE id = ?1";
	enum store_result	 r;

	if ((r = store_begin(s)) != STORE_OK)
		return (r);
	r = store_do(s, store_bind(s, nodes, "s", id));
	if (r == STORE_OK || r == STORE_NONE)
		r = store_do(s, store_bind(s, tokens, "s", id));
	if (r == STORE_OK || r == STORE_NONE)
		r = store_do(s, store_bind(s, user, "s", id));
	if (r != STORE_OK) {
		store_rollback(s);
		return (r);
	}
	return (store_commit(s));
}

/* ---- tokens ---- */

#define TOKEN_SELECT \
	"SELECT t.id, t.token_id, t.token_hash, t.user_id, u.email, " \
	"u.enabled, t.name, t.scopes, t.nodes, t.created_at, t.expires_at, " \
	"t.last_used_at, u.roles, u.username " \
	"FROM pat_tokens t JOIN users u ON u.id = t.user_id " \
	"WHERE t.revoked_at IS NULL "

static int
token_get(sqlite3_stmt *st, void *row)
{
	struct store_token	*t = row;
	char			 public[128], scopes[256];
	char			 nodes[4 * CTL_TEXT_LEN];
	char			 roles[256];
	int			 bad;

	memset(t, 0, sizeof(*t));
	bad = store_text(st, 0, t->id, sizeof(t->id));
	bad |= store_text(st, 1, t->token_id, sizeof(t->token_id));
	t->has_public = store_text(st, 2, public, sizeof(public)) == 0 &&
	    public_get(public, t->public) == 0;
	bad |= store_text(st, 3, t->user_id, sizeof(t->user_id));
	bad |= store_text(st, 4, t->email, sizeof(t->email));
	t->user_enabled = sqlite3_column_int(st, 5) == 1;
	(void)store_text(st, 6, t->name, sizeof(t->name));
	bad |= store_text(st, 7, scopes, sizeof(scopes));
	t->scopes = store_scopes_get(scopes);
	bad |= store_text(st, 8, nodes, sizeof(nodes));
	bad |= store_list_get(nodes, t->nodes, sizeof(t->nodes));
	t->created_at = sqlite3_column_int64(st, 9);
	t->expires_at = sqlite3_column_int64(st, 10);
	/* Only NULL is "never": a 0 has passed long ago. */
	if (t->expires_at <= 0 && sqlite3_column_type(st, 10) != SQLITE_NULL)
		t->expires_at = 1;
	t->last_used_at = sqlite3_column_int64(st, 11);
	t->user_admin = store_text(st, 12, roles, sizeof(roles)) == 0 &&
	    store_role_has(roles, "admin");
	(void)store_text(st, 13, t->username, sizeof(t->username));
	return (bad);
}

enum store_result
store_token_find(struct store *s, const char *token_id, struct store_token *t)
{
	static const char	 sql[] = TOKEN_SELECT "AND t.token_id = ?1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "s", token_id);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (token_get(st, t) == -1)
		r = STORE_NONE;
	store_done(st);
	return (r);
}

enum store_result
store_token_page(struct store *s, const char *user_id, const char *after,
    struct store_token *t, size_t *n)
{
	static const char	 sql[] = TOKEN_SELECT "AND t.token_id > ?1 "
				    "AND (?2 IS NULL OR t.user_id = ?2) "
				    "ORDER BY t.token_id";

	return (store_rows(s, store_bind(s, sql, "ss", after, user_id),
	    token_get, t, sizeof(*t), n));
}

enum store_result
store_token_add(struct store *s, const struct store_token *t)
{
	static const char	 sql[] =
	    "INSERT INTO pat_tokens (id, token_id, token_hash, user_id, name, "
	    "scopes, created_at, expires_at, nodes) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), ?9)";
	char			 public[128], scopes[128];
	char			 nodes[4 * CTL_TEXT_LEN];

	public_put(t->public, public, sizeof(public));
	store_scopes_put(t->scopes, scopes, sizeof(scopes));
	store_list_put(t->nodes, nodes, sizeof(nodes));
	return (store_do(s, store_bind(s, sql, "ssssssiis", t->id,
	    t->token_id, public, t->user_id, t->name, scopes, t->created_at,
	    t->expires_at, nodes)));
}

/* Its nodes refer to it, so the row stays, without what could be used. */
enum store_result
store_token_revoke(struct store *s, const char *token_id, int64_t now)
{
	static const char	 sql[] =
	    "UPDATE pat_tokens SET revoked_at = ?2, token_hash = '' "
	    "WHERE token_id = ?1 AND revoked_at IS NULL";

	return (store_do(s, store_bind(s, sql, "si", token_id, now)));
}

enum store_result
store_token_used(struct store *s, const char *token_id, int64_t at)
{
	static const char	 sql[] =
	    "UPDATE pat_tokens SET last_used_at = ?2 WHERE token_id = ?1";

	return (store_do(s, store_bind(s, sql, "si", token_id, at)));
}
