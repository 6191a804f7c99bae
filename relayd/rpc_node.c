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
 * JSON.
 */

#include "compat.h"

#include <imsg.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doors.h"
#include "log.h"
#include "paircode.h"
#include "rpc_node_internal.h"

#define NODE_DEAD_MS	90000	/* it reads nothing while it works, 30 s */
#define OFFERS_MAX	16	/* codes that router has not answered */

static int	asked_cmp(struct rpc_asked *, struct rpc_asked *);
static void	node_message(void *, const char *, size_t);
static void	node_too_large(void *, const char *, size_t);
static void	node_drained(void *);
static void	node_over(void *, const char *);

RB_PROTOTYPE_STATIC(asked_tree, rpc_asked, by_uid, asked_cmp)

static const struct rpc_ws_ops node_ops = {
	node_message, node_too_large, node_drained, node_over
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
	if ((n->share = rpc_share_of(c)) != NULL)
		n->ws = rpc_ws_new(c->tls, NODE_DEAD_MS, &node_ops, n,
		    n->share);
	if (n->ws == NULL) {
		rpc_share_unref(n->share);
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
		rpc_asked_fail(a, "node_disconnected");
	keep_offers_gone(n->c->id);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_RPC_NODE_DOWN, 0, -1,
	    &n->n, sizeof(n->n));
	rpc_ws_free(n->ws);
	rpc_share_unref(n->share);
	free(n);
}

void
rpc_node_close(struct rpc_node_link *n, int code)
{
	struct rpc_asked	*a;

	while ((a = RB_ROOT(&n->asked)) != NULL)
		rpc_asked_fail(a, "node_disconnected");
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
		if (p == end || *p != '"' || end - ++p < RPC_UID_LEN)
			continue;
		memcpy(key.uid, p, RPC_UID_LEN);
		key.uid[RPC_UID_LEN] = '\0';
		if ((a = RB_FIND(asked_tree, &n->asked, &key)) != NULL) {
			rpc_asked_fail(a, "response_too_large");
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

	if (strlcpy(key.uid, m->id, sizeof(key.uid)) != RPC_UID_LEN ||
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
	if ((a->out = rpc_json(m->object, RPC_DUMP)) == NULL) {
		rpc_asked_fail(a, "relay_error");
		return;
	}
	a->outlen = strlen(a->out);
	rpc_take(NULL, a->outlen);
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
const char *
rpc_node_send(struct rpc_node_link *n, struct rpc_asked *a, json_t *object)
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
	if (rpc_hold(n->share, len) == -1) {
		free(text);
		return ("relay_error");
	}
	rpc_release(n->share, len);
	a->node = n;
	RB_INSERT(asked_tree, &n->asked, a);
	n->nasked++;
	rpc_ws_send(n->ws, text, len);
	free(text);
	return (NULL);
}

struct rpc_node_link *
rpc_node_here(const char *name)
{
	const struct rpc_node	*at = keep_node(name);
	struct conn		*c;

	if (at == NULL || at->listener != proc_instance() ||
	    (c = conn_find(at->conn)) == NULL || c->rpc == NULL)
		return (NULL);
	return (c->rpc->node);
}

void
rpc_asked_destroy(struct rpc_asked *a)
{
	if (a->node != NULL) {
		RB_REMOVE(asked_tree, &a->node->asked, a);
		a->node->nasked--;
	}
	if (a->out != NULL)
		rpc_release(NULL, a->outlen);
	rpc_release(NULL, a->insize);
	free(a->out);
	free(a->in);
	free(a);
}

void
rpc_asked_fail(struct rpc_asked *a, const char *error)
{
	if (a->request != NULL) {
		rpc_fail(a->request, error);	/* which frees us */
		return;
	}
	mux_reset(a->stream, MUX_CODE_INTERNAL, error);
	rpc_asked_destroy(a);
}

void
rpc_asked_free(struct rpc_asked *a)
{
	if (a == NULL)
		return;
	if (a->stream != NULL)
		mux_reset(a->stream, MUX_CODE_CANCEL, NULL);
	rpc_asked_destroy(a);
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
		*error = rpc_ask_there(a, at, object);
	else if ((n = rpc_node_here(name)) == NULL)
		*error = "node_not_connected";
	else
		*error = rpc_node_send(n, a, object);
	if (*error != NULL) {
		rpc_asked_destroy(a);
		return (NULL);
	}
	return (a);
}
