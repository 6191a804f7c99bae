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
 * A link: WebSocket frames on one side, the mux on the other, and a timer
 * that asks whether the peer is still there.
 */

#include "compat.h"

#include <event2/event.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evtls.h"
#include "link.h"

#define LINK_CLOSE_MS	2000	/* for the peer to answer a close */
#define KEY_POOL	1024	/* mask keys made at a time */
#define PONG_LEN	8	/* what our pings carry: the time, us */
/* A DATA frame fills a TLS record: 16 KiB with all heads. */
#define RECORD_LEN	16384

struct link {
	struct evtls		*conn;
	struct mux		*mux;
	struct ws		 ws;
	const struct link_ops	*ops;
	void			*arg;
	struct event		*timer;
	uint64_t		 heard;		/* when bytes came, us */
	uint32_t		 rtt;		/* smoothed, us; 0: unknown */
	unsigned int		 ping_ms, dead_ms;
	int			 ping_due;
	int			 pong_due;
	uint8_t			 pong_len;
	uint8_t			*pong;		/* the newest ping's, malloced */
	/* the end */
	int			 closing;	/* nothing but the close goes */
	int			 close_sent;
	int			 answered;	/* the peer's close has come */
	int			 close_code;
	char			*close_text;
	int			 busy, dead, over;
};

static void	link_ready(struct evtls *, void *);
static size_t	link_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	link_output(struct evtls *, void *, uint8_t *, size_t);
static void	link_closed(struct evtls *, void *, enum evtls_why,
		    const char *);
static int	link_message(struct link *, const struct ws_event *);
static void	link_control(struct link *, const struct ws_event *);
static void	link_pong(struct link *, const uint8_t *, size_t);
static size_t	link_frame(struct link *, uint8_t *, enum ws_opcode, size_t);
static size_t	link_output_control(struct link *, uint8_t *);
static size_t	link_output_close(struct link *, uint8_t *);
static void	link_end(struct link *, int, const char *);
static void	link_over(struct link *, const char *);
static void	link_tick(evutil_socket_t, short, void *);
static void	link_arm(struct link *, unsigned int);
static void	link_leave(struct link *);
static void	link_destroy(struct link *);

static void	on_open(struct mux *, void *, struct mux_stream *,
		    const struct mux_open *);
static void	on_hello(struct mux *, void *, const struct mux_hello *);
static void	on_goaway(struct mux *, void *, const struct mux_goaway *);
static void	on_want_output(struct mux *, void *);

static const struct evtls_ops conn_ops = {
	link_ready, link_input, link_output, link_closed
};

static const struct mux_ops mux_ops = {
	on_open, on_hello, on_goaway, on_want_output
};

