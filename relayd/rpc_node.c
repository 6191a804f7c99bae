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
 * Nodes of the other make: a WebSocket each, with requests and answers in
 * JSON.  One that is linked to another listener is asked by a stream to that
 * one, which carries a request and brings the answer.
 */

#include "compat.h"

#include <imsg.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "door_rpc.h"
#include "log.h"
#include "paircode.h"

#define NODE_DEAD_MS	90000	/* it reads nothing while it works, 30 s */
#define OFFERS_MAX	16	/* codes that router has not answered */
#define UID_LEN		16	/* of the id that a node sees */
#define RELAY_SLACK	65536	/* of a request, above a message */

struct rpc_node_link {
	struct conn		*c;
	struct rpc_ws		*ws;
	struct rpc_node		 n;
	RB_HEAD(asked_tree, rpc_asked) asked;
	uint32_t		 nasked;
	uint32_t		 offers;
	uint32_t		 told;		/* router of this number */
};

/*
 * A request on its way.  Where it was asked it has a request, and a node that
 * is here or a stream; where it is relayed a stream and, once it is whole, a
 * node.
 */
struct rpc_asked {
	RB_ENTRY(rpc_asked)	 by_uid;
	char			 uid[UID_LEN + 1];
	struct rpc_request	*request;
	struct rpc_node_link	*node;
	struct mux_stream	*stream;
	char			*out;
	size_t			 outlen, outoff;
	char			*in;
	size_t			 inlen, insize;
	int			 whole;		/* all has come */
};

static int	asked_cmp(struct rpc_asked *, struct rpc_asked *);
static void	node_message(void *, const char *, size_t);
static void	node_too_large(void *, const char *, size_t);
static void	node_drained(void *);
static void	node_over(void *, const char *);
static const char *node_send(struct rpc_node_link *, struct rpc_asked *,
		    json_t *);
static void	asked_fail(struct rpc_asked *, const char *);
static size_t	asked_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	asked_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	asked_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	asked_done(struct mux_stream *, void *);
static size_t	relay_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static void	relay_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	relay_done(struct mux_stream *, void *);

RB_PROTOTYPE_STATIC(asked_tree, rpc_asked, by_uid, asked_cmp)

static const struct rpc_ws_ops node_ops = {
	node_message, node_too_large, node_drained, node_over
};

static const struct mux_stream_ops asked_ops = {
	.input = asked_input, .pull = asked_pull, .reset = asked_reset,
	.done = asked_done
};

static const struct mux_stream_ops relay_ops = {
	.input = relay_input, .pull = asked_pull, .reset = relay_reset,
	.done = relay_done
};

static uint64_t	 last_uid;

static int
asked_cmp(struct rpc_asked *a, struct rpc_asked *b)
{
	return (strcmp(a->uid, b->uid));
}

RB_GENERATE_STATIC(asked_tree, rpc_asked, by_uid, asked_cmp)

/* ---- its link ---- */

int
rpc_node_begin(struct conn *c)
{
	struct rpc_node_link	*n;

	if ((n = calloc(1, sizeof(*n))) == NULL)
		return (-1);
	RB_INIT(&n->asked);
	n->c = c;
	strlcpy(n->n.node, c->rpc->name, sizeof(n->n.node));
	n->n.listener = proc_instance();
	n->n.conn = c->id;
	addr_key((const struct sockaddr *)&c->peer, &n->n.from);
	strlcpy(n->n.addr, conn_addr(c), sizeof(n->n.addr));
	n->n.since = time(NULL);
	n->ws = rpc_ws_new(c->tls, NODE_DEAD_MS, &node_ops, n);
	if (n->ws == NULL) {
		free(n);
		return (-1);
	}
	c->tls = NULL;		/* the WebSocket's now */
	c->rpc->node = n;
	rpc_ws_limit(n->ws, rpc_conf.message_max);
	rpc_ws_patient(n->ws);
	return (0);
}

