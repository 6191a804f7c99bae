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
 * Which link leads to a node: what router has told us.  A route lets one of
 * our sessions open streams to a node, here or at another listener; a ticket
 * is the other half, at the listener that has the node's link.  Both are
 * router's word; a listener can make neither.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "listener.h"
#include "log.h"

#define ROUTES_MAX	256	/* nodes that one owner remembers */
#define TICKET_OLD_MS	2000	/* that tickets of the last router are good */

struct route_entry {
	SLIST_ENTRY(route_entry)	 entry;
	RB_ENTRY(route_entry)		 by_ticket;	/* unless asked */
	struct stream_owner		*owner;
	int				 asked;	/* router has not answered */
	struct route			 route;
};

struct ticket_entry {
	RB_ENTRY(ticket_entry)		 by_id;
	uint64_t			 until;	/* ms; it is of the last
						   router.  0: it is not */
	struct ticket			 ticket;
};

static int
ticket_cmp(struct ticket_entry *a, struct ticket_entry *b)
{
	return (a->ticket.ticket < b->ticket.ticket ? -1 :
	    a->ticket.ticket > b->ticket.ticket);
}

static RB_HEAD(ticket_table, ticket_entry) tickets = RB_INITIALIZER(&tickets);
RB_GENERATE_STATIC(ticket_table, ticket_entry, by_id, ticket_cmp)

static int
route_cmp(struct route_entry *a, struct route_entry *b)
{
	return (a->route.ticket < b->route.ticket ? -1 :
	    a->route.ticket > b->route.ticket);
}

static RB_HEAD(route_table, route_entry) routes = RB_INITIALIZER(&routes);
RB_GENERATE_STATIC(route_table, route_entry, by_ticket, route_cmp)

static int
owner_cmp(struct stream_owner *a, struct stream_owner *b)
{
	return (a->session < b->session ? -1 : a->session > b->session);
}

static RB_HEAD(owner_table, stream_owner) owners = RB_INITIALIZER(&owners);
RB_GENERATE_STATIC(owner_table, stream_owner, by_session, owner_cmp)

static void	ticket_free(struct ticket_entry *);
static void	tickets_expire(evutil_socket_t, short, void *);
static struct stream_owner *owner_find(uint64_t);
static int	route_ask(const struct stream_owner *, const char *);
static void	route_drop(struct route_entry *);
static void	routes_clear(struct stream_owner *);

static void
ticket_free(struct ticket_entry *t)
{
	RB_REMOVE(ticket_table, &tickets, t);
	grant_unref(t->ticket.grant);
	free(t);
}

/* ---- owners ---- */

static struct stream_owner *
owner_find(uint64_t session)
{
	struct stream_owner	 key;

	key.session = session;
	return (RB_FIND(owner_table, &owners, &key));
}

void
owner_begin(struct stream_owner *o, uint64_t session, uint32_t conn)
{
	struct stream_owner	*old;

	owner_end(o);
	/* Ids are random: this would be one that was told twice. */
	if ((old = owner_find(session)) != NULL)
		owner_end(old);
	o->session = session;
	o->conn = conn;
	RB_INSERT(owner_table, &owners, o);
}

void
owner_end(struct stream_owner *o)
{
	routes_clear(o);
	if (o->session == 0)
		return;
	RB_REMOVE(owner_table, &owners, o);
	o->session = 0;
}

/* ---- routes ---- */

static int
route_ask(const struct stream_owner *o, const char *node)
{
	struct route_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.session = o->session;
	strlcpy(ask.node, node, sizeof(ask.node));
	return (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_ROUTE_ASK, o->conn,
	    -1, &ask, sizeof(ask)));
}

static void
route_drop(struct route_entry *e)
{
	if (!e->asked) {
		RB_REMOVE(route_table, &routes, e);
		grant_unref(e->route.grant);
	}
	SLIST_REMOVE(&e->owner->routes, e, route_entry, entry);
	free(e);
}

