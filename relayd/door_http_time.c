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
 * The http door's patience: with backends, with visitors that are slow, and
 * with those that may have left.  And how many may come from one address.
 */

#include "compat.h"

#include <sys/tree.h>

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#include "door_http_internal.h"
#include "http_gate.h"
#include "log.h"

#define PACE_MS		30000	/* a body's rate is measured over that */
#define GONE_MS		700	/* that who says nothing more will come may
				   still be there */
#define LOOK_MS		200	/* between looks whether one that is not read
				   is still there */

/* Those who visit from one address. */
struct visitor_addr {
	RB_ENTRY(visitor_addr)	 entry;
	struct addr_key		 key;
	uint32_t		 n;
};

static int	addr_cmp(struct visitor_addr *, struct visitor_addr *);
static uint64_t	visit_rest(const struct http_visit *);
static uint64_t	visit_due(const struct http_visit *);
static int	visit_gone(struct http_visit *, uint64_t);
static int	visit_stalled(struct http_visit *, uint64_t);
static int	visit_slow(struct http_visit *, uint64_t);

static RB_HEAD(addr_table, visitor_addr) addrs = RB_INITIALIZER(&addrs);
RB_GENERATE_STATIC(addr_table, visitor_addr, entry, addr_cmp)

static int
addr_cmp(struct visitor_addr *a, struct visitor_addr *b)
{
	return (memcmp(&a->key, &b->key, sizeof(a->key)));
}

/* ---- how many ---- */

int
visit_count(struct http_visit *v)
{
	struct visitor_addr	 key, *a;

	addr_key((const struct sockaddr *)&v->conn->peer, &key.key);
	if (v->addr != NULL && memcmp(&v->addr->key, &key.key,
	    sizeof(key.key)) == 0)
		return (0);
	/* A proxy's connection is each time its client's. */
	visit_uncount(v);
	if ((a = RB_FIND(addr_table, &addrs, &key)) == NULL) {
		if ((a = calloc(1, sizeof(*a))) == NULL)
			return (-1);
		a->key = key.key;
		RB_INSERT(addr_table, &addrs, a);
	}
	if (a->n >= limits.http_per_addr)
		return (-1);
	a->n++;
	v->addr = a;
	return (0);
}

void
visit_uncount(struct http_visit *v)
{
	struct visitor_addr	*a = v->addr;

	if (a == NULL)
		return;
	v->addr = NULL;
	if (--a->n > 0)
		return;
	RB_REMOVE(addr_table, &addrs, a);
	free(a);
}

/* ---- how long ---- */

/*
 * The response is out: how long it is waited for the rest of the request.  For
 * a visitor who is silent no longer than for a request.
 */
static uint64_t
visit_rest(const struct http_visit *v)
{
	if (v->shut && !exchange_sending(v->ex))
		return (0);
	return (v->moved_ms + ((v->other || !v->came) &&
	    exchange_room(v->ex) > 0 ? limits.idle_ms : limits.http_idle_ms));
}

/* When there is something to look at. */
static uint64_t
visit_due(const struct http_visit *v)
{
	uint64_t	 due, t;

	due = v->moved_ms + (v->answered ? limits.http_idle_ms :
	    limits.http_response_ms);
	if (v->done && (t = visit_rest(v)) < due)
		due = t;
	if (v->hurry_ms != 0 && v->hurry_ms < due)
		due = v->hurry_ms;
	if (!v->came && !v->other && limits.http_body_rate != 0 &&
	    (t = v->pace_ms + PACE_MS) < due)
		due = t;
	if (v->eof_ms != 0 && !v->done && (t = v->eof_ms + GONE_MS) < due)
		due = t;
	if (v->eof_ms == 0 && evtls_paused(v->conn->tls) &&
	    (t = listener_ms() + LOOK_MS) < due)
		due = t;
	return (due);
}