void
rpc_node_free(struct rpc_node_link *n)
{
	struct rpc_asked	*a;

	if (n == NULL)
		return;
	while ((a = RB_ROOT(&n->asked)) != NULL)
		asked_fail(a, "node_disconnected");
	keep_offers_gone(n->c->id);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_RPC_NODE_DOWN, 0, -1,
	    &n->n, sizeof(n->n));
	rpc_ws_free(n->ws);
	free(n);
}

void
rpc_node_close(struct rpc_node_link *n, int code)
{
	struct rpc_asked	*a;

	while ((a = RB_ROOT(&n->asked)) != NULL)
		asked_fail(a, "node_disconnected");
	rpc_ws_close(n->ws, code);
}

uint32_t
rpc_node_pending(const struct rpc_node_link *n)
{
	return (n->nasked);
}

size_t
rpc_node_memory(const struct rpc_node_link *n, size_t *waits)
{
	return (sizeof(*n) + n->nasked * sizeof(struct rpc_asked) +
	    rpc_ws_memory(n->ws, waits));
}

static void
node_over(void *arg, const char *why)
{
	struct rpc_node_link	*n = arg;

	log_debug("rpc node %s: %s", n->n.node, why);
	conn_free(n->c);
}

static void
node_drained(void *arg)
{
}

/* It is to go: another has its name. */
int
rpc_recv_node_kill(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_node	 n;
	struct conn	*c;

	if (imsg_get_data(imsg, &n, sizeof(n)) == -1)
		return (-1);
	c = conn_find(n.conn);
	if (c != NULL && c->rpc != NULL && c->rpc->node != NULL &&
	    strcmp(c->rpc->node->n.node, n.node) == 0)
		rpc_node_close(c->rpc->node, WS_CLOSE_POLICY);
	return (0);
}

int
rpc_nodes_announce(void)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	const struct rpc_node	*at;
	struct conn		*c;
	struct rpc_node		 n;

	RB_FOREACH(c, conn_table, &conns) {
		if (c->rpc == NULL || c->rpc->node == NULL ||
		    c->rpc->node->told == keep_router())
			continue;
		if (proc_queued(router) > PROC_QUEUE_HIGH)
			return (0);
		c->rpc->node->told = keep_router();
		n = c->rpc->node->n;
		at = keep_node(n.node);
		n.live = at != NULL && at->listener == n.listener &&
		    at->conn == n.conn;
		(void)proc_send(router, IMSG_RPC_NODE, 0, -1, &n, sizeof(n));
	}
	return (1);
}

/* ---- what it says ---- */

static void
node_too_large(void *arg, const char *head, size_t len)
{
	struct rpc_node_link	*n = arg;
	struct rpc_asked	 key, *a;
	const char		*p, *end = head + len;

	rpc_ws_say(n->ws,
	    "{\"type\":\"error\",\"error\":\"message_too_large\"}");
	/* Whose answer would that have been?  It mostly says so in front. */
	for (p = head; (p = memmem(p, end - p, "\"id\"", 4)) != NULL; ) {
		for (p += 4; p < end && (*p == ' ' || *p == ':'); p++)
			;
		if (p == end || *p != '"' || end - ++p < UID_LEN)
			continue;
		memcpy(key.uid, p, UID_LEN);
		key.uid[UID_LEN] = '\0';
		if ((a = RB_FIND(asked_tree, &n->asked, &key)) != NULL) {
			asked_fail(a, "response_too_large");
			return;
		}
	}
}

static void
node_ack(struct rpc_node_link *n, const char *error)
{
	char	 text[128];

	snprintf(text, sizeof(text),
	    "{\"type\":\"pair_offer_ack\",\"ok\":false,\"error\":\"%s\"}",
	    error);
	rpc_ws_say(n->ws, text);
}

static void
node_offer(struct rpc_node_link *n, const json_t *object)
{
	struct pair_offer	 o;
	char			*code;
	int			 r;

	memset(&o, 0, sizeof(o));
	if ((code = rpc_text(json_object_get(object, "code"))) == NULL) {
		node_ack(n, "relay_error");
		return;
	}
	r = paircode_hash(code, strlen(code), o.hash);
	freezero(code, strlen(code));
	strlcpy(o.rpc_node, n->n.node, sizeof(o.rpc_node));
	if (r != 0)
		node_ack(n, r == 1 ? "code_required" : "relay_error");
	else if (n->offers >= OFFERS_MAX)
		node_ack(n, "too_many_codes");
	else if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_PAIR_OFFER,
	    n->c->id, -1, &o, sizeof(o)) == -1)
		node_ack(n, "relay_error");
	else
		n->offers++;
}

