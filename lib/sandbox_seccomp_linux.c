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
 * The system call filter.  What is not listed ends the process; what a
 * library may try in passing (to open a file, to ask for a terminal) is
 * answered with an error.  A process inherits its parent's filter and adds
 * its own, so the parent's allows what any child needs until then.
 */

#include "compat.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fnv.h"
#include "sandbox_internal.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA		0x53564d41
#endif

#define CALL(name)		SCMP_SYS(name)
/*
 * The kernel looks at the low 32 bits of an int and ignores the others, so
 * a comparison must, too.
 */
#define ARG_IS(n, value)	SCMP_CMP((n), SCMP_CMP_MASKED_EQ, \
				    0xffffffffUL, (uint32_t)(value))
#define ARG_BITS(n, mask, value) SCMP_CMP((n), SCMP_CMP_MASKED_EQ, \
				    (mask), (value))

#define CLONE_NEW_ANYTHING	(CLONE_NEWNS | CLONE_NEWCGROUP | \
				 CLONE_NEWUTS | CLONE_NEWIPC | \
				 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const int calls_base[] = {
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(recvmsg),
	CALL(sendmsg), CALL(recvfrom), CALL(sendto), CALL(recv), CALL(send),
	CALL(close), CALL(shutdown),
	CALL(poll), CALL(ppoll), CALL(epoll_ctl), CALL(epoll_wait),
	CALL(epoll_pwait), CALL(epoll_pwait2),
	CALL(clock_gettime), CALL(clock_getres), CALL(gettimeofday),
	CALL(time), CALL(nanosleep), CALL(clock_nanosleep),
	CALL(getpid), CALL(gettid), CALL(getppid), CALL(getuid),
	CALL(geteuid), CALL(getgid), CALL(getegid),
	CALL(getrandom), CALL(getrusage), CALL(futex), CALL(sched_yield),
	CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk),
	CALL(rt_sigreturn), CALL(sigreturn), CALL(rt_sigprocmask),
	CALL(exit), CALL(exit_group), CALL(restart_syscall),
	/* the same on 32-bit machines */
	CALL(clock_gettime64), CALL(clock_getres_time64),
	CALL(clock_nanosleep_time64), CALL(ppoll_time64), CALL(futex_time64),
	CALL(getuid32), CALL(geteuid32), CALL(getgid32), CALL(getegid32),
};

/* Answered with EACCES where files may not be opened. */
static const int calls_files[] = {
	CALL(open), CALL(openat), CALL(openat2), CALL(creat), CALL(stat),
	CALL(lstat), CALL(fstat), CALL(newfstatat), CALL(statx),
	CALL(access), CALL(faccessat), CALL(faccessat2), CALL(readlink),
	CALL(readlinkat), CALL(stat64), CALL(lstat64), CALL(fstat64),
	CALL(fstatat64),
};

/* Looking at files: allowed where they may be read. */
static const int calls_look[] = {
	CALL(stat), CALL(lstat), CALL(fstat), CALL(newfstatat), CALL(statx),
	CALL(access), CALL(faccessat), CALL(faccessat2), CALL(readlink),
	CALL(readlinkat), CALL(lseek), CALL(pread64), CALL(_llseek),
	CALL(stat64), CALL(lstat64), CALL(fstat64), CALL(fstatat64),
};

/* What SQLite does in its folder, beyond looking. */
static const int calls_store[] = {
	CALL(open), CALL(openat), CALL(pwrite64), CALL(fdatasync),
	CALL(fsync), CALL(ftruncate), CALL(unlink), CALL(unlinkat),
	CALL(getcwd), CALL(fchmod), CALL(fchown), CALL(fallocate),
	CALL(ftruncate64), CALL(fchown32),
	/* Not SQLite: a backup takes its name when it is whole. */
	CALL(rename), CALL(renameat), CALL(renameat2),
};

/* A file that was opened before: make it last, give it its name. */
static const int calls_place[] = {
	CALL(fsync), CALL(link), CALL(linkat), CALL(rename), CALL(renameat),
	CALL(renameat2), CALL(unlink), CALL(unlinkat),
};

static const int calls_accept[] = {
	CALL(accept), CALL(accept4),
};

static const int calls_ask[] = {
	CALL(getsockopt), CALL(getsockname), CALL(getpeername),
};

