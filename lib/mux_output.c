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
 * The frames that go out: what the streams owe first, then data, a turn of
 * each stream that has some, round and round.
 */

#include "compat.h"

#include <sys/uio.h>

#include <stdlib.h>
#include <string.h>

#include "mux_internal.h"

/* Where frames go: so far apart, at most so many. */
struct run {
	uint8_t		*buf;
	size_t		 stride;
	int		 max;
	size_t		 last;		/* length of the last one */
};

/*
 * Ask to be called, once: the owner then calls mux_output until there is
 * nothing more, though not all at one time.
 */
void
mux_want(struct mux *m)
{
	if (m->asked || m->in_output || m->closing || m->error != NULL)
		return;
	m->asked = 1;
	if (m->cfg.ops->want_output != NULL)
		m->cfg.ops->want_output(m, m->cfg.arg);
}

static uint32_t
ring_recent(const struct mux *m, const struct mux_stream *s)
{
	uint64_t	 forgiven = (uint64_t)((uint32_t)m->now - s->sent_at) *
			    MUX_SPARSE;

	return (forgiven < s->recent ? s->recent - forgiven : 0);
}

void
mux_ring_add(struct mux *m, struct mux_stream *s)
{
	s->flags |= STREAM_RING;
	s->flags &= ~STREAM_SPARSE;
	s->sent = 0;
	m->ring_count++;
	if (ring_recent(m, s) < m->cfg.data_max) {
		s->flags |= STREAM_SPARSE;
		TAILQ_INSERT_TAIL(&m->sparse, s, turn);
	} else
		TAILQ_INSERT_TAIL(&m->ring, s, turn);
	mux_want(m);
}

void
mux_ring_sent(struct mux *m, struct mux_stream *s, size_t n)
{
	s->recent = ring_recent(m, s) + n;
	if (s->recent > MUX_RECENT_MAX)
		s->recent = MUX_RECENT_MAX;
	s->sent_at = m->now;
	s->sent += n;
}

void
mux_ring_again(struct mux *m, struct mux_stream *s)
{
	s->flags |= STREAM_RING;
	m->ring_count++;
	if (s->sent < MUX_TURN && (s->flags & STREAM_SPARSE) == 0)
		TAILQ_INSERT_HEAD(&m->ring, s, turn);
	else {
		s->flags &= ~STREAM_SPARSE;
		s->sent = 0;
		TAILQ_INSERT_TAIL(&m->ring, s, turn);
	}
}

void
mux_ring_remove(struct mux *m, struct mux_stream *s)
{
	if ((s->flags & STREAM_RING) == 0)
		return;
	if (s->flags & STREAM_SPARSE)
		TAILQ_REMOVE(&m->sparse, s, turn);
	else
		TAILQ_REMOVE(&m->ring, s, turn);
	s->flags &= ~(STREAM_RING | STREAM_SPARSE);
	m->ring_count--;
}

/* Whose frame is next; it is out of the ring then, its turn is not over. */
static struct mux_stream *
ring_next(struct mux *m)
{
	struct mux_stream	*s = TAILQ_FIRST(&m->ring);
	struct mux_stream	*sparse = TAILQ_FIRST(&m->sparse);

	if (sparse != NULL && (s == NULL || m->sparse_run < MUX_SPARSE_RUN)) {
		m->sparse_run++;
		mux_ring_remove(m, sparse);
		sparse->flags |= STREAM_SPARSE;
		return (sparse);
	}
	m->sparse_run = 0;
	if (s != NULL)
		mux_ring_remove(m, s);
	return (s);
}

/* A waiting payload becomes a frame. */
static size_t
output_payload(uint8_t *buf, uint8_t type, uint32_t id, uint8_t **p, size_t n)
{
	mux_head_put(buf, type, 0, id);
	memcpy(buf + MUX_HEAD_LEN, *p, n);
	free(*p);
	*p = NULL;
	return (MUX_HEAD_LEN + n);
}

static size_t
output_credit(uint8_t *buf, uint8_t type, uint32_t id, uint32_t credit)
{
	mux_head_put(buf, type, 0, id);
	return (MUX_HEAD_LEN + mux_credit_put(buf + MUX_HEAD_LEN, 4, credit));
}

static size_t
output_reset(uint8_t *buf, uint32_t id, uint16_t code)
{
	mux_head_put(buf, MUX_RESET, 0, id);
	return (MUX_HEAD_LEN + mux_reset_put(buf + MUX_HEAD_LEN, 2, code,
	    NULL));
}

