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
 * The streams of a link: their beginning, their state, what they may send,
 * and their end.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "mux_internal.h"

#define MINIMUM(a, b)	((a) < (b) ? (a) : (b))

/* An idle stream is this and nothing more. */
_Static_assert(sizeof(struct mux_stream) <= 256, "struct mux_stream");

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
	/*
	 * That it carries little is not known by its first frame, but soon:
	 * who types waits for what is on the way until then.
	 */
	s->recent_in = MUX_DATA_MAX;
	s->came_at = m->now;
	s->came_in = m->in;
	TAILQ_INSERT_TAIL(&m->streams, s, entry);
	return (s);
}

/* Whether it is a stranger's or a guest's, and that counts on this link. */
static uint32_t
open_who(const struct mux *m, const struct mux_open *open)
{
	if (open->user[0] == '\0')
		return (m->cfg.strangers ? STREAM_STRANGER : 0);
	return (m->cfg.owner != NULL && strcmp(open->user, m->cfg.owner) != 0 ?
	    STREAM_GUEST : 0);
}

/* The peer takes one more of ours, and who else there is has room left. */
static int
peer_takes(const struct mux *m, uint32_t who)
{
	if (m->our_count >= m->peer_streams)
		return (0);
	if (who & STREAM_STRANGER)
		return (m->nstrangers < m->peer_streams - m->peer_streams / 4);
	return (!(who & STREAM_GUEST) || m->nstrangers + m->nguests <
	    m->peer_streams - m->peer_streams / 8);
}

struct mux_stream *
mux_stream_new_peer(struct mux *m, uint32_t id, const struct mux_open *open,
    uint16_t *code)
{
	struct mux_stream	*s;
	uint32_t		 window;
	int			 dgram = mux_kind_dgram(open->kind);
	uint32_t		 who = open_who(m, open);

	/* This much is reserved even if our hello allows less at first. */
	*code = MUX_CODE_LIMIT;
	if (m->peer_count >= m->cfg.streams_max || !mux_others_fit(m, who))
		return (NULL);
	window = dgram ? MUX_DGRAM_BASE : MUX_CREDIT_EARLY;
	window = mux_window_new(m, window, window);
	if (window == 0)
		return (NULL);
	*code = MUX_CODE_INTERNAL;
	if ((s = stream_new(m, id, window, dgram)) == NULL) {
		mux_unreserve(m, window);
		return (NULL);
	}
	s->allowance = open->credit;
	s->flags |= who;
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
	uint32_t		 who = open_who(m, open);
	ssize_t			 n;

	if (m->closing || m->error != NULL || m->next_id > MUX_ID_MAX)
		return (NULL);
	if (!peer_takes(m, who) || !mux_others_fit(m, who))
		return (NULL);
	if (meter != NULL)
		most = MINIMUM(most, meter_window(meter, m->rtt));
	window = dgram ? mux_window_new(m, MUX_DGRAM_BASE, MUX_DGRAM_BASE) :
	    mux_window_new(m, most, MINIMUM(most, MUX_CREDIT_EARLY));
	if (window == 0)
		return (NULL);
	o.credit = dgram ? 0 : window;
	if ((n = mux_open_put(buf, sizeof(buf), &o)) == -1 ||
	    (owed = malloc(n)) == NULL ||
	    (s = stream_new(m, m->next_id, window, dgram)) == NULL) {
		free(owed);
		mux_unreserve(m, window);
		return (NULL);
	}
	m->next_id += 2;
	m->our_count++;
	s->flags = STREAM_OURS | who;
	m->nstrangers += (who & STREAM_STRANGER) != 0;
	m->nguests += (who & STREAM_GUEST) != 0;
	s->ops = ops;
	s->arg = arg;
	if ((s->meter = meter) != NULL) {
		meter->give = mux_stream_given;
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
	if (s->flags & STREAM_OURS) {
		m->our_count--;
		m->nstrangers -= (s->flags & STREAM_STRANGER) != 0;
		m->nguests -= (s->flags & STREAM_GUEST) != 0;
	}
	mux_stream_unmeter(s);
	mux_stream_unpace(s);
	mux_unreserve(m, s->window);
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
mux_stream_fin(struct mux_stream *s)
{
	s->flags |= STREAM_FIN_IN;
	mux_stream_unmeter(s);
	/* Only what is queued still needs a window. */
	if (s->dgram == NULL)
		mux_stream_keep(s);
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
	mux_stream_unmeter(s);
	mux_stream_unpace(s);
	mux_stream_keep(s);
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
