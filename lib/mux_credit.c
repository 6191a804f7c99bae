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
 * What streams let the peer send.
 *
 * Credit is memory promised: nothing is granted that was not reserved from
 * the budgets first, and what was reserved goes back when the stream ends,
 * or has nothing more to receive.
 */

#include "compat.h"

#include "mux_internal.h"

#define MINIMUM(a, b)	((a) < (b) ? (a) : (b))
#define MAXIMUM(a, b)	((a) > (b) ? (a) : (b))

static void	stream_fit(struct mux_stream *, uint32_t);

/* Who has much of a budget leaves the last quarter to who has little. */
static int
holder_may(const struct mux *m, size_t n)
{
	const struct mux_budget	*b = m->cfg.budget;
	const struct mux_holder	*h = m->cfg.holder;

	return (h == NULL || b->used + n <= b->limit - b->limit / 4 ||
	    h->used + n <= b->limit / 16);
}

static int
reserve(struct mux *m, size_t n)
{
	struct mux_budget	*b = m->cfg.budget;

	if (m->reserved > m->cfg.link_budget ||
	    n > m->cfg.link_budget - m->reserved ||
	    b->used > b->limit || n > b->limit - b->used ||
	    !holder_may(m, n))
		return (-1);
	m->reserved += n;
	b->used += n;
	if (m->cfg.holder != NULL)
		m->cfg.holder->used += n;
	return (0);
}

void
mux_unreserve(struct mux *m, size_t n)
{
	m->reserved -= n;
	m->cfg.budget->used -= n;
	if (m->cfg.holder != NULL)
		m->cfg.holder->used -= n;
}

/*
 * While there is plenty, windows are whole and may grow.  more: by so much.
 * For who has little there is plenty longer.
 */
static int
plenty(const struct mux *m, size_t more)
{
	const struct mux_budget	*b = m->cfg.budget;
	const struct mux_holder	*h = m->cfg.holder;

	if (m->reserved >= m->cfg.link_budget / 2)
		return (0);
	return (b->used < b->limit / 2 || (h != NULL &&
	    b->used < b->limit - b->limit / 8 &&
	    h->used + more <= b->limit / 32));
}

/* ---- limits of bandwidth ---- */

/* The largest window that makes sense. */
static uint32_t
stream_window_max(const struct mux_stream *s)
{
	uint32_t	 least = s->mux->rtt_least, most;

	most = least > 0 && least < MUX_NEAR ? MUX_CREDIT_NEAR :
	    MUX_CREDIT_MAX;
	if (s->meter == NULL)
		return (most);
	return (MINIMUM(meter_window(s->meter, s->mux->rtt), most));
}

/* So much is worth a CREDIT. */
static uint32_t
stream_quantum(const struct mux_stream *s)
{
	return (MINIMUM(s->window / 2, MUX_CREDIT_QUANTUM));
}

void
mux_stream_given(void *arg, uint32_t n)
{
	struct mux_stream	*s = arg;

	s->given += n;
	mux_stream_owe(s, OWE_CREDIT);
}

static void
stream_paced(void *arg, uint32_t n)
{
	struct mux_stream	*s = arg;

	s->paced += n;
	mux_stream_arm(s);
}

/* What the owner has consumed and nobody was asked about yet. */
static uint32_t
stream_unasked(const struct mux_stream *s)
{
	return (s->consumed - s->given - s->meter->want);
}

void
mux_stream_unmeter(struct mux_stream *s)
{
	if (s->meter == NULL)
		return;
	meter_back(s->meter, s->arriving + s->given);
	meter_end(s->meter);
	s->meter = NULL;
	s->given = 0;
}

void
mux_stream_unpace(struct mux_stream *s)
{
	if (s->pace == NULL)
		return;
	meter_back(s->pace, s->paced);
	meter_end(s->pace);
	s->pace = NULL;
	s->paced = 0;
}

/*
 * Windows begin no larger than the limit needs, and follow it: downwards as
 * bytes are consumed, upwards at once as far as any stream has it.
 */
