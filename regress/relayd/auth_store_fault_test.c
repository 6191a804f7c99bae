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
 * Changes to the store while the disk refuses, and while the power fails:
 * each system call that changes a file fails in turn, and power is lost at
 * each write and each sync in turn.  What was acknowledged is there when the
 * store is opened again, and what was not is there whole or not at all.
 */

/* link: relayd/auth_store*.c relayd/auth_upgrade.c relayd/month.c
 *	libculvert.a sql.c */
/* libs: sqlite3 */

#include "compat.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "auth_sqlite.h"

#define DUMP_MAX	32768
#define STEPS_MAX	32

static char		 dir[64];
static struct store	*store;

/*
 * System calls that fail: the at-th from now and what follows it, as many as
 * times says.
 */

static unsigned int	 fault_at, fault_times, fault_seen;
static int		 fault_error;

static int
fails(void)
{
	if (fault_at == 0)
		return (0);
	fault_seen++;
	if (fault_seen < fault_at || fault_seen - fault_at >= fault_times)
		return (0);
	errno = fault_error;
	return (1);
}

ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	return (fails() ? -1 : syscall(SYS_pwrite64, fd, buf, n, at));
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	if (fd > STDERR_FILENO && fails())
		return (-1);
	return (syscall(SYS_write, fd, buf, n));
}

/* This power does not fail. */
int
fsync(int fd)
{
	return (fails() ? -1 : 0);
}

int
fdatasync(int fd)
{
	return (fails() ? -1 : 0);
}

int
ftruncate64(int fd, off64_t n)
{
	return (fails() ? -1 : syscall(SYS_ftruncate, fd, n));
}

int
unlink(const char *path)
{
	return (fails() ? -1 : syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}

int
rename(const char *from, const char *to)
{
	return (fails() ? -1 : syscall(SYS_renameat2, AT_FDCWD, from,
	    AT_FDCWD, to, 0));
}

int
open64(const char *path, int flags, ...)
{
	va_list	 ap;
	int	 mode = 0;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, int);
		va_end(ap);
	}
	if (fails())
		return (-1);
	return (syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

static void
faults(unsigned int at, unsigned int times, int error)
{
	fault_at = at;
	fault_times = times;
	fault_error = error;
	fault_seen = 0;
}

/* ---- the changes ---- */

static void
make_id(char *id, int n)
{
	snprintf(id, USER_ID_LEN + 1, "00000000-0000-4000-8000-%012d", n);
}

static enum store_result
add_user(int n, const char *email)
{
	struct store_user	 u;

	memset(&u, 0, sizeof(u));
	make_id(u.id, n);
	strlcpy(u.email, email, sizeof(u.email));
	strlcpy(u.username, "somebody", sizeof(u.username));
	u.enabled = 1;
	u.created_at = 1000;
	return (store_user_add(store, &u, "$y$x"));
}

static enum store_result
user_1(void)
{
	return (add_user(1, "me@example.org"));
}

static enum store_result
user_2(void)
{
	return (add_user(2, "you@example.org"));
}

static enum store_result
password(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 1);
	return (store_user_password(store, id, "$y$another"));
}

static enum store_result
disable(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 2);
	return (store_user_enable(store, id, 0));
}

static enum store_result
enable(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 2);
	return (store_user_enable(store, id, 1));
}

static enum store_result
add_token(int n, const char *token_id)
{
	struct store_token	 t;

	memset(&t, 0, sizeof(t));
	make_id(t.id, n);
	strlcpy(t.token_id, token_id, sizeof(t.token_id));
	memset(t.public, n, sizeof(t.public));
	make_id(t.user_id, 1);
	strlcpy(t.name, "laptop", sizeof(t.name));
	t.scopes = SCOPE_NODE | SCOPE_CONNECT;
	t.created_at = 1000;
	return (store_token_add(store, &t));
}

static enum store_result
token_1(void)
{
	return (add_token(11, "abcdefghij11"));
}

static enum store_result
token_2(void)
{
	return (add_token(12, "abcdefghij12"));
}

static enum store_result
token_used(void)
{
	return (store_token_used(store, "abcdefghij11", 7000));
}

static enum store_result
add_node(int n, const char *name)
{
	struct store_node	 node;

	memset(&node, 0, sizeof(node));
	make_id(node.id, n);
	strlcpy(node.name, name, sizeof(node.name));
	make_id(node.user_id, 1);
	make_id(node.token, 11);
	node.created_at = 1000;
	return (store_node_add(store, &node));
}

