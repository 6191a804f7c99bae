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
 * evtls, the writing passes: what waits is sent, then batches are pulled
 * from the owner, sealed and sent, a few before others have their turn.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "evtls_internal.h"

#define PASS_BATCHES	4		/* sent before others have a turn */
#define SMALL_OUTPUT	(8 * 1024)	/* up to that, ask for more to send */
#define LINGER_MS	1000		/* for the peer to close, at the end */

static void		 output(struct evtls *);
static int		 pull(struct evtls *);
static int		 send_kept(struct evtls *);
static ssize_t		 send_some(struct evtls *, const uint8_t *, size_t);
static void		 output_end(struct evtls *);
static void		 output_done(struct evtls *);
static void		 arm(struct evtls *, int);

void
evtls_on_write(int fd, short what, void *arg)
{
	struct evtls	*c = arg;

	c->busy = 1;
	if (!c->ready && !c->closing && c->preface == NULL)
		evtls_begin(c);
	if (!evtls_gone(c))
		output(c);
	evtls_leave(c);
}

static void
output(struct evtls *c)
{
	int	more = 1, i;

	if (c->neterr != 0 && c->closing)
		evtls_finish(c, EVTLS_CLOSED, strerror(c->neterr));
	if (evtls_gone(c) || c->shut || !send_kept(c))
		return;
	for (i = 0; more && i < PASS_BATCHES; i++) {
		more = pull(c);
		if (evtls_gone(c) || !evtls_flush(c))
			return;
	}
	/* More, but others first: the socket will wake us. */
	arm(c, more || (c->ready && c->want));
	if (more)
		return;
	if (c->closing)
		output_done(c);
	else if (c->ending && c->ready && !c->want && !c->notified)
		output_end(c);
}

/*
 * Take from the owner and seal, until it is worth a send.  Returns whether
 * there may be more.
 */
static int
pull(struct evtls *c)
{
	struct evtls_bufs	*b = evtls_bufs();
	uint8_t			*buf;
	size_t			 n;

	while (b->wire_len <= SMALL_OUTPUT) {
		if (!c->want || !c->ready || c->notified)
			return (0);
		buf = !c->secure ? b->wire_out + b->wire_len :
		    b->plain_out;
		c->want = 0;
		c->pulling = 1;
		n = c->ops->output(c, c->arg, buf, EVTLS_BATCH);
		c->pulling = 0;
		if (evtls_gone(c) || n == 0)
			return (0);
		c->want = 1;
		if (n > EVTLS_BATCH) {
			evtls_finish(c, EVTLS_ERROR, "too much output");
			return (0);
		}
		if (!c->secure)
			b->wire_len += n;
		else if (evtls_tls_write(c, buf, n) != EVTLS_IO_OK) {
			evtls_finish(c, EVTLS_ERROR, c->text == NULL ?
			    "TLS failed" : c->text);
			return (0);
		}
	}
	return (1);
}

/* Send what was sealed in this pass.  Returns whether all is sent. */
int
evtls_flush(struct evtls *c)
{
	struct evtls_bufs	*b = evtls_bufs();
	ssize_t			 n = 0;
	size_t			 len = b->wire_len;

	b->wire_len = 0;
	if (c->neterr != 0)
		return (0);
	if (len == 0)
		return (c->out.len == 0);
	if (c->out.len == 0 && (n = send_some(c, b->wire_out, len)) == -1)
		return (0);
	if ((len -= n) == 0)
		return (1);
	if (c->out.len + len > 2 * EVTLS_SEALED ||
	    evtls_kept_add(&c->out, b->wire_out + n, len) == -1) {
		evtls_finish(c, EVTLS_ERROR, "no memory");
		return (0);
	}
	arm(c, 1);
	return (0);
}

/* Send what waits since an earlier pass.  Returns whether all is sent. */
static int
send_kept(struct evtls *c)
{
	ssize_t	n;

	if (c->neterr != 0)
		return (0);
	if (c->out.len > 0) {
		n = send_some(c, evtls_kept_data(&c->out), c->out.len);
		if (n == -1)
			return (0);
		evtls_kept_drain(&c->out, n);
		if (c->out.len > 0) {
			arm(c, 1);
			return (0);
		}
	}
	if (c->held) {
		c->held = 0;
		if (!evtls_stopped(c))
			evtls_start_reading(c);
	}
	return (1);
}

/*
 * When a send fails, the peer may have said why before it went: the end is
 * found by reading up to it.
 */
static ssize_t
send_some(struct evtls *c, const uint8_t *buf, size_t len)
{
	ssize_t	n;

	if ((n = send(c->fd, buf, len, MSG_NOSIGNAL)) >= 0)
		return (n);
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ||
	    errno == ENOBUFS)
		return (0);
	c->neterr = errno;
	evtls_kept_drain(&c->out, c->out.len);
	arm(c, 0);
	if (evtls_stopped(c) || c->eof)
		evtls_finish(c, EVTLS_ERROR, strerror(c->neterr));
	else
		event_active(c->rd, EV_READ, 1);
	return (-1);
}

/* The owner has no more and goes on reading. */
static void
output_end(struct evtls *c)
{
	c->notified = 1;
	if (!c->secure)
		shutdown(c->fd, SHUT_WR);
	else {
		evtls_tls_close_notify(c);
		(void)evtls_flush(c);
	}
}

/* The owner has no more and wanted to close. */
static void
output_done(struct evtls *c)
{
	if (!c->ready) {
		evtls_finish(c, EVTLS_CLOSED, "closed");
		return;
	}
	if (c->secure && !c->notified) {
		c->notified = 1;
		evtls_tls_close_notify(c);
		if (!evtls_flush(c))
			return;
	}
	evtls_forget(c);
	arm(c, 0);
	shutdown(c->fd, SHUT_WR);
	c->shut = 1;
	evtls_set_timer(c, LINGER_MS);
	evtls_add_event(c->rd);
}

static void
arm(struct evtls *c, int on)
{
	if (c->armed == !!on)
		return;
	c->armed = !!on;
	if (on)
		evtls_add_event(c->wr);
	else
		event_del(c->wr);
}
