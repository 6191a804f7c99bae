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
 * The store: grants.
 */

#include "compat.h"

#include <string.h>

#include "auth_sqlite.h"
#include "target.h"

static int	grant_columns(sqlite3_stmt *, int, struct grant *);
static int	grant_get(sqlite3_stmt *, void *);
static enum store_result grant_one(struct store *, sqlite3_stmt *,
		    struct store_grant *);

#define GRANT_COLUMNS	"g.id, g.scopes, g.targets, g.expires_at"
#define GRANT_SELECT \
	"SELECT " GRANT_COLUMNS ", g.user_id, u.email, u.enabled, " \
	"g.node_id, n.name, o.email, o.enabled, g.granted_by, " \
	"g.created_at FROM grants g " \
	"JOIN users u ON u.id = g.user_id " \
	"JOIN nodes n ON n.id = g.node_id " \
	"JOIN users o ON o.id = n.user_id "

/* -1: what another program wrote, and what would give we don't know what. */
static int
grant_columns(sqlite3_stmt *st, int i, struct grant *g)
{
	struct targets	 t;
	const char	*why;
	char		 scopes[256];
	char		 targets[TARGETS_LEN + 4 * TARGETS_MAX];
	int		 bad;

	memset(g, 0, sizeof(*g));
	bad = store_text(st, i, g->id, sizeof(g->id));
	bad |= store_text(st, i + 1, scopes, sizeof(scopes));
	g->scopes = store_scopes_get(scopes);
	bad |= store_text(st, i + 2, targets, sizeof(targets));
	bad |= store_list_get(targets, g->targets, sizeof(g->targets));
	g->expires_at = sqlite3_column_int64(st, i + 3);
	/* Only NULL is "never": a 0 has passed long ago. */
	if (g->expires_at <= 0 &&
	    sqlite3_column_type(st, i + 3) != SQLITE_NULL)
		g->expires_at = 1;
	if (bad || targets_parse(g->targets, &t, &why) == -1)
		return (-1);
	return (0);
}

static int
grant_get(sqlite3_stmt *st, void *row)
{
	struct store_grant	*g = row;
	int			 bad;

	memset(g, 0, sizeof(*g));
	bad = grant_columns(st, 0, &g->grant);
	bad |= store_text(st, 4, g->user_id, sizeof(g->user_id));
	bad |= store_text(st, 5, g->email, sizeof(g->email));
	g->user_enabled = sqlite3_column_int(st, 6) == 1;
	bad |= store_text(st, 7, g->node_id, sizeof(g->node_id));
	bad |= store_text(st, 8, g->node, sizeof(g->node));
	bad |= store_text(st, 9, g->owner, sizeof(g->owner));
	g->owner_enabled = sqlite3_column_int(st, 10) == 1;
	bad |= store_text(st, 11, g->granted_by, sizeof(g->granted_by));
	g->created_at = sqlite3_column_int64(st, 12);
	return (bad);
}

static enum store_result
grant_one(struct store *s, sqlite3_stmt *st, struct store_grant *g)
{
	enum store_result	 r;

	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (grant_get(st, g) == -1)
		r = STORE_NONE;
	store_done(st);
	return (r);
}

enum store_result
store_grant_find(struct store *s, const char *user_id, const char *node_id,
    struct store_grant *g)
{
	static const char	 sql[] = GRANT_SELECT
				    "WHERE g.user_id = ?1 AND g.node_id = ?2";

	return (grant_one(s, store_bind(s, sql, "ss", user_id, node_id), g));
}

enum store_result
store_grant_find_id(struct store *s, const char *id, struct store_grant *g)
{
	static const char	 sql[] = GRANT_SELECT "WHERE g.id = ?1";

	return (grant_one(s, store_bind(s, sql, "s", id), g));
}

