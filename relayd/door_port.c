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
 * The port door: published ports.  A visitor's connection is accepted, and
 * becomes a stream on the link of the port's node at once: nothing is between
 * its socket and that link, and nobody is asked, as the route is known.  Of a
 * port of UDP each source is a visitor, with a stream of datagrams.
 *
 * The parent says which sockets there are, router what they lead to; either
 * may come first.
 */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <imsg.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdstream.h"
#include "listener.h"
#include "log.h"
#include "proxyproto.h"
#include "udp_sessions.h"

#define ACCEPT_BATCH	32	/* then others have a turn */
#define WAIT_MS		5000	/* for a route */
#define WAITING_MAX	1024	/* visitors of one port that wait for it */
#define UDP_VISITORS_MAX 8192	/* at each socket */
#define REFUSED_MS	10000	/* a line on record, at most so often */

struct visitor;
struct port_entry;

struct port_listen {
	TAILQ_ENTRY(port_listen)	 entry;
	struct port_entry		*port;
	struct event			*ev;	/* of TCP */
	struct udp_sessions		*udp;	/* or of UDP */
	int				 fd;
	uint16_t			 number;
};

/* A publication as far as it is ours.  The table by id owns it. */
struct port_entry {
	RB_ENTRY(port_entry)	 by_id;
	struct publication	 p;		/* only the id, until known */
	int			 known;		/* router has told of it */
	int			 named;		/* the present router has */
	struct stream_owner	 owner;
	TAILQ_HEAD(, port_listen) sockets;
	TAILQ_HEAD(, visitor)	 waiting;	/* for the route */
	uint32_t		 nwaiting;
	int			 slots[2];	/* see struct port_slots */
	int			 next_slots;	/* its first half */
	uint32_t		 held;		/* slots that visitors have */
	uint64_t		 refused_ms;	/* last line about that */
	uint64_t		 refused;	/* since */
};

/* Who came by a port.  The list of streams of the port's owner owns it. */
struct visitor {
	struct stream_record	 record;	/* at our address */
	TAILQ_ENTRY(visitor)	 entry;
	struct port_entry	*port;
	struct fdstream		*stream;	/* of TCP, once it is open */
	struct udp_session	*udp;		/* of UDP */
	int			 fd;		/* of TCP */
	int			 waiting;	/* for the route */
	int			 slot;
	uint16_t		 number;	/* the port it came to */
	uint64_t		 since_ms;
	struct sockaddr_storage	 peer;
};

static int	port_cmp(struct port_entry *, struct port_entry *);
static struct port_entry *port_find(const char *);
static struct port_entry *port_get(const char *);
static void	port_listen_free(struct port_listen *);
static void	port_watch(struct port_entry *);
static uint32_t	port_end(struct port_entry *, uint16_t, const char *);
static void	port_free_empty(struct port_entry *);
static int	port_slot_take(struct port_entry *);
static void	port_slot_give(struct port_entry *);
static void	port_accept(evutil_socket_t, short, void *);
static void	port_routed(struct stream_owner *, const char *,
		    const struct route *, uint32_t);
static void	port_wait(evutil_socket_t, short, void *);
static struct visitor *visitor_new(struct port_listen *, int,
		    const struct sockaddr_storage *);
static int	visitor_route(struct visitor *, const struct route **,
		    uint32_t *);
static void	visitor_come(struct port_listen *, int,
		    const struct sockaddr_storage *);
static int	visitor_welcome(struct port_entry *,
		    const struct sockaddr_storage *);
static void	visitor_reset(int);
static void	visitor_turn_away(struct visitor *, uint16_t, const char *);
static void	visitor_not(struct port_listen *, int,
		    const struct sockaddr_storage *, uint16_t, const char *);
static void	visitor_init(struct visitor *, struct port_listen *, int,
		    const struct sockaddr_storage *);
static void	visitor_wait(struct visitor *);
static void	visitor_unwait(struct visitor *);
static void	visitor_go(struct visitor *, const struct route *);
static const char *visitor_open(struct visitor *, const struct route *,
		    uint16_t *);
static int	visitor_prefix(struct visitor *);
static int	udp_begin(struct udp_session *, void *);
static void	udp_end(struct udp_session *, void *, uint16_t, const char *);
static void	visitor_refuse(struct visitor *, uint16_t, const char *);
static void	visitor_free(struct visitor *);
static void	visitor_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	visitor_describe(const struct stream_record *,
		    struct stream_up *);
