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
 * The other half of an upgrade (proc_upgrade.c): the program that was
 * executed in the place of another, which may have been of another version,
 * takes in its children; and, as long as it does not serve itself, stands
 * ready to undo all of that.
 */

#include "compat.h"

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <imsg.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "proc_internal.h"
#include "state.h"

#define RESUME_KIDS_MAX	(PROC_INSTANCES_MAX * PROC_KINDS_MAX)
#define RESUME_LATE_S	60	/* then it is back to the one before */
#define RESUME_ARGS_MAX	64
#define RESUME_WHY_MAX	200

/* A child of the one before. */
struct resume_kid {
	int	 kind, instance;
	pid_t	 pid;
	int	 fd, report, log;
	int	 old, foreign;
	int	 files[PROC_FILES];
};

static struct {
	const struct proc_daemon *daemon;
	int			 way_back;	/* it is open */
	int			 rehearse;
	int			 back;		/* we are the one before */
	char			 why[RESUME_WHY_MAX];	/* what failed then */
	int			 fd;		/* the file */
	int			 binary;	/* of the one before */
	int			 log, notify;
	int			 same;		/* the protocol */
	char			*argv[RESUME_ARGS_MAX];
	char			 word[RESUME_WHY_MAX + 16];	/* of -U */
	size_t			 wordlen;	/* "7," */
	struct resume_kid	 kids[RESUME_KIDS_MAX];
	size_t			 nkids;
	int			*fds;		/* all that came with it */
	size_t			 nfds;
}			 resume = { .fd = -1, .binary = -1, .log = -1,
			    .notify = -1 };

/* What ends us. */
static const int	 deadly[] = {
	SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGALRM
};

static int	resume_word(const char *);
static int	resume_line(const struct state_line *, void *);
static int	resume_line_kid(const struct state_line *);
static int	resume_args(const struct proc_options *);
static void	resume_guard(void);
static void	resume_crashed(int);
static void	resume_exit(void);
static void	resume_kid(const struct resume_kid *);
static void	resume_stays(evutil_socket_t, short, void *);
static void	resume_stop(struct proc_kid *);

/* ---- reading ---- */

/* "7", or "7,why it did not work". */
static int
resume_word(const char *word)
{
	const char	*errstr;
	char		 number[12];
	size_t		 len = strcspn(word, ",");

	if (len >= sizeof(number))
		return (-1);
	memcpy(number, word, len);
	number[len] = '\0';
	resume.fd = strtonum(number, 0, INT32_MAX, &errstr);
	if (errstr != NULL)
		return (-1);
	if (word[len] == ',') {
		resume.back = 1;
		strlcpy(resume.why, word + len + 1, sizeof(resume.why));
	}
	return (0);
}

static int
resume_line_kid(const struct state_line *line)
{
	struct resume_kid	*k = &resume.kids[resume.nkids];
	long long		 instance, pid, old, foreign;
	size_t			 kind, i;

	if (resume.nkids == RESUME_KIDS_MAX || line->n < 8)
		return (-1);
	for (kind = PROC_PARENT + 1; kind < resume.daemon->ndefs; kind++)
		if (strcmp(resume.daemon->defs[kind].name,
		    line->fields[0]) == 0)
			break;
	if (kind == resume.daemon->ndefs)
		return (proc_stranger_add(line));
	if (state_get(line, 1, 0, PROC_INSTANCES_MAX - 1, &instance) == -1 ||
	    state_get(line, 2, 2, INT32_MAX, &pid) == -1 ||
	    state_get(line, 6, 0, 1, &old) == -1 ||
	    state_get(line, 7, 0, 1, &foreign) == -1 ||
	    (k->fd = proc_restore_fd(line, 3)) == -1 ||
	    (k->report = proc_restore_fd(line, 4)) == -1)
		return (-1);
	k->log = proc_restore_fd(line, 5);
	for (i = 0; i < PROC_FILES; i++)
		k->files[i] = proc_restore_fd(line, 8 + i);
	k->kind = kind;
	k->instance = instance;
	k->pid = pid;
	k->old = old;
	k->foreign = foreign;
	resume.nkids++;
	return (0);
}

static int
resume_line(const struct state_line *line, void *arg)
{
	char	 hex[20];

	if (strcmp(line->name, "kid") == 0)
		return (resume_line_kid(line));
	if (strcmp(line->name, "protocol") == 0 && line->n > 0) {
		snprintf(hex, sizeof(hex), "%016llx",
		    (unsigned long long)proc_protocol(resume.daemon));
		resume.same = strcmp(hex, line->fields[0]) == 0;
	} else if (strcmp(line->name, "calls") == 0 && line->n > 0) {
		if (sandbox_calls_within(line->fields[0]) == -1) {
			log_warnx("this version makes system calls that the "
			    "running one can't let it make: it takes a "
			    "restart");
			return (-1);
		}
	} else if (strcmp(line->name, "filters") == 0 && line->n > 0)
		sandbox_filtered(line->fields[0]);
	else if (strcmp(line->name, "binary") == 0)
		resume.binary = proc_restore_fd(line, 0);
	else if (strcmp(line->name, "log") == 0)
		resume.log = proc_restore_fd(line, 0);
	else if (strcmp(line->name, "notify") == 0)
		resume.notify = proc_restore_fd(line, 0);
	else
		return (resume.daemon->restore(line));
	return (0);
}

