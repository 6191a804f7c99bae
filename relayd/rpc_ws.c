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

#include <sys/queue.h>

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#include "evtls.h"
#include "listener.h"
#include "rpc_share.h"
#include "rpc_ws.h"
#include "ws.h"

#define CLOSE_MS	2000	/* for the peer to answer a close */
#define HIGH_MARK	65536	/* of small answers: it does not read them */
#define GATHER_MIN	4096

struct rpc_out {
	STAILQ_ENTRY(rpc_out)	 entry;
	size_t			 len, off;
	int			 said;		/* by rpc_ws_say */
	uint8_t			 data[];
};

struct rpc_ws {
	struct evtls		*conn;
	const struct rpc_ws_ops	*ops;
	void			*arg;
	struct rpc_share	*share;
	struct ws		 ws;
	struct event		*timer;
	unsigned int		 dead_ms;
	uint64_t		 heard, moved;	/* ms */
	size_t			 max;		/* of a message */
	uint8_t			*in;		/* as far as it has come */
	size_t			 inlen, insize;
	STAILQ_HEAD(, rpc_out)	 out;
	size_t			 queued, said;	/* of which so much */
	uint8_t			 pong[WS_CONTROL_MAX];
	uint8_t			 ponglen;
	unsigned int		 pong_due : 1,
				 ping_due : 1,
				 binary : 1,
				 patient : 1,
				 discards : 1,
				 held_back : 1,	/* by rpc_ws_pause */
				 full : 1,	/* its client does not read */
				 closing : 1,
				 close_sent : 1,
				 answered : 1,	/* the peer's close came */
				 over : 1,
				 dead : 1;
	int			 close_code;
	unsigned int		 busy;
};

static void	rpc_ready(struct evtls *, void *);
static size_t	rpc_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	rpc_output(struct evtls *, void *, uint8_t *, size_t);
static void	rpc_closed(struct evtls *, void *, enum evtls_why,
		    const char *);
static void	rpc_tick(evutil_socket_t, short, void *);
static void	rpc_piece(struct rpc_ws *, const struct ws_event *);
static void	rpc_whole(struct rpc_ws *);
static void	rpc_control(struct rpc_ws *, const struct ws_event *);
static void	rpc_destroy(struct rpc_ws *);
static void	rpc_over(struct rpc_ws *, const char *);
static void	rpc_gathered(struct rpc_ws *);
static size_t	rpc_unread(const struct rpc_ws *);

static const struct evtls_ops conn_ops = {
	rpc_ready, rpc_input, rpc_output, rpc_closed, NULL, NULL
};

/* ---- making and ending ---- */

struct rpc_ws *
rpc_ws_new(struct evtls *conn, unsigned int dead_ms,
    const struct rpc_ws_ops *ops, void *arg, struct rpc_share *share)
{
	static const struct timeval	*common;
	struct timeval			 tv = { RPC_WS_PING_MS / 1000, 0 };
	struct rpc_ws			*r;

	if (common == NULL)
		common = event_base_init_common_timeout(proc_base(), &tv);
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	if ((r->timer = event_new(proc_base(), -1, EV_PERSIST, rpc_tick, r)) ==
	    NULL) {
		free(r);
		return (NULL);
	}
	r->conn = conn;
	r->ops = ops;
	r->arg = arg;
	r->share = rpc_share_ref(share);
	r->dead_ms = dead_ms;
	r->heard = r->moved = listener_ms();
	STAILQ_INIT(&r->out);
	ws_init(&r->ws, WS_SERVER, RPC_MESSAGE_HARD);
	r->max = RPC_MESSAGE_HARD;
	evtimer_add(r->timer, common == NULL ? &tv : common);
	evtls_deadline(conn, 0);
	evtls_set_ops(conn, &conn_ops, r);
	evtls_resume(conn);
	(void)evtls_again(conn);
	return (r);
}

void
rpc_ws_limit(struct rpc_ws *r, size_t max)
{
	r->max = max;
}

