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
 * The parent: it starts the children, joins them by pipes, starts again
 * those that end, and ends with all of them.
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
#include <syslog.h>
#include <unistd.h>

#include <event2/event.h>
#include <imsg.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "proc_internal.h"
#include "trim.h"

static int	proc_recv_ready(struct proc_peer *, struct imsg *);
static int	proc_recv_pong(struct proc_peer *, struct imsg *);
static int	proc_recv_owned(struct proc_peer *, struct imsg *);
static void	proc_parent_lost(struct proc_peer *);
static void	proc_parent_bad(struct proc_peer *);
static void	proc_parent_quit(int);
static int	proc_alive(void);
static void	proc_kill_all(void);
static void	proc_ended(evutil_socket_t, short, void *);
static int	proc_recv_quiet(struct proc_peer *, struct imsg *);
static void	proc_signal(evutil_socket_t, short, void *);
static void	proc_ping(evutil_socket_t, short, void *);
static void	proc_impatient(evutil_socket_t, short, void *);
static void	proc_check_graph(const struct proc_daemon *);
static void	proc_parent_events(void);
static void	proc_parent_sandbox(void);
static void	proc_parent_log(const struct proc_daemon *,
		    const struct proc_options *);

static const struct proc_rule proc_parent_rules[] = {
	{ IMSG_PROC_READY, -1, 0, proc_recv_ready, 0, 0 },
	{ IMSG_PROC_PONG, -1, 0, proc_recv_pong, 0, 0 },
	{ IMSG_PROC_OWNED, -1, sizeof(struct proc_who), proc_recv_owned,
	    0, 0 },
	{ IMSG_PROC_FILE, -1, 0, proc_recv_file, 0, 1 },
	{ IMSG_PROC_QUIET, -1, 0, proc_recv_quiet, 0, 0 },
};

struct proc_state	 proc_state;

static struct event	*ping_timer;
static struct event	*impatient_timer;	/* the end of orderly ends */

/*
 * What children say.
 */

static int
proc_recv_ready(struct proc_peer *p, struct imsg *imsg)
{
	struct proc_kid	*k;

	if ((k = proc_kid_find(p->kind, p->instance)) == NULL || k->ready)
		return (-1);
	k->ready = 1;
	k->ready_at = clock_ms();
	event_del(k->late);
	log_debug("%s (pid %ld) serves", k->name, (long)k->pid);
	if (proc_state.up || proc_state.stopping)
		return (0);
	TAILQ_FOREACH(k, &proc_kids, entry)
		if (!k->ready)
			return (0);
	proc_state.up = 1;
	if (proc_self.opts.rehearse) {
		proc_quit(0);
		return (0);
	}
	if (proc_takes_over()) {
		proc_stay();
		proc_self.daemon->takeover();
	} else if (proc_self.daemon->up != NULL)
		proc_self.daemon->up();
	notify_send("READY=1");
	proc_log_quiet();
	proc_detached(0);
	return (0);
}

static int
proc_recv_pong(struct proc_peer *p, struct imsg *imsg)
{
	struct proc_kid	*k;

	if ((k = proc_kid_find(p->kind, p->instance)) == NULL || !k->ready)
		return (-1);
	k->unanswered = 0;
	return (0);
}

static int
proc_recv_quiet(struct proc_peer *p, struct imsg *imsg)
{
	if (proc_is_old(p->kind, p->instance) &&
	    proc_self.daemon->old != NULL)
		proc_self.daemon->old(p->kind, p->instance, 1);
	return (0);
}

/*
 * A child got a message of the wrong shape and asks for the end of who sent
 * it.  It must have a pipe to it and be trusted more: what was broken into
 * cannot get rid of its betters.
 */
static int
proc_recv_owned(struct proc_peer *p, struct imsg *imsg)
{
	const struct proc_def	*defs = proc_self.daemon->defs;
	struct proc_who		 who;
	struct proc_kid		*k;

	if (imsg_get_data(imsg, &who, sizeof(who)) == -1 ||
	    who.kind == PROC_PARENT || who.kind >= proc_self.daemon->ndefs ||
	    (defs[p->kind].peers & (1U << who.kind)) == 0)
		return (-1);
	if (defs[who.kind].rank > defs[p->kind].rank)
		return (-1);
	if (who.instance >= PROC_INSTANCES_MAX)
		return (-1);
	/* Of those that drain there may be one less by now. */
	if ((k = proc_kid_find(who.kind, who.instance)) == NULL)
		return (0);
	if (defs[who.kind].rank == defs[p->kind].rank) {
		log_warnx("%s and %s are out of step", p->name, k->name);
		return (0);
	}
	/* It may have ended meanwhile, and this be the next. */
	if (k->pid == 0 || (uint32_t)k->pid != imsg_get_id(imsg))
		return (0);
	log_warnx("%s (pid %ld) is ended at the word of %s", k->name,
	    (long)k->pid, p->name);
	kill(k->pid, SIGKILL);
	return (0);
}

