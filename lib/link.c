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
#define LINK_LINGER_MS	60000	/* for what it said before to get there */
#define LINK_LINGER_TICK_MS 50
#define LINK_RETIRE_TICK_MS 250
#define KEY_POOL	256	/* mask keys made at a time */
#define PONG_LEN	8	/* what our pings carry: the time, us */
/* A full DATA frame fills a TLS record, all heads included. */
#define RECORD_LEN	16384
/* Pong, ping and close, with their heads. */
#define CONTROL_LEN	(3 * (WS_HEAD_MAX + WS_CONTROL_MAX))

struct link {
	struct evtls		*conn;
	struct mux		*mux;
	size_t			 data_max;	/* of a DATA frame of ours */
	struct ws		 ws;
	const struct link_ops	*ops;
	void			*arg;
	struct event		*timer;
	struct event		*retire;	/* it is to go when idle */
	uint64_t		 unused;	/* since then; 0: it is used */
	const struct timeval	*ping_tv;	/* kept by the event base */
	uint64_t		 born;
	uint64_t		 heard;		/* when bytes came, us */
	uint64_t		 pinged;	/* what the last ping carried */
	uint32_t		 rtt;		/* smoothed, us; 0: unknown */
	uint32_t		 rtts[8];	/* the last ones */
	size_t			 nrtts;
	unsigned int		 ping_ms, dead_ms;
	uint8_t			*pong;		/* the newest ping's */
	uint8_t			 pong_len;
	unsigned int		 pong_due : 1,
				 ping_due : 1,
				 up : 1,	/* the peer's hello has come */
				 closing : 1,	/* nothing new is begun */
				 failed : 1,	/* ... and waits for none */
				 close_sent : 1,
				 answered : 1,	/* the peer's close came */
				 lingers : 1,	/* streams may finish yet */
				 over : 1,	/* down was called */
				 dead : 1;	/* link_free was called */
	uint64_t		 linger_until;
	int			 close_code;
	char			*close_text;
	char			*retire_text;
	unsigned int		 busy;		/* callbacks on the stack */
};

static void	link_ready(struct evtls *, void *);
static size_t	link_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	link_output(struct evtls *, void *, uint8_t *, size_t);
static void	link_closed(struct evtls *, void *, enum evtls_why,
		    const char *);
static void	link_message(struct link *, const struct ws_event *);
static void	link_control(struct link *, const struct ws_event *);
static void	link_pong(struct link *, const uint8_t *, size_t);
static size_t	link_frame(struct link *, uint8_t *, enum ws_opcode, size_t,
		    size_t);
static size_t	link_output_frames(struct link *, uint8_t *, size_t);
static size_t	link_output_control(struct link *, uint8_t *);
static size_t	link_output_close(struct link *, uint8_t *);
static void	link_end(struct link *, int, const char *);
static void	link_fail(struct link *, int, const char *);
static int	link_linger(struct link *);
static void	link_over(struct link *, const char *);
static void	link_tick(evutil_socket_t, short, void *);
static void	link_retire_tick(evutil_socket_t, short, void *);
static void	link_arm(struct link *, unsigned int);
static void	link_leave(struct link *);
static void	link_destroy(struct link *);

static void	on_open(struct mux *, void *, struct mux_stream *,
		    const struct mux_open *);
static void	on_hello(struct mux *, void *, const struct mux_hello *);
static void	on_goaway(struct mux *, void *, const struct mux_goaway *);
static void	on_want_output(struct mux *, void *);

static const struct evtls_ops conn_ops = {
	.ready = link_ready, .input = link_input, .output = link_output,
	.closed = link_closed
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
	struct timeval		 tv;
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
	l->data_max = mc.data_max;
	mc.streams_max = cfg->streams_max;
	mc.link_budget = cfg->budget;
	mc.budget = cfg->process_budget;
	l->ops = cfg->ops;
	l->arg = cfg->arg;
	l->conn = conn;
	l->ping_ms = cfg->ping_ms != 0 ? cfg->ping_ms : LINK_PING_MS;
	l->dead_ms = cfg->dead_ms != 0 ? cfg->dead_ms : LINK_DEAD_MS;
	l->born = l->heard = link_now();
	ws_init(&l->ws, cfg->role, MUX_FRAME_MAX);
	l->timer = evtimer_new(cfg->base, link_tick, l);
	l->mux = mux_new(&mc);
	if (l->timer == NULL || l->mux == NULL ||
	    mux_send_hello(l->mux, cfg->hello) == -1) {
		l->conn = NULL;
		link_destroy(l);
		return (NULL);
	}
	if (cfg->role != WS_INTERNAL) {
		/* Ten thousand links wait for the same time. */
		tv.tv_sec = l->ping_ms / 1000;
		tv.tv_usec = l->ping_ms % 1000 * 1000;
		l->ping_tv = event_base_init_common_timeout(cfg->base, &tv);
		link_arm(l, l->ping_ms);
	}
	evtls_set_ops(conn, &conn_ops, l);
	evtls_want_output(conn);
	return (l);
}

static void
link_destroy(struct link *l)
{
	/* Streams' owners may look at the link while it goes. */
	l->dead = 1;
	l->busy++;
	mux_free(l->mux, l->close_text != NULL ? l->close_text :
	    "the link has ended");
	if (l->timer != NULL)
		event_free(l->timer);
	if (l->retire != NULL)
		event_free(l->retire);
	evtls_free(l->conn);
	ws_done(&l->ws);
	free(l->pong);
	free(l->close_text);
	free(l->retire_text);
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
	if (l->over || l->dead || link_linger(l))
		return;
	l->over = 1;
	event_del(l->timer);
	if (l->retire != NULL)
		event_del(l->retire);
	l->busy++;
	mux_end(l->mux, MUX_CODE_NODE_GONE, text);
	if (!l->dead)
		l->ops->down(l, l->arg, l->close_code, text);
	/* Whoever has yet to free the link keeps no connection. */
	if (!l->dead) {
		evtls_free(l->conn);
		l->conn = NULL;
	}
	link_leave(l);
}