static const int calls_dial[] = {
	CALL(connect), CALL(sendmmsg), CALL(recvmmsg), CALL(uname),
	CALL(sysinfo), CALL(recvmmsg_time64),
};

static const int calls_thread[] = {
	CALL(set_robust_list), CALL(rseq), CALL(sched_getaffinity),
	CALL(sched_getparam), CALL(sched_getscheduler),
};

/* The parent, and what a child does until it enters its own sandbox. */
static const int calls_parent[] = {
	CALL(execve), CALL(fork), CALL(vfork), CALL(wait4), CALL(waitid),
	CALL(kill), CALL(tgkill), CALL(pidfd_open),
	CALL(pidfd_send_signal), CALL(setsid), CALL(setpgid), CALL(getpgrp),
	CALL(getpgid), CALL(getsid), CALL(umask),
	CALL(setuid), CALL(setgid), CALL(setreuid), CALL(setregid),
	CALL(setresuid), CALL(setresgid), CALL(setgroups), CALL(setfsuid),
	CALL(setfsgid), CALL(getresuid), CALL(getresgid), CALL(getgroups),
	CALL(capget), CALL(capset), CALL(chroot), CALL(chdir),
	CALL(prctl), CALL(seccomp), CALL(landlock_create_ruleset),
	CALL(landlock_add_rule), CALL(landlock_restrict_self),
	CALL(prlimit64), CALL(getrlimit), CALL(setrlimit), CALL(ugetrlimit),
	/* the dynamic linker, the C library, libevent */
	CALL(arch_prctl), CALL(set_tid_address), CALL(mmap), CALL(mmap2),
	CALL(mprotect), CALL(msync), CALL(mlock), CALL(mlock2),
	CALL(munlock), CALL(membarrier), CALL(uname), CALL(sysinfo),
	CALL(getcpu), CALL(times), CALL(fadvise64),
	CALL(epoll_create), CALL(epoll_create1), CALL(eventfd),
	CALL(eventfd2), CALL(timerfd_create), CALL(timerfd_settime),
	CALL(rt_sigaction), CALL(rt_sigpending), CALL(rt_sigtimedwait),
	CALL(rt_sigsuspend), CALL(sigaltstack), CALL(alarm),
	CALL(setitimer), CALL(pause), CALL(select), CALL(pselect6),
	CALL(pipe), CALL(pipe2), CALL(dup), CALL(dup2), CALL(dup3),
	CALL(close_range), CALL(fcntl), CALL(fcntl64),
	/* files */
	CALL(creat), CALL(openat2), CALL(statfs), CALL(fstatfs),
	CALL(statfs64), CALL(fstatfs64), CALL(getdents), CALL(getdents64),
	CALL(mkdir), CALL(mkdirat), CALL(rmdir), CALL(link), CALL(linkat),
	CALL(chmod), CALL(fchmodat), CALL(chown), CALL(lchown),
	CALL(fchownat), CALL(utimensat), CALL(flock), CALL(preadv),
	CALL(pwritev), CALL(sync_file_range),
	/* sockets */
	CALL(bind), CALL(listen), CALL(setsockopt), CALL(socketpair),
	/* what it leaves to the binary that takes its place */
	CALL(memfd_create),
	/* 32-bit machines */
	CALL(setuid32), CALL(setgid32), CALL(setreuid32), CALL(setregid32),
	CALL(setresuid32), CALL(setresgid32), CALL(setgroups32),
	CALL(setfsuid32), CALL(setfsgid32), CALL(getresuid32),
	CALL(getresgid32), CALL(getgroups32), CALL(chown32), CALL(lchown32),
	CALL(fadvise64_64), CALL(arm_fadvise64_64), CALL(set_tls),
	CALL(cacheflush), CALL(_newselect), CALL(pselect6_time64),
	CALL(rt_sigtimedwait_time64), CALL(timerfd_settime64),
	CALL(utimensat_time64), CALL(waitpid), CALL(set_thread_area),
};

/* Commands of fcntl(2) for all, and for the store: locks. */
static const int fcntl_base[] = {
	F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC
};

static const int fcntl_store[] = {
	F_GETLK, F_SETLK, F_SETLKW
};

static const int ioctl_parent[] = {
	FIONBIO, FIOCLEX, TCGETS, TIOCGWINSZ
};

static const int ioctl_tty[] = {
	TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ
};

/*
 * Signals whose handling may change later.  SIGSYS is not among them: who
 * owns the process could otherwise outlive a forbidden call.
 */
