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
 * What comes on a stream of bytes: to its owner, or into its queue until the
 * owner takes it.
 */

#include "compat.h"

#include "mux_internal.h"

#define MINIMUM(a, b)	((a) < (b) ? (a) : (b))

static int
stream_queue(struct mux_stream *s, const uint8_t *p, size_t n)
{
	size_t	 before = s->queue.len;
	int	 ret;

	ret = mux_queue_add(&s->queue, p, n);
	s->mux->queued += s->queue.len - before;
	return (ret);
}

/*
 * Frames that came together wait for each other, where they are, until they
 * are given to the owner at once.  There is one such stream at a time.
 */
static struct iovec	 loan[MUX_LOAN_MAX];
static int		 nloan;

void
mux_stream_settle(struct mux *m)
{
	struct mux_stream	*s = m->loan;
	size_t			 taken, len;
	int			 i;

	if (s == NULL)
		return;
	m->loan = NULL;
	taken = s->ops->inputv(s, s->arg, loan, nloan);
	if (s->flags & STREAM_DEAD)
		return;
	mux_stream_took(s, taken);
	for (i = 0; i < nloan; i++) {
		len = MINIMUM(taken, loan[i].iov_len);
		taken -= len;
		if (len < loan[i].iov_len && stream_queue(s,
		    (uint8_t *)loan[i].iov_base + len,
		    loan[i].iov_len - len) == -1) {
			mux_stream_abort(s, MUX_CODE_INTERNAL,
			    "out of memory");
			return;
		}
	}
}

static void
stream_loan(struct mux_stream *s, const uint8_t *p, size_t n, int flags)
{
	struct mux	*m = s->mux;

	if (m->loan != s) {
		mux_stream_settle(m);
		m->loan = s;
		nloan = 0;
	}
	loan[nloan].iov_base = __DECONST(void *, p);
	loan[nloan++].iov_len = n;
	if (nloan == MUX_LOAN_MAX || flags & MUX_FIN)
		mux_stream_settle(m);
	if (flags & MUX_FIN && (s->flags & STREAM_DEAD) == 0)
		mux_stream_fin(s);
}

/*
 * Is it one of those that carry little, at the time?  On a slow path all do:
 * so it must be little of what the link has carried since it came last.  And
 * bulk that was held up goes on with a little: so it must be so some times.
 */
static void
stream_came(struct mux_stream *s, size_t n)
{
	struct mux	*m = s->mux;
	uint64_t	 forgiven = (uint64_t)((uint32_t)m->now - s->came_at) *
			    MUX_SPARSE;
	uint32_t	 since = (uint32_t)m->in - s->came_in;

	s->recent_in = forgiven < s->recent_in ? s->recent_in - forgiven : 0;
	s->recent_in = MINIMUM(s->recent_in + n, MUX_RECENT_MAX);
	s->came_at = m->now;
	s->came_in = m->in;
	if (s->recent_in >= MUX_DATA_MAX)
		s->few = 0;
	else if (since / MUX_SPARSE_PART >= n &&
	    (s->few == MUX_SPARSE_TIMES || ++s->few == MUX_SPARSE_TIMES)) {
		m->sparse_at = m->now;
		m->sparse_id = s->id;
	}
}

int
mux_stream_data(struct mux_stream *s, const uint8_t *p, size_t n, int flags)
{
	struct mux	*m = s->mux;
	size_t		 taken = 0;

	if (m->loan == s && n < MUX_LOAN_MIN)
		mux_stream_settle(m);
	if (s->flags & STREAM_DEAD)
		return (0);
	if (s->flags & STREAM_FIN_IN)
		return (mux_fail(m, "data after fin"));
	if ((s->flags & (STREAM_OURS | STREAM_ACCEPTED)) == STREAM_OURS)
		return (mux_fail(m, "data before accept"));
	if (s->dgram != NULL)
		return (mux_dgram_data(s, p, n, flags));
	if (flags & MUX_PART)
		return (mux_fail(m, "part of no datagram"));
	if (n == 0 && !(flags & MUX_FIN))
		return (mux_fail(m, "empty data"));
	if (n > s->arriving)
		return (mux_fail(m, "credit exceeded"));
	s->arriving -= n;
	s->in += n;
	m->in += n;
	stream_came(s, n);
	if (s->meter != NULL)
		meter_came(s->meter, n, m->now);
	if (n >= MUX_LOAN_MIN && s->queue.len == 0 && s->ops->inputv != NULL) {
		stream_loan(s, p, n, flags);
		return (0);
	}
	if (n > 0 && s->queue.len == 0 && s->ops->input != NULL) {
		taken = s->ops->input(s, s->arg, p, n);
		if (s->flags & STREAM_DEAD)
			return (0);
		taken = MINIMUM(taken, n);
	}
	if (taken < n && stream_queue(s, p + taken, n - taken) == -1) {
		mux_stream_abort(s, MUX_CODE_INTERNAL, "out of memory");
		return (0);
	}
	mux_stream_took(s, taken);
	if (flags & MUX_FIN)
		mux_stream_fin(s);
	return (0);
}

int
mux_peek(const struct mux_stream *s, struct iovec *iov, int n)
{
	return (s->dgram != NULL ? 0 : mux_queue_peek(&s->queue, iov, n));
}

void
mux_drain(struct mux_stream *s, size_t n)
{
	if (s->dgram != NULL)
		return;
	n = mux_queue_drain(&s->queue, n);
	s->mux->queued -= n;
	mux_stream_took(s, n);
}

size_t
mux_read(struct mux_stream *s, uint8_t *buf, size_t n)
{
	if (s->dgram != NULL)
		return (0);
	n = mux_queue_read(&s->queue, buf, n);
	s->mux->queued -= n;
	mux_stream_took(s, n);
	return (n);
}

size_t
mux_queued(const struct mux_stream *s)
{
	return (s->queue.len);
}

int
mux_eof(const struct mux_stream *s)
{
	return ((s->flags & (STREAM_FIN_IN | STREAM_BROKEN)) ==
	    STREAM_FIN_IN && s->queue.len == 0);
}

int
mux_stream_dgram(const struct mux_stream *s)
{
	return (s->dgram != NULL);
}

uint32_t
mux_stream_id(const struct mux_stream *s)
{
	return (s->id);
}

uint64_t
mux_stream_in(const struct mux_stream *s)
{
	return (s->in);
}

uint64_t
mux_stream_out(const struct mux_stream *s)
{
	return (s->out);
}