void
link_close(struct link *l, int code, const char *reason)
{
	if (l->over || l->dead)
		return;
	if (l->lingers) {
		/* What was to finish is not to, now. */
		l->lingers = 0;
		link_arm(l, 0);
	}
	link_end(l, code, reason);
}

/*
 * Who was told to go elsewhere may still send us a stream that it had begun
 * before: a link goes when it has been idle for a while.
 */
int
link_retire(struct link *l, const char *reason)
{
	if (l->over || l->dead || l->closing || l->retire != NULL)
		return (0);
	l->retire = event_new(event_get_base(l->timer), -1, 0,
	    link_retire_tick, l);
	free(l->retire_text);
	l->retire_text = strdup(reason);
	if (l->retire == NULL || l->retire_text == NULL)
		return (-1);
	link_retire_tick(-1, 0, l);
	return (0);
}

static void
link_retire_tick(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { 0, LINK_RETIRE_TICK_MS * 1000 };
	struct link	*l = arg;
	struct mux_stats stats;
	uint64_t	 now = link_now();

	if (l->closing)
		return;
	mux_get_stats(l->mux, &stats);
	if (stats.streams > 0)
		l->unused = 0;
	else if (l->unused == 0)
		l->unused = now;
	if (l->unused != 0 && now - l->unused >= LINK_RETIRE_MS * 1000ULL)
		link_close(l, WS_CLOSE_NORMAL, l->retire_text);
	else
		evtimer_add(l->retire, &tv);
}

/*
 * Streams end now, not when the peer has said goodbye; what that leaves to
 * be told, and the close frame, is sent yet.
 */
static void
link_end(struct link *l, int code, const char *text)
{
	char	*p;

	if (l->closing || l->over || l->dead)
		return;
	l->closing = 1;
	l->close_code = code;
	if ((l->close_text = strdup(text == NULL ? "" : text)) != NULL) {
		/* The peer's words may end up on a terminal. */
		for (p = l->close_text; *p != '\0'; p++)
			if (*p < ' ' || *p > '~')
				*p = '?';
	}
	l->busy++;
	link_arm(l, LINK_CLOSE_MS);
	evtls_want_output(l->conn);
	if (l->answered && code == WS_CLOSE_NORMAL)
		l->lingers = mux_finish(l->mux, MUX_CODE_NODE_GONE,
		    l->close_text) > 0;
	else
		mux_end(l->mux, code == WS_CLOSE_POLICY ? MUX_CODE_KILLED :
		    MUX_CODE_NODE_GONE, l->close_text);
	link_leave(l);
}

/*
 * A peer that closed in order is not waited for, but what it said before
 * gets where it was to go: its streams may finish, without a connection.
 */
static int
link_linger(struct link *l)
{
	uint64_t	 now = link_now();
	uint32_t	 left = 0;

	if (!l->lingers)
		return (0);
	if (l->linger_until == 0)
		l->linger_until = now + LINK_LINGER_MS * 1000ULL;
	l->busy++;
	if (now < l->linger_until)
		left = mux_finish(l->mux, MUX_CODE_NODE_GONE, l->close_text);
	l->lingers = left > 0;
	if (left > 0 && !l->dead) {
		evtls_free(l->conn);
		l->conn = NULL;
		link_arm(l, LINK_LINGER_TICK_MS);
	}
	link_leave(l);
	return (left > 0);
}

/* The peer broke the rules: say which and leave, it may never answer. */
static void
link_fail(struct link *l, int code, const char *text)
{
	l->busy++;
	link_end(l, code, text);
	l->failed = 1;
	if (!l->dead && !l->over)
		evtls_close(l->conn);
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

static size_t
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
	uint64_t	 now = link_now();
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
		l->pinged = link_now();
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

	evtimer_add(l->timer, ms == l->ping_ms && l->ping_tv != NULL ?
	    l->ping_tv : &tv);
}

static void
link_tick(evutil_socket_t fd, short what, void *arg)
{
	struct link	*l = arg;
	uint32_t	 idle = link_idle_ms(l);
	char		 text[64];

	if (l->closing) {
		link_over(l, l->close_text == NULL ? "" : l->close_text);
		return;
	}
	if (idle >= l->dead_ms) {
		snprintf(text, sizeof(text), "no answer for %u s",
		    idle / 1000);
		link_over(l, text);
		return;
	}
	if (!l->up && link_now() - l->born >= l->dead_ms * 1000ULL) {
		link_fail(l, WS_CLOSE_PROTOCOL, "no hello");
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

	l->up = 1;
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

int
link_ending(const struct link *l)
{
	return (l->closing || l->over || l->dead);
}

uint32_t
link_idle_ms(const struct link *l)
{
	return ((link_now() - l->heard) / 1000);
}

void
link_memory(const struct link *l, struct link_memory *m)
{
	m->state = sizeof(*l) + event_get_struct_event_size() +
	    (l->close_text != NULL ? strlen(l->close_text) + 1 : 0);
	m->buffers = l->ws.msg_size + (l->pong != NULL ? WS_CONTROL_MAX : 0);
	if (l->conn != NULL) {
		m->state += evtls_memory(l->conn);
		m->buffers += evtls_buffered(l->conn);
	}
	mux_memory(l->mux, &m->mux);
}
