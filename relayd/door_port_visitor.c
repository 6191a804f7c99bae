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
 * Who comes by a published port, whichever way: from a network that may come,
 * within the limits, on record, and with a stream once there is a route.
 */

#include "compat.h"

#include <event2/event.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "door_port.h"
#include "fdstream.h"
#include "log.h"
#include "udp_sessions.h"

#define WAIT_MS		5000	/* for a route */
#define WAITING_MAX	1024	/* visitors of one port that wait for it */
#define REFUSED_MS	10000	/* a line on record, at most so often */

static void	visitor_init(struct visitor *, struct port_listen *, int,
		    const struct sockaddr_storage *);
static void	visitor_not(struct port_listen *, int,
		    const struct sockaddr_storage *, uint16_t, const char *);
static void	visitor_late(evutil_socket_t, short, void *);
static void	visitor_describe(const struct stream_record *,
		    struct stream_up *);
static void	visitor_bytes(const struct stream_record *, uint64_t *,
		    uint64_t *);
static void	visitor_meter(struct stream_record *, struct meter_flow *,
		    struct meter_flow *);
static void	visitor_memory(const struct stream_record *,
		    struct mux_memory *, struct mux_memory *);

static struct event		*wait_timer;

static const struct stream_record_ops record_ops = {
	visitor_describe, visitor_bytes, visitor_kill, visitor_meter,
	visitor_memory
};

/* ---- to come, or not ---- */

static void
visitor_init(struct visitor *v, struct port_listen *l, int fd,
    const struct sockaddr_storage *ss)
{
	memset(v, 0, sizeof(*v));
	v->port = l->port;
	v->fd = fd;
	v->number = l->number;
	v->peer = *ss;
	v->since_ms = listener_ms();
	record_new(&v->record, &l->port->owner, &record_ops);
	counts.connections++;
	counts.guests++;
}

void
visitor_turn_away(struct visitor *v, uint16_t code, const char *text)
{
	struct port_entry	*e = v->port;
	char			 why[CTL_TEXT_LEN], addr[ADDR_STRLEN];

	if (v->fd != -1)
		visitor_reset(v->fd);
	counts.refused++;
	e->refused++;
	if (e->refused_ms != 0 && v->since_ms - e->refused_ms < REFUSED_MS)
		return;
	strlcpy(why, text, sizeof(why));
	if (e->refused > 1)
		snprintf(why, sizeof(why), "%s (%llu refused since the last "
		    "line)", text, (unsigned long long)e->refused);
	e->refused = 0;
	e->refused_ms = v->since_ms;
	log_info("port %u of node %s: %s is refused: %s", v->number,
	    e->p.node, addr_format((const struct sockaddr *)&v->peer, addr),
	    why);
	record_up(&v->record);
	record_down(&v->record, code, why);
}

/* One that nothing was made for. */
static void
visitor_not(struct port_listen *l, int fd, const struct sockaddr_storage *ss,
    uint16_t code, const char *text)
{
	struct visitor	 v;

	visitor_init(&v, l, fd, ss);
	visitor_turn_away(&v, code, text);
	record_end(&v.record);
	counts.connections--;
	counts.guests--;
}

int
visitor_welcome(struct port_listen *l, int fd,
    const struct sockaddr_storage *ss)
{
	const struct publication	*p = &l->port->p;
	uint32_t			 i;

	for (i = 0; i < p->nfrom; i++) {
		if (addr_prefix_match(&p->from[i],
		    (const struct sockaddr *)ss))
			return (1);
	}
	if (p->nfrom == 0)
		return (1);
	visitor_not(l, fd, ss, MUX_CODE_DENIED,
	    "not from a network that may come");
	return (0);
}

struct visitor *
visitor_new(struct port_listen *l, int fd, const struct sockaddr_storage *ss)
{
	struct port_entry	*e = l->port;
	struct visitor		*v;

	if (!listener_guests_fit() || e->nwaiting >= WAITING_MAX) {
		visitor_not(l, fd, ss, MUX_CODE_LIMIT,
		    "too many connections");
		return (NULL);
	}
	if (port_slot_take(e) == -1) {
		visitor_not(l, fd, ss, MUX_CODE_LIMIT,
		    "as many connections as the port may have");
		return (NULL);
	}
	if ((v = malloc(sizeof(*v))) == NULL) {
		port_slot_give(e);
		visitor_not(l, fd, ss, MUX_CODE_LIMIT, "no memory");
		return (NULL);
	}
	visitor_init(v, l, fd, ss);
	v->slot = e->p.connections != 0;
	return (v);
}

void
visitor_refuse(struct visitor *v, uint16_t code, const char *text)
{
	struct udp_session	*udp = v->udp;

	visitor_turn_away(v, code, text);
	visitor_free(v);
	if (udp == NULL)
		return;
	udp_session_set(udp, NULL);
	udp_session_kill(udp, code, text);
}

void
visitor_leave_slot(struct stream_record *r)
{
	struct visitor	*v = (struct visitor *)r;

	if (v->udp == NULL || !v->slot)
		return;
	v->slot = 0;
	port_slot_give(v->port);
}

void
visitor_free(struct visitor *v)
{
	if (v->slot)
		port_slot_give(v->port);
	record_end(&v->record);
	counts.connections--;
	counts.guests--;
	free(v);
}

/* ---- waiting, and going on ---- */

int
visitor_route(struct visitor *v, const struct route **route, uint32_t *code)
{
	struct port_entry	*e = v->port;

	/* A new router does not know this session: there will be another. */
	if (!e->named)
		return (1);
	return (route_find(&e->owner, e->p.node, route, code));
}

