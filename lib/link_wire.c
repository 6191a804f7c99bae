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
 * The WebSocket frames of a link: what comes goes to the mux, what the mux
 * has to say goes out.
 */

#include "compat.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "evtls.h"
#include "link_internal.h"

#define KEY_POOL	256	/* mask keys made at a time */
#define PONG_LEN	8	/* what our pings carry: the time, us */
/* Pong, ping and close, with their heads. */
#define CONTROL_LEN	(3 * (WS_HEAD_MAX + WS_CONTROL_MAX))

static void	link_message(struct link *, const struct ws_event *);
static void	link_control(struct link *, const struct ws_event *);
static void	link_pong(struct link *, const uint8_t *, size_t);
static size_t	link_output_frames(struct link *, uint8_t *, size_t);
static size_t	link_output_control(struct link *, uint8_t *);
static size_t	link_output_close(struct link *, uint8_t *);

size_t
link_input(struct evtls *conn, void *arg, uint8_t *buf, size_t len)
{
	struct link	*l = arg;
	struct ws_event	 ev;
	size_t		 off = 0;
	enum ws_result	 r;

	l->heard = clock_us();
	l->busy++;
	while (off < len && !l->dead && !l->over) {
		r = ws_parse(&l->ws, buf + off, len - off, &ev, NULL);
		off += ev.consumed;
		if (r == WS_MORE)
			break;
		if (r == WS_ERROR)
			link_fail(l, l->ws.close_code, l->ws.error);
		else if (r == WS_CONTROL)
			link_control(l, &ev);
		else if (!l->closing)
			link_message(l, &ev);
		if (l->failed)
			off = len;
	}
	mux_input_end(l->mux);
	link_leave(l);
	return (off);
}

static void
link_message(struct link *l, const struct ws_event *ev)
{
	if (ev->opcode != WS_BINARY)
		link_fail(l, WS_CLOSE_UNSUPPORTED, "only binary messages");
	else if (mux_input(l->mux, ev->data, ev->len, l->heard) == -1)
		link_fail(l, WS_CLOSE_PROTOCOL, mux_error(l->mux));
	else if (l->ws.msg != NULL)
		/* Of fragments: it is gone with the next call of ws_parse. */
		mux_input_end(l->mux);
}

static void
link_control(struct link *l, const struct ws_event *ev)
{
	char	 text[WS_CONTROL_MAX + 1];

	switch (ev->opcode) {
	case WS_PING:
		if (l->closing)
			break;
		/* The newest only: pings cost us nothing to remember. */
		if (l->pong == NULL &&
		    (l->pong = malloc(WS_CONTROL_MAX)) == NULL)
			return;
		memcpy(l->pong, ev->data, ev->len);
		l->pong_len = ev->len;
		l->pong_due = 1;
		evtls_want_output(l->conn);
		link_ping_along(l);
		break;
	case WS_PONG:
		link_pong(l, ev->data, ev->len);
		break;
	case WS_CLOSE:
		if (l->close_sent) {
			/* The answer to ours: both sides are done. */
			evtls_close(l->conn);
			break;
		}
		memcpy(text, ev->data, ev->len);
		text[ev->len] = '\0';
		/* Ours answers it, and then there is no more to say. */
		l->answered = 1;
		evtls_want_output(l->conn);
		link_end(l, ev->code == WS_CLOSE_NONE ? WS_CLOSE_NORMAL :
		    ev->code, ev->len > 0 ? text :
		    "the peer has closed the link");
		break;
	default:
		break;
	}
}

static void
link_pong(struct link *l, const uint8_t *data, size_t len)
{
	uint64_t	 sent;
	uint32_t	 rtt;
	size_t		 i;

	if (len != PONG_LEN)
		return;
	memcpy(&sent, data, sizeof(sent));
	/* Only the last ping counts, and only once. */
	if (l->pinged == 0 || be64toh(sent) != l->pinged)
		return;
	rtt = l->heard > l->pinged ? l->heard - l->pinged : 1;
	l->pinged = 0;
	l->rtt = l->rtt == 0 ? rtt : l->rtt - l->rtt / 8 + rtt / 8;
	/*
	 * Windows are made for the path, not for what waits in it: a round
	 * trip behind bulk is long, and windows grown by it make it longer.
	 */
	l->rtts[l->nrtts++ % nitems(l->rtts)] = rtt;
	for (i = 0; i < nitems(l->rtts) && i < l->nrtts; i++) {
		if (l->rtts[i] < rtt)
			rtt = l->rtts[i];
	}
	mux_set_rtt(l->mux, rtt);
}

