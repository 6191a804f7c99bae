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
 * Streams on record: each stream that a client opens, from the asking for
 * its route to its last byte.  Router's list of connections, the audit log
 * and `kill` rest on what is told here.
 */

#include "compat.h"

#include <imsg.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "listener.h"
#include "log.h"
#include "mux_splice.h"

/* The connection of the client that opened it owns it. */
struct client_stream {
	TAILQ_ENTRY(client_stream)	 entry;
	RB_ENTRY(client_stream)		 by_id;
	uint64_t			 id;
	struct conn			*conn;
	struct mux_stream		*stream;	/* until it is spliced */
	struct mux_open			*open;		/* likewise */
	struct mux_splice		*splice;
	uint64_t			 ticket;
	int64_t				 since;
	uint16_t			 port;
	char				*host;
	char				 node[MUX_NODE_MAX + 1];
};

static int
stream_cmp(struct client_stream *a, struct client_stream *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(stream_table, client_stream) streams =
    RB_INITIALIZER(&streams);
RB_GENERATE_STATIC(stream_table, client_stream, by_id, stream_cmp)

static uint64_t	 next_stream;

static void	stream_go(struct client_stream *, const struct route *,
		    const struct mux_open *);
static void	stream_refuse(struct client_stream *, uint16_t, const char *);
static void	stream_free(struct client_stream *);
static void	stream_tell_up(const struct client_stream *);
static void	stream_tell_down(const struct client_stream *, uint16_t,
		    const char *);
static void	waiting_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	stream_closed(struct mux_splice *, void *, uint16_t,
		    const char *);

/* While the route is asked for, early data waits in its window. */
static const struct mux_stream_ops waiting_ops = {
	.reset = waiting_reset
};

static const struct mux_splice_ops splice_ops = { NULL, stream_closed };
static const struct mux_splice_ops relay_ops = { NULL, NULL };

void
stream_new(struct conn *c, struct mux_stream *s, const struct mux_open *open)
{
	struct client_stream	*cs;
	const struct route	*route;
	uint32_t		 code;
	size_t			 i;

	if ((cs = calloc(1, sizeof(*cs))) == NULL ||
	    (cs->host = strdup(open->host)) == NULL) {
		free(cs);
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	cs->id = (uint64_t)proc_instance() << 56 | ++next_stream;
	cs->conn = c;
	cs->stream = s;
	cs->since = time(NULL);
	cs->port = open->port;
	for (i = 0; open->node[i] != '\0'; i++)
		cs->node[i] = tolower((unsigned char)open->node[i]);
	TAILQ_INSERT_TAIL(&c->streams, cs, entry);
	RB_INSERT(stream_table, &streams, cs);
	c->nstreams++;
	mux_stream_own(s, &waiting_ops, cs);
	switch (route_find(c, cs->node, &route, &code)) {
	case 0:
		stream_go(cs, route, open);
		break;
	case 1:
		if ((cs->open = malloc(sizeof(*open))) == NULL) {
			stream_refuse(cs, MUX_CODE_LIMIT, "no memory");
			break;
		}
		*cs->open = *open;
		break;
	default:
		stream_refuse(cs, code, "too many routes");
		break;
	}
}

/* Router has answered for this node: go on with all that waited for it. */
void
stream_routed(struct conn *c, const char *node, const struct route *route,
    uint32_t code)
{
	struct client_stream	*cs, *tmp;
	struct mux_open		*open;
	const char		*text;

	TAILQ_FOREACH_SAFE(cs, &c->streams, entry, tmp) {
		if (cs->open == NULL || strcmp(cs->node, node) != 0)
			continue;
		if (route != NULL) {
			open = cs->open;
			cs->open = NULL;
			stream_go(cs, route, open);
			free(open);
			continue;
		}
		switch (code) {
		case MUX_CODE_NO_NODE:
			text = "no such node";
			break;
		case MUX_CODE_NODE_OFFLINE:
			text = "the node is offline";
			break;
		case MUX_CODE_DENIED:
			text = "you may not reach this node";
			break;
		default:
			text = mux_code_name(code);
			break;
		}
		stream_refuse(cs, code, text);
	}
}

static void
stream_go(struct client_stream *cs, const struct route *route,
    const struct mux_open *open)
{
	static struct mux_open	 out;
	struct link		*link = NULL;
	struct conn		*node;

	out = *open;
	strlcpy(out.client, conn_addr(cs->conn), sizeof(out.client));
	strlcpy(out.user, cs->conn->session->email, sizeof(out.user));
	strlcpy(out.node, cs->node, sizeof(out.node));
	out.ticket = 0;
	cs->ticket = route->ticket;
	if (route->listener != proc_instance()) {
		link = peer_link(route->listener);
		out.ticket = route->ticket;
	} else if ((node = ticket_conn(route->ticket, proc_instance())) !=
	    NULL)
		link = node->link;
	if (link == NULL) {
		stream_refuse(cs, MUX_CODE_NODE_OFFLINE,
		    "the node has just gone offline");
		return;
	}
	cs->splice = mux_splice_new(cs->stream, link_mux(link), &out,
	    &splice_ops, cs);
	if (cs->splice == NULL) {
		stream_refuse(cs, MUX_CODE_LIMIT,
		    "too many streams to this node");
		return;
	}
	cs->stream = NULL;
	stream_tell_up(cs);
}

static void
stream_refuse(struct client_stream *cs, uint16_t code, const char *text)
{
	stream_tell_up(cs);
	stream_tell_down(cs, code, text);
	mux_reset(cs->stream, code, text);
	stream_free(cs);
}

static void
stream_free(struct client_stream *cs)
{
	TAILQ_REMOVE(&cs->conn->streams, cs, entry);
	RB_REMOVE(stream_table, &streams, cs);
	cs->conn->nstreams--;
	free(cs->open);
	free(cs->host);
	free(cs);
}

static void
waiting_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	stream_free(arg);
}

static void
stream_closed(struct mux_splice *splice, void *arg, uint16_t code,
    const char *text)
{
	struct client_stream	*cs = arg;

	stream_tell_down(cs, code, text);
	stream_free(cs);
}

/* ---- for other listeners' clients ---- */

void
stream_relay(int from, struct mux_stream *s, const struct mux_open *open)
{
	static struct mux_open	 out;
	struct conn		*node;

	if ((node = ticket_conn(open->ticket, from)) == NULL) {
		mux_reset(s, MUX_CODE_NODE_OFFLINE,
		    "the node has just gone offline");
		return;
	}
	out = *open;
	out.ticket = 0;
	if (mux_splice_new(s, link_mux(node->link), &out, &relay_ops, NULL) ==
	    NULL)
		mux_reset(s, MUX_CODE_LIMIT, "too many streams to this node");
}

/* ---- what router is told ---- */

static void
stream_tell_up(const struct client_stream *cs)
{
	struct stream_up	 up;

	memset(&up, 0, sizeof(up));
	up.id = cs->id;
	up.session = cs->conn->session->session;
	up.ticket = cs->ticket;
	up.since = cs->since;
	up.kind = MUX_KIND_TCP;
	up.port = cs->port;
	strlcpy(up.host, cs->host, sizeof(up.host));
	strlcpy(up.node, cs->node, sizeof(up.node));
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_STREAM_UP, 0, -1, &up,
	    sizeof(up));
}

