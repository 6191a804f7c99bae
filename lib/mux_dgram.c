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
 * Datagram streams: each datagram is a DATA frame, or several of which all
 * but the last say PART.  What does not fit into a queue pushes out what has
 * waited longest; one that has partly left is no longer in the queue, so that
 * the peer always gets whole ones.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "mux_internal.h"

#define DGRAM_HEAD	sizeof(uint32_t)	/* the length, in a queue */

/* The largest must fit into an empty queue. */
_Static_assert(MUX_DGRAM_QUEUE_MIN - MUX_DGRAM_MAX >=
    MUX_DGRAM_MAX + DGRAM_HEAD, "MUX_DGRAM_QUEUE_MIN");

/* Parts that came are put together here, one datagram at a time. */
static uint8_t	 whole[MUX_DGRAM_MAX];

static size_t	dgram_oldest(const struct mux_queue *);
static int	dgram_put(struct mux_queue *, size_t, const void *, size_t,
		    uint64_t *);
static int	dgram_begin(struct mux *, struct mux_dgram *, uint8_t *,
		    size_t *);
static int	dgram_deliver(struct mux_stream *, const uint8_t *, size_t);

struct mux_dgram *
mux_dgram_new(size_t size)
{
	struct mux_dgram	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	/* Beside the many there may be one in parts. */
	d->limit = size - MUX_DGRAM_MAX;
	d->out.large = d->going.large = d->coming.large = 1;
	return (d);
}

void
mux_dgram_clear(struct mux_dgram *d)
{
	mux_queue_clear(&d->out);
	mux_queue_clear(&d->going);
	mux_queue_clear(&d->coming);
}

void
mux_dgram_free(struct mux_dgram *d)
{
	if (d == NULL)
		return;
	mux_dgram_clear(d);
	free(d);
}

/* ---- Queues ------------------------------------------------------------- */

/* The length of the first in a queue that is not empty. */
static size_t
dgram_oldest(const struct mux_queue *q)
{
	struct iovec	 iov[2];
	uint32_t	 len;
	size_t		 n;
	int		 niov;

	niov = mux_queue_peek(q, iov, 2);
	n = iov[0].iov_len < DGRAM_HEAD ? iov[0].iov_len : DGRAM_HEAD;
	memcpy(&len, iov[0].iov_base, n);
	if (n < DGRAM_HEAD && niov > 1)
		memcpy((uint8_t *)&len + n, iov[1].iov_base, DGRAM_HEAD - n);
	return (len);
}

/* Add one, at the cost of the oldest.  -1 without memory: all are lost. */
static int
dgram_put(struct mux_queue *q, size_t limit, const void *p, size_t n,
    uint64_t *lost)
{
	uint32_t	 len = n;

	while (q->len > 0 && q->len + DGRAM_HEAD + n > limit) {
		mux_queue_drain(q, DGRAM_HEAD + dgram_oldest(q));
		(*lost)++;
	}
	if (mux_queue_add(q, (const uint8_t *)&len, DGRAM_HEAD) == 0 &&
	    mux_queue_add(q, p, n) == 0)
		return (0);
	mux_queue_clear(q);
	(*lost)++;
	return (-1);
}

/* ---- Out ---------------------------------------------------------------- */

int
mux_dgram_send(struct mux_stream *s, const void *p, size_t n)
{
	struct mux_dgram	*d = s->dgram;
	uint64_t		 before;
	int			 ret = -1;

	if (d == NULL || s->flags & STREAM_DEAD)
		return (-1);
	before = d->lost_out;
	if (n > MUX_DGRAM_MAX || d->ending ||
	    (s->pace != NULL && !meter_pass(s->pace, n, s->mux->now)))
		d->lost_out++;
	else
		ret = dgram_put(&d->out, d->limit, p, n, &d->lost_out);
	s->mux->lost += d->lost_out - before;
	mux_ready(s);
	return (ret);
}

void
mux_dgram_end(struct mux_stream *s)
{
	if (s->dgram == NULL)
		return;
	s->dgram->ending = 1;
	mux_ready(s);
}

/*
 * Take the oldest out: as much as a frame holds goes into it, and the rest
 * out of the reach of those that come later.  -1 without memory.
 */
static int
dgram_begin(struct mux *m, struct mux_dgram *d, uint8_t *buf, size_t *n)
{
	struct iovec	 iov;
	size_t		 left = dgram_oldest(&d->out);

	mux_queue_drain(&d->out, DGRAM_HEAD);
	*n = left < m->cfg.data_max ? left : m->cfg.data_max;
	mux_queue_read(&d->out, buf, *n);
	for (left -= *n; left > 0; left -= iov.iov_len) {
		mux_queue_peek(&d->out, &iov, 1);
		if (iov.iov_len > left)
			iov.iov_len = left;
		if (mux_queue_add(&d->going, iov.iov_base, iov.iov_len) ==
		    -1) {
			mux_queue_clear(&d->going);
			mux_queue_drain(&d->out, left);
			d->lost_out++;
			m->lost++;
			return (-1);
		}
		mux_queue_drain(&d->out, iov.iov_len);
	}
	return (0);
}

