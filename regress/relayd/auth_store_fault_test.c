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
 * Changes to the store while the disk refuses: each system call that changes
 * a file fails in turn.  What was acknowledged is there when the store is
 * opened again, and what was not is there whole or not at all.
 */

/* link: regress/relayd/auth_store_steps.c relayd/auth_store*.c
 *	relayd/auth_upgrade.c relayd/month.c libculvert.a sql.c */
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

#include "auth_store_steps.h"

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

static void
each_call_fails(int tables, unsigned int times, int error, int reopen)
{
	enum store_result	 r;
	unsigned int		 at;
	size_t			 done;
	int			 none;

	for (at = 1; ; at++) {
		steps_fresh(tables);
		faults(at, times, error);
		r = steps_run(&done);
		if (reopen)
			steps_close();
		none = fault_seen < at;
		faults(0, 0, 0);
		if (none) {
			/* None was left to fail. */
			assert_int_equal(r, STORE_OK);
			break;
		}
		if (r != STORE_OK && r != STORE_NOWRITE && r != STORE_DOWN)
			fail_msg("call %u: step %zu says %d", at, done, r);
		if (r != STORE_OK && store != NULL)
			assert_string_not_equal(store_error(store), "");
		if (reopen)
			store = store_new("culvert.db", "/here/culvert.db");
		steps_go_on(done, at);
		steps_close();
	}
	steps_close();
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

	steps_fresh(1);
	assert_int_equal(steps_run(&done), STORE_OK);
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
		steps_are_there();
	}
	faults(0, 0, 0);
	assert_int_equal(r, STORE_NONE);
	assert_true(at > 5);
	steps_close();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_call_that_fails_once),
		cmocka_unit_test(a_disk_that_fails_from_then_on),
		cmocka_unit_test(a_restart_with_the_fault),
		cmocka_unit_test(a_copy_that_fails),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, steps_setup,
	    steps_teardown));
}