/* What only puts it off moves no timer: it is looked at when it is due. */
void
visit_deadline(struct http_visit *v)
{
	uint64_t	 now = listener_ms(), due = visit_due(v);

	evtls_deadline(v->conn->tls, due > now ? due - now : 1);
}

/*
 * It has said that nothing more will come.  Whoever has closed sends a reset
 * for what he is sent; while nothing is sent, nobody can tell, and only those
 * who ask for nothing more after this are believed to be still there.
 */
static int
visit_gone(struct http_visit *v, uint64_t now)
{
	if (v->eof_ms == 0 || v->done || now < v->eof_ms + GONE_MS)
		return (0);
	if (evtls_broken(v->conn->tls) || (!v->half && !v->other &&
	    v->out == v->eof_out))
		return (1);
	v->eof_ms = now;
	v->eof_out = v->out;
	return (0);
}

/*
 * The end of what it sends is found by reading up to it, and nothing is read
 * while its backend takes nothing.  1: it has broken off; if it only has no
 * more to say, that is judged as ever.
 */
static int
visit_stalled(struct http_visit *v, uint64_t now)
{
	struct evtls	*tls = v->conn->tls;

	if (v->eof_ms != 0 || !evtls_paused(tls) || !evtls_ended(tls))
		return (0);
	v->eof_ms = now;
	v->eof_out = v->out;
	return (evtls_broken(tls));
}

/* A body that trickles in.  1: for too long. */
static int
visit_slow(struct http_visit *v, uint64_t now)
{
	uint64_t	 least = limits.http_body_rate * (PACE_MS / 1000);

	if (v->came || v->other || limits.http_body_rate == 0 ||
	    now < v->pace_ms + PACE_MS)
		return (0);
	/* Not if it is the backend that is slow. */
	if (exchange_room(v->ex) > 0 && v->in - v->pace_in < least)
		return (1);
	v->pace_ms = now;
	v->pace_in = v->in;
	return (0);
}

void
door_http_timeout(struct conn *c)
{
	struct http_visit	*v = c->http;
	uint64_t		 now = listener_ms();

	if (v->state == VISIT_WAIT) {
		site_unwait(&v->wait);
		gate_forget(c);
		v->waited = 1;
		if (!v->begun)
			door_http_go_on(c);
		else {
			c->keepalive = 0;
			visit_page(v, 503, "starting",
			    "the relay is starting");
		}
		return;
	}
	if (v->state != VISIT_EXCHANGE) {
		conn_free(c);
		return;
	}
	if (v->hurry_ms != 0 && now >= v->hurry_ms) {
		v->hurry_ms = 0;
		exchange_hurry(v->ex);
	}
	if (visit_stalled(v, now) || visit_gone(v, now))
		conn_free(c);
	else if (v->done && (visit_slow(v, now) || now >= visit_rest(v)))
		visit_leave(v);
	else if (visit_slow(v, now)) {
		v->keep = 0;
		if (v->answered)
			visit_abort(v);
		else
			visit_page(v, 408, "slow", "the request is too slow");
	} else if (!v->answered && now >= v->moved_ms +
	    limits.http_response_ms)
		visit_page(v, 504, "timeout",
		    "the device's web server does not answer");
	else if (v->answered && now >= v->moved_ms + limits.http_idle_ms)
		visit_abort(v);
	else
		visit_deadline(v);
}

void
door_http_stall(struct conn *c)
{
	if (c->http->state == VISIT_EXCHANGE)
		visit_deadline(c->http);
}

void
door_http_eof(struct conn *c, int left)
{
	struct http_visit	*v = c->http;

	/* Or else it is judged when there is an answer. */
	if (v->state != VISIT_EXCHANGE)
		return;
	/* What is left, for want of room, goes before the end. */
	if (v->other) {
		if (!left)
			exchange_end(v->ex);
		return;
	}
	/* Half a request is none. */
	if (!v->came && !left) {
		conn_free(c);
		return;
	}
	v->eof_ms = listener_ms();
	v->eof_out = v->out;
	visit_deadline(v);
}
