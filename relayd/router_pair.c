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
 * Pairing codes: offers that nodes make, for a minute or two, and what they
 * buy.  Only hashes are here, in memory; a code is good once, and is not
 * forgotten for a day, as there are programs that offer it again.  What we
 * know the listeners know as well, and tell it to the router after us.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "router.h"

#define OFFERS_MAX	16384
#define OFFERS_NODE_MAX	16		/* of one node */
#define JOBS_MAX	1024		/* that wait for auth */
#define JOB_MS		5000		/* so long */
#define TICK_S		1

/* A code that can be used.  The trees own it. */
struct offer {
	RB_ENTRY(offer)	 by_hash;
	RB_ENTRY(offer)	 by_node;
	uint8_t		 hash[RPC_HASH_LEN];
	char		 node[RPC_NODE_LEN];	/* node_key */
	uint64_t	 session;	/* of its link; 0: of the other make */
	int		 listener;	/* of those... */
	uint32_t	 conn;		/* ...where it came from */
	int		 any_link;	/* it goes with the last of the node */
	int		 busy;		/* somebody is buying with it */
	int64_t		 expires_at;
	uint64_t	 until;		/* ms */
};

/* A pairing that waits for auth. */
struct job {
	TAILQ_ENTRY(job) entry;
	uint32_t	 id;
	int		 listener;
	uint32_t	 conn;
	uint8_t		 hash[RPC_HASH_LEN];
	char		 node[RPC_NODE_LEN];
	uint64_t	 until;
};

RB_HEAD(offer_tree, offer);
RB_HEAD(offer_nodes, offer);

static int	offer_cmp(struct offer *, struct offer *);
static int	offer_node_cmp(struct offer *, struct offer *);
static struct offer *offer_find(const uint8_t *);
static void	offer_free(struct offer *);
static void	pair_tick(evutil_socket_t, short, void *);
static void	pair_answer(int, uint32_t, const struct pair_answer *);

RB_PROTOTYPE_STATIC(offer_tree, offer, by_hash, offer_cmp)
RB_PROTOTYPE_STATIC(offer_nodes, offer, by_node, offer_node_cmp)

static struct offer_tree	 offers = RB_INITIALIZER(&offers);
static struct offer_nodes	 offer_nodes = RB_INITIALIZER(&offer_nodes);
static uint32_t			 noffers;
static TAILQ_HEAD(, job)	 jobs = TAILQ_HEAD_INITIALIZER(jobs);
static uint32_t			 njobs, last_job;
static struct event		*timer;

static int
offer_cmp(struct offer *a, struct offer *b)
{
	return (memcmp(a->hash, b->hash, sizeof(a->hash)));
}

static int
offer_node_cmp(struct offer *a, struct offer *b)
{
	int	 n;

	return ((n = strcmp(a->node, b->node)) != 0 ? n : offer_cmp(a, b));
}

RB_GENERATE_STATIC(offer_tree, offer, by_hash, offer_cmp)
RB_GENERATE_STATIC(offer_nodes, offer, by_node, offer_node_cmp)

/*
 * The key of a node of the other make, beside the ids of ours: nodes of the
 * two kinds can have the same name.
 */
static void
pair_rpc_key(const char *name, char key[RPC_NODE_LEN])
{
	snprintf(key, RPC_NODE_LEN, "rpc:%.*s", RPC_NAME_MAX, name);
}

/* ---- offers ---- */

static struct offer *
offer_find(const uint8_t *hash)
{
	struct offer	 key;

	memcpy(key.hash, hash, sizeof(key.hash));
	return (RB_FIND(offer_tree, &offers, &key));
}

static void
offer_free(struct offer *o)
{
	struct pair_gone	 gone;

	memset(&gone, 0, sizeof(gone));
	memcpy(gone.hash, o->hash, sizeof(gone.hash));
	(void)proc_send(router_listener(o->listener), IMSG_PAIR_GONE, o->conn,
	    -1, &gone, sizeof(gone));
	RB_REMOVE(offer_tree, &offers, o);
	RB_REMOVE(offer_nodes, &offer_nodes, o);
	noffers--;
	free(o);
	health_changed();
}

uint32_t
pair_count(void)
{
	return (noffers);
}

static struct offer *
offer_first(const char *node)
{
	struct offer	 key, *o;

	memset(key.hash, 0, sizeof(key.hash));
	strlcpy(key.node, node, sizeof(key.node));
	o = RB_NFIND(offer_nodes, &offer_nodes, &key);
	return (o != NULL && strcmp(o->node, node) == 0 ? o : NULL);
}

static struct offer *
offer_next(struct offer *o)
{
	struct offer	*next = RB_NEXT(offer_nodes, &offer_nodes, o);

	return (next != NULL && strcmp(next->node, o->node) == 0 ? next :
	    NULL);
}