static void
stream_fit_limit(struct mux_stream *s, uint32_t max)
{
	struct mux	*m = s->mux;
	uint32_t	 n;

	if (s->window > max) {
		n = MINIMUM(s->window - max, stream_unasked(s));
		s->window -= n;
		s->consumed -= n;
		mux_unreserve(m, n);
		return;
	}
	max = MINIMUM(max, MUX_CREDIT_INITIAL);
	if (s->window < max && plenty(m, max - s->window) &&
	    reserve(m, max - s->window) == 0) {
		s->consumed += max - s->window;
		s->window = max;
	}
}

/* Ask the meters for what was consumed. */
static void
stream_ask(struct mux_stream *s)
{
	uint32_t	 n;

	stream_fit(s, stream_unasked(s));
	stream_fit_limit(s, stream_window_max(s));
	n = meter_want(s->meter, stream_unasked(s), s->mux->now);
	if (n > 0)
		mux_stream_given(s, n);
}

void
mux_meter(struct mux_stream *s, struct meter_flow *f)
{
	if (s->flags & STREAM_DEAD)
		return;
	if (s->flags & STREAM_FIN_IN) {
		/* All of it may have been early data. */
		if (f != NULL && (s->flags & (STREAM_OURS |
		    STREAM_ACCEPTED)) == 0) {
			meter_lend(f, s->queue.len);
			meter_came(f, s->queue.len, s->mux->now);
		}
		return;
	}
	if (s->meter != NULL) {
		meter_back(s->meter, s->arriving + s->given);
		meter_end(s->meter);
		s->given = 0;
	}
	if ((s->meter = f) == NULL) {
		if (s->consumed > 0)
			mux_stream_owe(s, OWE_CREDIT);
		return;
	}
	f->give = mux_stream_given;
	f->arg = s;
	if (s->flags & (STREAM_OURS | STREAM_ACCEPTED))
		meter_gift(f, s->arriving);
	else {
		meter_lend(f, s->arriving + s->queue.len);
		meter_came(f, s->queue.len, s->mux->now);
	}
	if (s->consumed >= stream_quantum(s))
		stream_ask(s);
}

void
mux_pace(struct mux_stream *s, struct meter_flow *f)
{
	if (s->flags & STREAM_DEAD)
		return;
	/* Also of one that has said all: what it had may be about to go. */
	mux_stream_unpace(s);
	if (s->flags & STREAM_FIN_OUT)
		return;
	if ((s->pace = f) != NULL) {
		f->give = stream_paced;
		f->arg = s;
		mux_ring_remove(s->mux, s);
	}
	mux_stream_arm(s);
}

/* Strangers leave a quarter to those who logged in, guests an eighth. */
int
mux_others_fit(const struct mux *m, uint32_t who)
{
	const struct mux_budget	*b = m->cfg.budget;

	if (who & STREAM_STRANGER)
		return (m->reserved < m->cfg.link_budget -
		    m->cfg.link_budget / 4 &&
		    b->used < b->limit - b->limit / 4);
	return (!(who & STREAM_GUEST) ||
	    m->reserved < m->cfg.link_budget - m->cfg.link_budget / 8);
}

uint32_t
mux_window_new(struct mux *m, uint32_t most, uint32_t least)
{
	if (plenty(m, most) && reserve(m, most) == 0)
		return (most);
	return (reserve(m, least) == 0 ? least : 0);
}

int
mux_stream_reserve(struct mux_stream *s, size_t n)
{
	if (n <= s->window)
		return (0);
	n = (n + MUX_DATA_MAX - 1) / MUX_DATA_MAX * MUX_DATA_MAX;
	if ((n > MUX_DGRAM_SCARCE && !plenty(s->mux, n - s->window)) ||
	    !mux_others_fit(s->mux, s->flags) ||
	    reserve(s->mux, n - s->window) == -1)
		return (-1);
	s->window = n;
	return (0);
}

/*
 * What is queued needs its blocks, of which the first and the last may be
 * empty but for a byte.
 */