static size_t
output_hello(struct mux *m, uint8_t *buf)
{
	struct mux_stream	*s;

	m->hello_done = 1;
	TAILQ_FOREACH(s, &m->streams, entry)
		mux_stream_grant_early(s);
	return (output_payload(buf, MUX_CONTROL, 0, &m->hello, m->hello_len));
}

static size_t
output_refused(struct mux *m, uint8_t *buf)
{
	struct mux_refused	 r = m->refused[m->refused_first];

	m->refused_first = (m->refused_first + 1) % m->refused_size;
	if (--m->refused_count == 0)
		mux_refused_free(m);
	return (output_reset(buf, r.id, r.code));
}

/* One frame that a stream owes; 0 if that has become pointless. */
static size_t
output_owed(struct mux *m, struct mux_stream *s, uint8_t *buf)
{
	uint32_t	 credit;

	if (s->owe & OWE_OPEN) {
		s->owe &= ~OWE_OPEN;
		s->fit_at = s->quick_since = m->now;
		return (output_payload(buf, MUX_OPEN, s->id, &s->owed,
		    s->owed_len));
	}
	if (s->owe & OWE_ACCEPT) {
		s->owe &= ~OWE_ACCEPT;
		return (output_credit(buf, MUX_ACCEPT, s->id,
		    mux_stream_grant_accept(s)));
	}
	if (s->owe & OWE_CREDIT) {
		s->owe &= ~OWE_CREDIT;
		if ((credit = mux_stream_grant_more(s)) == 0)
			return (0);
		return (output_credit(buf, MUX_CREDIT, s->id, credit));
	}
	if (s->owe & OWE_RESET) {
		s->owe &= ~OWE_RESET;
		if (s->owed == NULL)
			return (output_reset(buf, s->id, s->code));
		return (output_payload(buf, MUX_RESET, s->id, &s->owed,
		    s->owed_len));
	}
	return (0);
}

/* OPENs leave in the order of their ids: each stream begins at the tail. */
static size_t
output_control(struct mux *m, uint8_t *buf)
{
	struct mux_stream	*s;
	size_t			 n = 0;

	while (n == 0 && (s = TAILQ_FIRST(&m->control)) != NULL) {
		n = output_owed(m, s, buf);
		if (s->owe != 0)
			continue;
		s->flags &= ~STREAM_CONTROL;
		TAILQ_REMOVE(&m->control, s, control);
		if (s->flags & STREAM_DEAD)
			TAILQ_INSERT_TAIL(&m->dead, s, entry);
	}
	return (n);
}

/*
 * Back to where its turn is, if there is more to send.  The owner may have
 * called mux_ready before we knew of all of it: then it is at the tail.
 */
static void
output_again(struct mux *m, struct mux_stream *s)
{
	uint32_t	 sent = s->sent, sparse = s->flags & STREAM_SPARSE;

	mux_stream_arm(s);
	if ((s->flags & STREAM_RING) == 0)
		return;
	mux_ring_remove(m, s);
	s->sent = sent;
	s->flags |= sparse;
	mux_ring_again(m, s);
}

/* Have the stream fill frames, as many as it may; returns its bytes. */
static size_t
output_pull(struct mux *m, struct mux_stream *s, const struct run *run,
    enum mux_more *more)
{
	struct iovec	 iov[MUX_RUN_MAX];
	size_t		 left = m->cfg.data_max;
	int		 n;

	if (s->ops->pullv != NULL && (s->flags & STREAM_SPARSE) == 0)
		left *= run->max;
	if (left > s->allowance)
		left = s->allowance;
	if (s->pace != NULL && left > s->paced)
		left = s->paced;
	if (left > m->cfg.data_max) {
		for (n = 0; left > 0; n++) {
			iov[n].iov_base = run->buf + n * run->stride +
			    MUX_HEAD_LEN;
			iov[n].iov_len = left < m->cfg.data_max ? left :
			    m->cfg.data_max;
			left -= iov[n].iov_len;
		}
		return (s->ops->pullv(s, s->arg, iov, n, more));
	}
	return (s->ops->pull == NULL ? 0 : s->ops->pull(s, s->arg,
	    run->buf + MUX_HEAD_LEN, left, more));
}