void
rpc_ws_patient(struct rpc_ws *r)
{
	r->patient = 1;
}

static void
rpc_destroy(struct rpc_ws *r)
{
	struct rpc_out	*o;

	while ((o = STAILQ_FIRST(&r->out)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->out, entry);
		free(o);
	}
	rpc_release(r->share, r->queued);
	rpc_gathered(r);
	rpc_share_unref(r->share);
	ws_done(&r->ws);
	event_free(r->timer);
	evtls_free(r->conn);
	free(r);
}

void
rpc_ws_free(struct rpc_ws *r)
{
	if (r == NULL || r->dead)
		return;
	r->dead = 1;
	if (r->busy == 0)
		rpc_destroy(r);
}

static void
rpc_leave(struct rpc_ws *r)
{
	if (--r->busy == 0 && r->dead)
		rpc_destroy(r);
}

static void
rpc_over(struct rpc_ws *r, const char *why)
{
	if (r->over || r->dead)
		return;
	r->over = 1;
	event_del(r->timer);
	r->busy++;
	r->ops->over(r->arg, why);
	rpc_leave(r);
}

void
rpc_ws_close(struct rpc_ws *r, int code)
{
	struct timeval	 tv = { CLOSE_MS / 1000, 0 };

	if (r->closing || r->over || r->dead)
		return;
	r->closing = 1;
	r->close_code = code;
	rpc_gathered(r);
	evtimer_add(r->timer, &tv);
	r->held_back = r->full = 0;
	evtls_resume(r->conn);
	evtls_want_output(r->conn);
}

size_t
rpc_ws_memory(const struct rpc_ws *r, size_t *waits)
{
	*waits = r->queued + r->insize + evtls_buffered(r->conn);
	return (sizeof(*r) + evtls_memory(r->conn));
}

/* ---- input ---- */

static void
rpc_ready(struct evtls *conn, void *arg)
{
}

/* The buffer of a message goes. */
static void
rpc_gathered(struct rpc_ws *r)
{
	rpc_release(r->share, r->insize);
	free(r->in);
	r->in = NULL;
	r->inlen = r->insize = 0;
	r->discards = 0;
}

static size_t
rpc_input(struct evtls *conn, void *arg, uint8_t *buf, size_t len)
{
	struct rpc_ws	*r = arg;
	struct ws_event	 ev;
	size_t		 off = 0;
	enum ws_result	 res;

	r->heard = listener_ms();
	r->busy++;
	/* What was read is looked at, even if no more is to be read. */
	while (off < len && !r->dead && !r->over) {
		res = ws_piece(&r->ws, buf + off, len - off, &ev);
		off += ev.consumed;
		if (res == WS_MORE)
			break;
		if (res == WS_ERROR) {
			rpc_ws_close(r, r->ws.close_code);
			/* It may never answer. */
			if (!r->dead && !r->over)
				evtls_close(r->conn);
			off = len;
			break;
		}
		if (res == WS_CONTROL)
			rpc_control(r, &ev);
		else if (!r->closing)
			rpc_piece(r, &ev);
	}
	rpc_leave(r);
	return (off);
}

static int
rpc_grow(struct rpc_ws *r, size_t need)
{
	size_t	 size = r->insize == 0 ? GATHER_MIN : r->insize * 2;
	uint8_t	*in;

	if (size < need)
		size = need;
	if (rpc_hold(r->share, size - r->insize) == -1)
		return (-1);
	if ((in = realloc(r->in, size)) == NULL) {
		rpc_release(r->share, size - r->insize);
		return (-1);
	}
	r->in = in;
	r->insize = size;
	return (0);
}

/*
 * Part of a message.  One that is too long is not kept, but for how it began,
 * and the connection goes on behind it.
 */
