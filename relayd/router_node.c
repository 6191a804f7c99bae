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
 * Links: a session whose peer has said hello.  Those of nodes are looked for
 * by the node; where there are two of one node, only one of them can lead to
 * it.
 *
 * A listener that is to end asks the peers of its links to come by another
 * one ("away").  Such a link is not ended when the next one is up: it only
 * gets no new streams, and goes when its peer or its listener say so.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "log_limit.h"
#include "router.h"
#include "ws.h"

static int	node_cmp(struct router_session *, struct router_session *);
static int	name_cmp(struct router_session *, struct router_session *);
static void	link_log(const struct router_session *, const char *,
		    const struct audit_event *);
static int	node_compete(struct router_session *, struct router_session *);

RB_HEAD(router_nodes, router_session);
RB_HEAD(router_names, router_session);
RB_PROTOTYPE_STATIC(router_nodes, router_session, by_node, node_cmp)
RB_PROTOTYPE_STATIC(router_names, router_session, by_name, name_cmp)

/* Live links of nodes. */
static struct router_nodes	 nodes = RB_INITIALIZER(&nodes);
static struct router_names	 names = RB_INITIALIZER(&names);
static uint32_t			 nlive;
static const char		 taken_over[] =
				    "a newer link of this node has taken over";

static int
node_cmp(struct router_session *a, struct router_session *b)
{
	return (strcmp(a->s.node_id, b->s.node_id));
}

/* Names may be the same for a moment, when nodes are renamed. */
static int
name_cmp(struct router_session *a, struct router_session *b)
{
	int	 n;

	if ((n = strcmp(a->s.node, b->s.node)) != 0)
		return (n);
	return (session_cmp(a, b));
}

RB_GENERATE_STATIC(router_nodes, router_session, by_node, node_cmp)
RB_GENERATE_STATIC(router_names, router_session, by_name, name_cmp)

struct router_session *
node_find(const char *id)
{
	struct router_session	 key;

	memset(&key, 0, sizeof(key));
	strlcpy(key.s.node_id, id, sizeof(key.s.node_id));
	return (RB_FIND(router_nodes, &nodes, &key));
}

struct router_session *
node_find_name(const char *name)
{
	struct router_session	 key, *rs;

	memset(&key, 0, sizeof(key));
	strlcpy(key.s.node, name, sizeof(key.s.node));
	rs = RB_NFIND(router_names, &names, &key);
	if (rs == NULL || strcmp(rs->s.node, key.s.node) != 0)
		return (NULL);
	return (rs);
}

uint32_t
nodes_live(void)
{
	return (nlive);
}

/* ---- up and down ---- */

int
link_recv_up(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct link_kill	 kill;
	struct link_up		 up;
	uint32_t		 conn = imsg_get_id(imsg);

	if (imsg_get_data(imsg, &up, sizeof(up)) == -1 ||
	    !ROUTER_STR(up.software) || conn == 0 || up.since < 0 ||
	    session_of(up.session, peer, conn, &rs) == -1)
		return (-1);
	if (rs == NULL) {
		log_debug("listener %d: a link without a session",
		    proc_peer_instance(peer));
		memset(&kill, 0, sizeof(kill));
		kill.session = up.session;
		kill.code = WS_CLOSE_POLICY;
		strlcpy(kill.text, "log in again", sizeof(kill.text));
		(void)proc_send(peer, IMSG_LINK_KILL, conn, -1, &kill,
		    sizeof(kill));
	} else if (rs->up || rs->kill_sent)
		log_debug("link of %s: is up already, or ending",
		    rs->s.email);
	else if (rs->checking) {
		if (rs->early == NULL &&
		    (rs->early = malloc(sizeof(up))) == NULL)
			fatal("link");
		*rs->early = up;
	} else
		link_is_up(rs, &up);
	return (0);
}

