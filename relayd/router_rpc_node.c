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
 * Nodes of the other make: they have no account, and a namespace of their
 * own.  Which of them may come, and where they are.  Listeners know all of
 * that as well: they serve by it, and tell it to the router after us.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "router.h"

#define NODES_MAX	4096
#define NODES_ADDR_MAX	256		/* from one address */
#define FLIP_MS		10000	/* a name is taken over no more often */

/* One of them, live or waiting to be. */
struct rnode {
	RB_ENTRY(rnode)	 by_name;
	struct rpc_node	 n;
	int		 tried;		/* it has shown a code, a wrong one */
	uint64_t	 taken_ms;	/* it took over then; 0: it has not */
};

struct rkey {
	RB_ENTRY(rkey)	 by_node;
	struct rpc_key	 k;
};

RB_HEAD(rnode_tree, rnode);
RB_HEAD(rkey_tree, rkey);

static int	rnode_cmp(struct rnode *, struct rnode *);
static int	rkey_cmp(struct rkey *, struct rkey *);
static void	rnode_free(struct rnode *);

RB_PROTOTYPE_STATIC(rnode_tree, rnode, by_name, rnode_cmp)
RB_PROTOTYPE_STATIC(rkey_tree, rkey, by_node, rkey_cmp)

static struct rnode_tree	 rnodes = RB_INITIALIZER(&rnodes);
static uint32_t			 nrnodes, nlive;
static struct rkey_tree		 keys = RB_INITIALIZER(&keys);
static struct rkey_tree		 keys_next = RB_INITIALIZER(&keys_next);

static int
rnode_cmp(struct rnode *a, struct rnode *b)
{
	int	 n;

	if ((n = strcmp(a->n.node, b->n.node)) != 0)
		return (n);
	if (a->n.listener != b->n.listener)
		return (a->n.listener < b->n.listener ? -1 : 1);
	return (a->n.conn < b->n.conn ? -1 : a->n.conn > b->n.conn);
}

static int
rkey_cmp(struct rkey *a, struct rkey *b)
{
	return (strcmp(a->k.node, b->k.node));
}

RB_GENERATE_STATIC(rnode_tree, rnode, by_name, rnode_cmp)
RB_GENERATE_STATIC(rkey_tree, rkey, by_node, rkey_cmp)

/* ---- configuration ---- */

void
rpc_conf_begin(void)
{
	struct rkey	*k;

	while ((k = RB_ROOT(&keys_next)) != NULL) {
		RB_REMOVE(rkey_tree, &keys_next, k);
		free(k);
	}
}

int
rpc_recv_key(struct proc_peer *peer, struct imsg *imsg)
{
	struct rkey	*k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		fatal("rpc");
	if (imsg_get_data(imsg, &k->k, sizeof(k->k)) == -1 ||
	    !ROUTER_STR(k->k.node) ||
	    RB_INSERT(rkey_tree, &keys_next, k) != NULL) {
		free(k);
		return (-1);
	}
	return (0);
}

/* What is not allowed any more ends. */
void
rpc_nodes_conf_end(void)
{
	struct rkey_tree	 old = keys;
	struct rnode		*r, *tmp;
	struct rkey		*k, key, *was;

	keys = keys_next;
	keys_next = old;
	RB_FOREACH_SAFE(r, rnode_tree, &rnodes, tmp) {
		strlcpy(key.k.node, r->n.node, sizeof(key.k.node));
		k = RB_FIND(rkey_tree, &keys, &key);
		was = RB_FIND(rkey_tree, &keys_next, &key);
		if (router_rpc.nodes == RPC_NODES_ANY && k == NULL)
			continue;
		if (router_rpc.nodes != RPC_NODES_OFF && k != NULL &&
		    was != NULL && memcmp(k->k.hash, was->k.hash,
		    sizeof(k->k.hash)) == 0)
			continue;
		log_info("rpc node %s: it may not come any more", r->n.node);
		(void)proc_send(router_listener(r->n.listener),
		    IMSG_RPC_NODE_KILL, r->n.conn, -1, &r->n, sizeof(r->n));
	}
	rpc_conf_begin();
}

/* ---- where they are ---- */

static struct rnode *
rnode_first(const char *name)
{
	struct rnode	 key, *r;

	memset(&key, 0, sizeof(key));
	strlcpy(key.n.node, name, sizeof(key.n.node));
	key.n.listener = -1;
	r = RB_NFIND(rnode_tree, &rnodes, &key);
	return (r != NULL && strcmp(r->n.node, name) == 0 ? r : NULL);
}

static struct rnode *
rnode_next(struct rnode *r)
{
	struct rnode	*next = RB_NEXT(rnode_tree, &rnodes, r);

	return (next != NULL && strcmp(next->n.node, r->n.node) == 0 ? next :
	    NULL);
}

static struct rnode *
rnode_live(const char *name)
{
	struct rnode	*r;

	for (r = rnode_first(name); r != NULL && !r->n.live; r = rnode_next(r))
		;
	return (r);
}

