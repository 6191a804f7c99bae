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

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_internal.h"
#include "mux_wire.h"

struct flow	 flows[FLOWS];
uint64_t	 wire_now;

static uint8_t
pattern(uint32_t key, uint64_t i)
{
	return ((uint32_t)(key * 2654435761U + (uint32_t)i * 2246822519U) >>
	    24);
}

struct mux *
wire_mux(const struct mux_ops *ops, void *arg, int dialer,
    struct mux_budget *budget)
{
	struct mux_config	 cfg;
	struct mux_hello	 h;
	struct mux		*m;

	memset(&cfg, 0, sizeof(cfg));
	cfg.ops = ops;
	cfg.arg = arg;
	cfg.dialer = dialer;
	cfg.data_max = MUX_DATA_MAX;
	cfg.streams_max = FLOWS;
	cfg.link_budget = budget->limit;
	cfg.budget = budget;
	memset(&h, 0, sizeof(h));
	h.credit = MUX_CREDIT_EARLY;
	assert_non_null(m = mux_new(&cfg));
	assert_int_equal(mux_send_hello(m, &h), 0);
	return (m);
}

void
wire_init(struct wire *w, struct mux *dialer, struct mux *other)
{
	w->m[0] = dialer;
	w->m[1] = other;
	STAILQ_INIT(&w->frames[0]);
	STAILQ_INIT(&w->frames[1]);
}

void
wire_free(struct wire *w)
{
	struct wire_frame	*f;
	int			 i;

	for (i = 0; i < 2; i++)
		while ((f = STAILQ_FIRST(&w->frames[i])) != NULL) {
			STAILQ_REMOVE_HEAD(&w->frames[i], entry);
			free(f);
		}
	mux_free(w->m[0], "wire cut");
	mux_free(w->m[1], "wire cut");
}

static void
wire_put(struct wire *w, int from, const uint8_t *buf, size_t n)
{
	struct wire_frame	*f;

	assert_non_null(f = malloc(sizeof(*f) + n));
	f->at = wire_now + w->delay;
	f->n = n;
	memcpy(f->data, buf, n);
	STAILQ_INSERT_TAIL(&w->frames[from], f, entry);
	w->bytes[from] += n;
	w->sent[from]++;
}

#define GAP	16		/* before each frame of a run */
#define RUN	8

int
wire_send(struct wire *w, int from, int max)
{
	static uint8_t	 buf[RUN * (GAP + MUX_FRAME_MAX)];
	size_t		 n, full = MUX_HEAD_LEN + w->m[from]->cfg.data_max;
	int		 i = 0, j, count, run;

	while (i < max && (w->room == 0 || w->bytes[from] < w->room)) {
		run = max - i < RUN ? max - i : RUN;
		run = run > 1 ? (int)(random() % run) + 1 : 1;
		count = mux_output_run(w->m[from], buf,
		    (run - 1) * (GAP + full) + GAP + MUX_FRAME_MAX, GAP,
		    wire_now, &n);
		assert_in_range(count, 0, run);
		if (count == 0)
			break;
		for (j = 0; j < count; j++)
			wire_put(w, from, buf + GAP + j * (GAP + full),
			    j < count - 1 ? full : n);
		i += count;
	}
	return (i);
}

/* The bytes of frames that come together are there until the last of them. */
int
wire_deliver(struct wire *w, int from, int max)
{
	STAILQ_HEAD(, wire_frame) shown = STAILQ_HEAD_INITIALIZER(shown);
	struct wire_frame	*f;
	int			 i;

	for (i = 0; i < max; i++) {
		if ((f = STAILQ_FIRST(&w->frames[from])) == NULL ||
		    f->at > wire_now)
			break;
		STAILQ_REMOVE_HEAD(&w->frames[from], entry);
		w->bytes[from] -= f->n;
		if (mux_input(w->m[!from], f->data, f->n, wire_now) == -1)
			fail_msg("link: %s", mux_error(w->m[!from]));
		STAILQ_INSERT_TAIL(&shown, f, entry);
		if (random() % 4 == 0)
			mux_input_end(w->m[!from]);
	}
	mux_input_end(w->m[!from]);
	while ((f = STAILQ_FIRST(&shown)) != NULL) {
		STAILQ_REMOVE_HEAD(&shown, entry);
		memset(f->data, 0xa5, f->n);
		free(f);
	}
	return (i);
}