static void	visitor_bytes(const struct stream_record *, uint64_t *,
		    uint64_t *);
static void	visitor_kill(struct stream_record *, uint16_t, const char *);
static void	visitor_meter(struct stream_record *, struct meter_flow *,
		    struct meter_flow *);
static void	visitor_memory(const struct stream_record *,
		    struct mux_memory *, struct mux_memory *);

RB_HEAD(port_table, port_entry);
RB_PROTOTYPE_STATIC(port_table, port_entry, by_id, port_cmp)

static struct port_table	 ports = RB_INITIALIZER(&ports);
static struct event		*wait_timer;
static int			 paused;

static const struct fdstream_ops visitor_ops = { NULL, visitor_closed };
static const struct udp_sessions_ops udp_ops = {
	.begin = udp_begin, .end = udp_end
};
static const struct stream_record_ops record_ops = {
	visitor_describe, visitor_bytes, visitor_kill, visitor_meter,
	visitor_memory
};

static int
port_cmp(struct port_entry *a, struct port_entry *b)
{
	return (strcmp(a->p.id, b->p.id));
}

RB_GENERATE_STATIC(port_table, port_entry, by_id, port_cmp)

/* ---- ports ---- */

static struct port_entry *
port_find(const char *id)
{
	struct port_entry	 key;

	memset(&key, 0, sizeof(key));
	strlcpy(key.p.id, id, sizeof(key.p.id));
	return (RB_FIND(port_table, &ports, &key));
}

static struct port_entry *
port_get(const char *id)
{
	struct port_entry	*e;

	if ((e = port_find(id)) != NULL)
		return (e);
	if ((e = calloc(1, sizeof(*e))) == NULL)
		fatal("published port");
	strlcpy(e->p.id, id, sizeof(e->p.id));
	TAILQ_INIT(&e->sockets);
	TAILQ_INIT(&e->waiting);
	TAILQ_INIT(&e->owner.streams);
	SLIST_INIT(&e->owner.routes);
	e->owner.routed = port_routed;
	e->slots[0] = e->slots[1] = e->next_slots = -1;
	RB_INSERT(port_table, &ports, e);
	return (e);
}

static void
port_listen_free(struct port_listen *l)
{
	TAILQ_REMOVE(&l->port->sockets, l, entry);
	if (l->ev != NULL)
		event_free(l->ev);
	udp_sessions_free(l->udp);
	close(l->fd);
	free(l);
}

/* Neither served nor open, and nobody there: forget it. */
static void
port_free_empty(struct port_entry *e)
{
	int	 i;

	if (e->known || !TAILQ_EMPTY(&e->sockets) ||
	    !TAILQ_EMPTY(&e->owner.streams))
		return;
	for (i = 0; i < 2; i++) {
		if (e->slots[i] != -1)
			close(e->slots[i]);
	}
	if (e->next_slots != -1)
		close(e->next_slots);
	RB_REMOVE(port_table, &ports, e);
	free(e);
}

/* Accept, if all is there that it takes. */
static void
port_watch(struct port_entry *e)
{
	struct port_listen	*l;
	int			 serve;

	serve = e->known && !paused && !listener_drains() &&
	    (e->p.connections == 0 || e->slots[0] != -1);
	TAILQ_FOREACH(l, &e->sockets, entry) {
		if (l->udp != NULL)
			udp_sessions_pause(l->udp, !serve);
		else if (serve)
			event_add(l->ev, NULL);
		else
			event_del(l->ev);
	}
}

/* Serve it no longer, and end what came by it: how many that were. */
static uint32_t
port_end(struct port_entry *e, uint16_t code, const char *text)
{
	struct stream_record	*r;
	uint32_t		 n = 0;

	e->known = 0;
	port_watch(e);
	while ((r = TAILQ_FIRST(&e->owner.streams)) != NULL) {
		visitor_kill(r, code, text);
		n++;
	}
	owner_end(&e->owner);
	return (n);
}

void
door_port_pause(int on)
{
	struct port_entry	*e;

	paused = on;
	RB_FOREACH(e, port_table, &ports)
		port_watch(e);
}

/*
 * Accept nothing more: another listener does.  Sockets of UDP stay, for what
 * goes back to visitors by them.
 */
