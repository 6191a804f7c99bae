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
#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "listener.h"
#include "log.h"
#include "mux_splice.h"

/* One that comes from another listener; its splice owns it. */
struct relay {
	RB_ENTRY(relay)		 by_id;
	RB_ENTRY(relay)		 by_session;
	uint64_t		 id;		/* to go through them */
	uint64_t		 session;	/* its client's */
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

static int
session_cmp(struct relay *a, struct relay *b)
{
	if (a->session != b->session)
		return (a->session < b->session ? -1 : 1);
	return (relay_cmp(a, b));
}

static RB_HEAD(relay_table, relay) relays = RB_INITIALIZER(&relays);
static RB_HEAD(session_table, relay) sessions = RB_INITIALIZER(&sessions);
RB_GENERATE_STATIC(relay_table, relay, by_id, relay_cmp)
RB_GENERATE_STATIC(session_table, relay, by_session, session_cmp)

static uint64_t	 next_relay;

static struct relay *relay_new(const struct mux_open *, uint64_t);
static struct relay *relay_of(uint64_t);
static void	relay_end(uint64_t);
static void	relay_late(evutil_socket_t, short, void *);
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
	if ((r = relay_new(&out, ticket->client)) == NULL) {
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
relay_new(const struct mux_open *open, uint64_t session)
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
	r->session = session;
	RB_INSERT(relay_table, &relays, r);
	RB_INSERT(session_table, &sessions, r);
	return (r);
}

static void
relay_free(struct relay *r)
{
	RB_REMOVE(relay_table, &relays, r);
	RB_REMOVE(session_table, &sessions, r);
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

/* ---- their client's session is over ---- */

static struct relay *
relay_of(uint64_t session)
{
	struct relay	 key = { .session = session }, *r;

	r = RB_NFIND(session_table, &sessions, &key);
	return (r != NULL && r->session == session ? r : NULL);
}

static void
relay_end(uint64_t session)
{
	struct relay	*r;
	uint32_t	 n = 0;

	/* Each is freed there. */
	for (; (r = relay_of(session)) != NULL; n++)
		mux_splice_kill(r->splice, MUX_CODE_KILLED,
		    "the log-in that it rests on has ended");
	if (n > 0)
		log_info("%u stream%s by another listener ended with the "
		    "log-in", n, n == 1 ? "" : "s");
}

static void
relay_late(evutil_socket_t fd, short what, void *arg)
{
	uint64_t	*session = arg;

	relay_end(*session);
	free(session);
}

/*
 * Its listener has ended them, and told us so by the link between us, unless
 * it was broken into.  What had come before may still be on its way to a slow
 * node, where nobody was in a hurry.
 */
int
relay_recv_over(struct proc_peer *peer, struct imsg *imsg)
{
	struct session_over	 over;
	struct timeval		 tv;
	uint64_t		*session;

	if (imsg_get_data(imsg, &over, sizeof(over)) == -1)
		return (-1);
	if (relay_of(over.session) == NULL)
		return (0);
	tv.tv_sec = over.ms / 1000;
	tv.tv_usec = over.ms % 1000 * 1000;
	if (over.ms > 0 && (session = malloc(sizeof(*session))) != NULL) {
		*session = over.session;
		if (event_base_once(proc_base(), -1, EV_TIMEOUT, relay_late,
		    session, &tv) == 0)
			return (0);
		free(session);
	}
	relay_end(over.session);
	return (0);
}
