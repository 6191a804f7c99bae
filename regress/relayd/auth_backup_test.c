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

/* Copies of the store: for accessctl, and each day. */

/* link: regress/relayd/auth_fake.c regress/relayd/hand.c
 *	relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

#include "compat.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

#include "auth_fake.h"

#define DAY_MS	(86400 * 1000ULL)

/* Some megabytes, so that a copy takes several steps. */
static void
grow(int lines)
{
	struct audit_event	 e = { .what = AUDIT_LOGIN, .at = 1 };

	memset(e.text, 'x', sizeof(e.text) - 1);
	assert_int_equal(store_begin(auth_store), STORE_OK);
	while (lines-- > 0)
		assert_int_equal(store_audit_add(auth_store, &e), STORE_OK);
	assert_int_equal(store_commit(auth_store), STORE_OK);
}

/* The first column of the first row of a copy. */
static const char *
of_copy(const char *file, const char *sql)
{
	static char	 buf[256];
	sqlite3_stmt	*st;
	sqlite3		*db;

	assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY,
	    NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	strlcpy(buf, (const char *)sqlite3_column_text(st, 0), sizeof(buf));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (buf);
}

static void
finish(void)
{
	enum store_result	 r;
	uint64_t		 done, total;
	int			 n = 0;

	while ((r = store_copy_step(auth_store, 16, &done, &total)) ==
	    STORE_OK) {
		assert_true(done <= total);
		assert_true(++n < 10000);
	}
	assert_int_equal(r, STORE_NONE);
}

static void
copy_is_whole_and_one_file(void **state)
{
	uint8_t	 head[20];
	int	 fd;

	grow(5000);
	assert_int_equal(store_copy_start(auth_store, "copy"), STORE_OK);
	finish();
	assert_string_equal(of_copy("copy", "SELECT count(*) FROM audit"),
	    "5000");
	assert_string_equal(of_copy("copy", "PRAGMA integrity_check"), "ok");
	/* No log beside it, and none expected. */
	assert_int_equal(access("copy-wal", F_OK), -1);
	assert_int_equal(access("copy-shm", F_OK), -1);
	fd = open("copy", O_RDONLY);
	assert_int_equal(read(fd, head, sizeof(head)), sizeof(head));
	assert_int_equal(head[18], 1);
	assert_int_equal(head[19], 1);
	close(fd);
	assert_int_equal(store_copy_check(auth_store, "copy", 1 << 30),
	    STORE_OK);
	assert_int_equal(store_copy_check(auth_store, "copy", 0), STORE_OK);
}

static void
what_is_written_meanwhile_is_in_it(void **state)
{
	struct store_user	 u = { .enabled = 1 };
	uint64_t		 done, total;

	grow(5000);
	assert_int_equal(store_copy_start(auth_store, "copy"), STORE_OK);
	assert_int_equal(store_copy_step(auth_store, 16, &done, &total),
	    STORE_OK);
	store_uuid(u.id);
	strlcpy(u.email, "late@example.org", sizeof(u.email));
	assert_int_equal(store_user_add(auth_store, &u, NULL), STORE_OK);
	grow(1000);
	assert_int_equal(store_copy_step(auth_store, 16, &done, &total),
	    STORE_OK);
	/* Another program, too. */
	fake_sql("DELETE FROM audit WHERE id % 2 = 0");
	finish();
	assert_string_equal(of_copy("copy", "SELECT count(*) FROM users "
	    "WHERE email = 'late@example.org'"), "1");
	assert_string_equal(of_copy("copy", "SELECT count(*) FROM audit"),
	    "3000");
	assert_string_equal(of_copy("copy", "PRAGMA integrity_check"), "ok");
}

static void
given_up_it_leaves_nothing(void **state)
{
	uint64_t	 done, total;

	grow(5000);
	assert_int_equal(store_copy_start(auth_store, "copy"), STORE_OK);
	assert_int_equal(store_copy_step(auth_store, 16, &done, &total),
	    STORE_OK);
	store_copy_cancel(auth_store, "copy");
	assert_int_equal(access("copy", F_OK), -1);
	assert_int_equal(store_copy_step(auth_store, 16, &done, &total),
	    STORE_DOWN);
	/* As one who was killed left it. */
	assert_int_equal(close(creat("copy", 0600)), 0);
	assert_int_equal(close(creat("copy-wal", 0600)), 0);
	assert_int_equal(store_copy_start(auth_store, "copy"), STORE_OK);
	finish();
	assert_string_equal(of_copy("copy", "PRAGMA integrity_check"), "ok");
	/* Of a store that is closed there is none. */
	fake_store_close();
	assert_int_equal(store_copy_start(auth_store, "copy"), STORE_DOWN);
	assert_non_null(strstr(store_copy_error(auth_store), "culvert.db"));
	fake_store_open();
}

