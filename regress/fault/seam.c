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
#include <sys/types.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define WAYS		65536	/* that can be remembered */
#define DEPTH		64	/* of calls, looked at */
#define OUTER		8	/* of these: the program's own */

enum call {
	CALL_MALLOC,		/* anything that allocates */
	CALL_WRITE,		/* write, writev, send, sendto, sendmsg */
	CALL_READ,		/* read, readv, recv, recvfrom, recvmsg */
	CALL_SYNC,		/* fsync, fdatasync */
	CALL_PWRITE,		/* pwrite, ftruncate */
	CALL_OPEN,		/* open, openat */
	CALL_SOCKET,		/* socket, socketpair, pipe2, accept4 */
	CALLS
};

enum slow {
	SLOW_NONE,
	SLOW_NOW,		/* ask for a byte only */
	SLOW_EINTR,
	SLOW_EAGAIN
};

static const char *const kinds[] = {
	"relayd", "keys", "auth", "router", "listener",
	"agentd", "tunnel", "proxy", "accessctl"
};

/* Of the same size wherever it is compiled. */
struct fault {
	uint32_t	 kind;		/* of process, and... */
	uint32_t	 call;		/* ...call that shall fail... */
	uint32_t	 error;		/* ...with this error... */
	uint32_t	 slow;
	uint64_t	 at;		/* ...this one of them, from 1... */
	uint64_t	 times;		/* ...and so many in all; 0: none */
	uint64_t	 seen;		/* since then */
	uint64_t	 fired;
	int64_t		 clock;		/* s that the wall clock is off */
	uint64_t	 made[nitems(kinds)][CALLS];	/* in all */
	uint64_t	 fresh;		/* see above: how many innermost; */
					/* ...at counts these ways */
	uint64_t	 way[OUTER];	/* the last: the program's part */
	uint64_t	 ways[WAYS];	/* tried; 0: none */
};

static volatile struct fault	*fault;
static uint32_t			 self;		/* index in kinds */
static unsigned int		 turn;
static __thread int		 held;
static uint8_t			 files[1024];	/* never say EAGAIN */

int	 __real_seccomp_load(void *);
int	 __wrap_seccomp_load(void *);
int	 __real_seccomp_export_bpf(void *, int);
int	 __wrap_seccomp_export_bpf(void *, int);
void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
void	*__libc_memalign(size_t, size_t);
ssize_t	 __read_chk(int, void *, size_t, size_t);
ssize_t	 __recv_chk(int, void *, size_t, size_t, int);

static void	 fault_begin(int, char **) __attribute__((__constructor__));
static int	 fault_fresh(void);
static int	 fault_fails(enum call);
static enum slow fault_slow(int, size_t);
static size_t	 fault_some(void);
static ssize_t	 fault_rw(enum call, long, int, long, size_t, long);
static ssize_t	 fault_vec(enum call, long, int, const struct iovec *, int);
static ssize_t	 fault_msg(enum call, long, int, const struct msghdr *, int);

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

	held = 1;
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
	held = 0;
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