enum store_result
store_grant_set(struct store *s, const struct store_grant *g)
{
	static const char	 sql[] =
	    "INSERT INTO grants (id, user_id, node_id, granted_by, scopes, "
	    "targets, created_at, expires_at) "
	    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0)) "
	    "ON CONFLICT (user_id, node_id) DO UPDATE SET "
	    "granted_by = excluded.granted_by, scopes = excluded.scopes, "
	    "targets = excluded.targets, created_at = excluded.created_at, "
	    "expires_at = excluded.expires_at";
	char			 scopes[128];
	char			 targets[TARGETS_LEN + 4 * TARGETS_MAX];

	store_scopes_put(g->grant.scopes, scopes, sizeof(scopes));
	store_list_put(g->grant.targets, targets, sizeof(targets));
	return (store_do(s, store_bind(s, sql, "ssssssii", g->grant.id,
	    g->user_id, g->node_id, g->granted_by, scopes, targets,
	    g->created_at, g->grant.expires_at)));
}

enum store_result
store_grant_remove(struct store *s, const char *user_id, const char *node_id)
{
	static const char	 sql[] = "DELETE FROM grants "
				    "WHERE user_id = ?1 AND node_id = ?2";

	return (store_do(s, store_bind(s, sql, "ss", user_id, node_id)));
}

enum store_result
store_grant_page(struct store *s, const char *user_id, const char *node_id,
    const char *after_email, const char *after_node, struct store_grant *g,
    size_t *n)
{
	static const char	 sql[] = GRANT_SELECT
				    "WHERE (u.email, n.name) > (?1, ?2) "
				    "AND (?3 IS NULL OR g.user_id = ?3) "
				    "AND (?4 IS NULL OR g.node_id = ?4) "
				    "ORDER BY u.email, n.name";

	return (store_rows(s, store_bind(s, sql, "ssss", after_email,
	    after_node, user_id, node_id), grant_get, g, sizeof(*g), n));
}

enum store_result
store_grant_ended(struct store *s, int64_t after, int64_t until,
    const char *after_id, struct store_grant *g, size_t *n)
{
	static const char	 sql[] = GRANT_SELECT
				    "WHERE g.expires_at > ?1 "
				    "AND g.expires_at <= ?2 AND g.id > ?3 "
				    "ORDER BY g.id";

	return (store_rows(s, store_bind(s, sql, "iis", after, until,
	    after_id), grant_get, g, sizeof(*g), n));
}

enum store_result
store_grant_next(struct store *s, int64_t after, int64_t *at)
{
	static const char	 sql[] = "SELECT expires_at FROM grants "
				    "WHERE expires_at > ?1 "
				    "ORDER BY expires_at LIMIT 1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "i", after);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	*at = sqlite3_column_int64(st, 0);
	store_done(st);
	return (STORE_OK);
}

enum store_result
store_reach_page(struct store *s, const char *user_id, int64_t now,
    const char *after, struct store_reach *reach, size_t *n)
{
	static const char	 sql[] = "SELECT " GRANT_COLUMNS ", "
	    "n.name, n.id, o.email, n.last_seen_at, n.user_id = ?1 "
	    "FROM nodes n JOIN users o ON o.id = n.user_id "
	    "LEFT JOIN grants g ON g.node_id = n.id AND g.user_id = ?1 "
	    "AND n.user_id <> ?1 "
	    "WHERE n.name > ?3 AND (n.user_id = ?1 OR (g.id IS NOT NULL "
	    "AND o.enabled = 1 "
	    "AND (g.expires_at IS NULL OR g.expires_at > ?2))) "
	    "ORDER BY n.name";
	enum store_result	 r = STORE_NONE;
	struct store_reach	*e;
	sqlite3_stmt		*st;
	size_t			 max = *n;
	int			 bad;

	*n = 0;
	st = store_bind(s, sql, "sis", user_id, now, after);
	while (*n < max && (r = store_row(s, st)) == STORE_OK) {
		e = &reach[*n];
		memset(e, 0, sizeof(*e));
		bad = store_text(st, 4, e->node, sizeof(e->node));
		bad |= store_text(st, 5, e->node_id, sizeof(e->node_id));
		bad |= store_text(st, 6, e->owner, sizeof(e->owner));
		e->last_seen_at = sqlite3_column_int64(st, 7);
		if (!sqlite3_column_int(st, 8))
			bad |= grant_columns(st, 0, &e->grant);
		if (!bad)
			(*n)++;
	}
	if (r == STORE_OK)
		store_done(st);
	return (r == STORE_NONE ? STORE_OK : r);
}