static const int signals_base[] = {
	SIGABRT, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGPIPE, SIGTERM,
	SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH
};

/* Two that the C library keeps to itself, and sets up for threads. */
static const int signals_thread[] = {
	32, 33
};

/* Levels of setsockopt(2); the last two for the resolver's IP_RECVERR. */
static const int levels_set[] = {
	SOL_SOCKET, IPPROTO_TCP
};

static const int levels_dial[] = {
	IPPROTO_IP, IPPROTO_IPV6
};

static int	filter_list(scmp_filter_ctx, uint32_t, const int *, size_t);
static int	filter_args(scmp_filter_ctx, int, unsigned int, const int *,
		    size_t);
static int	filter_base(scmp_filter_ctx);
static int	filter_inet(scmp_filter_ctx, int);
static int	filter_dial(scmp_filter_ctx);
static int	filter_thread(scmp_filter_ctx);
static int	filter_files(scmp_filter_ctx, unsigned int);
static int	filter_child(scmp_filter_ctx, unsigned int);
static int	filter_parent(scmp_filter_ctx);

#define FILTER_LIST(ctx, action, list) \
	filter_list((ctx), (action), (list), nitems(list))
#define FILTER_ARGS(ctx, call, n, list) \
	filter_args((ctx), (call), (n), (list), nitems(list))

/*
 * The same for every call of a list; one that this machine does not have
 * needs no rule.
 */
static int
filter_list(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
	size_t	 i;
	int	 error;

	for (i = 0; i < n; i++) {
		error = seccomp_rule_add(ctx, action, calls[i], 0);
		if (error < 0 && error != -EDOM)
			return (error);
	}
	return (0);
}

/* Allow a call when its argument n has one of these values. */
static int
filter_args(scmp_filter_ctx ctx, int call, unsigned int n, const int *values,
    size_t count)
{
	size_t	 i;
	int	 error;

	for (i = 0; i < count; i++) {
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
		    ARG_IS(n, values[i]));
		if (error < 0 && error != -EDOM)
			return (error);
	}
	return (0);
}

static int
filter_base(scmp_filter_ctx ctx)
{
	static const int	 map[] = {
		CALL(mmap), CALL(mmap2), CALL(mprotect)
	};
	size_t			 i;
	int			 error;

	if ((error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_base)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(fcntl), 1, fcntl_base)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(fcntl64), 1, fcntl_base)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(rt_sigaction), 0,
	    signals_base)) < 0)
		return (error);
	for (i = 0; i < nitems(map); i++) {
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, map[i], 1,
		    ARG_BITS(2, PROT_EXEC, 0));
		if (error < 0 && error != -EDOM)
			return (error);
	}
	/* abort(3), and a forbidden call, signal their own process. */
	if ((error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(tgkill), 1,
	    ARG_IS(0, getpid()))) < 0)
		return (error);
	/* getrlimit(2), of itself. */
	if ((error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(prlimit64), 2,
	    ARG_IS(0, 0), ARG_BITS(2, ~0UL, 0))) < 0)
		return (error);
	/* A newer malloc(3) names its memory, where it can. */
	if ((error = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL),
	    CALL(prctl), 1, ARG_IS(0, PR_SET_VMA))) < 0)
		return (error);
	return (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(ioctl), 1,
	    ARG_IS(1, FIONREAD)));
}

/* TCP and UDP of one address family. */
static int
filter_inet(scmp_filter_ctx ctx, int domain)
{
	static const struct {
		int	 type;
		int	 protocol;
	} kinds[] = {
		{ SOCK_STREAM, 0 }, { SOCK_STREAM, IPPROTO_TCP },
		{ SOCK_DGRAM, 0 }, { SOCK_DGRAM, IPPROTO_UDP },
	};
	size_t	 i;
	int	 error;

	for (i = 0; i < nitems(kinds); i++) {
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(socket), 3,
		    ARG_IS(0, domain), ARG_BITS(1, 0xf, kinds[i].type),
		    ARG_IS(2, kinds[i].protocol));
		if (error < 0)
			return (error);
	}
	return (0);
}