static int
fault_fails(enum call call)
{
	uint64_t	 n;

	if (fault == NULL)
		return (0);
	__atomic_add_fetch(&fault->made[self][call], 1, __ATOMIC_RELAXED);
	if (held ||
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
static enum slow
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
static size_t
fault_some(void)
{
	return (fault->slow > 1 && turn % 8 != 0 ?
	    turn * 2654435761U % fault->slow + 1 : 1);
}

/*
 * Eight bytes may be a count, as of an eventfd, which is never cut; nor are
 * packets, as those from and to keys.
 */
static ssize_t
fault_rw(enum call call, long nr, int fd, long buf, size_t n, long flags)
{
	enum slow	 slow;
	int		 packet;

	/* The reason that a test asks for is said there. */
	if (fd != STDERR_FILENO && fault_fails(call)) {
		if (strcmp(kinds[self], "keys") == 0)
			errno = call == CALL_WRITE ? ENOBUFS : ENOMEM;
		return (-1);
	}
	packet = nr == SYS_sendto || (nr == SYS_recvfrom &&
	    (flags & MSG_DONTWAIT || strcmp(kinds[self], "keys") == 0));
	if ((slow = fault_slow(fd, packet ? 1 : n)) > SLOW_NOW)
		return (-1);
	if (slow == SLOW_NOW && n > 8 && !packet && n > fault_some())
		n = fault_some();
	return (syscall(nr, fd, buf, n, flags, 0, 0));
}

static ssize_t
fault_vec(enum call call, long nr, int fd, const struct iovec *iov, int n)
{
	struct iovec	 one;
	enum slow	 slow;

	if (fd != STDERR_FILENO && fault_fails(call))
		return (-1);
	if ((slow = fault_slow(fd, 2)) > SLOW_NOW)
		return (-1);
	if (slow == SLOW_NOW && n > 0 && iov[0].iov_len > 0) {
		one = iov[0];
		if (one.iov_len > fault_some())
			one.iov_len = fault_some();
		iov = &one;
		n = 1;
	}
	return (syscall(nr, fd, iov, n));
}

static ssize_t
fault_msg(enum call call, long nr, int fd, const struct msghdr *msg,
    int flags)
{
	struct iovec	 one;
	struct msghdr	 m;
	enum slow	 slow;
	ssize_t		 r;

	/* Only for pipes between processes, which fail in no other way. */
	if (fault_fails(call)) {
		errno = call == CALL_WRITE ? ENOBUFS : ENOMEM;
		return (-1);
	}
	if ((slow = fault_slow(fd, 2)) > SLOW_NOW)
		return (-1);
	if (slow == SLOW_NONE || msg->msg_iovlen == 0 ||
	    msg->msg_iov[0].iov_len == 0)
		return (syscall(nr, fd, msg, flags));
	m = *msg;
	one = msg->msg_iov[0];
	if (one.iov_len > fault_some())
		one.iov_len = fault_some();
	m.msg_iov = &one;
	m.msg_iovlen = 1;
	r = syscall(nr, fd, &m, flags);
	if (nr == SYS_recvmsg) {
		/* What the kernel says goes to the caller, who owns it. */
		((struct msghdr *)(uintptr_t)msg)->msg_controllen =
		    m.msg_controllen;
		((struct msghdr *)(uintptr_t)msg)->msg_flags = m.msg_flags;
		((struct msghdr *)(uintptr_t)msg)->msg_namelen =
		    m.msg_namelen;
	}
	return (r);
}

/*
 * Without memory libseccomp may make a wrong filter, which is refused, but
 * also loop for ever, which only the parent's patience ends.
 */
int
__wrap_seccomp_load(void *filter)
{
	int	 error;

	held = 1;
	error = __real_seccomp_load(filter);
	held = 0;
	return (error);
}

int
__wrap_seccomp_export_bpf(void *filter, int fd)
{
	int	 error;

	held = 1;
	error = __real_seccomp_export_bpf(filter, fd);
	held = 0;
	return (error);
}

/* ---- memory ---- */

void *
malloc(size_t n)
{
	return (fault_fails(CALL_MALLOC) ? NULL : __libc_malloc(n));
}

void *
calloc(size_t n, size_t size)
{
	return (fault_fails(CALL_MALLOC) ? NULL : __libc_calloc(n, size));
}

void *
realloc(void *p, size_t n)
{
	if (n != 0 && fault_fails(CALL_MALLOC))
		return (NULL);
	return (__libc_realloc(p, n));
}

void *
reallocarray(void *p, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return (NULL);
	}
	return (realloc(p, n * size));
}

void *
memalign(size_t align, size_t n)
{
	return (fault_fails(CALL_MALLOC) ? NULL : __libc_memalign(align, n));
}

void *
aligned_alloc(size_t align, size_t n)
{
	return (memalign(align, n));
}

int
posix_memalign(void **p, size_t align, size_t n)
{
	if ((*p = memalign(align, n)) == NULL)
		return (ENOMEM);
	return (0);
}

/* ---- bytes ---- */

ssize_t
write(int fd, const void *buf, size_t n)
{
	return (fault_rw(CALL_WRITE, SYS_write, fd, (long)buf, n, 0));
}

ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
	return (fault_rw(CALL_WRITE, SYS_sendto, fd, (long)buf, n, flags));
}