void
mux_stream_keep(struct mux_stream *s)
{
	size_t	 n = s->queue.len;

	if (n > 0)
		n += 2 * MUX_BLOCK_LARGE;
	if (n >= s->window)
		return;
	mux_unreserve(s->mux, s->window - n);
	s->window = n;
}

void
mux_stream_release(struct mux_stream *s)
{
	if (s->window <= MUX_DGRAM_BASE)
		return;
	mux_unreserve(s->mux, s->window - MUX_DGRAM_BASE);
	s->window = MUX_DGRAM_BASE;
}

void
mux_stream_grant_early(struct mux_stream *s)
{
	if (s->flags & (STREAM_OURS | STREAM_FIN_IN) || s->dgram != NULL)
		return;
	s->arriving += s->mux->early_in;
}

/* The rest of a window that is to be no larger than the limit needs. */
static uint32_t
stream_begin(struct mux_stream *s)
{
	uint32_t	 credit;

	s->consumed = s->window - s->arriving - s->queue.len;
	stream_fit_limit(s, stream_window_max(s));
	credit = meter_begin(s->meter, stream_unasked(s), s->mux->now);
	s->consumed -= credit;
	s->arriving += credit;
	return (credit);
}

uint32_t
mux_stream_grant_accept(struct mux_stream *s)
{
	struct mux	*m = s->mux;
	uint32_t	 credit;

	s->fit_at = s->quick_since = m->now;
	if (s->flags & STREAM_FIN_IN || s->dgram != NULL)
		return (0);
	if (s->meter != NULL)
		return (stream_begin(s));
	if (s->window < MUX_CREDIT_INITIAL &&
	    plenty(m, MUX_CREDIT_INITIAL - s->window) &&
	    reserve(m, MUX_CREDIT_INITIAL - s->window) == 0)
		s->window = MUX_CREDIT_INITIAL;
	credit = s->window - s->arriving - s->queue.len - s->consumed;
	s->arriving += credit;
	return (credit);
}

/* Another stream that carries little is there, or was when we looked last. */
static int
stream_beside_sparse(const struct mux_stream *s)
{
	const struct mux	*m = s->mux;

	return (m->sparse_id != s->id && m->sparse_at != 0 &&
	    (m->sparse_at >= s->fit_at ||
	    m->now - m->sparse_at < MUX_SPARSE_FOR));
}

/* The least that a window may shrink to; pace: half of it takes so long, us. */
static uint32_t
stream_least(const struct mux_stream *s, int sparse, uint64_t pace)
{
	if (!sparse)
		return (MUX_CREDIT_INITIAL);
	return (pace > MUX_SPARSE_LAG && s->mux->rtt_least > 0 ?
	    MUX_CREDIT_LEAST : MUX_CREDIT_SPARSE);
}

static void
stream_shrink(struct mux_stream *s, uint32_t n)
{
	s->window -= n;
	s->consumed -= n;
	mux_unreserve(s->mux, n);
}

/* Twice as large, if there is room. */
static void
stream_grow(struct mux_stream *s, uint32_t max)
{
	uint32_t	 n;

	if (s->window >= max)
		return;
	n = MINIMUM(s->window, max - s->window);
	if (!plenty(s->mux, n) || reserve(s->mux, n) == -1)
		return;
	s->window += n;
	s->consumed += n;
	s->quick_since = s->mux->now;
}

/*
 * Whether a stream of the link had a larger window of late.  Of those that
 * share a link the first to have one would keep the others from ever getting
 * it.
 */
static int
stream_beside_wider(const struct mux_stream *s)
{
	struct mux	*m = s->mux;
	uint64_t	 late = MAXIMUM(MUX_WIDEST_FOR, 4ULL * m->rtt);

	if (s->window >= m->widest || m->now - m->widest_at > late) {
		m->widest = s->window;
		m->widest_at = m->now;
	}
	return (s->window < m->widest);
}

