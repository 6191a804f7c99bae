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
 * The read event stays registered while the mux keeps up, so a keystroke
 * costs no epoll_ctl(2).  Only when it fires again before the mux has asked
 * for the bytes (no credit, or a link that is full) is it taken out, until
 * the source has been read empty.  Sinks are watched only while something
 * waits for them.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdpair.h"
#include "fdstream.h"

#define FDSTREAM_LOWAT	(128 * 1024)	/* unsent bytes in the kernel */
#define FDSTREAM_IOVS	16

struct fdstream {
	struct mux_stream	*stream;	/* the mux's; NULL: over */
	const struct fdstream_ops *ops;
	void			*arg;
	struct fdpair		 fds;
	uint64_t		 got;		/* bytes, from the source */
	uint64_t		 given;		/* and to the sink */
	uint8_t			*prefix;	/* to be sent first, or NULL */
	size_t			 prefix_off, prefix_len;
	/* The source's end is to be reported, and is none; or NULL. */
	void			(*drained)(struct fdstream *, void *);
	unsigned int		 asked : 1,	/* mux_ready; not yet drained */
				 held : 1,	/* the source is not watched */
				 ended : 1,	/* the sink knows the end */
				 deaf : 1,	/* the sink takes no more */
				 over : 1;	/* closed was called */
};

static void	fdstream_accepted(struct mux_stream *, void *);
static size_t	fdstream_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	fdstream_inputv(struct mux_stream *, void *, struct iovec *,
		    int);
static size_t	fdstream_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static size_t	fdstream_pullv(struct mux_stream *, void *, struct iovec *,
		    int, enum mux_more *);
static void	fdstream_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	fdstream_done(struct mux_stream *, void *);
static void	fdstream_read(evutil_socket_t, short, void *);
static void	fdstream_write(evutil_socket_t, short, void *);

static const struct mux_stream_ops	 fdstream_mux_ops = {
	.accepted = fdstream_accepted,
	.input = fdstream_input,
	.inputv = fdstream_inputv,
	.pull = fdstream_pull,
	.pullv = fdstream_pullv,
	.reset = fdstream_reset,
	.done = fdstream_done
};

/* ---- Making and ending --------------------------------------------------- */

/*
 * A stream that broke must never look like one that ended: while this is
 * set, every close(2) of a TCP socket is a reset, be it the kernel's for a
 * process that died.
 */