void
rpc_node_offered(struct rpc_node_link *n, const struct pair_offered *offered)
{
	struct pair_offer	 o;
	char			 text[128];

	if (n->offers > 0)
		n->offers--;
	switch (offered->code) {
	case PAIR_OK:
		memset(&o, 0, sizeof(o));
		memcpy(o.hash, offered->hash, sizeof(o.hash));
		strlcpy(o.rpc_node, n->n.node, sizeof(o.rpc_node));
		o.expires_at = offered->expires_at;
		keep_offer(n->c->id, &o);
		snprintf(text, sizeof(text), "{\"type\":\"pair_offer_ack\","
		    "\"ok\":true,\"expires_at\":%lld}",
		    (long long)offered->expires_at);
		rpc_ws_say(n->ws, text);
		break;
	case PAIR_USED:
		node_ack(n, "code_used");
		break;
	case PAIR_TAKEN:
		node_ack(n, "code_in_use");
		break;
	case PAIR_OFFLINE:
		node_ack(n, "node_id_in_use");
		break;
	case PAIR_FULL:
		node_ack(n, "too_many_codes");
		break;
	default:
		node_ack(n, "relay_error");
		break;
	}
}

/* Router will not answer what it was asked. */
void
rpc_nodes_router_gone(void)
{
	struct conn	*c, *tmp;

	RB_FOREACH_SAFE(c, conn_table, &conns, tmp) {
		if (c->rpc == NULL || c->rpc->node == NULL)
			continue;
		while (c->rpc->node->offers > 0) {
			c->rpc->node->offers--;
			node_ack(c->rpc->node, "relay_error");
		}
	}
}

static void
node_response(struct rpc_node_link *n, struct rpc_message *m)
{
	struct rpc_request	*r;
	struct rpc_asked	 key, *a;
	size_t			 len;
	char			*text;

	if (strlcpy(key.uid, m->id, sizeof(key.uid)) != UID_LEN ||
	    (a = RB_FIND(asked_tree, &n->asked, &key)) == NULL) {
		log_debug("rpc node %s: a late answer", n->n.node);
		return;
	}
	if ((r = a->request) != NULL) {
		text = rpc_with_id(m->object, r->id, &len);
		rpc_answer(r, text, len);
		return;
	}
	/* It goes to another listener. */
	RB_REMOVE(asked_tree, &n->asked, a);
	n->nasked--;
	a->node = NULL;
	if ((a->out = json_dumps(m->object, JSON_COMPACT |
	    JSON_REAL_PRECISION(RPC_REAL_DIGITS))) == NULL) {
		asked_fail(a, "relay_error");
		return;
	}
	a->outlen = strlen(a->out);
	rpc_held += a->outlen;
	mux_ready(a->stream);
}

static void
node_message(void *arg, const char *text, size_t len)
{
	struct rpc_node_link	*n = arg;
	struct rpc_message	 m;

	memset(&m, 0, sizeof(m));
	if (text != NULL && rpc_message_parse(text, len, &m) == -1) {
		rpc_ws_close(n->ws, WS_CLOSE_INTERNAL);
		return;
	}
	switch (m.type) {
	case RPC_PAIR_OFFER:
		node_offer(n, m.object);
		break;
	case RPC_HTTP_RESPONSE:
		node_response(n, &m);
		break;
	case RPC_PONG:
		break;
	default:
		rpc_ws_say(n->ws, "{\"type\":\"error\","
		    "\"error\":\"unknown_message_type\"}");
		break;
	}
	rpc_message_free(&m);
}

/* ---- what it is asked ---- */

