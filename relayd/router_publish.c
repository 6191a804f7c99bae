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
 * Published ports.  Auth says which there are; the parent opens them; each
 * listener serves them under a session of its own, which rests on the node's
 * owner as a logged-in one would, so that streams, routes and revocations
 * are those of any other.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control_req.h"
#include "log.h"
#include "msg_publish.h"
#include "router.h"
#include "ws.h"

#define PUBLICATIONS_MAX	5000
#define TRY_MS			10000	/* auth has kept it by then */
#define QUICK_MS		200	/* the port of one that was closed */
#define QUICK_TRIES		5	/* just now is free soon */
#define RETRY_MS		5000	/* another program has the port */

enum publish_state {
	PUBLISH_ASKED,		/* the parent has been */
	PUBLISH_OPEN,
	PUBLISH_WAITS		/* to be tried again */
};

/* The table by id owns it. */
struct router_publication {
	RB_ENTRY(router_publication)	 by_id;
	struct publication		 p;
	enum publish_state		 state;
	uint32_t			 client;	/* who wants it, ... */
	int				 trying;	/* ...until auth has
							   kept it */
	int				 stale;		/* not named anew yet */
	int				 held;		/* revoked: unserved
							   unless named */
	unsigned int			 tries;		/* quick ones */
	uint64_t			 at_ms;		/* begun; or next try */
	char				 why[CTL_TEXT_LEN];
	struct router_session		*sessions[PROC_INSTANCES_MAX];
};

static int	publication_cmp(struct router_publication *,
		    struct router_publication *);
static struct router_publication *publication_find(const char *);
static int	publication_valid(const struct publication *);
static struct router_publication *publication_new(const struct publication *);
static void	publication_drop(struct router_publication *, const char *);
static void	publication_ask(struct router_publication *);
static void	publication_end_sessions(struct router_publication *,
		    const char *);
static void	publication_failed(struct router_publication *,
		    const struct publish_result *);
static int	publication_tell(struct router_publication *, int);
static void	publish_clock(evutil_socket_t, short, void *);
static void	publish_clock_set(void);

RB_HEAD(router_publications, router_publication);
RB_PROTOTYPE_STATIC(router_publications, router_publication, by_id,
    publication_cmp)

static struct router_publications publications =
				    RB_INITIALIZER(&publications);
static size_t			 npublications;
static struct event		*clock_event;
static uint32_t			 serial;	/* of what auth is saying */
static int			 synced;	/* it has said all, once */
static int			 untold;	/* look for what to tell */
/* Listeners that wait for the end of the list. */
static int			 waiting[PROC_INSTANCES_MAX];

static int
publication_cmp(struct router_publication *a, struct router_publication *b)
{
	return (strcmp(a->p.id, b->p.id));
}

RB_GENERATE_STATIC(router_publications, router_publication, by_id,
    publication_cmp)

static struct router_publication *
publication_find(const char *id)
{
	struct router_publication	 key;

	memset(&key, 0, sizeof(key));
	strlcpy(key.p.id, id, sizeof(key.p.id));
	return (RB_FIND(router_publications, &publications, &key));
}

static int
publication_valid(const struct publication *p)
{
	return (ROUTER_STR(p->id) && p->id[0] != '\0' &&
	    ROUTER_STR(p->user_id) && p->user_id[0] != '\0' &&
	    ROUTER_STR(p->email) && ROUTER_STR(p->node_id) &&
	    p->node_id[0] != '\0' && ROUTER_STR(p->node) &&
	    p->node[0] != '\0' && ROUTER_STR(p->host) &&
	    publish_spec_valid(&p->spec) && p->nfrom <= PUBLISH_FROM_MAX &&
	    p->connections <= PUBLISH_CONNECTIONS_MAX && p->proxy <= 2);
}

