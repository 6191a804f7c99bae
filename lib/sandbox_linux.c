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
 * The sandbox on Linux: its order, limits and capabilities.  Works the same
 * with and without privileges; nothing here can be undone.
 */

#include "compat.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "sandbox_internal.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE			65
#define PR_MDWE_REFUSE_EXEC_GAIN	1
#endif

static int	sandbox_limit(int, rlim_t);
static int	sandbox_limits(unsigned int);
static int	sandbox_drop_caps(void);
static int	sandbox_unfiltered(enum sandbox_profile);
static void	sandbox_forbidden(int, siginfo_t *, void *);

static const unsigned int sandbox_may[SANDBOX_PROFILES] = {
	[SANDBOX_RELAYD_PARENT] = SANDBOX_MAY_PARENT,
	[SANDBOX_AGENTD_PARENT] = SANDBOX_MAY_PARENT,
	[SANDBOX_KEYS] = 0,
	[SANDBOX_LISTENER] = SANDBOX_MAY_ACCEPT | SANDBOX_MAY_ASK |
	    SANDBOX_MAY_SET | SANDBOX_MAY_APPEND,	/* the access log */
	[SANDBOX_AUTH] = SANDBOX_MAY_STORE,
	[SANDBOX_ROUTER] = SANDBOX_MAY_ACCEPT | SANDBOX_MAY_ASK |
	    SANDBOX_MAY_PAIR,
	/* It accepts on the control socket, which it is handed. */
	[SANDBOX_TUNNEL] = SANDBOX_MAY_ACCEPT | SANDBOX_MAY_ASK |
	    SANDBOX_MAY_SET,
	[SANDBOX_PROXY] = SANDBOX_MAY_ASK | SANDBOX_MAY_SET |
	    SANDBOX_MAY_DIAL | SANDBOX_MAY_THREAD | SANDBOX_MAY_OPEN |
	    SANDBOX_MAY_PAIR,	/* to tunnel, for backends that speak TLS */
	[SANDBOX_CLIENT] = SANDBOX_MAY_ACCEPT | SANDBOX_MAY_ASK |
	    SANDBOX_MAY_SET | SANDBOX_MAY_DIAL | SANDBOX_MAY_THREAD |
	    SANDBOX_MAY_OPEN | SANDBOX_MAY_TTY,
	[SANDBOX_ADMIN] = SANDBOX_MAY_TTY,
	[SANDBOX_ADMIN_AGAIN] = SANDBOX_MAY_TTY | SANDBOX_MAY_DIAL,
	[SANDBOX_BACKUP] = SANDBOX_MAY_TTY | SANDBOX_MAY_PLACE,
};

/* How much rather than others the kernel should end it. */
static const int sandbox_oom_score[SANDBOX_PROFILES] = {
	[SANDBOX_RELAYD_PARENT] = -500,
	[SANDBOX_AGENTD_PARENT] = -500,
	[SANDBOX_LISTENER] = 200,
	[SANDBOX_TUNNEL] = 200,
	[SANDBOX_PROXY] = 500,
};

/*
 * What the parent keeps: to make children other users in a chroot, to end
 * them, to listen on low ports after a reload, and to reach the folders of
 * other users (which who can become that user may do anyway).
 */
static const unsigned int sandbox_caps[] = {
	CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, CAP_KILL,
	CAP_NET_BIND_SERVICE, CAP_DAC_READ_SEARCH
};

static int		 sandbox_report_fd = -1;
static const char	*sandbox_lacks;

int
sandbox_process(pid_t parent)
{
	if (parent != 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return (-1);
	/* The leak checker cannot trace what is not dumpable. */
	prctl(PR_SET_DUMPABLE, SANDBOX_SANITIZED);
	prctl(PR_SET_NAME, program_invocation_short_name);
	if (sandbox_limit(RLIMIT_CORE, 0) == -1)
		return (-1);
	return (parent == 0 || getppid() == parent ? 0 : -1);
}

void
sandbox_oom(enum sandbox_profile profile)
{
	char	 text[16];
	int	 fd, n;

	if ((fd = open("/proc/self/oom_score_adj",
	    O_WRONLY | O_CLOEXEC)) == -1)
		return;
	n = snprintf(text, sizeof(text), "%d", sandbox_oom_score[profile]);
	/* To be spared takes a privilege that not even root always has. */
	if (write(fd, text, n) == -1)
		n = 0;
	close(fd);
}

/*
 * The filter answered a system call with SIGSYS: say which one, then die of
 * it.  This handler was reset when it was entered.
 */
static void
sandbox_forbidden(int sig, siginfo_t *si, void *context)
{
	char	 text[] = "forbidden system call 0000\n";
	size_t	 i;
	int	 nr = si->si_syscall, n = nr;

	if (sandbox_report_fd != -1) {
		if (write(sandbox_report_fd, &nr, sizeof(nr)) == -1)
			n = 0;	/* nobody is there to hear it */
	} else {
		for (i = sizeof(text) - 3; n > 0 && text[i] == '0'; i--) {
			text[i] += n % 10;
			n /= 10;
		}
		if (write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
			n = 0;
	}
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), sig);
	_exit(1);
}

