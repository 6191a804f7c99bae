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
 * The children, as their parent sees them: started, joined to each other,
 * started again when they end.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <imsg.h>

#include "clock.h"
#include "log.h"
#include "proc_internal.h"

static void	proc_kid_wire(struct proc_kid *);
static void	proc_kid_why(struct proc_kid *, int, char *, size_t);
static void	proc_kid_next(struct proc_kid *, int);
static void	proc_kid_again(evutil_socket_t, short, void *);
static void	proc_kid_late(evutil_socket_t, short, void *);
static void	proc_kid_kill(evutil_socket_t, short, void *);

struct proc_kids	 proc_kids = TAILQ_HEAD_INITIALIZER(proc_kids);

struct proc_times	 proc_times = {
	.ping_ms = 3000,
	.pings = (PROC_HANG_S * 1000 + 2999) / 3000,
	.abort_ms = 1000,
	.backoff_ms = 100,
	.backoff_max_ms = 30000,
	.stable_ms = PROC_STABLE_S * 1000,
	.deaths = PROC_DEATHS_MAX,
	.stop_ms = PROC_STOP_S * 1000,
	.start_ms = 120000,
};

struct proc_kid *
proc_kid_find(int kind, int instance)
{
	struct proc_kid	*k;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->kind == kind && k->instance == instance)
			return (k);
	return (NULL);
}

int
proc_count(int kind)
{
	struct proc_kid	*k;
	int		 n = 0;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->kind == kind && !k->old)
			n++;
	return (n);
}

void
proc_kid_new(int kind, int instance)
{
	struct proc_kid	*k;
	int		 i;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		fatal("calloc");
	k->kind = kind;
	k->instance = instance;
	k->report = -1;
	for (i = 0; i < PROC_FILES; i++)
		k->files[i] = -1;
	k->delay_ms = proc_times.backoff_ms;
	proc_name(kind, instance, k->name, sizeof(k->name));
	k->again = evtimer_new(proc_self.base, proc_kid_again, k);
	k->late = evtimer_new(proc_self.base, proc_kid_late, k);
	k->kill = evtimer_new(proc_self.base, proc_kid_kill, k);
	if (k->again == NULL || k->late == NULL || k->kill == NULL)
		fatalx("no memory for events");
	TAILQ_INSERT_TAIL(&proc_kids, k, entry);
}

static void
proc_kid_free(struct proc_kid *k)
{
	TAILQ_REMOVE(&proc_kids, k, entry);
	event_free(k->again);
	event_free(k->late);
	event_free(k->kill);
	free(k);
}

int
proc_kid_instance(int kind, int from)
{
	int	 i;

	for (i = from; i < PROC_INSTANCES_MAX; i++)
		if (proc_kid_find(kind, i) == NULL)
			return (i);
	return (-1);
}

void
proc_kid_later(struct event *ev, int ms)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };

	evtimer_add(ev, &tv);
}

void
proc_kid_start(struct proc_kid *k)
{
	struct proc_peer	*p;
	int			 log = -1, report[2], sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, sv) == -1)
		fatal("socketpair");
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) == -1)
		fatal("pipe2");
	if (proc_self.piped)
		k->log = proc_log_new(k->name, &log);

	k->pid = proc_exec(proc_self.daemon->defs[k->kind].name, k->instance,
	    sv[1], report[1], log);
	close(sv[1]);
	close(report[1]);
	if (log != -1)
		close(log);
	k->report = report[0];
	k->started = time(NULL);
	k->starts++;
	k->ready = 0;
	k->unanswered = 0;
	if (k->pid == -1) {
		log_warn("%s: fork", k->name);
		close(sv[0]);
		k->pid = 0;
		proc_kid_ended(k, 0);
		return;
	}
	proc_log_pid(k->log, k->pid);
	log_debug("%s (pid %ld) started", k->name, (long)k->pid);

	p = proc_peer_new(k->kind, k->instance, sv[0]);
	proc_peer_start(p);
	proc_kid_wire(k);
	if (proc_self.daemon->configure != NULL)
		proc_self.daemon->configure(p);
	proc_send(p, IMSG_PROC_GO, 0, -1, NULL, 0);
	proc_kid_later(k->late, proc_times.start_ms);
}

/* Give a new process, and those it talks to, new pipes to each other. */
static void
proc_kid_wire(struct proc_kid *k)
{
	struct proc_kid	*o;

	TAILQ_FOREACH(o, &proc_kids, entry)
		if (o != k && o->pid != 0 && !o->apart &&
		    (proc_self.daemon->defs[k->kind].peers & (1U << o->kind)))
			proc_kid_join(k, o);
}

