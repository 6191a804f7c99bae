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
 * How many requests may wait for a node of ours: as many as router has given
 * this listener slots of it.  Those that there are none for wait here, until
 * one is free or router has said that there are no more.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "door_rpc.h"
#include "doors.h"
#include "log.h"

TAILQ_HEAD(request_list, rpc_request);

/* Of one node: there while it has clients here. */
struct rpc_load {
	RB_ENTRY(rpc_load)	 by_node;
	char			 node_id[USER_ID_LEN + 4];
	uint32_t		 refs;
	uint32_t		 have;		/* slots, */
	uint32_t		 used;		/* of which are in use, */
	uint32_t		 owed;		/* and are to go when they are
						   not */
	struct request_list	 waiting;
	uint32_t		 nwaiting;
	int			 asked, none, down;
	uint32_t		 told;		/* router of this number */
	struct event		*soon;
};

RB_HEAD(load_tree, rpc_load);

static int	load_cmp(struct rpc_load *, struct rpc_load *);
static void	load_say(struct rpc_load *, uint32_t, uint32_t);
static void	load_ask(struct rpc_load *);
static void	load_soon(evutil_socket_t, short, void *);

RB_PROTOTYPE_STATIC(load_tree, rpc_load, by_node, load_cmp)

static struct load_tree	 loads = RB_INITIALIZER(&loads);
static uint32_t		 nloads;
static uint32_t		 told;		/* router of this number, of all */

static int
load_cmp(struct rpc_load *a, struct rpc_load *b)
{
	return (strcmp(a->node_id, b->node_id));
}

RB_GENERATE_STATIC(load_tree, rpc_load, by_node, load_cmp)

/* ---- what router is told ---- */

static int
slots_say(const char *node_id, uint32_t what, uint32_t n)
{
	struct rpc_slots	 msg;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.node_id, node_id, sizeof(msg.node_id));
	msg.what = what;
	msg.n = n;
	return (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_RPC_SLOTS, 0, -1,
	    &msg, sizeof(msg)));
}

/* A new router hears first how many there are. */
static void
load_tell(struct rpc_load *l)
{
	if (l->told == keep_router())
		return;
	l->told = keep_router();
	l->asked = l->owed = 0;
	(void)slots_say(l->node_id, RPC_SLOTS_HAD, l->have);
}

/* One of those by which it gets fewer. */
static void
load_say(struct rpc_load *l, uint32_t what, uint32_t n)
{
	load_tell(l);
	l->have -= n;
	(void)slots_say(l->node_id, what, n);
}

static void
load_ask(struct rpc_load *l)
{
	load_tell(l);
	if (!l->asked)
		l->asked = slots_say(l->node_id, RPC_SLOTS_ASK,
		    l->nwaiting > 0 ? l->nwaiting : 1) == 0;
}

int
rpc_slots_announce(void)
{
	struct rpc_load	*l;

	RB_FOREACH(l, load_tree, &loads) {
		if (proc_queued(proc_peer(PROC_ROUTER, 0)) > PROC_QUEUE_HIGH)
			return (0);
		load_tell(l);
		if (l->nwaiting > 0 || l->have == 0)
			load_ask(l);
	}
	if (told != keep_router() && slots_say("", RPC_SLOTS_TOLD, 0) == 0)
		told = keep_router();
	return (1);
}

/* ---- loads ---- */

struct rpc_load *
rpc_load_ref(const char *node_id)
{
	struct rpc_load	 key, *l;

	strlcpy(key.node_id, node_id, sizeof(key.node_id));
	if ((l = RB_FIND(load_tree, &loads, &key)) == NULL) {
		if ((l = calloc(1, sizeof(*l))) == NULL)
			return (NULL);
		if ((l->soon = evtimer_new(proc_base(), load_soon, l)) ==
		    NULL) {
			free(l);
			return (NULL);
		}
		strlcpy(l->node_id, node_id, sizeof(l->node_id));
		TAILQ_INIT(&l->waiting);
		l->told = keep_router();
		RB_INSERT(load_tree, &loads, l);
		nloads++;
		/* Its requests are to find some. */
		load_ask(l);
	}
	l->refs++;
	return (l);
}

