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
 * Two streams become one.  Nothing is buffered here: what comes on one side
 * waits in that side's receive queue until the other link pulls it, and only
 * then does the sender get new credit.  Datagrams earn none and go on at
 * once, into the send queue of the other side.
 *
 * A side is NULL once its stream is done.  The stream of a side that is done
 * had its FIN out and its queue empty, so for the other side that means: all
 * that came was passed on, and nothing more will come.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "mux.h"
#include "mux_splice.h"

enum side { FROM, TO };		/* the opener's, and the one we opened */

struct mux_splice {
	struct mux_stream	*side[2];
	uint64_t		 bytes[2];	/* that came from it and left */
	const struct mux_splice_ops *ops;
	void			*arg;
};

static void
splice_close(struct mux_splice *sp, uint16_t code, const char *text)
{
	if (sp->ops->closed != NULL)
		sp->ops->closed(sp, sp->arg, code, text);
	free(sp);
}

static size_t
splice_input(struct mux_splice *sp, enum side to)
{
	if (sp->side[to] != NULL)
		mux_ready(sp->side[to]);
	return (0);
}

/* FIN from one side, in a stream of datagrams. */
static void
splice_fin(struct mux_splice *sp, enum side from)
{
	if (sp->side[from] != NULL && sp->side[!from] != NULL &&
	    mux_stream_dgram(sp->side[from]))
		mux_dgram_end(sp->side[!from]);
}

static int
splice_datagram(struct mux_splice *sp, enum side from, const uint8_t *p,
    size_t n)
{
	if (sp->side[!from] != NULL &&
	    mux_dgram_send(sp->side[!from], p, n) == 0)
		sp->bytes[from] += n;
	return (1);
}

static size_t
splice_pull(struct mux_splice *sp, enum side from, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct mux_stream	*s = sp->side[from];
	size_t			 n;

	if (s == NULL) {
		*more = MUX_LAST;
		return (0);
	}
	n = mux_read(s, buf, cap);
	sp->bytes[from] += n;
	if (mux_eof(s))
		*more = MUX_LAST;
	else if (mux_queued(s) > 0)
		*more = MUX_MORE;
	return (n);
}

static void
splice_reset(struct mux_splice *sp, enum side which, uint16_t code,
    const char *text)
{
	struct mux_stream	*other = sp->side[!which];

	sp->side[FROM] = sp->side[TO] = NULL;
	if (other != NULL)
		mux_reset(other, code, text);
	splice_close(sp, code, text);
}

static void
splice_done(struct mux_splice *sp, enum side which)
{
	sp->side[which] = NULL;
	if (sp->side[!which] == NULL)
		splice_close(sp, 0, NULL);
	else
		mux_ready(sp->side[!which]);	/* it may owe a FIN */
}

static size_t
from_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	if (n == 0)
		splice_fin(arg, FROM);
	return (splice_input(arg, TO));
}

static size_t
to_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	if (n == 0)
		splice_fin(arg, TO);
	return (splice_input(arg, FROM));
}

static int
from_datagram(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	return (splice_datagram(arg, FROM, p, n));
}

static int
to_datagram(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	return (splice_datagram(arg, TO, p, n));
}

static size_t
from_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	return (splice_pull(arg, TO, buf, cap, more));
}

static size_t
to_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	return (splice_pull(arg, FROM, buf, cap, more));
}

static void
from_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	splice_reset(arg, FROM, code, text);
}

static void
to_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	splice_reset(arg, TO, code, text);
}

static void
from_done(struct mux_stream *s, void *arg)
{
	splice_done(arg, FROM);
}

static void
to_done(struct mux_stream *s, void *arg)
{
	splice_done(arg, TO);
}

static void
to_accepted(struct mux_stream *s, void *arg)
{
	struct mux_splice	*sp = arg;

	if (sp->side[FROM] != NULL)
		mux_accept(sp->side[FROM]);
	if (sp->ops->accepted != NULL)
		sp->ops->accepted(sp, sp->arg);
}

static const struct mux_stream_ops from_ops = {
	.input = from_input,
	.datagram = from_datagram,
	.pull = from_pull,
	.reset = from_reset,
	.done = from_done
};

static const struct mux_stream_ops to_ops = {
	.accepted = to_accepted,
	.input = to_input,
	.datagram = to_datagram,
	.pull = to_pull,
	.reset = to_reset,
	.done = to_done
};

/* An earlier owner may have let some, or all, queue. */
static void
splice_queued(struct mux_splice *sp)
{
	struct mux_stream	*from = sp->side[FROM];
	struct iovec		 iov[MUX_DGRAM_IOVS];
	static uint8_t		 buf[MUX_DGRAM_MAX];
	size_t			 n;
	int			 i, niov, eof = mux_eof(from);

	if (!mux_stream_dgram(from)) {
		if (mux_queued(from) > 0 || eof)
			mux_ready(sp->side[TO]);
		return;
	}
	while ((niov = mux_dgram_peek(from, iov)) != -1) {
		for (i = 0, n = 0; i < niov; n += iov[i++].iov_len)
			memcpy(buf + n, iov[i].iov_base, iov[i].iov_len);
		splice_datagram(sp, FROM, buf, n);
		mux_dgram_drop(from);
		eof = mux_eof(from);
	}
	if (eof)
		mux_dgram_end(sp->side[TO]);
}

struct mux_splice *
mux_splice_new(struct mux_stream *from, struct mux *to,
    const struct mux_open *open, const struct mux_splice_ops *ops, void *arg)
{
	return (mux_splice_metered(from, to, open, ops, arg, NULL));
}

struct mux_splice *
mux_splice_metered(struct mux_stream *from, struct mux *to,
    const struct mux_open *open, const struct mux_splice_ops *ops, void *arg,
    struct meter_flow *meter)
{
	struct mux_splice	*sp;

	if (mux_kind_dgram(open->kind) != mux_stream_dgram(from) ||
	    (sp = calloc(1, sizeof(*sp))) == NULL)
		return (NULL);
	sp->ops = ops;
	sp->arg = arg;
	if ((sp->side[TO] = mux_open_metered(to, open, &to_ops, sp,
	    meter)) == NULL) {
		free(sp);
		return (NULL);
	}
	sp->side[FROM] = from;
	mux_stream_own(from, &from_ops, sp);
	splice_queued(sp);
	return (sp);
}

void
mux_splice_meter(struct mux_splice *sp, struct meter_flow *from,
    struct meter_flow *to)
{
	if (sp->side[FROM] != NULL)
		mux_meter(sp->side[FROM], from);
	if (sp->side[TO] != NULL)
		mux_meter(sp->side[TO], to);
}

void
mux_splice_kill(struct mux_splice *sp, uint16_t code, const char *text)
{
	if (sp->side[FROM] != NULL)
		mux_reset(sp->side[FROM], code, text);
	splice_reset(sp, FROM, code, text);
}

void
mux_splice_bytes(const struct mux_splice *sp, uint64_t *out, uint64_t *back)
{
	*out = sp->bytes[FROM];
	*back = sp->bytes[TO];
}

void
mux_splice_memory(const struct mux_splice *sp, struct mux_memory *there,
    struct mux_memory *back)
{
	memset(there, 0, sizeof(*there));
	memset(back, 0, sizeof(*back));
	if (sp->side[FROM] != NULL)
		mux_stream_memory(sp->side[FROM], there);
	if (sp->side[TO] != NULL)
		mux_stream_memory(sp->side[TO], back);
	there->state = sizeof(*sp);
	back->state = 0;
}
