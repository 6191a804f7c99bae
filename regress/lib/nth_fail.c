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

#include "compat.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "flood.h"
#include "nth_alloc.h"
#include "nth_each.h"
#include "nth_fail.h"
#include "proc_internal.h"

ssize_t	 __real_recv(int, void *, size_t, int);
ssize_t	 __real_send(int, const void *, size_t, int);
ssize_t	 __real_read(int, void *, size_t);
ssize_t	 __real_write(int, const void *, size_t);
ssize_t	 __real_readv(int, const struct iovec *, int);
ssize_t	 __real_writev(int, const struct iovec *, int);
ssize_t	 __real_recvmsg(int, struct msghdr *, int);
ssize_t	 __real_sendmsg(int, const struct msghdr *, int);
ssize_t	 __wrap_recv(int, void *, size_t, int);
ssize_t	 __wrap_send(int, const void *, size_t, int);
ssize_t	 __wrap_read(int, void *, size_t);
ssize_t	 __wrap_write(int, const void *, size_t);
ssize_t	 __wrap_readv(int, const struct iovec *, int);
ssize_t	 __wrap_writev(int, const struct iovec *, int);
ssize_t	 __wrap_recvmsg(int, struct msghdr *, int);
ssize_t	 __wrap_sendmsg(int, const struct msghdr *, int);

enum nth_what		 nth_what;
static unsigned int	 calls;
static int		 armed, works;

static void
io_works(int on)
{
	works = on;
}

void
nth_begin(void)
{
	if (nth_what == NTH_ALLOC) {
		flood_works = nth_alloc_works;
		nth_alloc_fail(nth_at());
		nth_alloc_works(0);
	} else {
		flood_works = io_works;
		armed = 1;
	}
}

void
nth_end(void)
{
	nth_seen(nth_what == NTH_ALLOC ? nth_alloc_seen() : calls);
	nth_alloc_fail(0);
	armed = works = 0;
	flood_works = NULL;
}

int
nth_harmless(void)
{
	return (nth_what == NTH_SHORT || (nth_what == NTH_ALLOC ?
	    nth_alloc_seen() : calls) < nth_at());
}

static int
is_pipe(int fd)
{
	int	 kind, i;

	for (kind = 0; kind < PROC_KINDS_MAX; kind++) {
		for (i = 0; i < PROC_INSTANCES_MAX; i++) {
			if (proc_self.peers[kind][i] != NULL &&
			    proc_self.peers[kind][i]->ibuf.fd == fd)
				return (1);
		}
	}
	return (0);
}

/* 0: as always; 1: a byte; -1: it fails. */
static int
fails(int fd)
{
	static const int	 errors[] = { EIO, ECONNRESET, EPIPE };
	socklen_t		 len = sizeof(int);
	int			 type;

	if (!armed || !works || is_pipe(fd) || ++calls != nth_at())
		return (0);
	if (nth_what == NTH_IO) {
		errno = errors[calls % nitems(errors)];
		return (-1);
	}
	/* Datagrams are never cut. */
	return (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1 ||
	    type == SOCK_STREAM);
}

ssize_t
__wrap_recv(int fd, void *buf, size_t n, int flags)
{
	int	 how = fails(fd);

	return (how == -1 ? -1 : __real_recv(fd, buf, how && n > 1 ? 1 : n,
	    flags));
}

ssize_t
__wrap_send(int fd, const void *buf, size_t n, int flags)
{
	int	 how = fails(fd);

	return (how == -1 ? -1 : __real_send(fd, buf, how && n > 1 ? 1 : n,
	    flags));
}

ssize_t
__wrap_read(int fd, void *buf, size_t n)
{
	int	 how = fails(fd);

	return (how == -1 ? -1 : __real_read(fd, buf, how && n > 1 ? 1 : n));
}

ssize_t
__wrap_write(int fd, const void *buf, size_t n)
{
	int	 how = fails(fd);

	return (how == -1 ? -1 : __real_write(fd, buf, how && n > 1 ? 1 : n));
}

ssize_t
__wrap_readv(int fd, const struct iovec *iov, int n)
{
	int	 how = fails(fd);

	if (how == 1 && n > 0 && iov[0].iov_len > 0)
		return (__real_read(fd, iov[0].iov_base, 1));
	return (how == -1 ? -1 : __real_readv(fd, iov, n));
}

ssize_t
__wrap_writev(int fd, const struct iovec *iov, int n)
{
	int	 how = fails(fd);

	if (how == 1 && n > 0 && iov[0].iov_len > 0)
		return (__real_write(fd, iov[0].iov_base, 1));
	return (how == -1 ? -1 : __real_writev(fd, iov, n));
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return (fails(fd) == -1 ? -1 : __real_recvmsg(fd, msg, flags));
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int	 how = fails(fd);

	if (how == 1 && msg->msg_iovlen > 0 && msg->msg_iov[0].iov_len > 0)
		return (__real_send(fd, msg->msg_iov[0].iov_base, 1, flags));
	return (how == -1 ? -1 : __real_sendmsg(fd, msg, flags));
}
