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


#ifndef AUTH_SQLITE_H
#define AUTH_SQLITE_H

#include <sqlite3.h>

#include <stddef.h>
#include <stdint.h>

#include "auth_store.h"

/* SQLite behind the store; for auth_store*.c and auth_upgrade.c only. */

#define STORE_QUERIES_MAX	128

struct store_query {
	const char	*sql;		/* its address is its name */
	sqlite3_stmt	*stmt;
};

struct store {
	sqlite3			*db;		/* NULL: closed */
	char			*file;
	char			*shown;
	struct store_query	 queries[STORE_QUERIES_MAX];
	size_t			 nqueries;
	int			 full;		/* the disk was, at open */
	int			 exclusive;	/* others can't read it now */
	int			 lock;		/* descriptor; or -1 */
	int			 in_use;	/* somebody else has the lock */
	char			 error[CTL_TEXT_LEN];
	/* A copy that is being made. */
	sqlite3			*copy;
	sqlite3_backup		*backup;
	char			*copy_file;
	char			 copy_error[CTL_TEXT_LEN];
};

/*
 * store_bind: a prepared statement with its values, ready for store_row() or
 * store_do(), or NULL (store_error() says why).  sql must be static.  types:
 * one letter for each value, 's' a string or NULL, 'i' an int64_t.  Strings
 * must live until the statement is done.
 */
sqlite3_stmt	*store_bind(struct store *, const char *sql,
		    const char *types, ...);
/*
 * store_row: STORE_OK, there is a row; STORE_NONE: no more, and the statement
 * is done; or an error, likewise.  store_done ends one early.  store_do: a
 * change; STORE_NONE if it changed no row.  Both take NULL.
 */
enum store_result store_row(struct store *, sqlite3_stmt *);
enum store_result store_do(struct store *, sqlite3_stmt *);
/*
 * store_rows: the next of them, into *n places of this size; *n becomes how
 * many there were.  get: 0, or -1 for a row that makes no sense, which is left
 * out.
 */
enum store_result store_rows(struct store *, sqlite3_stmt *,
		    int (*get)(sqlite3_stmt *, void *), void *, size_t,
		    size_t *);
void		 store_done(sqlite3_stmt *);
/* Run SQL that returns nothing. */
enum store_result store_exec(struct store *, const char *sql);
/* The store is unusable, with the reason.  Returns STORE_DOWN. */
enum store_result store_broken(struct store *, const char *, ...)
		    __attribute__((__format__ (printf, 2, 3)));

/* auth_store_copy.c: db is about to be closed. */
void		 store_copy_abandon(struct store *);

/* Column text into a buffer; -1 if it was cut.  NULL is "". */
int		 store_text(sqlite3_stmt *, int, char *, size_t);

/*
 * auth_store_user.c: lists as JSON arrays.  Scopes by their names; "a,b" as
 * ["a","b"], which takes three bytes more for each word at most.  get: -1 if
 * it is not such an array or too long; then it allows nothing, not all.
 */
void		 store_scopes_put(uint32_t, char *, size_t);
uint32_t	 store_scopes_get(const char *);
void		 store_list_put(const char *, char *, size_t);
int		 store_list_get(const char *, char *, size_t);
/* Whether a JSON array of roles names this one. */
int		 store_role_has(const char *, const char *);

/* auth_upgrade.c: make the tables, or bring them to this version. */
enum store_result store_upgrade(struct store *);

#endif /* AUTH_SQLITE_H */
