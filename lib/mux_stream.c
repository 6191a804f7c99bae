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
 * The streams of a link: their state, what they may send, what they let the
 * peer send, and the calls of their owners.
 *
 * Credit is memory promised: nothing is granted that was not reserved from
 * the budgets first, and what was reserved goes back when the stream ends,
 * or has nothing more to receive.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "mux_internal.h"

#define MINIMUM(a, b)	((a) < (b) ? (a) : (b))
#define MAXIMUM(a, b)	((a) > (b) ? (a) : (b))

/* An idle stream is this and nothing more. */
_Static_assert(sizeof(struct mux_stream) <= 256, "struct mux_stream");

static void	stream_fit(struct mux_stream *, uint32_t);

static int
reserve(struct mux *m, size_t n)
{
	struct mux_budget	*b = m->cfg.budget;

	if (m->reserved > m->cfg.link_budget ||
	    n > m->cfg.link_budget - m->reserved ||
	    b->used > b->limit || n > b->limit - b->used)
		return (-1);
	m->reserved += n;
	b->used += n;
	return (0);
}

static void
unreserve(struct mux *m, size_t n)
{
	m->reserved -= n;
	m->cfg.budget->used -= n;
}

/* While there is plenty, windows are whole and may grow. */
static int
plenty(const struct mux *m)
{
	return (m->reserved < m->cfg.link_budget / 2 &&
	    m->cfg.budget->used < m->cfg.budget->limit / 2);
}

/* ---- limits of bandwidth ---- */

/* The largest window that makes sense. */
static uint32_t
stream_window_max(const struct mux_stream *s)
{
	if (s->meter == NULL)
		return (MUX_CREDIT_MAX);
	return (MINIMUM(meter_window(s->meter, s->mux->rtt), MUX_CREDIT_MAX));
}

/* So much is worth a CREDIT. */
static uint32_t
stream_quantum(const struct mux_stream *s)
{
	return (MINIMUM(s->window / 2, MUX_CREDIT_QUANTUM));
}

/* The meters let the peer have so much more. */
static void
stream_given(void *arg, uint32_t n)
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

/* Nothing more will come: back with what was paid for. */
static void
stream_unmeter(struct mux_stream *s)
{
	if (s->meter == NULL)
		return;
	meter_back(s->meter, s->arriving + s->given);
	meter_end(s->meter);
	s->meter = NULL;
	s->given = 0;
}

static void
stream_unpace(struct mux_stream *s)
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
		unreserve(m, n);
		return;
	}
	max = MINIMUM(max, MUX_CREDIT_INITIAL);
	if (s->window < max && plenty(m) &&
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
		stream_given(s, n);
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
	f->give = stream_given;
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
	if (s->flags & (STREAM_DEAD | STREAM_FIN_OUT))
		return;
	stream_unpace(s);
	if ((s->pace = f) != NULL) {
		f->give = stream_paced;
		f->arg = s;
		mux_ring_remove(s->mux, s);
	}
	mux_stream_arm(s);
}

/* ---- streams ---- */

static struct mux_stream *
stream_new(struct mux *m, uint32_t id, uint32_t window, int dgram)
{
	struct mux_stream	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->mux = m;
	s->id = id;
	/* Of a datagram stream the window is what all its queues may hold. */
	if ((dgram && (s->dgram = mux_dgram_new()) == NULL) ||
	    mux_table_add(m, s) == -1) {
		mux_dgram_free(s->dgram);
		free(s);
		return (NULL);
	}
	s->window = window;
	s->fit_at = s->quick_since = m->now;
	TAILQ_INSERT_TAIL(&m->streams, s, entry);
	return (s);
}

/* What a stream has reserved from its beginning; 0: there is no more. */
static uint32_t
window_new(struct mux *m, uint32_t most, uint32_t least)
{
	if (plenty(m) && reserve(m, most) == 0)
		return (most);
	return (reserve(m, least) == 0 ? least : 0);
}

int
mux_stream_reserve(struct mux_stream *s, size_t n)
{
	if (n <= s->window)
		return (0);
	n = (n + MUX_DATA_MAX - 1) / MUX_DATA_MAX * MUX_DATA_MAX;
	if ((n > MUX_DGRAM_SCARCE && !plenty(s->mux)) ||
	    reserve(s->mux, n - s->window) == -1)
		return (-1);
	s->window = n;
	return (0);
}

void
mux_stream_release(struct mux_stream *s)
{
	if (s->window <= MUX_DGRAM_BASE)
		return;
	unreserve(s->mux, s->window - MUX_DGRAM_BASE);
	s->window = MUX_DGRAM_BASE;
}