void
rpc_load_unref(struct rpc_load *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	load_say(l, RPC_SLOTS_LEFT, l->have);
	RB_REMOVE(load_tree, &loads, l);
	nloads--;
	event_free(l->soon);
	free(l);
}

int
rpc_load_live(const struct rpc_load *l)
{
	return (!l->down);
}

size_t
rpc_loads_memory(uint32_t *n)
{
	*n = nloads;
	return (nloads * sizeof(struct rpc_load));
}

/* ---- requests ---- */

int
rpc_slot_take(struct rpc_request *r)
{
	struct rpc_load	*l = rpc_client_load(r->client);

	if (l->used + l->nwaiting >= rpc_conf.pending)
		return (-1);
	if (l->nwaiting == 0 && l->used < l->have) {
		l->used++;
		r->slot = RPC_SLOT_HAS;
		return (0);
	}
	r->slot = RPC_SLOT_WAITS;
	TAILQ_INSERT_TAIL(&l->waiting, r, waiting);
	l->nwaiting++;
	load_ask(l);
	return (1);
}

void
rpc_slot_free(struct rpc_request *r)
{
	struct rpc_load	*l = rpc_client_load(r->client);

	if (r->slot == RPC_SLOT_WAITS) {
		TAILQ_REMOVE(&l->waiting, r, waiting);
		l->nwaiting--;
	} else if (r->slot == RPC_SLOT_HAS) {
		l->used--;
		if (l->owed > 0) {
			l->owed--;
			load_say(l, RPC_SLOTS_BACK, 1);
		}
		if (l->nwaiting > 0)
			event_active(l->soon, EV_TIMEOUT, 0);
	}
	r->slot = RPC_SLOT_NONE;
}

/* Those who wait go on, or hear why they can't. */
static void
load_soon(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_load		*l = arg;
	struct rpc_request	*r;

	l->refs++;
	while ((r = TAILQ_FIRST(&l->waiting)) != NULL) {
		if (l->down)
			rpc_fail(r, "node_not_connected");
		else if (l->used < l->have) {
			TAILQ_REMOVE(&l->waiting, r, waiting);
			l->nwaiting--;
			l->used++;
			r->slot = RPC_SLOT_HAS;
			rpc_request_go_on(r);
		} else if (l->none)
			rpc_fail(r, "too_many_pending");
		else {
			load_ask(l);
			break;
		}
	}
	l->none = 0;
	rpc_load_unref(l);
}

/* ---- what router says ---- */

/*
 * What came for those who wait is as good as used: if it were given back
 * before they have it, two listeners could pass it to and fro for ever.
 */
static void
load_wanted(struct rpc_load *l, int whole)
{
	uint32_t	 unused = l->have - l->used;

	if (whole)
		l->owed = l->used;
	else
		unused -= l->nwaiting < unused ? l->nwaiting : unused;
	load_say(l, RPC_SLOTS_UNUSED, unused);
}

int
rpc_slots_recv(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_slots	 msg;
	struct rpc_load		 key, *l;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.node_id, '\0', sizeof(msg.node_id)) == NULL ||
	    msg.n > RPC_PENDING_MAX)
		return (-1);
	strlcpy(key.node_id, msg.node_id, sizeof(key.node_id));
	l = RB_FIND(load_tree, &loads, &key);
	if (l != NULL)
		l->down = !msg.live;
	switch (msg.what) {
	case RPC_SLOTS_GIVEN:
		if (l == NULL) {
			/* Its last client has left. */
			if (msg.n > 0)
				(void)slots_say(msg.node_id, RPC_SLOTS_BACK,
				    msg.n);
			return (0);
		}
		l->asked = 0;
		l->have += msg.n;
		l->none = msg.n == 0;
		break;
	case RPC_SLOTS_WANTED:
		if (l == NULL)
			(void)slots_say(msg.node_id, RPC_SLOTS_UNUSED, 0);
		else
			load_wanted(l, msg.n);
		break;
	case RPC_SLOTS_LIVE:
		break;
	default:
		return (-1);
	}
	if (l != NULL && l->nwaiting > 0)
		event_active(l->soon, EV_TIMEOUT, 0);
	else if (l != NULL)
		l->none = 0;
	return (0);
}