static enum store_result
node_1(void)
{
	return (add_node(21, "pi"));
}

static enum store_result
node_2(void)
{
	return (add_node(22, "po"));
}

static enum store_result
node_token(void)
{
	char	 id[USER_ID_LEN + 1], token[USER_ID_LEN + 1];

	make_id(id, 21);
	make_id(token, 12);
	return (store_node_token(store, id, token));
}

static enum store_result
node_rename(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 22);
	return (store_node_rename(store, id, "pa"));
}

static enum store_result
node_up(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 21);
	return (store_node_state(store, id, 1, 8000));
}

static enum store_result
nodes_down(void)
{
	return (store_nodes_down(store));
}

static enum store_result
set_grant(uint32_t scopes)
{
	struct store_grant	 g;

	memset(&g, 0, sizeof(g));
	make_id(g.grant.id, 31);
	g.grant.scopes = scopes;
	strlcpy(g.grant.targets, "127.0.0.1:22", sizeof(g.grant.targets));
	g.grant.expires_at = 5000;
	make_id(g.user_id, 2);
	make_id(g.node_id, 21);
	g.created_at = 3000;
	return (store_grant_set(store, &g));
}

static enum store_result
grant(void)
{
	return (set_grant(SCOPE_CONNECT));
}

static enum store_result
grant_again(void)
{
	return (set_grant(SCOPE_CONNECT | SCOPE_SSH));
}

static enum store_result
grant_remove(void)
{
	char	 user[USER_ID_LEN + 1], node[USER_ID_LEN + 1];

	make_id(user, 2);
	make_id(node, 21);
	return (store_grant_remove(store, user, node));
}

static enum store_result
publish(void)
{
	struct store_publication	 sp;
	const char			*why;

	memset(&sp, 0, sizeof(sp));
	make_id(sp.p.id, 41);
	make_id(sp.p.node_id, 21);
	assert_int_equal(publish_spec_parse("2222", &sp.p.spec, &why), 0);
	strlcpy(sp.p.host, "127.0.0.1", sizeof(sp.p.host));
	sp.p.port = 22;
	sp.created_at = 1700000000;
	return (store_publication_add(store, &sp));
}

static enum store_result
unpublish(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 41);
	return (store_publication_remove(store, id));
}

/* Several at once, enough of them for the log to be written back. */
static enum store_result
audit(void)
{
	struct audit_event	 e = { .what = AUDIT_LOGIN };
	enum store_result	 r;
	int			 i;

	if ((r = store_begin(store)) != STORE_OK)
		return (r);
	for (i = 0; i < 60; i++) {
		e.at = 100 + i;
		snprintf(e.text, sizeof(e.text), "line %d of this", i);
		if ((r = store_audit_add(store, &e)) != STORE_OK) {
			store_rollback(store);
			return (r);
		}
	}
	return (store_commit(store));
}

static enum store_result
audit_trim(void)
{
	int	 n;

	return (store_audit_trim(store, 140, 1000, &n));
}

static enum store_result
token_revoke(void)
{
	return (store_token_revoke(store, "abcdefghij11", 9000));
}

static enum store_result
node_remove(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 22);
	return (store_node_remove(store, id));
}

static enum store_result
user_delete(void)
{
	char	 id[USER_ID_LEN + 1];

	make_id(id, 1);
	return (store_user_delete(store, id));
}

static enum store_result (*const steps[])(void) = {
	user_1, user_2, password, disable, token_1, token_2, token_used,
	node_1, node_2, node_token, node_rename, node_up, grant, grant_again,
	publish, audit, enable, nodes_down, unpublish, token_revoke, grant_remove,
	audit_trim, node_remove, user_delete
};

/* ---- what is in the file ---- */

static char	 golden[nitems(steps) + 1][DUMP_MAX]; /* after so many steps */
static char	 dump[DUMP_MAX];
static char	 empty[256 * 1024];	/* a database with its tables */
static size_t	 empty_len;

