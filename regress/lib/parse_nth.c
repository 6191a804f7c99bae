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

#include "compat.h"

#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "nth_alloc.h"
#include "parse_nth.h"

#define NONE_LEFT	7	/* exit status: it was not reached */

static void __dead
parse_one(const char *file, int (*parse)(const char *), unsigned int at)
{
	unsigned int	 seen;
	int		 ret;

	nth_alloc_fail(at);
	ret = parse(file);
	seen = nth_alloc_seen();
	nth_alloc_fail(0);
	if (seen < at)
		exit(ret == 0 ? NONE_LEFT : 2);
	exit(ret == 0 ? 0 : 1);
}

/* A copy in which @T@ is a folder, as conf.t has it. */
static void
copy(const char *file, char *path)
{
	static char	 line[1024];
	FILE		*in, *out;
	char		*at;
	int		 fd;

	assert_int_not_equal(fd = mkstemp(path), -1);
	assert_non_null(out = fdopen(fd, "w"));
	assert_non_null(in = fopen(file, "r"));
	while (fgets(line, sizeof(line), in) != NULL) {
		while ((at = strstr(line, "@T@")) != NULL)
			memcpy(at, "/./", 3);
		fputs(line, out);
	}
	fclose(in);
	fclose(out);
}

unsigned int
parse_nth(const char *file, int (*parse)(const char *))
{
	char		 path[] = "/tmp/parse_nth.XXXXXXXXXX";
	char		 said[4096];
	unsigned int	 at;
	ssize_t		 n;
	size_t		 len;
	pid_t		 pid;
	int		 p[2], status;

	copy(file, path);
	for (at = 1; ; at++) {
		assert_int_equal(pipe(p), 0);
		fflush(NULL);
		if ((pid = fork()) == 0) {
			close(p[0]);
			dup2(p[1], STDERR_FILENO);
			parse_one(path, parse, at);
		}
		assert_int_not_equal(pid, -1);
		close(p[1]);
		for (len = 0; (n = read(p[0], said + len,
		    sizeof(said) - 1 - len)) > 0; len += n)
			;
		said[len] = '\0';
		close(p[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status))
			fail_msg("%s: allocation %u: status 0x%x: %s", file,
			    at, status, said);
		if (WEXITSTATUS(status) == NONE_LEFT)
			break;
		if (WEXITSTATUS(status) != 1 || len == 0)
			fail_msg("%s: allocation %u: exit status %d: %s", file,
			    at, WEXITSTATUS(status), said);
	}
	unlink(path);
	return (at - 1);
}