/*
 * If the reader takes half a window or more in a round trip, and little is
 * waiting, and that goes on, the window is what holds the sender up, so it
 * doubles; where others have a larger one, half of it in two round trips is
 * enough.  If it takes less than an eighth, and much is waiting, half the
 * window would do as well, and the rest is only memory; beside streams that
 * wait for what is on the way, less than a quarter will do.  Should less come
 * then, the path is longer than we knew, and the window was needed.  took:
 * what was consumed since the last time.  What comes in a round trip comes at
 * once or spread over it, so much less time than that says nothing.
 */
static void
stream_fit(struct mux_stream *s, uint32_t took)
{
	struct mux	*m = s->mux;
	uint64_t	 trip, pace, quick, time = m->now - s->fit_at;
	int		 sparse = stream_beside_sparse(s);
	uint32_t	 rtt = sparse ? m->rtt_least : m->rtt;
	uint32_t	 max = stream_window_max(s), least, rate;
	int		 lags = s->queue.len > s->window / 4;

	trip = MAXIMUM(rtt, sparse ? MUX_RTT_SPARSE : MUX_RTT_FLOOR);
	/* Meters are run now and then, which is part of the way then. */
	if (s->meter != NULL)
		trip += 2 * METER_TICK_US;
	s->fit_took += took;
	if (time < trip - trip / 4)
		return;
	/* How long half a window takes, us. */
	pace = MINIMUM(time, UINT32_MAX) * (s->window / 2) /
	    MAXIMUM(s->fit_took, 1);
	rate = MINIMUM(s->fit_took * 1000ULL / MAXIMUM(time, 1), UINT32_MAX);
	s->fit_at = m->now;
	s->fit_took = 0;
	if (!sparse || s->window >= MUX_CREDIT_INITIAL)
		s->fit_rate = 0;
	if (rate < s->fit_rate / 4 * 3 && !lags) {
		s->fit_rate = 0;
		m->rtt_least = MAXIMUM(m->rtt_least, MINIMUM(2 * pace,
		    MUX_RTT_MAX));
		stream_grow(s, max);
		return;
	}
	quick = stream_beside_wider(s) && !sparse ? 2 * trip : trip;
	/* A window that has just doubled shows in the next round trip. */
	if (pace > quick + rtt / 4 || lags)
		s->quick_since = m->now;
	else if (m->now - s->quick_since >= MUX_GROW_AFTER &&
	    s->window < max) {
		stream_grow(s, max);
		return;
	}
	least = stream_least(s, sparse, pace);
	if (((pace > 4 * trip && lags) || (sparse && pace > 2 * trip)) &&
	    s->window > least) {
		if (least == MUX_CREDIT_LEAST)
			s->fit_rate = MAXIMUM(s->fit_rate, rate);
		stream_shrink(s, MINIMUM(took, MINIMUM(s->window / 2,
		    s->window - least)));
	}
}

/* What was consumed goes back to the peer, or what the meters allow of it. */
uint32_t
mux_stream_grant_more(struct mux_stream *s)
{
	uint32_t	 credit = s->given;

	if (s->meter == NULL) {
		stream_fit(s, s->consumed);
		credit = s->consumed;
	}
	s->given = 0;
	s->consumed -= credit;
	s->arriving += credit;
	return (credit);
}

/*
 * Credit goes back by half windows, as each CREDIT costs a TLS record and its
 * part of a system call; of large windows by less, or a sender far away would
 * wait for it.
 */
void
mux_stream_took(struct mux_stream *s, size_t n)
{
	if (n == 0 || s->flags & STREAM_DEAD)
		return;
	if (s->flags & STREAM_FIN_IN) {
		mux_stream_keep(s);
		mux_stream_check_done(s);
		return;
	}
	s->consumed += n;
	if (s->meter != NULL) {
		if (s->meter->want > 0 ||
		    stream_unasked(s) >= stream_quantum(s))
			stream_ask(s);
	} else if (s->consumed >= stream_quantum(s))
		mux_stream_owe(s, OWE_CREDIT);
}