/* Another connection, which the store knows nothing of. */
static void
take_dump(void)
{
	static const char *const tables[] = {
		"users", "pat_tokens", "nodes", "grants", "publications",
		"audit"
	};
	sqlite3			*db;
	sqlite3_stmt		*st;
	const char		*v;
	char			 sql[64];
	size_t			 i;
	int			 c, rc;

	dump[0] = '\0';
	assert_int_equal(sqlite3_open_v2("culvert.db", &db,
	    SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1,
	    &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check",
	    -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
	for (i = 0; i < nitems(tables); i++) {
		snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1",
		    tables[i]);
		if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
			continue;	/* no tables yet */
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			for (c = 0; c < sqlite3_column_count(st); c++) {
				v = (const char *)sqlite3_column_text(st, c);
				strlcat(dump, v != NULL ? v : "NULL",
				    sizeof(dump));
				strlcat(dump, "|", sizeof(dump));
			}
			assert_true(strlcat(dump, "\n", sizeof(dump)) <
			    sizeof(dump));
		}
		assert_int_equal(rc, SQLITE_DONE);
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
}

/* A new database, or one that has its tables already. */
static void
fresh(int tables)
{
	int	 fd;

	faults(0, 0, 0);
	(void)unlink("culvert.db");
	(void)unlink("culvert.db-wal");
	(void)unlink("culvert.db-shm");
	(void)unlink("culvert.db-journal");
	if (tables) {
		fd = open("culvert.db", O_WRONLY | O_CREAT, 0600);
		assert_int_not_equal(fd, -1);
		assert_int_equal(write(fd, empty, empty_len), empty_len);
		close(fd);
	}
	store = store_new("culvert.db", "/here/culvert.db");
	assert_non_null(store);
}

static void
close_store(void)
{
	store_free(store);
	store = NULL;
}

/* So that the log is written back every few steps. */
static enum store_result
open_store(void)
{
	enum store_result	 r;

	if ((r = store_open(store)) == STORE_OK)
		r = store_exec(store, "PRAGMA wal_autocheckpoint = 8");
	return (r);
}

/*
 * Open and make the changes; *done becomes how many were acknowledged, and
 * the first that was not ends it.  Returns what that one said.
 */
static enum store_result
changes(size_t *done)
{
	enum store_result	 r;

	*done = 0;
	if ((r = open_store()) != STORE_OK)
		return (r);
	for (; *done < nitems(steps); (*done)++)
		if ((r = steps[*done]()) != STORE_OK)
			return (r);
	return (STORE_OK);
}

static int
setup(void **state)
{
	size_t	 i;
	int	 fd;

	strlcpy(dir, "/tmp/auth_store_fault.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (-1);
	umask(077);
	fresh(0);
	if (open_store() != STORE_OK)
		return (-1);
	close_store();
	if ((fd = open("culvert.db", O_RDONLY)) == -1)
		return (-1);
	empty_len = read(fd, empty, sizeof(empty));
	close(fd);
	fresh(1);
	if (empty_len == sizeof(empty) || open_store() != STORE_OK)
		return (-1);
	for (i = 0; ; i++) {
		take_dump();
		strlcpy(golden[i], dump, sizeof(golden[i]));
		if (i > 0 && strcmp(golden[i], golden[i - 1]) == 0) {
			print_error("step %zu changes nothing\n", i - 1);
			return (-1);
		}
		if (i == nitems(steps))
			break;
		if (steps[i]() != STORE_OK) {
			print_error("step %zu: %s\n", i, store_error(store));
			return (-1);
		}
	}
	close_store();
	return (0);
}

static int
teardown(void **state)
{
	char	 cmd[128];

	if (chdir("/") == -1)
		return (-1);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) == 0 ? 0 : -1);
}

/* The file holds so many changes, or the next one as well. */
static size_t
assert_changes(size_t done, unsigned int at)
{
	take_dump();
	if (strcmp(dump, golden[done]) == 0)
		return (done);
	if (done < nitems(steps) && strcmp(dump, golden[done + 1]) == 0)
		return (done + 1);
	fail_msg("fault %u: after %zu steps there is\n%s", at, done, dump);
	return (0);
}

/* ---- system calls ---- */

/* Without the fault, what failed can be done, and the rest, as if nothing. */
static void
go_on(size_t done, unsigned int at)
{
	enum store_result	 r;
	size_t			 there;

	/* With a full disk at its opening it was kept from all others. */
	if (store->exclusive) {
		close_store();
		store = store_new("culvert.db", "/here/culvert.db");
	}
	if (open_store() != STORE_OK)
		fail_msg("fault %u: does not open: %s", at,
		    store_error(store));
	there = assert_changes(done, at);
	for (; there < nitems(steps); there++) {
		if ((r = steps[there]()) != STORE_OK)
			fail_msg("fault %u: step %zu then %d: %s", at, there,
			    r, store_error(store));
	}
	take_dump();
	assert_string_equal(dump, golden[nitems(steps)]);
}