void
visitor_wait(struct visitor *v)
{
	struct timeval	 tv = { 1, 0 };

	TAILQ_INSERT_TAIL(&v->port->waiting, v, entry);
	v->port->nwaiting++;
	v->waiting = 1;
	if (wait_timer == NULL && (wait_timer = evtimer_new(proc_base(),
	    visitor_late, NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(wait_timer, NULL))
		evtimer_add(wait_timer, &tv);
}

void
visitor_unwait(struct visitor *v)
{
	if (!v->waiting)
		return;
	v->waiting = 0;
	TAILQ_REMOVE(&v->port->waiting, v, entry);
	v->port->nwaiting--;
}

/* No router answers: nobody is kept in suspense. */
static void
visitor_late(evutil_socket_t fd, short what, void *arg)
{
	struct timeval		 tv = { 1, 0 };
	struct port_entry	*e, *tmp;
	struct visitor		*v;
	int			 more = 0;

	RB_FOREACH_SAFE(e, port_table, &ports, tmp) {
		while ((v = TAILQ_FIRST(&e->waiting)) != NULL &&
		    listener_ms() - v->since_ms > WAIT_MS) {
			visitor_unwait(v);
			visitor_refuse(v, MUX_CODE_INTERNAL,
			    "the relay is starting");
		}
		more |= v != NULL;
	}
	if (more)
		evtimer_add(wait_timer, &tv);
}

void
visitors_routed(struct stream_owner *o, const char *node,
    const struct route *route, uint32_t code)
{
	struct port_entry	*e;
	struct visitor		*v;

	e = (struct port_entry *)((char *)o - offsetof(struct port_entry,
	    owner));
	while ((v = TAILQ_FIRST(&e->waiting)) != NULL) {
		visitor_unwait(v);
		if (route != NULL)
			visitor_go(v, route);
		else
			visitor_refuse(v, code, stream_why(code));
	}
}

const char *
visitor_open(struct visitor *v, const struct route *route, uint16_t *code)
{
	static struct mux_open	 open;
	struct port_entry	*e = v->port;
	struct link		*link;
	const char		*why;

	memset(&open, 0, sizeof(open));
	*code = MUX_CODE_LIMIT;
	if (record_limit(&v->record, route, &why) == -1)
		return (why);
	v->record.ticket = route->ticket;
	*code = MUX_CODE_NODE_OFFLINE;
	if ((link = route_link(route, &open.ticket)) == NULL)
		return (stream_why(MUX_CODE_NODE_OFFLINE));
	open.kind = e->p.spec.proto;
	open.port = e->p.port + (v->number - e->p.spec.port_min);
	strlcpy(open.host, e->p.host, sizeof(open.host));
	strlcpy(open.node, e->p.node, sizeof(open.node));
	addr_format((const struct sockaddr *)&v->peer, open.client);
	*code = MUX_CODE_LIMIT;
	if ((v->udp != NULL ? visitor_open_udp(v, link, &open) :
	    visitor_open_tcp(v, link, &open)) == -1)
		return ("too many streams to this node");
	record_up(&v->record);
	if (v->stream != NULL)
		visitor_prefix(v);
	return (NULL);
}

void
visitor_go(struct visitor *v, const struct route *route)
{
	const char	*why;
	uint16_t	 code;

	if ((why = visitor_open(v, route, &code)) != NULL)
		visitor_refuse(v, code, why);
}

/* ---- on record ---- */

static void
visitor_describe(const struct stream_record *r, struct stream_up *up)
{
	const struct visitor		*v = (const struct visitor *)r;
	const struct publication	*p = &v->port->p;

	up->kind = p->spec.proto;
	up->port = p->port + (v->number - p->spec.port_min);
	strlcpy(up->host, p->host, sizeof(up->host));
	strlcpy(up->node, p->node, sizeof(up->node));
	addr_format((const struct sockaddr *)&v->peer, up->addr);
}

static void
visitor_bytes(const struct stream_record *r, uint64_t *in, uint64_t *out)
{
	const struct visitor	*v = (const struct visitor *)r;

	if (v->stream != NULL)
		fdstream_bytes(v->stream, out, in);
	else if (v->udp != NULL)
		udp_session_bytes(v->udp, out, in);
}

void
visitor_kill(struct stream_record *r, uint16_t code, const char *text)
{
	struct visitor	*v = (struct visitor *)r;

	if (v->stream != NULL)
		fdstream_kill(v->stream, code, text);
	else if (v->udp != NULL)
		udp_session_kill(v->udp, code, text);
	else {
		visitor_unwait(v);
		visitor_refuse(v, code, text);
	}
}

static void
visitor_meter(struct stream_record *r, struct meter_flow *out,
    struct meter_flow *in)
{
	struct visitor	*v = (struct visitor *)r;

	if (v->stream != NULL)
		fdstream_meter(v->stream, out, in);
	else if (v->udp != NULL)
		udp_session_meter(v->udp, out, in);
}

static void
visitor_memory(const struct stream_record *r, struct mux_memory *there,
    struct mux_memory *back)
{
	const struct visitor	*v = (const struct visitor *)r;
	struct mux_stream	*s = NULL;

	memset(there, 0, sizeof(*there));
	memset(back, 0, sizeof(*back));
	there->state = sizeof(*v);
	if (v->udp != NULL) {
		there->state += udp_session_memory(v->udp);
		s = udp_session_stream(v->udp);
	} else if (v->stream != NULL) {
		there->state += fdstream_memory(v->stream);
		s = fdstream_stream(v->stream);
	}
	if (s != NULL)
		mux_stream_memory(s, back);
	back->state = 0;
}
