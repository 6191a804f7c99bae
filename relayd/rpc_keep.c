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
 * What the rpc door remembers of what router has said: so that it can serve
 * while there is none, and tell the next one.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "door_rpc.h"
#include "doors.h"
#include "log.h"

#define KEEP_MAX	131072		/* of each: router has fewer */
#define STALE_MS	5000		/* a new router has heard of all */

enum keep_what { KEEP_OFFER, KEEP_USED, KEEP_NODE, KEEP_SESSION, KEEPS };

/* One thing of those.  Its list and its tree own it. */
struct kept {
	RB_ENTRY(kept)	 by_key;
	enum keep_what	 what;
	char		 key[RPC_NODE_LEN + RPC_HASH_LEN];
	size_t		 keylen;
	uint32_t	 told;		/* the router of this number */
	uint32_t	 conn;		/* OFFER */
	union {
		struct pair_offer	 offer;
		struct pair_used	 used;
		struct rpc_node		 node;
		struct rpc_session	 session;
	};
};

RB_HEAD(kept_tree, kept);

static int	kept_cmp(struct kept *, struct kept *);
static struct kept *kept_find(enum keep_what, const void *, size_t);
static struct kept *kept_add(enum keep_what, const void *, size_t);
static void	kept_free(struct kept *);

RB_PROTOTYPE_STATIC(kept_tree, kept, by_key, kept_cmp)

struct health			 keep_health;
static struct kept_tree		 trees[KEEPS];
static uint32_t			 counts_kept[KEEPS];
static uint32_t			 router = 1;
static uint64_t			 router_since;

static int
kept_cmp(struct kept *a, struct kept *b)
{
	size_t	 len = a->keylen < b->keylen ? a->keylen : b->keylen;
	int	 n;

	if ((n = memcmp(a->key, b->key, len)) != 0)
		return (n);
	return (a->keylen < b->keylen ? -1 : a->keylen > b->keylen);
}

RB_GENERATE_STATIC(kept_tree, kept, by_key, kept_cmp)

static struct kept *
kept_find(enum keep_what what, const void *key, size_t len)
{
	struct kept	 k;

	if (len > sizeof(k.key))
		return (NULL);
	memcpy(k.key, key, len);
	k.keylen = len;
	return (RB_FIND(kept_tree, &trees[what], &k));
}

/* The one with this key, new if need be.  NULL: there is no room. */
static struct kept *
kept_add(enum keep_what what, const void *key, size_t len)
{
	struct kept	*k;

	if ((k = kept_find(what, key, len)) != NULL)
		return (k);
	if (counts_kept[what] >= KEEP_MAX || len > sizeof(k->key) ||
	    (k = calloc(1, sizeof(*k))) == NULL)
		return (NULL);
	k->what = what;
	memcpy(k->key, key, len);
	k->keylen = len;
	k->told = router;
	RB_INSERT(kept_tree, &trees[what], k);
	counts_kept[what]++;
	return (k);
}

static void
kept_free(struct kept *k)
{
	if (k == NULL)
		return;
	RB_REMOVE(kept_tree, &trees[k->what], k);
	counts_kept[k->what]--;
	free(k);
}

/* ---- codes ---- */

void
keep_offer(uint32_t conn, const struct pair_offer *o)
{
	struct kept	*k;

	if ((k = kept_add(KEEP_OFFER, o->hash, sizeof(o->hash))) == NULL)
		return;
	k->conn = conn;
	k->offer = *o;
	if (k->offer.again == 0)
		k->offer.again = 1;
}

void
keep_offers_gone(uint32_t conn)
{
	struct kept	*k, *tmp;

	RB_FOREACH_SAFE(k, kept_tree, &trees[KEEP_OFFER], tmp) {
		if (k->conn == conn)
			kept_free(k);
	}
}

/* One that its node has not made itself. */
int
keep_recv_offer(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_offer	 o;
	struct conn		*c;

	if (imsg_get_data(imsg, &o, sizeof(o)) == -1 || o.again == 0)
		return (-1);
	c = conn_find(imsg_get_id(imsg));
	if (c != NULL && c->session != NULL &&
	    c->session->session == o.session)
		keep_offer(c->id, &o);
	return (0);
}

int
keep_recv_gone(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_gone	 gone;

	if (imsg_get_data(imsg, &gone, sizeof(gone)) == -1)
		return (-1);
	kept_free(kept_find(KEEP_OFFER, gone.hash, sizeof(gone.hash)));
	return (0);
}

int
keep_recv_used(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_used	 u;
	struct kept		*k, *tmp;
	char			 key[RPC_NODE_LEN + RPC_HASH_LEN];

	if (imsg_get_data(imsg, &u, sizeof(u)) == -1 ||
	    memchr(u.node, '\0', sizeof(u.node)) == NULL)
		return (-1);
	memcpy(key, u.node, sizeof(u.node));
	memset(key + strlen(u.node), 0, sizeof(u.node) - strlen(u.node));
	memcpy(key + sizeof(u.node), u.hash, sizeof(u.hash));
	if (counts_kept[KEEP_USED] % 4096 == 4095) {
		RB_FOREACH_SAFE(k, kept_tree, &trees[KEEP_USED], tmp) {
			if (k->used.at + 24 * 3600 <= u.at)
				kept_free(k);
		}
	}
	if ((k = kept_add(KEEP_USED, key, sizeof(key))) != NULL)
		k->used = u;
	return (0);
}

