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
 * Channels between processes.  What comes in is taken for hostile: a peer
 * may be a sandboxed child that was broken into.
 */

#include "compat.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

#define IMSG_IOV_MAX		64		/* messages in one sendmsg(2) */
#define IMSG_FLUSH_MS		10000

/* Room for one descriptor; whatever a second one does, it is an error. */
union imsg_control {
	struct cmsghdr	 align;
	char		 buf[CMSG_SPACE(sizeof(int))];
};

static int	imsgbuf_fail(struct imsgbuf *, int);
static void	imsgbuf_release(struct imsgbuf *);
static int	imsgbuf_hold_spare(struct imsgbuf *);
static int	imsgbuf_take_fds(struct imsgbuf *, struct msghdr *);
static ssize_t	imsgbuf_recv(struct imsgbuf *);
static int	imsgbuf_send(struct imsgbuf *);
static void	imsgbuf_sent(struct imsgbuf *, size_t);

int
imsgbuf_init(struct imsgbuf *b, int fd)
{
	memset(b, 0, sizeof(*b));
	TAILQ_INIT(&b->wq);
	b->fd = fd;
	b->spare = -1;
	b->pid = getpid();
	b->maxsize = MAX_IMSGSIZE;
	if ((b->rbuf = malloc(IMSG_READ_SIZE)) == NULL)
		return (-1);
	return (0);
}

void
imsgbuf_allow_fdpass(struct imsgbuf *b)
{
	b->fdpass = 1;
	imsgbuf_hold_spare(b);
}

int
imsgbuf_set_maxsize(struct imsgbuf *b, uint32_t max)
{
	/* A message must fit the read buffer, or it would never be whole. */
	if (max > IMSG_READ_SIZE - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (-1);
	}
	b->maxsize = max + IMSG_HEADER_SIZE;
	return (0);
}

void
imsgbuf_clear(struct imsgbuf *b)
{
	struct ibuf	*msg;

	while ((msg = TAILQ_FIRST(&b->wq)) != NULL) {
		TAILQ_REMOVE(&b->wq, msg, entry);
		ibuf_free(msg);
	}
	b->wmsgs = 0;
	b->wbytes = 0;

	while (b->nrfd > 0)
		close(b->rfd[--b->nrfd]);
	if (b->spare != -1)
		close(b->spare);
	b->spare = -1;
	b->fdpass = 0;
	freezero(b->rbuf, IMSG_READ_SIZE);
	b->rbuf = NULL;
	b->rlast = b->rpos = b->rend = 0;
	b->error = EINVAL;
}

/* Nothing after this can be trusted: say so now and ever after. */
static int
imsgbuf_fail(struct imsgbuf *b, int error)
{
	while (b->nrfd > 0)
		close(b->rfd[--b->nrfd]);
	b->error = error;
	errno = error;
	return (-1);
}

/* The message handed out last is over; it may have held a secret. */
static void
imsgbuf_release(struct imsgbuf *b)
{
	explicit_bzero(b->rbuf + b->rlast, b->rpos - b->rlast);
	b->rlast = b->rpos;
	if (b->rpos == b->rend)
		b->rlast = b->rpos = b->rend = 0;
}

/*
 * A descriptor that finds the process at its limit is dropped by the
 * kernel after its bytes were read, and cannot be had again.  So hold a
 * spare one, to be closed just before recvmsg(2): a process that has used
 * up all others still gets its messages, and the first descriptor.
 */
static int
imsgbuf_hold_spare(struct imsgbuf *b)
{
	if (b->spare == -1)
		b->spare = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
	return (b->spare == -1 && errno == EMFILE ? -1 : 0);
}

/*
 * Keep the one descriptor that a read may bring (the sender starts a new
 * sendmsg(2) for each, and the kernel never joins two), close the others.
 */