ssize_t
read(int fd, void *buf, size_t n)
{
	return (fault_rw(CALL_READ, SYS_read, fd, (long)buf, n, 0));
}

ssize_t
recv(int fd, void *buf, size_t n, int flags)
{
	return (fault_rw(CALL_READ, SYS_recvfrom, fd, (long)buf, n, flags));
}

/* As shared libraries that were hardened call them. */
ssize_t
__read_chk(int fd, void *buf, size_t n, size_t size)
{
	if (n > size)
		abort();
	return (read(fd, buf, n));
}

ssize_t
__recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
	if (n > size)
		abort();
	return (recv(fd, buf, n, flags));
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	return (fault_vec(CALL_WRITE, SYS_writev, fd, iov, n));
}

ssize_t
readv(int fd, const struct iovec *iov, int n)
{
	return (fault_vec(CALL_READ, SYS_readv, fd, iov, n));
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return (fault_msg(CALL_WRITE, SYS_sendmsg, fd, msg, flags));
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	return (fault_msg(CALL_READ, SYS_recvmsg, fd, msg, flags));
}

/* ---- files ---- */

int
fsync(int fd)
{
	return (fault_fails(CALL_SYNC) ? -1 : syscall(SYS_fsync, fd));
}

int
fdatasync(int fd)
{
	return (fault_fails(CALL_SYNC) ? -1 : syscall(SYS_fdatasync, fd));
}

ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	if (fault_fails(CALL_PWRITE))
		return (-1);
	return (syscall(SYS_pwrite64, fd, buf, n, at));
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return (pwrite64(fd, buf, n, at));
}

int
ftruncate64(int fd, off64_t n)
{
	return (fault_fails(CALL_PWRITE) ? -1 : syscall(SYS_ftruncate, fd,
	    n));
}

int
ftruncate(int fd, off_t n)
{
	return (ftruncate64(fd, n));
}

int
openat(int dir, const char *path, int flags, ...)
{
	va_list	 ap;
	int	 fd, mode = 0;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, int);
		va_end(ap);
	}
	if (fault_fails(CALL_OPEN))
		return (-1);
	fd = syscall(SYS_openat, dir, path, flags, mode);
	if (fd != -1 && (size_t)fd < sizeof(files))
		files[fd] = 1;
	return (fd);
}

int
close(int fd)
{
	if (fd >= 0 && (size_t)fd < sizeof(files))
		files[fd] = 0;
	return (syscall(SYS_close, fd));
}

int
open(const char *path, int flags, ...)
{
	va_list	 ap;
	int	 mode = 0;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, int);
		va_end(ap);
	}
	return (openat(AT_FDCWD, path, flags, mode));
}

int
open64(const char *path, int flags, ...)
{
	va_list	 ap;
	int	 mode = 0;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, int);
		va_end(ap);
	}
	return (openat(AT_FDCWD, path, flags, mode));
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

/* ---- descriptors ---- */

int
socket(int domain, int type, int protocol)
{
	if (fault_fails(CALL_SOCKET))
		return (-1);
	return (syscall(SYS_socket, domain, type, protocol));
}

int
socketpair(int domain, int type, int protocol, int sv[2])
{
	if (fault_fails(CALL_SOCKET))
		return (-1);
	return (syscall(SYS_socketpair, domain, type, protocol, sv));
}

int
pipe2(int p[2], int flags)
{
	return (fault_fails(CALL_SOCKET) ? -1 : syscall(SYS_pipe2, p, flags));
}

int
accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (fault_fails(CALL_SOCKET))
		return (-1);
	return (syscall(SYS_accept4, fd, sa, len, flags));
}