static void
damage_is_seen(void **state)
{
	char	 junk[512];
	int	 fd;

	grow(500);
	assert_int_equal(store_copy_start(auth_store, "copy"), STORE_OK);
	finish();
	memset(junk, 0xee, sizeof(junk));
	fd = open("copy", O_RDWR);
	/* The root page of a table. */
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096), sizeof(junk));
	close(fd);
	assert_int_equal(store_copy_check(auth_store, "copy", 1 << 30),
	    STORE_DOWN);
	assert_non_null(strstr(store_copy_error(auth_store), "damaged"));
}

/* ---- for accessctl ---- */

static void
ask(uint32_t client)
{
	struct ctl_name	 c;

	memset(&c, 0, sizeof(c));
	assert_int_equal(fake_recv(auth_recv_copy, PROC_ROUTER, 0, CTL_BACKUP,
	    client, &c, sizeof(c)), 0);
}

static void
cancel(uint32_t client)
{
	struct ctl_name	 c;

	memset(&c, 0, sizeof(c));
	assert_int_equal(fake_recv(auth_recv_copy_cancel, PROC_ROUTER, 0,
	    IMSG_COPY_CANCEL, client, &c, sizeof(c)), 0);
}

static int
run(void)
{
	int	 n = 0;

	while (auth_backup_tick()) {
		fake_mono += 20;
		assert_true(++n < 10000);
	}
	return (n);
}

static void
client_gets_a_descriptor(void **state)
{
	const struct ctl_copy	*copy;
	struct stat		 st;
	size_t			 i;
	int			 fd = -1;
	char			 c;

	grow(40000);
	auth_backup_init(".");
	ask(7);
	assert_true(run() > 5);
	copy = fake_one(PROC_ROUTER, IMSG_COPY_FILE, sizeof(*copy));
	for (i = 0; i < fake_nsent; i++)
		if (fake_sent[i].type == IMSG_COPY_FILE)
			fd = fake_sent[i].fd;
	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, copy->bytes);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(pread(fd, &c, 1, 0), 1);
	assert_int_equal(write(fd, &c, 1), -1);
	(void)fake_one(PROC_ROUTER, CTL_OK, sizeof(struct ctl_end));
	/* It was told how far it is. */
	assert_true(fake_count(CTL_COPY) > 0);
}

static void
one_at_a_time(void **state)
{
	const struct ctl_end	*end;

	grow(5000);
	auth_backup_init(".");
	ask(7);
	ask(8);
	end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(end->code, CTL_CODE_EXISTS);
	/* Not the other's to end. */
	cancel(8);
	assert_int_equal(access("copy.tmp", F_OK), 0);
	cancel(7);
	assert_int_equal(access("copy.tmp", F_OK), -1);
	assert_int_equal(auth_backup_tick(), 0);
	assert_int_equal(fake_count(IMSG_COPY_FILE), 0);
	fake_forget();
	ask(9);
	run();
	assert_int_equal(fake_count(IMSG_COPY_FILE), 1);
}

static void
store_that_is_down_is_told(void **state)
{
	const struct ctl_end	*end;

	auth_backup_init(".");
	fake_store_close();
	ask(7);
	end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(end->code, CTL_CODE_STORE);
	fake_store_open();
	/* Down while it is copied. */
	grow(5000);
	fake_forget();
	ask(7);
	assert_int_equal(auth_backup_tick(), 1);
	store_free(auth_store);
	auth_store = NULL;
	assert_int_equal(access("copy.tmp", F_OK), -1);
	fake_store_open();
	assert_int_equal(auth_backup_tick(), 0);
	end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(end->code, CTL_CODE_STORE);
}

/* ---- each day ---- */

/* So many days go by, looked at every ten minutes. */
static void
days(int n)
{
	uint64_t	 end = fake_mono + n * DAY_MS;

	while (fake_mono < end) {
		fake_mono += 600000;
		fake_wall += 600;
		run();
	}
}

