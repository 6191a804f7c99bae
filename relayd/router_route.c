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
 * Which link leads to a node.  A client's listener asks; auth says whether
 * that user may reach the node; the listener that has the node's link is given
 * a ticket (router_ticket.c), and the asker is told of it when that is in
 * place.
 */

#include "compat.h"

#include <imsg.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "msg_list.h"
#include "router_route.h"

#define ASKS_MAX	4096	/* that wait, per listener */

static int	ask_cmp(struct router_ask *, struct router_ask *);
static int	ask_new(enum ask_what, struct router_session *, uint32_t,
		    const char *, uint32_t);
static struct router_ask *ask_find(uint32_t, int, uint64_t);
static void	ask_go(struct router_ask *);
static void	ask_park(struct router_ask *);
static void	ask_answer(struct router_ask *, uint32_t);
static void	ask_free(struct router_ask *);
static void	ask_meter(const struct router_ask *, struct tally *,
		    struct meter_id *);
static void	route_refuse(struct proc_peer *, uint32_t,
		    const struct route_ask *, uint32_t);

RB_HEAD(router_ask_table, router_ask);
RB_PROTOTYPE_STATIC(router_ask_table, router_ask, by_id, ask_cmp)

static struct router_ask_table	 asks = RB_INITIALIZER(&asks);
static struct router_asks	 asks_by_age =
				    TAILQ_HEAD_INITIALIZER(asks_by_age);
static uint64_t			 patient_until;	/* ms */
static uint32_t			 nasks[PROC_INSTANCES_MAX];
static uint32_t			 next_ask;
static uint32_t			 nlate;

