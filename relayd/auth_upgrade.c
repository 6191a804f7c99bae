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
 * The tables of the store: made in a new database, adopted or brought up to
 * date in an older one, one step and one transaction at a time.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "auth_sqlite.h"
#include "sql.h"

#define VERSION_NONE	(-1)		/* an empty database */

static enum store_result upgrade_count(struct store *, const char *, int *);
static enum store_result upgrade_version(struct store *, int *);
static enum store_result upgrade_run(struct store *, const char *, int);

static enum store_result
upgrade_count(struct store *s, const char *sql, int *n)
{
	enum store_result	 r;
	sqlite3_stmt		*st;

	st = store_bind(s, sql, "");
	if ((r = store_row(s, st)) != STORE_OK)
		return (r == STORE_NONE ?
		    store_broken(s, "database %s has no version", s->shown) :
		    r);
	*n = sqlite3_column_int(st, 0);
	store_done(st);
	return (STORE_OK);
}

/* Version 0 are the original tables, from before there was a version. */
static enum store_result
upgrade_version(struct store *s, int *version)
{
	static const char	 all[] = "SELECT count(*) FROM sqlite_master";
	static const char	 meta[] = "SELECT count(*) FROM sqlite_master "
				    "WHERE type = 'table' AND name = 'meta'";
	static const char	 original[] = "SELECT count(*) "
				    "FROM sqlite_master WHERE type = 'table' "
				    "AND name IN ('users', 'pat_tokens', "
				    "'nodes')";
	static const char	 number[] = "SELECT version FROM meta";
	enum store_result	 r;
	int			 n;

	if ((r = upgrade_count(s, meta, &n)) != STORE_OK)
		return (r);
	if (n == 1)
		return (upgrade_count(s, number, version));
	if ((r = upgrade_count(s, original, &n)) != STORE_OK)
		return (r);
	*version = 0;
	if (n == 3)
		return (STORE_OK);
	if ((r = upgrade_count(s, all, &n)) != STORE_OK)
		return (r);
	*version = VERSION_NONE;
	if (n == 0)
		return (STORE_OK);
	return (store_broken(s, "database %s is somebody else's", s->shown));
}

static enum store_result
upgrade_run(struct store *s, const char *sql, int version)
{
	enum store_result	 r;
	char			 stamp[96];

	(void)snprintf(stamp, sizeof(stamp),
	    "DELETE FROM meta; INSERT INTO meta (version) VALUES (%d)",
	    version);
	if ((r = store_begin(s)) != STORE_OK)
		return (r);
	if ((r = store_exec(s, sql)) != STORE_OK ||
	    (r = store_exec(s, stamp)) != STORE_OK) {
		store_rollback(s);
		return (r);
	}
	return (store_commit(s));
}

enum store_result
store_upgrade(struct store *s)
{
	enum store_result	 r;
	int			 version;

	if ((r = upgrade_version(s, &version)) != STORE_OK)
		return (r);
	if (version == VERSION_NONE)
		return (upgrade_run(s, sql_schema, sql_upgrades_count));
	if (version < 0 || version > sql_upgrades_count)
		return (store_broken(s, "database %s is of version %d; this "
		    "relayd knows %d", s->shown, version, sql_upgrades_count));
	for (; version < sql_upgrades_count; version++) {
		r = upgrade_run(s, sql_upgrades[version], version + 1);
		if (r != STORE_OK)
			return (r);
	}
	return (STORE_OK);
}
