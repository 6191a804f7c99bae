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
 * A child: take pipes and configuration from the parent, start, give up
 * privileges, enter the sandbox, serve.
 */

#include "compat.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
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
#include "trim.h"

#define PROC_WAIT_MS	30000	/* for the parent's configuration */
#define PROC_PATHS_MAX	16

static int	proc_recv_peer(struct proc_peer *, struct imsg *);
static int	proc_recv_go(struct proc_peer *, struct imsg *);
static int	proc_recv_stop(struct proc_peer *, struct imsg *);
static int	proc_recv_ping(struct proc_peer *, struct imsg *);
static int	proc_recv_log(struct proc_peer *, struct imsg *);
static int	proc_recv_drain(struct proc_peer *, struct imsg *);
static void	proc_child_lost(struct proc_peer *);
static void	proc_child_bad(struct proc_peer *);
static void	proc_child_term(evutil_socket_t, short, void *);
static void	proc_child_late(evutil_socket_t, short, void *);
static void	proc_child_begin(const struct proc_daemon *,
		    const struct proc_options *);
static void	proc_child_events(void);
static void	proc_child_wait(void);
static void	proc_child_drop(void);
static void	proc_child_user(const char *);
static void	proc_child_sandbox(void);
static void	proc_child_serve(void);
static void	proc_child_stop(int);
static void	proc_child_quit(int);

static const struct proc_rule proc_child_rules[] = {
	{ IMSG_PROC_PEER, PROC_PARENT, sizeof(struct proc_who),
	    proc_recv_peer, 0, 1 },
	{ IMSG_PROC_GO, PROC_PARENT, 0, proc_recv_go, 0, 0 },
	{ IMSG_PROC_STOP, PROC_PARENT, 0, proc_recv_stop, 0, 0 },
	{ IMSG_PROC_PING, PROC_PARENT, 0, proc_recv_ping, 0, 0 },
	{ IMSG_PROC_LOG, PROC_PARENT, sizeof(struct proc_level),
	    proc_recv_log, 0, 0 },
	{ IMSG_PROC_DRAIN, PROC_PARENT, sizeof(struct proc_drain),
	    proc_recv_drain, 0, 0 },
};

static struct proc_child_state {
	pid_t			 parent;
	int			 go;
	int			 stopping;
	int			 all_end;	/* and so do all others */
	int			 ended;		/* proc_quit was called */
	int			 status;
	struct event		*late;		/* the end of proc_linger */
	struct event		*term;
	struct sandbox_path	 paths[PROC_PATHS_MAX];
	size_t			 npaths;
	char			*chroot;
	int			 chrooted;
	char			*user;
} child;

static void
proc_child_quit(int status)
{
	child.ended = 1;
	child.status = status;
	event_base_loopbreak(proc_self.base);
}

/*
 * What the parent says.
 */

static int
proc_recv_peer(struct proc_peer *parent, struct imsg *imsg)
{
	struct proc_who		 who;
	struct proc_peer	*p;

	if (imsg_get_data(imsg, &who, sizeof(who)) == -1 ||
	    who.kind == PROC_PARENT || who.kind >= proc_self.daemon->ndefs ||
	    who.instance >= PROC_INSTANCES_MAX)
		return (-1);
	p = proc_peer_new(who.kind, who.instance, imsg_get_fd(imsg));
	p->pid = imsg_get_id(imsg);
	if (proc_self.serving)
		proc_peer_start(p);
	return (0);
}

static int
proc_recv_go(struct proc_peer *parent, struct imsg *imsg)
{
	child.go = 1;
	/* What comes next waits until we serve. */
	proc_xoff(parent);
	return (0);
}

static int
proc_recv_stop(struct proc_peer *parent, struct imsg *imsg)
{
	proc_child_stop(imsg_get_id(imsg) == PROC_STOP_ALL);
	return (0);
}

static int
proc_recv_ping(struct proc_peer *parent, struct imsg *imsg)
{
	proc_send(parent, IMSG_PROC_PONG, 0, -1, NULL, 0);
	return (0);
}

static int
proc_recv_log(struct proc_peer *parent, struct imsg *imsg)
{
	struct proc_level	 msg;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    msg.level > LOG_LEVEL_DEBUG)
		return (-1);
	log_setverbose(msg.level);
	return (0);
}

static int
proc_recv_drain(struct proc_peer *parent, struct imsg *imsg)
{
	struct proc_drain	 drain;

	if (imsg_get_data(imsg, &drain, sizeof(drain)) == -1)
		return (-1);
	if (proc_self.def->drain != NULL && !child.stopping)
		proc_self.def->drain(drain.spread_ms);
	else
		proc_quiet();
	return (0);
}

