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
 * What each kind of process may not do.  Every try is made by a process of
 * its own, as root where we are, and as an ordinary user.
 */

/* link: regress/lib/sandbox_util.c lib/sandbox_linux.c
 *     lib/sandbox_calls_linux.c lib/sandbox_landlock_linux.c
 *     lib/sandbox_seccomp_linux.c
 *     lib/sandbox_try_linux.c */
/* libs: libseccomp */

#include "compat.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox_util.h"

static int
try_by_name(const void *name)
{
	return (sandbox_try(name) == 0 ? 0 : errno);
}

static int
has_mdwe(void)
{
	return (prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0) != -1);
}

/*
 * The eleven things that who owns a process would try, by each kind.
 */

static const char *const	 names[SANDBOX_PROFILES] = {
	[SANDBOX_RELAYD_PARENT] = "relayd parent",
	[SANDBOX_KEYS] = "keys",
	[SANDBOX_LISTENER] = "listener",
	[SANDBOX_AUTH] = "auth",
	[SANDBOX_ROUTER] = "router",
	[SANDBOX_AGENTD_PARENT] = "agentd parent",
	[SANDBOX_TUNNEL] = "tunnel",
	[SANDBOX_PROXY] = "proxy",
	[SANDBOX_CLIENT] = "client",
	[SANDBOX_ADMIN] = "admin",
	[SANDBOX_ADMIN_AGAIN] = "admin again",
	[SANDBOX_BACKUP] = "backup",
};

#define CHILDREN	(~(1U << SANDBOX_RELAYD_PARENT | \
			 1U << SANDBOX_AGENTD_PARENT))
#define DIALLERS	(1U << SANDBOX_PROXY | 1U << SANDBOX_CLIENT | \
			 1U << SANDBOX_ADMIN_AGAIN)
#define OPENERS		(DIALLERS | 1U << SANDBOX_AUTH)
#define ALL		(~0U)

/* Where none of these says so, it is possible. */
static const struct {
	const char	*call;
	unsigned int	 profiles;
	int		 what;
} refused[] = {
	{ "open", CHILDREN, EACCES },
	{ "socket", CHILDREN & ~DIALLERS, FORBIDDEN(SYS_socket) },
	{ "connect", CHILDREN & ~DIALLERS, FORBIDDEN(SYS_connect) },
	{ "connect", ALL, ENOTSOCK },		/* what it was tried on */
	{ "fork", CHILDREN, FORBIDDEN(SYS_clone) },
	{ "execve", CHILDREN, FORBIDDEN(SYS_execve) },
	{ "kill", CHILDREN, FORBIDDEN(SYS_kill) },
	{ "ptrace", ALL, FORBIDDEN(SYS_ptrace) },
	{ "setuid", CHILDREN, FORBIDDEN(SYS_setuid) },
	{ "mmap_exec", CHILDREN, FORBIDDEN(SYS_mmap) },
	{ "mmap_exec", ALL, EACCES },		/* writable as well */
	{ "fchdir", ALL, FORBIDDEN(SYS_fchdir) },
	{ "io_uring", ALL, FORBIDDEN(SYS_io_uring_setup) },
};

static int
refusal(unsigned int profile, uid_t uid, const char *call)
{
	size_t	 i;

	if (strcmp(call, "open") == 0 && !has_landlock() &&
	    (OPENERS & 1U << profile))
		return (0);
	if (strcmp(call, "mmap_exec") == 0 && !has_mdwe() &&
	    !(CHILDREN & 1U << profile))
		return (0);
	for (i = 0; i < nitems(refused); i++)
		if (strcmp(refused[i].call, call) == 0 &&
		    (refused[i].profiles & 1U << profile))
			return (refused[i].what);
	/* The user is a stranger to who started the test. */
	if (uid != 0 && (strcmp(call, "setuid") == 0 ||
	    (strcmp(call, "kill") == 0 && getuid() == 0)))
		return (EPERM);
	return (0);
}

static void
tries_are_refused(uid_t uid)
{
	static const char	*calls[] = {
		"open", "socket", "connect", "fork", "execve", "kill",
		"ptrace", "setuid", "mmap_exec", "fchdir", "io_uring"
	};
	unsigned int		 profile;
	size_t			 i;
	int			 failed = 0, got, want;

	if (SANDBOX_SANITIZED)
		return;		/* nothing to see */
	for (profile = 0; profile < SANDBOX_PROFILES; profile++) {
		for (i = 0; i < nitems(calls); i++) {
			want = refusal(profile, uid, calls[i]);
			got = outcome(profile, uid, try_by_name, calls[i]);
			if (got == want)
				continue;
			fprintf(stderr, "# %s: %s: %d, not %d\n",
			    names[profile], calls[i], got, want);
			failed++;
		}
	}
	assert_int_equal(failed, 0);
}

