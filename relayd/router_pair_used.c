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
 * Codes that were used, remembered for a day: there are programs that offer
 * theirs again.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "router.h"

#define USED_MAX	65536
#define USED_NODE_MAX	256
#define USED_S		(24 * 3600)	/* that a code is remembered */

/* A code that was used. */
struct used {
	RB_ENTRY(used)	 by_node;
	TAILQ_ENTRY(used) entry;	/* oldest first */
	struct pair_used u;
};

RB_HEAD(used_tree, used);

static int	used_cmp(struct used *, struct used *);
static void	used_free(struct used *);

RB_PROTOTYPE_STATIC(used_tree, used, by_node, used_cmp)

static struct used_tree		 used_codes = RB_INITIALIZER(&used_codes);
static TAILQ_HEAD(, used)	 used_list = TAILQ_HEAD_INITIALIZER(used_list);
static uint32_t			 nused;

static int
used_cmp(struct used *a, struct used *b)
{
	int	 n;

	if ((n = strcmp(a->u.node, b->u.node)) != 0)
		return (n);
	return (memcmp(a->u.hash, b->u.hash, sizeof(a->u.hash)));
}

RB_GENERATE_STATIC(used_tree, used, by_node, used_cmp)

int
pair_used_find(const char *node, const uint8_t *hash)
{
	struct used	 key, *u;

	memset(&key, 0, sizeof(key));
	strlcpy(key.u.node, node, sizeof(key.u.node));
	memcpy(key.u.hash, hash, sizeof(key.u.hash));
	u = RB_FIND(used_tree, &used_codes, &key);
	return (u != NULL && u->u.at + USED_S > (int64_t)time(NULL));
}

static void
used_free(struct used *u)
{
	RB_REMOVE(used_tree, &used_codes, u);
	TAILQ_REMOVE(&used_list, u, entry);
	nused--;
	free(u);
}

/* Bounded for each node, and for all: then the oldest make room. */
void
pair_used_add(const struct pair_used *new)
{
	struct used	 key, *u, *oldest = NULL;
	uint32_t	 n = 0;

	/* Several listeners say the same: no other makes room for that. */
	key.u = *new;
	if (RB_FIND(used_tree, &used_codes, &key) != NULL)
		return;
	memset(key.u.hash, 0, sizeof(key.u.hash));
	for (u = RB_NFIND(used_tree, &used_codes, &key);
	    u != NULL && strcmp(u->u.node, new->node) == 0;
	    u = RB_NEXT(used_tree, &used_codes, u)) {
		n++;
		if (oldest == NULL || u->u.at < oldest->u.at)
			oldest = u;
	}
	if (n >= USED_NODE_MAX)
		used_free(oldest);
	else if (nused >= USED_MAX)
		used_free(TAILQ_FIRST(&used_list));
	if ((u = calloc(1, sizeof(*u))) == NULL)
		fatal("pair");
	u->u = *new;
	RB_INSERT(used_tree, &used_codes, u);
	TAILQ_INSERT_TAIL(&used_list, u, entry);
	nused++;
}

void
pair_used(const char *node, const uint8_t *hash)
{
	struct pair_used	 msg;
	int			 i;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.node, node, sizeof(msg.node));
	memcpy(msg.hash, hash, sizeof(msg.hash));
	msg.at = time(NULL);
	pair_used_add(&msg);
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		(void)proc_send(router_listener(i), IMSG_PAIR_USED, 0, -1,
		    &msg, sizeof(msg));
}

/* A new listener: what it is to keep for the router after us. */
void
pair_listener_up(int listener)
{
	struct used	*u;

	TAILQ_FOREACH(u, &used_list, entry)
		(void)proc_send(router_listener(listener), IMSG_PAIR_USED, 0,
		    -1, &u->u, sizeof(u->u));
}

int
pair_recv_used(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_used	 msg;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    !ROUTER_STR(msg.node) || msg.node[0] == '\0' || msg.at <= 0)
		return (-1);
	if (rpc_listener_told(proc_peer_instance(peer)))
		return (0);
	/* One that were from tomorrow on would not be forgotten. */
	if (msg.at > time(NULL))
		msg.at = time(NULL);
	pair_used_add(&msg);
	/* Announced again by a listener that had not heard of it yet? */
	pair_unoffer(msg.node, msg.hash);
	return (0);
}

/* Has this node used any? */
int
pair_used_any(const char *node)
{
	struct used	 key, *u;

	memset(&key, 0, sizeof(key));
	strlcpy(key.u.node, node, sizeof(key.u.node));
	u = RB_NFIND(used_tree, &used_codes, &key);
	return (u != NULL && strcmp(u->u.node, node) == 0);
}

void
pair_used_tick(void)
{
	struct used	*u;
	int64_t		 now = time(NULL);

	while ((u = TAILQ_FIRST(&used_list)) != NULL && u->u.at + USED_S <=
	    now)
		used_free(u);
}

size_t
pair_used_memory(uint32_t *n)
{
	*n = nused;
	return (nused * sizeof(struct used));
}
