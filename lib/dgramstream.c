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
 * A source is read as soon as there is something: it is the stream's queue
 * that drops the oldest, where a socket's own would drop the newest.  Pipes
 * and files, which wait, are not read before what was read has left.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/event.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dgramstream.h"
#include "fdpair.h"

#define DGRAM_BATCH	64	/* datagrams in a pass of the event loop */

struct dgramstream {
	struct mux_stream	*stream;	/* the mux's; NULL: over */
	const struct dgramstream_ops *ops;
	void			*arg;
	struct fdpair		 fds;
	struct event		*idle;		/* NULL: no limit */
	uint64_t		 idle_ms;
	uint64_t		 active;	/* when, ms */
	uint64_t		 got;		/* bytes, from the source */
	uint64_t		 given;		/* and to the sink */
	uint8_t			*rest;		/* of one that a pipe did not
						   take whole, or NULL */
	size_t			 rest_len;
	unsigned int		 ending : 1,	/* we said FIN */
				 over : 1;	/* closed was called */
};

/* What is read, by one at a time. */
static uint8_t	 buffer[MUX_DGRAM_MAX + 1];

static void	dgram_accepted(struct mux_stream *, void *);
static size_t	dgram_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static void	dgram_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	dgram_done(struct mux_stream *, void *);
static int	dgram_datagram(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static void	dgram_drained(struct mux_stream *, void *);
static void	dgram_read(evutil_socket_t, short, void *);
static void	dgram_write(evutil_socket_t, short, void *);
static void	dgram_idle(evutil_socket_t, short, void *);

static const struct mux_stream_ops	 dgram_mux_ops = {
	.accepted = dgram_accepted,
	.input = dgram_input,
	.reset = dgram_reset,
	.done = dgram_done,
	.datagram = dgram_datagram,
	.drained = dgram_drained
};

/* ---- Making and ending --------------------------------------------------- */

static void
dgram_destroy(struct dgramstream *d)
{
	fdpair_clear(&d->fds);
	if (d->idle != NULL)
		event_free(d->idle);
	free(d->rest);
	free(d);
}

static struct dgramstream *
dgram_alloc(struct event_base *base, int rfd, int wfd,
    const struct dgramstream_ops *ops, void *arg)
{
	struct dgramstream	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->ops = ops;
	d->arg = arg;
	d->active = clock_ms();
	if (fdpair_init(&d->fds, base, rfd, wfd, dgram_read, dgram_write,
	    d) == -1) {
		free(d);
		return (NULL);
	}
	return (d);
}

/* From here on the descriptors are ours. */
static void
dgram_start(struct dgramstream *d, struct mux_stream *s)
{
	d->stream = s;
	if (d->fds.rfile)
		event_active(d->fds.rev, EV_READ, 1);
	/* What came before we took over. */
	if (mux_queued(s) > 0 || mux_eof(s))
		fdpair_try(&d->fds);
}

struct dgramstream *
dgramstream_new(struct event_base *base, int rfd, int wfd,
    struct mux_stream *s, const struct dgramstream_ops *ops, void *arg)
{
	struct dgramstream	*d;

	if ((d = dgram_alloc(base, rfd, wfd, ops, arg)) == NULL)
		return (NULL);
	mux_stream_own(s, &dgram_mux_ops, d);
	dgram_start(d, s);
	return (d);
}

struct dgramstream *
dgramstream_open(struct event_base *base, int rfd, int wfd, struct mux *mux,
    const struct mux_open *open, const struct dgramstream_ops *ops, void *arg)
{
	struct dgramstream	*d;
	struct mux_stream	*s;

	if ((d = dgram_alloc(base, rfd, wfd, ops, arg)) == NULL)
		return (NULL);
	if ((s = mux_open_stream(mux, open, &dgram_mux_ops, d)) == NULL) {
		dgram_destroy(d);
		return (NULL);
	}
	dgram_start(d, s);
	return (d);
}

static void
dgram_close(struct dgramstream *d, uint16_t code, const char *text)
{
	d->over = 1;
	d->stream = NULL;
	event_del(d->fds.rev);
	event_del(d->fds.wev);
	if (d->idle != NULL)
		event_del(d->idle);
	if (d->fds.wfd != d->fds.rfd)
		close(d->fds.wfd);
	close(d->fds.rfd);
	if (d->ops->closed != NULL)
		d->ops->closed(d, d->arg, code, text);
	dgram_destroy(d);
}

void
dgramstream_kill(struct dgramstream *d, uint16_t code, const char *text)
{
	if (d == NULL || d->over)
		return;
	mux_reset(d->stream, code, text);
	dgram_close(d, code, text == NULL ? "" : text);
}

void
dgramstream_end(struct dgramstream *d)
{
	if (d->over || d->ending)
		return;
	d->ending = 1;
	event_del(d->fds.rev);
	mux_dgram_end(d->stream);
}

struct mux_stream *
dgramstream_stream(struct dgramstream *d)
{
	return (d->stream);
}

void
dgramstream_bytes(const struct dgramstream *d, uint64_t *got,
    uint64_t *given)
{
	*got = d->got;
	*given = d->given;
}

/*
 * Nobody is at the other end.  A pair of datagram sockets says that of the
 * first datagram that it loses so, and only then on Linux; to one that reads
 * elsewhere, by an error of recv(2).
 */
static int
dgram_nobody(int error)
{
	return (error == ECONNREFUSED || error == ECONNRESET ||
	    error == ENOTCONN || error == EPIPE);
}

/* What a socket's error says about the target. */
static void
dgram_fail(struct dgramstream *d, int is_socket, int error)
{
	if (d->ops->gone != NULL && dgram_nobody(error)) {
		d->ops->gone(d, d->arg);
		return;
	}
	switch (error) {
	case ECONNREFUSED:
		dgramstream_kill(d, MUX_CODE_REFUSED,
		    "nobody receives on this port");
		break;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case EACCES:
	case EPERM:
		dgramstream_kill(d, MUX_CODE_UNREACHABLE, strerror(error));
		break;
	default:
		dgramstream_kill(d, is_socket || error == EPIPE ?
		    MUX_CODE_TARGET_RESET : MUX_CODE_INTERNAL,
		    strerror(error));
		break;
	}
}

/* ---- The idle limit ------------------------------------------------------ */

static void
idle_arm(struct dgramstream *d, uint64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(d->idle, &tv);
}

int
dgramstream_idle(struct dgramstream *d, unsigned int ms)
{
	d->idle_ms = ms;
	d->active = clock_ms();
	if (ms == 0) {
		if (d->idle != NULL)
			event_del(d->idle);
		return (0);
	}
	if (d->idle == NULL && (d->idle = evtimer_new(
	    event_get_base(d->fds.rev), dgram_idle, d)) == NULL)
		return (-1);
	idle_arm(d, ms);
	return (0);
}

static void
dgram_idle(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct dgramstream	*d = arg;
	uint64_t		 idle = clock_ms() - d->active;

	if (idle < d->idle_ms)
		idle_arm(d, d->idle_ms - idle);
	else
		dgramstream_end(d);
}

/* ---- From the source to the mux ------------------------------------------ */

/* The next datagram into the buffer: its length, or -1 with errno. */
static ssize_t
dgram_take(struct dgramstream *d)
{
	ssize_t	 n;

	do {
		n = d->fds.rdgram ? recv(d->fds.rfd, buffer, sizeof(buffer),
		    0) : read(d->fds.rfd, buffer, DGRAM_READ_MAX);
	} while (n == -1 && errno == EINTR);
	return (n);
}

/*
 * Nothing came: an empty datagram, or the end?  Who has gone may have left
 * more behind it.
 */
static int
dgram_at_eof(const struct dgramstream *d)
{
	struct pollfd	 pfd = { .fd = d->fds.rfd, .events = POLLRDHUP };
	char		 next;

	return (!d->fds.rdgram || (poll(&pfd, 1, 0) == 1 &&
	    (pfd.revents & (POLLRDHUP | POLLHUP)) != 0 &&
	    recv(d->fds.rfd, &next, sizeof(next), MSG_PEEK) <= 0));
}

static void
dgram_eof(struct dgramstream *d)
{
	event_del(d->fds.rev);
	if (d->ops->eof != NULL)
		d->ops->eof(d, d->arg);
	else
		dgramstream_end(d);
}

static void
dgram_read(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct dgramstream	*d = arg;
	ssize_t			 n;
	int			 i;

	for (i = 0; i < DGRAM_BATCH; i++) {
		if ((n = dgram_take(d)) == -1) {
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return;
			if ((errno == EIO && d->fds.rtty) ||
			    (d->ops->gone != NULL && dgram_nobody(errno) &&
			    d->fds.rfd != d->fds.wfd))
				dgram_eof(d);
			else
				dgram_fail(d, d->fds.rsock, errno);
			return;
		}
		if (n == 0 && dgram_at_eof(d)) {
			dgram_eof(d);
			return;
		}
		d->active = clock_ms();
		d->got += n;
		(void)mux_dgram_send(d->stream, buffer, (size_t)n);
		if (d->fds.rdgram)
			continue;
		/* It waits for us: see dgram_drained. */
		event_del(d->fds.rev);
		return;
	}
}

static void
dgram_drained(struct mux_stream *s __unused, void *arg)
{
	struct dgramstream	*d = arg;

	if (d->fds.rdgram || d->ending)
		return;
	if (d->fds.rfile)
		event_active(d->fds.rev, EV_READ, 1);
	else
		event_add(d->fds.rev, NULL);
}

/* ---- From the mux to the sink -------------------------------------------- */

/* Keep what a pipe, or a socket like one, did not take; -1 with errno. */
static int
dgram_keep(struct dgramstream *d, const struct iovec *iov, int niov, size_t n)
{
	size_t	 len = 0;
	int	 i;

	for (i = 0; i < niov; i++)
		len += iov[i].iov_len;
	if (n >= len)
		return (0);
	if (d->rest == NULL && (d->rest = malloc(MUX_DGRAM_MAX)) == NULL)
		return (-1);
	for (i = 0; i < niov; i++) {
		if (n >= iov[i].iov_len) {
			n -= iov[i].iov_len;
			continue;
		}
		memcpy(d->rest + d->rest_len, (uint8_t *)iov[i].iov_base + n,
		    iov[i].iov_len - n);
		d->rest_len += iov[i].iov_len - n;
		n = 0;
	}
	return (0);
}

/*
 * One datagram to the sink: 1 if that is done with, 0 if the sink takes none
 * now, or -1 with errno.
 */
static int
dgram_put(struct dgramstream *d, struct iovec *iov, int niov)
{
	struct msghdr	 msg = { .msg_iov = iov };
	ssize_t		 n;

	msg.msg_iovlen = niov;
	if (d->rest_len > 0)
		return (0);
	do {
		n = d->fds.wsock ? sendmsg(d->fds.wfd, &msg, MSG_NOSIGNAL) :
		    niov == 0 ? 0 : writev(d->fds.wfd, iov, niov);
	} while (n == -1 && errno == EINTR);
	d->active = clock_ms();
	if (n == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return (0);
		/* The network lost it, or would not take it so large. */
		if (d->fds.wdgram && (errno == ENOBUFS || errno == EMSGSIZE))
			return (1);
		return (-1);
	}
	d->given += n;
	if (d->fds.wdgram || dgram_keep(d, iov, niov, (size_t)n) == 0)
		return (1);
	return (-1);
}

static int
dgram_datagram(struct mux_stream *s __unused, void *arg, const uint8_t *p,
    size_t n)
{
	struct dgramstream	*d = arg;
	struct iovec		 iov;

	iov.iov_base = __DECONST(void *, p);
	iov.iov_len = n;
	switch (dgram_put(d, &iov, 1)) {
	case -1:
		dgram_fail(d, d->fds.wsock, errno);
		return (1);
	case 0:
		fdpair_watch(&d->fds);
		return (0);
	default:
		if (d->rest_len > 0)
			fdpair_watch(&d->fds);
		return (1);
	}
}

/* Write what is left of one; 1 when it is gone, 0, or -1 with errno. */
static int
dgram_rest(struct dgramstream *d)
{
	ssize_t	 n;

	if (d->rest_len == 0)
		return (1);
	do {
		n = write(d->fds.wfd, d->rest, d->rest_len);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return (errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1);
	d->rest_len -= n;
	memmove(d->rest, d->rest + n, d->rest_len);
	return (d->rest_len == 0);
}

static void
dgram_write(evutil_socket_t fd __unused, short what __unused, void *arg)
{
	struct dgramstream	*d = arg;
	struct iovec		 iov[MUX_DGRAM_IOVS];
	int			 i, niov, r;

	r = dgram_rest(d);
	for (i = 0; r == 1 && i < DGRAM_BATCH; i++) {
		if ((niov = mux_dgram_peek(d->stream, iov)) == -1)
			break;
		if ((r = dgram_put(d, iov, niov)) == 1)
			mux_dgram_drop(d->stream);
	}
	if (r == -1) {
		dgram_fail(d, d->fds.wsock, errno);
		return;
	}
	if (mux_queued(d->stream) > 0 || d->rest_len > 0) {
		fdpair_watch(&d->fds);
		return;
	}
	fdpair_unwatch(&d->fds);
	if (mux_eof(d->stream))
		dgramstream_end(d);
}

/* ---- What else the mux says ---------------------------------------------- */

static size_t
dgram_input(struct mux_stream *s, void *arg, const uint8_t *p __unused,
    size_t n __unused)
{
	struct dgramstream	*d = arg;

	/* FIN: with nothing left to write we are gone, too. */
	if (mux_eof(s) && d->rest_len == 0)
		dgramstream_end(d);
	return (0);
}

static void
dgram_accepted(struct mux_stream *s __unused, void *arg)
{
	struct dgramstream	*d = arg;

	if (d->ops->accepted != NULL)
		d->ops->accepted(d, d->arg);
}

static void
dgram_reset(struct mux_stream *s __unused, void *arg, uint16_t code,
    const char *text)
{
	dgram_close(arg, code, text);
}

static void
dgram_done(struct mux_stream *s __unused, void *arg)
{
	struct dgramstream	*d = arg;

	dgram_close(d, 0, NULL);
}
