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

#include "mux_peer.h"

static void
peer_accepted(struct mux_stream *s, void *arg)
{
	struct seen	*t = arg;

	t->accepted++;
	if (t->on_accepted != NULL)
		t->on_accepted(t);
}

static size_t
peer_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	struct seen	*t = arg;
	size_t		 i, take = n < t->take ? n : t->take;

	if (n == 0)
		t->fins++;
	for (i = 0; i < n; i++)
		assert_int_equal(p[i], 'd');
	if (t->on_input != NULL)
		t->on_input(t);
	t->in += take;
	return (take);
}

static size_t
peer_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct seen	*t = arg;
	size_t		 n = t->have < cap ? t->have : cap;

	assert_int_equal(*more, MUX_IDLE);
	assert_true(cap > 0 && cap <= MUX_DATA_MAX);
	t->pulls++;
	memset(buf, 'u', n);
	t->have -= n;
	if (t->have > 0)
		*more = MUX_MORE;
	else if (t->last)
		*more = MUX_LAST;
	if (t->on_pull != NULL)
		t->on_pull(t);
	return (n);
}

static void
peer_was_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	struct seen	*t = arg;

	t->reset++;
	t->code = code;
	strlcpy(t->text, text, sizeof(t->text));
	if (t->on_reset != NULL)
		t->on_reset(t);
	t->s = NULL;
}

static void
peer_done(struct mux_stream *s, void *arg)
{
	struct seen	*t = arg;

	t->done++;
	assert_true(mux_eof(s));
	if (t->on_done != NULL)
		t->on_done(t);
	t->s = NULL;
}

static const struct mux_stream_ops peer_stream_ops = {
	.accepted = peer_accepted,
	.input = peer_input,
	.pull = peer_pull,
	.reset = peer_was_reset,
	.done = peer_done
};

static struct seen *
peer_seen(struct peer *t)
{
	struct seen	*st;

	assert_true(t->nst < PEER_STREAMS);
	st = &t->st[t->nst++];
	*st = t->next;
	st->peer = t;
	return (st);
}

static void
peer_on_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct peer	*t = arg;
	struct seen	*st;

	if (t->disown)
		return;
	if (t->nst == PEER_STREAMS)
		t->nst = 0;		/* in floods */
	st = peer_seen(t);
	st->s = s;
	st->open = *open;
	mux_stream_own(s, &peer_stream_ops, st);
	if (st->on_open != NULL)
		st->on_open(st);
}

static void
peer_on_hello(struct mux *m, void *arg, const struct mux_hello *h)
{
	struct peer	*t = arg;

	t->hellos++;
	t->hello = *h;
}

static void
peer_on_goaway(struct mux *m, void *arg, const struct mux_goaway *g)
{
	struct peer	*t = arg;

	t->goaways++;
	t->goaway = *g;
}

static void
peer_on_want(struct mux *m, void *arg)
{
	struct peer	*t = arg;

	t->wants++;
}

static const struct mux_ops peer_ops = {
	.open = peer_on_open,
	.hello = peer_on_hello,
	.goaway = peer_on_goaway,
	.want_output = peer_on_want
};

void
peer_init(struct peer *t, int dialer)
{
	memset(t, 0, sizeof(*t));
	t->budget.limit = 64 * 1024 * 1024;
	t->cfg.ops = &peer_ops;
	t->cfg.arg = t;
	t->cfg.dialer = dialer;
	t->cfg.data_max = MUX_DATA_MAX;
	t->cfg.streams_max = 32;
	t->cfg.link_budget = t->budget.limit;
	t->cfg.budget = &t->budget;
	t->next.take = SIZE_MAX;
}

void
peer_start(struct peer *t)
{
	assert_non_null(t->m = mux_new(&t->cfg));
}

void
peer_hello(struct peer *t)
{
	struct mux_hello	 h;

	memset(&h, 0, sizeof(h));
	h.credit = MUX_CREDIT_EARLY;
	assert_int_equal(mux_send_hello(t->m, &h), 0);
}

int
peer_send_hello(struct peer *t, uint32_t credit)
{
	struct mux_hello	 h;
	uint8_t			 buf[MUX_CONTROL_MAX];
	ssize_t			 n;

	memset(&h, 0, sizeof(h));
	h.version = 1;
	h.credit = credit;
	n = mux_hello_put(buf, sizeof(buf), &h);
	return (peer_frame(t, MUX_CONTROL, 0, 0, buf, n));
}

void
peer_up(struct peer *t, int dialer)
{
	peer_init(t, dialer);
	peer_start(t);
	peer_hello(t);
	peer_expect(t, MUX_CONTROL, 0);
	assert_int_equal(peer_send_hello(t, MUX_CREDIT_EARLY), 0);
	peer_quiet(t);
}

void
peer_free(struct peer *t)
{
	mux_free(t->m, "over");
	assert_int_equal(t->budget.used, 0);
}

