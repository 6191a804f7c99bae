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
 * evtls, the reading passes: one recv(2), the records in it opened one by
 * one and shown to the owner, and what tells that no more will come.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "evtls_internal.h"

#define LINGER_MAX	(64 * 1024)	/* bytes dropped while lingering */
#define RECORD_HEAD	5		/* bytes: of a TLS record */
#define RECORD_HANDSHAKE 22		/* its type */
#define HELLO_MAX	(RECORD_HEAD + EVTLS_RECORD)

/* How the input of a pass ends. */
enum end {
	END_OPEN,
	END_EOF,		/* in order */
	END_CUT,		/* TLS without close_notify */
	END_NET,		/* neterr */
	END_TLS			/* text */
};

static int		 preface(struct evtls *);
static int		 hello(struct evtls *);
static int		 hello_whole(const uint8_t *, size_t);
static enum end		 handshake(struct evtls *);
static enum end		 sealed_load(struct evtls *);
static void		 input_tls(struct evtls *);
static enum end		 open_records(struct evtls *, size_t *);
static void		 input_plain(struct evtls *);
static enum end		 receive(struct evtls *, uint8_t *, size_t, size_t *);
static size_t		 room(size_t);
static size_t		 left_load(struct evtls *);
static size_t		 offer(struct evtls *, size_t);
static void		 input_end(struct evtls *, enum end);
static void		 linger(struct evtls *);

void
evtls_on_read(int fd, short what, void *arg)
{
	struct evtls	*c = arg;

	c->busy = 1;
	if (c->shut)
		linger(c);
	else if (evtls_stopped(c))
		;	/* woken before, stopped since */
	else if (c->preface != NULL && !preface(c))
		;	/* more of it, or nothing, will come */
	else if (c->secure && c->tls == NULL && c->record == NULL &&
	    !hello(c))
		;	/* likewise */
	else if (c->secure)
		input_tls(c);
	else
		input_plain(c);
	evtls_leave(c);
}

/*
 * Show what has come to those who look at it first, one after the other.
 * Returns whether the last of them is done; n: what it said.
 */
static int
preface_show(struct evtls *c, ssize_t *n)
{
	ssize_t	(*shown)(struct evtls *, void *, const uint8_t *, size_t);

	*n = 0;
	while (c->preface != NULL && c->in.len > 0) {
		shown = c->preface;
		*n = shown(c, c->arg, evtls_kept_data(&c->in), c->in.len);
		if (*n == -1 || evtls_gone(c))
			return (0);
		if (*n > 0)
			evtls_kept_drain(&c->in, *n);
		if (c->preface == shown) {
			if (*n == 0)
				return (0);
			c->preface = NULL;
		}
		if (c->paused)
			break;
	}
	return (c->preface == NULL);
}

/*
 * What comes in front of the rest, which is taken off here.  Returns whether
 * it has come; what followed it is then where the passes look for it.
 */
static int
preface(struct evtls *c)
{
	struct evtls_bufs	*b = evtls_bufs();
	enum end		 end = END_OPEN;
	size_t			 got = 0, room;
	ssize_t			 n = 0;

	if (c->in.len < c->preface_max) {
		room = c->preface_max - c->in.len;
		end = receive(c, b->sealed_in, room < EVTLS_RECV ? room :
		    EVTLS_RECV, &got);
	}
	if (evtls_kept_add(&c->in, b->sealed_in, got) == -1) {
		evtls_finish(c, EVTLS_ERROR, "no memory");
		return (0);
	}
	if ((got > 0 || c->offer) && preface_show(c, &n))
		goto done;
	c->offer = 0;
	if (evtls_gone(c))
		return (0);
	if (n == -1 || (!c->paused && c->preface != NULL &&
	    c->in.len >= c->preface_max)) {
		evtls_finish(c, EVTLS_ERROR, "what comes first is not what a "
		    "proxy says");
		return (0);
	}
	input_end(c, end);
	return (0);
 done:
	c->offer = 0;
	if (!c->secure && c->in.len > 0) {
		c->left = c->in;
		memset(&c->in, 0, sizeof(c->in));
		c->offer = 1;
	}
	return (!evtls_stopped(c));
}

/*
 * Who connects and says nothing, or a byte now and then, is not worth a TLS
 * state of tens of KiB: that is made when the first record has come.  Returns
 * whether it has; it is where the passes look for it.
 */
