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

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "egress.h"
#include "egress_helper.h"
#include "sandbox.h"

struct helper_ask {
	uint32_t	 id;
	uint32_t	 port;
	char		 host[EGRESS_HOST_MAX];
};

struct helper_answer {
	uint32_t	 id;
	int32_t		 error;		/* errno, or 0 and a descriptor */
};

union fd_buf {
	struct cmsghdr	 hdr;
	char		 buf[CMSG_SPACE(sizeof(int))];
};

static __dead void	helper_serve(int, const char *, const char *);
static __dead void	helper_exec(const char *, const struct helper_ask *,
			    int, int, pid_t);
static int		helper_user(const char *);
static int		helper_start(const char *, const struct helper_ask *,
			    int *);
static void		helper_child(int);
static int		helper_wait(int, const sigset_t *, const char *);
static void		helper_ended(const char *, int);
static void		helper_reap(const char *);
static void		helper_room(void);
static int		helper_valid(const struct helper_ask *);
static int		helper_send(int, const struct helper_answer *, int);

/* In the process that starts them: those that run, the oldest first. */
static pid_t	 running[HELPER_MAX];
static int	 nrunning;

int
helper_fork(const char *path, const char *user, const char *title, int err,
    pid_t *kid)
{
	pid_t	 pid, parent = getpid();
	int	 sv[2], error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		return (-1);
	if ((pid = fork()) == 0) {
		close(sv[0]);
		if (title != NULL)
			setproctitle("%s", title);
		if (sandbox_process(parent) == -1 || (err != -1 &&
		    dup2(err, STDERR_FILENO) == -1))
			_exit(1);
		helper_serve(sv[1], path, user);
	}
	error = errno;
	close(sv[1]);
	if (pid == -1 || fcntl(sv[0], F_SETFL, O_NONBLOCK) == -1) {
		close(sv[0]);
		errno = error;
		return (-1);
	}
	*kid = pid;
	return (sv[0]);
}

/* ---- the process that starts them ---- */

static int
helper_user(const char *user)
{
	struct passwd	*pw;

	if (user == NULL)
		return (0);
	if ((pw = getpwnam(user)) == NULL)
		return (-1);
	return (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1 ? -1 : 0);
}

static __dead void
helper_serve(int fd, const char *path, const char *user)
{
	static const int	 caught[] = {
		SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGPIPE,
		SIGXFSZ
	};
	struct helper_answer	 answer;
	struct helper_ask	 ask;
	struct sigaction	 sa = { .sa_handler = helper_child };
	sigset_t		 none, child;
	ssize_t			 n;
	size_t			 i;
	int			 null, keep, helper;

	for (i = 0; i < nitems(caught); i++)
		signal(caught[i], SIG_DFL);
	/* A terminal's ^C is for our parent, which ends us. */
	(void)setpgid(0, 0);
	sigemptyset(&none);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	/* Only while we wait; see helper_exec, too. */
	sigprocmask(SIG_SETMASK, &child, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	/*
	 * What else was open has no business here; who reads from us, or
	 * writes to us, would not see us close it.
	 */
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1)
		_exit(1);
	if ((keep = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1 ||
	    dup2(keep, 3) == -1)
		_exit(1);
	closefrom(4);
	fd = 3;
	/* A change of user undoes part of it. */
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    helper_user(user) == -1 || sandbox_process(getppid()) == -1)
		_exit(1);
	for (;;) {
		if (helper_wait(fd, &none, path) == 0)
			continue;
		n = recv(fd, &ask, sizeof(ask), 0);
		if (n != (ssize_t)sizeof(ask) || !helper_valid(&ask))
			_exit(0);
		memset(&answer, 0, sizeof(answer));
		answer.id = ask.id;
		if (helper_start(path, &ask, &helper) == -1)
			answer.error = errno;
		if (helper_send(fd, &answer, helper) == -1)
			_exit(0);
		if (helper != -1)
			close(helper);
	}
}

/* Names and addresses, which no program takes for an option. */
static int
helper_valid(const struct helper_ask *a)
{
	return (memchr(a->host, '\0', sizeof(a->host)) != NULL &&
	    a->host[0] != '\0' && a->host[0] != '-' &&
	    a->host[strspn(a->host, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-")] == '\0' &&
	    a->port > 0 && a->port <= UINT16_MAX);
}

static void
helper_child(int sig)
{
}

/* 1: somebody asks, or is gone; 0: not yet. */
static int
helper_wait(int fd, const sigset_t *mask, const char *path)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };

	if (ppoll(&pfd, 1, NULL, mask) == 1)
		return (1);
	helper_reap(path);
	return (0);
}

/*
 * To its standard error, as its own complaints.  One that writes to a socket
 * that we have closed has done nothing wrong.
 */
static void
helper_ended(const char *path, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGPIPE)
		dprintf(STDERR_FILENO, "helper %s was ended by signal %d\n",
		    path, WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		dprintf(STDERR_FILENO, "helper %s ended with status %d\n",
		    path, WEXITSTATUS(status));
}