static void
rpc_piece(struct rpc_ws *r, const struct ws_event *ev)
{
	size_t	 keep = ev->len;

	if (r->inlen == 0 && !r->discards)
		r->binary = ev->opcode == WS_BINARY;
	if (!r->discards && r->inlen + ev->len > r->max) {
		r->discards = 1;
		if (r->inlen > RPC_WS_HEAD_LEN)
			r->inlen = RPC_WS_HEAD_LEN;
	}
	if (r->discards) {
		if (keep > RPC_WS_HEAD_LEN - r->inlen)
			keep = RPC_WS_HEAD_LEN - r->inlen;
	}
	if (!r->discards && r->inlen == 0 && ev->last) {
		/* Whole where it lies. */
		r->ops->message(r->arg, r->binary ? NULL :
		    (const char *)ev->data, ev->len);
		return;
	}
	if (r->inlen + keep > r->insize && rpc_grow(r, r->inlen + keep) ==
	    -1) {
		rpc_ws_close(r, WS_CLOSE_TRY_LATER);
		return;
	}
	if (keep > 0)
		memcpy(r->in + r->inlen, ev->data, keep);
	r->inlen += keep;
	if (ev->last)
		rpc_whole(r);
}

/*
 * Whoever is shown it may say something that there is no memory for, and
 * that closes: it is not the connection's any more then.
 */
static void
rpc_whole(struct rpc_ws *r)
{
	uint8_t	*in = r->in;
	size_t	 len = r->inlen, size = r->insize;
	int	 discards = r->discards;

	r->in = NULL;
	r->inlen = r->insize = 0;
	r->discards = 0;
	if (discards)
		r->ops->too_large(r->arg, (const char *)in, len);
	else
		r->ops->message(r->arg, r->binary ? NULL :
		    (const char *)in, len);
	rpc_release(r->share, size);
	free(in);
}

static void
rpc_control(struct rpc_ws *r, const struct ws_event *ev)
{
	switch (ev->opcode) {
	case WS_PING:
		/* The newest only: pings cost us nothing to remember. */
		memcpy(r->pong, ev->data, ev->len);
		r->ponglen = ev->len;
		r->pong_due = 1;
		evtls_want_output(r->conn);
		break;
	case WS_CLOSE:
		r->answered = 1;
		if (r->close_sent) {
			evtls_close(r->conn);
			break;
		}
		rpc_ws_close(r, ev->code == WS_CLOSE_NONE ? WS_CLOSE_NORMAL :
		    ev->code);
		break;
	default:
		break;
	}
}

void
rpc_ws_pause(struct rpc_ws *r, int pause)
{
	if (r->held_back == (unsigned int)pause || r->closing || r->over ||
	    r->dead)
		return;
	r->held_back = pause;
	r->heard = listener_ms();
	if (r->held_back || r->full)
		evtls_pause(r->conn);
	else
		evtls_resume(r->conn);
}

/* ---- output ---- */

size_t
rpc_ws_queued(const struct rpc_ws *r)
{
	return (r->queued);
}

uint64_t
rpc_ws_quiet(const struct rpc_ws *r)
{
	return (listener_ms() - (r->heard > r->moved ? r->heard : r->moved));
}

/*
 * What it was sent because it asks without end.  One that is patient may well
 * take requests later; what was said to its own messages it should read.
 */
static size_t
rpc_unread(const struct rpc_ws *r)
{
	return (r->patient ? r->said : r->queued);
}

static void
rpc_put(struct rpc_ws *r, const char *text, size_t len, int said)
{
	uint8_t		 head[WS_HEAD_MAX];
	struct rpc_out	*o = NULL;
	size_t		 n;

	if (r->closing || r->over || r->dead)
		return;
	n = ws_head(head, WS_TEXT, len, NULL);
	if (text == NULL || (o = malloc(sizeof(*o) + n + len)) == NULL) {
		rpc_ws_close(r, WS_CLOSE_INTERNAL);
		return;
	}
	memcpy(o->data, head, n);
	memcpy(o->data + n, text, len);
	o->len = n + len;
	o->off = 0;
	o->said = said;
	if (STAILQ_EMPTY(&r->out))
		r->moved = listener_ms();
	STAILQ_INSERT_TAIL(&r->out, o, entry);
	r->queued += o->len;
	if (said)
		r->said += o->len;
	rpc_take(r->share, o->len);
	/* Who does not take its answers asks no more. */
	if (rpc_unread(r) > HIGH_MARK && !r->full) {
		r->full = 1;
		evtls_pause(r->conn);
	}
	evtls_want_output(r->conn);
}