int
peer_frame(struct peer *t, uint8_t type, uint8_t flags, uint32_t id,
    const void *p, size_t n)
{
	uint8_t		*frame;
	int		 ret;

	assert_non_null(frame = malloc(MUX_HEAD_LEN + n));
	mux_head_put(frame, type, flags, id);
	if (n > 0)
		memcpy(frame + MUX_HEAD_LEN, p, n);
	ret = mux_input(t->m, frame, MUX_HEAD_LEN + n, t->now);
	free(frame);
	return (ret);
}

int
peer_open(struct peer *t, uint32_t id, uint32_t credit)
{
	struct mux_open	 o;
	uint8_t		 buf[MUX_OPEN_MAX];
	ssize_t		 n;

	memset(&o, 0, sizeof(o));
	o.kind = MUX_KIND_TCP;
	o.port = 22;
	o.credit = credit;
	strlcpy(o.host, "localhost", sizeof(o.host));
	n = mux_open_put(buf, sizeof(buf), &o);
	return (peer_frame(t, MUX_OPEN, 0, id, buf, n));
}

int
peer_credit(struct peer *t, uint8_t type, uint32_t id, uint32_t credit)
{
	uint8_t		 buf[4];

	mux_credit_put(buf, sizeof(buf), credit);
	return (peer_frame(t, type, 0, id, buf, sizeof(buf)));
}

int
peer_data(struct peer *t, uint32_t id, size_t n, int fin)
{
	uint8_t		 buf[MUX_DATA_MAX + 16];

	assert_true(n <= sizeof(buf));
	memset(buf, 'd', n);
	return (peer_frame(t, MUX_DATA, fin ? MUX_FIN : 0, id, buf, n));
}

int
peer_reset(struct peer *t, uint32_t id, uint16_t code, const char *text)
{
	uint8_t		 buf[MUX_CONTROL_MAX];
	ssize_t		 n;

	n = mux_reset_put(buf, sizeof(buf), code, text);
	return (peer_frame(t, MUX_RESET, 0, id, buf, n));
}

struct seen *
peer_stream(struct peer *t)
{
	struct seen	*st;

	st = peer_seen(t);
	memset(&st->open, 0, sizeof(st->open));
	st->open.kind = MUX_KIND_TCP;
	strlcpy(st->open.host, "localhost", sizeof(st->open.host));
	st->s = mux_open_stream(t->m, &st->open, &peer_stream_ops, st);
	if (st->s == NULL)
		t->nst--;
	return (st->s == NULL ? NULL : st);
}

void
peer_give(struct seen *st, size_t n, int last)
{
	st->have += n;
	st->last = last;
	mux_ready(st->s);
}

int
peer_next(struct peer *t)
{
	size_t		 n;

	n = mux_output(t->m, t->frame, sizeof(t->frame), t->now);
	if (n == 0)
		return (0);
	assert_int_equal(mux_head_get(t->frame, n, &t->head), 0);
	t->p = t->frame + MUX_HEAD_LEN;
	t->n = n - MUX_HEAD_LEN;
	return (t->head.type);
}

uint32_t
peer_expect(struct peer *t, int type, uint32_t id)
{
	uint32_t	 credit = 0;

	assert_int_equal(peer_next(t), type);
	assert_int_equal(t->head.id, id);
	if (type == MUX_ACCEPT || type == MUX_CREDIT)
		assert_int_equal(mux_credit_get(t->p, t->n, &credit), 0);
	return (credit);
}

void
peer_expect_data(struct peer *t, uint32_t id, size_t n, int fin)
{
	size_t		 i;

	assert_int_equal(peer_next(t), MUX_DATA);
	assert_int_equal(t->head.id, id);
	assert_int_equal(t->n, n);
	assert_int_equal(t->head.flags, fin ? MUX_FIN : 0);
	for (i = 0; i < n; i++)
		assert_int_equal(t->p[i], 'u');
}

void
peer_quiet(struct peer *t)
{
	assert_int_equal(peer_next(t), 0);
}

void
peer_flush(struct peer *t)
{
	while (peer_next(t) != 0)
		continue;
}

void
peer_error(struct peer *p, const char *text)
{
	assert_string_equal(mux_error(p->m), text);
	/* It stays so, and nothing more comes or goes. */
	assert_int_equal(peer_credit(p, MUX_CREDIT, 99, 1), -1);
	peer_quiet(p);
	assert_null(peer_stream(p));
	peer_free(p);
}

struct seen *
peer_ours(struct peer *p, uint32_t credit)
{
	struct seen	*st;
	uint32_t	 id;

	assert_non_null(st = peer_stream(p));
	id = mux_stream_id(st->s);
	peer_expect(p, MUX_OPEN, id);
	assert_int_equal(peer_credit(p, MUX_ACCEPT, id, credit), 0);
	assert_int_equal(st->accepted, 1);
	return (st);
}

struct seen *
peer_theirs(struct peer *p, uint32_t id, uint32_t credit)
{
	struct seen	*st;

	assert_int_equal(peer_open(p, id, credit), 0);
	st = &p->st[p->nst - 1];
	mux_accept(st->s);
	assert_int_equal(peer_expect(p, MUX_ACCEPT, id),
	    MUX_CREDIT_INITIAL - MUX_CREDIT_EARLY);
	return (st);
}
