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
 * Paired clients: programs and pages with a token of an hour, which call one
 * node's own API.  Their requests run side by side, each with its own time.
 */

#include "compat.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "door_rpc.h"
#include "doors.h"
#include "http_backend.h"
#include "http_gate.h"
#include "log.h"

#define CLIENT_DEAD_MS	60000
#define CLIENT_HELD	(1024 * 1024)	/* of requests: then it waits */
#define CLIENT_ANSWERS	(2 * 1024 * 1024)	/* that are being made */
#define AGAIN_MS	50

struct rpc_client {
	struct conn		*c;
	struct rpc_ws		*ws;
	char			 node[RPC_NODE_LEN];	/* of the other make,
							   or "" */
	struct rpc_load		*load;		/* of a node of ours */
	struct rpc_share	*share;
	struct visitor		*visitor;	/* likewise */
	struct http_backend	*idle;		/* or NULL */
	int			 tls;		/* to us... */
	int			 secure;	/* ...or to a proxy in front */
	TAILQ_HEAD(, rpc_request) requests;
	uint32_t		 n;
	size_t			 held;		/* by requests */
	size_t			 collecting;	/* for answers */
	struct event		*expire, *again;
};

static void	client_message(void *, const char *, size_t);
static void	client_too_large(void *, const char *, size_t);
static void	client_drained(void *);
static void	client_over(void *, const char *);
static void	client_expire(evutil_socket_t, short, void *);
static void	client_again(evutil_socket_t, short, void *);
static void	client_proxy(struct rpc_client *, struct rpc_message *,
		    size_t);
static void	request_start(struct rpc_request *, json_t *);
static void	request_free(struct rpc_request *);
static void	request_timeout(evutil_socket_t, short, void *);

static const struct rpc_ws_ops client_ops = {
	client_message, client_too_large, client_drained, client_over
};

/* ---- clients ---- */

int
rpc_client_begin(struct conn *c)
{
	struct rpc_client	*cl;
	struct timeval		 tv = { 0, 0 };
	int64_t			 expires_at, now = time(NULL);

	if ((cl = calloc(1, sizeof(*cl))) == NULL)
		return (-1);
	TAILQ_INIT(&cl->requests);
	cl->c = c;
	cl->tls = evtls_is_tls(c->tls);
	cl->secure = c->rpc->secure;
	expires_at = now;
	if (c->session != NULL) {
		expires_at = c->session->expires_at;
		cl->load = rpc_load_ref(c->session->node_id);
	} else if (!c->rpc->denied) {
		expires_at = c->rpc->session.expires_at;
		strlcpy(cl->node, c->rpc->session.node, sizeof(cl->node));
	}
	cl->expire = evtimer_new(proc_base(), client_expire, cl);
	cl->again = evtimer_new(proc_base(), client_again, cl);
	if (cl->expire == NULL || cl->again == NULL ||
	    (cl->share = rpc_share_of(c)) == NULL ||
	    (c->session != NULL && (cl->load == NULL ||
	    (cl->visitor = visitor_of_session(c->session)) == NULL)) ||
	    (cl->ws = rpc_ws_new(c->tls, CLIENT_DEAD_MS, &client_ops, cl,
	    cl->share)) == NULL) {
		rpc_client_free(cl);
		return (-1);
	}
	c->tls = NULL;		/* the WebSocket's now */
	c->rpc->client = cl;
	rpc_ws_limit(cl->ws, rpc_conf.message_max);
	if (c->rpc->denied || expires_at <= now)
		rpc_ws_close(cl->ws, RPC_CLOSE_DENIED);
	else {
		tv.tv_sec = expires_at - now;
		evtimer_add(cl->expire, &tv);
	}
	return (0);
}

void
rpc_client_free(struct rpc_client *cl)
{
	struct rpc_request	*r;

	if (cl == NULL)
		return;
	while ((r = TAILQ_FIRST(&cl->requests)) != NULL)
		request_free(r);
	http_backend_free(cl->idle);
	visitor_unref(cl->visitor);
	rpc_load_unref(cl->load);
	rpc_share_unref(cl->share);
	if (cl->expire != NULL)
		event_free(cl->expire);
	if (cl->again != NULL)
		event_free(cl->again);
	rpc_ws_free(cl->ws);
	free(cl);
}

void
rpc_client_close(struct rpc_client *cl, int code)
{
	struct rpc_request	*r;

	while ((r = TAILQ_FIRST(&cl->requests)) != NULL)
		request_free(r);
	http_backend_free(rpc_client_idle(cl, NULL));
	rpc_ws_close(cl->ws, code);
}

int
rpc_client_quiet(const struct rpc_client *cl, uint64_t ms)
{
	return (cl->n == 0 && rpc_ws_quiet(cl->ws) >= ms);
}

struct conn *
rpc_client_conn(const struct rpc_client *cl)
{
	return (cl->c);
}

int
rpc_client_tls(const struct rpc_client *cl)
{
	return (cl->tls);
}

int
rpc_client_secure(const struct rpc_client *cl)
{
	return (cl->secure);
}

