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
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
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

/* Commands of fcntl(2) for all, and for the store: locks. */
static const int fcntl_base[] = {
	F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC
};

static const int fcntl_store[] = {
	F_GETLK, F_SETLK, F_SETLKW
};

static const int ioctl_parent[] = {
	FIONBIO, FIOCLEX, TCGETS, TIOCGWINSZ
};

/*
 * Interfaces by name and number: resolv.conf(5) may have a name server at
 * fe80::1%eth0, as may a target, and the C library asks for that.
 */
static const int ioctl_names[] = {
	SIOCGIFINDEX, SIOCGIFNAME
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

/*
 * Options of setsockopt(2), for who has sockets that others share: of a
 * connection.  There are those that stay with a socket that accepts, and lead
 * other processes' connections to whoever set them.
 */
static const struct {
	int	 level;
	int	 option;
} options_set[] = {
	{ SOL_SOCKET, SO_LINGER }, { SOL_SOCKET, SO_KEEPALIVE },
	{ IPPROTO_TCP, TCP_NODELAY }, { IPPROTO_TCP, TCP_NOTSENT_LOWAT },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT }, { IPPROTO_TCP, TCP_KEEPIDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL }, { IPPROTO_TCP, TCP_KEEPCNT }
};

/* Levels, for who makes its own: the last two for a resolver's IP_RECVERR. */
static const int levels_set[] = {
	SOL_SOCKET, IPPROTO_TCP
};

static const int levels_dial[] = {
	IPPROTO_IP, IPPROTO_IPV6
};

static int	filter_list(scmp_filter_ctx, uint32_t, enum sandbox_list);
static int	filter_args(scmp_filter_ctx, int, unsigned int, const int *,
		    size_t);
static int	filter_base(scmp_filter_ctx);
static int	filter_setfl(scmp_filter_ctx, int, unsigned int);
static int	filter_shutdown(scmp_filter_ctx, unsigned int);
static int	filter_options(scmp_filter_ctx);
static int	filter_inet(scmp_filter_ctx, int);
static int	filter_sockets(scmp_filter_ctx);
static int	filter_thread(scmp_filter_ctx);
static int	filter_files(scmp_filter_ctx, unsigned int);
static int	filter_child(scmp_filter_ctx, unsigned int);
static int	filter_parent(scmp_filter_ctx);

#define FILTER_ARGS(ctx, call, n, list) \
	filter_args((ctx), (call), (n), (list), nitems(list))

/*
 * The same for every call of a list; one that this machine does not have
 * needs no rule.
 */
static int
filter_list(scmp_filter_ctx ctx, uint32_t action, enum sandbox_list which)
{
	const int	*calls;
	size_t		 i, n;
	int		 error;

	calls = sandbox_list(which, &n);
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

	if ((error = filter_list(ctx, SCMP_ACT_ALLOW, CALLS_BASE)) < 0 ||
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

/* Sockets to resolve names and connect with. */
static int
filter_sockets(scmp_filter_ctx ctx)
{
	int	 error;

	/* The C library asks for more than it needs. */
	if ((error = filter_inet(ctx, AF_INET)) < 0 ||
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

	if ((error = filter_list(ctx, SCMP_ACT_ALLOW, CALLS_THREAD)) < 0 ||
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
		return (filter_list(ctx, SCMP_ACT_ERRNO(EACCES),
		    CALLS_FILES));
	if ((error = filter_list(ctx, SCMP_ACT_ALLOW, CALLS_LOOK)) < 0)
		return (error);
	if (may & SANDBOX_MAY_STORE) {
		error = filter_list(ctx, SCMP_ACT_ALLOW, CALLS_STORE);
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

/*
 * O_NONBLOCK is not the descriptor's, but of all processes' that share what is
 * open, those of our successors too.  Who serves strangers may not have them
 * wait for ever where they accept connections.
 */
static int
filter_setfl(scmp_filter_ctx ctx, int call, unsigned int may)
{
	int	 error;

	if (may & SANDBOX_MAY_ACCEPT && !(may & SANDBOX_MAY_DIAL))
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 2,
		    ARG_IS(1, F_SETFL), ARG_BITS(2, O_NONBLOCK, O_NONBLOCK));
	else
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
		    ARG_IS(1, F_SETFL));
	return (error == -EDOM ? 0 : error);
}

/*
 * A socket that accepts would do so no more, at whatever process has it, with
 * its reading side shut down: that of a drained listener's successor, too.  To
 * shut down writing does nothing to it, and is all that we need.
 */
static int
filter_shutdown(scmp_filter_ctx ctx, unsigned int may)
{
	if (may & SANDBOX_MAY_DIAL)	/* libraries with sockets of ours */
		return (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(shutdown),
		    0));
	return (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, CALL(shutdown), 1,
	    ARG_IS(1, SHUT_WR)));
}

static int
filter_options(scmp_filter_ctx ctx)
{
	size_t	 i;
	int	 error;

	for (i = 0; i < nitems(options_set); i++) {
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
		    CALL(setsockopt), 2, ARG_IS(1, options_set[i].level),
		    ARG_IS(2, options_set[i].option));
		if (error < 0)
			return (error);
	}
	return (0);
}

static int
filter_child(scmp_filter_ctx ctx, unsigned int may)
{
	int	 error;

	if ((error = filter_base(ctx)) < 0 ||
	    (error = filter_setfl(ctx, CALL(fcntl), may)) < 0 ||
	    (error = filter_setfl(ctx, CALL(fcntl64), may)) < 0 ||
	    (error = filter_shutdown(ctx, may)) < 0 ||
	    (error = filter_files(ctx, may)) < 0)
		return (error);
	if (may & SANDBOX_MAY_PLACE && (error = filter_list(ctx,
	    SCMP_ACT_ALLOW, CALLS_PLACE)) < 0)
		return (error);
	if (may & SANDBOX_MAY_ACCEPT && (error = filter_list(ctx,
	    SCMP_ACT_ALLOW, CALLS_ACCEPT)) < 0)
		return (error);
	if (may & SANDBOX_MAY_ASK && (error = filter_list(ctx, SCMP_ACT_ALLOW,
	    CALLS_ASK)) < 0)
		return (error);
	if (may & SANDBOX_MAY_SET && !(may & SANDBOX_MAY_DIAL) &&
	    (error = filter_options(ctx)) < 0)
		return (error);
	if (may & SANDBOX_MAY_SET && may & SANDBOX_MAY_DIAL &&
	    (error = FILTER_ARGS(ctx, CALL(setsockopt), 1, levels_set)) < 0)
		return (error);
	if (may & SANDBOX_MAY_DIAL && ((error = filter_list(ctx,
	    SCMP_ACT_ALLOW, CALLS_DIAL)) < 0 ||
	    (error = filter_sockets(ctx)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(setsockopt), 1,
	    levels_dial)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(ioctl), 1, ioctl_names)) < 0))
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
	unsigned int	 i;
	int		 error;

	for (i = 0; i < CALLS_OF_PARENT; i++)
		if ((error = filter_list(ctx, SCMP_ACT_ALLOW, i)) < 0)
			return (error);
	if ((error = FILTER_ARGS(ctx, CALL(ioctl), 1, ioctl_parent)) < 0 ||
	    (error = FILTER_ARGS(ctx, CALL(ioctl), 1, ioctl_names)) < 0 ||
	    (error = filter_sockets(ctx)) < 0)
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

#define FILTERS_MAX	64	/* that are known by name */
#define FILTER_LEN	17	/* of a name and its comma */

static char	 filters[FILTERS_MAX * FILTER_LEN + 1];

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