void
proc_kid_join(struct proc_kid *a, struct proc_kid *b)
{
	struct proc_who	 who;
	int		 sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, sv) == -1)
		fatal("socketpair");
	memset(&who, 0, sizeof(who));
	who.kind = b->kind;
	who.instance = b->instance;
	proc_send(proc_peer(a->kind, a->instance), IMSG_PROC_PEER, b->pid,
	    sv[0], &who, sizeof(who));
	who.kind = a->kind;
	who.instance = a->instance;
	proc_send(proc_peer(b->kind, b->instance), IMSG_PROC_PEER, a->pid,
	    sv[1], &who, sizeof(who));
}

static void
proc_kid_again(evutil_socket_t fd, short what, void *arg)
{
	proc_kid_start(arg);
}

static void
proc_kid_late(evutil_socket_t fd, short what, void *arg)
{
	struct proc_kid	*k = arg;

	log_warnx("%s (pid %ld) does not come to serve: aborted", k->name,
	    (long)k->pid);
	kill(k->pid, SIGABRT);
	proc_kid_kill_soon(k);
}

void
proc_kid_kill_soon(struct proc_kid *k)
{
	if (!evtimer_pending(k->kill, NULL))
		proc_kid_later(k->kill, proc_times.abort_ms);
}

static void
proc_kid_kill(evutil_socket_t fd, short what, void *arg)
{
	struct proc_kid	*k = arg;

	if (k->pid != 0)
		kill(k->pid, SIGKILL);
}

/* Why a process ended, for a person. */
static void
proc_kid_why(struct proc_kid *k, int status, char *why, size_t len)
{
	int	 nr;

	if (WIFEXITED(status))
		snprintf(why, len, "exit status %d", WEXITSTATUS(status));
	else if (WTERMSIG(status) == SIGSYS &&
	    read(k->report, &nr, sizeof(nr)) == sizeof(nr))
		snprintf(why, len, "forbidden system call %d (%s)", nr,
		    sandbox_call_name(nr));
	else if (WTERMSIG(status) == SIGSYS)
		strlcpy(why, "forbidden system call", len);
	else
		snprintf(why, len, "killed by signal %d", WTERMSIG(status));
}

/* It is no more: say so, tidy up, and decide what follows. */
void
proc_kid_ended(struct proc_kid *k, int status)
{
	struct proc_peer	*p;
	char			 why[80], text[160];
	int			 i, kind, instance;

	proc_kid_why(k, status, why, sizeof(why));
	proc_log_free(k->log);
	k->log = NULL;
	if (k->old && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_info("%s (pid %ld) has done its part", k->name,
		    (long)k->pid);
	else if (k->pid != 0 && !(proc_state.stopping && WIFEXITED(status)))
		log_warnx("%s (pid %ld) ended: %s", k->name, (long)k->pid,
		    why);
	if ((p = proc_peer(k->kind, k->instance)) != NULL)
		proc_peer_close(p);
	close(k->report);
	k->report = -1;
	for (i = 0; i < PROC_FILES; i++) {
		if (k->files[i] != -1)
			close(k->files[i]);
		k->files[i] = -1;
	}
	k->pid = 0;
	event_del(k->late);
	event_del(k->kill);
	if (k->old) {
		kind = k->kind;
		instance = k->instance;
		proc_kid_free(k);
		if (!proc_state.stopping && proc_self.daemon->old != NULL)
			proc_self.daemon->old(kind, instance, 0);
		return;
	}
	if (!proc_state.stopping && proc_may_go_back()) {
		snprintf(text, sizeof(text), "the new %s ended: %s", k->name,
		    why);
		proc_go_back(text);
	}
	if (!proc_state.stopping)
		proc_kid_next(k, status);
}

/* Start it again, when, or give up. */
static void
proc_kid_next(struct proc_kid *k, int status)
{
	const char	*test = proc_self.opts.test;
	size_t		 len = strlen(proc_self.daemon->defs[k->kind].name);

	if (test != NULL && strncmp(test, k->name, len) == 0 &&
	    test[len] == ':') {
		proc_quit(0);
		return;
	}
	if (k->ready &&
	    clock_ms() - k->ready_at >= (uint64_t)proc_times.stable_ms) {
		k->deaths = 0;
		k->delay_ms = proc_times.backoff_ms;
	}
	k->ready = 0;
	/* What fails the first time by its own decision would again. */
	if (!proc_state.up && (proc_self.opts.rehearse ||
	    (WIFEXITED(status) ? WEXITSTATUS(status) != 0 :
	    WTERMSIG(status) == SIGSYS))) {
		log_warnx("%s could not start", k->name);
		proc_quit(1);
		return;
	}
	if (++k->deaths >= proc_times.deaths) {
		log_warnx("%s ended %d times without serving for %d s: "
		    "giving up", k->name, k->deaths,
		    proc_times.stable_ms / 1000);
		proc_quit(1);
		return;
	}
	proc_kid_later(k->again, k->delay_ms);
	k->delay_ms *= 2;
	if (k->delay_ms > proc_times.backoff_max_ms)
		k->delay_ms = proc_times.backoff_max_ms;
}
