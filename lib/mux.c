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
 * The link: its life, and the frames that come in.  Whatever a frame asks of
 * us becomes a few bits in its stream, not a queued answer, so a peer that
 * asks for much and reads nothing makes nothing grow.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "mux_internal.h"

/* An idle link is this, and a table once it has had streams. */
_Static_assert(sizeof(struct mux) <= 512, "struct mux");

struct mux *
mux_new(const struct mux_config *cfg)
{
	struct mux	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	m->cfg = *cfg;
	if (m->cfg.data_max == 0 || m->cfg.data_max > MUX_DATA_MAX)
		m->cfg.data_max = MUX_DATA_MAX;
	m->next_id = cfg->dialer ? 1 : 2;
	m->peer_streams = MUX_STREAMS_PRESUMED;
	TAILQ_INIT(&m->streams);
	TAILQ_INIT(&m->control);
	TAILQ_INIT(&m->ring);
	TAILQ_INIT(&m->sparse);
	TAILQ_INIT(&m->ended);
	TAILQ_INIT(&m->dead);
	if (cfg->holder != NULL)
		cfg->holder->links++;
	return (m);
}

void
mux_free(struct mux *m, const char *text)
{
	struct mux_stream	*s;

	if (m == NULL)
		return;
	if (text == NULL)
		text = "";
	/* What has ended well shall not hear otherwise. */
	m->closing = 1;
	mux_enter(m);
	mux_leave(m);
	m->depth++;
	while ((s = TAILQ_FIRST(&m->streams)) != NULL) {
		mux_stream_kill(s);
		if (s->ops != NULL && s->ops->reset != NULL)
			s->ops->reset(s, s->arg, MUX_CODE_NODE_GONE, text);
	}
	m->depth--;
	mux_reap(m);
	while ((s = TAILQ_FIRST(&m->control)) != NULL) {
		TAILQ_REMOVE(&m->control, s, control);
		mux_stream_free(s);
	}
	free(m->table);
	mux_refused_free(m);
	free(m->hello);
	free(m->goaway);
	if (m->cfg.holder != NULL && --m->cfg.holder->links == 0)
		m->cfg.holder->gone(m->cfg.holder);
	free(m);
}

void
mux_end(struct mux *m, uint16_t code, const char *text)
{
	struct mux_stream	*s;

	if (text == NULL)
		text = "";
	m->closing = 1;
	mux_enter(m);
	while ((s = TAILQ_FIRST(&m->streams)) != NULL) {
		if ((s->flags & STREAM_ENDED) == 0) {
			mux_stream_abort(s, code, text);
			continue;
		}
		/* What has ended well shall not hear otherwise. */
		mux_stream_over(s);
	}
	mux_leave(m);
}

uint32_t
mux_finish(struct mux *m, uint16_t code, const char *text)
{
	const uint32_t		 both = STREAM_FIN_OUT | STREAM_FIN_IN;
	struct mux_stream	*s;
	uint32_t		 left;

	m->closing = 1;
	mux_enter(m);
	do {
		/* Owners may end others of them. */
		left = 0;
		TAILQ_FOREACH(s, &m->streams, entry) {
			if ((s->flags & both) != both)
				break;
			if ((s->flags & STREAM_ENDED) == 0)
				left++;
		}
		if (s != NULL)
			mux_stream_abort(s, code, text);
	} while (s != NULL);
	mux_leave(m);
	return (left);
}

void
mux_enter(struct mux *m)
{
	m->depth++;
}

void
mux_leave(struct mux *m)
{
	struct mux_stream	*s;

	if (m->depth == 1) {
		while ((s = TAILQ_FIRST(&m->ended)) != NULL)
			mux_stream_over(s);
	}
	m->depth--;
	mux_reap(m);
}

void
mux_reap(struct mux *m)
{
	struct mux_stream	*s;

	if (m->depth > 0)
		return;
	while ((s = TAILQ_FIRST(&m->dead)) != NULL) {
		TAILQ_REMOVE(&m->dead, s, entry);
		mux_stream_free(s);
	}
}

