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

/* The largest must fit, even beside the parts of another. */
_Static_assert(MUX_DGRAM_SCARCE >= 2 * MUX_DGRAM_MAX - MUX_DATA_MAX +
    DGRAM_HEAD, "MUX_DGRAM_SCARCE");

/* Parts that came are put together here, one datagram at a time. */
static uint8_t	 whole[MUX_DGRAM_MAX];

static size_t	dgram_oldest(const struct mux_queue *);
static int	dgram_put(struct mux_stream *, struct mux_queue *,
		    const void *, size_t, uint64_t *);
static int	dgram_begin(struct mux *, struct mux_dgram *, uint8_t *,
		    size_t *);
static void	dgram_deliver(struct mux_stream *, const uint8_t *, size_t);

struct mux_dgram *
mux_dgram_new(void)
{
	struct mux_dgram	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
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

static size_t
dgram_used(const struct mux_stream *s)
{
	const struct mux_dgram	*d = s->dgram;

	return (s->queue.len + d->out.len + d->going.len + d->coming.len);
}

/* Something has gone. */
static void
dgram_release(struct mux_stream *s)
{
	if (s->window > MUX_DGRAM_BASE && dgram_used(s) == 0)
		mux_stream_release(s);
}

/*
 * Add one, at the cost of the oldest.  -1: there is no memory for it, and
 * none of the others is left.
 */
static int
dgram_put(struct mux_stream *s, struct mux_queue *q, const void *p, size_t n,
    uint64_t *lost)
{
	uint32_t	 len = n;
	size_t		 need = DGRAM_HEAD + n;

	while (q->len + need > MUX_DGRAM_QUEUE ||
	    mux_stream_reserve(s, dgram_used(s) + need) == -1) {
		(*lost)++;
		if (q->len == 0)
			return (-1);
		mux_queue_drain(q, DGRAM_HEAD + dgram_oldest(q));
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
		ret = dgram_put(s, &d->out, p, n, &d->lost_out);
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
	dgram_release(s);
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

/* Hand it to the owner, or keep it for the owner. */
static void
dgram_deliver(struct mux_stream *s, const uint8_t *p, size_t n)
{
	struct mux		*m = s->mux;
	struct mux_dgram	*d = s->dgram;
	size_t			 len = s->queue.len;
	uint64_t		 lost = d->lost_in;

	if (s->meter != NULL && !meter_pass(s->meter, n, m->now)) {
		d->lost_in++;
		m->lost++;
		return;
	}
	if (len == 0 && s->ops->datagram != NULL &&
	    s->ops->datagram(s, s->arg, p, n))
		return;
	if (s->flags & STREAM_DEAD)
		return;
	(void)dgram_put(s, &s->queue, p, n, &d->lost_in);
	m->queued += s->queue.len - len;
	m->lost += d->lost_in - lost;
}

/* A part; without room for it all of the datagram is given up. */
static void
dgram_part(struct mux_stream *s, const uint8_t *p, size_t n)
{
	struct mux_dgram	*d = s->dgram;

	d->parts = 1;
	if (d->given_up || n == 0)
		return;
	if (mux_stream_reserve(s, dgram_used(s) + n) == -1 ||
	    mux_queue_add(&d->coming, p, n) == -1) {
		mux_queue_clear(&d->coming);
		d->given_up = 1;
		d->lost_in++;
		s->mux->lost++;
	}
}

/* The last part has come: deliver the whole, if it is whole. */
static void
dgram_whole(struct mux_stream *s)
{
	struct mux_dgram	*d = s->dgram;
	int			 given_up = d->given_up;
	size_t			 n;

	n = mux_queue_read(&d->coming, whole, sizeof(whole));
	d->parts = d->given_up = 0;
	d->part_len = 0;
	if (!given_up)
		dgram_deliver(s, whole, n);
}

int
mux_dgram_data(struct mux_stream *s, const uint8_t *p, size_t n, int flags)
{
	struct mux		*m = s->mux;
	struct mux_dgram	*d = s->dgram;

	if (flags & MUX_PART && (n == 0 || flags & MUX_FIN))
		return (mux_fail(m, "empty part of a datagram"));
	if (n > MUX_DGRAM_MAX - d->part_len)
		return (mux_fail(m, "datagram too long"));
	s->in += n;
	m->in += n;
	if (flags & MUX_PART || d->parts) {
		d->part_len += n;
		dgram_part(s, p, n);
		if (flags & MUX_PART)
			return (0);
		dgram_whole(s);
	} else if (n > 0 || !(flags & MUX_FIN))
		/* FIN alone is no datagram. */
		dgram_deliver(s, p, n);
	if (s->flags & STREAM_DEAD)
		return (0);
	dgram_release(s);
	if (flags & MUX_FIN)
		mux_stream_fin(s);
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
	dgram_release(s);
	mux_stream_check_done(s);
}

void
mux_dgram_lost(const struct mux_stream *s, uint64_t *in, uint64_t *out)
{
	*in = s->dgram == NULL ? 0 : s->dgram->lost_in;
	*out = s->dgram == NULL ? 0 : s->dgram->lost_out;
}