static void
stream_tell_down(const struct client_stream *cs, uint16_t code,
    const char *text)
{
	struct stream_down	 down;

	memset(&down, 0, sizeof(down));
	down.id = cs->id;
	if (cs->splice != NULL)
		mux_splice_bytes(cs->splice, &down.out, &down.in);
	down.code = code;
	if (text != NULL)
		strlcpy(down.text, text, sizeof(down.text));
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_STREAM_DOWN, 0, -1,
	    &down, sizeof(down));
}

int
streams_announce(uint64_t *from)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct client_stream	 key, *cs;

	key.id = *from;
	for (cs = RB_NFIND(stream_table, &streams, &key); cs != NULL;
	    cs = RB_NEXT(stream_table, &streams, cs)) {
		if (proc_queued(router) > PROC_QUEUE_HIGH) {
			*from = cs->id;
			return (0);
		}
		if (cs->splice != NULL)
			stream_tell_up(cs);
	}
	return (1);
}

int
stream_recv_kill(struct proc_peer *peer, struct imsg *imsg)
{
	struct client_stream	 key, *cs;
	struct stream_kill	 kill;

	if (imsg_get_data(imsg, &kill, sizeof(kill)) == -1 ||
	    kill.code > UINT16_MAX)
		return (-1);
	key.id = kill.id;
	if ((cs = RB_FIND(stream_table, &streams, &key)) == NULL)
		return (0);
	if (cs->splice != NULL)
		mux_splice_kill(cs->splice, kill.code,
		    "ended by the administrator");
	else
		stream_refuse(cs, kill.code, "ended by the administrator");
	return (0);
}

int
stream_recv_stats(struct proc_peer *peer, struct imsg *imsg)
{
	struct listener_stats	 st;
	struct client_stream	*cs;
	struct stream_bytes	 b;
	struct mux_stats	 m;
	struct link_stats	 ls;
	struct ctl_id		 ask;
	struct evtls		*conn;
	struct conn		*c;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		return (-1);
	memset(&st, 0, sizeof(st));
	RB_FOREACH(cs, stream_table, &streams) {
		if (cs->splice == NULL)
			continue;
		b.id = cs->id;
		mux_splice_bytes(cs->splice, &b.out, &b.in);
		(void)proc_send(peer, IMSG_STREAM_BYTES, 0, -1, &b, sizeof(b));
	}
	RB_FOREACH(c, conn_table, &conns) {
		conn = c->link == NULL ? c->tls : link_conn(c->link);
		if (conn != NULL)
			st.buffered += evtls_buffered(conn);
		if (c->link == NULL || c->session == NULL)
			continue;
		mux_get_stats(link_mux(c->link), &m);
		memset(&ls, 0, sizeof(ls));
		ls.session = c->session->session;
		ls.in = m.in;
		ls.out = m.out;
		ls.streams = m.streams;
		ls.rtt_us = link_rtt(c->link);
		st.buffered += m.queued;
		(void)proc_send(peer, IMSG_LINK_STATS, c->id, -1, &ls,
		    sizeof(ls));
	}
	st.ask = ask.id;
	st.connections = counts.connections;
	st.accepted = counts.accepted;
	st.handshakes_failed = counts.handshakes_failed;
	st.refused = counts.refused;
	st.credit = budget.used;
	(void)proc_send(peer, IMSG_STATS, 0, -1, &st, sizeof(st));
	return (0);
}