static void
each_call_fails(int tables, unsigned int times, int error, int reopen)
{
	enum store_result	 r;
	unsigned int		 at;
	size_t			 done;

	for (at = 1; ; at++) {
		fresh(tables);
		faults(at, times, error);
		r = changes(&done);
		if (reopen)
			close_store();
		if (fault_seen < at) {
			/* None was left to fail. */
			assert_int_equal(r, STORE_OK);
			break;
		}
		faults(0, 0, 0);
		if (r != STORE_OK && r != STORE_NOWRITE && r != STORE_DOWN)
			fail_msg("call %u: step %zu says %d", at, done, r);
		if (r != STORE_OK && store != NULL)
			assert_string_not_equal(store_error(store), "");
		if (reopen)
			store = store_new("culvert.db", "/here/culvert.db");
		go_on(done, at);
		close_store();
	}
	close_store();
	assert_in_range(at, 40, 5000);
}

static void
a_call_that_fails_once(void **state)
{
	each_call_fails(0, 1, EIO, 0);
	each_call_fails(1, 1, ENOSPC, 0);
}

static void
a_disk_that_fails_from_then_on(void **state)
{
	each_call_fails(1, 1000000, EIO, 0);
	each_call_fails(0, 1000000, ENOSPC, 0);
}

static void
a_restart_with_the_fault(void **state)
{
	each_call_fails(1, 1, EIO, 1);
	each_call_fails(1, 1000000, EIO, 1);
	each_call_fails(1, 1000000, ENOSPC, 1);
}

/* A backup is whole or it is not there. */
static void
a_copy_that_fails(void **state)
{
	enum store_result	 r;
	struct stat		 sb;
	uint64_t		 copied, total;
	unsigned int		 at;
	size_t			 done;

	fresh(1);
	assert_int_equal(changes(&done), STORE_OK);
	for (at = 1; ; at++) {
		(void)unlink("copy.db");
		faults(at, 1, EIO);
		r = store_copy_start(store, "copy.db");
		while (r == STORE_OK)
			r = store_copy_step(store, 3, &copied, &total);
		if (fault_seen < at)
			break;
		faults(0, 0, 0);
		if (r == STORE_NONE)
			assert_int_equal(store_copy_check(store, "copy.db",
			    1 << 30), STORE_OK);
		else {
			assert_string_not_equal(store_copy_error(store), "");
			assert_int_equal(stat("copy.db", &sb), -1);
		}
		take_dump();
		assert_string_equal(dump, golden[nitems(steps)]);
	}
	faults(0, 0, 0);
	assert_int_equal(r, STORE_NONE);
	assert_true(at > 5);
	close_store();
}

/*
 * ---- power ----
 *
 * A VFS over the usual one that remembers what was written to each file and
 * not synced yet.  At a certain write or sync the power is gone: every call
 * from then on fails.  When it is back, each of those writes has happened,
 * or not, or some sectors of it have.
 */

#define SECTOR		512
#define FILES_MAX	8
#define WRITES_MAX	4096

struct written {
	int		 file;
	sqlite3_int64	 at;
	int		 len;		/* -1: the file was cut here */
	uint8_t		*data;
};

struct image {
	char		 name[128];
	uint8_t		*data;		/* as it is on the disk for sure */
	size_t		 len;
};

struct power_file {
	sqlite3_file	 base;
	int		 file;		/* index in images, or -1 */
	sqlite3_file	*real;
};

static struct image		 images[FILES_MAX];
static struct written		 written[WRITES_MAX];
static size_t			 nwritten;
static sqlite3_vfs		*unix_vfs;
static unsigned int		 power_at, power_seen;
static int			 power_off;
static unsigned int		 power_seed;

static struct power_file *
power(sqlite3_file *f)
{
	return ((struct power_file *)f);
}

static int
power_fails(void)
{
	if (power_at != 0 && ++power_seen >= power_at)
		power_off = 1;
	return (power_off);
}

static void
image_write(struct image *im, sqlite3_int64 at, const uint8_t *data, int len)
{
	if (len == -1) {
		if ((size_t)at < im->len)
			im->len = at;
		return;
	}
	if ((size_t)(at + len) > im->len) {
		im->data = realloc(im->data, at + len);
		assert_non_null(im->data);
		memset(im->data + im->len, 0, at + len - im->len);
		im->len = at + len;
	}
	memcpy(im->data + at, data, len);
}