struct mux_stream *
mux_stream_new_peer(struct mux *m, uint32_t id, const struct mux_open *open,
    uint16_t *code)
{
	struct mux_stream	*s;
	uint32_t		 window;
	int			 dgram = mux_kind_dgram(open->kind);

	/* This much is reserved even if our hello allows less at first. */
	*code = MUX_CODE_LIMIT;
	if (m->peer_count >= m->cfg.streams_max)
		return (NULL);
	window = dgram ? MUX_DGRAM_BASE : MUX_CREDIT_EARLY;
	window = window_new(m, window, window);
	if (window == 0)
		return (NULL);
	*code = MUX_CODE_INTERNAL;
	if ((s = stream_new(m, id, window, dgram)) == NULL) {
		unreserve(m, window);
		return (NULL);
	}
	s->allowance = open->credit;
	m->peer_count++;
	if (m->hello_done)
		mux_stream_grant_early(s);
	return (s);
}

struct mux_stream *
mux_open_stream(struct mux *m, const struct mux_open *open,
    const struct mux_stream_ops *ops, void *arg)
{
	return (mux_open_metered(m, open, ops, arg, NULL));
}

struct mux_stream *
mux_open_metered(struct mux *m, const struct mux_open *open,
    const struct mux_stream_ops *ops, void *arg, struct meter_flow *meter)
{
	struct mux_stream	*s = NULL;
	struct mux_open		 o = *open;
	uint8_t			 buf[MUX_OPEN_MAX], *owed = NULL;
	uint32_t		 window, most = MUX_CREDIT_INITIAL;
	int			 dgram = mux_kind_dgram(open->kind);
	ssize_t			 n;

	if (m->closing || m->error != NULL || m->next_id > MUX_ID_MAX)
		return (NULL);
	if (meter != NULL)
		most = MINIMUM(most, meter_window(meter, m->rtt));
	window = dgram ? window_new(m, MUX_DGRAM_BASE, MUX_DGRAM_BASE) :
	    window_new(m, most, MINIMUM(most, MUX_CREDIT_EARLY));
	if (window == 0)
		return (NULL);
	o.credit = dgram ? 0 : window;
	if ((n = mux_open_put(buf, sizeof(buf), &o)) == -1 ||
	    (owed = malloc(n)) == NULL ||
	    (s = stream_new(m, m->next_id, window, dgram)) == NULL) {
		free(owed);
		unreserve(m, window);
		return (NULL);
	}
	m->next_id += 2;
	s->flags = STREAM_OURS;
	s->ops = ops;
	s->arg = arg;
	if ((s->meter = meter) != NULL) {
		meter->give = stream_given;
		meter->arg = s;
		if (!dgram)
			o.credit = meter_begin(meter, window, m->now);
		(void)mux_open_put(buf, sizeof(buf), &o);
	}
	memcpy(owed, buf, n);
	s->owed = owed;
	s->owed_len = n;
	s->arriving = o.credit;
	s->consumed = dgram ? 0 : window - o.credit;
	if (m->hello_seen)
		s->allowance = m->early_out;
	mux_stream_owe(s, OWE_OPEN);
	return (s);
}

void
mux_stream_free(struct mux_stream *s)
{
	if ((s->flags & STREAM_OURS) == 0)
		s->mux->peer_count--;
	mux_dgram_free(s->dgram);
	free(s->owed);
	free(s);
}

void
mux_stream_kill(struct mux_stream *s)
{
	struct mux	*m = s->mux;

	if (s->flags & STREAM_DEAD)
		return;
	s->flags |= STREAM_DEAD;
	if (m->loan == s)
		m->loan = NULL;
	mux_table_remove(m, s);
	TAILQ_REMOVE(&m->streams, s, entry);
	mux_ring_remove(m, s);
	if (s->flags & STREAM_ENDED)
		TAILQ_REMOVE(&m->ended, s, turn);
	stream_unmeter(s);
	stream_unpace(s);
	unreserve(m, s->window);
	s->window = 0;
	m->queued -= s->queue.len;
	mux_queue_clear(&s->queue);
	if (s->dgram != NULL)
		mux_dgram_clear(s->dgram);
	if (s->owe & OWE_RESET)
		return;
	if (s->flags & STREAM_CONTROL)
		TAILQ_REMOVE(&m->control, s, control);
	TAILQ_INSERT_TAIL(&m->dead, s, entry);
}

/*
 * Kill it, and tell the peer, unless it never heard of the stream or both
 * have said all they had to.
 */
static void
stream_reset(struct mux_stream *s, uint16_t code, const char *text)
{
	uint8_t		 buf[MUX_CONTROL_MAX];
	ssize_t		 n;

	if ((s->owe & OWE_OPEN) == 0 && (s->flags &
	    (STREAM_FIN_IN | STREAM_FIN_OUT)) !=
	    (STREAM_FIN_IN | STREAM_FIN_OUT)) {
		s->code = code;
		s->owe = 0;
		/* Without memory, the code alone has to do. */
		if (text != NULL && *text != '\0' &&
		    (n = mux_reset_put(buf, sizeof(buf), code, text)) != -1 &&
		    (s->owed = malloc(n)) != NULL) {
			memcpy(s->owed, buf, n);
			s->owed_len = n;
		}
		mux_stream_owe(s, OWE_RESET);
	}
	mux_stream_kill(s);
}