/* Ids of clients may be the same: a node sees ours.  NULL, or an error. */
static const char *
node_send(struct rpc_node_link *n, struct rpc_asked *a, json_t *object)
{
	char	*text;
	size_t	 len;

	if (n->nasked >= rpc_conf.pending)
		return ("too_many_pending");
	if (last_uid == 0)
		arc4random_buf(&last_uid, sizeof(last_uid));
	snprintf(a->uid, sizeof(a->uid), "%016llx",
	    (unsigned long long)++last_uid);
	if ((text = rpc_with_id(object, a->uid, &len)) == NULL)
		return ("relay_error");
	if (rpc_hold(len) == -1) {
		free(text);
		return ("relay_error");
	}
	rpc_release(len);
	a->node = n;
	RB_INSERT(asked_tree, &n->asked, a);
	n->nasked++;
	rpc_ws_send(n->ws, text, len);
	free(text);
	return (NULL);
}

static struct rpc_node_link *
node_here(const char *name)
{
	const struct rpc_node	*at = keep_node(name);
	struct conn		*c;

	if (at == NULL || at->listener != proc_instance() ||
	    (c = conn_find(at->conn)) == NULL || c->rpc == NULL)
		return (NULL);
	return (c->rpc->node);
}

static void
asked_destroy(struct rpc_asked *a)
{
	if (a->node != NULL) {
		RB_REMOVE(asked_tree, &a->node->asked, a);
		a->node->nasked--;
	}
	if (a->out != NULL)
		rpc_release(a->outlen);
	rpc_release(a->insize);
	free(a->out);
	free(a->in);
	free(a);
}

/* Its client, or its stream, is told so, and it is gone. */
static void
asked_fail(struct rpc_asked *a, const char *error)
{
	if (a->request != NULL) {
		rpc_fail(a->request, error);	/* which frees us */
		return;
	}
	mux_reset(a->stream, MUX_CODE_INTERNAL, error);
	asked_destroy(a);
}

void
rpc_asked_free(struct rpc_asked *a)
{
	if (a == NULL)
		return;
	if (a->stream != NULL)
		mux_reset(a->stream, MUX_CODE_CANCEL, NULL);
	asked_destroy(a);
}

/* By way of its listener: the name and the request, as they are. */
static const char *
ask_there(struct rpc_asked *a, const struct rpc_node *at, json_t *object)
{
	struct mux_open	 open;
	struct link	*link = peer_link(at->listener);
	char		*text;
	size_t		 len, n = strlen(at->node);

	if (link == NULL)
		return ("node_not_connected");
	if ((text = json_dumps(object, JSON_COMPACT |
	    JSON_REAL_PRECISION(RPC_REAL_DIGITS))) == NULL)
		return ("relay_error");
	len = strlen(text);
	if ((a->out = malloc(1 + n + len)) == NULL) {
		free(text);
		return ("relay_error");
	}
	a->out[0] = n;
	memcpy(a->out + 1, at->node, n);
	memcpy(a->out + 1 + n, text, len);
	free(text);
	a->outlen = 1 + n + len;
	rpc_held += a->outlen;
	memset(&open, 0, sizeof(open));
	open.kind = MUX_KIND_API;
	strlcpy(open.host, "rpc", sizeof(open.host));
	a->stream = mux_open_stream(link_mux(link), &open, &asked_ops, a);
	if (a->stream == NULL)
		return ("relay_error");
	mux_ready(a->stream);
	return (NULL);
}

struct rpc_asked *
rpc_ask(struct rpc_request *r, const char *name, json_t *object,
    const char **error)
{
	const struct rpc_node	*at = keep_node(name);
	struct rpc_node_link	*n;
	struct rpc_asked	*a;

	if (at == NULL) {
		*error = "node_not_connected";
		return (NULL);
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		*error = "relay_error";
		return (NULL);
	}
	a->request = r;
	if (at->listener != proc_instance())
		*error = ask_there(a, at, object);
	else if ((n = node_here(name)) == NULL)
		*error = "node_not_connected";
	else
		*error = node_send(n, a, object);
	if (*error != NULL) {
		asked_destroy(a);
		return (NULL);
	}
	return (a);
}

/* ---- streams between listeners ---- */