static void
power_remember(int file, sqlite3_int64 at, const void *data, int len)
{
	struct written	*w = &written[nwritten++];

	assert_true(nwritten < WRITES_MAX);
	w->file = file;
	w->at = at;
	w->len = len;
	w->data = NULL;
	if (len > 0) {
		w->data = malloc(len);
		assert_non_null(w->data);
		memcpy(w->data, data, len);
	}
}

/* It is on the disk now. */
static void
power_settle(int file)
{
	size_t	 i, n = 0;

	for (i = 0; i < nwritten; i++) {
		if (written[i].file != file) {
			written[n++] = written[i];
			continue;
		}
		image_write(&images[file], written[i].at, written[i].data,
		    written[i].len);
		free(written[i].data);
	}
	nwritten = n;
}

/* What the disk made of it while the power went. */
static void
power_tear(void)
{
	struct written	*w;
	size_t		 i;
	int		 how, off, n;

	for (i = 0; i < nwritten; i++) {
		w = &written[i];
		how = rand_r(&power_seed) % 3;
		if (how == 1 || (how == 2 && w->len == -1))
			image_write(&images[w->file], w->at, w->data,
			    w->len);
		for (off = 0; how == 2 && off < w->len; off += SECTOR) {
			n = w->len - off < SECTOR ? w->len - off : SECTOR;
			if (rand_r(&power_seed) % 2)
				image_write(&images[w->file], w->at + off,
				    w->data + off, n);
		}
		free(w->data);
	}
	nwritten = 0;
}

static void
power_back(void)
{
	size_t	 i;
	int	 fd;

	power_tear();
	(void)unlink("culvert.db");
	(void)unlink("culvert.db-wal");
	(void)unlink("culvert.db-shm");
	(void)unlink("culvert.db-journal");
	for (i = 0; i < FILES_MAX; i++) {
		if (images[i].name[0] == '\0')
			continue;
		fd = open(images[i].name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_not_equal(fd, -1);
		if (images[i].len > 0)
			assert_int_equal(write(fd, images[i].data,
			    images[i].len), images[i].len);
		close(fd);
		free(images[i].data);
		memset(&images[i], 0, sizeof(images[i]));
	}
	power_off = 0;
	power_at = 0;
}

static int
power_close(sqlite3_file *f)
{
	int	 rc = SQLITE_OK;

	if (power(f)->real->pMethods != NULL)
		rc = power(f)->real->pMethods->xClose(power(f)->real);
	return (rc);
}

static int
power_read(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
	if (power_off)
		return (SQLITE_IOERR_READ);
	return (power(f)->real->pMethods->xRead(power(f)->real, buf, n, at));
}

static int
power_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
	int	 off = power_off;

	/* The one at which it goes may be on its way. */
	if (!off && power(f)->file != -1)
		power_remember(power(f)->file, at, buf, n);
	if (power_fails())
		return (SQLITE_IOERR_WRITE);
	return (power(f)->real->pMethods->xWrite(power(f)->real, buf, n, at));
}

static int
power_truncate(sqlite3_file *f, sqlite3_int64 n)
{
	if (power_fails())
		return (SQLITE_IOERR_TRUNCATE);
	if (power(f)->file != -1)
		power_remember(power(f)->file, n, NULL, -1);
	return (power(f)->real->pMethods->xTruncate(power(f)->real, n));
}

static int
power_sync(sqlite3_file *f, int flags)
{
	if (power_fails())
		return (SQLITE_IOERR_FSYNC);
	if (power(f)->file != -1)
		power_settle(power(f)->file);
	return (SQLITE_OK);
}

static int
power_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return (power(f)->real->pMethods->xFileSize(power(f)->real, n));
}

static int
power_lock(sqlite3_file *f, int how)
{
	return (power(f)->real->pMethods->xLock(power(f)->real, how));
}

static int
power_unlock(sqlite3_file *f, int how)
{
	return (power(f)->real->pMethods->xUnlock(power(f)->real, how));
}

static int
power_reserved(sqlite3_file *f, int *yes)
{
	return (power(f)->real->pMethods->xCheckReservedLock(power(f)->real,
	    yes));
}

static int
power_control(sqlite3_file *f, int op, void *arg)
{
	return (power(f)->real->pMethods->xFileControl(power(f)->real, op,
	    arg));
}

