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
 * Streams on record: each stream that somebody outside opens towards a node,
 * from the asking for its route to its last byte, whichever door it came by.
 * Router's list of connections, the audit log and `kill` rest on what is
 * told here.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "listener.h"
#include "log.h"

#define TELL_S		5	/* router hears of bytes so often */
#define BEHIND		(2 * PROC_QUEUE_HIGH)	/* queued to router: the rest
						   of its pipe is others' */
#define RECORDS_MAX	(8 * 1024 * 1024) /* bytes that wait here: then no
					   door opens a stream */
#define ENDED_MAX	4096	/* without a router; a kilobyte each */

/*
 * What router is told of streams it is told in any case, and in this order:
 * here it waits while the pipe holds enough of it.  Each stream on record is
 * good for two of these.  Clients open no new ones meanwhile, and visitors
 * none when that is much: a burst of theirs is no fault, a router that does
 * not read is.
 */
struct record_message {
	STAILQ_ENTRY(record_message)	 entry;
	uint32_t			 type;
	size_t				 len;
	uint8_t				 data[];
};

/*
 * A stream that has ended while there was no router: the next one is told of
 * its whole life.  Those of ports have sessions that the next router makes
 * anew, and are left out.
 */
struct record_ended {
	STAILQ_ENTRY(record_ended)	 entry;
	struct stream_up		 up;
	struct stream_down		 down;
};

static int
record_cmp(struct stream_record *a, struct stream_record *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(record_table, stream_record) records =
    RB_INITIALIZER(&records);
RB_GENERATE_STATIC(record_table, stream_record, by_id, record_cmp)

static void	record_fill(struct stream_record *, struct stream_up *);
static void	record_keep(struct stream_record *,
		    const struct stream_down *);
static void	record_send(uint32_t, const void *, size_t);
static void	behind_remove(struct record_message *);
static void	record_bytes(struct stream_record *);
static void	records_tell(evutil_socket_t, short, void *);
static void	records_tell_later(void);

static uint64_t		 last_id;
static struct event	*teller;
static STAILQ_HEAD(, record_message) behind = STAILQ_HEAD_INITIALIZER(behind);
static size_t		 behind_len;	/* bytes, what holds them included */
static STAILQ_HEAD(, record_ended) ended = STAILQ_HEAD_INITIALIZER(ended);
static unsigned int	 nended;

void
record_new(struct stream_record *r, struct stream_owner *o,
    const struct stream_record_ops *ops)
{
	r->ops = ops;
	r->owner = o;
	r->id = (uint64_t)proc_instance() << 56 | ++last_id;
	r->since = time(NULL);
	TAILQ_INSERT_TAIL(&o->streams, r, entry);
	RB_INSERT(record_table, &records, r);
}

struct stream_record *
record_next(struct stream_record *r)
{
	return (r == NULL ? RB_MIN(record_table, &records) :
	    RB_NEXT(record_table, &records, r));
}

void
record_end(struct stream_record *r)
{
	record_unlimit(r);
	TAILQ_REMOVE(&r->owner->streams, r, entry);
	RB_REMOVE(record_table, &records, r);
}

/* ---- to router ---- */

/* One that is away hears of all there is when it is back. */
static void
record_send(uint32_t type, const void *data, size_t len)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct record_message	*m;

	if (router == NULL)
		return;
	if (STAILQ_EMPTY(&behind) && proc_queued(router) <= BEHIND) {
		(void)proc_send_later(router, type, 0, data, len);
		return;
	}
	if ((m = malloc(sizeof(*m) + len)) == NULL)
		return;
	m->type = type;
	m->len = len;
	memcpy(m->data, data, len);
	STAILQ_INSERT_TAIL(&behind, m, entry);
	behind_len += sizeof(*m) + len;
}

static void
behind_remove(struct record_message *m)
{
	STAILQ_REMOVE_HEAD(&behind, entry);
	behind_len -= sizeof(*m) + m->len;
	free(m);
}

int
records_behind(void)
{
	return (!STAILQ_EMPTY(&behind));
}

int
records_full(void)
{
	return (behind_len >= RECORDS_MAX);
}

void
records_go_on(void)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct record_message	*m;

	while ((m = STAILQ_FIRST(&behind)) != NULL &&
	    proc_queued(router) <= PROC_QUEUE_HIGH) {
		(void)proc_send(router, m->type, 0, -1, m->data, m->len);
		behind_remove(m);
	}
}

void
records_router_gone(void)
{
	struct record_message	*m;

	while ((m = STAILQ_FIRST(&behind)) != NULL)
		behind_remove(m);
}

static void
record_fill(struct stream_record *r, struct stream_up *up)
{
	memset(up, 0, sizeof(*up));
	up->id = r->id;
	up->session = r->owner->session;
	up->ticket = r->ticket;
	up->since = r->since;
	up->in = r->in;
	up->out = r->out;
	r->ops->describe(r, up);
}

void
record_up(struct stream_record *r)
{
	struct stream_up	 up;

	record_fill(r, &up);
	r->told = 1;
	records_tell_later();
	record_send(IMSG_STREAM_UP, &up, sizeof(up));
}

void
record_down(struct stream_record *r, uint16_t code, const char *text)
{
	struct stream_down	 down;

	memset(&down, 0, sizeof(down));
	down.id = r->id;
	r->ops->bytes(r, &down.in, &down.out);
	down.code = code;
	if (text != NULL)
		strlcpy(down.text, text, sizeof(down.text));
	if (proc_peer(PROC_ROUTER, 0) == NULL)
		record_keep(r, &down);
	else
		record_send(IMSG_STREAM_DOWN, &down, sizeof(down));
}