static int
asked_gather(struct rpc_asked *a, const uint8_t *buf, size_t len)
{
	size_t	 size = a->insize == 0 ? 4096 : a->insize * 2;
	char	*in;

	if (a->inlen + len > (size_t)rpc_conf.message_max + RELAY_SLACK)
		return (-1);
	if (a->inlen + len > a->insize) {
		if (size < a->inlen + len)
			size = a->inlen + len;
		if (rpc_hold(size - a->insize) == -1)
			return (-1);
		if ((in = realloc(a->in, size)) == NULL) {
			rpc_release(size - a->insize);
			return (-1);
		}
		a->in = in;
		a->insize = size;
	}
	memcpy(a->in + a->inlen, buf, len);
	a->inlen += len;
	return (0);
}

static size_t
asked_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct rpc_asked	*a = arg;

	if (len == 0)
		a->whole = 1;
	else if (asked_gather(a, buf, len) == -1)
		asked_fail(a, "relay_error");
	return (len);
}

static size_t
asked_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct rpc_asked	*a = arg;
	size_t			 n;

	if (a->out == NULL) {
		*more = MUX_IDLE;
		return (0);
	}
	n = a->outlen - a->outoff;
	if (n > cap)
		n = cap;
	memcpy(buf, a->out + a->outoff, n);
	a->outoff += n;
	*more = a->outoff == a->outlen ? MUX_LAST : MUX_MORE;
	return (n);
}

/* The text is what the client is told, if it is of those. */
static void
asked_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	static const char *const errors[] = {
		"node_not_connected", "too_many_pending", "node_disconnected",
		"response_too_large"
	};
	struct rpc_asked	*a = arg;
	const char		*error = "relay_error";
	size_t			 i;

	a->stream = NULL;
	if (code == MUX_CODE_NODE_GONE)
		error = "node_disconnected";
	for (i = 0; i < nitems(errors); i++) {
		if (text != NULL && strcmp(text, errors[i]) == 0)
			error = errors[i];
	}
	asked_fail(a, error);
}

static void
asked_done(struct mux_stream *s, void *arg)
{
	struct rpc_asked	*a = arg;
	struct rpc_request	*r = a->request;
	struct rpc_message	 m;
	size_t			 len;
	char			*text;

	a->stream = NULL;
	if (rpc_message_parse(a->in, a->inlen, &m) == -1 ||
	    m.object == NULL) {
		asked_fail(a, "relay_error");
		return;
	}
	text = rpc_with_id(m.object, r->id, &len);
	rpc_message_free(&m);
	rpc_answer(r, text, len);
}

/* ---- for another listener ---- */

void
rpc_relay(struct mux_stream *s, const struct mux_open *open)
{
	struct rpc_asked	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	a->stream = s;
	mux_stream_own(s, &relay_ops, a);
	mux_accept(s);
}

static size_t
relay_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct rpc_asked	*a = arg;
	struct rpc_node_link	*n;
	struct rpc_message	 m;
	char			 name[RPC_NODE_LEN];
	const char		*error = "relay_error";
	size_t			 namelen;

	if (len > 0) {
		if (asked_gather(a, buf, len) == -1)
			asked_fail(a, error);
		return (len);
	}
	namelen = a->inlen == 0 ? 0 : (unsigned char)a->in[0];
	if (namelen == 0 || namelen > RPC_NAME_MAX ||
	    a->inlen < 1 + namelen ||
	    rpc_message_parse(a->in + 1 + namelen, a->inlen - 1 - namelen,
	    &m) == -1) {
		asked_fail(a, error);
		return (0);
	}
	memcpy(name, a->in + 1, namelen);
	name[namelen] = '\0';
	rpc_release(a->insize);
	free(a->in);
	a->in = NULL;
	a->inlen = a->insize = 0;
	if (m.object != NULL) {
		n = node_here(name);
		error = n == NULL ? "node_not_connected" :
		    node_send(n, a, m.object);
	}
	rpc_message_free(&m);
	if (error != NULL)
		asked_fail(a, error);
	return (0);
}

static void
relay_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	asked_destroy(arg);
}

static void
relay_done(struct mux_stream *s, void *arg)
{
	asked_destroy(arg);
}
