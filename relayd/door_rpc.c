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
 * The rpc door: paired phones and pages, and nodes of the other make.  Its
 * answers are those that their programs know, to the byte.
 */

#include "compat.h"

#include <imsg.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "door_rpc.h"
#include "doors.h"
#include "http_gate_internal.h"
#include "http_message.h"
#include "log.h"
#include "paircode.h"

#define TOKEN_MAX	512		/* longer ones are none */
#define KEY_MAX		512
#define ANSWER_MS	10000

static int	ws_request(struct conn *, const struct http_head *);
static void	client_request(struct conn *, const struct http_head *);
static void	node_request(struct conn *, const struct http_head *);
static void	upgrade(struct conn *);
static int	query_value(const struct http_str *, const char *, int, char *,
		    size_t);

struct relayd_rpc	 rpc_conf;

char			rpc_domain[DOMAIN_LEN];

void
door_rpc_conf(const struct relayd_rpc *rpc, const char *domain)
{
	strlcpy(rpc_domain, domain, sizeof(rpc_domain));
	rpc_conf = *rpc;
	/* A message as it comes in, its body, and its answer. */
	rpc_share_conf(rpc->memory, 2 * (size_t)(rpc->message_max +
	    rpc->body_max) + RPC_ANSWER_BYTES);
}

/* ---- answers ---- */

void
rpc_detail(struct conn *c, int status, const char *text, const char *extra)
{
	char	 body[160];

	snprintf(body, sizeof(body), "{\"detail\":\"%s\"}", text);
	conn_respond(c, status, "application/json", extra, body);
}

int
door_rpc_request(struct conn *c, const struct http_head *head,
    const struct http_framing *framing)
{
	if (http_str_eq(&head->path, "/api/pair")) {
		if (http_str_eq(&head->method, "POST"))
			rpc_pair_request(c, head, framing);
		else
			rpc_detail(c, 405, "Method Not Allowed",
			    "Allow: POST\r\n");
	} else if (http_str_eq(&head->path, "/ws/client")) {
		if (ws_request(c, head) == 0)
			client_request(c, head);
	} else if (http_str_eq(&head->path, "/ws/node")) {
		if (ws_request(c, head) == 0)
			node_request(c, head);
	} else
		return (-1);
	return (0);
}