void
rpc_ws_send(struct rpc_ws *r, const char *text, size_t len)
{
	rpc_put(r, text, len, 0);
}

void
rpc_ws_say(struct rpc_ws *r, const char *text)
{
	rpc_put(r, text, text == NULL ? 0 : strlen(text), 1);
}

static size_t
output_control(struct rpc_ws *r, uint8_t *buf)
{
	size_t	 off = 0;

	if (r->pong_due) {
		r->pong_due = 0;
		off += ws_head(buf, WS_PONG, r->ponglen, NULL);
		memcpy(buf + off, r->pong, r->ponglen);
		off += r->ponglen;
	}
	if (r->ping_due) {
		r->ping_due = 0;
		off += ws_head(buf + off, WS_PING, 0, NULL);
	}
	return (off);
}

static size_t
output_close(struct rpc_ws *r, uint8_t *buf)
{
	uint8_t	 payload[WS_CONTROL_MAX];
	size_t	 n, len;

	r->close_sent = 1;
	if (r->answered)
		evtls_close(r->conn);
	len = ws_close_payload(payload, r->close_code, NULL);
	n = ws_head(buf, WS_CLOSE, len, NULL);
	memcpy(buf + n, payload, len);
	return (n + len);
}

static size_t
rpc_output(struct evtls *conn, void *arg, uint8_t *buf, size_t cap)
{
	struct rpc_ws	*r = arg;
	struct rpc_out	*o;
	size_t		 off = 0, n, was = r->queued;

	if (r->close_sent || r->over || r->dead)
		return (0);
	/* Not inside a frame. */
	if ((o = STAILQ_FIRST(&r->out)) == NULL || o->off == 0)
		off = output_control(r, buf);
	while ((o = STAILQ_FIRST(&r->out)) != NULL &&
	    cap - off > 4 * WS_CONTROL_MAX) {
		n = o->len - o->off;
		if (n > cap - off - 2 * WS_CONTROL_MAX)
			n = cap - off - 2 * WS_CONTROL_MAX;
		memcpy(buf + off, o->data + o->off, n);
		off += n;
		o->off += n;
		r->queued -= n;
		if (o->off == o->len) {
			STAILQ_REMOVE_HEAD(&r->out, entry);
			if (o->said)
				r->said -= o->len;
			free(o);
		}
	}
	rpc_release(r->share, was - r->queued);
	if (off > 0)
		r->moved = listener_ms();
	if (r->closing && STAILQ_EMPTY(&r->out))
		off += output_close(r, buf + off);
	if (r->full && rpc_unread(r) < RPC_WS_LOW) {
		r->full = 0;
		r->heard = listener_ms();
		if (!r->held_back)
			evtls_resume(r->conn);
	}
	if (was >= RPC_WS_LOW && r->queued < RPC_WS_LOW && !r->closing) {
		r->busy++;
		r->ops->drained(r->arg);
		rpc_leave(r);
	}
	return (off);
}

static void
rpc_closed(struct evtls *conn, void *arg, enum evtls_why why,
    const char *text)
{
	rpc_over(arg, text);
}

static void
rpc_tick(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_ws	*r = arg;
	uint64_t	 now = listener_ms();

	if (r->closing)
		rpc_over(r, "closed");
	else if (now - r->heard >= r->dead_ms && !r->held_back && !r->full)
		rpc_over(r, "it has gone silent");
	else if (!STAILQ_EMPTY(&r->out) && now - r->moved >=
	    (r->patient ? r->dead_ms : RPC_WS_STALL_MS))
		rpc_over(r, "it takes nothing");
	else {
		r->ping_due = 1;
		evtls_want_output(r->conn);
	}
}