void
door_port_drain(void)
{
	struct port_listen	*l, *tmp;
	struct port_entry	*e;

	RB_FOREACH(e, port_table, &ports) {
		TAILQ_FOREACH_SAFE(l, &e->sockets, entry, tmp)
			if (l->udp == NULL)
				port_listen_free(l);
		port_watch(e);
	}
}

int
door_port_busy(void)
{
	struct port_entry	*e;

	RB_FOREACH(e, port_table, &ports)
		if (!TAILQ_EMPTY(&e->owner.streams) ||
		    !TAILQ_EMPTY(&e->waiting))
			return (1);
	return (0);
}

void
door_port_limits(void)
{
	struct port_listen	*l;
	struct port_entry	*e;

	RB_FOREACH(e, port_table, &ports) {
		TAILQ_FOREACH(l, &e->sockets, entry) {
			if (l->udp != NULL)
				udp_sessions_set_idle(l->udp,
				    limits.udp_idle_ms);
		}
	}
}

int
door_port_kill(uint64_t session, const char *why, uint32_t *n)
{
	struct port_entry	*e;

	RB_FOREACH(e, port_table, &ports) {
		if (e->owner.session == session) {
			*n = port_end(e, MUX_CODE_KILLED, why);
			port_free_empty(e);
			return (0);
		}
	}
	return (-1);
}

void
door_port_router_up(void)
{
	struct port_entry	*e;

	RB_FOREACH(e, port_table, &ports)
		e->named = 0;
}

/* ---- from the parent ---- */

int
door_port_recv_socket(struct proc_peer *peer, struct imsg *imsg)
{
	struct port_listen	*l;
	struct port_socket	 msg;
	struct port_entry	*e;
	int			 fd;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.id, '\0', sizeof(msg.id)) == NULL ||
	    msg.id[0] == '\0' || msg.port < 1 || msg.port > UINT16_MAX ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	e = port_get(msg.id);
	TAILQ_FOREACH(l, &e->sockets, entry) {
		if (l->number == msg.port) {
			port_listen_free(l);
			break;
		}
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("published port");
	l->port = e;
	l->fd = fd;
	l->number = msg.port;
	if (msg.spec.proto == MUX_KIND_UDP)
		l->udp = udp_sessions_new(proc_base(), fd, UDP_VISITORS_MAX,
		    limits.udp_idle_ms, &udp_ops, l);
	else
		l->ev = event_new(proc_base(), fd, EV_READ | EV_PERSIST,
		    port_accept, l);
	if (l->ev == NULL && l->udp == NULL)
		fatal("published port");
	TAILQ_INSERT_TAIL(&e->sockets, l, entry);
	port_watch(e);
	return (0);
}

int
door_port_recv_slots(struct proc_peer *peer, struct imsg *imsg)
{
	struct port_slots	 msg;
	struct port_entry	*e;
	char			 bytes[256];
	uint32_t		 left;
	ssize_t			 n;
	int			 fd, i;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.id, '\0', sizeof(msg.id)) == NULL ||
	    msg.id[0] == '\0' || msg.end > 1 ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	e = port_get(msg.id);
	if (msg.end == 0) {
		if (e->next_slots != -1)
			close(e->next_slots);
		e->next_slots = fd;
		return (0);
	}
	if (e->next_slots == -1) {
		close(fd);
		return (-1);
	}
	for (i = 0; i < 2; i++) {
		if (e->slots[i] != -1)
			close(e->slots[i]);
	}
	e->slots[0] = e->next_slots;
	e->slots[1] = fd;
	e->next_slots = -1;
	/* Those that visitors have are not in the new pipe any more. */
	for (left = e->held; left > 0; left -= n) {
		n = read(e->slots[0], bytes, left < sizeof(bytes) ? left :
		    sizeof(bytes));
		if (n <= 0) {
			log_debug("published port: more visitors than its "
			    "limit");
			break;
		}
	}
	port_watch(e);
	return (0);
}

int
door_port_recv_close(struct proc_peer *peer, struct imsg *imsg)
{
	struct publication_id	 msg;
	struct port_listen	*l;
	struct port_entry	*e;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.id, '\0', sizeof(msg.id)) == NULL)
		return (-1);
	if ((e = port_find(msg.id)) == NULL)
		return (0);
	while ((l = TAILQ_FIRST(&e->sockets)) != NULL)
		port_listen_free(l);
	port_free_empty(e);
	return (0);
}

