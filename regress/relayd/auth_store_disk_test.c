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
 * The store on disks that are full or read-only, with files that are damaged
 * or lost, and killed.
 */

/* link: regress/relayd/auth_store_rows.c relayd/auth_store*.c
 *	relayd/auth_upgrade.c relayd/month.c libculvert.a sql.c */
/* libs: sqlite3 */

#include "compat.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth_store_rows.h"
#include "msg_audit.h"

/* Run a case in a process that it may spoil. */
static void
in_child(int (*f)(void))
{
	pid_t	 pid;
	int	 status;

	store_free(store);
	store = NULL;
	fflush(NULL);
	if ((pid = fork()) == 0)
		_exit(f());
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Add users until it is full; how many, or -1 for another error. */
static int
add_until_full(void)
{
	struct store_user	 u;
	char			 email[32];
	enum store_result	 r = STORE_OK;
	int			 i;

	for (i = 0; r == STORE_OK && i < 100000; i++) {
		snprintf(email, sizeof(email), "u%d@example.org", i);
		rows_user(&u, email);
		r = store_user_add(store, &u, NULL);
	}
	if (r != STORE_NOWRITE ||
	    strstr(store_error(store), "disk full") == NULL) {
		print_error("%d: %s\n", r, store_error(store));
		return (-1);
	}
	return (i - 1);
}

/* Killed with a full disk, before it could tidy up. */
static int
child_fill_disk(void)
{
	struct store_user	 u;

	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK || add_until_full() < 10)
		return (1);
	/* What needs no write goes on. */
	if (store_user_find(store, "u3@example.org", &u) != STORE_OK)
		return (2);
	return (0);
}

static int
child_full_disk(void)
{
	struct store_user	 u;
	pid_t			 pid;
	int			 status;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", rows_dir, "tmpfs", 0, "size=512k") == -1 ||
	    chdir(rows_dir) == -1)
		return (77);
	if ((pid = fork()) == 0)
		_exit(child_fill_disk());
	if (pid == -1 || waitpid(pid, &status, 0) == -1 || status != 0)
		return (1);
	if (system("rm -f *-shm; cat /dev/zero >fill 2>/dev/null") == -1)
		return (2);
	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK)
		return (3);
	if (store_user_find(store, "u3@example.org", &u) != STORE_OK)
		return (4);
	/* With room again, all goes on. */
	if (unlink("fill") == -1)
		return (5);
	rows_user(&u, "late@example.org");
	if (store_user_add(store, &u, NULL) != STORE_OK)
		return (6);
	return (0);
}

static void
full_disk_stops_writes_only(void **state)
{
	in_child(child_full_disk);
}

static int
child_file_size(void)
{
	struct store_user	 u;
	struct rlimit		 rl = { 300000, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &rl) == -1)
		return (77);
	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK || add_until_full() < 10)
		return (1);
	if (store_user_find(store, "u3@example.org", &u) != STORE_OK)
		return (2);
	rl.rlim_cur = RLIM_INFINITY;
	if (setrlimit(RLIMIT_FSIZE, &rl) == -1)
		return (3);
	rows_user(&u, "late@example.org");
	if (store_user_add(store, &u, NULL) != STORE_OK)
		return (4);
	return (0);
}

static void
file_that_may_not_grow_stops_writes_only(void **state)
{
	in_child(child_file_size);
}

static int
child_readonly(void)
{
	struct store_user	 u;
	enum store_result	 r;

	if (geteuid() == 0 && (chown(rows_dir, 65534, 65534) == -1 ||
	    chown("culvert.db", 65534, 65534) == -1 || seteuid(65534) == -1))
		return (77);
	if (chmod("culvert.db", 0400) == -1 || chmod(rows_dir, 0500) == -1)
		return (1);
	store = store_new("culvert.db", "/here/culvert.db");
	if ((r = store_open(store)) == STORE_OK) {
		rows_user(&u, "late@example.org");
		r = store_user_add(store, &u, NULL);
	}
	if (r == STORE_OK || store_error(store)[0] == '\0')
		return (2);
	/* An administrator mends it. */
	if (chmod(rows_dir, 0700) == -1 || chmod("culvert.db", 0600) == -1)
		return (3);
	store_free(store);
	store = store_new("culvert.db", "/here/culvert.db");
	return (store_open(store) == STORE_OK ? 0 : 4);
}

