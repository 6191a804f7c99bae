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
 * Tickets: one is for one client's session and one node's link, and dies with
 * either.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "router_route.h"

#define RETIRE_MS	2000	/* for streams on their way to a node */

static int	ticket_cmp(struct router_ticket *, struct router_ticket *);
static void	ticket_drop(struct router_ticket *, int);

RB_HEAD(router_ticket_table, router_ticket);
RB_PROTOTYPE_STATIC(router_ticket_table, router_ticket, by_id, ticket_cmp)

static struct router_ticket_table tickets = RB_INITIALIZER(&tickets);
static TAILQ_HEAD(, router_ticket) retired =
				    TAILQ_HEAD_INITIALIZER(retired);

static int
ticket_cmp(struct router_ticket *a, struct router_ticket *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE_STATIC(router_ticket_table, router_ticket, by_id, ticket_cmp)

struct router_ticket *
ticket_find(uint64_t id)
{
	struct router_ticket	 key;

	key.id = id;
	return (RB_FIND(router_ticket_table, &tickets, &key));
}

int
ticket_node(uint64_t id, const struct router_session *client,
    struct router_session **node)
{
	struct router_ticket	*t = ticket_find(id);

	*node = t == NULL ? NULL : t->node;
	return (t != NULL && t->client != client ? -1 : 0);
}

struct grant *
grant_copy(const struct grant *g)
{
	struct grant	*copy;

	if ((copy = malloc(sizeof(*copy))) == NULL)
		fatal("grant");
	*copy = *g;
	return (copy);
}

void
grant_tell(int listener, const struct grant *g)
{
	if (g != NULL)
		(void)proc_send(router_listener(listener), IMSG_GRANT, 0, -1,
		    g, sizeof(*g));
}

static int
ticket_rests_on(const struct router_ticket *t, const struct grant *g)
{
	if (t->grant == NULL || g == NULL)
		return (t->grant == g);
	return (strcmp(t->grant->id, g->id) == 0 &&
	    strcmp(t->grant->targets, g->targets) == 0 &&
	    t->grant->scopes == g->scopes &&
	    t->grant->expires_at == g->expires_at);
}

/*
 * Who did not come for all of the node gets no more of it, whatever becomes
 * of the listener that it came to.
 */
static void
ticket_limit(const struct router_session *client, struct ticket *msg)
{
	if (client->site != NULL)
		site_limit(client->site, msg);
	else if (client->publication != NULL)
		publish_limit(client->publication, msg);
	else if (client->s.door == DOOR_HTTP || client->s.door == DOOR_RPC)
		msg->kind = MUX_KIND_HTTP;
	if (client->own == NULL)
		strlcpy(msg->email, client->s.email, sizeof(msg->email));
}

struct router_ticket *
ticket_get(struct router_session *client, struct router_session *node,
    const struct grant *grant)
{
	struct router_ticket	*t;
	struct ticket		 msg;

	LIST_FOREACH(t, &client->held, of_client) {
		if (t->node != node || t->retired_ms != 0)
			continue;
		if (ticket_rests_on(t, grant))
			return (t);
		/* What auth said last holds. */
		ticket_drop(t, 1);
		break;
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("ticket");
	do
		arc4random_buf(&t->id, sizeof(t->id));
	while (t->id == 0 ||
	    RB_INSERT(router_ticket_table, &tickets, t) != NULL);
	t->client = client;
	t->node = node;
	t->grant = grant == NULL ? NULL : grant_copy(grant);
	TAILQ_INIT(&t->asks);
	LIST_INSERT_HEAD(&client->held, t, of_client);
	LIST_INSERT_HEAD(&node->to, t, of_node);
	router_counts.tickets++;
	memset(&msg, 0, sizeof(msg));
	msg.ticket = t->id;
	msg.from = client->s.listener;
	msg.conn = node->s.conn;
	msg.session = node->s.session;
	msg.client = client->s.session;
	if (node->s.listener != client->s.listener)
		client->relays |= 1ULL << node->s.listener;
	ticket_limit(client, &msg);
	if (grant != NULL)
		strlcpy(msg.grant, grant->id, sizeof(msg.grant));
	grant_tell(node->s.listener, grant);
	(void)proc_send(router_listener(node->s.listener), IMSG_TICKET, 0, -1,
	    &msg, sizeof(msg));
	return (t);
}

static void
ticket_tell_drop(int listener, uint64_t id)
{
	struct ticket_id	 msg = { .ticket = id };

	(void)proc_send(router_listener(listener), IMSG_TICKET_DROP, 0, -1,
	    &msg, sizeof(msg));
}

/* again: who waits for it has to be judged anew by auth. */
static void
ticket_drop(struct router_ticket *t, int again)
{
	struct router_asks	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
	struct router_ask	*a;

	ticket_tell_drop(t->node->s.listener, t->id);
	if (t->client->s.listener != t->node->s.listener)
		ticket_tell_drop(t->client->s.listener, t->id);
	LIST_REMOVE(t, of_client);
	LIST_REMOVE(t, of_node);
	if (t->retired_ms != 0)
		TAILQ_REMOVE(&retired, t, by_age);
	RB_REMOVE(router_ticket_table, &tickets, t);
	router_counts.tickets--;
	TAILQ_CONCAT(&waiting, &t->asks, of_ticket);
	free(t->grant);
	free(t);
	while ((a = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, a, of_ticket);
		a->ticket = NULL;
		if (again) {
			ask_again(a);
			continue;
		}
		/* Perhaps the node has come back by another link. */
		ask_resolve(a);
	}
}

void
tickets_drop(struct router_session *rs)
{
	struct router_ticket	*t, *tmp;

	/* What those who wait get instead comes first in the lists. */
	LIST_FOREACH_SAFE(t, &rs->held, of_client, tmp)
		ticket_drop(t, 0);
	LIST_FOREACH_SAFE(t, &rs->to, of_node, tmp)
		ticket_drop(t, 0);
}

void
tickets_drop_grant(const char *id)
{
	struct router_ticket	*t, *tmp;

	RB_FOREACH_SAFE(t, router_ticket_table, &tickets, tmp) {
		if (t->grant != NULL && strcmp(t->grant->id, id) == 0)
			ticket_drop(t, 1);
	}
}

/*
 * The client's listener forgets its route at once, and asks for another with
 * the next stream; the node's listener keeps the ticket for those streams
 * that it has yet to see.
 */
void
tickets_retire(struct router_session *node)
{
	struct router_ticket	*t, *tmp;

	LIST_FOREACH_SAFE(t, &node->to, of_node, tmp) {
		if (t->retired_ms != 0)
			continue;
		if (t->client->s.listener == node->s.listener ||
		    !TAILQ_EMPTY(&t->asks)) {
			ticket_drop(t, 0);
			continue;
		}
		ticket_tell_drop(t->client->s.listener, t->id);
		t->retired_ms = router_ms();
		TAILQ_INSERT_TAIL(&retired, t, by_age);
		router_wake();
	}
}

int
tickets_expire(uint64_t now)
{
	struct router_ticket	*t;

	while ((t = TAILQ_FIRST(&retired)) != NULL &&
	    now - t->retired_ms >= RETIRE_MS)
		ticket_drop(t, 0);
	return (t != NULL);
}

size_t
ticket_size(void)
{
	return (sizeof(struct router_ticket));
}