int
mux_fail(struct mux *m, const char *error)
{
	if (m->error == NULL)
		m->error = error;
	return (-1);
}

void
mux_input_end(struct mux *m)
{
	if (m->loan == NULL)
		return;
	mux_enter(m);
	mux_stream_settle(m);
	mux_leave(m);
}

const char *
mux_error(const struct mux *m)
{
	return (m->error == NULL ? "no error" : m->error);
}

void
mux_set_rtt(struct mux *m, uint32_t rtt)
{
	uint32_t	 least = m->rtt_least + m->rtt_least / 64 + 1;

	m->rtt = rtt;
	/* As long as bulk fills the path it tells nothing; paths do change. */
	m->rtt_least = m->rtt_least == 0 || rtt < least ? rtt : least;
}

void
mux_get_stats(const struct mux *m, struct mux_stats *st)
{
	st->in = m->in;
	st->out = m->out;
	st->streams = m->count;
	st->queued = m->queued;
	st->lost = m->lost;
}

void
mux_stream_memory(const struct mux_stream *s, struct mux_memory *m)
{
	const struct mux_dgram	*d = s->dgram;

	m->state = sizeof(*s) + s->owed_len;
	m->queued = s->queue.len;
	m->held = mux_queue_held(&s->queue);
	m->window = s->window;
	if (d == NULL)
		return;
	m->state += sizeof(*d);
	m->queued += d->out.len + d->going.len + d->coming.len;
	m->held += mux_queue_held(&d->out) + mux_queue_held(&d->going) +
	    mux_queue_held(&d->coming);
}

void
mux_memory(const struct mux *m, struct mux_memory *all)
{
	const struct mux_stream	*s;
	struct mux_memory	 one;

	memset(all, 0, sizeof(*all));
	all->state = sizeof(*m) + m->hello_len + m->goaway_len;
	if (m->table != NULL)
		all->state += sizeof(m->table[0]) << m->bits;
	if (m->refused != NULL)
		all->state += m->refused_size * sizeof(m->refused[0]);
	TAILQ_FOREACH(s, &m->streams, entry) {
		mux_stream_memory(s, &one);
		all->state += one.state;
		all->queued += one.queued;
		all->held += one.held;
	}
	all->window = m->reserved;
}

size_t
mux_memory_spare(void)
{
	return (mux_queue_spare());
}

int
mux_send_hello(struct mux *m, const struct mux_hello *hello)
{
	struct mux_hello	 h = *hello;
	uint8_t			 buf[MUX_CONTROL_MAX];
	ssize_t			 n;

	if (m->hello != NULL || m->hello_done)
		return (-1);
	h.version = MUX_VERSION;
	if (h.credit > MUX_CREDIT_EARLY)
		h.credit = MUX_CREDIT_EARLY;	/* see mux_stream_new_peer */
	if ((n = mux_hello_put(buf, sizeof(buf), &h)) == -1 ||
	    (m->hello = malloc(n)) == NULL)
		return (-1);
	memcpy(m->hello, buf, n);
	m->hello_len = n;
	m->early_in = h.credit;
	mux_want(m);
	return (0);
}

int
mux_send_goaway(struct mux *m, const struct mux_goaway *goaway)
{
	uint8_t		 buf[MUX_CONTROL_MAX], *p;
	ssize_t		 n;

	if ((n = mux_goaway_put(buf, sizeof(buf), goaway)) == -1 ||
	    (p = malloc(n)) == NULL)
		return (-1);
	memcpy(p, buf, n);
	free(m->goaway);		/* an older one that has not left */
	m->goaway = p;
	m->goaway_len = n;
	mux_want(m);
	return (0);
}

/* ---- Frames in ---------------------------------------------------------- */

/* What the process's budget has in a ring: all above its least size. */
static size_t
refused_charge(size_t size)
{
	return (size > MUX_REFUSED_MIN ? (size - MUX_REFUSED_MIN) *
	    sizeof(struct mux_refused) : 0);
}