void
mux_stream_abort(struct mux_stream *s, uint16_t code, const char *text)
{
	if (s->flags & STREAM_DEAD)
		return;
	stream_reset(s, code, text);
	if (s->ops != NULL && s->ops->reset != NULL)
		s->ops->reset(s, s->arg, code, text);
}

void
mux_reset(struct mux_stream *s, uint16_t code, const char *text)
{
	if (s->flags & STREAM_DEAD)
		return;
	stream_reset(s, code, text);
	mux_reap(s->mux);
}

void
mux_stream_own(struct mux_stream *s, const struct mux_stream_ops *ops,
    void *arg)
{
	s->ops = ops;
	s->arg = arg;
}

void
mux_accept(struct mux_stream *s)
{
	if (s->flags & (STREAM_DEAD | STREAM_OURS | STREAM_ACCEPTED))
		return;
	s->flags |= STREAM_ACCEPTED;
	mux_stream_owe(s, OWE_ACCEPT);
	mux_stream_arm(s);
}

void
mux_ready(struct mux_stream *s)
{
	s->flags |= STREAM_READY;
	mux_stream_arm(s);
}

void
mux_stream_owe(struct mux_stream *s, uint8_t what)
{
	struct mux	*m = s->mux;

	s->owe |= what;
	if ((s->flags & STREAM_CONTROL) == 0) {
		s->flags |= STREAM_CONTROL;
		TAILQ_INSERT_TAIL(&m->control, s, control);
	}
	mux_want(m);
}

/* Nothing is sent on a stream of the peer's before it is accepted. */
void
mux_stream_arm(struct mux_stream *s)
{
	if ((s->flags & (STREAM_READY | STREAM_RING | STREAM_FIN_OUT |
	    STREAM_DEAD)) != STREAM_READY ||
	    (s->allowance == 0 && s->dgram == NULL) ||
	    (s->flags & (STREAM_OURS | STREAM_ACCEPTED)) == 0)
		return;
	if (s->pace != NULL && s->paced == 0 && s->dgram == NULL) {
		if (s->pace->want == 0)
			s->paced = meter_want(s->pace, METER_TURN_MAX,
			    s->mux->now);
		if (s->paced == 0)
			return;
	}
	mux_ring_add(s->mux, s);
}

int
mux_stream_allow(struct mux_stream *s, uint32_t credit)
{
	if (credit > 2 * MUX_CREDIT_MAX - s->allowance)
		return (-1);
	s->allowance += credit;
	mux_stream_arm(s);
	return (0);
}

/* done runs from mux_leave; when nobody is inside, someone has to come. */
void
mux_stream_check_done(struct mux_stream *s)
{
	const uint32_t	 fins = STREAM_FIN_IN | STREAM_FIN_OUT;

	if ((s->flags & fins) != fins || s->queue.len > 0 ||
	    s->flags & (STREAM_ENDED | STREAM_DEAD))
		return;
	s->flags |= STREAM_ENDED;
	TAILQ_INSERT_TAIL(&s->mux->ended, s, turn);
	if (s->mux->depth == 0)
		mux_want(s->mux);
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
	if (s->window < MUX_CREDIT_INITIAL && plenty(m) &&
	    reserve(m, MUX_CREDIT_INITIAL - s->window) == 0)
		s->window = MUX_CREDIT_INITIAL;
	credit = s->window - s->arriving - s->queue.len - s->consumed;
	s->arriving += credit;
	return (credit);
}

/*
 * If the reader takes half a window or more in a round trip, and little is
 * waiting, and that goes on, the window is what holds the sender up, so it
 * doubles.  If it takes less than an eighth, and much is waiting, half the
 * window would do as well, and the rest is only memory; beside streams that
 * wait for what is on the way, less than a quarter will do.  took: what was
 * consumed since the last time.  What comes in a round trip comes at once or
 * spread over it, so much less time than that says nothing.
 */