/* Up, or down with what it was; a user who makes and ends links at will. */
static void
link_log(const struct router_session *rs, const char *text,
    const struct audit_event *end)
{
	static struct log_limit	 limit = { .burst = 20000, .ms = 100 };
	int			 node = rs->s.door == DOOR_NODE;
	uint64_t		 lost;

	if (!log_limit_may(&limit, router_ms(), &lost))
		return;
	if (lost > 0)
		log_info("%llu links up or down were too many and are not "
		    "listed", (unsigned long long)lost);
	if (end == NULL)
		log_info("%s %s: link up from %s%s%s",
		    node ? "node" : "client", node ? rs->s.node : rs->s.email,
		    rs->s.addr, text[0] == '\0' ? "" : ", ", text);
	else
		log_info("%s %s: link down from %s after %llu s, %llu bytes "
		    "in, %llu bytes out: %s", node ? "node" : "client",
		    node ? rs->s.node : rs->s.email, rs->s.addr,
		    (unsigned long long)end->ms / 1000,
		    (unsigned long long)end->in,
		    (unsigned long long)end->out,
		    text[0] == '\0' ? "closed" : text);
}

void
link_is_up(struct router_session *rs, const struct link_up *up)
{
	struct router_session	*old;
	struct audit_event	 a;

	rs->up = 1;
	rs->away |= up->away != 0;
	rs->epoch = up->epoch;
	rs->since = up->since;
	rs->up_ms = router_ms_since(up->since);
	if (up->software[0] != '\0')
		rs->software = strdup(up->software);
	if (rs->s.door == DOOR_NODE)
		router_counts.nodes++;
	else
		router_counts.clients++;
	if (rs->again)
		log_debug("link of %s: still up",
		    rs->s.door == DOOR_NODE ? rs->s.node : rs->s.email);
	else {
		link_log(rs, up->software, NULL);
		audit_init(&a, AUDIT_LINK_UP, rs);
		strlcpy(a.text, up->software, sizeof(a.text));
		audit_send(&a);
	}
	if (rs->s.door != DOOR_NODE)
		return;
	if ((old = node_find(rs->s.node_id)) != NULL) {
		if (node_compete(rs, old) == -1)
			return;
		node_unlive(old, 0);
	}
	rs->live = 1;
	RB_INSERT(router_nodes, &nodes, rs);
	RB_INSERT(router_names, &names, rs);
	nlive++;
	health_changed();
	node_state(rs, 1);
	/* Who waits for a way to the node gets one by the new link. */
	if (old != NULL && old->away && old->epoch == rs->epoch)
		tickets_retire(old);
	else if (old != NULL)
		session_kill(old, WS_CLOSE_POLICY, taken_over);
	routes_node_up(rs);
}

/*
 * Two links of one node.  The program that started later wins, and so does
 * a new link of the same one: the old is a ghost then.  A device that runs
 * beside its own copy loses to it once, and does not come back in, so two
 * of them can't take turns.  0 if the newcomer wins.
 */
static int
node_compete(struct router_session *rs, struct router_session *old)
{
	int	 same;

	same = strcmp(rs->s.token_id, old->s.token_id) == 0;
	if (same && rs->epoch == old->epoch && rs->away &&
	    (!old->away || rs->since <= old->since)) {
		log_debug("node %s: the link from %s is being left",
		    rs->s.node, rs->s.addr);
		return (-1);
	}
	if (same && rs->epoch == old->epoch && rs->again && !old->away &&
	    rs->since < old->since) {
		/* Announced in any order: this one is the ghost. */
		session_kill(rs, WS_CLOSE_POLICY, taken_over);
		return (-1);
	}
	if (same && rs->epoch >= old->epoch) {
		log_info("node %s: the link from %s takes over from %s",
		    rs->s.node, rs->s.addr, old->s.addr);
		return (0);
	}
	router_counts.flaps++;
	if (router_may_log(&old->flap_ms))
		log_warnx("node %s: two devices use one %s: the link from %s "
		    "is refused, that from %s stays", rs->s.node,
		    same ? "token" : "name", rs->s.addr, old->s.addr);
	session_kill(rs, WS_CLOSE_POLICY, same ?
	    "another agentd that started later holds this node's name" :
	    "a link with another token holds this node's name");
	return (-1);
}