/* Resolve names and connect; the C library asks for more than it needs. */
static int
filter_dial(scmp_filter_ctx ctx)
{
	int	 error;

	if ((error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_dial)) < 0 ||
	    (error = filter_inet(ctx, AF_INET)) < 0 ||
	    (error = filter_inet(ctx, AF_INET6)) < 0 ||
	    (error = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT),
	    CALL(socket), 1, ARG_IS(0, AF_NETLINK))) < 0)
		return (error);
	return (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(socket), 1,
	    ARG_IS(0, AF_UNIX)));
}

static int
filter_thread(scmp_filter_ctx ctx)
{
	int	 error;

	if ((error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_thread)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(rt_sigaction), 0,
	    signals_thread)) < 0)
		return (error);
	/* Its flags are in memory, out of our sight; clone(2) will do. */
	if ((error = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
	    CALL(clone3), 0)) < 0)
		return (error);
	if ((error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(prctl), 1,
	    ARG_IS(0, PR_SET_NAME))) < 0)
		return (error);
	return (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(clone), 1,
	    ARG_BITS(0, CLONE_VM | CLONE_THREAD | CLONE_NEW_ANYTHING,
	    CLONE_VM | CLONE_THREAD)));
}

/* Files, for a child: to store, to read, or none. */
static int
filter_files(scmp_filter_ctx ctx, unsigned int may)
{
	int	 error;

	if (!(may & (SANDBOX_MAY_STORE | SANDBOX_MAY_OPEN)))
		return (FILTER_LIST(ctx, SCMP_ACT_ERRNO(EACCES),
		    calls_files));
	if ((error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_look)) < 0)
		return (error);
	if (may & SANDBOX_MAY_STORE) {
		error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_store);
		if (error < 0)
			return (error);
		return (FILTER_ARGS(ctx, CALL(fcntl), 1, fcntl_store));
	}
	error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(open), 1,
	    ARG_BITS(1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	if (error < 0 && error != -EDOM)
		return (error);
	return (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(openat), 1,
	    ARG_BITS(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)));
}

static int
filter_child(scmp_filter_ctx ctx, unsigned int may)
{
	int	 error;

	if ((error = filter_base(ctx)) < 0 ||
	    (error = filter_files(ctx, may)) < 0)
		return (error);
	if (may & SANDBOX_MAY_PLACE && (error = FILTER_LIST(ctx,
	    SCMP_ACT_ALLOW, calls_place)) < 0)
		return (error);
	if (may & SANDBOX_MAY_ACCEPT && (error = FILTER_LIST(ctx,
	    SCMP_ACT_ALLOW, calls_accept)) < 0)
		return (error);
	if (may & SANDBOX_MAY_ASK && (error = FILTER_LIST(ctx, SCMP_ACT_ALLOW,
	    calls_ask)) < 0)
		return (error);
	if (may & SANDBOX_MAY_SET && (error = FILTER_ARGS(ctx,
	    CALL(setsockopt), 1, levels_set)) < 0)
		return (error);
	if (may & SANDBOX_MAY_DIAL && ((error = filter_dial(ctx)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(setsockopt), 1,
	    levels_dial)) < 0))
		return (error);
	if (may & SANDBOX_MAY_THREAD && (error = filter_thread(ctx)) < 0)
		return (error);
	if (may & SANDBOX_MAY_PAIR && (error = seccomp_rule_add(ctx,
	    SCMP_ACT_ALLOW, CALL(socketpair), 1, ARG_IS(0, AF_UNIX))) < 0)
		return (error);
	if (may & SANDBOX_MAY_TTY)
		return (FILTER_ARGS(ctx, CALL(ioctl), 1, ioctl_tty));
	/* Is the log a terminal?  It does not matter. */
	return (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTTY), CALL(ioctl), 1,
	    ARG_IS(1, TCGETS)));
}

static int
filter_parent(scmp_filter_ctx ctx)
{
	int	 error;

	if ((error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_base)) < 0 ||
	    (error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_look)) < 0 ||
	    (error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_store)) < 0 ||
	    (error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_accept)) < 0 ||
	    (error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_ask)) < 0 ||
	    (error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_thread)) < 0 ||
	    (error = FILTER_LIST(ctx, SCMP_ACT_ALLOW, calls_parent)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(ioctl), 1, ioctl_parent)) < 0 ||
	    (error = filter_dial(ctx)) < 0)
		return (error);
	if ((error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(ioctl), 1,
	    ARG_IS(1, FIONREAD))) < 0)
		return (error);
	if ((error = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
	    CALL(clone3), 0)) < 0)
		return (error);
	/* fork(2) and threads, but no namespace. */
	return (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(clone), 1,
	    ARG_BITS(0, CLONE_NEW_ANYTHING, 0)));
}