static void
folder_without_write_permission_is_told(void **state)
{
	assert_int_equal(store_open(store), STORE_OK);
	in_child(child_readonly);
}

static void
missing_folder_is_told(void **state)
{
	store_free(store);
	store = store_new("nowhere/culvert.db", "/nowhere/culvert.db");
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store), "/nowhere/culvert.db"));
	assert_int_equal(store_begin(store), STORE_DOWN);
	store_rollback(store);
}

static void
slurp(const char *name, char **buf, size_t *len)
{
	struct stat	 sb;
	int		 fd;

	fd = open(name, O_RDONLY);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &sb), 0);
	*len = sb.st_size;
	*buf = malloc(*len + 1);
	assert_non_null(*buf);
	assert_int_equal(read(fd, *buf, *len), *len);
	close(fd);
}

static void
spill(const char *name, const char *buf, size_t len)
{
	int	 fd;

	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, buf, len), len);
	close(fd);
}

/* Everything that may be asked of a store, whatever is in it. */
static void
exercise(void)
{
	static struct store_user	 u[8];
	static struct store_token	 t[8];
	static struct store_node	 n[8];
	struct audit_event		 e = { .what = AUDIT_LOGIN };
	size_t				 count;

	(void)store_open(store);
	(void)store_token_find(store, "tok000000003", &t[0]);
	(void)store_node_find(store, "node3", &n[0]);
	(void)store_user_find(store, "u3@example.org", &u[0]);
	count = nitems(u);
	(void)store_user_page(store, "", u, &count);
	assert_in_range(count, 0, nitems(u));
	count = nitems(t);
	(void)store_token_page(store, NULL, "", t, &count);
	assert_in_range(count, 0, nitems(t));
	count = nitems(n);
	(void)store_node_page(store, NULL, "", n, &count);
	assert_in_range(count, 0, nitems(n));
	if (store_begin(store) == STORE_OK) {
		(void)store_audit_add(store, &e);
		(void)store_nodes_down(store);
		(void)store_commit(store);
	}
	store_rollback(store);
}

static void
fill_many(void)
{
	struct store_user	 u;
	struct store_token	 t;
	struct store_node	 n;
	char			 name[32];
	int			 i;

	assert_int_equal(store_open(store), STORE_OK);
	assert_int_equal(store_begin(store), STORE_OK);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "u%d@example.org", i);
		rows_user(&u, name);
		assert_int_equal(store_user_add(store, &u, NULL), STORE_OK);
		snprintf(name, sizeof(name), "tok%09d", i);
		rows_token(&t, &u, name);
		assert_int_equal(store_token_add(store, &t), STORE_OK);
		snprintf(name, sizeof(name), "node%d", i);
		rows_node(&n, &t, name);
		assert_int_equal(store_node_add(store, &n), STORE_OK);
	}
	assert_int_equal(store_commit(store), STORE_OK);
}

static void
try_file(const char *buf, size_t len)
{
	store_free(store);
	(void)unlink("culvert.db-wal");
	(void)unlink("culvert.db-shm");
	spill("culvert.db", buf, len);
	store = store_new("culvert.db", "/here/culvert.db");
	exercise();
}

static void
damaged_pages_do_not_hurt(void **state)
{
	char		*good, *bad;
	size_t		 len, page, i;
	unsigned int	 refused = 0, seed = 1;

	fill_many();
	store_free(store);
	store = NULL;
	slurp("culvert.db", &good, &len);
	bad = malloc(len);
	assert_non_null(bad);
	assert_in_range(len, 10 * 4096, 100 * 4096);
	for (page = 0; page < len; page += 4096) {
		memcpy(bad, good, len);
		memset(bad + page, 0xff, 4096);
		try_file(bad, len);
		memcpy(bad, good, len);
		for (i = 0; i < 64; i++)
			bad[page + rand_r(&seed) % 4096] ^= 1 <<
			    rand_r(&seed) % 8;
		try_file(bad, len);
		if (!store_is_open(store)) {
			refused++;
			assert_int_not_equal(store_error(store)[0], '\0');
		}
		try_file(good, page);
	}
	assert_true(refused > 0);
	spill("culvert.db", "this is not a database, it is a letter", 38);
	rows_reopen();
	assert_int_equal(store_open(store), STORE_DOWN);
	assert_non_null(strstr(store_error(store),
	    "database /here/culvert.db is damaged"));
	/* Restored from a copy: it goes on without a restart. */
	spill("culvert.db", good, len);
	assert_int_equal(store_open(store), STORE_OK);
	free(good);
	free(bad);
}

