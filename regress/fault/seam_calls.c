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
 * The C library's calls, each of which may fail, or do less than it could.
 */

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "seam.h"

void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
void	*__libc_memalign(size_t, size_t);
ssize_t	 __read_chk(int, void *, size_t, size_t);
ssize_t	 __recv_chk(int, void *, size_t, size_t, int);

static ssize_t	 fault_rw(enum call, long, int, long, size_t, long);
static ssize_t	 fault_vec(enum call, long, int, const struct iovec *, int);
static ssize_t	 fault_msg(enum call, long, int, const struct msghdr *, int);

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
		if (fault_is("keys"))
			errno = call == CALL_WRITE ? ENOBUFS : ENOMEM;
		return (-1);
	}
	packet = nr == SYS_sendto || (nr == SYS_recvfrom &&
	    (flags & MSG_DONTWAIT || fault_is("keys")));
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
	fault_file(fd, 1);
	return (fd);
}

int
close(int fd)
{
	fault_file(fd, 0);
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

int open64(const char *, int, ...) __attribute__((__alias__("open")));

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