static int
imsgbuf_take_fds(struct imsgbuf *b, struct msghdr *mh)
{
	struct cmsghdr	*cm;
	size_t		 i, n;
	int		 fd, taken = 0, surplus = 0;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd),
			    sizeof(fd));
			if (taken || b->nrfd == nitems(b->rfd)) {
				close(fd);
				surplus = 1;
				continue;
			}
			b->rfd[b->nrfd++] = fd;
			taken = 1;
		}
	}
	if (surplus || mh->msg_flags & MSG_CTRUNC)
		return (imsgbuf_fail(b, EBADMSG));
	return (0);
}

static ssize_t
imsgbuf_recv(struct imsgbuf *b)
{
	union imsg_control	 control;
	struct msghdr		 mh;
	struct iovec		 iov;
	ssize_t			 n;

	iov.iov_base = b->rbuf + b->rend;
	iov.iov_len = IMSG_READ_SIZE - b->rend;
	if (b->spare != -1)
		close(b->spare);
	b->spare = -1;
	do {
		memset(&control, 0, sizeof(control));
		memset(&mh, 0, sizeof(mh));
		mh.msg_iov = &iov;
		mh.msg_iovlen = 1;
		if (b->fdpass) {
			mh.msg_control = &control;
			mh.msg_controllen = sizeof(control);
		}
		n = recvmsg(b->fd, &mh, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n != -1 && imsgbuf_take_fds(b, &mh) == -1)
		return (-1);
	return (n);
}

int
imsgbuf_read(struct imsgbuf *b)
{
	ssize_t	 n;
	int	 save_errno;

	if (b->error != 0) {
		errno = b->error;
		return (-1);
	}
	imsgbuf_release(b);
	if (b->rpos > 0) {
		memmove(b->rbuf, b->rbuf + b->rpos, b->rend - b->rpos);
		b->rend -= b->rpos;
		explicit_bzero(b->rbuf + b->rend, b->rpos);
		b->rlast = b->rpos = 0;
	}
	/* Full of messages that imsgbuf_get() was not asked for yet. */
	if (b->rend == IMSG_READ_SIZE || b->nrfd == nitems(b->rfd))
		return (1);
	if (b->fdpass && imsgbuf_hold_spare(b) == -1)
		return (-1);

	n = imsgbuf_recv(b);
	save_errno = errno;
	if (b->fdpass)
		imsgbuf_hold_spare(b);
	errno = save_errno;
	if (n == -1) {
		if (errno == EAGAIN)
			return (1);
		/* How Linux says that it closed without reading it all. */
		if (errno == ECONNRESET)
			return (0);
		return (-1);
	}
	b->rend += n;
	return (n == 0 ? 0 : 1);
}

/*
 * A descriptor arrives with the first byte of its message.  So whenever no
 * whole message is left, the only one that may be waiting is that of the
 * message that has begun.
 */
int
imsgbuf_get(struct imsgbuf *b, struct imsg *imsg)
{
	size_t	 have, len;
	int	 hasfd;

	memset(imsg, 0, sizeof(*imsg));
	ibuf_from_buffer(&imsg->body, NULL, 0);
	imsg->fd = -1;
	if (b->error != 0) {
		errno = b->error;
		return (-1);
	}
	imsgbuf_release(b);

	have = b->rend - b->rpos;
	if (have < IMSG_HEADER_SIZE) {
		if (b->nrfd > (have > 0 ? 1 : 0))
			return (imsgbuf_fail(b, EBADMSG));
		return (0);
	}
	memcpy(&imsg->hdr, b->rbuf + b->rpos, IMSG_HEADER_SIZE);
	hasfd = (imsg->hdr.len & IMSG_FD_MARK) != 0;
	len = imsg->hdr.len &= ~IMSG_FD_MARK;
	if (len < IMSG_HEADER_SIZE || (hasfd && b->nrfd == 0))
		return (imsgbuf_fail(b, EBADMSG));
	if (len > b->maxsize)
		return (imsgbuf_fail(b, ERANGE));
	if (have < len) {
		if (b->nrfd != (hasfd ? 1 : 0))
			return (imsgbuf_fail(b, EBADMSG));
		return (0);
	}

	if (hasfd) {
		imsg->fd = b->rfd[0];
		b->nrfd--;
		memmove(&b->rfd[0], &b->rfd[1], b->nrfd * sizeof(b->rfd[0]));
	}
	ibuf_from_buffer(&imsg->body, b->rbuf + b->rpos + IMSG_HEADER_SIZE,
	    len - IMSG_HEADER_SIZE);
	b->rpos += len;
	return (1);
}

ssize_t
imsg_get(struct imsgbuf *b, struct imsg *imsg)
{
	int	 n;

	if ((n = imsgbuf_get(b, imsg)) != 1)
		return (n);
	return (imsg->hdr.len);
}

/* Take n sent bytes off the queue. */
static void
imsgbuf_sent(struct imsgbuf *b, size_t n)
{
	struct ibuf	*msg;
	size_t		 part;

	b->wbytes -= n;
	while ((msg = TAILQ_FIRST(&b->wq)) != NULL && n > 0) {
		/* It went with the first byte; the peer has its own now. */
		ibuf_fd_set(msg, -1);
		part = ibuf_size(msg);
		if (n < part) {
			ibuf_skip(msg, n);
			return;
		}
		n -= part;
		TAILQ_REMOVE(&b->wq, msg, entry);
		b->wmsgs--;
		ibuf_free(msg);
	}
}

/*
 * One sendmsg(2): 1 if it took something, 0 if not now.  A descriptor goes
 * with the first byte of the call, so its message has to be the first.
 */
static int
imsgbuf_send(struct imsgbuf *b)
{
	union imsg_control	 control;
	struct iovec		 iov[IMSG_IOV_MAX];
	struct msghdr		 mh;
	struct cmsghdr		*cm;
	struct ibuf		*msg;
	ssize_t			 n;
	size_t			 niov = 0;

	memset(&mh, 0, sizeof(mh));
	TAILQ_FOREACH(msg, &b->wq, entry) {
		if (niov == nitems(iov) || (niov > 0 && ibuf_fd_avail(msg)))
			break;
		iov[niov].iov_base = ibuf_data(msg);
		iov[niov].iov_len = ibuf_size(msg);
		niov++;
	}
	if (niov == 0)
		return (0);
	mh.msg_iov = iov;
	mh.msg_iovlen = niov;

	msg = TAILQ_FIRST(&b->wq);
	if (ibuf_fd_avail(msg)) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_len = CMSG_LEN(sizeof(msg->fd));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cm), &msg->fd, sizeof(msg->fd));
	}
	do {
		n = sendmsg(b->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1) {
		/* The last two: too much of it, or too many fds, in flight. */
		if (errno == EAGAIN || errno == ENOBUFS ||
		    errno == ETOOMANYREFS)
			return (0);
		return (-1);
	}
	imsgbuf_sent(b, n);
	return (1);
}