static struct rnode *
rnode_at(const char *name, int listener, uint32_t conn)
{
	struct rnode	 key;

	memset(&key, 0, sizeof(key));
	strlcpy(key.n.node, name, sizeof(key.n.node));
	key.n.listener = listener;
	key.n.conn = conn;
	return (RB_FIND(rnode_tree, &rnodes, &key));
}

uint32_t
rpc_nodes_live(void)
{
	return (nlive);
}

int
rpc_node_live(const char *name)
{
	return (rnode_live(name) != NULL);
}

/* What all listeners know of it; and that it is there no more. */
static void
rnode_tell(const struct rpc_node *n, int live)
{
	struct rpc_node	 msg = *n;
	int		 i;

	msg.live = live;
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		(void)proc_send(router_listener(i), IMSG_RPC_NODE, 0, -1,
		    &msg, sizeof(msg));
	health_changed();
}

/* It is the one now.  Another of its name has to go. */
static void
rnode_set_live(struct rnode *r)
{
	struct rnode	*old = rnode_live(r->n.node);

	if (old == r)
		return;
	if (old != NULL) {
		r->taken_ms = router_ms();
		log_info("rpc node %s: the link from %s takes over from %s",
		    r->n.node, r->n.addr, old->n.addr);
		(void)proc_send(router_listener(old->n.listener),
		    IMSG_RPC_NODE_KILL, old->n.conn, -1, &old->n,
		    sizeof(old->n));
		/* Its name is not free. */
		old->n.live = 0;
		nlive--;
		rnode_tell(&old->n, 0);
		rnode_free(old);
	} else
		log_info("rpc node %s: link up from %s", r->n.node, r->n.addr);
	r->n.live = 1;
	nlive++;
	rnode_tell(&r->n, 1);
}

static struct rnode *
rnode_add(const struct rpc_node *n)
{
	struct rnode	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("rpc");
	r->n = *n;
	r->n.live = 0;
	if (RB_INSERT(rnode_tree, &rnodes, r) != NULL) {
		free(r);
		return (NULL);
	}
	nrnodes++;
	return (r);
}

static void
rnode_free(struct rnode *r)
{
	struct rnode	*next;
	struct rpc_node	 n = r->n;

	RB_REMOVE(rnode_tree, &rnodes, r);
	nrnodes--;
	free(r);
	pair_rpc_gone(n.node, n.listener, n.conn);
	if (!n.live)
		return;
	nlive--;
	rnode_tell(&n, 0);
	/* One that waited, for want of a code: the name is free now. */
	if ((next = rnode_first(n.node)) != NULL &&
	    rnode_live(n.node) == NULL) {
		next->tried = 0;
		rnode_set_live(next);
	}
}

/*
 * Two that have the same name by rights would take turns as fast as they can:
 * who was thrown out comes back at once.
 */
static int
rnode_flips(const struct rnode *live)
{
	return (live->taken_ms != 0 && router_ms() - live->taken_ms <
	    FLIP_MS);
}

/* In constant time. */
static int
hash_same(const uint8_t *a, const uint8_t *b)
{
	uint8_t	 d = 0;
	size_t	 i;

	for (i = 0; i < RPC_HASH_LEN; i++)
		d |= a[i] ^ b[i];
	return (d == 0);
}

/*
 * May it come?  With a secret where one is set.  Without, nobody takes the
 * name of one that is there but from the same address, or by showing, behind
 * the handshake, a code of it: until then it waits.
 */
static uint32_t
rnode_may(int listener, const struct rpc_node_ask *ask, uint32_t *retry,
    int *waits)
{
	struct rnode	*r, *live;
	struct rkey	 key, *k;
	uint32_t	 same = 0, waiting = 0;
	int		 rightful;

	*waits = 0;
	*retry = 0;
	if (router_rpc.nodes == RPC_NODES_OFF || ask->node[0] == '\0')
		return (403);
	memset(&key, 0, sizeof(key));
	strlcpy(key.k.node, ask->node, sizeof(key.k.node));
	k = RB_FIND(rkey_tree, &keys, &key);
	if (k != NULL ? !ask->has_key || !hash_same(k->k.hash, ask->key) :
	    router_rpc.nodes != RPC_NODES_ANY)
		return (403);
	RB_FOREACH(r, rnode_tree, &rnodes)
		same += memcmp(&r->n.from, &ask->from,
		    sizeof(ask->from)) == 0;
	live = rnode_live(ask->node);
	rightful = k != NULL || live == NULL || memcmp(&live->n.from,
	    &ask->from, sizeof(ask->from)) == 0;
	if (rightful && live != NULL && !rnode_flips(live))
		return (101);
	if (nrnodes >= NODES_MAX || same >= NODES_ADDR_MAX) {
		*retry = 30;
		return (429);
	}
	if (live == NULL)
		return (101);
	for (r = rnode_first(ask->node); r != NULL; r = rnode_next(r))
		waiting += !r->n.live;
	if (waiting > 0)
		return (403);
	if (rightful) {
		*waits = 1;
		return (101);
	}
	if (!pair_rpc_any(ask->node))
		return (403);
	/* Each is one guess. */
	if ((*retry = pair_rate(listener, &ask->from)) > 0)
		return (429);
	*waits = 1;
	return (101);
}