static int
ask_cmp(struct router_ask *a, struct router_ask *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE_STATIC(router_ask_table, router_ask, by_id, ask_cmp)

static int
ask_new(enum ask_what what, struct router_session *rs, uint32_t their_id,
    const char *node, uint32_t max)
{
	struct router_ask	*a;

	if (nasks[rs->s.listener] >= ASKS_MAX ||
	    (a = calloc(1, sizeof(*a))) == NULL)
		return (-1);
	a->what = what;
	a->max = max;
	a->rs = rs;
	a->their_id = their_id;
	a->until_ms = router_ms() + ROUTE_MS;
	strlcpy(a->node, node, sizeof(a->node));
	do
		a->id = ++next_ask;
	while (a->id == 0 || RB_INSERT(router_ask_table, &asks, a) != NULL);
	TAILQ_INSERT_TAIL(&asks_by_age, a, by_age);
	TAILQ_INSERT_TAIL(&rs->asks, a, of_session);
	nasks[rs->s.listener]++;
	router_counts.asks++;
	router_wake();
	ask_go(a);
	return (0);
}

static void
ask_free(struct router_ask *a)
{
	if (a->ticket != NULL)
		TAILQ_REMOVE(&a->ticket->asks, a, of_ticket);
	nlate -= a->late;
	nasks[a->rs->s.listener]--;
	router_counts.asks--;
	RB_REMOVE(router_ask_table, &asks, a);
	TAILQ_REMOVE(&asks_by_age, a, by_age);
	TAILQ_REMOVE(&a->rs->asks, a, of_session);
	free(a->grant);
	free(a);
}

/* Auth answers these, or they have ended meanwhile: then NULL. */
static struct router_ask *
ask_find(uint32_t id, int nodes, uint64_t session)
{
	struct router_ask	 key, *a;

	key.id = id;
	a = RB_FIND(router_ask_table, &asks, &key);
	if (a == NULL || (a->what == ASK_NODES) != nodes || !a->sent ||
	    a->late || a->ticket != NULL ||
	    a->rs->s.session != session) {
		log_debug("auth answers what nobody asks any more");
		return (NULL);
	}
	return (a);
}

/* Ask auth; not before it has confirmed the session, nor while it is away. */
static void
ask_go(struct router_ask *a)
{
	struct nodes_ask	 nodes;
	struct node_ask		 ask;

	if (a->rs->checking || a->sent ||
	    (!a->rs->told && (a->what == ASK_NODES ||
	    a->rs->s.token_id[0] == '\0')))
		return;
	if (a->what == ASK_NODES) {
		memset(&nodes, 0, sizeof(nodes));
		nodes.session = a->rs->s.session;
		nodes.max = a->max;
		strlcpy(nodes.after, a->node, sizeof(nodes.after));
		a->sent = proc_send(router_auth(), IMSG_NODES_ASK, a->id, -1,
		    &nodes, sizeof(nodes)) == 0;
		return;
	}
	if (a->rs->own != NULL) {
		/* Auth has said so already, for this node alone. */
		a->sent = 1;
		strlcpy(a->node_id, a->rs->s.node_id, sizeof(a->node_id));
		ask_resolve(a);
		return;
	}
	memset(&ask, 0, sizeof(ask));
	ask.session = a->rs->s.session;
	strlcpy(ask.user_id, a->rs->s.user_id, sizeof(ask.user_id));
	strlcpy(ask.token_id, a->rs->s.token_id, sizeof(ask.token_id));
	strlcpy(ask.node, a->node, sizeof(ask.node));
	a->sent = proc_send(router_auth(), IMSG_NODE_ASK, a->id, -1, &ask,
	    sizeof(ask)) == 0;
}

void
ask_again(struct router_ask *a)
{
	nlate -= a->late;
	a->late = 0;
	a->sent = 0;
	ask_go(a);
}

void
ask_resolve(struct router_ask *a)
{
	struct router_session	*node;
	struct router_ticket	*t;

	if (a->rs->kill_sent) {
		ask_answer(a, MUX_CODE_DENIED);
		return;
	}
	if ((node = node_find(a->node_id)) == NULL) {
		if (router_ms() >= patient_until)
			ask_answer(a, MUX_CODE_NODE_OFFLINE);
		else
			ask_park(a);
		return;
	}
	nlate -= a->late;
	a->late = 0;
	t = ticket_get(a->rs, node, a->grant);
	a->ticket = t;
	TAILQ_INSERT_TAIL(&t->asks, a, of_ticket);
	if (t->ok)
		ask_answer(a, 0);
}

/*
 * Its link may be about to come: the listeners announce theirs one after the
 * other, and agents come from one listener to the next.
 */
static void
ask_park(struct router_ask *a)
{
	nlate += !a->late;
	a->late = 1;
	if (a->until_ms < patient_until)
		a->until_ms = patient_until;
	TAILQ_REMOVE(&asks_by_age, a, by_age);
	TAILQ_INSERT_TAIL(&asks_by_age, a, by_age);
}

void
routes_patience(uint64_t ms)
{
	patient_until = router_ms() + ms;
}

int
routes_patient(void)
{
	return (router_ms() < patient_until);
}

void
routes_node_up(const struct router_session *node)
{
	struct router_ask	*a, *tmp;

	if (nlate == 0)
		return;
	TAILQ_FOREACH_SAFE(a, &asks_by_age, by_age, tmp) {
		if (!a->late || strcmp(a->node_id, node->s.node_id) != 0)
			continue;
		/* A grant may have ended meanwhile. */
		if (a->grant != NULL)
			ask_again(a);
		else
			ask_resolve(a);
	}
}

/* Its streams count there: the listener hears of limits before the route. */
static void
ask_meter(const struct router_ask *a, struct tally *t, struct meter_id *id)
{
	if (t == NULL)
		return;
	tally_tell(t, a->rs->s.listener);
	*id = *tally_id(t);
}

/* 0: by the ticket it has; else enum mux_code. */
static void
ask_answer(struct router_ask *a, uint32_t code)
{
	struct proc_peer	*peer = router_listener(a->rs->s.listener);
	struct router_session	*node;
	struct nodes_ask	 nodes;
	struct route		 r;

	if (a->what == ASK_STREAM) {
		streams_may(a->rs, a->node, code);
		if (code == 0 && (node = node_find_name(a->node)) != NULL)
			tally_count(node->node_tally, a->in, a->out);
		ask_free(a);
		return;
	}
	if (a->what == ASK_NODES) {
		memset(&nodes, 0, sizeof(nodes));
		nodes.session = a->rs->s.session;
		nodes.code = code;
		nodes.more = a->more;
		strlcpy(nodes.after, a->node, sizeof(nodes.after));
		(void)proc_send(peer, IMSG_NODES_END, a->their_id, -1, &nodes,
		    sizeof(nodes));
		ask_free(a);
		return;
	}
	memset(&r, 0, sizeof(r));
	r.session = a->rs->s.session;
	r.code = code;
	strlcpy(r.node, a->node, sizeof(r.node));
	if (code == 0) {
		ask_meter(a, a->rs->tally, &r.meters[0]);
		ask_meter(a, a->ticket->node->node_tally, &r.meters[1]);
		ask_meter(a, a->rs->port_tally, &r.meters[2]);
		r.ticket = a->ticket->id;
		r.listener = a->ticket->node->s.listener;
		r.conn = a->ticket->node->s.conn;
		if (a->ticket->grant != NULL)
			strlcpy(r.grant, a->ticket->grant->id,
			    sizeof(r.grant));
		grant_tell(a->rs->s.listener, a->ticket->grant);
	}
	(void)proc_send(peer, IMSG_ROUTE, a->their_id, -1, &r, sizeof(r));
	ask_free(a);
}

static struct router_ask *
ask_of_stream(struct router_session *rs, const char *node)
{
	struct router_ask	*a;

	TAILQ_FOREACH(a, &rs->asks, of_session)
		if (a->what == ASK_STREAM && strcmp(a->node, node) == 0)
			return (a);
	return (NULL);
}

int
routes_ask_stream(struct router_session *rs, const char *node)
{
	return (ask_of_stream(rs, node) != NULL ? 0 :
	    ask_new(ASK_STREAM, rs, 0, node, 0));
}

void
routes_ask_missed(struct router_session *rs, const char *node, uint64_t in,
    uint64_t out)
{
	struct router_ask	*a;

	if ((a = ask_of_stream(rs, node)) != NULL) {
		a->in += in;
		a->out += out;
	}
}

void
routes_session_known(struct router_session *rs)
{
	struct router_ask	*a, *tmp;

	TAILQ_FOREACH_SAFE(a, &rs->asks, of_session, tmp)
		ask_go(a);
}

void
routes_session_gone(struct router_session *rs)
{
	struct router_ask	*a;

	while ((a = TAILQ_FIRST(&rs->asks)) != NULL)
		ask_free(a);
}

void
routes_auth_up(void)
{
	struct router_ask	*a;

	TAILQ_FOREACH(a, &asks_by_age, by_age)
		ask_go(a);
}

/* What it has not answered it is asked again when it is back. */
void
routes_auth_down(void)
{
	struct router_ask	*a, *tmp;

	TAILQ_FOREACH_SAFE(a, &asks_by_age, by_age, tmp) {
		if (a->ticket != NULL || a->late)
			continue;
		a->sent = 0;
		if (a->begun)
			ask_answer(a, MUX_CODE_INTERNAL);
	}
}

int
routes_expire(uint64_t now)
{
	struct router_ask	*a, *tmp;
	int			 more;

	more = tickets_expire(now);
	TAILQ_FOREACH_SAFE(a, &asks_by_age, by_age, tmp) {
		if (a->late && now >= patient_until) {
			ask_answer(a, MUX_CODE_NODE_OFFLINE);
			continue;
		}
		if (now < a->until_ms && nlate == 0)
			break;
		if (now < a->until_ms)
			continue;
		log_debug("%s asked for %s: no answer in time",
		    a->rs->s.email, a->what == ASK_NODES ? "nodes" : a->node);
		ask_answer(a, MUX_CODE_INTERNAL);
	}
	return (more || !TAILQ_EMPTY(&asks_by_age));
}

/* ---- from listeners ---- */

static void
route_refuse(struct proc_peer *peer, uint32_t id, const struct route_ask *ask,
    uint32_t code)
{
	struct route	 r;

	memset(&r, 0, sizeof(r));
	r.session = ask->session;
	r.code = code;
	strlcpy(r.node, ask->node, sizeof(r.node));
	(void)proc_send(peer, IMSG_ROUTE, id, -1, &r, sizeof(r));
}

/* Of who has logged in: whether the door leads to nodes, with a right to. */
static int
route_may_ask(const struct session *s)
{
	switch (s->door) {
	case DOOR_ACCESS:
		return ((s->scopes & SCOPE_CONNECT) != 0);
	case DOOR_HTTP:
	case DOOR_RPC:
		return ((s->scopes & SCOPE_HTTP) != 0);
	default:
		return (0);
	}
}

int
route_recv_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct route_ask	 ask;
	uint32_t		 conn = imsg_get_id(imsg);

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    !ROUTER_STR(ask.node) ||
	    session_of(ask.session, peer, conn, &rs) == -1 ||
	    (rs != NULL && (rs->own != NULL) != (conn == 0)))
		return (-1);
	if (rs == NULL || rs->kill_sent) {
		/* It is ending; but its streams wait for a word. */
		log_debug("a session that has ended asks for %s", ask.node);
		route_refuse(peer, conn, &ask, MUX_CODE_DENIED);
	} else if (rs->own != NULL ?
	    strcmp(ask.node, rs->s.node) != 0 :
	    !route_may_ask(&rs->s))
		route_refuse(peer, conn, &ask, MUX_CODE_DENIED);
	else if (ask.node[0] == '\0')
		route_refuse(peer, conn, &ask, MUX_CODE_NO_NODE);
	else if (ask_new(ASK_ROUTE, rs, conn, ask.node, 0) == -1)
		route_refuse(peer, conn, &ask, MUX_CODE_LIMIT);
	return (0);
}