int
proc_restore_fd(const struct state_line *line, size_t i)
{
	long long	 fd;
	int		*p;

	if (state_get(line, i, 3, INT32_MAX, &fd) == -1)
		return (-1);
	/* In a rehearsal they are only numbers. */
	if (resume.rehearse)
		return (fd);
	if (fcntl(fd, F_GETFD) == -1)
		return (-1);
	p = reallocarray(resume.fds, resume.nfds + 1, sizeof(*p));
	if (p == NULL)
		fatal("resume");
	resume.fds = p;
	resume.fds[resume.nfds++] = fd;
	return (fd);
}

int
proc_resume(const struct proc_daemon *d, const struct proc_options *opts)
{
	const char	*why;
	char		*buf;
	ssize_t		 n;
	size_t		 len = 0;
	int		 ret;

	resume.daemon = d;
	resume.rehearse = opts->rehearse;
	if (resume_word(opts->resume) == -1 || resume_args(opts) == -1 ||
	    (buf = malloc(STATE_MAX)) == NULL) {
		log_warnx("-U is not for people");
		return (-1);
	}
	lseek(resume.fd, 0, SEEK_SET);
	while (len < STATE_MAX && (n = read(resume.fd, buf + len,
	    STATE_MAX - len)) > 0)
		len += n;
	ret = state_read(buf, len, resume_line, NULL, &why);
	freezero(buf, STATE_MAX);
	if (resume.rehearse)
		close(resume.fd);
	else if (!resume.back && resume.binary != -1)
		resume_guard();
	if (ret == -1) {
		log_warnx("what the running one leaves: %s", why);
		return (-1);
	}
	proc_log_take(resume.rehearse ? -1 : resume.log);
	notify_take(resume.rehearse ? -1 : resume.notify);
	return (0);
}

/* ---- the way back ---- */

/* The title in ps(1) is written over them. */
static int
resume_args(const struct proc_options *opts)
{
	int	 i;

	if (opts->argc + 1 >= RESUME_ARGS_MAX)
		return (-1);
	resume.wordlen = snprintf(resume.word, sizeof(resume.word), "%d,",
	    resume.fd);
	for (i = 0; i < opts->argc; i++) {
		if (i > 0 && strcmp(opts->argv[i - 1], "-U") == 0)
			resume.argv[i] = resume.word;
		else if ((resume.argv[i] = strdup(opts->argv[i])) == NULL)
			return (-1);
	}
	return (0);
}

/* What ends us leads there. */
static void
resume_guard(void)
{
	struct sigaction	 sa;
	size_t			 i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = resume_crashed;
	sa.sa_flags = SA_RESETHAND | SA_NODEFER;
	sigfillset(&sa.sa_mask);
	for (i = 0; i < nitems(deadly); i++)
		sigaction(deadly[i], &sa, NULL);
	if (resume.way_back)
		return;
	resume.way_back = 1;
	atexit(resume_exit);
	alarm(RESUME_LATE_S);
}

