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
 * A new binary in the place of the one that runs.
 *
 * The parent is executed anew, and keeps its pid: to whoever watches over
 * the daemon nothing has happened.  It takes along the sockets it listens on,
 * which are never closed, and with them all that waits to be accepted; and
 * the pipes to its children, which don't notice either.  What that is, and
 * who they are, is written into a file in memory (state.h), for a program
 * that need not be of the same version.
 *
 *  1. The new binary is opened, once, and looked at: a file of root's, or of
 *     our user's, that others can't write.
 *  2. It rehearses, as a process of its own: reads the configuration and what
 *     we would leave it, starts a whole set of children, each up to its
 *     sandbox, and ends them.  Nothing of ours has changed by then; what it
 *     says is the reason for what did not work.
 *  3. We wait for a moment in which no message is half read or written, and
 *     execute it in our place, leaving a way back: our own binary, as a
 *     descriptor.
 *  4. It starts its children beside the ones from before (proc_resume.c),
 *     which serve on as if nothing had happened.  Whatever goes wrong with it
 *     (an error, a crash, a child that does not serve, too much time) executes
 *     our binary again, with the same file, and we are back with all our
 *     children.
 *  5. When all of its children serve, there is no more way back: it takes
 *     over.  What that means is the daemon's: relayd/upgrade.c.
 */

#include "compat.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <imsg.h>

#include "fnv.h"
#include "log.h"
#include "notify.h"
#include "proc_internal.h"
#include "state.h"

#define UPGRADE_REHEARSE_MS	60000
#define UPGRADE_MOMENT_MS	10	/* between looks for a good one */
#define UPGRADE_MOMENTS		500
#define UPGRADE_ARGS_MAX	64

#ifdef O_PATH
#define UPGRADE_OPEN		(O_PATH | O_CLOEXEC)
#else
#define UPGRADE_OPEN		(O_RDONLY | O_CLOEXEC)
#endif

static struct {
	int		 binary;	/* the new one, or -1: nothing is up */
	char		*argv[UPGRADE_ARGS_MAX];
	size_t		 argc;
	pid_t		 pid;		/* of the rehearsal, or 0 */
	int		 out;		/* what it says */
	struct event	*said;
	struct event	*timer;
	int		 moments;
	char		 line[512];
	size_t		 len;
	char		 last[512];	/* its last whole line */
}			 upgrade = { .binary = -1, .out = -1 };

/* What goes with it: descriptors that exec leaves open. */
static int		*kept;
static size_t		 nkept;

static int	upgrade_open(const char *, char *, size_t);
static int	upgrade_rehearse(char *, size_t);
static void	upgrade_args(char *, char *[], int);
static void	upgrade_said(evutil_socket_t, short, void *);
static void	upgrade_late(evutil_socket_t, short, void *);
static void	upgrade_wait(int);
static void	upgrade_over(const char *);
static int	upgrade_moment(void);
static void	upgrade_now(void);
static void	upgrade_save(struct state *);
static void	upgrade_save_kid(struct state *, const struct proc_kid *);
static void	upgrade_keep(int);
static int	upgrade_file(struct state *);

#ifdef __linux__
/* By the descriptor: whatever lies at its path by now. */
void
proc_exec_fd(int fd, const char *path, char *const *argv)
{
	char	 name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	execve(name, argv, environ);
}

static int
upgrade_own(void)
{
	return (open("/proc/self/exe", UPGRADE_OPEN));
}

static int
upgrade_memory(void)
{
	return (memfd_create("state", MFD_CLOEXEC));
}
#else
void
proc_exec_fd(int fd, const char *path, char *const *argv)
{
	execve(path, argv, environ);
}