static void
proc_parent_lost(struct proc_peer *p)
{
	struct proc_kid	*k = proc_kid_find(p->kind, p->instance);

	proc_peer_close(p);
	/* Without us it has no business to live. */
	if (k != NULL && k->pid != 0)
		proc_kid_kill_soon(k);
}

static void
proc_parent_bad(struct proc_peer *p)
{
	struct proc_kid	*k = proc_kid_find(p->kind, p->instance);

	if (k != NULL && k->pid != 0)
		kill(k->pid, SIGKILL);
	proc_peer_close(p);
}

/*
 * End, of one and of all.
 */

void
proc_reap(void)
{
	struct proc_kid	*k, *tmp;
	pid_t		 pid;
	int		 status;

	/* Those that the one before may have back are not ours yet. */
	if (proc_may_go_back()) {
		TAILQ_FOREACH_SAFE(k, &proc_kids, entry, tmp)
			if (k->pid != 0 && !k->held &&
			    waitpid(k->pid, &status, WNOHANG) == k->pid)
				proc_kid_ended(k, status);
		return;
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TAILQ_FOREACH(k, &proc_kids, entry)
			if (k->pid == pid)
				break;
		if (k != NULL)
			proc_kid_ended(k, status);
		else if (!proc_stranger_ended(pid))
			proc_rehearsed(pid, status);
	}
}

static void
proc_ended(evutil_socket_t sig, short what, void *arg)
{
	proc_reap();
}

static int
proc_alive(void)
{
	struct proc_kid	*k;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->pid != 0)
			return (1);
	return (0);
}

static void
proc_kill_all(void)
{
	struct proc_kid	*k;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->pid != 0)
			kill(k->pid, SIGKILL);
}

static void
proc_parent_quit(int status)
{
	struct proc_kid	*k;

	if (proc_state.stopping)
		return;
	if (status != 0 && proc_may_go_back())
		proc_go_back("it could not start");
	proc_stay();
	proc_state.stopping = 1;
	proc_state.status = status;
	notify_send("STOPPING=1");
	TAILQ_FOREACH(k, &proc_kids, entry) {
		event_del(k->again);
		event_del(k->late);
		if (k->pid != 0 && proc_send(proc_peer(k->kind, k->instance),
		    IMSG_PROC_STOP, PROC_STOP_ALL, -1, NULL, 0) == -1)
			kill(k->pid, SIGTERM);
	}
	event_del(ping_timer);
	proc_kid_later(impatient_timer, proc_times.stop_ms);
}

static void
proc_impatient(evutil_socket_t fd, short what, void *arg)
{
	struct proc_kid	*k;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->pid != 0)
			log_warnx("%s (pid %ld) does not end: killed",
			    k->name, (long)k->pid);
	proc_kill_all();
}

static void
proc_signal(evutil_socket_t sig, short what, void *arg)
{
	switch (sig) {
	case SIGHUP:
		if (proc_self.daemon->reload != NULL && !proc_state.stopping)
			proc_self.daemon->reload();
		break;
	case SIGUSR2:
		if (proc_self.daemon->upgrade != NULL && !proc_state.stopping)
			proc_self.daemon->upgrade();
		break;
	case SIGUSR1:
		if (proc_self.daemon->reopen != NULL && !proc_state.stopping)
			proc_self.daemon->reopen();
		break;
	default:
		if (proc_state.stopping) {
			proc_kill_all();
			break;
		}
		log_info("ends at signal %d", (int)sig);
		proc_quit(0);
	}
}

/* Does each child still turn its event loop? */
static void
proc_ping(evutil_socket_t fd, short what, void *arg)
{
	struct proc_kid	*k;

	TAILQ_FOREACH(k, &proc_kids, entry) {
		if (k->pid == 0 || !k->ready || k->held)
			continue;
		if (k->unanswered < proc_times.pings) {
			k->unanswered++;
			proc_send(proc_peer(k->kind, k->instance),
			    IMSG_PROC_PING, 0, -1, NULL, 0);
		} else if (!evtimer_pending(k->kill, NULL)) {
			log_warnx("%s (pid %ld) does not answer: aborted",
			    k->name, (long)k->pid);
			kill(k->pid, SIGABRT);
			proc_kid_kill_soon(k);
		}
	}
}

/*
 * The parent itself.
 */

/* A pipe has two ends. */
static void
proc_check_graph(const struct proc_daemon *d)
{
	unsigned int	 a, b;

	for (a = PROC_PARENT + 1; a < d->ndefs; a++) {
		if (d->defs[a].kind != (int)a)
			fatalx("%s: kind %u is not in its place",
			    d->defs[a].name, a);
		for (b = PROC_PARENT + 1; b < d->ndefs; b++)
			if (!(d->defs[a].peers & (1U << b)) !=
			    !(d->defs[b].peers & (1U << a)))
				fatalx("only one of %s and %s talks to the "
				    "other", d->defs[a].name,
				    d->defs[b].name);
	}
}

