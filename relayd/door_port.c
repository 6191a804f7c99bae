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

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "door_port.h"
#include "doors.h"
#include "log.h"
#include "udp_sessions.h"

static int	port_cmp(struct port_entry *, struct port_entry *);
static struct port_entry *port_find(const char *);
static struct port_entry *port_get(const char *);
static void	port_listen_free(struct port_listen *);
static void	port_watch(struct port_entry *);
static uint32_t	port_end(struct port_entry *, uint16_t, const char *);
static void	port_free_empty(struct port_entry *);

struct port_table	 ports = RB_INITIALIZER(&ports);
static int		 paused;

static int
port_cmp(struct port_entry *a, struct port_entry *b)
{
	return (strcmp(a->p.id, b->p.id));
}

RB_GENERATE(port_table, port_entry, by_id, port_cmp)

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
	e->owner.routed = visitors_routed;
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
	struct stream_record	*r;
	struct port_listen	*l, *tmp;
	struct port_entry	*e;

	RB_FOREACH(e, port_table, &ports) {
		TAILQ_FOREACH_SAFE(l, &e->sockets, entry, tmp)
			if (l->udp == NULL)
				port_listen_free(l);
		port_watch(e);
		TAILQ_FOREACH(r, &e->owner.streams, entry)
			visitor_leave_slot(r);
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
		l->udp = port_udp_new(l);
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
	/*
	 * Those that visitors have are not in the new pipe any more.  Another
	 * listener's may have been quicker: then there are too many for now.
	 */
	for (left = e->held; left > 0; left -= n) {
		n = read(e->slots[0], bytes, left < sizeof(bytes) ? left :
		    sizeof(bytes));
		if (n <= 0) {
			log_debug("published port: more visitors than its "
			    "limit");
			break;
		}
	}
	e->debt = left;
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

int
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

void
port_slot_give(struct port_entry *e)
{
	if (e->held == 0)
		return;
	e->held--;
	if (e->debt > 0) {
		e->debt--;
		return;
	}
	if (e->slots[1] != -1 && write(e->slots[1], "", 1) != 1)
		log_debug("published port: a connection is not given back");
}