/* Let one stream fill DATA frames; 0 if it had nothing. */
static int
output_stream(struct mux *m, struct mux_stream *s, struct run *run)
{
	enum mux_more	 more = MUX_IDLE;
	size_t		 n;
	int		 i, count;

	s->flags &= ~STREAM_READY;
	n = output_pull(m, s, run, &more);
	if (s->flags & STREAM_DEAD)
		return (0);
	s->allowance -= n;
	if (s->pace != NULL)
		s->paced -= n;
	s->out += n;
	m->out += n;
	mux_ring_sent(m, s, n);
	/* The owner may have called mux_ready before we knew. */
	if (more == MUX_LAST || s->allowance == 0 ||
	    (s->pace != NULL && s->paced == 0))
		mux_ring_remove(m, s);
	if (more == MUX_LAST) {
		s->flags |= STREAM_FIN_OUT;
		mux_stream_check_done(s);
	} else {
		/* More, yet nothing now, would go round for ever. */
		if (more == MUX_MORE && n > 0)
			s->flags |= STREAM_READY;
		output_again(m, s);
		if (n == 0)
			return (0);
	}
	count = n == 0 ? 1 : (n - 1) / m->cfg.data_max + 1;
	for (i = 0; i < count; i++)
		mux_head_put(run->buf + i * run->stride, MUX_DATA,
		    more == MUX_LAST && i == count - 1 ? MUX_FIN : 0, s->id);
	run->last = MUX_HEAD_LEN + n - (count - 1) * m->cfg.data_max;
	return (count);
}

static int
output_data(struct mux *m, struct run *run)
{
	struct mux_stream	*s;
	uint32_t		 turns = m->ring_count;
	int			 count = 0;

	for (; count == 0 && turns > 0; turns--) {
		if ((s = ring_next(m)) == NULL)
			break;
		if (s->dgram == NULL)
			count = output_stream(m, s, run);
		else if ((run->last = mux_dgram_output(m, s, run->buf)) > 0)
			count = 1;
	}
	return (count);
}

static int
output_pending(const struct mux *m)
{
	if (!m->hello_done)
		return (m->hello != NULL);
	return (m->goaway != NULL || m->refused != NULL ||
	    !TAILQ_EMPTY(&m->control) || m->ring_count > 0);
}

/* What goes before data; its length. */
static size_t
output_first(struct mux *m, uint8_t *buf)
{
	if (!m->hello_done)
		return (m->hello != NULL ? output_hello(m, buf) : 0);
	if (m->goaway != NULL)
		return (output_payload(buf, MUX_CONTROL, 0, &m->goaway,
		    m->goaway_len));
	if (m->refused != NULL)
		return (output_refused(m, buf));
	return (output_control(m, buf));
}

static int
output_run(struct mux *m, struct run *run, uint64_t now)
{
	int		 count = 1;

	if (m->error != NULL)
		return (0);
	if (m->depth > 0) {
		/* What a callback holds is in no count of credit yet. */
		m->asked = 0;
		mux_want(m);
		return (0);
	}
	if (now > m->now)
		m->now = now;
	mux_enter(m);
	mux_stream_settle(m);
	m->in_output = 1;
	if ((run->last = output_first(m, run->buf)) == 0)
		count = m->hello_done ? output_data(m, run) : 0;
	m->in_output = 0;
	m->asked = count > 0;
	mux_leave(m);
	/* Pulling may have made work for others whose turn was over. */
	if (count == 0 && output_pending(m))
		mux_want(m);
	return (count);
}

size_t
mux_output(struct mux *m, uint8_t *buf, size_t cap, uint64_t now)
{
	struct run	 run = { .buf = buf, .max = 1 };

	if (cap < MUX_FRAME_MAX || output_run(m, &run, now) == 0)
		return (0);
	return (run.last);
}

int
mux_output_run(struct mux *m, uint8_t *buf, size_t cap, size_t gap,
    uint64_t now, size_t *last)
{
	struct run	 run = { .buf = buf + gap };
	int		 count;

	if (cap < gap + MUX_FRAME_MAX)
		return (0);
	run.stride = gap + MUX_HEAD_LEN + m->cfg.data_max;
	run.max = 1 + (cap - gap - MUX_FRAME_MAX) / run.stride;
	if (run.max > MUX_RUN_MAX)
		run.max = MUX_RUN_MAX;
	count = output_run(m, &run, now);
	*last = run.last;
	return (count);
}