int
route_recv_nodes_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct nodes_ask	 ask;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    !ROUTER_STR(ask.after) ||
	    session_of(ask.session, peer, 0, &rs) == -1)
		return (-1);
	ask.more = 0;
	ask.code = MUX_CODE_DENIED;
	if (rs != NULL && !rs->kill_sent && (rs->s.door == DOOR_ACCESS ||
	    rs->s.door == DOOR_API)) {
		if (ask_new(ASK_NODES, rs, imsg_get_id(imsg), ask.after,
		    ask.max) == 0)
			return (0);
		ask.code = MUX_CODE_LIMIT;
	}
	(void)proc_send(peer, IMSG_NODES_END, imsg_get_id(imsg), -1, &ask,
	    sizeof(ask));
	return (0);
}

int
route_recv_ticket_ok(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_ticket	*t;
	struct router_ask	*a;
	struct ticket_id	 ok;

	if (imsg_get_data(imsg, &ok, sizeof(ok)) == -1)
		return (-1);
	if ((t = ticket_find(ok.ticket)) == NULL) {
		log_debug("listener %d: takes a ticket that has ended",
		    proc_peer_instance(peer));
		return (0);
	}
	if (t->node->s.listener != proc_peer_instance(peer))
		return (-1);
	t->ok = 1;
	while ((a = TAILQ_FIRST(&t->asks)) != NULL)
		ask_answer(a, 0);
	return (0);
}

