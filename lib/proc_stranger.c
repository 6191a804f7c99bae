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
 * Children that the one before leaves (proc_resume.c), of kinds that this
 * version has not.  Nobody would ever talk to them, or end them: their pipes
 * stay open, as the way back needs them.  Once there is none they end.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <imsg.h>

#include "log.h"
#include "proc_internal.h"
#include "state.h"

struct stranger {
	SLIST_ENTRY(stranger)	 entry;		/* the list owns it */
	char			 name[PROC_NAME_MAX];
	pid_t			 pid;
	int			 fds[2 + PROC_FILES];	/* or -1 */
	int			 log;		/* or -1 */
	struct proc_log		*lines;		/* once it is to end */
	struct event		*kill;
};

static void	stranger_free(struct stranger *);
static void	stranger_end(struct stranger *);
static void	stranger_kill(evutil_socket_t, short, void *);

static SLIST_HEAD(, stranger)	 strangers = SLIST_HEAD_INITIALIZER(strangers);

int
proc_stranger_add(const struct state_line *line)
{
	struct stranger	*s;
	long long	 instance, pid;
	size_t		 i;

	if (state_get(line, 1, 0, PROC_INSTANCES_MAX - 1, &instance) == -1 ||
	    state_get(line, 2, 2, INT32_MAX, &pid) == -1)
		return (-1);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("resume");
	(void)snprintf(s->name, sizeof(s->name), "%.16s %d", line->fields[0],
	    (int)instance);
	s->pid = pid;
	s->fds[0] = proc_restore_fd(line, 3);
	s->fds[1] = proc_restore_fd(line, 4);
	s->log = proc_restore_fd(line, 5);
	for (i = 0; i < PROC_FILES; i++)
		s->fds[2 + i] = proc_restore_fd(line, 8 + i);
	SLIST_INSERT_HEAD(&strangers, s, entry);
	return (0);
}

static void
stranger_free(struct stranger *s)
{
	SLIST_REMOVE(&strangers, s, stranger, entry);
	proc_log_free(s->lines);
	if (s->kill != NULL)
		event_free(s->kill);
	free(s);
}

void
proc_strangers_end(void)
{
	struct stranger	*s, *tmp;

	SLIST_FOREACH_SAFE(s, &strangers, entry, tmp)
		if (s->kill == NULL)
			stranger_end(s);
}

/* Its end of the pipe says so, and the signal, in case that it waits. */
static void
stranger_end(struct stranger *s)
{
	size_t	 i;

	for (i = 0; i < nitems(s->fds); i++)
		if (s->fds[i] != -1)
			close(s->fds[i]);
	if (s->log != -1)
		s->lines = proc_log_adopt(s->name, s->log, s->pid);
	/* It may have ended meanwhile, and its pid is another's then. */
	if (waitpid(s->pid, NULL, WNOHANG) != 0) {
		stranger_free(s);
		return;
	}
	log_warnx("%s (pid %ld) is of the version before, and there is no "
	    "such process in this one: it is ended", s->name, (long)s->pid);
	if ((s->kill = evtimer_new(proc_self.base, stranger_kill, s)) == NULL)
		fatalx("no memory for events");
	kill(s->pid, SIGTERM);
	proc_kid_later(s->kill, proc_times.stop_ms);
}

static void
stranger_kill(evutil_socket_t fd, short what, void *arg)
{
	struct stranger	*s = arg;

	log_warnx("%s (pid %ld) does not end: killed", s->name, (long)s->pid);
	kill(s->pid, SIGKILL);
}

int
proc_stranger_ended(pid_t pid)
{
	struct stranger	*s;

	SLIST_FOREACH(s, &strangers, entry) {
		if (s->pid != pid)
			continue;
		stranger_free(s);
		return (1);
	}
	return (0);
}