/* ---- from router ---- */

int
door_port_recv(struct proc_peer *peer, struct imsg *imsg)
{
	const struct publication *p;
	const struct route	*route;
	struct port_entry	*e;
	struct port		 msg;
	uint32_t		 code;

	p = &msg.p;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    msg.session == 0 ||
	    memchr(p->id, '\0', sizeof(p->id)) == NULL || p->id[0] == '\0' ||
	    memchr(p->email, '\0', sizeof(p->email)) == NULL ||
	    memchr(p->node, '\0', sizeof(p->node)) == NULL ||
	    memchr(p->host, '\0', sizeof(p->host)) == NULL ||
	    !publish_spec_valid(&p->spec) || p->nfrom > PUBLISH_FROM_MAX)
		return (-1);
	e = port_get(p->id);
	e->p = *p;
	e->known = e->named = 1;
	owner_begin(&e->owner, msg.session, 0);
	/* Whoever waited for a route of the session before asks again. */
	if (!TAILQ_EMPTY(&e->waiting))
		(void)route_find(&e->owner, e->p.node, &route, &code);
	port_watch(e);
	return (0);
}

/* The new router has named all that there are; the rest has ended. */
int
door_port_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct port_entry	*e, *tmp;

	RB_FOREACH_SAFE(e, port_table, &ports, tmp) {
		if (e->named || !e->known)
			continue;
		(void)port_end(e, MUX_CODE_KILLED, "the port is closed");
		port_free_empty(e);
	}
	listener_announce_ports();
	return (0);
}

/* ---- limits ---- */

/* One more connection, if there may be: 0, or -1. */
static int
port_slot_take(struct port_entry *e)
{
	char	 byte;

	if (e->p.connections == 0)
		return (0);
	if (read(e->slots[0], &byte, 1) != 1)
		return (-1);
	e->held++;
	return (0);
}

static void
port_slot_give(struct port_entry *e)
{
	if (e->held == 0)
		return;
	e->held--;
	if (e->slots[1] != -1 && write(e->slots[1], "", 1) != 1)
		log_debug("published port: a connection is not given back");
}

/* ---- visitors ---- */

/* A close(2) that the visitor can't take for an answer. */
static void
visitor_reset(int fd)
{
	struct linger	 linger = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

static void
port_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct port_listen	*l = arg;
	struct port_entry	*e = l->port;
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 fd, i;

	for (i = 0; i < ACCEPT_BATCH && e->known; i++) {
		memset(&ss, 0, sizeof(ss));
		len = sizeof(ss);
		fd = accept4(lfd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM) {
				log_warn("accept: pausing");
				listener_accept_pause();
			} else if (errno == EINVAL)
				/* Closed by the parent, which tells us. */
				event_del(l->ev);
			return;
		}
		counts.accepted++;
		visitor_come(l, fd, &ss);
	}
}

/* From a network that may come? */
static int
visitor_welcome(struct port_entry *e, const struct sockaddr_storage *ss)
{
	uint32_t	 i;

	for (i = 0; i < e->p.nfrom; i++) {
		if (addr_prefix_match(&e->p.from[i],
		    (const struct sockaddr *)ss))
			return (1);
	}
	return (e->p.nfrom == 0);
}

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
}

/*
 * No: with a reset, so that it is not taken for an answer.  Of a flood of
 * them only some are on record.
 */
static void
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
}

