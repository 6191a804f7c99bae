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
 * How the parent makes processes: itself a daemon, and its children by fork
 * and exec of the same binary, so that each has an address space that no
 * other knows.
 */

#include "compat.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc_internal.h"

#ifndef CULVERT_RUNDIR
#define CULVERT_RUNDIR	"/run/culvert"
#endif

/* The same binary, even if its file was replaced meanwhile. */
#ifdef __linux__
#define PROC_BINARY	"/proc/self/exe"
#else
#define PROC_BINARY	proc_self.argv0
#endif

#define PROC_ARGS_MAX	16
#define PROC_FD_HIGH	16	/* out of the way of those of a child */

struct proc_args {
	char	 text[1024];
	size_t	 len;
	char	*argv[PROC_ARGS_MAX];
	size_t	 argc;
};

static void		 proc_args_add(struct proc_args *, const char *);
static void		 proc_args_make(struct proc_args *, const char *, int);
static void		 proc_exec_fds(pid_t, int, int, int);
static __dead void	 proc_exec_child(const struct proc_args *, pid_t,
			    int, int, int);
static int		 proc_empty_ok(const char *);

static int		 proc_detach_fd = -1;

char *
proc_arg(const char *arg)
{
	char	*copy;

	if ((copy = strdup(arg)) == NULL)
		fatal("arguments");
	return (copy);
}

static void
proc_args_add(struct proc_args *a, const char *arg)
{
	size_t	 len = strlen(arg) + 1;

	if (len > sizeof(a->text) - a->len || a->argc + 1 >= PROC_ARGS_MAX)
		fatalx("too many arguments for a child");
	memcpy(a->text + a->len, arg, len);
	a->argv[a->argc++] = a->text + a->len;
	a->len += len;
}

static void
proc_args_make(struct proc_args *a, const char *name, int instance)
{
	const struct proc_options	*opts = &proc_self.opts;
	char				 number[12];
	int				 i;

	memset(a, 0, sizeof(*a));
	snprintf(number, sizeof(number), "%d", instance);
	proc_args_add(a, proc_self.argv0);
	proc_args_add(a, "-x");
	proc_args_add(a, name);
	proc_args_add(a, "-I");
	proc_args_add(a, number);
	if (!proc_self.piped)
		proc_args_add(a, "-d");
	for (i = 0; i < opts->verbose && i < 3; i++)
		proc_args_add(a, "-v");
	if (opts->test != NULL) {
		proc_args_add(a, "-T");
		proc_args_add(a, opts->test);
	}
}

/* Between fork and exec, with all signals blocked. */
static void
proc_exec_fds(pid_t parent, int fd, int report, int log)
{
	static const int	 caught[] = {
		SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD
	};
	sigset_t		 none;
	size_t			 i;
	int			 null;

	for (i = 0; i < nitems(caught); i++)
		signal(caught[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (sandbox_process(parent) == -1)
		_exit(1);

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	null = fcntl(null, F_DUPFD_CLOEXEC, PROC_FD_HIGH);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, PROC_FD_HIGH);
	report = fcntl(report, F_DUPFD_CLOEXEC, PROC_FD_HIGH);
	if (log != -1)
		log = fcntl(log, F_DUPFD_CLOEXEC, PROC_FD_HIGH);
	if (dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    (log != -1 && dup2(log, STDERR_FILENO) == -1) ||
	    dup2(fd, PROC_FD_PARENT) == -1 ||
	    dup2(report, PROC_FD_REPORT) == -1)
		_exit(1);
	closefrom(PROC_FD_REPORT + 1);
}

static __dead void
proc_exec_child(const struct proc_args *a, pid_t parent, int fd, int report,
    int log)
{
	proc_exec_fds(parent, fd, report, log);
	execv(PROC_BINARY, a->argv);
	execvp(a->argv[0], a->argv);
	_exit(127);
}

pid_t
proc_exec(const char *name, int instance, int fd, int report, int log)
{
	struct proc_args	 args;
	sigset_t		 all, before;
	pid_t			 parent = getpid(), pid;
	int			 save_errno;

	proc_args_make(&args, name, instance);
	/*
	 * Until it execs, the child has our handlers, and the descriptor by
	 * which they wake up our event loop.
	 */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		proc_exec_child(&args, parent, fd, report, log);
	save_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = save_errno;
	return (pid);
}

pid_t
proc_exec_program(int program, char *const *argv, int fd, int log)
{
	sigset_t	 all, before;
	pid_t		 parent = getpid(), pid;
	int		 save_errno;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	if ((pid = fork()) == 0) {
		proc_exec_fds(parent, fd, program, log);
		proc_exec_fd(PROC_FD_REPORT, argv[0], argv);
		dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	save_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = save_errno;
	return (pid);
}

void
proc_detach(void)
{
	unsigned char	 status = 1;
	pid_t		 pid;
	int		 fd, p[2];

	if (pipe2(p, O_CLOEXEC) == -1)
		fatal("pipe2");
	if ((pid = fork()) == -1)
		fatal("fork");
	if (pid != 0) {
		close(p[1]);
		while (read(p[0], &status, 1) == -1 && errno == EINTR)
			;
		_exit(status);
	}
	close(p[0]);
	proc_detach_fd = p[1];
	if (setsid() == -1)
		fatal("setsid");
	/* Not the leader, so that no terminal becomes ours. */
	if ((pid = fork()) == -1)
		fatal("fork");
	if (pid != 0)
		_exit(0);
	if (chdir("/") == -1)
		fatal("chdir");
	if ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		fatal("open /dev/null");
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void
proc_detached(int status)
{
	unsigned char	 byte = status;

	if (proc_detach_fd == -1)
		return;
	if (write(proc_detach_fd, &byte, 1) == -1)
		log_debug("nobody waits for us to start");
	close(proc_detach_fd);
	proc_detach_fd = -1;
}

/*
 * The folder children are shut into: empty, and none of them can change it.
 */

static const char *const proc_empties[] = {
	CULVERT_RUNDIR "/empty", "/var/empty"
};

static int
proc_empty_ok(const char *path)
{
	struct stat	 st;

	return (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0);
}

void
proc_empty_make(void)
{
	mode_t	 mask;

	mask = umask(022);
	if (mkdir(CULVERT_RUNDIR, 0755) == -1 && errno != EEXIST)
		log_warn("mkdir %s", CULVERT_RUNDIR);
	else if (mkdir(proc_empties[0], 0755) == -1 && errno != EEXIST)
		log_warn("mkdir %s", proc_empties[0]);
	umask(mask);
	proc_empty();
}

const char *
proc_empty(void)
{
	size_t	 i;

	for (i = 0; i < nitems(proc_empties); i++)
		if (proc_empty_ok(proc_empties[i]))
			return (proc_empties[i]);
	fatalx("no empty folder to change root to: neither %s nor %s is "
	    "root's alone", proc_empties[0], proc_empties[1]);
}