/* ---- from auth ---- */

int
route_recv_answer(struct proc_peer *peer, struct imsg *imsg)
{
	struct node_answer	 ans;
	struct router_ask	*a;

	if (imsg_get_data(imsg, &ans, sizeof(ans)) == -1 ||
	    !ROUTER_STR(ans.node) || !ROUTER_STR(ans.node_id) ||
	    !ROUTER_STR(ans.grant.id) || !ROUTER_STR(ans.grant.targets) ||
	    ans.code > UINT16_MAX ||
	    (ans.code == 0 && ans.node_id[0] == '\0'))
		return (-1);
	a = ask_find(imsg_get_id(imsg), 0, ans.session);
	if (a == NULL)
		return (0);
	if (ans.code != 0 || a->what == ASK_STREAM)
		ask_answer(a, ans.code);
	else {
		strlcpy(a->node_id, ans.node_id, sizeof(a->node_id));
		free(a->grant);
		a->grant = ans.grant.id[0] == '\0' ? NULL :
		    grant_copy(&ans.grant);
		ask_resolve(a);
	}
	return (0);
}

int
route_recv_nodes(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*node;
	struct nodes_entry	 e;
	struct router_ask	*a;
	size_t			 len = imsg_get_len(imsg);

	if (len > sizeof(e) || imsg_get_data(imsg, &e, len) == -1 ||
	    !ROUTER_STR(e.node) || !ROUTER_STR(e.node_id) ||
	    !ROUTER_STR(e.owner) || memchr(e.targets, '\0',
	    len - offsetof(struct nodes_entry, targets)) == NULL)
		return (-1);
	a = ask_find(imsg_get_id(imsg), 1, e.session);
	if (a == NULL)
		return (0);
	a->begun = 1;
	/* It is on its way: more time, behind those that have just begun. */
	a->until_ms = router_ms() + ROUTE_MS;
	TAILQ_REMOVE(&asks_by_age, a, by_age);
	TAILQ_INSERT_TAIL(&asks_by_age, a, by_age);
	node = node_find(e.node_id);
	e.online = node != NULL;
	if (node != NULL)
		e.since = node->since;
	(void)proc_send(router_listener(a->rs->s.listener), IMSG_NODES_ENTRY,
	    a->their_id, -1, &e, NODES_ENTRY_MIN + strlen(e.targets));
	return (0);
}

int
route_recv_nodes_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct nodes_ask	 end;
	struct router_ask	*a;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1 ||
	    !ROUTER_STR(end.after) || end.code > UINT16_MAX)
		return (-1);
	a = ask_find(imsg_get_id(imsg), 1, end.session);
	if (a == NULL)
		return (0);
	a->more = end.more;
	strlcpy(a->node, end.after, sizeof(a->node));
	ask_answer(a, end.code);
	return (0);
}

size_t
ask_size(void)
{
	return (sizeof(struct router_ask));
}