/* Forget those that have ended, and say so if it was in no good way. */
static void
helper_reap(const char *path)
{
	pid_t	 pid;
	int	 i, status, n = 0;

	for (i = 0; i < nrunning; i++) {
		pid = waitpid(running[i], &status, WNOHANG);
		if (pid == 0)
			running[n++] = running[i];
		else if (pid == running[i])
			helper_ended(path, status);
	}
	nrunning = n;
}

/* Of too many the oldest has to go. */
static void
helper_room(void)
{
	if (nrunning < HELPER_MAX)
		return;
	kill(running[0], SIGKILL);
	(void)waitpid(running[0], NULL, 0);
	memmove(running, running + 1, sizeof(running) - sizeof(running[0]));
	nrunning--;
}

/* Its end of a socket in *out; 0, or -1 with errno, also of its exec. */
static int
helper_start(const char *path, const struct helper_ask *ask, int *out)
{
	pid_t	 pid, parent = getpid();
	int	 sv[2], p[2], error = 0;

	*out = -1;
	helper_reap(path);
	helper_room();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return (-1);
	if (pipe2(p, O_CLOEXEC) == -1) {
		error = errno;
		close(sv[0]);
		close(sv[1]);
		errno = error;
		return (-1);
	}
	if ((pid = fork()) == 0)
		helper_exec(path, ask, sv[1], p[1], parent);
	error = pid == -1 ? errno : 0;
	close(sv[1]);
	close(p[1]);
	/* The pipe ends with the exec, or says why there was none. */
	if (pid != -1 && read(p[0], &error, sizeof(error)) !=
	    (ssize_t)sizeof(error))
		error = 0;
	close(p[0]);
	if (error == 0) {
		running[nrunning++] = pid;
		*out = sv[0];
		return (0);
	}
	if (pid != -1)
		(void)waitpid(pid, NULL, 0);
	close(sv[0]);
	errno = error;
	return (-1);
}

static __dead void
helper_exec(const char *path, const struct helper_ask *ask, int fd,
    int report, pid_t parent)
{
	char		 port[8], *argv[4];
	sigset_t	 none;
	int		 error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(port, sizeof(port), "%u", ask->port);
	if ((argv[0] = strdup(path)) == NULL ||
	    (argv[1] = strdup(ask->host)) == NULL)
		_exit(1);
	argv[2] = port;
	argv[3] = NULL;
	if (sandbox_process(parent) == 0 && dup2(fd, STDIN_FILENO) != -1 &&
	    dup2(fd, STDOUT_FILENO) != -1)
		execv(path, argv);
	error = errno;
	if (write(report, &error, sizeof(error)) == -1)
		_exit(1);
	_exit(127);
}

static int
helper_send(int fd, const struct helper_answer *answer, int helper)
{
	struct helper_answer	 a = *answer;
	union fd_buf		 cmsg;
	struct iovec		 iov = { &a, sizeof(a) };
	struct msghdr		 msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (helper != -1) {
		memset(&cmsg, 0, sizeof(cmsg));
		msg.msg_control = &cmsg;
		msg.msg_controllen = sizeof(cmsg.buf);
		cmsg.hdr.cmsg_len = CMSG_LEN(sizeof(int));
		cmsg.hdr.cmsg_level = SOL_SOCKET;
		cmsg.hdr.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&cmsg.hdr), &helper, sizeof(int));
	}
	return (sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(a) ?
	    0 : -1);
}

/* ---- those that ask it ---- */

int
helper_ask(int fd, uint32_t id, const char *host, uint16_t port)
{
	struct helper_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.id = id;
	ask.port = port;
	if (strlcpy(ask.host, host, sizeof(ask.host)) >= sizeof(ask.host) ||
	    !helper_valid(&ask)) {
		errno = EINVAL;
		return (-1);
	}
	return (send(fd, &ask, sizeof(ask), MSG_NOSIGNAL) ==
	    (ssize_t)sizeof(ask) ? 0 : -1);
}

int
helper_gone(int fd)
{
	struct pollfd	 pfd = { .fd = fd };

	return (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) != 0);
}

int
helper_answer(int fd, uint32_t *id, int *helper, int *error)
{
	struct helper_answer	 a;
	union fd_buf		 cmsg;
	struct iovec		 iov = { &a, sizeof(a) };
	struct msghdr		 msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr		*c;
	ssize_t			 n;

	memset(&cmsg, 0, sizeof(cmsg));
	msg.msg_control = &cmsg;
	msg.msg_controllen = sizeof(cmsg.buf);
	*helper = -1;
	n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n != (ssize_t)sizeof(a))
		return (-1);
	if ((c = CMSG_FIRSTHDR(&msg)) != NULL &&
	    c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(helper, CMSG_DATA(c), sizeof(int));
	*id = a.id;
	*error = a.error;
	if (*helper != -1 && fcntl(*helper, F_SETFL, O_NONBLOCK) == -1) {
		close(*helper);
		*helper = -1;
		*error = errno;
	}
	return (1);
}
