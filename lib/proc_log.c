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
 * The log of a daemon: each process writes its lines to a pipe, ours too,
 * and they go to syslog or the journal.  What a child says is taken with a
 * grain of salt: cut to lines of printable bytes under its own name, and no
 * more of them than a person could want to read.
 */

#include "compat.h"

#include <sys/types.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "log.h"
#include "log_limit.h"
#include "log_sink.h"
#include "proc_internal.h"

#define PROC_LOG_LINE	2048	/* the rest of a longer one is lost */
#define PROC_LOG_BURST	500	/* lines at once... */
#define PROC_LOG_MS	20	/* ...and one in that time, of each process */
#define PROC_LOG_VERBOSE 10	/* times that, when more is asked for */

struct proc_log {
	int		 fd;
	struct event	*event;
	char		 name[PROC_NAME_MAX];
	pid_t		 pid;
	char		 line[PROC_LOG_LINE];
	size_t		 len;
	int		 cut;		/* skipping the rest of a line */
	struct log_limit limit;
};

static int	proc_log_pipe(int *);
static struct proc_log *proc_log_make(const char *, int);
static void	proc_log_readable(evutil_socket_t, short, void *);
static int	proc_log_read(struct proc_log *);
static int	proc_log_may(struct proc_log *, uint64_t *);
static void	proc_log_line(struct proc_log *);
static void	proc_log_say(const struct proc_log *, int, const char *);
static void	proc_log_end(void);

static struct proc_log	*proc_log_own;
static int		 proc_log_taken = -1;	/* ours, from before */
static int		 proc_log_echo = -1;	/* standard error, at first */
static struct log_sink	*proc_log_sink;

/* Nobody waits to log, least of all we, who would wait for ourselves. */
static int
proc_log_pipe(int *wfd)
{
	int	 p[2];

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
		fatal("pipe2");
	*wfd = p[1];
	return (p[0]);
}

static struct proc_log *
proc_log_make(const char *name, int fd)
{
	struct proc_log	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("calloc");
	strlcpy(l->name, name, sizeof(l->name));
	l->fd = fd;
	l->event = event_new(proc_self.base, fd, EV_READ | EV_PERSIST,
	    proc_log_readable, l);
	if (l->event == NULL || event_add(l->event, NULL) == -1)
		fatalx("no memory for events");
	return (l);
}

void
proc_log_start(const char *ident, enum log_dest dest, int facility)
{
	int	 fd, wfd;

	if ((proc_log_sink = log_sink_new(dest, ident, facility, NULL)) ==
	    NULL)
		fatal("log");
	if ((fd = proc_log_taken) != -1) {
		proc_log_own = proc_log_make(proc_self.name, fd);
		proc_log_own->pid = getpid();
		atexit(proc_log_end);
		return;
	}
	proc_log_echo = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	fd = proc_log_pipe(&wfd);
	if (dup2(wfd, STDERR_FILENO) == -1)
		fatal("dup2");
	close(wfd);
	proc_log_own = proc_log_make(proc_self.name, fd);
	proc_log_own->pid = getpid();
	atexit(proc_log_end);
}

void
proc_log_quiet(void)
{
	if (proc_log_echo == -1)
		return;
	proc_log_end();
	close(proc_log_echo);
	proc_log_echo = -1;
}

struct proc_log *
proc_log_new(const char *name, int *wfd)
{
	int	 fd;

	fd = proc_log_pipe(wfd);
	return (proc_log_make(name, fd));
}

struct proc_log *
proc_log_adopt(const char *name, int fd, pid_t pid)
{
	struct proc_log	*l = proc_log_make(name, fd);

	l->pid = pid;
	return (l);
}

int
proc_log_fd(const struct proc_log *l)
{
	return (l == NULL ? -1 : l->fd);
}

int
proc_log_own_fd(void)
{
	return (proc_log_fd(proc_log_own));
}

void
proc_log_take(int fd)
{
	proc_log_taken = fd;
}

void
proc_log_pid(struct proc_log *l, pid_t pid)
{
	if (l != NULL)
		l->pid = pid;
}

void
proc_log_free(struct proc_log *l)
{
	if (l == NULL)
		return;
	while (proc_log_read(l) > 0)
		;
	if (l->len > 0)
		proc_log_line(l);
	event_free(l->event);
	close(l->fd);
	free(l);
}

/* Our last words, as of fatal(), are still in the pipe. */
static void
proc_log_end(void)
{
	if (proc_log_own == NULL || getpid() != proc_log_own->pid)
		return;
	while (proc_log_read(proc_log_own) > 0)
		;
}

static void
proc_log_readable(evutil_socket_t fd, short what, void *arg)
{
	struct proc_log	*l = arg;

	/* Its end is that of the child; we hear of that elsewhere. */
	if (proc_log_read(l) == 0)
		event_del(l->event);
}

/* One read(2): how much there was; 0 at the end, -1 for nothing now. */
static int
proc_log_read(struct proc_log *l)
{
	char	 buf[4096];
	ssize_t	 i, n;

	if ((n = read(l->fd, buf, sizeof(buf))) <= 0)
		return (n == 0 ? 0 : -1);
	for (i = 0; i < n; i++) {
		if (buf[i] == '\n') {
			proc_log_line(l);
			l->len = 0;
			l->cut = 0;
		} else if (l->len + 1 < sizeof(l->line))
			l->line[l->len++] = isprint((unsigned char)buf[i]) ?
			    buf[i] : '?';
		else
			l->cut = 1;
	}
	return (n);
}

static int
proc_log_may(struct proc_log *l, uint64_t *dropped)
{
	int	 times = log_getverbose() > LOG_LEVEL_BRIEF ?
		    PROC_LOG_VERBOSE : 1;

	l->limit.burst = PROC_LOG_BURST * times;
	l->limit.ms = PROC_LOG_MS / times;
	return (log_limit_may(&l->limit, clock_ms(), dropped));
}

/* "<level>name[pid]: text", if it says the truth. */
static void
proc_log_line(struct proc_log *l)
{
	char		 own[PROC_NAME_MAX + 16], text[PROC_LOG_LINE + 64];
	char		*line = l->line;
	uint64_t	 dropped;
	int		 level = LOG_INFO;

	if (!proc_log_may(l, &dropped))
		return;
	l->line[l->len] = '\0';
	if (dropped > 0) {
		snprintf(text, sizeof(text), "%llu lines were too many and "
		    "are lost", (unsigned long long)dropped);
		proc_log_say(l, LOG_WARNING, text);
	}
	if (line[0] == '<' && line[1] >= '2' && line[1] <= '7' &&
	    line[2] == '>') {
		level = line[1] - '0';
		line += 3;
	}
	/* It can speak in no other's name. */
	snprintf(own, sizeof(own), "%s[%ld]: ", l->name, (long)l->pid);
	if (strncmp(line, own, strlen(own)) == 0)
		line += strlen(own);
	snprintf(text, sizeof(text), "%s%s", line, l->cut ? "..." : "");
	proc_log_say(l, level, text);
}

static void
proc_log_say(const struct proc_log *l, int level, const char *text)
{
	const struct log_record	 r = { level, l->name, l->pid, text };

	if (proc_log_sink == NULL) {
		dprintf(STDERR_FILENO, "%s\n", text);
		return;
	}
	if (proc_log_echo != -1)
		dprintf(proc_log_echo, "%s: %s[%ld]: %s\n",
		    proc_self.daemon->name, l->name, (long)l->pid, text);
	log_sink_send(proc_log_sink, &r);
}