int
rpc_recv_node_ask(struct proc_peer *peer, struct imsg *imsg)
{
	static uint64_t		 said;
	struct rpc_node_ask	 ask;
	struct rpc_node_may	 may;
	struct rpc_node		 n;
	struct rnode		*r;
	uint32_t		 conn = imsg_get_id(imsg);
	int			 waits;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 || conn == 0 ||
	    !ROUTER_STR(ask.node) || !ROUTER_STR(ask.addr) ||
	    strlen(ask.node) > RPC_NAME_MAX)
		return (-1);
	memset(&may, 0, sizeof(may));
	may.status = rnode_may(proc_peer_instance(peer), &ask,
	    &may.retry_after, &waits);
	if (may.status != 101 && router_may_log(&said))
		log_warnx("client %s: rpc node %s is refused", ask.addr,
		    ask.node);
	if (may.status == 101) {
		memset(&n, 0, sizeof(n));
		strlcpy(n.node, ask.node, sizeof(n.node));
		n.listener = proc_peer_instance(peer);
		n.conn = conn;
		n.from = ask.from;
		strlcpy(n.addr, ask.addr, sizeof(n.addr));
		n.since = time(NULL);
		if ((r = rnode_add(&n)) == NULL)
			return (-1);
		/* Its connection hears that it may before all else. */
		(void)proc_send(peer, IMSG_RPC_NODE_MAY, conn, -1, &may,
		    sizeof(may));
		if (!waits)
			rnode_set_live(r);
		return (0);
	}
	(void)proc_send(peer, IMSG_RPC_NODE_MAY, conn, -1, &may, sizeof(may));
	return (0);
}

/* One that waits shows by a code that it is the one.  Once: no guessing. */
int
rpc_node_claim(const char *name, int listener, uint32_t conn,
    const uint8_t *hash)
{
	struct rnode	*r = rnode_at(name, listener, conn);
	struct rnode	*live = rnode_live(name);

	if (r == NULL || r->tried)
		return (-1);
	if (r->n.live)
		return (0);
	if (!pair_rpc_knows(name, hash)) {
		pair_wrong(listener);
		r->tried = 1;
		return (-1);
	}
	if (live != NULL && rnode_flips(live))
		return (-1);
	rnode_set_live(r);
	return (0);
}

int
rpc_recv_node_down(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_node	 n;
	struct rnode	*r;

	if (imsg_get_data(imsg, &n, sizeof(n)) == -1 || !ROUTER_STR(n.node) ||
	    n.conn == 0)
		return (-1);
	if ((r = rnode_at(n.node, proc_peer_instance(peer), n.conn)) != NULL)
		rnode_free(r);
	return (0);
}

/* It was there before us. */
int
rpc_recv_node(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_node	 n;
	struct rnode	*r;

	if (imsg_get_data(imsg, &n, sizeof(n)) == -1 || !ROUTER_STR(n.node) ||
	    !ROUTER_STR(n.addr) || n.node[0] == '\0' || n.conn == 0 ||
	    strlen(n.node) > RPC_NAME_MAX ||
	    n.listener != proc_peer_instance(peer))
		return (-1);
	if (rpc_listener_told(n.listener))
		return (0);
	if (nrnodes >= NODES_MAX * 2) {
		/* It need not be the one who told of too many. */
		log_warnx("listener %d: too many nodes of the other make",
		    n.listener);
		(void)proc_send(peer, IMSG_RPC_NODE_KILL, n.conn, -1, &n,
		    sizeof(n));
		return (0);
	}
	if ((r = rnode_add(&n)) != NULL && n.live)
		rnode_set_live(r);
	return (0);
}

/* ---- listeners come and go ---- */

void
rpc_nodes_listener_up(int listener)
{
	struct rnode	*r;

	RB_FOREACH(r, rnode_tree, &rnodes) {
		if (r->n.live)
			(void)proc_send(router_listener(listener),
			    IMSG_RPC_NODE, 0, -1, &r->n, sizeof(r->n));
	}
}

void
rpc_nodes_listener_down(int listener)
{
	struct rnode	*r, *next;

	/* Its live ones last: none of its own is to come in their place. */
	for (r = RB_MIN(rnode_tree, &rnodes); r != NULL; r = next) {
		next = RB_NEXT(rnode_tree, &rnodes, r);
		if (r->n.listener == listener && !r->n.live)
			rnode_free(r);
	}
	for (r = RB_MIN(rnode_tree, &rnodes); r != NULL; r = next) {
		next = RB_NEXT(rnode_tree, &rnodes, r);
		if (r->n.listener == listener)
			rnode_free(r);
	}
}