struct http_backend *
rpc_client_idle(struct rpc_client *cl, struct http_backend *b)
{
	struct http_backend	*old = cl->idle;

	cl->idle = b;
	return (old);
}

struct rpc_load *
rpc_client_load(const struct rpc_client *cl)
{
	return (cl->load);
}

struct visitor *
rpc_client_visitor(const struct rpc_client *cl)
{
	return (cl->visitor);
}

size_t
rpc_client_memory(const struct rpc_client *cl, size_t *waits)
{
	size_t	 n = sizeof(*cl) + cl->n * sizeof(struct rpc_request);

	n += rpc_ws_memory(cl->ws, waits);
	*waits += cl->held;
	return (n);
}

static void
client_over(void *arg, const char *why)
{
	struct rpc_client	*cl = arg;
	struct conn		*c = cl->c;
	char			 text[CTL_TEXT_LEN];

	/* First what rests on its session, and with it the text. */
	log_debug("client %s: rpc: %s", conn_addr(c), why);
	strlcpy(text, why, sizeof(text));
	door_rpc_forget(c);
	conn_unlink(c, text);
	conn_free(c);
}

static void
client_expire(evutil_socket_t fd, short what, void *arg)
{
	rpc_client_close(arg, RPC_CLOSE_DENIED);
}

/* There may be memory again, for answers that wait for it. */
static void
client_again(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_client	*cl = arg;
	struct rpc_request	*r;

	TAILQ_FOREACH(r, &cl->requests, entry) {
		if (!r->waits)
			continue;
		if (rpc_collect(r) == -1)
			return;
		rpc_call_go_on(r->call);
	}
}

static void
client_drained(void *arg)
{
	struct rpc_client	*cl = arg;

	event_active(cl->again, EV_TIMEOUT, 0);
}

/* ---- messages ---- */

static void
client_error(struct rpc_client *cl, const char *id, const char *error)
{
	json_t	*o;
	char	*text = NULL;

	o = json_pack("{s:s, s:o, s:s}", "type", "error", "id",
	    json_string_nocheck(id), "error", error);
	if (o != NULL)
		text = rpc_json(o, JSON_COMPACT);
	json_decref(o);
	rpc_ws_say(cl->ws, text);
	free(text);
}

static void
client_too_large(void *arg, const char *head, size_t len)
{
	struct rpc_client	*cl = arg;

	rpc_ws_say(cl->ws,
	    "{\"type\":\"error\",\"error\":\"message_too_large\"}");
}

static void
client_message(void *arg, const char *text, size_t len)
{
	struct rpc_client	*cl = arg;
	struct rpc_message	 m;
	char			 pong[64];

	if (text == NULL) {
		client_error(cl, "", "unknown_message_type");
		return;
	}
	if (rpc_message_parse(text, len, &m) == -1) {
		rpc_ws_close(cl->ws, WS_CLOSE_INTERNAL);
		return;
	}
	switch (m.type) {
	case RPC_PING:
		snprintf(pong, sizeof(pong), "{\"type\":\"pong\",\"ts\":%lld}",
		    (long long)time(NULL));
		rpc_ws_say(cl->ws, pong);
		break;
	case RPC_HTTP_PROXY:
		client_proxy(cl, &m, len);
		break;
	default:
		client_error(cl, m.bad_id ? "" : m.id,
		    "unknown_message_type");
		break;
	}
	rpc_message_free(&m);
}

static void
client_refuse(struct rpc_client *cl, const char *id, const char *error)
{
	char	*text = rpc_error(id, error);

	rpc_ws_say(cl->ws, text);
	free(text);
}

static struct rpc_request *
request_new(struct rpc_client *cl, struct rpc_message *m)
{
	struct rpc_request	*r;
	struct timeval		 tv;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	if ((r->timer = evtimer_new(proc_base(), request_timeout, r)) ==
	    NULL) {
		free(r);
		return (NULL);
	}
	r->client = cl;
	r->has_id = m->id[0] != '\0';
	if (!r->has_id) {
		free(m->id);
		if (asprintf(&m->id, "%08x%08x", arc4random(),
		    arc4random()) == -1)
			m->id = NULL;
	}
	if ((r->id = m->id) == NULL) {
		event_free(r->timer);
		free(r);
		return (NULL);
	}
	m->id = NULL;
	tv.tv_sec = rpc_conf.timeout_ms / 1000;
	tv.tv_usec = rpc_conf.timeout_ms % 1000 * 1000;
	evtimer_add(r->timer, &tv);
	TAILQ_INSERT_TAIL(&cl->requests, r, entry);
	cl->n++;
	return (r);
}

static void
request_free(struct rpc_request *r)
{
	struct rpc_client	*cl = r->client;

	TAILQ_REMOVE(&cl->requests, r, entry);
	cl->n--;
	rpc_slot_free(r);
	json_decref(r->object);
	rpc_call_free(r->call);
	rpc_asked_free(r->asked);
	event_free(r->timer);
	cl->held -= r->held;
	cl->collecting -= r->collects;
	rpc_release(cl->share, r->held + r->collects);
	if (r->collects > 0)
		event_active(cl->again, EV_TIMEOUT, 0);
	if (cl->held < CLIENT_HELD)
		rpc_ws_pause(cl->ws, 0);
	free(r->id);
	free(r);
}