void
proc_quiet(void)
{
	proc_send(proc_peer(PROC_PARENT, 0), IMSG_PROC_QUIET, 0, -1, NULL, 0);
}

static void
proc_child_lost(struct proc_peer *p)
{
	/* No child outlives the parent; there is nobody to tell. */
	if (p->kind == PROC_PARENT)
		_exit(0);
	log_debug("%s: pipe closed", p->name);
	proc_peer_close(p);
}

/*
 * A bad message from one we are trusted more than: it was broken into, or
 * has a bug that could be a way in.  From one that is trusted more, it is
 * ours to end.
 */
static void
proc_child_bad(struct proc_peer *p)
{
	struct proc_who	 who;

	if (p->kind == PROC_PARENT ||
	    proc_self.daemon->defs[p->kind].rank > proc_self.def->rank)
		fatalx("%s is out of step with us", p->name);
	memset(&who, 0, sizeof(who));
	who.kind = p->kind;
	who.instance = p->instance;
	proc_send(proc_peer(PROC_PARENT, 0), IMSG_PROC_OWNED, p->pid, -1,
	    &who, sizeof(who));
	proc_peer_close(p);
}

/*
 * The end.
 */

static void
proc_child_stop(int all)
{
	if (child.stopping || child.ended)
		return;
	child.stopping = 1;
	child.all_end = all;
	if (proc_self.serving && proc_self.def->stop != NULL)
		proc_self.def->stop();
	if (!evtimer_pending(child.late, NULL))
		proc_child_quit(0);
}

int
proc_all_end(void)
{
	return (child.all_end);
}

void
proc_linger(int ms)
{
	struct timeval	 tv = { ms / 1000, (ms % 1000) * 1000 };

	if (child.stopping)
		evtimer_add(child.late, &tv);
}

static void
proc_child_late(evutil_socket_t fd, short what, void *arg)
{
	proc_child_quit(0);
}

static void
proc_child_term(evutil_socket_t sig, short what, void *arg)
{
	/* Whoever ends services like that sends it to each process. */
	proc_child_stop(1);
}

/*
 * What start() may ask for.
 */

void
proc_allow(const char *path, int access)
{
	if (child.npaths == nitems(child.paths))
		fatalx("more than %zu paths in a sandbox",
		    nitems(child.paths));
	if ((path = strdup(path)) == NULL)
		fatal("strdup");
	child.paths[child.npaths].path = path;
	child.paths[child.npaths].access = access;
	child.npaths++;
}

void
proc_chroot(const char *path)
{
	free(child.chroot);
	if ((child.chroot = strdup(path)) == NULL)
		fatal("strdup");
}

void
proc_user(const char *user)
{
	free(child.user);
	if ((child.user = strdup(user)) == NULL)
		fatal("strdup");
}

const char *
proc_path(const char *path)
{
	size_t	 len;

	if (!child.chrooted)
		return (path);
	len = strlen(child.chroot);
	while (len > 0 && child.chroot[len - 1] == '/')
		len--;
	if (strncmp(path, child.chroot, len) != 0)
		return (path);
	if (path[len] == '\0')
		return ("/");
	return (path[len] == '/' ? path + len : path);
}

/*
 * The way into the sandbox.
 */

static void
proc_child_begin(const struct proc_daemon *d, const struct proc_options *opts)
{
	size_t	 kind;

	closefrom(PROC_FD_REPORT + 1);
	fcntl(PROC_FD_PARENT, F_SETFD, FD_CLOEXEC);
	fcntl(PROC_FD_REPORT, F_SETFD, FD_CLOEXEC);
	umask(077);
	/* ^C and the like are for the parent, which then tells us. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);

	for (kind = PROC_PARENT + 1; kind < d->ndefs; kind++)
		if (strcmp(d->defs[kind].name, opts->child) == 0)
			break;
	if (kind >= d->ndefs || opts->instance < 0 ||
	    opts->instance >= PROC_INSTANCES_MAX)
		fatalx("no process %s %d", opts->child, opts->instance);
	proc_become(d, opts, kind, opts->instance);
	log_init(proc_self.name, opts->foreground ? log_style_stderr() :
	    LOG_STYLE_PIPE, opts->verbose);
	setproctitle_init(opts->argc, opts->argv, environ);
	setproctitle("%s", proc_self.name);
	tzset();	/* its file cannot be opened later */

	child.parent = getppid();
	if (sandbox_process(child.parent) == -1)
		_exit(1);
	sandbox_report(PROC_FD_REPORT);
	sandbox_oom(proc_self.def->sandbox);
}