int
imsgbuf_write(struct imsgbuf *b)
{
	int	 n;

	while ((n = imsgbuf_send(b)) == 1)
		;
	return (n);
}

int
imsgbuf_flush(struct imsgbuf *b)
{
	struct pollfd	 pfd = { .fd = b->fd, .events = POLLOUT };
	size_t		 before;
	int		 n, idle = 0;

	for (;;) {
		before = b->wbytes;
		if (imsgbuf_write(b) == -1)
			return (-1);
		if (b->wmsgs == 0)
			return (0);
		if (b->wbytes != before)
			idle = 0;
		if ((n = poll(&pfd, 1, IMSG_FLUSH_MS)) == -1) {
			if (errno != EINTR)
				return (-1);
			continue;
		}
		/* Writable, yet nothing goes: something else is short. */
		if (n > 0 && b->wbytes == before)
			poll(NULL, 0, ++idle);
		if (n == 0 || idle * idle / 2 > IMSG_FLUSH_MS) {
			errno = ETIMEDOUT;
			return (-1);
		}
	}
}

uint32_t
imsgbuf_queuelen(const struct imsgbuf *b)
{
	return (b->wmsgs);
}

size_t
imsgbuf_unread(const struct imsgbuf *b)
{
	return (b->rend - b->rpos);
}

size_t
imsgbuf_queued_bytes(const struct imsgbuf *b)
{
	return (b->wbytes);
}