static void
damage_under_an_open_store_closes_it(void **state)
{
	struct store_user	 u;
	char			*buf;
	size_t			 len;

	fill_many();
	rows_reopen();
	assert_int_equal(store_open(store), STORE_OK);
	/* What it has in memory is stale, and what is on disk bad. */
	rows_sql("UPDATE users SET enabled = 0;"
	    "PRAGMA wal_checkpoint(TRUNCATE)");
	slurp("culvert.db", &buf, &len);
	memset(buf + 4096, 0xff, len - 4096);
	spill("culvert.db", buf, len);
	free(buf);
	assert_int_equal(store_user_find(store, "u3@example.org", &u),
	    STORE_DOWN);
	assert_false(store_is_open(store));
	assert_int_equal(store_user_find(store, "u3@example.org", &u),
	    STORE_DOWN);
	assert_int_equal(store_open(store), STORE_DOWN);
}

static void
lost_log_does_not_hurt(void **state)
{
	char	*db, *wal;
	size_t	 dblen, wallen;

	fill_many();
	slurp("culvert.db", &db, &dblen);
	slurp("culvert.db-wal", &wal, &wallen);
	assert_true(wallen > 4096);
	store_free(store);
	spill("culvert.db", db, dblen);
	memset(wal + wallen / 2, 0, wallen - wallen / 2);
	spill("culvert.db-wal", wal, wallen);
	store = store_new("culvert.db", "/here/culvert.db");
	exercise();
	store_free(store);
	spill("culvert.db", db, dblen);
	memset(wal, 0, wallen);
	spill("culvert.db-wal", wal, wallen);
	store = store_new("culvert.db", "/here/culvert.db");
	exercise();
	free(db);
	free(wal);
}

/* Add users and say so after each, until killed. */
__attribute__((__noreturn__)) static void
writer(int fd, int first)
{
	struct store_user	 u;
	enum store_result	 r;
	char			 email[32];
	int			 i;

	store = store_new("culvert.db", "/here/culvert.db");
	if (store_open(store) != STORE_OK)
		_exit(1);
	for (i = first; ; i++) {
		snprintf(email, sizeof(email), "u%d@example.org", i);
		rows_user(&u, email);
		/* The one before was killed before it could say so. */
		if ((r = store_user_add(store, &u, NULL)) == STORE_EXISTS)
			continue;
		if (r != STORE_OK || write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(2);
	}
}

static void
what_was_acknowledged_survives_a_kill(void **state)
{
	struct store_user	 u;
	struct timespec		 ts = { 0, 0 };
	char			 email[32];
	pid_t			 pid;
	int			 p[2], i, last = -1, n, status;

	store_free(store);
	store = NULL;
	fflush(NULL);
	for (i = 0; i < 20; i++) {
		assert_int_equal(pipe(p), 0);
		if ((pid = fork()) == 0)
			/* One more may be there than was acknowledged. */
			writer(p[1], i * 100000);
		close(p[1]);
		ts.tv_nsec = 1000000 * (5 + arc4random_uniform(30));
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		while (read(p[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		close(p[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		rows_assert("PRAGMA integrity_check", "ok");
		if (last == -1)
			continue;
		rows_reopen();
		assert_int_equal(store_open(store), STORE_OK);
		for (n = last / 1000 * 1000; n <= last; n++) {
			snprintf(email, sizeof(email), "u%d@example.org", n);
			assert_int_equal(store_user_find(store, email, &u),
			    STORE_OK);
		}
		store_free(store);
		store = NULL;
	}
	assert_true(last >= 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		ROWS_CASE(full_disk_stops_writes_only),
		ROWS_CASE(file_that_may_not_grow_stops_writes_only),
		ROWS_CASE(folder_without_write_permission_is_told),
		ROWS_CASE(missing_folder_is_told),
		ROWS_CASE(damaged_pages_do_not_hurt),
		ROWS_CASE(damage_under_an_open_store_closes_it),
		ROWS_CASE(lost_log_does_not_hurt),
		ROWS_CASE(what_was_acknowledged_survives_a_kill),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