size_t
mux_dgram_output(struct mux *m, struct mux_stream *s, uint8_t *buf)
{
	struct mux_dgram	*d = s->dgram;
	size_t			 n = 0;
	uint8_t			 flags = 0;

	s->flags &= ~STREAM_READY;
	if (d->going.len > 0)
		n = mux_queue_read(&d->going, buf + MUX_HEAD_LEN,
		    m->cfg.data_max);
	else if (d->out.len > 0) {
		if (dgram_begin(m, d, buf + MUX_HEAD_LEN, &n) == -1) {
			mux_ready(s);
			return (0);
		}
	} else if (d->ending) {
		flags = MUX_FIN;
		s->flags |= STREAM_FIN_OUT;
		mux_stream_check_done(s);
	} else
		return (0);
	if (d->going.len > 0)
		flags |= MUX_PART;
	mux_head_put(buf, MUX_DATA, flags, s->id);
	s->out += n;
	m->out += n;
	n += MUX_HEAD_LEN;
	/* Its share is as many bytes as others', not as many frames. */
	mux_ring_sent(m, s, n);
	if (flags & MUX_FIN)
		return (n);
	if (d->going.len == 0 && d->out.len == 0 && !d->ending) {
		if (s->ops->drained != NULL)
			s->ops->drained(s, s->arg);
	} else {
		s->flags |= STREAM_READY;
		mux_ring_again(m, s);
	}
	return (n);
}

/* ---- In ----------------------------------------------------------------- */

/* Hand it to the owner, or keep it for the owner.  -1 without memory. */
static int
dgram_deliver(struct mux_stream *s, const uint8_t *p, size_t n)
{
	struct mux		*m = s->mux;
	struct mux_dgram	*d = s->dgram;
	size_t			 len = s->queue.len;
	uint64_t		 lost = d->lost_in;
	int			 ret;

	if (s->meter != NULL && !meter_pass(s->meter, n, m->now)) {
		d->lost_in++;
		m->lost++;
		return (0);
	}
	if (len == 0 && s->ops->datagram != NULL &&
	    s->ops->datagram(s, s->arg, p, n))
		return (0);
	if (s->flags & STREAM_DEAD)
		return (0);
	ret = dgram_put(&s->queue, d->limit, p, n, &d->lost_in);
	m->queued += s->queue.len - len;
	m->lost += d->lost_in - lost;
	return (ret);
}

int
mux_dgram_data(struct mux_stream *s, const uint8_t *p, size_t n, int flags)
{
	struct mux		*m = s->mux;
	struct mux_dgram	*d = s->dgram;
	int			 parts = d->coming.len > 0;

	if (flags & MUX_PART && (n == 0 || flags & MUX_FIN))
		return (mux_fail(m, "empty part of a datagram"));
	if (n > MUX_DGRAM_MAX - d->coming.len)
		return (mux_fail(m, "datagram too long"));
	s->in += n;
	m->in += n;
	if ((flags & MUX_PART || parts) &&
	    mux_queue_add(&d->coming, p, n) == -1)
		goto fail;
	if (flags & MUX_PART)
		return (0);
	if (parts) {
		n = mux_queue_read(&d->coming, whole, sizeof(whole));
		p = whole;
	}
	/* FIN alone is no datagram. */
	if ((n > 0 || parts || !(flags & MUX_FIN)) &&
	    dgram_deliver(s, p, n) == -1)
		goto fail;
	if (flags & MUX_FIN && !(s->flags & STREAM_DEAD))
		mux_stream_fin(s);
	return (0);
 fail:
	mux_stream_abort(s, MUX_CODE_INTERNAL, "out of memory");
	return (0);
}

int
mux_dgram_peek(const struct mux_stream *s, struct iovec *iov)
{
	struct iovec	 all[MUX_DGRAM_IOVS + 1];
	size_t		 skip = DGRAM_HEAD, left, len;
	int		 i, n, niov = 0;

	if (s->dgram == NULL || s->queue.len == 0)
		return (-1);
	left = dgram_oldest(&s->queue);
	n = mux_queue_peek(&s->queue, all, MUX_DGRAM_IOVS + 1);
	for (i = 0; i < n && left > 0; i++) {
		len = all[i].iov_len;
		if (len <= skip) {
			skip -= len;
			continue;
		}
		iov[niov].iov_base = (uint8_t *)all[i].iov_base + skip;
		len -= skip;
		skip = 0;
		iov[niov].iov_len = len < left ? len : left;
		left -= iov[niov++].iov_len;
	}
	return (niov);
}

void
mux_dgram_drop(struct mux_stream *s)
{
	size_t	 n;

	if (s->dgram == NULL || s->queue.len == 0)
		return;
	n = mux_queue_drain(&s->queue, DGRAM_HEAD + dgram_oldest(&s->queue));
	s->mux->queued -= n;
	mux_stream_check_done(s);
}

void
mux_dgram_lost(const struct mux_stream *s, uint64_t *in, uint64_t *out)
{
	*in = s->dgram == NULL ? 0 : s->dgram->lost_in;
	*out = s->dgram == NULL ? 0 : s->dgram->lost_out;
}