int
wire_turn(struct wire *w)
{
	int		 i, n = 0;

	for (i = 0; i < 2; i++) {
		n += wire_send(w, i, INT32_MAX);
		n += wire_deliver(w, i, INT32_MAX);
	}
	return (n);
}

static void
end_check(struct end *e, const uint8_t *p, size_t n)
{
	size_t		 i;

	for (i = 0; i < n; i++)
		if (p[i] != pattern(e->in_key, e->got + i))
			fail_msg("byte %llu of %u is wrong",
			    (unsigned long long)e->got + i, e->in_key);
	e->got += n;
	if (e->echo && n > 0) {
		e->total += n;
		mux_ready(e->s);
	}
}

static void
end_at_eof(struct end *e)
{
	assert_int_equal(e->eof, 0);
	e->eof = 1;
	if (e->echo) {
		e->echo = 0;
		mux_ready(e->s);
	}
}

static void
end_accepted(struct mux_stream *s, void *arg)
{
	struct end	*e = arg;

	assert_int_equal(e->accepted, 0);
	e->accepted = 1;
}

static size_t
end_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	struct end	*e = arg;

	assert_ptr_equal(e->s, s);
	assert_false(e->eof);
	if (n == 0) {
		if (mux_eof(s))
			end_at_eof(e);
		return (0);
	}
	assert_int_equal(mux_queued(s), 0);
	if (e->deaf)
		return (0);
	if (e->ragged && random() % 4 == 0)
		n = random() % (n + 1);
	end_check(e, p, n);
	return (n);
}

static size_t
end_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct end	*e = arg;
	size_t		 i, n = cap;

	assert_ptr_equal(e->s, s);
	if (e->mute)
		return (0);
	if (e->total != FLOW_ENDLESS && n > e->total - e->sent)
		n = e->total - e->sent;
	if (e->ragged && n > 0 && random() % 4 == 0)
		n = random() % n + 1;
	for (i = 0; i < n; i++)
		buf[i] = pattern(e->out_key, e->sent + i);
	e->sent += n;
	if (e->sent < e->total)
		*more = MUX_MORE;
	else if (!e->echo)
		*more = MUX_LAST;
	return (n);
}

static size_t
end_inputv(struct mux_stream *s, void *arg, struct iovec *iov, int niov)
{
	size_t		 n, total = 0;
	int		 i;

	for (i = 0; i < niov; i++) {
		n = end_input(s, arg, iov[i].iov_base, iov[i].iov_len);
		total += n;
		if (n < iov[i].iov_len)
			break;
	}
	return (total);
}

static size_t
end_pullv(struct mux_stream *s, void *arg, struct iovec *iov, int niov,
    enum mux_more *more)
{
	size_t		 n, total = 0;
	int		 i;

	for (i = 0; i < niov; i++) {
		*more = MUX_IDLE;
		n = end_pull(s, arg, iov[i].iov_base, iov[i].iov_len, more);
		total += n;
		if (n < iov[i].iov_len || *more == MUX_LAST)
			break;
	}
	return (total);
}

static void
end_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	struct end	*e = arg;

	assert_ptr_equal(e->s, s);
	assert_false(e->done || e->reset || e->killed);
	e->reset = 1;
	e->code = code;
	strlcpy(e->text, text, sizeof(e->text));
	e->s = NULL;
}

static void
end_done(struct mux_stream *s, void *arg)
{
	struct end	*e = arg;

	assert_ptr_equal(e->s, s);
	assert_false(e->done || e->reset || e->killed);
	assert_true(e->eof);
	assert_int_equal(e->sent, e->total);
	e->done = 1;
	e->s = NULL;
}

const struct mux_stream_ops end_ops = {
	.accepted = end_accepted,
	.input = end_input,
	.inputv = end_inputv,
	.pull = end_pull,
	.pullv = end_pullv,
	.reset = end_reset,
	.done = end_done
};

static void
flow_on_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct end	*e;

	assert_true(open->ticket < FLOWS);
	e = &flows[open->ticket].end[1];
	assert_null(e->s);
	e->s = s;
	e->m = m;
	mux_stream_own(s, &end_ops, e);
	mux_ready(s);
	if (arg == NULL)
		mux_accept(s);
}

