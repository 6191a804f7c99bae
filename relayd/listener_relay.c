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
 * Streams that other listeners' clients open to nodes that have their link
 * here.  Those listeners are not ours to trust: what a stream is for, and
 * whose it is, router has said in its ticket.
 */

#include "compat.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>

#include "listener.h"
#include "log.h"
#include "mux_splice.h"

/* One that comes from another listener; its splice owns it. */
struct relay {
	RB_ENTRY(relay)		 by_id;
	uint64_t		 id;		/* to go through them */
	struct mux_splice	*splice;
	struct grant_use	*use;		/* or NULL */
	uint16_t		 kind, port;
	char			*host;		/* within text */
	char			*node;		/* likewise */
	char			*client;
	char			 text[];	/* whose: user, and those */
};

static int
relay_cmp(struct relay *a, struct relay *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(relay_table, relay) relays = RB_INITIALIZER(&relays);
RB_GENERATE_STATIC(relay_table, relay, by_id, relay_cmp)

static uint64_t	 next_relay;

static struct relay *relay_new(const struct mux_open *);
static void	relay_free(struct relay *);
static void	relay_closed(struct mux_splice *, void *, uint16_t,
		    const char *);
static void	relay_ungranted(void *, uint16_t, const char *);

static const struct mux_splice_ops relay_ops = { NULL, relay_closed };

void
stream_relay(int from, struct mux_stream *s, const struct mux_open *open)
{
	static struct mux_open	 out;
	static uint64_t		 said;
	const struct ticket	*ticket;
	struct conn		*node;
	struct relay		*r;
	const char		*why;

	if ((node = ticket_conn(open->ticket, from, &ticket)) == NULL) {
		mux_reset(s, MUX_CODE_NODE_OFFLINE,
		    "the node has just gone offline");
		return;
	}
	/* The other one is not ours to trust: what this is for, and whose it
	   is, the ticket says. */
	if (ticket_open(ticket, open, &out) == -1) {
		log_warnx("listener %d: a ticket for something else", from);
		mux_reset(s, MUX_CODE_DENIED, stream_why(MUX_CODE_DENIED));
		return;
	}
	if ((r = relay_new(&out)) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	if (grant_use(ticket->grant, open, 1, relay_ungranted, r, &r->use,
	    &why) == -1) {
		relay_free(r);
		mux_reset(s, MUX_CODE_DENIED, why);
		return;
	}
	r->splice = mux_splice_new(s, link_mux(node->link), &out, &relay_ops,
	    r);
	if (r->splice == NULL) {
		grant_release(r->use);
		relay_free(r);
		if (listener_may_log(&said))
			log_info("node %s: a stream for %s is refused: too "
			    "many streams to this node", open->node,
			    open->client);
		mux_reset(s, MUX_CODE_LIMIT, "too many streams to this node");
	}
}

static struct relay *
relay_new(const struct mux_open *open)
{
	size_t		 user = strlen(open->user) + 1;
	size_t		 host = strlen(open->host) + 1;
	size_t		 node = strlen(open->node) + 1;
	size_t		 client = strlen(open->client) + 1;
	struct relay	*r;

	if ((r = calloc(1, sizeof(*r) + user + host + node + client)) == NULL)
		return (NULL);
	memcpy(r->text, open->user, user);
	r->host = memcpy(r->text + user, open->host, host);
	r->node = memcpy(r->host + host, open->node, node);
	r->client = memcpy(r->node + node, open->client, client);
	r->kind = open->kind;
	r->port = open->port;
	r->id = ++next_relay;
	RB_INSERT(relay_table, &relays, r);
	return (r);
}

static void
relay_free(struct relay *r)
{
	RB_REMOVE(relay_table, &relays, r);
	free(r);
}

int
relay_next(uint64_t after, uint64_t *id, struct ctl_memory *m,
    struct mux_memory *there, struct mux_memory *back)
{
	struct relay	 key, *r;

	key.id = after + 1;
	if ((r = RB_NFIND(relay_table, &relays, &key)) == NULL)
		return (-1);
	*id = r->id;
	strlcpy(m->email, r->text, sizeof(m->email));
	strlcpy(m->node, r->node, sizeof(m->node));
	strlcpy(m->addr, r->client, sizeof(m->addr));
	mux_target(r->kind, r->host, r->port, m->target);
	mux_splice_memory(r->splice, there, back);
	there->state += sizeof(*r);
	return (0);
}

static void
relay_closed(struct mux_splice *splice, void *arg, uint16_t code,
    const char *text)
{
	struct relay	*r = arg;

	grant_release(r->use);
	relay_free(r);
}

static void
relay_ungranted(void *arg, uint16_t code, const char *text)
{
	struct relay	*r = arg;

	mux_splice_kill(r->splice, code, text);
}