static void
age(const char *file, int64_t when)
{
	struct timespec	 ts[2] = { { when, 0 }, { when, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, file, ts, 0), 0);
}

static int
backups(void)
{
	char	 name[32];
	int	 i, n = 0;

	for (i = 1; i <= BACKUPS_MAX + 1; i++) {
		(void)snprintf(name, sizeof(name), "backup-%d.db", i);
		n += access(name, F_OK) == 0;
	}
	return (n);
}

static void
one_is_kept_each_day(void **state)
{
	char	 user[128];
	int	 i;

	auth_backup_keep(3);
	auth_backup_init(".");
	/* Not at once: there is enough to do. */
	assert_int_equal(auth_backup_tick(), 0);
	assert_int_equal(backups(), 0);
	for (i = 1; i <= 5; i++) {
		(void)snprintf(user, sizeof(user), "UPDATE users SET "
		    "username = 'day %d'", i);
		fake_sql(user);
		fake_mono += 120000;
		run();
		assert_int_equal(backups(), i < 3 ? i : 3);
		/* Not again today. */
		age("backup-1.db", fake_wall);
		fake_mono += 120000;
		run();
		assert_int_equal(backups(), i < 3 ? i : 3);
		age("backup-1.db", fake_wall - 86400);
	}
	assert_string_equal(of_copy("backup-1.db",
	    "SELECT username FROM users"), "day 5");
	assert_string_equal(of_copy("backup-3.db",
	    "SELECT username FROM users"), "day 3");
	/* Fewer, and none. */
	auth_backup_keep(1);
	fake_mono += 120000;
	run();
	assert_int_equal(backups(), 1);
	auth_backup_keep(0);
	age("backup-1.db", 1);
	fake_mono += 2 * DAY_MS;
	run();
	assert_string_equal(of_copy("backup-1.db",
	    "SELECT username FROM users"), "day 5");
	assert_int_equal(access("copy.tmp", F_OK), -1);
}

static void
clock_from_the_future_does_not_stop_it(void **state)
{
	auth_backup_keep(2);
	auth_backup_init(".");
	fake_mono += 120000;
	run();
	assert_int_equal(backups(), 1);
	age("backup-1.db", fake_wall + 10 * 365 * 86400LL);
	fake_mono += 120000;
	run();
	assert_int_equal(backups(), 2);
}

static void
damaged_store_does_not_replace_good_copies(void **state)
{
	char	 junk[4096];
	int	 fd;

	grow(20000);
	auth_backup_keep(2);
	auth_backup_init(".");
	fake_mono += 120000;
	run();
	assert_int_equal(backups(), 1);
	age("backup-1.db", fake_wall - 90000);
	fake_sql("PRAGMA wal_checkpoint(TRUNCATE)");
	/* Some of the log's pages; those that say who may log in are well. */
	memset(junk, 0xaa, sizeof(junk));
	fd = open("culvert.db", O_RDWR);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 900 * 4096),
	    sizeof(junk));
	close(fd);
	days(1);
	assert_int_equal(backups(), 1);
	assert_string_equal(of_copy("backup-1.db", "PRAGMA integrity_check"),
	    "ok");
	assert_int_equal(access("copy.tmp", F_OK), -1);
}

static void
who_waits_goes_first(void **state)
{
	grow(5000);
	auth_backup_keep(2);
	auth_backup_init(".");
	fake_mono += 120000;
	assert_int_equal(auth_backup_tick(), 1);
	ask(7);
	run();
	assert_int_equal(fake_count(IMSG_COPY_FILE), 1);
	assert_int_equal(backups(), 0);
	fake_mono += 120000;
	run();
	assert_int_equal(backups(), 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		FAKE_CASE(copy_is_whole_and_one_file),
		FAKE_CASE(what_is_written_meanwhile_is_in_it),
		FAKE_CASE(given_up_it_leaves_nothing),
		FAKE_CASE(damage_is_seen),
		FAKE_CASE(client_gets_a_descriptor),
		FAKE_CASE(one_at_a_time),
		FAKE_CASE(store_that_is_down_is_told),
		FAKE_CASE(one_is_kept_each_day),
		FAKE_CASE(clock_from_the_future_does_not_stop_it),
		FAKE_CASE(damaged_store_does_not_replace_good_copies),
		FAKE_CASE(who_waits_goes_first),
	};

	umask(077);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
