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
 * To the background, as ssh -f goes there.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "accessctl.h"
#include "background.h"
#include "log.h"
#include "log_sink.h"

static int		 ready = -1;	/* to who was called */
static pid_t		 child;
static struct log_sink	*sink;

static void	background_wait(int);
static void	on_signal(int);
static void	to_syslog(int, const char *);

/* ^C is for both of us; a kill(1) may be for us alone. */
static void
on_signal(int sig)
{
	kill(child, sig);
}

/* Until the child is ready, or has ended. */
static void
background_wait(int fd)
{
	struct sigaction	 sa;
	size_t			 i;
	char			 c;
	ssize_t			 n;
	int			 status;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	for (i = 0; i < ENDS; i++) {
		if (!ends_ignored(ends_signals[i]))
			sigaction(ends_signals[i], &sa, NULL);
	}
	do {
		n = read(fd, &c, 1);
	} while (n == -1 && errno == EINTR);
	if (n == 1)
		_exit(EXIT_OK);
	while (waitpid(child, &status, 0) == -1) {
		if (errno != EINTR)
			_exit(EXIT_OTHER);
	}
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_OTHER);
}

void
background_begin(void)
{
	int	 fd[2];

	if (pipe2(fd, O_CLOEXEC) == -1)
		fatal("pipe");
	switch (child = fork()) {
	case -1:
		fatal("fork");
	case 0:
		close(fd[0]);
		ready = fd[1];
		return;
	}
	close(fd[1]);
	background_wait(fd[0]);
}

static void
to_syslog(int level, const char *text)
{
	struct log_record	 r;

	r.level = level;
	r.process = program;
	r.pid = getpid();
	r.text = text;
	log_sink_send(sink, &r);
}

void
background_ready(void)
{
	int	 null;

	if (ready == -1)
		return;
	if ((sink = log_sink_new(LOG_DEST_SYSLOG, program, LOG_USER,
	    NULL)) == NULL || (null = open("/dev/null", O_RDWR)) == -1)
		fatal("to the background");
	setsid();
	if (dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1)
		fatal("to the background");
	if (null > STDERR_FILENO)
		close(null);
	log_divert(to_syslog);
	/* Who waits for this may have gone; then so do we, unheard. */
	if (write(ready, "", 1) != 1)
		_exit(EXIT_OTHER);
	close(ready);
	ready = -1;
}
