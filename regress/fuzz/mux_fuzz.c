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

/* link: lib/mux.c lib/mux_output.c lib/mux_table.c lib/mux_stream.c
   lib/mux_credit.c lib/mux_input.c
   lib/mux_queue.c lib/meter.c
   lib/mux_dgram.c lib/mux_frame.c lib/mux_splice.c */

/*
 * Frames of a hostile peer, to a mux whose owner acts as the input says, in
 * callbacks and between them.  The input is a row of steps: one byte of what
 * to do, and for a frame two bytes of length and the frame.  Frames are cut
 * short, so a length of DATA beyond what there is stands for so many bytes.
 * What must hold is checked after each step.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mux_internal.h"
#include "mux_splice.h"

#define OWNED	16

struct owned {
	struct mux_stream	*s;
	uint32_t		 left;		/* to send */
};

static struct mux	*mux, *far;
static struct mux_budget budget;
static struct owned	 owned[OWNED];
static const uint8_t	*in;
static size_t		 in_len;
static uint64_t		 now;
static int		 acting;
static uint8_t		 dgram[MUX_DGRAM_MAX];

static void	act(struct owned *);

static uint8_t
next(void)
{
	if (in_len == 0)
		return (0);
	in_len--;
	return (*in++);
}

static void
o_accepted(struct mux_stream *s, void *arg)
{
	act(arg);
}

static size_t
o_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	struct owned	*o = arg;
	uint8_t		 what = next();

	must(o->s == s);
	if (what & 1)
		act(o);
	return (what & 2 ? n : what & 4 ? n / 2 : 0);
}

static int
o_datagram(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	struct owned	*o = arg;
	uint8_t		 what = next();

	must(o->s == s && n <= MUX_DGRAM_MAX);
	if (what & 1)
		act(o);
	return (what & 2);
}

static size_t
o_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct owned	*o = arg;
	size_t		 n = o->left < cap ? o->left : cap;
	uint8_t		 what = next();

	must(o->s == s && cap > 0 && cap <= MUX_DATA_MAX);
	memset(buf, 'x', n);
	o->left -= n;
	*more = what & 2 ? MUX_LAST : what & 4 ? MUX_MORE : MUX_IDLE;
	if (what & 1)
		act(o);
	return (n);
}

/* Within its last callback the slot may have been taken anew. */
static void
forget(struct owned *o, struct mux_stream *s)
{
	if (o->s == s)
		o->s = NULL;
}

static void
o_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	struct owned	*o = arg;

	must(o->s == s && strlen(text) <= MUX_TEXT_MAX);
	act(o);
	forget(o, s);
}

static void
o_done(struct mux_stream *s, void *arg)
{
	struct owned	*o = arg;

	must(o->s == s && mux_eof(s) && mux_queued(s) == 0);
	act(o);
	forget(o, s);
}

static const struct mux_stream_ops o_ops = {
	.accepted = o_accepted,
	.input = o_input,
	.datagram = o_datagram,
	.pull = o_pull,
	.reset = o_reset,
	.done = o_done
};

static const struct mux_splice_ops splice_ops;

static struct owned *
slot(void)
{
	int		 i;

	for (i = 0; i < OWNED; i++)
		if (owned[i].s == NULL)
			return (&owned[i]);
	return (NULL);
}

static void
m_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct owned	*o = slot();
	uint8_t		 what = next();

	must(m == mux);
	if (what & 2) {
		/* goes on elsewhere, or nobody takes it */
		mux_splice_new(s, far, open, &splice_ops, NULL);
		return;
	}
	if (o == NULL)
		return;
	o->s = s;
	o->left = what << 8;
	mux_stream_own(s, &o_ops, o);
	if (what & 1)
		act(o);
}

static void
m_want(struct mux *m, void *arg)
{
}

static const struct mux_ops m_ops = {
	.open = m_open,
	.want_output = m_want
};

static void
act_open(void)
{
	struct owned	*o = slot();
	struct mux_open	 open;

	if (o == NULL)
		return;
	memset(&open, 0, sizeof(open));
	open.kind = next() & 1 ? MUX_KIND_UDP : MUX_KIND_TCP;
	o->left = next() << 8;
	if ((o->s = mux_open_stream(mux, &open, &o_ops, o)) != NULL)
		mux_ready(o->s);
}

/* The owner does something, with this stream or another. */
static void
act(struct owned *o)
{
	uint8_t		 buf[3000], what = next();
	struct iovec	 iov[3], dv[MUX_DGRAM_IOVS];

	if (acting > 3)
		return;
	if (o == NULL || what & 0x80)
		o = &owned[what >> 3 & (OWNED - 1)];
	if ((what & 7) == 7) {
		act_open();
		return;
	}
	if (o->s == NULL)
		return;
	acting++;
	switch (what & 7) {
	case 0:
		mux_reset(o->s, what, what & 0x40 ? "so" : NULL);
		/* again, while it may still be there: no harm */
		o->s = NULL;
		break;
	case 1:
		mux_accept(o->s);
		break;
	case 2:
		o->left += what << 4;
		mux_ready(o->s);
		if (what & 0x40)
			mux_dgram_send(o->s, dgram, what * 300 %
			    (sizeof(dgram) + 1));
		else if (what & 0x20)
			mux_dgram_end(o->s);
		break;
	case 3:
		mux_peek(o->s, iov, 3);
		mux_drain(o->s, what << 5);
		if (mux_dgram_peek(o->s, dv) != -1)
			mux_dgram_drop(o->s);
		break;
	case 4:
		mux_read(o->s, buf, sizeof(buf));
		break;
	case 5:
		mux_ready(o->s);
		break;
	default:
		mux_output(mux, (uint8_t[MUX_FRAME_MAX]){ 0 }, MUX_FRAME_MAX,
		    now);
		break;
	}
	acting--;
}