/* ---- nodes of the other make, and sessions with them ---- */

const struct rpc_node *
keep_node(const char *name)
{
	struct kept	*k = kept_find(KEEP_NODE, name, strlen(name));

	/* The router of now does not know of it. */
	if (k != NULL && k->told != router &&
	    listener_ms() - router_since > STALE_MS) {
		kept_free(k);
		k = NULL;
	}
	return (k == NULL ? NULL : &k->node);
}

int
keep_recv_node(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_node	 n;
	struct kept	*k;

	if (imsg_get_data(imsg, &n, sizeof(n)) == -1 ||
	    memchr(n.node, '\0', sizeof(n.node)) == NULL ||
	    memchr(n.addr, '\0', sizeof(n.addr)) == NULL)
		return (-1);
	if (n.live) {
		if ((k = kept_add(KEEP_NODE, n.node, strlen(n.node))) !=
		    NULL) {
			k->node = n;
			k->told = router;
		}
		return (0);
	}
	k = kept_find(KEEP_NODE, n.node, strlen(n.node));
	if (k != NULL && k->node.listener == n.listener &&
	    k->node.conn == n.conn)
		kept_free(k);
	return (0);
}

const struct rpc_session *
keep_session(const uint8_t *token)
{
	struct kept	*k = kept_find(KEEP_SESSION, token, RPC_HASH_LEN);

	if (k != NULL && k->session.expires_at <= (int64_t)time(NULL)) {
		kept_free(k);
		k = NULL;
	}
	return (k == NULL ? NULL : &k->session);
}

int
keep_recv_session(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_session	 s;
	struct kept		*k, *tmp;
	int64_t			 now = time(NULL);

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 ||
	    memchr(s.node, '\0', sizeof(s.node)) == NULL)
		return (-1);
	if (counts_kept[KEEP_SESSION] % 256 == 255) {
		RB_FOREACH_SAFE(k, kept_tree, &trees[KEEP_SESSION], tmp) {
			if (k->session.expires_at <= now)
				kept_free(k);
		}
	}
	if ((k = kept_add(KEEP_SESSION, s.token, sizeof(s.token))) != NULL)
		k->session = s;
	return (0);
}

int
keep_recv_health(struct proc_peer *peer, struct imsg *imsg)
{
	if (imsg_get_data(imsg, &keep_health, sizeof(keep_health)) == -1)
		return (-1);
	return (0);
}

/* ---- to a new router ---- */

uint32_t
keep_router(void)
{
	return (router);
}

void
keep_router_up(void)
{
	router++;
	router_since = listener_ms();
}

/* First the nodes, then the codes that they have offered. */
int
keep_announce(void)
{
	struct proc_peer	*peer = proc_peer(PROC_ROUTER, 0);
	struct kept		*k, *tmp;
	int64_t			 now = time(NULL);

	if (!rpc_nodes_announce())
		return (0);
	RB_FOREACH_SAFE(k, kept_tree, &trees[KEEP_USED], tmp) {
		if (proc_queued(peer) > PROC_QUEUE_HIGH)
			return (0);
		if (k->told == router)
			continue;
		k->told = router;
		if (k->used.at + 24 * 3600 <= now)
			kept_free(k);
		else
			(void)proc_send(peer, IMSG_PAIR_USED, 0, -1, &k->used,
			    sizeof(k->used));
	}
	RB_FOREACH_SAFE(k, kept_tree, &trees[KEEP_OFFER], tmp) {
		if (proc_queued(peer) > PROC_QUEUE_HIGH)
			return (0);
		if (k->told == router)
			continue;
		k->told = router;
		if (k->offer.expires_at <= now)
			kept_free(k);
		else
			(void)proc_send(peer, IMSG_PAIR_OFFER, k->conn, -1,
			    &k->offer, sizeof(k->offer));
	}
	RB_FOREACH_SAFE(k, kept_tree, &trees[KEEP_SESSION], tmp) {
		if (proc_queued(peer) > PROC_QUEUE_HIGH)
			return (0);
		if (k->told == router)
			continue;
		k->told = router;
		if (k->session.expires_at <= now)
			kept_free(k);
		else
			(void)proc_send(peer, IMSG_RPC_SESSION, 0, -1,
			    &k->session, sizeof(k->session));
	}
	return (rpc_slots_announce());
}

size_t
keep_memory(uint32_t *n)
{
	uint32_t	 nloads;
	size_t		 bytes = rpc_loads_memory(&nloads);
	int		 i;

	*n = 0;
	for (i = 0; i < KEEPS; i++)
		*n += counts_kept[i];
	bytes += *n * sizeof(struct kept);
	*n += nloads;
	return (bytes);
}