/*
 * Room for one more refusal; 0, or -1.  A budget that is used up is why
 * streams are refused: one ring may go over it, the next may not.
 */
static int
refused_grow(struct mux *m)
{
	struct mux_budget	*b = m->cfg.budget;
	struct mux_refused	*new;
	uint16_t		 i, size;

	if (m->refused != NULL && m->refused_count < m->refused_size)
		return (0);
	size = m->refused == NULL ? MUX_REFUSED_MIN : 2 * m->refused_size;
	if (size > MUX_REFUSED_MAX || (size > MUX_REFUSED_MIN &&
	    b->used > b->limit))
		return (mux_fail(m, "too many streams refused"));
	if ((new = calloc(size, sizeof(*new))) == NULL)
		return (mux_fail(m, "out of memory"));
	b->used += refused_charge(size) - refused_charge(m->refused_size);
	for (i = 0; i < m->refused_count; i++)
		new[i] = m->refused[(m->refused_first + i) % m->refused_size];
	free(m->refused);
	m->refused = new;
	m->refused_size = size;
	m->refused_first = 0;
	return (0);
}

void
mux_refused_free(struct mux *m)
{
	m->cfg.budget->used -= refused_charge(m->refused_size);
	free(m->refused);
	m->refused = NULL;
	m->refused_size = m->refused_first = m->refused_count = 0;
}

/* Refuse a stream that was never made. */
static int
refuse(struct mux *m, uint32_t id, uint16_t code)
{
	struct mux_refused	*r;

	if (refused_grow(m) == -1)
		return (-1);
	r = &m->refused[(m->refused_first + m->refused_count++) %
	    m->refused_size];
	r->id = id;
	r->code = code;
	mux_want(m);
	return (0);
}

static int
input_open(struct mux *m, uint32_t id, const uint8_t *p, size_t n)
{
	struct mux_open		 open;
	struct mux_stream	*s;
	uint16_t		 code;

	if ((id & 1) == (m->next_id & 1) || id <= m->last_id ||
	    id > MUX_ID_MAX)
		return (mux_fail(m, "stream id"));
	if (mux_open_get(p, n, &open) == -1 ||
	    open.credit > 2 * MUX_CREDIT_MAX)
		return (mux_fail(m, "malformed open"));
	m->last_id = id;
	if (m->closing)
		return (refuse(m, id, MUX_CODE_NODE_GONE));
	if ((s = mux_stream_new_peer(m, id, &open, &code)) == NULL)
		return (refuse(m, id, code));
	if (m->cfg.ops->open != NULL)
		m->cfg.ops->open(m, m->cfg.arg, s, &open);
	if (s->ops == NULL)
		mux_stream_abort(s, MUX_CODE_UNSUPPORTED, "");
	return (0);
}

static int
input_accept(struct mux *m, struct mux_stream *s, const uint8_t *p, size_t n)
{
	uint32_t	 credit;

	if (mux_credit_get(p, n, &credit) == -1)
		return (mux_fail(m, "malformed accept"));
	if ((s->flags & STREAM_OURS) == 0)
		return (mux_fail(m, "accept from the opener"));
	if (s->flags & STREAM_ACCEPTED)
		return (mux_fail(m, "second accept"));
	s->flags |= STREAM_ACCEPTED;
	if (mux_stream_allow(s, credit) == -1)
		return (mux_fail(m, "credit overflow"));
	if (s->ops->accepted != NULL)
		s->ops->accepted(s, s->arg);
	return (0);
}

static int
input_credit(struct mux *m, struct mux_stream *s, const uint8_t *p, size_t n)
{
	uint32_t	 credit;

	if (mux_credit_get(p, n, &credit) == -1 || credit == 0)
		return (mux_fail(m, "malformed credit"));
	if (mux_stream_allow(s, credit) == -1)
		return (mux_fail(m, "credit overflow"));
	return (0);
}

