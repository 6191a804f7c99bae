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
 * Copies of the store, by SQLite's online backup: some pages at a time, while
 * it is read and written.  What this process writes meanwhile goes into both;
 * when another program writes, the copy begins again by itself.
 */

#include "compat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth_sqlite.h"

static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };

static void		 copy_close(struct store *);
static void		 copy_remove(const char *);
static enum store_result copy_failed(struct store *, int, const char *);
static enum store_result copy_settle(struct store *);
static int		 copy_said_ok(sqlite3 *, const char *, char *, size_t);

const char *
store_copy_error(const struct store *s)
{
	return (s->copy_error);
}

static void
copy_close(struct store *s)
{
	if (s->backup != NULL)
		sqlite3_backup_finish(s->backup);
	s->backup = NULL;
	sqlite3_close_v2(s->copy);
	s->copy = NULL;
}

static void
copy_remove(const char *file)
{
	char	 name[1200];
	size_t	 i;

	for (i = 0; i < nitems(suffixes); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", file, suffixes[i]);
		(void)unlink(name);
	}
}

void
store_copy_abandon(struct store *s)
{
	if (s->copy_file == NULL)
		return;
	copy_close(s);
	copy_remove(s->copy_file);
	free(s->copy_file);
	s->copy_file = NULL;
	strlcpy(s->copy_error, "the store was closed meanwhile",
	    sizeof(s->copy_error));
}

void
store_copy_cancel(struct store *s, const char *file)
{
	store_copy_abandon(s);
	copy_remove(file);
}

/* The reason is in rc or, if that is 0, in errno. */
static enum store_result
copy_failed(struct store *s, int rc, const char *what)
{
	int	 e = errno, full;

	if (rc != 0 && s->copy != NULL)
		e = sqlite3_system_errno(s->copy);
	full = (rc & 0xff) == SQLITE_FULL || e == ENOSPC || e == EDQUOT ||
	    e == EFBIG;
	store_copy_abandon(s);
	if (full)
		strlcpy(s->copy_error, "disk full: there is no room for a "
		    "copy in the state folder", sizeof(s->copy_error));
	else
		(void)snprintf(s->copy_error, sizeof(s->copy_error),
		    "%s: %s", what, rc != 0 ? sqlite3_errstr(rc) :
		    strerror(e));
	return (full ? STORE_NOWRITE : STORE_DOWN);
}

enum store_result
store_copy_start(struct store *s, const char *file)
{
	int	 rc;

	store_copy_cancel(s, file);
	if (s->db == NULL) {
		strlcpy(s->copy_error, s->error, sizeof(s->copy_error));
		return (STORE_DOWN);
	}
	if ((s->copy_file = strdup(file)) == NULL)
		return (copy_failed(s, SQLITE_NOMEM, "copy"));
	rc = sqlite3_open_v2(file, &s->copy, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return (copy_failed(s, rc, "the copy can't be made"));
	sqlite3_extended_result_codes(s->copy, 1);
	/* Half a copy is worth nothing: no need to keep it whole. */
	rc = sqlite3_exec(s->copy, "PRAGMA journal_mode = OFF; "
	    "PRAGMA synchronous = OFF; PRAGMA cache_size = -512;", NULL, NULL,
	    NULL);
	if (rc != SQLITE_OK)
		return (copy_failed(s, rc, "the copy can't be made"));
	s->backup = sqlite3_backup_init(s->copy, "main", s->db, "main");
	if (s->backup == NULL)
		return (copy_failed(s, sqlite3_errcode(s->copy),
		    "the copy can't be made"));
	return (STORE_OK);
}

enum store_result
store_copy_step(struct store *s, int pages, uint64_t *done, uint64_t *total)
{
	int	 rc;

	*done = *total = 0;
	if (s->backup == NULL)
		return (STORE_DOWN);
	errno = 0;
	rc = sqlite3_backup_step(s->backup, pages);
	*total = sqlite3_backup_pagecount(s->backup);
	*done = *total - sqlite3_backup_remaining(s->backup);
	switch (rc) {
	case SQLITE_OK:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return (STORE_OK);
	case SQLITE_DONE:
		return (copy_settle(s));
	default:
		return (copy_failed(s, rc, "copying failed"));
	}
}

/* All pages are there: make it a file that needs no other beside it. */
static enum store_result
copy_settle(struct store *s)
{
	int	 fd, rc;

	if ((rc = sqlite3_backup_finish(s->backup)) != SQLITE_OK) {
		s->backup = NULL;
		return (copy_failed(s, rc, "copying failed"));
	}
	s->backup = NULL;
	/* Its head still says that there is a log, as the original has. */
	sqlite3_close_v2(s->copy);
	s->copy = NULL;
	rc = sqlite3_open_v2(s->copy_file, &s->copy, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->copy, "PRAGMA locking_mode = EXCLUSIVE; "
		    "PRAGMA journal_mode = DELETE;", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_close(s->copy);
	if (rc != SQLITE_OK)
		return (copy_failed(s, rc, "the copy can't be finished"));
	s->copy = NULL;
	if ((fd = open(s->copy_file, O_RDONLY | O_CLOEXEC)) == -1 ||
	    fsync(fd) == -1) {
		rc = errno;
		if (fd != -1)
			close(fd);
		errno = rc;
		return (copy_failed(s, 0, "the copy can't be written"));
	}
	close(fd);
	free(s->copy_file);
	s->copy_file = NULL;
	return (STORE_NONE);
}

/* What it says other than "ok" is copied out. */
static int
copy_said_ok(sqlite3 *db, const char *sql, char *said, size_t size)
{
	sqlite3_stmt	*st = NULL;
	int		 rc;

	said[0] = '\0';
	rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		(void)store_text(st, 0, said, size);
	sqlite3_finalize(st);
	if (rc == SQLITE_ROW && strcmp(said, "ok") == 0)
		return (1);
	if (said[0] == '\0')
		strlcpy(said, sqlite3_errstr(rc), size);
	return (0);
}

enum store_result
store_copy_check(struct store *s, const char *file, int64_t whole)
{
	static const char *const some[] = {
		"PRAGMA quick_check(users)", "PRAGMA quick_check(pat_tokens)",
		"PRAGMA quick_check(nodes)", "PRAGMA quick_check(grants)",
		NULL
	};
	static const char *const all[] = { "PRAGMA quick_check(1)", NULL };
	const char *const	*sql;
	sqlite3			*db = NULL;
	sqlite3_int64		 bytes = 0;
	char			 said[128] = "";
	int			 ok, rc;

	/* It has no log, and nobody else writes to it. */
	rc = sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX, NULL);
	ok = rc == SQLITE_OK;
	if (ok && copy_said_ok(db, "SELECT page_count * page_size "
	    "FROM pragma_page_count, pragma_page_size", said, sizeof(said)) ==
	    0)
		bytes = strtoll(said, NULL, 10);
	sql = bytes <= whole ? all : some;
	for (; ok && *sql != NULL; sql++)
		ok = copy_said_ok(db, *sql, said, sizeof(said));
	sqlite3_close_v2(db);
	if (ok)
		return (STORE_OK);
	said[strcspn(said, "\n")] = ' ';
	said[strcspn(said, "\n")] = '\0';
	(void)snprintf(s->copy_error, sizeof(s->copy_error),
	    "the copy is damaged: %s", said);
	return (STORE_DOWN);
}