void
node_unlive(struct router_session *rs, int tell)
{
	if (!rs->live)
		return;
	rs->live = 0;
	RB_REMOVE(router_nodes, &nodes, rs);
	RB_REMOVE(router_names, &names, rs);
	nlive--;
	health_changed();
	if (tell)
		node_state(rs, 0);
}

void
node_state(const struct router_session *rs, int online)
{
	struct node_state	 st;

	memset(&st, 0, sizeof(st));
	strlcpy(st.node_id, rs->s.node_id, sizeof(st.node_id));
	st.online = online;
	st.since = online ? rs->since : (int64_t)time(NULL);
	(void)proc_send(router_auth(), IMSG_NODE_STATE, 0, -1, &st,
	    sizeof(st));
	rpc_slots_node(rs->s.node_id);
}

int
link_recv_away(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct link_away	 away;
	uint32_t		 conn = imsg_get_id(imsg);

	if (imsg_get_data(imsg, &away, sizeof(away)) == -1 || conn == 0 ||
	    session_of(away.session, peer, conn, &rs) == -1)
		return (-1);
	if (rs != NULL)
		rs->away = 1;
	return (0);
}

static void
link_bytes(struct router_session *rs, uint64_t in, uint64_t out)
{
	struct router_counts	*n = &router_counts;
	int			 node = rs->s.door == DOOR_NODE;

	if (in > rs->in)
		*(node ? &n->node_in : &n->client_in) += in - rs->in;
	if (out > rs->out)
		*(node ? &n->node_out : &n->client_out) += out - rs->out;
	rs->in = in;
	rs->out = out;
}

void
links_away(uint32_t *links, uint32_t *stay)
{
	struct router_session	*rs;

	*links = *stay = 0;
	RB_FOREACH(rs, router_sessions, &router_sessions) {
		if (!rs->away || !rs->up)
			continue;
		(*links)++;
		*stay += rs->live;
	}
}

int
link_recv_down(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct link_down	 down;
	uint32_t		 conn = imsg_get_id(imsg);

	if (imsg_get_data(imsg, &down, sizeof(down)) == -1 ||
	    !ROUTER_STR(down.text) || conn == 0 ||
	    session_of(down.session, peer, conn, &rs) == -1)
		return (-1);
	if (rs == NULL) {
		log_debug("listener %d: the end of an unknown session",
		    proc_peer_instance(peer));
		return (0);
	}
	if (rs->up)
		link_bytes(rs, down.in, down.out);
	session_drop(rs, down.text);
	return (0);
}

void
link_is_down(struct router_session *rs, const char *why)
{
	struct audit_event	 a;

	audit_init(&a, AUDIT_LINK_DOWN, rs);
	a.ms = router_ms() - rs->up_ms;
	a.in = rs->in;
	a.out = rs->out;
	strlcpy(a.text, why, sizeof(a.text));
	audit_send(&a);
	link_log(rs, why, &a);
	rs->up = 0;
	if (rs->s.door == DOOR_NODE)
		router_counts.nodes--;
	else
		router_counts.clients--;
	node_unlive(rs, 1);
}

int
link_recv_stats(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct link_stats	 st;

	if (imsg_get_data(imsg, &st, sizeof(st)) == -1 ||
	    session_of(st.session, peer, imsg_get_id(imsg), &rs) == -1)
		return (-1);
	if (rs == NULL)
		return (0);
	link_bytes(rs, st.in, st.out);
	rs->rtt_us = st.rtt_us;
	rs->link_streams = st.streams;
	return (0);
}