static int
power_sector(sqlite3_file *f)
{
	return (SECTOR);
}

/* Nothing is promised. */
static int
power_device(sqlite3_file *f)
{
	return (0);
}

static int
power_shm_map(sqlite3_file *f, int n, int size, int extend,
    void volatile **p)
{
	return (power(f)->real->pMethods->xShmMap(power(f)->real, n, size,
	    extend, p));
}

static int
power_shm_lock(sqlite3_file *f, int off, int n, int flags)
{
	return (power(f)->real->pMethods->xShmLock(power(f)->real, off, n,
	    flags));
}

static void
power_shm_barrier(sqlite3_file *f)
{
	power(f)->real->pMethods->xShmBarrier(power(f)->real);
}

static int
power_shm_unmap(sqlite3_file *f, int del)
{
	return (power(f)->real->pMethods->xShmUnmap(power(f)->real, del));
}

static const sqlite3_io_methods power_methods = {
	2, power_close, power_read, power_write, power_truncate, power_sync,
	power_size, power_lock, power_unlock, power_reserved, power_control,
	power_sector, power_device, power_shm_map, power_shm_lock,
	power_shm_barrier, power_shm_unmap, NULL, NULL
};

static int
power_image(const char *path)
{
	const char	*name = strrchr(path, '/');
	int		 i;

	name = name != NULL ? name + 1 : path;
	for (i = 0; i < FILES_MAX; i++) {
		if (strcmp(images[i].name, name) == 0)
			return (i);
	}
	for (i = 0; i < FILES_MAX; i++) {
		if (images[i].name[0] == '\0') {
			strlcpy(images[i].name, name, sizeof(images[i].name));
			return (i);
		}
	}
	fail_msg("too many files");
	return (-1);
}

static int
power_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags,
    int *out)
{
	struct power_file	*pf = power(f);
	int			 rc;

	f->pMethods = NULL;
	if (power_off)
		return (SQLITE_CANTOPEN);
	pf->real = (sqlite3_file *)(pf + 1);
	pf->file = name == NULL ? -1 : power_image(name);
	rc = unix_vfs->xOpen(unix_vfs, name, pf->real, flags, out);
	if (pf->real->pMethods != NULL)
		f->pMethods = &power_methods;
	return (rc);
}

static int
power_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	int	 i;

	if (power_fails())
		return (SQLITE_IOERR_DELETE);
	i = power_image(name);
	power_settle(i);
	free(images[i].data);
	memset(&images[i], 0, sizeof(images[i]));
	return (unix_vfs->xDelete(unix_vfs, name, sync));
}

static sqlite3_vfs	 power_vfs;

static void
power_lost_at_each_write_and_sync(void **state)
{
	enum store_result	 r;
	unsigned int		 at, round;
	size_t			 done, there, torn = 0;

	unix_vfs = sqlite3_vfs_find("unix");
	power_vfs = *unix_vfs;
	power_vfs.pNext = NULL;
	power_vfs.zName = "power";
	power_vfs.szOsFile = sizeof(struct power_file) + unix_vfs->szOsFile;
	power_vfs.xOpen = power_open;
	power_vfs.xDelete = power_delete;
	for (round = 0; round < 3; round++) {
		for (at = 1; ; at++) {
			assert_int_equal(sqlite3_vfs_register(&power_vfs, 1),
			    SQLITE_OK);
			fresh(round > 0);
			if (round > 0)
				image_write(&images[power_image(
				    "culvert.db")], 0,
				    (uint8_t *)empty, empty_len);
			power_seed = round * 100000 + at;
			power_seen = 0;
			power_at = at;
			r = changes(&done);
			close_store();
			sqlite3_vfs_unregister(&power_vfs);
			there = power_seen >= at;
			torn += nwritten;
			power_back();
			if (!there) {
				assert_int_equal(r, STORE_OK);
				break;
			}
			store = store_new("culvert.db", "/here/culvert.db");
			go_on(done, at);
			close_store();
		}
		assert_in_range(at, 50, 5000);
	}
	assert_true(torn > 100);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_call_that_fails_once),
		cmocka_unit_test(a_disk_that_fails_from_then_on),
		cmocka_unit_test(a_restart_with_the_fault),
		cmocka_unit_test(a_copy_that_fails),
		cmocka_unit_test(power_lost_at_each_write_and_sync),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, teardown));
}