/* No protocols or extensions are agreed on. */
static int
ws_request(struct conn *c, const struct http_head *head)
{
	if (!http_str_eq(&head->method, "GET"))
		rpc_detail(c, 405, "Method Not Allowed", "Allow: GET\r\n");
	else if (conn_websocket(c, head) == -1)
		rpc_detail(c, 426, "Upgrade Required", "Upgrade: websocket\r\n"
		    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
	else
		return (0);
	return (-1);
}

/* Not to come in, and without a word, as their programs know it. */
static void
refuse(struct conn *c, int status, uint32_t retry_after)
{
	char	 extra[64] = "";

	if (retry_after > 0)
		snprintf(extra, sizeof(extra), "Retry-After: %u\r\n",
		    retry_after);
	c->keepalive = 0;
	conn_respond(c, status, "text/plain", extra, "");
}

/* The 101; the WebSocket begins when it is sent. */
static void
upgrade(struct conn *c)
{
	int	 len;

	len = asprintf(&c->out, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\n\r\n", c->ws_accept);
	if (len == -1) {
		/* Whoever has the request at hand goes on with it. */
		c->out = NULL;
		c->state = CONN_CLOSING;
		evtls_close(c->tls);
		return;
	}
	c->outlen = len;
	c->outoff = 0;
	c->door = DOOR_RPC;
	c->state = CONN_UPGRADE;
	conn_settled(c);
	evtls_want_output(c->tls);
}

int
door_rpc_begin(struct conn *c)
{
	c->state = CONN_RPC;
	if (c->rpc->name[0] != '\0')
		return (rpc_node_begin(c));
	return (rpc_client_begin(c));
}

void
door_rpc_forget(struct conn *c)
{
	struct rpc	*r = c->rpc;

	rpc_pair_forget(c);
	if (r == NULL)
		return;
	c->rpc = NULL;
	rpc_client_free(r->client);
	if (r->node != NULL)
		rpc_node_free(r->node);
	else if (r->asked) {
		/* Router has it on record by now, or will. */
		struct rpc_node	 n;

		memset(&n, 0, sizeof(n));
		strlcpy(n.node, r->name, sizeof(n.node));
		n.conn = c->id;
		(void)proc_send(proc_peer(PROC_ROUTER, 0),
		    IMSG_RPC_NODE_DOWN, 0, -1, &n, sizeof(n));
	}
	free(r);
}

/*
 * A value of the query, the last of that name; plus: '+' stands for a space.
 * 0; or -1: there is none, or it is too long, or holds a NUL.
 */
static int
query_value(const struct http_str *query, const char *name, int plus,
    char *out, size_t size)
{
	struct http_str	 q = *query, v = { NULL, 0 };
	const char	*end;
	size_t		 n = strlen(name), i, len = 0;
	unsigned int	 c;

	while (q.len > 0) {
		end = memchr(q.s, '&', q.len);
		i = end == NULL ? q.len : (size_t)(end - q.s);
		if (i > n && memcmp(q.s, name, n) == 0 && q.s[n] == '=') {
			v.s = q.s + n + 1;
			v.len = i - n - 1;
		}
		q.s += i;
		q.len -= i;
		if (q.len > 0) {
			q.s++;
			q.len--;
		}
	}
	out[0] = '\0';
	if (v.s == NULL)
		return (-1);
	for (i = 0; i < v.len; i++) {
		c = (unsigned char)v.s[i];
		if (c == '%' && i + 2 < v.len &&
		    isxdigit((unsigned char)v.s[i + 1]) &&
		    isxdigit((unsigned char)v.s[i + 2])) {
			char	 hex[3] = { v.s[i + 1], v.s[i + 2], '\0' };

			c = strtoul(hex, NULL, 16);
			i += 2;
		} else if (c == '+' && plus)
			c = ' ';
		if (c == '\0' || len + 1 >= size)
			return (-1);
		out[len++] = c;
	}
	out[len] = '\0';
	return (0);
}

/* "Bearer SECRET", or the secret alone. */
static void
header_secret(const struct http_head *head, char *out, size_t size)
{
	const struct http_str	*auth = http_field(head, "authorization");
	struct http_str		 rest;

	out[0] = '\0';
	if (auth == NULL || http_field_count(head, "authorization") != 1)
		return;
	if (!login_scheme(auth, "bearer", &rest))
		rest = *auth;
	if (http_str_copy(&rest, out, size) == -1)
		out[0] = '\0';
}

/* ---- clients ---- */

static void
client_request(struct conn *c, const struct http_head *head)
{
	const struct http_str		*origin;
	const struct rpc_session	*s;
	struct login			 req;
	char				 token[TOKEN_MAX];
	uint8_t				 hash[PAIRCODE_HASH];
	int				 r;

	origin = http_field(head, "origin");
	if (rpc_conf.origin && origin != NULL && (origin->len < 8 ||
	    strncmp(origin->s, "https://", 8) != 0)) {
		refuse(c, 403, 0);
		return;
	}
	if (query_value(&head->query, "token", 1, token, sizeof(token)) ==
	    -1 || token[0] == '\0')
		header_secret(head, token, sizeof(token));
	r = paircode_hash(token, strlen(token), hash);
	explicit_bzero(token, sizeof(token));
	if (r == -1 || (c->rpc = calloc(1, sizeof(*c->rpc))) == NULL) {
		refuse(c, 503, 1);
		return;
	}
	c->rpc->secure = web_secure(c, head);
	if (r == 1) {
		c->rpc->denied = 1;
		upgrade(c);
	} else if ((s = keep_session(hash)) != NULL) {
		c->rpc->session = *s;
		upgrade(c);
	} else {
		memset(&req, 0, sizeof(req));
		req.method = LOGIN_SECRET;
		memcpy(req.seed, hash, sizeof(req.seed));
		login_ask(c, head, DOOR_RPC, &req);
	}
}

/* Auth has not: a status.  Who has no session hears it on the WebSocket. */
void
door_rpc_denied(struct conn *c, int status, uint32_t retry_after)
{
	if (c->rpc != NULL && status >= 400 && status < 500 &&
	    status != 429) {
		c->rpc->denied = 1;
		upgrade(c);
		return;
	}
	c->state = CONN_REQUEST;
	refuse(c, status, retry_after);
}

/* Auth has vouched for it; the session is the connection's. */
void
door_rpc_session(struct conn *c)
{
	upgrade(c);
}

/* Auth or router has said so: its session has ended. */
void
door_rpc_kill(struct conn *c)
{
	if (c->rpc != NULL && c->rpc->client != NULL)
		rpc_client_close(c->rpc->client, RPC_CLOSE_DENIED);
	else
		conn_free(c);
}

/*
 * Somebody serves in our place: who waits for nothing is to come there.  Who
 * has just come, or was just answered, may be about to ask.
 */
int
door_rpc_drain(struct conn *c, uint64_t quiet_ms)
{
	if (c->rpc == NULL)
		return (0);
	if (c->rpc->client != NULL &&
	    rpc_client_quiet(c->rpc->client, quiet_ms))
		rpc_client_close(c->rpc->client, WS_CLOSE_RESTART);
	if (c->rpc->node != NULL && rpc_node_pending(c->rpc->node) == 0)
		rpc_node_close(c->rpc->node, WS_CLOSE_RESTART);
	return (1);
}

size_t
door_rpc_memory(const struct conn *c, size_t *waits)
{
	*waits = 0;
	if (c->rpc == NULL)
		return (0);
	if (c->rpc->client != NULL)
		return (sizeof(*c->rpc) +
		    rpc_client_memory(c->rpc->client, waits));
	if (c->rpc->node != NULL)
		return (sizeof(*c->rpc) +
		    rpc_node_memory(c->rpc->node, waits));
	return (sizeof(*c->rpc));
}

/* ---- nodes of the other make ---- */

static void
node_request(struct conn *c, const struct http_head *head)
{
	struct rpc_node_ask	 ask;
	char			 key[KEY_MAX];

	memset(&ask, 0, sizeof(ask));
	/* They do not escape their ids, so a '+' is one. */
	if (query_value(&head->query, "node_id", 0, ask.node,
	    RPC_NAME_MAX + 1) == -1 || ask.node[0] == '\0' ||
	    rpc_conf.nodes == RPC_NODES_OFF) {
		refuse(c, 403, 0);
		return;
	}
	if (query_value(&head->query, "key", 0, key, sizeof(key)) == -1 ||
	    key[0] == '\0')
		header_secret(head, key, sizeof(key));
	ask.has_key = paircode_hash(key, strlen(key), ask.key) == 0;
	explicit_bzero(key, sizeof(key));
	addr_key((const struct sockaddr *)&c->peer, &ask.from);
	strlcpy(ask.addr, conn_addr(c), sizeof(ask.addr));
	if ((c->rpc = calloc(1, sizeof(*c->rpc))) == NULL ||
	    proc_send(proc_peer(PROC_ROUTER, 0), IMSG_RPC_NODE_ASK, c->id, -1,
	    &ask, sizeof(ask)) == -1) {
		refuse(c, 503, 2);
		return;
	}
	strlcpy(c->rpc->name, ask.node, sizeof(c->rpc->name));
	c->rpc->asked = 1;
	c->state = CONN_ANSWER;
	evtls_deadline(c->tls, ANSWER_MS);
}

int
door_rpc_recv_may(struct proc_peer *peer, struct imsg *imsg)
{
	struct rpc_node_may	 may;
	struct conn		*c;

	if (imsg_get_data(imsg, &may, sizeof(may)) == -1 ||
	    (may.status != 101 && (may.status < 400 || may.status > 599)))
		return (-1);
	c = conn_find(imsg_get_id(imsg));
	if (c == NULL || c->rpc == NULL || c->rpc->name[0] == '\0' ||
	    c->state != CONN_ANSWER) {
		log_debug("rpc node: gone before it was let in");
		return (0);
	}
	if (may.status == 101) {
		evtls_deadline(c->tls, limits.handshake_ms);
		upgrade(c);
		return (0);
	}
	c->rpc->asked = 0;
	door_rpc_forget(c);
	c->state = CONN_REQUEST;
	refuse(c, may.status, may.retry_after);
	return (0);
}

/* What was asked of router will not be answered. */
void
door_rpc_router_gone(void)
{
	struct conn	*c, *tmp;

	RB_FOREACH_SAFE(c, conn_table, &conns, tmp) {
		if (c->state != CONN_ANSWER)
			continue;
		if (c->pairing != NULL) {
			rpc_pair_forget(c);
			rpc_detail(c, 503, "try again", "Retry-After: 1\r\n");
		} else if (c->rpc != NULL) {
			c->rpc->asked = 0;
			door_rpc_forget(c);
			c->state = CONN_REQUEST;
			refuse(c, 503, 2);
		}
	}
	rpc_nodes_router_gone();
	rpc_pair_router_gone();
}