static int
step_frame(void)
{
	uint8_t		 frame[MUX_FRAME_MAX + 8];
	size_t		 n = next() << 8, len;

	n |= next();
	if (n > sizeof(frame))
		n = sizeof(frame);
	len = n < in_len ? n : in_len;
	if (len > 40)
		len = 40;
	memset(frame, 'f', sizeof(frame));
	memcpy(frame, in, len);
	in += len;
	in_len -= len;
	len = mux_input(mux, frame, n, now);
	mux_input_end(mux);
	return ((int)len);
}

static void
step_output(void)
{
	uint8_t		 frame[MUX_FRAME_MAX];
	struct mux_head	 h;
	size_t		 n;

	n = mux_output(mux, frame, sizeof(frame), now);
	if (n == 0)
		return;
	must(n <= sizeof(frame) && mux_head_get(frame, n, &h) == 0);
	/* the far link is only there to be pulled and to be reset */
	mux_output(far, frame, sizeof(frame), now);
}

static void
check_all(void)
{
	struct mux_stream	*s;
	struct mux_stats	 st;
	size_t			 window = 0, queued = 0;
	uint32_t		 n = 0;

	TAILQ_FOREACH(s, &mux->streams, entry) {
		must((s->flags & STREAM_DEAD) == 0);
		must(s->queue.len + s->arriving + s->consumed <= s->window);
		if (s->dgram != NULL) {
			must(s->queue.len <= MUX_DGRAM_QUEUE);
			must(s->dgram->out.len <= MUX_DGRAM_QUEUE);
			must(s->dgram->going.len < MUX_DGRAM_MAX);
			must(s->dgram->coming.len <= MUX_DGRAM_MAX);
			must(s->queue.len + s->dgram->out.len +
			    s->dgram->going.len + s->dgram->coming.len <=
			    s->window);
		}
		window += s->window;
		queued += s->queue.len;
		n++;
	}
	TAILQ_FOREACH(s, &mux->ring, turn)
		must((s->allowance > 0 || s->dgram != NULL) &&
		    (s->flags & STREAM_FIN_OUT) == 0);
	mux_get_stats(mux, &st);
	must(st.streams == n && st.queued == queued);
	must(mux->reserved == window && TAILQ_EMPTY(&mux->dead));
	must(budget.used == window + far->reserved);
	must(mux->depth == 0 && mux->refused_count <= MUX_REFUSED_MAX);
}

static struct mux *
fuzz_mux(int dialer, int hello)
{
	struct mux_config	 cfg;
	struct mux_hello	 h;
	struct mux		*m;

	memset(&cfg, 0, sizeof(cfg));
	cfg.ops = &m_ops;
	cfg.dialer = dialer;
	cfg.streams_max = 20;
	cfg.link_budget = 4 * 1024 * 1024;
	cfg.budget = &budget;
	must((m = mux_new(&cfg)) != NULL);
	memset(&h, 0, sizeof(h));
	h.credit = MUX_CREDIT_EARLY;
	if (hello)
		must(mux_send_hello(m, &h) == 0);
	return (m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t	 hello[] = { 6, 0, 0, 0, 0, 0, 0, 0, 1,
	    1, 0, 4, 0, 0, 0, 1, 2, 0, 4, 0, 1, 0, 0 };
	uint8_t			 what, how;

	in = p;
	in_len = n;
	now = 0;
	acting = 0;
	memset(owned, 0, sizeof(owned));
	memset(&budget, 0, sizeof(budget));
	budget.limit = 8 * 1024 * 1024;
	how = next();
	mux = fuzz_mux(how & 1, !(how & 2));
	far = fuzz_mux(1, 1);
	if (how & 4)
		mux_input(mux, hello, sizeof(hello), now);
	mux_input(far, hello, sizeof(hello), now);
	while (in_len > 0) {
		what = next();
		now += what << 6;
		if (what % 4 < 2) {
			if (step_frame() == -1)
				break;
		} else if (what % 4 == 2)
			step_output();
		else
			act(NULL);
		check_all();
	}
	if (how & 8)
		mux_end(mux, MUX_CODE_KILLED, "end");
	mux_free(mux, "over");
	mux_free(far, NULL);
	must(budget.used == 0);
	for (n = 0; n < OWNED; n++)
		must(owned[n].s == NULL);
	return (0);
}