static void
proc_child_events(void)
{
	if ((proc_self.base = event_base_new()) == NULL)
		fatalx("no event base");
	child.late = evtimer_new(proc_self.base, proc_child_late, NULL);
	child.term = evsignal_new(proc_self.base, SIGTERM, proc_child_term,
	    NULL);
	if (child.late == NULL || child.term == NULL ||
	    evsignal_add(child.term, NULL) == -1)
		fatalx("no memory for events");
	proc_self.rules = proc_child_rules;
	proc_self.nrules = nitems(proc_child_rules);
	proc_self.lost = proc_child_lost;
	proc_self.bad = proc_child_bad;
	proc_self.quit = proc_child_quit;
	proc_peer_new(PROC_PARENT, 0, PROC_FD_PARENT);
	proc_usage_send();
}

static void
proc_child_wait(void)
{
	struct proc_peer	*parent = proc_peer(PROC_PARENT, 0);
	long long		 left, end = clock_ms() + PROC_WAIT_MS;

	while (!child.go && !child.ended) {
		if ((left = end - clock_ms()) <= 0)
			fatalx("no configuration came");
		if (proc_peer_poll(parent, left) == -1)
			fatalx("no configuration came");
	}
	if (child.ended)
		exit(0);
}

static void
proc_child_user(const char *user)
{
	struct passwd	*pw;
	uid_t		 uid;
	gid_t		 gid;

	if ((pw = getpwnam(user)) == NULL)
		fatalx("no user %s: \"make install\" makes it, or \"useradd "
		    "--system --user-group --home-dir / --shell "
		    "/usr/sbin/nologin %s\"", user, user);
	uid = pw->pw_uid;
	gid = pw->pw_gid;
	endpwent();
	if (uid == 0)
		fatalx("user %s is root", user);
	if (strcmp(child.chroot, "/") != 0 && !SANDBOX_SANITIZED) {
		if (chroot(child.chroot) == -1)
			fatal("chroot %s", child.chroot);
		if (chdir("/") == -1)
			fatal("chdir");
		child.chrooted = 1;
	}
	if (setgroups(1, &gid) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		fatal("become user %s", user);
	if (setuid(0) != -1 || seteuid(0) != -1 || setgid(0) != -1 ||
	    getuid() != uid || geteuid() != uid ||
	    getgid() != gid || getegid() != gid)
		fatalx("still root after becoming user %s", user);
	/* The change of user undid this. */
	if (sandbox_process(child.parent) == -1)
		_exit(1);
}

static void
proc_child_drop(void)
{
	const char	*user;

	user = child.user != NULL ? child.user : proc_self.def->user;
	if (geteuid() != 0 || user == NULL)
		return;
	if (child.chroot == NULL)
		proc_chroot(proc_empty());
	proc_child_user(user);
}

static void
proc_child_sandbox(void)
{
	size_t	 i;

	for (i = 0; i < child.npaths; i++)
		child.paths[i].path = proc_path(child.paths[i].path);
	if (sandbox_enter(proc_self.def->sandbox, child.paths, child.npaths,
	    PROC_FD_REPORT) == -1)
		fatal("sandbox");
	if (sandbox_missing() != NULL)
		log_debug("sandbox: %s", sandbox_missing());
}

#ifdef CULVERT_TEST
void
proc_test(void)
{
	const char	*call, *test = proc_self.opts.test;
	size_t		 len = strlen(proc_self.def->name);

	if (test == NULL || strncmp(test, proc_self.def->name, len) != 0 ||
	    test[len] != ':')
		return;
	call = test + len + 1;
	if (sandbox_try(call) == 0)
		log_warnx("test: %s is possible", call);
	else
		log_info("test: %s: %s", call, strerror(errno));
	exit(0);
}
#else
void
proc_test(void)
{
}
#endif

static void
proc_child_serve(void)
{
	struct proc_peer	*p;
	int			 i, kind;

	if (proc_self.def->serve != NULL)
		proc_self.def->serve();
	proc_self.serving = 1;
	proc_send(proc_peer(PROC_PARENT, 0), IMSG_PROC_READY, 0, -1, NULL, 0);
	for (kind = PROC_PARENT; kind < PROC_KINDS_MAX; kind++) {
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if ((p = proc_peer(kind, i)) != NULL)
				proc_peer_start(p);
	}
	proc_xon(proc_peer(PROC_PARENT, 0));
}

__dead void
proc_child(const struct proc_daemon *d, const struct proc_options *opts)
{
	proc_child_begin(d, opts);
	proc_child_events();
	proc_child_wait();
	if (proc_self.def->start != NULL)
		proc_self.def->start();
	proc_child_drop();
	proc_child_sandbox();
	proc_test();
	if (!child.ended)
		proc_child_serve();
	if (!child.ended) {
		trim_all();		/* starting took more than serving */
		event_base_dispatch(proc_self.base);
	}
	proc_flush();
	exit(child.status);
}