static int
input_reset(struct mux *m, struct mux_stream *s, const uint8_t *p, size_t n)
{
	char		 text[MUX_TEXT_MAX + 1];
	uint16_t	 code;

	if (mux_reset_get(p, n, &code, text) == -1)
		return (mux_fail(m, "malformed reset"));
	if (m->loan == s)
		mux_stream_settle(m);
	if (s->flags & STREAM_DEAD || mux_stream_break(s, code, text) == 0)
		return (0);
	mux_stream_kill(s);
	if (s->ops->reset != NULL)
		s->ops->reset(s, s->arg, code, text);
	return (0);
}

static int
input_hello(struct mux *m, const uint8_t *p, size_t n)
{
	struct mux_hello	 h;
	struct mux_stream	*s;

	if (m->hello_seen)
		return (mux_fail(m, "second hello"));
	if (mux_hello_get(p, n, &h) == -1 || h.credit > MUX_CREDIT_MAX)
		return (mux_fail(m, "malformed hello"));
	if (h.version != MUX_VERSION)
		return (mux_fail(m, "version"));
	m->hello_seen = 1;
	m->early_out = h.credit;
	if (h.streams != 0)
		m->peer_streams = h.streams;
	TAILQ_FOREACH(s, &m->streams, entry)
		if (s->flags & STREAM_OURS)
			(void)mux_stream_allow(s, h.credit);
	if (m->cfg.ops->hello != NULL)
		m->cfg.ops->hello(m, m->cfg.arg, &h);
	return (0);
}

static int
input_control(struct mux *m, const uint8_t *p, size_t n)
{
	struct mux_goaway	 g;

	switch (mux_control_what(p, n)) {
	case MUX_CONTROL_HELLO:
		return (input_hello(m, p, n));
	case MUX_CONTROL_GOAWAY:
		if (mux_goaway_get(p, n, &g) == -1)
			return (mux_fail(m, "malformed goaway"));
		if (m->cfg.ops->goaway != NULL)
			m->cfg.ops->goaway(m, m->cfg.arg, &g);
		return (0);
	default:
		return (0);
	}
}

static int
input_stream(struct mux *m, const struct mux_head *h, const uint8_t *p,
    size_t n)
{
	struct mux_stream	*s;
	int			 ours = (h->id & 1) == (m->next_id & 1);

	if ((s = mux_table_find(m, h->id)) == NULL) {
		if (h->id == 0 ||
		    (ours ? h->id >= m->next_id : h->id > m->last_id))
			return (mux_fail(m, "no such stream"));
		return (0);	/* it ended while this was on its way */
	}
	if (s->owe & OWE_OPEN)
		return (mux_fail(m, "no such stream"));
	switch (h->type) {
	case MUX_ACCEPT:
		return (input_accept(m, s, p, n));
	case MUX_DATA:
		return (mux_stream_data(s, p, n, h->flags));
	case MUX_CREDIT:
		return (input_credit(m, s, p, n));
	default:
		return (input_reset(m, s, p, n));
	}
}

static int
input_frame(struct mux *m, const uint8_t *p, size_t n)
{
	struct mux_head	 h;

	if (n > MUX_FRAME_MAX)
		return (mux_fail(m, "frame too long"));
	if (mux_head_get(p, n, &h) == -1)
		return (mux_fail(m, "malformed frame"));
	p += MUX_HEAD_LEN;
	n -= MUX_HEAD_LEN;
	if (!m->hello_seen && (h.type != MUX_CONTROL || h.id != 0 ||
	    mux_control_what(p, n) != MUX_CONTROL_HELLO))
		return (mux_fail(m, "no hello"));
	switch (h.type) {
	case MUX_CONTROL:
		return (h.id == 0 ? input_control(m, p, n) : 0);
	case MUX_OPEN:
		return (input_open(m, h.id, p, n));
	default:
		return (input_stream(m, &h, p, n));
	}
}

int
mux_input(struct mux *m, const uint8_t *p, size_t n, uint64_t now)
{
	int		 ret;

	if (m->error != NULL)
		return (-1);
	if (now > m->now)
		m->now = now;
	mux_enter(m);
	ret = input_frame(m, p, n);
	mux_leave(m);
	return (ret);
}
