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
 * The store on SQLite: opening and checking it, running its statements, and
 * what becomes of SQLite's errors.  Whatever happens to the file, auth goes
 * on and says what is wrong.
 */

#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth_sqlite.h"

/*
 * Another program may hold the write lock (an administrator with sqlite3 in
 * a shell); every log-in waits with us, so not for long.
 */
#define STORE_BUSY_MS	250
#define STORE_CHECK_MAX	(256LL * 1024 * 1024)	/* bytes, checked whole */

static void		 store_close(struct store *);
static enum store_result store_lock(struct store *);
static enum store_result store_try(struct store *);
static enum store_result store_connect(struct store *);
static int		 store_reads_only(struct store *);
static enum store_result store_check(struct store *);
static enum store_result store_check_with(struct store *, const char *);
static enum store_result store_fail(struct store *, int);
static enum store_result store_fail_full(struct store *);
static enum store_result store_fail_io(struct store *, int);
static enum store_result store_failed(struct store *, sqlite3_stmt *, int);

struct store *
store_new(const char *file, const char *shown)
{
	struct store	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->lock = -1;
	s->file = strdup(file);
	s->shown = strdup(shown);
	if (s->file == NULL || s->shown == NULL) {
		store_free(s);
		return (NULL);
	}
	snprintf(s->error, sizeof(s->error), "database %s is not open",
	    shown);
	return (s);
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	store_close(s);
	if (s->lock != -1)
		close(s->lock);
	free(s->file);
	free(s->shown);
	free(s);
}

static void
store_close(struct store *s)
{
	size_t	 i;

	store_copy_abandon(s);
	for (i = 0; i < s->nqueries; i++)
		sqlite3_finalize(s->queries[i].stmt);
	s->nqueries = 0;
	sqlite3_close_v2(s->db);
	s->db = NULL;
}

int
store_is_open(const struct store *s)
{
	return (s->db != NULL);
}

int
store_in_use(const struct store *s)
{
	return (s->in_use);
}

/*
 * What one relayd revokes would go on at another, so a store is one's alone.
 * SQLite's own locks are not held for long.  Where this file can't be made
 * there is no telling, and no reason to refuse log-ins.
 */
