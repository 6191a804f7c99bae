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
 * How many requests of paired clients may wait for a node of ours, at
 * whichever listeners they came in.  Each listener is given slots of a node,
 * which it uses without asking anybody; one that has too few asks for more,
 * and what the others do not use is called back for it.  So there never are
 * more than the limit, and a request waits for us only where many do.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "router.h"

#define LATER_S		1
#define TOLD_MS		10000	/* for a listener to say what it has */
#define NODES_MAX	65536	/* that one listener makes us remember */

/* What a listener has of a node's slots. */
struct share {
	int		 serves;	/* it has clients of the node */
	int		 recalled;	/* it is to say what it does not use */
	uint32_t	 have, want;
};

/* The tree owns it; it is there while anybody has anything of it. */
struct slots {
	RB_ENTRY(slots)	 by_node;
	int		 maker;		/* the listener, or -1: it is gone */
	char		 node_id[USER_ID_LEN + 4];
	struct share	 at[PROC_INSTANCES_MAX];
};

RB_HEAD(slots_tree, slots);

static int	slots_cmp(struct slots *, struct slots *);
static struct slots *slots_find(const char *);
static int	slots_known(void);
static uint32_t	slots_given(const struct slots *);
static uint32_t	slots_free(const struct slots *);
static int	slots_recalled(const struct slots *);
static int	slots_live(const struct slots *);
static void	slots_wait(void);
static void	slots_later(evutil_socket_t, short, void *);
static void	slots_recall(struct slots *, int);
static void	slots_serve(struct slots *);
static void	slots_drop(struct slots *);

RB_PROTOTYPE_STATIC(slots_tree, slots, by_node, slots_cmp)

static struct slots_tree	 all = RB_INITIALIZER(&all);
static uint32_t			 nall;
static uint32_t			 max;
static struct event		*later;
static struct {
	int	 up, told;	/* all it had of the router before us */
	uint64_t up_ms;
	uint32_t made;		/* of what there is */
} listeners[PROC_INSTANCES_MAX];
static int			 nlisteners;

static int
slots_cmp(struct slots *a, struct slots *b)
{
	return (strcmp(a->node_id, b->node_id));
}

RB_GENERATE_STATIC(slots_tree, slots, by_node, slots_cmp)

static struct slots *
slots_find(const char *node_id)
{
	struct slots	 key;

	strlcpy(key.node_id, node_id, sizeof(key.node_id));
	return (RB_FIND(slots_tree, &all, &key));
}

/* NULL: this listener has made too many. */
static struct slots *
slots_make(const char *node_id, int listener)
{
	struct slots	*s;

	if ((s = slots_find(node_id)) != NULL)
		return (s);
	if (listeners[listener].made >= NODES_MAX)
		return (NULL);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("slots");
	s->maker = listener;
	listeners[listener].made++;
	strlcpy(s->node_id, node_id, sizeof(s->node_id));
	RB_INSERT(slots_tree, &all, s);
	nall++;
	return (s);
}

static void
slots_drop(struct slots *s)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (s->at[i].serves || s->at[i].have > 0 ||
		    s->at[i].recalled)
			return;
	}
	RB_REMOVE(slots_tree, &all, s);
	if (s->maker != -1)
		listeners[s->maker].made--;
	nall--;
	free(s);
}

/*
 * Is its node there, for all we know?  Links may not all be announced, agents
 * on their way back to us; those who do not come are told of later.
 */
static int
slots_live(const struct slots *s)
{
	if (node_find(s->node_id) != NULL)
		return (1);
	if (slots_known() && !routes_patient())
		return (0);
	slots_wait();
	return (1);
}

static void
slots_wait(void)
{
	struct timeval	 tv = { LATER_S, 0 };

	if (later == NULL &&
	    (later = evtimer_new(proc_base(), slots_later, NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(later, NULL))
		evtimer_add(later, &tv);
}

static void
slots_later(evutil_socket_t fd, short what, void *arg)
{
	struct slots	*s;

	RB_FOREACH(s, slots_tree, &all) {
		slots_serve(s);
		if (!slots_live(s))
			rpc_slots_node(s->node_id);
	}
}

/* It has to do without. */
static int
slots_refuse(int listener, const struct rpc_slots *asked)
{
	struct rpc_slots	 msg = *asked;

	if (asked->what == RPC_SLOTS_ASK) {
		msg.what = RPC_SLOTS_GIVEN;
		msg.n = 0;
		msg.live = node_find(msg.node_id) != NULL;
		(void)proc_send(router_listener(listener), IMSG_RPC_SLOTS, 0,
		    -1, &msg, sizeof(msg));
	}
	return (0);
}

static void
slots_say(const struct slots *s, int listener, uint32_t what, uint32_t n)
{
	struct rpc_slots	 msg;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.node_id, s->node_id, sizeof(msg.node_id));
	msg.what = what;
	msg.n = n;
	msg.live = slots_live(s);
	(void)proc_send(router_listener(listener), IMSG_RPC_SLOTS, 0, -1,
	    &msg, sizeof(msg));
}

static uint32_t
slots_given(const struct slots *s)
{
	uint32_t	 n = 0;
	int		 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		n += s->at[i].have;
	return (n);
}

static uint32_t
slots_free(const struct slots *s)
{
	uint32_t	 n = slots_given(s);

	return (n < max ? max - n : 0);
}

static int
slots_recalled(const struct slots *s)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (s->at[i].recalled)
			return (1);
	}
	return (0);
}

