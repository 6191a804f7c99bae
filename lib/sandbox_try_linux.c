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
 * What someone who owns a process would try first, to be tried from inside
 * the sandbox.  Only test programs, and daemons built with CULVERT_TEST,
 * call this; the linker leaves it out of all others.
 */

#include "compat.h"

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sandbox.h"

static int	try_open(void);
static int	try_socket(void);
static int	try_connect(void);
static int	try_fork(void);
static int	try_execve(void);
static int	try_kill(void);
static int	try_ptrace(void);
static int	try_setuid(void);
static int	try_mmap_exec(void);
static int	try_fchdir(void);
static int	try_io_uring(void);

static const struct {
	const char	*name;
	int		 (*call)(void);
} sandbox_tries[] = {
	{ "open", try_open },
	{ "socket", try_socket },
	{ "connect", try_connect },
	{ "fork", try_fork },
	{ "execve", try_execve },
	{ "kill", try_kill },
	{ "ptrace", try_ptrace },
	{ "setuid", try_setuid },
	{ "mmap_exec", try_mmap_exec },
	{ "fchdir", try_fchdir },
	{ "io_uring", try_io_uring },
};

static int
try_open(void)
{
	return (open("/etc/passwd", O_RDONLY) == -1 ? -1 : 0);
}

static int
try_socket(void)
{
	return (socket(AF_INET, SOCK_STREAM, 0) == -1 ? -1 : 0);
}

/*
 * The call matters, not where it leads: no profile without connect(2) has a
 * socket to use it on, but it may have been passed one.
 */
static int
try_connect(void)
{
	struct sockaddr_in	 sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(1);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (connect(STDERR_FILENO, (struct sockaddr *)&sin,
	    sizeof(sin)));
}

static int
try_fork(void)
{
	pid_t	 pid;

	if ((pid = fork()) == -1)
		return (-1);
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return (0);
}

static int
try_execve(void)
{
	char	 name[] = "true";
	char	*argv[] = { name, NULL }, *envp[] = { NULL };

	return (execve("/bin/true", argv, envp));
}

static int
try_kill(void)
{
	return (kill(getppid(), 0));
}

static int
try_ptrace(void)
{
	return (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == -1 ? -1 : 0);
}

static int
try_setuid(void)
{
	return (setuid(0));
}

static int
try_mmap_exec(void)
{
	void	*p;

	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return (p == MAP_FAILED ? -1 : 0);
}

/* Out of a chroot by a folder that was open before. */
static int
try_fchdir(void)
{
	return (fchdir(STDERR_FILENO));
}

static int
try_io_uring(void)
{
	char	 params[256];

	memset(params, 0, sizeof(params));
	return (syscall(SYS_io_uring_setup, 1, params) == -1 ? -1 : 0);
}

int
sandbox_try(const char *name)
{
	size_t	 i;

	for (i = 0; i < nitems(sandbox_tries); i++)
		if (strcmp(sandbox_tries[i].name, name) == 0)
			return (sandbox_tries[i].call());
	errno = EINVAL;
	return (-1);
}