static void
fd_linger(int fd, int on)
{
	struct linger	 linger = { .l_onoff = on, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void
fd_options(int fd)
{
	int	 on = 1, lowat = FDSTREAM_LOWAT;

	fd_linger(fd, 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
#ifdef TCP_NOTSENT_LOWAT
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat,
	    sizeof(lowat));
#endif
}

static void
fdstream_destroy(struct fdstream *f)
{
	fdpair_clear(&f->fds);
	free(f->prefix);
	free(f);
}

static struct fdstream *
fdstream_alloc(struct event_base *base, int rfd, int wfd,
    const struct fdstream_ops *ops, void *arg)
{
	struct fdstream	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (NULL);
	f->ops = ops;
	f->arg = arg;
	if (fdpair_init(&f->fds, base, rfd, wfd, fdstream_read,
	    fdstream_write, f) == -1) {
		free(f);
		return (NULL);
	}
	return (f);
}

/* From here on the descriptors are ours. */
static void
fdstream_begin(struct fdstream *f, struct mux_stream *s)
{
	f->stream = s;
	if (f->fds.rsock)
		fd_options(f->fds.rfd);
	if (f->fds.wsock && f->fds.wfd != f->fds.rfd)
		fd_options(f->fds.wfd);
	if (f->fds.rfile) {
		f->asked = 1;
		mux_ready(s);
	}
	/* What came before we took over. */
	if (mux_queued(s) > 0 || mux_eof(s))
		fdpair_try(&f->fds);
}

struct fdstream *
fdstream_new(struct event_base *base, int rfd, int wfd, struct mux_stream *s,
    const struct fdstream_ops *ops, void *arg)
{
	struct fdstream	*f;

	if ((f = fdstream_alloc(base, rfd, wfd, ops, arg)) == NULL)
		return (NULL);
	mux_stream_own(s, &fdstream_mux_ops, f);
	fdstream_begin(f, s);
	return (f);
}

struct fdstream *
fdstream_open(struct event_base *base, int rfd, int wfd, struct mux *mux,
    const struct mux_open *open, const struct fdstream_ops *ops, void *arg)
{
	return (fdstream_metered(base, rfd, wfd, mux, open, ops, arg, NULL,
	    NULL));
}

struct fdstream *
fdstream_metered(struct event_base *base, int rfd, int wfd, struct mux *mux,
    const struct mux_open *open, const struct fdstream_ops *ops, void *arg,
    struct meter_flow *from, struct meter_flow *to)
{
	struct fdstream		*f;
	struct mux_stream	*s;

	if ((f = fdstream_alloc(base, rfd, wfd, ops, arg)) == NULL)
		return (NULL);
	s = mux_open_metered(mux, open, &fdstream_mux_ops, f, to);
	if (s == NULL) {
		fdstream_destroy(f);
		return (NULL);
	}
	if (from != NULL)
		mux_pace(s, from);
	fdstream_begin(f, s);
	/*
	 * What the source has said by now goes out with the OPEN.  But who
	 * is in the background is stopped for reading from its terminal.
	 */
	if (!f->fds.rtty) {
		f->asked = 1;
		mux_ready(s);
	}
	return (f);
}

void
fdstream_meter(struct fdstream *f, struct meter_flow *from,
    struct meter_flow *to)
{
	if (f->stream == NULL)
		return;
	mux_pace(f->stream, from);
	mux_meter(f->stream, to);
}

int
fdstream_prefix(struct fdstream *f, const uint8_t *buf, size_t len)
{
	if ((f->prefix = malloc(len)) == NULL)
		return (-1);
	memcpy(f->prefix, buf, len);
	f->prefix_len = len;
	/* It does not wait for the source to speak. */
	f->asked = 1;
	mux_ready(f->stream);
	return (0);
}

/* Has the sink been told why?  Then that must not be lost with a reset. */
static int
fdstream_last(struct fdstream *f, uint16_t code)
{
	uint8_t	 buf[FDSTREAM_LAST_MAX];
	size_t	 n;

	if (f->ops->last == NULL || f->given != 0 || !f->fds.wsock)
		return (0);
	n = f->ops->last(f, f->arg, code, buf);
	return (n > 0 && write(f->fds.wfd, buf, n) == (ssize_t)n);
}

void
fdstream_guard(struct fdstream *f, void (*drained)(struct fdstream *, void *))
{
	f->drained = drained;
}

void
fdstream_release(struct fdstream *f)
{
	if (f->drained == NULL || f->over)
		return;
	f->drained = NULL;
	f->asked = 1;
	mux_ready(f->stream);
}

/* The stream is over already; early: not in order. */
static void
fdstream_close(struct fdstream *f, int early, uint16_t code, const char *text)
{
	f->over = 1;
	f->stream = NULL;
	event_del(f->fds.rev);
	event_del(f->fds.wev);
	if (early && fdstream_last(f, code))
		early = 0;
	if (!early && f->fds.rsock)
		fd_linger(f->fds.rfd, 0);
	if (f->fds.wfd != -1 && f->fds.wfd != f->fds.rfd)
		close(f->fds.wfd);
	close(f->fds.rfd);
	f->fds.rfd = f->fds.wfd = -1;
	if (f->ops->closed != NULL)
		f->ops->closed(f, f->arg, code, text);
	fdstream_destroy(f);
}

void
fdstream_kill(struct fdstream *f, uint16_t code, const char *text)
{
	if (f == NULL || f->over)
		return;
	mux_reset(f->stream, code, text);
	fdstream_close(f, 1, code, text == NULL ? "" : text);
}

/*
 * A socket that is written to was reset, or nobody reads it: if it has said
 * something before, that is to be read, up to an end that shows the same.
 * Until then nothing is written.  Returns 0 if there is nothing to wait for.
 */
static int
fdstream_deaf(struct fdstream *f, int error)
{
	char	 c;

	if (f->fds.wfd != f->fds.rfd || !f->fds.wsock ||
	    (error != EPIPE && error != ECONNRESET) ||
	    recv(f->fds.rfd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 1)
		return (0);
	f->deaf = 1;
	fdpair_unwatch(&f->fds);
	return (1);
}

/* A descriptor failed. */
static void
fdstream_fail(struct fdstream *f, int is_socket, int error)
{
	fdstream_kill(f, is_socket || error == EPIPE ? MUX_CODE_TARGET_RESET :
	    MUX_CODE_INTERNAL, strerror(error));
}

struct mux_stream *
fdstream_stream(struct fdstream *f)
{
	return (f->stream);
}

size_t
fdstream_memory(const struct fdstream *f)
{
	return (sizeof(*f) + f->prefix_len +
	    2 * event_get_struct_event_size());
}

void
fdstream_bytes(const struct fdstream *f, uint64_t *got, uint64_t *given)
{
	*got = f->got;
	*given = f->given;
}

/* ---- From the source to the mux ------------------------------------------ */

static void
fdstream_read(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct fdstream	*f = arg;

	if (f->asked) {
		event_del(f->fds.rev);
		f->held = 1;
		return;
	}
	f->asked = 1;
	mux_ready(f->stream);
}

static void
fdstream_drained(struct fdstream *f)
{
	f->asked = 0;
	if (f->held) {
		f->held = 0;
		event_add(f->fds.rev, NULL);
	}
}

static size_t
fdstream_pull_prefix(struct fdstream *f, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	size_t	 n = f->prefix_len - f->prefix_off;

	if (n > cap)
		n = cap;
	memcpy(buf, f->prefix + f->prefix_off, n);
	if ((f->prefix_off += n) == f->prefix_len) {
		free(f->prefix);
		f->prefix = NULL;
	}
	/* The source has been asked for: it is read next, or found empty. */
	*more = MUX_MORE;
	return (n);
}

static size_t
fdstream_pullv(struct mux_stream *s __unused, void *arg, struct iovec *iov,
    int niov, enum mux_more *more)
{
	struct fdstream	*f = arg;
	size_t		 room = 0;
	ssize_t		 n;
	int		 i;

	if (f->prefix != NULL)
		return (fdstream_pull_prefix(f, iov->iov_base, iov->iov_len,
		    more));
	for (i = 0; i < niov; i++)
		room += iov[i].iov_len;
	do {
		n = readv(f->fds.rfd, iov, niov);
	} while (n == -1 && errno == EINTR);
	if (n > 0) {
		f->got += n;
		/* Less than there was room for: it is empty now. */
		if ((size_t)n == room || f->fds.rfile)
			*more = MUX_MORE;
		else
			fdstream_drained(f);
		return ((size_t)n);
	}
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		fdstream_drained(f);
		return (0);
	}
	if (n == 0 && f->deaf) {
		fdstream_fail(f, f->fds.rsock, ECONNRESET);
		return (0);
	}
	/* A terminal that hung up fails with EIO: that is its end. */
	if (n == 0 || (errno == EIO && f->fds.rtty)) {
		event_del(f->fds.rev);
		if (f->drained == NULL)
			*more = MUX_LAST;
		else
			f->drained(f, f->arg);
		return (0);
	}
	fdstream_fail(f, f->fds.rsock, errno);
	return (0);
}

static size_t
fdstream_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct iovec	 iov = { .iov_base = buf, .iov_len = cap };

	return (fdstream_pullv(s, arg, &iov, 1, more));
}

/* ---- From the mux to the sink -------------------------------------------- */

/* Everything is written, and there will be no more. */
static void
fdstream_end(struct fdstream *f)
{
	if (f->ended)
		return;
	f->ended = 1;
	if (f->fds.wsock)
		shutdown(f->fds.wfd, SHUT_WR);
	if (f->fds.wfd != f->fds.rfd) {
		if (f->fds.wsock)
			fd_linger(f->fds.wfd, 0);
		close(f->fds.wfd);
		f->fds.wfd = -1;
	}
}

/* How much the sink took, which may be nothing; -1 with errno. */
static ssize_t
fdstream_send(struct fdstream *f, struct iovec *iov, int niov)
{
	struct msghdr	 msg = { .msg_iov = iov };
	ssize_t		 n;

	msg.msg_iovlen = niov;
	do {
		n = f->fds.wsock ? sendmsg(f->fds.wfd, &msg, MSG_NOSIGNAL) :
		    writev(f->fds.wfd, iov, niov);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == ENOBUFS))
		return (0);
	if (n > 0)
		f->given += n;
	return (n);
}