static void
resume_crashed(int sig)
{
	proc_go_back(sig == SIGALRM ? "the new program took too long" :
	    "the new program crashed");
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
resume_exit(void)
{
	proc_go_back("the new program could not start: the log says why");
}

/* Also from the handler of a signal: little but system calls. */
void
proc_go_back(const char *why)
{
	sigset_t	 all;

	if (!resume.way_back)
		return;
	resume.way_back = 0;
	alarm(0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	strlcpy(resume.word + resume.wordlen, why, RESUME_WHY_MAX);
	proc_exec_fd(resume.binary, resume.argv[0], resume.argv);
	_exit(1);
}

int
proc_may_go_back(void)
{
	return (resume.way_back);
}

int
proc_takes_over(void)
{
	return (resume.fd != -1 && !resume.rehearse && !resume.back);
}

int
proc_resumed_back(void)
{
	return (resume.back);
}

/* There is no way back from here on; all that came is ours. */
void
proc_stay(void)
{
	struct proc_kid	*k;
	size_t		 i;

	if (resume.fd == -1 || resume.rehearse)
		return;
	if (resume.way_back) {
		resume.way_back = 0;
		alarm(0);
		for (i = 0; i < nitems(deadly); i++)
			signal(deadly[i], SIG_DFL);
		sandbox_report(-1);
	}
	for (i = 0; i < resume.nfds; i++)
		fcntl(resume.fds[i], F_SETFD, FD_CLOEXEC);
	free(resume.fds);
	resume.fds = NULL;
	resume.nfds = 0;
	close(resume.fd);
	close(resume.binary);
	resume.fd = resume.binary = -1;
	proc_strangers_end();
	TAILQ_FOREACH(k, &proc_kids, entry) {
		if (!k->held)
			continue;
		k->held = 0;
		proc_peer_start(proc_peer(k->kind, k->instance));
	}
	proc_reap();
}

/* ---- its children ---- */

static void
resume_kid(const struct resume_kid *r)
{
	struct proc_peer	*p;
	struct proc_kid		*k;
	int			 instance = r->instance;

	/* Of a kind that is only one, that is the new one's place. */
	if (!resume.back && resume.daemon->defs[r->kind].instances == NULL)
		instance = proc_kid_instance(r->kind, 1);
	if (instance == -1 || proc_kid_find(r->kind, instance) != NULL)
		fatalx("too many processes");
	proc_kid_new(r->kind, instance);
	k = proc_kid_find(r->kind, instance);
	k->pid = r->pid;
	k->report = r->report;
	k->log = r->log == -1 ? NULL : proc_log_adopt(k->name, r->log,
	    r->pid);
	k->ready = 1;
	k->ready_at = clock_ms();
	k->old = resume.back ? r->old : 1;
	memcpy(k->files, r->files, sizeof(k->files));
	k->foreign = r->foreign || (!resume.back && !resume.same);
	k->apart = resume.back ? k->foreign : 1;
	k->held = 1;
	p = proc_peer_new(r->kind, instance, r->fd);
	p->mute = k->old;
}

static void
resume_stays(evutil_socket_t fd, short what, void *arg)
{
	proc_self.daemon->stays(resume.why);
}

int
proc_adopt(void)
{
	struct timeval	 now = { 0, 0 };
	size_t		 i;

	if (resume.fd == -1 || resume.rehearse)
		return (0);
	/* The sandbox has a handler of its own for what it forbids. */
	if (resume.way_back)
		resume_guard();
	for (i = 0; i < resume.nkids; i++)
		resume_kid(&resume.kids[i]);
	if (!resume.back)
		return (0);
	proc_stay();
	event_base_once(proc_self.base, -1, EV_TIMEOUT, resume_stays, NULL,
	    &now);
	return (1);
}

#ifdef CULVERT_TEST
void
proc_resume_test(void)
{
	const char	*how = getenv("CULVERT_TEST_RESUME");
	struct proc_kid	*k;

	if (how == NULL || !resume.way_back)
		return;
	if (strcmp(how, "crash") == 0)
		raise(SIGSEGV);
	else if (strcmp(how, "exit") == 0)
		exit(0);
	else if (strcmp(how, "hang") == 0) {
		alarm(1);
		for (;;)
			pause();
	}
	TAILQ_FOREACH(k, &proc_kids, entry)
		if (!k->old && strcmp(how, "child") == 0)
			kill(k->pid, SIGKILL);
}
#else
void
proc_resume_test(void)
{
}
#endif

int
proc_is_old(int kind, int instance)
{
	struct proc_kid	*k = proc_kid_find(kind, instance);

	return (k != NULL && k->old);
}

int
proc_exists(int kind, int instance)
{
	struct proc_kid	*k = proc_kid_find(kind, instance);

	return (k != NULL && !k->apart);
}

int
proc_old_count(int kind)
{
	struct proc_kid	*k;
	int		 n = 0;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->kind == kind && k->old)
			n++;
	return (n);
}

struct proc_peer *
proc_old_peer(int kind)
{
	struct proc_kid	*k;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->kind == kind && k->old && !k->foreign)
			return (proc_peer(k->kind, k->instance));
	return (NULL);
}

int
proc_old_understands(int kind, int instance)
{
	struct proc_kid	*k = proc_kid_find(kind, instance);

	return (k != NULL && !k->foreign);
}

void
proc_old_drain(int kind, uint32_t spread_ms)
{
	struct proc_drain	 drain = { .spread_ms = spread_ms };
	struct proc_kid		*k;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->kind == kind && k->old)
			(void)proc_send(proc_peer(k->kind, k->instance),
			    IMSG_PROC_DRAIN, 0, -1, &drain, sizeof(drain));
}

static void
resume_stop(struct proc_kid *k)
{
	if (proc_send(proc_peer(k->kind, k->instance), IMSG_PROC_STOP, 0, -1,
	    NULL, 0) == -1)
		kill(k->pid, SIGTERM);
	if (!evtimer_pending(k->kill, NULL))
		proc_kid_later(k->kill, proc_times.stop_ms);
}

void
proc_old_stop(int kind, int instance)
{
	struct proc_kid	*k;

	TAILQ_FOREACH(k, &proc_kids, entry)
		if (k->kind == kind && k->old && k->pid != 0 &&
		    (instance == -1 || k->instance == instance))
			resume_stop(k);
}

void
proc_old_join(int kind)
{
	struct proc_kid	*k, *o;

	TAILQ_FOREACH(k, &proc_kids, entry) {
		if (k->kind != kind || !k->old || k->foreign || !k->apart)
			continue;
		k->apart = 0;
		TAILQ_FOREACH(o, &proc_kids, entry)
			if (o != k && o->pid != 0 && !o->apart &&
			    (proc_self.daemon->defs[k->kind].peers &
			    (1U << o->kind)))
				proc_kid_join(k, o);
	}
}