static struct router_publication *
publication_new(const struct publication *p)
{
	struct router_publication	*rp;

	if (npublications >= PUBLICATIONS_MAX ||
	    (rp = calloc(1, sizeof(*rp))) == NULL) {
		log_warnx("too many published ports");
		return (NULL);
	}
	rp->p = *p;
	RB_INSERT(router_publications, &publications, rp);
	npublications++;
	return (rp);
}

static void
publication_end_sessions(struct router_publication *rp, const char *why)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (rp->sessions[i] == NULL)
			continue;
		rp->sessions[i]->publication = NULL;
		session_kill(rp->sessions[i], WS_CLOSE_POLICY, why);
		rp->sessions[i] = NULL;
	}
}

/* It is closed, and what came by it ends. */
static void
publication_drop(struct router_publication *rp, const char *why)
{
	struct publication_id	 msg;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.id, rp->p.id, sizeof(msg.id));
	(void)proc_send(proc_peer(PROC_PARENT, 0), IMSG_UNPUBLISH, 0, -1, &msg,
	    sizeof(msg));
	publication_end_sessions(rp, why);
	RB_REMOVE(router_publications, &publications, rp);
	npublications--;
	free(rp);
}

static void
publication_ask(struct router_publication *rp)
{
	struct publish	 msg;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.id, rp->p.id, sizeof(msg.id));
	strlcpy(msg.email, rp->p.email, sizeof(msg.email));
	msg.spec = rp->p.spec;
	msg.connections = rp->p.connections;
	rp->state = PUBLISH_ASKED;
	if (proc_send(proc_peer(PROC_PARENT, 0), IMSG_PUBLISH, 0, -1, &msg,
	    sizeof(msg)) == -1) {
		rp->state = PUBLISH_WAITS;
		rp->at_ms = router_ms() + RETRY_MS;
		publish_clock_set();
	}
}

/* ---- the clock ---- */

static void
publish_clock_set(void)
{
	struct timeval	 tv = { 0, QUICK_MS * 1000 };

	if (clock_event == NULL && (clock_event = evtimer_new(proc_base(),
	    publish_clock, NULL)) == NULL)
		fatalx("no memory for events");
	if (!evtimer_pending(clock_event, NULL))
		evtimer_add(clock_event, &tv);
}

static void
publish_clock(evutil_socket_t fd, short what, void *arg)
{
	struct router_publication	*rp, *tmp;
	uint64_t			 now = router_ms();
	int				 more = 0;

	RB_FOREACH_SAFE(rp, router_publications, &publications, tmp) {
		if (rp->trying && rp->state == PUBLISH_OPEN &&
		    now - rp->at_ms > TRY_MS) {
			publication_drop(rp, "it was not kept");
			continue;
		}
		if (rp->state == PUBLISH_WAITS && now >= rp->at_ms)
			publication_ask(rp);
		more |= rp->trying || rp->state == PUBLISH_WAITS;
	}
	if (more)
		publish_clock_set();
}

/* ---- from auth ---- */

int
publish_recv_try(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_publication	*rp;
	struct publish_result		 res;
	struct publication		 p;

	if (imsg_get_data(imsg, &p, sizeof(p)) == -1 ||
	    !publication_valid(&p) || publication_find(p.id) != NULL)
		return (-1);
	if ((rp = publication_new(&p)) == NULL) {
		memset(&res, 0, sizeof(res));
		strlcpy(res.id, p.id, sizeof(res.id));
		res.code = PUBLISH_FAILED;
		strlcpy(res.text, "too many ports are published",
		    sizeof(res.text));
		(void)proc_send(peer, IMSG_PUBLISH_TRIED, imsg_get_id(imsg),
		    -1, &res, sizeof(res));
		return (0);
	}
	rp->trying = 1;
	rp->client = imsg_get_id(imsg);
	publication_ask(rp);
	return (0);
}