const struct mux_ops flow_ops = {
	.open = flow_on_open
};

int
flow_open(int i, struct mux *m, uint64_t there, uint64_t back)
{
	return (flow_open_metered(i, m, there, back, NULL));
}

int
flow_open_metered(int i, struct mux *m, uint64_t there, uint64_t back,
    struct meter_flow *meter)
{
	struct flow	*f = &flows[i];
	struct mux_open	 o;

	memset(f, 0, sizeof(*f));
	f->end[0].total = there;
	f->end[1].total = back;
	f->end[0].out_key = f->end[1].in_key = 2 * i;
	f->end[1].out_key = f->end[0].in_key = 2 * i + 1;
	memset(&o, 0, sizeof(o));
	o.kind = MUX_KIND_TCP;
	o.ticket = i;
	f->end[0].m = m;
	f->end[0].s = mux_open_metered(m, &o, &end_ops, &f->end[0], meter);
	if (f->end[0].s == NULL)
		return (-1);
	mux_ready(f->end[0].s);
	return (0);
}

void
end_speak(struct end *e)
{
	e->mute = 0;
	if (e->s != NULL)
		mux_ready(e->s);
}

void
end_read(struct end *e, size_t n)
{
	uint8_t		 buf[5000];
	struct iovec	 iov[2];
	size_t		 len, i, k;

	if (e->s == NULL || e->eof)
		return;
	while (n > 0 && mux_queued(e->s) > 0) {
		/* both ways to take it */
		if ((e->got & 1) == 0) {
			len = n < sizeof(buf) ? n : sizeof(buf);
			len = mux_read(e->s, buf, len);
			end_check(e, buf, len);
			n -= len;
			continue;
		}
		k = mux_peek(e->s, iov, nitems(iov));
		for (i = 0, len = 0; i < k && len < n; i++) {
			if (iov[i].iov_len > n - len)
				iov[i].iov_len = n - len;
			end_check(e, iov[i].iov_base, iov[i].iov_len);
			len += iov[i].iov_len;
		}
		mux_drain(e->s, len);
		n -= len;
	}
	if (mux_eof(e->s))
		end_at_eof(e);
}

void
end_listen(struct end *e)
{
	e->deaf = 0;
	end_read(e, SIZE_MAX);
}

void
end_kill(struct end *e, uint16_t code, const char *text)
{
	if (e->s == NULL)
		return;
	mux_reset(e->s, code, text);
	e->s = NULL;
	e->killed = 1;
}

int
end_over(const struct end *e)
{
	return (e->done || e->reset || e->killed);
}

void
wire_up(struct wire *w, const struct mux_ops *ops, void *arg, size_t limit)
{
	int		 i;

	memset(w, 0, sizeof(*w));
	memset(flows, 0, sizeof(flows));
	wire_now = 1000000;
	for (i = 0; i < 2; i++)
		w->budget[i].limit = limit;
	wire_init(w, wire_mux(ops, arg, 1, &w->budget[0]),
	    wire_mux(ops, arg, 0, &w->budget[1]));
}

void
wire_check(struct mux *m)
{
	struct mux_stream	*s;
	struct mux_stats	 st;
	size_t			 window = 0, queued = 0;
	uint32_t		 n = 0, ring = 0;

	TAILQ_FOREACH(s, &m->streams, entry) {
		assert_false(s->flags & STREAM_DEAD);
		assert_true(s->queue.len + s->arriving + s->consumed <=
		    s->window);
		assert_true(s->window <= MUX_CREDIT_MAX);
		assert_ptr_equal(mux_table_find(m, s->id), s);
		window += s->window;
		queued += s->queue.len;
		n++;
	}
	TAILQ_FOREACH(s, &m->ring, turn) {
		assert_true(s->allowance > 0);
		ring++;
	}
	TAILQ_FOREACH(s, &m->sparse, turn)
		ring++;
	mux_get_stats(m, &st);
	assert_int_equal(st.streams, n);
	assert_int_equal(st.queued, queued);
	assert_int_equal(m->reserved, window);
	assert_int_equal(m->cfg.budget->used, window);
	assert_int_equal(m->ring_count, ring);
	assert_true(TAILQ_EMPTY(&m->dead));
}
