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
 * Processes in sandboxes, and what became of them.
 */

#include "compat.h"

#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox_util.h"

struct sandbox_path	 paths[4];
size_t			 npaths;

/*
 * Standard error is /dev/null, so that what a try does with it comes out the
 * same anywhere.
 */
int
outcome(int profile, uid_t uid, int (*call)(const void *), const void *arg)
{
	int	 fd, nr, report[2], status;
	pid_t	 pid;
	ssize_t	 n;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	assert_true((pid = fork()) != -1);
	if (pid == 0) {
		fd = open("/dev/null", O_RDWR);
		dup2(fd, STDERR_FILENO);
		close(report[0]);
		if (uid != getuid() && setresuid(uid, uid, uid) == -1)
			_exit(99);
		if (profile >= 0 && sandbox_enter(profile, paths, npaths,
		    report[1]) == -1)
			_exit(98);
		_exit(call(arg));
	}
	close(report[1]);
	n = read(report[0], &nr, sizeof(nr));
	close(report[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		return (WEXITSTATUS(status));
	if (WTERMSIG(status) == SIGSYS && n == sizeof(nr))
		return (FORBIDDEN(nr));
	return (SIGNALLED(WTERMSIG(status)));
}

int
has_landlock(void)
{
	static int	 version = -2;

	if (version == -2)
		version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	return (version > 0);
}