/* One that may come: with a slot, and on record.  NULL: not. */
static struct visitor *
visitor_new(struct port_listen *l, int fd, const struct sockaddr_storage *ss)
{
	struct port_entry	*e = l->port;
	struct visitor		*v;

	if (!visitor_welcome(e, ss)) {
		visitor_not(l, fd, ss, MUX_CODE_DENIED,
		    "not from a network that may come");
		return (NULL);
	}
	if (counts.connections >= limits.connections ||
	    e->nwaiting >= WAITING_MAX) {
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

/* As route_find. */
static int
visitor_route(struct visitor *v, const struct route **route, uint32_t *code)
{
	struct port_entry	*e = v->port;

	/* A new router does not know this session: there will be another. */
	if (!e->named)
		return (1);
	return (route_find(&e->owner, e->p.node, route, code));
}

static void
visitor_come(struct port_listen *l, int fd, const struct sockaddr_storage *ss)
{
	const struct route	*route;
	struct visitor		*v;
	uint32_t		 code;

	if ((v = visitor_new(l, fd, ss)) == NULL)
		return;
	switch (visitor_route(v, &route, &code)) {
	case 0:
		visitor_go(v, route);
		break;
	case 1:
		visitor_wait(v);
		break;
	default:
		visitor_refuse(v, code, mux_code_name(code));
		break;
	}
}

/* ---- visitors by UDP ---- */

static int
udp_begin(struct udp_session *s, void *arg)
{
	struct sockaddr_storage	 ss;
	const struct sockaddr	*sa = udp_session_source(s);
	const struct route	*route;
	struct visitor		*v;
	const char		*why;
	uint32_t		 code;
	uint16_t		 c;

	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, sa, addr_len(sa));
	if ((v = visitor_new(arg, -1, &ss)) == NULL)
		return (-1);
	v->udp = s;
	udp_session_set(s, v);
	switch (visitor_route(v, &route, &code)) {
	case 0:
		why = visitor_open(v, route, &c);
		break;
	case 1:
		visitor_wait(v);
		return (0);
	default:
		c = code;
		why = mux_code_name(code);
		break;
	}
	if (why == NULL)
		return (0);
	visitor_turn_away(v, c, why);
	visitor_free(v);
	return (-1);
}

static void
udp_end(struct udp_session *s, void *arg, uint16_t code, const char *text)
{
	struct visitor	*v = udp_session_get(s);

	if (v == NULL)
		return;
	visitor_unwait(v);
	if (v->record.told)
		record_down(&v->record, code, text);
	visitor_free(v);
}

/* ---- waiting, and going on ---- */

static void
visitor_wait(struct visitor *v)
{
	struct timeval	 tv = { 1, 0 };

	TAILQ_INSERT_TAIL(&v->port->waiting, v, entry);
	v->port->nwaiting++;
	v->waiting = 1;
	if (wait_timer == NULL && (wait_timer = evtimer_new(proc_base(),
	    port_wait, NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(wait_timer, NULL))
		evtimer_add(wait_timer, &tv);
}

static void
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
port_wait(evutil_socket_t fd, short what, void *arg)
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

static void
port_routed(struct stream_owner *o, const char *node,
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

/* Give it its stream.  NULL, or why not, with the code. */
static const char *
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
	if (v->udp != NULL) {
		if (udp_session_open(v->udp, link_mux(link), &open) == -1)
			return ("too many streams to this node");
		udp_session_meter(v->udp, record_flow(&v->record, WAY_OUT),
		    record_flow(&v->record, WAY_IN));
	} else {
		v->stream = fdstream_metered(proc_base(), v->fd, v->fd,
		    link_mux(link), &open, &visitor_ops, v,
		    record_flow(&v->record, WAY_OUT),
		    record_flow(&v->record, WAY_IN));
		if (v->stream == NULL)
			return ("too many streams to this node");
	}
	record_up(&v->record);
	if (e->p.proxy != 0 && visitor_prefix(v) == -1)
		fdstream_kill(v->stream, MUX_CODE_INTERNAL, "no memory");
	return (NULL);
}

static void
visitor_go(struct visitor *v, const struct route *route)
{
	const char	*why;
	uint16_t	 code;

	if ((why = visitor_open(v, route, &code)) != NULL)
		visitor_refuse(v, code, why);
}

/* Who it is, for the target. */
static int
visitor_prefix(struct visitor *v)
{
	struct sockaddr_storage	 to;
	socklen_t		 len = sizeof(to);
	uint8_t			 buf[PROXYPROTO_BUILD_MAX];
	size_t			 n;

	memset(&to, 0, sizeof(to));
	if (getsockname(v->fd, (struct sockaddr *)&to, &len) == -1)
		return (-1);
	n = proxyproto_build(buf, v->port->p.proxy, 0, &v->peer, &to);
	return (fdstream_prefix(v->stream, buf, n));
}

static void
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

static void
visitor_free(struct visitor *v)
{
	if (v->slot)
		port_slot_give(v->port);
	record_end(&v->record);
	counts.connections--;
	free(v);
}

static void
visitor_closed(struct fdstream *f, void *arg, uint16_t code, const char *text)
{
	struct visitor	*v = arg;

	record_down(&v->record, code, text);
	visitor_free(v);
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

static void
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