static int
hello(struct evtls *c)
{
	struct evtls_bufs	*b = evtls_bufs();
	enum end		 end;
	size_t			 got;

	/* A preface may have found more than one record. */
	if (!hello_whole(evtls_kept_data(&c->in), c->in.len)) {
		end = receive(c, b->sealed_in, HELLO_MAX - c->in.len, &got);
		if (evtls_kept_add(&c->in, b->sealed_in, got) == -1) {
			evtls_finish(c, EVTLS_ERROR, "no memory");
			return (0);
		}
		if (!hello_whole(evtls_kept_data(&c->in), c->in.len)) {
			input_end(c, end);
			return (0);
		}
	}
	if (evtls_tls_accept(c) == -1) {
		evtls_finish(c, EVTLS_ERROR, "no memory for TLS");
		return (0);
	}
	return (1);
}

/* A whole record (RFC 8446, 5.1), or what libtls will refuse as none. */
static int
hello_whole(const uint8_t *p, size_t len)
{
	size_t	 n;

	if (len > 0 && p[0] != RECORD_HANDSHAKE)
		return (1);
	if (len < RECORD_HEAD)
		return (0);
	n = (size_t)p[3] << 8 | p[4];
	return (n > EVTLS_RECORD || len >= RECORD_HEAD + n);
}

/* The first step: plain is ready as it is, a TLS client says hello. */
void
evtls_begin(struct evtls *c)
{
	enum end	end = END_OPEN;

	if (c->secure)
		end = handshake(c);
	else {
		c->ready = 1;
		c->ops->ready(c, c->arg);
	}
	if (evtls_gone(c))
		return;
	evtls_flush(c);
	input_end(c, end);
}

static enum end
handshake(struct evtls *c)
{
	switch (evtls_tls_handshake(c)) {
	case EVTLS_IO_OK:
		if (evtls_gone(c))	/* freed by its signer */
			return (END_OPEN);
		c->ready = 1;
		c->ops->ready(c, c->arg);
		if (!evtls_gone(c) && c->want)
			event_active(c->wr, EV_WRITE, 1);
		return (END_OPEN);
	case EVTLS_IO_ERROR:
		return (END_TLS);
	default:
		return (END_OPEN);
	}
}

/* What is to be opened: what is kept, if that will do, or with more. */
static enum end
sealed_load(struct evtls *c)
{
	uint8_t		*buf = evtls_bufs()->sealed_in;
	enum end	 end;
	size_t		 kept = c->in.len, max, rest, got;

	if (evtls_kept_whole(c)) {
		c->src = evtls_kept_data(&c->in);
		c->srclen = kept;
		return (END_OPEN);
	}
	if (kept > 0) {
		memcpy(buf, evtls_kept_data(&c->in), kept);
		evtls_kept_drain(&c->in, kept);
	}
	max = room(c->left.len + kept);
	/* A record comes as a whole: to wait for it by bytes helps nobody. */
	if (c->record != NULL && (rest = tls_record_rest(buf, kept)) > max)
		max = rest;
	end = receive(c, buf + kept, max, &got);
	c->src = buf;
	c->srclen = kept + got;
	return (end);
}

static void
input_tls(struct evtls *c)
{
	struct evtls_bufs	*b = evtls_bufs();
	enum end		 end, e;
	size_t			 len;

	if (c->out.len > EVTLS_SEALED) {
		/* It makes us answer and does not read the answers. */
		c->held = 1;
		event_del(c->rd);
		return;
	}
	end = sealed_load(c);
	len = left_load(c);
	if (!c->ready && end == END_OPEN)
		end = handshake(c);
	if (c->ready && end != END_TLS && !evtls_gone(c)) {
		/* After the end of TCP too: close_notify may have come. */
		e = open_records(c, &len);
		if (e != END_OPEN)
			end = e;
	}
	if (evtls_gone(c))
		return;
	evtls_flush(c);
	if (evtls_kept_set(&c->left, b->plain_in, len) == -1 ||
	    evtls_kept_set(&c->in, c->src, c->srclen) == -1)
		evtls_finish(c, EVTLS_ERROR, "no memory");
	c->src = NULL;
	c->srclen = 0;
	input_end(c, end);
}

/*
 * Open what has come, and show it to the owner together, who can pass it on
 * together then.  What the owner leaves stays in front of what comes.
 */
static enum end
open_records(struct evtls *c, size_t *len)
{
	struct evtls_bufs	*b = evtls_bufs();
	enum evtls_io		 io = EVTLS_IO_OK;
	size_t			 got, fresh = 0;

	while (!evtls_stopped(c)) {
		io = evtls_tls_read(c, b->plain_in + *len,
		    sizeof(b->plain_in) - *len, &got);
		if (io != EVTLS_IO_OK)
			break;
		*len += got;
		fresh += got;
		if (fresh >= EVTLS_RECV) {
			*len = offer(c, *len);
			fresh = 0;
		}
	}
	if (!evtls_stopped(c) && *len > 0 && (fresh > 0 || c->offer))
		*len = offer(c, *len);
	if (io == EVTLS_IO_EOF)
		return (END_EOF);
	return (io == EVTLS_IO_ERROR ? END_TLS : END_OPEN);
}