static void
stream_fit(struct mux_stream *s, uint32_t took)
{
	struct mux	*m = s->mux;
	uint64_t	 trip, pace, time = m->now - s->fit_at;
	int		 sparse = m->now - m->sparse_at < MUX_SPARSE_FOR &&
			    m->sparse_id != s->id;
	uint32_t	 max = stream_window_max(s), n;
	int		 lags = s->queue.len > s->window / 4;

	trip = MAXIMUM(m->rtt, sparse ? MUX_RTT_SPARSE : MUX_RTT_FLOOR);
	/* Meters are run now and then, which is part of the way then. */
	if (s->meter != NULL)
		trip += 2 * METER_TICK_US;
	s->fit_took += took;
	if (time < trip - trip / 4)
		return;
	/* How long half a window takes, us. */
	pace = MINIMUM(time, UINT32_MAX) * (s->window / 2) /
	    MAXIMUM(s->fit_took, 1);
	s->fit_at = m->now;
	s->fit_took = 0;
	/* A window that has just doubled shows in the next round trip. */
	if (pace > trip + m->rtt / 4 || lags)
		s->quick_since = m->now;
	else if (m->now - s->quick_since >= MUX_GROW_AFTER &&
	    s->window < max) {
		n = MINIMUM(s->window, max - s->window);
		if (plenty(m) && reserve(m, n) == 0) {
			s->window += n;
			s->consumed += n;
			s->quick_since = m->now;
		}
		return;
	}
	if (((pace > 4 * trip && lags) || (sparse && pace > 2 * trip)) &&
	    s->window > MUX_CREDIT_INITIAL) {
		n = MINIMUM(s->window / 2, s->window - MUX_CREDIT_INITIAL);
		n = MINIMUM(n, took);
		s->window -= n;
		s->consumed -= n;
		unreserve(m, n);
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
 * The owner took so many bytes.  Credit goes back by half windows, as each
 * CREDIT costs a TLS record and its part of a system call; of large windows by
 * less, or a sender far away would wait for it.
 */
static void
stream_took(struct mux_stream *s, size_t n)
{
	if (n == 0 || s->flags & STREAM_DEAD)
		return;
	if (s->flags & STREAM_FIN_IN) {
		s->window -= n;
		unreserve(s->mux, n);
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

void
mux_stream_fin(struct mux_stream *s)
{
	s->flags |= STREAM_FIN_IN;
	stream_unmeter(s);
	/* Only what is queued still needs a window. */
	if (s->dgram == NULL) {
		unreserve(s->mux, s->window - s->queue.len);
		s->window = s->queue.len;
	}
	s->arriving = s->consumed = 0;
	s->owe &= ~OWE_CREDIT;
	if (s->ops->input != NULL)
		s->ops->input(s, s->arg, (const uint8_t *)"", 0);
	mux_stream_check_done(s);
}

/*
 * The peer's target was reset.  What it said before may be all that there was
 * to say, as by a server that does not want the rest of an upload: that is the
 * owner's to take, and then reset follows.  -1: there is nothing of the kind.
 */
int
mux_stream_break(struct mux_stream *s, uint16_t code, const char *text)
{
	if (code != MUX_CODE_TARGET_RESET || s->dgram != NULL ||
	    s->queue.len == 0 || s->flags & (STREAM_ENDED | STREAM_BROKEN))
		return (-1);
	s->flags |= STREAM_FIN_IN | STREAM_FIN_OUT | STREAM_BROKEN;
	mux_ring_remove(s->mux, s);
	stream_unmeter(s);
	stream_unpace(s);
	unreserve(s->mux, s->window - s->queue.len);
	s->window = s->queue.len;
	s->arriving = s->consumed = 0;
	s->owe = 0;
	s->code = code;
	free(s->owed);
	s->owed = (uint8_t *)strdup(text);
	return (0);
}

/* It is on the list of those that have ended: its owner hears how. */
void
mux_stream_over(struct mux_stream *s)
{
	mux_stream_kill(s);
	if ((s->flags & STREAM_BROKEN) == 0) {
		if (s->ops->done != NULL)
			s->ops->done(s, s->arg);
	} else if (s->ops->reset != NULL)
		s->ops->reset(s, s->arg, s->code, s->owed != NULL ?
		    (const char *)s->owed : "");
}

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
	stream_took(s, taken);
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

/* Is it one of those that carry little, at the time? */
static void
stream_came(struct mux_stream *s, size_t n)
{
	struct mux	*m = s->mux;
	uint64_t	 forgiven = (uint64_t)((uint32_t)m->now - s->came_at) *
			    MUX_SPARSE;

	s->recent_in = forgiven < s->recent_in ? s->recent_in - forgiven : 0;
	s->recent_in = MINIMUM(s->recent_in + n, 4 * MUX_TURN);
	s->came_at = m->now;
	if (s->recent_in < MUX_DATA_MAX) {
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
	stream_took(s, taken);
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
	stream_took(s, n);
}

size_t
mux_read(struct mux_stream *s, uint8_t *buf, size_t n)
{
	if (s->dgram != NULL)
		return (0);
	n = mux_queue_read(&s->queue, buf, n);
	s->mux->queued -= n;
	stream_took(s, n);
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

struct mux *
mux_stream_mux(const struct mux_stream *s)
{
	return (s->mux);
}

void *
mux_stream_arg(const struct mux_stream *s)
{
	return (s->arg);
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