/* ---- output ---- */

/* Keys need not be secret, only unforeseeable (RFC 6455, 10.3). */
static const uint8_t *
mask_key(void)
{
	static uint8_t	 pool[KEY_POOL][4];
	static size_t	 next = KEY_POOL;

	if (next == KEY_POOL) {
		arc4random_buf(pool, sizeof(pool));
		next = 0;
	}
	return (pool[next++]);
}

/*
 * Make a frame of the len bytes that lie gap bytes behind p, where gap is at
 * least as long as its head; returns its length, at p.  Only what is short
 * has a shorter head and is moved.
 */
static size_t
link_frame(struct link *l, uint8_t *p, enum ws_opcode op, size_t gap,
    size_t len)
{
	const uint8_t	*key = l->ws.role == WS_CLIENT ? mask_key() : NULL;
	uint8_t		 head[WS_HEAD_MAX];
	size_t		 n;

	n = ws_head(head, op, len, key);
	if (key != NULL)
		ws_mask(p + gap, p + gap, len, key, 0);
	if (n != gap)
		memmove(p + n, p + gap, len);
	memcpy(p, head, n);
	return (n + len);
}

size_t
link_output(struct evtls *conn, void *arg, uint8_t *buf, size_t cap)
{
	struct link	*l = arg;
	size_t		 off = 0;

	if (l->close_sent || l->over || l->dead)
		return (0);
	l->busy++;
	if (!l->closing)
		off = link_output_control(l, buf);
	off += link_output_frames(l, buf + off, cap - off - CONTROL_LEN);
	/* What was to be told before the end goes first, within reason. */
	if (l->closing && !l->dead)
		off += link_output_close(l, buf + off);
	link_leave(l);
	return (off);
}

static size_t
link_output_frames(struct link *l, uint8_t *buf, size_t cap)
{
	uint64_t	 now = clock_us();
	size_t		 off = 0, gap, n, last;
	int		 count;

	gap = ws_head_len(MUX_FRAME_MAX, l->ws.role == WS_CLIENT);
	while (!l->dead && cap - off >= gap + MUX_FRAME_MAX) {
		count = mux_output_run(l->mux, buf + off, cap - off, gap, now,
		    &last);
		if (count == 0)
			break;
		/* Full frames stay where they are: their heads fill the gap. */
		for (; count > 0; count--) {
			n = count > 1 ? MUX_HEAD_LEN + l->data_max : last;
			off += link_frame(l, buf + off, WS_BINARY, gap, n);
		}
	}
	return (off);
}

static size_t
link_output_control(struct link *l, uint8_t *buf)
{
	uint64_t	 stamp;
	size_t		 off = 0;

	if (l->pong_due) {
		l->pong_due = 0;
		memcpy(buf + WS_HEAD_MAX, l->pong, l->pong_len);
		off += link_frame(l, buf, WS_PONG, WS_HEAD_MAX, l->pong_len);
		free(l->pong);
		l->pong = NULL;
	}
	if (l->ping_due) {
		l->ping_due = 0;
		l->pinged = l->ping_at = clock_us();
		stamp = htobe64(l->pinged);
		memcpy(buf + off + WS_HEAD_MAX, &stamp, PONG_LEN);
		off += link_frame(l, buf + off, WS_PING, WS_HEAD_MAX,
		    PONG_LEN);
	}
	return (off);
}

static size_t
link_output_close(struct link *l, uint8_t *buf)
{
	size_t	 n;

	l->close_sent = 1;
	/* The peer has said goodbye as well: when this is out, it is over. */
	if (l->answered)
		evtls_close(l->conn);
	n = ws_close_payload(buf + WS_HEAD_MAX, l->close_code,
	    l->close_text == NULL ? "" : l->close_text);
	return (link_frame(l, buf, WS_CLOSE, WS_HEAD_MAX, n));
}
