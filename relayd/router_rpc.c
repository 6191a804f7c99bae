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
 * What the rpc door needs of router beside nodes and codes: who was paired
 * with nodes of the other make, and the numbers of /health.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "router.h"

#define SESSIONS_MAX	16384
#define SESSIONS_NODE_MAX 1024
#define TICK_S		1

/* Who was paired. */
struct rsession {
	RB_ENTRY(rsession) by_token;
	RB_ENTRY(rsession) by_node;	/* and then those that end first */
	struct rpc_session s;
};

RB_HEAD(rsession_tree, rsession);
RB_HEAD(rsession_nodes, rsession);

static int	rsession_cmp(struct rsession *, struct rsession *);
static int	rsession_node_cmp(struct rsession *, struct rsession *);
static void	rsession_free(struct rsession *);
static void	rpc_tick(evutil_socket_t, short, void *);
static void	rpc_arm(void);

RB_PROTOTYPE_STATIC(rsession_tree, rsession, by_token, rsession_cmp)
RB_PROTOTYPE_STATIC(rsession_nodes, rsession, by_node, rsession_node_cmp)

struct relayd_rpc		 router_rpc;

static struct rsession_tree	 rsessions = RB_INITIALIZER(&rsessions);
static struct rsession_nodes	 rsession_nodes =
				    RB_INITIALIZER(&rsession_nodes);
static uint32_t			 nrsessions;
static uint64_t			 stored;	/* sessions, says auth */
static struct event		*timer;

static int
rsession_cmp(struct rsession *a, struct rsession *b)
{
	return (memcmp(a->s.token, b->s.token, sizeof(a->s.token)));
}

static int
rsession_node_cmp(struct rsession *a, struct rsession *b)
{
	int	 n;

	if ((n = strcmp(a->s.node, b->s.node)) != 0)
		return (n);
	if (a->s.expires_at != b->s.expires_at)
		return (a->s.expires_at < b->s.expires_at ? -1 : 1);
	return (rsession_cmp(a, b));
}

RB_GENERATE_STATIC(rsession_tree, rsession, by_token, rsession_cmp)
RB_GENERATE_STATIC(rsession_nodes, rsession, by_node, rsession_node_cmp)

/* ---- configuration ---- */

void
rpc_conf_end(const struct relayd_rpc *rpc)
{
	router_rpc = *rpc;
	rpc_nodes_conf_end();
	rpc_slots_conf();
}

/* ---- health ---- */

void
health_changed(void)
{
	static struct health	 last;
	struct health		 h;
	int			 i;

	memset(&h, 0, sizeof(h));
	h.nodes = nodes_live() + rpc_nodes_live();
	h.pairs = pair_count();
	h.sessions = stored + nrsessions;
	if (memcmp(&h, &last, sizeof(h)) == 0)
		return;
	last = h;
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		(void)proc_send(router_listener(i), IMSG_HEALTH, 0, -1, &h,
		    sizeof(h));
}

int
rpc_recv_count(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_count	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	stored = c.sessions;
	health_changed();
	return (0);
}

/* ---- who was paired ---- */

static void
rsession_free(struct rsession *s)
{
	RB_REMOVE(rsession_tree, &rsessions, s);
	RB_REMOVE(rsession_nodes, &rsession_nodes, s);
	nrsessions--;
	free(s);
}

static int
rsession_add(const struct rpc_session *new)
{
	struct rsession	 key, *s, *oldest;
	uint32_t	 n = 0;

	/* Several listeners say the same: no other makes room for that. */
	key.s = *new;
	if (RB_FIND(rsession_tree, &rsessions, &key) != NULL)
		return (0);
	memset(key.s.token, 0, sizeof(key.s.token));
	key.s.expires_at = 0;
	oldest = RB_NFIND(rsession_nodes, &rsession_nodes, &key);
	for (s = oldest; s != NULL && strcmp(s->s.node, new->node) == 0;
	    s = RB_NEXT(rsession_nodes, &rsession_nodes, s))
		n++;
	if (n >= SESSIONS_NODE_MAX)
		rsession_free(oldest);
	if (nrsessions >= SESSIONS_MAX ||
	    (s = calloc(1, sizeof(*s))) == NULL)
		return (-1);
	s->s = *new;
	RB_INSERT(rsession_tree, &rsessions, s);
	RB_INSERT(rsession_nodes, &rsession_nodes, s);
	nrsessions++;
	rpc_arm();
	health_changed();
	return (0);
}

int
rpc_session_add(const uint8_t *token, const char *name, int64_t expires_at)
{
	struct rpc_session	 msg;
	int			 i;

	memset(&msg, 0, sizeof(msg));
	memcpy(msg.token, token, sizeof(msg.token));
	strlcpy(msg.node, name, sizeof(msg.node));
	msg.expires_at = expires_at;
	if (rsession_add(&msg) == -1)
		return (-1);
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		(void)proc_send(router_listener(i), IMSG_RPC_SESSION, 0, -1,
		    &msg, sizeof(msg));
	/* Who hears the answer may come to another listener at once. */
	proc_flush();
	return (0);
}

int
rpc_recv_session(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_session	 s;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 || !ROUTER_STR(s.node) ||
	    s.node[0] == '\0' || strlen(s.node) > RPC_NAME_MAX)
		return (-1);
	if (rpc_listener_told(proc_peer_instance(peer)))
		return (0);
	if (s.expires_at > (int64_t)time(NULL) &&
	    s.expires_at <= (int64_t)time(NULL) + RPC_SESSION_MAX)
		(void)rsession_add(&s);
	return (0);
}

/* ---- listeners come and go, and time ---- */

void
rpc_listener_up(int listener)
{
	struct proc_peer	*peer = router_listener(listener);
	struct rsession		*s;
	struct health		 h;

	memset(&h, 0, sizeof(h));
	h.nodes = nodes_live() + rpc_nodes_live();
	h.pairs = pair_count();
	h.sessions = stored + nrsessions;
	(void)proc_send(peer, IMSG_HEALTH, 0, -1, &h, sizeof(h));
	rpc_slots_listener_up(listener);
	rpc_nodes_listener_up(listener);
	RB_FOREACH(s, rsession_tree, &rsessions)
		(void)proc_send(peer, IMSG_RPC_SESSION, 0, -1, &s->s,
		    sizeof(s->s));
	pair_listener_up(listener);
}

void
rpc_listener_down(int listener)
{
	rpc_nodes_listener_down(listener);
	rpc_slots_listener_down(listener);
}

static void
rpc_arm(void)
{
	struct timeval	 tv = { TICK_S, 0 };

	if (timer == NULL &&
	    (timer = evtimer_new(proc_base(), rpc_tick, NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
}

static void
rpc_tick(evutil_socket_t fd, short what, void *arg)
{
	struct rsession	*s, *tmp;
	int64_t		 now = time(NULL);

	RB_FOREACH_SAFE(s, rsession_tree, &rsessions, tmp) {
		if (s->s.expires_at <= now)
			rsession_free(s);
	}
	health_changed();
	if (nrsessions > 0)
		rpc_arm();
}