static void
proc_parent_events(void)
{
	static const int	 caught[] = {
		SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2
	};
	struct timeval		 tv = { proc_times.ping_ms / 1000,
				    (proc_times.ping_ms % 1000) * 1000 };
	struct event		*ev;
	size_t			 i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < nitems(caught); i++) {
		ev = evsignal_new(proc_self.base, caught[i], proc_signal,
		    NULL);
		if (ev == NULL || evsignal_add(ev, NULL) == -1)
			fatalx("no memory for events");
	}
	ev = evsignal_new(proc_self.base, SIGCHLD, proc_ended, NULL);
	ping_timer = event_new(proc_self.base, -1, EV_PERSIST, proc_ping,
	    NULL);
	impatient_timer = evtimer_new(proc_self.base, proc_impatient, NULL);
	if (ev == NULL || ping_timer == NULL || impatient_timer == NULL ||
	    evsignal_add(ev, NULL) == -1 || event_add(ping_timer, &tv) == -1)
		fatalx("no memory for events");
	proc_self.rules = proc_parent_rules;
	proc_self.nrules = nitems(proc_parent_rules);
	proc_self.lost = proc_parent_lost;
	proc_self.bad = proc_parent_bad;
	proc_self.quit = proc_parent_quit;
}

/* What starts the children is as little as it can be before it does. */
static void
proc_parent_sandbox(void)
{
	umask(077);
	if (geteuid() == 0)
		proc_empty_make();
	else
		log_info("not started by root: no chroot, no change of user");
	sandbox_oom(proc_self.def->sandbox);
	if (sandbox_process(0) == -1)
		fatal("limits");
	if (sandbox_enter(proc_self.def->sandbox, NULL, 0, -1) == -1)
		fatal("sandbox");
	if (sandbox_missing() != NULL)
		log_warnx("sandbox: %s", sandbox_missing());
	proc_test();
}

static void
proc_parent_log(const struct proc_daemon *d, const struct proc_options *opts)
{
	enum log_dest	 dest = opts->log_dest;

	if (opts->rehearse)
		dest = LOG_DEST_STDERR;
	else if (dest == LOG_DEST_DEFAULT)
		dest = opts->foreground ? LOG_DEST_STDERR : LOG_DEST_SYSLOG;
	proc_self.piped = dest != LOG_DEST_STDERR;
	if (proc_self.piped)
		proc_log_start(d->name, dest, opts->log_facility == 0 ?
		    LOG_DAEMON : opts->log_facility);
	log_init(proc_self.name, proc_self.piped ? LOG_STYLE_PIPE :
	    log_style_stderr(), opts->verbose);
}

void
proc_log_level(int level)
{
	struct proc_level	 msg = { .level = level };
	struct proc_kid		*k;

	log_setverbose(level);
	proc_self.opts.verbose = level;	/* of those that start later */
	TAILQ_FOREACH(k, &proc_kids, entry)
		if (!k->held && !k->foreign)
			(void)proc_send(proc_peer(k->kind, k->instance),
			    IMSG_PROC_LOG, 0, -1, &msg, sizeof(msg));
}

/* Those that there are to be: beside those from before, if there are any. */
static void
proc_parent_kids(const struct proc_daemon *d)
{
	int	 i, instance, kind, n;

	for (kind = PROC_PARENT + 1; kind < (int)d->ndefs; kind++) {
		n = d->defs[kind].instances == NULL ? 1 :
		    d->defs[kind].instances();
		for (i = 0; i < n; i++) {
			instance = proc_kid_instance(kind, 0);
			if (instance == -1)
				fatalx("%d of %s are too many", n,
				    d->defs[kind].name);
			proc_kid_new(kind, instance);
		}
	}
}

int
proc_parent(const struct proc_daemon *d, const struct proc_options *opts)
{
	struct proc_kid	*k, *tmp;
	sigset_t	 none;

	proc_become(d, opts, PROC_PARENT, 0);
	proc_check_graph(d);
	if (!opts->foreground && !opts->rehearse && opts->resume == NULL)
		proc_detach();
	if ((proc_self.base = event_base_new()) == NULL)
		fatalx("no event base");
	proc_parent_log(d, opts);
	setproctitle_init(opts->argc, opts->argv, environ);
	setproctitle("%s%s", proc_self.name, opts->rehearse ? " (rehearsal)" :
	    "");
	proc_parent_events();
	notify_open();
	if (d->prepare != NULL)
		d->prepare();
	proc_parent_sandbox();
	trim_all();	/* what children's buffers would lie in */
	/* They were blocked while one became the other. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	if (proc_adopt() == 0)
		proc_parent_kids(d);
	else
		proc_state.up = 1;
	TAILQ_FOREACH_SAFE(k, &proc_kids, entry, tmp)
		if (!proc_state.stopping && k->pid == 0)
			proc_kid_start(k);
	proc_resume_test();

	while (!proc_state.stopping || proc_alive())
		if (event_base_loop(proc_self.base, EVLOOP_ONCE) == -1)
			fatalx("event loop");
	if (d->down != NULL && !opts->rehearse)
		d->down();
	proc_log_quiet();
	proc_detached(proc_state.status);
	return (proc_state.status);
}