static void
request_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_request	*r = arg;

	if (r->call != NULL)
		rpc_call_late(r->call);
	rpc_fail(r, "timeout");
}

void
rpc_answer(struct rpc_request *r, char *text, size_t len)
{
	struct rpc_client	*cl = r->client;

	request_free(r);
	rpc_ws_send(cl->ws, text, len);
	free(text);
}

void
rpc_fail(struct rpc_request *r, const char *error)
{
	struct rpc_client	*cl = r->client;
	char			*text;

	text = rpc_error(!r->has_id && strcmp(error, "node_not_connected") ==
	    0 ? "" : r->id, error);
	request_free(r);
	rpc_ws_say(cl->ws, text);
	free(text);
}

int
rpc_collect(struct rpc_request *r)
{
	struct rpc_client	*cl = r->client;
	struct timeval		 tv = { 0, AGAIN_MS * 1000 };
	size_t			 n = RPC_ANSWER_BYTES;
	size_t			 max = CLIENT_ANSWERS;

	if (r->collects > 0)
		return (0);
	r->waits = 1;
	/* One that is all there is fits. */
	if (max < n + RPC_WS_LOW)
		max = n + RPC_WS_LOW;
	if (cl->collecting + rpc_ws_queued(cl->ws) + n > max)
		return (-1);
	if (rpc_hold(cl->share, n) == -1) {
		/* Others have it: nobody tells us. */
		if (!evtimer_pending(cl->again, NULL))
			evtimer_add(cl->again, &tv);
		return (-1);
	}
	r->waits = 0;
	r->collects = n;
	cl->collecting += n;
	return (0);
}

/* Bytes that it takes; too many of all clients: -1. */
static int
request_hold(struct rpc_request *r, size_t n)
{
	struct rpc_client	*cl = r->client;

	rpc_release(cl->share, r->held);
	cl->held -= r->held;
	r->held = 0;
	if (rpc_hold(cl->share, n) == -1)
		return (-1);
	r->held = n;
	cl->held += n;
	rpc_ws_pause(cl->ws, cl->held >= CLIENT_HELD);
	return (0);
}

/* Is its node connected?  For all we know. */
static int
client_node_live(const struct rpc_client *cl)
{
	if (cl->load != NULL)
		return (rpc_load_live(cl->load));
	return (keep_node(cl->node) != NULL);
}

/* The checks in the order that clients know. */
static void
client_proxy(struct rpc_client *cl, struct rpc_message *m, size_t len)
{
	struct rpc_request	*r;

	if (m->bad_id) {
		client_refuse(cl, "", RPC_BAD_REQUEST);
		return;
	}
	if (!client_node_live(cl)) {
		client_refuse(cl, m->id, "node_not_connected");
		return;
	}
	TAILQ_FOREACH(r, &cl->requests, entry) {
		if (m->id[0] != '\0' && strcmp(r->id, m->id) == 0) {
			client_refuse(cl, m->id, "id_in_use");
			return;
		}
	}
	if ((r = request_new(cl, m)) == NULL) {
		rpc_ws_close(cl->ws, WS_CLOSE_INTERNAL);
		return;
	}
	switch (cl->n > rpc_conf.pending ? -1 :
	    cl->load == NULL ? 0 : rpc_slot_take(r)) {
	case 0:
		request_start(r, m->object);
		break;
	case 1:
		if (request_hold(r, sizeof(*r) + 4 * len) == -1)
			rpc_fail(r, "relay_error");
		else
			r->object = json_incref(m->object);
		break;
	default:
		rpc_fail(r, "too_many_pending");
		break;
	}
}

void
rpc_request_go_on(struct rpc_request *r)
{
	json_t	*object = r->object;

	r->object = NULL;
	request_start(r, object);
	json_decref(object);
}

/* What is left to check, and off it goes. */
static void
request_start(struct rpc_request *r, json_t *object)
{
	struct rpc_client	*cl = r->client;
	const char		*error = NULL;
	uint8_t			*body = NULL;
	size_t			 len = 0;

	if (rpc_body(object, rpc_conf.body_max, rpc_conf.body_cut, &body,
	    &len, &error) == -1)
		goto fail;
	if (request_hold(r, sizeof(*r) + strlen(r->id) + 2 * len) == -1) {
		error = "relay_error";
		goto fail;
	}
	if (cl->node[0] == '\0') {
		r->call = rpc_call_new(r, object, body, len, &error);
		if (error == NULL)
			return;
		body = NULL;
	} else if (rpc_check(object) == -1)
		error = RPC_BAD_REQUEST;
	else if (rpc_set_body(object, body, len) == -1)
		error = "relay_error";
	else
		r->asked = rpc_ask(r, cl->node, object, &error);
fail:
	free(body);
	if (error != NULL)
		rpc_fail(r, error);
}