uint64_t
link_now(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

/* ---- making and ending ---- */

struct link *
link_new(struct evtls *conn, const struct link_config *cfg)
{
	struct mux_config	 mc;
	struct link		*l;
	int			 masked = cfg->role == WS_CLIENT;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	memset(&mc, 0, sizeof(mc));
	mc.ops = &mux_ops;
	mc.arg = l;
	mc.dialer = cfg->dialer;
	mc.data_max = RECORD_LEN - MUX_HEAD_LEN -
	    ws_head_len(RECORD_LEN, masked);
	mc.streams_max = cfg->streams_max;
	mc.link_budget = cfg->budget;
	mc.budget = cfg->process_budget;
	l->ops = cfg->ops;
	l->arg = cfg->arg;
	l->conn = conn;
	l->ping_ms = cfg->ping_ms != 0 ? cfg->ping_ms : LINK_PING_MS;
	l->dead_ms = cfg->dead_ms != 0 ? cfg->dead_ms : LINK_DEAD_MS;
	l->heard = link_now();
	ws_init(&l->ws, cfg->role, MUX_FRAME_MAX);
	l->timer = evtimer_new(cfg->base, link_tick, l);
	l->mux = mux_new(&mc);
	if (l->timer == NULL || l->mux == NULL ||
	    mux_send_hello(l->mux, cfg->hello) == -1) {
		l->conn = NULL;
		link_destroy(l);
		return (NULL);
	}
	if (cfg->role != WS_INTERNAL)
		link_arm(l, l->ping_ms);
	evtls_set_ops(conn, &conn_ops, l);
	evtls_want_output(conn);
	return (l);
}

static void
link_destroy(struct link *l)
{
	struct mux	*mux = l->mux;

	/* Streams' owners may look at the link while it goes. */
	l->dead = 1;
	l->mux = NULL;
	if (mux != NULL)
		mux_free(mux, l->close_text != NULL ? l->close_text :
		    "the link has ended");
	if (l->timer != NULL)
		event_free(l->timer);
	evtls_free(l->conn);
	ws_done(&l->ws);
	free(l->pong);
	free(l->close_text);
	free(l);
}

void
link_free(struct link *l)
{
	if (l == NULL || l->dead)
		return;
	l->dead = 1;
	if (!l->busy)
		link_destroy(l);
}

/* Leave a callback of the connection: what was freed in it goes now. */
static void
link_leave(struct link *l)
{
	if (--l->busy == 0 && l->dead)
		link_destroy(l);
}

/* It has come to an end: say so, once. */
static void
link_over(struct link *l, const char *text)
{
	if (l->over || l->dead)
		return;
	l->over = 1;
	event_del(l->timer);
	l->busy++;
	l->ops->down(l, l->arg, l->close_code, text);
	link_leave(l);
}

void
link_close(struct link *l, int code, const char *reason)
{
	if (l->closing || l->over || l->dead)
		return;
	link_end(l, code, reason);
}

/*
 * Streams end now, not when the peer has said goodbye; what that leaves to
 * be told, and the close frame, is sent yet.
 */
static void
link_end(struct link *l, int code, const char *text)
{
	if (l->closing)
		return;
	l->closing = 1;
	l->close_code = code;
	l->close_text = strdup(text == NULL ? "" : text);
	l->busy++;
	mux_end(l->mux, code == WS_CLOSE_POLICY ? MUX_CODE_KILLED :
	    MUX_CODE_NODE_GONE, l->close_text);
	link_arm(l, LINK_CLOSE_MS);
	evtls_want_output(l->conn);
	link_leave(l);
}

/* ---- input ---- */

static void
link_ready(struct evtls *conn, void *arg)
{
}

static size_t
link_input(struct evtls *conn, void *arg, uint8_t *buf, size_t len)
{
	struct link	*l = arg;
	struct ws_event	 ev;
	size_t		 off = 0;
	enum ws_result	 r;

	l->heard = link_now();
	l->busy++;
	while (off < len && !l->dead && !l->over) {
		r = ws_parse(&l->ws, buf + off, len - off, &ev, NULL);
		off += ev.consumed;
		if (r == WS_MORE)
			break;
		if (r == WS_ERROR) {
			link_end(l, l->ws.close_code, l->ws.error);
			off = len;
		} else if (r == WS_CONTROL)
			link_control(l, &ev);
		else if (!l->closing && link_message(l, &ev) == -1)
			off = len;
	}
	link_leave(l);
	return (off);
}

static int
link_message(struct link *l, const struct ws_event *ev)
{
	if (ev->opcode != WS_BINARY) {
		link_end(l, WS_CLOSE_UNSUPPORTED, "only binary messages");
		return (-1);
	}
	if (mux_input(l->mux, ev->data, ev->len, l->heard) == -1) {
		if (!l->dead)
			link_end(l, WS_CLOSE_PROTOCOL, mux_error(l->mux));
		return (-1);
	}
	return (0);
}

static void
link_control(struct link *l, const struct ws_event *ev)
{
	char	 text[WS_CONTROL_MAX + 1];

	switch (ev->opcode) {
	case WS_PING:
		/* The newest only: pings cost us nothing to remember. */
		if (l->pong == NULL &&
		    (l->pong = malloc(WS_CONTROL_MAX)) == NULL)
			return;
		memcpy(l->pong, ev->data, ev->len);
		l->pong_len = ev->len;
		l->pong_due = 1;
		evtls_want_output(l->conn);
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
		if (ev->len > WS_CONTROL_MAX)
			break;
		memcpy(text, ev->data, ev->len);
		text[ev->len] = '\0';
		/* Ours answers it, and then there is no more to say. */
		l->answered = 1;
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
	uint64_t	 sent, now = l->heard;
	uint32_t	 rtt;

	if (len != PONG_LEN)
		return;
	memcpy(&sent, data, sizeof(sent));
	sent = be64toh(sent);
	if (sent == 0 || sent > now ||
	    now - sent > (uint64_t)l->dead_ms * 1000)
		return;
	rtt = now - sent > 0 ? now - sent : 1;
	l->rtt = l->rtt == 0 ? rtt : l->rtt - l->rtt / 8 + rtt / 8;
	mux_set_rtt(l->mux, l->rtt);
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
 * Make a frame of len bytes that lie WS_HEAD_MAX behind p; returns its
 * length, at p.
 */
static size_t
link_frame(struct link *l, uint8_t *p, enum ws_opcode op, size_t len)
{
	const uint8_t	*key = l->ws.role == WS_CLIENT ? mask_key() : NULL;
	uint8_t		*payload = p + WS_HEAD_MAX;
	size_t		 n;

	n = ws_head(p, op, len, key);
	if (key != NULL)
		ws_mask(p + n, payload, len, key, 0);
	else
		memmove(p + n, payload, len);
	return (n + len);
}

static size_t
link_output(struct evtls *conn, void *arg, uint8_t *buf, size_t cap)
{
	struct link	*l = arg;
	uint64_t	 now = link_now();
	int		 masked = l->ws.role == WS_CLIENT;
	uint8_t		 head[WS_HEAD_MAX];
	const uint8_t	*key;
	size_t		 off = 0, gap, n, h;

	l->busy++;
	if (!l->closing)
		off = link_output_control(l, buf);
	else if (l->close_sent)
		cap = 0;
	/*
	 * A full frame's head has this length; the payload is made where it
	 * belongs then, and moved only behind the shorter head of a small one.
	 */
	gap = ws_head_len(MUX_FRAME_MAX, masked);
	while (!l->dead && cap >= off + gap + MUX_FRAME_MAX) {
		n = mux_output(l->mux, buf + off + gap, cap - off - gap, now);
		if (n == 0)
			break;
		key = masked ? mask_key() : NULL;
		h = ws_head(head, WS_BINARY, n, key);
		if (masked)
			ws_mask(buf + off + gap, buf + off + gap, n, key, 0);
		if (h != gap)
			memmove(buf + off + h, buf + off + gap, n);
		memcpy(buf + off, head, h);
		off += h + n;
	}
	if (l->closing && !l->dead && off == 0) {
		if (!l->close_sent)
			off = link_output_close(l, buf);
		else if (l->answered)
			evtls_close(l->conn);
	}
	link_leave(l);
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
		off += link_frame(l, buf, WS_PONG, l->pong_len);
		free(l->pong);
		l->pong = NULL;
	}
	if (l->ping_due) {
		l->ping_due = 0;
		stamp = htobe64(link_now());
		memcpy(buf + off + WS_HEAD_MAX, &stamp, PONG_LEN);
		off += link_frame(l, buf + off, WS_PING, PONG_LEN);
	}
	return (off);
}

static size_t
link_output_close(struct link *l, uint8_t *buf)
{
	size_t	 n;

	l->close_sent = 1;
	n = ws_close_payload(buf + WS_HEAD_MAX, l->close_code,
	    l->close_text == NULL ? "" : l->close_text);
	return (link_frame(l, buf, WS_CLOSE, n));
}

/* ---- the end, and keepalive ---- */

static void
link_closed(struct evtls *conn, void *arg, enum evtls_why why,
    const char *text)
{
	struct link	*l = arg;

	if (l->close_text != NULL && l->close_text[0] != '\0')
		text = l->close_text;
	link_over(l, text);
}

static void
link_arm(struct link *l, unsigned int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(l->timer, &tv);
}

static void
link_tick(evutil_socket_t fd, short what, void *arg)
{
	struct link	*l = arg;
	uint32_t	 idle = link_idle_ms(l);
	char		 text[64];

	if (l->closing) {
		link_over(l, l->close_text);
		return;
	}
	if (idle >= l->dead_ms) {
		snprintf(text, sizeof(text), "no answer for %u s",
		    idle / 1000);
		link_over(l, text);
		return;
	}
	l->ping_due = 1;
	evtls_want_output(l->conn);
	link_arm(l, l->dead_ms - idle < l->ping_ms ? l->dead_ms - idle :
	    l->ping_ms);
}

/* ---- what the mux says ---- */

static void
on_open(struct mux *mux, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct link	*l = arg;

	if (l->ops->open != NULL)
		l->ops->open(l, l->arg, s, open);
	else
		mux_reset(s, MUX_CODE_UNSUPPORTED, NULL);
}

static void
on_hello(struct mux *mux, void *arg, const struct mux_hello *hello)
{
	struct link	*l = arg;

	/* The first round trip is known at once, not after a ping's time. */
	if (l->ws.role != WS_INTERNAL) {
		l->ping_due = 1;
		evtls_want_output(l->conn);
	}
	if (l->ops->up != NULL)
		l->ops->up(l, l->arg, hello);
}

static void
on_goaway(struct mux *mux, void *arg, const struct mux_goaway *away)
{
	struct link	*l = arg;

	if (l->ops->goaway != NULL)
		l->ops->goaway(l, l->arg, away);
}

static void
on_want_output(struct mux *mux, void *arg)
{
	struct link	*l = arg;

	if (!l->dead && l->conn != NULL)
		evtls_want_output(l->conn);
}

/* ---- what owners ask ---- */

struct mux *
link_mux(struct link *l)
{
	return (l->mux);
}

struct evtls *
link_conn(struct link *l)
{
	return (l->conn);
}

uint32_t
link_rtt(const struct link *l)
{
	return (l->rtt);
}

uint32_t
link_idle_ms(const struct link *l)
{
	return ((link_now() - l->heard) / 1000);
}
