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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "evtls.h"
#include "link_internal.h"

#define LINK_CLOSE_MS	2000	/* for the peer to answer a close */
#define LINK_LINGER_MS	60000	/* for what it said before to get there */
#define LINK_LINGER_TICK_MS 50
#define LINK_RETIRE_TICK_MS 250
/* A full DATA frame fills a TLS record, all heads included. */
#define RECORD_LEN	16384

static void	link_ready(struct evtls *, void *);
static void	link_closed(struct evtls *, void *, enum evtls_why,
		    const char *);
static int	link_linger(struct link *);
static void	link_over(struct link *, const char *);
static void	link_tick(evutil_socket_t, short, void *);
static void	link_retire_tick(evutil_socket_t, short, void *);
static void	link_arm(struct link *, unsigned int);
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
	mc.strangers = cfg->strangers;
	mc.owner = cfg->owner;
	mc.link_budget = cfg->budget;
	mc.budget = cfg->process_budget;
	mc.holder = cfg->holder;
	l->ops = cfg->ops;
	l->arg = cfg->arg;
	l->conn = conn;
	l->ping_ms = cfg->ping_ms != 0 ? cfg->ping_ms : LINK_PING_MS;
	l->dead_ms = cfg->dead_ms != 0 ? cfg->dead_ms : LINK_DEAD_MS;
	l->born = l->heard = clock_us();
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

void
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
	uint64_t	 now = clock_us();

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

void
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
	uint64_t	 now = clock_us();
	uint32_t	 left = 0;
	int		 on;

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
	/* The owner of the last stream may have freed the link. */
	on = left > 0 || l->dead;
	link_leave(l);
	return (on);
}

void
link_fail(struct link *l, int code, const char *text)
{
	l->busy++;
	link_end(l, code, text);
	l->failed = 1;
	if (!l->dead && !l->over)
		evtls_close(l->conn);
	link_leave(l);
}

/* ---- the connection, and keepalive ---- */

static void
link_ready(struct evtls *conn, void *arg)
{
}

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
	if (!l->up && clock_us() - l->born >= l->dead_ms * 1000ULL) {
		link_fail(l, WS_CLOSE_PROTOCOL, "no hello");
		return;
	}
	l->ping_due = 1;
	evtls_want_output(l->conn);
	link_arm(l, l->dead_ms - idle < l->ping_ms ? l->dead_ms - idle :
	    l->ping_ms);
}

/*
 * The peer's ping has come.  If ours is not long in coming it goes out with
 * the answer: a device, and a relay of many, wakes once for both.
 */
void
link_ping_along(struct link *l)
{
	if (!l->up || l->ws.role == WS_INTERNAL ||
	    l->heard - l->ping_at < l->ping_ms * 1000ULL / 2)
		return;
	l->ping_due = 1;
	link_arm(l, l->ping_ms);
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
	return ((clock_us() - l->heard) / 1000);
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