void
sandbox_report(int fd)
{
	struct sigaction	 sa;

	sandbox_report_fd = fd;
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = sandbox_forbidden;
	sa.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESETHAND;
	sigfillset(&sa.sa_mask);
	sigdelset(&sa.sa_mask, SIGSYS);
	sigaction(SIGSYS, &sa, NULL);
}

static int
sandbox_limit(int what, rlim_t max)
{
	struct rlimit	 rl;

	rl.rlim_cur = rl.rlim_max = max;
	return (setrlimit(what, &rl));
}

/* A second wall: these hold even for a call that the filter let through. */
static int
sandbox_limits(unsigned int may)
{
	struct stat	 st;

	if (may & SANDBOX_MAY_PARENT || SANDBOX_SANITIZED)
		return (0);
	if (!(may & SANDBOX_MAY_THREAD) &&
	    sandbox_limit(RLIMIT_NPROC, 0) == -1)
		return (-1);
	/* The log may be a plain file. */
	if (!(may & (SANDBOX_MAY_STORE | SANDBOX_MAY_TTY |
	    SANDBOX_MAY_APPEND)) &&
	    fstat(STDERR_FILENO, &st) == 0 && !S_ISREG(st.st_mode) &&
	    sandbox_limit(RLIMIT_FSIZE, 0) == -1)
		return (-1);
	return (0);
}

/* Root without most of what makes it root, nor a way to get it back. */
static int
sandbox_drop_caps(void)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 data[2];
	uint32_t			 keep[2] = { 0, 0 };
	unsigned int			 cap;
	size_t				 i;

	if (geteuid() != 0)
		return (0);
	for (i = 0; i < nitems(sandbox_caps); i++)
		keep[sandbox_caps[i] / 32] |= 1U << (sandbox_caps[i] % 32);

	memset(&hdr, 0, sizeof(hdr));
	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &hdr, data) == -1)
		return (-1);
	/* The bound goes first: lowering it takes a capability. */
	for (cap = 0; cap < 64; cap++) {
		if (keep[cap / 32] & (1U << (cap % 32)))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1 &&
		    errno != EINVAL && errno != EPERM)
			return (-1);
	}
	for (i = 0; i < 2; i++) {
		data[i].permitted &= keep[i];
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return (syscall(SYS_capset, &hdr, data));
}

int
sandbox_enter(enum sandbox_profile profile, const struct sandbox_path *paths,
    size_t npaths, int report)
{
	unsigned int	 may;

	if ((unsigned int)profile >= SANDBOX_PROFILES) {
		errno = EINVAL;
		return (-1);
	}
	may = sandbox_may[profile];

	if (may & SANDBOX_MAY_PARENT && sandbox_drop_caps() == -1)
		return (-1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    sandbox_limits(may) == -1)
		return (-1);
	/* Memory that was writable never turns executable; since 6.3. */
	if (!SANDBOX_SANITIZED)
		prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
	if (sandbox_landlock(may, paths, npaths, &sandbox_lacks) == -1)
		return (-1);
	sandbox_report(report);
	if (SANDBOX_SANITIZED) {
		sandbox_lacks = "a sanitizer is built in: no system call "
		    "filter";
		return (0);
	}
	if (sandbox_filter(may) == -1)
		return (sandbox_unfiltered(profile));
	return (0);
}

/*
 * Small devices have kernels that were built without seccomp.  They are
 * better served by an agent that says so than by none; a relay is not.
 */
static int
sandbox_unfiltered(enum sandbox_profile profile)
{
	int	 error = errno;

	if ((profile == SANDBOX_AGENTD_PARENT || profile == SANDBOX_TUNNEL ||
	    profile == SANDBOX_PROXY) &&
	    prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == -1 && errno == EINVAL) {
		sandbox_lacks = "this kernel has no seccomp: system calls "
		    "are not restricted";
		return (0);
	}
	errno = error;
	return (-1);
}

const char *
sandbox_missing(void)
{
	return (sandbox_lacks);
}
