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
 * The list of streams, as the listeners of their clients tell it.  It is
 * what administrators see and end, and what the audit log is told of.  There
 * may be very many of them, and short ones: one allocation each.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control_req.h"
#include "log.h"
#include "router_stream.h"

#define STREAMS_MAX	(1024 * 1024)	/* on record, of all listeners */

static struct router_stream *stream_find(uint64_t);
static int	stream_may(const struct router_stream *,
		    const struct router_session *);
static struct router_stream *stream_new(struct router_session *,
		    struct router_session *, const struct stream_up *);
static void	stream_tally_node(struct router_stream *);
static void	stream_count(struct router_stream *, uint64_t, uint64_t);
static void	stream_send_kill(const struct router_stream *, uint32_t,
		    const char *);
static void	stream_end(struct router_stream *, uint32_t, const char *);

struct router_stream_table router_streams =
				    RB_INITIALIZER(&router_streams);
static uint32_t			 nstreams[PROC_INSTANCES_MAX];

int
stream_cmp(struct router_stream *a, struct router_stream *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE(router_stream_table, router_stream, by_id, stream_cmp)

static struct router_stream *
stream_find(uint64_t id)
{
	struct router_stream	 key;

	key.id = id;
	return (RB_FIND(router_stream_table, &router_streams, &key));
}

/* Auth has said so, of its client or when it was asked. */
static int
stream_may(const struct router_stream *st, const struct router_session *node)
{
	const struct router_session	*rs = st->client;

	if (rs->checking)
		return (0);
	if (rs->s.node_id[0] != '\0')
		return (strcmp(rs->s.node_id, node->s.node_id) == 0);
	return (st->right == RIGHT_YES ||
	    (strcmp(rs->s.user_id, node->s.user_id) == 0 &&
	    !rs->s.restricted));
}

struct router_session *
stream_node(const struct router_stream *st)
{
	struct router_session	*node;

	if (st->node_session != 0)
		return (session_find(st->node_session));
	/* Its ticket is of a router before us, or has just ended. */
	node = st->right == RIGHT_NO ? NULL : node_find_name(st->node);
	return (node != NULL && stream_may(st, node) ? node : NULL);
}

static struct router_stream *
stream_new(struct router_session *rs, struct router_session *node,
    const struct stream_up *up)
{
	const char		*name = node != NULL ? node->s.node : up->node;
	struct router_stream	*st;
	size_t			 hostlen = strlen(up->host) + 1;
	size_t			 nodelen = strlen(name) + 1;
	size_t			 addrlen = strlen(up->addr) + 1;

	st = calloc(1, sizeof(*st) + hostlen + nodelen + addrlen);
	if (st == NULL)
		return (NULL);
	memcpy(st->text, up->host, hostlen);
	st->node = st->text + hostlen;
	memcpy(st->node, name, nodelen);
	st->addr = st->node + nodelen;
	memcpy(st->addr, up->addr, addrlen);
	st->client = rs;
	st->id = up->id;
	st->since = up->since;
	st->up_ms = router_ms_since(up->since);
	st->kind = up->kind;
	st->port = up->port;
	st->in = up->in;
	st->out = up->out;
	if (node != NULL)
		st->node_session = node->s.session;
	else if (up->ticket == 0)
		st->right = RIGHT_NO;	/* there was no route to it */
	st->tallies[0] = tally_again(rs->tally);
	st->tallies[2] = tally_again(rs->port_tally);
	tally_tell(st->tallies[0], rs->s.listener);
	tally_tell(st->tallies[2], rs->s.listener);
	stream_tally_node(st);
	return (st);
}

/* Once for all that wait for the same answer. */
static void
stream_ask(struct router_stream *st)
{
	if (st->node_session == 0 && st->right == RIGHT_UNKNOWN &&
	    st->client->s.node_id[0] == '\0' &&
	    node_find_name(st->node) != NULL &&
	    routes_ask_stream(st->client, st->node) == 0)
		st->right = RIGHT_ASKED;
}

void
streams_may(struct router_session *rs, const char *name, uint32_t code)
{
	struct router_stream	*st;

	TAILQ_FOREACH(st, &rs->streams, of_session) {
		if (st->right != RIGHT_ASKED || strcmp(st->node, name) != 0)
			continue;
		/* Who could not be asked may be later. */
		st->right = code == 0 ? RIGHT_YES :
		    code == MUX_CODE_INTERNAL ? RIGHT_UNKNOWN : RIGHT_NO;
		if (code == 0)
			stream_tally_node(st);
	}
}

/* A node that came back after us may be known later. */
static void
stream_tally_node(struct router_stream *st)
{
	struct router_session	*node;

	if (st->tallies[1] != NULL || st->client->checking)
		return;
	if ((node = stream_node(st)) == NULL) {
		stream_ask(st);
		return;
	}
	st->tallies[1] = tally_again(node->node_tally);
	tally_tell(st->tallies[1], st->client->s.listener);
	tally_count(st->tallies[1], st->missed_in, st->missed_out);
}

/* It has carried so much by now. */
static void
stream_count(struct router_stream *st, uint64_t in, uint64_t out)
{
	uint64_t	 more_in = in > st->in ? in - st->in : 0;
	uint64_t	 more_out = out > st->out ? out - st->out : 0;
	int		 i;

	/* It is told how much that was in all, once we know whose it is. */
	if (st->client->checking)
		return;
	router_counts.stream_in += more_in;
	router_counts.stream_out += more_out;
	st->in = in;
	st->out = out;
	stream_tally_node(st);
	if (st->tallies[1] == NULL) {
		st->missed_in += more_in;
		st->missed_out += more_out;
	}
	for (i = 0; i < STREAM_METERS; i++)
		tally_count(st->tallies[i], more_in, more_out);
}

uint32_t
streams_end(const struct tally *t, uint32_t code, const char *text)
{
	struct router_stream	*st;
	uint32_t		 n = 0;
	int			 i;

	RB_FOREACH(st, router_stream_table, &router_streams) {
		for (i = 0; i < STREAM_METERS; i++) {
			if (st->tallies[i] != t)
				continue;
			stream_send_kill(st, code, text);
			n++;
		}
	}
	return (n);
}

const char *
stream_addr(const struct router_stream *st)
{
	return (st->addr[0] != '\0' ? st->addr : st->client->s.addr);
}

/* Over: on to the audit log. */
static void
stream_end(struct router_stream *st, uint32_t code, const char *text)
{
	struct audit_event	 a;
	const char		*why = text;
	uint64_t		 id = st->id;
	int			 denied, i;

	denied = (code == MUX_CODE_DENIED || code == MUX_CODE_NO_NODE ||
	    code == MUX_CODE_NODE_OFFLINE || code == MUX_CODE_LIMIT) &&
	    st->in == 0 && st->out == 0;
	audit_init(&a, denied ? AUDIT_STREAM_DENIED : AUDIT_STREAM,
	    st->client);
	if (st->client->checking) {
		/* That it was theirs is a listener's word alone. */
		why = "its client's log-in was not known any more";
		a.email[0] = a.token_id[0] = '\0';
	}
	strlcpy(a.node, st->node, sizeof(a.node));
	strlcpy(a.addr, stream_addr(st), sizeof(a.addr));
	mux_target(st->kind, st->text, st->port, a.target);
	a.ms = router_ms() - st->up_ms;
	a.in = st->in;
	a.out = st->out;
	if (why[0] == '\0' && code != 0)
		why = mux_code_name(code);
	if (st->client->own != NULL)
		snprintf(a.text, sizeof(a.text), "by %.160s%s%s",
		    st->client->own->by, why[0] == '\0' ? "" : ": ", why);
	else
		strlcpy(a.text, why, sizeof(a.text));
	audit_send(&a);
	log_verbose("stream %llx: down: %s from %s to %s %s after %llu ms, "
	    "%llu bytes in, %llu bytes out: %s", (unsigned long long)id,
	    a.email, a.addr, a.node, a.target, (unsigned long long)a.ms,
	    (unsigned long long)a.in, (unsigned long long)a.out,
	    a.text[0] == '\0' ? "ended" : a.text);
	if (st->right == RIGHT_ASKED && st->tallies[1] == NULL)
		routes_ask_missed(st->client, st->node, st->missed_in,
		    st->missed_out);
	for (i = 0; i < STREAM_METERS; i++)
		tally_unref(st->tallies[i]);
	TAILQ_REMOVE(&st->client->streams, st, of_session);
	RB_REMOVE(router_stream_table, &router_streams, st);
	router_counts.streams--;
	nstreams[st->client->s.listener]--;
	router_counts.closed[code < FIGURES_CODES - 1 ? code :
	    FIGURES_CODES - 1]++;
	free(st->over);
	free(st);
	control_stream_down(id);
}

void
streams_session_gone(struct router_session *rs, const char *why)
{
	struct router_stream	*st;

	while ((st = TAILQ_FIRST(&rs->streams)) != NULL)
		stream_end(st, MUX_CODE_CANCEL, why);
}

void
streams_session_known(struct router_session *rs)
{
	struct router_stream	*st, *tmp;

	TAILQ_FOREACH_SAFE(st, &rs->streams, of_session, tmp) {
		st->tallies[0] = tally_again(rs->tally);
		tally_tell(st->tallies[0], rs->s.listener);
		stream_tally_node(st);
		if (st->over == NULL)
			continue;
		stream_count(st, st->over->in, st->over->out);
		stream_end(st, st->over->code, st->over->text);
	}
}

/* It ends with its listener, or with its link, which was left for another. */
static int
session_drains(const struct router_session *rs)
{
	return (rs->away ||
	    (router_old.draining & 1ULL << rs->s.listener) != 0);
}

uint32_t
streams_away(void)
{
	struct router_session	*node;
	struct router_stream	*st;
	uint32_t		 n = 0;

	if (router_old.listeners == 0)
		return (0);
	RB_FOREACH(st, router_stream_table, &router_streams) {
		node = st->node_session == 0 ? NULL :
		    session_find(st->node_session);
		n += session_drains(st->client) ||
		    (node != NULL && session_drains(node));
	}
	return (n);
}

uint32_t
streams_count(const struct router_end *e)
{
	struct router_session	*node;
	struct router_stream	*st;
	uint32_t		 n = 0;

	RB_FOREACH(st, router_stream_table, &router_streams) {
		if (end_match(e, st->client))
			n++;
		else if ((node = stream_node(st)) != NULL &&
		    end_match(e, node))
			n++;
	}
	return (n);
}

uint32_t
streams_of(const struct router_session *rs)
{
	struct router_stream	*st;
	uint32_t		 n = 0;

	TAILQ_FOREACH(st, &rs->streams, of_session)
		n++;
	return (n);
}

static void
stream_send_kill(const struct router_stream *st, uint32_t code,
    const char *text)
{
	struct stream_kill	 kill;

	memset(&kill, 0, sizeof(kill));
	kill.id = st->id;
	kill.code = code;
	strlcpy(kill.text, text, sizeof(kill.text));
	(void)proc_send(router_listener(st->client->s.listener),
	    IMSG_STREAM_KILL, 0, -1, &kill, sizeof(kill));
}

int
stream_kill(uint64_t id)
{
	struct router_stream	*st;

	if ((st = stream_find(id)) == NULL)
		return (-1);
	stream_send_kill(st, MUX_CODE_KILLED, "ended by the administrator");
	return (0);
}

/* ---- from listeners ---- */

int
stream_recv_up(struct proc_peer *peer, struct imsg *imsg)
{
	static uint64_t		 told;
	struct router_session	*rs, *node;
	struct router_stream	*st;
	struct stream_up	 up;
	char			 target[MUX_TARGET_LEN];

	if (imsg_get_data(imsg, &up, sizeof(up)) == -1 ||
	    up.id >> 56 != (uint64_t)proc_peer_instance(peer) ||
	    !ROUTER_STR(up.host) || !ROUTER_STR(up.node) ||
	    !ROUTER_STR(up.addr) ||
	    session_of(up.session, peer, 0, &rs) == -1)
		return (-1);
	if (rs == NULL || rs->s.door == DOOR_NODE ||
	    stream_find(up.id) != NULL) {
		log_debug("stream %llu: of nobody, or known already",
		    (unsigned long long)up.id);
		return (0);
	}
	if (ticket_node(up.ticket, rs, &node) == -1) {
		log_warnx("listener %d: a stream by somebody else's ticket",
		    proc_peer_instance(peer));
		return (-1);
	}
	if (nstreams[rs->s.listener] >= router_part(STREAMS_MAX) ||
	    (st = stream_new(rs, node, &up)) == NULL) {
		router_counts.streams_lost++;
		if (router_may_log(&told))
			log_warnx("listener %d: too many streams: some are "
			    "not on record", rs->s.listener);
		return (0);
	}
	RB_INSERT(router_stream_table, &router_streams, st);
	TAILQ_INSERT_TAIL(&rs->streams, st, of_session);
	router_counts.streams++;
	nstreams[rs->s.listener]++;
	router_counts.streams_total++;
	if (log_getverbose() >= LOG_LEVEL_VERBOSE) {
		mux_target(st->kind, st->text, st->port, target);
		log_verbose("stream %llx: up: %s from %s to %s %s%s%s",
		    (unsigned long long)st->id, rs->s.email, stream_addr(st),
		    st->node, target, rs->own == NULL ? "" : " by ",
		    rs->own == NULL ? "" : rs->own->by);
	}
	return (0);
}

int
stream_recv_down(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_stream	*st;
	struct stream_down	 down;

	if (imsg_get_data(imsg, &down, sizeof(down)) == -1 ||
	    down.id >> 56 != (uint64_t)proc_peer_instance(peer) ||
	    down.code > UINT16_MAX || !ROUTER_STR(down.text))
		return (-1);
	if ((st = stream_find(down.id)) == NULL) {
		log_debug("stream %llu: the end of an unknown one",
		    (unsigned long long)down.id);
		return (0);
	}
	if (st->client->checking) {
		if (st->over == NULL &&
		    (st->over = malloc(sizeof(down))) == NULL)
			fatal("stream");
		*st->over = down;
		return (0);
	}
	stream_count(st, down.in, down.out);
	stream_end(st, down.code, down.text);
	return (0);
}

int
stream_recv_bytes(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_stream	*st;
	struct stream_bytes	 b;

	if (imsg_get_data(imsg, &b, sizeof(b)) == -1 ||
	    b.id >> 56 != (uint64_t)proc_peer_instance(peer))
		return (-1);
	if ((st = stream_find(b.id)) != NULL)
		stream_count(st, b.in, b.out);
	return (0);
}

size_t
stream_size(void)
{
	return (sizeof(struct router_stream));
}

const struct router_session *
stream_client(uint64_t id)
{
	struct router_stream	*st = stream_find(id);

	return (st == NULL ? NULL : st->client);
}
