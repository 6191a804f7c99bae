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
 * The store: sites.  Who may see what a node shows by HTTP, and which host
 * names of their owners' lead to it.
 */

#include "compat.h"

#include <string.h>

#include "auth_sqlite.h"

static uint32_t	access_get(sqlite3_stmt *, int);
static int	site_get(sqlite3_stmt *, void *);
static enum store_result site_one(struct store *, sqlite3_stmt *,
		    struct store_site *);
static int	domain_get(sqlite3_stmt *, void *);

/* A service without a word of its own is as its node. */
#define SITE_COLUMNS \
	"n.id, n.name, u.id, u.email, u.enabled, n.last_seen_at, " \
	"coalesce(s.access, d.access, 'private')"
#define DOMAIN_SELECT \
	"SELECT " SITE_COLUMNS ", o.service, o.passthrough, o.name, " \
	"o.created_at FROM domains o JOIN nodes n ON n.id = o.node_id " \
	"JOIN users u ON u.id = n.user_id " \
	"LEFT JOIN services s ON s.node_id = n.id AND s.name = o.service " \
	"LEFT JOIN services d ON d.node_id = n.id AND d.name = '' "

/* What another program wrote and we don't know is no way in. */
static uint32_t
access_get(sqlite3_stmt *st, int i)
{
	static const char *const names[] = SITE_ACCESS_NAMES;
	char			 text[16];
	uint32_t		 a;

	if (store_text(st, i, text, sizeof(text)) == -1)
		return (SITE_PRIVATE);
	for (a = SITE_PUBLIC; a < nitems(names); a++) {
		if (strcmp(text, names[a]) == 0)
			return (a);
	}
	return (SITE_PRIVATE);
}

static int
site_get(sqlite3_stmt *st, void *row)
{
	struct store_site	*si = row;
	int			 bad;

	memset(si, 0, sizeof(*si));
	bad = store_text(st, 0, si->node_id, sizeof(si->node_id));
	bad |= store_text(st, 1, si->node, sizeof(si->node));
	bad |= store_text(st, 2, si->user_id, sizeof(si->user_id));
	bad |= store_text(st, 3, si->email, sizeof(si->email));
	si->user_enabled = sqlite3_column_int(st, 4) == 1;
	si->last_seen_at = sqlite3_column_int64(st, 5);
	si->access = access_get(st, 6);
	bad |= store_text(st, 7, si->service, sizeof(si->service));
	return (bad);
}

static enum store_result
site_one(struct store *s, sqlite3_stmt *st, struct store_site *si)
{
	enum store_result	 r;

	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (site_get(st, si) == -1)
		r = STORE_NONE;
	store_done(st);
	return (r);
}

enum store_result
store_site_find(struct store *s, const char *node, const char *service,
    struct store_site *si)
{
	static const char	 sql[] = "SELECT " SITE_COLUMNS ", ?2 "
	    "FROM nodes n JOIN users u ON u.id = n.user_id "
	    "LEFT JOIN services s ON s.node_id = n.id AND s.name = ?2 "
	    "LEFT JOIN services d ON d.node_id = n.id AND d.name = '' "
	    "WHERE n.name = ?1";

	return (site_one(s, store_bind(s, sql, "ss", node, service), si));
}

/* ---- services ---- */

enum store_result
store_service_set(struct store *s, const char *node_id, const char *name,
    uint32_t access)
{
	static const char	 sql[] =
	    "INSERT INTO services (node_id, name, access) "
	    "VALUES (?1, ?2, ?3) "
	    "ON CONFLICT (node_id, name) DO UPDATE SET "
	    "access = excluded.access";
	static const char *const names[] = SITE_ACCESS_NAMES;

	return (store_do(s, store_bind(s, sql, "sss", node_id, name,
	    names[access < nitems(names) ? access : SITE_PRIVATE])));
}

enum store_result
store_service_remove(struct store *s, const char *node_id, const char *name)
{
	static const char	 sql[] = "DELETE FROM services "
				    "WHERE node_id = ?1 AND name = ?2";

	return (store_do(s, store_bind(s, sql, "ss", node_id, name)));
}

enum store_result
store_service_page(struct store *s, const char *node_id,
    const char *after_node, const char *after_name, struct store_site *si,
    size_t *n)
{
	static const char	 sql[] = "SELECT n.id, n.name, u.id, u.email, "
	    "u.enabled, n.last_seen_at, s.access, s.name FROM services s "
	    "JOIN nodes n ON n.id = s.node_id "
	    "JOIN users u ON u.id = n.user_id "
	    "WHERE (n.name, s.name) > (?1, ?2) "
	    "AND (?3 IS NULL OR n.id = ?3) AND s.name <> '' "
	    "ORDER BY n.name, s.name";

	return (store_rows(s, store_bind(s, sql, "sss", after_node, after_name,
	    node_id), site_get, si, sizeof(*si), n));
}

/* ---- domains ---- */

static int
domain_get(sqlite3_stmt *st, void *row)
{
	struct store_domain	*d = row;
	int			 bad;

	memset(d, 0, sizeof(*d));
	bad = site_get(st, &d->site);
	d->passthrough = sqlite3_column_int(st, 8) == 1;
	bad |= store_text(st, 9, d->name, sizeof(d->name));
	d->created_at = sqlite3_column_int64(st, 10);
	return (bad || d->name[0] == '\0' ? -1 : 0);
}

enum store_result
store_domain_find(struct store *s, const char *name, struct store_domain *d)
{
	static const char	 sql[] = DOMAIN_SELECT "WHERE o.name = ?1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "s", name);
	if ((r = store_row(s, st)) != STORE_OK)
		return (r);
	if (domain_get(st, d) == -1)
		r = STORE_NONE;
	store_done(st);
	return (r);
}

enum store_result
store_domain_add(struct store *s, const struct store_domain *d)
{
	static const char	 sql[] =
	    "INSERT INTO domains (name, node_id, service, passthrough, "
	    "created_at) VALUES (?1, ?2, ?3, ?4, ?5)";

	return (store_do(s, store_bind(s, sql, "sssii", d->name,
	    d->site.node_id, d->site.service, (int64_t)d->passthrough,
	    d->created_at)));
}

enum store_result
store_domain_remove(struct store *s, const char *name)
{
	static const char	 sql[] = "DELETE FROM domains WHERE name = ?1";

	return (store_do(s, store_bind(s, sql, "s", name)));
}

int
store_domain_passthrough(struct store *s)
{
	static const char	 sql[] =
	    "SELECT 1 FROM domains WHERE passthrough = 1 LIMIT 1";
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "");
	if ((r = store_row(s, st)) == STORE_OK)
		store_done(st);
	return (r != STORE_NONE);
}

enum store_result
store_domain_page(struct store *s, const char *after, struct store_domain *d,
    size_t *n)
{
	static const char	 sql[] = DOMAIN_SELECT "WHERE o.name > ?1 "
				    "ORDER BY o.name";

	return (store_rows(s, store_bind(s, sql, "s", after), domain_get, d,
	    sizeof(*d), n));
}