static uint32_t
offers_of(const char *node)
{
	struct offer	*o;
	uint32_t	 n = 0;

	for (o = offer_first(node); o != NULL; o = offer_next(o))
		n++;
	return (n);
}

/* Make or renew one.  The caller has looked at whose it is. */
static enum pair_code
offer_add(const struct offer *new, uint32_t ttl, int64_t expires_at,
    struct pair_offered *answer)
{
	struct offer	*o;
	int64_t		 now = time(NULL);
	int		 mine;

	if (pair_used_find(new->node, new->hash))
		return (PAIR_USED);
	if (ttl == 0)
		ttl = router_rpc.pair_s;
	if (ttl < RPC_PAIR_MIN)
		ttl = RPC_PAIR_MIN;
	if (ttl > RPC_PAIR_MAX)
		ttl = RPC_PAIR_MAX;
	if (expires_at != 0 && expires_at - now < (int64_t)ttl)
		ttl = expires_at > now ? expires_at - now : 0;
	o = offer_find(new->hash);
	mine = o != NULL && strcmp(o->node, new->node) == 0;
	/* Others' codes are not to be found by offering all there may be. */
	if (!mine && (noffers >= OFFERS_MAX || pair_made(new->listener) == -1 ||
	    offers_of(new->node) >= OFFERS_NODE_MAX))
		return (PAIR_FULL);
	if (o != NULL && (!mine || o->busy))
		return (PAIR_TAKEN);
	if (o == NULL && (o = calloc(1, sizeof(*o))) == NULL)
		return (PAIR_FULL);
	if (!mine) {
		memcpy(o->hash, new->hash, sizeof(o->hash));
		strlcpy(o->node, new->node, sizeof(o->node));
		RB_INSERT(offer_tree, &offers, o);
		RB_INSERT(offer_nodes, &offer_nodes, o);
		noffers++;
	}
	o->session = new->session;
	o->listener = new->listener;
	o->conn = new->conn;
	o->any_link = new->any_link;
	o->until = router_ms() + ttl * 1000ULL;
	answer->expires_at = o->expires_at = now + ttl;
	pair_arm();
	health_changed();
	return (PAIR_OK);
}

int
pair_recv_offer(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_offered	 answer;
	struct pair_offer	 msg;
	struct router_session	*rs = NULL;
	struct offer		 new;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    !ROUTER_STR(msg.rpc_node) || imsg_get_id(imsg) == 0 ||
	    (msg.session == 0) != (msg.rpc_node[0] != '\0') ||
	    strlen(msg.rpc_node) > RPC_NAME_MAX ||
	    (msg.again && msg.expires_at <= 0))
		return (-1);
	if (msg.session != 0 && (session_of(msg.session, peer,
	    imsg_get_id(imsg), &rs) == -1 ||
	    (rs != NULL && rs->s.door != DOOR_NODE)))
		return (-1);
	memset(&answer, 0, sizeof(answer));
	memset(&new, 0, sizeof(new));
	memcpy(answer.hash, msg.hash, sizeof(answer.hash));
	memcpy(new.hash, msg.hash, sizeof(new.hash));
	strlcpy(answer.url, router_rpc.url, sizeof(answer.url));
	new.session = msg.session;
	new.listener = proc_peer_instance(peer);
	new.conn = imsg_get_id(imsg);
	new.any_link = msg.again > 1;
	if (msg.session != 0) {
		if (rs == NULL || rs->kill_sent) {
			log_debug("a code of a link that has ended");
			answer.code = PAIR_OFFLINE;
			goto done;
		}
		strlcpy(new.node, rs->s.node_id, sizeof(new.node));
	} else {
		if (rpc_node_claim(msg.rpc_node, new.listener, new.conn,
		    msg.hash) == -1) {
			answer.code = PAIR_OFFLINE;
			goto done;
		}
		pair_rpc_key(msg.rpc_node, new.node);
	}
	answer.code = offer_add(&new, msg.again ? RPC_PAIR_MAX : msg.ttl,
	    msg.again ? msg.expires_at : 0, &answer);
done:
	if (!msg.again)
		(void)proc_send(peer, IMSG_PAIR_OFFERED, imsg_get_id(imsg),
		    -1, &answer, sizeof(answer));
	return (0);
}

/* Its node has not made it: its listener has it, for the router after us. */
static void
offer_keep(const struct offer *o)
{
	struct pair_offer	 keep;

	memset(&keep, 0, sizeof(keep));
	keep.session = o->session;
	memcpy(keep.hash, o->hash, sizeof(keep.hash));
	keep.again = 2;
	keep.expires_at = o->expires_at;
	(void)proc_send(router_listener(o->listener), IMSG_PAIR_OFFER,
	    o->conn, -1, &keep, sizeof(keep));
}