int
publish_recv_publication(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_publication	*rp;
	struct publication		 p;

	if (imsg_get_data(imsg, &p, sizeof(p)) == -1 ||
	    !publication_valid(&p))
		return (-1);
	if ((rp = publication_find(p.id)) == NULL) {
		if ((rp = publication_new(&p)) == NULL)
			return (0);
		publication_ask(rp);
	} else if (memcmp(&rp->p, &p, sizeof(p)) != 0) {
		publication_end_sessions(rp, "it has changed");
		tally_changed(METER_PORT, p.id);
		rp->p = p;
		publication_ask(rp);
	} else if (rp->state == PUBLISH_WAITS)
		publication_ask(rp);
	rp->trying = rp->stale = rp->held = 0;
	untold = 1;
	router_wake();
	return (0);
}

int
publish_recv_publications(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_publication	*rp, *tmp;
	struct conf_end			 end = { 0 };
	struct publications		 msg;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1)
		return (-1);
	if (msg.begin) {
		serial = msg.serial;
		RB_FOREACH(rp, router_publications, &publications)
			rp->stale = !rp->trying;
		return (0);
	}
	/* The end of what it began to tell another router? */
	if (msg.serial != serial)
		return (0);
	RB_FOREACH_SAFE(rp, router_publications, &publications, tmp) {
		if (rp->stale)
			publication_drop(rp, "the port is closed");
	}
	if (!synced)
		(void)proc_send(proc_peer(PROC_PARENT, 0), IMSG_PUBLISH_END,
		    0, -1, &end, sizeof(end));
	synced = 1;
	untold = 1;
	router_wake();
	return (0);
}

/* ---- from the parent ---- */

static void
publication_failed(struct router_publication *rp,
    const struct publish_result *res)
{
	int	 quick;

	quick = res->code == PUBLISH_TAKEN && rp->tries < QUICK_TRIES;
	if (!quick && rp->trying) {
		(void)proc_send(router_auth(), IMSG_PUBLISH_TRIED, rp->client,
		    -1, res, sizeof(*res));
		publication_end_sessions(rp, res->text);
		RB_REMOVE(router_publications, &publications, rp);
		npublications--;
		free(rp);
		return;
	}
	if (!quick && res->code != PUBLISH_DENIED &&
	    strcmp(rp->why, res->text) != 0)
		log_warnx("published port of node %s: %s; it is tried again",
		    rp->p.node, res->text);
	if (quick)
		rp->tries++;
	else
		strlcpy(rp->why, res->text, sizeof(rp->why));
	rp->state = PUBLISH_WAITS;
	rp->at_ms = router_ms() + (quick ? QUICK_MS : RETRY_MS);
	publish_clock_set();
}

int
publish_recv_published(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_publication	*rp;
	struct publish_result		 res;
	char				 text[CTL_SPEC_LEN];

	if (imsg_get_data(imsg, &res, sizeof(res)) == -1 ||
	    !ROUTER_STR(res.id) || !ROUTER_STR(res.text))
		return (-1);
	untold = 1;
	router_wake();
	if ((rp = publication_find(res.id)) == NULL)
		return (0);
	if (res.code != PUBLISH_OK) {
		publication_end_sessions(rp, "the port is closed");
		publication_failed(rp, &res);
		return (0);
	}
	if (rp->why[0] != '\0')
		log_info("published port %s of node %s: open now",
		    publish_spec_format(&rp->p.spec, text), rp->p.node);
	rp->state = PUBLISH_OPEN;
	rp->tries = 0;
	rp->why[0] = '\0';
	if (rp->trying) {
		rp->at_ms = router_ms();
		publish_clock_set();
		(void)proc_send(router_auth(), IMSG_PUBLISH_TRIED, rp->client,
		    -1, &res, sizeof(res));
	}
	return (0);
}

/* ---- to the listeners ---- */