static void
input_plain(struct evtls *c)
{
	struct evtls_bufs	*b = evtls_bufs();
	enum end		 end;
	size_t			 len, got;

	if (!c->ready)
		evtls_begin(c);
	if (evtls_stopped(c))
		return;
	len = left_load(c);
	end = receive(c, b->plain_in + len, room(len), &got);
	len += got;
	if (got > 0 || (c->offer && len > 0))
		len = offer(c, len);
	if (evtls_gone(c))
		return;
	if (evtls_kept_set(&c->left, b->plain_in, len) == -1)
		evtls_finish(c, EVTLS_ERROR, "no memory");
	input_end(c, end);
}

/* What an owner has left, and all that comes, it may leave once more. */
static size_t
room(size_t left)
{
	if (left + EVTLS_RECV <= EVTLS_BATCH)
		return (EVTLS_RECV);
	return (left < EVTLS_BATCH ? EVTLS_BATCH - left : 1);
}

/*
 * One recv(2).  If a send failed before and there is nothing to read, no
 * more will come.
 */
static enum end
receive(struct evtls *c, uint8_t *buf, size_t len, size_t *got)
{
	ssize_t	n;

	*got = 0;
	if (c->eof)
		return (END_OPEN);
	if ((n = recv(c->fd, buf, len, 0)) > 0) {
		*got = n;
		return (END_OPEN);
	}
	if (n == 0)
		return (!c->secure && c->neterr == 0 ? END_EOF : END_CUT);
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return (c->neterr == 0 ? END_OPEN : END_NET);
	c->neterr = errno;
	return (END_NET);
}

static size_t
left_load(struct evtls *c)
{
	size_t	len = c->left.len;

	if (len > 0) {
		memcpy(evtls_bufs()->plain_in, evtls_kept_data(&c->left), len);
		evtls_kept_drain(&c->left, len);
	}
	return (len);
}

/* Show the plain bytes to the owner; returns how many it leaves. */
static size_t
offer(struct evtls *c, size_t len)
{
	uint8_t	*buf = evtls_bufs()->plain_in;
	size_t	 n;

	do {
		c->offer = 0;
		n = c->ops->input(c, c->arg, buf, len);
		if (evtls_gone(c))
			return (0);
		if (n >= len)
			return (0);
		len -= n;
		if (n > 0)
			memmove(buf, buf + n, len);
	} while (c->offer && !evtls_stopped(c));
	if (len > EVTLS_BATCH) {
		evtls_finish(c, EVTLS_ERROR, "too much input was left");
		return (0);
	}
	return (len);
}

/*
 * One that is paused will find its end again, and looks for it even if
 * nothing more comes: TLS ends with a record.
 */
static void
input_end(struct evtls *c, enum end end)
{
	if (evtls_stopped(c)) {
		if (end != END_OPEN)
			c->found = 1;
		return;
	}
	c->found = 0;
	if (end == END_OPEN) {
		/* A send has failed: read on, up to the end. */
		if (c->neterr != 0)
			event_active(c->rd, EV_READ, 1);
		return;
	}
	if (end == END_EOF && c->ready && c->ops->eof != NULL) {
		if (c->eof)
			return;
		c->eof = 1;
		event_del(c->rd);
		c->ops->eof(c, c->arg);
		return;
	}
	/* A send often fails first; that the peer has gone says nothing. */
	if (end == END_CUT && c->neterr != 0 && c->neterr != EPIPE)
		end = END_NET;
	switch (end) {
	case END_EOF:
		evtls_finish(c, EVTLS_EOF, "closed by peer");
		break;
	case END_CUT:
		evtls_finish(c, c->ready && c->neterr == 0 ? EVTLS_CUT :
		    EVTLS_ERROR, c->ready ? "connection cut" :
		    "connection cut in the TLS handshake");
		break;
	case END_NET:
		evtls_finish(c, EVTLS_ERROR, strerror(c->neterr));
		break;
	default:
		evtls_finish(c, EVTLS_ERROR, c->text == NULL ? "TLS failed" :
		    c->text);
		break;
	}
}

/*
 * All is sent.  To close now, with something of the peer's unread, would
 * reset the connection and might take our last bytes away from it.  One that
 * sends and sends is not read for ever: until the time is over it may still
 * read what we have said.
 */
static void
linger(struct evtls *c)
{
	struct evtls_bufs	*b = evtls_bufs();
	ssize_t			 n;

	while (c->dropped < LINGER_MAX) {
		n = recv(c->fd, b->sealed_in, LINGER_MAX - c->dropped, 0);
		if (n > 0) {
			c->dropped += n;
			continue;
		}
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == EINTR))
			return;
		evtls_finish(c, EVTLS_CLOSED, "closed");
		return;
	}
	event_del(c->rd);
}
