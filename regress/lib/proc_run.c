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

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "proc_daemon.h"
#include "proc_internal.h"
#include "proc_run.h"

struct run	 run;

int		 self_fd = -1;

void
run_start(const char *how, const char *what, uid_t uid)
{
	char	*argv[] = { strdup("proc_test"), strdup("-P"), strdup(what),
		    how != NULL ? strdup(how) : NULL, NULL };
	int	 in[2], log[2], out[2];
	size_t	 i;

	memset(&run, 0, sizeof(run));
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(log, O_CLOEXEC), 0);
	run.pid = fork();
	assert_true(run.pid != -1);
	if (run.pid == 0) {
		setpgid(0, 0);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(log[1], STDERR_FILENO);
		if (uid != getuid() && setresuid(uid, uid, uid) == -1)
			_exit(1);
		fexecve(self_fd, argv, environ);
		_exit(1);
	}
	for (i = 0; i < nitems(argv); i++)
		free(argv[i]);
	close(in[0]);
	close(out[1]);
	close(log[1]);
	run.in = in[1];
	run.out = out[0];
	run.log = log[0];
}

int
run_more(int ms)
{
	struct pollfd	 pfd[2] = {
		{ .fd = run.out, .events = POLLIN },
		{ .fd = run.log, .events = POLLIN }
	};
	ssize_t		 n;
	int		 i, ends = 0;

	if (poll(pfd, 2, ms) <= 0)
		return (0);
	for (i = 0; i < 2; i++) {
		if (pfd[i].revents == 0)
			continue;
		n = read(pfd[i].fd, run.text + run.len,
		    sizeof(run.text) - run.len - 1);
		if (n > 0)
			run.len += n;
		else
			ends++;
	}
	run.text[run.len] = '\0';
	return (ends < 2);
}

void
mark(void)
{
	run.from = run.len;
}

char *
look(const char *text, int from_start)
{
	uint64_t	 end = clock_ms() + WAIT_MS;
	char		*at;
	size_t		 from = from_start ? 0 : run.from;

	while ((at = strstr(run.text + from, text)) == NULL)
		if (clock_ms() > end || !run_more(WAIT_MS)) {
			fprintf(stderr, "# no \"%s\" in:\n%s\n", text,
			    run.text + from);
			fail();
		}
	return (at);
}

void
command(const char *line)
{
	assert_int_equal(write(run.in, line, strlen(line)), strlen(line));
}

void
run_up(const char *how, const char *what)
{
	run_start(how, what, getuid());
	run.parent = strtol(expect("parent up ") + 10, NULL, 10);
	if (how != NULL)
		assert_int_equal(run.parent, run.pid);
	seen("worker 0 up worker 1\n");
	seen("worker 1 up worker 0\n");
	seen("boss 0 up worker 0\n");
	seen("boss 0 up worker 1\n");
	seen("boss 1 up worker 0\n");
	seen("boss 1 up worker 1\n");
	seen("worker 0 up boss 0\n");
	seen("worker 0 up boss 1\n");
	seen("worker 1 up boss 0\n");
	seen("worker 1 up boss 1\n");
	mark();
}

pid_t
pid_of(const char *name)
{
	char	 text[64];
	pid_t	 pid;

	snprintf(text, sizeof(text), "%s serves ", name);
	pid = strtol(seen(text) + strlen(text), NULL, 10);
	assert_true(pid > 1);
	return (pid);
}

int
is_there(pid_t pid)
{
	char	 path[32], state = 'Z';
	FILE	*fp;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if ((fp = fopen(path, "r")) == NULL)
		return (0);
	if (fscanf(fp, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(fp);
	return (state != 'Z' && state != 'X');
}

int
run_wait(void)
{
	int	 status;

	while (run_more(WAIT_MS))
		;
	assert_int_equal(waitpid(run.pid, &status, 0), run.pid);
	close(run.in);
	close(run.out);
	close(run.log);
	run.pid = 0;
	return (WIFEXITED(status) ? WEXITSTATUS(status) :
	    1000 + WTERMSIG(status));
}

void
run_end(void)
{
	kill(run.parent, SIGTERM);
	assert_int_equal(run_wait(), 0);
	assert_non_null(strstr(run.text, "parent down\n"));
}

int
teardown(void **state)
{
	if (run.parent > 1)
		kill(run.parent, SIGKILL);
	if (run.pid > 1) {
		kill(run.pid, SIGKILL);
		waitpid(run.pid, NULL, 0);
	}
	run.parent = run.pid = 0;
	return (0);
}