static enum store_result
store_lock(struct store *s)
{
	struct flock	 fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char		 file[PATH_MAX];

	s->in_use = 0;
	if (s->lock != -1)
		return (STORE_OK);
	if ((size_t)snprintf(file, sizeof(file), "%s-lock", s->file) >=
	    sizeof(file) || (s->lock = open(file, O_RDWR | O_CREAT |
	    O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return (STORE_OK);
	if (fcntl(s->lock, F_SETLK, &fl) == -1 &&
	    (errno == EAGAIN || errno == EACCES)) {
		close(s->lock);
		s->lock = -1;
		s->in_use = 1;
		return (store_broken(s, "database %s: another relayd uses it",
		    s->shown));
	}
	return (STORE_OK);
}

const char *
store_error(const struct store *s)
{
	return (s->error);
}

/*
 * What SQLite shares with other programs that read the file lies in a file
 * of its own, which needs room.  Without any, do without the others, and
 * those who are known can still log in.
 */
enum store_result
store_open(struct store *s)
{
	if (s->db != NULL)
		return (STORE_OK);
	if (store_lock(s) != STORE_OK)
		return (STORE_DOWN);
	s->exclusive = s->full = 0;
	if (store_try(s) == STORE_OK)
		return (STORE_OK);
	if (!s->full)
		return (STORE_DOWN);
	s->exclusive = 1;
	return (store_try(s));
}

static enum store_result
store_try(struct store *s)
{
	enum store_result	 r;

	if ((r = store_connect(s)) == STORE_OK &&
	    (r = store_check(s)) == STORE_OK &&
	    (r = store_upgrade(s)) == STORE_OK) {
		s->error[0] = '\0';
		return (STORE_OK);
	}
	store_close(s);
	return (STORE_DOWN);
}

/*
 * A file that it can't open for writing SQLite opens for reading, whatever
 * the reason, and then never tries again.
 */
static int
store_reads_only(struct store *s)
{
	return (sqlite3_db_readonly(s->db, "main") == 1 &&
	    access(s->file, W_OK) == 0);
}

static enum store_result
store_connect(struct store *s)
{
	const int	 flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			    SQLITE_OPEN_NOMUTEX;
	int		 rc;

	rc = sqlite3_open_v2(s->file, &s->db, flags, NULL);
	if (rc == SQLITE_OK && store_reads_only(s)) {
		sqlite3_close_v2(s->db);
		rc = sqlite3_open_v2(s->file, &s->db, flags, NULL);
	}
	if (rc != SQLITE_OK)
		return (store_fail(s, rc));
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
	/* A schema that somebody planted must not run anything. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	if (s->exclusive && store_exec(s,
	    "PRAGMA locking_mode = EXCLUSIVE") != STORE_OK)
		return (STORE_DOWN);
	return (store_exec(s,
	    "PRAGMA temp_store = MEMORY;"
	    "PRAGMA cell_size_check = ON;"
	    "PRAGMA foreign_keys = ON;"
	    "PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL;"
	    "PRAGMA journal_size_limit = 4194304;"));
}

/*
 * Whoever waits for us waits for this: of a large database only the tables
 * that say who may log in are read, not the audit log.
 */
static enum store_result
store_check(struct store *s)
{
	static const char *const tables[] = {
		"PRAGMA quick_check(users)", "PRAGMA quick_check(pat_tokens)",
		"PRAGMA quick_check(nodes)", "PRAGMA quick_check(grants)"
	};
	static const char	 size[] = "SELECT page_count * page_size "
				    "FROM pragma_page_count, pragma_page_size";
	enum store_result	 r;
	sqlite3_stmt		*st;
	int64_t			 bytes;
	size_t			 i;

	st = store_bind(s, size, "");
	if ((r = store_row(s, st)) != STORE_OK)
		return (r == STORE_NONE ? store_broken(s, "no answer") : r);
	bytes = sqlite3_column_int64(st, 0);
	store_done(st);
	if (bytes <= STORE_CHECK_MAX)
		return (store_check_with(s, "PRAGMA quick_check(1)"));
	for (i = 0; i < nitems(tables); i++) {
		if ((r = store_check_with(s, tables[i])) != STORE_OK)
			return (r);
	}
	return (STORE_OK);
}

static enum store_result
store_check_with(struct store *s, const char *sql)
{
	enum store_result	 r;
	sqlite3_stmt		*st;
	char			 said[128] = "";

	st = store_bind(s, sql, "");
	if ((r = store_row(s, st)) != STORE_OK)
		return (r == STORE_NONE ? store_broken(s, "no answer") : r);
	store_text(st, 0, said, sizeof(said));
	store_done(st);
	if (strcmp(said, "ok") != 0) {
		/* The first line says where, the second what. */
		said[strcspn(said, "\n")] = ' ';
		said[strcspn(said, "\n")] = '\0';
		return (store_broken(s, "database %s is damaged: %s",
		    s->shown, said));
	}
	return (STORE_OK);
}

enum store_result
store_broken(struct store *s, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return (STORE_DOWN);
}

static enum store_result
store_fail_full(struct store *s)
{
	s->full = 1;
	store_broken(s, "disk full: database %s can't grow", s->shown);
	return (STORE_NOWRITE);
}

/* Reads may go on when a write has failed, and the other way round. */
static enum store_result
store_fail_io(struct store *s, int rc)
{
	int	 e = errno, known = sqlite3_system_errno(s->db);

	/* SQLite does not remember it for what fails in a commit. */
	if (known != 0)
		e = known;
	switch (rc) {
	case SQLITE_IOERR_READ:
	case SQLITE_IOERR_SHORT_READ:
	case SQLITE_IOERR_SHMMAP:
	case SQLITE_IOERR_CORRUPTFS:
		return (store_broken(s, "database %s can't be read: %s",
		    s->shown, e != 0 ? strerror(e) : sqlite3_errstr(rc)));
	}
	if (e == ENOSPC || e == EDQUOT || e == EFBIG)
		return (store_fail_full(s));
	store_broken(s, "database %s can't be written: %s", s->shown,
	    e != 0 ? strerror(e) : sqlite3_errstr(rc));
	return (STORE_NOWRITE);
}

/* What SQLite has just said, as a result; keeps its text. */
static enum store_result
store_fail(struct store *s, int rc)
{
	int	 e;

	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
			return (STORE_NONE);
		return (STORE_EXISTS);
	case SQLITE_FULL:
		return (store_fail_full(s));
	case SQLITE_READONLY:
		store_broken(s, "database %s can't be written: %s", s->shown,
		    sqlite3_errstr(rc));
		return (STORE_NOWRITE);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		store_broken(s, "database %s is locked by another program",
		    s->shown);
		return (STORE_NOWRITE);
	case SQLITE_IOERR:
		return (store_fail_io(s, rc));
	case SQLITE_CANTOPEN:
		e = s->db != NULL ? sqlite3_system_errno(s->db) : 0;
		return (store_broken(s, "database %s can't be opened: %s",
		    s->shown, e != 0 ? strerror(e) : sqlite3_errstr(rc)));
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return (store_broken(s, "database %s is damaged: %s",
		    s->shown, sqlite3_errstr(rc)));
	default:
		return (store_broken(s, "database %s: %s", s->shown,
		    s->db != NULL ? sqlite3_errmsg(s->db) :
		    sqlite3_errstr(rc)));
	}
}

/*
 * End the statement (if any), but not before asking what went wrong.  A
 * damaged file is closed, to be opened and checked whole again before
 * anything from it is believed.
 */
static enum store_result
store_failed(struct store *s, sqlite3_stmt *st, int rc)
{
	enum store_result	 r = store_fail(s, rc);

	if (st != NULL)
		store_done(st);
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ||
	    rc == SQLITE_READONLY_DBMOVED ||
	    (rc == SQLITE_READONLY && store_reads_only(s)))
		store_close(s);
	return (r);
}

/* The statement of this SQL, prepared once. */
static sqlite3_stmt *
store_prepare(struct store *s, const char *sql)
{
	struct store_query	*q;
	size_t			 i;
	int			 rc;

	for (i = 0; i < s->nqueries; i++) {
		if (s->queries[i].sql == sql)
			return (s->queries[i].stmt);
	}
	if (s->nqueries == nitems(s->queries)) {
		store_broken(s, "too many statements");
		return (NULL);
	}
	q = &s->queries[s->nqueries];
	rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &q->stmt, NULL);
	if (rc != SQLITE_OK) {
		store_failed(s, NULL, rc);
		return (NULL);
	}
	q->sql = sql;
	s->nqueries++;
	return (q->stmt);
}

sqlite3_stmt *
store_bind(struct store *s, const char *sql, const char *types, ...)
{
	sqlite3_stmt	*st;
	va_list		 ap;
	int		 i, rc = SQLITE_OK;

	if (s->db == NULL)
		return (NULL);
	if ((st = store_prepare(s, sql)) == NULL)
		return (NULL);
	va_start(ap, types);
	for (i = 0; types[i] != '\0' && rc == SQLITE_OK; i++) {
		if (types[i] == 'i')
			rc = sqlite3_bind_int64(st, i + 1,
			    va_arg(ap, int64_t));
		else
			rc = sqlite3_bind_text(st, i + 1,
			    va_arg(ap, const char *), -1, SQLITE_STATIC);
	}
	va_end(ap);
	if (rc != SQLITE_OK) {
		store_failed(s, st, rc);
		return (NULL);
	}
	return (st);
}

void
store_done(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

enum store_result
store_row(struct store *s, sqlite3_stmt *st)
{
	int	 rc;

	if (st == NULL)
		return (STORE_DOWN);
	errno = 0;
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		return (STORE_OK);
	if (rc != SQLITE_DONE)
		return (store_failed(s, st, rc));
	store_done(st);
	return (STORE_NONE);
}

enum store_result
store_rows(struct store *s, sqlite3_stmt *st,
    int (*get)(sqlite3_stmt *, void *), void *rows, size_t size, size_t *n)
{
	enum store_result	 r = STORE_NONE;
	size_t			 max = *n;

	*n = 0;
	while (*n < max && (r = store_row(s, st)) == STORE_OK) {
		if (get(st, (char *)rows + *n * size) == 0)
			(*n)++;
	}
	if (r == STORE_OK)
		store_done(st);
	return (r == STORE_NONE ? STORE_OK : r);
}

enum store_result
store_do(struct store *s, sqlite3_stmt *st)
{
	enum store_result	 r;

	if ((r = store_row(s, st)) == STORE_OK) {
		store_done(st);
		return (STORE_OK);
	}
	if (r != STORE_NONE)
		return (r);
	return (sqlite3_changes(s->db) > 0 ? STORE_OK : STORE_NONE);
}

enum store_result
store_exec(struct store *s, const char *sql)
{
	int	 rc;

	if (s->db == NULL)
		return (STORE_DOWN);
	errno = 0;
	rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	return (rc == SQLITE_OK ? STORE_OK : store_failed(s, NULL, rc));
}

int
store_text(sqlite3_stmt *st, int column, char *buf, size_t size)
{
	const char	*text;

	text = (const char *)sqlite3_column_text(st, column);
	return (strlcpy(buf, text != NULL ? text : "", size) < size ? 0 : -1);
}

/* IMMEDIATE: whether it can be written is known at once, not half-way. */
enum store_result
store_begin(struct store *s)
{
	static const char	 sql[] = "BEGIN IMMEDIATE";
	enum store_result	 r;

	r = store_row(s, store_bind(s, sql, ""));
	return (r == STORE_NONE ? STORE_OK : r);
}

enum store_result
store_commit(struct store *s)
{
	static const char	 sql[] = "COMMIT";
	enum store_result	 r;

	r = store_row(s, store_bind(s, sql, ""));
	if (r == STORE_NONE)
		return (STORE_OK);
	store_rollback(s);
	return (r);
}

void
store_rollback(struct store *s)
{
	/* SQLite has done so by itself after some errors. */
	if (s->db != NULL && !sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

void
store_uuid(char out[USER_ID_LEN + 1])
{
	uint8_t	 b[16];

	arc4random_buf(b, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	(void)snprintf(out, USER_ID_LEN + 1, "%02x%02x%02x%02x-%02x%02x-"
	    "%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
	    b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
	    b[13], b[14], b[15]);
}

uint64_t
store_memory(const struct store *s)
{
	sqlite3_int64	 n = sqlite3_memory_used();

	return (n < 0 ? 0 : n);
}
