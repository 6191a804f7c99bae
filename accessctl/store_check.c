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
 * Looking at a database for damage.  It is read through a mapping of a file
 * that is open already: nothing is written, locked or made beside it, and
 * the sandbox needs to know no name.
 */

#include "compat.h"

#include <sys/mman.h>

#include <sqlite3.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "sql.h"

#define PROBLEMS_MAX	100
#define HEAD_LEN	100		/* of a database */
#define HEAD_WRITE	18		/* versions of the format: 2 with a */
#define HEAD_READ	19		/* write-ahead log, 1 without */

struct check {
	sqlite3		*db;
	void		(*tell)(void *, const char *);
	void		*arg;
	int		 problems;
	int		 failed;
};

static void	check_say(struct check *, const char *, ...)
		    __attribute__((__format__ (printf, 2, 3)));
static void	check_text(struct check *, const char *);
static void	check_lines(struct check *, const char *);
static void	check_keys(struct check *);
static void	check_version(struct check *);

static void
check_say(struct check *c, const char *fmt, ...)
{
	char	 line[512], clean[1024];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->problems++;
	if (c->tell == NULL)
		return;
	/* What is in a damaged file may be anything. */
	print_clean(line, clean, sizeof(clean));
	c->tell(c->arg, clean);
}

/* SQLite puts several lines into one answer. */
static void
check_text(struct check *c, const char *text)
{
	size_t	 len;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (len > 0)
			check_say(c, "%.*s", (int)len, text);
	}
}

/* A pragma that answers with "ok", or with a row for each problem. */
static void
check_lines(struct check *c, const char *sql)
{
	const char	*text;
	sqlite3_stmt	*st = NULL;
	int		 rc;

	rc = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		if ((rc = sqlite3_step(st)) != SQLITE_ROW)
			break;
		text = (const char *)sqlite3_column_text(st, 0);
		if (text == NULL)
			check_say(c, "?");
		else if (strcmp(text, "ok") != 0)
			check_text(c, text);
	}
	if (rc != SQLITE_DONE) {
		check_say(c, "%s", sqlite3_errmsg(c->db));
		c->failed = 1;
	}
	sqlite3_finalize(st);
}

static void
check_keys(struct check *c)
{
	sqlite3_stmt	*st = NULL;
	int		 rc;

	rc = sqlite3_prepare_v2(c->db, "PRAGMA foreign_key_check", -1, &st,
	    NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		if ((rc = sqlite3_step(st)) != SQLITE_ROW)
			break;
		if (c->problems >= PROBLEMS_MAX)
			break;
		check_say(c, "row %lld of %s belongs to none of %s",
		    (long long)sqlite3_column_int64(st, 1),
		    (const char *)sqlite3_column_text(st, 0),
		    (const char *)sqlite3_column_text(st, 2));
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		check_say(c, "%s", sqlite3_errmsg(c->db));
	sqlite3_finalize(st);
}

static void
check_version(struct check *c)
{
	sqlite3_stmt	*st = NULL;
	int		 rc, version;

	if ((rc = sqlite3_prepare_v2(c->db, "SELECT version FROM meta", -1,
	    &st, NULL)) != SQLITE_OK || (rc = sqlite3_step(st)) != SQLITE_ROW)
		check_say(c, "it is no database of a relay: %s",
		    rc == SQLITE_DONE ? "it has no version" :
		    sqlite3_errmsg(c->db));
	else if ((version = sqlite3_column_int(st, 0)) > SQL_VERSION ||
	    version < 0)
		check_say(c, "its tables are of version %d; this program "
		    "knows %d", version, SQL_VERSION);
	sqlite3_finalize(st);
}

int
store_check(int fd, size_t len, void (*tell)(void *, const char *), void *arg)
{
	struct check	 c = { NULL, tell, arg, 0, 0 };
	uint8_t		*map;
	int		 rc;

	if (len < HEAD_LEN) {
		check_say(&c, "it is too short for a database");
		return (-1);
	}
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		check_say(&c, "it can't be read: %s", strerror(errno));
		return (-1);
	}
	/*
	 * What is in memory has no log beside it, and SQLite wants the head
	 * to say so.  The change is ours alone.
	 */
	if (map[HEAD_WRITE] == 2)
		map[HEAD_WRITE] = 1;
	if (map[HEAD_READ] == 2)
		map[HEAD_READ] = 1;
	rc = sqlite3_open_v2(":memory:", &c.db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK) {
		/* A schema that somebody planted must not run anything. */
		sqlite3_db_config(c.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(c.db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0,
		    NULL);
		rc = sqlite3_deserialize(c.db, "main", map, len, len,
		    SQLITE_DESERIALIZE_READONLY);
	}
	if (rc != SQLITE_OK) {
		check_say(&c, "%s", sqlite3_errstr(rc));
		c.failed = 1;
	} else {
		check_lines(&c, "PRAGMA integrity_check(100)");
		if (!c.failed) {
			check_keys(&c);
			check_version(&c);
		}
	}
	sqlite3_close_v2(c.db);
	munmap(map, len);
	return (c.failed ? -1 : c.problems);
}