static int
upgrade_own(void)
{
	return (open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static int
upgrade_memory(void)
{
	char	 name[] = "/tmp/culvert.XXXXXXXXXX";
	int	 fd;

	if ((fd = mkostemp(name, O_CLOEXEC)) != -1)
		unlink(name);
	return (fd);
}
#endif

uint64_t
proc_protocol(const struct proc_daemon *d)
{
	const struct proc_rule	*r;
	uint64_t		 h, v[6];
	size_t			 i, k;

	h = fnv(FNV_INIT, &d->protocol, sizeof(d->protocol));
	for (k = 0; k < d->ndefs; k++) {
		h = fnv(h, d->defs[k].name, strlen(d->defs[k].name));
		for (i = 0; i < d->defs[k].nrules; i++) {
			r = &d->defs[k].rules[i];
			v[0] = r->type;
			v[1] = r->from;
			v[2] = r->size;
			v[3] = r->max;
			v[4] = r->fd;
			v[5] = d->defs[k].peers;
			h = fnv(h, v, sizeof(v));
		}
	}
	return (h);
}

/* ---- 1: the binary ---- */

/* It has begun, and it is not decided how it ends. */
static int
proc_upgrading(void)
{
	return (upgrade.binary != -1);
}

/* Nobody else may have put it there. */
static int
upgrade_open(const char *path, char *why, size_t size)
{
	struct stat	 st, dir;
	char		 copy[PATH_MAX];
	uid_t		 uid = geteuid();
	int		 fd;

	if (path[0] != '/' || strlcpy(copy, path, sizeof(copy)) >=
	    sizeof(copy)) {
		snprintf(why, size, "%s: not the absolute path of a program",
		    path);
		return (-1);
	}
	if ((fd = open(path, UPGRADE_OPEN)) == -1 || fstat(fd, &st) == -1 ||
	    stat(dirname(copy), &dir) == -1)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || (st.st_mode & S_IXUSR) == 0)
		snprintf(why, size, "%s: not a program", path);
	else if ((st.st_uid != 0 && st.st_uid != uid) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		snprintf(why, size, "%s: others may write it", path);
	else if ((dir.st_uid != 0 && dir.st_uid != uid) ||
	    ((dir.st_mode & S_IWOTH) != 0 && (dir.st_mode & S_ISVTX) == 0))
		snprintf(why, size, "%s: others may write its folder", path);
	else
		return (fd);
	if (fd != -1)
		close(fd);
	return (-1);
}

int
proc_upgrade(char *const *argv, char *why, size_t size)
{
	struct proc_kid	*k;
	size_t		 i;

	if (proc_upgrading() || proc_may_go_back()) {
		strlcpy(why, "an upgrade is under way", size);
		return (-1);
	}
	TAILQ_FOREACH(k, &proc_kids, entry) {
		if (k->pid != 0 && k->ready)
			continue;
		snprintf(why, size, "%s is being started: try again",
		    k->name);
		return (-1);
	}
	if ((upgrade.binary = upgrade_open(argv[0], why, size)) == -1)
		return (-1);
	for (i = 0; argv[i] != NULL; i++) {
		/* Room for what is added: -n, -U, its value, NULL. */
		if (i + 4 >= UPGRADE_ARGS_MAX ||
		    (upgrade.argv[i] = strdup(argv[i])) == NULL)
			fatalx("too many arguments");
	}
	upgrade.argc = i;
	if (upgrade_rehearse(why, size) == -1) {
		upgrade_over(NULL);
		return (-1);
	}
	return (0);
}

static void
upgrade_over(const char *why)
{
	size_t	 i;

	if (upgrade.binary != -1)
		close(upgrade.binary);
	if (upgrade.said != NULL)
		event_free(upgrade.said);
	if (upgrade.timer != NULL)
		event_free(upgrade.timer);
	if (upgrade.out != -1)
		close(upgrade.out);
	for (i = 0; i < upgrade.argc; i++)
		free(upgrade.argv[i]);
	memset(&upgrade, 0, sizeof(upgrade));
	upgrade.binary = upgrade.out = -1;
	if (why != NULL)
		proc_self.daemon->stays(why);
}

/* ---- 2: the rehearsal ---- */

/* Its arguments: ours, and where the file is. */
static void
upgrade_args(char *number, char *argv[], int rehearse)
{
	static char	 check[] = "-n", resume[] = "-U";
	size_t		 n = upgrade.argc;

	memcpy(argv, upgrade.argv, n * sizeof(argv[0]));
	if (rehearse)
		argv[n++] = check;
	argv[n++] = resume;
	argv[n++] = number;
	argv[n] = NULL;
}

static int
upgrade_rehearse(char *why, size_t size)
{
	struct state	 st = { 0 };
	char		*argv[UPGRADE_ARGS_MAX], number[12];
	int		 file, p[2] = { -1, -1 };

	upgrade_save(&st);
	file = upgrade_file(&st);
	state_free(&st);
	if (file == -1 || pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
		goto fail;
	snprintf(number, sizeof(number), "%d", PROC_FD_PARENT);
	upgrade_args(number, argv, 1);
	upgrade.out = p[0];
	upgrade.said = event_new(proc_self.base, p[0], EV_READ | EV_PERSIST,
	    upgrade_said, NULL);
	upgrade.timer = evtimer_new(proc_self.base, upgrade_late, NULL);
	if (upgrade.said == NULL || upgrade.timer == NULL)
		fatalx("no memory for events");
	upgrade.pid = proc_exec_program(upgrade.binary, argv, file, p[1]);
	if (upgrade.pid == -1)
		goto fail;
	close(file);
	close(p[1]);
	event_add(upgrade.said, NULL);
	upgrade_wait(UPGRADE_REHEARSE_MS);
	log_info("upgrade: %s rehearses", upgrade.argv[0]);
	return (0);
 fail:
	snprintf(why, size, "rehearsal: %s", strerror(errno));
	upgrade.pid = 0;
	if (file != -1)
		close(file);
	if (p[1] != -1)
		close(p[1]);
	return (-1);
}

static void
upgrade_wait(int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(upgrade.timer, &tv);
}

/* What it says goes to our log; the last of it is the reason it failed. */
static void
upgrade_said(evutil_socket_t fd, short what, void *arg)
{
	char	 buf[1024], *p;
	ssize_t	 i, n;

	if ((n = read(fd, buf, sizeof(buf))) <= 0) {
		if (n == 0)
			event_del(upgrade.said);
		return;
	}
	for (i = 0; i < n; i++) {
		if (buf[i] != '\n') {
			if (upgrade.len < sizeof(upgrade.line) - 1)
				upgrade.line[upgrade.len++] = buf[i];
			continue;
		}
		upgrade.line[upgrade.len] = '\0';
		upgrade.len = 0;
		log_info("upgrade: %s", upgrade.line);
		/* "date time process[pid]: text" */
		if ((p = strstr(upgrade.line, "]: ")) != NULL)
			p += 3;
		else
			p = upgrade.line;
		if (p[0] != '\0')
			strlcpy(upgrade.last, p, sizeof(upgrade.last));
	}
}

static void
upgrade_late(evutil_socket_t fd, short what, void *arg)
{
	if (upgrade.pid != 0) {
		strlcpy(upgrade.last, "it took too long",
		    sizeof(upgrade.last));
		kill(upgrade.pid, SIGKILL);
	} else
		upgrade_now();
}

void
proc_rehearsed(pid_t pid, int status)
{
	char	 why[768];

	if (upgrade.pid == 0 || pid != upgrade.pid)
		return;
	upgrade.pid = 0;
	event_del(upgrade.timer);
	upgrade_said(upgrade.out, EV_READ, NULL);
	if (proc_state.stopping)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		upgrade_now();
		return;
	}
	snprintf(why, sizeof(why), "the new %s would not serve: %s",
	    proc_self.daemon->name, upgrade.last[0] != '\0' ? upgrade.last :
	    WIFSIGNALED(status) ? "it crashes" : "it ends at once");
	upgrade_over(why);
}

/* ---- 3: the moment ---- */

/* Is nothing half read or written? */
static int
upgrade_moment(void)
{
	struct proc_kid		*k;
	struct proc_peer	*p;

	TAILQ_FOREACH(k, &proc_kids, entry) {
		p = proc_peer(k->kind, k->instance);
		if (p == NULL || !k->ready || k->pid == 0 ||
		    imsgbuf_write(&p->ibuf) == -1 ||
		    imsgbuf_queuelen(&p->ibuf) > 0 ||
		    imsgbuf_unread(&p->ibuf) > 0)
			return (0);
	}
	return (1);
}

static void
upgrade_now(void)
{
	struct state	 st = { 0 };
	sigset_t	 all, before;
	char		*argv[UPGRADE_ARGS_MAX], number[12], why[128];
	size_t		 i;
	int		 file;

	if (!upgrade_moment()) {
		if (++upgrade.moments > UPGRADE_MOMENTS)
			upgrade_over("not all processes answer: try again");
		else
			upgrade_wait(UPGRADE_MOMENT_MS);
		return;
	}
	/* What comes between the two of us waits until there are handlers. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	nkept = 0;
	upgrade_save(&st);
	if ((file = upgrade_file(&st)) != -1) {
		snprintf(number, sizeof(number), "%d", file);
		upgrade_args(number, argv, 0);
		upgrade_keep(file);
		for (i = 0; i < nkept; i++)
			fcntl(kept[i], F_SETFD, 0);
		log_info("upgrade: %s takes over", argv[0]);
		proc_exec_fd(upgrade.binary, argv[0], argv);
	}
	snprintf(why, sizeof(why), "the new %s can't be executed: %s",
	    proc_self.daemon->name, strerror(errno));
	for (i = 0; i < nkept; i++)
		fcntl(kept[i], F_SETFD, FD_CLOEXEC);
	if (file != -1)
		close(file);
	state_free(&st);
	sigprocmask(SIG_SETMASK, &before, NULL);
	upgrade_over(why);
}

/* ---- what goes with it ---- */

static void
upgrade_keep(int fd)
{
	int	*p;

	if (fd == -1)
		return;
	if ((p = reallocarray(kept, nkept + 1, sizeof(*kept))) == NULL)
		fatal("upgrade");
	kept = p;
	kept[nkept++] = fd;
}

void
proc_save_fd(struct state *st, int fd)
{
	state_number(st, fd);
	upgrade_keep(fd);
}

static void
upgrade_save_kid(struct state *st, const struct proc_kid *k)
{
	int	 i;

	state_begin(st, "kid");
	state_text(st, proc_self.daemon->defs[k->kind].name);
	state_number(st, k->instance);
	state_number(st, k->pid);
	proc_save_fd(st, proc_peer(k->kind, k->instance)->ibuf.fd);
	proc_save_fd(st, k->report);
	proc_save_fd(st, proc_log_fd(k->log));
	state_number(st, k->old);
	state_number(st, k->foreign);
	for (i = 0; i < PROC_FILES; i++)
		proc_save_fd(st, k->files[i]);
	state_end(st);
}

static void
upgrade_save(struct state *st)
{
	static int	 own = -1;
	struct proc_kid	*k;
	const char	*text;
	char		 hex[20];

	state_begin(st, "version");
	state_text(st, CULVERT_VERSION);
	state_end(st);
	snprintf(hex, sizeof(hex), "%016llx",
	    (unsigned long long)proc_protocol(proc_self.daemon));
	state_begin(st, "protocol");
	state_text(st, hex);
	state_end(st);
	if ((text = sandbox_calls()) != NULL) {
		state_begin(st, "calls");
		state_text(st, text);
		state_end(st);
	}
	if ((text = sandbox_filters()) != NULL) {
		state_begin(st, "filters");
		state_text(st, text);
		state_end(st);
	}
	if (own == -1)
		own = upgrade_own();
	state_begin(st, "binary");
	proc_save_fd(st, own);
	state_end(st);
	state_begin(st, "log");
	proc_save_fd(st, proc_log_own_fd());
	state_end(st);
	state_begin(st, "notify");
	proc_save_fd(st, notify_descriptor());
	state_end(st);
	TAILQ_FOREACH(k, &proc_kids, entry)
		if (proc_peer(k->kind, k->instance) != NULL)
			upgrade_save_kid(st, k);
	proc_self.daemon->save(st);
	(void)state_done(st);
}

static int
upgrade_file(struct state *st)
{
	size_t	 off = 0;
	ssize_t	 n;
	int	 fd;

	if (st->failed) {
		errno = ENOMEM;
		return (-1);
	}
	if ((fd = upgrade_memory()) == -1)
		return (-1);
	while (off < st->len) {
		if ((n = write(fd, st->buf + off, st->len - off)) == -1) {
			close(fd);
			return (-1);
		}
		off += n;
	}
	lseek(fd, 0, SEEK_SET);
	return (fd);
}