/* ---- a parent that is executed anew ---- */

static const struct {
	const int	*calls;
	size_t		 n;
} parent_lists[] = {
	{ calls_base, nitems(calls_base) },
	{ calls_look, nitems(calls_look) },
	{ calls_store, nitems(calls_store) },
	{ calls_accept, nitems(calls_accept) },
	{ calls_ask, nitems(calls_ask) },
	{ calls_dial, nitems(calls_dial) },
	{ calls_thread, nitems(calls_thread) },
	{ calls_parent, nitems(calls_parent) },
};

#define FILTERS_MAX	64	/* that are known by name */
#define FILTER_LEN	17	/* of a name and its comma */

static char	 filters[FILTERS_MAX * FILTER_LEN + 1];

const char *
sandbox_calls(void)
{
	static char	 text[8192];
	char		 number[12];
	size_t		 i, j;

	if (SANDBOX_SANITIZED)
		return (NULL);
	text[0] = '\0';
	for (i = 0; i < nitems(parent_lists); i++) {
		for (j = 0; j < parent_lists[i].n; j++) {
			/* Negative: this machine has none of that name. */
			if (parent_lists[i].calls[j] < 0)
				continue;
			snprintf(number, sizeof(number), "%d,",
			    parent_lists[i].calls[j]);
			(void)strlcat(text, number, sizeof(text));
		}
	}
	return (text);
}

int
sandbox_calls_within(const char *theirs)
{
	char	 have[8192], want[16];
	size_t	 i, j;

	/* ",1,2,3," */
	snprintf(have, sizeof(have), ",%s", theirs);
	for (i = 0; i < nitems(parent_lists); i++) {
		for (j = 0; j < parent_lists[i].n; j++) {
			if (parent_lists[i].calls[j] < 0)
				continue;
			snprintf(want, sizeof(want), ",%d,",
			    parent_lists[i].calls[j]);
			if (strstr(have, want) == NULL)
				return (-1);
		}
	}
	return (0);
}

const char *
sandbox_filters(void)
{
	return (filters[0] == '\0' ? NULL : filters);
}

void
sandbox_filtered(const char *text)
{
	(void)strlcpy(filters, text, sizeof(filters));
}

/*
 * Whether this filter is in force already; if not, it will be.  Each one
 * costs a little at each system call of every process, for good.
 */
static int
filter_known(scmp_filter_ctx ctx)
{
	char		 buf[4096], name[FILTER_LEN + 1];
	uint64_t	 h = FNV_INIT;
	ssize_t		 n;
	int		 fd;

	if ((fd = memfd_create("filter", MFD_CLOEXEC)) == -1)
		return (0);
	if (seccomp_export_bpf(ctx, fd) < 0) {
		close(fd);
		return (0);
	}
	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		h = fnv(h, buf, n);
	close(fd);
	snprintf(name, sizeof(name), "%016llx,", (unsigned long long)h);
	if (strstr(filters, name) != NULL)
		return (1);
	(void)strlcat(filters, name, sizeof(filters));
	return (0);
}

int
sandbox_filter(unsigned int may)
{
	scmp_filter_ctx	 ctx;
	int		 error;

	if ((ctx = seccomp_init(SCMP_ACT_TRAP)) == NULL) {
		errno = ENOMEM;
		return (-1);
	}
	/* Threads that were there before are held to it as well. */
	error = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (error == 0)
		error = may & SANDBOX_MAY_PARENT ? filter_parent(ctx) :
		    filter_child(ctx, may);
	/*
	 * libseccomp overlooks some allocations that fail, and makes another
	 * filter than it was told to.
	 */
	errno = 0;
	if (error == 0 && (!(may & SANDBOX_MAY_PARENT) ||
	    !filter_known(ctx)) && (error = seccomp_load(ctx)) == 0 &&
	    errno == ENOMEM)
		error = -ENOMEM;
	seccomp_release(ctx);
	errno = -error;
	return (error == 0 ? 0 : -1);
}

const char *
sandbox_call_name(int nr)
{
	static char	 name[32];
	char		*found;

	found = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), nr);
	strlcpy(name, found != NULL ? found : "unknown", sizeof(name));
	free(found);
	return (name);
}