static size_t
fdstream_inputv(struct mux_stream *s __unused, void *arg, struct iovec *iov,
    int niov)
{
	struct fdstream	*f = arg;
	size_t		 len = 0;
	ssize_t		 n;
	int		 i, error;

	for (i = 0; i < niov; i++)
		len += iov[i].iov_len;
	if (f->deaf)
		return (len);
	if ((n = fdstream_send(f, iov, niov)) == -1) {
		error = errno;
		if (fdstream_deaf(f, error))
			return (len);
		fdstream_fail(f, f->fds.wsock, error);
		return (0);
	}
	if ((size_t)n < len)
		fdpair_watch(&f->fds);
	return ((size_t)n);
}

static size_t
fdstream_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct iovec	 iov = { .iov_len = len };

	if (len == 0) {
		if (mux_eof(s))
			fdstream_end(arg);
		return (0);
	}
	iov.iov_base = __DECONST(void *, buf);
	return (fdstream_inputv(s, arg, &iov, 1));
}

static void
fdstream_write(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct fdstream	*f = arg;
	struct iovec	 iov[FDSTREAM_IOVS];
	ssize_t		 n;
	int		 niov, error;

	if ((niov = mux_peek(f->stream, iov, FDSTREAM_IOVS)) > 0) {
		if ((n = fdstream_send(f, iov, niov)) == -1) {
			error = errno;
			if (fdstream_deaf(f, error))
				mux_drain(f->stream, mux_queued(f->stream));
			else
				fdstream_fail(f, f->fds.wsock, error);
			return;
		}
		mux_drain(f->stream, (size_t)n);
	}
	if (mux_queued(f->stream) > 0) {
		fdpair_watch(&f->fds);
		return;
	}
	fdpair_unwatch(&f->fds);
	if (mux_eof(f->stream))
		fdstream_end(f);
}

/* ---- What else the mux says ---------------------------------------------- */

static void
fdstream_accepted(struct mux_stream *s __unused, void *arg)
{
	struct fdstream	*f = arg;

	if (f->ops->accepted != NULL)
		f->ops->accepted(f, f->arg);
}

static void
fdstream_reset(struct mux_stream *s __unused, void *arg, uint16_t code,
    const char *text)
{
	fdstream_close(arg, 1, code, text);
}

static void
fdstream_done(struct mux_stream *s __unused, void *arg)
{
	struct fdstream	*f = arg;

	/* To close a socket that was read to its end says the same. */
	if (f->fds.wfd != f->fds.rfd)
		fdstream_end(f);
	fdstream_close(f, 0, 0, NULL);
}