/* 0, or -1 when its queue is full. */
static int
publication_tell(struct router_publication *rp, int listener)
{
	struct proc_peer	*peer = router_listener(listener);
	struct session		 owner;
	struct port		 msg;
	char			 spec[CTL_SPEC_LEN];

	if (rp->sessions[listener] != NULL || rp->state != PUBLISH_OPEN ||
	    rp->trying || rp->held || rp->stale)
		return (0);
	if (proc_queued(peer) > PROC_QUEUE_HIGH)
		return (-1);
	memset(&msg, 0, sizeof(msg));
	msg.p = rp->p;
	memset(&owner, 0, sizeof(owner));
	owner.listener = listener;
	owner.door = DOOR_PORT;
	strlcpy(owner.user_id, rp->p.user_id, sizeof(owner.user_id));
	strlcpy(owner.email, rp->p.email, sizeof(owner.email));
	strlcpy(owner.node_id, rp->p.node_id, sizeof(owner.node_id));
	strlcpy(owner.node, rp->p.node, sizeof(owner.node));
	rp->sessions[listener] = session_new_own(&owner, rp->p.id,
	    publish_spec_format(&rp->p.spec, spec));
	rp->sessions[listener]->publication = rp;
	msg.session = rp->sessions[listener]->s.session;
	(void)proc_send(peer, IMSG_PORT, 0, -1, &msg, sizeof(msg));
	return (0);
}

int
publish_tell(void)
{
	struct router_publication	*rp;
	struct conf_end			 end = { 0 };
	int				 i, asked = 0, full, more = 0;

	if (!untold)
		return (0);
	RB_FOREACH(rp, router_publications, &publications)
		asked |= rp->state == PUBLISH_ASKED;
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (router_listener(i) == NULL)
			continue;
		full = 0;
		RB_FOREACH(rp, router_publications, &publications) {
			if ((full = publication_tell(rp, i) == -1) != 0)
				break;
		}
		more |= full;
		/* While one is being opened the list is not whole. */
		if (waiting[i] && synced && !asked && !full) {
			waiting[i] = 0;
			(void)proc_send(router_listener(i), IMSG_PORTS_END, 0,
			    -1, &end, sizeof(end));
		}
	}
	untold = more;
	return (more);
}

void
publish_listener_up(int listener)
{
	waiting[listener] = 1;
	untold = 1;
	router_wake();
}

/* ---- for the rest of the router ---- */

void
publish_limit(const struct router_publication *rp, struct ticket *t)
{
	const struct publish_spec	*spec = &rp->p.spec;

	t->kind = spec->proto;
	t->exact = 1;
	t->port_min = rp->p.port;
	t->port_max = rp->p.port + (spec->port_max - spec->port_min);
	strlcpy(t->host, rp->p.host, sizeof(t->host));
}

void
publish_session_gone(struct router_session *rs)
{
	if (rs->publication == NULL)
		return;
	rs->publication->sessions[rs->s.listener] = NULL;
	rs->publication = NULL;
	/* Its listener may have a successor already. */
	untold = 1;
	router_wake();
}

void
publish_end(const struct router_end *e, const char *why)
{
	struct router_publication	*rp, *tmp;

	RB_FOREACH_SAFE(rp, router_publications, &publications, tmp) {
		if (!end_match_publication(e, &rp->p))
			continue;
		rp->held = 1;
		if (end_is_port(e))
			publication_drop(rp, why);
	}
}

void
publish_state(struct ctl_publish *c)
{
	struct router_publication	*rp;
	struct router_session		*rs;
	int				 i;

	if ((rp = publication_find(c->id)) == NULL)
		return;
	c->online = node_find(rp->p.node_id) != NULL;
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if ((rs = rp->sessions[i]) != NULL)
			c->streams += streams_of(rs);
	}
	if (c->state != CTL_PUBLISH_OPENING)
		return;
	if (rp->state == PUBLISH_OPEN && !rp->held)
		c->state = CTL_PUBLISH_OPEN;
	else if (rp->why[0] != '\0') {
		c->state = CTL_PUBLISH_FAILED;
		strlcpy(c->text, rp->why, sizeof(c->text));
	}
}