int
route_find(struct stream_owner *o, const char *node,
    const struct route **route, uint32_t *code)
{
	struct route_entry	*e, *old = NULL;
	int			 n = 0;

	SLIST_FOREACH(e, &o->routes, entry) {
		if (strcmp(e->route.node, node) == 0) {
			*route = &e->route;
			return (e->asked ? 1 : 0);
		}
		if (!e->asked)
			old = e;
		n++;
	}
	if (n >= ROUTES_MAX) {
		if (old == NULL) {
			*code = MUX_CODE_LIMIT;
			return (-1);
		}
		route_drop(old);
	}
	if ((e = calloc(1, sizeof(*e))) == NULL) {
		*code = MUX_CODE_LIMIT;
		return (-1);
	}
	strlcpy(e->route.node, node, sizeof(e->route.node));
	e->owner = o;
	e->asked = 1;
	SLIST_INSERT_HEAD(&o->routes, e, entry);
	/* A router that is away is asked when it is back. */
	if (route_ask(o, node) == -1 && proc_peer(PROC_ROUTER, 0) != NULL) {
		route_drop(e);
		*code = MUX_CODE_LIMIT;
		return (-1);
	}
	return (1);
}

struct link *
route_link(const struct route *route, uint64_t *ticket)
{
	struct conn	*node;

	*ticket = 0;
	if (route->listener != proc_instance()) {
		*ticket = route->ticket;
		return (peer_link(route->listener));
	}
	node = ticket_conn(route->ticket, proc_instance(), NULL);
	return (node == NULL ? NULL : node->link);
}

static void
routes_clear(struct stream_owner *o)
{
	struct route_entry	*e;

	while ((e = SLIST_FIRST(&o->routes)) != NULL)
		route_drop(e);
}

/*
 * A new router knows nothing of what the old one said: from now on we go by
 * its word.  But other listeners may hear of it a moment later, and what they
 * send until then is not refused.
 */
void
routes_reset(void)
{
	static const struct timeval	 tv = { TICKET_OLD_MS / 1000 + 1, 0 };
	struct ticket_entry		*t;
	struct route_entry		*e, *tmp;

	RB_FOREACH(t, ticket_table, &tickets)
		if (t->until == 0)
			t->until = listener_ms() + TICKET_OLD_MS;
	if (!RB_EMPTY(&tickets))
		event_base_once(proc_base(), -1, EV_TIMEOUT, tickets_expire,
		    NULL, &tv);
	RB_FOREACH_SAFE(e, route_table, &routes, tmp)
		route_drop(e);
}

static void
tickets_expire(evutil_socket_t fd, short what, void *arg)
{
	struct ticket_entry	*t, *tmp;
	uint64_t		 now = listener_ms();

	RB_FOREACH_SAFE(t, ticket_table, &tickets, tmp)
		if (t->until != 0 && now >= t->until)
			ticket_free(t);
}

void
routes_ask_again(void)
{
	struct route_entry	*e;
	struct stream_owner	*o;

	RB_FOREACH(o, owner_table, &owners) {
		/* A port asks when it has its new session. */
		if (o->conn == 0)
			continue;
		SLIST_FOREACH(e, &o->routes, entry) {
			if (e->asked)
				(void)route_ask(o, e->route.node);
		}
	}
}

int
route_recv_route(struct proc_peer *peer, struct imsg *imsg)
{
	struct route_entry	*e, *old;
	struct stream_owner	*o;
	struct route		 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    memchr(r.node, '\0', sizeof(r.node)) == NULL ||
	    memchr(r.grant, '\0', sizeof(r.grant)) == NULL ||
	    (r.code == 0 && (r.listener < 0 ||
	    r.listener >= PROC_INSTANCES_MAX)) || r.code > UINT16_MAX)
		return (-1);
	o = owner_find(r.session);
	if (o == NULL || o->conn != imsg_get_id(imsg))
		return (0);
	SLIST_FOREACH(e, &o->routes, entry) {
		if (e->asked && strcmp(e->route.node, r.node) == 0)
			break;
	}
	if (e == NULL)
		return (0);
	if (r.code != 0) {
		route_drop(e);
		o->routed(o, r.node, NULL, r.code);
		return (0);
	}
	if (grant_ref(r.grant) == -1)
		return (-1);
	e->route = r;
	while ((old = RB_INSERT(route_table, &routes, e)) != NULL)
		route_drop(old);
	e->asked = 0;
	o->routed(o, r.node, &r, 0);
	return (0);
}

