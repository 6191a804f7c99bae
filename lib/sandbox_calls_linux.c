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
 * The system calls by what they are for; who may make which, the filter says
 * (sandbox_seccomp_linux.c).
 */

#include "compat.h"

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox_internal.h"

#define CALL(name)		SCMP_SYS(name)
#define LIST(calls)		{ (calls), nitems(calls) }

static const int calls_base[] = {
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(recvmsg),
	CALL(sendmsg), CALL(recvfrom), CALL(sendto), CALL(recv), CALL(send),
	CALL(close),
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
	CALL(shutdown),
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

static const struct {
	const int	*calls;
	size_t		 n;
} lists[CALLS_LISTS] = {
	[CALLS_BASE] =		LIST(calls_base),
	[CALLS_LOOK] =		LIST(calls_look),
	[CALLS_STORE] =		LIST(calls_store),
	[CALLS_ACCEPT] =	LIST(calls_accept),
	[CALLS_ASK] =		LIST(calls_ask),
	[CALLS_DIAL] =		LIST(calls_dial),
	[CALLS_THREAD] =	LIST(calls_thread),
	[CALLS_PARENT] =	LIST(calls_parent),
	[CALLS_FILES] =		LIST(calls_files),
	[CALLS_PLACE] =		LIST(calls_place),
};

const int *
sandbox_list(enum sandbox_list which, size_t *n)
{
	*n = lists[which].n;
	return (lists[which].calls);
}

const char *
sandbox_calls(void)
{
	static char	 text[8192];
	char		 number[12];
	size_t		 i, j;

	if (SANDBOX_SANITIZED)
		return (NULL);
	text[0] = '\0';
	for (i = 0; i < CALLS_OF_PARENT; i++) {
		for (j = 0; j < lists[i].n; j++) {
			/* Negative: this machine has none of that name. */
			if (lists[i].calls[j] < 0)
				continue;
			snprintf(number, sizeof(number), "%d,",
			    lists[i].calls[j]);
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
	for (i = 0; i < CALLS_OF_PARENT; i++) {
		for (j = 0; j < lists[i].n; j++) {
			if (lists[i].calls[j] < 0)
				continue;
			snprintf(want, sizeof(want), ",%d,",
			    lists[i].calls[j]);
			if (strstr(have, want) == NULL)
				return (-1);
		}
	}
	return (0);
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