/* What is not used; or all, as it is used no more. */
static void
slots_recall(struct slots *s, int whole)
{
	struct share	*sh;
	int		 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		sh = &s->at[i];
		if (sh->have == 0 || (!whole && (sh->want > 0 || sh->recalled)))
			continue;
		sh->recalled = 1;
		slots_say(s, i, RPC_SLOTS_WANTED, whole);
	}
}

/*
 * A listener may still have some that the router before us gave it.  One that
 * does not say so in time is not waited for by all the others.
 */
static int
slots_known(void)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (listeners[i].up && !listeners[i].told &&
		    router_ms() - listeners[i].up_ms < TOLD_MS)
			return (0);
	}
	return (1);
}

/* Who wants some gets them, and at first an equal part of all; or hears that
   there are none. */
static void
slots_serve(struct slots *s)
{
	struct share	*sh;
	uint32_t	 n, part, left;
	int		 i;

	if (!slots_known()) {
		slots_wait();
		return;
	}
	part = max / (nlisteners > 0 ? nlisteners : 1);
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		sh = &s->at[i];
		if (sh->want == 0)
			continue;
		n = sh->want;
		if (sh->have < part && part - sh->have > n)
			n = part - sh->have;
		left = slots_free(s);
		if (n > left)
			n = left;
		if (n == 0 && slots_recalled(s))
			continue;
		sh->want = 0;
		sh->have += n;
		slots_say(s, i, RPC_SLOTS_GIVEN, n);
	}
}

/* ---- from listeners ---- */

static int
slots_ask(struct slots *s, int listener, uint32_t n)
{
	struct share	*sh = &s->at[listener];

	if (n == 0 || n > RPC_PENDING_MAX)
		return (-1);
	sh->serves = 1;
	sh->want = n;
	if (slots_free(s) == 0 && !slots_recalled(s))
		slots_recall(s, 0);
	slots_serve(s);
	return (0);
}

static int
slots_back(struct slots *s, int listener, const struct rpc_slots *msg)
{
	struct share	*sh = &s->at[listener];

	if (msg->n > sh->have)
		return (-1);
	sh->have -= msg->n;
	if (msg->what == RPC_SLOTS_UNUSED)
		sh->recalled = 0;
	else if (msg->what == RPC_SLOTS_LEFT)
		sh->serves = sh->want = 0;
	slots_serve(s);
	slots_drop(s);
	return (0);
}

static int
slots_had(struct slots *s, int listener, uint32_t n)
{
	struct share	*sh = &s->at[listener];

	if (sh->have > 0 || listeners[listener].told || n > RPC_PENDING_MAX)
		return (-1);
	sh->serves = 1;
	sh->have = n;
	slots_say(s, listener, RPC_SLOTS_LIVE, 0);
	if (slots_given(s) > max)
		slots_recall(s, 1);
	return (0);
}

int
rpc_recv_slots(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_slots	 msg;
	struct slots		*s;
	int			 i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    !ROUTER_STR(msg.node_id) ||
	    (msg.node_id[0] == '\0') != (msg.what == RPC_SLOTS_TOLD))
		return (-1);
	switch (msg.what) {
	case RPC_SLOTS_TOLD:
		if (listeners[i].told)
			return (-1);
		listeners[i].told = 1;
		RB_FOREACH(s, slots_tree, &all) {
			slots_serve(s);
			if (slots_known())
				rpc_slots_node(s->node_id);
		}
		return (0);
	case RPC_SLOTS_HAD:
	case RPC_SLOTS_ASK:
		if ((s = slots_make(msg.node_id, i)) == NULL)
			return (slots_refuse(i, &msg));
		return (msg.what == RPC_SLOTS_HAD ? slots_had(s, i, msg.n) :
		    slots_ask(s, i, msg.n));
	case RPC_SLOTS_BACK:
	case RPC_SLOTS_LEFT:
	case RPC_SLOTS_UNUSED:
		if ((s = slots_find(msg.node_id)) != NULL)
			return (slots_back(s, i, &msg));
		/* Left, and asked a last time for what it has no more. */
		return (msg.n == 0 ? 0 : -1);
	}
	return (-1);
}

/* ---- what happens elsewhere ---- */

void
rpc_slots_node(const char *node_id)
{
	struct slots	*s;
	int		 i;

	if ((s = slots_find(node_id)) == NULL)
		return;
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (s->at[i].serves)
			slots_say(s, i, RPC_SLOTS_LIVE, 0);
	}
}

/* With fewer, what is out there above the new limit comes back in time. */
void
rpc_slots_conf(void)
{
	struct slots	*s;
	uint32_t	 was = max;

	max = router_rpc.pending;
	if (was == max)
		return;
	RB_FOREACH(s, slots_tree, &all) {
		if (max < was)
			slots_recall(s, 1);
		slots_serve(s);
	}
}

void
rpc_slots_listener_up(int listener)
{
	nlisteners += !listeners[listener].up;
	listeners[listener].up = 1;
	listeners[listener].up_ms = router_ms();
	listeners[listener].told = 0;
}

/* What it says of the time before us comes before that it has said all. */
int
rpc_listener_told(int listener)
{
	return (listeners[listener].told);
}

void
rpc_slots_listener_down(int listener)
{
	struct slots	*s, *tmp;

	nlisteners -= listeners[listener].up;
	listeners[listener].up = 0;
	listeners[listener].made = 0;
	RB_FOREACH_SAFE(s, slots_tree, &all, tmp) {
		if (s->maker == listener)
			s->maker = -1;
		memset(&s->at[listener], 0, sizeof(s->at[listener]));
		slots_serve(s);
		slots_drop(s);
	}
}

size_t
rpc_slots_memory(uint32_t *n)
{
	*n = nall;
	return (nall * sizeof(struct slots));
}