int
route_recv_ticket(struct proc_peer *peer, struct imsg *imsg)
{
	struct ticket_entry	*e;
	struct ticket_id	 ok;
	struct conn		*c;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		return (0);
	if (imsg_get_data(imsg, &e->ticket, sizeof(e->ticket)) == -1 ||
	    memchr(e->ticket.email, '\0', sizeof(e->ticket.email)) == NULL ||
	    memchr(e->ticket.grant, '\0', sizeof(e->ticket.grant)) == NULL ||
	    memchr(e->ticket.host, '\0', sizeof(e->ticket.host)) == NULL ||
	    e->ticket.ticket == 0 || e->ticket.from < 0 ||
	    e->ticket.from >= PROC_INSTANCES_MAX ||
	    grant_ref(e->ticket.grant) == -1) {
		free(e);
		return (-1);
	}
	c = conn_find(e->ticket.conn);
	if (c == NULL || c->session == NULL ||
	    c->session->session != e->ticket.session ||
	    RB_INSERT(ticket_table, &tickets, e) != NULL) {
		/* The node has left; router hears of it. */
		grant_unref(e->ticket.grant);
		free(e);
		return (0);
	}
	ok.ticket = e->ticket.ticket;
	(void)proc_send(peer, IMSG_TICKET_OK, 0, -1, &ok, sizeof(ok));
	return (0);
}

int
route_recv_drop(struct proc_peer *peer, struct imsg *imsg)
{
	struct ticket_entry	 tkey, *t;
	struct route_entry	 rkey, *e;
	struct ticket_id	 id;

	if (imsg_get_data(imsg, &id, sizeof(id)) == -1)
		return (-1);
	tkey.ticket.ticket = id.ticket;
	if ((t = RB_FIND(ticket_table, &tickets, &tkey)) != NULL)
		ticket_free(t);
	rkey.route.ticket = id.ticket;
	if ((e = RB_FIND(route_table, &routes, &rkey)) != NULL)
		route_drop(e);
	return (0);
}

int
ticket_open(const struct ticket *t, const struct mux_open *open,
    struct mux_open *out)
{
	/* What goes to a backend has been through the gate. */
	if (t->kind == 0 && (open->kind == MUX_KIND_HTTP ||
	    open->kind == MUX_KIND_TLS))
		return (-1);
	if ((t->kind != 0 && t->kind != open->kind) || (t->exact &&
	    (strcmp(t->host, open->host) != 0 || open->port < t->port_min ||
	    open->port > t->port_max)))
		return (-1);
	*out = *open;
	out->ticket = 0;
	strlcpy(out->user, t->email, sizeof(out->user));
	return (0);
}

struct conn *
ticket_conn(uint64_t id, int from, const struct ticket **ticket)
{
	struct ticket_entry	 key, *t;
	struct conn		*c;

	key.ticket.ticket = id;
	t = RB_FIND(ticket_table, &tickets, &key);
	if (t == NULL || t->ticket.from != from)
		return (NULL);
	c = conn_find(t->ticket.conn);
	if (c == NULL || c->session == NULL || c->link == NULL || !c->up ||
	    c->session->session != t->ticket.session)
		return (NULL);
	if (ticket != NULL)
		*ticket = &t->ticket;
	return (c);
}

void
tickets_of_gone(struct conn *c)
{
	struct ticket_entry	*t, *tmp;

	if (c->door != DOOR_NODE)
		return;
	RB_FOREACH_SAFE(t, ticket_table, &tickets, tmp) {
		if (t->ticket.conn == c->id)
			ticket_free(t);
	}
}
