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
 * What can fail below a program, made to fail.  Linked into relayd, agentd
 * and accessctl by "make VARIANT=fault", this stands in for the C library's
 * calls in the whole process, shared libraries too.  The environment
 * variable CULVERT_FAULT names a file that all processes map before their
 * sandboxes close; a test writes into it which kind of process shall see
 * which call fail, the how many-th from now and how often, and reads how
 * often each was made; and how wrong the wall clock shall be.  A process that
 * was started again goes on counting where the one before it ended, so it is
 * not hit by the same fault again.
 *
 * With slow set, every process gets a byte at a time (or a few), EINTR and
 * EAGAIN.
 *
 * With fresh set, it is the first call that fails whose way there was not yet
 * tried: the functions of the program that led to it, and the innermost ones
 * of whatever library.  What a way before it led to, it would lead to again;
 * so a few hundred failures stand for many thousands.
 *
 * regress/e2e/fault.py knows the layout of the file.
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "seam.h"

static const char *const kinds[FAULT_KINDS] = {
	"relayd", "keys", "auth", "router", "listener",
	"agentd", "tunnel", "proxy", "accessctl"
};

volatile struct fault	*fault;
__thread int		 fault_held;
static uint32_t		 self;			/* index in kinds */
static unsigned int	 turn;
static uint8_t		 files[1024];		/* never say EAGAIN */

int	 __real_seccomp_load(void *);
int	 __wrap_seccomp_load(void *);
int	 __real_seccomp_export_bpf(void *, int);
int	 __wrap_seccomp_export_bpf(void *, int);

static void	 fault_begin(int, char **) __attribute__((__constructor__));
static int	 fault_fresh(void);

static void
fault_begin(int argc, char **argv)
{
	const char	*base, *file, *kind;
	void		*p;
	int		 fd, i;

	if (argc < 1 || (file = getenv("CULVERT_FAULT")) == NULL)
		return;
	base = strrchr(argv[0], '/');
	kind = base != NULL ? base + 1 : argv[0];
	for (i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "-x") == 0)
			kind = argv[i + 1];
	for (self = 0; strcmp(kinds[self], kind) != 0; )
		if (++self == nitems(kinds))
			return;
	if ((fd = syscall(SYS_openat, AT_FDCWD, file, O_RDWR)) == -1)
		_exit(99);
	p = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	if (p == MAP_FAILED)
		_exit(99);
	close(fd);
	fault_fresh();		/* loads what it needs */
	fault = p;
}

/* Whether nobody came this way; then it is known from now on. */
static int
fault_fresh(void)
{
	struct dl_find_object	 o, own;
	void			*at[DEPTH];
	uint64_t		 h = 0x9e3779b97f4a7c15ULL, seen, off,
				 way[OUTER] = { 0 };
	unsigned int		 inner = 0, outer = 0;
	int			 i, n;

	fault_held = 1;
	n = backtrace(at, DEPTH);
	_dl_find_object((void *)(uintptr_t)fault_fresh, &own);
	for (i = 2; i < n && outer < OUTER && fault != NULL; i++) {
		if (_dl_find_object(at[i], &o) == -1)
			break;
		off = (uintptr_t)at[i] - (uintptr_t)o.dlfo_map_start;
		if (o.dlfo_map_start == own.dlfo_map_start)
			way[outer++] = off;
		else if (inner >= fault->fresh)
			continue;
		inner++;
		h ^= off;
		h *= 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	fault_held = 0;
	if (fault == NULL)
		return (0);
	for (i = 0; i < OUTER; i++)
		fault->way[i] = way[i];
	h |= 1;
	for (i = h % WAYS; ; i = (i + 1) % WAYS) {
		seen = 0;
		if (__atomic_compare_exchange_n(&fault->ways[i], &seen, h, 0,
		    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			break;
		if (seen == h)
			return (0);
	}
	return (1);
}

int
fault_fails(enum call call)
{
	uint64_t	 n;

	if (fault == NULL)
		return (0);
	__atomic_add_fetch(&fault->made[self][call], 1, __ATOMIC_RELAXED);
	if (fault_held ||
	    __atomic_load_n(&fault->times, __ATOMIC_ACQUIRE) == 0 ||
	    fault->kind != self || fault->call != (uint32_t)call)
		return (0);
	/* A way counts as tried only if it was. */
	if (fault->fresh && (fault->seen >= fault->at + fault->times - 1 ||
	    !fault_fresh()))
		return (0);
	n = __atomic_add_fetch(&fault->seen, 1, __ATOMIC_RELAXED);
	if (n < fault->at || n - fault->at >= fault->times)
		return (0);
	__atomic_add_fetch(&fault->fired, 1, __ATOMIC_RELAXED);
	if (!fault->fresh)
		(void)fault_fresh();	/* to be told about */
	errno = fault->error;
	return (1);
}

/*
 * Only what may wait is told to come again.  A single byte wakes somebody
 * up, as in libevent's handler of signals: that always works.
 */
enum slow
fault_slow(int fd, size_t n)
{
	int	 flags;

	if (fault == NULL || !fault->slow || fd <= STDERR_FILENO || n == 1)
		return (SLOW_NONE);
	switch (++turn % 5) {
	case 1:
		errno = EINTR;
		return (SLOW_EINTR);
	case 3:
		flags = syscall(SYS_fcntl, fd, F_GETFL);
		if (flags == -1 || !(flags & O_NONBLOCK) ||
		    ((size_t)fd < sizeof(files) && files[fd]))
			return (SLOW_NOW);
		errno = EAGAIN;
		return (SLOW_EAGAIN);
	}
	return (SLOW_NOW);
}

/* A byte, or with slow above 1 sometimes up to so many. */
size_t
fault_some(void)
{
	return (fault->slow > 1 && turn % 8 != 0 ?
	    turn * 2654435761U % fault->slow + 1 : 1);
}

int
fault_is(const char *kind)
{
	return (fault != NULL && strcmp(kinds[self], kind) == 0);
}

void
fault_file(int fd, int is)
{
	if (fd >= 0 && (size_t)fd < sizeof(files))
		files[fd] = is;
}

/*
 * Without memory libseccomp may make a wrong filter, which is refused, but
 * also loop for ever, which only the parent's patience ends.
 */
int
__wrap_seccomp_load(void *filter)
{
	int	 error;

	fault_held = 1;
	error = __real_seccomp_load(filter);
	fault_held = 0;
	return (error);
}

int
__wrap_seccomp_export_bpf(void *filter, int fd)
{
	int	 error;

	fault_held = 1;
	error = __real_seccomp_export_bpf(filter, fd);
	fault_held = 0;
	return (error);
}

/* ---- the wall clock; the other one does not jump ---- */

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, id, ts) == -1)
		return (-1);
	if (fault != NULL && (id == CLOCK_REALTIME ||
	    id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += fault->clock;
	return (0);
}

int
gettimeofday(struct timeval *tv, void *tz)
{
	struct timespec	 ts;

	(void)tz;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return (0);
}

time_t
time(time_t *t)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return (ts.tv_sec);
}