enum pair_code
pair_offer_admin(const char *node, const uint8_t *hash, uint32_t ttl,
    struct pair_offered *answer)
{
	struct router_session	*rs;
	struct offer		 new;
	enum pair_code		 code;

	if ((rs = node_find_name(node)) == NULL)
		return (PAIR_OFFLINE);
	memset(&new, 0, sizeof(new));
	memset(answer, 0, sizeof(*answer));
	memcpy(new.hash, hash, sizeof(new.hash));
	strlcpy(new.node, rs->s.node_id, sizeof(new.node));
	new.session = rs->s.session;
	new.listener = rs->s.listener;
	new.conn = rs->s.conn;
	new.any_link = 1;
	strlcpy(answer->url, router_rpc.url, sizeof(answer->url));
	if ((code = offer_add(&new, ttl, 0, answer)) != PAIR_OK)
		return (code);
	offer_keep(offer_find(hash));
	return (PAIR_OK);
}

void
pair_session_gone(const struct router_session *gone)
{
	struct router_session	*rs;
	struct offer		*o, *next;

	if (gone->s.door != DOOR_NODE)
		return;
	for (o = offer_first(gone->s.node_id); o != NULL; o = next) {
		next = offer_next(o);
		if (o->session != gone->s.session)
			continue;
		if (o->any_link && !gone->checking &&
		    (rs = node_find(o->node)) != NULL && rs != gone) {
			o->session = rs->s.session;
			o->listener = rs->s.listener;
			o->conn = rs->s.conn;
			offer_keep(o);
		} else
			offer_free(o);
	}
}

void
pair_rpc_gone(const char *name, int listener, uint32_t conn)
{
	struct offer	*o, *next;
	char		 node[RPC_NODE_LEN];

	pair_rpc_key(name, node);
	for (o = offer_first(node); o != NULL; o = next) {
		next = offer_next(o);
		if (o->session == 0 && o->listener == listener &&
		    o->conn == conn)
			offer_free(o);
	}
}

/* Has this node of the other make offered this code, or used it? */
int
pair_rpc_knows(const char *name, const uint8_t *hash)
{
	struct offer	*o;
	char		 node[RPC_NODE_LEN];

	pair_rpc_key(name, node);
	o = offer_find(hash);
	return ((o != NULL && strcmp(o->node, node) == 0) ||
	    pair_used_find(node, hash));
}

int
pair_rpc_any(const char *name)
{
	char	 node[RPC_NODE_LEN];

	pair_rpc_key(name, node);
	return (offer_first(node) != NULL || pair_used_any(node));
}

void
pair_unoffer(const char *node, const uint8_t *hash)
{
	struct offer	*o = offer_find(hash);

	if (o != NULL && !o->busy && strcmp(o->node, node) == 0)
		offer_free(o);
}

/* ---- buying ---- */

static void
pair_answer(int listener, uint32_t conn, const struct pair_answer *a)
{
	(void)proc_send(router_listener(listener), IMSG_PAIR_ANSWER, conn, -1,
	    a, sizeof(*a));
}

/* Of the other make: the session is ours to keep. */
static enum pair_code
pair_sell(struct offer *o, const struct pair_ask *ask, struct pair_answer *a)
{
	const char	*name = o->node + strlen("rpc:");

	if (!rpc_node_live(name))
		return (PAIR_OFFLINE);
	a->expires_at = (int64_t)time(NULL) + router_rpc.session_s;
	if (rpc_session_add(ask->token, name, a->expires_at) == -1)
		return (PAIR_LATER);
	strlcpy(a->node, name, sizeof(a->node));
	log_info("client %s: paired with node %s", ask->addr, o->node);
	pair_used(o->node, o->hash);
	offer_free(o);
	return (PAIR_OK);
}

/* Of ours: auth writes the session down, and meanwhile nobody else can. */
static enum pair_code
pair_buy(struct proc_peer *peer, uint32_t conn, struct offer *o,
    const struct pair_ask *ask)
{
	struct pair_buy	 buy;
	struct router_session *rs;
	struct job	*j;

	if ((rs = node_find(o->node)) == NULL)
		return (PAIR_OFFLINE);
	if (njobs >= JOBS_MAX || (j = calloc(1, sizeof(*j))) == NULL)
		return (PAIR_LATER);
	j->id = ++last_job;
	memset(&buy, 0, sizeof(buy));
	memcpy(buy.token, ask->token, sizeof(buy.token));
	strlcpy(buy.node_id, o->node, sizeof(buy.node_id));
	strlcpy(buy.node, rs->s.node, sizeof(buy.node));
	strlcpy(buy.addr, ask->addr, sizeof(buy.addr));
	strlcpy(buy.software, ask->software, sizeof(buy.software));
	if (proc_send(router_auth(), IMSG_PAIR_BUY, j->id, -1, &buy,
	    sizeof(buy)) == -1) {
		free(j);
		return (PAIR_LATER);
	}
	o->busy = 1;
	j->listener = proc_peer_instance(peer);
	j->conn = conn;
	memcpy(j->hash, o->hash, sizeof(j->hash));
	strlcpy(j->node, o->node, sizeof(j->node));
	j->until = router_ms() + JOB_MS;
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	njobs++;
	pair_arm();
	return (PAIR_OK);
}