static void
each_try_of_each_process_is_refused(void **state)
{
	tries_are_refused(getuid());
}

static void
each_try_without_privileges_is_refused(void **state)
{
	if (getuid() != 0)
		return;		/* nothing to see */
	tries_are_refused(NOBODY);
}

/*
 * More of what is forbidden, call by call.
 */

static int
raw(const void *arg)
{
	const long	*a = arg;

	return (syscall(a[0], a[1], a[2], a[3], a[4], a[5]) == -1 ? errno :
	    0);
}

static const struct {
	int	 profile;
	long	 call[6];
	int	 what;
} raws[] = {
	/* The filter looks at the whole register, the kernel at half of it. */
	{ SANDBOX_KEYS, { SYS_rt_sigaction, SIGSYS }, -1 },
	{ SANDBOX_KEYS, { SYS_rt_sigaction, SIGSYS | 1L << 32 }, -1 },
	{ SANDBOX_KEYS, { SYS_rt_sigaction, SIGTERM, 0, 0, 8 }, 0 },
	{ SANDBOX_KEYS, { SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC }, -1 },
	{ SANDBOX_KEYS, { SYS_pkey_mprotect, 0, 4096, PROT_READ, -1 }, -1 },
	{ SANDBOX_KEYS, { SYS_fcntl, 2, F_SETOWN, 1 }, -1 },
	{ SANDBOX_KEYS, { SYS_fcntl, 2, F_GETFL }, 0 },
	/* Sockets that accept are shared with those who come after. */
	{ SANDBOX_LISTENER, { SYS_fcntl, 99, F_SETFL, 0 }, -1 },
	{ SANDBOX_LISTENER, { SYS_fcntl, 99, F_SETFL, O_APPEND }, -1 },
	{ SANDBOX_LISTENER, { SYS_fcntl, 99, F_SETFL, O_NONBLOCK }, EBADF },
	{ SANDBOX_ROUTER, { SYS_fcntl, 99, F_SETFL, 0 }, -1 },
	{ SANDBOX_CLIENT, { SYS_fcntl, 99, F_SETFL, 0 }, EBADF },
	{ SANDBOX_LISTENER, { SYS_shutdown, 99, SHUT_RD }, -1 },
	{ SANDBOX_LISTENER, { SYS_shutdown, 99, SHUT_RDWR }, -1 },
	{ SANDBOX_LISTENER, { SYS_shutdown, 99, SHUT_WR }, EBADF },
	{ SANDBOX_TUNNEL, { SYS_shutdown, 99, SHUT_RDWR }, -1 },
	{ SANDBOX_PROXY, { SYS_shutdown, 99, SHUT_RDWR }, EBADF },
	{ SANDBOX_LISTENER, { SYS_setsockopt, 99, SOL_SOCKET,
	    SO_ATTACH_REUSEPORT_CBPF }, -1 },
	{ SANDBOX_LISTENER, { SYS_setsockopt, 99, SOL_SOCKET,
	    SO_ATTACH_FILTER }, -1 },
	{ SANDBOX_LISTENER, { SYS_setsockopt, 99, SOL_SOCKET, SO_LINGER },
	    EBADF },
	{ SANDBOX_TUNNEL, { SYS_setsockopt, 99, SOL_SOCKET,
	    SO_ATTACH_FILTER }, -1 },
	{ SANDBOX_PROXY, { SYS_setsockopt, 99, SOL_SOCKET, SO_SNDBUF },
	    EBADF },
	{ SANDBOX_KEYS, { SYS_ioctl, 2, TIOCSTI }, -1 },
	{ SANDBOX_KEYS, { SYS_ioctl, 2, TCGETS }, ENOTTY },
	{ SANDBOX_KEYS, { SYS_tgkill, 1, 1, 0 }, -1 },
	{ SANDBOX_KEYS, { SYS_tkill, 1, 0 }, -1 },
	{ SANDBOX_KEYS, { SYS_prctl, PR_SET_DUMPABLE, 1 }, -1 },
	{ SANDBOX_KEYS, { SYS_prlimit64, 0, RLIMIT_NPROC, 1 }, -1 },
	{ SANDBOX_KEYS, { SYS_memfd_create, 0, 0 }, -1 },
	{ SANDBOX_KEYS, { SYS_userfaultfd, 0 }, -1 },
	{ SANDBOX_KEYS, { SYS_process_vm_readv, 1 }, -1 },
	{ SANDBOX_KEYS, { SYS_unshare, 0 }, -1 },
	{ SANDBOX_KEYS, { SYS_clone3, 0, 0 }, -1 },
	{ SANDBOX_KEYS, { SYS_bpf, 0 }, -1 },
	{ SANDBOX_KEYS, { SYS_getsockopt, 2 }, -1 },
	{ SANDBOX_KEYS, { SYS_accept4, 2 }, -1 },
	{ SANDBOX_LISTENER, { SYS_setsockopt, 2, SOL_SOCKET, SO_LINGER },
	    ENOTSOCK },
	{ SANDBOX_LISTENER, { SYS_setsockopt, 2, IPPROTO_TCP, TCP_NODELAY },
	    ENOTSOCK },
	{ SANDBOX_LISTENER, { SYS_setsockopt, 2, IPPROTO_IP }, -1 },
	{ SANDBOX_LISTENER, { SYS_accept4, 2 }, ENOTSOCK },
	{ SANDBOX_LISTENER, { SYS_bind, 2 }, -1 },
	{ SANDBOX_LISTENER, { SYS_listen, 2 }, -1 },
	{ SANDBOX_LISTENER, { SYS_socketpair, AF_UNIX, SOCK_STREAM }, -1 },
	{ SANDBOX_TUNNEL, { SYS_accept4, 2 }, ENOTSOCK },
	{ SANDBOX_TUNNEL, { SYS_bind, 2 }, -1 },
	{ SANDBOX_TUNNEL, { SYS_listen, 2 }, -1 },
	{ SANDBOX_TUNNEL, { SYS_connect, 2 }, -1 },
	{ SANDBOX_TUNNEL, { SYS_getsockopt, 2 }, ENOTSOCK },
	{ SANDBOX_ROUTER, { SYS_accept4, 2 }, ENOTSOCK },
	{ SANDBOX_ROUTER, { SYS_setsockopt, 2, SOL_SOCKET }, -1 },
	{ SANDBOX_AUTH, { SYS_getsockopt, 2 }, -1 },
	{ SANDBOX_AUTH, { SYS_mkdir, 0 }, -1 },
	{ SANDBOX_AUTH, { SYS_rename, 0 }, EFAULT },
	{ SANDBOX_AUTH, { SYS_link, 0 }, -1 },
	{ SANDBOX_AUTH, { SYS_chmod, 0 }, -1 },
	{ SANDBOX_ADMIN, { SYS_rename, 0 }, -1 },
	{ SANDBOX_ADMIN, { SYS_unlink, 0 }, -1 },
	{ SANDBOX_ADMIN, { SYS_connect, 2 }, -1 },
	{ SANDBOX_ADMIN_AGAIN, { SYS_connect, 2 }, ENOTSOCK },
	{ SANDBOX_ADMIN_AGAIN, { SYS_unlink, 0 }, -1 },
	{ SANDBOX_BACKUP, { SYS_rename, 0 }, EFAULT },
	{ SANDBOX_BACKUP, { SYS_link, 0 }, EFAULT },
	{ SANDBOX_BACKUP, { SYS_fsync, -1 }, EBADF },
	{ SANDBOX_BACKUP, { SYS_openat, AT_FDCWD, 0, O_WRONLY }, EACCES },
	{ SANDBOX_BACKUP, { SYS_chmod, 0 }, -1 },
	{ SANDBOX_PROXY, { SYS_socket, AF_PACKET, SOCK_DGRAM }, -1 },
	{ SANDBOX_PROXY, { SYS_socket, AF_INET, SOCK_RAW }, -1 },
	{ SANDBOX_PROXY, { SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
	    -1 },
	{ SANDBOX_PROXY, { SYS_socket, AF_NETLINK, SOCK_RAW }, EAFNOSUPPORT },
	{ SANDBOX_PROXY, { SYS_socket, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC },
	    0 },
	{ SANDBOX_PROXY, { SYS_bind, 2 }, -1 },
	{ SANDBOX_PROXY, { SYS_listen, 2 }, -1 },
	{ SANDBOX_PROXY, { SYS_clone3, 0, 0 }, ENOSYS },
	{ SANDBOX_PROXY, { SYS_openat, AT_FDCWD, 0, O_WRONLY }, -1 },
	{ SANDBOX_PROXY, { SYS_openat, AT_FDCWD, 0, O_RDONLY | O_CREAT },
	    -1 },
	{ SANDBOX_RELAYD_PARENT, { SYS_socket, AF_PACKET, SOCK_RAW }, -1 },
	{ SANDBOX_RELAYD_PARENT, { SYS_unshare, 0 }, -1 },
	{ SANDBOX_RELAYD_PARENT, { SYS_mount, 0 }, -1 },
	{ SANDBOX_RELAYD_PARENT, { SYS_bpf, 0 }, -1 },
	{ SANDBOX_RELAYD_PARENT, { SYS_init_module, 0 }, -1 },
};

static void
each_call_has_its_answer(void **state)
{
	size_t	 i;
	int	 failed = 0, got, want;

	if (SANDBOX_SANITIZED)
		return;		/* nothing to see */
	for (i = 0; i < nitems(raws); i++) {
		want = raws[i].what == -1 ? FORBIDDEN(raws[i].call[0]) :
		    raws[i].what;
		got = outcome(raws[i].profile, getuid(), raw, raws[i].call);
		if (got == want || (got == EAFNOSUPPORT &&
		    raws[i].call[1] == AF_INET6))
			continue;
		fprintf(stderr, "# %s: %s(%ld): %d, not %d\n",
		    names[raws[i].profile],
		    sandbox_call_name(raws[i].call[0]), raws[i].call[1], got,
		    want);
		failed++;
	}
	assert_int_equal(failed, 0);
}

/* The filter of the parent is there already when a child adds its own. */
static int
nested(const void *arg)
{
	int	 fd;

	if (sandbox_enter(SANDBOX_RELAYD_PARENT, NULL, 0, -1) == -1)
		return (1);
	if (sandbox_enter(SANDBOX_PROXY, NULL, 0, -1) == -1)
		return (2);
	if (socket(AF_NETLINK, SOCK_RAW, 0) != -1 || errno != EAFNOSUPPORT)
		return (3);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (4);
	close(fd);
	return (has_landlock() && open("/etc/passwd", O_RDONLY) != -1 ? 5 :
	    0);
}

static void
a_child_inherits_and_adds(void **state)
{
	if (SANDBOX_SANITIZED)
		return;		/* nothing to see */
	assert_int_equal(outcome(-1, getuid(), nested, NULL), 0);
	if (getuid() == 0)
		assert_int_equal(outcome(-1, NOBODY, nested, NULL), 0);
}

static int
abort_it(const void *arg)
{
	abort();
}

static void
abort_still_aborts(void **state)
{
	assert_int_equal(outcome(SANDBOX_KEYS, getuid(), abort_it, NULL),
	    SIGNALLED(SIGABRT));
}

/*
 * Landlock alone, in a process without a filter.
 */

static int
beside_landlock(const void *arg)
{
	struct sockaddr_in	 sin;
	const char		*missing = NULL;
	char			 path[64];
	int			 fd;

	snprintf(path, sizeof(path), "/tmp/sandbox_test.%ld", (long)getpid());
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    sandbox_landlock(0, NULL, 0, &missing) == -1)
		return (1);
	if (open(path, O_WRONLY | O_CREAT, 0600) != -1 ||
	    errno != EACCES)
		return (2);
	if (!SANDBOX_SANITIZED && (open("/etc/passwd", O_RDONLY) != -1 ||
	    errno != EACCES))
		return (3);
	if (missing != NULL)
		return (0);	/* an old one */
	if (kill(getppid(), 0) != -1 || errno != EPERM)
		return (4);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(9);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (5);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != -1 ||
	    errno != EACCES)
		return (6);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != -1 ||
	    errno != EACCES)
		return (7);
	return (0);
}

static void
landlock_alone_refuses(void **state)
{
	if (!has_landlock())
		return;		/* nothing to see */
	assert_int_equal(outcome(-1, getuid(), beside_landlock, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(each_try_of_each_process_is_refused),
		cmocka_unit_test(each_try_without_privileges_is_refused),
		cmocka_unit_test(each_call_has_its_answer),
		cmocka_unit_test(a_child_inherits_and_adds),
		cmocka_unit_test(abort_still_aborts),
		cmocka_unit_test(landlock_alone_refuses),
	};

	has_landlock();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