static void
record_keep(struct stream_record *r, const struct stream_down *down)
{
	struct record_ended	*e;

	if (!r->told || r->owner->conn == 0 || nended >= ENDED_MAX ||
	    (e = malloc(sizeof(*e))) == NULL)
		return;
	record_fill(r, &e->up);
	e->down = *down;
	STAILQ_INSERT_TAIL(&ended, e, entry);
	nended++;
}

int
records_announce_ended(void)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct record_ended	*e;

	while ((e = STAILQ_FIRST(&ended)) != NULL) {
		if (proc_queued(router) > PROC_QUEUE_HIGH)
			return (0);
		(void)proc_send(router, IMSG_STREAM_UP, 0, -1, &e->up,
		    sizeof(e->up));
		(void)proc_send(router, IMSG_STREAM_DOWN, 0, -1, &e->down,
		    sizeof(e->down));
		STAILQ_REMOVE_HEAD(&ended, entry);
		nended--;
		free(e);
	}
	return (1);
}

/* How many bytes it has carried, if that is news. */
static void
record_bytes(struct stream_record *r)
{
	struct stream_bytes	 b;

	memset(&b, 0, sizeof(b));
	b.id = r->id;
	r->ops->bytes(r, &b.in, &b.out);
	if ((b.in == r->in && b.out == r->out) || records_behind() ||
	    proc_send(proc_peer(PROC_ROUTER, 0), IMSG_STREAM_BYTES, 0, -1, &b,
	    sizeof(b)) == -1)
		return;
	r->in = b.in;
	r->out = b.out;
}

/*
 * Now and then, while there are streams: what router counts for a month is
 * never far behind, whoever dies.
 */
static void
records_tell(evutil_socket_t fd, short what, void *arg)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct stream_record	*r;

	RB_FOREACH(r, record_table, &records) {
		/* What there is no room for is told the next time. */
		if (router == NULL || proc_queued(router) > PROC_QUEUE_HIGH)
			break;
		if (r->told)
			record_bytes(r);
	}
	if (!RB_EMPTY(&records))
		records_tell_later();
}

static void
records_tell_later(void)
{
	const struct timeval	 tv = { TELL_S, 0 };

	if (teller == NULL && (teller = evtimer_new(proc_base(), records_tell,
	    NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(teller, NULL))
		evtimer_add(teller, &tv);
}

int
records_announce(uint64_t *from, int of_ports)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct stream_record	 key, *r;

	key.id = *from;
	for (r = RB_NFIND(record_table, &records, &key); r != NULL;
	    r = RB_NEXT(record_table, &records, r)) {
		if (proc_queued(router) > PROC_QUEUE_HIGH) {
			*from = r->id;
			return (0);
		}
		if (r->told && (r->owner->conn == 0) == of_ports)
			record_up(r);
	}
	return (1);
}

struct stream_record *
record_after(uint64_t after)
{
	struct stream_record	 key;

	if (after == UINT64_MAX)
		return (NULL);
	key.id = after + 1;
	return (RB_NFIND(record_table, &records, &key));
}

int
record_recv_kill(struct proc_peer *peer, struct imsg *imsg)
{
	struct stream_record	 key, *r;
	struct stream_kill	 kill;

	if (imsg_get_data(imsg, &kill, sizeof(kill)) == -1 ||
	    kill.code > UINT16_MAX ||
	    memchr(kill.text, '\0', sizeof(kill.text)) == NULL)
		return (-1);
	key.id = kill.id;
	if ((r = RB_FIND(record_table, &records, &key)) != NULL)
		r->ops->kill(r, kill.code, kill.text);
	return (0);
}

int
record_recv_stats(struct proc_peer *peer, struct imsg *imsg)
{
	struct listener_stats	 st;
	struct stream_record	*r;
	struct mux_stats	 m;
	struct link_stats	 ls;
	struct ctl_id		 ask;
	struct evtls		*conn;
	struct conn		*c;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		return (-1);
	memset(&st, 0, sizeof(st));
	RB_FOREACH(r, record_table, &records) {
		if (r->told)
			record_bytes(r);
	}
	RB_FOREACH(c, conn_table, &conns) {
		conn = c->link == NULL ? c->tls : link_conn(c->link);
		if (conn != NULL)
			st.buffered += evtls_buffered(conn);
		if (c->link == NULL || c->session == NULL)
			continue;
		mux_get_stats(link_mux(c->link), &m);
		memset(&ls, 0, sizeof(ls));
		ls.session = c->session->session;
		ls.in = m.in;
		ls.out = m.out;
		ls.streams = m.streams;
		ls.rtt_us = link_rtt(c->link);
		st.buffered += m.queued;
		st.lost += m.lost;
		(void)proc_send(peer, IMSG_LINK_STATS, c->id, -1, &ls,
		    sizeof(ls));
	}
	st.ask = ask.id;
	st.connections = counts.connections;
	st.accepted = counts.accepted;
	st.handshakes_failed = counts.handshakes_failed;
	st.refused = counts.refused;
	st.credit = budget.used;
	st.lost += counts.lost + peers_lost();
	memcpy(st.requests, counts.requests, sizeof(st.requests));
	memcpy(st.denied, counts.denied, sizeof(st.denied));
	memcpy(st.responses, counts.responses, sizeof(st.responses));
	(void)proc_send(peer, IMSG_STATS, 0, -1, &st, sizeof(st));
	return (0);
}