int
pair_recv_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_answer	 a;
	struct pair_ask		 ask;
	struct router_session	*rs;
	struct offer		*o;
	uint32_t		 conn = imsg_get_id(imsg);
	int			 listener = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    !ROUTER_STR(ask.addr) || !ROUTER_STR(ask.software))
		return (-1);
	memset(&a, 0, sizeof(a));
	if ((a.retry_after = pair_rate(listener, &ask.from)) > 0) {
		a.code = PAIR_RATE;
		pair_answer(listener, conn, &a);
		return (0);
	}
	if ((o = offer_find(ask.hash)) == NULL &&
	    ((o = offer_find(ask.fold)) == NULL || o->session == 0))
		o = NULL;
	if (o != NULL && o->until <= router_ms() && !o->busy) {
		offer_free(o);
		o = NULL;
	}
	if (ask.empty)
		a.code = PAIR_EMPTY;
	else if (o == NULL || o->busy)
		a.code = PAIR_INVALID;
	else if (o->session == 0)
		a.code = pair_sell(o, &ask, &a);
	else if ((rs = session_find(o->session)) == NULL || rs->checking)
		a.code = PAIR_LATER;	/* auth has yet to vouch for it */
	else if ((a.code = pair_buy(peer, conn, o, &ask)) == PAIR_OK)
		return (0);
	if (a.code == PAIR_EMPTY || a.code == PAIR_INVALID)
		pair_wrong(listener);
	pair_answer(listener, conn, &a);
	return (0);
}

static void
job_end(struct job *j, const struct pair_answer *a)
{
	struct offer	*o;

	if ((o = offer_find(j->hash)) != NULL &&
	    strcmp(o->node, j->node) == 0) {
		o->busy = 0;
		if (a->code == PAIR_OK)
			offer_free(o);
	}
	if (a->code == PAIR_OK)
		pair_used(j->node, j->hash);
	pair_answer(j->listener, j->conn, a);
	TAILQ_REMOVE(&jobs, j, entry);
	njobs--;
	free(j);
}

int
pair_recv_bought(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_bought	 b;
	struct pair_answer	 a;
	struct job		*j;

	if (imsg_get_data(imsg, &b, sizeof(b)) == -1 || !ROUTER_STR(b.node))
		return (-1);
	TAILQ_FOREACH(j, &jobs, entry) {
		if (j->id == imsg_get_id(imsg))
			break;
	}
	if (j == NULL) {
		log_debug("a pairing was decided too late");
		return (0);
	}
	memset(&a, 0, sizeof(a));
	a.code = b.code;
	a.expires_at = b.expires_at;
	strlcpy(a.node, b.node, sizeof(a.node));
	job_end(j, &a);
	return (0);
}

/* ---- time, and those who are gone ---- */

void
pair_auth_down(void)
{
	struct pair_answer	 a;
	struct job		*j;

	memset(&a, 0, sizeof(a));
	a.code = PAIR_LATER;
	while ((j = TAILQ_FIRST(&jobs)) != NULL)
		job_end(j, &a);
}

void
pair_arm(void)
{
	struct timeval	 tv = { TICK_S, 0 };

	if (timer == NULL &&
	    (timer = evtimer_new(proc_base(), pair_tick, NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
}

static void
pair_tick(evutil_socket_t fd, short what, void *arg)
{
	struct pair_answer	 a;
	struct offer		*o, *otmp;
	struct job		*j, *jtmp;
	uint64_t		 now = router_ms();
	int			 rates;

	memset(&a, 0, sizeof(a));
	a.code = PAIR_LATER;
	TAILQ_FOREACH_SAFE(j, &jobs, entry, jtmp) {
		if (j->until <= now)
			job_end(j, &a);
	}
	RB_FOREACH_SAFE(o, offer_tree, &offers, otmp) {
		if (o->until <= now && !o->busy)
			offer_free(o);
	}
	rates = pair_rate_tick(now);
	pair_used_tick();
	if (noffers > 0 || njobs > 0 || rates)
		pair_arm();
}

size_t
pair_memory(uint32_t *n)
{
	uint32_t	 more;
	size_t		 bytes = pair_rate_memory(n);

	bytes += pair_used_memory(&more);
	*n += noffers + more;
	bytes += rpc_slots_memory(&more);
	*n += more;
	return (bytes + noffers * sizeof(struct offer));
}
